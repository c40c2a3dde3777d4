"""Where in an expression an equation may occur: what both must have in common, and which indices stand for which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sympy import Expr, Function

from tensorcalc.binding import Binder
from tensorcalc.expr import Component, Delta, Exp, Inverse, Iverson, One, contains
from tensorcalc.index import Dimension, Index, Tensor
from tensorcalc.system import tensors_in

__all__ = ["Binding", "Outline", "anchors_of", "bindings", "outline", "outlines_of", "tensors_within"]

Binding = dict[Index, Expr]


@lru_cache(1 << 14)
def tensors_within(expression: Expr) -> frozenset[Tensor]:
    """The tensors that occur in an expression."""
    return frozenset(tensors_in(expression))


@dataclass(frozen=True, slots=True)
class Outline:
    """What other indices leave as it is: the tensors outside of brackets, the functions, how deep those nest, and the
    numbers in them (those in exponents of e apart, which may be spread over factors).
    """

    tensors: frozenset[Tensor] = frozenset()
    functions: frozenset[type[Expr]] = frozenset()
    depth: int = 0
    numbers: frozenset[Expr] = frozenset()


@lru_cache(1 << 14)
def outline(expression: Expr) -> Outline:
    if isinstance(expression, Tensor):
        return Outline(frozenset((expression,)))
    if isinstance(expression, Component | Inverse):
        return outline(expression.tensor)
    parts = [outline(a) for a in expression.args if isinstance(a, Expr)]
    tensors = frozenset[Tensor]().union(*(p.tensors for p in parts))
    functions = frozenset[type[Expr]]().union(*(p.functions for p in parts))
    numbers = frozenset[Expr]().union(*(p.numbers for p in parts))
    depth = max((p.depth for p in parts), default=0)
    if isinstance(expression, Function | Binder):
        functions, depth = functions | {type(expression)}, depth + 1
        if isinstance(expression, Function) and not isinstance(expression, Exp):
            numbers = numbers.union(*map(_numbers, expression.args))
    return Outline(tensors, functions, depth, numbers)


@lru_cache(1 << 14)
def _numbers(expression: Expr) -> frozenset[Expr]:
    """The numbers in a formula that do not stand in indices."""
    if expression.is_Number:
        return frozenset((expression,))
    if isinstance(expression, Component | Inverse):
        return frozenset()
    return frozenset[Expr]().union(*(_numbers(a) for a in expression.args if isinstance(a, Expr)))


def outlines_of(whole: Expr, factors: Sequence[tuple[Expr, Expr]]) -> frozenset[Outline]:
    """The outlines of what must be there for a pattern to occur; none where a δ or a bracket in it may vanish."""
    if contains(whole, Delta, One, Iverson):
        return frozenset()
    if whole.is_Add:
        return frozenset((outline(whole),))
    return frozenset(outline(b) for b, _ in factors if not isinstance(b, Dimension))


def bindings(indices: tuple[Index, ...], anchors: Sequence[Component], target: Expr) -> Iterator[Binding]:
    """Every way to read indices off the components of the target that look like the anchors."""
    found = _components(target)

    def extend(binding: Binding, rest: Sequence[Component]) -> Iterator[Binding]:
        if not rest:
            yield binding
            return
        anchor, *others = rest
        for component in found:
            if type(component) is not type(anchor) or component.tensor != anchor.tensor:
                continue
            merged = dict(binding)
            for mine, theirs in zip(anchor.indices, component.indices, strict=True):
                if mine in indices and merged.setdefault(mine, theirs) != theirs:
                    break
            else:
                yield from extend(merged, others)

    yield from extend({}, anchors)


def anchors_of(indices: tuple[Index, ...], whole: Expr) -> tuple[Component, ...] | None:
    """Components that together hold all the indices at plain places."""
    missing = set(indices)
    anchors: list[Component] = []
    for component in _components(whole):
        mine = missing & set(component.indices)
        if mine:
            anchors.append(component)
            missing -= mine
    return None if missing else tuple(anchors)


@lru_cache(1 << 14)
def _components(expression: Expr) -> tuple[Component, ...]:
    """The components of an expression in a fixed order; labels count as parts of theirs."""
    if isinstance(expression, Component | Inverse):
        return (expression,)
    found = (c for a in expression.args if isinstance(a, Expr) for c in _components(a))
    return tuple(dict.fromkeys(found))

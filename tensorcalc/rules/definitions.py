"""Definitions used backwards: folding what equals a definition's right side into its name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sympy import Add, Expr, Pow, S

from tensorcalc.binding import Binder, Contraction, free_indices, product, rebuild, rename
from tensorcalc.expr import Component, Delta, Inverse, One
from tensorcalc.indices import Index, Tensor
from tensorcalc.rules.algebra import multiply_out, size
from tensorcalc.rules.rule import Rule
from tensorcalc.rules.terms import Names, Term, opened
from tensorcalc.system import Definition, tensors_in

__all__ = ["Pattern", "fold", "patterns_of"]

Binding = dict[Index, Expr]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A definition as it is looked for: a number times powers (`factors`), or one whole expression (`whole`)."""

    definition: Definition
    coefficient: Expr
    factors: tuple[tuple[Expr, Expr], ...]
    whole: Expr
    tensors: frozenset[Tensor]
    anchors: tuple[Component, ...]

    @property
    def rule(self) -> Rule:
        return Rule(f"definition of {self.definition.name}")


def patterns_of(definitions: Sequence[Definition]) -> tuple[Pattern, ...]:
    """The definitions that are worth folding into, longest right sides first."""
    found = []
    for definition in definitions:
        terms = multiply_out(definition.rhs)
        if terms is None or not all(i in free_indices(definition.rhs) for i in definition.indices):
            continue
        whole = Add(*(t.expression() for t in terms))
        if size(whole) == 0 or whole.is_number:
            continue
        anchors = _anchors(definition, whole)
        if anchors is None:
            continue
        term = opened_whole(whole)
        tensors = frozenset(tensors_in(whole))
        found.append(Pattern(definition, term.coefficient, tuple(term.powers.items()), whole, tensors, anchors))
    return tuple(sorted(found, key=lambda p: -size(p.whole)))


def opened_whole(expression: Expr) -> Term:
    """A product as powers, with sums over indices and brackets as single factors."""
    term = Term()
    for factor in expression.args if expression.is_Mul else (expression,):
        if isinstance(factor, Contraction):
            term.multiply(factor)
        else:
            inner = opened(factor, Names((expression,)))
            term.coefficient *= inner.coefficient
            for base, exponent in inner.powers.items():
                term.multiply(base, exponent)
    return term


def fold(expression: Expr, patterns: Sequence[Pattern], fired: dict[Rule, None]) -> Expr:
    """Replace what equals the right side of a definition by its name, innermost first."""
    present = set(tensors_in(expression))
    relevant = [p for p in patterns if p.tensors <= present]
    return _fold(expression, relevant, fired, Names((expression,))) if relevant else expression


def _fold(expression: Expr, patterns: Sequence[Pattern], fired: dict[Rule, None], names: Names) -> Expr:
    if isinstance(expression, Component | Delta | One | Index) or not expression.args:
        return expression
    if isinstance(expression, Contraction):
        whole = _fold_product(opened_whole(expression), patterns, fired, names, expression)
        if whole is not None:
            return _fold(whole, patterns, fired, names)
    if isinstance(expression, Binder):
        body, indices = names.open(expression)
        return expression.func(_fold(body, patterns, fired, names), *indices)
    arguments = [_fold(a, patterns, fired, names) if isinstance(a, Expr) else a for a in expression.args]
    changed = any(new is not old for new, old in zip(arguments, expression.args, strict=True))
    result = rebuild(expression, arguments) if changed else expression
    found = (
        _fold_sum(result, patterns, fired)
        if result.is_Add
        else _fold_product(opened_whole(result), patterns, fired, names, result)
    )
    return result if found is None else _fold(found, patterns, fired, names)


def _fold_sum(expression: Expr, patterns: Sequence[Pattern], fired: dict[Rule, None]) -> Expr | None:
    for pattern in patterns:
        if not pattern.whole.is_Add or len(pattern.whole.args) != len(expression.args):
            continue
        for sign in (S.One, S.NegativeOne):
            target = expression if sign is S.One else Add(*(-a for a in expression.args))
            for binding in _bindings(pattern, target):
                if rename(pattern.whole, binding) == target:
                    fired[pattern.rule] = None
                    return product([sign, _component(pattern, binding)])
    return None


def _fold_product(
    term: Term, patterns: Sequence[Pattern], fired: dict[Rule, None], names: Names, original: Expr
) -> Expr | None:
    """Fold one pattern into a product: first among whole factors, then inside the sum it is."""
    for candidate in (term, opened(original, names)) if original.has(Contraction) else (term,):
        for pattern in patterns:
            if pattern.whole.is_Add:
                continue
            for binding in _bindings(pattern, product([Pow(b, e) for b, e in candidate.powers.items()])):
                folded = _divide(candidate, pattern, binding)
                if folded is not None:
                    fired[pattern.rule] = None
                    return folded.expression()
    return None


def _divide(term: Term, pattern: Pattern, binding: Binding) -> Term | None:
    """The term with a power of the pattern's factors replaced by that power of the defined component."""
    needed = Term()
    for base, exponent in pattern.factors:
        more = opened_whole(rename(Pow(base, exponent), binding))
        needed.coefficient *= more.coefficient
        for b, e in more.powers.items():
            needed.multiply(b, e)
    times = None
    for base, exponent in needed.powers.items():
        ratio = term.powers.get(base, S.Zero) / exponent
        if not ratio.is_Rational or abs(ratio) < 1:
            return None
        whole = S(int(ratio))
        times = whole if times is None else (min(times, whole) if times > 0 else max(times, whole))
        if (whole > 0) != (times > 0):
            return None
    if times is None:
        return None
    coefficient = term.coefficient / (pattern.coefficient * needed.coefficient) ** times
    result = Term(coefficient, dict(term.powers), term.dummies)
    for base, exponent in needed.powers.items():
        result.multiply(base, -exponent * times)
    result.multiply(_component(pattern, binding), times)
    return result


def _component(pattern: Pattern, binding: Binding) -> Component:
    return Component(pattern.definition.tensor, *(binding[i] for i in pattern.definition.indices))


def _bindings(pattern: Pattern, target: Expr) -> Iterator[Binding]:
    """Every way to read the pattern's own indices off the components of the target."""
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
                if mine in pattern.definition.indices and merged.setdefault(mine, theirs) != theirs:
                    break
            else:
                yield from extend(merged, others)

    yield from extend({}, pattern.anchors)


def _anchors(definition: Definition, whole: Expr) -> tuple[Component, ...] | None:
    """Components of the right side that together hold all indices of the definition at plain places."""
    missing = set(definition.indices)
    anchors: list[Component] = []
    for component in _components(whole):
        mine = missing & set(component.indices)
        if mine:
            anchors.append(component)
            missing -= mine
    return None if missing else tuple(anchors)


def _components(expression: Expr) -> list[Component]:
    """The components of an expression in a fixed order; labels count as parts of theirs."""
    found: dict[Component, None] = {}
    stack = [expression]
    while stack:
        node = stack.pop()
        if isinstance(node, Component | Inverse):
            found[node] = None
        else:
            stack.extend(a for a in reversed(node.args) if isinstance(a, Expr))
    return list(found)

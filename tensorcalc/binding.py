"""Sums over indices, free and dummy indices: the only place that renames.

A binder (`Contraction` above all) stores its dummies as `BoundIndex` numbers, chosen from its body alone: so equality
and hashing are equality up to the names of dummies. Whoever works under a binder opens it with fresh indices and closes
it by constructing it anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sympy import Abs, Expr, Mul, Pow, S
from sympy.core.basic import Basic

from tensorcalc.budget import check_time
from tensorcalc.canonical import Graph
from tensorcalc.index import BoundIndex, Dimension, Index

__all__ = [
    "Binder",
    "Contraction",
    "IndexMaximum",
    "IndexProduct",
    "binds",
    "free_indices",
    "fresh",
    "occurs",
    "power",
    "product",
    "rebuild",
    "rename",
    "replace",
]

CACHE = 1 << 16


class Binder(Expr):
    """An operation over dummy indices. Two binders are equal when they differ in the names of their dummies only.

    Construct it with ordinary indices; it stores canonical dummies. `open` gives the body back with fresh indices.
    """

    NAME = ""
    is_commutative = True
    is_real = True

    def __new__(cls, body: Expr, *dummies: Index) -> Expr:
        if isinstance(body, cls) and dummies:
            body, inner = body.open(avoid=dummies)
            dummies = (*dummies, *inner)
        if not dummies:
            return body
        if len(set(dummies)) != len(dummies):
            raise ValueError("a dummy index is listed twice")
        body, bound = _canonical(body, tuple(dummies))
        return Expr.__new__(cls, body, *bound)

    @property
    def body(self) -> Expr:
        """The operand, with canonical dummies; open the binder rather than read this."""
        return self.args[0]

    @property
    def dummies(self) -> tuple[BoundIndex, ...]:
        return self.args[1:]

    def open(self, avoid: Iterable[Expr] = ()) -> tuple[Expr, tuple[Index, ...]]:
        """The operand over fresh indices, and those indices.

        The fresh names occur neither in the operand nor in `avoid` (indices or whole expressions).
        """
        indices = fresh([d.dimension for d in self.dummies], (self, *avoid))
        return self.over(indices), indices

    def over(self, indices: tuple[Index, ...]) -> Expr:
        """The operand with these indices, which do not occur in it, for the dummies."""
        return _opened(self, indices)

    def _sympystr(self, printer: Any) -> str:
        taken = {i.name for i in free_indices(self)}
        letters = [c for c in "jklmabcdefghiopqrstuvwxyz" if c not in taken]
        names = {d: Index(letters[(d.number - 1) % len(letters)], d.dimension) for d in self.dummies}
        body, indices = rename(self.body, names), names.values()
        return f"{self.NAME}({', '.join(i.name for i in indices)}, {printer._print(body)})"

    _sympyrepr = _sympystr


class Contraction(Binder):
    """The sum of its body over its dummies."""

    NAME = "sum"

    def __new__(cls, body: Expr, *dummies: Index) -> Expr:
        return S.Zero if body is S.Zero else super().__new__(cls, body, *dummies)


class IndexProduct(Binder):
    """The product of its body over all values of its dummies."""

    NAME = "prod"


class IndexMaximum(Binder):
    """The largest value of its body over all values of its dummies."""

    NAME = "amax"


@lru_cache(CACHE)
def _opened(binder: Binder, indices: tuple[Index, ...]) -> Expr:
    """The operand over the given indices."""
    return rename(binder.body, dict(zip(binder.dummies, indices, strict=True)))


@lru_cache(CACHE)
def free_indices(expression: Basic) -> frozenset[Index]:
    """The indices that occur in the expression and are not summed in it."""
    if isinstance(expression, Index):
        return frozenset((expression,))
    if not expression.args:
        return frozenset()
    if isinstance(expression, Binder):
        return free_indices(expression.body) - frozenset(expression.dummies)
    return frozenset().union(*(free_indices(a) for a in expression.args))


@lru_cache(CACHE)
def _height(expression: Basic) -> int:
    """The largest number of a dummy that is bound inside the expression."""
    inner = max((_height(a) for a in expression.args), default=0)
    if isinstance(expression, Binder):
        return max(inner, *(d.number for d in expression.dummies))
    return inner


def binds(expression: Basic) -> bool:
    """Whether anything in the expression is an operation over dummy indices."""
    return _height(expression) > 0


def occurs(index: Index, expression: Basic) -> bool:
    """Whether the expression depends on the value of a free index."""
    return index in free_indices(expression)


def fresh(dimensions: Sequence[Dimension], avoid: Iterable[Basic] = ()) -> tuple[Index, ...]:
    """Indices of the given dimensions whose names occur free in none of the expressions to avoid.

    The names cannot be written by a user; the choice depends on the arguments alone.
    """
    taken = {i.name for e in avoid for i in free_indices(e)}
    names: list[str] = []
    number = 0
    while len(names) < len(dimensions):
        number += 1
        if f"'{number}" not in taken:
            names.append(f"'{number}")
    return tuple(Index(n, d) for n, d in zip(names, dimensions, strict=True))


def rename(expression: Expr, names: Mapping[Index, Expr]) -> Expr:
    """Replace free indices by index expressions, all at once and without capture."""
    return _rename(expression, dict(names), {})


def _rename(expression: Expr, names: dict[Index, Expr], seen: dict[Expr, Expr]) -> Expr:
    if isinstance(expression, Index):
        return names.get(expression, expression)
    if not expression.args or free_indices(expression).isdisjoint(names):
        return expression
    if (found := seen.get(expression)) is not None:
        return found
    if isinstance(expression, Binder):
        result = _rename_under(expression, names)
    else:
        result = rebuild(expression, [_rename(a, names, seen) for a in expression.args])
    seen[expression] = result
    return result


def _rename_under(binder: Binder, names: dict[Index, Expr]) -> Expr:
    """A binder with free indices of its body renamed."""
    inner = {k: v for k, v in names.items() if k not in binder.dummies}
    body = _rename(binder.body, inner, {})
    if len(binder.dummies) == 1 and not any(occurs(binder.dummies[0], v) for v in inner.values()):
        return Expr.__new__(type(binder), body, *binder.dummies)  # a single dummy keeps its number
    return binder.func(body, *binder.dummies)


def rebuild(expression: Expr, arguments: Sequence[Basic]) -> Expr:
    """The node with other arguments; SymPy's constructors do no more than order, flatten and count them."""
    if isinstance(expression, Mul):
        return product(arguments)
    if isinstance(expression, Pow):
        return power(*arguments)
    return expression.func(*arguments)


def power(base: Expr, exponent: Expr) -> Expr:
    """The power of a real number. Powers of powers are merged here: SymPy searches for their complex branch instead,
    for a time exponential in their nesting.
    """
    if isinstance(base, Pow) and base.exp.is_Rational and not exponent.is_integer:
        even = base.exp.is_integer and base.exp.p % 2 == 0
        return power(Abs(base.base) if even else base.base, base.exp * exponent)
    return Pow(base, exponent)


def product(factors: Iterable[Expr]) -> Expr:
    """The product of the factors. Unlike SymPy's, 2·(a + b) stays as it is."""
    result = list(factors)
    numbers = [f for f in result if f.is_Rational]
    others = [f for f in result if not f.is_Rational]
    if not others:
        return Mul(*numbers)
    rest = Mul(*others)
    number = Mul(*numbers)
    if number is Mul.identity:
        return rest
    if rest.is_Add and number.is_Rational and not number.is_zero:
        return Mul(number, rest, evaluate=False)
    return Mul(number, rest)


def replace(expression: Expr, function: Callable[[Expr], Expr | None], avoid: Iterable[Basic] = ()) -> Expr:
    """Replace nodes from the outside in: where `function` returns an expression, that stands instead of the node.

    Sums are opened with fresh indices before `function` sees their summand, so nothing it inserts can be captured;
    `avoid` are expressions whose free indices the fresh ones must not meet. Equal nodes are replaced alike, once.
    """
    return _replace(expression, function, tuple(avoid), {})


def _replace(
    expression: Expr, function: Callable[[Expr], Expr | None], avoid: tuple[Basic, ...], seen: dict[Expr, Expr]
) -> Expr:
    known = seen.get(expression)
    if known is not None:
        return known
    check_time()
    result = function(expression)
    if result is None:
        result = expression
        if isinstance(expression, Binder):
            body, indices = expression.open(avoid)
            changed = _replace(body, function, (*avoid, *indices), seen)
            result = expression if changed is body else expression.func(changed, *indices)
        elif expression.args:
            arguments = [_replace(a, function, avoid, seen) for a in expression.args]
            if not all(new is old for new, old in zip(arguments, expression.args, strict=True)):
                result = rebuild(expression, arguments)
    seen[expression] = result
    return result


@lru_cache(CACHE)
def _canonical(body: Expr, dummies: tuple[Index, ...]) -> tuple[Expr, tuple[BoundIndex, ...]]:
    """The summand over canonical dummies, and those in order: the same for every naming of the dummies."""
    outer = {i.number for i in free_indices(body) - frozenset(dummies) if isinstance(i, BoundIndex)}
    if any(isinstance(d, BoundIndex) for d in dummies):
        opened = fresh([d.dimension for d in dummies], (body,))
        body = rename(body, dict(zip(dummies, opened, strict=True)))
        dummies = opened
    base = max(_height(body), *outer) if outer else _height(body)
    ordered = tuple(dummies) if len(dummies) == 1 else Graph(body, dummies, Binder).order()
    bound = tuple(BoundIndex(base + k, d.dimension) for k, d in enumerate(ordered, start=1))
    return rename(body, dict(zip(ordered, bound, strict=True))), bound

"""In which order the factors of a product and the terms of a sum are written."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, total_ordering
from typing import Any

from sympy import Add, Expr, Function, Integer, Mul, Pow
from sympy.printing.str import StrPrinter

from tensorcalc.binding import Binder, free_indices
from tensorcalc.expr import (
    Component,
    Delta,
    Determinant,
    Group,
    Inverse,
    Iverson,
    LogDeterminant,
    One,
    Partial,
    contains,
)
from tensorcalc.index import Adjoint, Dimension, Index, Slope
from tensorcalc.render.context import LAST, Context, components

__all__ = [
    "ADJOINT",
    "BRACKET",
    "DELTA",
    "FUNCTION",
    "ONE",
    "PARTIAL",
    "PLAIN",
    "SCALAR",
    "TENSOR",
    "category",
    "chained",
    "factor_key",
    "index_order",
    "is_constant",
    "opens_chain",
    "term_key",
]

ADJOINT, SCALAR, ONE, TENSOR, PLAIN, FUNCTION, BRACKET, PARTIAL, DELTA = range(9)
LATE = (Adjoint, Slope, Binder, Delta, Group, Iverson, One, Partial, Function)  # what makes a bracket come late


def opens_chain(factor: Expr, context: Context) -> bool:
    """Whether a factor is a bracketed product that was put in for the first derivative of a chain."""
    if not isinstance(factor, Group) or factor.expression.is_Add:
        return False
    return not any(i.name in context.derivative_letters for i in free_indices(factor))


def category(factor: Expr) -> int:
    """The kind of a factor, in the order in which kinds are written."""
    if isinstance(factor, Component):
        return ADJOINT if isinstance(factor.tensor, Adjoint | Slope) else TENSOR if factor.indices else SCALAR
    if isinstance(factor, Inverse):
        return TENSOR
    if isinstance(factor, Pow) and not isinstance(factor.base, One | Delta | Iverson | Partial):
        inner = category(factor.base)
        return FUNCTION if inner in (PLAIN, BRACKET) and factor.exp.is_Rational and factor.exp.q == 2 else inner
    if isinstance(factor, One):
        return ONE
    if isinstance(factor, Delta | Iverson):
        return DELTA
    if isinstance(factor, Partial):
        return PARTIAL
    if isinstance(factor, Add) and not factor.has(*LATE):
        return PLAIN
    if isinstance(factor, Add | Mul | Group | Binder):
        return BRACKET
    return FUNCTION if contains(factor, Index) or any(c.indices for c in components(factor)) else SCALAR


def is_constant(factor: Expr) -> bool:
    """Whether a factor is made of numbers and dimensions only."""
    if contains(factor, Component, Inverse, Determinant, LogDeterminant, Index):
        return False
    return factor.is_number or contains(factor, Dimension)


@total_ordering
class _Text:
    """The text of something, as the last part of a key: it is made only where all other parts are equal."""

    __slots__ = ("_of",)

    def __init__(self, of: object) -> None:
        self._of = of

    def __str__(self) -> str:
        return _printed(self._of) if isinstance(self._of, Expr) else str(self._of)

    def __repr__(self) -> str:
        return repr(str(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Text) and str(self) == str(other)

    def __lt__(self, other: _Text) -> bool:
        return str(self) < str(other)

    __hash__ = None  # type: ignore[assignment]


class _Printer(StrPrinter):
    """SymPy's text of an expression, made once for every part."""

    def _print(self, expr: object, **options: object) -> str:
        return _printed(expr) if isinstance(expr, Expr) else str(super()._print(expr, **options))

    def fresh(self, expression: Expr) -> str:
        """The text of an expression that was not printed before."""
        return str(super()._print(expression))


_PRINTER = _Printer({"order": "none"})


@lru_cache(1 << 14)
def _printed(expression: Expr) -> str:
    return _PRINTER.fresh(expression)


def factor_key(factor: Expr, context: Context) -> tuple[Any, ...]:
    """Sorts factors: by kind, then by first appearance of their tensors, then by their indices."""
    kind = category(factor)
    found = list(components(factor))
    place = min((context.place(c.tensor) for c in found), default=LAST)
    if isinstance(factor, Dimension):
        return kind, -1, (), context.dimension_place(factor), str(factor)
    if factor.is_number:
        return kind, -2, (), str(factor)
    indices: list[Expr] = [i for c in found for i in c.indices]
    if isinstance(factor, One | Delta | Iverson):
        indices = [i for i in factor.args if free_indices(i)]
    keys = tuple(sorted(context.index_key(i) for i in indices))
    if kind in (PLAIN, BRACKET):
        inner = factor.expression if isinstance(factor, Group) else factor
        late = any(rank == 2 for rank, _ in keys)
        return kind, late, inner.is_Add, place, keys, _Text(factor)
    return kind, place, keys, _Text(factor)


def term_key(factors: Sequence[Expr], context: Context, late: bool = False) -> tuple[Any, ...]:
    """Sorts terms of the same sign by the first appearance of the tensors in them.

    Numbers stand before them, or behind where `late` is set. Upstream gradients of what is defined last come first.
    """

    def key(factor: Expr) -> tuple[Any, ...]:
        kind = category(factor)
        first = factor_key(factor, context)
        place = min((context.place(c.tensor) for c in components(factor)), default=LAST)
        power = -factor.exp if isinstance(factor, Pow) and factor.exp.is_Rational else Integer(-1)
        return place, kind, power, _Text(first[2:])

    adjoints = [c for f in factors if category(f) == ADJOINT for c in components(f)]
    upstream = max((context.place(c.tensor) for c in adjoints), default=-1)
    counted = [f for f in factors if category(f) != ONE and not is_constant(f)]
    return 1 if counted else 2 if late else 0, -upstream, tuple(sorted(key(f) for f in counted)), _Text(factors)


def index_order(indices: Sequence[Expr], context: Context) -> list[Expr]:
    """The two indices of a δ: the author's own letters, then labels, then the letters of derivatives."""
    return sorted(indices, key=context.index_key)


def chained(partials: Sequence[Expr]) -> list[Expr]:
    """Derivatives in the order of a chain: ∂a/∂b before ∂b/∂c."""
    rest, result = list(partials), []
    while rest:
        starts = [p for p in rest if not any(_follows(p, q) for q in rest if q is not p)]
        chosen = starts[0] if starts else rest[0]
        while chosen is not None:
            rest.remove(chosen)
            result.append(chosen)
            chosen = next((p for p in rest if _follows(p, chosen)), None)
    return result


def _follows(later: Expr, earlier: Expr) -> bool:
    return bool(isinstance(earlier, Partial) and isinstance(later, Partial) and earlier.wrt == later.expression)

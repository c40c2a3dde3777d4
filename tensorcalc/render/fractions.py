"""How the factors of a product are laid out: which share a fraction, and what stands before and behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy
from sympy import Expr, Mul, Pow, S

from tensorcalc.binding import Binder, Contraction, free_indices
from tensorcalc.expr import Component, Delta, Group, Partial
from tensorcalc.index import Adjoint, Index, Slope
from tensorcalc.render.context import Context
from tensorcalc.render.numbers import is_decimal
from tensorcalc.render.order import (
    ADJOINT,
    FUNCTION,
    ONE,
    PARTIAL,
    SCALAR,
    TENSOR,
    category,
    chained,
    is_constant,
    opens_chain,
)

__all__ = ["Quotient", "arranged", "is_divisor"]

SHORT = 2  # terms of a bracket that may stand above the line of a fraction


@dataclass(frozen=True, slots=True)
class Quotient:
    """Factors above and below the line of a fraction; no fraction where none is below."""

    above: tuple[Expr, ...] = ()
    below: tuple[Expr, ...] = ()

    @property
    def pieces(self) -> list[Expr | Quotient]:
        """The fraction, or else its numerator."""
        return [self] if self.below else list(self.above)


def arranged(
    number: Expr, factors: Sequence[Expr], dummies: frozenset[Index], context: Context, single: bool = False
) -> list[Expr | Quotient]:
    """A positive number and sorted factors in writing order, with at most two fractions.

    The first fraction holds numbers and what a sum over `dummies` does not touch; the second stands among the tensors.
    With `single`, the whole product is one fraction where that can be: x²/2 in an exponent.
    """
    first, second, rest = _two_fractions(number, factors, dummies)
    if single and all(_in_numerator(f) for f in rest):
        first = Quotient((*first.above, *second.above, *rest), (*first.below, *second.below))
        second, rest = Quotient(), []
    adjoints = [f for f in rest if category(f) == ADJOINT]
    ones = [f for f in rest if category(f) == ONE]
    ahead = [f for f in ones if any(free_indices(f) & free_indices(a) for a in adjoints)]
    opening = [f for f in rest if opens_chain(f, context)]
    scalars = [f for f in rest if category(f) == SCALAR]
    placed = (*adjoints, *ones, *opening, *scalars)
    if second.below and not second.above and ones and not first.pieces:  # 𝟏_q/r rather than 𝟏_q 1/r
        second, ones, ahead = Quotient(tuple(ones), second.below), [], []
    small = all(category(f) == SCALAR or not f.args for f in (*second.above, *second.below))
    return [
        *first.pieces,
        *ahead,
        *adjoints,
        *opening,
        *scalars,
        *(second.pieces if small else ()),
        *(f for f in ones if f not in ahead),
        *(() if small else second.pieces),
        *_late([f for f in rest if f not in placed]),
    ]


def _two_fractions(
    number: Expr, factors: Sequence[Expr], dummies: frozenset[Index]
) -> tuple[Quotient, Quotient, list[Expr]]:
    """The leading fraction, the one among the tensors, and the factors in neither."""
    number, above, below = _split(number, factors)
    top, bottom = (number, S.One) if is_decimal(number) else number.as_numer_denom()
    if _one_behind_upstream(above, below):
        inside = [f for f in above if _in_numerator(f)]
        whole = Quotient((*_unless_one(top), *inside), (*_unless_one(bottom), *below))
        return Quotient(), whole, [f for f in above if f not in inside]
    summed = bool(dummies) or any(isinstance(f, Contraction) for f in factors)
    outside = [f for f in below if is_constant(f) or (summed and dummies.isdisjoint(free_indices(f)))]
    divisors = [f for f in below if f not in outside]
    divided = outside or (number.is_Rational and number.q != 1 and not is_decimal(number))
    held = [f for f in above if divided and dummies.isdisjoint(free_indices(f)) and _in_numerator(f)]
    leading = [f for f in held if is_constant(f) or (summed and not all(map(is_constant, outside)))]
    if outside and number.p == 1 and not leading:  # ε/K rather than (1/K) ε
        leading = [f for f in held if isinstance(f, Component) and not f.indices]
    inside = [f for f in above if divisors and _in_numerator(f) and f not in leading]
    rest = [f for f in above if f not in leading and f not in inside]
    first = Quotient((*_unless_one(top), *leading), (*_unless_one(bottom), *outside))
    second = Quotient(tuple(inside), tuple(divisors))
    upstream = any(category(f) == ADJOINT for f in rest)
    if divisors and not upstream and not (outside and summed):
        return Quotient(), Quotient((*first.above, *inside), (*first.below, *divisors)), rest
    return first, second, rest


def _one_behind_upstream(above: Sequence[Expr], below: Sequence[Expr]) -> bool:
    """Whether everything but an upstream gradient is one fraction behind it: (∂l/∂y_ph)(μ_ph γ_h/(2 σ_p³))."""
    kinds = [category(f) for f in above]
    return ADJOINT in kinds and ONE not in kinds and not all(map(is_constant, below))


def _late(factors: Sequence[Expr]) -> list[Expr]:
    """Tensors and functions, derivatives as a chain, δ, and what reaches to the end of a product, such as Σ."""
    binders = [f for f in factors if isinstance(f, Binder)]
    others = [f for f in factors if not isinstance(f, Binder)]
    before = [f for f in others if category(f) < PARTIAL]
    partials = [f for f in others if category(f) == PARTIAL]
    deltas = [f for f in others if category(f) > PARTIAL]
    return [*before, *chained(partials), *deltas, *binders]


def _unless_one(number: Expr) -> tuple[Expr, ...]:
    return () if number == 1 else (number,)


def _in_numerator(factor: Expr) -> bool:
    """Whether a factor may stand above the line of a fraction; derivatives, δ, one-tensors, long brackets may not."""
    if category(factor) in (SCALAR, TENSOR, FUNCTION):
        return True
    base = factor.as_base_exp()[0]
    return base.is_Add and len(base.args) <= SHORT and not base.has(Delta, Partial, Group, Binder, Adjoint, Slope)


def is_divisor(factor: Expr) -> bool:
    """Whether a factor stands below the line of a fraction."""
    power = isinstance(factor, Pow) and not isinstance(factor, sympy.exp)
    return power and bool(factor.exp.is_Rational) and bool(factor.exp < 0)


def _split(number: Expr, factors: Sequence[Expr]) -> tuple[Expr, list[Expr], list[Expr]]:
    """The number, and the factors above and below the line of a fraction; √2/2 becomes 1/√2, √2 √π one root."""
    above: list[Expr] = []
    below: list[Expr] = []
    for factor in factors:
        if is_divisor(factor):
            below.append(Pow(factor.base, -factor.exp))
            continue
        root = isinstance(factor, Pow) and factor.exp == S.Half and factor.base.is_Integer
        if root and number.is_Rational and number.q % factor.base == 0:
            number *= factor.base
            below.append(factor)
            continue
        above.append(factor)
    return number, *_one_root(above, below)


def _one_root(above: list[Expr], below: list[Expr]) -> tuple[list[Expr], list[Expr]]:
    """Square roots of constants as one root: √(2/π), √(2 π)."""
    upper, lower = ([f for f in side if _is_root(f)] for side in (above, below))
    if len(upper) + len(lower) < 2:
        return above, below
    above = [f for f in above if f not in upper]
    below = [f for f in below if f not in lower]
    radicand = Mul(*(f.base for f in upper), *(1 / f.base for f in lower))
    if upper:
        return [Pow(radicand, S.Half, evaluate=False), *above], below
    return above, [Pow(1 / radicand, S.Half, evaluate=False), *below]


def _is_root(factor: Expr) -> bool:
    return isinstance(factor, Pow) and factor.exp == S.Half and factor.base.is_number

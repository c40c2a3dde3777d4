"""Normal densities by name: \\mathcal{N}(x | μ, σ^2) for a number, \\mathcal{N}(x | μ, Σ) for a vector."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from tensorcalc.errors import Span
from tensorcalc.verify.latex.tree import Bracket, Node, Symbol
from tensorcalc.verify.problems import NotCheckable
from tensorcalc.verify.reading.values import MINUS, Val, number
from tensorcalc.verify.terms import (
    Added,
    Apply,
    Constant,
    MatrixValue,
    One,
    Place,
    Powered,
    Reduced,
    Term,
    Times,
    substitute,
)

__all__ = ["is_normal", "normal_density"]

HALF = Constant(Fraction(1, 2))
MINUS_HALF = Constant(Fraction(-1, 2))


def is_normal(name: Node, following: Node) -> bool:
    """Whether this is the name of the normal distribution with a bracket behind it."""
    named = isinstance(name, Symbol) and name.name == "N" and name.style in ("cal", "mathrm") and not name.accents
    return named and isinstance(following, Bracket) and following.kind == "("


def normal_density(values: list[Val], fresh: Callable[[str], str], span: Span) -> Val:
    """The density of a number or of a vector, given a mean and a variance or a covariance."""
    if len(values) != 3:
        raise NotCheckable("a distribution has no value; a density says of what it is, as in N(x | μ, σ²)", span)
    value, mean, spread = values
    if not value.axes and not mean.axes and not spread.axes:
        away = Powered(_less(value.term, mean.term), number(2))
        scale = Powered(Times((number(2), Constant(math.pi), spread.term)), MINUS_HALF)
        inside = Times((MINUS, HALF, away, Powered(spread.term, MINUS)))
        return Val(Times((scale, Apply("exp", (inside,)))))
    if len(value.axes) != 1 or len(mean.axes) != 1 or len(spread.axes) != 2:
        raise NotCheckable("a normal density of something else than a number, or a vector with its covariance", span)
    return Val(_of_vector(value, mean, spread, fresh))


def _less(first: Term, second: Term) -> Term:
    return Added((first, Times((MINUS, second))))


def _at(value: Val, letter: str) -> Term:
    return substitute(value.term, {value.axes[0]: Place.of(letter)})


def _of_vector(value: Val, mean: Val, spread: Val, fresh: Callable[[str], str]) -> Term:
    """(2π)^{-D/2} |Σ|^{-1/2} exp(-½ (x - μ)ᵀ Σ^{-1} (x - μ))"""
    i, j, k = fresh("i"), fresh("j"), fresh("k")
    row, column = spread.axes
    away = [_less(_at(value, x), _at(mean, x)) for x in (i, j)]
    inverse = MatrixValue("inv", spread.term, row, column, (Place.of(i), Place.of(j)))
    form = Reduced("sum", (i, j), Times((away[0], inverse, away[1])), implied=True)
    size = Reduced("sum", (k,), Times((One(Place.of(k)), Powered(_at(value, k), number(0)))))
    determinant = MatrixValue("det", spread.term, row, column)
    scale = Times((Powered(number(2 * math.pi), Times((MINUS_HALF, size))), Powered(determinant, MINUS_HALF)))
    return Times((scale, Apply("exp", (Times((MINUS, HALF, form)),))))

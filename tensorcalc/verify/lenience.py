"""Rows that are right although their sides differ at random points, or do not have the same shape.

Where the weights of logarithms add up to one, s - y is the derivative of -Σ y log s. Where a function is taken entry by
entry, its derivative is written as a vector although it is a matrix with that vector on its diagonal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tensorcalc.greek import GREEK
from tensorcalc.verify.chains import Claim
from tensorcalc.verify.comparing import finite
from tensorcalc.verify.latex.tree import Scripted, Symbol
from tensorcalc.verify.model import Model
from tensorcalc.verify.numbers import _aligned, primal
from tensorcalc.verify.points import Point
from tensorcalc.verify.reading import Val
from tensorcalc.verify.terms import Derived, Place, Reduced, substitute
from tensorcalc.verify.unitsums import says_unit_sums, weights_in

__all__ = ["diagonal", "is_shorthand", "laplacian", "normalised"]

Agrees = Callable[[tuple[str, ...]], str | None]  # the reading under which both sides agree where names add up to one


def normalised(
    text: str, claims: Sequence[Claim], model: Model, sides: tuple[Val, Val], agrees: Agrees
) -> tuple[str, str, str, str] | None:
    """The status, reason, reading and hint of a row that holds where weights add up to one; `None` where none does."""
    names = weights_in(model, [side.term for side in sides])
    reading = agrees(names) if names else None
    if reading is None:
        return None
    shown = " and ".join(GREEK.get(n, n.rsplit(":", 1)[-1]) for n in names)
    where = f"where the entries of {shown} add up to one"
    if says_unit_sums(text, claims, names):
        return "holds", where, reading, ""
    hint = f"say that the entries of {shown} add up to one, if they do"
    return "not-checkable", f"it holds only {where}, which the article does not say", "", hint


def is_shorthand(claim: Claim) -> bool:
    """Whether the left side is a gradient in the spelling of programs, dW."""
    node = claim.left.node
    symbol = node.base if isinstance(node, Scripted) else node
    return isinstance(symbol, Symbol) and symbol.accents[-1:] == ("d",)


def laplacian(left: Val, right: Val) -> Val | None:
    """The sum of second derivatives that ∇²f is beside a right side without axes."""
    outer = left.term
    inner = outer.body if isinstance(outer, Derived) else None
    if not isinstance(outer, Derived) or not isinstance(inner, Derived) or outer.name != inner.name:
        return None
    if len(left.axes) != 2 or right.axes:
        return None
    first, second = left.axes
    return Val(Reduced("sum", (first,), substitute(left.term, {second: Place.of(first)}), implied=True))


def diagonal(left: Val, right: Val, points: Sequence[Point]) -> Val | None:
    """The diagonal of a derivative that is zero elsewhere, beside a right side that is a vector or a number."""
    if not isinstance(left.term, Derived) or len(left.axes) != 2 or len(right.axes) > 1:
        return None
    first, second = left.axes
    for point in points:
        if point.draw.find.get(first) != point.draw.find.get(second) or first not in point.draw.find:
            return None
        with np.errstate(all="ignore"):
            value = primal(point.term(left.term))
        if not finite(value) or not {first, second} <= set(value.letters):
            continue
        _, (data,) = _aligned([value])
        matrix = np.moveaxis(data, [value.letters.index(first), value.letters.index(second)], [-2, -1])
        if matrix[..., ~np.eye(matrix.shape[-1], dtype=bool)].any() or not matrix.any():
            return None
        return Val(substitute(left.term, {second: Place.of(first)}), (first,))
    return None

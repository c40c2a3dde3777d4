"""Whether two arrays are the same, measured against the size of what they are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tensorcalc.verify.numbers import Named, _aligned, add, multiply, primal, reduce
from tensorcalc.verify.points import Point
from tensorcalc.verify.terms import Added, Powered, Reduced, Term, Times

__all__ = ["Difference", "compare", "finite", "first_not_finite", "magnitude"]

RELATIVE = 1e-7
FLOOR = 1e-9  # of the size of the terms
ROUNDING = 1e-13  # of sides that vanish: values are drawn from numbers around one


@dataclass(frozen=True, slots=True)
class Difference:
    """The first entry in which two arrays differ: its index values by letter, and both values."""

    entry: tuple[tuple[str, int], ...]
    left: float
    right: float


def compare(left: Named, right: Named, scale: float = 0.0) -> Difference | None:
    """The first entry that differs; `None` where all are the same. `scale` is the size of the terms."""
    letters, (a, b) = _aligned([left, right])
    a, b = np.broadcast_arrays(a, b)
    size = np.maximum(np.abs(a), np.abs(b))
    whole = max(float(size.max(initial=0.0)), scale)
    wrong = np.abs(a - b) > RELATIVE * size + FLOOR * whole + ROUNDING
    if not wrong.any():
        return None
    position = np.argwhere(wrong)[0] if wrong.ndim else np.array([], dtype=int)
    entry = tuple((x, int(k)) for x, k in zip(letters, position, strict=True))
    index = tuple(int(k) for k in position)
    return Difference(entry, float(a[index]), float(b[index]))


def finite(*values: Named) -> bool:
    """Whether all entries are finite real numbers."""
    return all(bool(np.isfinite(v.data).all()) for v in values)


def first_not_finite(left: Named, right: Named) -> Difference:
    """The first entry in which one side is no finite real number."""
    letters, (a, b) = _aligned([left, right])
    a, b = np.broadcast_arrays(a, b)
    position = tuple(int(k) for k in np.argwhere(~np.isfinite(a) | ~np.isfinite(b))[0])
    return Difference(tuple(zip(letters, position, strict=True)), float(a[position]), float(b[position]))


def magnitude(term: Term, point: Point) -> float:
    """The size of a term when nothing in it cancels."""
    return float(np.max(_sizes(term, point).data, initial=0.0))


def _sizes(term: Term, point: Point) -> Named:
    match term:
        case Added():
            return primal(add(*[_sizes(t, point) for t in term.terms]))
        case Times():
            result = _sizes(term.factors[0], point)
            for factor in term.factors[1:]:
                result = primal(multiply(result, _sizes(factor, point)))
            return result
        case Reduced(kind="sum"):
            inside = _sizes(term.body, point)
            return primal(reduce("sum", inside, term.letters, [point.size(x) for x in term.letters]))
        case Powered():
            value = primal(point.term(term))
        case _:
            value = primal(point.term(term))
    return Named(value.letters, np.abs(np.asarray(value.data, dtype=float)))

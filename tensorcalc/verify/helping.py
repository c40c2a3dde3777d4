"""What is off in a false row: which term of the right side, and what would make the row hold.

Each attempt changes one thing on the right (a term's sign or factor, one term left out, the factor of all) and is kept
only where both sides then agree at every point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np

from tensorcalc.errors import Source, printable
from tensorcalc.verify.comparing import compare, finite
from tensorcalc.verify.latex.tree import Sum
from tensorcalc.verify.numbers import Named, _aligned, add, constant, multiply, primal
from tensorcalc.verify.points import Point
from tensorcalc.verify.reading import Val
from tensorcalc.verify.terms import Added, Kronecker, Place, Term, letters_of, substitute

__all__ = ["advice"]

POINTS = 3
MOST_TERMS = 12


def advice(left: Val, right: Val, node: object, source: Source, points: Sequence[Point]) -> str:
    """What would be right, in a sentence; empty where no single change makes the row hold."""
    usable = [p for p in points if _finite(left.term, right.term, p)][:POINTS]
    if not usable:
        return ""
    attempts: list[Callable[[], str]] = [
        lambda: _whole(left.term, right.term, usable),
        lambda: _terms(left.term, right.term, node, source, usable),
        lambda: _letters(left.term, right.term, usable),
    ]
    for attempt in attempts:
        found = attempt()
        if found:
            return found
    return ""


def _finite(left: Term, right: Term, point: Point) -> bool:
    with np.errstate(all="ignore"):
        return point.valid and finite(primal(point.term(left)), primal(point.term(right)))


def _whole(left: Term, right: Term, points: Sequence[Point]) -> str:
    ratio = _ratio([(primal(p.term(left)), primal(p.term(right))) for p in points])
    if ratio is None:
        return ""
    if ratio == -1:
        return "the sign of the right side is wrong"
    return f"the right side misses a factor {_shown(ratio)}"


def _terms(left: Term, right: Term, node: object, source: Source, points: Sequence[Point]) -> str:
    """One added term that is off."""
    if not isinstance(right, Added) or not isinstance(node, Sum) or len(node.terms) != len(right.terms):
        return ""
    if len(right.terms) > MOST_TERMS:
        return ""
    for place, term in enumerate(right.terms):
        pairs = []
        for point in points:
            rest = [t for k, t in enumerate(right.terms) if k != place]
            others = add(*[point.term(t) for t in rest]) if rest else constant(0)
            needed = add(point.term(left), multiply(constant(-1), others))
            pairs.append((primal(needed), primal(point.term(term))))
        ratio = _ratio(pairs)
        if ratio is None:
            continue
        span = node.terms[place].span
        shown = printable(" ".join(source.text[span.start : span.end].split()))
        if ratio == -1:
            return f"the sign of the term {shown} is wrong"
        if not ratio:
            return f"the term {shown} should not be there"
        return f"the term {shown} misses a factor {_shown(ratio)}"
    return ""


def _letters(left: Term, right: Term, points: Sequence[Point]) -> str:
    """Two indices that are exchanged, or a delta that is missing."""
    letters = sorted(letters_of(right))
    for k, first in enumerate(letters):
        for second in letters[k + 1 :]:
            swapped = substitute(right, {first: Place.of(second), second: Place.of(first)})
            if _agree(left, swapped, points):
                return f"the indices {_name(first)} and {_name(second)} are exchanged"
    missing = sorted(letters_of(left) - letters_of(right))
    for lost in missing:
        for other in sorted(letters_of(left) - {lost}):
            pair = Kronecker(Place.of(other), Place.of(lost))
            if _agree_product(left, right, pair, points):
                return f"a factor \\delta_{{{_name(other)} {_name(lost)}}} is missing"
    return ""


def _agree(left: Term, right: Term, points: Sequence[Point]) -> bool:
    try:
        return all(compare(primal(p.term(left)), primal(p.term(right))) is None for p in points)
    except (KeyError, ValueError):
        return False


def _agree_product(left: Term, right: Term, factor: Term, points: Sequence[Point]) -> bool:
    try:
        return all(
            compare(primal(p.term(left)), primal(multiply(p.term(right), p.term(factor)))) is None for p in points
        )
    except (KeyError, ValueError):
        return False


def _ratio(pairs: Sequence[tuple[Named, Named]]) -> Fraction | None:
    """The number by which the second array of every pair must be multiplied to give the first."""
    found: list[float] = []
    for wanted, given in pairs:
        _, (a, b) = _aligned([wanted, given])
        a, b = np.broadcast_arrays(a, b)
        place = int(np.abs(b).argmax())
        largest = float(b.reshape(-1)[place])
        if not largest:
            return None
        ratio = float(a.reshape(-1)[place]) / largest
        if np.abs(a - ratio * b).max() > 1e-8 * max(float(np.abs(a).max()), abs(largest)):
            return None
        found.append(ratio)
    if max(found) - min(found) > 1e-7 * max(1.0, abs(found[0])):
        return None
    simple = Fraction(found[0]).limit_denominator(64)
    return simple if abs(float(simple) - found[0]) < 1e-7 and simple != 1 else None


def _shown(ratio: Fraction) -> str:
    return str(ratio.numerator) if ratio.denominator == 1 else f"{ratio.numerator}/{ratio.denominator}"


def _name(letter: str) -> str:
    return letter.split("@", maxsplit=1)[0].split("~", maxsplit=1)[0]

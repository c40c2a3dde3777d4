"""Several terms of a sum that are off by numbers at once: a factor in one, a sign in another.

The terms are taken as given, and the numbers by which they must be multiplied are solved for.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction

import numpy as np

from tensorcalc.verify.comparing import finite
from tensorcalc.verify.latex.tree import Node, Number, Product, Sum
from tensorcalc.verify.numbers import Array, _aligned, primal
from tensorcalc.verify.parts import Edit, replaced
from tensorcalc.verify.problems import Problem
from tensorcalc.verify.terms import Added, Term
from tensorcalc.verify.trying import Trial

__all__ = ["rescaled"]

MOST_TERMS = 12
CLOSE = 1e-7
SIMPLE = 64  # the largest denominator of a number that an author may have meant


def rescaled(trial: Trial, text: str, node: Node, right: Term) -> Edit | None:
    """The right side with all its terms multiplied by the numbers that make it hold; `None` where there are none."""
    if not isinstance(node, Sum) or not isinstance(right, Added) or len(node.terms) != len(right.terms):
        return None
    if len(node.terms) > MOST_TERMS:
        return None
    ratios = _ratios(trial, right.terms)
    if ratios is None or all(r == 1 for r in ratios):
        return None
    said: list[str] = []
    changed = text
    for place in reversed(range(len(node.terms))):
        if ratios[place] != 1:
            part = node.terms[place]
            shown = " ".join(text[part.span.start : part.span.end].split())
            said.insert(0, _what(shown, ratios[place]))
            changed = _with_factor(changed, node, place, ratios[place])
    return Edit(changed, " and ".join(said), text.strip(), "terms")


def _what(shown: str, ratio: Fraction) -> str:
    if ratio == 0:
        return f"the term {shown} should not be there"
    if ratio == -1:
        return f"the sign of the term {shown} is wrong"
    return f"the term {shown} misses a factor {ratio}"


def _ratios(trial: Trial, terms: Sequence[Term]) -> list[Fraction] | None:
    """The numbers by which terms must be multiplied so that their sum is the left side at every point."""
    rows: list[Array] = []
    wanted: list[Array] = []
    with np.errstate(all="ignore"), suppress(Problem, KeyError, ValueError):
        for point, left in trial.wanted:
            values = [left, *(primal(point.term(t)) for t in terms)]
            if not finite(*values):
                return None
            arrays = np.broadcast_arrays(*_aligned(values)[1])
            wanted.append(np.asarray(arrays[0], dtype=float).reshape(-1))
            rows.append(np.stack([np.asarray(a, dtype=float).reshape(-1) for a in arrays[1:]], axis=1))
    if not rows:
        return None
    matrix, target = np.concatenate(rows), np.concatenate(wanted)
    found, _, rank, _ = np.linalg.lstsq(matrix, target, rcond=None)
    if rank < len(terms) or np.abs(matrix @ found - target).max() > CLOSE * max(1.0, float(np.abs(target).max())):
        return None
    ratios = [Fraction(float(x)).limit_denominator(SIMPLE) for x in found]
    return ratios if all(abs(float(r) - x) < CLOSE for r, x in zip(ratios, found, strict=True)) else None


def _with_factor(text: str, node: Sum, place: int, ratio: Fraction) -> str:
    """The text with one term multiplied; the parts of the text before it stay where they are."""
    part = node.terms[place]
    start, end = part.span.start, part.span.end
    inner = text[start:end]
    minus = node.subtracted[place] ^ (ratio < 0)
    size = abs(ratio)
    first = part.factors[0] if isinstance(part, Product) and not part.signs[1] else part
    if size != 1 and isinstance(first, Number):
        size, inner = size * first.value, text[first.span.end : end].lstrip()
    if size != 1 or not inner:
        written = str(size) if size.denominator == 1 else rf"\frac{{{size.numerator}}}{{{size.denominator}}}"
        inner = rf"{written} {inner}".rstrip()
    before = text[:start].rstrip().rstrip("+-").rstrip() if place or node.subtracted[0] else text[:start]
    if ratio == 0:
        return before + text[end:]
    sign = "-" if minus else "+" if place else ""
    return replaced(before, len(before), len(before), f" {sign} {inner}" if place else f"{sign}{inner}") + text[end:]

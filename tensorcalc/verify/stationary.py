"""Gradients that are set to zero, and the solutions: a condition is no claim, and what solves it can be tried."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import takewhile

import numpy as np

from tensorcalc.verify.chains import Claim
from tensorcalc.verify.model import Model, derivatives_in
from tensorcalc.verify.numbers import _aligned, add, constant, multiply, primal
from tensorcalc.verify.points import Point
from tensorcalc.verify.reading import Definition, Val
from tensorcalc.verify.terms import Constant, Derived, Entry, Place, Term, substitute, tensors_of

__all__ = [
    "condition_among",
    "condition_before",
    "condition_on",
    "conditions_on",
    "gradient_by",
    "solved_model",
    "vanishes",
    "zero_gradient",
]

CLOSE = 1e-9  # how small a gradient must become beside what it is elsewhere


def gradient_by(claim: Claim) -> str:
    """The name by which a scalar is differentiated on the left side; empty for anything else."""
    left = claim.reference
    if left is None or not isinstance(left.term, Derived) or claim.problem is not None:
        return ""
    body = left.term.body
    scalar = not body.places if isinstance(body, Entry) else len(left.axes) == len(left.term.places)
    return left.term.name if scalar else ""


def condition_on(claim: Claim, gradients: Collection[str]) -> str:
    """The name for which 2 A^T A x - 2 A^T b = 0 is an equation to solve: one of those that gradients are taken by."""
    left, right = claim.reference, claim.value
    if left is None or right is None or claim.problem is not None or derivatives_in(left.term):
        return ""
    zero = isinstance(right.term, Constant) and right.term.value == 0 and not isinstance(left.term, Entry)
    return min(tensors_of(left.term) & set(gradients), default="") if zero else ""


def condition_among(claim: Claim, claims: list[Claim], points: Iterable[Point]) -> str:
    """The name for which a row is an equation to solve: its gradient, derived before, is set to zero there."""
    before = list(takewhile(lambda c: c.span != claim.span, claims))
    gradients = {name: c.reference for c in before if (name := gradient_by(c)) and c.reference is not None}
    found = condition_on(claim, gradients)
    left, right = claim.reference, claim.value
    if found or left is None or right is None or derivatives_in(left.term) or derivatives_in(right.term):
        return found
    chosen = list(points)
    for name in sorted(tensors_of((left.term, right.term)) & set(gradients)):
        gradient = gradients[name]
        if len(gradient.axes) == len(left.axes) and _proportional(left, right, gradient, chosen):
            return name
    return ""


def _proportional(left: Val, right: Val, gradient: Val, points: Sequence[Point]) -> bool:
    """Whether the difference of two sides is a multiple of a gradient, the same one at all points."""
    mapping = {a: Place.of(b) for a, b in zip(gradient.axes, left.axes, strict=True)}
    ratios: list[float] = []
    for point in points:
        with np.errstate(all="ignore"):
            sides = [point.term(left.term), multiply(constant(-1), point.term(right.term))]
            values = [primal(add(*sides)), primal(point.term(substitute(gradient.term, mapping)))]
            _, (first, second) = _aligned(values)
            large = float(np.abs(second).max(initial=0.0))
            if first.shape != second.shape or not np.isfinite(large) or not large:
                return False
            ratio = float((first * second).sum() / (second * second).sum())
            if float(np.abs(first - ratio * second).max(initial=0.0)) > CLOSE * large * max(abs(ratio), CLOSE):
                return False
        ratios.append(ratio)
    return bool(ratios) and all(abs(r - ratios[0]) <= CLOSE * abs(ratios[0]) for r in ratios) and ratios[0] != 0


def zero_gradient(claim: Claim) -> str:
    """The name by which a scalar is differentiated in ∂L/∂w = 0; empty for anything else."""
    left, right = claim.reference, claim.value
    if left is None or right is None or not isinstance(left.term, Derived) or claim.problem is not None:
        return ""
    zero = isinstance(right.term, Constant) and right.term.value == 0
    scalar = isinstance(left.term.body, Entry) and not left.term.body.places
    return left.term.name if zero and scalar else ""


def conditions_on(name: str, claim: Claim, claims: list[Claim]) -> list[Claim]:
    """The rows before a claim that have the gradient by a name on the left: where it is set to zero, or derived."""
    before = takewhile(lambda c: c.span != claim.span, claims)
    return [c for c in before if name in (zero_gradient(c), gradient_by(c))]


def condition_before(claim: Claim, claims: list[Claim], sides: tuple[Term, Term]) -> str:
    """The name by which a gradient was set to zero before a row without derivatives that this name stands in."""
    before = list(takewhile(lambda c: c.span != claim.span, claims))
    gradients = {name for c in before if (name := gradient_by(c))}
    names = {name for c in before if (name := zero_gradient(c) or condition_on(c, gradients))} & tensors_of(sides)
    return min(names) if names and not any(derivatives_in(side) for side in sides) else ""


def solved_model(model: Model, solution: Definition) -> Model:
    """The model in which a name is what solves a condition."""
    dimensions = model.dimensions.copy()
    for axis, letter in enumerate(solution.letters):
        dimensions.join(("axis", solution.name, str(axis)), letter)
    dimensions.learn(solution.body)
    dimensions.settle()
    definitions = {**model.definitions, solution.name: solution}
    return replace(model, definitions=definitions, dimensions=dimensions, parts={})


def vanishes(gradient: Term, points: Iterable[tuple[Point, Point]]) -> bool:
    """Whether a gradient is zero at the first points of two pairs; the second ones do not have the solution.

    There need not be more: at sizes for which a matrix has no inverse, there is no solution.
    """
    seen = 0
    for solved, other in points:
        with np.errstate(all="ignore"):
            small, large = (float(np.abs(primal(p.term(gradient)).data).max(initial=0.0)) for p in (solved, other))
        seen += bool(np.isfinite(large) and small <= CLOSE * large)
    return seen > 1

"""Gradients that are set to zero, and the solutions: a condition is no claim, and what solves it can be tried."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import takewhile

import numpy as np

from tensorcalc.verify.chains import Claim
from tensorcalc.verify.model import Model, derivatives_in
from tensorcalc.verify.numbers import primal
from tensorcalc.verify.points import Point
from tensorcalc.verify.reading import Definition
from tensorcalc.verify.terms import Constant, Derived, Entry, Term, tensors_of

__all__ = ["condition_before", "conditions_on", "solved_model", "vanishes", "zero_gradient"]

CLOSE = 1e-9  # how small a gradient must become beside what it is elsewhere


def zero_gradient(claim: Claim) -> str:
    """The name by which a scalar is differentiated in ∂L/∂w = 0; empty for anything else."""
    left, right = claim.reference, claim.value
    if left is None or right is None or not isinstance(left.term, Derived) or claim.problem is not None:
        return ""
    zero = isinstance(right.term, Constant) and right.term.value == 0
    scalar = isinstance(left.term.body, Entry) and not left.term.body.places
    return left.term.name if zero and scalar else ""


def conditions_on(name: str, claim: Claim, claims: list[Claim]) -> list[Claim]:
    """The rows before a claim that set the gradient by a name to zero."""
    before = takewhile(lambda c: c.span != claim.span, claims)
    return [c for c in before if zero_gradient(c) == name]


def condition_before(claim: Claim, claims: list[Claim], sides: tuple[Term, Term]) -> str:
    """The name by which a gradient was set to zero before a row without derivatives that this name stands in."""
    before = takewhile(lambda c: c.span != claim.span, claims)
    names = {name for c in before if (name := zero_gradient(c))} & tensors_of(sides)
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

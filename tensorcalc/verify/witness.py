"""The second witness: derivatives as differences of values at points beside the point, without any rule.

The exact derivatives of `tensorcalc.verify.numbers` carry slopes through every operation. Here nothing but values is
computed: a tensor is moved by a small step in every direction at once, everything that depends on it is evaluated
again, and the values are subtracted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np

from tensorcalc.verify.comparing import finite, magnitude
from tensorcalc.verify.numbers import Named, Value, _aligned, add, apply, constant, multiply, primal
from tensorcalc.verify.points import Point
from tensorcalc.verify.terms import Apply, Derived, Entry, Sloped, Term
from tensorcalc.verify.unknown import unknown_function

__all__ = ["Witness"]

STEPS = (1e-4, 3e-3, 2e-6)  # a later one is tried where one disagrees: kinks want short steps, cancellation long ones
TOLERANCE = 1e-4


class Witness:
    """Compares exact derivatives with differences; what is evaluated beside a point is kept."""

    def __init__(self) -> None:
        self._beside: dict[tuple[int, float], tuple[Point, _Differences]] = {}

    def contradicts(self, terms: Iterable[Term], points: Iterable[Point]) -> bool:
        """Whether differences have another value than a term with derivatives has, at the first of the points where
        both are finite.
        """
        for point in points:
            found = [self._agrees(term, point) for term in terms]
            if None not in found:
                return not all(found)
        return False

    def _agrees(self, term: Term, point: Point) -> bool | None:
        """Whether both agree for one of the steps.

        `None` where one of them has no finite value, or where no two steps give the same: then rounding decides.
        """
        exact = primal(point.term(term))
        if not finite(exact):
            return None
        size = magnitude(term, point)
        found: list[Named] = []
        for step in STEPS:
            other = primal(self.beside(point, step).term(term))
            if finite(other):
                if _near(exact, other, size):
                    return True
                found.append(other)
        return False if any(_near(a, b, size) for a, b in combinations(found, 2)) else None

    def beside(self, point: Point, step: float) -> _Differences:
        """The point that computes differences, with the same inputs and the same reading of derivatives."""
        key = (id(point), step)
        if key not in self._beside:
            self._beside[key] = point, _Differences(point, step)
        found = self._beside[key][1]
        found.meaning = point.meaning
        return found


def _near(exact: Named, other: Named, size: float) -> bool:
    _, (a, b) = _aligned([exact, other])
    scale = max(float(np.abs(a).max(initial=0.0)), size, 1e-3)
    return bool(np.abs(a - b).max(initial=0.0) <= TOLERANCE * scale)


class _Differences(Point):
    """A point at which derivatives are central differences; a child of it has one tensor moved by `shift`."""

    def __init__(self, origin: Point, step: float, varied: str = "", direct: bool = False, shift: float = 0.0) -> None:
        parent = origin if isinstance(origin, _Differences) else None
        super().__init__(origin.model, origin.draw, origin.meaning, parent, varied, direct)
        self.inputs = origin.inputs
        self.step = step
        self.shift = shift
        self.moved: dict[tuple[str, bool, float], _Differences] = {}

    def _value(self, name: str, order: int) -> Value:
        if not self.shift or name != self.varied:
            return super()._value(name, order)
        assert self.parent is not None
        change: Value = constant(self.shift)
        for axis in range(order):
            size = self.draw.size(("axis", name, str(axis)))
            change = multiply(change, Named((f"${axis}", f"@{self.level}.{axis}"), np.eye(size)))
        return add(self.parent.value(name, order), change)

    def beside(self, name: str, direct: bool, shift: float) -> _Differences:
        """This point with a tensor moved; other definitions follow unless `direct`."""
        key = (name, direct, shift)
        if key not in self.moved:
            self.moved[key] = _Differences(self, self.step, name, direct, shift)
        return self.moved[key]

    def derived(self, term: Derived) -> Value:
        body = term.body
        name = body.name if isinstance(body, Entry) else None
        direct = not term.total and self.root.meaning.direct(name, term.name) and self.has_direct(name, term.name)
        values: list[Value] = []
        sides = [self.beside(term.name, direct, shift) for shift in (self.step, -self.step)]
        if name in self.model.losses and name != term.name:  # linear: differences before the sum lose less to rounding

            def slope(tensor: str, order: int) -> Value:
                return _slope([child.value(tensor, order) for child in sides], self.step)

            return self.gathered(self._loss(name, slope), f"@{self.level + 1}.", term.places)
        for child in sides:
            if direct and isinstance(body, Entry) and body.name != term.name and body.name in self.model.definitions:
                values.append(self.gathered(child.defined(body.name), "$", body.places))
            else:
                values.append(child.term(body))
        return self.gathered(_slope(values, self.step), f"@{self.level + 1}.", term.places)

    def sloped(self, term: Sloped) -> Value:
        return self._sloped(term, self.term(term.argument), term.primes)

    def _sloped(self, term: Sloped, argument: Value, primes: int) -> Value:
        if not primes:
            point = _Differences(self, self.step, term.variable)
            point.values[term.variable] = argument
            return point.term(term.body)
        sides = [self._sloped(term, add(argument, constant(s)), primes - 1) for s in (self.step, -self.step)]
        return _slope(sides, self.step)

    def applied(self, term: Apply) -> Value:
        arguments = [self.term(a) for a in term.arguments]
        return self._applied(term, arguments, term.primes)

    def _applied(self, term: Apply, arguments: Sequence[Value], primes: int) -> Value:
        if not primes:
            if term.name.startswith("?"):
                return unknown_function(term.name, arguments, 0, self.draw.seed)
            return apply(term.name, *arguments)
        first, *rest = arguments
        sides = [self._applied(term, [add(first, constant(s)), *rest], primes - 1) for s in (self.step, -self.step)]
        return _slope(sides, self.step)


def _slope(sides: Sequence[Value], step: float) -> Value:
    forward, backward = sides
    return multiply(constant(1 / (2 * step)), add(forward, multiply(constant(-1), backward)))

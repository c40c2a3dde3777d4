"""Independent computations of a result: finite differences of the forward function, and PyTorch's autograd."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tensorcalc.binding import IndexMaximum
from tensorcalc.check.kinks import kinks_at, may_have_kinks
from tensorcalc.check.report import Item
from tensorcalc.check.steps import difference, output_indices
from tensorcalc.derivation.model import Derivation
from tensorcalc.evaluator import Environment, evaluate
from tensorcalc.expr import Component
from tensorcalc.index import Adjoint, Tangent, Tensor

__all__ = ["Witness", "check_results"]

Array = npt.NDArray[np.float64]
STENCIL: tuple[tuple[int, float], ...] = (
    (1, 0.8),
    (2, -0.2),
    (3, 4 / 105),
    (4, -1 / 280),
)  # central differences of eighth order
STEP = 1e-3
MOST_ENTRIES = 16  # of a gradient that is compared entry by entry with finite differences
DIRECTIONS = 3
STEP_NEAR_KINKS = 1e-6  # where the system has kinks, so that the stencil rarely reaches across one
OTHER_STEPS = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)  # that are tried where there is a difference
LEAST_DIGITS = 1e-3  # how far two steps may be apart at most to have a say


class Witness(Protocol):
    """First and second derivatives of the forward function, computed without any rule of ours."""

    name: str
    tolerance: float

    def jacobian(self, environment: Environment, output: Tensor, variable: Tensor) -> Array:
        """∂output/∂variable: the axes of the output, then those of the variable."""

    def hessian(self, environment: Environment, output: Tensor, first: Tensor, second: Tensor) -> Array:
        """∂²output/∂first∂second: the axes of the output, then of both variables."""


def check_results(derivation: Derivation, environment: Environment) -> list[Item]:
    """Compare the derivation's results with finite differences, and with PyTorch where it is installed.

    On a kink, finite differences are not asked.
    """
    witnesses: list[Witness] = [] if kinks_at(environment) else [FiniteDifferences()]
    if importlib.util.find_spec("torch") is not None:
        witnesses.append(importlib.import_module("tensorcalc.check.autograd").Autograd())
    found = [_result(derivation, environment, k) for k in range(len(derivation.results))]
    items = []
    for witness in witnesses:
        errors = _errors(derivation, environment, witness, found)
        if isinstance(witness, FiniteDifferences) and max(e / t for e, t in errors) > 1:
            errors = _settled(derivation, environment, found)
        for (left, right), (error, tolerance) in zip(derivation.results, errors, strict=True):
            items.append(Item(str(left), "", witness.name, error, error <= tolerance, expression=right))
    return items


Pairs = list[tuple[Array, Array]]


def _errors(
    derivation: Derivation, environment: Environment, witness: Witness, found: list[Array]
) -> list[tuple[float, float]]:
    """How far every result is from what the witness says, and how far it may be."""
    return [(difference(*pair), witness.tolerance) for pair in _pairs(derivation, environment, witness, found)]


def _settled(derivation: Derivation, environment: Environment, found: list[Array]) -> list[tuple[float, float]]:
    """The same by finite differences of those two neighbouring steps that agree most, whatever the results are.

    Where a system adds large numbers, rounding spoils short steps; kinks and curvature spoil long ones. Results may be
    as far off as ten times what the two steps are apart.
    """
    attempts = [_pairs(derivation, environment, FiniteDifferences(step), found) for step in OTHER_STEPS]
    errors = []
    for pairs in zip(*attempts, strict=True):
        gaps = [difference(one[1], other[1]) for one, other in itertools.pairwise(pairs)]
        place = int(np.argmin(gaps))
        doubt = 10 * gaps[place] if gaps[place] < LEAST_DIGITS else 0.0
        errors.append((difference(*pairs[place + 1]), max(FiniteDifferences.tolerance, doubt)))
    return errors


def _pairs(derivation: Derivation, environment: Environment, witness: Witness, found: list[Array]) -> Pairs:
    """Every result, or slopes of it, with what the witness says."""
    if isinstance(witness, FiniteDifferences) and derivation.kind in ("gradient", "vjp"):
        variables = zip(derivation.wrt, found, strict=True)
        return [_along(derivation, environment, v, mine, witness.step) for v, mine in variables]
    return list(zip(found, _expected(derivation, environment, witness), strict=True))


def _result(derivation: Derivation, environment: Environment, position: int) -> Array:
    left, right = derivation.results[position]
    axes = left.indices if isinstance(left, Component) else (*left.expression.indices, *left.wrt.indices)
    return np.asarray(evaluate(right, environment, axes))


def _expected(derivation: Derivation, env: Environment, witness: Witness) -> list[Array]:
    """What the witness says the results are, in the order of the derivation."""
    of, wrt = derivation.of, derivation.wrt
    if derivation.kind in ("gradient", "jacobian"):
        return [witness.jacobian(env, t, v) for t in of for v in wrt]
    if derivation.kind == "vjp":
        upstream = [env.values[Adjoint(t)] for t in of]
        return [
            _total(np.tensordot(u, witness.jacobian(env, t, v), t.order) for t, u in zip(of, upstream, strict=True))
            for v in wrt
        ]
    tangents = [env.values[Tangent(v)] for v in wrt]
    if derivation.kind == "jvp":
        return [
            _total(np.tensordot(witness.jacobian(env, t, v), d, v.order) for v, d in zip(wrt, tangents, strict=True))
            for t in of
        ]
    if derivation.kind == "hessian":
        return [witness.hessian(env, t, v, w) for t in of for v in wrt for w in wrt]
    return [
        _total(np.tensordot(witness.hessian(env, t, v, w), d, w.order) for w, d in zip(wrt, tangents, strict=True))
        for t in of
        for v in wrt
    ]


def _along(
    derivation: Derivation, environment: Environment, variable: Tensor, found: Array, step: float | None
) -> tuple[Array, Array]:
    """A gradient and its finite differences: entry by entry, or where it has many entries along random directions.

    A wrong entry changes the slope along a random direction, so that nothing is missed.
    """
    scalar = derivation.kind == "gradient"
    upstream = {t: np.ones(()) if scalar else environment.values[Adjoint(t)] for t in derivation.of}

    def loss(env: Environment) -> Array:
        return _total(np.asarray(np.sum(u * env.value(t))) for t, u in upstream.items())

    base = environment.value(variable).astype(np.float64)
    if base.size <= MOST_ENTRIES:
        return found, _central(environment, variable, loss, step)
    random = np.random.default_rng(base.size)
    directions = [random.normal(size=base.shape) for _ in range(DIRECTIONS)]
    slopes = [_slope(environment, variable, loss, d / np.max(np.abs(d)), step) for d in directions]
    return np.asarray([np.sum(found * d) / np.max(np.abs(d)) for d in directions]), np.asarray(slopes)


def _total(parts: Iterable[Array]) -> Array:
    return np.asarray(sum(parts))


class FiniteDifferences:
    """Central differences of eighth order; for second derivatives, of first derivatives by complex steps.

    `step` is that between the points of the stencil; by default the longest that fits the functions of the system.
    """

    name = "finite differences"
    tolerance = 1e-6  # rounding and truncation of the stencil at its step

    def __init__(self, step: float | None = None) -> None:
        self.step = step

    def jacobian(self, environment: Environment, output: Tensor, variable: Tensor) -> Array:
        indices = output_indices(output)
        component = Component(output, *indices)
        return _central(environment, variable, lambda env: evaluate(component, env, indices), self.step)

    def hessian(self, environment: Environment, output: Tensor, first: Tensor, second: Tensor) -> Array:
        indices = output_indices(output)
        component = Component(output, *indices)

        def slopes(env: Environment) -> Array:
            return env.derivative(component, indices, first, direct=False)

        return _central(environment, second, slopes, self.step)


def _has_maximum(environment: Environment) -> bool:
    return any(d.rhs.has(IndexMaximum) for d in environment.definitions.values())


def _central(
    environment: Environment, variable: Tensor, function: Callable[[Environment], Array], step: float | None
) -> Array:
    """The derivative of an array-valued function of the environment by every entry of a tensor."""
    base = environment.value(variable).astype(np.float64)
    entries = np.zeros((*base.shape, *np.shape(function(environment))))
    for position in np.ndindex(*base.shape):
        direction = np.zeros(base.shape)
        direction[position] = max(1.0, float(np.abs(base[position])))
        entries[position] = _slope(environment, variable, function, direction, step) / direction[position]
    return np.moveaxis(entries, range(base.ndim), range(-base.ndim, 0)) if base.ndim else entries


def _slope(
    environment: Environment,
    variable: Tensor,
    function: Callable[[Environment], Array],
    direction: Array,
    step: float | None,
) -> Array:
    """The derivative of an array-valued function of the environment as a tensor moves along a direction."""
    if step is None:
        step = STEP_NEAR_KINKS if may_have_kinks(environment) or _has_maximum(environment) else STEP
    base = environment.value(variable).astype(np.float64)

    def moved(distance: float) -> Environment:
        return environment.with_value(variable, np.asarray(base + distance * step * direction), direct=False)

    parts = (w * (function(moved(distance)) - function(moved(-distance))) for distance, w in STENCIL)
    return _total(parts) / step

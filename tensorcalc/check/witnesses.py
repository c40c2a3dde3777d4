"""Independent computations of a result: finite differences of the forward function, and PyTorch's autograd."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tensorcalc.check.report import Item
from tensorcalc.check.steps import difference, output_indices
from tensorcalc.derivation.model import Derivation
from tensorcalc.evaluator import Environment, evaluate
from tensorcalc.expr import Component
from tensorcalc.indices import Adjoint, Tensor

__all__ = ["check_results"]

Array = npt.NDArray[np.float64]
STENCIL: tuple[tuple[int, float], ...] = (
    (1, 0.8),
    (2, -0.2),
    (3, 4 / 105),
    (4, -1 / 280),
)  # central differences of eighth order
STEP = 1e-2
FINITE_DIFFERENCES = 1e-6  # tolerated: rounding and truncation of the stencil at this step
AUTOGRAD = 1e-9


def check_results(derivation: Derivation, environment: Environment) -> list[Item]:
    """Compare the derivation's results with finite differences, and with PyTorch where it is installed."""
    witnesses: list[tuple[str, float, Callable[[Derivation, Environment], list[Array]]]] = [
        ("finite differences", FINITE_DIFFERENCES, _finite_differences)
    ]
    if importlib.util.find_spec("torch") is not None:
        torch_jacobians = importlib.import_module("tensorcalc.check.autograd").torch_jacobians
        witnesses.append(("torch", AUTOGRAD, torch_jacobians))
    found = [_result(derivation, environment, k) for k in range(len(derivation.results))]
    items = []
    for name, tolerance, witness in witnesses:
        expected = _assembled(derivation, environment, witness(derivation, environment))
        for (left, right), mine, theirs in zip(derivation.results, found, expected, strict=True):
            error = difference(mine, theirs)
            items.append(Item(str(left), "", name, error, error <= tolerance, expression=right))
    return items


def _result(derivation: Derivation, environment: Environment, position: int) -> Array:
    left, right = derivation.results[position]
    axes = left.indices if isinstance(left, Component) else (*left.expression.indices, *left.wrt.indices)
    return np.asarray(evaluate(right, environment, axes))


def _assembled(derivation: Derivation, environment: Environment, jacobians: list[Array]) -> list[Array]:
    """The witness's Jacobians of every output by every variable, contracted with upstream gradients where asked."""
    if derivation.kind != "vjp":
        return jacobians
    count = len(derivation.wrt)
    results = []
    for k in range(count):
        parts = [
            np.tensordot(environment.values[Adjoint(t)], jacobians[p * count + k], t.order)
            for p, t in enumerate(derivation.of)
        ]
        results.append(np.asarray(sum(parts[1:], start=parts[0])))
    return results


def _finite_differences(derivation: Derivation, environment: Environment) -> list[Array]:
    return [_central(environment, output, variable) for output in derivation.of for variable in derivation.wrt]


def _central(environment: Environment, output: Tensor, variable: Tensor) -> Array:
    """∂output/∂variable by central differences of eighth order."""
    indices = output_indices(output)
    component = Component(output, *indices)
    base = environment.value(variable).astype(np.float64)
    result = np.zeros((*environment.value(output).shape, *base.shape))
    for position in np.ndindex(*base.shape):
        step = STEP * max(1.0, float(np.abs(base[position]))) / 4
        total = np.zeros(environment.value(output).shape)
        for distance, weight in STENCIL:
            for sign in (1, -1):
                moved = base.copy()
                moved[position] += sign * distance * step
                inside = environment.with_value(variable, moved, direct=False)
                total = total + sign * weight * evaluate(component, inside, indices)
        result[(..., *position)] = total / step
    return result

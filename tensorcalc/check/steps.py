"""Every line of a derivation against its left side, by number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from sympy import Expr

from tensorcalc.binding import free_indices
from tensorcalc.check.report import Item
from tensorcalc.derivation.model import Derivation, Lemma
from tensorcalc.evaluator import Environment, evaluate
from tensorcalc.expr import Component
from tensorcalc.index import Adjoint, Index, Tangent, Tensor

__all__ = ["check_steps", "difference", "fill_derivatives"]

TOLERANCE = 1e-9

Array = npt.NDArray[np.float64]


def difference(found: Array, expected: Array) -> float:
    """The largest difference relative to the largest entry (at least 1); infinite where a value is not finite."""
    if found.shape != expected.shape or not (np.all(np.isfinite(found)) and np.all(np.isfinite(expected))):
        return float("inf")
    if found.size == 0:
        return 0.0
    return float(np.max(np.abs(found - expected)) / max(1.0, float(np.max(np.abs(expected)))))


def fill_derivatives(derivation: Derivation, environment: Environment) -> None:
    """Give every adjoint ∂l/∂t and every tangent that occurs its value, by complex steps."""
    for tensor in _occurring(derivation, Adjoint):
        if tensor in environment.values or tensor in environment.definitions:
            continue
        result = np.zeros(environment.value(tensor.of).shape)
        for output in derivation.of:
            indices = output_indices(output)
            jacobian = environment.derivative(Component(output, *indices), indices, tensor.of, direct=False)
            result += np.tensordot(environment.values[Adjoint(output)], jacobian, output.order)
        environment.assign({tensor: result})

    for tangent in _occurring(derivation, Tangent):
        if tangent not in environment.values and tangent not in environment.definitions:
            environment.assign({tangent: _pushed_forward(derivation, environment, tangent.of)})


def _pushed_forward(derivation: Derivation, environment: Environment, tensor: Tensor) -> Array:
    """Σ ∂t/∂x v_x over the variables, by complex steps."""
    indices = output_indices(tensor)
    result = np.zeros(environment.value(tensor).shape)
    for variable in derivation.wrt:
        jacobian = environment.derivative(Component(tensor, *indices), indices, variable, direct=False)
        result += np.tensordot(jacobian, environment.values[Tangent(variable)], variable.order)
    return result


Kin = TypeVar("Kin", Adjoint, Tangent)


def _occurring(derivation: Derivation, kind: type[Kin]) -> list[Kin]:
    found: dict[Kin, None] = {}
    for expression in _lines(derivation):
        found.update(dict.fromkeys(sorted(expression.atoms(kind), key=str)))
    return list(found)


def _lines(derivation: Derivation) -> Iterator[Expr]:
    for lemma in derivation.lemmas:
        yield lemma.lhs
        for step in lemma.steps:
            yield step.expression


def check_steps(derivation: Derivation, environment: Environment) -> list[Item]:
    """Compare every line with the left side of its lemma at one point."""
    fill_derivatives(derivation, environment)
    items: list[Item] = []
    for position, lemma in enumerate(derivation.lemmas):
        axes = tuple(sorted(free_indices(lemma.lhs), key=lambda i: i.name))
        expected = _value(lemma.lhs, environment, axes)
        for number, step in enumerate(lemma.steps):
            found = _value(step.expression, environment, axes)
            error = difference(found, expected)
            items.append(
                Item(_name(lemma), step.rule, "steps", error, error <= TOLERANCE, position, number, step.expression)
            )
    return items


def _value(expression: Expr, environment: Environment, axes: tuple[Index, ...]) -> Array:
    return np.asarray(evaluate(expression, environment, axes))


def _name(lemma: Lemma) -> str:
    return str(lemma.lhs)


def output_indices(tensor: Tensor) -> tuple[Index, ...]:
    """Indices over all axes of a tensor."""
    return tuple(Index(f"'{k}", d) for k, d in enumerate(tensor.dimensions))

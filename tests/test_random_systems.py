"""Random systems, read from text: every kind of derivative against PyTorch and complex steps, and every line checked.

The short run is part of the suite; TENSORCALC_EXAMPLES=5000 pytest tests/test_random_systems.py makes a long one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings

import tensorcalc as tc
from random_systems import systems
from tensorcalc.api import Derivation, System
from tensorcalc.check import sample
from tensorcalc.check.autograd import Autograd
from tensorcalc.check.steps import check_steps, difference, output_indices
from tensorcalc.check.witnesses import Witness, _expected
from tensorcalc.codegen import compile_program
from tensorcalc.derivation import Kind, program_of
from tensorcalc.evaluator import Environment, evaluate
from tensorcalc.expr import Component
from tensorcalc.index import Adjoint, Tangent, Tensor
from tensorcalc.system import Program, tensors_in

EXAMPLES = int(os.environ.get("TENSORCALC_EXAMPLES", "15"))
TOLERANCE = 1e-8
LARGEST = 1e5  # entries beyond it lose too many digits to compare

Array = npt.NDArray[np.float64]

profile = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="TENSORCALC_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


class ComplexSteps:
    """First derivatives of the forward function by complex steps of the evaluator."""

    name = "complex steps"
    tolerance = TOLERANCE

    def jacobian(self, environment: Environment, output: Tensor, variable: Tensor) -> Array:
        indices = output_indices(output)
        return environment.derivative(Component(output, *indices), indices, variable, direct=False)

    def hessian(self, environment: Environment, output: Tensor, first: Tensor, second: Tensor) -> Array:
        raise NotImplementedError


def variables(system: System) -> list[str]:
    """The inputs that hold numbers and are used."""
    used = {t for d in system.definitions for t in tensors_in(d.rhs)}
    return [t.name for t in system.inputs if not t.is_label and t in used]


def moderate(environment: Environment, system: System) -> bool:
    return all(np.max(np.abs(environment.value(d.tensor)), initial=0) < LARGEST for d in system.definitions)


def values_of(program: Program, environment: Environment) -> list[Array]:
    """The results of a program by the evaluator, computed from the program's own definitions."""
    inputs = {t: environment.value(t) for t in program.inputs}
    fresh = Environment({d.tensor: d for d in program.definitions}, inputs, environment.sizes)
    return [np.asarray(fresh.value(t)) for t in program.outputs]


def compiled(program: Program, target: str, environment: Environment) -> list[Array]:
    """The results of the generated code."""
    function = compile_program(program, target)
    arguments = {t.name: environment.value(t) for t in program.inputs}
    if target == "torch":
        arguments = {name: torch.as_tensor(value) for name, value in arguments.items()}
    sizes = {d.name: n for d, n in environment.sizes.items()}
    needed = {name: sizes[name] for name in function._dimensions if name in sizes}
    return [np.asarray(result) for result in flat(function(**arguments, **needed))]


def flat(found: Any) -> Iterator[Any]:
    """The arrays of a result: a Hessian by several inputs is a tuple of tuples."""
    if isinstance(found, tuple):
        for part in found:
            yield from flat(part)
    else:
        yield found


def assert_equal(found: Sequence[Array], expected: Sequence[Array], what: str) -> None:
    assert len(found) == len(expected), what
    for mine, theirs in zip(found, expected, strict=True):
        assert difference(mine, theirs) <= TOLERANCE, f"{what}: {mine.tolist()} instead of {theirs.tolist()}"


def judge(text: str, kind: Kind, seed: int = 0) -> None:
    """Derive the last definition by all its inputs, and compare everything with everything."""
    system = tc.parse(text)
    wrt = variables(system)
    output = system.definitions[-1].tensor
    assume(wrt)
    if output.order and kind in ("gradient", "hvp"):
        kind = "vjp"
    if kind in ("hessian", "hvp"):
        wrt = wrt[:2]
    derivation = system.derive(output.name, wrt, kind)
    given = (Adjoint(output), *(Tangent(system.tensors[v]) for v in wrt))
    environment = sample(derivation.system, given, seed)
    assume(environment is not None and moderate(environment, derivation.system))
    witnesses: list[Witness] = [Autograd()]
    if kind not in ("hessian", "hvp"):
        witnesses.append(ComplexSteps())
    for item in check_steps(derivation, environment):
        assert item.error <= TOLERANCE, (item.name, item.rule, str(item.expression))
    closed = closed_forms(derivation, environment)
    program = program_of(derivation)
    results = values_of(program, environment)
    for witness in witnesses:
        expected = _expected(derivation, environment, witness)
        assume(all(np.max(np.abs(e), initial=0) < LARGEST for e in expected))
        assert_equal(results, expected, f"program form and {witness.name}")
        assert_equal(closed, expected, f"closed form and {witness.name}")
    for target in ("numpy", "torch"):
        assert_equal(compiled(program, target, environment), results, f"generated {target} code")


def closed_forms(derivation: Derivation, environment: Environment) -> list[Array]:
    """The printed results; adjoints and tangents in them have their values from the check of the steps."""
    found = []
    for left, right in derivation.results:
        axes = left.indices if isinstance(left, Component) else (*left.expression.indices, *left.wrt.indices)
        found.append(np.asarray(evaluate(right, environment, axes)))
    return found


@pytest.mark.parametrize("kind", ["gradient", "vjp", "jacobian", "jvp"])
def test_first_derivatives(kind: Kind) -> None:
    @profile
    @given(systems())
    def holds(text: str) -> None:
        judge(text, kind)

    holds()


@pytest.mark.parametrize("kind", ["hessian", "hvp"])
def test_second_derivatives(kind: Kind) -> None:
    @profile
    @given(systems(smooth=True))
    def holds(text: str) -> None:
        judge(text, kind)

    holds()


@settings(profile, max_examples=2 * EXAMPLES)
@given(systems())
def test_what_is_printed_reads_back(text: str) -> None:
    system = tc.parse(text)
    again = tc.parse(system.text())
    assert {t.name for t in again.inputs} == {t.name for t in system.inputs}
    environment = sample(system, (), 0)
    assume(environment is not None)
    sizes = {
        d: environment.sizes[known] for d in again.dimensions for known in system.dimensions if known.name == d.name
    }
    values = {again.tensors[t.name]: environment.value(t) for t in system.inputs if t.name in again.tensors}
    other = Environment(again.by_tensor, values, sizes)
    last = system.definitions[-1].tensor
    assert difference(other.value(again.tensors[last.name]), environment.value(last)) <= TOLERANCE

"""The target torch under `torch.compile(fullgraph=True)`: every derivative of the library is one graph."""

from __future__ import annotations

from typing import Any

import pytest

import tensorcalc as tc
from tensorcalc import library

torch = pytest.importorskip("torch")
NAMES = library.names()
PARTS = 4


def arguments(function: Any) -> dict[str, Any]:
    """Numbers between 0 and 1 for every argument, and labels that are 0."""
    torch.manual_seed(0)
    lengths: dict[Any, int] = {}
    found: dict[str, Any] = {}
    for tensor in function.program.inputs:
        shape = [d.size or lengths.setdefault(d, 4) for d in tensor.dimensions]
        found[tensor.name] = torch.zeros(shape, dtype=torch.int64) if tensor.is_label else torch.rand(shape) + 0.1
    return found


@pytest.mark.parametrize("part", range(PARTS))
def test_every_derivative_of_the_library_is_one_graph(part: int) -> None:
    for name in NAMES[part::PARTS]:
        for derivation in tc.load(name).derive_all():
            function = derivation.lambdify("torch")
            given = arguments(function)
            try:
                expected = function(**given)
            except tc.TensorCalcError as problem:
                assert problem.code in ("E_SHAPE", "E_UNKNOWN_SIZE", "E_INDEX_RANGE"), name
                continue
            torch._dynamo.reset()
            compiled = torch.compile(function, fullgraph=True, backend="eager")
            torch.testing.assert_close(compiled(**given), expected, equal_nan=True, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own, when Inductor is imported
def test_shapes_may_change_and_results_are_those_of_the_compiler() -> None:
    function = tc.load("layer_norm").derive("y", wrt=["x", "gamma"], kind="vjp").lambdify("torch")
    compiled = torch.compile(lambda given: function(**given), fullgraph=True, dynamic=True)
    for rows, columns in ((4, 8), (7, 9)):
        x, row = torch.rand(rows, columns), torch.rand(columns)
        given = {"x": x, "epsilon": torch.tensor(0.1), "gamma": row, "beta": row, "d_y": x * x}
        torch.testing.assert_close(compiled(given), function(**given))

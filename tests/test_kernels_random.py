"""Random programs and random rowwise systems in C: against plain loops, and against NumPy's code for the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

import tensorcalc as tc
from codegen_oracle import Oracle
from kernel_tools import needs_compiler
from tensorcalc.codegen import compile_program
from tensorcalc.codegen.kernels import compiler
from tensorcalc.derivation.program import program_of
from tensorcalc.errors import TensorCalcError
from tensorcalc.system import Program

pytest.importorskip("torch")
from test_codegen_random import SIZES, programs, random_values

pytestmark = needs_compiler
FAST = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True, "phases": [Phase.generate]}


@pytest.fixture(autouse=True, scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Compiled libraries in a folder of the tests, compiled in a hurry."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(compiler, "FLAGS", tuple("-O1" if f == "-O3" else f for f in compiler.FLAGS))
        yield


@settings(max_examples=60, **FAST)
@given(program=programs(), seed=st.integers(0, 5))
def test_random_programs(program: Program, seed: int) -> None:
    values = random_values(program, seed)
    expected = Oracle(values, SIZES).run(program)
    function = compile_program(program, "c")
    result = function(**values, **{d.name: SIZES[d.name] for d in function.asked})
    for found, wanted in zip(result if function.many else (result,), expected, strict=True):
        assert found.shape == wanted.shape
        scale = max(1.0, np.abs(wanted).max(initial=0.0))
        np.testing.assert_allclose(found / scale, wanted / scale, atol=1e-9, err_msg=function.source)


POINT = ("x[b,h]", "g[h]*x[b,h]", "1[h]*w[b]", "x[b,h] - 1[b]*g[h]", "1[b]*g[h]^2", "x[b,h]*x[b,T[b]]")
ENTRY = (
    "tanh({})",
    "sigmoid({})",
    "{}",
    "({})^2",
    "exp(-({})^2)",
    "silu({})",
    "erf({})",
    "relu({})",
    "sqrt(({})^2 + 1[b,h])",
)
ROW = (
    "sum(h, {})",
    "1/H*sum(h, ({})^2)",
    "log(sum(h, exp({})))",
    "amax(h, {})",
    "sum(h, {}*1[b]*g[h])",
    "sqrt(sum(h, ({})^2) + 1)",
)
USE = (
    "u[b,h]/(1[h]*r[b]^2 + 1[b,h])",
    "u[b,h] - 1[h]*r[b]",
    "u[b,h]*exp(-1[h]*r[b]^2)",
    "u[b,h]*r[b]*g[h]",
    "1[h]*r[b]*u[b,T[b]]",
)


@st.composite
def rowwise(draw: Any) -> str:
    """A system whose rows are worked off one by one: entries, a reduction of the row, and both together, twice."""
    lines = ["index b: B, h: H"]
    entry = draw(st.sampled_from(ENTRY)).format(draw(st.sampled_from(POINT)))
    lines += [f"u[b,h] = {entry}", f"r[b] = {draw(st.sampled_from(ROW)).format('u[b,h]')}"]
    lines.append(f"v[b,h] = {draw(st.sampled_from(USE))}")
    if draw(st.booleans()):
        lines.append(f"s[b] = {draw(st.sampled_from(ROW)).format('v[b,h]')}")
        lines.append("y[b,h] = " + draw(st.sampled_from(USE)).replace("u[", "v[").replace("r[", "s["))
    else:
        lines.append(f"y[b,h] = {draw(st.sampled_from(ENTRY)).format('v[b,h]')}")
    return "\n".join(lines)


@settings(max_examples=40, **FAST)
@given(
    text=rowwise(), rows=st.sampled_from([1, 5, 40]), columns=st.sampled_from([1, 7, 33, 130]), seed=st.integers(0, 5)
)
def test_random_rows(text: str, rows: int, columns: int, seed: int) -> None:
    system = tc.parse(text)
    wrt = [t.name for t in system.inputs if not t.is_label]
    try:
        derivation = system.derive("y", wrt=wrt, kind="vjp")
    except TensorCalcError:
        assume(False)
    program = program_of(derivation)
    random = np.random.default_rng(seed)
    sizes = {"B": rows, "H": columns}
    values: dict[str, Any] = {}
    for tensor in program.inputs:
        shape = tuple(sizes[d.name] for d in tensor.dimensions)
        values[tensor.name] = random.integers(0, columns, shape) if tensor.is_label else random.normal(size=shape)
    found = derivation.lambdify("c", value_and_grad=True)(**values)
    expected = derivation.lambdify("numpy", value_and_grad=True)(**values)
    for result, wanted in zip(found, expected, strict=True):
        scale = max(1.0, np.abs(wanted).max(initial=0.0))
        np.testing.assert_allclose(result / scale, wanted / scale, atol=1e-9, err_msg=text)

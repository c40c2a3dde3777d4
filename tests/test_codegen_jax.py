"""Generated JAX code: the table of programs against the oracle, transformations, tracing, errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tensorcalc as tc
from codegen_oracle import Oracle
from tensorcalc.codegen import compile_program
from tensorcalc.derivation.program import program_of
from tensorcalc.errors import TensorCalcError
from tensorcalc.system import Program
from test_codegen import SIZES, TABLE, data, sizes_for
from test_codegen_function import CE, gradient
from test_codegen_stable import FORWARD, GRADIENTS, HEAD, MASKED, Precise, values_for

jax = pytest.importorskip("jax")


@pytest.fixture(autouse=True)
def _double_precision() -> Iterator[None]:
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize("name", TABLE)
def test_table(name: str) -> None:
    program = TABLE[name]()
    values = data(program, "float64")
    expected = Oracle(values, SIZES).run(program)
    function = compile_program(program, "jax")
    keywords = sizes_for(function, SIZES)
    result = jax.jit(lambda values: function(**values, **keywords))(values)
    for found, wanted in zip(result if function.many else (result,), expected, strict=True):
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, wanted, atol=1e-11, rtol=1e-11, err_msg=function.source)


@pytest.mark.parametrize("name", [*FORWARD, *GRADIENTS])
def test_extreme_logits(name: str, dtype: str = "float32") -> None:
    if name in FORWARD:
        system = tc.parse(HEAD + FORWARD[name])
        program = Program(system.inputs, system.ordered, (system.tensors["r"],))
    else:
        text, of, wrt, kind = GRADIENTS[name]
        program = program_of(tc.parse(HEAD + text).derive(of, wrt=wrt, kind=kind))
    values = values_for(program, 1e4, name in MASKED, dtype)
    exact = {k: np.asarray(v).astype(object if v.dtype.kind == "f" else int) for k, v in values.items()}
    expected = Precise(exact, {}).run(program)
    function = compile_program(program, "jax")
    result = jax.jit(lambda values: function(**values))(values)
    tolerance = 2e-4
    for found, wanted in zip(result if function.many else (result,), expected, strict=True):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance * 1e-2, err_msg=function.source)


def test_transformations() -> None:
    function = gradient(CE, "c", "x", "vjp", "jax")
    random = np.random.default_rng(0)
    x, g = random.normal(size=(4, 3)), random.normal(size=4)
    labels = np.array([0, 2, 1, 1])

    def loss(x: Any) -> Any:
        return (g * -jax.nn.log_softmax(x)[np.arange(4), labels]).sum()

    np.testing.assert_allclose(function(x=x, T=labels, d_c=g), jax.grad(loss)(x), atol=1e-12)
    slope = jax.jacobian(lambda x: function(x=x, T=labels, d_c=g))(x)
    np.testing.assert_allclose(slope, jax.hessian(loss)(x), atol=1e-12)
    many = jax.vmap(lambda x: function(x=x, T=labels, d_c=g))(np.stack([x, 2 * x]))
    np.testing.assert_allclose(many[1], jax.grad(loss)(2 * x), atol=1e-12)


def test_golden_source(golden: Callable[[str, str], None]) -> None:
    golden("codegen_cross_entropy_jax.txt", gradient(CE, "c", "x", "vjp", "jax").source)
    golden("codegen_embedding_jax.txt", gradient("y[t,d] = E[X[t],d]", "y", "E", "vjp", "jax").source)


def test_dtypes() -> None:
    function = gradient(CE, "c", "x", "vjp", "jax")
    for dtype in ("float32", "bfloat16", "float16"):
        x = jax.numpy.ones((2, 3), dtype)
        assert function(x=x, T=[0, 1], d_c=jax.numpy.ones(2, dtype)).dtype == dtype
    assert function(x=np.ones((2, 3), int), T=[0, 1], d_c=[1, 1]).dtype == jax.numpy.result_type(float)


def test_errors() -> None:
    function = gradient(CE, "c", "x", "vjp", "jax")
    x, g = np.ones((2, 3)), np.ones(2)
    for arguments, code in (
        ({"T": [0, 3]}, "E_INDEX_RANGE"),
        ({"T": [0, -1]}, "E_INDEX_RANGE"),
        ({"T": [0.0, 1.0]}, "E_TYPE"),
        ({"T": [True, False]}, "E_TYPE"),
        ({"T": [0, 1, 2]}, "E_SHAPE"),
        ({"T": [0, 1], "out": x}, "E_ARGUMENTS"),
    ):
        with pytest.raises(TensorCalcError) as caught:
            function(x=x, d_c=g, **arguments)
        assert caught.value.code == code


def test_diagonals_beside_other_terms_are_chosen_by_a_comparison() -> None:
    function = gradient("s[i] = exp(x[i])/sum(j, exp(x[j])); c = -log(s[T])", "c", "x", "hessian", "jax")
    assert ".at[" not in function.source
    x = np.random.default_rng(1).normal(size=7).astype("float32")
    share = np.exp(x) / np.exp(x).sum()
    found = function(x=x, T=2)
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, np.diag(share) - np.outer(share, share), atol=1e-7)
    spread = gradient("D[i,j] = delta(i,j)*v[i] + v[i]*A[i,j]", "D", "v", "jvp", "jax")
    tangent, A = np.array([np.inf, 1.0, np.nan]), np.full((3, 3), 2.0)
    wanted = tangent[:, None] * np.where(np.eye(3, dtype=bool), 3, A)
    np.testing.assert_array_equal(spread(v=np.ones(3), A=A, v_v=tangent), wanted)

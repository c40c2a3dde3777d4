"""Systems as functions of JAX: derivatives of any order and mode, transformations, dtypes, errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tensorcalc as tc
from framework_functions import NAMES, arguments, numbers, system, wrapped
from tensorcalc.codegen import compile_program
from tensorcalc.errors import TensorCalcError
from tensorcalc.system import Program

jax = pytest.importorskip("jax")
jnp = jax.numpy
test_util = pytest.importorskip("jax.test_util")

TWICE = ("cross_entropy_batch", "rms_norm")


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def numbers_first(name: str, form: str = "function") -> tuple[Callable[..., Any], list[Any]]:
    """The function of its numbers alone, and their values."""
    found = system(name)
    values, names = arguments(found), numbers(found)
    f = wrapped(name, "jax", form)
    return (lambda *args: f(**{**values, **dict(zip(names, args, strict=True))})), [
        jnp.asarray(values[n]) for n in names
    ]


@pytest.mark.parametrize("name", NAMES)
def test_derivatives(name: str) -> None:
    f, args = numbers_first(name)
    test_util.check_grads(jax.jit(f), args, order=1, modes=("fwd", "rev"))


@pytest.mark.parametrize("name", TWICE)
def test_derivatives_of_derivatives(name: str) -> None:
    f, args = numbers_first(name)
    test_util.check_grads(jax.jit(f), args, order=2, modes=("fwd", "rev"))


@pytest.mark.parametrize("name", NAMES)
def test_reverse_mode_runs_the_generated_vjp(name: str) -> None:
    f, args = numbers_first(name, "operator")
    g, _ = numbers_first(name)
    every = tuple(range(len(args)))
    for first, second in zip(
        jax.jit(jax.grad(lambda *a: f(*a).sum(), every))(*args),
        jax.jit(jax.grad(lambda *a: g(*a).sum(), every))(*args),
        strict=True,
    ):
        np.testing.assert_allclose(first, second, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", TWICE)
def test_reverse_mode_again(name: str) -> None:
    f, args = numbers_first(name, "operator")
    test_util.check_grads(jax.jit(f), args, order=2, modes=("rev",))


@pytest.mark.parametrize("name", NAMES)
def test_transformations(name: str) -> None:
    found = system(name)
    values, first = arguments(found), numbers(found)[0]
    plain = compile_program(Program(found.inputs, found.ordered, (found.definitions[-1].tensor,)), "jax")

    def results(f: Callable[..., Any]) -> Any:
        def value(v: Any) -> Any:
            return f(**{**values, first: v}).sum()

        return jax.jit(jax.vmap(jax.grad(value)))(many), jax.jit(jax.hessian(value))(x)

    x = jnp.asarray(values[first])
    many = jnp.stack([x, 2 * x, x / 3])
    for one, other in zip(results(wrapped(name, "jax", "function")), results(plain), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


def test_labels_may_be_batched_and_traced() -> None:
    for form in ("function", "operator"):
        f = tc.load("cross_entropy").wrap(wrt="x", framework="jax", form=form)
        x, labels = jnp.asarray(np.random.default_rng(0).normal(size=(5, 4))), jnp.array([0, 3, 1, 1, 2])
        found = jax.jit(jax.vmap(jax.grad(f)))(x, labels)
        np.testing.assert_allclose(found, jax.nn.softmax(x, axis=1) - jax.nn.one_hot(labels, 4), atol=1e-12)


@pytest.mark.parametrize("form", ["function", "operator"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_dtype_follows_the_inputs(dtype: str, form: str) -> None:
    f = wrapped("layer_norm", "jax", form)
    exact = arguments(system("layer_norm"))
    values = {name: jnp.asarray(value).astype(dtype) for name, value in exact.items()}
    y = f(**{**values, "epsilon": 1e-5})
    assert y.dtype == dtype
    gradient = jax.jit(jax.grad(lambda x: f(**{**values, "x": x, "epsilon": 1e-5}).sum()))(values["x"])
    assert gradient.dtype == dtype
    expected = f(**{**{n: jnp.asarray(v) for n, v in exact.items()}, "epsilon": 1e-5})
    tolerance = 5e-2 if dtype == "bfloat16" else 1e-4
    np.testing.assert_allclose(np.asarray(y, float), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("form", ["function", "operator"])
def test_other_inputs_are_held_constant(form: str) -> None:
    f = tc.load("linear").wrap(wrt=["x", "b"], framework="jax", form=form)
    args = jnp.ones((4, 3)), jnp.ones((2, 3)), jnp.ones(2)
    x, weight, b = jax.grad(lambda *a: f(*a).sum(), (0, 1, 2))(*args)
    assert x.all()
    assert b.all()
    assert not weight.any()


@pytest.mark.parametrize("form", ["function", "operator"])
def test_several_results_and_sizes(form: str) -> None:
    f = tc.parse("index i: I; a[i] = exp(x[i])*w; b[i] = 1[i]*w*I").wrap(["b", "a"], framework="jax", form=form)
    x = jnp.arange(3.0)
    b, a = f(x, w=2.0)
    np.testing.assert_allclose(b, [6, 6, 6])
    np.testing.assert_allclose(jax.grad(lambda x: f(x, 2.0)[1].sum())(x), a)
    g = tc.parse("index i: I; y[i] = 1[i]*a*I").wrap(framework="jax", form=form)
    assert jax.jit(jax.grad(lambda a: g(a, I=3).sum()))(2.0) == 9
    assert g(2.0, I=4).shape == (4,)


def test_third_derivatives() -> None:
    f = tc.parse("l = log(sum(i, exp(x[i])*w[i]))").wrap(framework="jax")
    x, w = jnp.array([0.1, -0.4]), jnp.array([0.3, 1.2])

    def g(v: Any) -> Any:
        return jnp.log((jnp.exp(v) * w).sum())

    expected = jax.jit(jax.jacfwd(jax.hessian(g)))(x)
    for third in (jax.jacfwd, jax.jacrev):
        np.testing.assert_allclose(jax.jit(third(jax.hessian(lambda v: f(v, w))))(x), expected, atol=1e-12)


def test_wrong_arguments() -> None:
    f = tc.load("cross_entropy").wrap(framework="jax")
    for args, code in (
        ((jnp.zeros(4), 4), "E_INDEX_RANGE"),
        ((jnp.zeros(4), 1.0), "E_TYPE"),
        ((jnp.zeros((4, 1)), 1), "E_SHAPE"),
        ((jnp.zeros(4),), "E_ARGUMENTS"),
    ):
        with pytest.raises(TensorCalcError) as caught:
            f(*args)
        assert caught.value.code == code
    assert repr(f) == "<tensorcalc jax function compute_c(x, T)>"

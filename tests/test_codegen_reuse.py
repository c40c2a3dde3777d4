"""What generated code computes once: sums under several letters, signs from results, differences from labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import tensorcalc as tc
from codegen_oracle import Oracle
from tensorcalc.codegen import Function, compile_program
from tensorcalc.derivation.program import program_of
from tensorcalc.system import Program
from test_codegen_function import gradient

torch = pytest.importorskip("torch")
TARGETS = ("numpy", "torch", "jax")

SOFTMAX = "s[n,i] = exp(z[n,i])/sum(j, exp(z[n,j]))\n"
HEAD = f"index n: N\nz[n,c] = a[n,h]*V[h,c] + 1[n]*e[c]\n{SOFTMAX}"
NETWORK = (
    f"index n: N\na[n,h] = relu(x[n,d]*U[d,h] + 1[n]*b[h])\n{HEAD[len('index n: N') :]}L = -1/N*sum(n, log(s[n,T[n]]))"
)


@pytest.fixture(autouse=True)
def _double_precision() -> Iterator[None]:
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def arguments(function: Function, dtype: str = "float64", **sizes: int) -> dict[str, Any]:
    """Random arguments by name; NaN and infinities are put in by the tests."""
    random = np.random.default_rng(3)
    found: dict[str, Any] = {}
    for tensor in function.program.inputs:
        shape = tuple(sizes[d.name] for d in tensor.dimensions)
        if tensor.label_dimension is not None:
            found[tensor.name] = random.integers(0, sizes[tensor.label_dimension.name], shape)
        else:
            found[tensor.name] = random.normal(size=shape).astype(dtype)
    return found


def against_oracle(function: Function, size: int) -> None:
    """Compare a function with plain loops over all index values; dimensions are `size` long and longer."""
    program = function.program
    names = sorted({d.name for t in (*program.inputs, *(d.tensor for d in program.definitions)) for d in t.dimensions})
    sizes = {name: size + place for place, name in enumerate(names)}
    values = arguments(function, **sizes)
    same(called(function, values), Oracle(values, sizes).run(program), 1e-11)


def called(function: Function, values: dict[str, Any]) -> list[np.ndarray]:
    if function.target == "torch":
        values = {k: torch.as_tensor(v) for k, v in values.items()}
    result = function(**values)
    return [np.asarray(r) for r in (result if isinstance(result, tuple) else (result,))]


def differentiated(loss: Callable[[dict[str, Any]], Any], values: dict[str, Any], wrt: str) -> list[np.ndarray]:
    """The gradients by PyTorch."""
    tensors = {k: torch.as_tensor(v) for k, v in values.items()}
    leaves = [tensors[name].requires_grad_() for name in wrt.split()]
    return [g.numpy() for g in torch.autograd.grad(loss(tensors), leaves)]


def network_loss(v: dict[str, Any]) -> Any:
    logits = torch.relu(v["x"] @ v["U"] + v["b"]) @ v["V"] + v["e"]
    return torch.nn.functional.cross_entropy(logits, v["T"])


def same(found: list[np.ndarray], expected: list[np.ndarray], tolerance: float) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("rows", "hidden", "classes"), [(1, 1, 1), (7, 5, 3), (33, 2, 129)])
def test_network(target: str, rows: int, hidden: int, classes: int) -> None:
    function = gradient(NETWORK, "L", "U b V e", target=target)
    body = function.source.rpartition('"""')[2]
    assert body.count("x @ U") == 1 and "(a > 0)" in body
    assert "index_put_" not in body and "add.at" not in body  # no scatter of rows
    values = arguments(function, "float32", N=rows, D=4, H=hidden, C=classes)
    same(called(function, values), differentiated(network_loss, values, "U b V e"), 2e-5)


@pytest.mark.parametrize("target", ["numpy", "torch"])
def test_network_with_nan(target: str) -> None:
    """A row that holds NaN, and arguments of relu that are 0: what PyTorch makes of them.

    XLA reads a product with a truth value as a choice, as in the derivative of JAX's own relu.
    """
    function = gradient(NETWORK, "L", "U b V e", target=target)
    values = arguments(function, "float32", N=6, D=4, H=5, C=3)
    values["b"][:] = 0
    values["x"][2] = 0
    same(called(function, values), differentiated(network_loss, values, "U b V e"), 2e-5)
    values["x"][4, 1] = np.nan
    same(called(function, values), differentiated(network_loss, values, "U b V e"), 2e-5)


@pytest.mark.parametrize("target", TARGETS)
def test_second_derivative_of_layers(target: str) -> None:
    text = "h[i] = max(sum(j, A[i,j]*x[j]), 0)\nc = sum(k, exp(sum(i, B[k,i]*h[i])))"
    function = gradient(text, "c", "x", "hessian", target)
    assert function.source.rpartition('"""')[2].count("A @ x") == 1
    values = arguments(function, I=5, J=4, K=3)

    def value(x: Any) -> Any:
        matrices = [torch.as_tensor(values[name]) for name in "AB"]
        return torch.exp(matrices[1] @ torch.relu(matrices[0] @ x)).sum()

    expected = torch.autograd.functional.hessian(value, torch.as_tensor(values["x"])).numpy()
    same(called(function, values), [expected], 1e-10)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("text", "outputs"),
    [
        pytest.param("p[i] = exp(A[i,j]*x[j]); q[k] = sin(A[k,l]*x[l])", "p q", id="other letters"),
        pytest.param("p[i] = A[i,j]*x[j]; q[k] = sin(A[k,l]*x[l])", "p q", id="a definition itself"),
        pytest.param("p[i,j] = A[i,k]*A[j,k]; q[j,i] = exp(A[j,k]*A[i,k])", "p q", id="axes the other way round"),
        pytest.param(
            "p = sum(i, tanh(sum(j, A[i,j]*x[j]))*tanh(y[i] + sum(j, A[i,j]*x[j]))); q[k] = A[k,l]*x[l]",
            "p q",
            id="summed",
        ),
        pytest.param("p[i] = relu(A[i,j]*x[j]); q[i] = relu(B[i,j]*x[j])", "p q", id="other matrices"),
        pytest.param(
            "p[n,c] = sigmoid(sum(r, B[c,r]*relu(sum(k, A[r,k]*X[n,k]))));"
            "q[r,k] = sum(n, abs(sum(j, A[r,j]*X[n,j]))*relu(sum(j, A[r,j]*X[n,j]))*X[n,k])",
            "p q",
            id="one in the other",
        ),
    ],
)
def test_shared_sums(target: str, text: str, outputs: str) -> None:
    system = tc.parse(text)
    wanted = tuple(system.tensors[name] for name in outputs.split())
    function = compile_program(Program(system.inputs, system.ordered, wanted), target)
    against_oracle(function, 4)


LOSSES = {
    "its rows": f"{HEAD}L = -1/N*sum(n, log(s[n,T[n]]))",
    "weighted": f"{HEAD}L = -sum(n, w[n]*log(s[n,T[n]]))",
    "also cubed": f"{HEAD}L = -sum(n, log(s[n,T[n]])) + sum(n, i, s[n,i]^3)",
    "two labels": f"{HEAD}L = -sum(n, log(s[n,T[n]])) - 2*sum(n, log(s[n,R[n]]))",
    "smoothed": f"index i: I\n{HEAD}L = -sum(n, 9/10*log(s[n,T[n]]) + sum(i, log(s[n,i]))/(10*I))",
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_differences_from_labels(target: str, name: str, kept: bool) -> None:
    """With the softmax as a result as well, it must stay what it is."""
    system = tc.parse(LOSSES[name])
    program = program_of(system.derive("L", wrt=["a", "V", "e"], kind="gradient"))
    if kept:
        program = replace(program, outputs=(*program.outputs, system.tensors["s"]))
    against_oracle(compile_program(program, target), 3)


@pytest.mark.parametrize("target", TARGETS)
def test_differences_where_a_label_repeats(target: str) -> None:
    function = gradient(LOSSES["its rows"], "L", "a V e", target=target)
    assert "residual" in function.source
    values = arguments(function, "float32", N=9, H=3, C=4)
    values["T"][:] = 2

    def loss(v: dict[str, Any]) -> Any:
        return torch.nn.functional.cross_entropy(v["a"] @ v["V"] + v["e"], v["T"])

    same(called(function, values), differentiated(loss, values, "a V e"), 1e-5)

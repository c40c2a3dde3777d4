"""Generated code on large, infinite and masked logits, against arithmetic of 50 digits."""

from __future__ import annotations

import itertools
import math
import warnings
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy
from sympy import Expr

import tensorcalc as tc
from codegen_oracle import Oracle
from tensorcalc.codegen import compile_program
from tensorcalc.derivation.program import program_of
from tensorcalc.functions import function_of
from tensorcalc.system import Program

torch = pytest.importorskip("torch")

SIZES = {"n": 4, "i": 5, "d": 3, "k": 6, "T": 5}


class Precise(Oracle):
    """The oracle in arithmetic of 50 digits without overflow."""

    def value(self, e: Expr, at: Any) -> Any:
        found = super().value(e, at)
        return found if isinstance(found, mpmath.mpf) else mpmath.mpf(found)

    def _algebra(self, e: Expr, at: Any) -> Any:
        with mpmath.workdps(50):
            if isinstance(e, sympy.Function):
                arguments = [self.value(a, at) for a in e.args]
                return self._function(e, arguments)
            if e.is_number:
                return mpmath.mpf(sympy.N(e, 50))
            if isinstance(e, sympy.Mul):
                factors = [self.value(a, at) for a in e.args]
                return mpmath.mpf(0) if 0 in factors else mpmath.fprod(factors)  # 0 log 0 = 0
            return super()._algebra(e, at)

    @staticmethod
    def _function(e: Expr, arguments: list[Any]) -> Any:
        x = arguments[0]
        row = function_of(e)
        name = row.name if row else "exp"
        if name == "sigmoid":
            return 1 / (1 + mpmath.exp(-x))
        if name == "softplus":
            return mpmath.log(1 + mpmath.exp(x))
        if name == "max":
            return max(arguments)
        if name == "min":
            return min(arguments)
        return getattr(mpmath, {"abs": "fabs", "asin": "asin"}.get(name, name))(*arguments)

    def run(self, program: Program) -> list[np.ndarray]:
        for definition in program.definitions:
            shape = [self.size(d) for d in definition.tensor.dimensions]
            array = np.zeros(shape, dtype=object)
            with mpmath.workdps(50):
                for place in itertools.product(*map(range, shape)):
                    array[place] = self.value(definition.rhs, dict(zip(definition.indices, place, strict=True)))
            self.values[definition.name] = array
        return [self.values[t.name].astype(float) for t in program.outputs]


HEAD = "index n: 4, m: 4, i: 5, j: 5, l: 5, d: 3, k: 6\n"
FORWARD: dict[str, str] = {
    "softmax": "r[i] = exp(x[i])/sum(j, exp(x[j]))",
    "softmax of a batch": "r[n,i] = exp(X[n,i])/sum(j, exp(X[n,j]))",
    "softmax over the first axis": "r[n,i] = exp(X[n,i])/sum(m, exp(X[m,i]))",
    "softmax over both axes": "r[n,i] = exp(X[n,i])/sum(m, j, exp(X[m,j]))",
    "softmax with a helper": "S[n] = sum(j, exp(X[n,j])); r[n,i] = exp(X[n,i])/S[n]",
    "softmax with two helpers": "E[n,i] = exp(X[n,i]); S[n] = sum(j, E[n,j]); r[n,i] = E[n,i]/S[n]",
    "softmax of a sum": "r[n,i] = exp(X[n,i]/3 + 1[n]*x[i])/sum(j, exp(X[n,j]/3 + 1[n]*x[j]))",
    "softmax transposed": "r[i,n] = exp(X[n,i])/sum(j, exp(X[n,j]))",
    "softmax component": "r[n] = exp(X[n,T[n]])/sum(j, exp(X[n,j]))",
    "softmax times": "r[n] = a[n]*sum(i, exp(X[n,i])*x[i]/1000)/sum(j, exp(X[n,j]))",
    "expectation": "r[n] = sum(i, exp(X[n,i])/sum(j, exp(X[n,j]))*a[n])",
    "difference": "r[n,i] = (exp(X[n,i]) - 1[i]*exp(X[n,0]))/sum(j, exp(X[n,j]))",
    "jacobian": "r[n,i] = exp(X[n,i])*exp(X[n,1])/sum(j, exp(X[n,j]))^2",
    "mean of exponentials": "r[n,i] = exp(X[n,i])/(sum(j, exp(X[n,j]))/5)",
    "other exponent": "r[n,i] = exp(X[n,i] - 20000)/sum(j, exp(X[n,j]))",
    "with root": "r[n,i] = exp(X[n,i])/sqrt(sum(j, exp(2*X[n,j])))",
    "logsumexp": "r[n] = log(sum(j, exp(X[n,j])))",
    "logsumexp of all": "r = log(sum(n, j, exp(X[n,j])))",
    "logsumexp, mean": "r[n] = log(sum(j, exp(X[n,j]))/5)",
    "log-softmax": "r[n,i] = log(exp(X[n,i])/sum(j, exp(X[n,j])))",
    "log-softmax, helper": "s[n,i] = exp(X[n,i])/sum(j, exp(X[n,j])); r[n] = -log(s[n,T[n]])",
    "log-softmax and softmax": "s[n,i] = exp(X[n,i])/sum(j, exp(X[n,j])); r[n,i] = s[n,i]*a[n] - log(s[n,i])",
    "negative log-likelihood": "r[n] = log(sum(j, exp(X[n,j]))) - X[n,T[n]]",
    "negative log-likelihood, helper": "z[n] = log(sum(j, exp(X[n,j]))); r = sum(n, z[n] - X[n,T[n]])",
    "softmax by logsumexp": "z[n] = log(sum(j, exp(X[n,j]))); r[n,i] = exp(X[n,i] - 1[i]*z[n])",
    "weighted softmax, named": "e[n,i] = M[n,i]*exp(X[n,i]); z[n] = sum(i, e[n,i]); r[n,i] = e[n,i]/z[n]",
    "softplus": "r[n,i] = log(1 + exp(X[n,i]))",
    "softplus, log1p": "r[n,i] = log1p(exp(-X[n,i]))",
    "soft margin": "r[n,i] = log(exp(-a[n]*X[n,i]) + 1)",
    "sigmoid": "r[n,i] = 1/(1 + exp(-X[n,i]))",
    "sigmoid, other way": "r[n,i] = exp(X[n,i])/(1 + exp(X[n,i]))",
    "sigmoid, derivative": "r[n,i] = exp(-X[n,i])/(1 + exp(-X[n,i]))^2",
    "sigmoid, helper": "e[n,i] = exp(X[n,i]); r[n,i] = e[n,i]/(1 + e[n,i])",
    "sigmoid, weights": "r[n,i] = 1/(1 + 3*exp(-X[n,i]))",
    "log-sigmoid": "p[n,i] = sigmoid(X[n,i]); r[n,i] = log(p[n,i]) - log(sigmoid(-X[n,i]))",
    "log-sigmoid by hand": "r[n,i] = log(1/(1 + exp(-X[n,i])))",
    "log cosh": "r[n,i] = log((exp(X[n,i]) + exp(-X[n,i]))/2)",
    "tanh": "r[n,i] = (exp(X[n,i]) - exp(-X[n,i]))/(exp(X[n,i]) + exp(-X[n,i]))",
    "sech": "r[n,i] = 1/(exp(X[n,i]) + exp(-X[n,i]))",
    "two-way": "r[n,i] = exp(X[n,i])/(exp(X[n,i]) + 1[i]*exp(a[n]))",
    "three-way": "r[n,i] = exp(X[n,i])/(exp(X[n,i]) + 1[i]*exp(a[n]) + 1[n]*exp(x[i]))",
    "log of three": "r[n,i] = log(exp(X[n,i]) + 1[i]*exp(a[n]) + 2*exp(1[n]*x[i]))",
    "log with a number": "r[n,i] = log(2 + exp(X[n,i]))",
    "log with a number and more": "r[n,i] = log(exp(3) + 2*exp(X[n,i]) + exp(1[n]*x[i]))",
    "share with a number": "r[n,i] = exp(2*X[n,i])/(exp(2*X[n,i]) + 2)",
    "power with a number": "r[n,i] = exp(X[n,i]/2)/(exp(X[n,i]) + 2)^(2/3)",
    "share of three with a number": "r[n,i] = exp(X[n,i])/(exp(X[n,i]) + 1[n]*exp(x[i]) + 2)",
    "softmax with zero": "r[n,i] = exp(X[n,i])/(1 + sum(j, exp(X[n,j])))",
    "log with zero": "r[n] = log(1 + sum(j, exp(X[n,j])))",
    "product of exponentials": "r[n,i] = exp(X[n,i])*exp(-X[n,i])*x[i]",
    "quotient of exponentials": "r[n,i] = exp(X[n,i])/exp(X[n,i] - 1)",
    "entropy": "s[n,i] = exp(X[n,i])/sum(j, exp(X[n,j])); r[n] = -sum(i, s[n,i]*log(s[n,i]))",
    "entropy of probabilities": "r = -sum(n, i, P[n,i]*log(P[n,i]))",
    "divergence": "r = sum(n, i, P[n,i]*log(P[n,i]/Q[n,i]))",
    "scaled rows": "r[n,i] = exp(a[n]*X[n,i]/100)/sum(j, exp(a[n]*X[n,j]/100))",
    "pairs": "s[n,m] = sum(i, Y[n,i]*Y[m,i]); r = sum(n, log(sum(m, exp(1000*s[n,m]))) - 1000*s[n,n])",
    "contrastive": "s[n,m] = sum(i, Y[n,i]*Y[m,i]); r[n] = -log(exp(1000*s[n,P0[n]])/sum(m, exp(1000*s[n,m])))",
    "attention": "s[n,j] = sum(d, A[n,d]*B[j,d])*10000; r[n,d] = sum(j, exp(s[n,j])*V[j,d])/sum(l, exp(s[n,l]))",
    "weighted softmax": "r[n,i] = M[n,i]*exp(X[n,i])/sum(j, M[n,j]*exp(X[n,j]))",
    "weighted softmax, mask outside": "r[n,i] = exp(X[n,i])/sum(j, M[n,j]*exp(X[n,j]))*M[n,i]",
    "weighted sum": "r[n] = sum(i, M[n,i]*exp(X[n,i])*v[i])/sum(j, M[n,j]*exp(X[n,j]))",
    "weighted logsumexp": "r[n] = log(sum(j, M[n,j]*exp(X[n,j])))",
    "weights without batch": "r[n] = log(sum(j, M[n,j]*exp(x[j])))",
    "weights of either sign": "r[n,i] = v[i]*exp(X[n,i])/sum(j, v[j]*exp(X[n,j]))",
    "embedded rows": "r[n,i] = exp(W[T[n],i])/sum(j, exp(W[T[n],j])) + 0.001*1[n]*W[i,i]",
}


def values_for(program: Program, scale: float, masked: bool, dtype: str, seed: int = 0) -> dict[str, Any]:
    """Random arguments; X, x and W are logits of the given scale, some of X −∞ where `masked`; P, Q probabilities."""
    random = np.random.default_rng(seed)
    values: dict[str, Any] = {}
    for tensor in program.inputs:
        shape = tuple(d.size for d in tensor.dimensions)
        if tensor.label_dimension is not None:
            values[tensor.name] = random.integers(0, tensor.label_dimension.size, shape)
            continue
        array = random.normal(size=shape)
        if tensor.name in ("X", "x", "W"):
            array = np.where(random.random(shape) < 0.5, array, np.sign(array) * scale)
        if tensor.name == "X" and masked:
            array[0, 2] = array[1, 3] = array[2, 0] = -np.inf
        if tensor.name in ("M", "R"):
            array = (array > -0.5) * 1.0
            array[:, 0] = 1
        if tensor.name in ("P", "Q"):
            array = np.exp(array) / np.exp(array).sum()
            if tensor.name == "P":
                array[0, 1] = 0
        values[tensor.name] = np.asarray(array).astype(dtype)
    return values


def compare(program: Program, target: str, dtype: str, values: dict[str, Any]) -> None:
    expected = Precise(
        {k: np.asarray(v).astype(object if v.dtype.kind == "f" else int) for k, v in values.items()}, {}
    ).run(program)
    function = compile_program(program, target)
    arguments = {k: torch.as_tensor(v) for k, v in values.items()} if target == "torch" else values
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = function(**arguments)
    tolerance = 1e-11 if dtype == "float64" else 2e-4
    results = [np.asarray(r) for r in (result if function.many else (result,))]
    for found, wanted in zip(results, expected, strict=True):
        assert str(found.dtype) == dtype
        np.testing.assert_allclose(
            found, wanted, rtol=tolerance, atol=max(tolerance * 1e-2, 1e-11), err_msg=function.source
        )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("target", ["numpy", "torch"])
@pytest.mark.parametrize("name", FORWARD)
def test_forward(name: str, target: str, dtype: str) -> None:
    system = tc.parse(HEAD + FORWARD[name])
    output = system.tensors["r"]
    program = Program(system.inputs, system.ordered, (output,))
    compare(program, target, dtype, values_for(program, 1e4, False, dtype))


GRADIENTS: dict[str, tuple[str, str, str, str]] = {
    # equations, what to differentiate, by what, kind
    "cross-entropy": ("s[i] = exp(x[i])/sum(j, exp(x[j])); c = -log(s[Z])", "c", "x", "gradient"),
    "cross-entropy, logits": ("c = log(sum(j, exp(x[j]))) - x[Z]", "c", "x", "gradient"),
    "cross-entropy, batch": (
        "s[n,i] = exp(X[n,i])/sum(j, exp(X[n,j])); c[n] = -log(s[n,T[n]])",
        *("c", "X", "vjp"),
    ),
    "cross-entropy, mean": (
        "S[n] = sum(j, exp(X[n,j])); s[n,i] = exp(X[n,i])/S[n]; c = -sum(n, log(s[n,T[n]]))/4",
        *("c", "X", "gradient"),
    ),
    "cross-entropy, weighted": (
        "l[n] = log(sum(j, exp(X[n,j]))) - X[n,T[n]]; c = sum(n, w[T[n]]*l[n])/sum(n, w[T[n]]^2)",
        *("c", "X", "gradient"),
    ),
    "softmax": ("s[n,i] = exp(X[n,i])/sum(j, exp(X[n,j]))", "s", "X", "vjp"),
    "softmax jacobian": ("s[i] = exp(x[i])/sum(j, exp(x[j]))", "s", "x", "jacobian"),
    "logsumexp": ("z[n] = log(sum(j, exp(X[n,j])))", "z", "X", "vjp"),
    "logsumexp hessian": ("z = log(sum(j, exp(x[j])))", "z", "x", "hessian"),
    "cross-entropy hessian": ("s[i] = exp(x[i])/sum(j, exp(x[j])); c = -log(s[Z])", "c", "x", "hessian"),
    "cross-entropy hvp": ("c = sum(n, log(sum(j, exp(X[n,j]))) - X[n,T[n]])", "c", "X", "hvp"),
    "softplus": ("c = sum(n, i, log(1[n]*1[i] + exp(X[n,i])))", "c", "X", "gradient"),
    "sigmoid": ("r[n,i] = 1/(1 + exp(-X[n,i]))", "r", "X", "vjp"),
    "log-sigmoid": ("c = -sum(n, i, log(sigmoid(X[n,i])))", "c", "X", "gradient"),
    "log-sigmoid by hand": ("c = -sum(n, i, log(1/(1 + exp(-X[n,i]))))", "c", "X", "gradient"),
    "log cosh": ("c = sum(n, i, log((exp(X[n,i]) + exp(-X[n,i]))/2))", "c", "X", "gradient"),
    "soft margin": ("c = sum(n, log(1 + exp(-a[n]*sum(i, X[n,i]*w[i]))))", "c", "w", "gradient"),
    "attention": (
        "s[n,j] = sum(d, A[n,d]*B[j,d])*10000; r[n,d] = sum(j, exp(s[n,j])*V[j,d])/sum(l, exp(s[n,l]))",
        *("r", "A", "vjp"),
    ),
    "attention, mask": (
        "s[n,j] = sum(d, A[n,d]*B[j,d]) + X[n,j]; r[n,d] = sum(j, exp(s[n,j])*V[j,d])/sum(l, exp(s[n,l]))",
        *("r", "B", "vjp"),
    ),
    "binary cross-entropy": (
        "p[n,i] = sigmoid(X[n,i]); c = -sum(n, i, P[n,i]*log(p[n,i]) + (1 - P[n,i])*log(1 - p[n,i]))",
        *("c", "X", "gradient"),
    ),
    "weighted softmax, named": (
        "e[n,i] = M[n,i]*exp(X[n,i]); z[n] = sum(i, e[n,i]); r[n,i] = e[n,i]/z[n]",
        *("r", "X", "vjp"),
    ),
    "cox": ("c = -sum(n, a[n]*(x4[n] - log(sum(m, R[n,m]*exp(10000*x4[m])))))", "c", "x4", "gradient"),
    "soft labels": (
        "s[n,i] = exp(X[n,i])/sum(j, exp(X[n,j])); c = -sum(n, i, Y[n,i]*log(s[n,i]))",
        *("c", "X", "gradient"),
    ),
}


def test_the_logarithm_of_a_complement_needs_no_digits_of_the_probability() -> None:
    for p in ("sigmoid(x[n])", "1/(1 + exp(-x[n]))", "exp(x[n])/(1 + exp(x[n]))"):
        system = tc.parse(f"p[n] = {p}; r[n] = log(1 - p[n]) - 2*log(p[n])")
        program = Program(system.inputs, system.ordered, (system.tensors["r"],), "r")
        for dtype in ("float32", "float64"):
            found = compile_program(program, "numpy")(x=np.array([-1e4, -2.0, 1e4], dtype=dtype))
            np.testing.assert_allclose(
                found, [2e4, -math.log1p(math.exp(-2)) + 2 * math.log1p(math.exp(2)), -1e4], 1e-6
            )


MASKED = ("cross-entropy, batch", "cross-entropy, mean", "softmax", "logsumexp", "cross-entropy hvp", "attention, mask")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("target", ["numpy", "torch"])
@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name: str, target: str, dtype: str) -> None:
    text, of, wrt, kind = GRADIENTS[name]
    program = program_of(tc.parse(HEAD + text).derive(of, wrt=wrt, kind=kind))
    for masked in (False, True)[: 2 if name in MASKED else 1]:
        compare(program, target, dtype, values_for(program, 1e4, masked, dtype))


@pytest.mark.parametrize(
    ("text", "spared"),
    [
        ("y[i] = x[i]*(1 + tanh(x[i]))*z[i] + 3*(1 - tanh(x[i])^2)", True),
        ("t[i] = tanh(2*x[i]); y[i] = z[i]*(1/2 - 1/2*t[i]) + (z[i] + t[i] + 1)^2", True),
        ("t[i] = tanh(x[i]); y[i] = z[i]*(1 + t[i]) + t[i]", False),
        ("t[i] = tanh(x[i]); y[i] = z[i]*(1 + t[i]) + 1/(1 + t[i]^2)", False),
        ("y = sum(i, z[i]*(1 + tanh(x[i])))", False),
    ],
)
def test_tanh_by_the_logistic_function(text: str, spared: bool) -> None:
    system = tc.parse(text)
    program = Program(system.inputs, system.ordered, (system.definitions[-1].tensor,))
    x, z = np.linspace(-6, 6, 25), np.linspace(1, 2, 25)
    function = compile_program(program, "torch")
    assert ("tanh" not in function.source.partition("out=")[2].split('"""')[2]) == spared
    expected = compile_program(program, "numpy")(x=x, z=z)
    np.testing.assert_allclose(function(x=torch.tensor(x), z=torch.tensor(z)), expected, rtol=1e-12, atol=1e-13)


def test_silu_shares_its_sigmoid() -> None:
    function = tc.parse("y[i] = silu(a[i])*g[i]").derive("y", wrt=["a", "g"], kind="vjp").lambdify("numpy")
    assert function.source.count("np.exp") == 2

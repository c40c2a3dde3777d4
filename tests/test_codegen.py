"""Generated NumPy and PyTorch code against the oracle: one table of programs built by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy
from sympy import Expr, Rational, log, sqrt

import tensorcalc as tc
from codegen_oracle import Oracle
from tensorcalc.binding import Contraction, IndexMaximum, IndexProduct
from tensorcalc.codegen import compile_program
from tensorcalc.codegen.sizes import Solved
from tensorcalc.expr import Component, Determinant, Exp, Inverse, Iverson, LogDeterminant, delta, one
from tensorcalc.functions import FUNCTIONS
from tensorcalc.index import Dimension, Index, Tensor
from tensorcalc.system import Definition, Program

torch = pytest.importorskip("torch")

N, C, D, K, F = Dimension("N"), Dimension("C"), Dimension("D"), Dimension("K"), Dimension("F", 2)
SIZES = {"N": 4, "C": 5, "D": 3, "K": 6, "F": 2}
n, m, o = (Index(c, N) for c in "nmo")
i, j, p, q = (Index(c, C) for c in "ijpq")
d, e, f = (Index(c, D) for c in "def")
k, h = (Index(c, K) for c in "kh")
u = Index("u", F)


class Named:
    """A tensor that is indexed as in the notation."""

    def __init__(self, name: str, *dimensions: Dimension, label: Dimension | None = None) -> None:
        self.tensor = Tensor(name, dimensions, label)

    def __getitem__(self, indices: Any) -> Expr:
        return Component(self.tensor, *(indices if isinstance(indices, tuple) else (indices,)))

    def __call__(self) -> Expr:
        return Component(self.tensor)


def total(*arguments: Any) -> Expr:
    *dummies, body = arguments
    return Contraction(body, *dummies)


def fn(name: str, *arguments: Expr) -> Expr:
    return FUNCTIONS[name].symbol(*arguments)


x, y, A, B, W = (Named(t, N, C) for t in "xyABW")
V, S2, P2 = Named("V", C, D), Named("S2", C, C), Named("P2", C, C)
v, w, g, a, b = Named("v", C), Named("w", C), Named("g", N), Named("a", N), Named("b", N)
s, t = Named("s"), Named("t")
X3, Y3 = Named("X3", N, C, D), Named("Y3", N, D, K)
T, U, Z, R = Named("T", N, label=C), Named("U", C, label=N), Named("Z", label=C), Named("R", N, K, label=C)
T2 = Named("T2", C, label=C)
E2 = Named("E2", C, D)
Wf = Named("Wf", F, C)


def program(left: Expr, right: Expr, *others: tuple[Expr, Expr]) -> Program:
    """A program of one output and other definitions before it; everything not defined is an input."""
    definitions = [Definition(lhs.tensor, lhs.indices, rhs) for lhs, rhs in (*others, (left, right))]
    defined = {x.tensor for x in definitions}
    used = sorted({t for x in definitions for t in x.rhs.atoms(Tensor)} - defined, key=lambda t: t.name)
    return Program(tuple(used), tuple(definitions), (left.tensor,))


r0, r1, r2, r3, r4 = Named("r"), Named("r", N), Named("r", N, C), Named("r", N, C, D), Named("r", C, N)
rC, rCC, rND, rCD = Named("r", C), Named("r", C, C), Named("r", N, D), Named("r", C, D)

TABLE: dict[str, Callable[[], Program]] = {
    "copy": lambda: program(r2[n, i], x[n, i]),
    "transpose": lambda: program(r4[i, n], x[n, i] * 2),
    "transpose alone": lambda: program(r4[i, n], x[n, i]),
    "constant": lambda: program(r2[n, i], Rational(3, 2) * one(n, i) + x[n, i] * 0),
    "zero": lambda: program(r2[n, i], sympy.S.Zero, (r1[n], a[n])),
    "size": lambda: program(r0(), N * total(n, a[n]) / C + v[0]),
    "size alone": lambda: program(r1[n], a[n] / sqrt(N)),
    "outer": lambda: program(r2[n, i], a[n] * v[i]),
    "outer sum": lambda: program(r2[n, i], a[n] + v[i] - s()),
    "broadcast": lambda: program(r3[n, i, d], a[n] * one(i, d)),
    "algebra": lambda: program(r2[n, i], 2 * x[n, i] / (1 + y[n, i] ** 2) - s() * x[n, i] ** 3 / 3),
    "negative": lambda: program(r2[n, i], -x[n, i] - y[n, i]),
    "quotients": lambda: program(r2[n, i], x[n, i] / (a[n] ** 2 * (2 + v[i] ** 2)) / 7),
    "power": lambda: program(r2[n, i], sympy.Pow(1 + x[n, i] ** 2, y[n, i])),
    "power of number": lambda: program(r2[n, i], sympy.Pow(sympy.Integer(2), y[n, i])),
    "roots": lambda: program(r2[n, i], sqrt(1 + x[n, i] ** 2) + 1 / sqrt(2 + y[n, i] ** 2) + sqrt(2)),
    "power 3/2": lambda: program(r1[n], (1 + a[n] ** 2) ** Rational(-3, 2)),
    "matrix product": lambda: program(rND[n, d], total(i, x[n, i] * V[i, d])),
    "transposed product": lambda: program(Named("r", D, N)[d, n], total(i, x[n, i] * V[i, d])),
    "weight gradient": lambda: program(rCC[i, j], total(n, x[n, i] * y[n, j])),
    "matrix vector": lambda: program(r1[n], total(i, x[n, i] * v[i])),
    "vector matrix": lambda: program(rC[i], total(n, x[n, i] * a[n])),
    "dot": lambda: program(r0(), total(i, v[i] * w[i])),
    "bilinear": lambda: program(r0(), total(n, i, a[n] * x[n, i] * v[i])),
    "quadratic": lambda: program(r0(), total(i, j, v[i] * S2[i, j] * v[j])),
    "norm": lambda: program(r0(), sqrt(total(n, i, x[n, i] ** 2))),
    "row norm": lambda: program(r1[n], total(i, x[n, i] ** 2)),
    "row dot": lambda: program(r1[n], total(i, x[n, i] * y[n, i])),
    "column dot": lambda: program(rC[i], total(n, x[n, i] * y[n, i])),
    "chain of three": lambda: program(r0(), total(n, i, d, x[n, i] * V[i, d] * Named("c", N, D)[n, d])),
    "chain": lambda: program(Named("r", N, K)[n, k], total(i, d, x[n, i] * V[i, d] * Named("Q", D, K)[d, k])),
    "batched product": lambda: program(Named("r", N, C, K)[n, i, k], total(d, X3[n, i, d] * Y3[n, d, k])),
    "batched, permuted": lambda: program(Named("r", K, N, C)[k, n, i], total(d, X3[n, i, d] * Y3[n, d, k])),
    "batched vector": lambda: program(r2[n, i], total(d, X3[n, i, d] * Named("c", N, D)[n, d])),
    "order 3 by matrix": lambda: program(Named("r", N, C, K)[n, i, k], total(d, X3[n, i, d] * Named("Q", D, K)[d, k])),
    "two contracted": lambda: program(Named("r", C, K)[i, k], total(n, d, X3[n, i, d] * Y3[n, d, k])),
    "all contracted": lambda: program(r0(), total(n, i, d, X3[n, i, d] * X3[n, i, d])),
    "batch, two contracted": lambda: program(rC[i], total(n, d, X3[n, i, d] * Named("H", D, C, N)[d, i, n])),
    "trace": lambda: program(r0(), total(i, S2[i, i])),
    "trace of product": lambda: program(r0(), total(i, j, S2[i, j] * P2[j, i])),
    "diagonal": lambda: program(rC[i], S2[i, i] * 2),
    "diagonal of order 3": lambda: program(r2[n, i], Named("H", C, N, C)[i, n, i]),
    "mean and centre": lambda: program(r2[n, i], x[n, i] - total(j, x[n, j]) / C),
    "sum of scalar": lambda: program(r0(), total(n, i, s() ** 2)),
    "sum independent": lambda: program(r1[n], total(i, a[n] * one(i))),
    "sum of sum": lambda: program(r1[n], total(i, x[n, i] + v[i] * a[n] + 1)),
    "sum of quotient": lambda: program(r1[n], total(i, v[i] / (1 + x[n, i] ** 2))),
    "sum of inverse": lambda: program(r0(), total(i, 1 / (1 + v[i] ** 2))),
    "sum of function": lambda: program(r1[n], total(i, Exp(x[n, i]) * v[i])),
    "product of sums": lambda: program(r0(), total(i, v[i]) * total(n, a[n]) + total(i, n, v[i] * a[n])),
    "hadamard then product": lambda: program(rND[n, d], total(i, x[n, i] * y[n, i] * V[i, d])),
    "scaled product": lambda: program(rND[n, d], total(i, x[n, i] * v[i] * a[n] * V[i, d]) / 3),
    "khatri-rao": lambda: program(r3[n, i, d], x[n, i] * V[i, d] * Named("c", N, D)[n, d]),
    "CP": lambda: program(
        r3[n, i, d], total(k, Named("P", N, K)[n, k] * Named("Q", C, K)[i, k] * Named("L", D, K)[d, k])
    ),
    "nested": lambda: program(rND[n, d], total(i, Exp(total(j, x[n, j] * S2[j, i])) * V[i, d])),
    "same dummy twice": lambda: program(r1[n], total(i, x[n, i]) * total(i, y[n, i])),
    "fixed size": lambda: program(r0(), total(u, i, Wf[u, i] * v[i]) * F),
    "label": lambda: program(r1[n], x[n, T[n]]),
    "label in front": lambda: program(r2[n, i], V[T[n], 1] * x[n, i]),
    "embedding": lambda: program(rND[n, d], E2[T[n], d]),
    "embedding of order 3": lambda: program(Named("r", N, K, D)[n, k, d], E2[R[n, k], d]),
    "scalar label": lambda: program(rND[n, d], E2[Z(), d] * a[n] + E2[2, d]),
    "integers": lambda: program(rND[n, d], X3[n, 2, d] + X3[1, 0, d]),
    "integer among labels": lambda: program(
        rND[n, d], Named("H", C, C, D)[T[n], 1, d] + Named("G", C, D, C)[1, d, T[n]]
    ),
    "scalar label among labels": lambda: program(rND[n, d], Named("G", C, D, C)[Z(), d, T[n]]),
    "label of label": lambda: program(r1[n], g[U[T[n]]]),
    "weights of labels": lambda: program(r0(), total(n, w[T[n]] * x[n, T[n]]) / total(n, w[T[n]])),
    "two labels": lambda: program(r1[n], S2[T[n], T[n]] + S2[T[n], T2[T[n]]]),
    "labels apart": lambda: program(r1[n], Named("H", C, N, C)[T[n], n, T[n]]),
    "labels apart with slice": lambda: program(rND[n, d], Named("H", C, D, C)[T[n], d, T[n]]),
    "label between": lambda: program(Named("r", D, N, K)[d, n, k], Named("H", D, C, K)[d, T[n], k]),
    "labels of two indices": lambda: program(r2[n, i], S2[T[n], T2[i]]),
    "pairs of labels": lambda: program(Named("r", N, N)[n, m], S2[T[n], T[m]]),
    "sum over labels": lambda: program(rC[i], total(n, S2[T[n], i] * g[n])),
    "scatter": lambda: program(r2[n, p], x[n, p] - delta(p, T[n])),
    "scatter scaled": lambda: program(r2[n, p], g[n] * (x[n, p] - delta(p, T[n]) + a[n])),
    "scatter alone": lambda: program(r2[n, p], g[n] * delta(p, T[n])),
    "scatter gathered": lambda: program(r2[n, p], x[n, p] * delta(p, T[n]) * 3),
    "scatter row": lambda: program(rC[p], v[p] - delta(p, Z()) * w[p]),
    "scatter integer": lambda: program(r2[n, p], x[n, p] + a[n] * delta(p, 2)),
    "scatter column": lambda: program(rCD[p, d], E2[p, d] + delta(p, Z()) * Named("z", D)[d]),
    "scatter two labels": lambda: program(rCC[p, q], S2[p, q] + delta(p, Z()) * delta(q, 1) * s()),
    "scatter twice": lambda: program(r2[n, p], x[n, p] - delta(p, T[n]) + y[n, p] * delta(p, Z())),
    "scatter with slices": lambda: program(r3[n, p, d], X3[n, p, d] - delta(p, T[n]) * Named("z", D)[d]),
    "scatter apart": lambda: program(Named("r", C, D, C)[p, d, q], delta(p, Z()) * delta(q, Z()) * Named("z", D)[d]),
    "scatter apart labels": lambda: program(
        Named("r", N, C, D, C)[n, p, d, q], delta(p, T[n]) * delta(q, T[n]) * Named("z", D)[d] * g[n]
    ),
    "accumulate": lambda: program(rCD[p, d], total(n, delta(p, T[n]) * Named("c", N, D)[n, d])),
    "accumulate constant": lambda: program(rC[p], v[p] + total(n, delta(p, T[n]))),
    "accumulate scalar": lambda: program(rC[p], total(n, delta(p, T[n]) * s())),
    "accumulate last": lambda: program(Named("r", D, C)[d, p], total(n, delta(p, T[n]) * Named("c", N, D)[n, d])),
    "accumulate pairs": lambda: program(rCC[p, q], total(n, delta(p, T[n]) * delta(q, T[n]) * g[n])),
    "accumulate with integer": lambda: program(rCC[p, q], total(n, delta(p, T[n]) * delta(q, 3) * g[n])),
    "accumulate with slice": lambda: program(
        Named("r", C, D, C)[p, d, q], total(n, delta(p, T[n]) * delta(q, T[n]) * Named("c", N, D)[n, d])
    ),
    "accumulate order 2": lambda: program(rCD[p, d], total(n, k, delta(p, R[n, k]) * Named("c", N, K, D)[n, k, d])),
    "accumulate partly": lambda: program(rC[p], total(n, k, delta(p, T[n]) * Named("c", N, K)[n, k])),
    "delta": lambda: program(rCC[p, q], S2[p, q] - delta(p, q) * v[p]),
    "delta alone": lambda: program(rCC[p, q], delta(p, q) * s()),
    "delta diagonal": lambda: program(rCC[p, q], delta(p, q) * S2[p, q]),
    "softmax jacobian": lambda: program(rCC[p, q], v[p] * delta(p, q) - v[p] * v[q]),
    "delta between": lambda: program(Named("r", N, C, D, C)[n, p, d, q], delta(p, q) * Named("c", N, D)[n, d]),
    "delta with neighbours": lambda: program(Named("r", N, C, C, D)[n, p, q, d], delta(p, q) * X3[n, p, d]),
    "matmul jacobian": lambda: program(Named("r", N, D, C, D)[n, d, p, e], x[n, p] * delta(d, e)),
    "two deltas": lambda: program(Named("r", N, C, N, C)[n, p, m, q], delta(n, m) * delta(p, q) * x[n, p]),
    "three of a kind": lambda: program(Named("r", C, C, C)[p, q, i], delta(p, q) * delta(q, i) * v[i]),
    "third order": lambda: program(
        Named("r", C, C, C)[i, p, q],
        v[i] * (delta(i, p) - one(i) * v[p]) * (delta(i, q) - one(i) * v[q])
        - v[i] * v[p] * (delta(p, q) - one(p) * v[q]),
    ),
    "delta of sum": lambda: program(rCC[p, q], total(n, x[n, p] * delta(p, q) * g[n])),
    "delta summed": lambda: program(rC[p], total(q, delta(p, q) * S2[p, q] * v[q])),
    "delta in sum of terms": lambda: program(rC[p], total(i, w[i] * (delta(p, i) * v[i] - v[i] * v[p]))),
    "fisher": lambda: program(
        rCC[p, q], total(i, v[i] * (delta(p, i) - v[p] * one(i)) * (delta(q, i) - v[q] * one(i)))
    ),
    "delta of dummies": lambda: program(r0(), total(p, q, delta(p, q) * S2[p, q] + (1 - delta(p, q)) * P2[p, q] ** 2)),
    "delta of dummies in brackets": lambda: program(r0(), total(p, q, (1 - delta(p, q)) * S2[p, q] ** 2)),
    "delta of label summed": lambda: program(r1[n], total(p, delta(p, T[n]) * x[n, p] * v[p])),
    "delta of labels": lambda: program(Named("r", N, N)[n, m], a[n] * delta(T[n], T[m])),
    "delta of label and integer": lambda: program(r1[n], a[n] * delta(T[n], 2) + delta(T[n], Z())),
    "delta in function": lambda: program(rCC[p, q], log(1 + Exp(-(2 * delta(p, q) - 1) * S2[p, q]))),
    "delta in function, summed": lambda: program(
        r0(), total(p, q, log(1 + Exp(-(2 * delta(p, q) - 1) * S2[p, q]))) / total(p, one(p))
    ),
    "delta in denominator": lambda: program(rCC[p, q], S2[p, q] / (1 + delta(p, q))),
    "sum of delta in function": lambda: program(rC[p], Exp(total(q, delta(p, q) * v[q]))),
    "label delta in function": lambda: program(r2[n, p], Exp(delta(p, T[n]) * x[n, p])),
    "cumulative": lambda: program(rC[p], total(q, Iverson("le", q, p) * v[q])),
    "triangle": lambda: program(
        rCC[p, q], Iverson("lt", q, p) * S2[p, q] + Iverson("ge", p, sympy.Integer(2)) + Iverson("ne", p, q)
    ),
    "relu": lambda: program(r2[n, i], fn("relu", x[n, i]) + fn("positive", y[n, i]) * x[n, i]),
    "positive alone": lambda: program(r2[n, i], fn("positive", y[n, i])),
    "extremes": lambda: program(r2[n, i], fn("max", x[n, i], a[n]) - fn("min", x[n, i], Rational(1, 2))),
    "larger": lambda: program(r2[n, i], fn("larger", x[n, i], a[n]) + fn("larger", v[i], v[i] * 1) * a[n]),
    "functions": lambda: program(
        r2[n, i],
        sum(fn(w, x[n, i]) for w in ("sin", "cos", "tanh", "sinh", "cosh", "atan", "abs", "sign", "expm1", "softplus"))
        + fn("asin", fn("tanh", x[n, i])) * fn("acos", fn("tanh", y[n, i]))
        + fn("log1p", x[n, i] ** 2),
    ),
    "activations": lambda: program(
        r2[n, i], fn("sigmoid", x[n, i]) + fn("silu", y[n, i]) + fn("gelu", x[n, i]) + fn("erf", y[n, i])
    ),
    "gamma": lambda: program(r2[n, i], fn("lgamma", 1 + x[n, i] ** 2)),
    "functions of sizes": lambda: program(
        r2[n, i],
        fn("max", N, x[n, i]) * fn("min", y[n, i], C)
        + fn("log", fn("exp", -N) + fn("exp", x[n, i]))
        + fn("log", fn("exp", y[n, i]) + 3)
        + N * fn("log", N) * x[n, i]
        + fn("sigmoid", N / C) * fn("gelu", C / N),
    ),
    "intermediates": lambda: program(
        r2[n, i],
        x[n, i] * Named("z", N)[n] + Named("y2", C)[i],
        (Named("z", N)[n], total(i, x[n, i])),
        (Named("y2", C)[i], v[i]),
    ),
    "intermediate with label": lambda: program(
        r1[n], Named("z", N, C)[n, T[n]], (Named("z", N, C)[n, i], x[n, i] * one(n) + v[i])
    ),
    "constant intermediate with label": lambda: program(
        r1[n], Named("z", N, C)[n, T[n]] * a[n], (Named("z", N, C)[n, i], a[n] * one(i))
    ),
    "intermediate of repeated index": lambda: program(
        rC[i], Named("z", C, C)[i, i], (Named("z", C, C)[i, j], v[i] * w[j])
    ),
    "layer norm": lambda: program(
        r2[n, i],
        Named("c", N, C)[n, i] / sqrt(total(j, Named("c", N, C)[n, j] ** 2) / C + Rational(1, 100000)) * v[i] + w[i],
        (Named("c", N, C)[n, i], x[n, i] - total(j, x[n, j]) / C),
    ),
    "long": lambda: program(
        rND[n, d],
        fn("tanh", total(i, x[n, i] * V[i, d]) + total(i, y[n, i] * E2[i, d]) + Named("z", D)[d])
        * fn("sigmoid", total(i, A[n, i] * V[i, d]) + total(i, B[n, i] * E2[i, d]) + Named("z", D)[d]),
    ),
}


def data(program: Program, dtype: str, seed: int = 0) -> dict[str, Any]:
    """Random arguments of a program."""
    random = np.random.default_rng(seed)
    values: dict[str, Any] = {}
    for tensor in program.inputs:
        shape = tuple(SIZES[d.name] for d in tensor.dimensions)
        if tensor.label_dimension is not None:
            values[tensor.name] = random.integers(0, SIZES[tensor.label_dimension.name], shape)
        else:
            values[tensor.name] = random.normal(size=shape).astype(dtype)
    return values


def sizes_for(function: Any, sizes: dict[str, int]) -> dict[str, int]:
    return {d.name: sizes[d.name] for d in function._assembled.sizes}


def check(program: Program, target: str, dtype: str, seed: int = 0) -> None:
    """Compare a compiled program with the oracle; results, dtypes and `out`."""
    values = data(program, dtype, seed)
    expected = Oracle(values, SIZES).run(program)
    function = compile_program(program, target)
    arguments = {k: torch.as_tensor(v) for k, v in values.items()} if target == "torch" else values
    keywords = sizes_for(function, SIZES)
    before = {k: np.array(v) for k, v in values.items()}
    result = function(**arguments, **keywords)
    results = result if function.many else (result,)
    tolerance = 1e-12 if dtype == "float64" else 2e-5
    for found, wanted in zip(results, expected, strict=True):
        assert str(found.dtype).removeprefix("torch.") == dtype or not program.inputs, function.source
        assert tuple(found.shape) == wanted.shape, function.source
        scale = max(1.0, np.abs(wanted).max(initial=0))
        np.testing.assert_allclose(np.asarray(found) / scale, wanted / scale, atol=tolerance, rtol=tolerance)
    for name, value in before.items():
        np.testing.assert_array_equal(value, np.asarray(arguments[name]), err_msg=f"{name} was changed")
    outs = tuple(torch.empty_like(r) if target == "torch" else np.empty_like(r) for r in results)
    again = function(**arguments, **keywords, out=outs if function.many else outs[0])
    for place, out in enumerate(outs):
        assert (again[place] if function.many else again) is out
        np.testing.assert_array_equal(np.asarray(out), np.asarray(results[place]))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("target", ["numpy", "torch"])
@pytest.mark.parametrize("name", TABLE)
def test_table(name: str, target: str, dtype: str) -> None:
    check(TABLE[name](), target, dtype)


def affine_program() -> Program:
    """Indices that leave their axes: entries outside are zero."""
    t, p, k = Index("t", N), Index("p", C), Index("k", D)
    y1 = Named("y1", N)
    left = Named("r", C)[p]
    right = total(k, y1[p - k] * Named("w1", D)[k]) + w[p + 2] * v[3 - p] + y1[p] - x[2, p - 1] + total(t, w[2 * t - 1])
    return program(left, right)


def product_of(*arguments: Any) -> Expr:
    *dummies, body = arguments
    return IndexProduct(body, *dummies)


def largest(*arguments: Any) -> Expr:
    *dummies, body = arguments
    return IndexMaximum(body, *dummies)


TABLE["product"] = lambda: program(r1[n], product_of(i, x[n, i] + a[n]))
TABLE["product of all"] = lambda: program(r0(), product_of(n, i, x[n, i]) * s())
TABLE["product of two"] = lambda: program(rC[i], product_of(n, d, X3[n, i, d]))
TABLE["product of columns"] = lambda: program(rC[i], v[i] / product_of(n, 1 + x[n, i] ** 2))
TABLE["product independent"] = lambda: program(r1[n], product_of(i, a[n]))
TABLE["product independent of two"] = lambda: program(r1[n], product_of(i, d, a[n] * V[i, 0]))
TABLE["product with delta"] = lambda: program(rC[q], product_of(p, 1 + delta(p, q) * v[p]))
TABLE["product in sum"] = lambda: program(r0(), total(n, a[n] * product_of(i, x[n, i])))
TABLE["maximum"] = lambda: program(r1[n], largest(i, x[n, i] * v[i]) - a[n])
TABLE["maximum of all"] = lambda: program(r0(), largest(n, i, x[n, i]))
TABLE["maximum of two"] = lambda: program(rC[i], largest(n, d, X3[n, i, d]))
TABLE["maximum independent"] = lambda: program(r1[n], largest(i, a[n]))
TABLE["maximum gradient"] = lambda: program(
    r2[n, i],
    fn("equal", x[n, i], Named("z", N)[n]) * a[n] / total(j, fn("equal", x[n, j], Named("z", N)[n])),
    (Named("z", N)[n], largest(i, x[n, i])),
)
TABLE["inverse"] = lambda: program(rCC[i, j], Inverse(S2.tensor, i, j) * 2)
TABLE["inverse, more"] = lambda: program(
    r1[n], total(i, j, x[n, i] * Inverse(S2.tensor, j, i) * x[n, j]) + Inverse(S2.tensor, T[n], sympy.Integer(0))
)
TABLE["inverse jacobian"] = lambda: program(
    Named("r", C, C, C, C)[i, j, p, q], -Inverse(S2.tensor, i, p) * Inverse(S2.tensor, q, j)
)
TABLE["inverse of intermediate"] = lambda: program(
    rCC[j, i],
    Inverse(Named("z", C, C).tensor, i, j),
    (Named("z", C, C)[i, j], 3 * delta(i, j) + v[i] * v[j]),
)
TABLE["determinant"] = lambda: program(r0(), Determinant(S2.tensor) * Inverse(S2.tensor, sympy.Integer(1), Z()))
TABLE["logarithm of determinant"] = lambda: program(
    r0(), LogDeterminant(Named("z", C, C).tensor) / 2, (Named("z", C, C)[i, j], 3 * delta(i, j) + v[i] * v[j])
)
TABLE["delta that selects nothing"] = lambda: program(
    r0(), Named("z")() + delta(Z(), 0), (Named("z")(), total(i, v[i]))
)
TABLE["outside"] = affine_program
TABLE["outside in front"] = lambda: program(r3[n, i, d], Named("G", D, C)[d, i - n] * a[n] + x[n, i - 1] * V[i + d, d])
TABLE["affine delta"] = lambda: program(rC[p], total(n, d, a[n] * Named("z", D)[d] * delta(p, n + d)))
TABLE["affine delta of dummies"] = lambda: program(
    r0(), total(n, d, p, a[n] * Named("z", D)[d] * v[p] * delta(p, n + d))
)
TABLE["range"] = lambda: program(rC[p], v[p] * Iverson("lt", p - 1, N) * Iverson("ge", p - 1, sympy.Integer(0)))

AFFINE: dict[str, tuple[str, dict[str, int]]] = {
    # the equations, and the sizes of the dimensions by the first letter that runs over them
    "shift": ("r[t] = x[t+2]*2", {"x": 7}),
    "shifts": ("r[t] = x[t+2] - x[t+1]*x[t]", {"x": 7}),
    "second difference": ("c = sum(t, (x[t+2] - 2*x[t+1] + x[t])^2); r = c", {"x": 7}),
    "convolution": ("r[n,o,t] = sum(c,k, w[o,c,k]*x[n,c,t+k])", {"n": 2, "o": 3, "c": 4, "k": 3, "x": 7}),
    "stride": ("r[n,t] = sum(k, x[n,2*t+k]*w[k])", {"n": 2, "k": 3, "x": 9}),
    "stride, rest": ("r[n,t] = sum(k, x[n,2*t+k]*w[k])", {"n": 2, "k": 3, "x": 10}),
    "every second": ("r[t] = x[2*t]", {"x": 9}),
    "every third from the second": ("r[t] = x[3*t+1]", {"x": 9}),
    "dilation": ("r[t] = sum(k, x[t+2*k]*w[k])", {"k": 3, "x": 9}),
    "both known": ("r[t] = sum(k, x[t+k]*w[k])*y[t]", {"k": 3, "t": 6, "x": 7}),
    "diagonals": ("r[t] = sum(k, A[t+k,k])", {"A": 7, "k": 3}),
    "with label": ("r[t] = x[T[t]+1]", {"t": 4, "x": 5, "T": 5}),
    "two dimensions": ("r[s,t] = sum(k,l, x[s+k,t+l]*w[k,l])", {"k": 2, "l": 3, "x": 5}),
}


def affine_data(system: Any, sizes: dict[str, int]) -> tuple[dict[str, Any], dict[str, int]]:
    """Random arguments, and the sizes of the dimensions; an axis without its own letter takes the tensor's size."""
    random = np.random.default_rng(0)
    known = {
        dim.name: sizes[letter] for dim, letters in system.letters.items() for letter in letters if letter in sizes
    }
    values = {}
    for tensor in system.inputs:
        shape = []
        for dim in tensor.dimensions:
            shape.append(known.setdefault(dim.name, sizes.get(tensor.name, 0)))
        values[tensor.name] = random.integers(0, sizes["T"], shape) if tensor.is_label else random.normal(size=shape)
    return values, known


@pytest.mark.parametrize("target", ["numpy", "torch"])
@pytest.mark.parametrize("name", AFFINE)
def test_affine(name: str, target: str) -> None:
    text, sizes = AFFINE[name]
    system = tc.parse(text)
    compiled = Program(system.inputs, system.ordered, (system.tensors["r"],))
    values, known = affine_data(system, sizes)
    function = compile_program(compiled, target)
    arguments = {k: torch.as_tensor(v) for k, v in values.items()} if target == "torch" else values
    found = np.asarray(function(**arguments))
    origins = function._assembled.origins
    for dim, origin in origins.items():
        if isinstance(origin, Solved):
            known[dim.name] = origin.value(lambda other: known[other.name])
    expected = Oracle(values, known).run(compiled)[0]
    assert found.shape == expected.shape and found.size
    np.testing.assert_allclose(found, expected, atol=1e-12, err_msg=function.source)

"""Rowwise functions for the tests of the target c, and their values by the reference evaluator."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import tensorcalc as tc
from tensorcalc.derivation.program import program_of
from tensorcalc.evaluator import Environment
from tensorcalc.index import Dimension
from tensorcalc.system import Program

needs_compiler = pytest.mark.skipif(
    not any(shutil.which(name) for name in ("cc", "gcc", "clang")), reason="there is no C compiler"
)

SOFTMAX = "s[n,i] = exp(x[n,i])/sum(j, exp(x[n,j]))"
ROWWISE: Mapping[str, tuple[str, str, str, str]] = {
    "cross entropy": (f"{SOFTMAX}; c[n] = -log(s[n,T[n]])", "c", "x", "vjp"),
    "mean cross entropy": (f"index n: N\n{SOFTMAX}\nc = -1/N*sum(n, log(s[n,T[n]]))", "c", "x", "gradient"),
    "softmax": (SOFTMAX, "s", "x", "vjp"),
    "log softmax": ("l[n,i] = x[n,i] - 1[i]*log(sum(j, exp(x[n,j])))", "l", "x", "vjp"),
    "focal": (f"{SOFTMAX}; c[n] = -(1 - s[n,T[n]])^2*log(s[n,T[n]])", "c", "x", "vjp"),
    "divergence": (f"{SOFTMAX}; c[n] = sum(i, p[n,i]*(log(p[n,i]) - log(s[n,i])))", "c", "x", "vjp"),
    "layer norm": (
        "index b: B, h: H\nm[b] = 1/H*1[h]*x[b,h]\nu[b,h] = x[b,h] - 1[h]*m[b]\nv[b] = 1/H*sum(h, u[b,h]^2)\n"
        "r[b] = sqrt(v[b] + eps)\ny[b,h] = u[b,h]/r[b]*g[h] + 1[b]*beta[h]",
        "y",
        "x g beta",
        "vjp",
    ),
    "rms norm": (
        "index b: B, h: H\nr[b] = sqrt(1/H*sum(h, x[b,h]^2) + eps)\ny[b,h] = x[b,h]/r[b]*g[h]",
        "y",
        "x g",
        "vjp",
    ),
    "gelu": ("y[b,h] = 1/2*x[b,h]*(1 + tanh(sqrt(2/pi)*(x[b,h] + 0.044715*x[b,h]^3)))", "y", "x", "vjp"),
    "swiglu": ("y[b,h] = silu(a[b,h])*g[b,h]", "y", "a g", "vjp"),
    "column softmax": ("s[i,n] = exp(x[i,n])/sum(j, exp(x[j,n]))", "s", "x", "vjp"),
    "whole norm": ("r = sqrt(sum(i, j, x[i,j]^2) + 1); y[i,j] = x[i,j]/r", "y", "x", "vjp"),
    "unnamed": (
        "index i: I\np[n,i] = tanh(w[i]*x[n,i] + 1[n]*b[i])\nq[n] = 1/I*sum(i, p[n,i]^2*exp(-p[n,i]))\n"
        "y[n,i] = p[n,i]*erf(x[n,i])/(1[i]*q[n]^2 + 1[n,i])",
        "y",
        "x w b",
        "vjp",
    ),
    "embedding": ("y[t,d] = E[X[t],d]*g[d]", "y", "E g", "vjp"),
    "power iteration": (
        "a[i] = sum(j, A[i,j]*v[j]); na = sqrt(sum(i, a[i]^2)); u[i] = a[i]/na; b[i] = sum(j, A[i,j]*u[j])\n"
        "nb = sqrt(sum(i, b[i]^2)); w[i] = b[i]/nb; c = sum(i,j, w[i]*A[i,j]*w[j])",
        "c",
        "A v",
        "gradient",
    ),
    "names of loops": (
        "b[j,d] = exp(-k[j,d]^2); part[d] = sum(j, b[j,d]); S[d,e] = sum(j, b[j,d]*task[j,e])\n"
        "entry[i,e] = sum(d, b0[i,d]*S[d,e]/(part[d]^2 + 1[d]))",
        "entry",
        "b0 k task",
        "vjp",
    ),
    "linear": ("y[n,o] = sum(i, x[n,i]*W[o,i]) + 1[n]*b[o]", "y", "x W b", "vjp"),
    "linear cross entropy": (
        "index n: N\nz[n,c] = x[n,d]*W[d,c]\ns[n,i] = exp(z[n,i])/sum(j, exp(z[n,j]))\nL = -1/N*sum(n, log(s[n,T[n]]))",
        "L",
        "x W",
        "gradient",
    ),
    "attention": (
        "index d: D\nS[h,i,j] = 1/sqrt(D)*q[h,i,d]*k[h,j,d]\nA[h,i,j] = exp(S[h,i,j])/sum(l, exp(S[h,i,l]))\n"
        "o[h,i,d] = A[h,i,j]*v[h,j,d]",
        "o",
        "q k v",
        "vjp",
    ),
}


def derivation(name: str) -> Any:
    """The derivation of one of the functions."""
    text, of, wrt, kind = ROWWISE[name]
    return tc.parse(text).derive(of, wrt=wrt.split(), kind=kind)  # type: ignore[arg-type]


LARGE = ("attention", "linear cross entropy", "names of loops")
"""Those for which the evaluator makes arrays over four indices at once."""


def sizes_of(program: Program, sizes: tuple[int, ...]) -> dict[Dimension, int]:
    """Sizes for the dimensions of a program in order of first use, the last one for all that remain."""
    found: dict[Dimension, int] = {}
    for tensor in program.inputs:
        for dimension in (*tensor.dimensions, *([tensor.label_dimension] if tensor.label_dimension else [])):
            found.setdefault(dimension, dimension.size or sizes[min(len(found), len(sizes) - 1)])
    return found


def values_for(program: Program, sizes: Mapping[Dimension, int], dtype: str, seed: int = 0) -> dict[str, Any]:
    """Random arguments: labels in range, probabilities and ε positive."""
    random = np.random.default_rng(seed)
    values: dict[str, Any] = {}
    for tensor in program.inputs:
        shape = tuple(sizes[d] for d in tensor.dimensions)
        if tensor.label_dimension is not None:
            values[tensor.name] = random.integers(0, max(sizes[tensor.label_dimension], 1), shape)
        elif tensor.name in ("eps", "p"):
            values[tensor.name] = np.asarray(random.uniform(0.1, 1, shape), dtype)
        else:
            values[tensor.name] = np.asarray(random.normal(size=shape), dtype)
    return values


def evaluated(program: Program, sizes: Mapping[Dimension, int], values: Mapping[str, Any]) -> list[Any]:
    """The results of a program by the reference evaluator."""
    exact = {t: np.asarray(values[t.name], None if t.is_label else float) for t in program.inputs}
    environment = Environment({d.tensor: d for d in program.definitions}, exact, sizes)
    return [environment.value(t) for t in program.outputs]


def check(function: Any, program: Program, sizes: Mapping[Dimension, int], values: Mapping[str, Any]) -> None:
    """Hold the results of a compiled function against the evaluator."""
    found = function(**values)
    expected = evaluated(program, sizes, values)
    for result, wanted in zip(found if function.many else (found,), expected, strict=True):
        assert result.shape == wanted.shape
        single = result.dtype == np.float32
        scale = max(np.abs(wanted).max(initial=0), 1)  # what cancels leaves the rounding of its terms
        np.testing.assert_allclose(result / scale, wanted / scale, atol=2e-5 if single else 1e-11, rtol=0)


def compiled(name: str, **options: Any) -> tuple[Any, Program]:
    """One of the functions compiled for the target c, and its program."""
    found = derivation(name)
    return found.lambdify("c", **options), program_of(found)

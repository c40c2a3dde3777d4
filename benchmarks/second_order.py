"""Second derivatives against JAX: closed forms that keep δ and low rank, beside `jax.jit(jax.hessian(f))`.

    python benchmarks/second_order.py [ROUNDS] [--small] [NAME ...]

Every row is measured interleaved in one process, in float32, medians over rounds; `ratio` is JAX's time over ours.
Results are compared before they are timed (relative to the largest entry). `--small` takes sizes at which the whole
takes seconds: what CI runs, for the comparison alone. Needs the extra `jax`.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import tensorcalc as tc

Array = Any
TOLERANCE = 2e-4  # of float32 results, relative to the largest entry


@dataclass(frozen=True)
class Row:
    """A second derivative: its text, the variable, the shapes of the inputs (small ones too), and JAX's function."""

    name: str
    text: str
    wrt: str
    shapes: dict[str, tuple[int, ...]]
    small: dict[str, tuple[int, ...]]
    function: Callable[..., Array]
    wanted: float
    kind: str = "hessian"
    factored: bool = False
    labels: int = 0


def logistic(w: Array, X: Array, y: Array) -> Array:
    return jnp.sum(jax.nn.softplus(-y * (X @ w)))


def cross_entropy(x: Array, T: Array) -> Array:
    return jax.nn.logsumexp(x) - x[T]


def batch_cross_entropy(x: Array, T: Array) -> Array:
    return jnp.sum(jax.nn.logsumexp(x, axis=1) - x[jnp.arange(x.shape[0]), T])


def factorisation(U: Array, X: Array, V: Array) -> Array:
    return jnp.sum((X - U @ V.T) ** 2)


def network(x: Array, W: Array, T: Array) -> Array:
    for k in range(W.shape[0] - 1):
        x = jax.nn.relu(W[k] @ x)
    return cross_entropy(W[-1] @ x, T)


def softmax_regression(W: Array, X: Array, T: Array) -> Array:
    return batch_cross_entropy(X @ W.T, T)


def cubic(x: Array, A: Array) -> Array:
    return jnp.einsum("ijk,i,j,k", A, x, x, x)


LAYERS = 10
NETWORK = "\n".join(
    ["h0[i] = max(sum(j, W[0,i,j]*x[j]), 0)"]
    + [f"h{k}[i] = max(sum(j, W[{k},i,j]*h{k - 1}[j]), 0)" for k in range(1, LAYERS - 1)]
    + [f"z[i] = sum(j, W[{LAYERS - 1},i,j]*h{LAYERS - 2}[j])", "s[i] = exp(z[i])/sum(j, exp(z[j]))", "c = -log(s[T])"]
)
SOFTMAX = "s[n,i] = exp(x[n,i])/sum(j, exp(x[n,j])); c = -sum(n, log(s[n,T[n]]))"
SOFTMAX_REGRESSION = f"x[n,k] = sum(i, X[n,i]*W[k,i]); {SOFTMAX}"
LOGISTIC = "z[n] = sum(i, X[n,i]*w[i]); c = sum(n, log(exp(-y[n]*z[n]) + 1))"
FACTORISATION = "c = sum(i,j, (X[i,j] - sum(k, U[i,k]*V[j,k]))^2)"

ROWS = (
    Row("W6a logistic", LOGISTIC, "w", {"X": (1000, 200), "w": (200,), "y": (1000,)},
        {"X": (30, 5), "w": (5,), "y": (30,)}, logistic, 2.5),
    Row("W6b cross-entropy", "s[i] = exp(x[i])/sum(j, exp(x[j])); c = -log(s[T])", "x",
        {"x": (512,), "T": ()}, {"x": (7,), "T": ()}, cross_entropy, 3, labels=7),
    Row("H1 quadratic form", "c = sum(i,j, x[i]*A[i,j]*x[j])", "x", {"x": (2048,), "A": (2048, 2048)},
        {"x": (9,), "A": (9, 9)}, lambda x, A: x @ A @ x, 8),
    Row("H2 logsumexp", "z = log(sum(i, exp(x[i])))", "x", {"x": (1024,)}, {"x": (9,)},
        jax.nn.logsumexp, 1),
    Row("H3 logistic", LOGISTIC, "w", {"X": (1000, 500), "w": (500,), "y": (1000,)},
        {"X": (30, 5), "w": (5,), "y": (30,)}, logistic, 3),
    Row("H4 factorisation", FACTORISATION, "U", {"X": (100, 100), "U": (100, 5), "V": (100, 5)},
        {"X": (7, 6), "U": (7, 2), "V": (6, 2)}, factorisation, 300),
    Row("H4 factorisation, factored", FACTORISATION, "U", {"X": (200, 200), "U": (200, 5), "V": (200, 5)},
        {"X": (7, 6), "U": (7, 2), "V": (6, 2)}, factorisation, 10_000, factored=True),
    Row("H5 ten layers, cross-entropy", NETWORK, "x", {"x": (20,), "W": (LAYERS, 20, 20), "T": ()},
        {"x": (5,), "W": (LAYERS, 5, 5), "T": ()}, network, 1, labels=5),
    Row("H6 cross-entropy, HVP", SOFTMAX, "x",
        {"x": (64, 256), "T": (64,)}, {"x": (5, 7), "T": (5,)}, batch_cross_entropy, 1, kind="hvp", labels=7),
    Row("H7 softmax regression", SOFTMAX_REGRESSION, "W", {"X": (500, 20), "W": (10, 20), "T": (500,)},
        {"X": (11, 4), "W": (3, 4), "T": (11,)}, softmax_regression, 1, labels=3),
    Row("H8 cubic form", "c = sum(i,j,k, A[i,j,k]*x[i]*x[j]*x[k])", "x", {"x": (50,), "A": (50, 50, 50)},
        {"x": (5,), "A": (5, 5, 5)}, cubic, 1),
)  # fmt: skip


def inputs(row: Row, shapes: dict[str, tuple[int, ...]]) -> dict[str, Array]:
    """Random inputs; signs for `y`, labels for `T`."""
    rng = np.random.default_rng(0)
    found: dict[str, Array] = {}
    for name, shape in shapes.items():
        if name == "T":
            found[name] = rng.integers(0, row.labels, size=shape)
        else:
            values = rng.normal(size=shape) / np.sqrt(shape[-1] if len(shape) > 1 else 1)
            found[name] = (np.sign(values) if name == "y" else values).astype(np.float32)
    return found


def peer(row: Row, arrays: dict[str, Array]) -> Callable[[], Array]:
    """JAX's second derivative, compiled, as a call without arguments."""
    names = [row.wrt, *(n for n in ("A", "X", "V", "W", "y", "T") if n in arrays and n != row.wrt)]
    first, *rest = (jnp.asarray(arrays[n]) for n in names)
    if row.kind == "hvp":
        tangent = jnp.asarray(arrays[f"v_{row.wrt}"])
        compiled = jax.jit(lambda x, v, *r: jax.jvp(jax.grad(lambda u: row.function(u, *r)), (x,), (v,))[1])
        return lambda: compiled(first, tangent, *rest).block_until_ready()
    compiled = jax.jit(jax.hessian(row.function))
    return lambda: compiled(first, *rest).block_until_ready()


def ours(row: Row, arrays: dict[str, Array], target: str) -> Callable[[], Array]:
    """The generated second derivative, as a call without arguments."""
    derivation = tc.parse(row.text).derive(None, wrt=row.wrt, kind=row.kind)
    if row.factored:
        factored = derivation.lambdify(target, factored=True)
        return lambda: factored(**arrays)
    function = derivation.lambdify(target)
    if target != "jax":
        return lambda: function(**arrays)
    moved = {name: jnp.asarray(a) for name, a in arrays.items()}
    compiled = jax.jit(lambda values: function(**values))
    return lambda: compiled(moved).block_until_ready()


def measure(row: Row, rounds: int, small: bool) -> tuple[float, float, float]:
    """Seconds of ours (NumPy), ours (JAX; not a number where factors are returned) and the peer, after comparing."""
    arrays = inputs(row, row.small if small else row.shapes)
    if row.kind == "hvp":
        arrays[f"v_{row.wrt}"] = np.random.default_rng(1).normal(size=arrays[row.wrt].shape).astype(np.float32)
    calls = [ours(row, arrays, "numpy"), peer(row, arrays)]
    calls += [] if row.factored else [ours(row, arrays, "jax")]
    expected = np.asarray(calls[1]())
    for call in (calls[0], *calls[2:]):
        result = call()
        found = np.asarray(result.dense() if row.factored else result)
        error = np.max(np.abs(found - expected)) / max(np.max(np.abs(expected)), 1e-30)
        if not error <= TOLERANCE:
            raise SystemExit(f"{row.name}: results differ by {error:.1e}")
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, seconds in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
    medians = [statistics.median(seconds) for seconds in times]
    return medians[0], medians[2] if len(medians) > 2 else float("nan"), medians[1]


def main(arguments: Sequence[str]) -> None:
    """Measure and print the rows whose names contain one of the arguments."""
    small = "--small" in arguments
    rounds = next((int(a) for a in arguments if a.isdigit()), 2 if small else 9)
    names = [a for a in arguments if not a.isdigit() and a != "--small"]
    print(f"{'':28} {'NumPy':>9} {'JAX target':>11} {'jax.hessian':>12} {'ratio':>9} {'wanted':>7}")
    for row in ROWS:
        if names and not any(n in row.name for n in names):
            continue
        mine, compiled, theirs = measure(row, rounds, small)
        best = min(t for t in (mine, compiled) if not math.isnan(t))
        cells = f"{mine * 1e3:7.3f}ms {compiled * 1e3:9.3f}ms {theirs * 1e3:10.3f}ms"
        print(f"{row.name:28} {cells} {theirs / best:9.1f} {row.wanted:7g}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

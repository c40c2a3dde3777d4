"""Second derivatives: closed forms that keep δ and low rank, beside those of JAX and, for two of them, PyTorch.

    python benchmarks/second_order.py [--small] [--rounds N] [--json FILE] [--plot FILE] [NAME ...]

Every variant has a process of its own; they take turns. Float32, medians over rounds; a ratio is the peer's time over
that of our fastest target: numpy and c, which write into arrays that are there already, or jax under `jax.jit`. Results
are compared with those of `jax.jit(jax.hessian(f))` before they are timed. `--small` takes sizes at which the whole
takes seconds: what CI runs, in one process, for the comparison alone. Needs the extras `jax` and `torch`, and a C
compiler. Exit status 1 where a result is wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import tensorcalc as tc
from tensorcalc.bench import Benchmark, chart
from tensorcalc.bench.machine import bound
from tensorcalc.bench.workers import Call, Task, measured

Array = Any
TOLERANCE = 2e-4  # of float32 results, relative to the largest entry


@dataclass(frozen=True)
class Row:
    """A second derivative: its text, the variable, the shapes of the inputs (small ones too), and JAX's function.

    With `batch`, the second derivatives of every row of the inputs (by `vmap`, so of the JAX target alone).
    `wanted` is how many times as fast as JAX it should be, `torch` a function of `torch` and the inputs that computes
    it in PyTorch, `wanted_torch` how many times as fast as that. `targets` are those of ours that are compared.
    """

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
    batch: bool = False
    torch: Callable[[Any, dict[str, Any]], Callable[[], Any]] | None = None
    wanted_torch: float = 0
    targets: tuple[str, ...] = ("numpy", "c", "jax")


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


def logistic_torch(torch: Any, v: dict[str, Any]) -> Callable[[], Any]:
    def loss(w: Any) -> Any:
        return torch.nn.functional.softplus(-v["y"] * (v["X"] @ w)).sum()

    return lambda: torch.func.hessian(loss)(v["w"])


def cross_entropy_torch(torch: Any, v: dict[str, Any]) -> Callable[[], Any]:
    hessian = torch.vmap(torch.func.hessian(torch.nn.functional.cross_entropy))
    return lambda: hessian(v["x"], v["T"])


LAYERS = 10
NETWORK = "\n".join(
    ["h0[i] = max(sum(j, W[0,i,j]*x[j]), 0)"]
    + [f"h{k}[i] = max(sum(j, W[{k},i,j]*h{k - 1}[j]), 0)" for k in range(1, LAYERS - 1)]
    + [f"z[i] = sum(j, W[{LAYERS - 1},i,j]*h{LAYERS - 2}[j])", "s[i] = exp(z[i])/sum(j, exp(z[j]))", "c = -log(s[T])"]
)
ONE = "s[i] = exp(x[i])/sum(j, exp(x[j])); c = -log(s[T])"
SOFTMAX = "s[n,i] = exp(x[n,i])/sum(j, exp(x[n,j])); c = -sum(n, log(s[n,T[n]]))"
SOFTMAX_REGRESSION = f"x[n,k] = sum(i, X[n,i]*W[k,i]); {SOFTMAX}"
LOGISTIC = "z[n] = sum(i, X[n,i]*w[i]); c = sum(n, log(exp(-y[n]*z[n]) + 1))"
FACTORISATION = "c = sum(i,j, (X[i,j] - sum(k, U[i,k]*V[j,k]))^2)"

ROWS = (
    Row("W6a logistic", LOGISTIC, "w", {"X": (1000, 200), "w": (200,), "y": (1000,)},
        {"X": (30, 5), "w": (5,), "y": (30,)}, logistic, 2.5,
        torch=logistic_torch, wanted_torch=30),
    Row("W6b cross-entropy", ONE, "x",
        {"x": (512,), "T": ()}, {"x": (7,), "T": ()}, cross_entropy, 3, labels=7),
    Row("W6b cross-entropy, batch", ONE, "x", {"x": (128, 100), "T": (128,)}, {"x": (5, 7), "T": (5,)},
        cross_entropy, 3, labels=7, batch=True, torch=cross_entropy_torch, wanted_torch=50, targets=("jax",)),
    Row("H1 quadratic form", "c = sum(i,j, x[i]*A[i,j]*x[j])", "x", {"x": (2048,), "A": (2048, 2048)},
        {"x": (9,), "A": (9, 9)}, lambda x, A: x @ A @ x, 8),
    Row("H2 logsumexp", "z = log(sum(i, exp(x[i])))", "x", {"x": (1024,)}, {"x": (9,)},
        jax.nn.logsumexp, 1),
    Row("H3 logistic", LOGISTIC, "w", {"X": (1000, 500), "w": (500,), "y": (1000,)},
        {"X": (30, 5), "w": (5,), "y": (30,)}, logistic, 3),
    Row("H4 factorisation", FACTORISATION, "U", {"X": (100, 100), "U": (100, 5), "V": (100, 5)},
        {"X": (7, 6), "U": (7, 2), "V": (6, 2)}, factorisation, 300),
    Row("H4 factorisation, factored", FACTORISATION, "U", {"X": (200, 200), "U": (200, 5), "V": (200, 5)},
        {"X": (7, 6), "U": (7, 2), "V": (6, 2)}, factorisation, 10_000, factored=True,
        targets=("numpy",)),
    Row("H5 ten layers, cross-entropy", NETWORK, "x", {"x": (20,), "W": (LAYERS, 20, 20), "T": ()},
        {"x": (5,), "W": (LAYERS, 5, 5), "T": ()}, network, 1, labels=5,
        targets=("numpy", "jax")),
    Row("H6 cross-entropy, HVP", SOFTMAX, "x",
        {"x": (64, 256), "T": (64,)}, {"x": (5, 7), "T": (5,)}, batch_cross_entropy, 1, kind="hvp", labels=7),
    Row("H7 softmax regression", SOFTMAX_REGRESSION, "W", {"X": (500, 20), "W": (10, 20), "T": (500,)},
        {"X": (11, 4), "W": (3, 4), "T": (11,)}, softmax_regression, 1, labels=3),
    Row("H8 cubic form", "c = sum(i,j,k, A[i,j,k]*x[i]*x[j]*x[k])", "x", {"x": (50,), "A": (50, 50, 50)},
        {"x": (5,), "A": (5, 5, 5)}, cubic, 1),
)  # fmt: skip


ROWS_BY_NAME = {row.name: row for row in ROWS}


def inputs(row: Row, small: bool) -> dict[str, Array]:
    """Random inputs; signs for `y`, labels for `T`, and for a product with the Hessian the vector."""
    rng = np.random.default_rng(0)
    found: dict[str, Array] = {}
    for name, shape in (row.small if small else row.shapes).items():
        if name == "T":
            found[name] = rng.integers(0, row.labels, size=shape)
        else:
            values = rng.normal(size=shape) / np.sqrt(shape[-1] if len(shape) > 1 else 1)
            found[name] = (np.sign(values) if name == "y" else values).astype(np.float32)
    if row.kind == "hvp":
        found[f"v_{row.wrt}"] = rng.normal(size=found[row.wrt].shape).astype(np.float32)
    return found


def jax_hessian(name: str, small: bool) -> Call:
    """JAX's second derivative, compiled."""
    row = ROWS_BY_NAME[name]
    arrays = inputs(row, small)
    names = [row.wrt, *(n for n in ("A", "X", "V", "W", "y", "T") if n in arrays and n != row.wrt)]
    first, *rest = (jnp.asarray(arrays[n]) for n in names)
    if row.kind == "hvp":
        tangent = jnp.asarray(arrays[f"v_{row.wrt}"])
        product = jax.jit(lambda x, v, *r: jax.jvp(jax.grad(lambda u: row.function(u, *r)), (x,), (v,))[1])
        return lambda: [product(first, tangent, *rest).block_until_ready()]
    hessian = jax.hessian(row.function)
    compiled = jax.jit(jax.vmap(hessian) if row.batch else hessian)
    return lambda: [compiled(first, *rest).block_until_ready()]


def torch_hessian(name: str, small: bool) -> Call:
    """PyTorch's second derivative."""
    import torch

    row = ROWS_BY_NAME[name]
    assert row.torch is not None
    call = row.torch(torch, {k: torch.from_numpy(v) for k, v in inputs(row, small).items()})
    return lambda: [call()]


def ours(name: str, small: bool, target: str) -> Call:
    """The generated second derivative."""
    row = ROWS_BY_NAME[name]
    arrays = inputs(row, small)
    derivation = tc.parse(row.text).derive(None, wrt=row.wrt, kind=row.kind)
    if row.factored:
        factored = derivation.lambdify(target, factored=True)
        return lambda: [factored(**arrays)]
    function = derivation.lambdify(target)
    if target != "jax":
        out = np.empty_like(function(**arrays))
        return lambda: [function(**arrays, out=out)]
    moved = {key: jnp.asarray(a) for key, a in arrays.items()}
    closed = lambda values: function(**values)  # noqa: E731
    compiled = jax.jit(jax.vmap(closed) if row.batch else closed)
    return lambda: [compiled(moved).block_until_ready()]


def measure(row: Row, rounds: int, small: bool, apart: bool = True) -> Benchmark:
    """Time JAX, PyTorch where it is a peer, and our targets that have the row; compare with JAX."""
    tasks = [Task("jax.hessian", "second_order:jax_hessian", (row.name, small))]
    if row.torch is not None:
        tasks.append(Task("torch.func.hessian", "second_order:torch_hessian", (row.name, small)))
    tasks += [Task(target, "second_order:ours", (row.name, small, target)) for target in row.targets]
    rows, results = measured(tasks, rounds, apart=apart)
    moved = sum(a.nbytes for a in (*inputs(row, small).values(), *results))
    return Benchmark(row.name, "float32", {}, moved, None, bound(moved, None, "float32"), tuple(rows))


def line(row: Row, result: Benchmark) -> str:
    """The times in milliseconds, and how often ours runs while each peer runs once."""
    times = {r.name: r.median for r in result.rows if not r.reason}
    best = min(t for name, t in times.items() if "." not in name)
    cells = [f"{name} {t * 1e3:.4g}" for name, t in times.items()]
    cells += [f"ratio {times['jax.hessian'] / best:.3g} (wanted {row.wanted:g})"]
    if "torch.func.hessian" in times:
        cells += [f"PyTorch's {times['torch.func.hessian'] / best:.3g} (wanted {row.wanted_torch:g})"]
    cells += [f"{r.name} left out: {r.reason}" for r in result.rows if r.reason]
    return f"{row.name}: {'; '.join(cells)}"


def worst(result: Benchmark) -> float:
    """The largest error of a variant that ran."""
    return max((row.error for row in result.rows if not row.reason), default=0.0)


def main(arguments: Sequence[str]) -> int:
    """Measure and print the rows whose names contain one of the arguments; the number of wrong results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="parts of the names of rows")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--small", action="store_true", help="small sizes in one process: for correctness only")
    parser.add_argument("--json", type=Path, help="write what was measured into a file")
    parser.add_argument("--plot", type=Path, help="draw what was measured into an SVG file")
    options = parser.parse_args(arguments)
    results = []
    for row in ROWS:
        if not options.names or any(n in row.name for n in options.names):
            results.append(measure(row, options.rounds, options.small, apart=not options.small))
            print(line(row, results[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps([r.to_dict() for r in results], indent=1) + "\n", encoding="utf-8")
    if options.plot:
        options.plot.write_text(chart(results), encoding="utf-8")
    return sum(worst(result) > TOLERANCE for result in results)


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1:])))

"""Gradients in generated code against PyTorch, JAX and textbook NumPy: medians over rounds, memory, and the bound.

    python benchmarks/kernels.py [--small] [--rounds N] [--json FILE] [--plot FILE] [NAME ...]
    python benchmarks/kernels.py --markdown FILE [FILE ...]

Every variant has a process of its own; they take turns. `torch.autograd` is the built-in function, forward and
backward, as a user runs it; `torch.autograd.warm` the same with a heap that keeps its pages (fresh ones cost it as much
as its arithmetic); `torch.compile` and `jax.jit` are compiled; `textbook` is NumPy as books write it, with one-hot
labels. The targets numpy and c write into arrays that are there already. Every result is compared with autograd's in
the same run; only ratios carry over between machines. Exit status 1 where a result is wrong.

`--json` writes what was measured, and `--markdown` the README's table from such files.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tensorcalc as tc
from tensorcalc.bench import Benchmark, chart
from tensorcalc.bench.machine import bound
from tensorcalc.bench.variants import generated, jax_vjp
from tensorcalc.bench.workers import Call, Task, measured
from tensorcalc.codegen import program_operations
from tensorcalc.derivation import program_of
from workloads import WORKLOADS, values

PEERS = ("torch.autograd", "torch.autograd.warm", "torch.compile", "jax.jit", "textbook")
TARGETS = ("numpy", "torch", "c")
TOLERANCE = 1e-4  # of a result, relative to its largest entry


def derivation(name: str) -> tc.Derivation:
    """What is derived of a workload."""
    workload = WORKLOADS[name]
    return tc.parse(workload.equations).derive(workload.of, wrt=workload.wrt.split(), kind=workload.kind)


def autograd(name: str, small: bool, compiled: bool = False) -> Call:
    """PyTorch's built-in function, forward and backward."""
    import torch

    workload, arrays = WORKLOADS[name], values(name, small)
    tensors = {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in arrays.items()}
    leaves = [tensors[w].requires_grad_() for w in workload.wrt.split()]
    upstream = tensors.get(f"d_{workload.of}")

    def run(*_: Any) -> Any:
        return workload.torch(torch, tensors)

    forward: Any = torch.compile(lambda given: workload.torch(torch, given)) if compiled else run
    return lambda: torch.autograd.grad(forward(tensors), leaves, upstream)


def target(name: str, small: bool, wanted: str) -> Call:
    """The generated code."""
    return generated(program_of(derivation(name)), wanted, _arrays(name, small))


def jax_jit(name: str, small: bool) -> Call:
    """JAX's reverse mode of the equations, compiled."""
    return jax_vjp(derivation(name), _arrays(name, small))


def textbook(name: str, small: bool) -> Call:
    """The gradient as it is usually written in NumPy."""
    written, arrays = WORKLOADS[name].textbook, values(name, small)
    assert written is not None

    def call() -> Sequence[Any]:
        found = written(np, arrays)
        return found if isinstance(found, tuple) else (found,)

    return call


def _arrays(name: str, small: bool) -> dict[str, Any]:
    return {k: np.asarray(v, np.float32) if isinstance(v, float) else v for k, v in values(name, small).items()}


def task(name: str, small: bool, variant: str) -> Task:
    """A variant of a workload."""
    if variant == "jax.jit":
        return Task(variant, "kernels:jax_jit", (name, small))
    if variant == "textbook":
        return Task(variant, "kernels:textbook", (name, small))
    if variant in TARGETS:
        return Task(variant, "kernels:target", (name, small, variant))
    compiled = variant == "torch.compile"
    return Task(variant, "kernels:autograd", (name, small, compiled), warm=variant.endswith(".warm"))


def measure(
    name: str, rounds: int, small: bool, variants: Sequence[str] = (*PEERS, *TARGETS), apart: bool = True
) -> Benchmark:
    """Time the variants of a workload; the first one's results are what all are compared with."""
    known = [v for v in variants if v != "textbook" or WORKLOADS[name].textbook is not None]
    rows, results = measured([task(name, small, v) for v in known], rounds, apart=apart)
    program, arrays = program_of(derivation(name)), _arrays(name, small)
    lengths = {d: n for t in program.inputs for d, n in zip(t.dimensions, arrays[t.name].shape, strict=True)}
    moved = sum(a.nbytes for a in arrays.values()) + sum(r.nbytes for r in results)
    operations = program_operations(program, lengths)
    shown = {d.name: n for d, n in lengths.items()}
    least = bound(moved, operations, "float32")
    return Benchmark(name, "float32", shown, moved, operations, least, tuple(rows))


def line(result: Benchmark) -> str:
    """The times of a workload in milliseconds, the memory in MiB, and the largest error."""
    cells = []
    for row in result.rows:
        memory = "" if row.memory is None else f" ({row.memory / 2**20:.0f} MiB)"
        cells.append(f"{row.name} {'left out' if row.reason else f'{row.median * 1e3:.3f}{memory}'}")
    return f"{result.title}: {'; '.join(cells)}; bound {result.bound * 1e3:.3f}; error {worst(result):.1e}"


def worst(result: Benchmark) -> float:
    """The largest error of a variant that ran."""
    return max((row.error for row in result.rows if not row.reason), default=0.0)


def markdown(results: Sequence[Benchmark]) -> str:
    """How often the target c runs while each peer runs once, and the target numpy while the textbook does."""
    columns = (
        "autograd",
        "warm heap",
        "torch.compile",
        "jax.jit",
        "numpy : textbook",
        "MiB, autograd",
        "MiB, c",
        "bound",
    )
    lines = [f"| workload | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for result in results:
        rows = {row.name: row for row in result.rows if not row.reason}
        times = {name: row.median for name, row in rows.items()}
        pairs = [(peer, "c") for peer in PEERS[:4]] + [("textbook", "numpy")]
        cells = [f"{times[a] / times[b]:.2g}" if a in times and b in times else "" for a, b in pairs]
        memory = [rows[n].memory if n in rows else None for n in ("torch.autograd", "c")]
        cells += ["" if m is None else f"{m / 2**20:.0f}" for m in memory]
        cells.append(f"{result.bound / times['c']:.0%}" if "c" in times else "")
        lines.append(f"| {result.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Measure and print, or print what was measured; the number of wrong results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="parts of the names of workloads")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--small", action="store_true", help="small sizes: for correctness only")
    parser.add_argument("--variants", nargs="+", default=[*PEERS, *TARGETS], help="those to measure")
    parser.add_argument("--json", type=Path, help="add what was measured to a file")
    parser.add_argument("--plot", type=Path, help="draw what was measured into an SVG file")
    parser.add_argument("--markdown", action="store_true", help="print the table of the files of measurements")
    options = parser.parse_args()
    if options.markdown:
        print(markdown([Benchmark.from_dict(r) for n in options.names for r in json.loads(Path(n).read_text("utf-8"))]))
        return 0
    results = []
    for name in WORKLOADS:
        if not options.names or any(part in name for part in options.names):
            results.append(measure(name, options.rounds, options.small, options.variants))
            print(line(results[-1]), flush=True)
    if options.json:
        known = json.loads(options.json.read_text("utf-8")) if options.json.exists() else []
        new = {r.title: r.to_dict() for r in results}
        every = {**{r["title"]: r for r in known}, **new}
        data = [every[name] for name in WORKLOADS if name in every]
        options.json.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    if options.plot:
        options.plot.write_text(chart(results), encoding="utf-8")
    return sum(worst(result) > TOLERANCE for result in results)


if __name__ == "__main__":
    sys.exit(bool(main()))

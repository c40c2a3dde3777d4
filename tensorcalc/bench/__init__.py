"""How fast the generated code of a derivative is, beside what the frameworks do with the same definitions.

Every variant computes the same thing from the same arrays and is compared with the others before it is timed. Only
ratios carry over from one machine to another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tensorcalc.bench.chart import chart
from tensorcalc.bench.machine import bound
from tensorcalc.bench.model import TOLERANCES, Benchmark, Timing
from tensorcalc.bench.workers import Task, measured
from tensorcalc.codegen import program_operations
from tensorcalc.derivation import Derivation, program_of
from tensorcalc.errors import TensorCalcError
from tensorcalc.index import Dimension
from tensorcalc.system import Program

__all__ = ["PEERS", "TARGETS", "Benchmark", "Timing", "benchmark", "chart", "lengths_for"]

TARGETS = ("numpy", "torch", "jax", "c")
PEERS = ("torch.autograd", "torch.autograd.warm", "torch.compile", "jax.vjp")
LENGTH = 256  # of a dimension whose length nobody gives
VARIANTS = "tensorcalc.bench.variants"


def benchmark(
    derivation: Derivation,
    *,
    sizes: Mapping[str, int] | None = None,
    dtype: str = "float32",
    targets: Sequence[str] = TARGETS,
    peers: Sequence[str] = PEERS,
    rounds: int = 15,
    apart: bool = True,
) -> Benchmark:
    """Time the generated code of a gradient or VJP, and the frameworks' own derivatives of the same definitions.

    `sizes` are lengths of dimensions by name (256 for the others). The peers differentiate the definitions as the
    torch and the JAX target write them, with the stable functions of those libraries: `torch.autograd` as it is and
    `torch.autograd.warm` with a heap that keeps its pages, `torch.compile` of the forward pass, `jax.vjp` under
    `jax.jit`. With `apart`, each has a process of its own, and they take turns. What is not installed is left out and
    says so.

    Raises `TensorCalcError` E_KIND for another kind than a gradient or VJP, E_OPTION for an unknown name of a
    dimension, target, peer or dtype.
    """
    if derivation.kind not in ("gradient", "vjp"):
        hint = "--kind gradient or --kind vjp"
        raise TensorCalcError("E_KIND", f"a {derivation.kind} has no peers to be timed against", hint=hint)
    _known(dtype, TOLERANCES, "dtype")
    for name in targets:
        _known(name, TARGETS, "target")
    for name in peers:
        _known(name, PEERS, "peer")
    program = program_of(derivation)
    lengths = _lengths(program, sizes or {})
    arrays = _inputs(program, lengths, dtype)
    tasks = [Task(name, f"{VARIANTS}:generated", (program, name, arrays)) for name in targets]
    tasks += [_peer(name, derivation, arrays) for name in peers]
    rows, results = measured(tasks, rounds, apart=apart)
    moved = sum(a.nbytes for a in arrays.values()) + sum(r.nbytes for r in results)
    operations = program_operations(program, lengths)
    shown = {d.name: n for d, n in lengths.items()}
    return Benchmark(program.title, dtype, shown, moved, operations, bound(moved, operations, dtype), tuple(rows))


def _peer(name: str, derivation: Derivation, arrays: Mapping[str, npt.NDArray[Any]]) -> Task:
    """What a framework does with the definitions."""
    if name == "jax.vjp":
        return Task(name, f"{VARIANTS}:jax_vjp", (derivation, arrays))
    compiled = name == "torch.compile"
    return Task(name, f"{VARIANTS}:autograd", (derivation, arrays, compiled), warm=name.endswith(".warm"))


def _known(name: str, names: Sequence[str] | Mapping[str, object], what: str) -> None:
    if name not in names:
        raise TensorCalcError("E_OPTION", f"unknown {what} {name}", hint=f"one of {', '.join(names)}")


def lengths_for(derivations: Sequence[Derivation], sizes: Mapping[str, int]) -> list[dict[str, int]]:
    """Of the lengths by name, those that belong to each derivation.

    Raises `TensorCalcError` E_OPTION for a name that no argument of any derivation has.
    """
    names = [list(_dimensions(program_of(d))) for d in derivations]
    _check_names(sizes, dict.fromkeys(name for own in names for name in own))
    return [{name: sizes[name] for name in own if name in sizes} for own in names]


def _dimensions(program: Program) -> dict[str, Dimension]:
    """The dimensions of arguments whose length the arguments decide, by name."""
    axes = [d for t in program.inputs for d in (*t.dimensions, t.label_dimension) if d is not None]
    return {d.name: d for d in axes if d.size is None}


def _check_names(sizes: Iterable[str], dimensions: Iterable[str]) -> None:
    known = list(dimensions)
    for name in sizes:
        if name not in known:
            hint = f"dimensions: {', '.join(known)}" if known else ""
            raise TensorCalcError("E_OPTION", f"no argument has a dimension {name}", hint=hint)


def _lengths(program: Program, sizes: Mapping[str, int]) -> dict[Dimension, int]:
    """The length of every dimension of an argument."""
    dimensions = _dimensions(program)
    _check_names(sizes, dimensions)
    return {d: sizes.get(name, LENGTH) for name, d in dimensions.items()}


def _inputs(program: Program, lengths: Mapping[Dimension, int], dtype: str) -> dict[str, npt.NDArray[Any]]:
    """Random arguments by name: normal numbers, positive ones for scalars, labels within their dimension."""
    rng = np.random.default_rng(0)
    found: dict[str, npt.NDArray[Any]] = {}
    for tensor in program.inputs:
        shape = tuple(d.size if d.size is not None else lengths[d] for d in tensor.dimensions)
        label = tensor.label_dimension
        if label is not None:
            found[tensor.name] = rng.integers(0, label.size if label.size is not None else lengths[label], size=shape)
        else:
            values = rng.normal(size=shape) if shape else np.asarray(0.5)
            found[tensor.name] = values.astype(dtype)
    return found

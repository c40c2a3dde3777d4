"""How fast the generated code of a derivative is, beside what the frameworks do with the same definitions.

Every variant computes the same thing from the same arrays and is compared with the others before it is timed. The
variants are timed interleaved, in one process, so that all see the same load of the machine; only ratios carry over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

import numpy as np
import numpy.typing as npt

from tensorcalc.codegen import compile_program
from tensorcalc.derivation import Derivation, program_of
from tensorcalc.errors import TensorCalcError
from tensorcalc.index import Adjoint, Dimension, Tensor
from tensorcalc.system import Program

__all__ = ["DEFAULT_PEERS", "PEERS", "TARGETS", "Benchmark", "Timing", "benchmark"]

TARGETS = ("numpy", "torch", "jax", "c")
PEERS = ("torch.autograd", "torch.compile", "jax.vjp")
DEFAULT_PEERS = ("torch.autograd", "jax.vjp")
TOLERANCES = {"float32": 1e-3, "float64": 1e-9}  # relative to the largest entry of a result
LENGTH = 256  # of a dimension whose length nobody gives
COPIED = 1 << 26  # bytes of the array whose copy tells the memory's speed

Array = npt.NDArray[Any]
Call = Callable[[], Sequence[Array]]


@dataclass(frozen=True, slots=True)
class Timing:
    """The seconds of one variant: median and quartiles over the rounds, and how far its results are from the first's.

    `error` is relative to the largest entry. `reason` says why a variant was left out; its times are NaN then.
    """

    name: str
    median: float = float("nan")
    lower: float = float("nan")
    upper: float = float("nan")
    error: float = float("nan")
    reason: str = ""

    def to_dict(self) -> dict[str, object]:
        """The row as plain data, seconds as numbers; `None` for what was not measured."""
        values = {"median": self.median, "lower": self.lower, "upper": self.upper, "error": self.error}
        measured = {k: None if np.isnan(v) else v for k, v in values.items()}
        return {"name": self.name, **measured, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What was measured: the rows, the sizes, and the least that memory allows.

    `bound` is the time in seconds in which a copy moves as many bytes as the arguments and results have: code that
    reads and writes each of them once, and computes at no cost, would take that long.
    """

    title: str
    dtype: str
    sizes: Mapping[str, int]
    bytes: int
    bound: float
    rows: tuple[Timing, ...]

    @property
    def passed(self) -> bool:
        """Whether all variants that ran agree."""
        return not any(row.error > TOLERANCES[self.dtype] for row in self.rows)

    def to_dict(self) -> dict[str, object]:
        """The whole as plain data, times in seconds."""
        head = {"title": self.title, "dtype": self.dtype, "sizes": dict(self.sizes)}
        return {**head, "bytes": self.bytes, "bound": self.bound, "rows": [row.to_dict() for row in self.rows]}


def benchmark(
    derivation: Derivation,
    *,
    sizes: Mapping[str, int] | None = None,
    dtype: str = "float32",
    targets: Sequence[str] = TARGETS,
    peers: Sequence[str] = DEFAULT_PEERS,
    rounds: int = 15,
) -> Benchmark:
    """Time the generated code of a gradient or VJP, and the frameworks' own derivatives of the same definitions.

    `sizes` are lengths of dimensions by name (256 for the others). The peers differentiate the definitions as the
    torch and the JAX target write them, with the stable functions of those libraries. What is not installed is left
    out and says so.

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
    makers = {**{name: _generated(program, name, arrays) for name in targets}}
    makers |= {name: _FRAMEWORKS[name](derivation, arrays) for name in peers}
    calls: dict[str, Call] = {}
    reasons: dict[str, str] = {}
    for name, make in makers.items():
        try:
            calls[name] = make()
        except (TensorCalcError, ImportError) as problem:
            reasons[name] = problem.message if isinstance(problem, TensorCalcError) else str(problem)
    results = {name: call() for name, call in calls.items()}
    times = _timed(calls, rounds)
    first = next(iter(results.values()), [])
    rows = []
    for name in makers:
        if name in reasons:
            rows.append(Timing(name, reason=reasons[name]))
            continue
        lower, median, upper = quantiles(times[name], n=4)
        rows.append(Timing(name, median, lower, upper, _error(results[name], first)))
    moved = sum(a.nbytes for a in arrays.values()) + sum(np.asarray(r).nbytes for r in first)
    shown = {d.name: n for d, n in lengths.items()}
    return Benchmark(program.title, dtype, shown, moved, _copying(moved), tuple(rows))


def _known(name: str, names: Sequence[str] | Mapping[str, object], what: str) -> None:
    if name not in names:
        raise TensorCalcError("E_OPTION", f"unknown {what} {name}", hint=f"one of {', '.join(names)}")


def _lengths(program: Program, sizes: Mapping[str, int]) -> dict[Dimension, int]:
    """The length of every dimension of an argument."""
    axes = [d for t in program.inputs for d in (*t.dimensions, t.label_dimension) if d is not None]
    dimensions = {d.name: d for d in axes if d.size is None}
    for name in sizes:
        if name not in dimensions:
            hint = f"dimensions: {', '.join(dimensions)}"
            raise TensorCalcError("E_OPTION", f"no argument has a dimension {name}", hint=hint)
    return {d: sizes.get(name, LENGTH) for name, d in dimensions.items()}


def _inputs(program: Program, lengths: Mapping[Dimension, int], dtype: str) -> dict[str, Array]:
    """Random arguments by name: normal numbers, positive ones for scalars, labels within their dimension."""
    rng = np.random.default_rng(0)
    found: dict[str, Array] = {}
    for tensor in program.inputs:
        shape = tuple(d.size if d.size is not None else lengths[d] for d in tensor.dimensions)
        label = tensor.label_dimension
        if label is not None:
            found[tensor.name] = rng.integers(0, label.size if label.size is not None else lengths[label], size=shape)
        else:
            values = rng.normal(size=shape) if shape else np.asarray(0.5)
            found[tensor.name] = values.astype(dtype)
    return found


def _generated(program: Program, target: str, arrays: Mapping[str, Array]) -> Callable[[], Call]:
    """The generated code; NumPy and C write into arrays that are there already."""

    def make() -> Call:
        function = compile_program(program, target)
        if target == "torch":
            import torch

            tensors = {name: torch.from_numpy(a) if a.shape else torch.tensor(a) for name, a in arrays.items()}
            return lambda: _several(function(**tensors), function.many)
        if target == "jax":
            return _jitted(lambda values: function(**values), arrays, function.many)
        first = _several(function(**arrays), function.many)
        out = tuple(np.empty_like(np.asarray(r)) for r in first)
        return lambda: _several(function(**arrays, out=out if function.many else out[0]), function.many)

    return make


def _several(results: Any, many: bool) -> Sequence[Array]:
    return tuple(results) if many else (results,)


def _jitted(function: Callable[[Any], Any], arrays: Mapping[str, Array], many: bool) -> Call:
    """A function of arrays by name, compiled; JAX computes in float64 only where it is told to."""
    import jax

    wide = any(a.dtype == np.float64 for a in arrays.values())
    with jax.enable_x64(wide):
        values = {name: jax.numpy.asarray(a) for name, a in arrays.items()}
    compiled = jax.jit(function)

    def call() -> Sequence[Array]:
        with jax.enable_x64(wide):
            return _several(jax.block_until_ready(compiled(values)), many)

    return call


def _forward(derivation: Derivation) -> Program:
    """What computes the outputs from the system's inputs."""
    system = derivation.system
    return Program(system.inputs, system.ordered, derivation.of, "value", many=True)


def _upstream(output: Tensor, arrays: Mapping[str, Array]) -> Array:
    given = arrays.get(Adjoint(output).name)
    return np.asarray(1.0) if given is None else given


def _autograd(derivation: Derivation, arrays: Mapping[str, Array], compiled: bool) -> Callable[[], Call]:
    """PyTorch's backward pass through the definitions, forward pass included, as a training step runs it."""

    def make() -> Call:
        import torch

        names = [t.name for t in derivation.system.inputs]
        wanted = {t.name for t in derivation.wrt}
        tensors = [torch.tensor(arrays[n]).requires_grad_(n in wanted) for n in names]
        leaves = [t for n, t in zip(names, tensors, strict=True) if n in wanted]
        upstream = [torch.tensor(_upstream(t, arrays), dtype=leaves[0].dtype) for t in derivation.of]
        forward = compile_program(_forward(derivation), "torch").unchecked
        run: Any = torch.compile(forward) if compiled else forward
        order = [[t.name for t in derivation.wrt].index(n) for n in names if n in wanted]

        def call() -> Sequence[Array]:
            found = torch.autograd.grad(run(*tensors), leaves, upstream)
            placed: list[Any] = [None] * len(order)
            for place, gradient in zip(order, found, strict=True):
                placed[place] = gradient
            return placed

        return call

    return make


def _jax_vjp(derivation: Derivation, arrays: Mapping[str, Array]) -> Callable[[], Call]:
    """JAX's reverse mode of the definitions, compiled together with them."""

    def make() -> Call:
        import jax

        forward = compile_program(_forward(derivation), "jax").unchecked
        names = [t.name for t in derivation.system.inputs]
        wanted = [t.name for t in derivation.wrt]

        def gradient(values: Mapping[str, Any]) -> Any:
            def of(*variables: Any) -> Any:
                given = {**values, **dict(zip(wanted, variables, strict=True))}
                return forward(*(given[n] for n in names))

            results, back = jax.vjp(of, *(values[n] for n in wanted))
            seeds = tuple(
                jax.numpy.broadcast_to(values.get(Adjoint(t).name, 1.0), r.shape).astype(r.dtype)
                for t, r in zip(derivation.of, results, strict=True)
            )
            return back(type(results)(seeds))

        return _jitted(gradient, arrays, many=True)

    return make


_FRAMEWORKS: Mapping[str, Callable[[Derivation, Mapping[str, Array]], Callable[[], Call]]] = {
    "torch.autograd": lambda derivation, arrays: _autograd(derivation, arrays, compiled=False),
    "torch.compile": lambda derivation, arrays: _autograd(derivation, arrays, compiled=True),
    "jax.vjp": _jax_vjp,
}


def _timed(calls: Mapping[str, Call], rounds: int) -> dict[str, list[float]]:
    """The seconds of every call, one after the other in each round."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(max(rounds, 2)):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return times


def _error(found: Sequence[Any], expected: Sequence[Any]) -> float:
    """The largest difference relative to the largest entry of each result."""
    worst = 0.0
    for mine, theirs in zip(found, expected, strict=True):
        a, b = (np.asarray(x, dtype=np.float64) for x in (mine, theirs))
        if a.size:
            worst = max(worst, float(np.max(np.abs(a - b)) / max(float(np.max(np.abs(b))), 1e-30)))
    return worst


def _copying(moved: int) -> float:
    """The seconds in which a copy reads and writes as many bytes together, on this machine and now."""
    source = np.ones(COPIED, np.uint8)
    target = np.ones_like(source)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        np.copyto(target, source)
        seconds.append(time.perf_counter() - start)
    return moved * min(seconds) / (2 * COPIED)

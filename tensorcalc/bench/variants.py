"""The calls that are compared: generated code for each target, and what the frameworks do with the same definitions.

Each function makes a call without arguments; `tensorcalc.bench.workers` runs it, where it is told to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tensorcalc.bench.workers import Call
from tensorcalc.codegen import compile_program
from tensorcalc.derivation import Derivation
from tensorcalc.index import Adjoint
from tensorcalc.system import Program

__all__ = ["autograd", "generated", "jax_vjp"]

Array = npt.NDArray[Any]


def generated(program: Program, target: str, arrays: Mapping[str, Array]) -> Call:
    """The generated code; NumPy and C write into arrays that are there already."""
    function = compile_program(program, target)
    if target == "torch":
        import torch

        tensors = {name: torch.from_numpy(a) if a.shape else torch.tensor(a) for name, a in arrays.items()}
        return lambda: several(function(**tensors), function.many)
    if target == "jax":
        return jitted(lambda values: function(**values), arrays, function.many)
    first = several(function(**arrays), function.many)
    out = tuple(np.empty_like(np.asarray(r)) for r in first)
    return lambda: several(function(**arrays, out=out if function.many else out[0]), function.many)


def several(results: Any, many: bool) -> Sequence[Any]:
    """One or several results as a sequence."""
    return tuple(results) if many else (results,)


def jitted(function: Callable[[Any], Any], arrays: Mapping[str, Array], many: bool) -> Call:
    """A function of arrays by name, compiled; JAX computes in float64 only where it is told to."""
    import jax

    wide = any(a.dtype == np.float64 for a in arrays.values())
    with jax.enable_x64(wide):
        values = {name: jax.numpy.asarray(a) for name, a in arrays.items()}
    compiled = jax.jit(function)

    def call() -> Sequence[Any]:
        with jax.enable_x64(wide):
            return several(jax.block_until_ready(compiled(values)), many)

    return call


def forward(derivation: Derivation) -> Program:
    """What computes the outputs from the system's inputs."""
    system = derivation.system
    return Program(system.inputs, system.ordered, derivation.of, "value", many=True)


def autograd(derivation: Derivation, arrays: Mapping[str, Array], compiled: bool = False) -> Call:
    """PyTorch's backward pass through the definitions, forward pass included, as a training step runs it."""
    import torch

    names = [t.name for t in derivation.system.inputs]
    wrt = [t.name for t in derivation.wrt]
    tensors = {n: torch.tensor(arrays[n]).requires_grad_(n in wrt) for n in names}
    leaves = [tensors[n] for n in wrt]
    upstream = [torch.tensor(_upstream(t.name, arrays), dtype=leaves[0].dtype) for t in map(Adjoint, derivation.of)]
    plain: Any = compile_program(forward(derivation), "torch").unchecked
    run = torch.compile(plain) if compiled else plain
    return lambda: torch.autograd.grad(run(*tensors.values()), leaves, upstream)


def _upstream(name: str, arrays: Mapping[str, Array]) -> Array:
    return arrays.get(name, np.asarray(1.0))


def jax_vjp(derivation: Derivation, arrays: Mapping[str, Array]) -> Call:
    """JAX's reverse mode of the definitions, compiled together with them."""
    import jax

    run = compile_program(forward(derivation), "jax").unchecked
    names = [t.name for t in derivation.system.inputs]
    wanted = [t.name for t in derivation.wrt]

    def gradient(values: Mapping[str, Any]) -> Any:
        def of(*variables: Any) -> Any:
            given = {**values, **dict(zip(wanted, variables, strict=True))}
            return run(*(given[n] for n in names))

        results, back = jax.vjp(of, *(values[n] for n in wanted))
        seeds = tuple(
            jax.numpy.broadcast_to(values.get(Adjoint(t).name, 1.0), r.shape).astype(r.dtype)
            for t, r in zip(derivation.of, results, strict=True)
        )
        return back(type(results)(seeds))

    return jitted(gradient, arrays, many=True)

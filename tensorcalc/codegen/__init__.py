"""Code for array libraries, in C and in Triton: a program becomes readable source, compiled and checked.

`compile_program` is the whole surface. Nothing here imports torch or JAX before a function is compiled for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import partial

from sympy import Integer

from tensorcalc.budget import bounded
from tensorcalc.codegen.assembly import assemble
from tensorcalc.codegen.dialect import DIALECTS, FUNCTIONAL
from tensorcalc.codegen.kernels.function import compile_kernel
from tensorcalc.codegen.kernels.plan import operations, plan
from tensorcalc.codegen.kernels.schedule import scheduled
from tensorcalc.codegen.kernels.source import write_source
from tensorcalc.codegen.kernels.triton import function as triton
from tensorcalc.codegen.kernels.triton import source as triton_source
from tensorcalc.codegen.library import library
from tensorcalc.codegen.runtime import Function
from tensorcalc.errors import TensorCalcError
from tensorcalc.index import Dimension
from tensorcalc.system import Program

__all__ = ["TARGETS", "Function", "compile_program", "program_operations", "program_plan", "program_source"]

TARGETS = (*DIALECTS, "c", "triton")


@bounded
def compile_program(
    program: Program, target: str, *, functional: bool = False, exact: bool = False, threads: int | None = None
) -> Function:
    """The function that computes a program with an array library (numpy, torch or jax), in C, or in Triton.

    `functional` code writes into no array, so that transformations of functions such as `torch.vmap` can follow it.
    In C, `exact` takes the exponential and its kin from the C library instead of vectorised ones of 1 to 3 units in the
    last place, and `threads` is the number of threads, by default OMP_NUM_THREADS or the processors of the process.

    Raises `TensorCalcError`: E_TARGET where the target does not exist or its library is not installed, E_UNSUPPORTED
    where part of the program has no code yet, E_NAME where a name cannot stand in code.
    """
    _check_target(target)
    found: Function
    if target == "c":
        found = compile_kernel(program, exact=exact, threads=threads)
    elif target == "triton":
        found = triton.compile_kernel(program)
    else:
        backend = library(target)
        found = Function(program, target, assemble(program, (FUNCTIONAL if functional else DIALECTS)[target]), backend)
    found.compiled_by = partial(compile_program, program, target, functional=functional, exact=exact, threads=threads)
    return found


@bounded
def program_source(program: Program, target: str) -> str:
    """The source that computes a program, without a compiler or Triton. Raises as `compile_program`."""
    _check_target(target)
    if target in ("c", "triton"):
        return (write_source if target == "c" else triton_source.write_source)(program).text
    return assemble(program, DIALECTS[target]).source


@bounded
def program_plan(program: Program) -> str:
    """How c and triton compute a program, as text: steps, passes, bytes, operations, and the bound they imply."""
    return plan(scheduled(program))


@bounded
def program_operations(program: Program, sizes: Mapping[Dimension, int]) -> int | None:
    """The operations of the plan for given sizes of dimensions; `None` where there is no plan, or a size is missing."""
    try:
        found = operations(scheduled(program)).xreplace({d: Integer(n) for d, n in sizes.items()})
    except TensorCalcError:
        return None
    return int(found) if found.is_number else None


def _check_target(target: str) -> None:
    if target not in TARGETS:
        close = get_close_matches(str(target), TARGETS, 1)
        raise TensorCalcError(
            "E_TARGET",
            f"there is no code target {target}",
            hint=f"did you mean {close[0]}?" if close else f"the targets are {', '.join(TARGETS)}",
        )

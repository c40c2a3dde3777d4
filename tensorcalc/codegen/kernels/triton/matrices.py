"""Inverses and determinants of arguments: arrays of their own, which PyTorch computes before any kernel runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sympy import Expr
from sympy.core.basic import Basic

from tensorcalc import binding
from tensorcalc.expr import Component, Determinant, Inverse, LogDeterminant
from tensorcalc.index import Tensor
from tensorcalc.system import Definition, Program

__all__ = ["CALLS", "Matrices", "with_matrices"]

CALLS: Mapping[type[Expr], tuple[str, str]] = {
    Inverse: ("inverse", "torch.linalg.inv({}.to(real)).contiguous()"),
    Determinant: ("det", "torch.linalg.det({}.to(real))"),
    LogDeterminant: ("logdet", "torch.logdet({}.to(real))"),
}
"""The ending of the name of what belongs to a matrix, and the call that computes it."""

Matrices = Mapping[Tensor, tuple[Tensor, str]]
"""Each array that belongs to a matrix, with the matrix and the call."""


def with_matrices(program: Program) -> tuple[Program, Matrices]:
    """The program with such arrays as further inputs; what belongs to other matrices than arguments stays as it is."""
    taken = {t.name for t in (*program.inputs, *(d.tensor for d in program.definitions))}
    known: dict[tuple[type, Tensor], Tensor] = {}
    found: dict[Tensor, tuple[Tensor, str]] = {}

    def new(node: Basic) -> Expr | None:
        kind = type(node)
        if not isinstance(node, Inverse | Determinant | LogDeterminant) or node.tensor not in program.inputs:
            return None
        ending, call = CALLS[kind]
        if (kind, node.tensor) not in known:
            name = _free(f"{node.tensor.name}_{ending}", taken)
            dimensions = node.tensor.dimensions[::-1] if isinstance(node, Inverse) else ()
            known[kind, node.tensor] = Tensor(name, dimensions)
            found[known[kind, node.tensor]] = node.tensor, call
        indices = node.indices if isinstance(node, Inverse) else ()
        return Component(known[kind, node.tensor], *indices)

    definitions = tuple(
        Definition(d.tensor, d.indices, binding.replace(d.rhs, new, d.indices)) if d.rhs.has(*CALLS) else d
        for d in program.definitions
    )
    if not found:
        return program, {}
    return replace(program, inputs=(*program.inputs, *found), definitions=definitions), found


def _free(wanted: str, taken: Iterable[str]) -> str:
    name = wanted
    while name in taken:
        name += "_"
    return name

"""Functions through the logistic function, where that spares the computation of one more exponential."""

from __future__ import annotations

from dataclasses import replace

from sympy import Expr

from tensorcalc.binding import product
from tensorcalc.binding import replace as replaced
from tensorcalc.functions import sigmoid, silu
from tensorcalc.system import Program

__all__ = ["with_shared_sigmoids"]


def with_shared_sigmoids(program: Program) -> Program:
    """The program with a sigmoid(a) for silu(a) where sigmoid(a) is computed anyway."""
    known = {f for d in program.definitions for f in d.rhs.atoms(sigmoid)}

    def shared(node: Expr) -> Expr | None:
        if isinstance(node, silu) and sigmoid(node.args[0]) in known:
            return product((node.args[0], sigmoid(node.args[0])))
        return None

    return replace(program, definitions=tuple(replace(d, rhs=replaced(d.rhs, shared)) for d in program.definitions))

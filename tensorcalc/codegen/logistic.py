"""Functions through the logistic function, where that spares the computation of an exponential or makes it cheaper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sympy import Add, Expr

from tensorcalc.binding import product
from tensorcalc.binding import replace as replaced
from tensorcalc.expr import Component
from tensorcalc.functions import sigmoid, silu, tanh
from tensorcalc.index import Tensor
from tensorcalc.system import Definition, Program

__all__ = ["with_shared_sigmoids", "without_tanh"]


def with_shared_sigmoids(program: Program) -> Program:
    """The program with a sigmoid(a) for silu(a) where sigmoid(a) is computed anyway."""
    known = {f for d in program.definitions for f in d.rhs.atoms(sigmoid)}

    def shared(node: Expr) -> Expr | None:
        if isinstance(node, silu) and sigmoid(node.args[0]) in known:
            return product((node.args[0], sigmoid(node.args[0])))
        return None

    return _mapped(program, lambda rhs: replaced(rhs, shared))


def without_tanh(program: Program) -> Program:
    """The program with sigmoid(2a) for tanh(a) where all that is needed is 1 ± tanh(a) and 1 - tanh(a)^2.

    With s = sigmoid(2a) they are 2s, 2(1 - s) and 4s(1 - s).
    """
    for definition in program.definitions:
        if isinstance(definition.rhs, tanh) and definition.tensor not in program.outputs:
            program = _unnamed(program, definition)
    for node in sorted({f for d in program.definitions for f in d.rhs.atoms(tanh)}, key=str):
        program = _inline(program, node)
    return program


def _inline(program: Program, node: Expr) -> Program:
    """The program with the logistic function in the place of a tanh that has no name."""
    s = sigmoid(2 * node.args[0])
    new = _mapped(program, lambda rhs: _through(rhs, lambda e: s if e == node else None))
    return program if any(d.rhs.has(node) for d in new.definitions) else new


def _unnamed(program: Program, definition: Definition) -> Program:
    """The program with the logistic function in the place of a definition that is a tanh."""
    old = definition.tensor
    tensor = Tensor(f"{old.name}_logistic", old.dimensions)

    def logistic(node: Expr) -> Expr | None:
        return Component(tensor, *node.indices) if isinstance(node, Component) and node.tensor == old else None

    logistics = replace(definition, tensor=tensor, rhs=sigmoid(2 * definition.rhs.args[0]))
    new = _mapped(program, lambda rhs: logistics.rhs if rhs is definition.rhs else _through(rhs, logistic))
    definitions = tuple(logistics if d.tensor == old else d for d in new.definitions)
    if any(old in d.rhs.atoms(Tensor) for d in definitions):
        return program
    return replace(program, definitions=definitions)


def _through(expression: Expr, logistic: Callable[[Expr], Expr | None]) -> Expr:
    """An expression with what is added to a number written by s, where `logistic` tells s for a tanh."""

    def rewritten(node: Expr) -> Expr | None:
        if not isinstance(node, Add):
            return None
        constant, _ = node.as_coeff_Add()
        for term in node.args if constant.is_number and constant else ():
            number, rest = term.as_coeff_Mul()
            base, exponent = rest.as_base_exp()
            s = logistic(base) if exponent in (1, 2) and number in (constant, -constant) else None
            if s is None or (exponent == 2 and number == constant):
                continue
            value = product((2 * constant, s if number == constant else 1 - s))
            if exponent == 2:
                value = product((4 * constant, s, 1 - s))
            others = Add(*(a for a in node.args if a not in (term, constant)))
            return Add(_through(others, logistic), value)
        return None

    return replaced(expression, rewritten)


def _mapped(program: Program, change: Callable[[Expr], Expr]) -> Program:
    """The program with other right sides."""
    return replace(program, definitions=tuple(replace(d, rhs=change(d.rhs)) for d in program.definitions))

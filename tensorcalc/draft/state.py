"""What is on an author's paper, and how a lemma begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from sympy import Add, Expr

from tensorcalc.binding import Contraction, product
from tensorcalc.derivation import Lemma, LemmaKind, Step
from tensorcalc.derivation.engine import Engine
from tensorcalc.errors import TensorCalcError
from tensorcalc.expr import Component, Partial
from tensorcalc.index import Adjoint, Tensor
from tensorcalc.rules.derivatives import CHAIN
from tensorcalc.system import Definition

__all__ = ["Start", "State", "opening"]

Start = Literal["formula", "chain rule", "upstream"]


@dataclass(frozen=True, slots=True)
class State:
    """Finished lemmas, and the one in work: its left side, the line it starts from, and the lines after that."""

    lemmas: tuple[Lemma, ...]
    lhs: Expr
    kind: LemmaKind
    start: Expr
    steps: tuple[Step, ...] = ()

    @property
    def line(self) -> Expr:
        """The last line."""
        return self.steps[-1].expression if self.steps else self.start

    @property
    def lemma(self) -> Lemma:
        """The lemma in work; its start counts as a line where there is no other."""
        return Lemma(self.lhs, self.steps or (Step(self.start),), self.kind)


def opening(engine: Engine, lemmas: tuple[Lemma, ...], definition: Definition, variable: Tensor, by: Start) -> State:
    """The start of a lemma: ∂t/∂x of t's formula; by the chain rule through all that t's formula uses; or ∂l/∂x.

    In a formula, other definitions are held fixed where the variable is a definition itself.
    Raises `TensorCalcError` E_OPTION for another way to start.
    """
    if by not in get_args(Start):
        raise TensorCalcError(
            "E_OPTION", f"a lemma does not start by {by!r}", hint=f"one of {', '.join(get_args(Start))}"
        )
    system, letters = engine.system, engine.letters
    if by == "upstream":
        wrt = Component(variable, *letters.for_variable(variable, definition.indices))
        upper = Component(Adjoint(definition.tensor), *definition.indices)
        named = Contraction(product([upper, Partial(definition.lhs, wrt)]), *definition.indices)
        lhs = Component(Adjoint(variable), *wrt.indices)
        return State(lemmas, lhs, "backpropagated", lhs, (Step(named, (CHAIN,)),))
    wrt = Component(variable, *letters.own(variable, definition.indices))
    if by == "formula":
        direct = variable in system.by_tensor
        lhs = Partial(definition.lhs, wrt, direct)
        return State(lemmas, lhs, "partial" if direct else "jacobian", Partial(definition.rhs, wrt, direct))
    moving = system.depends((variable,))
    links = []
    for tensor in system.uses[definition.tensor]:
        if tensor == variable:
            links.append(Partial(definition.lhs, wrt, True))
        elif tensor in moving:
            indices = letters.own(tensor, (*definition.indices, *wrt.indices))
            inner = Component(tensor, *indices)
            links.append(Contraction(product([Partial(definition.lhs, inner, True), Partial(inner, wrt)]), *indices))
    lhs = Partial(definition.lhs, wrt)
    return State(lemmas, lhs, "chain", lhs, (Step(Add(*links), (CHAIN,)),))

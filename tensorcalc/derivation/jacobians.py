"""Jacobians first: ∂t/∂x for one definition after the other, from the variable upwards."""

from __future__ import annotations

from sympy import S

from tensorcalc.derivation.engine import Engine, Link, known
from tensorcalc.derivation.model import Lemma, Step
from tensorcalc.expr import Component, Partial
from tensorcalc.index import Adjoint, Tensor
from tensorcalc.rules.derivatives import CONSTANT
from tensorcalc.rules.scope import Known, Scope
from tensorcalc.system import Definition

__all__ = ["jacobian_or_zero", "jacobians"]


def jacobian_or_zero(engine: Engine, of: Tensor, variable: Tensor) -> list[Lemma]:
    """The lemmas that end in ∂of/∂variable; a single line where `of` does not depend on the variable."""
    found = jacobians(engine, of, variable)
    if found:
        return found
    wrt = Component(variable, *engine.letters.for_variable(variable))
    lhs = Partial(engine.system.by_tensor[of].lhs, wrt)
    return [Lemma(lhs, (Step(S.Zero, (CONSTANT,)),), "jacobian")]


def jacobians(engine: Engine, of: Tensor, variable: Tensor) -> list[Lemma]:
    """The lemmas that end in ∂of/∂variable, every definition between them in order."""
    system = engine.system
    wrt = Component(variable, *engine.letters.for_variable(variable))
    facts: dict[Tensor, Known] = {}
    lemmas: list[Lemma] = []
    moving = system.depends((variable,))
    for definition in system.between((variable,), (of,)):
        if definition.tensor == variable:
            continue
        between = [t for t in system.uses[definition.tensor] if t in moving]
        if len(between) == 1 and between[0] != variable and not isinstance(between[0], Adjoint):
            lemmas += _through(engine, definition, between[0], wrt, facts)
        else:
            scope = Scope(system, variable, known=facts, shown=engine.shown)
            lemmas.append(engine.differentiated(definition, wrt, scope, "jacobian"))
        facts[definition.tensor] = known(lemmas[-1])
    return lemmas


def _through(
    engine: Engine, definition: Definition, inner: Tensor, wrt: Component, facts: dict[Tensor, Known]
) -> list[Lemma]:
    """A definition of one moving tensor: its partial derivative, and the chain rule."""
    indices = engine.letters.own(inner, (*definition.indices, *wrt.indices))
    partial = engine.partial(definition, inner, indices)
    lower = Partial(partial.lhs.wrt, wrt)
    link = Link(partial.lhs, lower, partial.result, facts[inner].at(lower), indices)
    keep = (*definition.indices, *wrt.indices)
    return [partial, engine.chained(Partial(definition.lhs, wrt), [link], "chain", keep)]

"""Second derivatives: the gradient is taken as a system of definitions of its own and derived once more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sympy import Expr

from tensorcalc.binding import free_indices, rename
from tensorcalc.derivation.engine import LARGEST_CLOSED_FORM, Engine, with_proofs
from tensorcalc.derivation.jacobians import jacobian_or_zero
from tensorcalc.derivation.model import Derivation, Kind, Lemma, Manner
from tensorcalc.derivation.program import program_of
from tensorcalc.derivation.tangents import tangents
from tensorcalc.expr import Component
from tensorcalc.index import Adjoint, Dimension, Index
from tensorcalc.isomorphism import signature

__all__ = ["second_order"]


def second_order(first: Derivation, kind: Kind) -> Derivation:
    """The Hessian or HVP, from the derivation of the gradient (or of the Jacobian, for a tensor-valued function)."""
    program = program_of(first)
    system = replace(first.system, definitions=program.definitions, letters=_letters(first))
    adjoints = frozenset(d.tensor for d in system.definitions if isinstance(d.tensor, Adjoint))
    manner = first.engine.manner if isinstance(first.engine, Engine) else Manner()
    hidden = system.foreign((*program.outputs, *first.of)) | (adjoints if kind == "hessian" else frozenset())
    engine = Engine(system, shown=set(first.shown), hidden=hidden, manner=manner)
    if kind == "hvp":
        lemmas, results = tangents(engine, program.outputs, first.wrt)
    else:
        lemmas, results = [], []
        explicit = Engine(system, hidden=hidden | frozenset(program.outputs), manner=manner)
        for output in program.outputs:
            for variable in first.wrt:
                *found, last = jacobian_or_zero(engine, output, variable)
                results.append(_explicit(explicit, last))
                lemmas += [*found, results[-1]]
    before = [lemma for lemma in first.lemmas if lemma.kind == "definition" or not isinstance(lemma.lhs, Component)]
    known = {_named(lemma.lhs) for lemma in before}
    lemmas = [lemma for lemma in lemmas if lemma in results or _named(lemma.lhs) not in known]
    return Derivation(
        system,
        kind,
        first.of,
        first.wrt,
        with_proofs(engine, (*before, *lemmas)),
        tuple((lemma.lhs, lemma.result) for lemma in results),
        (*first.derivative_letters, *engine.letters.chosen),
        first.of[0].name if len(first.of) == 1 else first.loss,
        first.title,
        first.notes,
        frozenset(engine.shown),
        engine,
    )


def _named(left: Expr) -> tuple[object, ...]:
    """What a lemma is about, whatever letters it uses: two with the same are the same with other letters."""
    found = signature([left])
    return (*found.tokens, *(a for a in found.atoms if not isinstance(a, Index)))


def _explicit(engine: Engine, lemma: Lemma) -> Lemma:
    """The lemma in terms of the system itself: first derivatives that stand in its result are written out."""

    def value(node: Expr) -> Expr | None:
        if not isinstance(node, Component) or node.tensor not in engine.hidden:
            return None
        definition = engine.system.by_tensor[node.tensor]
        return rename(definition.rhs, dict(zip(definition.indices, node.indices, strict=True)))

    keep = [i for part in (lemma.lhs.expression, lemma.lhs.wrt) for i in part.indices if isinstance(i, Index)]
    while (explicit := engine.closed(lemma, value, keep, LARGEST_CLOSED_FORM)) is not lemma:
        lemma = explicit
    return lemma


def _letters(first: Derivation) -> Mapping[Dimension, tuple[str, ...]]:
    """The author's letters, and those of the first derivative: the second one needs others."""
    letters = {d: list(names) for d, names in first.system.letters.items()}
    for left, _ in first.results:
        for index in sorted(free_indices(left), key=str):
            names = letters.setdefault(index.dimension, [])
            if index.name not in names:
                names.append(index.name)
    return {d: tuple(names) for d, names in letters.items()}

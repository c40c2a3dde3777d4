"""The engine in the setting of an article: its system, and the derivatives that its rows have found."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from sympy import Expr

from tensorcalc.advice.expressions import Translator
from tensorcalc.api import System, parse
from tensorcalc.check import SEEDS
from tensorcalc.check.sampling import sample
from tensorcalc.check.steps import check_steps
from tensorcalc.derivation import Derivation, Lemma, Step
from tensorcalc.derivation.engine import Engine
from tensorcalc.errors import TensorCalcError
from tensorcalc.expr import Component, Partial
from tensorcalc.index import Adjoint, Index, Tensor
from tensorcalc.rules.rule import Rule
from tensorcalc.verify.checker import Finding, Result
from tensorcalc.verify.problems import Problem
from tensorcalc.verify.reading import Val
from tensorcalc.verify.terms import Place, Term, substitute
from tensorcalc.verify.writing import Written, write_system

__all__ = ["ArticleEngine"]

CLOSE = 1e-7
ENTRIES = "pqrstuvwnm"  # letters for the entries of vectors and matrices
AUTHOR = Rule("as the article says")


class ArticleEngine:
    """What the engine knows of an article; `usable` is false where it has no system for its definitions."""

    def __init__(self, result: Result) -> None:
        self.result = result
        self.written: Written | None = None
        self.system: System | None = None
        try:
            self.written = write_system(result.article)
            if self.written.lines:
                self.system = parse(self.written.text, result.document.source.name)
        except (Problem, TensorCalcError):
            return

    @property
    def usable(self) -> bool:
        return self.system is not None

    @cached_property
    def engine(self) -> Engine:
        assert self.system is not None
        return Engine(self.system)

    @cached_property
    def translator(self) -> Translator:
        assert self.system is not None
        assert self.written is not None
        return Translator(self.system, self.result.article.model, self.written.names)

    def expressions(self, direct: bool, *terms: Term) -> list[Expr] | None:
        """Terms of a row as expressions; `None` where the engine has no form for one of them. With `direct`,
        derivatives hold other definitions fixed.
        """
        try:
            return self.translator.expression(*terms, partial=direct)
        except (Problem, TensorCalcError, ValueError, TypeError):
            return None

    def sides(self, finding: Finding, direct: bool) -> tuple[Expr, Expr | None] | None:
        """The line before a row's equals sign, and the one behind it where that has a value."""
        claim = finding.detail.claim if finding.detail is not None else None
        if not self.usable or claim is None or claim.reference is None or claim.defines:
            return None
        before = claim.reference
        for other in self.result.article.claims:
            if other.chain == claim.chain and other.right is claim.left and other.value is not None:
                before = other.value
        if claim.value is None or finding.verdict == "ill-formed":
            found = self.expressions(direct, *self.entries(before))
            return None if found is None else (found[0], None)
        found = self.expressions(direct, *self.entries(before, claim.value))
        return None if found is None else (found[0], found[1])

    def entries(self, *values: Val) -> list[Term]:
        """Vectors and matrices by their entries, over the same letters."""
        system = self.system
        taken = {x for letters in system.letters.values() for x in letters} if system is not None else set()
        letters = [x for x in ENTRIES if x not in taken]
        return [
            substitute(v.term, {axis: Place.of(x) for axis, x in zip(v.axes, letters, strict=False)}) for v in values
        ]

    @cached_property
    def found(self) -> dict[int, tuple[Lemma, ...]]:
        """For each row's place in the text, the derivatives that rows before it have found."""
        lemmas: list[Lemma] = []
        known: dict[int, tuple[Lemma, ...]] = {}
        for finding in self.result.findings:
            known[finding.span.start] = tuple(lemmas)
            claim = finding.detail.claim if finding.detail is not None else None
            if finding.verdict != "holds" or claim is None or claim.reference is None or claim.value is None:
                continue
            if claim.defines:
                continue
            sides = self.expressions(finding.reading != "", *self.entries(claim.reference, claim.value))
            if sides is not None and _is_derivative(sides[0]):
                lemmas.insert(0, Lemma(sides[0], (Step(sides[1], (AUTHOR,)),), "partial"))
        return known

    @cached_property
    def ends(self) -> tuple[Tensor, ...]:
        """The tensors whose upstream gradients are given: those that the article's loss is made of, or the last one."""
        assert self.system is not None
        assert self.written is not None
        names = [self.written.names.get(n, "") for ends in self.result.article.model.losses.values() for n in ends]
        found = [self.system.tensors[n] for n in dict.fromkeys(names) if n in self.system.tensors]
        return tuple(found) or (self.system.definitions[-1].tensor,)

    def confirms(self, derivation: Derivation) -> bool:
        """Whether every line has the value of the first one, at a random point; derivatives by complex steps."""
        for seed in SEEDS:
            environment = sample(derivation.system, tuple(Adjoint(t) for t in derivation.of), seed)
            if environment is not None:
                with np.errstate(all="ignore"):
                    return all(item.error < CLOSE for item in check_steps(derivation, environment))
        return False

    def derivation(self, lemmas: tuple[Lemma, ...]) -> Derivation:
        """Lemmas of the article as something that can be printed."""
        assert self.system is not None
        last = lemmas[-1]
        loss = next(iter(self.result.article.model.losses), "l")
        return Derivation(
            self.system,
            "jacobian",
            self.ends,
            (self.system.inputs or (self.system.definitions[-1].tensor,))[:1],
            lemmas,
            ((last.lhs, last.result),),
            tuple(sorted(i.name for i in last.lhs.atoms(Index) if "_" not in i.name)),
            loss if loss not in self.system.tensors else "l",
            engine=self.engine,
        )


def _is_derivative(left: Expr) -> bool:
    """Whether a left side is a derivative by plain indices, whose value can be put in elsewhere."""
    parts = (left.expression, left.wrt) if isinstance(left, Partial) else (left,)
    if not all(isinstance(p, Component) for p in parts):
        return False
    if not isinstance(left, Partial) and not (isinstance(left, Component) and isinstance(left.tensor, Adjoint)):
        return False
    indices = [i for p in parts for i in p.indices]
    return all(isinstance(i, Index) for i in indices) and len(set(indices)) == len(indices)

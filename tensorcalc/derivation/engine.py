"""Lemmas about single definitions, and how they are joined: what both orders of the chain rule share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sympy import Add, Expr

from tensorcalc.binding import Contraction, product
from tensorcalc.derivation.book import SystemBook
from tensorcalc.derivation.letters import Letters
from tensorcalc.derivation.line import differentiate, simplify
from tensorcalc.derivation.model import Lemma, LemmaKind, Step
from tensorcalc.derivation.sharing import Sharing
from tensorcalc.expr import Component, Partial, bracketed
from tensorcalc.index import Index, Tensor
from tensorcalc.rules.algebra import ungroup
from tensorcalc.rules.derivatives import CHAIN
from tensorcalc.rules.rule import Rule
from tensorcalc.rules.scope import Known, Scope
from tensorcalc.system import Definition, System

__all__ = ["SUBSTITUTE", "Engine", "Link", "known", "with_proofs"]

SUBSTITUTE = Rule("substituting the derivatives from above")


@dataclass(frozen=True, slots=True)
class Link:
    """One product of a chain rule, `upper · lower` summed over `indices`, and the values of both factors."""

    upper: Expr
    lower: Expr
    upper_value: Expr
    lower_value: Expr
    indices: tuple[Index, ...]

    def named(self) -> Expr:
        """The product of the two derivatives by name."""
        return Contraction(product([self.upper, self.lower]), *self.indices)

    def valued(self) -> Expr:
        """The product of their values, in brackets."""
        return Contraction(product([bracketed(self.upper_value), bracketed(self.lower_value)]), *self.indices)


@dataclass
class Engine:
    """Derives lemmas over one system; each is derived once."""

    system: System
    letters: Letters = field(init=False)
    book: SystemBook = field(init=False)
    sharing: Sharing = field(init=False)
    shown: set[str] = field(default_factory=set)
    _partials: dict[tuple[Tensor, Tensor, tuple[Index, ...]], Lemma] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.letters = Letters(self.system)
        self.book = SystemBook(self.system)
        self.sharing = Sharing(self.book)

    def simplify(self, line: Expr, indices: Sequence[Index]) -> tuple[Step, ...]:
        """The lines from a derivative without ∂ to its shortest form, which keeps the free `indices`."""
        return self.sharing.steps("simplify", (line, *indices), lambda: simplify(line, self.book, indices))[0]

    def simplified(self, line: Expr, indices: Sequence[Index]) -> Expr:
        """The shortest form of a derivative without ∂."""
        steps = self.simplify(line, indices)
        return ungroup(steps[-1].expression if steps else line)

    def partial(self, definition: Definition, tensor: Tensor, indices: tuple[Index, ...] | None = None) -> Lemma:
        """∂d/∂t from the formula of d alone, other definitions held fixed; over `indices` where they are given."""
        if indices is None:
            indices = self.letters.own(tensor, definition.indices)
        key = definition.tensor, tensor, indices
        if key not in self._partials:
            self._partials[key] = self._partial(definition, Component(tensor, *indices))
        return self._partials[key]

    def _partial(self, definition: Definition, wrt: Component) -> Lemma:
        """A partial derivative; one of the same form as an earlier one is not derived again."""
        scope = Scope(self.system, wrt.tensor, direct=True, shown=self.shown)
        steps, same = self.sharing.steps(
            "partial",
            (definition.lhs, definition.rhs, wrt),
            lambda: self.differentiated(definition, wrt, scope, "partial").steps,
            f"∂{definition.name}/∂{wrt.tensor.name}",
        )
        if same:
            steps = (Step(steps[-1].expression, (Rule(f"as for {same}"),)),)
        return Lemma(Partial(definition.lhs, wrt, True), steps, "partial")

    def differentiated(self, definition: Definition, wrt: Component, scope: Scope, kind: LemmaKind) -> Lemma:
        """The derivative of a definition's right side, line by line."""
        start = Partial(definition.rhs, wrt, scope.direct)
        steps = differentiate(start, scope)
        keep = (*definition.indices, *(i for i in wrt.indices if isinstance(i, Index)))
        steps += simplify(steps[-1].expression, self.book, keep)
        return Lemma(Partial(definition.lhs, wrt, scope.direct), tuple(steps), kind)

    def chained(
        self, lhs: Expr, links: Iterable[Link], kind: LemmaKind, keep: Sequence[Index], seed: Expr | None = None
    ) -> Lemma:
        """The chain rule: products of derivatives by name, then with their values, then simplified."""
        links = tuple(links)
        seeds = [] if seed is None else [seed]
        named = Add(*seeds, *(link.named() for link in links))
        valued = Add(*seeds, *(link.valued() for link in links))
        steps = [Step(named, (CHAIN,))]
        if valued != named:
            steps.append(Step(valued, (SUBSTITUTE,)))
        steps += self.simplify(valued, keep)
        return Lemma(lhs, tuple(steps), kind)


def with_proofs(engine: Engine, lemmas: Iterable[Lemma]) -> tuple[Lemma, ...]:
    """The lemmas without repetition, each preceded by the proofs of the facts that it uses."""
    result: dict[Lemma, None] = {}
    for lemma in lemmas:
        for step in lemma.steps:
            for rule in step.rules:
                proof = engine.book.proof(rule)
                if proof is not None:
                    result[proof] = None
        result[lemma] = None
    return tuple(result)


def known(lemma: Lemma) -> Known:
    """The lemma as a fact that derivative rules may use."""
    return Known(lemma.lhs, lemma.result)

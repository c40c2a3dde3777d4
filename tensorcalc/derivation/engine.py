"""Lemmas about single definitions, and how they are joined: what both orders of the chain rule share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from sympy import Add, Expr

from tensorcalc.binding import Contraction, product, replace
from tensorcalc.derivation.book import SystemBook
from tensorcalc.derivation.letters import Letters
from tensorcalc.derivation.line import differentiate, simplify
from tensorcalc.derivation.matrices import PROVED, inverse_by_itself, matrix_in, prove
from tensorcalc.derivation.model import Lemma, LemmaKind, Manner, Step
from tensorcalc.derivation.sharing import Sharing
from tensorcalc.expr import Component, Group, Inverse, Partial, bracketed
from tensorcalc.index import Index, Tensor
from tensorcalc.rules.algebra import REARRANGE, REMOVE_BRACKETS, brackets_show, size, ungroup
from tensorcalc.rules.derivatives import CHAIN
from tensorcalc.rules.rule import Rule
from tensorcalc.rules.scope import Known, Scope
from tensorcalc.system import Definition, System

__all__ = ["LARGEST_CLOSED_FORM", "Engine", "Link", "known", "largest_closed_form", "with_proofs"]

LARGEST_CLOSED_FORM = 40  # operations; beyond it a result stays in terms of the derivatives of other definitions
LONGEST_PATH = 12  # definitions on the way up to which whole closed forms are tried
LARGEST_IN_DEPTH = 12  # operations of a closed form on longer ways

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
    """Derives lemmas over one system; each is derived once. No result is written in terms of `hidden` tensors unless
    their definitions are too long.
    """

    system: System
    letters: Letters = field(init=False)
    book: SystemBook = field(init=False)
    sharing: Sharing = field(init=False)
    shown: set[str] = field(default_factory=set)
    hidden: frozenset[Tensor] = frozenset()
    manner: Manner = field(default_factory=Manner)
    _partials: dict[tuple[Tensor, Tensor, tuple[Index, ...]], Lemma] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.letters = Letters(self.system, self.manner.letters)
        self.book = SystemBook(self.system, self.hidden)
        self.sharing = Sharing(self.book)

    def simplify(self, line: Expr, indices: Sequence[Index]) -> tuple[Step, ...]:
        """The lines from a derivative without ∂ to its shortest form, which keeps the free `indices`."""
        plain = ungroup(line)
        steps = self.sharing.steps("simplify", (plain, *indices), lambda: simplify(plain, self.book, indices))[0]
        if plain == line or not brackets_show(line):
            return steps
        if not steps:
            return (Step(plain, (REMOVE_BRACKETS,)),)
        first, *rest = steps
        return (Step(first.expression, (REMOVE_BRACKETS,)), *rest) if first.rules == (REARRANGE,) else steps

    def simplified(self, line: Expr, indices: Sequence[Index]) -> Expr:
        """The shortest form of a derivative without ∂."""
        steps = self.simplify(line, indices)
        return steps[-1].expression if steps else ungroup(line)

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
            f"∂{definition.tensor.spoken}/∂{wrt.tensor.spoken}",
        )
        if same:
            steps = (Step(steps[-1].expression, (Rule(f"as for {same}"),)),)
        return Lemma(Partial(definition.lhs, wrt, True), steps, "partial")

    def differentiated(self, definition: Definition, wrt: Component, scope: Scope, kind: LemmaKind) -> Lemma:
        """The derivative of a definition's right side, line by line."""
        if _is_inverse_of(definition, wrt.tensor):
            lines = inverse_by_itself(
                lambda a, b: Component(definition.tensor, a, b), wrt.tensor, definition.indices, wrt
            )
            return Lemma(Partial(definition.lhs, wrt, scope.direct), lines, kind)
        start = Partial(definition.rhs, wrt, scope.direct)
        steps = differentiate(start, scope)
        keep = (*definition.indices, *(i for i in wrt.indices if isinstance(i, Index)))
        steps += self.simplify(steps[-1].expression, keep)
        return Lemma(Partial(definition.lhs, wrt, scope.direct), tuple(steps), kind)

    def closed(self, lemma: Lemma, value: Callable[[Expr], Expr | None], keep: Sequence[Index], largest: int) -> Lemma:
        """The lemma with known derivatives substituted by their values, unless that gets longer than `largest`."""
        if not self.manner.substitute:
            return lemma
        line = _bare(replace(lemma.result, lambda node: _bracketed(value(node))))
        if line == lemma.result or size(line) > largest:
            return lemma
        steps = self.simplify(line, keep)
        final = steps[-1].expression if steps else line
        if size(final) > max(largest, size(lemma.result)):
            return lemma
        return Lemma(lemma.lhs, (*lemma.steps, Step(line, (SUBSTITUTE,)), *steps), lemma.kind)

    def law(self, rule: Rule, line: Expr) -> Lemma | None:
        """The derivation of a law about matrices that was used in a line."""
        if rule not in PROVED:
            return None
        matrix = matrix_in(line)
        letters = self.letters.plain(matrix)
        wrt = Component(matrix, *self.letters.for_variable(matrix, letters))
        return prove(rule, matrix, letters, wrt)

    def chained(
        self, lhs: Expr, links: Iterable[Link], kind: LemmaKind, keep: Sequence[Index], seed: Expr | None = None
    ) -> Lemma:
        """The chain rule: products of derivatives by name, then with their values, then simplified."""
        links = tuple(links)
        seeds = [] if seed is None else [seed]
        named = Add(*seeds, *(link.named() for link in links))
        valued = _bare(Add(*seeds, *(link.valued() for link in links)))
        steps = [Step(named, (CHAIN,))]
        if valued != named:
            steps.append(Step(valued, (SUBSTITUTE,)))
        steps += self.simplify(valued, keep)
        return Lemma(lhs, tuple(steps), kind)


def largest_closed_form(length: int) -> int:
    """The operations that a closed form may have where `length` definitions lie between variables and outputs."""
    return LARGEST_CLOSED_FORM if length <= LONGEST_PATH else LARGEST_IN_DEPTH


def _bare(line: Expr) -> Expr:
    """A line without brackets around the whole of it."""
    return line.expression if isinstance(line, Group) else line


def _bracketed(value: Expr | None) -> Expr | None:
    return None if value is None else bracketed(value)


def _is_inverse_of(definition: Definition, matrix: Tensor) -> bool:
    """Whether a definition says y = X⁻¹ for the matrix X."""
    inverse = definition.rhs
    return isinstance(inverse, Inverse) and inverse.tensor == matrix and inverse.indices == definition.indices


def with_proofs(engine: Engine, lemmas: Iterable[Lemma]) -> tuple[Lemma, ...]:
    """The lemmas without repetition, each preceded by the proofs of the facts and laws that it uses."""
    result: dict[Lemma, None] = {}
    proved: set[Rule] = set()
    for lemma in lemmas:
        for step in lemma.steps:
            for rule in step.rules:
                if rule in proved:
                    continue
                proof = engine.book.proof(rule) or engine.law(rule, step.expression)
                if proof is not None:
                    proved.add(rule)
                    result[proof] = None
        result[lemma] = None
    return tuple(result)


def known(lemma: Lemma) -> Known:
    """The lemma as a fact that derivative rules may use."""
    return Known(lemma.lhs, lemma.result)

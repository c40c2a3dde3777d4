"""Rules as they are misapplied: what a derivative, or the next line, becomes by one slip.

A derivative is taken of a formula, one law at a time; at each place where a law is used the catalogue says what authors
write instead. Every result has exactly one slip in it, and the rule that it breaks, by the title that derivations give
it. Whether one of them is what an author wrote is a question of numbers, for the caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from tensorcalc.rules.algebra import EXPAND, REMOVE_BRACKETS
from tensorcalc.rules.contraction import CONTRACT_DELTA, SUM_ONES
from tensorcalc.rules.derivatives import CHAIN
from tensorcalc.verify.differentiation import (
    ONE,
    ZERO,
    Broken,
    Rules,
    Slip,
    plain,
    put,
    shown_letter,
    shown_place,
)
from tensorcalc.verify.model import Model
from tensorcalc.verify.terms import (
    Added,
    Apply,
    Constant,
    Derived,
    Entry,
    Kronecker,
    One,
    Place,
    Powered,
    Reduced,
    Term,
    Times,
    letters_of,
    substitute,
    tensors_of,
)

__all__ = ["slips_of"]


def slips_of(term: Term, model: Model, free: Sequence[str], direct: bool, chained: bool = False) -> Iterator[Broken]:
    """The term with one slip: in a derivative that is taken in it, or in what is simplified in it.

    `free` are the letters that the equation keeps; with `direct`, derivatives hold other definitions fixed; with
    `chained`, the author has written derivatives by other definitions, so that the chain rule comes first.
    """
    yield from _Slips(model, free, direct, chained).within(term)


class _Slips:
    def __init__(self, model: Model, free: Sequence[str], direct: bool, chained: bool) -> None:
        self.model = model
        self.free = free
        self.direct = direct
        self.chained = chained

    def within(self, term: Term) -> Iterator[Broken]:
        """One slip in a term, at itself or in one of its parts."""
        match term:
            case Derived():
                yield from self.derivative(term)
                return
            case Added():
                for place, part in enumerate(term.terms):
                    for broken, slip in self.within(part):
                        yield Added(put(term.terms, place, broken)), slip
            case Times():
                yield from self.product(term)
            case Reduced():
                for broken, slip in self.within(term.body):
                    yield replace(term, body=broken), slip
                if term.kind == "sum":
                    yield from self.counted(term)
            case Kronecker():
                yield from self.delta(term)
            case Powered():
                for broken, slip in self.within(term.base):
                    yield Powered(broken, term.exponent), slip
            case Apply():
                for place, part in enumerate(term.arguments):
                    for broken, slip in self.within(part):
                        yield replace(term, arguments=put(term.arguments, place, broken)), slip

    def product(self, term: Times) -> Iterator[Broken]:
        """Slips in factors, and in multiplying brackets out."""
        for place, factor in enumerate(term.factors):
            for broken, slip in self.within(factor):
                yield Times(put(term.factors, place, broken)), slip
            inner = _bracket(factor)
            if inner is None or len(term.factors) < 2:
                continue
            negative = any(isinstance(f, Constant) and f.value < 0 for f in term.factors)
            for k, part in enumerate(inner.terms):
                turned = Times((Constant(Fraction(-1)), part))
                broken = Times(put(term.factors, place, Added(put(inner.terms, k, turned))))
                if negative:
                    yield (
                        broken,
                        Slip(REMOVE_BRACKETS.name, "the minus before a bracket does not turn every sign"),
                    )
                rest = [f for j, f in enumerate(term.factors) if j != place]
                for lost in rest:
                    if isinstance(lost, Constant) and abs(lost.value) == 1:
                        continue
                    kept = tuple(f for f in rest if f is not lost)
                    terms = [Times((*(kept if j == k else rest), t)) for j, t in enumerate(inner.terms)]
                    yield Added(tuple(terms)), Slip(EXPAND.name, "a factor is not multiplied into every term")

    def counted(self, term: Reduced) -> Iterator[Broken]:
        """A sum of ones counts the entries."""
        for letter in term.letters:
            factors = term.body.factors if isinstance(term.body, Times) else (term.body,)
            ones = [f for f in factors if isinstance(f, One) and f.place.letter == letter]
            if ones and all(f in ones or letter not in letters_of(f) for f in factors):
                left = tuple(x for x in term.letters if x != letter)
                rest = tuple(f for f in factors if f not in ones) or (ONE,)
                body = Times(rest) if len(rest) > 1 else rest[0]
                slip = Slip(SUM_ONES.name, "ones are summed to 1, not to the size of the dimension")
                yield (Reduced("sum", left, body) if left else body), slip

    def delta(self, term: Kronecker) -> Iterator[Broken]:
        """A δ that is dropped, or contracted with another index."""
        first, second = shown_place(term.first), shown_place(term.second)
        shown = "a δ" if first == second else rf"\delta_{{{first} {second}}}"
        yield ONE, Slip(CONTRACT_DELTA.name, f"{shown} is dropped")
        for place, kept in ((term.first, term.second), (term.second, term.first)):
            for letter in self.free:
                if letter not in (place.letter, kept.letter):
                    slip = Slip(
                        CONTRACT_DELTA.name,
                        f"{shown} puts {shown_place(place)} for {shown_place(kept)}, not {shown_letter(letter)}",
                    )
                    yield Kronecker(kept, Place.of(letter)), slip

    # derivatives

    def derivative(self, term: Derived) -> Iterator[Broken]:
        """One slip in the derivative of what a name stands for, of a formula, or along the ways of the chain rule."""
        body = term.body
        direct = self.direct and not term.total
        if isinstance(body, Entry) and body.name in self.model.losses:
            yield from self.paths(body, term)
            return
        scalar = isinstance(body, Entry) and not body.places and not direct
        if isinstance(body, Entry) and scalar and self.chained:
            yield from self.paths(body, term)
        yield from self.by_formula(term, direct)
        if isinstance(body, Entry) and scalar and not self.chained:
            yield from self.paths(body, term)

    def by_formula(self, term: Derived, direct: bool) -> Iterator[Broken]:
        """One slip in the derivative of a formula, or of the formula of a name."""
        body = term.body
        rule = Rules(self.model, term.name, term.places, direct)
        named = isinstance(body, Entry) and body.name != term.name and body.name in self.model.definitions
        formula = self.formula(body) if isinstance(body, Entry) and named else body
        if rule.derivative(formula) is None:
            return
        others = _indirect(formula, self.model, term.name) if not direct else []
        if others and term.name in tensors_of(formula):
            partial = Rules(self.model, term.name, term.places, True).derivative(formula)
            ways = " and ".join(plain(n) for n in others)
            yield partial or ZERO, Slip(CHAIN.name, f"the way by {ways} is missing, as in a partial derivative")
        yield from rule.broken(formula)

    def formula(self, entry: Entry) -> Term:
        """What a name is defined to be, at the places of an entry."""
        definition = self.model.definitions[entry.name]
        return substitute(definition.body, dict(zip(definition.letters, entry.places, strict=True)))

    def paths(self, body: Entry, term: Derived) -> Iterator[Broken]:
        """∂l/∂x as the sum over all that x makes: with one way missing, or one slip on the last piece of a way."""
        users = [d for d in self.model.definitions.values() if term.name in tensors_of(d.body) and d.name != body.name]
        ends = self.model.ancestors(self.model.losses.get(body.name, ())) or self.model.ancestors([body.name])
        users = [d for d in users if d.name in ends]
        if not users:
            return
        ways: list[Term] = []
        slips: list[list[Broken]] = []
        for number, user in enumerate(users):
            letters = tuple(f"{x.split('~')[0]}~way{number}" for x in user.letters)
            places = tuple(Place.of(x) for x in letters)
            outer = Derived(body, user.name, places, True)
            formula = substitute(user.body, dict(zip(user.letters, places, strict=True)))
            rules = Rules(self.model, term.name, term.places, True)
            inner = rules.derivative(formula)
            if inner is None:
                return

            def way(last: Term, outer: Term = outer, letters: tuple[str, ...] = letters) -> Term:
                product = Times((outer, last))
                return Reduced("sum", letters, product) if letters else product

            ways.append(way(inner))
            slips.append([(way(b), s) for b, s in rules.broken(formula)])
        for number, user in enumerate(users):
            rest = tuple(w for k, w in enumerate(ways) if k != number)
            if rest:
                slip = Slip(CHAIN.name, f"the way by {plain(user.name)} is missing")
                yield Added(rest), slip
            for broken, found in slips[number]:
                yield Added((*rest, broken)), found


def _bracket(term: Term) -> Added | None:
    while isinstance(term, Times) and len(term.factors) == 1:
        term = term.factors[0]
    return term if isinstance(term, Added) else None


def _indirect(formula: Term, model: Model, name: str) -> list[str]:
    """The definitions in a formula that depend on the variable themselves."""
    used = sorted(tensors_of(formula) - {name})
    return [n for n in used if n in model.definitions and name in model.ancestors([n])]

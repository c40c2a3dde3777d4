"""The derivative of a formula, one law at a time, and what it becomes where a law is misapplied at one place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction

from tensorcalc.functions import FUNCTIONS
from tensorcalc.rules.derivatives import CHAIN, LINEARITY, POWER, PRODUCT, QUOTIENT, SELF
from tensorcalc.verify.model import Model
from tensorcalc.verify.terms import (
    Added,
    Apply,
    Constant,
    Derived,
    Entry,
    Kronecker,
    Place,
    Powered,
    Reduced,
    Term,
    Times,
    tensors_of,
)

__all__ = ["ONE", "ZERO", "Broken", "Rules", "Slip", "plain", "put", "shown_letter", "shown_place"]


@dataclass(frozen=True, slots=True)
class Slip:
    """A rule by its title, and what was done instead of applying it."""

    rule: str
    done: str


Broken = tuple[Term, Slip]
ZERO = Constant(Fraction(0))
ONE = Constant(Fraction(1))


class Rules:
    """The derivative of formulas by an entry of a tensor, and the same with one slip."""

    def __init__(self, model: Model, name: str, places: tuple[Place, ...], direct: bool) -> None:
        self.model = model
        self.name = name
        self.places = places
        self.direct = direct

    def moves(self, term: Term) -> bool:
        """Whether a term depends on the variable."""
        names = tensors_of(term)
        return self.name in (names if self.direct else self.model.ancestors(names))

    def derivative(self, term: Term) -> Term | None:
        """The derivative; `None` where it is zero."""
        if not self.moves(term):
            return None
        match term:
            case Entry():
                return self.of_entry(term)
            case Added():
                return _added([self.derivative(t) for t in term.terms])
            case Times():
                return _added([self.one_factor(term, k) for k in range(len(term.factors))])
            case Powered(exponent=Constant()):
                inner = self.derivative(term.base)
                return None if inner is None else Times((_lowered(term, 1), inner))
            case Apply() if len(term.arguments) == 1:
                inner = self.derivative(term.arguments[0])
                return None if inner is None else Times((replace(term, primes=term.primes + 1), inner))
            case Reduced(kind="sum"):
                inner = self.derivative(term.body)
                return None if inner is None else replace(term, body=inner)
        return Derived(term, self.name, self.places, not self.direct)

    def of_entry(self, term: Entry) -> Term:
        if term.name != self.name:
            return Derived(term, self.name, self.places, True)
        pairs = [Kronecker(a, b) for a, b in zip(term.places, self.places, strict=False)]
        return ONE if not pairs else pairs[0] if len(pairs) == 1 else Times(tuple(pairs))

    def one_factor(self, term: Times, place: int) -> Term | None:
        """The product with one factor differentiated."""
        inner = self.derivative(term.factors[place])
        return None if inner is None else Times(put(term.factors, place, inner))

    def broken(self, term: Term) -> Iterator[Broken]:
        """The derivative with one slip."""
        if not self.moves(term):
            return
        match term:
            case Entry():
                yield from self.entry(term)
            case Added():
                yield from self.sum(term)
            case Times():
                yield from self.product(term)
            case Powered(exponent=Constant()):
                yield from self.power(term)
            case Apply() if len(term.arguments) == 1:
                yield from self.function(term)
            case Reduced(kind="sum"):
                for inner, slip in self.broken(term.body):
                    yield replace(term, body=inner), slip

    def entry(self, term: Entry) -> Iterator[Broken]:
        if term.name != self.name:
            return
        pairs = [Kronecker(a, b) for a, b in zip(term.places, self.places, strict=False)]
        for place, pair in enumerate(pairs):
            letters = shown_place(pair.first), shown_place(pair.second)
            shown = "a δ" if letters[0] == letters[1] else rf"\delta_{{{letters[0]} {letters[1]}}}"
            rest = Times((*put(pairs, place, ONE), ONE))
            yield rest, Slip(SELF.name, f"{shown} is missing")
        if len(pairs) == 2:
            crossed = Times(tuple(Kronecker(a, b) for a, b in zip(term.places, reversed(self.places), strict=True)))
            yield crossed, Slip(SELF.name, "the indices are paired crosswise, as for the transpose")

    def sum(self, term: Added) -> Iterator[Broken]:
        parts = [self.derivative(t) for t in term.terms]
        for place, part in enumerate(term.terms):
            rest = [p for k, p in enumerate(parts) if k != place]
            for broken, slip in self.broken(part):
                found = _added([*rest, broken])
                if found is not None:
                    yield found, slip
            if parts[place] is not None:
                yield _added(rest) or ZERO, Slip(LINEARITY.name, "the derivative of an added term is missing")

    def product(self, term: Times) -> Iterator[Broken]:
        parts = [self.one_factor(term, k) for k in range(len(term.factors))]
        moving = [k for k, p in enumerate(parts) if p is not None]
        below = [k for k in moving if _is_below(term.factors[k])]
        rule = QUOTIENT.name if below else PRODUCT.name
        for place in moving:
            rest = [p for k, p in enumerate(parts) if k != place]
            for inner, found_slip in self.broken(term.factors[place]):
                slip = found_slip
                if place in below and len(term.factors) > 1 and slip.rule == POWER.name:
                    slip = Slip(QUOTIENT.name, _QUOTIENT_SLIPS.get(slip.done, slip.done))
                found = _added([*rest, Times(put(term.factors, place, inner))])
                if found is not None:
                    yield found, slip
            if len(moving) < 2:
                continue
            lost = "the denominator" if place in below else "the numerator" if below else "one factor"
            yield _added(rest) or ZERO, Slip(rule, f"the term with the derivative of {lost} is missing")
        for place in below:
            part = parts[place]
            turned = Times((Constant(Fraction(-1)), part)) if part is not None else None
            found = _added([*(p for k, p in enumerate(parts) if k != place), turned])
            whole = _added(parts)
            factor = term.factors[place]
            if whole is not None and len(moving) > 1 and isinstance(factor, Powered):
                yield Times((whole, factor.base)), Slip(rule, "the denominator is not squared")
            if found is not None and len(term.factors) > 1:
                yield found, Slip(rule, "the term with the derivative of the denominator has the wrong sign")
        if len(moving) > 1:
            slopes = [self.derivative(term.factors[k]) for k in moving]
            fixed = [f for k, f in enumerate(term.factors) if k not in moving]
            every = Times((*fixed, *(d for d in slopes if d is not None)))
            yield every, Slip(rule, "the derivatives are multiplied")

    def power(self, term: Powered) -> Iterator[Broken]:
        inner = self.derivative(term.base)
        assert isinstance(term.exponent, Constant)
        if inner is None:
            return
        power = term.exponent.value
        wrong: tuple[tuple[Term, str], ...] = (
            (_lowered(term, 0), _KEPT),
            (Powered(term.base, Constant(power - 1)), _FACTOR),
            (_lowered(term, 2), "the exponent is lowered by 2"),
            (_lowered(term, -1), _RAISED),
            (Times((Constant(-power), Powered(term.base, Constant(power - 1)))), _SIGN),
        )
        for outer, done in wrong:
            yield Times((outer, inner)), Slip(POWER.name, done)
        yield from self.inner(_lowered(term, 1), term.base)

    def function(self, term: Apply) -> Iterator[Broken]:
        argument = term.arguments[0]
        inner = self.derivative(argument)
        if inner is None:
            return
        slope = replace(term, primes=term.primes + 1)
        yield from self.inner(slope, argument)
        if term.name in FUNCTIONS and not term.primes:
            rule = f"derivative of {term.name}"
            yield Times((Constant(Fraction(-1)), slope, inner)), Slip(rule, "its sign is wrong")
            yield Times((term, inner)), Slip(rule, f"{term.name} is taken for its own derivative")
            for other, done in _WRONG_SLOPES.get(term.name, ()):
                yield Times((other(argument), inner)), Slip(rule, done)

    def inner(self, outer: Term, argument: Term) -> Iterator[Broken]:
        """The outer derivative with a slip in the inner one, or without it."""
        for broken, slip in self.broken(argument):
            yield Times((outer, broken)), slip
        if isinstance(argument, Entry) and argument.name == self.name:
            return
        slip = Slip(CHAIN.name, "the inner derivative is missing")
        yield outer, slip
        for entry in _entries(argument, self.name):
            yield Times((outer, self.of_entry(entry))), slip


_KEPT = "the exponent is not lowered"
_FACTOR = "the exponent is missing as a factor"
_RAISED = "the exponent is raised, not lowered"
_SIGN = "the exponent has the wrong sign as a factor"
_QUOTIENT_SLIPS = {
    _KEPT: "the denominator is not squared",
    _SIGN: "the term with the derivative of the denominator has the wrong sign",
    _FACTOR: "the term with the derivative of the denominator has the wrong sign",
}


def _one_and(term: Term, sign: int = 1) -> Term:
    return Added((ONE, Times((Constant(Fraction(sign)), term))))


def _square(term: Term) -> Term:
    return Powered(term, Constant(Fraction(2)))


_WRONG_SLOPES: dict[str, tuple[tuple[Callable[[Term], Term], str], ...]] = {
    "tanh": (
        (lambda u: _one_and(_square(Apply("tanh", (u,)))), "1 + tanh² is taken for 1 − tanh²"),
        (lambda u: _one_and(Apply("tanh", (u,)), -1), "1 − tanh is taken for 1 − tanh²"),
    ),
    "sigmoid": (
        (lambda u: Times((s := Apply("sigmoid", (u,)), _one_and(s))), "σ (1 + σ) is taken for σ (1 − σ)"),
        (lambda u: _one_and(Apply("sigmoid", (u,)), -1), "1 − σ is taken for σ (1 − σ)"),
    ),
}


def put(items: Sequence[Term], place: int, new: Term) -> tuple[Term, ...]:
    return (*items[:place], new, *items[place + 1 :])


def _added(terms: Sequence[Term | None]) -> Term | None:
    found = tuple(t for t in terms if t is not None)
    return None if not found else found[0] if len(found) == 1 else Added(found)


def _lowered(term: Powered, by: int) -> Term:
    assert isinstance(term.exponent, Constant)
    power = term.exponent.value
    return Times((Constant(power), Powered(term.base, Constant(power - by))))


def _is_below(term: Term) -> bool:
    return isinstance(term, Powered) and isinstance(term.exponent, Constant) and term.exponent.value < 0


def _entries(term: Term, name: str) -> list[Entry]:
    found: list[Entry] = []
    stack: list[object] = [term]
    while stack:
        node = stack.pop()
        if isinstance(node, tuple):
            stack.extend(node)
        elif isinstance(node, Entry) and node.name == name:
            found.append(node)
        elif isinstance(node, Term) and not isinstance(node, Reduced):
            stack.extend(getattr(node, f.name) for f in fields(node))
    return found


def shown_place(place: Place) -> str:
    found = []
    for factor, atom in place.parts:
        word = shown_letter(atom) if isinstance(atom, str) else plain(atom.name)
        found.append(word if factor == 1 else f"{factor}{word}")
    if place.offset or not found:
        found.append(str(place.offset))
    return "+".join(found)


def shown_letter(letter: str) -> str:
    return letter.split("@", maxsplit=1)[0].split("~", maxsplit=1)[0]


def plain(name: str) -> str:
    """A name as one reads it."""
    return name.rsplit(":", 1)[-1]

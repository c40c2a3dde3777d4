"""Implied sums made explicit: a letter that is repeated in a term and not free is summed over.

The scope of an implied sum is the smallest product that holds every occurrence of its letter within the term.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import count

from tensorcalc.errors import Span
from tensorcalc.verify.problems import IllFormed
from tensorcalc.verify.terms import (
    Added,
    Apply,
    Branches,
    Compared,
    CompareIndices,
    Derived,
    Entry,
    IndexValue,
    Kronecker,
    MatrixValue,
    One,
    Place,
    Powered,
    Reduced,
    Sloped,
    Term,
    Times,
    letters_of,
    place_letters,
    substitute,
)

__all__ = ["Letters", "dummies", "occurrences", "with_sums"]


class Letters:
    """Fresh letters for sums; they contain a sign that no article has."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def fresh(self, letter: str) -> str:
        """A new letter that tells where it comes from."""
        return f"{letter.split('~', maxsplit=1)[0]}~{next(self._numbers)}"


def occurrences(term: Term) -> Counter[str]:
    """How often each free letter occurs in a term; of added terms the one with most counts."""
    match term:
        case Added():
            found: Counter[str] = Counter()
            for part in term.terms:
                found |= occurrences(part)
            return found
        case Times():
            return sum((occurrences(f) for f in term.factors), Counter())
        case Powered():
            return occurrences(term.base) + occurrences(term.exponent)
        case Apply():
            return sum((occurrences(a) for a in term.arguments), Counter())
        case Reduced():
            inside = occurrences(term.body)
            return Counter({x: n for x, n in inside.items() if x not in term.letters})
        case Derived():
            return occurrences(term.body) + _in_places(term.places)
        case Entry():
            return _in_places(term.places)
        case Kronecker() | CompareIndices():
            return _in_places((term.first, term.second))
        case One() | IndexValue():
            return _in_places((term.place,))
        case Compared():
            return occurrences(term.left) + occurrences(term.right)
        case Sloped():
            return occurrences(term.argument) + (Counter() if term.primes else occurrences(term.body))
        case MatrixValue():
            inside = occurrences(term.body) + _in_places(term.places)
            return Counter({x: n for x, n in inside.items() if x not in (term.row, term.column)})
        case Branches():
            found = Counter()
            for part in (*term.values, *term.conditions):
                found |= occurrences(part)
            return found
    return Counter()


def _in_places(places: Iterable[Place]) -> Counter[str]:
    return Counter(x for p in places for x in place_letters(p))


def least(term: Term) -> Counter[str]:
    """How often each letter occurs in the added term that has it least, counting only terms that have it."""
    if not isinstance(term, Added):
        return occurrences(term)
    found: Counter[str] = Counter()
    for part in term.terms:
        for letter, number in least(part).items():
            found[letter] = min(found.get(letter, number), number)
    return found


def dummies(sides: list[Term]) -> frozenset[str]:
    """The letters of the first side that are summed there: repeated in it, and single on no side."""
    first = least(sides[0])
    rest = [least(side) for side in sides[1:]]
    found = set()
    for letter, number in first.items():
        if number > 1 and not any(side.get(letter, 2) == 1 for side in rest):
            elsewhere = [side for side in rest if letter in side]
            if isinstance(sides[0], Entry) and elsewhere:
                continue
            found.add(letter)
    return frozenset(found)


def with_sums(term: Term, free: frozenset[str], letters: Letters, where: Callable[[], Span | None]) -> Term:
    """The term with a sum for every letter that is not free.

    Raises `IllFormed` for a letter that occurs once.
    """
    return _Closing(letters, where).close(term, free)


class _Closing:
    def __init__(self, letters: Letters, where: Callable[[], Span | None]) -> None:
        self.letters = letters
        self.where = where

    def close(self, term: Term, free: frozenset[str]) -> Term:
        if letters_of(term) <= free and not isinstance(term, Added | Times):
            return term
        match term:
            case Added():
                return Added(tuple(self.close(t, free) for t in term.terms))
            case Times():
                return self.product(term, free)
            case Powered():
                return Powered(self.close(term.base, free), self.close(term.exponent, free))
            case Apply():
                return Apply(term.name, tuple(self.close(a, free) for a in term.arguments), term.primes)
            case Compared():
                return Compared(term.relation, self.close(term.left, free), self.close(term.right, free))
            case Sloped():
                body = term.body if term.primes else self.close(term.body, free)
                return Sloped(body, term.variable, self.close(term.argument, free), term.primes)
            case Reduced():
                inside = self.close(term.body, free | set(term.letters))
                return Reduced(term.kind, term.letters, inside, term.implied)
            case Derived():
                return self.derivative(term, free)
            case MatrixValue():
                body = self.close(term.body, free | {term.row, term.column})
                return self.repeated(MatrixValue(term.kind, body, term.row, term.column, term.places), free)
            case Branches():
                values = tuple(self.close(v, free) for v in term.values)
                return Branches(values, tuple(self.close(c, free) for c in term.conditions))
        return self.repeated(term, free)

    def repeated(self, term: Term, free: frozenset[str]) -> Term:
        """A single entry, in which a letter may occur twice."""
        counts = occurrences(term)
        for letter, number in counts.items():
            if letter not in free and number < 2:
                self.dangling(letter)
        return self.bind(term, [x for x in counts if x not in free])

    def product(self, term: Times, free: frozenset[str]) -> Term:
        holders = Counter(x for f in term.factors for x in letters_of(f))
        here = [x for x, n in holders.items() if n > 1 and x not in free]
        inner = free | frozenset(here)
        return self.bind(Times(tuple(self.close(f, inner) for f in term.factors)), here)

    def derivative(self, term: Derived, free: frozenset[str]) -> Term:
        outside = _in_places(term.places)
        inside = letters_of(term.body)
        here = [x for x in outside if x not in free and (x in inside or outside[x] > 1)]
        for letter in outside:
            if letter not in free and letter not in here:
                self.dangling(letter)
        body = self.close(term.body, free | frozenset(here))
        return self.bind(Derived(body, term.name, term.places, term.total), here)

    def bind(self, term: Term, letters: list[str]) -> Term:
        if not letters:
            return term
        new = {x: self.letters.fresh(x) for x in letters}
        body = substitute(term, {x: Place.of(y) for x, y in new.items()})
        return Reduced("sum", tuple(new.values()), body, implied=True)

    def dangling(self, letter: str) -> None:
        shown = letter.split("~", maxsplit=1)[0].split("@", maxsplit=1)[0]
        raise IllFormed(
            f"the index {shown} occurs once: it is not on the left and not repeated",
            self.where(),
            f"sum over it with a one-tensor, \\mathbf{{1}}_{{{shown}}}, or \\sum_{{{shown}}}",
        )

"""Formulas with every sum explicit and every index named: what is computed with.

A letter is a string; letters that a sum binds are made unique when they are bound, so that no substitution captures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import singledispatch
from typing import Any

__all__ = [
    "Added",
    "Apply",
    "Branches",
    "CompareIndices",
    "Compared",
    "Constant",
    "Derived",
    "Entry",
    "IndexValue",
    "Kronecker",
    "LabelAt",
    "MatrixValue",
    "One",
    "Place",
    "Powered",
    "Reduced",
    "Sloped",
    "Term",
    "Times",
    "letters_of",
    "parts_of",
    "place_letters",
    "substitute",
    "tensors_of",
]


@dataclass(frozen=True, slots=True)
class LabelAt:
    """A label, which may itself depend on indices: T, or T_n."""

    name: str
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """What selects along one axis: coefficients times letters or labels, plus a whole number."""

    parts: tuple[tuple[int, str | LabelAt], ...]
    offset: int = 0

    @classmethod
    def of(cls, letter: str) -> Place:
        """The place of a letter alone."""
        return cls(((1, letter),))

    @property
    def letter(self) -> str | None:
        """The letter, where one stands alone."""
        if len(self.parts) == 1 and not self.offset and self.parts[0][0] == 1 and isinstance(self.parts[0][1], str):
            return self.parts[0][1]
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """A part of a formula."""


@dataclass(frozen=True, slots=True, eq=False)
class Constant(Term):
    """A number; an irrational one by its value."""

    value: Fraction | float


@dataclass(frozen=True, slots=True, eq=False)
class Entry(Term):
    """An entry of a tensor."""

    name: str
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class One(Term):
    """A one-tensor, which carries an index; `length` is the symbol or number that a vector of ones says it has."""

    place: Place
    length: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Kronecker(Term):
    """1 where both places are equal, else 0."""

    first: Place
    second: Place


@dataclass(frozen=True, slots=True, eq=False)
class CompareIndices(Term):
    """1 where two places stand in a relation (`<`, `<=`, `=`, `!=` …), else 0."""

    relation: str
    first: Place
    second: Place


@dataclass(frozen=True, slots=True, eq=False)
class Compared(Term):
    """1 where two values stand in a relation, else 0."""

    relation: str
    left: Term
    right: Term


@dataclass(frozen=True, slots=True, eq=False)
class IndexValue(Term):
    """An index as a number."""

    place: Place


@dataclass(frozen=True, slots=True, eq=False)
class Added(Term):
    """A sum of terms."""

    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Times(Term):
    """A product of factors."""

    factors: tuple[Term, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Powered(Term):
    """A power."""

    base: Term
    exponent: Term


@dataclass(frozen=True, slots=True, eq=False)
class Apply(Term):
    """An elementwise function; `primes` counts derivatives of it. `known` is false for a function without a formula."""

    name: str
    arguments: tuple[Term, ...]
    primes: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Reduced(Term):
    """The sum, product, maximum or minimum of a body over letters."""

    kind: str
    letters: tuple[str, ...]
    body: Term
    implied: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Derived(Term):
    """The derivative of a body by an entry of a tensor; `total` where the article says that it is."""

    body: Term
    name: str
    places: tuple[Place, ...] = ()
    total: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Sloped(Term):
    """The derivative of `body` by the scalar `variable`, at the value of the argument; without primes the body."""

    body: Term
    variable: str
    argument: Term
    primes: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class MatrixValue(Term):
    """`inv`, `det` or `logdet` of a matrix, whose entries are `body` over the letters `row` and `column`."""

    kind: str
    body: Term
    row: str
    column: str
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Branches(Term):
    """The value of the first branch whose condition is not 0."""

    values: tuple[Term, ...]
    conditions: tuple[Term, ...]


def place_letters(place: Place) -> tuple[str, ...]:
    """The letters in a place, those of labels included."""
    found: list[str] = []
    for _, atom in place.parts:
        if isinstance(atom, str):
            found.append(atom)
        else:
            found += [letter for inner in atom.places for letter in place_letters(inner)]
    return tuple(found)


def _children(term: Term) -> list[Any]:
    return [getattr(term, f.name) for f in fields(term)]


def letters_of(term: Term) -> frozenset[str]:
    """The free letters of a term."""
    match term:
        case Constant():
            return frozenset()
        case One() | IndexValue():
            return frozenset(place_letters(term.place))
        case Kronecker() | CompareIndices():
            return frozenset((*place_letters(term.first), *place_letters(term.second)))
        case Entry():
            return frozenset(x for p in term.places for x in place_letters(p))
        case Derived():
            return letters_of(term.body) | {x for p in term.places for x in place_letters(p)}
        case Reduced():
            return letters_of(term.body) - set(term.letters)
        case MatrixValue():
            inside = letters_of(term.body) - {term.row, term.column}
            return inside | {x for p in term.places for x in place_letters(p)}
        case Added():
            return frozenset().union(*map(letters_of, term.terms))
        case Times():
            return frozenset().union(*map(letters_of, term.factors))
        case Powered():
            return letters_of(term.base) | letters_of(term.exponent)
        case Apply():
            return frozenset().union(*map(letters_of, term.arguments))
        case Compared():
            return letters_of(term.left) | letters_of(term.right)
        case Sloped():
            return letters_of(term.argument) | letters_of(term.body)
        case Branches():
            return frozenset().union(*map(letters_of, (*term.values, *term.conditions)))
    raise AssertionError(type(term).__name__)


Mapping_ = Mapping[str, Place]


@singledispatch
def substitute(part: Any, mapping: Mapping_) -> Any:
    """The part with letters replaced by places; bound letters are unique and stay."""
    return part


@substitute.register
def _(part: tuple, mapping: Mapping_) -> Any:  # type: ignore[type-arg]
    return tuple(substitute(p, mapping) for p in part)


@substitute.register
def _(part: Place, mapping: Mapping_) -> Place:
    if not any(letter in mapping for letter in place_letters(part)):
        return part
    parts: list[tuple[int, str | LabelAt]] = []
    offset = part.offset
    for factor, atom in part.parts:
        if isinstance(atom, LabelAt):
            parts.append((factor, LabelAt(atom.name, substitute(atom.places, mapping))))
        elif atom in mapping:
            new = mapping[atom]
            parts += [(factor * f, a) for f, a in new.parts]
            offset += factor * new.offset
        else:
            parts.append((factor, atom))
    return Place(tuple(parts), offset)


@substitute.register
def _(part: Term, mapping: Mapping_) -> Term:
    if not mapping:
        return part
    changed = {f.name: substitute(getattr(part, f.name), mapping) for f in fields(part)}
    return type(part)(**changed)


def parts_of(part: object) -> Iterator[Term]:
    """A term and all that it is made of."""
    stack: list[object] = [part]
    while stack:
        node = stack.pop()
        if isinstance(node, tuple):
            stack.extend(node)
        elif isinstance(node, Term):
            yield node
            stack.extend(_children(node))


def tensors_of(part: Any) -> set[str]:
    """The names of tensors and labels in a term."""
    found: set[str] = set()
    stack: list[Any] = [part]
    while stack:
        node = stack.pop()
        if isinstance(node, tuple):
            stack.extend(node)
        elif isinstance(node, LabelAt | Entry):
            found.add(node.name)
            stack.append(node.places)
        elif isinstance(node, Place):
            stack.append(node.parts)
        elif isinstance(node, Term):
            if isinstance(node, Derived):
                found.add(node.name)
            stack.extend(_children(node))
    return found

"""What reading a formula gives: a term with axes, a definition, a function."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from tensorcalc.errors import Span
from tensorcalc.verify.latex.tree import Node
from tensorcalc.verify.reading.parameters import Parameter
from tensorcalc.verify.terms import Constant, Term, letters_of

__all__ = ["MINUS", "Again", "Definition", "FunctionDefinition", "Val", "number", "unbound"]


class Again(Exception):
    """A name has turned out to have an axis; the formula must be read again."""


@dataclass(frozen=True, slots=True)
class Val:
    """A term with the letters of its axes without a name: none, one (a column, or a row), or two.

    `beside` tells a column that stands for every column of a matrix, such as the sums of its rows.
    """

    term: Term
    axes: tuple[str, ...] = ()
    row: bool = False
    beside: bool = False


@dataclass(frozen=True, slots=True)
class Definition:
    """`name_letters = body`; every sum in the body is explicit."""

    name: str
    letters: tuple[str, ...]
    body: Term
    span: Span


@dataclass(frozen=True, slots=True)
class FunctionDefinition:
    """`name(parameters) = body` as a syntax tree."""

    name: str
    parameters: tuple[Parameter, ...]
    body: Node


def number(value: int | Fraction | float) -> Constant:
    """A constant."""
    return Constant(Fraction(value) if isinstance(value, int) else value)


MINUS = number(-1)


def unbound(term: Term) -> frozenset[str]:
    """The letters of a term that are written in the article, without those of its axes."""
    return frozenset(x for x in letters_of(term) if "~" not in x)

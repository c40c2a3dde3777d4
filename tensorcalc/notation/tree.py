"""The syntax tree: what the author wrote, with the place of every part.

The parser makes it; names in it are then given their meaning (`resolution`), which replaces `Access`, and the names,
by `Entry`, `Ones`, `Pair` and `Matrix`; and implied sums are made explicit (`scope`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from tensorcalc.errors import Span

__all__ = [
    "Access",
    "Binder",
    "Call",
    "Entry",
    "Letter",
    "Matrix",
    "MatrixAccess",
    "Name",
    "Negate",
    "Node",
    "Number",
    "OneAccess",
    "Ones",
    "Pair",
    "Position",
    "Power",
    "Product",
    "Total",
    "children",
    "letters_of",
    "with_children",
]


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression and its place in the source."""

    span: Span


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A decimal number, exactly."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A name without brackets: a scalar, a dimension, π; inside brackets an index or a label."""

    name: str


@dataclass(frozen=True, slots=True)
class Access(Node):
    """A name with brackets, as written."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class OneAccess(Node):
    """A one-tensor, as written: `1[i,j]` or `one(i,j)`."""

    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MatrixAccess(Node):
    """A component of a matrix inverse, as written: `inv(X)[i,j]`."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function with its arguments."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Letter(Node):
    """An index at one place."""

    name: str


@dataclass(frozen=True, slots=True)
class Binder(Node):
    """A reduction of the body over indices: `sum`, `prod` or `amax`. An implied one was not written."""

    kind: str
    letters: tuple[Letter, ...]
    body: Node
    implied: bool = False


@dataclass(frozen=True, slots=True)
class Negate(Node):
    """Minus the operand."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Power(Node):
    """Base to the power of the exponent."""

    base: Node
    exponent: Node


@dataclass(frozen=True, slots=True)
class Product(Node):
    """A chain a*b/c: factors, and for each whether it divides."""

    factors: tuple[Node, ...]
    divides: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Total(Node):
    """Added terms, and for each whether it is subtracted."""

    terms: tuple[Node, ...]
    subtracted: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Position:
    """What selects along one axis: coefficients times indices or labels, plus a whole number."""

    span: Span
    parts: tuple[tuple[int, Letter | Entry], ...]
    offset: int

    @property
    def plain(self) -> Letter | Entry | None:
        """The index or label, where it stands alone."""
        return self.parts[0][1] if self.offset == 0 and len(self.parts) == 1 and self.parts[0][0] == 1 else None


@dataclass(frozen=True, slots=True)
class Entry(Node):
    """A component of a tensor, whose positions have been understood."""

    name: str
    positions: tuple[Position, ...]


@dataclass(frozen=True, slots=True)
class Ones(Node):
    """A one-tensor over indices."""

    letters: tuple[Letter, ...]


@dataclass(frozen=True, slots=True)
class Pair(Node):
    """A Kronecker delta or an Iverson bracket of two positions."""

    kind: str
    positions: tuple[Position, Position]


@dataclass(frozen=True, slots=True)
class Matrix(Node):
    """A function of the matrix `name`: `det`, `logdet`, or a component of `inv`."""

    kind: str
    name: str
    positions: tuple[Position, ...]


def children(node: Node) -> tuple[Node, ...]:
    """The expressions directly inside an expression, in the order of the text."""
    match node:
        case Negate():
            return (node.operand,)
        case Power():
            return node.base, node.exponent
        case Product():
            return node.factors
        case Total():
            return node.terms
        case Call() | Access() | OneAccess() | MatrixAccess():
            return node.arguments
        case Binder():
            return (node.body,)
    return ()


def with_children(node: Node, parts: Sequence[Node]) -> Node:
    """The same expression around other parts."""
    match node:
        case Negate():
            return replace(node, operand=parts[0])
        case Power():
            return replace(node, base=parts[0], exponent=parts[1])
        case Product():
            return replace(node, factors=tuple(parts))
        case Total():
            return replace(node, terms=tuple(parts))
        case Call():
            return replace(node, arguments=tuple(parts))
        case Binder():
            return replace(node, body=parts[0])
    return node


def letters_of(leaf: Node) -> Iterator[Letter]:
    """Every place of an index in a leaf (a component, one-tensor, delta …), those inside labels included."""
    if isinstance(leaf, Ones):
        yield from leaf.letters
    elif isinstance(leaf, Entry | Pair | Matrix):
        for position in leaf.positions:
            for _, part in position.parts:
                if isinstance(part, Letter):
                    yield part
                else:
                    yield from letters_of(part)

"""How an expression looks, whatever the notation: what is a fraction, what stands in brackets, in which order.

`walk` builds these trees; each printer of `notations` prints them. All order and all letters are decided here and
before; a printer only adds the brackets that its notation needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Literal

from sympy import Rational

__all__ = [
    "Brackets",
    "Call",
    "Comparison",
    "Delta",
    "Derivative",
    "Exponential",
    "Extension",
    "Fraction",
    "Name",
    "Negative",
    "Node",
    "Number",
    "Ones",
    "Over",
    "Power",
    "Product",
    "Root",
    "Sum",
    "Symbol",
    "nodes_in",
]


@dataclass(frozen=True, slots=True)
class Number:
    """A number that is not negative."""

    value: Rational


@dataclass(frozen=True, slots=True)
class Name:
    """A name without indices: an index letter, the symbol of a dimension, π."""

    name: str


@dataclass(frozen=True, slots=True)
class Symbol:
    """A component of a tensor, x_ij; of its derivative along a direction, with a dot; of its adjoint, with a bar; or of
    its inverse, X⁻¹_ij.

    `plain` is the name in plain notation where it is another.
    """

    name: str
    indices: tuple[Node, ...] = ()
    mark: Literal["", "dot", "bar", "inverse"] = ""
    plain: str = ""


@dataclass(frozen=True, slots=True)
class Ones:
    """The one-tensor over one index."""

    index: Node


@dataclass(frozen=True, slots=True)
class Delta:
    """The Kronecker delta, its indices in reading order."""

    first: Node
    second: Node


@dataclass(frozen=True, slots=True)
class Comparison:
    """A bracket that is 1 where a comparison holds; `word` is the function of the plain notation."""

    relation: str
    left: Node
    right: Node
    word: str


@dataclass(frozen=True, slots=True)
class Fraction:
    """A numerator over a denominator, neither negative."""

    numerator: Node
    denominator: Node


@dataclass(frozen=True, slots=True)
class Product:
    """Two factors or more, in reading order."""

    factors: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Negative:
    """A term with a minus before it."""

    term: Node


@dataclass(frozen=True, slots=True)
class Sum:
    """Two terms or more, in reading order; a term may be a `Negative`."""

    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Power:
    """A base with an exponent."""

    base: Node
    exponent: Node


@dataclass(frozen=True, slots=True)
class Root:
    """A square root."""

    radicand: Node


@dataclass(frozen=True, slots=True)
class Exponential:
    """The exponential function, written as a power of e."""

    exponent: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A function by its word in the notation, with its arguments."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Derivative:
    """∂numerator/∂denominator; with two denominators ∂²numerator/∂first∂second; with d for ∂ where it is a `total` one.

    The numerator is a symbol, a function or a power, or else stands behind the operator. `plain` is the name of the
    derivative in plain notation where it is a tensor, such as an upstream gradient.
    """

    numerator: Node
    denominators: tuple[Node, ...]
    plain: str = ""
    total: bool = False


@dataclass(frozen=True, slots=True)
class Over:
    """An operation over index letters, written out: `sum`, `prod` or `amax`."""

    word: str
    letters: tuple[str, ...]
    body: Node


@dataclass(frozen=True, slots=True)
class Brackets:
    """Brackets that belong to the line, whether the notation needs them or not."""

    content: Node


@dataclass(frozen=True, slots=True)
class Extension:
    """A sign that a notation of its own adds, such as the transpose of a matrix; other printers do not know it."""


Node = (
    Number
    | Name
    | Symbol
    | Ones
    | Delta
    | Comparison
    | Fraction
    | Product
    | Negative
    | Sum
    | Power
    | Root
    | Exponential
    | Call
    | Derivative
    | Over
    | Brackets
    | Extension
)


def nodes_in(node: Node) -> Iterator[Node]:
    """A node and every node in it."""
    stack = [node]
    while stack:
        part = stack.pop()
        yield part
        for entry in fields(part):
            value: Any = getattr(part, entry.name)
            stack += [item for item in (value if isinstance(value, tuple) else (value,)) if isinstance(item, Node)]

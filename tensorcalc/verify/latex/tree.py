"""The syntax tree of LaTeX mathematics: what the author wrote, before names have a meaning."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from tensorcalc.errors import Span

__all__ = [
    "At",
    "BigOperator",
    "Bracket",
    "Cases",
    "DerivativeOf",
    "Function",
    "Matrix",
    "Node",
    "Number",
    "Prime",
    "Product",
    "Quotient",
    "Relation",
    "Root",
    "Scripted",
    "Sequence",
    "Sum",
    "Symbol",
    "Words",
]


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a formula and its place in the source."""

    span: Span


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A decimal number, exactly."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Symbol(Node):
    """A letter or named sign; `style` is the alphabet (`mathbf`), `accents` what stands over it, innermost first."""

    name: str
    style: str = ""
    accents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scripted(Node):
    """A base with a subscript and a superscript, and primes."""

    base: Node
    sub: Node | None
    sup: Node | None
    primes: int = 0


@dataclass(frozen=True, slots=True)
class Sequence(Node):
    """What stands side by side with commas between: indices, arguments."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Prime(Node):
    """A sign that stands alone in a script or as an operator: `*`, `+`, `\\circ`."""

    sign: str


@dataclass(frozen=True, slots=True)
class Product(Node):
    """Factors side by side; `signs[k]` is the sign before factor k: empty, `\\cdot`, `/`, `\\odot` …"""

    factors: tuple[Node, ...]
    signs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sum(Node):
    """Added terms, and for each whether it is subtracted."""

    terms: tuple[Node, ...]
    subtracted: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Quotient(Node):
    """A fraction."""

    numerator: Node
    denominator: Node


@dataclass(frozen=True, slots=True)
class Root(Node):
    """A root, square unless a degree is given."""

    radicand: Node
    degree: Node | None = None


@dataclass(frozen=True, slots=True)
class Bracket(Node):
    """A bracket: `(`, `[`, `{`, `|`, `||`, or `group` for braces that only hold together."""

    kind: str
    body: Node


@dataclass(frozen=True, slots=True)
class Relation(Node):
    """A comparison inside a bracket: `[i = j]`, `[x > 0]`."""

    sign: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Function(Node):
    """A named function of arguments: `\\log s`, `\\operatorname{diag}(v)`; `over` is the letter below softmax_j."""

    name: str
    arguments: tuple[Node, ...]
    over: Node | None = None


@dataclass(frozen=True, slots=True)
class BigOperator(Node):
    """`\\sum`, `\\prod`, `\\max` … with bounds over a body."""

    kind: Literal["sum", "prod", "max", "min"]
    lower: Node | None
    upper: Node | None
    body: Node


@dataclass(frozen=True, slots=True)
class DerivativeOf(Node):
    """The derivative of `numerator` with respect to each of `variables`; `total` where written with d."""

    numerator: Node
    variables: tuple[Node, ...]
    total: bool = False


@dataclass(frozen=True, slots=True)
class At(Node):
    """A formula with names replaced by values: what stands before a bar with `x = 1` below it."""

    body: Node
    conditions: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Matrix(Node):
    """A matrix written out."""

    rows: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True, slots=True)
class Cases(Node):
    """A function by cases: value and condition of each; a condition that is `None` holds otherwise."""

    branches: tuple[tuple[Node, Node | None], ...]


@dataclass(frozen=True, slots=True)
class Words(Node):
    """Words between formulas."""

    text: str

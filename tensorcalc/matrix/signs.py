"""The signs of matrix notation that index notation lacks, as layouts: they stand among those of `render.layout`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tensorcalc.render import layout as at
from tensorcalc.render.layout import Extension, Node

__all__ = [
    "Applied",
    "Basis",
    "Circled",
    "Diag",
    "Entry",
    "EntrywisePower",
    "Identity",
    "Inverted",
    "Marked",
    "Ones",
    "OuterProduct",
    "Product",
    "Row",
    "Selection",
    "Slice",
    "SliceSum",
    "TensorName",
    "Times",
    "Transposed",
    "Vector",
]


@dataclass(frozen=True, slots=True)
class Vector(at.Name):
    """The name of a vector, bold where there is a bold face."""


@dataclass(frozen=True, slots=True)
class TensorName(at.Name):
    """A tensor by name: `name` is the variable that holds it in a program, `shown` what people read."""

    shown: Node


@dataclass(frozen=True, slots=True)
class Slice(at.Name):
    """A slice of a tensor: its name with the indices that are held fixed; `vector` where the slice is one."""

    indices: tuple[Node, ...]
    vector: bool


@dataclass(frozen=True, slots=True)
class Marked(Extension):
    """A tensor with a mark above it: a dot for its derivative along given tangents, a bar for its upstream gradient."""

    tensor: Node
    mark: Literal["dot", "bar"]


@dataclass(frozen=True, slots=True)
class Applied(at.Call):
    """A function applied entry by entry."""


@dataclass(frozen=True, slots=True)
class Ones(Extension):
    """The vector of ones; `size` is its length in a program, `length` its length where that must be said."""

    size: str
    length: Node | None = None


@dataclass(frozen=True, slots=True)
class Basis(Extension):
    """The unit vector with a 1 at `place`."""

    place: Node
    size: str


@dataclass(frozen=True, slots=True)
class Selection(Extension):
    """The matrix with a unit vector in each row, at the places that labels name."""

    labels: Node
    size: str


@dataclass(frozen=True, slots=True)
class Identity(Extension):
    """The identity matrix, by its letter."""

    letter: str
    size: str


@dataclass(frozen=True, slots=True)
class Transposed(Extension):
    """The transpose of a matrix."""

    matrix: Node


@dataclass(frozen=True, slots=True)
class Row(Extension):
    """A vector written as a row; `spelled_out` writes a row of ones as (1 ⋯ 1)."""

    vector: Node
    spelled_out: bool = False


@dataclass(frozen=True, slots=True)
class Inverted(Extension):
    """The inverse of a matrix."""

    matrix: Node


@dataclass(frozen=True, slots=True)
class Product(Extension):
    """A matrix product of two factors or more, of which the first may be a `Row` and the last a vector.

    `order` is that of the whole: 0, 1 or 2.
    """

    factors: tuple[Node, ...]
    order: int


@dataclass(frozen=True, slots=True)
class OuterProduct(Extension):
    """The product of a column and a row, each a vector with the matrices before or behind it."""

    column: tuple[Node, ...]
    row: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Times(Extension):
    """Scalars before a vector, a matrix, or a last scalar."""

    scalars: tuple[Node, ...]
    body: Node


@dataclass(frozen=True, slots=True)
class Circled(Extension):
    """Products (⊙) and a quotient (⊘) entry by entry."""

    factors: tuple[Node, ...]
    divisors: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class EntrywisePower(Extension):
    """A power entry by entry."""

    base: Node
    exponent: Node


@dataclass(frozen=True, slots=True)
class Diag(Extension):
    """The diagonal matrix of a vector or its inverse, or the diagonal of a matrix."""

    content: Node
    inverse: bool = False


@dataclass(frozen=True, slots=True)
class SliceSum(Extension):
    """A sum over an index of slices; `size` is the number of its values in a program."""

    letter: str
    size: str
    body: Node


@dataclass(frozen=True, slots=True)
class Entry(Extension):
    """The entry of a vector or matrix: in square brackets, or in round ones around the transpose of a component."""

    matrix: Node
    indices: tuple[Node, ...]
    square: bool = True

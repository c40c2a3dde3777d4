"""Matrix algebra as trees: what a formula without indices is made of, and how it is transposed.

A node is a scalar (order 0), a vector (1) or a matrix (2). Vectors have no direction here: the places where one stands
as a row are places of `Product` and `Outer`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sympy import Expr

from tensorcalc.index import Dimension, Index

__all__ = [
    "Basis",
    "Det",
    "Diagonal",
    "DiagonalMatrix",
    "Elementwise",
    "Hadamard",
    "Identity",
    "Named",
    "NoMatrixForm",
    "Node",
    "Ones",
    "Outer",
    "Placed",
    "Power",
    "Product",
    "Scalar",
    "Scaled",
    "Selection",
    "SliceSum",
    "Sum",
    "Trace",
    "Transpose",
    "as_row",
    "children",
    "lighter",
    "order",
    "placed",
    "transposed",
    "transposes",
]


class NoMatrixForm(Exception):
    """The expression cannot be written in matrix notation."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number made of numbers, dimensions, scalar tensors and single entries."""

    expression: Expr


@dataclass(frozen=True, slots=True)
class Named:
    """A tensor, an inverse, or a derivative by name: `template` over the indices `axes` of the vector or matrix."""

    template: Expr
    axes: tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Ones:
    """The vector of ones."""

    dimension: Dimension


@dataclass(frozen=True, slots=True)
class Basis:
    """The unit vector that is 1 at one place, which a label or a number names."""

    place: Expr
    dimension: Dimension


@dataclass(frozen=True, slots=True)
class Selection:
    """The matrix whose rows are unit vectors: row n is 1 at the place that the label T_n names."""

    label: Named
    dimension: Dimension


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity matrix."""

    dimension: Dimension


@dataclass(frozen=True, slots=True)
class Transpose:
    """The transpose of a matrix."""

    matrix: Node


@dataclass(frozen=True, slots=True)
class Product:
    """A matrix product, from a row vector `left`, if any, through matrices to a column vector `right`, if any.

    `links` are the summed indices between the factors, in order; a `DiagonalMatrix` has the same one on both sides.
    """

    left: Node | None
    matrices: tuple[Node, ...]
    right: Node | None
    links: tuple[Index, ...]

    @property
    def factors(self) -> tuple[Node, ...]:
        """All factors in order."""
        return tuple(f for f in (self.left, *self.matrices, self.right) if f is not None)


@dataclass(frozen=True, slots=True)
class Outer:
    """The matrix u wᵀ of two vectors."""

    column: Node
    row: Node


@dataclass(frozen=True, slots=True)
class Trace:
    """The trace of a product of matrices; `links[k]` is the summed index behind the k-th, the last one closes it."""

    matrices: tuple[Node, ...]
    links: tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Hadamard:
    """The product of factors entry by entry, divided by the divisors entry by entry; scalars are multiplied."""

    factors: tuple[Node, ...]
    divisors: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Scaled:
    """A scalar times a vector or matrix: `number` is without indices, `factors` and `divisors` are scalar nodes."""

    number: Expr
    factors: tuple[Node, ...]
    divisors: tuple[Node, ...]
    body: Node | None


@dataclass(frozen=True, slots=True)
class Sum:
    """Added terms of the same order."""

    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Diagonal:
    """The vector on the diagonal of a matrix."""

    matrix: Node


@dataclass(frozen=True, slots=True)
class DiagonalMatrix:
    """The matrix with a vector on its diagonal."""

    vector: Node


@dataclass(frozen=True, slots=True)
class Elementwise:
    """A function of numbers, applied entry by entry; scalar arguments count for every entry."""

    function: type[Expr]
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Power:
    """A power, entry by entry."""

    base: Node
    exponent: Expr


@dataclass(frozen=True, slots=True)
class Det:
    """The determinant of a matrix, or its logarithm."""

    matrix: Node
    logarithm: bool


@dataclass(frozen=True, slots=True)
class SliceSum:
    """The sum over the slices of arrays of higher order: `index` runs over their leading axis."""

    index: Index
    body: Node


Node = (
    Scalar
    | Named
    | Ones
    | Basis
    | Selection
    | Identity
    | Transpose
    | Product
    | Outer
    | Trace
    | Hadamard
    | Scaled
    | Sum
    | Diagonal
    | DiagonalMatrix
    | Elementwise
    | Power
    | Det
    | SliceSum
)


def order(node: Node) -> int:
    """The number of axes: 0, 1 or 2."""
    match node:
        case Scalar() | Trace() | Det():
            return 0
        case Ones() | Basis() | Diagonal():
            return 1
        case Identity() | Selection() | Transpose() | Outer() | DiagonalMatrix():
            return 2
        case Named(_, axes):
            return len(axes)
        case Product(left, _, right, _):
            return (left is None) + (right is None)
        case Scaled(body=body):
            return 0 if body is None else order(body)
        case Hadamard(factors, divisors):
            return max(order(f) for f in (*factors, *divisors))
        case Sum(terms):
            return max(order(t) for t in terms)
        case Elementwise(_, arguments):
            return max(order(a) for a in arguments)
        case Power(base, _):
            return order(base)
        case SliceSum(_, body):
            return order(body)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below."""
    match node:
        case (
            Transpose(inner) | Diagonal(inner) | DiagonalMatrix(inner) | Det(inner) | Power(inner) | SliceSum(_, inner)
        ):
            return (inner,)
        case Product():
            return node.factors
        case Outer(column, row):
            return column, row
        case Trace(matrices, _):
            return matrices
        case Hadamard(factors, divisors):
            return *factors, *divisors
        case Scaled(_, factors, divisors, body):
            return *factors, *divisors, *(() if body is None else (body,))
        case Sum(parts) | Elementwise(_, parts):
            return parts
        case _:
            return ()


Placed = tuple[Node, tuple[Index, ...]]


def placed(node: Node, at: tuple[Index, ...]) -> list[Placed]:
    """The nodes directly below with the letters at their axes, where the node itself stands at `at`."""
    match node:
        case Product(left, matrices, right, links):
            letters = (*at[: left is None], *links, *at[len(at) - (right is None) :])
            row = [] if left is None else [(left, letters[:1])]
            column = [] if right is None else [(right, letters[-1:])]
            return [*row, *((m, letters[k : k + 2]) for k, m in enumerate(matrices)), *column]
        case Trace(matrices, links):
            return [(m, (links[k - 1], links[k])) for k, m in enumerate(matrices)]
        case Outer(column, row):
            return [(column, at[:1]), (row, at[1:])]
        case Transpose(matrix):
            return [(matrix, at[::-1])]
        case Diagonal(matrix):
            return [(matrix, (at[0], at[0]))]
        case DiagonalMatrix(vector):
            return [(vector, at[:1])]
        case Det():
            return []
        case _:
            return [(c, at if order(c) else ()) for c in children(node)]


def transposes(node: Node) -> int:
    """How many transposes are written: those of matrices, and of vectors that stand as rows other than rows of ones."""
    mine = isinstance(node, Transpose)
    if isinstance(node, Outer):
        mine = not isinstance(node.row, Product)
    elif isinstance(node, Product):
        mine = not isinstance(node.left, Ones | None)
    return mine + sum(transposes(c) for c in children(node))


def lighter(node: Node) -> Node:
    """The node, or the transpose of its transpose where that is written with fewer transposes: (A B)ᵀ for Bᵀ Aᵀ."""
    if isinstance(node, Scaled | SliceSum) and node.body is not None:
        return replace(node, body=lighter(node.body))
    if order(node) != 2 or isinstance(node, Transpose):
        return node
    other = Transpose(_reversed(node))
    return other if transposes(other) < transposes(node) else node


def transposed(node: Node) -> Node:
    """The transpose of a matrix, written with as few transposes as possible."""
    inner = _reversed(node)
    outer = Transpose(node)
    return outer if transposes(outer) < transposes(inner) else inner


def _reversed(node: Node) -> Node:
    """The transpose of a matrix, moved inside as far as it goes."""
    match node:
        case Transpose(matrix):
            return matrix
        case Identity() | DiagonalMatrix():
            return node
        case Product(_, matrices, _, links):
            return Product(None, tuple(transposed(m) for m in reversed(matrices)), None, links[::-1])
        case Outer(column, row):
            return Outer(as_column(row), as_row(column))
        case Hadamard(factors, divisors):
            return Hadamard(_all(factors), _all(divisors))
        case Scaled(body=body) if body is not None:
            return replace(node, body=transposed(body))
        case Sum(terms):
            return Sum(_all(terms))
        case Elementwise(function, arguments):
            return Elementwise(function, _all(arguments))
        case Power(base, exponent):
            return Power(transposed(base), exponent)
        case SliceSum(index, body):
            return SliceSum(index, transposed(body))
        case _:
            return Transpose(node)


def _all(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    return tuple(transposed(n) if order(n) == 2 else n for n in nodes)


def as_row(vector: Node) -> Node:
    """A vector as it stands in a row: (B w)ᵀ is wᵀ Bᵀ."""
    if isinstance(vector, Product) and vector.left is None:
        matrices = tuple(transposed(m) for m in reversed(vector.matrices))
        return Product(vector.right, matrices, None, vector.links[::-1])
    return vector


def as_column(vector: Node) -> Node:
    """A vector as it stands in a column: (wᵀ B)ᵀ is Bᵀ w."""
    if isinstance(vector, Product) and vector.right is None:
        matrices = tuple(transposed(m) for m in reversed(vector.matrices))
        return Product(None, matrices, vector.left, vector.links[::-1])
    return vector

"""A product of vectors and matrices with shared indices, as a graph that is reduced to a matrix formula.

Indices are vertices, matrices are edges, vectors are labels on vertices. A summed index with one neighbour becomes a
matrix times a vector, one with two neighbours a matrix product, and parallel edges are multiplied entry by entry. These
are the reductions of series-parallel graphs: in whatever order, they end in the same smallest graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tensorcalc.index import Index
from tensorcalc.matrix.nodes import (
    Diagonal,
    DiagonalMatrix,
    Hadamard,
    Identity,
    Node,
    NoMatrixForm,
    Ones,
    Outer,
    Power,
    Product,
    Scalar,
    Trace,
    Transpose,
    as_row,
    transposed,
    transposes,
)

__all__ = ["Edge", "Network", "entrywise"]


@dataclass(frozen=True, slots=True)
class Edge:
    """A chain of matrices from the vertex `start` to `end`; `links` are the summed indices between them."""

    start: Index
    end: Index
    matrices: tuple[Node, ...]
    links: tuple[Index, ...] = ()

    def reverse(self) -> Edge:
        """The same chain walked the other way."""
        return Edge(self.end, self.start, tuple(transposed(m) for m in reversed(self.matrices)), self.links[::-1])

    def towards(self, end: Index) -> Edge:
        """The chain in the direction that ends at one of its two vertices."""
        return self if self.end == end else self.reverse()

    def other(self, vertex: Index) -> Index:
        """The neighbour of a vertex along this edge."""
        return self.end if vertex == self.start else self.start

    def then(self, following: Edge) -> Edge:
        """The chain through the vertex where this one ends and the following one starts; identities drop out."""
        matrices, links = [*self.matrices, *following.matrices], [*self.links, self.end, *following.links]
        for k in reversed(range(len(matrices))):
            if isinstance(matrices[k], Identity) and len(matrices) > 1:
                del matrices[k], links[max(k - 1, 0)]
        return Edge(self.start, following.end, tuple(matrices), tuple(links))

    @property
    def matrix(self) -> Node:
        """The chain as one matrix."""
        return self.matrices[0] if len(self.matrices) == 1 else Product(None, self.matrices, None, self.links)


@dataclass(slots=True)
class Network:
    """The graph of one product. `free` are the indices that stay, at most two; `dummies` are summed.

    `scalars` collects what does not depend on a free index.
    """

    free: tuple[Index, ...]
    dummies: list[Index]
    labels: dict[Index, list[Node]] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    scalars: list[Node] = field(default_factory=list)

    def label(self, vertex: Index, vector: Node) -> None:
        """Multiply with a vector over an index; a vector of ones changes nothing."""
        if not isinstance(vector, Ones):
            self.labels.setdefault(vertex, []).append(vector)

    def reduce(self) -> Node | None:
        """The vector or matrix over the free indices, or `None` where there is none and only scalars remain.

        Raises `NoMatrixForm` where the reductions get stuck.
        """
        while self.dummies:
            if not (self._trace() or self._leaf() or self._series() or self._single()):
                raise NoMatrixForm
        if len(self.free) == 2:
            return self._matrix(*self.free)
        return self._vector(self.free[0]) if self.free else None

    def _at(self, vertex: Index) -> list[Edge]:
        return [e for e in self.edges if vertex in (e.start, e.end)]

    def _neighbours(self, vertex: Index) -> list[Index]:
        return list(dict.fromkeys(e.other(vertex) for e in self._at(vertex)))

    def _vector(self, vertex: Index) -> Node:
        """All labels of a vertex as one vector."""
        return entrywise(self.labels[vertex]) if vertex in self.labels else Ones(vertex.dimension)

    def _merged(self, start: Index, end: Index) -> Edge:
        """All edges between two vertices as one, in one direction; beside an identity they are labels."""
        edges = [e.towards(end) for e in self.edges if {e.start, e.end} == {start, end}]
        identity = next((e for e in edges if isinstance(e.matrix, Identity)), None)
        if identity is not None:
            for edge in edges:
                if not isinstance(edge.matrix, Identity):
                    self.label(start, Diagonal(edge.matrix))
            return identity
        if len(edges) == 1:
            return edges[0]
        forth, back = (entrywise([e.towards(v).matrix for e in edges]) for v in (end, start))
        return Edge(start, end, (min(forth, transposed(back), key=transposes),))

    def _remove(self, *vertices: Index) -> bool:
        self.edges = [e for e in self.edges if e.start not in vertices and e.end not in vertices]
        self.dummies = [d for d in self.dummies if d not in vertices]
        return True

    def _trace(self) -> bool:
        """Two summed indices with two edges between them and no others: the trace of a product."""
        for first in self.dummies:
            edges = self._at(first)
            second = edges[0].other(first) if edges else first
            if second not in self.dummies or len(edges) > 2 or self._neighbours(second) != [first]:
                continue
            if len(edges) == 1:
                squared = _square_root(edges[0].matrix)
                if squared is None or first in self.labels or second in self.labels:
                    continue
                edges = [Edge(edges[0].start, edges[0].end, (squared,))] * 2
            elif self._neighbours(first) != [second]:
                continue
            forth, back = edges[0].towards(second), edges[1].towards(first)
            chain = forth
            for part in (*self._diagonal(second), back, *self._diagonal(first)):
                chain = chain.then(part)
            self.scalars.append(_cheapest_trace(chain.matrices, (*chain.links, chain.end)))
            return self._remove(first, second)
        return False

    def _diagonal(self, vertex: Index) -> list[Edge]:
        """The labels of a vertex as a matrix on the way through it."""
        if vertex not in self.labels:
            return []
        return [Edge(vertex, vertex, (DiagonalMatrix(self._vector(vertex)),))]

    def _leaf(self) -> bool:
        """A summed index with one neighbour: a matrix times a vector, a label of the neighbour."""
        for dummy in self.dummies:
            neighbours = self._neighbours(dummy)
            if len(neighbours) != 1:
                continue
            edge = self._merged(neighbours[0], dummy)
            self.label(neighbours[0], _applied(edge, self._vector(dummy)))
            return self._remove(dummy)
        return False

    def _series(self) -> bool:
        """A summed index with two neighbours: a matrix product."""
        for dummy in self.dummies:
            neighbours = self._neighbours(dummy)
            if len(neighbours) != 2:
                continue
            chain, rest = self._merged(neighbours[0], dummy), self._merged(dummy, neighbours[1])
            for part in (*self._diagonal(dummy), rest):
                chain = chain.then(part)
            place = self.edges.index(self._at(dummy)[0])
            self.edges.insert(place, chain)
            return self._remove(dummy)
        return False

    def _single(self) -> bool:
        """A summed index with no neighbour: an inner product of its labels."""
        for dummy in self.dummies:
            if not self._at(dummy):
                self.scalars.append(_inner(self.labels.get(dummy, []), dummy))
                return self._remove(dummy)
        return False

    def _matrix(self, row: Index, column: Index) -> Node:
        """The matrix over two free indices: an outer product, or a matrix between diagonals that scale it."""
        if not self.edges:
            return Outer(self._vector(row), as_row(self._vector(column)))
        edge = self._merged(row, column)
        if isinstance(edge.matrix, Identity):
            labels = [*self.labels.get(row, []), *self.labels.get(column, [])]
            return DiagonalMatrix(entrywise(labels)) if labels else edge.matrix
        for diagonal in self._diagonal(row):
            edge = diagonal.then(edge)
        for diagonal in self._diagonal(column):
            edge = edge.then(diagonal)
        return edge.matrix


def entrywise(nodes: Sequence[Node]) -> Node:
    """The product of vectors or matrices entry by entry; negative powers are divisors, vectors of ones drop out."""
    factors: list[Node] = []
    divisors: list[Node] = []
    for node in nodes:
        if isinstance(node, Hadamard):
            factors += node.factors
            divisors += node.divisors
        elif isinstance(node, Power) and node.exponent.is_Rational and node.exponent < 0:
            exponent = -node.exponent
            divisors.append(node.base if exponent == 1 else Power(node.base, exponent))
        else:
            factors.append(node)
    plain = [f for f in factors if not isinstance(f, Ones)]
    if not divisors and len(plain) < 2:
        return plain[0] if plain else factors[0]
    return Hadamard(tuple(plain), tuple(divisors))


def _applied(edge: Edge, vector: Node) -> Node:
    """The chain of an edge times a vector; a vector that is such a product continues the chain."""
    if isinstance(edge.matrix, Identity):
        return vector
    if isinstance(vector, Product):
        links = (*edge.links, edge.end, *vector.links)
        return Product(None, (*edge.matrices, *vector.matrices), vector.right, links)
    return Product(None, edge.matrices, vector, (*edge.links, edge.end))


def _inner(labels: Sequence[Node], vertex: Index) -> Node:
    """The sum over one index of a product of vectors: uᵀ v, 𝟏ᵀ u, or a trace."""
    if not labels:
        return Scalar(vertex.dimension.extent)
    if len(labels) == 1:
        (label,) = labels
        if isinstance(label, Diagonal):
            if isinstance(label.matrix, Product):
                return _cheapest_trace(label.matrix.matrices, (*label.matrix.links, vertex))
            return _cheapest_trace((label.matrix,), (vertex,))
        squared = _square_root(label)
        if squared is not None:
            return _bilinear(squared, squared, vertex)
        return _bilinear(Ones(vertex.dimension), label, vertex)
    return _bilinear(labels[0], entrywise(labels[1:]), vertex)


def _square_root(node: Node) -> Node | None:
    """The base of a second power."""
    return node.base if isinstance(node, Power) and node.exponent == 2 else None


def _bilinear(first: Node, second: Node, vertex: Index) -> Node:
    """uᵀ v, or vᵀ u where that is written with fewer transposes; products in both join into one chain."""
    forms = []
    for u, v in ((first, second), (second, first)):
        row = as_row(u)
        left, before, links = (row.left, row.matrices, row.links) if isinstance(row, Product) else (row, (), ())
        right, after, more = (v.right, v.matrices, v.links) if isinstance(v, Product) else (v, (), ())
        forms.append(Product(left, (*before, *after), right, (*links, vertex, *more)))
    return min(forms, key=transposes)


def _cheapest_trace(matrices: tuple[Node, ...], links: tuple[Index, ...]) -> Trace:
    """The trace with the fewest transposes among all rotations and both directions.

    Among equal ones the first matrix stands first, as a transpose where one of two has to be: tr(Aᵀ B).
    """
    forms = []
    count = len(matrices)
    forth = list(zip(range(count), matrices, links, strict=True))
    back = [(k, transposed(matrices[k]), links[k - 1]) for k in reversed(range(count))]
    for turn in (forth, back):
        for k in range(count):
            rotated = [*turn[k:], *turn[:k]]
            form = Trace(tuple(m for _, m, _ in rotated), tuple(i for _, _, i in rotated))
            first = form.matrices[0]
            forms.append(((transposes(form), rotated[0][0], not isinstance(first, Transpose)), form))
    return min(forms, key=lambda f: f[0])[1]

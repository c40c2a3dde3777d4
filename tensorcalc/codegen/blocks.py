"""Runs of definitions that are computed some rows at a time, so that what they make on the way stays in the cache.

A run is found from indices alone. All its definitions share their first index, the row: whatever they read over that
index they read in the same row, and whatever they sum runs along the row. Sums over the rows join as accumulators.
Products of matrices stay outside: BLAS has blocks of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sympy import Add, Expr, Function, Mul, Pow

from tensorcalc.binding import Binder, Contraction, free_indices, product, rename
from tensorcalc.binding import replace as replaced
from tensorcalc.codegen.nodes import RowFunction
from tensorcalc.expr import Component, Delta, Determinant, Inverse, LogDeterminant, One
from tensorcalc.index import Dimension, Index, Tensor
from tensorcalc.system import Definition, Program, tensors_in

__all__ = ["Run", "parts"]

WORTH = 4  # passes over whole arrays from which rows are computed in blocks
PASSES = 4  # of a softmax and its kin over their argument


@dataclass(frozen=True, slots=True)
class Run:
    """Definitions that are computed block by block of a dimension.

    `program` computes one block: its dimension `rows` is the block's part of `dimension`, its inputs are rows of the
    tensors in `sliced` and whole tensors, its outputs rows of those in `kept`, which are needed as a whole. It adds to
    the tensors in `sums`. `parts` are the tensors that stand for a block's part of others; `width` the dimensions of a
    row.
    """

    dimension: Dimension
    rows: Dimension
    program: Program
    parts: Mapping[Tensor, Tensor]
    sliced: tuple[Tensor, ...]
    kept: tuple[Definition, ...]
    sums: tuple[Definition, ...]
    width: tuple[Dimension, ...]

    @property
    def totals(self) -> frozenset[Tensor]:
        """The tensors to which every block adds."""
        return frozenset(d.tensor for d in self.sums)


def parts(definitions: Sequence[Definition], outputs: Iterable[Tensor]) -> list[Definition | Run]:
    """The definitions in an order in which they can be computed, with the runs that are worth their loop."""
    return _parts(definitions, definitions, frozenset(outputs))


def _parts(
    some: Sequence[Definition], every: Sequence[Definition], outputs: frozenset[Tensor]
) -> list[Definition | Run]:
    """The same for some of the definitions."""
    for dimension in dict.fromkeys(d.indices[0].dimension for d in some if d.indices):
        before: list[Definition] = []
        members = _Members(dimension, some)
        while members.made and dimension.size is None:
            run = members.run(every, outputs)
            if run is not None:
                first = _parts([*before, *members.before], every, outputs)
                return [*first, run, *_parts(members.after, every, outputs)]
            before += [*members.before, *members.definitions]
            members = _Members(dimension, members.after)
    return list(some)


@dataclass
class _Members:
    """The longest run over a dimension from its first definition on, and what comes before and after it."""

    dimension: Dimension
    some: Sequence[Definition]
    before: list[Definition] = field(default_factory=list)
    definitions: list[Definition] = field(default_factory=list)
    after: list[Definition] = field(default_factory=list)
    made: set[Tensor] = field(default_factory=set)
    read: set[Tensor] = field(default_factory=set)

    def __post_init__(self) -> None:
        late: set[Tensor] = set()
        for definition in self.some:
            used = set(tensors_in(definition.rhs))
            if not used.isdisjoint(late):
                place = self.after
            elif self._is_row(definition):
                self.made.add(definition.tensor)
                self.read.update((t for t in used if t.order > 1), (definition.tensor,))
                self.definitions.append(definition)
                continue
            elif self._sum(definition) is not None:
                place = self.definitions
            elif used.isdisjoint(self.made):
                self.before.append(definition)
                continue
            else:
                place = self.after
            place.append(definition)
            late.add(definition.tensor)

    def _is_row(self, definition: Definition) -> bool:
        """Whether a row of a definition needs no more than that row of what is made so far."""
        indices = definition.indices
        if not indices or indices[0].dimension != self.dimension:
            return False
        return _follows(definition.rhs, indices[0], self.made)

    def _sum(self, definition: Definition) -> tuple[list[Expr], Expr, Index] | None:
        """A sum over rows that are made or read here: the factors before it, what is summed, and the row's index."""
        factors = Mul.make_args(definition.rhs)
        sums = [f for f in factors if isinstance(f, Contraction)]
        rest = [f for f in factors if not isinstance(f, Contraction)]
        if len(sums) != 1 or any(not self.made.isdisjoint(tensors_in(f)) for f in rest) or sums[0].has(Delta):
            return None
        body, dummies = sums[0].open((definition.rhs, *definition.indices))
        if not _covered(body) or self.read.isdisjoint(tensors_in(body)):
            return None
        for row in dummies:
            inner = Contraction(body, *(d for d in dummies if d != row))
            if row.dimension == self.dimension and _follows(inner, row, self.made):
                return rest, inner, row
        return None

    def run(self, every: Sequence[Definition], outputs: frozenset[Tensor]) -> Run | None:
        """The run; `None` where it is not worth its loop."""
        rows = Dimension(f"{self.dimension.name} rows")  # a name that nobody can write
        swap = _Swap(rows, self.made)
        definitions = [self._in_block(d, swap) for d in self.definitions]
        longest = max((a for d in definitions for a in _arrays(d)), key=len)
        passes = sum(_passes(d.rhs, len(longest)) for d in definitions)
        sliced = tuple(t for t in swap.parts if t not in self.made)
        if not sliced or len(longest) < 2 or passes < WORTH:
            return None
        own = {d.tensor for d in self.definitions}
        needed = {t for d in every if d.tensor not in own for t in tensors_in(d.rhs)} | outputs
        kept = tuple(d for d in self.definitions if d.tensor in self.made and d.tensor in needed)
        sums = tuple(d for d in self.definitions if d.tensor not in self.made)
        defined = {d.tensor for d in definitions}
        inputs = dict.fromkeys(t for d in definitions for t in tensors_in(d.rhs) if t not in defined)
        program = Program(tuple(inputs), tuple(definitions), tuple(swap.parts[d.tensor] for d in kept))
        width = tuple(i.dimension for i in longest if i.dimension != rows)
        return Run(self.dimension, rows, program, swap.parts, sliced, kept, sums, width)

    def _in_block(self, definition: Definition, swap: _Swap) -> Definition:
        """A definition as it is for the rows of a block."""
        summed = None if definition.tensor in self.made else self._sum(definition)
        if summed is not None:
            rest, body, row = summed
            inner = Contraction(swap.expression(body, row), swap.index(row))
            return replace(definition, rhs=product((*rest, inner)))
        row = definition.indices[0]
        indices = (swap.index(row), *definition.indices[1:])
        return Definition(swap.part(definition.tensor), indices, swap.expression(definition.rhs, row))


@dataclass
class _Swap:
    """Puts the rows of a block in the place of all rows. `parts` are the tensors of which a block has rows."""

    rows: Dimension
    made: set[Tensor]
    parts: dict[Tensor, Tensor] = field(default_factory=dict)

    def part(self, tensor: Tensor) -> Tensor:
        """The tensor that stands for the block's rows of another."""
        if tensor not in self.parts:
            dimensions = (self.rows, *tensor.dimensions[1:])
            self.parts[tensor] = Tensor(f"{tensor.name}_rows", dimensions, tensor.label_dimension)
        return self.parts[tensor]

    def index(self, row: Index) -> Index:
        return Index(row.name, self.rows)

    def expression(self, expression: Expr, row: Index) -> Expr:
        """An expression over the rows of the block instead of `row`."""
        own = self.index(row)

        def swapped(node: Expr) -> Expr | None:
            if not isinstance(node, Component):
                return None
            indices = [replaced(i, swapped) for i in node.indices]
            return Component(self.part(node.tensor) if indices[:1] == [own] else node.tensor, *indices)

        return replaced(rename(expression, {row: own}), swapped, (own,))


def _covered(body: Expr) -> bool:
    """Whether one tensor has all indices of a summand, so that it is no product of matrices."""
    every = free_indices(body)
    return any(every <= free_indices(c) for c in body.atoms(Component))


def _follows(expression: Expr, row: Index, made: set[Tensor]) -> bool:
    """Whether what is read over the row's index is read in that row, and what is made by rows in no other way."""
    if isinstance(expression, Component):
        indices = expression.indices
        if indices[:1] == (row,):
            indices = indices[1:]
        elif expression.tensor in made:
            return False
        return all(_follows(i, row, made) for i in indices)
    if isinstance(expression, Index):
        return expression != row
    if isinstance(expression, One):
        return True
    if isinstance(expression, Inverse | Determinant | LogDeterminant):
        return False
    if isinstance(expression, Binder):
        body, _ = expression.open((row,))
        inner = free_indices(body)
        if not _covered(body) or (row not in inner and len(inner) > 1):
            return False
        return _follows(body, row, made)
    return all(_follows(a, row, made) for a in expression.args if isinstance(a, Expr))


def _arrays(definition: Definition) -> Iterator[tuple[Index, ...]]:
    """The indices of the arrays that a definition reads and writes."""
    yield definition.indices
    stack: list[Expr] = [definition.rhs]
    while stack:
        node = stack.pop()
        if isinstance(node, Component):
            yield tuple(dict.fromkeys(i for e in node.indices for i in sorted(free_indices(e), key=str)))
        elif isinstance(node, Binder):
            stack.append(node.open()[0])
        else:
            stack.extend(a for a in node.args if isinstance(a, Expr))


def _passes(expression: Expr, order: int) -> int:
    """How many operations on arrays of at least that order an expression takes."""
    if isinstance(expression, Component | Index):
        return 0
    if isinstance(expression, RowFunction):
        own = PASSES if len(free_indices(expression.argument)) >= order else 0
        return own + _passes(expression.argument, order)
    if isinstance(expression, Binder):
        body, _ = expression.open()
        return (len(free_indices(body)) >= order) + _passes(body, order)
    inner = [a for a in expression.args if isinstance(a, Expr) and not isinstance(a, One) and not a.has(Delta)]
    own = 0
    if len(free_indices(expression)) >= order:
        own = len(inner) - 1 if isinstance(expression, Add | Mul) else isinstance(expression, Pow | Function)
    return max(own, 0) + sum(_passes(a, order) for a in inner)

"""Sums that are matrix products: left to BLAS, with operands as it wants them.

A sum over k of two factors, one with rows and k, the other with columns and k, is a product of matrices for every
value of the batch indices that both have. Operands that are more than one component, or that lie in memory in another
order, get a tensor of their own before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod

from sympy import Expr, Mul, S

from tensorcalc.binding import free_indices, product, rename
from tensorcalc.codegen.kernels.statements import Operation, Statement, unused
from tensorcalc.codegen.kernels.windows import is_affine
from tensorcalc.expr import Component
from tensorcalc.index import Index, Tensor

__all__ = ["Product", "is_product", "with_products"]

LEAST = 32  # columns from which it pays to multiply some factors before, so that the rest is a product of matrices

Indices = tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Product:
    """target[batch, rows, columns] = scale · Σ_outer Σ_inner left · right; all three are components with plain indices.

    There is a product of matrices for each value of the batch indices, of which an operand may lack some, and of the
    outer ones, over which products are added up.
    """

    statement: Statement
    left: Component
    right: Component
    target: Component
    batch: Indices
    rows: Indices
    columns: Indices
    inner: Indices
    scale: Expr = S.One
    outer: Indices = ()

    @property
    def summed(self) -> Indices:
        """The indices that are summed."""
        return (*self.outer, *self.inner)


def with_products(
    statements: Sequence[Statement], outputs: Iterable[Tensor], taken: set[str]
) -> tuple[list[Statement], dict[Statement, Product]]:
    """The statements with what products need before and after them, and those that are products."""
    finder = _Finder(statements, frozenset(outputs), taken)
    return finder.run()


class _Finder:
    def __init__(self, statements: Sequence[Statement], outputs: frozenset[Tensor], taken: set[str]) -> None:
        self.statements = statements
        self.outputs = outputs
        self.taken = taken
        self.found: list[Statement] = []
        self.products: dict[Statement, Product] = {}

    def run(self) -> tuple[list[Statement], dict[Statement, Product]]:
        for statement in self.statements:
            if statement.operation is Operation.ASSIGN and self._scaled(statement):
                continue
            parts = _parts(statement)
            if parts is None:
                self.found.append(statement)
            else:
                self._add(statement, *parts)
        return self.found, self.products

    def _readers(self, tensor: Tensor) -> list[Statement]:
        return [s for s in self.statements if any(a.tensor == tensor for a in s.accesses)]

    def _scaled(self, statement: Statement) -> bool:
        """Take a statement that only scales the result of a product into the product."""
        factors = Mul.make_args(statement.expression)
        moving = [f for f in factors if free_indices(f)]
        if len(moving) != 1 or not isinstance(moving[0], Component):
            return False
        source = moving[0]
        made = next((s for s in self.products if s.tensor == source.tensor), None)
        if made is None or source.tensor in self.outputs or len(self._readers(source.tensor)) != 1:
            return False
        if not all(isinstance(i, Index) for i in source.indices) or len(set(source.indices)) != len(source.indices):
            return False
        if set(source.indices) != set(statement.loops) or any(s.tensor == source.tensor for s in self._additions()):
            return False
        old = self.products[made]
        names = dict(zip(old.target.indices, source.indices, strict=True))
        if statement.target != source.indices:
            return False
        del self.products[made]
        self.found.remove(made)
        clash = {i: Index(f"{i.name}'", i.dimension) for i in made.dummies}
        renamed = made.renamed({**clash, **names})
        new = replace(renamed, tensor=statement.tensor, target=statement.target)
        self.found.append(new)
        letters = {**clash, **names}

        def moved(indices: Indices) -> Indices:
            return tuple(letters.get(i, i) for i in indices)

        scale = product([old.scale, *(f for f in factors if f is not source)])
        left, right = rename(old.left, letters), rename(old.right, letters)
        target = Component(statement.tensor, *statement.target)
        self.products[new] = Product(
            new,
            left,
            right,
            target,
            moved(old.batch),
            moved(old.rows),
            moved(old.columns),
            moved(old.inner),
            scale,
            moved(old.outer),
        )
        return True

    def _additions(self) -> list[Statement]:
        return [s for s in self.statements if s.operation is Operation.ADD]

    def _add(self, statement: Statement, first: list[Expr], second: list[Expr]) -> None:
        """A product with its operands as components, and its result in an order that BLAS can write."""
        one, two = _indices(first), _indices(second)
        target = tuple(i for i in statement.target if isinstance(i, Index))
        batch = tuple(i for i in target if i in one and i in two)
        if target and target[-1] in one and target[-1] not in batch:
            first, second, one, two = second, first, two, one
        batch = batch or _samples(target, first, second)
        rows = tuple(i for i in target if i in one and i not in batch)
        columns = tuple(i for i in target if i in two and i not in batch)
        inner = _inner_order(statement.dummies, first, second)
        outer = () if batch else _outer(inner, first, second)
        inner = tuple(i for i in inner if i not in outer)
        loops = batch or outer
        beside = [target, *(a.indices for a in statement.accesses)]
        left = self._operand(first, loops, rows, inner, beside)
        right = self._operand(second, loops, inner, columns, beside)
        written = Component(statement.tensor, *target)
        tidy = _together(target, rows) and _together(target, columns) and target[-1:] == columns[-1:]
        if not tidy:
            order = (*batch, *rows, *columns)
            written = Component(Tensor(unused("result", self.taken), tuple(i.dimension for i in order)), *order)
        new = replace(
            statement, tensor=written.tensor, target=written.indices, expression=Mul(left, right, evaluate=False)
        )
        self.found.append(new)
        self.products[new] = Product(new, left, right, written, batch, rows, columns, inner, outer=outer)
        if not tidy:
            self.found.append(Statement(statement.tensor, target, target, Operation.ASSIGN, written))

    def _operand(
        self, factors: list[Expr], batch: Indices, first: Indices, second: Indices, beside: Sequence[Sequence[Expr]]
    ) -> Component:
        """The component of an operand: itself, or one of its own in the order that is wanted."""
        if len(factors) == 1 and isinstance(factors[0], Component) and _plain(factors[0]):
            indices = factors[0].indices
            last = indices[-1:]
            if _together(indices, first) and _together(indices, second) and last in (first[-1:], second[-1:]):
                return factors[0]
        own = _indices(factors)
        order = (*(i for i in batch if i in own), *_rows_of_memory(factors, first, second, beside))
        tensor = Tensor(unused("operand", self.taken), tuple(i.dimension for i in order))
        self.found.append(Statement(tensor, order, order, Operation.ASSIGN, product(factors)))
        return Component(tensor, *order)


def _slides(factors: Sequence[Expr]) -> bool:
    """Whether an operand is a window that moves over a tensor: every entry of that several times."""
    return any(is_affine(i) for f in factors for c in f.atoms(Component) for i in c.indices)


def _samples(target: Indices, first: Sequence[Expr], second: Sequence[Expr]) -> Indices:
    """The outermost index of a result where each of its values may have a product of its own, so that a window that
    moves need never be copied for all of them.
    """
    sample = target[:1]
    one, two = _indices(first), _indices(second)
    moving = [f for f in (first, second) if _slides(f)]
    if len(moving) != 1 or not set(sample) <= _indices(moving[0]) or any(_inside(i, sample) for i in moving[0]):
        return ()
    left = any(i in one for i in target[1:]) and any(i in two for i in target[1:])
    return sample if left else ()


def _inside(factor: Expr, some: Indices) -> bool:
    """Whether one of some indices is part of a sum of indices."""
    return any(
        is_affine(i) and not free_indices(i).isdisjoint(some) for c in factor.atoms(Component) for i in c.indices
    )


def _outer(inner: Indices, first: Sequence[Expr], second: Sequence[Expr]) -> Indices:
    """The outermost summed index where it is that of both operands, and one of them a window that moves."""
    if len(inner) < 2 or not (_slides(first) or _slides(second)):
        return ()
    every = [f for f in (*first, *second) if isinstance(f, Component)]
    same = len(every) == len(first) + len(second) and all(c.indices[:1] == inner[:1] for c in every)
    return inner[:1] if same else ()


def _rows_of_memory(
    factors: Sequence[Expr], first: Indices, second: Indices, beside: Iterable[Sequence[Expr]]
) -> Indices:
    """The indices of a copied operand. Of the two by which a window moves, the long one is innermost: the one that
    elsewhere too stands beside the outermost index of what it moves over.
    """
    if len(factors) == 1 and isinstance(factors[0], Component) and _slides(factors):
        sample, last = factors[0].indices[0], free_indices(factors[0].indices[-1])
        long = {i for other in beside if sample in other for i in last if i in other}
        if not long & set(second[-1:]) and long & set(first[-1:]):
            return (*second, *first)
    return (*first, *second)


def is_product(statement: Statement) -> bool:
    """Whether a statement is a product of matrices."""
    return _parts(statement) is not None


def _parts(statement: Statement) -> tuple[list[Expr], list[Expr]] | None:
    """The factors of the two operands, where a statement is a product of matrices."""
    if statement.operation is not Operation.SUM or not isinstance(statement.expression, Mul):
        return None
    if not all(isinstance(t, Index) for t in statement.target) or not statement.dummies:
        return None
    factors = list(Mul.make_args(statement.expression))
    dummies, loops = set(statement.dummies), set(statement.loops)
    sized = [(f, free_indices(f) & loops) for f in factors]
    sized.sort(key=lambda pair: -len(pair[1]))
    first = sized[0][1]
    other = next((own for _, own in sized[1:] if not own <= first and not first <= own), None)
    if other is None or not dummies <= first or not dummies <= other:
        return None
    left = [f for f, own in sized if own <= first]
    right = [f for f, own in sized if not own <= first]
    if first | other == loops and all(own <= other for f, own in sized if f in right):
        return left, right
    return _several(sized, dummies, loops)


def _several(
    sized: Sequence[tuple[Expr, frozenset[Index]]], dummies: set[Index], loops: set[Index]
) -> tuple[list[Expr], list[Expr]] | None:
    """One factor and the product of the others, all with the dummies, as operands: Σ_p (a_pi b_pj) c_pk."""
    if not all(dummies <= own for _, own in sized):
        return None
    for place, (factor, own) in enumerate(sized):
        rest = [pair for k, pair in enumerate(sized) if k != place]
        others: frozenset[Index] = frozenset().union(*(o for _, o in rest))
        if own | others == loops and own & others == dummies and prod(_length(i) for i in own - dummies) >= LEAST:
            return [f for f, _ in rest], [factor]
    return None


def _length(index: Index) -> int:
    return index.dimension.size or LEAST


def _indices(factors: Iterable[Expr]) -> frozenset[Index]:
    return frozenset().union(*(free_indices(f) for f in factors))


def _plain(c: Component) -> bool:
    return all(isinstance(i, Index) for i in c.indices) and len(set(c.indices)) == len(c.indices)


def _inner_order(dummies: Indices, first: Sequence[Expr], second: Sequence[Expr]) -> Indices:
    """The dummies in the order of the operand that is a plain component, so that it need not be rewritten."""
    for factors in (first, second):
        if len(factors) == 1 and isinstance(factors[0], Component) and _plain(factors[0]):
            return tuple(i for i in factors[0].indices if i in dummies)
    return dummies


def _together(indices: Sequence[Expr], some: Indices) -> bool:
    """Whether some indices stand next to each other, in their order."""
    if not some:
        return False
    if some[0] not in indices:
        return False
    start = list(indices).index(some[0])
    return tuple(indices[start : start + len(some)]) == some

"""Taking δ out of expressions: what remains is dense, and what a δ selects is written to the places it selects.

A right side is split into a dense part without any δ in a linear position, and sparse terms: coefficient times
deltas, summed over dummies. Solving the deltas of a sparse term turns it into "add this to those entries".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sympy import Add, Expr, Integer, Mul, S

from tensorcalc.binding import Contraction, free_indices, product, rename
from tensorcalc.expr import Component, Delta, Group
from tensorcalc.index import Dimension, Index

__all__ = ["Scatter", "Sparse", "scatter", "solved", "split", "written"]


@dataclass(frozen=True, slots=True)
class Sparse:
    """A term with deltas: the sum of coefficient · deltas over the dummies."""

    coefficient: Expr
    deltas: tuple[Delta, ...]
    dummies: tuple[Index, ...] = ()


@dataclass(frozen=True, slots=True)
class Scatter:
    """`coefficient` is added at the entries `target`, for all values of the free indices of the target.

    `summed` are the dummies among those: entries may repeat for them. Without any, every entry is met once.
    """

    target: tuple[Expr, ...]
    coefficient: Expr
    summed: tuple[Index, ...]


def _is_linear(expression: Expr) -> bool:
    """Whether a δ stands in the expression other than inside a nonlinear function."""
    if isinstance(expression, Delta):
        return True
    if isinstance(expression, Contraction):
        return _is_linear(expression.body)
    if isinstance(expression, Add | Mul | Group):
        return any(_is_linear(a) for a in expression.args)
    return False


def split(expression: Expr, avoid: Iterable[Expr] = ()) -> tuple[Expr, tuple[Sparse, ...]]:
    """The dense part and the sparse terms of an expression; dummies of sparse terms differ from all of `avoid`."""
    if not _is_linear(expression):
        return expression, ()
    if isinstance(expression, Delta):
        return S.Zero, (Sparse(S.One, (expression,)),)
    if isinstance(expression, Group):
        return split(expression.expression, avoid)
    if isinstance(expression, Contraction):
        return _split_contraction(expression, tuple(avoid))
    if isinstance(expression, Add):
        parts = [split(a, avoid) for a in expression.args]
        return Add(*(d for d, _ in parts)), tuple(s for _, terms in parts for s in terms)
    return _split_product(expression, tuple(avoid))


def _split_contraction(expression: Contraction, avoid: tuple[Expr, ...]) -> tuple[Expr, tuple[Sparse, ...]]:
    body, dummies = expression.open(avoid)
    dense, sparse = split(body, (*avoid, *dummies))
    terms = [solved(Sparse(t.coefficient, t.deltas, (*t.dummies, *dummies))) for t in sparse]
    summed = [Contraction(t.coefficient, *t.dummies) for t in terms if not t.deltas]
    return Add(Contraction(dense, *dummies), *summed), tuple(t for t in terms if t.deltas)


def _split_product(expression: Mul, avoid: tuple[Expr, ...]) -> tuple[Expr, tuple[Sparse, ...]]:
    linear = [a for a in expression.args if _is_linear(a)]
    dense = product([a for a in expression.args if not _is_linear(a)])
    sparse: tuple[Sparse, ...] = ()
    for factor in linear:
        other, terms = split(factor, (*avoid, expression, *(d for s in sparse for d in s.dummies)))
        mixed = [Sparse(product((dense, t.coefficient)), t.deltas, t.dummies) for t in terms]
        mixed += [Sparse(product((s.coefficient, other)), s.deltas, s.dummies) for s in sparse]
        mixed += [
            Sparse(product((s.coefficient, t.coefficient)), (*s.deltas, *t.deltas), (*s.dummies, *t.dummies))
            for s in sparse
            for t in terms
        ]
        dense = product((dense, other))
        sparse = tuple(m for m in mixed if m.coefficient is not S.Zero)
    return dense, sparse


def _dimension(index: Expr) -> Dimension | None:
    """The dimension in which an index expression certainly lies; `None` where that is not known."""
    if isinstance(index, Index):
        return index.dimension
    if isinstance(index, Component):
        return index.tensor.label_dimension
    return None


def _solution(a: Expr, b: Expr, unknowns: Sequence[Index]) -> tuple[Index, Expr] | None:
    """The unknown of a δ and the value that the δ gives it, where that value lies in the unknown's dimension."""
    for unknown, value in ((a, b), (b, a)):
        if not isinstance(unknown, Index) or unknown not in unknowns or unknown in free_indices(value):
            continue
        if _dimension(value) == unknown.dimension or isinstance(value, Integer):
            return unknown, value
    return None


def solved(term: Sparse) -> Sparse:
    """The term without the dummies that its deltas determine."""
    coefficient, deltas, dummies = term.coefficient, list(term.deltas), list(term.dummies)
    place = 0
    while place < len(deltas):
        found = _solution(*deltas[place].indices, dummies)
        if found is None:
            place += 1
            continue
        dummy, value = found
        del deltas[place]
        dummies.remove(dummy)
        coefficient = rename(coefficient, {dummy: value})
        renamed = [rename(d, {dummy: value}) for d in deltas]
        if S.Zero in renamed:
            return Sparse(S.Zero, ())
        deltas = [d for d in renamed if d is not S.One]
        place = 0
    return Sparse(coefficient, tuple(deltas), tuple(dummies))


def scatter(term: Sparse, indices: Sequence[Index]) -> Scatter:
    """What a sparse term adds to an array over `indices`: the entries it meets, and what it adds there.

    A δ that determines nothing (two labels) stays in the coefficient.
    """
    term = solved(term)
    coefficient, deltas = term.coefficient, list(term.deltas)
    target: dict[Index, Expr] = {i: i for i in indices}
    place = 0
    while place < len(deltas):
        found = _solution(*deltas[place].indices, [i for i in indices if target[i] == i])
        if found is None:
            place += 1
            continue
        index, value = found
        del deltas[place]
        target = {i: rename(e, {index: value}) for i, e in target.items()}
        coefficient = rename(coefficient, {index: value})
        renamed = [rename(d, {index: value}) for d in deltas]
        if S.Zero in renamed:
            return Scatter(tuple(indices), S.Zero, ())
        deltas = [d for d in renamed if d is not S.One]
        place = 0
    coefficient = product((coefficient, *deltas))
    used = frozenset().union(*(free_indices(e) for e in target.values())) if target else frozenset()
    inner = [d for d in term.dummies if d not in used]
    return Scatter(
        tuple(target.values()), Contraction(coefficient, *inner), tuple(d for d in term.dummies if d in used)
    )


def written(rhs: Expr, indices: tuple[Index, ...]) -> tuple[Expr, tuple[Scatter, ...]]:
    """A right side as what is written to every entry, and what is then added to some."""
    dense, sparse = split(rhs, indices)
    every = [scatter(term, indices) for term in sparse]
    dense = Add(dense, *(s.coefficient for s in every if s.target == indices))
    return dense, tuple(s for s in every if s.target != indices and s.coefficient is not S.Zero)

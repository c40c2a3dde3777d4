"""Sums over windows, Σ_t a_t w_{s−t} as in the gradients of convolutions, with the short dummy for the long one.

With t = s − k this is Σ_k a_{s−k} w_k: as many terms as the window has places, where the other has as many as a has
entries, nearly all of them outside the window. Entries off an axis are 0, as before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sympy import Add, Expr, Mul, S

from tensorcalc.binding import free_indices, product, rename
from tensorcalc.codegen.kernels.statements import Operation, Statement
from tensorcalc.expr import Component
from tensorcalc.index import Index

__all__ = ["is_affine", "shortened", "slides"]


def is_affine(e: Expr) -> bool:
    """Whether an index is a sum of loop indices."""
    return not isinstance(e, Index | Component) and bool(free_indices(e))


def slides(statement: Statement) -> bool:
    """Whether a statement reads a tensor at a sum of loop indices."""
    return any(is_affine(i) for c in statement.accesses for i in c.indices)


def shortened(statements: Iterable[Statement]) -> list[Statement]:
    """The statements, with the dummies of sums over windows running over the window."""
    return [_shortened(s) for s in statements]


def _shortened(statement: Statement) -> Statement:
    if statement.operation is not Operation.SUM or not isinstance(statement.expression, Mul):
        return statement
    for dummy in statement.dummies:
        statement = _over_window(statement, dummy) or statement
    return statement


def _over_window(statement: Statement, dummy: Index) -> Statement | None:
    """The statement with the window that moves with a dummy read place by place; `None` where nothing is gained."""
    factors = [f for f in Mul.make_args(statement.expression) if dummy in free_indices(f)]
    if not all(isinstance(f, Component) for f in factors):
        return None
    places = [(c, i) for c in factors if isinstance(c, Component) for i in c.indices if dummy in free_indices(i)]
    moving = [(c, i) for c, i in places if i != dummy]
    held = [c for c, i in places if i == dummy]
    if len(moving) != 1 or not any(c.tensor.dimensions[c.indices.index(dummy)] == dummy.dimension for c in held):
        return None
    ((window, affine),) = moving
    sign = affine.coeff(dummy)
    rest = Add(affine, Mul(S.NegativeOne, sign, dummy))
    if sign is S.NegativeOne:
        shorter = not _is_data(window, held, statement)
    else:
        shorter = sign is S.One and all(t.could_extract_minus_sign() for t in Add.make_args(rest))
    if not shorter:
        return None
    axis = window.indices.index(affine)
    place = Index(f"{dummy.name}'", window.tensor.dimensions[axis])
    value = Add(Mul(sign, place), *(Mul(S.NegativeOne, sign, t) for t in Add.make_args(rest)))
    read = Component(window.tensor, *window.indices[:axis], place, *window.indices[axis + 1 :])
    others = [f for f in Mul.make_args(statement.expression) if f != window]
    return replace(
        statement,
        loops=tuple(place if i == dummy else i for i in statement.loops),
        expression=product((read, *(rename(f, {dummy: value}) for f in others))),
    )


def _is_data(window: Component, held: Iterable[Component], statement: Statement) -> bool:
    """Whether what moves is the long one: it has the outermost index of the result, which counts the samples."""
    sample = next((t for t in statement.target if isinstance(t, Index)), None)
    return sample in window.indices and not any(sample in c.indices for c in held)

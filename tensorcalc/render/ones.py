"""One-tensors that a reader does not need: a factor around the bracket carries their index already."""

from __future__ import annotations

from sympy import Expr, S

from tensorcalc.binding import Contraction, free_indices, product, rebuild
from tensorcalc.expr import Group, One
from tensorcalc.index import Index

__all__ = ["without_carried_ones"]


def without_carried_ones(expression: Expr) -> Expr:
    """The expression as an author writes it: γ_h (μ_ph + 𝟏_q) for γ_h (μ_ph + 𝟏_h 𝟏_q).

    Its value is the same with every bracket multiplied out; only brackets that are factors are changed.
    """
    return _silent(expression, frozenset()) if expression.has(One) else expression


def _silent(expression: Expr, carried: frozenset[Index]) -> Expr:
    if expression.is_Add:
        return rebuild(expression, [_silent(a, carried) for a in expression.args])
    if isinstance(expression, Group):
        return Group(_silent(expression.expression, carried))
    if isinstance(expression, Contraction):
        body, indices = expression.open()
        return Contraction(_silent(body, carried), *indices)
    if isinstance(expression, One):
        return S.One if expression.index in carried else expression
    if not expression.is_Mul:
        return expression
    factors = [f for f in expression.args if not (isinstance(f, One) and f.index in carried)]
    held = [_held(f) for f in factors]
    around = [carried.union(*held[:k], *held[k + 1 :]) for k in range(len(factors))]
    return product(_silent(f, c) if _is_bracket(f) else f for f, c in zip(factors, around, strict=True))


def _held(factor: Expr) -> frozenset[Index]:
    """The indices that a factor carries in all its terms without a one-tensor."""
    if isinstance(factor, One):
        return frozenset()
    if factor.is_Add:
        return frozenset.intersection(*(_held(a) for a in factor.args))
    if factor.is_Mul:
        return frozenset[Index]().union(*(_held(a) for a in factor.args))
    if isinstance(factor, Group):
        return _held(factor.expression)
    if isinstance(factor, Contraction):
        body, indices = factor.open()
        return _held(body) - set(indices)
    return frozenset(free_indices(factor))


def _is_bracket(factor: Expr) -> bool:
    """Whether a factor is a sum of terms, or the sum over an index of such a product."""
    return bool(factor.is_Add) or isinstance(factor, Group | Contraction)

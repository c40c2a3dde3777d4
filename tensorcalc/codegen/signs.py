"""Which expressions certainly have no negative value, so that a root may be taken of them."""

from __future__ import annotations

from sympy import Add, Expr, Mul, Pow, S, exp

from tensorcalc.expr import Group
from tensorcalc.functions import sigmoid

__all__ = ["is_nonnegative"]


def is_nonnegative(expression: Expr) -> bool:
    """Whether no value of an expression is negative, whatever its tensors hold; NaN is none."""
    if isinstance(expression, Group):
        return is_nonnegative(expression.expression)
    if isinstance(expression, Mul):
        return all(map(is_nonnegative, expression.args))
    if isinstance(expression, Add):
        return _is_complement(expression) or all(map(is_nonnegative, expression.args))
    if isinstance(expression, Pow):
        even = expression.exp.is_Integer and expression.exp.is_even
        return bool(even or expression.exp == S.Half or is_nonnegative(expression.base))
    if expression.is_Number:
        return bool(expression.is_nonnegative)
    return isinstance(expression, exp) or bool(type(expression).default_assumptions.get("extended_nonnegative"))


def _is_complement(expression: Add) -> bool:
    """Whether an expression is 1 - s for a logistic s."""
    return isinstance(S.One - expression, sigmoid)

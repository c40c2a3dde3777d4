"""Multiplying out, and the measure that says which form is shorter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from sympy import Add, Expr, S, gcd

from tensorcalc.binding import Binder, free_indices, rebuild
from tensorcalc.expr import Component, Delta, Group, One, Partial, contains
from tensorcalc.index import Index
from tensorcalc.rules.contraction import contract, settle
from tensorcalc.rules.rule import Rule
from tensorcalc.rules.terms import Names, Term, expand, opened

__all__ = [
    "EXPAND",
    "REARRANGE",
    "REMOVE_BRACKETS",
    "align",
    "brackets_show",
    "content_of",
    "multiply_out",
    "size",
    "ungroup",
]

REMOVE_BRACKETS = Rule("removing brackets", r"a (-b) = -a b")
EXPAND = Rule("multiplying out", r"a (b + c) = a b + a c")
REARRANGE = Rule("rearranging", r"\sum_{i} a u_{i} = a \sum_{i} u_{i}")


@lru_cache(1 << 16)
def size(expression: Expr) -> int:
    """The number of operations a reader sees: each + and ·, each power, function, sum and δ counts one.

    A sign and a one-tensor, which change no value, count nothing.
    """
    if isinstance(expression, Component | Delta | One) or not expression.args:
        return 1 if isinstance(expression, Delta) else 0
    if isinstance(expression, Group):
        return size(expression.expression)
    if isinstance(expression, Partial):
        return 1 + size(expression.expression)
    if isinstance(expression, Binder):
        return 1 + size(expression.body)
    inner = sum(size(a) for a in expression.args)
    if expression.is_Pow:
        return inner + 1
    if expression.is_Add:
        return inner + len(expression.args) - 1
    if expression.is_Mul:
        counted = [a for a in expression.args if a is not S.NegativeOne and not isinstance(a, One)]
        joins_one = len(counted) == 1 and counted[0].is_number and len(expression.args) > 1
        return inner + (1 if joins_one else max(len(counted) - 1, 0))
    return inner + 1


def ungroup(expression: Expr) -> Expr:
    """The expression without the brackets that were kept for a line."""
    if not contains(expression, Group):
        return expression
    if isinstance(expression, Group):
        return ungroup(expression.expression)
    return rebuild(expression, [ungroup(a) if isinstance(a, Expr) else a for a in expression.args])


def brackets_show(expression: Expr) -> bool:
    """Whether removing the kept brackets changes what is printed: not for a sum that is a factor of a product."""
    if isinstance(expression, Group):
        return not expression.expression.is_Add or brackets_show(expression.expression)
    inside = [a for a in expression.args if isinstance(a, Group)]
    if expression.is_Add and inside:
        return True
    return any(brackets_show(a) for a in expression.args if isinstance(a, Expr))


def multiply_out(expression: Expr) -> list[Term] | None:
    """The terms of the expression with δ and one-tensors settled, like terms not yet added.

    A free δ_in rewrites n to i in the rest of its term, so that equal terms look equal. `None` where it has too many.
    """
    terms = expand(contract(expression, {}))
    if terms is None:
        return None
    for position, term in enumerate(terms):
        settle(term, {})
        terms[position] = _align(term)
    return terms


def align(expression: Expr, indices: Sequence[Index] = ()) -> Expr:
    """Every added term with a free δ_in written over one of both letters: x_i δ_in for x_n δ_in.

    Letters that come first in `indices` stay; without it, those that come first by name.
    """
    if not expression.has(Delta):
        return expression
    names = Names((expression,))
    ranks = {index: k for k, index in enumerate(indices)}
    return Add(*(_aligned(a, names, ranks) for a in Add.make_args(expression)))


def _aligned(expression: Expr, names: Names, ranks: Mapping[Index, int]) -> Expr:
    term = opened(expression, names)
    aligned = _align(term, ranks)
    return expression if aligned is term else aligned.expression()


def _align(term: Term, ranks: Mapping[Index, int] | None = None) -> Term:
    """Rewrite the later index of every free δ to the earlier one in the other factors."""
    for delta in [b for b in term.powers if isinstance(b, Delta)]:
        if delta not in term.powers:
            continue
        first, second = delta.indices
        if ranks and first in ranks and second in ranks and ranks[second] < ranks[first]:
            first, second = second, first
        if not isinstance(second, Index) or (isinstance(first, Index) and first.dimension != second.dimension):
            continue
        if second in free_indices(first):
            continue
        rest = Term(term.coefficient, {b: e for b, e in term.powers.items() if b != delta}, term.dummies)
        term = rest.rename({second: first})
        term.multiply(delta)
        settle(term, {})
    return term


def content_of(expression: Expr) -> tuple[Expr, Expr]:
    """A sum of terms as a positive rational number times a sum without common number."""
    coefficients = [a.as_coeff_Mul()[0] for a in expression.args]
    if not expression.is_Add or not all(c.is_Rational for c in coefficients):
        return S.One, expression
    number = abs(gcd(list(coefficients)))
    return (S.One, expression) if number is S.One else (number, Add(*(a / number for a in expression.args)))

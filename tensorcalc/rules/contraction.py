"""Contraction: sums over an index that a δ fixes, and one-tensors that nothing needs any more."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from sympy import Add, Expr, Pow, S
from sympy.core.basic import Basic

from tensorcalc.binding import Binder, Contraction, free_indices, rebuild
from tensorcalc.expr import Component, Delta, Group, Iverson, One, contains
from tensorcalc.index import Adjoint, Index
from tensorcalc.rules.rule import Rule
from tensorcalc.rules.terms import Names, Term, opened

__all__ = ["CONTRACT_DELTA", "DROP_ONE", "SUM_ONES", "contract", "settle"]

CONTRACT_DELTA = Rule("contraction of a delta", r"\delta_{i j} a_{i} = a_{j}")
DROP_ONE = Rule("dropping a one-tensor", r"\mathbf{1}_{i} a_{i} = a_{i}")
SUM_ONES = Rule("sum of ones", r"\mathbf{1}_{i} \mathbf{1}_{i} = N")

MOST_SPREAD = 64  # terms up to which brackets are multiplied out for the δ in them


def contract(expression: Expr, fired: dict[Rule, None]) -> Expr:
    """Contract every δ that shares a dummy with its sum, and drop the one-tensors that are covered.

    Brackets are multiplied out only where a δ inside them needs it. The rules that were used are added to `fired`.
    """
    return _contract(expression, fired, Names((expression,)))


def _contract(expression: Expr, fired: dict[Rule, None], names: Names) -> Expr:
    if not contains(expression, Delta, One, Group) and not _has_idle_dummy(expression):
        return expression
    if isinstance(expression, Group):
        return _contract(expression.expression, fired, names)
    if expression.is_Mul or isinstance(expression, Contraction):
        return _product(expression, fired, names)
    if isinstance(expression, Binder):
        body, indices = names.open(expression)
        changed = _contract(body, fired, names)
        return expression if changed is body else expression.func(changed, *indices)
    arguments = [_contract(a, fired, names) if isinstance(a, Expr) else a for a in expression.args]
    if all(new is old for new, old in zip(arguments, expression.args, strict=True)):
        return expression
    return rebuild(expression, arguments)


def _product(expression: Expr, fired: dict[Rule, None], names: Names) -> Expr:
    term = opened(expression, names)
    inner: Term = Term(term.coefficient, {}, term.dummies)
    same = not any(not term.occurs(d) for d in term.dummies)
    for base, exponent in term.powers.items():
        contracted = _contract(base, fired, names)
        same = same and contracted is base
        _absorb(inner, Pow(contracted, exponent), names)
    settled: dict[Rule, None] = {}
    settle(inner, settled)
    fired.update(settled)
    spread = _needs_spreading(inner)
    if spread is None:
        return expression if same and not settled else inner.expression()
    parts = []
    for part in spread.args:
        copy = Term(inner.coefficient, {b: e for b, e in inner.powers.items() if b != spread}, inner.dummies)
        parts.append(_product(copy.times(opened(part, names)).expression(), fired, names))
    return Add(*parts)


@lru_cache(1 << 14)
def _has_idle_dummy(expression: Basic) -> bool:
    """Whether some sum in the expression runs over an index that its summand does not hold."""
    if isinstance(expression, Contraction) and set(expression.dummies) - free_indices(expression.body):
        return True
    return any(_has_idle_dummy(a) for a in expression.args)


def _absorb(term: Term, factor: Expr, names: Names) -> None:
    more = opened(factor, names)
    term.coefficient *= more.coefficient
    term.dummies += more.dummies
    for base, exponent in more.powers.items():
        term.multiply(base, exponent)


def _needs_spreading(term: Term) -> Expr | None:
    """A bracket of added terms in which a δ holds a dummy of this product; none where there are too many of them."""
    dummies = set(term.dummies)
    found = [
        base
        for base, exponent in term.powers.items()
        if base.is_Add and exponent is S.One and any(_solvable(d, dummies) for d in _linear_deltas(base))
    ]
    return found[0] if found and math.prod(len(base.args) for base in found) <= MOST_SPREAD else None


def _linear_deltas(expression: Expr) -> Iterable[Delta]:
    """The δ that stand as factors of terms of the expression, not inside functions or powers."""
    if isinstance(expression, Delta):
        yield expression
    elif expression.is_Add or expression.is_Mul:
        for argument in expression.args:
            yield from _linear_deltas(argument)
    elif isinstance(expression, Contraction):
        yield from (d for d in _linear_deltas(expression.body) if not free_indices(d) & set(expression.dummies))


@dataclass(frozen=True, slots=True)
class _Solution:
    """A δ fixes a dummy: `value` may stand for it; the `guards` are 0 where that leaves the dummy's range."""

    dummy: Index
    value: Expr
    guards: tuple[Expr, ...] = ()


def _solvable(delta: Delta, dummies: set[Index]) -> bool:
    return _plain_solution(delta, dummies) is not None or bool(_affine_solutions(delta, dummies))


def _plain_solution(delta: Delta, dummies: set[Index]) -> _Solution | None:
    """The dummy that a δ equates with another index of its dimension, a label or a number."""
    for index, other in (delta.indices, delta.indices[::-1]):
        if index not in dummies or index in free_indices(other):
            continue
        if other.dimension == index.dimension if isinstance(other, Index) else not other.is_Add and not other.is_Mul:
            return _Solution(index, other)
    return None


def _affine_solutions(delta: Delta, dummies: set[Index]) -> list[_Solution]:
    """The dummies that occur with coefficient ±1 in a δ of affine indices, solved for; in a fixed order."""
    difference = delta.indices[0] - delta.indices[1]
    linear = set(difference.args if difference.is_Add else (difference,))
    found = []
    for dummy in sorted(dummies & free_indices(difference), key=lambda i: i.name):
        coefficient = difference.coeff(dummy)
        if abs(coefficient) != 1 or coefficient * dummy not in linear:
            continue
        value = dummy - difference / coefficient
        guards = (Iverson("ge", value, S.Zero), Iverson("lt", value, dummy.dimension.extent))
        found.append(_Solution(dummy, value, guards))
    return found


def settle(term: Term, fired: dict[Rule, None]) -> None:
    """Contract the δ of one product and drop its covered one-tensors, in place."""
    while (found := _next_delta(term)) is not None:
        delta, solution = found
        rest = Term(term.coefficient, {b: e for b, e in term.powers.items() if b != delta}, term.dummies)
        covered = _vanishes_outside(rest, solution.dummy)
        rest = rest.rename({solution.dummy: solution.value})
        if isinstance(solution.value, Index) and not rest.occurs(solution.value):
            rest.multiply(One(solution.value))
        for guard in () if covered else solution.guards:
            rest.multiply(guard)
        term.coefficient, term.powers, term.dummies = rest.coefficient, rest.powers, rest.dummies
        fired[CONTRACT_DELTA] = None
    _drop_ones(term, fired)


def _next_delta(term: Term) -> tuple[Delta, _Solution] | None:
    """The next δ to contract: those that equate plain indices first, then one that can be solved for a dummy."""
    dummies = set(term.dummies)
    deltas = [b for b in term.powers if isinstance(b, Delta)]
    for delta in deltas:
        if (plain := _plain_solution(delta, dummies)) is not None:
            return delta, plain
    for delta in deltas:
        if solutions := _affine_solutions(delta, dummies):
            return delta, min(solutions, key=lambda s: _reluctance(term, s.dummy))
    return None


def _reluctance(term: Term, dummy: Index) -> tuple[bool, bool]:
    """Solve for a dummy that needs no guard first, and for one of the upstream gradient."""
    return not _vanishes_outside(term, dummy), not _upstream(term, dummy)


def _vanishes_outside(term: Term, index: Index) -> bool:
    """Whether a factor is a component with the plain index on an axis of its dimension: beyond, it counts as zero."""
    return any(
        isinstance(base, Component)
        and exponent.is_positive
        and any(i == index and d == index.dimension for i, d in zip(base.indices, base.tensor.dimensions, strict=True))
        for base, exponent in term.powers.items()
    )


def _upstream(term: Term, index: Index) -> bool:
    return any(isinstance(b, Component) and isinstance(b.tensor, Adjoint) and index in b.indices for b in term.powers)


def _drop_ones(term: Term, fired: dict[Rule, None]) -> None:
    for base in [b for b in term.powers if isinstance(b, One) and isinstance(b.index, Index)]:
        index = base.index
        covered = term.occurs(index, besides=base)
        if covered:
            del term.powers[base]
            fired[DROP_ONE] = None
        elif index in term.dummies:
            del term.powers[base]
            term.dummies = tuple(d for d in term.dummies if d != index)
            term.multiply(index.dimension.extent)
            fired[SUM_ONES] = None

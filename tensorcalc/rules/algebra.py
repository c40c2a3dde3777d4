"""Multiplying out, cancelling and collecting, and the measure that says which form is shorter."""

from __future__ import annotations

from functools import lru_cache

from sympy import Add, Expr, Integer, Mul, Pow, S, gcd

from tensorcalc.binding import Binder, free_indices, product, rebuild
from tensorcalc.expr import Component, Delta, Group, One, Partial, contains
from tensorcalc.index import Adjoint, Index
from tensorcalc.rules.contraction import contract, settle
from tensorcalc.rules.rule import Rule
from tensorcalc.rules.terms import Term, expand

__all__ = [
    "COLLECT",
    "EXPAND",
    "REARRANGE",
    "REMOVE_BRACKETS",
    "brackets_show",
    "collect",
    "content_of",
    "multiply_out",
    "size",
    "ungroup",
]

REMOVE_BRACKETS = Rule("removing brackets", r"a (-b) = -a b")
EXPAND = Rule("multiplying out", r"a (b + c) = a b + a c")
COLLECT = Rule("collecting", r"a b + a c = a (b + c)")
REARRANGE = Rule("rearranging", r"\sum_{i} a u_{i} = a \sum_{i} u_{i}")


@lru_cache(1 << 16)
def size(expression: Expr) -> int:
    """The number of operations a reader sees: each + and ·, each power, function, sum and δ counts one."""
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
    if expression.is_Add or expression.is_Mul:
        signs = sum(1 for a in expression.args if a is S.NegativeOne) if expression.is_Mul else 0
        return inner + len(expression.args) - 1 - signs
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


def _align(term: Term) -> Term:
    """Rewrite the later index of every free δ to the earlier one in the other factors."""
    for delta in [b for b in term.powers if isinstance(b, Delta)]:
        if delta not in term.powers:
            continue
        first, second = delta.indices
        if not isinstance(second, Index) or (isinstance(first, Index) and first.dimension != second.dimension):
            continue
        if second in free_indices(first):
            continue
        rest = Term(term.coefficient, {b: e for b, e in term.powers.items() if b != delta}, term.dummies)
        term = rest.rename({second: first})
        term.multiply(delta)
        settle(term, {})
    return term


@lru_cache(1 << 12)
def collect(expression: Expr) -> Expr:
    """Common factors of all added terms, pulled out; then those of the most terms, while that makes it shorter.

    A factor is not pulled out of a term across a δ on one of its indices: `s_i δ_in - s_i s_n` stays.
    """
    if not expression.is_Add:
        return expression
    split = [_split(a) for a in expression.args]
    common = _common(split)
    if common:
        rest = Add(*(_without(s, common) for s in split))
        numbers, factors = _numbers(rest)
        return product([*numbers, *(Pow(b, e) for b, e in common.items()), collect(factors)])
    grouped = _group(expression, split)
    if grouped is not None and size(grouped) < size(expression):
        return grouped
    numbers, factors = _numbers(expression)
    return product([*numbers, factors]) if numbers else expression


Factors = dict[Expr, Expr]


def _split(term: Expr) -> Factors:
    """The factors of one term as powers; sums over indices stay whole."""
    powers: Factors = {}
    for factor in Mul.make_args(term):
        base, exponent = factor.as_base_exp()
        if factor.is_Rational:
            powers[S.One] = factor
        elif exponent.is_Rational:
            powers[base] = exponent
        else:
            powers[factor] = S.One
    return powers


def _joined(split: Factors) -> Expr:
    return product([e if b is S.One else Pow(b, e) for b, e in split.items()])


def _without(split: Factors, common: Factors) -> Expr:
    return _joined({b: e - common.get(b, S.Zero) if b is not S.One else e for b, e in split.items()})


def _common(split: list[Factors]) -> Factors:
    """The powers that every one of the terms holds and that may be pulled out."""
    first, *others = split
    common: Factors = {}
    for base, exponent in first.items():
        if base is S.One or isinstance(base, One):
            continue
        exponents = [exponent, *(o.get(base, S.Zero) for o in others)]
        if all(e.is_positive for e in exponents):
            shared = min(exponents)
        elif all(e.is_negative for e in exponents):
            shared = max(exponents)
        else:
            continue
        if all(_may_leave(base, s) for s in split):
            common[base] = shared
    return common


def _may_leave(base: Expr, split: Factors) -> bool:
    """Whether a factor may be pulled out of a term: not across a δ on one of its indices, unless it is upstream."""
    if isinstance(base, Delta) or (isinstance(base, Component) and isinstance(base.tensor, Adjoint)):
        return True
    indices = free_indices(base)
    return all(indices.isdisjoint(d.indices) for d in split if isinstance(d, Delta))


def content_of(expression: Expr) -> tuple[Expr, Expr]:
    """A sum of terms as a positive rational number times a sum without common number."""
    coefficients = [a.as_coeff_Mul()[0] for a in expression.args]
    if not expression.is_Add or not all(c.is_Rational for c in coefficients):
        return S.One, expression
    number = abs(gcd(list(coefficients)))
    return (S.One, expression) if number is S.One else (number, Add(*(a / number for a in expression.args)))


def _numbers(expression: Expr) -> tuple[list[Expr], Expr]:
    """A common number of all terms, if any, and the rest; the first of two signs is kept with the terms."""
    if not expression.is_Add:
        return [], expression
    coefficients = [a.as_coeff_Mul()[0] for a in expression.args]
    if not all(c.is_Rational for c in coefficients):
        return [], expression
    number = gcd(list(coefficients))
    if all(c.is_negative for c in coefficients):
        number = -number
    if number in (S.One, S.Zero) or (abs(number) == 1 and number.is_positive):
        return [], expression
    rest = Add(*(a / number for a in expression.args))
    return [number], rest


def _group(expression: Expr, split: list[Factors]) -> Expr | None:
    """Pull the factor that most terms share out of those, if at least two of several share one."""
    counts: dict[Expr, list[int]] = {}
    for position, powers in enumerate(split):
        for base, exponent in powers.items():
            if base is not S.One and not isinstance(base, Delta | One) and _may_leave(base, powers):
                key = Pow(base, Integer(1) if exponent.is_positive else Integer(-1))
                counts.setdefault(key, []).append(position)
    shared = {k: (len(p), size(k)) for k, p in counts.items() if len(p) > 1}
    if not shared or len(split) < 3:
        return None
    most = max(shared.values())
    equals = [k for k, rank in shared.items() if rank == most]
    key = equals[0] if len(equals) == 1 else max(equals, key=str)
    members = counts[key]
    inside = collect(Add(*(expression.args[p] for p in members)))
    outside = Add(*(a for p, a in enumerate(expression.args) if p not in members))
    return Add(inside, collect(outside))

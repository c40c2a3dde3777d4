"""Brackets: common factors pulled out, factors cancelled inside, one-tensors only where a reader needs them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from sympy import Add, Expr, Mul, Pow, S, gcd

from tensorcalc.binding import Binder, Contraction, free_indices, product, rebuild
from tensorcalc.expr import Component, Delta, Exp, One, Partial
from tensorcalc.index import Adjoint, Slope
from tensorcalc.rules.algebra import size
from tensorcalc.rules.rule import Rule
from tensorcalc.rules.terms import Names, opened

__all__ = ["CANCEL", "COLLECT", "balanced", "cancel", "collect", "collect_inside", "signed", "without_idle_ones"]

CANCEL = Rule("cancelling", r"\frac{a}{a} = 1")
COLLECT = Rule("collecting", r"a b + a c = a (b + c)")


MOST_COLLECTED = 48  # terms of a sum up to which those that share a factor are looked for


@lru_cache(1 << 12)
def collect(expression: Expr, across: bool = False) -> Expr:
    """Common factors of all added terms, pulled out; then those of the most terms, while that makes it shorter.

    A factor is not pulled out of a term across a δ on one of its indices: `s_i δ_in - s_i s_n` stays, unless `across`.
    """
    if not expression.is_Add:
        return expression
    split = [_split(a) for a in expression.args]
    common = _common(split, across)
    if common:
        rest = balanced(Add(*(_without(s, common) for s in split)))
        numbers, factors = _numbers(rest)
        return product([*numbers, *(Pow(b, e) for b, e in common.items()), collect(factors)])
    grouped = _group(expression, split)
    if grouped is not None and size(grouped) < size(expression):
        return grouped
    numbers, factors = _numbers(expression)
    return product([*numbers, factors]) if numbers else expression


def collect_inside(expression: Expr) -> Expr:
    """Every bracket of added terms in the expression collected, its common factors pulled out of the sums around it."""
    return _collect_inside(expression, Names((expression,)))


def _collect_inside(expression: Expr, names: Names, across: bool = False) -> Expr:
    if isinstance(expression, Component | Delta | One | Partial) or not expression.has(Add, Contraction):
        return expression
    if expression.is_Add:
        return collect(Add(*(_collect_inside(a, names) for a in expression.args)), across)
    if expression.is_Mul or isinstance(expression, Contraction):
        term = opened(expression, names)
        several = sum(b.is_Add for b in term.powers) > 1
        parts = [Pow(_collect_inside(b, names, across=several), e) for b, e in term.powers.items()]
        result = opened(product([term.coefficient, *parts]), names)
        result.dummies += term.dummies
        return signed(result.expression())
    if isinstance(expression, Binder):
        body, indices = names.open(expression)
        return expression.func(_collect_inside(body, names), *indices)
    return rebuild(expression, [_collect_inside(a, names) for a in expression.args])


def balanced(expression: Expr) -> Expr:
    """Added terms with a one-tensor for every index that another term has: only scalars broadcast by themselves."""
    if not expression.is_Add:
        return expression
    free = [free_indices(a) for a in expression.args]
    every = sorted(frozenset().union(*free), key=lambda i: i.name)
    terms = (
        product([a, *(One(i) for i in every if i not in mine)]) if mine else a
        for a, mine in zip(expression.args, free, strict=True)
    )
    return Add(*terms)


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


def _is_unit(base: Expr, split: list[Factors]) -> bool:
    """Whether terms are measured in units of a component: u/r + u³/r³ is not (u + u³/r²)/r.

    What normalises exponentials stays beside them, so that they can be computed without overflow.
    """
    return isinstance(base, Component) and not any(b.has(Exp) for s in split for b in s)


def _joined(split: Factors) -> Expr:
    return product([e if b is S.One else Pow(b, e) for b, e in split.items()])


def _without(split: Factors, common: Factors) -> Expr:
    return _joined({b: e - common.get(b, S.Zero) if b is not S.One else e for b, e in split.items()})


def _common(split: list[Factors], across: bool) -> Factors:
    """The powers that every one of the terms holds and that may be pulled out."""
    first, *others = split
    common: Factors = {}
    for base, exponent in first.items():
        if base is S.One or isinstance(base, One):
            continue
        exponents = [exponent, *(o.get(base, S.Zero) for o in others)]
        if all(e.is_positive for e in exponents):
            shared = min(exponents)
        elif all(e.is_negative for e in exponents) and (len(set(exponents)) == 1 or not _is_unit(base, split)):
            shared = max(exponents)
        else:
            continue
        if across or all(_may_leave(base, s) for s in split):
            common[base] = shared
    return common


def _may_leave(base: Expr, split: Factors) -> bool:
    """Whether a factor may be pulled out of a term: not across a δ on one of its indices, unless it is a derivative."""
    if isinstance(base, Delta) or (isinstance(base, Component) and isinstance(base.tensor, Adjoint | Slope)):
        return True
    indices = free_indices(base)
    return all(indices.isdisjoint(d.indices) for d in split if isinstance(d, Delta))


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
    if number in (S.One, S.Zero):
        return [], expression
    if abs(number) != 1 and _shown(c / number for c in coefficients) + 1 > _shown(coefficients):
        return [], expression  # a/2 + b is not (a + 2 b)/2
    rest = Add(*(a / number for a in expression.args))
    return [number], rest


def _shown(coefficients: Iterable[Expr]) -> int:
    """How many of the coefficients are written."""
    return sum(1 for c in coefficients if abs(c) != 1)


def _group(expression: Expr, split: list[Factors]) -> Expr | None:
    """Pull the factor that most terms share out of those, if at least two of several share one."""
    if not 3 <= len(split) <= MOST_COLLECTED:
        return None
    counts: dict[Expr, list[int]] = {}
    for position, powers in enumerate(split):
        for base, exponent in powers.items():
            if base is not S.One and not isinstance(base, Delta | One) and _may_leave(base, powers):
                key = base if exponent.is_positive else Pow(base, exponent)
                counts.setdefault(key, []).append(position)
    shared = {k: (len(p), size(k)) for k, p in counts.items() if 1 < len(p) < len(split)}
    if not shared:
        return None
    most = max(shared.values())
    equals = [k for k, rank in shared.items() if rank == most]
    key = equals[0] if len(equals) == 1 else max(equals, key=str)
    members = counts[key]
    inside = Add(*(expression.args[p] for p in members))
    outside = Add(*(a for p, a in enumerate(expression.args) if p not in members))
    return Add(_shorter(inside), _shorter(outside))


def _shorter(expression: Expr) -> Expr:
    """A part of a sum collected, if that makes it shorter: not -(a + b) for -a - b."""
    collected = collect(expression)
    return collected if size(collected) < size(expression) else expression


def cancel(expression: Expr) -> Expr:
    """Factors multiplied into a bracket that divides by them: p (a/p + b) is a + p b."""
    return _cancel(expression, Names((expression,)))


def _cancel(expression: Expr, names: Names) -> Expr:
    if isinstance(expression, Component | Delta | One | Partial) or not expression.has(Add):
        return expression
    if expression.is_Mul or isinstance(expression, Contraction):
        spread = _spread_over_divisors(expression, names)
        if spread is not None:
            return _cancel(spread, names)
    if isinstance(expression, Binder):
        body, indices = names.open(expression)
        inside = _cancel(body, names)
        return expression if inside == body else opened(expression.func(inside, *indices), names).expression()
    arguments = [_cancel(a, names) for a in expression.args]
    if all(new is old for new, old in zip(arguments, expression.args, strict=True)):
        return expression
    return rebuild(expression, arguments)


def _spread_over_divisors(expression: Expr, names: Names) -> Expr | None:
    """A product in which factors are multiplied into a bracket that divides by them; `None` where there is none."""
    term = opened(expression, names)
    above = {b for b, e in term.powers.items() if e.is_positive}
    for base, exponent in term.powers.items():
        wanted = _divisors(base) & above if base.is_Add and exponent is S.One else set()
        if wanted:
            factor = product(Pow(b, term.powers.pop(b)) for b in sorted(wanted, key=str))
            del term.powers[base]
            inside = Add(*(opened(product([a, factor]), names).expression() for a in base.args))
            return signed(term.times(opened(inside, names)).expression())
    return None


def signed(expression: Expr) -> Expr:
    """2 (b - a) for -2 (a - b); -2 (a + b) stays."""
    if not expression.is_Mul:
        return expression
    number = expression.as_coeff_Mul()[0]
    mixed = [f for f in expression.args if f.is_Add and any(a.as_coeff_Mul()[0].is_negative for a in f.args)]
    if not number.is_negative or len(mixed) != 1:
        return expression
    rest = [f for f in expression.args if f is not mixed[0] and not f.is_Rational]
    return product([-number, *rest, Add(*(-a for a in mixed[0].args))])


def _divisors(expression: Expr) -> set[Expr]:
    """What the terms of a sum divide by."""
    factors = (f.as_base_exp() for a in expression.args for f in Mul.make_args(a))
    return {base for base, exponent in factors if exponent.is_Rational and exponent.is_negative}


def without_idle_ones(expression: Expr) -> Expr:
    """Added terms where a scalar needs no one-tensors: 1 - s_i for 1_i - s_i, since scalars broadcast by themselves."""
    if isinstance(expression, Component | Delta | One | Partial) or not expression.has(One):
        return expression
    if isinstance(expression, Binder):
        body, indices = expression.open()
        return expression.func(without_idle_ones(body), *indices)
    arguments = [without_idle_ones(a) for a in expression.args]
    if not expression.is_Add:
        return rebuild(expression, arguments)
    free = [free_indices(a) for a in arguments]
    every = frozenset().union(*free)
    bare = [product(f for f in Mul.make_args(a) if not isinstance(f, One)) for a in arguments]
    scalar = [not free_indices(b) and b != a for a, b in zip(arguments, bare, strict=True)]
    if not any(mine == every and not alone for mine, alone in zip(free, scalar, strict=True)):
        return Add(*arguments)
    return Add(*(b if alone else a for a, b, alone in zip(arguments, bare, scalar, strict=True)))

"""A term as factors and dummies: the form in which δ are contracted, one-tensors dropped and definitions folded.

An expression is a sum of terms; a term is a number times powers of bases, summed over dummies. `expand` takes an
expression apart, `Term.expression` puts it together again, with every factor pulled out of the sums it does not need.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import product as pairs

from sympy import Add, Expr, Mul, Pow, S

from tensorcalc.binding import Binder, Contraction, free_indices, product, rename
from tensorcalc.budget import check_time
from tensorcalc.expr import Delta, Group, One
from tensorcalc.index import Index

__all__ = ["Names", "Term", "add", "expand", "factored", "opened"]

MOST_TERMS = 24


class Names:
    """Fresh indices for the dummies of one expression, all different from each other and from its free indices."""

    def __init__(self, avoid: Iterable[Expr] = ()) -> None:
        self._taken = {i.name for e in avoid for i in free_indices(e)}
        self._count = 0

    def open(self, contraction: Binder) -> tuple[Expr, tuple[Index, ...]]:
        """The summand over fresh indices, and those."""
        indices = []
        for dummy in contraction.dummies:
            self._count += 1
            while f"'{self._count}" in self._taken:
                self._count += 1
            indices.append(Index(f"'{self._count}", dummy.dimension))
        return contraction.over(tuple(indices)), tuple(indices)


@dataclass(slots=True)
class Term:
    """`coefficient · Π base^exponent`, summed over `dummies` (ordinary indices, fresh in the whole expression)."""

    coefficient: Expr = S.One
    powers: dict[Expr, Expr] = field(default_factory=dict)
    dummies: tuple[Index, ...] = ()

    def times(self, other: Term) -> Term:
        """The product of two terms whose dummies differ."""
        result = Term(self.coefficient * other.coefficient, dict(self.powers), self.dummies + other.dummies)
        for base, exponent in other.powers.items():
            result.multiply(base, exponent)
        return result

    def multiply(self, base: Expr, exponent: Expr = S.One) -> None:
        """Multiply with one more power."""
        if base.is_Number and exponent.is_Integer:
            self.coefficient *= base**exponent
            return
        if isinstance(base, Delta | One):
            self.powers[base] = S.One
            return
        combined = self.powers.get(base, S.Zero) + exponent
        if combined is S.Zero:
            self.powers.pop(base, None)
        else:
            self.powers[base] = combined

    def rename(self, names: dict[Index, Expr]) -> Term:
        """The term with free indices or dummies replaced; replaced dummies are no longer summed."""
        result = Term(self.coefficient, {}, tuple(d for d in self.dummies if d not in names))
        for base, exponent in self.powers.items():
            for factor in Mul.make_args(rename(Pow(base, exponent), names)):
                result.multiply(*_base_exponent(factor))
        return result

    def occurs(self, index: Expr, besides: Expr | None = None) -> bool:
        """Whether a factor other than `besides` depends on the index."""
        return any(index in free_indices(p) for p in self._factors() if p != besides)

    def _factors(self) -> list[Expr]:
        return [Pow(b, e) for b, e in self.powers.items()]

    def body(self) -> Expr:
        """The product of the powers alone, without the number and the sums."""
        return product(self._factors())

    def expression(self) -> Expr:
        """The term as one expression: independent sums are separate factors, others stand outside the sums."""
        if self.coefficient is S.Zero:
            return S.Zero
        groups: list[tuple[set[Index], list[Expr]]] = []
        outside: list[Expr] = [self.coefficient]
        dummies = set(self.dummies)
        for factor in self._factors():
            mine = dummies & free_indices(factor)
            if not mine:
                outside.append(factor)
                continue
            joined = [g for g in groups if g[0] & mine]
            groups = [g for g in groups if not g[0] & mine]
            groups.append((mine.union(*(g[0] for g in joined)), [f for g in joined for f in g[1]] + [factor]))
        unused = dummies.difference(*(g[0] for g in groups)) if groups else dummies
        outside += [d.dimension.extent for d in unused]
        sums = [Contraction(product(f), *(d for d in self.dummies if d in g)) for g, f in groups]
        return product([*outside, *sums])


def _base_exponent(factor: Expr) -> tuple[Expr, Expr]:
    base, exponent = factor.as_base_exp()
    return (base, exponent) if not exponent.is_Add else (factor, S.One)


def opened(expression: Expr, names: Names) -> Term:
    """One product as a term; added terms inside brackets stay factors."""
    term = Term()
    stack = [expression]
    while stack:
        node = stack.pop()
        if isinstance(node, Group):
            stack.append(node.expression)
        elif node.is_Mul:
            stack.extend(node.args)
        elif isinstance(node, Contraction):
            body, indices = names.open(node)
            term.dummies += indices
            stack.append(body)
        else:
            term.multiply(*_base_exponent(node))
    return term


def factored(expression: Expr) -> Term:
    """A product as powers, with sums over indices and brackets as single factors."""
    term = Term()
    for factor in expression.args if expression.is_Mul else (expression,):
        if isinstance(factor, Contraction):
            term.multiply(factor)
        else:
            inner = opened(factor, Names((expression,)))
            term.coefficient *= inner.coefficient
            for base, exponent in inner.powers.items():
                term.multiply(base, exponent)
    return term


def expand(expression: Expr, names: Names | None = None) -> list[Term] | None:
    """All brackets multiplied out, sums over indices split: the terms of the expression.

    `None` where there would be more than `MOST_TERMS`.
    """
    check_time()
    names = names or Names((expression,))
    if isinstance(expression, Group):
        return expand(expression.expression, names)
    if expression.is_Add:
        found = [expand(a, names) for a in expression.args]
        if any(f is None for f in found) or sum(len(f or ()) for f in found) > MOST_TERMS:
            return None
        return [t for f in found for t in f or ()]
    if isinstance(expression, Contraction):
        body, indices = names.open(expression)
        inner = expand(body, names)
        return inner and [Term(t.coefficient, t.powers, t.dummies + indices) for t in inner]
    if expression.is_Mul:
        result = [Term()]
        for factor in expression.args:
            more = expand(factor, names)
            if more is None or len(more) * len(result) > MOST_TERMS:
                return None
            result = [a.times(b) for a, b in pairs(result, more)]
        return result
    term = Term()
    term.multiply(*_base_exponent(expression))
    return [term]


def add(terms: Iterable[Term]) -> Expr:
    """The sum of the terms as an expression."""
    return Add(*(t.expression() for t in terms))

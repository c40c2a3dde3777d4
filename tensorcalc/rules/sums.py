"""Joining sums: Σ_h a_h u_h + Σ_h a_h v_h is Σ_h a_h (u_h + v_h)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

from sympy import Add, Expr, Pow, S

from tensorcalc.binding import Contraction, free_indices, product
from tensorcalc.expr import One
from tensorcalc.index import Index
from tensorcalc.rules.collecting import balanced, collect
from tensorcalc.rules.rule import Rule
from tensorcalc.rules.terms import Names, Term, opened

__all__ = ["JOIN", "join_sums"]

JOIN = Rule("joining sums", r"\sum_{i} a_{i} u_{i} + \sum_{i} a_{i} v_{i} = \sum_{i} a_{i} (u_{i} + v_{i})")
MOST_DUMMIES = 3


@dataclass(slots=True)
class _Cluster:
    """Terms that are summed over the same dummies and share factors that depend on them."""

    terms: list[Term]
    common: dict[Expr, Expr]

    def expression(self) -> Expr:
        if len(self.terms) == 1:
            return self.terms[0].expression()
        rests = [_product(_divided(t, self.common)) for t in self.terms]
        inside = collect(balanced(Add(*rests)))
        shared = [Pow(b, e) for b, e in self.common.items()]
        dummies = self.terms[0].dummies
        return opened(Contraction(product([*shared, inside]), *dummies), Names(rests)).expression()


def join_sums(expression: Expr) -> Expr:
    """The added terms, where sums over the same dimensions with common factors are one sum."""
    if not expression.is_Add:
        return expression
    names = Names((expression,))
    clusters: list[_Cluster] = []
    outside: list[Expr] = []
    for argument in expression.args:
        term = opened(argument, names)
        if not 0 < len(term.dummies) <= MOST_DUMMIES:
            outside.append(argument)
        elif not any(_joined(cluster, term) for cluster in clusters):
            clusters.append(_Cluster([term], _moving(term, term.dummies)))
    if len(clusters) + len(outside) == len(expression.args):
        return expression
    return Add(*outside, *(c.expression() for c in clusters))


def _joined(cluster: _Cluster, term: Term) -> bool:
    """Add the term to a cluster with which it shares factors, over the dummies of the cluster."""
    dummies = cluster.terms[0].dummies
    best: tuple[int, Term, dict[Expr, Expr]] | None = None
    for names in _alignments(term.dummies, dummies):
        renamed = term.rename(dict(names))
        renamed.dummies = dummies
        common = _shared(cluster.common, _moving(renamed, dummies))
        covered = frozenset().union(*(free_indices(b) for b in common)) if common else frozenset()
        if covered.issuperset(dummies) and (best is None or len(common) > best[0]):
            best = len(common), renamed, common
    if best is None:
        return False
    cluster.terms.append(best[1])
    cluster.common = best[2]
    return True


def _alignments(mine: tuple[Index, ...], theirs: tuple[Index, ...]) -> Iterator[dict[Index, Expr]]:
    """Every way to rename dummies to those of another sum over the same dimensions."""
    if len(mine) == len(theirs):
        for order in permutations(theirs):
            if all(a.dimension == b.dimension for a, b in zip(mine, order, strict=True)):
                yield dict(zip(mine, order, strict=True))


def _moving(term: Term, dummies: tuple[Index, ...]) -> dict[Expr, Expr]:
    """The factors that depend on a dummy."""
    return {
        b: e
        for b, e in term.powers.items()
        if not isinstance(b, One) and e.is_Rational and not free_indices(b).isdisjoint(dummies)
    }


def _shared(first: dict[Expr, Expr], second: dict[Expr, Expr]) -> dict[Expr, Expr]:
    """The powers that both have."""
    found: dict[Expr, Expr] = {}
    for base, exponent in first.items():
        other = second.get(base, S.Zero)
        if exponent.is_positive and other.is_positive:
            found[base] = min(exponent, other)
        elif exponent == other:
            found[base] = exponent
    return found


def _divided(term: Term, common: dict[Expr, Expr]) -> Term:
    result = Term(term.coefficient, dict(term.powers))
    for base, exponent in common.items():
        result.multiply(base, -exponent)
    return result


def _product(term: Term) -> Expr:
    return product([term.coefficient, *(Pow(b, e) for b, e in term.powers.items())])

"""Logarithms and quotients of sums of exponentials, without ever forming an exponential that overflows.

Two questions answered by structure: what is log e, where e is a product or sum of exponentials; and what is e/D, where
D is a sum of exponentials. Both look through definitions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import sympy
from sympy import Add, Expr, Mul, Pow, S, log

from tensorcalc.binding import Binder, Contraction, free_indices, product, rename
from tensorcalc.codegen.matching import matched
from tensorcalc.codegen.nodes import Logaddexp, LogSoftmax, LogSumExp, RowFunction, Softmax, Weighted
from tensorcalc.codegen.rows import Rows
from tensorcalc.expr import Component, Exp, Group, One
from tensorcalc.functions import sigmoid, softplus
from tensorcalc.index import Dimension, Index, Tensor
from tensorcalc.system import Definition

__all__ = ["Exponentials"]


def _factors(e: Expr) -> tuple[Expr, ...]:
    return () if e is S.One else Mul.make_args(e)


def _without(factors: Sequence[Expr], some: Sequence[Expr]) -> list[Expr] | None:
    """The factors without some of them; `None` where one of those is missing."""
    rest = list(factors)
    for factor in some:
        if factor not in rest:
            return None
        rest.remove(factor)
    return rest


_Answer = Callable[["Exponentials", Expr], Any]


def _remembered(question: _Answer) -> _Answer:
    """A question that is asked again for the parts of a part: its answer is kept for each scope."""

    @wraps(question)
    def answer(self: Exponentials, e: Expr) -> Any:
        key = question.__name__, e, self.scope
        if key not in self.answers:
            self.answers[key] = question(self, e)
        return self.answers[key]

    return answer


class Exponentials:
    """Exponentials of one program. `rewrite` makes an argument of a row function stable in turn."""

    def __init__(self, definitions: Sequence[Definition], rows: Rows) -> None:
        self.rows = rows
        self._definitions = {d.tensor: d for d in definitions}
        self.scope: tuple[Index, ...] = ()
        self.answers: dict[tuple[str, Expr, tuple[Index, ...]], Any] = {}
        self.rewrite: Callable[[Expr], Expr] = lambda expression: expression

    def meaning(self, expression: Expr) -> Expr | None:
        """What a component of a defined tensor stands for."""
        if not isinstance(expression, Component) or expression.tensor not in self._definitions:
            return None
        definition = self._definitions[expression.tensor]
        if isinstance(definition.rhs, RowFunction):
            return None
        return rename(definition.rhs, dict(zip(definition.indices, expression.indices, strict=True)))

    def opened(self, contraction: Binder) -> tuple[Expr, tuple[Index, ...]]:
        """The summand over indices that occur nowhere around."""
        return contraction.open(self.scope)

    # log e

    @_remembered
    def logarithm(self, e: Expr) -> Expr | None:
        """log e, where e holds an exponential as a factor or is a sum of exponentials; else `None`."""
        if isinstance(e, sympy.exp):
            return e.args[0]
        if isinstance(e, sigmoid):
            return Mul(S.NegativeOne, softplus(-e.args[0]))
        if isinstance(e, Group):
            return self.logarithm(e.expression)
        if isinstance(e, Component):
            found = self._log_softmax(e)
            meaning = self.meaning(e)
            return found if found is not None else None if meaning is None else self.logarithm(meaning)
        if isinstance(e, Pow) and e.exp.is_number:
            base = self.logarithm(e.base)
            return None if base is None else Mul(e.exp, base)
        if isinstance(e, Mul):
            return self._log_product(e)
        if isinstance(e, Add):
            terms = self._log_terms(e)
            return self._log_complement(e) if terms is None else self.added(terms)
        return self._log_contraction(e) if isinstance(e, Contraction) else None

    def _log_complement(self, e: Add) -> Expr | None:
        """log(1 - s) of a sigmoid s, by name or as a quotient: -log(1 + exp(a))."""
        if len(e.args) != 2 or S.One not in e.args:
            return None
        share: Expr | None = S.One - e
        while isinstance(share, Component | Group):
            share = share.expression if isinstance(share, Group) else self.meaning(share)
        if isinstance(share, Mul | Pow):
            share = self.quotient(share)
        return Mul(S.NegativeOne, softplus(share.args[0])) if isinstance(share, sigmoid) else None

    def _log_softmax(self, e: Component) -> Expr | None:
        known = self.rows.softmaxes().get(e.tensor)
        if known is None or isinstance(known.argument, Weighted):
            return None
        return self.rows.sibling(e, LogSoftmax, self.rewrite(known.argument))

    def _log_product(self, e: Mul) -> Expr | None:
        quotient = self.quotient(e)
        if quotient is not None and quotient != e and not isinstance(quotient, sympy.exp):
            return self.logarithm(quotient)
        parts = [(f, self.logarithm(f)) for f in e.args]
        if all(part is None for _, part in parts):
            return None
        rest = product([f for f, part in parts if part is None])
        return Add(*(part for _, part in parts if part is not None), log(rest) if rest is not S.One else S.Zero)

    def _log_terms(self, e: Add) -> list[Expr] | None:
        """The logarithms of added terms, where each is a positive number or an exponential, and not all numbers."""
        terms: list[Expr] = []
        exponential = False
        for term in e.args:
            number, rest = term.as_coeff_Mul()
            if not number.is_positive:
                return None
            factors = [f for f in Mul.make_args(rest) if not isinstance(f, One)]
            if all(f is S.One or isinstance(f, Dimension) or (f.is_number and f.is_positive) for f in factors):
                terms.append(log(product((number, *factors))))
                continue
            found = self._positive_log(product(factors))
            if found is None:
                return None
            exponential = True
            terms.append(Add(log(number), found))
        return terms if exponential else None

    def _positive_log(self, e: Expr) -> Expr | None:
        """log e, where e is certainly positive."""
        found = self.logarithm(e)
        if found is None or any(self.rows.is_weighted(t) for t in found.atoms(Tensor)):
            return None
        return None if any(not node.args[0].is_number for node in found.atoms(log)) else found

    def _exponents(self, e: Expr) -> tuple[Expr | None, Expr]:
        """A product as exp(a)·w: the exponent, and the factors that hold no exponential."""
        parts = [(f, self._positive_log(f)) for f in self._spelled_out(e)]
        exponents = [part for _, part in parts if part is not None]
        return Add(*exponents) if exponents else None, product([f for f, part in parts if part is None])

    def _spelled_out(self, e: Expr) -> list[Expr]:
        """The factors of a product, those of named ones too where they are an exponential times a weight."""
        factors: list[Expr] = []
        for factor in Mul.make_args(e):
            meaning = self.meaning(factor)
            weighted = isinstance(meaning, Mul) and any(isinstance(f, sympy.exp) for f in meaning.args)
            factors += self._spelled_out(meaning) if weighted else [factor]
        return factors

    def _log_contraction(self, e: Contraction) -> Expr | None:
        body, dummies = self.opened(e)
        outside, inside = self._apart(body, dummies)
        exponent, weight = self._exponents(inside)
        if exponent is None or not set(dummies) <= free_indices(exponent) | free_indices(weight):
            return None
        if weight is not S.One:
            exponent = Weighted(exponent, weight)
        total = self.rows.component(LogSumExp, exponent, self.rewrite(exponent), dummies)
        return Add(total, log(outside)) if outside is not S.One else total

    @staticmethod
    def _apart(body: Expr, dummies: Sequence[Index]) -> tuple[Expr, Expr]:
        factors = [f for f in Mul.make_args(body) if not isinstance(f, One)]
        outside = [f for f in factors if free_indices(f).isdisjoint(dummies)]
        return product(outside), product([f for f in factors if f not in outside])

    @staticmethod
    def added(terms: Sequence[Expr]) -> Expr:
        """log Σ exp of a few terms."""
        numbers = [t for t in terms if t is S.Zero]
        others = [t for t in terms if t is not S.Zero]
        while len(others) > 1:  # in pairs, so that many terms do not nest deeply
            pairs = [Logaddexp(*others[k : k + 2]) for k in range(0, len(others) - 1, 2)]
            others = pairs + others[2 * len(pairs) :]
        result = others[0]
        for _ in numbers:
            result = softplus(result)
        return result

    # e/D

    @_remembered
    def quotient(self, e: Expr) -> Expr | None:
        """A product with sums of exponentials in its denominator, as softmaxes and sigmoids; `None` elsewhere."""
        factors = list(Mul.make_args(e))
        for place, factor in enumerate(factors):
            if not (isinstance(factor, Pow) and factor.exp.is_number and factor.exp.is_negative):
                continue
            if not self._is_exponential_sum(factor.base):
                continue
            rest = product(factors[:place] + factors[place + 1 :])
            if factor.exp.is_Integer:
                found = self.divided(rest, factor.base)
                if found is not None:
                    return product((found, Pow(factor.base, factor.exp + 1)))
            return self._by_logarithm(rest, factor)
        if not any(isinstance(f, sympy.exp) for f in factors):
            return None
        return self._inner_quotient(factors) or self._unfolded_quotient(factors)

    def _inner_quotient(self, factors: list[Expr]) -> Expr | None:
        """exp(a)·Σ_k b_k/D_k, with the exponential taken into the sum."""
        exponentials = [f for f in factors if isinstance(f, sympy.exp)]
        for place, factor in enumerate(factors):
            if not isinstance(factor, Contraction):
                continue
            body, dummies = factor.open((*self.scope, *factors))
            outer, self.scope = self.scope, (*self.scope, *dummies)
            found = self.quotient(product((*exponentials, *Mul.make_args(body))))
            self.scope = outer
            if found is not None:
                rest = [f for p, f in enumerate(factors) if p != place and f not in exponentials]
                return product((*rest, Contraction(found, *dummies)))
        return None

    def _unfolded_quotient(self, factors: list[Expr]) -> Expr | None:
        """exp(a)·s, where s is defined as a quotient by a sum in which exp(a) occurs."""
        for place, factor in enumerate(factors):
            base, power = factor.as_base_exp()
            meaning = self.meaning(base)
            if meaning is None or not power.is_Integer or not power.is_positive:
                continue
            below = [f for f in Mul.make_args(meaning) if isinstance(f, Pow) and f.exp.is_negative]
            if any(self._is_exponential_sum(f.base) for f in below):
                rest = (*factors[:place], *factors[place + 1 :], Pow(base, power - 1))
                found = self.quotient(product((*rest, *Mul.make_args(meaning))))
                if found is not None and not found.atoms(sympy.exp):
                    return found
        return None

    @_remembered
    def _is_exponential_sum(self, e: Expr) -> bool:
        if isinstance(e, Group):
            return self._is_exponential_sum(e.expression)
        if isinstance(e, Component):
            meaning = self.meaning(e)
            return meaning is not None and self._is_exponential_sum(meaning)
        if isinstance(e, Mul):
            return all(f.is_number or self._is_exponential_sum(f) for f in e.args)
        if isinstance(e, Contraction):
            return self._exponents(self._apart(*self.opened(e))[1])[0] is not None
        return isinstance(e, Add) and self._log_terms(e) is not None

    def _by_logarithm(self, rest: Expr, factor: Pow) -> Expr | None:
        """exp(v)·D^r as exp(v + r log D)."""
        total = self._positive_log(factor.base)
        if total is None:
            return None
        exponent = Mul(factor.exp, total)
        others: list[Expr] = []
        for f in Mul.make_args(rest):
            if isinstance(f, sympy.exp):
                exponent = Add(exponent, f.args[0])
            else:
                others.append(f)
        return product((*others, Exp(exponent)))

    def divided(self, e: Expr, by: Expr) -> Expr | None:
        """e/D in terms of softmaxes and sigmoids, where each term of e has a factor that occurs in D; else `None`."""
        if e == by:
            return S.One
        if isinstance(by, Component | Group):
            by = by.expression if isinstance(by, Group) else self.meaning(by) or by
            return self.divided(e, by)
        if isinstance(by, Mul):
            outside = [f for f in by.args if f.is_number]
            inner = self.divided(e, product([f for f in by.args if not f.is_number]))
            return None if inner is None else product((inner, *(1 / f for f in outside)))
        found = self._entry(e, by) if isinstance(by, Contraction) else self._share(e, by)
        return self._divided_parts(e, by) if found is None else found

    def _divided_parts(self, e: Expr, by: Expr) -> Expr | None:
        if isinstance(e, Mul):
            for place, factor in enumerate(e.args):
                found = self.divided(factor, by) if not factor.is_number else None
                if found is not None:
                    return product((*e.args[:place], found, *e.args[place + 1 :]))
            return None
        if isinstance(e, Add):
            parts = [self.divided(a, by) for a in e.args]
            return None if any(p is None for p in parts) else Add(*parts)
        if isinstance(e, Group):
            return self.divided(e.expression, by)
        if isinstance(e, Pow) and e.exp.is_Integer and e.exp.is_positive and e.exp is not S.One:
            found = self.divided(e.base, by)
            return None if found is None else product((found, Pow(e.base, e.exp - 1)))
        if isinstance(e, Contraction):
            return self._divided_contraction(e, by)
        meaning = self.meaning(e)
        if meaning is None or not isinstance(meaning, sympy.exp | Mul | Contraction):
            return None
        return self.divided(meaning, by)

    def _divided_contraction(self, e: Contraction, by: Expr) -> Expr | None:
        body, dummies = e.open((*self.scope, by))
        outer, self.scope = self.scope, (*self.scope, *dummies)
        try:
            found = self.divided(body, by)
        finally:
            self.scope = outer
        return None if found is None else Contraction(found, *dummies)

    def _entry(self, e: Expr, by: Contraction) -> Expr | None:
        """w_e exp(a_e)/Σ_i w_i exp(a_i), times other factors: an entry of a softmax."""
        factors = list(Mul.make_args(e))
        if not any(isinstance(f, sympy.exp) for f in factors):
            return None
        body, dummies = by.open((*self.scope, e))
        outside, inside = self._apart(body, dummies)
        exponent, weight = self._exponents(inside)
        if exponent is None or not set(dummies) <= free_indices(exponent):
            return None
        for factor in factors:
            mapping = matched(exponent, dummies, factor.args[0]) if isinstance(factor, sympy.exp) else None
            rest = None if mapping is None else _without(factors, (factor, *_factors(rename(weight, mapping))))
            if mapping is not None and rest is not None:
                argument = exponent if weight is S.One else Weighted(exponent, weight)
                entry = self.rows.component(Softmax, argument, self.rewrite(argument), dummies)
                return product((rename(entry, mapping), *rest, 1 / outside))
        return None

    def _share(self, e: Expr, by: Expr) -> Expr | None:
        """The share of one term in a sum of a few exponentials, by a sigmoid."""
        terms = self._log_terms(by) if isinstance(by, Add) else None
        if terms is None:
            return None
        for place, (term, logarithm) in enumerate(zip(by.args, terms, strict=True)):
            others = terms[:place] + terms[place + 1 :]
            part = self._part(e, term, logarithm)
            if part is not None:
                return product((part, sigmoid(Add(logarithm, -self.added_all(others)))))
        return None

    def _part(self, e: Expr, term: Expr, logarithm: Expr) -> Expr | None:
        """e divided by one added term of a denominator, where that leaves no exponential."""
        if isinstance(e, sympy.exp):
            if e.args[0] == logarithm:
                return S.One
            number, rest = term.as_coeff_Mul()
            inner = rest if isinstance(rest, Contraction) else self.meaning(rest)
            found = self._entry(e, inner) if isinstance(inner, Contraction) else None
            return None if found is None else product((found, 1 / number))
        if term.is_number and e.is_number:
            return e / term
        return None

    def added_all(self, terms: Sequence[Expr]) -> Expr:
        """log Σ exp of terms that may all be numbers."""
        return terms[0] if len(terms) == 1 else self.added(terms)

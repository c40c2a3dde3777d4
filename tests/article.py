"""The cross-entropy derivation of the article, built by hand: what printing is tested with."""

from __future__ import annotations

from sympy import Add, Expr, Mul, Pow, S, log

from tensorcalc.binding import Contraction
from tensorcalc.derivation.model import Derivation, Lemma, Step
from tensorcalc.expr import Component, Delta, Exp, Group, One, Partial
from tensorcalc.index import Adjoint, Dimension, Index, Tensor
from tensorcalc.rules.rule import Rule
from tensorcalc.system import Definition, System

N = Dimension("N")
i, j, n = (Index(letter, N) for letter in "ijn")
SIGMA, S_, C = Tensor("sigma"), Tensor("s", (N,)), Tensor("c")
X, T = Tensor("x", (N,)), Tensor("T", (), N)
label, sigma, c = Component(T), Component(SIGMA), Component(C)


def x(k: Expr) -> Expr:
    return Component(X, k)


def s(k: Expr) -> Expr:
    return Component(S_, k)


def e(k: Expr) -> Expr:
    return Exp(x(k))


def neg(*factors: Expr) -> Expr:
    return Mul(S.NegativeOne, *factors)


def rule(*names: str) -> tuple[Rule, ...]:
    return tuple(Rule(name) for name in names)


def system() -> System:
    return System(
        (
            Definition(SIGMA, (), Contraction(One(j) * e(j), j)),
            Definition(S_, (i,), e(i) / sigma),
            Definition(C, (), neg(log(s(label)))),
        ),
        (X, T),
        {N: ("j", "i")},
    )


def derivation() -> Derivation:
    """Every line of the article."""
    d = Partial
    lemmas = (
        Lemma(sigma, (Step(Contraction(One(j) * e(j), j)),), "definition"),
        Lemma(
            d(sigma, x(n)),
            (
                Step(Contraction(One(j) * d(e(j), x(n)), j), rule("linearity")),
                Step(Contraction(One(j) * d(e(j), x(j)) * d(x(j), x(n)), j), rule("chain rule")),
                Step(Contraction(One(j) * e(j) * Delta(j, n), j), rule("derivative of exp", "∂x_j/∂x_n = δ_jn")),
                Step(e(n), rule("contraction of δ")),
            ),
            "jacobian",
        ),
        Lemma(s(i), (Step(e(i) / sigma),), "definition"),
        Lemma(
            d(s(i), x(n)),
            (
                Step(
                    Mul(Pow(sigma, -2), Add(d(e(i), x(n)) * sigma, neg(e(i), d(sigma, x(n))))),
                    rule("quotient rule"),
                ),
                Step(Mul(Pow(sigma, -2), Add(e(i) * Delta(i, n) * sigma, neg(e(i), e(n)))), rule("lemma")),
                Step(Add(s(i) * Delta(i, n), neg(s(i), s(n))), rule("definition of s")),
            ),
            "jacobian",
        ),
        Lemma(
            d(c, s(i)),
            (
                Step(neg(d(log(s(label)), s(i))), rule("linearity")),
                Step(neg(Pow(s(label), -1), Delta(i, label)), rule("derivative of log")),
            ),
            "partial",
        ),
        Lemma(
            d(c, x(n)),
            (
                Step(Contraction(d(c, s(i)) * d(s(i), x(n)), i), rule("chain rule")),
                Step(
                    Contraction(
                        Mul(
                            Group(neg(Pow(s(label), -1), Delta(i, label))),
                            Group(Add(s(i) * Delta(i, n), neg(s(i), s(n)))),
                        ),
                        i,
                    ),
                    rule("lemmas"),
                ),
                Step(
                    neg(Pow(s(label), -1), Add(s(label) * Delta(label, n), neg(s(label), s(n)))),
                    rule("contraction of δ"),
                ),
                Step(Add(s(n), neg(Delta(label, n))), rule("distributivity")),
            ),
            "chain",
        ),
        Lemma(
            Component(Adjoint(X), n),
            (
                Step(Component(Adjoint(C)) * d(c, x(n)), rule("chain rule")),
                Step(Mul(Component(Adjoint(C)), Add(s(n), neg(Delta(label, n)))), rule("lemma")),
            ),
            "backpropagated",
        ),
    )
    last = lemmas[-1]
    return Derivation(system(), "vjp", (C,), (X,), lemmas, ((last.lhs, last.result),), ("n",), title="Cross-entropy")

"""Printing, on the article's lines built by hand and on a table of expressions; golden files hold what people see."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
import sympy
from sympy import Expr, Float, Integer, Rational, S, log, sqrt

import article
import tensorcalc as tc
from tensorcalc import render
from tensorcalc.binding import Contraction, IndexMaximum, IndexProduct
from tensorcalc.expr import Component, Delta, Determinant, Exp, Group, Inverse, Iverson, LogDeterminant, One, Partial
from tensorcalc.functions import equal, larger, maximum, positive, relu, sigmoid, tanh
from tensorcalc.index import Adjoint, Dimension, Index, Slope, Tangent, Tensor
from tensorcalc.render import Context
from tensorcalc.system import Definition, System

Golden = Callable[[str, str], None]

B, H = Dimension("B"), Dimension("H")
b, p = Index("b", B), Index("p", B)
h, k, q = (Index(letter, H) for letter in "hkq")
X, M, U, V = Tensor("x", (B, H)), Tensor("m", (B,)), Tensor("u", (B, H)), Tensor("v", (B,))
R, Y, GAMMA, BETA = Tensor("r", (B,)), Tensor("y", (B, H)), Tensor("gamma", (H,)), Tensor("beta", (H,))
EPS, A, Z, W1, W_OUT, G1 = (
    Tensor("epsilon"),
    Tensor("A", (H, H)),
    Tensor("z", (H,)),
    Tensor("W1", (H, H)),
    Tensor("w_out", (H,)),
    Tensor("g1"),
)


def z(*indices: Expr | int) -> Expr:
    return Component(Z, *indices)


def a(*indices: Expr | int) -> Expr:
    return Component(A, *indices)


def dy(*indices: Expr) -> Expr:
    return Component(Adjoint(Y), *indices)


eps, m, r = Component(EPS), Component(M, b), Component(R, p)


def u(*indices: Expr) -> Expr:
    return Component(U, *indices)


def gamma(i: Expr) -> Expr:
    return Component(GAMMA, i)


LAYER_NORM = System(
    (
        Definition(M, (b,), Contraction(Component(X, b, h) * One(h), h) / H),
        Definition(U, (b, h), Component(X, b, h) - One(h) * m),
        Definition(V, (b,), Contraction(u(b, h) ** 2, h) / H),
        Definition(R, (b,), sqrt(Component(V, b) + eps)),
        Definition(Y, (b, h), u(b, h) / Component(R, b) * gamma(h) + One(b) * Component(BETA, h)),
    ),
    (X, EPS, GAMMA, BETA),
    {B: ("b",), H: ("h",)},
)

SUMS = (
    Contraction((Component(X, b, h) - One(h) * m) ** 2, h),
    Contraction(dy(p, h) * gamma(h), h) / r / H,
    dy(p, q) * gamma(q) / r
    - u(p, q) / (H * r**3) * Contraction(dy(p, h) * gamma(h) * u(p, h), h)
    - Contraction(dy(p, h) * gamma(h), h) / r / H,
    Contraction(a(h, h), h),
    Contraction(a(h, h), h) ** 2,
    log(Contraction(a(h, h), h)),
    1 / Contraction(a(h, h), h),
    Contraction(a(h, h) ** 2, h),
    Contraction(a(h, k) * a(k, h), h, k),
    Contraction(a(h, k), h, k),
    Contraction(z(h), h) ** 2 * z(h),
    Contraction(One(h), h),
    Contraction(z(h) * Contraction(a(h, k) * z(k), k), h),
    Contraction(z(h), h) * (Contraction(z(k), k) ** 3 + 1) * Contraction(Exp(-z(h)), h),
    Contraction(Group(z(h) + z(k)) * Group(z(h) - z(q)), h),
    Contraction(-z(h), h),
    Contraction(-z(h) * z(k), h) * z(k),
    Contraction(z(h) + z(k), h),
    Component(G1) * Contraction(One(h) * Contraction(z(k) * z(h) ** 2, k), h),
    1 / (eps * Contraction(Exp(z(h)), h)),
    Contraction(Exp(z(h)), h) / eps,
    Contraction(z(h), h) + Contraction(z(k) ** 2, k),
    (Contraction(z(h), h) + z(k)) * (Contraction(z(h) ** 2, h) + 1),
)

NUMBERS_AND_FRACTIONS = (
    Rational(17, 20) * z(q) - Rational(1, 2) * z(q) ** 2 + Rational(1, 10**12),
    Integer(10) ** 30 * z(q),
    Float("0.3") * z(h),
    Rational(1, 16) * z(h),
    z(h) / 3,
    2 * (z(h) + z(k)),
    sympy.Mul(2, z(h) + z(k), evaluate=False),
    -z(h) - z(k),
    z(h) ** -3,
    z(h) ** Rational(-1, 2) * z(k),
    z(h) ** Component(G1),
    Integer(2) ** z(h) * 3,
    (z(h) + 1) ** -1,
    Exp(z(h)) / (1 + Exp(z(h))) ** 2,
    Exp(-z(h) / eps),
    z(q) * (1 - z(q) ** 2),
    Rational(1, 2) * z(h) * (1 + sympy.erf(z(h) / sqrt(2))) / sqrt(2 * sympy.pi),
    H * z(h) / 3,
    H**2,
    B * H,
    S.Zero,
    S.NegativeOne,
    dy(p, q) ** 2,
)

FUNCTIONS_AND_NAMES = (
    Component(W1, h, k) * Component(W_OUT, k) * Component(G1),
    Component(W1, h, k) ** 2,
    sigmoid(z(h)) * (1 - sigmoid(z(h))),
    relu(z(h) + 1),
    positive(z(h) - 1) * z(h),
    larger(z(h), z(k)),
    maximum(z(h), Integer(0)),
    tanh(z(h)) ** 2,
    abs(z(h)),
    log(z(h)) * Delta(h, q),
    z(h) * log(z(h)),
    -log(z(h) * z(k)),
    Partial(z(h) * z(k), z(q)),
    Partial(u(b, h) ** 2, Component(X, p, q)),
    Partial(sqrt(Component(V, b) + eps), Component(V, b)),
    Component(Tangent(Y), b, h),
    Component(Slope(Y, V), b, h, p),
    z(k + h),
    z(2 * k + h + 1),
    z(h - 1),
    z(0) * a(0, h),
    Delta(h, k + q),
    Iverson("le", h, k) * z(k),
    IndexProduct(z(h) * z(k), h) * z(q),
    IndexProduct(z(h) + 1, h) ** 2,
    IndexMaximum(z(h), h),
    Exp(z(h) - One(h) * IndexMaximum(z(k), k)),
    IndexMaximum(a(h, k) * z(k) + 1, h),
    Contraction(Inverse(A, h, k) * z(k), k),
    Inverse(A, h, k) ** 2 * Determinant(A),
    LogDeterminant(A) / 2,
    equal(z(h), IndexMaximum(z(k), k)),
)


@pytest.mark.parametrize("style", ["einstein", "sigma"])
@pytest.mark.parametrize("detail", ["all", "key", "result"])
def test_article_as_text(golden: Golden, style: render.Style, detail: render.Detail) -> None:
    golden(f"article_{style}_{detail}.txt", render.text(article.derivation(), style, detail))


@pytest.mark.parametrize("style", ["einstein", "sigma"])
def test_article_as_latex(golden: Golden, style: render.Style) -> None:
    golden(f"article_{style}.tex", render.latex(article.derivation(), style))


def test_article_as_data(golden: Golden) -> None:
    data = render.to_dict(article.derivation())
    golden("article.json", json.dumps(data, ensure_ascii=False, indent=1) + "\n")


def test_systems(golden: Golden) -> None:
    golden("systems.txt", render.system_text(article.system()) + "\n" + render.system_text(LAYER_NORM))


@pytest.mark.parametrize(
    ("name", "expressions"),
    [("sums", SUMS), ("fractions", NUMBERS_AND_FRACTIONS), ("functions", FUNCTIONS_AND_NAMES)],
)
def test_expressions(golden: Golden, name: str, expressions: tuple[Expr, ...]) -> None:
    context = Context(LAYER_NORM, derivative_letters=("p", "q"))
    sigma = Context(LAYER_NORM, derivative_letters=("p", "q"), style="sigma")
    blocks = []
    for expression in expressions:
        lines = (
            render.expression_text(expression, context),
            render.expression_text(expression, sigma),
            render.expression_plain(expression, context),
            render.expression_latex(expression, context),
        )
        blocks.append("\n".join(dict.fromkeys(lines)) + "\n")
    golden(f"expressions_{name}.txt", "\n".join(blocks))


def test_a_step_that_shows_no_change_is_no_line_of_its_own() -> None:
    found = article.derivation()
    lemma = found.lemmas[1]
    double = article.Lemma(lemma.lhs, (*lemma.steps, article.Step(lemma.result, article.rule("nothing"))), lemma.kind)
    block = render.blocks(article.Derivation(found.system, "vjp", found.of, found.wrt, (double,), ()))[0]
    assert len(block.lines) == len(lemma.steps)
    assert block.lines[-1].steps == (3, 4)
    assert "nothing" not in block.lines[-1].rules


def test_letters_keep_away_from_those_that_are_free_in_the_lemma() -> None:
    context = Context(article.system(), derivative_letters=("n",))
    expression = article.x(article.j) * Contraction(article.e(article.i), article.i)
    assert render.expression_text(expression, context) == "𝟏_i x_j e^{x_i}"
    assert render.expression_text(expression, context.within([article.x(article.i)])) == "𝟏_k x_j e^{x_k}"


def test_many_sums_in_one_product_find_letters() -> None:
    dimension = Dimension("D")
    indices = [Index(f"a{n}", dimension) for n in range(40)]
    vector = Tensor("x", (dimension,))
    body = sympy.Mul(*(Exp(Component(vector, i) / (1 + n)) for n, i in enumerate(indices)))
    text = render.expression_plain(Contraction(body, *indices))
    letters = text.removeprefix("sum(").split(", ")[:40]
    assert len(set(letters)) == 40
    assert "x" not in letters


def test_exponentials_beside_a_tensor_called_e_are_functions() -> None:
    derived = tc.parse("K[i] = exp(-C[i]/e); c = sum(i, K[i]*e)").derive("c", wrt="e")
    assert "K_i = exp(−C_i/e)" in derived.text()
    assert r"\frac{C_{i} \operatorname{exp}\left(-\frac{C_{i}}{e}\right)}{e^{2}}" in derived.latex()


def test_letters_of_sums_are_not_read_as_something_else() -> None:
    """l is the scalar at the end of the chain, and k the stem of k1 and k2, which are k^{(1)} and k^{(2)} on paper."""
    text = "k1[i] = tanh(W[i,j]*x[j]); k2[i] = tanh(W[i,j]*(x[j] + k1[j])); y[i] = V[i,j]*k2[j]"
    derived = tc.parse(text).derive("y", wrt=["x", "W"], kind="vjp")
    letters = set(re.findall(r"W_\{?\w(\w)", derived.text()))
    assert letters
    assert not letters & {"k", "l"}

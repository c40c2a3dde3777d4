"""Every family of rules: one table of (before, after, names of the rules), and what it does not apply to.

Whatever a rule does, both sides are evaluated: no rule may change the value.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from sympy import Add, Expr, Mul, Pow, S, log, sqrt

import tensorcalc as tc
from tensorcalc.binding import Contraction, IndexMaximum, IndexProduct, free_indices
from tensorcalc.check import autograd
from tensorcalc.derivation.engine import Engine
from tensorcalc.evaluator import Environment, evaluate
from tensorcalc.expr import Component, Exp, Group, Inverse, Iverson, LogDeterminant, One, Partial, delta
from tensorcalc.functions import FUNCTIONS, Elementwise, tanh
from tensorcalc.index import Adjoint, Dimension, Index, Tensor
from tensorcalc.rules import derivatives
from tensorcalc.rules.algebra import multiply_out
from tensorcalc.rules.collecting import collect, collect_inside
from tensorcalc.rules.contraction import contract
from tensorcalc.rules.definitions import fold
from tensorcalc.rules.rule import Rule
from tensorcalc.rules.scope import Known, Scope

N, M = Dimension("N"), Dimension("M")
i, j, k, n, p, q = (Index(c, N) for c in "ijknpq")
m = Index("m", M)
SYSTEM = tc.parse(
    "index i: N, j: N; sigma = sum(j, exp(x[j])); s[i] = exp(x[i])/sigma; r = sqrt(x[j]*x[j]);"
    "u[i] = x[i] - b; z = log(sigma); h[i] = A[i,j]*x[j]"
)
SIZES = {N: 4, M: 3}

Array = npt.NDArray[np.float64]
Fired = dict[Rule, None]


class Named:
    """A tensor that is indexed as in the notation."""

    def __init__(self, name: str, *dimensions: Dimension, label: Dimension | None = None) -> None:
        self.tensor = Tensor(name, dimensions, label)

    def __getitem__(self, indices: Any) -> Expr:
        return Component(self.tensor, *(indices if isinstance(indices, tuple) else (indices,)))

    def __call__(self) -> Expr:
        return Component(self.tensor)


x, y, w, s, u, h = (Named(c, N) for c in "xywsuh")
a, b, c, sigma, r, z = (Named(name) for name in ("a", "b", "c", "sigma", "r", "z"))
A, B, X = (Named(name, N, N) for name in "ABX")
v, V = Named("v", M), Named("V", N, M)
T, U = Named("T", label=N)(), Named("U", M, label=N)
up = Component(Adjoint(y.tensor), n)
S2 = sigma() ** 2


def total(*arguments: Expr) -> Expr:
    """total(i, j, e): the sum of e over i and j."""
    *dummies, body = arguments
    return Contraction(body, *dummies)


def d(expression: Expr, wrt: Expr | None = None, direct: bool = False) -> Partial:
    """∂e/∂x_n, or by another component."""
    return Partial(expression, x[n] if wrt is None else wrt, direct)


def fn(name: str, *arguments: Expr) -> Expr:
    return FUNCTIONS[name].symbol(*arguments)


def neg(*factors: Expr) -> Expr:
    return Mul(S.NegativeOne, *factors)


def environment() -> Environment:
    """Values of every tensor used here: numbers between 0.3 and 0.9, labels in range."""
    rng = np.random.default_rng(7)
    values: dict[Tensor, Any] = {
        T.tensor: np.array(2),
        U.tensor: rng.integers(0, 4, 3),
        Adjoint(y.tensor): rng.normal(size=4),
    }
    for tensor in (x, y, w, a, b, c, A, B, X, v, V):
        values[tensor.tensor] = rng.uniform(0.3, 0.9, tuple(SIZES[axis] for axis in tensor.tensor.dimensions))
    values[X.tensor] += np.eye(4)
    return Environment(SYSTEM.by_tensor, values, SIZES)


def assert_same_value(before: Expr, after: Expr) -> None:
    axes = tuple(sorted(free_indices(before) | free_indices(after), key=str))
    values = [evaluate(e, environment(), axes) for e in (before, after)]
    assert np.all(np.isfinite(values[0]))
    np.testing.assert_allclose(values[1], values[0], rtol=1e-10, atol=1e-12)


def named(fired: Fired) -> set[str]:
    return {rule.name for rule in fired}


def known() -> dict[Tensor, Known]:
    return {
        sigma.tensor: Known(d(sigma()), Exp(x[n])),
        s.tensor: Known(d(s[i]), Add(Mul(s[i], delta(i, n)), neg(s[i], s[n]))),
    }


LAWS: dict[str, list[tuple[Partial, Expr, set[str]]]] = {
    "linearity": [
        (d(x[i] + y[i]), d(x[i]), {"linearity"}),
        (d(x[i] * x[j] + 3 * x[i]), d(x[i] * x[j]) + 3 * d(x[i]), {"linearity"}),
        (d(a() * x[i]), a() * d(x[i]), {"linearity"}),
        (d(-x[i] / b()), neg(d(x[i])) / b(), {"linearity"}),
        (d(total(j, x[j])), total(j, d(x[j])), {"linearity"}),
        (d(total(j, x[j] ** 2 * A[i, j])), total(j, A[i, j] * d(x[j] ** 2)), {"linearity"}),
        (d(total(n, x[n] * y[n])), total(k, y[k] * d(x[k])), {"linearity"}),
        (d(Group(x[i] + a())), d(x[i]), {"linearity"}),
        (d(y[i] * a()), S.Zero, {"derivative of a constant"}),
        (d(sigma() * y[i], x[n], True), S.Zero, {"derivative of a constant"}),
        (d(S(3)), S.Zero, {"derivative of a constant"}),
        (d(delta(i, T)), S.Zero, {"derivative of a constant"}),
    ],
    "product_or_quotient": [
        (d(x[i] * x[j]), x[i] * d(x[j]) + x[j] * d(x[i]), {"product rule"}),
        (
            d(x[i] * s[i] * sigma()),
            d(x[i]) * s[i] * sigma() + x[i] * d(s[i]) * sigma() + x[i] * s[i] * d(sigma()),
            {"product rule"},
        ),
        (
            d(Exp(x[i]) / sigma()),
            Pow(sigma(), -2) * (d(Exp(x[i])) * sigma() - Exp(x[i]) * d(sigma())),
            {"quotient rule"},
        ),
        (d(x[i] / x[j] ** 2), Pow(x[j], -4) * (d(x[i]) * x[j] ** 2 - x[i] * d(x[j] ** 2)), {"quotient rule"}),
        (
            d(1 / (x[i] * sigma())),
            d(1 / x[i]) / sigma() + d(1 / sigma()) / x[i],
            {"product rule"},
        ),
    ],
    "chain": [
        (d(log(s[T])), d(log(s[T]), s[T], True) * d(s[T]), {"chain rule"}),
        (d(Exp(x[j])), d(Exp(x[j]), x[j], True) * d(x[j]), {"chain rule"}),
    ],
    "elementary": [
        (d(x[i]), delta(i, n), {"derivative of a variable by itself"}),
        (d(x[n], x[n]), One(n), {"derivative of a variable by itself"}),
        (d(x[T]), delta(T, n), {"derivative of a variable by itself"}),
        (d(x[U[m]]), delta(U[m], n), {"derivative of a variable by itself"}),
        (d(x[0]), delta(0, n), {"derivative of a variable by itself"}),
        (d(X[i, j], X[p, q]), delta(i, p) * delta(j, q), {"derivative of a variable by itself"}),
        (d(X[i, i], X[p, q]), delta(i, p) * delta(i, q), {"derivative of a variable by itself"}),
        (d(y[i]), S.Zero, {"derivative of a constant"}),
        (d(sigma()), Exp(x[n]), {"derivative of σ from above"}),
        (d(s[j]), Group(s[j] * delta(j, n) - s[j] * s[n]), {"derivative of s from above"}),
        (d(x[i] ** 3), 3 * x[i] ** 2 * delta(i, n), {"power rule", "derivative of a variable by itself"}),
        (d(1 / x[i]), neg(Pow(x[i], -2), delta(i, n)), {"power rule", "derivative of a variable by itself"}),
        (
            d(x[i] ** a()),
            a() * x[i] ** (a() - 1) * delta(i, n),
            {"power rule", "derivative of a variable by itself"},
        ),
        (
            d(a() ** x[i]),
            a() ** x[i] * log(a()) * delta(i, n),
            {"derivative of a power", "derivative of a variable by itself"},
        ),
        (
            d(x[i] ** x[i]),
            x[i] ** x[i] * log(x[i]) * delta(i, n) + x[i] * x[i] ** (x[i] - 1) * delta(i, n),
            {"derivative of a power", "derivative of a variable by itself"},
        ),
        (d(sqrt(x[i] + a())), d(x[i] + a()) / (2 * sqrt(x[i] + a())), {"power rule", "chain rule"}),
        (d(tanh(x[i] * y[i])), (1 - tanh(x[i] * y[i]) ** 2) * d(x[i] * y[i]), {"derivative of tanh", "chain rule"}),
        (
            d(Exp(x[i]), x[n], True),
            Exp(x[i]) * delta(i, n),
            {"derivative of exp", "derivative of a variable by itself"},
        ),
        (
            d(fn("max", x[i], x[j])),
            fn("larger", x[i], x[j]) * delta(i, n) + fn("larger", x[j], x[i]) * delta(j, n),
            {"derivative of max", "derivative of a variable by itself"},
        ),
        (
            d(Inverse(X.tensor, i, j), X[p, q]),
            total(k, n, neg(Inverse(X.tensor, i, k), Inverse(X.tensor, n, j), d(X[k, n], X[p, q]))),
            {"derivative of the inverse"},
        ),
        (
            d(LogDeterminant(X.tensor), X[p, q]),
            total(k, n, Inverse(X.tensor, n, k) * d(X[k, n], X[p, q])),
            {"derivative of the log-determinant"},
        ),
        (
            d(IndexProduct(x[i], i)),
            IndexProduct(x[i], i) * total(j, d(x[j]) / x[j]),
            {"derivative of a product over an index"},
        ),
        (
            d(IndexMaximum(x[i], i)),
            total(j, fn("equal", x[j], IndexMaximum(x[i], i)) * d(x[j]))
            / total(j, fn("equal", x[j], IndexMaximum(x[i], i))),
            {"derivative of a maximum over an index"},
        ),
    ],
}

NOT_LAWS: list[tuple[str, Partial]] = [
    ("linearity", d(x[i])),
    ("linearity", d(x[i] * x[j])),
    ("linearity", d(Exp(x[i]))),
    ("product_or_quotient", d(x[i])),
    ("product_or_quotient", d(x[i] + x[j])),
    ("product_or_quotient", d(1 / x[i])),
    ("chain", d(x[i])),
    ("chain", d(Exp(x[i] + x[j]))),
    ("chain", d(Exp(x[n]), x[n])),
    ("chain", d(Exp(y[i]))),
    ("chain", d(fn("max", x[i], x[j]))),
    ("elementary", d(x[i] * x[j])),
    ("elementary", d(x[i] + x[j])),
    ("elementary", d(total(i, x[i]))),
]


def scope_of(partial: Partial) -> Scope:
    facts = {} if partial.direct else known()
    return Scope(SYSTEM, partial.wrt.tensor, direct=partial.direct, known=facts)


def label(value: object) -> str:
    """The name of an example, the same in every process."""
    return ", ".join(sorted(value)) if isinstance(value, set) else str(value)


@pytest.mark.parametrize(
    ("family", "before", "after", "names"),
    [(family, *row) for family, rows in LAWS.items() for row in rows],
    ids=label,
)
def test_laws_of_the_derivative(family: str, before: Partial, after: Expr, names: set[str]) -> None:
    fired: Fired = {}
    found = getattr(derivatives, family)(before, scope_of(before), fired)
    assert found == after
    assert named(fired) == names
    assert_same_value(before, found)


@pytest.mark.parametrize(("family", "partial"), NOT_LAWS, ids=str)
def test_a_law_that_does_not_apply_says_so(family: str, partial: Partial) -> None:
    fired: Fired = {}
    assert getattr(derivatives, family)(partial, scope_of(partial), fired) is None
    assert not fired


def test_a_function_is_shown_in_full_once() -> None:
    scope = scope_of(d(x[i]))
    assert derivatives.chain(d(Exp(x[j])), scope, {}) is not None
    derivatives.elementary(d(Exp(x[j]), x[j], True), scope, {})
    assert derivatives.chain(d(Exp(x[j])), scope, {}) is None


def points(row: Elementwise) -> list[Array]:
    """Where a function is tried: where it is defined, away from its kinks."""
    base = np.array([0.31, 0.52, 0.77, 0.9])
    return [base] if row.name in ("log", "polygamma") else [base, -base]


@pytest.mark.parametrize("row", FUNCTIONS.values(), ids=lambda row: row.name)
def test_every_function_against_complex_steps_and_torch(row: Elementwise) -> None:
    assert row.law
    first = (S.One,) if row.name == "polygamma" else (x[i],) if row.arity == 1 else (x[i], y[i])
    arguments = (*first, x[i]) if row.name == "polygamma" else first
    expression = row.symbol(*arguments)
    partial = d(expression)
    found = derivatives.elementary(partial, scope_of(partial), fired := {})
    assert named(fired) - {"derivative of a variable by itself"} == {f"derivative of {row.name}"}
    assert found is not None
    for point in points(row):
        env = environment()
        env.assign({x.tensor: point, y.tensor: point[::-1] + 0.05})
        mine = evaluate(found, env, (i, n))
        np.testing.assert_allclose(mine, evaluate(partial, env, (i, n)), rtol=1e-12, atol=1e-12)
        if row.name in autograd.FUNCTIONS:
            leaf = torch.tensor(point, dtype=torch.float64, requires_grad=True)
            others = [torch.tensor(1)] if row.name == "polygamma" else []
            others_after = [torch.tensor(env.values[y.tensor])] if row.arity == 2 and not others else []
            value = autograd.FUNCTIONS[row.name](*others, leaf, *others_after)
            (slope,) = torch.autograd.grad(value.sum(), leaf)
            np.testing.assert_allclose(mine, np.diag(slope.numpy()), rtol=1e-8, atol=1e-12)  # torch's polygamma
    assert row.internal or row.name in autograd.FUNCTIONS


@pytest.mark.parametrize("row", [r for r in FUNCTIONS.values() if r.kinks], ids=lambda row: row.name)
def test_the_value_at_a_kink_is_that_of_torch(row: Elementwise) -> None:
    expression = row.symbol(*((x[i], y[i]) if row.arity == 2 else (x[i],)))
    env = environment()
    env.assign({x.tensor: np.zeros(4), y.tensor: np.zeros(4)})
    mine = evaluate(derivatives.elementary(d(expression), scope_of(d(expression)), {}), env, (i, n))
    if row.name in autograd.FUNCTIONS:
        leaf = torch.zeros(4, dtype=torch.float64, requires_grad=True)
        others = [torch.zeros(4, dtype=torch.float64)] if row.arity == 2 else []
        (slope,) = torch.autograd.grad(autograd.FUNCTIONS[row.name](leaf, *others).sum(), leaf)
        np.testing.assert_array_equal(mine, np.diag(slope.numpy()))
    else:
        np.testing.assert_array_equal(mine, np.zeros((4, 4)))


DELTA, DROP, ONES = "contraction of a delta", "dropping a one-tensor", "sum of ones"
CONTRACTIONS: list[tuple[Expr, Expr, set[str]]] = [
    (total(i, delta(i, n) * x[i]), x[n], {DELTA}),
    (total(i, delta(i, T) * x[i]), x[T], {DELTA}),
    (total(i, delta(i, U[m]) * x[i]), x[U[m]], {DELTA}),
    (total(i, delta(i, 2) * x[i]), x[2], {DELTA}),
    (total(i, j, delta(i, j) * A[i, j]), total(k, A[k, k]), {DELTA}),
    (total(i, j, delta(i, j) * delta(j, n) * x[i]), x[n], {DELTA}),
    (total(i, delta(i, n) * delta(i, p)), delta(n, p), {DELTA}),
    (total(i, delta(i, n)), One(n), {DELTA}),
    (total(i, delta(i, T)), S.One, {DELTA}),
    (total(i, delta(i, T) * delta(i, n) * x[i]), x[n] * delta(T, n), {DELTA}),
    (total(i, delta(i, n) * (x[i] + y[i])), x[n] + y[n], {DELTA}),
    (
        total(i, (delta(i, n) * x[i] - x[i] * x[n]) * y[i]),
        x[n] * y[n] - x[n] * total(i, x[i] * y[i]),
        {DELTA},
    ),
    (
        total(i, neg(delta(i, T)) / s[T] * (s[i] * delta(i, n) - s[i] * s[n])),
        neg(1 / s[T], s[T] * delta(T, n) - s[T] * s[n]),
        {DELTA},
    ),
    (total(i, delta(i, n) * Exp(total(j, A[i, j]))), Exp(total(j, A[n, j])), {DELTA}),
    (total(i, delta(i, n) * total(n, A[i, n])), total(k, A[n, k]), {DELTA}),
    (Exp(total(i, delta(i, n) * x[i])), Exp(x[n]), {DELTA}),
    (One(i) * x[i], x[i], {DROP}),
    (total(j, One(j) * Exp(x[j])), total(j, Exp(x[j])), {DROP}),
    (total(j, One(j) * delta(j, n) * Exp(x[j])), Exp(x[n]), {DELTA, DROP}),
    (total(i, One(i)), N, {ONES}),
    (total(i, One(i) * a()), N * a(), {ONES}),
    (total(i, j, One(i) * x[j]), N * total(j, x[j]), {ONES}),
    (total(m, One(m) * x[n]), M * x[n], {ONES}),
]

UNTOUCHED: list[Expr] = [
    x[n],
    delta(i, n) * x[i],
    One(i) * a(),
    One(i) * x[j],
    total(j, A[i, j] * x[j]),
    total(j, Exp(delta(j, n)) * x[j]),
    total(j, (1 + delta(j, n)) ** 2 * x[j]),
    delta(T, n),
]


@pytest.mark.parametrize(("before", "after", "names"), CONTRACTIONS, ids=label)
def test_contraction(before: Expr, after: Expr, names: set[str]) -> None:
    fired: Fired = {}
    found = contract(before, fired)
    assert found == after
    assert named(fired) == names
    assert_same_value(before, found)


@pytest.mark.parametrize("expression", UNTOUCHED, ids=str)
def test_contraction_leaves_the_rest_alone(expression: Expr) -> None:
    fired: Fired = {}
    assert contract(expression, fired) == expression
    assert not fired


def expanded(expression: Expr) -> Expr:
    terms = multiply_out(expression)
    assert terms is not None
    return Add(*(t.expression() for t in terms))


PRODUCTS: list[tuple[Expr, Expr]] = [
    (x[i] * (y[i] + a()), x[i] * y[i] + a() * x[i]),
    ((x[i] + a()) * (y[j] - b()), x[i] * y[j] - b() * x[i] + a() * y[j] - a() * b()),
    (neg(1 / s[T], Add(s[T] * delta(T, n), neg(s[T], s[n]))), Add(s[n], neg(delta(T, n)))),
    (total(i, x[i] * (y[i] + a())), total(i, x[i] * y[i]) + a() * total(i, x[i])),
    (
        Pow(sigma(), -2) * (Exp(x[i]) * sigma() - Exp(x[i]) * Exp(x[n])),
        Exp(x[i]) / sigma() - Exp(x[i]) * Exp(x[n]) / S2,
    ),
    (total(i, x[i]) * total(i, y[i]), total(i, x[i]) * total(j, y[j])),
    (total(i, x[i]) * total(i, x[i]), total(i, x[i]) ** 2),
    (x[i] * delta(i, n) - x[n] * delta(i, n), S.Zero),
    (Group(x[i] + y[i]) * a(), a() * x[i] + a() * y[i]),
    ((x[i] + y[i]) ** 2 * a(), a() * (x[i] + y[i]) ** 2),
    (Exp(x[i]) * (Exp(x[i]) + 1), Exp(x[i]) * Exp(x[i]) + Exp(x[i])),
]


@pytest.mark.parametrize(("before", "after"), PRODUCTS, ids=str)
def test_multiplying_out(before: Expr, after: Expr) -> None:
    assert expanded(before) == after
    assert_same_value(before, after)


def test_too_many_terms_are_not_multiplied_out() -> None:
    bracket = Add(*(x[k] for k in range(4)), *(y[k] for k in range(4)))
    assert multiply_out(Mul(*(bracket + w[k] for k in range(4)))) is None


COLLECTED: list[tuple[Expr, Expr]] = [
    (a() * x[i] + a() * y[i], a() * (x[i] + y[i])),
    (x[i] * y[i] + x[i] * w[i] + x[i], x[i] * (y[i] + w[i] + 1)),
    (x[i] / b() - y[i] / b(), (x[i] - y[i]) / b()),
    (x[i] / b() ** 2 + y[i] / b() ** 2, (x[i] + y[i]) / b() ** 2),
    (x[i] * y[j] * a() + x[i] * y[j] * w[i], x[i] * y[j] * (a() + w[i])),
    (up * s[i] * y[n] + up * s[i] * x[i] * w[n], up * s[i] * (y[n] * One(i) + x[i] * w[n])),
    (2 * x[i] + 2 * y[i], Mul(2, x[i] + y[i], evaluate=False)),
    (a() * x[i] + b() * x[i] + c() * y[i], x[i] * (a() + b()) + c() * y[i]),
    (up * y[n] - up * total(i, s[i]), up * (y[n] - total(i, s[i]))),
    (delta(i, n) * x[i] - delta(i, n) * y[i], delta(i, n) * (x[i] - y[i])),
]
NOT_COLLECTED: list[Expr] = [
    x[i] / b() ** 3 + y[i] / b(),
    x[i] + y[i],
    s[i] * delta(i, n) - s[i] * s[n],
    x[i],
    x[i] * y[i],
    One(i) * a() + One(i) * b(),
]


@pytest.mark.parametrize(("before", "after"), COLLECTED, ids=str)
def test_collecting(before: Expr, after: Expr) -> None:
    assert collect(before) == after
    assert_same_value(before, after)


def test_one_bracket_beside_another_is_collected_across_a_delta() -> None:
    softmax = s[i] * delta(i, p) - s[i] * s[p]
    bracket = delta(i, n) - s[n] * One(i)
    assert collect_inside(bracket * softmax) == s[i] * bracket * (delta(i, p) - s[p] * One(i))
    assert collect_inside(x[i] * softmax) == x[i] * softmax


@pytest.mark.parametrize("expression", NOT_COLLECTED, ids=str)
def test_nothing_to_collect(expression: Expr) -> None:
    assert collect(expression) == expression


FOLDED: list[tuple[Expr, Expr, set[str]]] = [
    (total(j, Exp(x[j])), sigma(), {"σ"}),
    (Exp(x[i]) / sigma(), s[i], {"s"}),
    (Exp(x[i]) * Exp(x[j]) / S2, s[i] * s[j], {"s"}),
    (Exp(x[i]) * y[i] / sigma() + 1, s[i] * y[i] + 1, {"s"}),
    (Exp(x[T]) / sigma(), s[T], {"s"}),
    (Exp(x[0]) / total(j, Exp(x[j])), s[0], {"σ", "s"}),
    (total(i, y[i] * Exp(x[i])) / sigma(), total(i, y[i] * s[i]), {"s"}),
    (x[i] / sqrt(total(j, x[j] ** 2)), x[i] / r(), {"r"}),
    (x[i] - b(), u[i], {"u"}),
    (b() - x[i], neg(u[i]), {"u"}),
    ((x[i] - b()) ** 2, u[i] ** 2, {"u"}),
    (total(k, A[n, k] * x[k]), h[n], {"h"}),
    (total(k, total(n, y[n] * A[n, k] * x[k])), total(n, y[n] * h[n]), {"h"}),
    (total(k, total(n, y[n] * A[n, k] * x[k])) ** 2, total(n, y[n] * h[n]) ** 2, {"h"}),
]
NOT_FOLDED: list[Expr] = [
    Exp(x[i]),
    Exp(y[i]) / sigma(),
    total(j, Exp(y[j])),
    x[i] - a(),
    total(k, A[k, n] * x[k]),
    total(j, x[j] * Exp(x[j])),
    total(k, total(n, y[n] * A[n, k] * x[k] * w[k])),
    total(k, A[n, k] * x[k] * y[k]),
]


@pytest.mark.parametrize(("before", "after", "names"), FOLDED, ids=label)
def test_folding(before: Expr, after: Expr, names: set[str]) -> None:
    fired: Fired = {}
    found = fold(before, Engine(SYSTEM).book, fired)
    assert found == after
    assert named(fired) == {f"definition of {name}" for name in names}
    assert_same_value(before, found)


@pytest.mark.parametrize("expression", NOT_FOLDED, ids=str)
def test_what_only_looks_like_a_definition_stays(expression: Expr) -> None:
    fired: Fired = {}
    assert fold(expression, Engine(SYSTEM).book, fired) == expression
    assert not fired


@pytest.mark.parametrize(
    ("relation", "less", "same"), [("le", 1, 1), ("lt", 1, 0), ("ge", 0, 1), ("gt", 0, 0), ("eq", 0, 1), ("ne", 1, 0)]
)
def test_brackets_of_known_indices_are_numbers(relation: str, less: int, same: int) -> None:
    assert Iverson(relation, S(1), S(2)) == less
    assert Iverson(relation, S(2), S(1)) == (not less if relation not in ("eq", "ne") else less)
    assert Iverson(relation, S(2), S(2)) == same
    assert Iverson(relation, i, i) == same
    assert isinstance(Iverson(relation, i, S(0)), Iverson)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (fn("softplus", S(1)), 1.3132616875182228),
        (fn("sigmoid", S(2)) ** fn("relu", S(3)), 0.8807970779778823**3),
        (fn("lgamma", S(4)), 1.791759469228055),
    ],
    ids=str,
)
def test_functions_of_numbers_have_values(value: Expr, number: float) -> None:
    assert evaluate(value, environment(), ()) == pytest.approx(number, rel=1e-14)

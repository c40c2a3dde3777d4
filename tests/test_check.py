"""What the check catches: broken rules, wrong results, values that are not finite; and what it says when it cannot."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from typing import Any

import numpy as np
import pytest
import sympy
from sympy import Expr, S

import tensorcalc as tc
from tensorcalc import functions
from tensorcalc.api import Derivation
from tensorcalc.check import Item, Report, check, sample
from tensorcalc.check.steps import check_steps, difference
from tensorcalc.derivation import Step, line
from tensorcalc.evaluator import Environment, evaluate
from tensorcalc.expr import Component, Exp, Partial
from tensorcalc.index import Adjoint
from tensorcalc.rules import contraction, derivatives
from tensorcalc.rules.rule import Rule
from tensorcalc.rules.terms import Term

CROSS_ENTROPY = "sigma = 1[j]*exp(x[j]); s[i] = exp(x[i])/sigma; c = -log(s[T])"


def cross_entropy() -> Derivation:
    return tc.parse(CROSS_ENTROPY).derive("c", "x", "gradient")


def failing(report: Report, witness: str) -> list[Item]:
    return [item for item in report.failures if item.witness == witness]


def first_failure(derivation: Derivation) -> Item:
    report = check(derivation, seeds=(0,))
    assert not report.passed
    assert failing(report, "finite differences")
    assert failing(report, "torch")
    return failing(report, "steps")[0]


def break_function(monkeypatch: pytest.MonkeyPatch, name: str, *derivative: functions.Derivative) -> None:
    row = functions.FUNCTIONS[name]
    broken = dataclasses.replace(row, derivatives=derivative)
    for symbol in [s for s, r in functions._BY_SYMBOL.items() if r is row]:
        monkeypatch.setitem(functions._BY_SYMBOL, symbol, broken)


def test_everything_holds_before_anything_is_broken() -> None:
    report = check(cross_entropy())
    assert report.passed
    assert report.worst < 1e-9
    assert report.witnesses == ("steps", "finite differences", "torch")
    assert report.failures == []
    assert report.notes == []


@pytest.mark.parametrize(
    ("name", "text", "broken"),
    [
        ("tanh", "f = sum(i, tanh(x[i]))", lambda x, y: 1 + y**2),
        ("exp", "f = sum(i, exp(2*x[i]))", lambda x, y: 2 * y),
        ("log", "f = sum(i, log(x[i]^2 + 2))", lambda x, y: -1 / x),
        ("sigmoid", "f = sum(i, sigmoid(x[i])*y[i])", lambda x, y: y * (1 + y)),
        ("relu", "f = sum(i, relu(x[i]))", lambda x, y: S.One),
        ("abs", "f = sum(i, abs(x[i]))", lambda x, y: S.One),
        ("erf", "f = sum(i, erf(x[i]))", lambda x, y: Exp(-(x**2))),
    ],
)
def test_a_wrong_derivative_of_a_function(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, broken: functions.Derivative
) -> None:
    break_function(monkeypatch, name, broken)
    assert f"derivative of {name}" in first_failure(tc.parse(text).derive("f", "x")).rule


def test_a_wrong_sign_in_the_quotient_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(partial: Partial, scope: Any, fired: dict[Rule, None]) -> Expr | None:
        found = derivatives.product_or_quotient(partial, scope, fired)
        return -found if found is not None and derivatives.QUOTIENT in fired else found

    families = [broken if f is derivatives.product_or_quotient else f for f in line.FAMILIES]
    monkeypatch.setattr(line, "FAMILIES", tuple(families))
    item = first_failure(cross_entropy())
    assert item.rule == "quotient rule"
    assert item.name == "D(s[i], x[n])"


def test_a_contraction_that_counts_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    settle = contraction.settle

    def broken(term: Term, fired: dict[Rule, None]) -> None:
        mine: dict[Rule, None] = {}
        settle(term, mine)
        fired.update(mine)
        if contraction.CONTRACT_DELTA in mine:
            term.coefficient *= 2

    monkeypatch.setattr(contraction, "settle", broken)
    assert "contraction of a delta" in first_failure(cross_entropy()).rule


def test_a_sum_of_ones_that_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    drop = contraction._drop_ones

    def broken(term: Term, fired: dict[Rule, None]) -> None:
        mine: dict[Rule, None] = {}
        drop(term, mine)
        fired.update(mine)
        if contraction.SUM_ONES in mine:
            term.coefficient += 1

    monkeypatch.setattr(contraction, "_drop_ones", broken)
    assert "sum of ones" in first_failure(tc.parse("f = 1[i]*1[i]*x[j]*x[j]").derive("f", "x")).rule


def test_a_missing_consumer(monkeypatch: pytest.MonkeyPatch) -> None:
    product_or_quotient = derivatives.product_or_quotient

    def broken(partial: Partial, scope: Any, fired: dict[Rule, None]) -> Expr | None:
        found = product_or_quotient(partial, scope, fired)
        return found.args[0] if found is not None and found.is_Add else found

    families = [broken if f is product_or_quotient else f for f in line.FAMILIES]
    monkeypatch.setattr(line, "FAMILIES", tuple(families))
    assert first_failure(tc.parse("f = x*exp(x)").derive("f", "x")).rule.startswith("product rule")


def tampered(derivation: Derivation, lemma: int, step: int, expression: Expr) -> Derivation:
    """The derivation with another expression in one line."""
    lemmas = list(derivation.lemmas)
    steps = list(lemmas[lemma].steps)
    steps[step] = Step(expression, steps[step].rules)
    lemmas[lemma] = dataclasses.replace(lemmas[lemma], steps=tuple(steps))
    return dataclasses.replace(derivation, lemmas=tuple(lemmas))


def lines() -> list[tuple[int, int]]:
    return [(k, n) for k, lemma in enumerate(cross_entropy().lemmas) for n in range(len(lemma.steps))]


@pytest.mark.parametrize(("lemma", "step"), lines())
def test_every_single_line_is_looked_at(lemma: int, step: int) -> None:
    derivation = cross_entropy()
    right = derivation.lemmas[lemma].steps[step].expression
    wrong = tampered(derivation, lemma, step, right * sympy.Rational(100001, 100000))
    report = check(wrong, seeds=(0,))
    assert [(i.lemma, i.step) for i in report.failures] == [(lemma, step)]
    assert report.failures[0].rule == derivation.lemmas[lemma].steps[step].rule


@pytest.mark.parametrize("kind", ["gradient", "vjp", "jacobian", "jvp", "hessian", "hvp"])
def test_a_wrong_result_is_caught_by_both_witnesses(kind: Any) -> None:
    derivation = tc.parse(CROSS_ENTROPY).derive("c", "x", kind)
    ((left, right),) = derivation.results
    report = check(dataclasses.replace(derivation, results=((left, right * 2),)), seeds=(0,))
    assert [item.witness for item in report.failures] == ["finite differences", "torch"]
    assert not failing(report, "steps")
    assert all(item.expression == right * 2 for item in report.failures)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("found", "expected", "error"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([1.0, 2.5], [1.0, 2.0], 0.25),
        ([0.1, 0.0], [0.0, 0.0], 0.1),
        ([NAN], [NAN], INF),
        ([INF], [INF], INF),
        ([-INF], [INF], INF),
        ([1.0], [NAN], INF),
        ([NAN], [1.0], INF),
        ([1.0], [1.0, 1.0], INF),
        ([], [], 0.0),
    ],
)
def test_difference(found: list[float], expected: list[float], error: float) -> None:
    assert difference(np.array(found), np.array(expected)) == error


def test_values_that_are_not_finite_never_agree() -> None:
    derivation = tc.parse("f = sum(i, log(x[i]))").derive("f", "x")
    environment = sample(derivation.system, (Adjoint(derivation.of[0]),), 0)
    assert environment is not None
    assert all(item.passed for item in check_steps(derivation, environment))
    x = derivation.wrt[0]
    beyond = environment.with_value(x, -environment.value(x), direct=False)
    wrong = [item for item in check_steps(derivation, beyond) if not item.passed]
    assert wrong[0].error == INF
    assert derivation.lemmas[0].kind == "definition"
    assert wrong[0].lemma == 0


@pytest.mark.parametrize("text", ["f = x^(1/2)", "f = x^p", "f = log(x)", "f = log1p(x - 1)", "f = asin(x - 2)"])
def test_no_number_has_no_derivative(text: str) -> None:
    system = tc.parse(text)
    x, f = (system.tensors[name] for name in "xf")
    values = {t: np.array(0.5) for t in system.inputs} | {x: np.array(-1.3)}
    slope = evaluate(Partial(Component(f), Component(x)), Environment(system.by_tensor, values, {}), ())
    assert not np.abs(slope) < 1e9


def test_a_mask_that_adds_a_large_number_is_checked() -> None:
    text = "z[t,u] = q[t,d]*k[u,d] - 1e9*(1 - M[t,u]); a[t,u] = exp(z[t,u])/(1[w]*exp(z[t,w]))"
    report = check(tc.parse(text).derive("a", ["q"], "vjp"), seeds=(0,))
    assert report.passed
    assert report.witnesses == ("steps", "finite differences", "torch")


def test_rounding_of_large_numbers_beside_kinks_is_no_error() -> None:
    """At the step that is right beside kinks the stencil would lose a million times its rounding."""
    system = tc.parse("q[i] = amax(j, 1[i]*x[j]^2 + 1e6*Y[i,j]); c = sum(i, abs(q[i]))")
    derived = system.derive("c", "x")
    assert check(derived, seeds=(0, 1, 2)).passed
    ((left, right),) = derived.results
    wrong = dataclasses.replace(derived, results=((left, 2 * right),))
    assert failing(check(wrong, seeds=(0,)), "finite differences")


def test_nothing_can_be_checked() -> None:
    report = check(tc.parse("f = log(-1 - sum(i, x[i]^2))").derive("f", "x"), seeds=(0, 1))
    assert not report.passed
    assert report.items == []
    assert report.worst == 0.0
    assert report.notes == [
        "seed 0: no random inputs found at which every definition is finite",
        "seed 1: no random inputs found at which every definition is finite",
        "nothing could be checked",
    ]


def test_without_torch_the_report_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else find(name))
    report = check(cross_entropy(), seeds=(0,))
    assert report.passed
    assert report.witnesses == ("steps", "finite differences")
    assert report.notes == ["PyTorch is not installed; it was not asked"]


def test_the_report_is_plain_data() -> None:
    report = check(cross_entropy(), seeds=(0,))
    report.items.append(Item("x", "rule", "steps", INF, False, 1, 2, S.One))
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert data["passed"] is False
    assert data["worst"] is None
    assert data["witnesses"] == ["steps", "finite differences", "torch"]
    assert data["items"][-1] == {
        "name": "x",
        "rule": "rule",
        "witness": "steps",
        "error": None,
        "passed": False,
        "lemma": 1,
        "step": 2,
    }
    assert len(data["items"]) == len(report.items)


def test_the_worst_of_all_seeds_counts() -> None:
    one, three = (check(cross_entropy(), seeds=s) for s in ((0,), (0, 1, 2)))
    assert len(one.items) == len(three.items)
    assert all(a.error <= b.error for a, b in zip(one.items, three.items, strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_samples_have_distinct_sizes_and_labels_in_range(seed: int) -> None:
    system = tc.parse("y[n,k] = W[T[n],k]*x[n,i]*V[i,k] + 1[k]*x[n,6]; c = y[0,1] + delta(3,U)*z[U]")
    environment = sample(system, (Adjoint(system.tensors["y"]),), seed)
    assert environment is not None
    lengths = [environment.extent(d) for d in system.dimensions]
    assert len(set(lengths)) == len(lengths)
    for label in (t for t in system.inputs if t.is_label):
        assert label.label_dimension is not None
        assert np.all(environment.value(label) < environment.extent(label.label_dimension))
    assert environment.extent(system.tensors["x"].dimensions[1]) > 6
    assert environment.value(Adjoint(system.tensors["y"])).shape == environment.value(system.tensors["y"]).shape

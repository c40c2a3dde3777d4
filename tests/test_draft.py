"""Derivations by hand: the article's and the engine's own, line by line, and every refusal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy

import tensorcalc as tc
from tensorcalc.api import Derivation, Draft, System
from tensorcalc.expr import Delta, Exp, Partial

ARTICLE = "index i: N; sigma = 1[j]*exp(x[j]); s[i] = exp(x[i])/sigma; c = -log(s[T])"
SOFTMAX = "index i: N; s[i] = exp(x[i])/sum(j, exp(x[j])); c = -log(s[T])"
REPLAYED = [
    "cross_entropy",
    "gaussian_nll",
    "kl_divergence",
    "linear",
    "log_determinant",
    "logistic_regression",
    "matrix_factorisation",
    "multivariate_gaussian",
    "ppo_clip",
    "quadratic_form",
    "rms_norm",
    "sigmoid",
    "softmax",
    "softplus",
    "weight_norm",
]
STARTS = {"partial": "formula", "jacobian": "formula", "chain": "chain rule", "backpropagated": "upstream"}


def refused(code: str, *words: str) -> Any:
    """The block raises an error with this code and these words."""
    return pytest.raises(tc.TensorCalcError, match=rf"(?s)^error\[{code}\].*" + ".*".join(words))


def by_hand() -> Draft:
    """The derivation of the article, as an author takes it."""
    draft = tc.parse(ARTICLE).draft("sigma", wrt="x")
    draft.apply("linearity").apply("chain rule")
    draft.apply("derivative of exp", "derivative of a variable by itself").apply("contraction of a delta")
    draft.begin("s", wrt="x").apply("quotient rule")
    draft.apply("derivative of exp", "derivative of a variable by itself", "derivative of sigma from above")
    draft.apply("multiplying out", "definition of s")
    draft.begin("c", wrt="s").apply("linearity").apply("chain rule")
    draft.apply("derivative of a variable by itself", "derivative of log")
    draft.begin("c", wrt="x", by="chain rule").use().apply("contraction of a delta").apply("multiplying out")
    return draft.begin("c", wrt="x", by="upstream").use()


def test_the_article_by_hand_is_the_engines_derivation() -> None:
    found = by_hand().derivation()
    expected = tc.parse(ARTICLE).derive("c", "x", "vjp")
    assert isinstance(found, Derivation)
    assert found.lemmas == expected.lemmas
    assert (found.kind, found.of, found.wrt, found.results) == ("vjp", expected.of, expected.wrt, expected.results)
    assert found.text() == expected.text()
    assert found.latex() == expected.latex()
    assert found.check().passed
    x = np.array([0.1, 0.7, -0.4])
    np.testing.assert_array_equal(found.lambdify()(x=x, T=1, d_c=2.0), expected.lambdify()(x=x, T=1, d_c=2.0))


def replayed(system: System, expected: Derivation) -> Draft:
    """Every lemma begun as the engine begins it, and every step taken by the names of its rules."""
    draft: Draft | None = None
    for lemma in expected.lemmas:
        if lemma.kind not in STARTS:
            continue
        partial = isinstance(lemma.lhs, Partial)
        of = lemma.lhs.expression.tensor.name if partial else expected.of[0].name
        wrt = lemma.lhs.wrt.tensor.name if partial else lemma.lhs.tensor.of.name
        by: Any = STARTS[lemma.kind]
        draft = draft.begin(of, wrt, by) if draft else system.draft(of, wrt, by)
        for step in lemma.steps[by != "formula" :]:
            names = [rule.name for rule in step.rules]
            draft = draft.use() if names[0].startswith("substituting") else draft.apply(*names)
            assert draft.line == step.expression
    assert draft is not None
    return draft


@pytest.mark.parametrize("name", REPLAYED)
def test_the_engines_steps_can_be_taken_by_name(name: str) -> None:
    system = tc.load(name)
    expected = system.derive_all()[0]
    assert replayed(system, expected).derivation().lemmas == expected.lemmas


def test_rules_and_places() -> None:
    draft = tc.parse(SOFTMAX).draft("s", wrt="x")
    assert draft.rules() == {"quotient rule": 1}
    draft.apply("quotient rule").apply("linearity")
    assert draft.rules()["derivative of exp"] == 2
    first, second = draft.places("derivative of exp")
    assert (str(first), str(second)) == ("D(exp(x[i]), x[n])", "D(exp(x[j]), x[n])")
    assert draft.places("power rule") == ()
    draft.apply("derivative of exp", at=1)
    assert draft.rules()["derivative of exp"] == 1
    assert draft.places("derivative of exp") == (first,)
    (place,) = draft.places("contraction of a delta")
    assert place.atoms(Delta) == draft.line.atoms(Delta)


def test_one_place_leaves_the_others() -> None:
    draft = tc.parse("y[k] = A[k,i]*x[i] + B[k,j]*x[j]").draft("y", wrt="x")
    draft.apply("linearity").apply("derivative of a variable by itself")
    assert len(draft.places("contraction of a delta")) == 2
    once = draft.apply("contraction of a delta", at=0).line
    assert len(once.atoms(Delta)) == 1
    assert draft.apply("contraction of a delta", at=0).line == draft.undo().undo().apply("contraction of a delta").line


def test_definitions_are_folded_and_written_out() -> None:
    draft = tc.parse(SOFTMAX).draft("c", wrt="s")
    draft.apply("linearity").apply("derivative of log")
    folded = draft.line
    draft.unfold("s")
    assert draft.line != folded
    assert draft.line.has(Exp)
    assert draft.apply("definition of s").line == folded
    steps = draft.derivation().steps
    assert [s.rule for s in steps[-2:]] == ["definition of s", "definition of s"]


def test_a_definition_is_written_out_at_one_place() -> None:
    draft = tc.parse("y[i] = u[i]*u[i]*v[i]; u[i] = x[i]^2; v[i] = u[i] + b[i]; z[i] = u[i]*v[i]").draft("z", wrt="b")
    draft.apply("linearity")
    assert len(draft.unfold("v", at=0).line.atoms(Partial)) == 1
    with refused("E_STEP", "definition of u applies at one place, numbered from 0; 3 is none of them"):
        draft.unfold("u", at=3)


def test_nothing_is_written_out_under_a_derivative_that_holds_it_fixed() -> None:
    draft = tc.parse("u = x^2; c = u*log(u + v); v = u^3").draft("c", wrt="u")
    with refused("E_STEP", "v does not stand"):
        draft.unfold("v")


def test_equations_of_the_authors_own() -> None:
    """As text and as SymPy expressions, of letters of the line, and of letters that stand for any index."""
    draft = tc.parse("index i: N; h[i] = tanh(x[i]); y[i] = h[i]^3*exp(x[i])*b").draft("h", wrt="x")
    draft.apply("derivative of tanh")
    draft.replace("tanh(x[k])", "(exp(x[k]) - exp(-x[k]))/(exp(x[k]) + exp(-x[k]))", because="definition of tanh")
    assert not draft.line.has(sympy.tanh)
    i, n = tc.indices("i n")
    x = tc.tensor("x")
    draft.undo().replace(1 - sympy.tanh(x[i]) ** 2, 1 / sympy.cosh(x[i]) ** 2, because="cosh² − sinh² = 1")
    draft.replace(
        tc.delta(i, n) / sympy.cosh(x[i]) ** 2, "delta(i,n)/cosh(x[n])^2", because="δ makes both indices equal"
    )
    draft.replace(draft.line, "delta(i,n)/cosh(x[n])/cosh(x[i])", because="δ once more")
    found = draft.derivation()
    assert [s.rule for s in found.steps][-3:] == ["cosh² − sinh² = 1", "δ makes both indices equal", "δ once more"]
    assert found.check().passed


def test_an_equation_holds_for_every_index_that_its_letters_can_be() -> None:
    """Also for indices of sums, in functions, and beside other factors."""
    draft = tc.parse("index i: N; c = sum(i, log(a*b[i])*exp(a + b[i]))").draft("c", wrt="a")
    draft.replace("exp(a + b[k])", "exp(a)*exp(b[k])", because="e^{u + v} = e^u e^v")
    draft.replace("log(a*b[k])", "log(a) + log(b[k])", because="log(u v) = log u + log v")
    draft.apply("product rule").apply("linearity").apply("derivative of exp", "derivative of log")
    found = draft.derivation()
    assert {"e^{u + v} = e^u e^v", "log(u v) = log u + log v"} <= {step.rule for step in found.steps}
    assert found.check().passed


def test_an_equation_does_not_touch_the_variable_of_a_derivative() -> None:
    draft = tc.parse("index i: N; y[i] = x[i]^2; c = sum(i, y[i]*x[i])").draft("c", wrt="x", by="chain rule")
    (variable,) = {p.wrt for p in draft.line.atoms(Partial) if p.wrt.tensor.name == "x"}
    with refused("E_STEP", "x_n does not stand"):
        draft.replace(variable, 2 * variable, because="a mistake")


def test_a_false_equation_is_refused_with_a_counterexample() -> None:
    draft = tc.parse(ARTICLE).draft("s", wrt="x").apply("quotient rule")
    before = draft.text()
    draft.apply("derivative of exp")
    with refused(
        "E_FALSE", r"the step is false at i = \d, n = \d: ", " is ", ", but ", " is ", "hint: found with x = "
    ):
        draft.replace("delta(i,n)", "1[i]*1[n]", because="wishful thinking")
    assert draft.undo().text() == before


def test_equations_that_hold_only_in_part_are_refused() -> None:
    """√(x²) is |x| and not x, although it is at some points; log is not a number at others."""
    draft = tc.parse("y[i] = sqrt(x[i]^2)*b[i]").draft("y", wrt="b").apply("linearity")
    with refused("E_FALSE", "the step is false"):
        draft.replace("abs(x[i])", "x[i]", because="squares and roots cancel")


@pytest.mark.parametrize(
    ("before", "after", "code", "words"),
    [
        ("tanh(x[n])", "x[n]", "E_STEP", "tanh x_n does not stand in the line"),
        ("exp(y[n])", "x[n]", "E_UNKNOWN_NAME", "y is neither declared nor defined"),
        ("exp(x[n)", "x[n]", "E_SYNTAX", "expected"),
        ("exp(x[i])", "exp(x[i])", "E_STEP", "the step changes nothing"),
        ("exp(x[i])", "exp(x[q])", "E_DANGLING_INDEX", "the index q stands only on the right side"),
        ("exp(x[i,n])", "exp(x[i])", "E_ORDER", "x"),
    ],
)
def test_equations_that_cannot_be_used(before: str, after: str, code: str, words: str) -> None:
    draft = tc.parse(ARTICLE).draft("s", wrt="x").apply("quotient rule")
    with refused(code, words):
        draft.replace(before, after, because="a mistake")


def test_the_place_of_a_mistake_is_in_the_authors_text() -> None:
    draft = tc.parse(ARTICLE).draft("s", wrt="x")
    with pytest.raises(tc.TensorCalcError) as caught:
        draft.replace("exp(x[n)", "1", because="a mistake")
    assert (caught.value.line, caught.value.column) == (1, 8)
    assert caught.value.source is not None
    assert caught.value.source.text == "exp(x[n)"


def test_rules_that_do_not_exist_or_do_not_apply() -> None:
    draft = tc.parse(ARTICLE).draft("s", wrt="x")
    with refused("E_UNKNOWN_NAME", "there is no rule 'chain rul'", "did you mean 'chain rule'"):
        draft.apply("chain rul")
    with refused("E_STEP", "chain rule applies nowhere in", r"rules that apply, .*: quotient rule \(1\)"):
        draft.apply("chain rule")
    with refused("E_STEP", "contraction of a delta applies nowhere"):
        draft.apply("contraction of a delta", at=0)
    with refused("E_STEP", "quotient rule applies at one place, numbered from 0; 1 is none of them"):
        draft.apply("quotient rule", at=1)
    with refused("E_ARGUMENTS", "no rule is named"):
        draft.apply()
    with refused("E_UNKNOWN_NAME", "no rule 'definition of q'"):
        draft.places("definition of q")


def test_derivatives_that_are_known_are_used() -> None:
    system = tc.parse(ARTICLE)
    jacobian = system.derive("s", "x", "jacobian")
    draft = system.draft("c", wrt="x", by="chain rule")
    with refused("E_STEP", "none of the derivatives that were found stands"):
        draft.use()
    draft.use(jacobian).use(system.derive("c", "s", "jacobian").lemmas[-1])
    draft.apply("contraction of a delta").apply("multiplying out")
    found = draft.derivation()
    assert {lemma.lhs for lemma in jacobian.lemmas} & {lemma.lhs for lemma in found.lemmas}
    assert found.check().passed
    assert str(found.result) in ("s[n] - delta(T, n)", "-delta(T, n) + s[n]")
    with refused("E_STEP", "another system"):
        system.draft("c", wrt="x", by="chain rule").use(tc.parse(SOFTMAX).derive("s", "x", "jacobian"))


def test_undo() -> None:
    draft = tc.parse(ARTICLE).draft("sigma", wrt="x")
    with refused("E_STEP", "no step to undo"):
        draft.undo()
    before = draft.text()
    draft.apply("linearity")
    assert draft.undo().text() == before
    draft.apply("linearity").apply("derivative of exp").apply("contraction of a delta")
    lemma = draft.text()
    draft.begin("s", wrt="x")
    assert len(draft.lemmas) == 1
    assert draft.undo().text() == lemma
    assert draft.lemmas == ()


def test_unfinished_lemmas_are_refused() -> None:
    draft = tc.parse(ARTICLE).draft("s", wrt="x").apply("quotient rule")
    words = (r"the lemma is not finished: ∂e\^{x_i}/∂x_n is left in the line", "use")
    with refused("E_STEP", *words):
        draft.derivation()
    with refused("E_STEP", *words):
        draft.begin("c", wrt="s")


@pytest.mark.parametrize(
    ("of", "wrt", "by", "code", "words"),
    [
        ("q", "x", "formula", "E_UNKNOWN_NAME", "q is not defined here"),
        ("sigm", "x", "formula", "E_UNKNOWN_NAME", "did you mean 'sigma'"),
        ("x", "x", "formula", "E_UNKNOWN_NAME", "x is not defined here"),
        ("s", "y", "formula", "E_UNKNOWN_NAME", "y does not occur here"),
        ("c", "T", "formula", "E_KIND", "T is a label"),
        ("c", "x", "magic", "E_OPTION", "formula, chain rule, upstream"),
    ],
)
def test_questions_that_have_no_answer(of: str, wrt: str, by: Any, code: str, words: str) -> None:
    with refused(code, words):
        tc.parse(ARTICLE).draft(of, wrt, by)


def test_a_draft_prints_as_its_lines_so_far() -> None:
    draft = tc.parse(ARTICLE).draft("s", wrt="x")
    assert str(draft).splitlines()[-1] == "∂s_i/∂x_n = ∂/∂x_n (e^{x_i}/σ)  (definition of s)"
    assert repr(draft) == str(draft) == draft.text()
    draft.apply("quotient rule")
    assert draft.text().splitlines()[-1].endswith("(quotient rule)")
    assert "definition of s" not in draft.text()
    assert draft._repr_latex_().startswith("$$\n\\begin{aligned}")
    assert r"\text{(quotient rule)}" in draft._repr_latex_()


def test_matrices_and_facts_by_hand() -> None:
    """The rules of inverses, of declared facts, and of sums that are proved on the way, have names like all others."""
    draft = tc.parse("index i: N; c = a[i]*inv(X)[i,j]*a[j]").draft("c", wrt="X")
    draft.apply("linearity").apply("derivative of the inverse").apply("derivative of a variable by itself")
    found = draft.apply("contraction of a delta").derivation()
    assert found.check().passed
    system = tc.parse("c = b[i]*y[i]*y[i]; assume y[i]^2 = 1")
    draft = system.draft("c", wrt="b").apply("linearity").apply("derivative of a variable by itself")
    found = draft.apply("contraction of a delta").apply("assumption").derivation()
    assert found.check().passed
    draft = tc.parse(f"{SOFTMAX}; d = a*s[i]*1[i]").draft("d", wrt="a").apply("linearity")
    found = (
        draft.apply("derivative of a variable by itself", "dropping a one-tensor")
        .apply("sum of s over i is 1")
        .derivation()
    )
    assert any(lemma.kind == "fact" for lemma in found.lemmas)
    assert str(found.result) == "1"

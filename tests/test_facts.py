"""Assumptions that the author declares, facts that are proved on the way, and points with kinks or without values."""

from __future__ import annotations

import numpy as np
import pytest

import tensorcalc as tc
from tensorcalc.check.kinks import kinks_at
from tensorcalc.check.sampling import sample

LAYER_NORM = """
m[b]     = 1/H * 1[h]*x[b,h]
mu[b,h]  = x[b,h] - 1[h]*m[b]
v[b]     = 1/H * 1[h]*mu[b,h]^2
sigma[b] = sqrt(v[b] + eps)
y[b,h]   = mu[b,h]/sigma[b]*gamma[h] + 1[b]*beta[h]
index b: B, h: H
"""


def rules(derivation: tc.Derivation) -> set[str]:
    return {rule.name for step in derivation.steps for rule in step.rules}


def test_a_symmetric_matrix_joins_both_halves_of_a_gradient() -> None:
    plain = tc.parse("c = x[i]*S[i,j]*x[j]").derive("c", "x")
    assumed = tc.parse("c = x[i]*S[i,j]*x[j]; assume S[i,j] = S[j,i]").derive("c", "x")
    assert str(plain.result) == "sum(j, (S[j, n] + S[n, j])*x[j])"
    assert str(assumed.result) == "2*sum(j, x[j]*S[j, n])"
    assert "S is symmetric" in rules(assumed)
    assert assumed.check().passed


def test_the_inverse_of_a_symmetric_matrix_is_symmetric() -> None:
    text = "u[i] = x[i] - m[i]; d = u[i]*inv(S)[i,j]*u[j]"
    found = tc.parse(f"assume S[i,j] = S[j,i]; {text}").derive("d", wrt="x", kind="gradient")
    assert found.check().passed
    assert "2 u_i S⁻¹_in" in found.text()
    assert "S⁻¹_in + S⁻¹_ni" in tc.parse(text).derive("d", wrt="x", kind="gradient").text()


def test_an_assumed_sum_shortens_the_gradient_of_soft_labels() -> None:
    text = "s[i] = exp(x[i])/(1[j]*exp(x[j])); c = -y[i]*log(s[i])"
    plain = tc.parse(text).derive("c", "x")
    assumed = tc.parse(text + "; assume sum(i, y[i]) = 1").derive("c", "x")
    assert str(assumed.result) == "s[n] - y[n]"
    assert "assumption" in rules(assumed)
    assert "assumption" not in rules(plain)
    assert assumed.check().passed


def test_without_the_assumption_nothing_is_assumed() -> None:
    derivation = tc.parse("c = sqrt(x^2)*y[n]^2*1[n]").derive("c", "x")
    assert "sign(x)" in str(derivation.result)
    assert "y[j]**2" in str(derivation.result)
    assert derivation.check().passed


def test_signs_as_labels_survive_into_the_hessian() -> None:
    text = "c = 1[n]*log(1 + exp(-y[n]*X[n,i]*w[i]))"
    hessian = tc.parse(text + "; assume y[n]^2 = 1").derive("c", "w", "hessian")
    assert "y[k]**2" not in str(hessian.result)
    assert hessian.check().passed


def test_an_assumption_about_the_variable_is_not_differentiated_twice() -> None:
    text = "c = S[i,j]*S[i,j]*S[i,i]; assume S[i,j] = S[j,i]"
    hessian = tc.parse(text).derive("c", "S", "hessian")
    assert hessian.check().passed


def test_points_satisfy_the_assumptions() -> None:
    system = tc.parse("c = 1[i]*y[i]*x[i]; assume sum(i, y[i]) = 1; assume x[i]^2 = 4")
    environment = sample(system, (), 0)
    assert environment is not None
    assert np.isclose(environment.value(system.tensors["y"]).sum(), 1)
    assert np.allclose(np.abs(environment.value(system.tensors["x"])), 2)


def test_the_mean_of_a_centred_tensor_is_proved_to_be_zero() -> None:
    derivation = tc.parse(LAYER_NORM).derive("y", ["gamma", "beta", "x"], "vjp")
    facts = [lemma for lemma in derivation.lemmas if lemma.kind == "fact"]
    assert [str(lemma.lhs) for lemma in facts] == ["sum(j, mu[b, j])"]
    assert facts[0].result == 0
    assert "sum of μ over h is 0" in rules(derivation)
    assert derivation.check().passed


def test_layer_normalisation_in_the_order_of_its_dependency_graph() -> None:
    derivation = tc.parse(LAYER_NORM).derive("y", ["gamma", "beta", "x"], "vjp")
    order = [lemma.lhs.tensor.of.name for lemma in derivation.lemmas if lemma.kind == "backpropagated"]
    assert order == ["gamma", "beta", "sigma", "v", "mu", "m", "x"]


def test_a_softmax_sums_to_one() -> None:
    derivation = tc.parse("s[i] = exp(x[i])/(1[j]*exp(x[j])); c = 1[i]*s[i]").derive("c", "x")
    assert derivation.result == 0
    assert derivation.check().passed


def test_show_prints_assumptions_that_read_back() -> None:
    system = tc.parse("c = x[i]*S[i,j]*x[j]; assume S[i,j] = S[j,i]; assume sum(i, x[i]) = 1")
    again = tc.parse(system.text())
    assert [(str(f.left), str(f.right)) for f in again.facts] == [(str(f.left), str(f.right)) for f in system.facts]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("c = x[i]*y[i]; assume y[i] = z[j]", "E_FREE_INDEX"),
        ("c = x[i]*y[i]; assume y[i]", "E_SYNTAX"),
        ("c = x[i]*y[i]; assume S[i,j] = 1[k]*S[j,i]", "E_FREE_INDEX"),
    ],
)
def test_wrong_assumptions(text: str, code: str) -> None:
    with pytest.raises(tc.TensorCalcError) as caught:
        tc.parse(text)
    assert caught.value.code == code


def test_a_value_that_is_not_finite_is_never_checked_as_right() -> None:
    report = tc.parse("u[i] = log(x[i]); c = sum(i, u[i])").derive("c", "x").check({"x": [1.0, -1.0, 2.0]})
    assert not report.passed
    assert report.notes == ["u is not finite at these values: u[i] = log(x[i])"]


def test_a_singular_matrix_is_named() -> None:
    report = tc.parse("c = logdet(S)").derive("c", "S").check({"S": [[1.0, 2.0], [2.0, 4.0]]})
    assert not report.passed
    assert "the determinant of S is 0" in report.notes


def test_at_a_kink_the_convention_is_told_and_finite_differences_step_aside() -> None:
    report = tc.parse("c = sum(i, abs(x[i]))").derive("c", "x").check({"x": [0.0, 1.0, -1.0]})
    assert report.passed
    assert report.notes == ["c lies on a kink of abs; its derivative counts as 0 at 0"]
    assert "finite differences" not in report.witnesses
    assert "torch" in report.witnesses


@pytest.mark.parametrize(("values", "code"), [({"y": 1.0}, "E_UNKNOWN_NAME"), ({"x": [[1.0]]}, "E_SHAPE")])
def test_values_that_do_not_fit(values: dict[str, object], code: str) -> None:
    with pytest.raises(tc.TensorCalcError) as caught:
        tc.parse("c = sum(i, x[i]^2)").derive("c", "x").check(values)  # type: ignore[arg-type]
    assert caught.value.code == code


def test_kinks_inside_of_sums_are_found() -> None:
    system = tc.parse("c[b] = sum(i, max(x[b,i], y[i]))")
    environment = sample(system, (), 0)
    assert environment is not None
    assert kinks_at(environment) == []
    environment.assign({system.tensors["y"]: environment.value(system.tensors["x"])[0]})
    assert len(kinks_at(environment)) == 1


def test_notes_say_what_is_held_fixed_and_what_is_zero() -> None:
    system = tc.parse("u[i] = x[i]^2; c = sum(i, u[i]); tensor x[n], y[n]")
    by_definition = system.derive("c", "u")
    assert "u counts as a variable here" in by_definition.notes[0]
    assert by_definition.notes[0] in by_definition.text()
    zero = system.derive("c", "y")
    assert zero.notes == ("c does not depend on y: the derivative is zero",)
    assert np.array_equal(zero.lambdify("numpy")(x=[1.0, 2.0], y=[3.0, 4.0]), np.zeros(2))
    assert system.derive("c", "x").notes == ()


def test_a_shifted_index_keeps_the_range_of_its_sum() -> None:
    derivation = tc.parse("c = sum(t, x[t+2]*a + x[t]^2)").derive("c", "x")
    found = derivation.lambdify("numpy")(x=np.arange(1.0, 6.0), a=3.0)
    assert np.allclose(found, [2, 4, 9, 3, 3])
    assert derivation.check().passed

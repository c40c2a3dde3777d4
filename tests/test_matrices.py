"""The derivatives of the inverse and of determinants are derived, not only stated."""

from __future__ import annotations

import tensorcalc as tc


def lines(lemma: object) -> list[str]:
    return [str(step.expression) for step in lemma.steps]  # type: ignore[attr-defined]


def test_the_derivative_of_a_named_inverse_follows_from_its_product_with_the_matrix() -> None:
    d = tc.parse("Y[i,j] = inv(X)[i,j]").derive("Y", wrt="X", kind="jacobian")
    (lemma,) = [lemma for lemma in d.lemmas if lemma.kind == "jacobian"]
    assert [step.rule for step in lemma.steps] == [
        "introducing a delta",
        "definition of the inverse",
        "product rule",
        "definition of the inverse",
        "derivative of a constant",
        "derivative of a variable by itself",
        "contraction of a delta",
    ]
    assert str(d.result) == "-Y[i, p]*Y[q, j]"
    assert d.check().passed


def test_an_inverse_inside_a_formula_is_preceded_by_its_derivation() -> None:
    d = tc.parse("c = sum(i, j, d[i]*inv(S)[i,j]*d[j]) + logdet(S)").derive("c", wrt="S")
    facts = [lemma for lemma in d.lemmas if lemma.kind == "fact"]
    assert [str(lemma.lhs) for lemma in facts] == ["D(inv(S)[i, j], S[p, q])", "D(logdet(S), S[p, q])"]
    assert lines(facts[0])[-1] == "-inv(S)[i, p]*inv(S)[q, j]"
    first = next(k for k, lemma in enumerate(d.lemmas) if lemma.kind == "fact")
    assert d.lemmas[first + 2].kind == "jacobian"
    assert d.check().passed


def test_two_inverses_share_one_derivation() -> None:
    d = tc.parse("c = sum(i, j, inv(S)[i,j]*inv(R)[j,i])").derive("c", wrt=["S", "R"])
    assert len([lemma for lemma in d.lemmas if lemma.kind == "fact"]) == 1
    assert d.check().passed


def test_a_second_derivative_of_a_log_determinant_is_derived_and_checked() -> None:
    d = tc.parse("c = logdet(S)").derive("c", wrt="S", kind="hessian")
    assert str(d.result) in ("-inv(S)[q, r]*inv(S)[t, p]", "-inv(S)[q, t]*inv(S)[r, p]", "-inv(S)[q, r]*inv(S)[t, p]")
    assert d.check().passed

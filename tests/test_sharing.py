"""Layers of the same form share their derivation; where anything differs that matters, they do not."""

from __future__ import annotations

import pytest

import tensorcalc as tc
from tensorcalc.isomorphism import signature, translate


def layers(count: int) -> str:
    rows = []
    for k in range(1, count + 1):
        inner = f"a{k - 1}[b,i{k - 1}]"
        rows.append(f"z{k}[b,i{k}] = {inner}*W{k}[i{k},i{k - 1}] + 1[b]*c{k}[i{k}]")
        rows.append(f"a{k}[b,i{k}] = tanh(z{k}[b,i{k}])")
    rows.append(f"l = sum(b, i{count}, a{count}[b,i{count}]^2)")
    return "\n".join(rows)


def test_the_partial_derivatives_of_later_layers_refer_to_the_first_one_derived() -> None:
    d = tc.parse(layers(4)).derive("l", wrt="W1")
    shared = [lemma for lemma in d.lemmas if lemma.kind == "partial" and lemma.steps[0].rule.startswith("as for")]
    # ∂a4/∂z4 stands apart: the loss is a formula of a4 alone, which might have been folded in
    assert {lemma.steps[0].rule for lemma in shared} == {"as for ∂a3/∂z3", "as for ∂z4/∂a3"}
    assert all(len(lemma.steps) == 1 for lemma in shared)
    assert d.check().passed


def test_a_shared_derivation_is_right_in_every_layer() -> None:
    d = tc.parse(layers(3)).derive("l", wrt=["W1", "c1", "W2", "c2", "W3", "c3"])
    report = d.check()
    assert report.passed
    assert report.items


@pytest.mark.parametrize(
    "text",
    [
        # in the first layer the weights sum to one, in the second they do not
        "p[i] = exp(x[i])/sum(j, exp(x[j])); y[i] = p[i] - 1/N*1[i]*sum(j, p[j])\n"
        "q[i] = exp(y[i])/(1 + sum(j, exp(y[j]))); z[i] = q[i] - 1/N*1[i]*sum(j, q[j])\nindex i: N\n"
        "c = sum(i, z[i]^3)",
        # the root is named in one layer and written out in the other
        "r = sqrt(sum(i, x[i]^2)); u[i] = x[i]/r; c = sum(i, u[i]^3) + sum(i, y[i]^3)\n"
        "y[i] = u[i]/sqrt(sum(j, u[j]^2))",
        # the same formula over labels of different tensors
        "a = sum(n, x[n,S[n]]^2); b = sum(n, x[n,T[n]]^2); c = a*b",
        # a factor that occurs twice in one layer
        "a[i] = x[i]*y[i]*v[i]; b[i] = a[i]*a[i]*w[i]; c = sum(i, b[i])",
    ],
)
def test_layers_that_differ_are_not_confused(text: str) -> None:
    system = tc.parse(text)
    d = system.derive("c", wrt="x")
    assert d.check().passed
    assert system.derive("c", wrt="x", kind="hvp").check().passed


def test_an_assumption_about_one_layer_is_not_used_in_another() -> None:
    text = "tensor x[N], A[N,N], B[N,N], c, d, e\nindex i: N, j: N\nassume A[i,j] = A[j,i]\n"
    text += "c = sum(i, j, x[i]*A[i,j]*x[j]); d = sum(i, j, x[i]*B[i,j]*x[j]); e = c + d"
    result = str(tc.parse(text).derive("d", wrt="x").result)
    assert "B[j, n]" in result
    assert "B[n, j]" in result


def test_signatures_tell_structure_from_names() -> None:
    first, second, third = (
        tc.parse(text).definitions[0]
        for text in ("a[i] = sum(k, W[i,k]*x[k])", "b[m] = sum(n, V[m,n]*y[n])", "b[m] = sum(n, V[n,m]*y[n])")
    )
    one, two, three = (signature([d.lhs, d.rhs]) for d in (first, second, third))
    assert one.tokens == two.tokens
    assert one.tokens != three.tokens
    assert translate(first.rhs, dict(zip(one.atoms, two.atoms, strict=True))) == second.rhs

"""Systems built in Python are the systems of their equations."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

import tensorcalc as tc
from tensorcalc.functions import relu

i, j, n = tc.indices("i j n")
x, s, c, w, a = (tc.tensor(name) for name in "xscwa")
T = tc.label("T")


@pytest.mark.parametrize(
    ("built", "text"),
    [
        (
            {s[i]: sympy.exp(x[i]) / tc.sum(j, sympy.exp(x[j])), c: -sympy.log(s[T])},
            "s[i] = exp(x[i])/sum(j, exp(x[j])); c = -log(s[T])",
        ),
        ({c: tc.sum(n, w[T[n]] * x[n, T[n]])}, "c = sum(n, w[T[n]]*x[n,T[n]])"),
        ({s[i]: tc.delta(i, T) * 3 - sympy.Rational(1, 3) * x[i]}, "s[i] = 3*delta(i,T) - x[i]/3"),
        ({s[i, j]: x[i] * tc.one(j) + x[0] * tc.one(i, j)}, "s[i,j] = x[i]*1[j] + x[0]*1[i,j]"),
        ({c: tc.sum(i, j, x[i] * w[i, j] * x[j])}, "c = sum(i, j, x[i]*w[i,j]*x[j])"),
        ({s[i]: relu(x[i]) ** 2 + sympy.sqrt(a) * sympy.pi}, "s[i] = relu(x[i])^2 + sqrt(a)*pi"),
        ({s[i]: sympy.Max(x[i], 0) + abs(w[i])}, "s[i] = max(0, x[i]) + abs(w[i])"),
        ([(s[i], x[i] / a), (c, tc.sum(i, s[i] ** 2))], "s[i] = x[i]/a; c = sum(i, s[i]^2)"),
        ({s[n]: tc.sum(i, x[n + i] * w[i])}, "s[n] = sum(i, x[n+i]*w[i])"),
    ],
)
def test_same_definitions_as_from_text(built: object, text: str) -> None:
    system = tc.define(built)
    expected = tc.parse(text)
    assert [str(d.rhs) for d in system.definitions] == [str(d.rhs) for d in expected.definitions]
    assert {t.name: t.order for t in system.inputs} == {t.name: t.order for t in expected.inputs}


def test_the_definitions_are_equal_objects() -> None:
    built = tc.define({s[i]: sympy.exp(x[i]) / tc.sum(j, sympy.exp(x[j])), c: -sympy.log(s[T])})
    assert built.definitions == tc.parse("s[i] = exp(x[i])/sum(j, exp(x[j])); c = -log(s[T])").definitions


def test_derives_and_computes() -> None:
    system = tc.define({c: sympy.log(tc.sum(j, sympy.exp(x[j]))) - x[T]})
    found = system.derive("c", "x").lambdify("numpy")(x=[0.0, 0.0], T=1)
    assert np.allclose(found, [0.5, -0.5])


def test_a_lower_case_label() -> None:
    t = tc.label("t")
    system = tc.define({c: x[t]})
    assert system.tensors["t"].is_label


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: tc.define({c: x[i] * w[i]}), "E_DANGLING_INDEX"),
        (lambda: tc.define({sympy.Symbol("c"): x[0]}), "E_SYNTAX"),
        (lambda: tc.define({c: sympy.gamma(x[0])}), "E_UNKNOWN_NAME"),
        (lambda: tc.define({c: x[0] * sympy.oo}), "E_SYNTAX"),
        (lambda: tc.sum(x[i]), "E_ARGUMENTS"),
        (lambda: tc.indices("i J"), "E_NAME"),
        (lambda: tc.tensor("a b"), "E_NAME"),
    ],
)
def test_errors(make: object, code: str) -> None:
    with pytest.raises(tc.TensorCalcError) as caught:
        make()  # type: ignore[operator]
    assert caught.value.code == code

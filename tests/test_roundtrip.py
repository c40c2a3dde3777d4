"""What is printed means what was read: in plain notation exactly, in Einstein style by value."""

from __future__ import annotations

import numpy as np
import pytest

import tensorcalc as tc
from tensorcalc import library
from tensorcalc.check.sampling import sample
from tensorcalc.evaluator import Environment
from tensorcalc.render import Context, expression_plain
from tensorcalc.render.plain import Plain
from tensorcalc.render.walk import layout

SYSTEMS = (
    "m[b] = 1/H*1[h]*x[b,h]; index b: B, h: H; u[b,h] = x[b,h] - 1[h]*m[b]; v[b] = 1/H*1[h]*u[b,h]^2",
    "c = x[i]*A[i,j]*x[j]/sum(k, x[k]^2)",
    "c = sum(i, x[i])^2*sum(i, y[i]) + sum(i, x[i]*y[i])",
    "s[i] = x[i]*sum(j, exp(A[i,j])*sum(k, A[j,k]^2))^2/(1 + sum(j, x[j]))",
    "q[i] = x[i]*sum(l, 1[l]*A[i,l]); s[i,j] = q[i]*B[j,i]; r[j] = sum(l, B[l,j])",
    "t = A[i,i]; u = log(A[i,i]^2) + A[i,i]^2; v = sum(i, A[i,i]^2); w = sum(i, A[i,i])^2",
    "q = x[i]*A[i,i]; r = 1/A[i,i]",
    "c = (sum(i, x[i]) + 1)*(sum(i, x[i]^2) + 2)*sum(i, 1[i])",
    "y[i] = x[i] - 0.85*exp(x[i])*max(x[i], 0.5) + abs(x[i])^1.5 + 1e-12*sqrt(x[i]^2 + 3)",
    "y[t] = sum(k, x[t+k]*w[k]) + 1[t]*x[0]; index t: 5, k: 3",
    "y[i,j] = le(i,j)*A[i,j] + delta(i,j)*x[i]*1[j] - A[j,i]/(2*x[j]^2 + 1)",
    "l[n] = log(1[k]*exp(x[n,k])) - x[n,T[n]]; c = w[T[n]]*l[n]/(1[n]*w[T[n]])",
)
TEXTS = (*SYSTEMS, *(tc.load(name).text() for name in library.names()))


def einstein(system: tc.System) -> str:
    """The system in text notation with implied sums."""
    declarations = system.text().split("\n\n")[0]
    context = Context(system)
    printer = Plain()
    lines = [
        f"{expression_plain(d.lhs)} = {printer.text(layout(d.rhs, context.within([d.lhs])))}"
        for d in system.definitions
    ]
    return "\n".join([declarations, *lines])


@pytest.mark.parametrize("text", TEXTS)
def test_plain_notation_is_read_back_as_the_same_system(text: str) -> None:
    system = tc.parse(text)
    again = tc.parse(system.text())
    assert again.text() == system.text()
    assert again.inputs == system.inputs


@pytest.mark.parametrize("text", TEXTS)
def test_einstein_style_is_read_back_with_the_same_value(text: str) -> None:
    system = tc.parse(text)
    again = tc.parse(einstein(system))
    outputs = tuple(d.tensor for d in system.definitions)
    here = sample(system, (), 0)
    assert here is not None
    there = Environment(again.by_tensor, {t: here.values[t] for t in system.inputs}, here.sizes)
    for tensor in outputs:
        np.testing.assert_allclose(there.value(tensor), here.value(tensor), rtol=1e-12, err_msg=einstein(system))


def test_an_index_that_cancelled_is_printed_as_a_one_tensor() -> None:
    system = tc.parse("index i: I; z[i] = 1[i]*x[0] - 1[i]*x[0]")
    assert "z[i] = 1[i]*0" in system.text()
    assert tc.parse(system.text()).text() == system.text()

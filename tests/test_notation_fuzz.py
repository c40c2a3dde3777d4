"""The reader under random text: it answers, quickly, and only with its own errors; what is printed is read back."""

from __future__ import annotations

import gc
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Expr, S

from tensorcalc.errors import CODES, TensorCalcError
from tensorcalc.expr import Exp
from tensorcalc.notation import parse_text

SIGNS = r"+ - * / ^ ** ( ) [ ] , : = ; # . _ ' { \ × − 𝟏 δ Σ σ"
NAMES = "x y A T s i j k n N exp log sqrt max sum prod delta one le inv det index tensor label assume pi"
NUMBERS = "0 1 2 0.5 1e308 1e-300 99"
PHRASES = ("\n", " ", "x[i]", "A[i,j]", "c = ", "c[i] = ", "sum(i, ", "1[i]*")
WORDS = (*SIGNS.split(), *NAMES.split(), *NUMBERS.split(), *PHRASES)
soup = st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join)
glued = st.lists(st.sampled_from(WORDS), max_size=30).map("".join)
anything = st.text(max_size=60)


def answer(text: str) -> str:
    """The code of the error, or "read"; anything but `TensorCalcError` fails the test."""
    start = time.process_time()
    try:
        parse_text(text)
        code = "read"
    except TensorCalcError as error:
        assert error.code in CODES
        assert error.render()
        code = error.code
    assert time.process_time() - start < 10  # it must end; how fast is a matter of benchmarks
    return code


@settings(max_examples=300, deadline=None)
@given(st.one_of(soup, glued, anything))
def test_any_text_is_read_or_refused(text: str) -> None:
    answer(text)


@settings(max_examples=200, deadline=None)
@given(st.one_of(soup, glued))
def test_any_right_side_is_read_or_refused(text: str) -> None:
    answer(f"c[i] = {text}")
    answer(f"tensor x[n], A[n,n], y[n]; label T; c = {text}")


def scalars() -> st.SearchStrategy[str]:
    leaves = st.sampled_from(["u", "v", "2", "0.5", "pi", "x[0]", "x[T]", "sum(i, x[i])", "sum(i, y[i]*x[i])"])

    def deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        operator = st.sampled_from(["+", "-", "*", "/"])
        function = st.sampled_from(["exp", "tanh", "sigmoid", "relu", "softplus", "sin"])
        return st.one_of(
            st.tuples(inner, operator, inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
            st.tuples(function, inner).map(lambda t: f"{t[0]}({t[1]})"),
            st.tuples(inner, st.sampled_from(["2", "-1", "u"])).map(lambda t: f"({t[0]})^{t[1]}"),
            inner.map(lambda t: f"-{t}"),
            inner.map(lambda t: f"sum(j, y[j]*({t}))"),
        )

    return st.recursive(leaves, deeper, max_leaves=8)


def printed(expression: Expr) -> str:
    spelled = str(expression.xreplace({S.Exp1: Exp(S.One, evaluate=False)}))
    return spelled.replace("Abs(", "abs(").replace("maximum(", "max(").replace("minimum(", "min(")


@settings(max_examples=150, deadline=None)
@given(scalars())
def test_what_is_printed_is_read_back_as_the_same_expression(text: str) -> None:
    declared = "index i: N, j: N, k: N, l: N; label T: N; tensor x[N], y[N], u, v;"
    try:
        first = parse_text(f"{declared} c = {text}").definitions[0].rhs
    except TensorCalcError as error:
        assert error.code in ("E_NUMBER_TOO_BIG", "E_NOT_FINITE")
        return
    letters = ", ".join(f"{c}: N" for c in "abcdefghijklmopqr")
    again = parse_text(f"index {letters}; label T: N; tensor x[N], y[N], u, v; c = {printed(first)}").definitions[0].rhs
    assert again == first


CHAINS = {
    "scalars": lambda n: "\n".join(f"a{k + 1} = a{k}^2 + a{k}" for k in range(n)),
    "layers": lambda n: "\n".join(f"a{k + 1}[i] = tanh(W{k}[i,j]*a{k}[j]) + b{k}[i]" for k in range(n)),
    "declared": lambda n: "index i: N;" + "\n".join(f"a{k + 1}[i] = a{k}[i]/(1[j]*a{k}[j])" for k in range(n)),
    "open": lambda n: "\n".join(f"a{k} = 1[l]*1[l]*b{k}" for k in range(n)),
}


@pytest.mark.parametrize("kind", CHAINS)
def test_reading_takes_time_in_proportion_to_the_text(kind: str) -> None:
    def seconds(count: int) -> float:
        text = CHAINS[kind](count)
        gc.disable()  # its share depends on what other tests left behind
        try:
            start = time.process_time()
            assert len(parse_text(text).definitions) == count
            return time.process_time() - start
        finally:
            gc.enable()

    seconds(50)
    short, long = (min(seconds(n) for _ in range(3)) for n in (250, 1000))
    assert long < 4 * 3 * short
    assert long < 40  # a bound on runaway work only; figures are a matter of benchmarks

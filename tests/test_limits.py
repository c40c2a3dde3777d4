"""Hostile or hopeless input: it ends in an answer or in an error that says what is too large, never in a crash."""

from __future__ import annotations

import threading

import pytest

import tensorcalc as tc

LETTERS = "abcdefghijklmnopqrstuvw"


def nested(form: str, levels: int, innermost: str) -> str:
    text = innermost
    for _ in range(levels):
        text = form.replace("@", text)
    return text


def chain(length: int, step: str) -> str:
    lines = [f"a{k + 1} = {step.replace('@', f'a{k}')}" for k in range(length)]
    return "\n".join([*lines, f"c = a{length}"])


REFUSED = {
    "doubled": (f"c = sum(i, {nested('(@)*sin(@)', 12, 'x[i]')})", "E_TOO_LONG", "operations"),
    "long product": ("c = " + "*".join(f"tanh(w{k}*x)" for k in range(400)), "E_TOO_LONG", "operations"),
    "nested maxima": (f"c = sum(i, {nested('max(@, x[i]*2)', 60, 'x[i]')})", "E_TOO_LONG", "together"),
    "deep": (f"c = sum(i, {nested('tanh(x[i] + @)', 120, 'x[i]')})", "E_TOO_DEEP", "nested"),
    "tower": ("c = x*" + "^".join(["2"] * 6), "E_NUMBER_TOO_BIG", "too big"),
    "digits": ("c = x*" + "9" * 2000, "E_NUMBER_TOO_BIG", "digits"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_too_large_is_refused(name: str) -> None:
    text, code, words = REFUSED[name]
    with pytest.raises(tc.TensorCalcError) as caught:
        tc.parse(text).derive("c", wrt="x")
    assert caught.value.code == code
    assert words in str(caught.value)
    assert caught.value.hint


def test_a_deep_second_derivative_is_refused_without_a_crash() -> None:
    system = tc.parse(f"c = sum(i, {nested('exp(@)', 60, 'x[i]')})")
    with pytest.raises(tc.TensorCalcError, match="operations"):
        system.derive("c", wrt="x", kind="hessian")


@pytest.mark.parametrize(("order", "words"), [(11, ""), (14, "16,384 entries"), (24, "16,777,216"), (40, "limit is")])
def test_arrays_that_no_check_can_hold_are_refused(order: int, words: str) -> None:
    indices = ",".join([f"{c}{k}" for k in range(2) for c in LETTERS][:order])
    derivation = tc.parse(f"c = A[{indices}]*B[{indices}]").derive("c", wrt="A")
    if not words:
        assert derivation.check().passed
        return
    with pytest.raises(tc.TensorCalcError, match=words) as caught:
        derivation.check()
    assert caught.value.code == "E_TOO_LONG"


ANSWERED = {
    "interchangeable": "c = " + "*".join(f"A[{a},{b}]" for a in LETTERS[:5] for b in LETTERS[:5] if a < b),
    "product of sums": "c = " + "*".join(f"sum({a}, A[{a},{a}])" for a in LETTERS),
    "large exponents": "c = sum(i, (A[i,i] + 1)^500*(A[i,i] + 2)^500)",
    "tower of variables": "c = " + "^".join(["A"] * 30),
    "squared 200 times": chain(200, "@*@").replace("a0", "A"),
    "polynomials": chain(60, "@^2 + @").replace("a0", "A"),
    "equations in a circle": "assume A[i]*y[i] = z; assume z = A[i]*y[i]; c = A[i]*y[i]",
    "many brackets": "c = " + "(" * 90 + "A[i]*A[i]" + ")" * 90,
    "a long sum": "c = " + " + ".join(f"w{k}*A[i]*A[i]" for k in range(150)),
}


@pytest.mark.parametrize("name", ANSWERED)
def test_what_looks_hopeless_is_answered(name: str) -> None:
    derivation = tc.parse(ANSWERED[name]).derive("c", wrt="A")
    assert str(derivation)
    assert derivation.lambdify("numpy") is not None


def test_limits_can_be_widened_and_narrowed() -> None:
    text, _, _ = REFUSED["long product"]
    system = tc.parse(text)
    with tc.limits(line=500_000, lines=10_000_000) as chosen:
        assert chosen.line == 500_000
        with tc.limits(line=10), pytest.raises(tc.TensorCalcError, match="the limit is 10"):
            system.derive("c", wrt="x")
    with tc.limits(entries=4), pytest.raises(tc.TensorCalcError, match=r"tc.limits\(entries"):
        tc.parse("c = A[i,j]*B[i,j]").derive("c", wrt="A").check()


def test_seconds_bound_a_call() -> None:
    system = tc.parse("c = sum(i, " + " + ".join(f"{k}*x[i]^{k}" for k in range(2, 600)) + ")")
    with tc.limits(seconds=0.01), pytest.raises(tc.TensorCalcError, match=r"more than 0.01 seconds"):
        system.derive("c", wrt="x")
    assert system.derive("c", wrt="x").results  # the bound ends with the block


def test_limits_belong_to_the_thread_that_sets_them() -> None:
    found: list[object] = []

    def elsewhere() -> None:
        found.append(tc.parse("c = x[i]*y[i]").derive("c", wrt="x"))

    with tc.limits(line=0):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert found


def test_long_sums_are_compiled_in_pieces() -> None:
    derivation = tc.parse("c = " + " + ".join(f"w{k}*x" for k in range(1200))).derive("c", wrt="x")
    function = derivation.lambdify("numpy")
    assert max(map(len, function.source.splitlines()[-40:])) < 2_000
    weights = {f"w{k}": float(k) for k in range(1200)}
    assert function(x=2.0, **weights) == sum(range(1200))

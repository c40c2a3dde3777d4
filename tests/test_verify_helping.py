"""What the checker says about rows that are false, and the two witnesses of derivatives."""

from __future__ import annotations

import pytest

from tensorcalc.verify import numbers
from tensorcalc.verify.checker import Finding, Result, verify_document
from tensorcalc.verify.latex.tree import Node
from tensorcalc.verify.sources import read_document
from tensorcalc.verify.trying import tree_of


def verify(*rows: str) -> Result:
    text = "$$\n\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}\n$$\n"
    return verify_document(read_document(text, "article.md"))


def flagged(*rows: str) -> Finding:
    (finding,) = verify(*rows).flagged
    return finding


SOFTMAX = r"s_i = \frac{e^{x_i}}{\sum_j e^{x_j}}"
QUOTIENT = r"y_i = \frac{x_i}{1 + x_i^2}"
PRODUCT = "y_{ij} = a_{ik} x_{kj}"
CASES = {
    "sign": (
        (SOFTMAX, r"\frac{\partial s_i}{\partial x_n} = s_i \delta_{in} + s_i s_n"),
        ("the sign of the term s_i s_n is wrong", r"s_i \delta_{in} - s_i s_n", "quotient rule"),
    ),
    "missing term": (
        (SOFTMAX, r"\frac{\partial s_i}{\partial x_n} = s_i \delta_{in}"),
        ("the term with the derivative of the denominator is missing", "", "quotient rule"),
    ),
    "dropped delta": (
        (SOFTMAX, r"\frac{\partial s_i}{\partial x_n} = s_i - s_i s_n"),
        (r"\delta_{i n} is missing", r"s_i \delta_{i n} - s_i s_n", "derivative of a variable by itself"),
    ),
    "number": (
        (SOFTMAX, r"\frac{\partial s_i}{\partial x_n} = 2 s_i \delta_{in} - s_i s_n"),
        (r"the term 2 s_i \delta_{in} misses a factor 1/2", r"s_i \delta_{in} - s_i s_n", ""),
    ),
    "needless term": (
        (SOFTMAX, r"\frac{\partial s_i}{\partial x_n} = s_i \delta_{in} - s_i s_n + s_i"),
        ("the term s_i should not be there", r"s_i \delta_{in} - s_i s_n", ""),
    ),
    "inner derivative": (
        (r"y_i = \sin(3 x_i)", r"\frac{\partial y_i}{\partial x_n} = \cos(3 x_i) \delta_{in}"),
        ("the inner derivative is missing", r"3 \cos(3 x_i) \delta_{in}", "chain rule"),
    ),
    "derivative of a function": (
        (r"y_i = \tanh(a_{ij} x_j)", r"\frac{\partial y_i}{\partial x_n} = a_{in} (1 + \tanh^2(a_{ij} x_j))"),
        ("1 + tanh² is taken for 1 − tanh²", r"a_{in} (1 - \tanh^2(a_{ij} x_j))", "derivative of tanh"),
    ),
    "exponent": (
        ("y_i = x_i^3", r"\frac{\partial y_i}{\partial x_n} = 3 x_i^3 \delta_{in}"),
        ("the exponent of x_i should be 2", r"3 x_i^{2} \delta_{in}", "power rule"),
    ),
    "factor of the power rule": (
        ("y_i = x_i^3", r"\frac{\partial y_i}{\partial x_n} = x_i^2 \delta_{in}"),
        ("the exponent is missing as a factor", r"3 x_i^2 \delta_{in}", "power rule"),
    ),
    "one term of the product rule": (
        (r"y_i = x_i \sin(x_i)", r"\frac{\partial y_i}{\partial x_n} = \sin(x_i) \delta_{in}"),
        ("the term with the derivative of one factor is missing", "", "product rule"),
    ),
    "wrong index": (
        (PRODUCT, r"\frac{\partial y_{ij}}{\partial x_{pq}} = a_{iq} \delta_{jp}"),
        ("the indices p and q", r"a_{ip} \delta_{jq}", ""),
    ),
    "transposed pair": (
        (PRODUCT, r"\frac{\partial l}{\partial x_{pq}} = \frac{\partial l}{\partial y_{iq}} a_{pi}"),
        (r"the indices of a_{pi} are exchanged", r"\frac{\partial l}{\partial y_{iq}} a_{ip}", ""),
    ),
    "missing transpose": (
        ("Y = X A^T", r"\frac{\partial l}{\partial A} = \frac{\partial l}{\partial Y} X"),
        ("should be transposed", r"\left(\frac{\partial l}{\partial Y}\right)^T X", ""),
    ),
    "needless transpose": (
        ("Y = X A^T", r"\frac{\partial l}{\partial X} = \frac{\partial l}{\partial Y} A^T"),
        ("A should not be transposed", r"\frac{\partial l}{\partial Y} A", ""),
    ),
    "missing 1/N": (
        (r"v = \frac{1}{N} \sum_{n=1}^N x_n^2", r"\frac{\partial v}{\partial x_i} = 2 x_i"),
        ("misses a factor 1/N", r"\frac{2}{N} x_i", ""),
    ),
    "quotient not squared": (
        (QUOTIENT, r"\frac{\partial y_i}{\partial x_n} = \frac{(1 + x_i^2) - 2 x_i^2}{1 + x_i^2} \delta_{in}"),
        ("should be squared", r"\frac{(1 + x_i^2) - 2 x_i^2}{\left(1 + x_i^2\right)^2} \delta_{in}", "quotient rule"),
    ),
    "bracket multiplied out": (
        ("a = b (c - d)", "a = b c - d"),
        ("the term d misses a factor b", "b c - b d", "multiplying out"),
    ),
    "bracket removed": (
        ("a = b - (c - d)", "a = b - c - d"),
        ("the sign of the term d is wrong", "b - c + d", "removing brackets"),
    ),
    "delta contracted with the wrong index": (
        (PRODUCT, r"\frac{\partial y_{ij}}{\partial x_{pq}} = a_{ik} \delta_{kp} \delta_{jq}", r"= a_{ip} \delta_{jp}"),
        ("", "", ""),
    ),
    "partial for total": (
        ("u_i = x_i^2", r"c = \sum_i u_i x_i", r"\frac{\partial c}{\partial x_n} = u_n", r"\frac{d c}{d x_n} = u_n"),
        ("the way by u is missing, as in a partial derivative", "", "chain rule"),
    ),
    "way of the chain rule": (
        (
            "u_i = x_i^2",
            r"v_i = \sin(x_i)",
            r"c = \sum_i u_i v_i",
            r"\frac{\partial c}{\partial x_n} = \frac{\partial c}{\partial u_n} 2 x_n",
        ),
        ("the way by v is missing", "", "chain rule"),
    ),
    "label with an index of its own": (
        (
            r"c = -\log s_T",
            r"\frac{\partial c}{\partial s_n} = -\frac{1}{s_T} \delta_{T n}",
            r"\frac{\partial c}{\partial s_n} = -\frac{1}{s_T} \delta_{T_{n}}",
        ),
        (r"did you mean \delta_{T n}?", r"-\frac{1}{s_T} \delta_{T n}", ""),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_off_is_named(name: str) -> None:
    rows, (hint, correction, rule) = CASES[name]
    finding = flagged(*rows)
    assert finding.detail is not None
    diagnosis = finding.detail.diagnosis
    print("|", finding.hint, "|", diagnosis.correction)
    assert hint in finding.hint
    assert diagnosis.correction == correction or not correction
    assert rule in diagnosis.rule


@pytest.mark.parametrize(
    ("right", "hint", "correction"),
    [
        (
            r"3 \lambda w_i - x_i",
            r"the term 3 \lambda w_i misses a factor 2/3 and the sign of the term x_i is wrong",
            r"2 \lambda w_i + x_i",
        ),
        (
            r"-2 \lambda w_i + \frac{x_i}{3}",
            r"the sign of the term 2 \lambda w_i is wrong and the term \frac{x_i}{3} misses a factor 3",
            r"2 \lambda w_i + 3 \frac{x_i}{3}",
        ),
    ],
)
def test_two_slips_in_a_row_are_both_named(right: str, hint: str, correction: str) -> None:
    finding = flagged(r"L = \lambda \sum_i w_i^2 + \sum_i w_i x_i", rf"\frac{{\partial L}}{{\partial w_i}} = {right}")
    assert finding.hint == hint
    assert finding.correction == correction


@pytest.mark.parametrize("written", ["T_n", r"\tilde{t}_n"])
def test_a_name_that_stands_nowhere_else_is_asked_about(written: str) -> None:
    rows = (r"L = \sum_n (y_n - t_n)^2", rf"\frac{{\partial L}}{{\partial y_n}} = 2 (y_n - {written})")
    text = "\n\n".join(f"$$ {row} $$" for row in rows)
    finding = verify_document(read_document(text, "article.md")).findings[-1]
    assert finding.verdict == "not-checkable"
    assert finding.reason.endswith("stands in no other equation, and nothing defines it")
    assert finding.hint == "did you mean 2 (y_n - t_n)? With that it holds"


def test_nothing_is_said_that_numbers_do_not_confirm() -> None:
    finding = flagged("y_i = x_i^2", r"\frac{\partial y_i}{\partial x_n} = \sin(x_i) \delta_{in} + x_n")
    assert finding.hint == "no change of one sign, factor, index or name makes it hold: more than one term may be off"
    assert finding.detail is not None
    assert not finding.detail.diagnosis.correction


def test_a_formula_is_not_another_one_under_a_derivative() -> None:
    rows = (r"m = \frac{1}{N} \sum_{n=1}^N x_n", "u_i = x_i - m")
    assert not verify(*rows, r"\frac{\partial u_i}{\partial x_j} = \frac{\partial}{\partial x_j}(x_i - m)").flagged
    assert not verify(*rows, r"\frac{\partial u_i}{\partial x_j} = \frac{\partial}{\partial x_j} x_i").flagged
    assert verify(*rows, r"\frac{\partial u_i}{\partial x_j} = \frac{\partial}{\partial x_j}(x_i + m)").flagged


def test_finite_differences_contradict_a_wrong_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (r"y_i = \sin(x_i)", r"\frac{\partial y_i}{\partial x_n} = 2 \cos(x_i) \delta_{in}")
    assert verify(*rows).findings[-1].verdict == "false"
    right = numbers._derivative
    monkeypatch.setattr(numbers, "_derivative", lambda *given: numbers.multiply(numbers.constant(2), right(*given)))
    finding = verify(*rows).findings[-1]
    assert finding.verdict == "not-checkable"
    assert "finite differences" in finding.reason


HALF = {r"\frac12 (x + y)": "a", r"\frac12": "b", r"\tfrac{1}{2} x^{\frac12 }": "c", r"\frac1{12} x": "d"}


@pytest.mark.parametrize("text", HALF)
def test_a_fraction_takes_one_digit(text: str) -> None:
    assert isinstance(tree_of(text, {}), Node)
    assert not verify(f"{HALF[text]} = {text}", f"{HALF[text]} = {text.replace('frac12', 'frac{1}{2}')}").flagged

"""The checker: whole articles, what verdicts say, comments and profiles."""

from __future__ import annotations

import re
import time

import pytest

from tensorcalc.errors import TensorCalcError
from tensorcalc.verify.profile import from_toml
from verify_tools import RIGHT, SLIP, article, displayed, verdicts, verify


@pytest.mark.parametrize("name", RIGHT)
def test_right_articles_hold(name: str) -> None:
    result = verify(article(name))
    assert {f.verdict for f in result.findings} == {"holds"}, [f.to_dict() for f in result.findings]


def test_the_slip_is_found_and_named() -> None:
    result = verify(article(SLIP))
    assert len(result.findings) == 12
    (flagged,) = result.flagged
    line = article(SLIP).splitlines()[flagged.line - 1]
    assert r"\delta_{T_{n}}" in line
    assert flagged.column == line.index("=") + 1
    assert r"\delta_{T n}" in flagged.hint


def test_an_article_takes_less_than_three_seconds() -> None:
    text = "\n\n".join(re.sub(r"^#.*", "", article("rms_norm")) for _ in range(4))
    start = time.perf_counter()
    result = verify(text)
    assert len(result.findings) >= 60
    assert time.perf_counter() - start < 3


def test_false_has_a_counter_example_and_a_hint() -> None:
    result = verify(displayed("y_i = x_i x_i + a_i", r"\frac{\partial y_i}{\partial x_j} = -2 x_i \delta_{ij}"))
    (finding,) = result.flagged
    assert finding.verdict == "false"
    example = finding.to_dict()["counterexample"]
    assert isinstance(example, dict)
    assert example["left"] == -example["right"]
    assert "sign" in finding.hint


@pytest.mark.parametrize(
    ("right", "hint"),
    [
        ("3 s_i \\delta_{in} - 3 s_i s_n", "factor 1/3"),
        ("s_i \\delta_{in} + s_i s_n", "the sign of the term s_i s_n"),
        ("s_i \\delta_{in} - s_i s_n + s_i", "the term s_i should not be there"),
        ("2 s_i \\delta_{in} - s_i s_n", "misses a factor 1/2"),
    ],
)
def test_hints_name_the_term(right: str, hint: str) -> None:
    text = displayed(r"s_i = \frac{e^{x_i}}{\sum_j e^{x_j}}", rf"\frac{{\partial s_i}}{{\partial x_n}} = {right}")
    (finding,) = verify(text).flagged
    assert hint in finding.hint


@pytest.mark.parametrize(
    "rows",
    [
        (r"y_i = A_{ij} x_j", r"\frac{\partial y_i}{\partial x_n} = A_{ij}"),
        (r"s_i = x_i", r"\frac{\partial s_i}{\partial x_n} = \delta_{i_n} \delta_{i n}"),
        (r"Y = X A^T", r"X^T X = a^T a", r"y_{ij} = x_{ik} a_{jk}", r"a_{ij} = x"),
    ],
)
def test_ill_formed_is_not_false(rows: tuple[str, ...]) -> None:
    found = verdicts(displayed(*rows))
    assert "false" not in found
    assert found[-1] in ("ill-formed", "not-checkable")


@pytest.mark.parametrize(
    "rows",
    [
        (r"\frac{\partial z_i}{\partial x_j} = \frac{\partial z_i}{\partial y_k} \frac{\partial y_k}{\partial x_j}",),
        (r"y = \operatorname{E}[x]", r"2 y = \operatorname{E}[x] + \operatorname{E}[x]"),
        (r"y = x \pm 1",),
        (r"\frac{\partial L}{\partial w} = 3",),
    ],
)
def test_what_cannot_be_judged_is_not_called_true(rows: tuple[str, ...]) -> None:
    assert set(verdicts(displayed(*rows))) == {"not-checkable"}


def test_readings_of_derivatives() -> None:
    rows = [r"u_i = x_i^2", r"y_i = u_i x_i"]
    partial = verify(displayed(*rows, r"\frac{\partial y_i}{\partial x_n} = u_i \delta_{in}")).findings[-1]
    total = verify(displayed(*rows, r"\frac{\partial y_i}{\partial x_n} = 3 x_i^2 \delta_{in}")).findings[-1]
    assert (partial.verdict, total.verdict) == ("holds", "holds")
    assert partial.reading
    assert not total.reading


def test_chains_and_several_equals() -> None:
    text = displayed(r"a_i &= b_i + c_i = c_i + b_i", r"&= b_i", r"&= c_i \\ &\quad + b_i")
    assert verdicts(text) == ["holds", "holds", "false", "holds"]


def test_an_assumption_is_taken_as_given() -> None:
    text = "We assume that\n\n$$\n\\sum_k y_k = 1\n$$\n\n" + displayed(r"z = \sum_k y_k a", "z = a")
    assert verdicts(text) == ["not-checkable", "holds", "holds"]
    assert verdicts(displayed(r"z = \sum_k y_k a", "z = a"))[-1] == "false"


def test_comments_excuse_and_skip() -> None:
    false = "$$\nx_i x_i = 2 x_i x_i\n$$\n"
    assert verify(false).flagged
    assert not verify("<!-- tensorcalc: expect-false -->\n" + false).flagged
    assert verdicts("<!-- tensorcalc: ignore -->\n" + false) == []
    assert len(verify("<!-- tensorcalc: expect-false -->\n" + false + "\n" + false).flagged) == 1


def test_profiles() -> None:
    text = displayed(r"y_a = \sum_b M_{ab} x_b", r"\frac{\partial y_a}{\partial x_c} = M_{ac}")
    assert verdicts(text, profile='indices = ["a", "b", "c"]') == ["holds", "holds"]
    front = "---\ntitle: x\ntensorcalc:\n  labels: [t]\n---\n\n" + displayed("a_t = b_t b_t", "a_t = b_t^2")
    assert verdicts(front) == ["holds", "holds"]
    with pytest.raises(TensorCalcError, match="no entry 'nonsense'"):
        from_toml("nonsense = 1")

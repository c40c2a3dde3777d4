"""The checker: what it finds in articles of several notations, in mutants of them, and in what this project prints."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import tensorcalc as tc
from random_systems import systems
from tensorcalc import formats, library
from tensorcalc.api import load
from tensorcalc.cli import cli
from tensorcalc.errors import TensorCalcError
from tensorcalc.verify.checker import Result, verify_document
from tensorcalc.verify.profile import from_toml
from tensorcalc.verify.sources import read_document

ARTICLES = Path(__file__).parent / "fixtures" / "articles"
SLIP = "cross_entropy_slip"
RIGHT = sorted(path.stem for path in ARTICLES.glob("*.md") if path.stem != SLIP)


def article(name: str) -> str:
    return (ARTICLES / f"{name}.md").read_text(encoding="utf-8")


def verify(text: str, name: str = "article.md", profile: str = "") -> Result:
    return verify_document(read_document(text, name, profile=from_toml(profile) if profile else None))


def verdicts(text: str, name: str = "article.md", profile: str = "") -> list[str]:
    return [finding.verdict for finding in verify(text, name, profile).findings]


def displayed(*rows: str) -> str:
    return "$$\n\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}\n$$\n"


# whole articles


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


@pytest.mark.parametrize("name", library.names())
def test_our_own_articles_verify_without_a_flag(name: str) -> None:
    text = formats.written(load(name).derive_all(), "markdown", checked=False)
    result = verify(text)
    assert not result.flagged, [f.to_dict() for f in result.flagged]
    assert any(f.verdict == "holds" for f in result.findings)


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(systems(smooth=True))
def test_what_is_printed_of_random_systems_verifies(text: str) -> None:
    system = tc.parse(text)
    assume(any(not tensor.is_label for tensor in system.inputs))
    derivation = system.derive()
    result = verify(formats.written([derivation], "markdown", checked=False))
    assert not result.flagged, [f.to_dict() for f in result.flagged]


LAWS = {
    r"\partial(u v) = \partial u \ v + u \ \partial v": "holds",
    r"\partial(u v) = \partial u \ v - u \ \partial v": "not-checkable",
    r"\partial f(u) = \frac{\partial f(u)}{\partial u} \ \partial u": "holds",
    r"\partial f(u) = \partial u": "not-checkable",
    r"\partial u^{n} = n u^{n - 1} \ \partial u": "holds",
    r"\partial u^{n} = n u^{n} \ \partial u": "not-checkable",
    r"(\log u)' = 1/u": "holds",
    r"(e^u)' = u e^u": "not-checkable",
    r"\partial a = 0": "holds",
    r"\partial u = 0": "not-checkable",
    r"\delta_{i j} a_{i} = a_{j}": "holds",
    r"\partial \max(u, v)/\partial u = [u > v]": "holds",
}


@pytest.mark.parametrize("law", LAWS)
def test_laws_are_tried_with_tensors_of_their_own(law: str) -> None:
    """They say nothing of the article's tensors of the same names."""
    text = displayed("u_i = a_{ij} f_j", rf"&\text{{name of the law:}} && {law}", r"v = \partial u")
    assert verdicts(text) == ["holds", LAWS[law], "not-checkable"]


LENGTHS = {  # z = Σ_i s^2, which nothing but the length of the vector of ones tells
    r"\frac{\partial z}{\partial s} = 2 s \mathbf{1}_N^{\top} \mathbf{1}_N": "holds",
    r"\frac{\partial z}{\partial s} = 2 s \mathbf{1}_M^{\top} \mathbf{1}_M": "false",
    r"\frac{\partial z}{\partial s} = 2 s N": "holds",
}


@pytest.mark.parametrize("row", LENGTHS)
def test_vectors_of_ones_say_how_long_they_are(row: str) -> None:
    assert verdicts(displayed(r"z = \sum_{n=1}^{N} s^2", r"y_m = \sum_{m=1}^M A_{nm}", row))[2:] == [LENGTHS[row]]


def test_names_with_numbers_have_matrices() -> None:
    """z^{(1)}_{ij} are the entries of Z_1, z^{(2)}_i those of a bold z_2, and z_3 is a scalar."""
    definitions = (r"z^{(1)}_{i j} = x_i y_j", r"z^{(2)}_i = z^{(1)}_{i j} y_j", r"z_3 = z^{(2)}_0")
    right = (
        r"Z_1 = \mathbf{x} \mathbf{y}^{\top}",
        r"\mathbf{z}_2 = Z_1 \mathbf{y}",
        r"z_3 = \mathbf{e}_0^{\top} Z_1 \mathbf{y}",
    )
    assert verdicts(displayed(*definitions, *right)) == ["holds"] * 6
    assert verdicts(displayed(*definitions, r"Z_1 = \mathbf{x} \mathbf{x}^{\top}"))[3:] == ["ill-formed"]


# mutants and rewritings


def _mutants(side: str) -> list[str]:
    """The right side with one thing changed, such that its value changes."""
    found = [f"2 \\left({side}\\right)", f"-\\left({side}\\right)"]
    for match in re.finditer(r"(?<=[ )}]) ([+-]) ", side):
        found.append(side[: match.start(1)] + ("-" if match[1] == "+" else "+") + side[match.end(1) :])
    for match in re.finditer(r"\\frac\{1\}\{H\} |\\delta_\{[^{}]*\}", side):
        found.append(side[: match.start()] + " 1 " + side[match.end() :])
    for match in re.finditer(r"(?<![\w.{^-])([23])(?= |\})|(?<=\{)([23])(?=\}\{H)|(?<=\^\{)([23])(?=\})", side):
        found.append(side[: match.start()] + str(int(match[0]) + 1) + side[match.end() :])
    for match in re.finditer(r"(?<!delta)_\{(\w) (\w)\}", side):
        found.append(side[: match.start()] + f"_{{{match[2]} {match[1]}}}" + side[match.end() :])
    for match in re.finditer(r"(?<!1\})_\{(\w)( \w)?\}", side):
        found.append(side[: match.start(1)] + "z" + side[match.end(1) :])
    return found


MOST = 12  # equations of one article that are changed
PRINTED = ["layer_norm", "cross_entropy", "linear"]


@pytest.mark.parametrize("name", ["rms_norm", SLIP, *PRINTED])
def test_mutants_are_flagged(name: str) -> None:
    text = formats.written(load(name).derive_all(), "markdown", checked=False) if name in PRINTED else article(name)
    before = {(f.line, f.column) for f in verify(text).flagged}
    total = missed = 0
    findings = [f for f in verify(text).findings if f.detail is not None]
    zero = {f.detail.claim.chain for f in findings if f.latex.endswith("= 0")}
    for finding in findings[:MOST]:
        claim = finding.detail.claim
        if finding.verdict != "holds" or claim.defines or claim.redefines or claim.chain in zero:
            continue
        span = claim.right.span
        for mutant in _mutants(text[span.start : span.end]):
            changed = verify(text[: span.start] + mutant + text[span.end :])
            total += 1
            missed += not {(f.line, f.column) for f in changed.flagged} - before
    assert total > 12
    assert missed <= 0.01 * total


REWRITTEN = [
    (r"\frac{2}{H} x_{b h} \delta_{b p} \delta_{h q}", r"\delta_{q h} x_{b h} \frac{2}{H} \delta_{p b}"),
    (r"\frac{1}{2} \left(q_{b} + \epsilon\right)^{-0.5} \delta_{b p}", r"0.5 (\epsilon + q_b)^{-1/2} \delta_{bp}"),
    (r"\frac{1}{H} \mathbf{1}_{h} x_{b h}^{2}", r"\frac{1}{H} \sum_{k=1}^{H} x_{bk}^2"),
    (r"-\frac{\partial l}{\partial y_{p h}} \frac{x_{p h} \gamma_{h}}{r_{p}^{2}}",
     r"-\frac{\partial l}{\partial y_{p k}} \frac{\gamma_{k} x_{p k}}{r_{p} r_{p}}"),
    (r"-\frac{\partial l}{\partial y_{p h}} \frac{x_{p h} \gamma_{h}}{2 r_{p}^{3}}",
     r"-\tfrac12 \sum_{j} \partial l / \partial y_{p j} \, x_{p j} \gamma_{j} r_{p}^{-3}"),
    (r"\frac{\partial l}{\partial y_{b q}} \frac{x_{b q}}{r_{b}}",
     r"\sum_i \frac{\partial l}{\partial y_{i q}} x_{i q} / r_{i}"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), REWRITTEN)
def test_rewritings_are_not_flagged(old: str, new: str) -> None:
    text = article("rms_norm")
    assert old in text
    assert not verify(text.replace(old, new)).flagged


# verdicts


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


# sources


LATEX = r"""
\documentclass{article}
\newcommand{\pd}[2]{\frac{\partial #1}{\partial #2}}
\DeclareMathOperator{\relu}{relu}
\begin{document}
% $$ a = 2 a $$
\begin{equation} \label{eq:y}
y_i = \relu(x_i)
\end{equation}
\begin{align*}
\pd{y_i}{x_j} &= \mathbb{1}[x_i > 0] \delta_{ij} \\
\pd{y_i}{x_j} &= 2 \delta_{ij}
\end{align*}
\end{document}
"""


def test_latex_documents_with_macros() -> None:
    result = verify(LATEX, "article.tex")
    assert [f.verdict for f in result.findings] == ["holds", "holds", "false"]
    assert [f.line for f in result.findings] == [8, 11, 12]


def test_notebooks() -> None:
    cell = [
        "# Title\n",
        "$$\n",
        "y_i = x_i^2\n",
        "$$\n",
        "$$ \\frac{\\partial y_i}{\\partial x_j} = x_i \\delta_{ij} $$",
    ]
    book = {"cells": [{"cell_type": "code", "source": ["x = '$$'"]}, {"cell_type": "markdown", "source": cell}]}
    text = json.dumps(book, indent=1)
    result = verify(text, "book.ipynb")
    assert [f.verdict for f in result.findings] == ["holds", "false"]
    flagged = result.flagged[0]
    line = text.splitlines()[flagged.line - 1]
    assert line[flagged.column - 1] == "="
    assert "partial" in line


def test_formulas_in_code_are_left_alone() -> None:
    text = "`$$ a = 2 a $$`\n\n```python\n$$ a = 2 a $$\n```\n\n> $$\n> a = 2 a\n> $$\n\n```math\nb = 2 b\n```\n"
    result = verify(text)
    assert [f.line for f in result.findings] == [8, 12]


HOSTILE = {
    "braces": "$$ a = " + "{" * 9000 + "x" + "}" * 9000 + " $$",
    "fractions": "$$ a = " + r"\frac{1}{" * 3000 + "x" + "}" * 3000 + " $$",
    "brackets": "$$ a = " + "(" * 5000 + "x" + ")" * 5000 + " $$",
    "functions": "$$ a = " + r"\log " * 5000 + "x $$",
    "macros": r"\newcommand{\a}{\b\b\b\b\b\b\b\b\b}\newcommand{\b}{\c\c\c\c\c\c\c\c\c}\newcommand{\c}{\d\d\d\d\d\d\d\d}"
    r"\newcommand{\d}{\e\e\e\e\e\e\e\e}\newcommand{\e}{x x x x x x}" + "\n$$ y = \\a $$",
    "recursion": r"\newcommand{\a}{\a\a}" + "\n$$ y = \\a $$",
    "length": "$$ x = " + "x + " * 2_500_000 + "x $$",
    "openings": r"\[ " * 150_000,
    "dollars": "$ " * 250_000,
    "digits": "$$ y = " + "9" * 15_000 + " $$",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_is_refused_at_once(name: str) -> None:
    start = time.perf_counter()
    try:
        assert not verify(HOSTILE[name]).flagged
    except TensorCalcError as problem:
        assert problem.code == "E_TOO_LONG"
    assert time.perf_counter() - start < 2


EDITS = st.lists(st.tuples(st.integers(0, 4000), st.sampled_from(list("{}()[]_^&=|'T1 \\-"))), max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from([*RIGHT, SLIP]),
    st.lists(st.tuples(st.integers(0, 4000), st.sampled_from(list("{}()[]_^&=|'T1 \\-"))), max_size=6),
)
def test_broken_articles_end_in_verdicts(name: str, edits: list[tuple[int, str]]) -> None:
    text = article(name)
    for number, sign in edits:
        place = number % len(text)
        text = text[:place] + sign + text[place:]
    for finding in verify(text).findings:
        assert finding.verdict in ("holds", "false", "ill-formed", "not-checkable")
        assert finding.line <= text.count("\n") + 1


# systems from LaTeX


def test_parse_latex() -> None:
    system = tc.parse_latex(r"s_{i} = \frac{e^{x_{i}}}{\mathbf{1}_{j} e^{x_{j}}} \\ c = -\log s_{T}")
    expected = tc.parse("s[i] = exp(x[i])/sum(j, exp(x[j])); c = -log(s[T])")
    assert system.derive("c", "x").result == expected.derive("c", "x").result


def test_parse_latex_of_matrices() -> None:
    system = tc.parse_latex(r"\hat{y}_{i} = W_{ij} x_j + b_i \\ L = \| \hat{y} - t \|^2")
    assert system.derive("L", "W").check().failures == []


@pytest.mark.parametrize("text", [r"\frac{1}{2", "x + y", r"y = \operatorname{E}[x]"])
def test_parse_latex_refuses_with_the_place(text: str) -> None:
    with pytest.raises(TensorCalcError) as caught:
        tc.parse_latex(text)
    assert caught.value.hint or caught.value.span


# the command


def invoke(*arguments: str, text: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["verify", *arguments], input=text)
    return result.exit_code, result.output


def test_command_says_what_is_wrong_and_where() -> None:
    path = str(ARTICLES / f"{SLIP}.md")
    status, output = invoke(path)
    assert status == 1
    assert output.startswith("error[E_ILL_FORMED]")
    assert f"{path}:40:2" in output
    assert output.endswith("12 equations: 11 hold, 1 ill-formed\n")


def test_command_status() -> None:
    assert invoke(str(ARTICLES / "rms_norm.md"))[0] == 0
    assert invoke("-", text="$$ y = x \\pm 1 $$")[0] == 3
    assert invoke("missing.md")[0] == 2
    assert invoke("-", text="y_i = x_i x_i")[1] == "<stdin>: 1 equation: 1 hold\n"


def test_command_json() -> None:
    status, output = invoke("--json", str(ARTICLES / f"{SLIP}.md"))
    data = json.loads(output)
    assert status == 1
    assert {"file", "line", "column", "latex", "verdict", "reason"} <= set(data[0])
    assert [d["verdict"] for d in data].count("ill-formed") == 1


@pytest.mark.parametrize(
    ("form", "start"), [("github", "::error file="), ("sarif", "{"), ("markdown", "## "), ("html", "<!DOCTYPE html>")]
)
def test_command_formats(form: str, start: str) -> None:
    status, output = invoke("--format", form, str(ARTICLES / f"{SLIP}.md"))
    assert status == 1
    assert output.startswith(start)


def test_command_explains_and_proposes(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    text = displayed("y_i = A_{ij} x_j", r"\frac{\partial y_i}{\partial x_n} = -A_{in}")
    path.write_text(text)
    status, output = invoke("--explain", "--fix", str(path))
    assert status == 1
    assert "= A_in " in output
    assert path.read_text() == text
    assert r"+\frac{\partial y_i}{\partial x_n} = A_{in}" in (tmp_path / "a.md.fixes.diff").read_text()


def test_derive_from_latex() -> None:
    result = CliRunner().invoke(cli, ["derive", "--from", "latex", "-e", r"y = \sum_i x_i^2", "--detail", "result"])
    assert result.exit_code == 0
    assert "2 x" in result.output

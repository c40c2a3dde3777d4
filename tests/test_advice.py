"""What the engine adds to the checker: the steps between two lines, and patches that mend what is false."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from tensorcalc.advice import Explanation, explain, patch, propose
from tensorcalc.cli import cli
from tensorcalc.verify.checker import Result, verify_document
from tensorcalc.verify.sources import read_document

ARTICLES = Path(__file__).parent / "fixtures" / "articles"
BEGIN, END = "$$\n\\begin{aligned}\n", "\n\\end{aligned}\n$$\n"


def verify(text: str, name: str = "article.md") -> Result:
    return verify_document(read_document(text, name))


def explained(*rows: str) -> dict[int, Explanation]:
    return {e.finding.line: e for e in explain(verify(BEGIN + " \\\\\n".join(rows) + END))}


def rules(explanation: Explanation) -> list[str]:
    return [step.rule for step in explanation.lemma.steps]


SOFTMAX = (
    r"\sigma &= \mathbf{1}_j e^{x_j}",
    r"s_i &= \frac{e^{x_i}}{\sigma}",
    r"\frac{\partial \sigma}{\partial x_n} &= e^{x_n}",
    r"\frac{\partial s_i}{\partial x_n} &= s_i \delta_{in} - s_i s_n",
)


def test_the_gap_is_filled_with_the_engines_steps() -> None:
    found = explained(*SOFTMAX)
    assert rules(found[5]) == [
        "definition of σ",
        "linearity",
        "derivative of exp, derivative of a variable by itself",
        "contraction of a delta, dropping a one-tensor",
    ]
    assert rules(found[6])[0] == "definition of s"
    assert "quotient rule" in rules(found[6])
    assert "definition of s" in rules(found[6])[-1]


def test_a_gap_starts_at_the_line_before() -> None:
    rows = (r"y_i = A_{ij} x_j", r"\frac{\partial y_i}{\partial x_n} &= A_{ij} \frac{\partial x_j}{\partial x_n}")
    found = explained(*rows, r"&= A_{ij} \delta_{jn}", r"&= A_{in}")
    assert rules(found[5]) == ["derivative of a variable by itself"]
    assert rules(found[6]) == ["contraction of a delta"]
    assert found[6].text() == "    A_ij δ_jn\n  = A_in  (contraction of a delta)"


def test_derivatives_of_earlier_rows_are_put_in() -> None:
    rows = (
        r"u_i = x_i^2",
        r"c = \mathbf{1}_i u_i",
        r"\frac{\partial u_i}{\partial x_n} = 2 x_i \delta_{in}",
        r"\frac{\partial c}{\partial u_i} = \mathbf{1}_i",
        r"\frac{\partial c}{\partial x_n} &= \frac{\partial c}{\partial u_i} \frac{\partial u_i}{\partial x_n}",
        r"&= 2 x_n",
    )
    found = explained(*rows)
    assert rules(found[7]) == ["chain rule"]
    assert "substituting the derivatives from above" in rules(found[8])


def test_what_follows_where_a_row_is_false() -> None:
    (found,) = explained("y_i = x_i^3", r"\frac{\partial y_i}{\partial x_n} = x_i^2 \delta_{in}").values()
    assert rules(found)[0] == "definition of y"
    assert found.text().splitlines()[-1].split("  (")[0].strip() == "= 3 x_i² δ_in"


def test_explanations_in_every_form(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(BEGIN + " \\\\\n".join(SOFTMAX) + END, encoding="utf-8")
    runner = CliRunner()
    data = json.loads(runner.invoke(cli, ["verify", "--explain", "--json", str(path)]).output)
    steps = data[2]["explanation"]["steps"]
    assert set(steps[0]) == {"text", "latex", "rule"}
    assert steps[-1]["latex"] == "e^{x_{n}}"
    for form, mark in (("text", "step by step"), ("markdown", "Step by step:"), ("html", "<details>")):
        output = runner.invoke(cli, ["verify", "--explain", "--format", form, str(path)]).output
        assert mark in output
        assert "contraction of a delta" in output
    refused = runner.invoke(cli, ["verify", "--explain", "--format", "sarif", str(path)])
    assert refused.exit_code == 2


MUTANTS = [
    ("rms_norm", r"\frac{2}{H} x_{b q} \delta_{b p}", r"2 x_{b q} \delta_{b p}"),
    ("rms_norm", r"\frac{1}{2} \left(q_{b} + \epsilon", r"\left(q_{b} + \epsilon"),
    ("rms_norm", r"\frac{x_{b q}}{r_{b}}", r"\frac{x_{b q}}{r_{b}^2}"),
    ("softmax_sums", r"p_k (\delta_{kj} - p_j) \\", r"p_k (\delta_{kj} + p_j) \\"),
    ("softmax_sums", r"p_k (\delta_{kj} - p_j)", r"p_k (1 - p_j)"),
    ("mse", r"-\frac{2}{N}", r"\frac{2}{N}"),
    ("mse", r"= 2 X^T X", r"= 2 X X^T"),
    ("mse", r"2 X^T (X w - y)", r"X^T (X w - y)"),
    ("logistic", r"= \frac{1}{m} \sum_{i=1}^m", r"= \sum_{i=1}^m"),
    ("cross_entropy_slip", "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new"), MUTANTS)
def test_patched_articles_verify_without_a_flag(name: str, old: str, new: str) -> None:
    text = (ARTICLES / f"{name}.md").read_text(encoding="utf-8")
    assert old in text
    text = text.replace(old, new, 1)
    result = verify(text)
    assert result.flagged
    proposals = propose(result)
    assert len(proposals) == len(result.flagged)
    for proposal in sorted(proposals, key=lambda p: -p.start):
        text = proposal.applied(text)
    assert not verify(text).flagged


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_patch_can_be_applied(tmp_path: Path) -> None:
    name = "cross_entropy_slip.md"
    text = (ARTICLES / name).read_text(encoding="utf-8")
    (tmp_path / name).write_text(text, encoding="utf-8")
    result = verify(text, name)
    written = patch(result, propose(result))
    assert "did you mean" in written.partition("---")[0]
    (tmp_path / "fixes.diff").write_text(written, encoding="utf-8")
    command = ["git", "apply", "fixes.diff"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert not verify((tmp_path / name).read_text(encoding="utf-8")).flagged


def test_notebooks_are_mended_in_their_own_spelling() -> None:
    source = ["$$\n", "y_i = x_i^2\n", "$$\n", "$$ \\frac{\\partial y_i}{\\partial x_j} = x_i \\delta_{ij} $$"]
    text = json.dumps({"cells": [{"cell_type": "markdown", "source": source}]}, indent=1)
    (proposal,) = propose(verify(text, "book.ipynb"))
    mended = proposal.applied(text)
    json.loads(mended)
    assert not verify(mended, "book.ipynb").flagged


def test_quoted_formulas_keep_their_marks() -> None:
    text = "> $$\n> y_i = x_i^2\n> $$\n>\n> $$\n> \\frac{\\partial y_i}{\\partial x_j} =\n> x_i \\delta_{ij}\n> $$\n"
    (proposal,) = propose(verify(text))
    mended = proposal.applied(text)
    assert all(line.startswith(">") for line in mended.splitlines())
    assert re.search(r"2 ?x_i", mended)


SLIP = "$$ y_i = x_i^2 $$\n\n$$ \\pd{y_i}{x_j} = x_i \\delta_{ij} $$\n"
MACROS = "\\newcommand{\\pd}[2]{\\frac{\\partial #1}{\\partial #2}}\n\\DeclareMathOperator{\\relu}{relu}\n"


def test_reports_for_machines_have_the_correction(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(MACROS + SLIP, encoding="utf-8")
    output = CliRunner().invoke(cli, ["verify", "--format", "sarif", str(path)]).output
    (found,) = json.loads(output)["runs"][0]["results"]
    (change,) = found["fixes"][0]["artifactChanges"]
    (replacement,) = change["replacements"]
    region = replacement["deletedRegion"]
    line = path.read_text(encoding="utf-8").splitlines()[region["startLine"] - 1]
    assert line[region["startColumn"] - 1 : region["endColumn"] - 1] == r"x_i \delta_{ij}"
    assert replacement["insertedContent"]["text"] == r"2 x_i \delta_{ij}"
    assert "instead: 2 x_i" in CliRunner().invoke(cli, ["verify", "--format", "github", str(path)]).output


def test_the_page_knows_the_macros_of_an_article(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(MACROS + SLIP, encoding="utf-8")
    page = CliRunner().invoke(cli, ["verify", "--format", "html", str(path)]).output
    assert r"\def\pd#1#2{\frac{\partial #1}{\partial #2}}\pd{y_i}{x_j}" in page
    assert r"\def\relu" not in page

"""The checker and the files that articles are written in; hostile and broken ones."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tensorcalc.errors import TensorCalcError
from verify_tools import RIGHT, SLIP, article, verify

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

"""The checker from the command line, and systems from LaTeX."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import tensorcalc as tc
from tensorcalc.cli import cli
from tensorcalc.errors import TensorCalcError
from verify_tools import ARTICLES, SLIP, displayed

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

"""What the README shows is what happens."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from tensorcalc.cli import cli

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_first_screen_shows_real_output() -> None:
    first = blocks("text")[0]
    prompt, output = first.split("\n", 1)
    assert prompt.startswith("$ tensorcalc ")
    assert CliRunner().invoke(cli, shlex.split(prompt)[2:]).stdout == output


def test_two_commands() -> None:
    commands = blocks("sh")[0].splitlines()
    assert len(commands) == 2
    assert commands[0].endswith("tensorcalc derive cross_entropy")
    assert commands[1].endswith("pytest -n auto")


def test_command_line_examples_run() -> None:
    lines = [line for block in blocks("text")[1:] for line in block.splitlines() if line.startswith("tensorcalc ")]
    assert lines
    for line in lines:
        result = CliRunner().invoke(cli, shlex.split(line)[1:])
        assert result.exit_code == 0, result.output


def test_verify_example_shows_real_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "tests" / "fixtures" / "readme")
    (example,) = (block for block in blocks("text") if block.startswith("$ tensorcalc verify"))
    prompt, output = example.split("\n", 1)
    result = CliRunner().invoke(cli, shlex.split(prompt)[2:])
    assert (result.exit_code, result.stdout) == (1, output)


def test_notation_example_is_understood() -> None:
    text = next(block for block in blocks("text") if block.startswith("index "))
    result = CliRunner().invoke(cli, ["show", "-"], input=text)
    assert result.exit_code == 0, result.output


def test_python_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = blocks("python")[:2]
    exec(compile(first, "README.md", "exec"), {})
    shown = capsys.readouterr().out
    assert "True" in shown
    assert "def " in shown
    exec(compile(second, "README.md", "exec"), {})
    assert capsys.readouterr().out.strip() == re.search(r"print\(hessian.result\)  # (.*)", second).group(1)  # type: ignore[union-attr]


@pytest.mark.parametrize("word", [".matrix()", ".draft("])
def test_python_examples_print_what_they_say(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = (block for block in blocks("python") if word in block)
    exec(compile(example, "README.md", "exec"), {})
    said = re.findall(r"^print\(.*\)  # (.*)$", example, re.MULTILINE)
    assert len(said) > 1
    assert capsys.readouterr().out.splitlines() == said


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_kernel_example_runs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not any(shutil.which(name) for name in ("cc", "gcc", "clang")):
        pytest.skip("there is no C compiler")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (example,) = (block for block in blocks("python") if ".plan()" in block)
    exec(compile(example, "README.md", "exec"), {})
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "True"
    assert any(line.startswith("bytes read:") for line in shown)

"""The command line, in this process and as a command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tensorcalc import library
from tensorcalc.cli import cli

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = (
    *("attention", "cross_entropy", "cross_entropy_batch", "gaussian_nll", "kl_divergence", "label_smoothing"),
    *("layer_norm", "linear", "nll", "rms_norm", "softmax", "swiglu"),
)
SOFTMAX = "s[i] = exp(x[i])/sum(j, exp(x[j])); c = -log(s[T])"


def invoke(*arguments: str, text: str | bytes | None = None) -> Result:
    return CliRunner().invoke(cli, list(arguments), input=text)


def command(*arguments: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    """`python cli.py …` in a process of its own."""
    found: subprocess.CompletedProcess[bytes] = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *arguments], capture_output=True, check=False, **options
    )
    return found


def test_list_names_the_library() -> None:
    result = invoke("list")
    assert result.exit_code == 0
    losses = result.stdout.split("\nlosses\n")[1].split("\n\n")[0]
    assert re.search(r"^  cross_entropy +Softmax cross-entropy$", losses, re.MULTILINE)
    assert "softmax " not in losses
    entries = json.loads(invoke("list", "--json").stdout)
    assert sorted(entry["name"] for entry in entries) == library.names()
    assert {"name": "softmax", "title": "Softmax", "group": "softmax"} in entries


@pytest.mark.parametrize("name", library.names())
def test_show_can_be_read_again(name: str) -> None:
    shown = invoke("show", name)
    assert shown.exit_code == 0
    assert invoke("show", "-", text=shown.stdout).stdout == shown.stdout


@pytest.mark.parametrize("name", GOLDEN)
def test_library_derivations(golden: Callable[[str, str], None], name: str) -> None:
    result = invoke("derive", name)
    assert result.exit_code == 0, result.stderr
    golden(f"derive_{name}.txt", result.stdout)


@pytest.mark.parametrize("name", ["attention", "cross_entropy", "layer_norm"])
def test_check_passes(name: str) -> None:
    result = invoke("check", name)
    assert result.exit_code == 0, result.output
    assert "comparisons agree; worst error" in result.stdout
    assert "WRONG" not in result.stdout


def test_derive_formats(tmp_path: Path) -> None:
    assert invoke("derive", "nll", "--format", "latex").stdout.startswith("\\[\n\\begin{aligned}\n")
    data = json.loads(invoke("derive", "nll", "--json").stdout)
    assert data["results"][0]["rhs"]["plain"] == "-1/p[T]*delta(T, n)"
    target = tmp_path / "nll.txt"
    assert invoke("derive", "nll", "-o", str(target)).stdout == ""
    assert target.read_text(encoding="utf-8") == invoke("derive", "nll").stdout
    assert invoke("derive", "nll", "--detail", "result").stdout.count("\n") == 1
    assert "Σ_j" in invoke("derive", "softmax", "--style", "sigma").stdout


def test_derive_writes_articles(tmp_path: Path) -> None:
    markdown = invoke("derive", "nll", "--format", "markdown").stdout
    assert markdown.startswith("# Negative log-likelihood\n")
    assert "## Checks" in markdown
    assert "## Checks" not in invoke("derive", "nll", "--format", "markdown", "--no-check").stdout
    assert invoke("derive", "nll", "--format", "tex", "--no-check").stdout.startswith("\\documentclass")
    page = tmp_path / "nll.html"
    assert invoke("derive", "nll", "--format", "html", "--detail", "key", "-o", str(page)).stdout == ""
    assert 'value="key" checked' in page.read_text(encoding="utf-8")
    both = invoke("derive", "softmax", "--format", "markdown", "--no-check").stdout
    assert both.count("\n# ") == 0
    assert "The Jacobian of *s* with respect to *x* is:" in both


def test_latex_options() -> None:
    assert invoke("derive", "nll", "--format", "latex", "--number").stdout.startswith("\\begin{equation}\n")
    assert r"\tag{chain rule}" in invoke("derive", "nll", "--format", "latex", "--tag").stdout
    assert "gathered" in invoke("derive", "nll", "--format", "latex", "--environment", "gathered").stdout
    assert r"\bar{y}" in invoke("derive", "linear", "--format", "latex", "--adjoint", "bar").stdout
    assert "y\N{COMBINING MACRON}_" in invoke("derive", "linear", "--adjoint", "bar").stdout


def test_gallery(tmp_path: Path) -> None:
    result = invoke("gallery", str(tmp_path / "pages"), "nll")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"1 page: {tmp_path / 'pages' / 'index.html'}\n"
    assert (tmp_path / "pages" / "nll.html").exists()
    own = tmp_path / "own.toml"
    own.write_text('title = "Own"\nequations = "c = a["\n', encoding="utf-8")
    result = invoke("gallery", str(tmp_path / "pages"), str(own))
    assert result.exit_code == 2
    assert "own.toml:2:" in result.stderr
    result = invoke("gallery", str(tmp_path / "pages"), "nowhere")
    assert result.exit_code == 2
    assert "nowhere is neither in the library nor a file" in result.stderr


def test_sources(tmp_path: Path) -> None:
    expected = invoke("derive", "-e", SOFTMAX).stdout
    assert "∂c/∂x_n" in expected
    assert invoke("derive", "-", text=SOFTMAX).stdout == expected
    (tmp_path / "loss.txt").write_text(SOFTMAX, encoding="utf-8")
    assert invoke("derive", str(tmp_path / "loss.txt")).stdout == expected
    assert invoke("derive", "-e", SOFTMAX, "--of", "s", "--kind", "jacobian").exit_code == 0


def test_codegen_prints_a_program(tmp_path: Path) -> None:
    for target in ("numpy", "torch"):
        source = invoke("codegen", "cross_entropy", "--target", target).stdout
        compile(source, target, "exec")
        assert f"import {target}" in source


def test_check_as_data() -> None:
    data = json.loads(invoke("check", "nll", "--json").stdout)
    assert data["check"]["passed"] is True
    assert data["check"]["items"][0]["name"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show"], ["Usage:", "give either SOURCE or -e EQUATIONS"]),
        (["show", "nll", "-e", "c = 1"], ["give either SOURCE or -e EQUATIONS"]),
        (["fly"], ["No such command 'fly'"]),
        (["show", "cross_entrop"], ["error[E_FILE]", "hint: did you mean cross_entropy?"]),
        (["show", "nowhere/at/all.toml"], ["error[E_FILE]", "neither in the library nor a file"]),
        (["show", "."], ["error[E_FILE]: . is a folder"]),
        (["show", "a\0b"], ["error[E_FILE]"]),
        (["derive", "nll", "--of", "d"], ["error[E_UNKNOWN_NAME]"]),
        (["derive", "nll", "--wrt", "q"], ["error[E_UNKNOWN_NAME]"]),
        (["derive", "nll", "--kind", "slope"], ["error[E_KIND]", "gradient"]),
        (["derive", "nll", "-o", "/nowhere/x"], ["error[E_FILE]: /nowhere/x cannot be written"]),
        (["derive", "nll", "--tag"], ["--environment, --number and --tag belong to --format latex"]),
        (["derive", "nll", "--format", "html", "--number"], ["belong to --format latex"]),
        (
            ["derive", "nll", "--format", "latex", "--environment", "gathered", "--tag"],
            ["error[E_OPTION]", "hint: tags"],
        ),
        (["derive", "nll", "--format", "pdf"], ["Invalid value for '--format'"]),
        (["gallery", "/dev/null/x"], ["error[E_FILE]", "cannot be written"]),
        (["codegen", "nll", "--target", "fortran"], ["error[E_TARGET]"]),
        (["show", "-e", "c[i,j] = a[i,j] + b[i]"], ["error[E_FREE_INDEX]", "<command line>:1:19", "^^^^"]),
        (["show", "-e", ""], ["error["]),
    ],
)
def test_bad_input_exits_with_2_and_says_why(arguments: list[str], words: list[str]) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    for word in words:
        assert word in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'title = "x"\nequations = "c = a["\n', ["loss.toml:2:"]),
        (b'title = "x"\nequations = """\na[i] = b[i]\nc[i,j] = a[i] + d[j]\n"""\n', ["E_FREE_INDEX", "loss.toml:4:"]),
        (b'title = "x"\n', ["error[E_FILE]: the key equations is missing", "loss.toml:1:1"]),
        (b'equations = "c = x"\ntitel = "x"\n', ["unknown key titel", "loss.toml:2:1", "did you mean title?"]),
        (b'equations = "c = x"\n[[derive]]\nwith = "x"\n', ["unknown key with", "loss.toml:3:1"]),
        (b'equations = "c = x"\n[[derive]]\nwrt = 3\n', ["wrt is neither a name nor a list", "loss.toml:3:1"]),
        (b'equations = "c = x"\nderive = 3\n', ["derive is not an array of tables", "loss.toml:2:1"]),
        (b"equations = 3\n", ["equations is not a string", "loss.toml:1:1"]),
        (b'equations = "c = x"\ngroup = ["losses"]\n', ["group is not a string", "loss.toml:2:1"]),
        (b'equations = "c = x"\nnote = 3\n', ["note is not a string", "loss.toml:2:1"]),
        (b'equations = "c = x"\ntitle = \n', ["not valid TOML", "loss.toml:2:"]),
        (b'equations = """c = x\n', ["not valid TOML"]),
        (b'equations = "c = x"\ntitle = "\xff"\n', ["error[E_FILE]", "is not UTF-8: byte 0xFF in line 2"]),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path, content: bytes, words: list[str]) -> None:
    path = tmp_path / "loss.toml"
    path.write_bytes(content)
    result = invoke("show", str(path))
    assert result.exit_code == 2, result.output
    for word in words:
        assert word in result.stderr
    assert "Traceback" not in result.stderr


def test_standard_input_that_is_not_utf8() -> None:
    result = invoke("show", "-", text=b"c = \xff")
    assert result.exit_code == 2
    assert "<stdin> is not UTF-8: byte 0xFF in line 1" in result.stderr


def test_a_failed_check_exits_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorcalc import api  # noqa: PLC0415
    from tensorcalc.check import Item, Report  # noqa: PLC0415

    wrong = Report([Item("D(c, p[n])", "broken rule", "steps", float("inf"), False, 3, 0)])
    monkeypatch.setattr(api, "check", lambda derivation, values: wrong)
    result = invoke("check", "nll")
    assert result.exit_code == 1
    assert "WRONG  broken rule" in result.stdout
    assert json.loads(invoke("check", "nll", "--json").stdout)["check"]["items"][0]["error"] is None
    monkeypatch.setattr(api, "check", lambda derivation, values: Report(notes=["no random inputs found"]))
    result = invoke("check", "nll")
    assert result.exit_code == 3
    assert "nothing could be checked" in result.stdout


def test_an_internal_error_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorcalc import api  # noqa: PLC0415

    def broken(name: str) -> None:
        raise ZeroDivisionError("oh\x1b[31m no")

    monkeypatch.setattr(api, "load", broken)
    result = invoke("show", "nll")
    assert result.exit_code == 70
    assert "internal error: ZeroDivisionError: oh\\u{001B}[31m no" in result.stderr
    assert "report" in result.stderr
    assert "Traceback" not in result.stderr


def test_launcher_and_module_names() -> None:
    done = command("derive", "nll")
    assert done.returncode == 0
    assert done.stderr == b""
    assert done.stdout.decode() == invoke("derive", "nll").stdout


def test_help_imports_no_sympy() -> None:
    code = (
        "import sys\nfrom tensorcalc.cli import cli\nsys.argv = ['tensorcalc', '--help']\n"
        "try:\n    cli()\nexcept SystemExit as e:\n    assert e.code == 0\n"
        "heavy = {'sympy', 'numpy', 'rich', 'torch', 'jax'} & set(sys.modules)\nassert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr.decode()
    for word in (b"list", b"show", b"derive", b"codegen", b"check", b"gallery"):
        assert word in done.stdout


def test_import_costs_nothing() -> None:
    code = "import sys, tensorcalc\nassert not {'sympy', 'numpy', 'click', 'torch'} & set(sys.modules), sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0


def test_derive_imports_no_extra() -> None:
    code = (
        "import sys, tensorcalc as tc\ntc.load('cross_entropy').derive().text()\n"
        "assert not {'torch', 'jax'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0


def test_a_broken_pipe_is_quiet() -> None:
    with subprocess.Popen(
        [sys.executable, str(ROOT / "cli.py"), "derive", "cross_entropy"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_output_in_a_narrow_encoding_is_escaped() -> None:
    done = command("derive", "nll", env={**os.environ, "PYTHONIOENCODING": "latin-1"})
    assert done.returncode == 0
    assert b"\\u2202c/\\u2202y_i" in done.stdout


def test_completion_offers_the_library() -> None:
    environment = {
        **os.environ,
        "_CLI_PY_COMPLETE": "bash_complete",
        "COMP_WORDS": "cli.py derive cross",
        "COMP_CWORD": "2",
    }
    done = command(env=environment)
    assert b"plain,cross_entropy\n" in done.stdout

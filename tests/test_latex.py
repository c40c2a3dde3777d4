"""What is printed as LaTeX compiles with a real LaTeX, and renders in KaTeX with `strict`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import article
from tensorcalc import render
from test_render import FUNCTIONS_AND_NAMES, LAYER_NORM, NUMBERS_AND_FRACTIONS, SUMS

DOCUMENT = r"""\documentclass{article}
\usepackage{amsmath}
\begin{document}
%s
\end{document}
"""

KATEX = """
const katex = require("katex");
const warned = [];
console.warn = (...words) => warned.push(words.join(" "));
for (const formula of JSON.parse(require("fs").readFileSync(0, "utf8")))
  katex.renderToString(formula, {displayMode: true, strict: "error", throwOnError: true});
if (warned.length) throw new Error(warned.join("; "));
"""

CI = bool(os.environ.get("TENSORCALC_CI"))  # there, a missing tool is a failure
needs_latex = pytest.mark.skipif(not CI and shutil.which("pdflatex") is None, reason="LaTeX is not installed")
needs_katex = pytest.mark.skipif(
    not CI and (shutil.which("node") is None or not os.environ.get("KATEX_FOLDER")),
    reason="KATEX_FOLDER names no folder in which `npm install katex` was run",
)


def compile_latex(mathematics: str, folder: Path) -> str:
    """The log of a run of pdflatex on a minimal article."""
    (folder / "page.tex").write_text(DOCUMENT % mathematics, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    log = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, log[-3000:]
    return log


def check_katex(formulas: list[str]) -> None:
    """Render formulas, without delimiters, in KaTeX."""
    environment = {**os.environ, "NODE_PATH": str(Path(os.environ["KATEX_FOLDER"]) / "node_modules")}
    done = subprocess.run(
        ["node", "-e", KATEX], input=json.dumps(formulas), text=True, capture_output=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr[-3000:]


def displays(latex: str) -> list[str]:
    """The formulas of a rendered derivation."""
    return [part.split("\\]")[0] for part in latex.split("\\[\n")[1:]]


def formulas() -> list[str]:
    context = render.Context(LAYER_NORM, derivative_letters=("p", "q"))
    sigma = render.Context(LAYER_NORM, derivative_letters=("p", "q"), style="sigma")
    expressions = (*SUMS, *NUMBERS_AND_FRACTIONS, *FUNCTIONS_AND_NAMES)
    return [render.expression_latex(e, c) for e in expressions for c in (context, sigma)]


def awkward_rules() -> str:
    found = article.derivation()
    lemma = article.Lemma(
        found.lemmas[1].lhs,
        (
            article.Step(
                article.sigma, article.rule("∂x_j/∂x_n = δ_jn", "50 % of {a & b} #1 $ ~ ^ \\", "author’s – “σ”")
            ),
        ),
        "jacobian",
    )
    return render.latex(article.Derivation(found.system, "vjp", found.of, found.wrt, (lemma,), ()))


@needs_latex
@pytest.mark.parametrize("style", ["einstein", "sigma"])
def test_article_compiles(tmp_path: Path, style: render.Style) -> None:
    log = compile_latex(render.latex(article.derivation(), style), tmp_path)
    assert "Overfull" not in log


@needs_latex
def test_expressions_compile(tmp_path: Path) -> None:
    compile_latex("\n".join(f"\\[{f}\\]" for f in formulas()) + awkward_rules(), tmp_path)


@needs_katex
@pytest.mark.parametrize("style", ["einstein", "sigma"])
def test_article_renders_in_katex(style: render.Style) -> None:
    check_katex(displays(render.latex(article.derivation(), style)))


@needs_katex
def test_expressions_render_in_katex() -> None:
    check_katex([*formulas(), *displays(awkward_rules())])

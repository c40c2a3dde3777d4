"""The tools that pages are tried with: KaTeX under node, pdflatex, Chromium; and the articles of the library."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

import tensorcalc as tc
from tensorcalc import library, pages
from tensorcalc.api import Derivation
from tensorcalc.check import Item, Report

KATEX = Path(pages.__file__).parent / "assets" / "katex" / "katex.min.js"
TYPESET = """
const katex = require(process.argv[1]);
const wrong = [];
let name = "";
console.warn = (...words) => wrong.push(name + ": " + words.join(" "));
for (const [where, formula] of JSON.parse(require("fs").readFileSync(0, "utf8"))) {
  name = where;
  try {
    katex.renderToString(formula, {displayMode: true, strict: "error", throwOnError: true});
  } catch (error) {
    wrong.push(where + ": " + error.message + " in " + formula);
  }
}
console.log(JSON.stringify(wrong));
"""
DOCUMENT = "\\documentclass{article}\n\\usepackage{amsmath}\n\\begin{document}\n%s\n\\end{document}\n"
OVERFULL = re.compile(r"Overfull \\[hv]box \((\d+(?:\.\d*)?)pt too (?:wide|high)\)[^\n]*")
CHROMIUM = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update"),
    *("--disable-background-networking", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND"),
    *("--allow-file-access-from-files", "--virtual-time-budget=120000"),
)

CI = bool(os.environ.get("TENSORCALC_CI"))  # there, a missing tool is a failure
browser = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), "")
needs_latex = pytest.mark.skipif(not CI and shutil.which("pdflatex") is None, reason="LaTeX is not installed")
needs_node = pytest.mark.skipif(not CI and shutil.which("node") is None, reason="node is not installed")
needs_chromium = pytest.mark.skipif(not CI and not browser, reason="Chromium is not installed")


def report(derivation: Derivation) -> Report:
    """What a check finds, without its numbers, which differ from machine to machine."""
    witnesses = ("steps", "finite differences", "torch")
    return Report([Item(str(derivation.results[0][0]), "", name, 1e-13, True) for name in witnesses])


@cache
def derivations(name: str) -> tuple[Derivation, ...]:
    """What a library entry asks for."""
    return tuple(tc.load(name).derive_all())


@cache
def article(name: str) -> pages.Page:
    """The article of a library entry."""
    found = derivations(name)
    return pages.article(found, [report(d) for d in found])


def articles() -> dict[str, pages.Page]:
    """The articles of the whole library."""
    return {name: article(name) for name in library.names()}


def displays(markdown: str) -> list[str]:
    """The displayed formulas of a Markdown document."""
    return re.findall(r"^\$\$\n(.*?)\n\$\$$", markdown, re.MULTILINE | re.DOTALL)


def formulas(page: str) -> list[str]:
    """The formulas of an HTML page."""
    return [html.unescape(found) for found in re.findall(r'<span class="m[ a-z]*">(.*?)</span>', page, re.DOTALL)]


def typeset(found: list[tuple[str, str]]) -> list[str]:
    """What KaTeX, as it is shipped and with `strict`, says against formulas that have names."""
    done = subprocess.run(
        ["node", "-e", TYPESET, str(KATEX)], input=json.dumps(found), text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    wrong: list[str] = json.loads(done.stdout)
    return wrong


def compile_latex(document: str, folder: Path) -> str:
    """The log of a run of pdflatex, which must end without an error."""
    (folder / "page.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    log = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, log[-3000:]
    return (folder / "page.log").read_text(encoding="utf-8", errors="replace")


def overfull(log: str, limit: float = 20) -> list[str]:
    """The complaints of LaTeX about boxes that are more than `limit` points too large."""
    return [match[0] for match in OVERFULL.finditer(log) if float(match[1]) > limit]


def open_page(page: Path) -> str:
    """The document that Chromium makes of a page, with the network out of reach."""
    with tempfile.TemporaryDirectory() as profile:
        command = [browser, *CHROMIUM, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()]
        done = subprocess.run(command, capture_output=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return done.stdout.decode("utf-8")

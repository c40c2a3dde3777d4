"""Findings as an HTML page: every equation of the articles in the colour of its verdict."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from html import escape

from tensorcalc.verify.checker import Finding, Result
from tensorcalc.verify.explained import Explained, Explanations, steps_of
from tensorcalc.verify.reporting import NONE, summary

__all__ = ["body"]

_BRACES = r"(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*"
_MACRO = re.compile(
    r"\\(?:(?:re)?newcommand|providecommand)\*?\s*\{?\\(?P<name>[a-zA-Z]+)\}?\s*(?:\[(?P<count>\d)\])?\s*"
    rf"\{{(?P<body>{_BRACES})\}}"
    rf"|\\DeclareMathOperator\*?\s*\{{?\\(?P<operator>[a-zA-Z]+)\}}?\s*\{{(?P<text>{_BRACES})\}}"
)
_COMMAND = re.compile(r"\\([a-zA-Z]+)")
_STYLE = """<style>
.verdict { border-left: 0.35rem solid; padding: 0.1rem 1rem; margin: 0.9rem 0; border-radius: 3px; }
.verdict > .formula { overflow-x: auto; overflow-y: hidden; padding: 0.2rem 0; }
.verdict > .formula .katex-display, .verdict details .katex-display { text-align: left; margin: 0.4rem 0; }
.verdict > .formula .katex-display > .katex, .verdict details .katex-display > .katex { text-align: left; }
.holds { border-color: #2e8b57; } .false, .ill-formed { border-color: #c62828; background: var(--tint); }
.not-checkable { border-color: #9e9e9e; }
.verdict .note { color: var(--soft); font-size: 0.9rem; margin: 0.1rem 0 0.4rem; }
.verdict .word { font-weight: 600; } .holds .word { color: #2e8b57; }
.false .word, .ill-formed .word { color: #c62828; }
.verdict details { overflow-x: auto; font-size: 0.95rem; } .verdict summary { cursor: pointer; color: var(--soft); }
</style>"""


def body(results: Sequence[Result], formula: Callable[[str], str], explanations: Explanations = NONE) -> str:
    """The body of the page; `formula` shows LaTeX."""
    parts = [_STYLE]
    for result in results:
        macros = _macros(result.document.source.text)
        parts.append(f"<h1>{escape(result.document.source.name)}</h1>\n<p>{escape(_counts(result))}</p>")
        shown = partial(_with_macros, formula, macros)
        parts += [_row(f, shown, steps_of(f, explanations)) for f in result.findings]
    return "\n".join(parts)


def _counts(result: Result) -> str:
    return summary(result).removeprefix(f"{result.document.source.name}: ")


def _row(finding: Finding, formula: Callable[[str], str], steps: Explained | None) -> str:
    """One equation with its verdict, what would be right, and the steps that it leaves out."""
    verdict = finding.verdict.replace("not-", "not ")
    note = finding.reason + (f". {finding.hint[:1].upper()}{finding.hint[1:]}" if finding.hint else "")
    lines = [
        f'<div class="verdict {finding.verdict}" id="L{finding.line}C{finding.column}">',
        f'<div class="formula">{formula(_alone(finding.latex))}</div>',
        f'<p class="note">line {finding.line}: <span class="word">{verdict}</span>'
        f"{' (expected)' * finding.expected}{escape(f': {note}' if note else '')}</p>",
    ]
    if finding.correction:
        lines.append(f'<p class="note">instead:</p>\n<div class="formula">{formula(_alone(finding.correction))}</div>')
    if steps is not None:
        shown = steps.latex.replace("\\[\n", "").replace("\n\\]", "")
        lines.append(f"<details><summary>step by step</summary>\n{formula(shown)}\n</details>")
    return "\n".join([*lines, "</div>"])


def _alone(latex: str) -> str:
    """A row without the marks that align it with others."""
    return latex.replace("&", " ").replace("\\\\", " ").strip()


def _macros(text: str) -> dict[str, str]:
    """The macros of an article by name, as definitions that stand for themselves."""
    found: dict[str, str] = {}
    for match in _MACRO.finditer(text):
        name = match["name"] or match["operator"]
        body = match["body"] if match["name"] else rf"\operatorname{{{match['text']}}}"
        arguments = "".join(f"#{k + 1}" for k in range(int(match["count"] or 0)))
        found[name] = rf"\def\{name}{arguments}{{{body}}}"
    return found


def _with_macros(formula: Callable[[str], str], macros: Mapping[str, str], latex: str) -> str:
    """A formula with the definitions of the macros in it."""
    wanted: dict[str, str] = {}
    waiting = [latex]
    while waiting:
        for name in _COMMAND.findall(waiting.pop()):
            if name in macros and name not in wanted:
                wanted[name] = macros[name]
                waiting.append(macros[name])
    return formula("".join(wanted.values()) + latex)

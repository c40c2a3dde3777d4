"""Findings as an HTML page: every equation of the articles in the colour of its verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from tensorcalc.verify.checker import Result
from tensorcalc.verify.reporting import summary

__all__ = ["body"]

_STYLE = """<style>
.verdict { border-left: 0.4em solid; padding: 0.2em 1em; margin: 0.8em 0; overflow-x: auto; }
.holds { border-color: #2e8b57; } .false, .ill-formed { border-color: #c62828; }
.not-checkable { border-color: #9e9e9e; }
.verdict small { display: block; opacity: 0.8; }
</style>"""


def body(results: Sequence[Result], formula: Callable[[str], str]) -> str:
    """The body of the page; `formula` shows LaTeX."""
    parts = [_STYLE]
    for result in results:
        parts.append(f"<h1>{escape(result.document.source.name)}</h1>\n<p>{escape(summary(result))}</p>")
        for f in result.findings:
            note = ": ".join(x for x in (f.verdict, f.reason) if x) + (f". {f.hint}" if f.hint else "")
            parts.append(
                f'<div class="verdict {f.verdict}" id="L{f.line}C{f.column}">\n{formula(_alone(f.latex))}\n'
                f"<small>line {f.line}: {escape(note)}</small>\n</div>"
            )
    return "\n".join(parts)


def _alone(latex: str) -> str:
    """A row without the marks that align it with others."""
    return latex.replace("&", " ").replace("\\\\", " ").strip()

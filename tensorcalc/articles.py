"""Articles as files: read, judged, reported."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from tensorcalc.errors import TensorCalcError
from tensorcalc.library import decode
from tensorcalc.verify import page, reporting
from tensorcalc.verify.checker import Result, verify_document
from tensorcalc.verify.explained import Explanations
from tensorcalc.verify.problems import Problem
from tensorcalc.verify.profile import Profile, from_toml
from tensorcalc.verify.sources import MAX_NOTEBOOK, read_document
from tensorcalc.verify.writing import Written, write_system

__all__ = ["read", "report", "system_text", "verify"]


def verify(name: str, profile_file: str | None = None) -> Result:
    """Judge the equations of a file, or of standard input where the name is `-`.

    Raises `TensorCalcError` E_FILE, E_TOO_LONG or E_OPTION.
    """
    if name == "-":
        text = decode(sys.stdin.buffer.read(MAX_NOTEBOOK + 1), "<stdin>")
        return verify_document(read_document(text, "<stdin>", profile=_profile(profile_file)))
    return verify_document(read_document(read(name), name, profile=_profile(profile_file)))


def system_text(text: str, name: str) -> Written:
    """The definitions in a LaTeX text, or in an article, as equations in the text notation.

    Raises `TensorCalcError` E_UNSUPPORTED or E_SYNTAX with the place.
    """
    article = read_document(text, name)
    result = verify_document(article)
    try:
        written = write_system(result.article)
    except Problem as problem:
        raise TensorCalcError("E_UNSUPPORTED", problem.reason, problem.span, article.source) from None
    if not written.lines or not result.article.model.definitions:
        unread = next((f for f in result.findings if f.verdict in ("not-checkable", "ill-formed")), None)
        message = unread.reason if unread is not None else "there is no definition in this text"
        span = unread.span if unread is not None else None
        raise TensorCalcError("E_SYNTAX", message, span, article.source, hint="a definition is x_{i} = …")
    return written


def read(name: str) -> str:
    """The text of a file; E_FILE where it cannot be read."""
    try:
        with Path(name).open("rb") as file:
            return decode(file.read(MAX_NOTEBOOK + 1), name)
    except OSError as problem:
        raise TensorCalcError("E_FILE", f"{name} cannot be read: {problem.strerror or problem}") from None


def _profile(name: str | None) -> Profile | None:
    return None if name is None else from_toml(read(name), name)


def report(
    results: Sequence[Result], form: str, *, everything: bool = False, explanations: Explanations = reporting.NONE
) -> str:
    """The findings as `text`, `json`, `markdown`, `sarif`, `github` or `html`; `explanations` are shown with them."""
    if form == "json":
        return reporting.to_json(results, explanations)
    if form == "github":
        return reporting.github(results)
    if form == "sarif":
        return reporting.sarif(results, version("tensorcalc"))
    if form == "markdown":
        return reporting.markdown(results, explanations)
    if form == "html":
        from tensorcalc.pages.html import math
        from tensorcalc.pages.shell import document

        title = ", ".join(result.document.source.name for result in results)
        return document(title, page.body(results, lambda latex: math(latex, " display"), explanations))
    return "\n".join(reporting.text(result, everything, explanations) for result in results)

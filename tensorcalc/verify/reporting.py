"""Findings as text in the style of compilers, JSON, Markdown, SARIF, annotations for GitHub."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tensorcalc.errors import Source, Span, TensorCalcError, printable
from tensorcalc.verify.checker import Finding, Result
from tensorcalc.verify.explained import Explained, Explanations, steps_of

__all__ = ["github", "markdown", "message_of", "sarif", "summary", "text", "to_json"]

NONE: Explanations = {}
_CODES = {"false": "E_FALSE", "ill-formed": "E_ILL_FORMED"}
_WORDS = {"holds": "hold", "false": "false", "ill-formed": "ill-formed", "not-checkable": "not checkable"}


def to_json(results: Sequence[Result], explanations: Explanations = NONE) -> str:
    """A list of objects with file, line, column, latex, verdict and reason."""
    data = []
    for result in results:
        for finding in result.findings:
            steps = steps_of(finding, explanations)
            data.append({**finding.to_dict(), **({"explanation": steps.data} if steps is not None else {})})
    return json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def message_of(finding: Finding) -> str:
    """What is wrong, in a sentence."""
    if finding.verdict == "false":
        return f"this equation does not hold: {finding.reason}"
    if finding.verdict == "ill-formed":
        return f"this equation is not well formed: {finding.reason}"
    return finding.reason


def as_error(finding: Finding) -> TensorCalcError:
    """A flagged finding as an error that points to the right side."""
    span = finding.span
    if finding.detail is not None:
        span = finding.span.to(finding.detail.claim.right.span)
    return TensorCalcError(_CODES[finding.verdict], message_of(finding), span, finding.source, hint=finding.hint)


def text(result: Result, everything: bool = False, explanations: Explanations = NONE) -> str:
    """The flagged findings, or all, with their explanations, and a summary."""
    lines: list[str] = []
    for finding in result.findings:
        steps = steps_of(finding, explanations)
        if finding.flagged:
            lines += [*_flagged(finding), *_steps(steps, "what follows from the line before"), ""]
        elif everything or steps is not None:
            lines.append(_row(finding))
            lines += [*_steps(steps, "step by step"), ""] if steps is not None else []
    return "\n".join([*lines, summary(result)]) + "\n"


def _flagged(finding: Finding) -> list[str]:
    """A flagged finding in the style of compilers: what, where, why, and what would be right."""
    lines = [as_error(finding).render()]
    if finding.correction:
        lines.append(f"  instead: {printable(finding.correction)}")
    sizes = _example(finding)
    return [*lines, f"  found with: {sizes}"] if sizes else lines


def _row(finding: Finding) -> str:
    note = finding.reason or (f"derivatives are {finding.reading}" if finding.reading else "")
    state = f"{finding.verdict} (expected)" if finding.expected else finding.verdict
    where = f"{finding.source.name}:{finding.line}:{finding.column}"
    shown = printable(_cut(finding.latex))
    return f"{where}: {state}: {shown}" + (f"  [{printable(note)}]" if note else "")


def _steps(steps: Explained | None, title: str) -> list[str]:
    return [f"  {title}:", *(f"  {line}" for line in steps.text.splitlines())] if steps is not None else []


def _example(finding: Finding) -> str:
    """The sizes of the dimensions that have a name, at the counter-example."""
    example = finding.detail.example if finding.detail is not None else None
    sizes = example.sizes if example is not None else ()
    return ", ".join(f"{name} = {size}" for name, size in sizes if name[:1].isupper())


def _cut(latex: str, width: int = 100) -> str:
    return latex if len(latex) <= width else latex[: width - 1] + "…"


def markdown(results: Sequence[Result], explanations: Explanations = NONE) -> str:
    """The flagged findings and the explanations as Markdown, such as a comment on a change of an article."""
    parts: list[str] = []
    for result in results:
        parts += [f"## {result.document.source.name}", summary(result) + "."]
        for finding in result.findings:
            steps = steps_of(finding, explanations)
            if not finding.flagged and steps is None:
                continue
            parts += [f"**Line {finding.line}**: {message_of(finding) or finding.verdict}", _display(finding.latex)]
            parts += [f"Hint: `{finding.hint}`"] if finding.hint and finding.flagged else []
            parts += ["Instead:", _display(finding.correction)] if finding.correction else []
            parts += ["Step by step:", _dollars(steps.latex)] if steps is not None else []
    return "\n\n".join(parts) + "\n"


def _display(latex: str) -> str:
    plain = latex.replace("&", " ").replace("\\\\", " ").strip()
    return f"$$\n{plain}\n$$"


def _dollars(latex: str) -> str:
    return latex.replace("\\[\n", "$$\n").replace("\n\\]", "\n$$")


def summary(result: Result) -> str:
    """One line: how many equations there are, and how many of each verdict."""
    counts = Counter(f.verdict for f in result.findings)
    parts = [f"{counts[v]} {word}" for v, word in _WORDS.items() if counts[v]]
    expected = sum(f.expected for f in result.findings)
    parts += [f"{expected} of these expected"] if expected else []
    number = len(result.findings)
    name = result.document.source.name
    return f"{name}: {number} equation{'' if number == 1 else 's'}" + (": " + ", ".join(parts) if parts else "")


def github(results: Sequence[Result]) -> str:
    """Annotations of GitHub Actions."""
    lines = []
    for result in results:
        for f in result.flagged:
            message = _whole(f)
            escaped = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
            name = f.source.name.replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
            lines.append(f"::error file={name},line={f.line},col={f.column},title={f.verdict} equation::{escaped}")
    return "".join(line + "\n" for line in lines)


def sarif(results: Sequence[Result], version: str) -> str:
    """The flagged findings in SARIF 2.1.0."""
    rules = [
        {"id": "false", "shortDescription": {"text": "An equation does not hold"}},
        {"id": "ill-formed", "shortDescription": {"text": "Indices or shapes of an equation do not fit"}},
    ]
    found: list[dict[str, Any]] = [
        {
            "ruleId": f.verdict,
            "level": "error",
            "message": {"text": _whole(f)},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": f.source.name}, "region": _region(f)}}],
            **_fixes(f, result.document.kind == "notebook"),
        }
        for result in results
        for f in result.flagged
    ]
    driver = {"name": "tensorcalc", "version": version, "rules": rules}
    data = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": found}],
    }
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"


def _whole(finding: Finding) -> str:
    """What is wrong, what is off, and what would be right, in one line."""
    parts = [message_of(finding), finding.hint and f"hint: {finding.hint}"]
    parts.append(finding.correction and f"instead: {' '.join(finding.correction.split())}")
    return "; ".join(p for p in parts if p)


def _region(finding: Finding) -> dict[str, Any]:
    """From the equals sign to the end of the right side."""
    span = as_error(finding).span or finding.span
    return {**_place(finding.source, span), "snippet": {"text": finding.latex}}


def _place(source: Source, span: Span) -> dict[str, Any]:
    (first, start), (last, end) = source.locate(span.start), source.locate(span.end)
    return {"startLine": first, "startColumn": start, "endLine": last, "endColumn": end}


def _fixes(finding: Finding, escaped: bool) -> dict[str, Any]:
    """The corrected right side as a fix, where the file spells it as the formula does, unlike notebooks and quotes."""
    if not finding.correction or finding.detail is None or escaped:
        return {}
    span = finding.detail.claim.right.span
    if "\n" in finding.source.text[span.start : span.end]:
        return {}
    place = _place(finding.source, span)
    change = {
        "artifactLocation": {"uri": finding.source.name},
        "replacements": [{"deletedRegion": place, "insertedContent": {"text": finding.correction}}],
    }
    return {"fixes": [{"description": {"text": finding.hint}, "artifactChanges": [change]}]}

"""Findings as text in the style of compilers, JSON, SARIF, annotations for GitHub."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tensorcalc.errors import TensorCalcError, printable
from tensorcalc.verify.checker import Finding, Result

__all__ = ["github", "message_of", "sarif", "summary", "text", "to_json"]

_CODES = {"false": "E_FALSE", "ill-formed": "E_ILL_FORMED"}
_WORDS = {"holds": "hold", "false": "false", "ill-formed": "ill-formed", "not-checkable": "not checkable"}


def to_json(results: Sequence[Result]) -> str:
    """A list of objects with file, line, column, latex, verdict and reason."""
    data = [finding.to_dict() for result in results for finding in result.findings]
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


def text(result: Result, everything: bool = False) -> str:
    """The flagged findings, or all, and a summary."""
    lines: list[str] = []
    for finding in result.findings:
        if finding.flagged:
            lines.append(as_error(finding).render())
            sizes = _example(finding)
            if sizes:
                lines.append(f"  at: {sizes}")
            lines.append("")
        elif everything:
            note = finding.reason or (f"derivatives are {finding.reading}" if finding.reading else "")
            state = f"{finding.verdict} (expected)" if finding.expected else finding.verdict
            where = f"{finding.source.name}:{finding.line}:{finding.column}"
            lines.append(
                f"{where}: {state}: {printable(_cut(finding.latex))}" + (f"  [{printable(note)}]" if note else "")
            )
    return "\n".join([*lines, summary(result)]) + "\n"


def _example(finding: Finding) -> str:
    example = finding.detail.example if finding.detail is not None else None
    if example is None:
        return ""
    return ", ".join(f"{name} = {size}" for name, size in example.sizes if name.isupper() or len(example.sizes) < 6)


def _cut(latex: str, width: int = 100) -> str:
    return latex if len(latex) <= width else latex[: width - 1] + "…"


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
            message = message_of(f) + (f" Hint: {f.hint}" if f.hint else "")
            escaped = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
            name = f.source.name.replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
            lines.append(f"::error file={name},line={f.line},col={f.column},title={f.verdict}::{escaped}")
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
            "message": {"text": message_of(f) + (f" Hint: {f.hint}" if f.hint else "")},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": f.source.name},
                        "region": {"startLine": f.line, "startColumn": f.column, "snippet": {"text": f.latex}},
                    }
                }
            ],
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

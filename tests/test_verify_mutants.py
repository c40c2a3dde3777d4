"""The checker on mutants of right articles, which it must flag, and on rewritings, which it must not."""

from __future__ import annotations

import re

import pytest

from tensorcalc import formats
from tensorcalc.api import load
from verify_tools import SLIP, article, verify


def _mutants(side: str) -> list[str]:
    """The right side with one thing changed, such that its value changes."""
    found = [f"2 \\left({side}\\right)", f"-\\left({side}\\right)"]
    for match in re.finditer(r"(?<=[ )}]) ([+-]) ", side):
        found.append(side[: match.start(1)] + ("-" if match[1] == "+" else "+") + side[match.end(1) :])
    for match in re.finditer(r"\\frac\{1\}\{H\} |\\delta_\{[^{}]*\}", side):
        found.append(side[: match.start()] + " 1 " + side[match.end() :])
    for match in re.finditer(r"(?<![\w.{^-])([23])(?= |\})|(?<=\{)([23])(?=\}\{H)|(?<=\^\{)([23])(?=\})", side):
        found.append(side[: match.start()] + str(int(match[0]) + 1) + side[match.end() :])
    for match in re.finditer(r"(?<!delta)_\{(\w) (\w)\}", side):
        found.append(side[: match.start()] + f"_{{{match[2]} {match[1]}}}" + side[match.end() :])
    for match in re.finditer(r"(?<!1\})_\{(\w)( \w)?\}", side):
        found.append(side[: match.start(1)] + "z" + side[match.end(1) :])
    return found


MOST = 12  # equations of one article that are changed
PRINTED = ["layer_norm", "cross_entropy", "linear"]


@pytest.mark.parametrize("name", ["rms_norm", SLIP, *PRINTED])
def test_mutants_are_flagged(name: str) -> None:
    text = formats.written(load(name).derive_all(), "markdown", checked=False) if name in PRINTED else article(name)
    before = {(f.line, f.column) for f in verify(text).flagged}
    total = missed = 0
    findings = [f for f in verify(text).findings if f.detail is not None]
    zero = {f.detail.claim.chain for f in findings if f.latex.endswith("= 0")}
    for finding in findings[:MOST]:
        claim = finding.detail.claim
        if finding.verdict != "holds" or claim.defines or claim.redefines or claim.chain in zero:
            continue
        span = claim.right.span
        for mutant in _mutants(text[span.start : span.end]):
            changed = verify(text[: span.start] + mutant + text[span.end :])
            total += 1
            missed += not {(f.line, f.column) for f in changed.flagged} - before
    assert total > 12
    assert missed <= 0.01 * total


REWRITTEN = [
    (r"\frac{2}{H} x_{b h} \delta_{b p} \delta_{h q}", r"\delta_{q h} x_{b h} \frac{2}{H} \delta_{p b}"),
    (r"\frac{1}{2} \left(q_{b} + \epsilon\right)^{-0.5} \delta_{b p}", r"0.5 (\epsilon + q_b)^{-1/2} \delta_{bp}"),
    (r"\frac{1}{H} \mathbf{1}_{h} x_{b h}^{2}", r"\frac{1}{H} \sum_{k=1}^{H} x_{bk}^2"),
    (r"-\frac{\partial l}{\partial y_{p h}} \frac{x_{p h} \gamma_{h}}{r_{p}^{2}}",
     r"-\frac{\partial l}{\partial y_{p k}} \frac{\gamma_{k} x_{p k}}{r_{p} r_{p}}"),
    (r"-\frac{\partial l}{\partial y_{p h}} \frac{x_{p h} \gamma_{h}}{2 r_{p}^{3}}",
     r"-\tfrac12 \sum_{j} \partial l / \partial y_{p j} \, x_{p j} \gamma_{j} r_{p}^{-3}"),
    (r"\frac{\partial l}{\partial y_{b q}} \frac{x_{b q}}{r_{b}}",
     r"\sum_i \frac{\partial l}{\partial y_{i q}} x_{i q} / r_{i}"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), REWRITTEN)
def test_rewritings_are_not_flagged(old: str, new: str) -> None:
    text = article("rms_norm")
    assert old in text
    assert not verify(text.replace(old, new)).flagged

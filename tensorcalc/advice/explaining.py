"""What stands between two lines of an article, as text, LaTeX and data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sympy import Expr

from tensorcalc.advice.engine import ArticleEngine
from tensorcalc.advice.gaps import Gap
from tensorcalc.advice.proposing import mended, placed
from tensorcalc.derivation import Derivation, Lemma, Step
from tensorcalc.errors import TensorCalcError
from tensorcalc.render import WIDTH, Context, expression_latex, expression_text, latex
from tensorcalc.verify.checker import Finding, Result
from tensorcalc.verify.explained import Explained

__all__ = ["Explanation", "explain", "explanations"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The steps from the line before a row's equals sign to the one behind it; for a row that is flagged, to what would
    be right.
    """

    finding: Finding
    derivation: Derivation

    @property
    def lemma(self) -> Lemma:
        return self.derivation.lemmas[-1]

    def text(self, width: int = WIDTH) -> str:
        """The lines for a terminal: the line before, and under it every step with its rule."""
        context = Context.of(self.derivation).within([self.lemma.lhs])
        lines = [f"= {expression_text(s.expression, context)}" for s in self.lemma.steps]
        reasons = [f"({s.rule})" for s in self.lemma.steps]
        room = width - 4
        column = max((len(x) for x, r in zip(lines, reasons, strict=True) if len(x) + len(r) <= room), default=0)
        shown = [f"    {expression_text(self.lemma.lhs, context)}"]
        for line, reason in zip(lines, reasons, strict=True):
            beside = max(len(line), min(column, room - len(reason)))
            if beside + len(reason) <= room:
                shown.append(f"  {line:<{beside}}  {reason}")
            else:
                shown += [f"  {line}", f"  {reason:>{room}}"]
        return "\n".join(shown)

    def latex(self) -> str:
        """The lines as one display, with the rules beside them."""
        return latex(self.derivation).strip()

    def to_dict(self) -> dict[str, Any]:
        """The lines as data."""
        context = Context.of(self.derivation).within([self.lemma.lhs])
        steps = [
            {
                "text": expression_text(s.expression, context),
                "latex": expression_latex(s.expression, context),
                "rule": s.rule,
            }
            for s in self.lemma.steps
        ]
        return {"from": expression_latex(self.lemma.lhs, context), "steps": steps}


def explain(result: Result) -> Iterator[Explanation]:
    """The steps that the rows of an article leave out; of its flagged rows alone, where there are some."""
    engine = ArticleEngine(result)
    for finding in result.flagged or result.findings:
        found = _corrected(result, finding) or _explanation(engine, finding)
        if found is not None:
            yield found


def _corrected(result: Result, finding: Finding) -> Explanation | None:
    """The steps to the corrected right side of a flagged row."""
    proposal = placed(result.document, finding, finding.correction) if finding.correction else None
    after = mended(result, proposal) if proposal is not None else None
    if after is None:
        return None
    found = _explanation(ArticleEngine(after[0]), after[1])
    return None if found is None else replace(found, finding=finding)


def _explanation(engine: ArticleEngine, finding: Finding) -> Explanation | None:
    """The steps under one of the readings of derivatives, the one under which the row was judged first."""
    judged = finding.reading != ""
    for direct in (judged, not judged):
        sides = engine.sides(finding, direct)
        if sides is None:
            continue
        start, end = sides
        gap = Gap(engine.engine, engine.found.get(finding.span.start, ()))
        try:
            if finding.flagged or end is None:
                steps = gap.onward(start)
            else:
                steps = gap.between(start, end) if start != end else ()
        except (TensorCalcError, AssertionError, RecursionError):
            continue
        shown = _visible(engine, start, steps)
        derivation = engine.derivation((Lemma(start, shown, "partial"),)) if shown else None
        if derivation is not None and engine.confirms(derivation):
            return Explanation(finding, derivation)
    return None


def _visible(engine: ArticleEngine, start: Expr, steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps that change what is printed."""
    if not steps:
        return ()
    context = Context.of(engine.derivation((Lemma(start, tuple(steps), "partial"),))).within([start])
    shown: list[Step] = []
    last = expression_text(start, context)
    for step in steps:
        written = expression_text(step.expression, context)
        if written != last:
            shown.append(step)
        last = written
    return tuple(shown)


def explanations(results: Sequence[Result]) -> dict[tuple[str, int], Explained]:
    """The explanations of articles by row, in every form."""
    return {
        (e.finding.source.name, e.finding.span.start): Explained(e.text(), e.latex(), e.to_dict())
        for result in results
        for e in explain(result)
    }

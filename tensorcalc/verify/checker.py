"""The checker as one call: a document in, its verdicts out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tensorcalc.errors import Source, Span, TensorCalcError
from tensorcalc.verify.article import Article, read_article
from tensorcalc.verify.judge import Judge, Verdict
from tensorcalc.verify.latex import Row, collect_macros, rows_of
from tensorcalc.verify.layouts import judge_layouts
from tensorcalc.verify.occasions import Key, Occasion, case_in, occasions_in, without_cases
from tensorcalc.verify.prose import what_is_said
from tensorcalc.verify.sources import Document, Formula

__all__ = ["Finding", "Result", "verify_document"]

MAX_TOKENS = 200_000
FLAGGED = ("false", "ill-formed")


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict at its place: what a report shows.

    `line` and `column` count from 1 and point to the equals sign; `latex` is the equation as it stands there.
    """

    source: Source
    span: Span
    latex: str
    verdict: str
    reason: str = ""
    hint: str = ""
    reading: str = ""
    expected: bool = False
    detail: Verdict | None = None

    @property
    def line(self) -> int:
        return self.source.locate(self.span.start)[0]

    @property
    def column(self) -> int:
        return self.source.locate(self.span.start)[1]

    @property
    def correction(self) -> str:
        """A right side with which the equation holds, where one change makes it so."""
        return self.detail.diagnosis.correction if self.flagged and self.detail is not None else ""

    @property
    def flagged(self) -> bool:
        """Whether the author should look at it."""
        return self.verdict in FLAGGED and not self.expected

    def to_dict(self) -> dict[str, object]:
        """The finding for JSON."""
        data: dict[str, object] = {
            "file": self.source.name,
            "line": self.line,
            "column": self.column,
            "latex": self.latex,
            "verdict": self.verdict,
            "reason": self.reason,
        }
        if self.hint:
            data["hint"] = self.hint
        if self.flagged and self.detail is not None:
            found = self.detail.diagnosis
            said = {"term": found.part, "correction": found.correction, "rule": found.rule, "misapplied": found.how}
            data.update({key: value for key, value in said.items() if value})
        if self.reading:
            data["reading"] = self.reading
        if self.expected:
            data["expected"] = True
        example = self.detail.example if self.detail is not None else None
        if example is not None:
            data["counterexample"] = {
                "sizes": dict(example.sizes),
                "entry": {x.split("@")[0].split("~")[0]: k for x, k in example.difference.entry},
                "left": example.difference.left,
                "right": example.difference.right,
            }
        return data


@dataclass(frozen=True, slots=True)
class Result:
    """The findings of a document, in its order, with what was read."""

    document: Document
    findings: tuple[Finding, ...]
    article: Article

    @property
    def flagged(self) -> list[Finding]:
        return [f for f in self.findings if f.flagged]


def verify_document(document: Document) -> Result:
    """Judge every displayed equation of a document.

    Raises `TensorCalcError` E_TOO_LONG where there is too much to read.
    """
    macros = collect_macros(document.source.text)
    displayed: list[Row] = []
    inline: list[Row] = []
    broken: list[Finding] = []
    spoken: list[tuple[int, int, Sequence[Row]]] = []
    notes: dict[int, str] = {}
    cases: dict[Key, Occasion] = {}
    tokens = 0
    for number, formula in enumerate(document.formulas):
        tokens += len(formula.text) // 2
        if tokens > 2 * MAX_TOKENS:
            raise TensorCalcError("E_TOO_LONG", "the formulas of the article are too long altogether")
        if formula.note == "ignore":
            continue
        try:
            rows = rows_of(formula.text, formula.places, macros)
        except TensorCalcError as problem:
            if formula.displayed:
                broken.append(_unread(document, formula, problem))
            continue
        except RecursionError:
            if formula.displayed:
                broken.append(
                    _unread(document, formula, TensorCalcError("E_TOO_DEEP", "the formula is nested too deeply"))
                )
            continue
        notes[number] = formula.note
        if formula.note == "laws":
            rows = [replace(row, label=row.label or "law") for row in rows]
        if formula.displayed:
            rows, own = without_cases(rows)
            cases |= own
        else:
            spoken.append((formula.places[0], formula.places[len(formula.text)], rows))
            if case_in(rows) is not None:
                continue
        (displayed if formula.displayed else inline).extend(replace(row, block=number) for row in rows)
    said = what_is_said(document.source.text, spoken).with_shapes(document.shapes)
    displays = [(n, f.places[0]) for n, f in enumerate(document.formulas) if f.displayed]
    cases = occasions_in(document.source.text, spoken, displays) | cases
    assumed = {n for n, word in notes.items() if word == "assume"}
    articles: list[Article] = []

    def judged(layout: str) -> list[Verdict]:
        articles.append(read_article(displayed, inline, document.profile, said, assumed, layout=layout))
        return Judge(articles[-1], document, macros, cases).verdicts()

    inside = _notes_inside(document)
    verdicts = judge_layouts(judged)
    article = next((a for a in articles if any(c is v.claim for v in verdicts for c in a.claims)), articles[0])
    findings = [_finding(document, verdict, notes, inside) for verdict in verdicts if not verdict.claim.inline]
    findings = sorted([*findings, *broken], key=lambda f: f.span.start)
    return Result(document, tuple(findings), article)


def _unread(document: Document, formula: Formula, problem: TensorCalcError) -> Finding:
    place = formula.places[0]
    span = problem.span or Span(place, place + 1)
    return Finding(document.source, span, _short(formula.text), "not-checkable", problem.message, problem.hint)


def _notes_inside(document: Document) -> Mapping[int, str]:
    """Comments by the line of the file that they stand on."""
    return {document.source.locate(place)[0]: word for place, word in document.notes}


def _finding(document: Document, verdict: Verdict, notes: Mapping[int, str], inside: Mapping[int, str]) -> Finding:
    claim = verdict.claim
    text = document.source.text
    together = claim.left.span.end <= claim.right.span.start and any(s is claim.left for s in claim.row.sides)
    start = claim.left.span.start if together else claim.span.start
    line = document.source.locate(claim.span.start)[0]
    excused = "expect-false" in (notes.get(claim.row.block, ""), inside.get(line, ""))
    return Finding(
        document.source,
        claim.span,
        _short(text[start : claim.right.span.end]),
        verdict.status,
        verdict.reason,
        verdict.hint,
        verdict.reading,
        excused and verdict.status in FLAGGED,
        verdict,
    )


def _short(text: str) -> str:
    return " ".join(text.split())

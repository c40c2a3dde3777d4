"""Proposals for flagged rows, as a patch beside the article. Each was verified in a copy of the article."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tensorcalc.advice.engine import ArticleEngine
from tensorcalc.advice.gaps import Gap
from tensorcalc.errors import TensorCalcError, printable
from tensorcalc.render import Context, expression_latex
from tensorcalc.verify.checker import Finding, Result, verify_document
from tensorcalc.verify.helper import place_in
from tensorcalc.verify.reporting import message_of
from tensorcalc.verify.sources import Document, read_document

__all__ = ["Proposal", "mended", "patch", "placed", "propose", "write_fixes"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A right side for a flagged row: the `text` of the article from `start` to `end` becomes `new`."""

    finding: Finding
    correction: str
    start: int
    end: int
    new: str

    def applied(self, text: str) -> str:
        """The text of an article with the proposal in it."""
        return text[: self.start] + self.new + text[self.end :]


def propose(result: Result) -> list[Proposal]:
    """Proposals for those flagged rows for which there is a right side that holds in the article."""
    engine = ArticleEngine(result)
    found: list[Proposal] = []
    for finding in result.flagged:
        for correction in dict.fromkeys(_corrections(engine, finding)):
            proposal = placed(result.document, finding, correction)
            if proposal is not None and _mends(result, proposal):
                found.append(proposal)
                break
    return found


def _corrections(engine: ArticleEngine, finding: Finding) -> Iterator[str]:
    """Right sides in LaTeX: the author's own with one change, or else what the engine derives."""
    if finding.detail is not None and finding.detail.diagnosis.correction:
        yield finding.detail.diagnosis.correction
    for direct in (False, True):
        sides = engine.sides(finding, direct)
        if sides is None:
            return
        try:
            steps = Gap(engine.engine, engine.found.get(finding.span.start, ())).onward(sides[0])
        except (TensorCalcError, AssertionError, RecursionError):
            continue
        if steps:
            context = Context(engine.engine.system).within([sides[0]])
            yield expression_latex(steps[-1].expression, context)


def placed(document: Document, finding: Finding, correction: str) -> Proposal | None:
    """The change of the article's text that puts a right side in; only what differs is replaced."""
    if finding.detail is None:
        return None
    claim = finding.detail.claim
    formula = document.formulas[claim.row.block]
    first, last = place_in(formula.places, claim.right.span)
    old = formula.text[first:last]
    lead, trail = old[: len(old) - len(old.lstrip())], old[len(old.rstrip()) :]
    new = lead + correction + trail
    same = len(_common(old, new))
    rest = min(len(_common(old[::-1], new[::-1])), len(old) - same, len(new) - same)
    inside = new[same : len(new) - rest]
    if document.kind == "notebook":
        inside = json.dumps(inside, ensure_ascii=False)[1:-1]
    return Proposal(finding, correction, formula.places[first + same], formula.places[last - rest], inside)


def _common(first: str, second: str) -> str:
    """What two texts begin with."""
    length = next((k for k, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), None)
    return first[: min(len(first), len(second)) if length is None else length]


def _mends(result: Result, proposal: Proposal) -> bool:
    """Whether the row holds in the changed article, and nothing else is flagged that was not before."""
    after = mended(result, proposal)
    return after is not None and len(after[0].flagged) < len(result.flagged)


def mended(result: Result, proposal: Proposal) -> tuple[Result, Finding] | None:
    """A copy of the article with a proposal, and the row in it, where that holds."""
    document = result.document
    text = proposal.applied(document.source.text)
    try:
        after = verify_document(read_document(text, document.source.name, document.kind, document.profile))
    except TensorCalcError:
        return None
    place = proposal.finding.span.start
    row = next((f for f in after.findings if f.span.start == place), None)
    return (after, row) if row is not None and row.verdict == "holds" else None


def patch(result: Result, proposals: Sequence[Proposal]) -> str:
    """The proposals as a unified diff, with what is said about each row before it."""
    source = result.document.source
    text = source.text
    for proposal in sorted(proposals, key=lambda p: -p.start):
        text = proposal.applied(text)
    name = source.name if not Path(source.name).is_absolute() else Path(source.name).name
    notes = [f"Proposals of tensorcalc verify for {source.name}; `git apply` or `patch -p1` takes this file.\n"]
    done = {p.finding.span.start for p in proposals}
    for finding in result.flagged:
        note = message_of(finding) + (f"; {finding.hint}" if finding.hint else "")
        state = "" if finding.span.start in done else " (no proposal)"
        notes.append(f"line {finding.line}: {printable(note)}{state}\n")
    lines = difflib.unified_diff(source.text.splitlines(True), text.splitlines(True), f"a/{name}", f"b/{name}")
    return "".join([*notes, "\n", *(_ended(line) for line in lines)])


def _ended(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def write_fixes(results: Sequence[Result]) -> list[Path]:
    """Write a patch beside every article that has flagged rows with a proposal; the articles stay as they are.

    Raises `TensorCalcError` E_FILE.
    """
    written: list[Path] = []
    for result in results:
        name = result.document.source.name
        proposals = propose(result) if not name.startswith("<") else []
        if not proposals:
            continue
        path = Path(f"{name}.fixes.diff")
        try:
            path.write_text(patch(result, proposals), encoding="utf-8")
        except OSError as problem:
            raise TensorCalcError("E_FILE", f"{path} cannot be written: {problem.strerror or problem}") from None
        written.append(path)
    return written

"""Derivations as LaTeX mathematics for amsmath and KaTeX: `aligned`, `align` and `gathered`, with numbers and tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Literal

from tensorcalc.errors import TensorCalcError
from tensorcalc.render.breaking import Row
from tensorcalc.render.chains import Measures, PrintedLine, printed_lines
from tensorcalc.render.document import Block
from tensorcalc.render.latex import Latex
from tensorcalc.render.layout import Node
from tensorcalc.render.names import latex_text, latex_words
from tensorcalc.render.notation import Word

__all__ = ["LATEX", "MEASURES", "Environment", "Form", "aligned", "displayed", "row_latex", "tag_latex", "words_latex"]

Environment = Literal["", "aligned", "align", "gathered"]

LATEX = Latex()
MEASURES = Measures(total=46, reasons=14, gap=4.5)  # em: the text of an A4 page with margins of 25 mm


@dataclass(frozen=True, slots=True)
class Form:
    """How a chain is displayed.

    `aligned` and `gathered` stand in a display of their own and have one number for the whole; in `align` every line
    can have its number (`number`) or the names of its rules as a tag (`tag`). Without `environment`, tags choose
    `align`, or else it is `aligned`.

    Raises `TensorCalcError` E_OPTION for tags in another environment.
    """

    environment: Environment = ""
    number: bool = False
    tag: bool = False

    def __post_init__(self) -> None:
        if self.environment not in ("", "aligned", "align", "gathered"):
            raise TensorCalcError(
                "E_OPTION", f"there is no environment {self.environment}", hint="aligned, align or gathered"
            )
        if self.tag and self.environment in ("aligned", "gathered"):
            raise TensorCalcError(
                "E_OPTION",
                f"the lines of {self.environment} cannot have tags of their own",
                hint="tags need the environment align",
            )

    @property
    def name(self) -> str:
        """The environment that is used."""
        return self.environment or ("align" if self.tag else "aligned")


def displayed(group: Sequence[Block], form: Form, measures: Measures = MEASURES) -> str:
    """Chains of equalities as one display, with its delimiters."""
    if form.name == "align":
        star = "" if form.number else "*"
        body = _joined(_align_rows(group, form, measures))
        return f"\\begin{{align{star}}}\n{body}\n\\end{{align{star}}}"
    inner = aligned(group, measures) if form.name == "aligned" else _gathered(group, measures)
    return f"\\begin{{equation}}\n{inner}\n\\end{{equation}}" if form.number else f"\\[\n{inner}\n\\]"


def aligned(group: Sequence[Block], measures: Measures = MEASURES) -> str:
    """Chains of equalities as one `aligned` environment, without delimiters."""
    return f"\\begin{{aligned}}\n{_joined(_aligned_rows(group, measures))}\n\\end{{aligned}}"


def words_latex(words: Sequence[Word]) -> str:
    """Words and formulas in mathematical mode."""
    pieces: list[tuple[bool, str]] = []
    for place, word in enumerate(words):
        space = " " if place else ""
        if isinstance(word.content, str):
            pieces.append((True, f"{space}{word.before}{word.content}{word.after}"))
        else:
            pieces += [(True, space + word.before), (False, LATEX.text(word.content)), (True, word.after)]
    result, words_before = "", ""
    for is_text, piece in [*pieces, (False, "")]:
        if is_text:
            words_before += piece
            continue
        result += latex_words(words_before) + piece
        words_before = ""
    return result


def _joined(rows: Sequence[str]) -> str:
    return " \\\\\n".join(rows)


def _lines(group: Sequence[Block], measures: Measures) -> list[PrintedLine]:
    return [line for block in group for line in printed_lines(block, LATEX, measures)]


def row_latex(row: Row) -> str:
    """A row of the right side of an equation, behind the `&` of an alignment."""
    if row.depth == 0:
        return f"= {row.text}"
    return rf"\quad {row.text}" if row.depth == 1 else rf"\hspace{{{row.depth}em}} {row.text}"


def _aligned_rows(group: Sequence[Block], measures: Measures) -> list[str]:
    rows = []
    for line in _lines(group, measures):
        left = line.left
        for row, words in zip_longest(line.rows, line.reasons):
            right = "" if row is None else row_latex(row)
            reason = "" if words is None else f"&& {words_latex(words)}"
            rows.append(" ".join(part for part in (left, f"&{right}", reason) if part))
            left = ""
    return rows


def _align_rows(group: Sequence[Block], form: Form, measures: Measures) -> list[str]:
    if not form.tag:
        return [row if not form.number or _begins(row) else rf"{row} \notag" for row in _aligned_rows(group, measures)]
    rows = []
    for line in _lines(group, replace(measures, reasons=1e9, column=False)):
        left = f"{line.left} " if line.left else ""
        for place, row in enumerate(line.rows):
            mark = "" if place == 0 or not form.number else r" \notag"
            if place == 0 and line.reasons:
                mark = rf" \tag{{{tag_latex(line.reasons[0])}}}"
            rows.append(f"{left}&{row_latex(row)}{mark}")
            left = ""
    return rows


def _begins(row: str) -> bool:
    """Whether a row begins a line of the chain; other rows continue one and have no number."""
    return "&= " in row


def tag_latex(words: Sequence[Word], bracketed: bool = False) -> str:
    """Reasons for `\\tag`, in text mode; without the brackets, which `\\tag` sets by itself, unless `bracketed`."""
    pieces = []
    for word in words:
        content = f"${LATEX.text(word.content)}$" if isinstance(word.content, Node) else latex_text(word.content)
        before, after = word.before, word.after
        if not bracketed:
            before, after = before.removeprefix("("), after.removesuffix(")")
        pieces.append(before + content + after)
    return " ".join(pieces)


def _gathered(group: Sequence[Block], measures: Measures) -> str:
    rows = []
    for line in _lines(group, replace(measures, reasons=24, column=False)):
        left = f"{line.left} " if line.left else ""
        for row, words in zip_longest(line.rows, line.reasons):
            right = "" if row is None else f"{left}= {row.text}" if row.depth == 0 else row.text
            reason = "" if words is None else words_latex(words)
            rows.append(r" \quad ".join(part for part in (right, reason) if part))
            left = ""
    return f"\\begin{{gathered}}\n{_joined(rows)}\n\\end{{gathered}}"

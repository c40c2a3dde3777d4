"""Derivations as Unicode text for the terminal: one chain of equalities for each lemma, the rules at the right."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from tensorcalc.budget import bounded
from tensorcalc.derivation.model import Derivation
from tensorcalc.render.chains import Measures, printed_lines
from tensorcalc.render.context import AdjointNotation, Style
from tensorcalc.render.document import Block, Detail, blocks, grouped
from tensorcalc.render.layout import Node
from tensorcalc.render.notation import Word
from tensorcalc.render.unicode import UnicodeText

__all__ = ["WIDTH", "node_text", "text", "text_lines", "text_rows", "words_text"]

WIDTH = 120
NARROWEST = 60
FORMULA = 0.64  # the share of a row that formulas may take; rules stand behind them
REASONS = 52  # where several rules lead to one line, their names are folded to about this width

_TEXT = UnicodeText()


def node_text(node: Node) -> str:
    """A layout as Unicode text."""
    return _TEXT.text(node)


def words_text(words: Sequence[Word]) -> str:
    """Words and formulas as text."""
    return " ".join(
        f"{w.before}{w.content if isinstance(w.content, str) else node_text(w.content)}{w.after}" for w in words
    )


@bounded
def text_rows(
    derivation: Derivation,
    style: Style = "einstein",
    detail: Detail = "all",
    adjoint: AdjointNotation = "partial",
    width: int = WIDTH,
) -> list[tuple[str, str, str]]:
    """The lines of a derivation as left side, `= right side` and rules; an empty row stands between lemmas.

    Together they take up to `width` columns.
    """
    width = max(width, NARROWEST)
    groups = grouped(blocks(derivation, style, detail, adjoint))
    rows = [row for group in groups for row in _group_rows(group, width, REASONS)]
    room = width - _column(rows, width) - 3  # rows of reasons below the first are indented by one
    if room < REASONS:
        rows = [row for group in groups for row in _group_rows(group, width, room)]
    return rows[1:]


def _column(rows: Sequence[tuple[str, str, str]], width: int) -> int:
    """Where the rules stand: behind the longest formula that leaves enough room for them."""
    widths = [int(_TEXT.width(f"{left} {right}")) for left, right, _ in rows]
    return max((n for n in widths if n <= FORMULA * width), default=0)


def _group_rows(group: Sequence[Block], width: int, reasons: int) -> list[tuple[str, str, str]]:
    rows = [("", "", "")]
    left_width = max(int(_TEXT.width(node_text(block.left))) for block in group)
    measures = Measures(1e9, reasons, 0, int(FORMULA * width) - left_width - 3, widest=reasons)
    blank = " " * left_width
    for line in (line for block in group for line in printed_lines(block, _TEXT, measures)):
        left = line.left + blank[int(_TEXT.width(line.left)) :]
        shown = [f"{'  ' * row.depth}{'= ' if place == 0 else '  '}{row.text}" for place, row in enumerate(line.rows)]
        words = [f"{' ' if place else ''}{words_text(row)}" for place, row in enumerate(line.reasons)]
        if max(map(_TEXT.width, shown)) > measures.formula + 2:  # the rules stand below what reaches into their column
            words = [*([""] * len(shown)), *words]
        for place, (right, rules) in enumerate(zip_longest(shown, words, fillvalue="")):
            rows.append((left if place == 0 else blank, right, rules))
    return rows


def text_lines(
    derivation: Derivation,
    style: Style = "einstein",
    detail: Detail = "all",
    adjoint: AdjointNotation = "partial",
    width: int = WIDTH,
) -> list[tuple[str, str]]:
    """The lines of a derivation as formulas, padded to the column of the rules, and rules."""
    rows = text_rows(derivation, style, detail, adjoint, width)
    column = _column(rows, max(width, NARROWEST))
    shown = [(f"{left} {right}", rules) for left, right, rules in rows]
    return [(formula + " " * int(column + 2 - _TEXT.width(formula)), rules) for formula, rules in shown]


def text(
    derivation: Derivation,
    style: Style = "einstein",
    detail: Detail = "all",
    adjoint: AdjointNotation = "partial",
    width: int = WIDTH,
) -> str:
    """A derivation as Unicode text, on rows of up to `width` columns."""
    lines = [f"{formula}{rules}".rstrip() for formula, rules in text_lines(derivation, style, detail, adjoint, width)]
    notes = ["", *(f"Note: {note}." for note in derivation.notes)] if derivation.notes else []
    return "\n".join([*lines, *notes]) + "\n"

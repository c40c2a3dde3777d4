"""Chains of equalities as rows that fit a page: long formulas are broken, reasons stand in a column beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tensorcalc.render.breaking import Row, rows
from tensorcalc.render.document import Block
from tensorcalc.render.notation import Notation, Word
from tensorcalc.render.reasons import folded, reasons

__all__ = ["Measures", "PrintedLine", "printed_lines"]


@dataclass(frozen=True, slots=True)
class Measures:
    """The widths of a page, in the unit of the notation.

    `total` is that of a whole row, `reasons` how wide the reasons beside a formula may be in any case (up to `widest`
    where there is room), `gap` what stands between both, with the sign of equality. `formula` is the most that a
    formula may take. `small` is the size of the reasons' type beside that of the formulas. With `column`, the reasons
    of a chain stand below each other behind its longest formula; without, each stands at the right margin.
    """

    total: float
    reasons: float
    gap: float
    formula: float = 1e9
    small: float = 1.0
    column: bool = True
    widest: float = 1e9


@dataclass(frozen=True, slots=True)
class PrintedLine:
    """One line of a chain: the left side (empty behind the first line), the rows of the right side, and the reasons."""

    left: str
    rows: tuple[Row, ...]
    reasons: tuple[tuple[Word, ...], ...]


def printed_lines(block: Block, notation: Notation, measures: Measures) -> list[PrintedLine]:
    """The lines of a lemma in a notation, on rows that fit the measures where they can."""

    def width_of(words: Sequence[Word]) -> float:
        return measures.small * notation.words_width(words)

    left = notation.text(block.left)
    room = measures.total - notation.width(left) - measures.gap
    formulas = [notation.width(notation.text(line.node)) for line in block.lines]
    beside = [max(formulas)] * len(formulas) if measures.column else formulas
    found = [
        folded(
            reasons(line.rules, block.context), max(measures.reasons, min(room - formula, measures.widest)), width_of
        )
        for line, formula in zip(block.lines, beside, strict=True)
    ]
    widths = [max(map(width_of, words), default=0.0) for words in found]
    lines = []
    for place, (line, words, width) in enumerate(zip(block.lines, found, widths, strict=True)):
        right = rows(line.node, notation, min(room - (max(widths) if measures.column else width), measures.formula))
        lines.append(PrintedLine(left if place == 0 else "", tuple(right), tuple(words)))
    return lines

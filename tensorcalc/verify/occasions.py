"""Cases that the text tells apart: rows behind "if i = k" hold where the indices are equal, and need not elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from tensorcalc.verify.latex.rows import Row
from tensorcalc.verify.latex.tree import Node, Scripted, Symbol
from tensorcalc.verify.model import Dimensions, plain_letter
from tensorcalc.verify.reading import Val
from tensorcalc.verify.signs import flat_items
from tensorcalc.verify.terms import CompareIndices, Place, Times, letters_of

__all__ = ["Key", "Occasion", "case_in", "masked", "occasions_in", "without_cases"]

Occasion = tuple[str, str, str]  # the relation and the two letters
Key = tuple[str, int]  # a display by its number, or a row by its start
Spoken = Sequence[tuple[int, int, Sequence[Row]]]

_SIGNS = {"=": "=", "\\ne": "!=", "\\neq": "!="}
_OPENS = re.compile(
    r"\b(?:if|when|for|case|where|suppose|assume|assuming|consider|with|let)\b[^.]{0,40}$", re.IGNORECASE
)
MOST_DISPLAYS = 3  # behind the words that a case is said to be about


def without_cases(rows: Sequence[Row]) -> tuple[list[Row], dict[Key, Occasion]]:
    """The rows of a display without those that say for which case another one is, as `\\text{if } i = k` behind it."""
    kept: list[Row] = []
    found: dict[Key, Occasion] = {}
    for row in rows:
        case = case_in([row]) if kept else None
        if case is not None and {*case[1:]} <= set(_indices(kept[-1])):
            found["row", kept[-1].span.start] = case
        else:
            kept.append(row)
    return kept, found


def _indices(row: Row) -> Iterator[str]:
    """The letters in subscripts of a row."""
    stack: list[object] = [side.node for side in row.sides]
    while stack:
        node = stack.pop()
        if isinstance(node, tuple):
            stack.extend(node)
        elif isinstance(node, Scripted) and node.sub is not None:
            yield from (i.name for i in flat_items(node.sub) if isinstance(i, Symbol))
            stack += [node.base, node.sup]
        elif isinstance(node, Node):
            stack.extend(getattr(node, f) for f in node.__dataclass_fields__)


def occasions_in(text: str, spoken: Spoken, displays: Sequence[tuple[int, int]]) -> dict[Key, Occasion]:
    """The case that each display, given by its number and its start, stands under."""
    said = [(start, case) for start, _, rows in spoken if (case := case_in(rows)) and _opens(text, start)]
    result: dict[Key, Occasion] = {}
    waiting = said[::-1]
    found: Occasion | None = None
    behind = 0
    for number, start in displays:
        while waiting and waiting[-1][0] < start:
            found, behind = waiting.pop()[1], 0
        behind += 1
        if found is not None and behind <= MOST_DISPLAYS:
            result["block", number] = found
    return result


def _opens(text: str, start: int) -> bool:
    return _OPENS.search(text[max(0, start - 60) : start].rstrip("$\\(* ")) is not None


def case_in(rows: Sequence[Row]) -> Occasion | None:
    """A comparison of two letters; `None` for anything else."""
    if len(rows) != 1 or len(rows[0].sides) != 2:
        return None
    first, second = rows[0].sides
    sign = _SIGNS.get(second.relation)
    if sign is None or not isinstance(first.node, Symbol) or not isinstance(second.node, Symbol):
        return None
    plain = all(len(n.name) == 1 and not n.style for n in (first.node, second.node))
    return (sign, first.node.name, second.node.name) if plain else None


def masked(sides: tuple[Val, Val], occasion: Occasion, dimensions: Dimensions) -> tuple[Val, Val] | None:
    """Both sides where the indices are as a case says, and zero elsewhere; `None` where the row has no such indices."""
    relation, *names = occasion
    letters: Mapping[str, str] = {plain_letter(x): x for side in sides for x in letters_of(side.term) if "~" not in x}
    if not all(n in letters for n in names):
        return None
    first, second = (letters[n] for n in names)
    if dimensions.find(first) != dimensions.find(second):
        return None
    where = CompareIndices(relation, Place.of(first), Place.of(second))
    left, right = (Val(Times((side.term, where)), side.axes, side.row) for side in sides)
    return left, right

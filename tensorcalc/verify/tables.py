"""Tables of symbols: what an article says about the dimensions of its tensors beside its formulas.

Of a table with a column `dimensions` (or `shape`, `size`), its first column has the names.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from tensorcalc.greek import GREEK

__all__ = ["shapes_in_tables"]

_COLUMN = re.compile(r"dimensions?|shapes?|sizes?", re.IGNORECASE)
_NAME = re.compile(r"\\?(?P<word>[^\W\d_]+)(?P<mark>[\u0304\u0307])?(?:_?\{?(?P<number>\d+)\}?)?")
_SET = re.compile(r"\\(?P<sign>mathrm|mathit|dot|bar)\{(?P<inner>\\?\w+)\}(?P<rest>.*)")
_ACCENTS = {"\u0304": "bar", "\u0307": "dot"}
_SYMBOL = re.compile(r"[^\W\d_]\w*|\d+")
_TIMES = re.compile(r"×|\\times\b|(?<=[*$\s])x(?=[*$\s])")
_GREEK = {sign: name for name, sign in GREEK.items()}
LONGEST = 500


def shapes_in_tables(text: str) -> dict[str, tuple[str, ...]]:
    """The symbols of the dimensions of each tensor; an empty one where nothing that can be read stands."""
    found: dict[str, tuple[str, ...]] = {}
    column: int | None = None
    for line in text.splitlines():
        cells = _cells(line)
        if not cells:
            column = None
            continue
        headed = [k for k, cell in enumerate(cells) if k and _COLUMN.fullmatch(cell)]
        if headed:
            column = headed[0]
        elif column is not None and column < len(cells):
            found |= _row(cells[0], cells[column])
    return found


def _cells(line: str) -> list[str]:
    """The cells of a row of a table in Markdown or LaTeX."""
    line = line.strip()
    if len(line) > LONGEST:
        return []
    if line.startswith("|"):
        return [cell.strip() for cell in line.strip("|").split("|")]
    if "&" in line and (end := line.rfind(r"\\")) > 0:
        row = re.sub(r"\\rule\{[^{}]*\}\{[^{}]*\}", "", line[:end])
        return [cell.strip() for cell in row.split("&")]
    return []


def _row(name: str, shape: str) -> dict[str, tuple[str, ...]]:
    name = name.strip()
    written = name[:1] in ("*", "$")  # a word that is not is one of the text
    name, accent = unicodedata.normalize("NFD", name.strip("*$ ")), ""
    if (spelled := _SET.fullmatch(name)) is not None:
        name, accent = spelled["inner"] + spelled["rest"], spelled["sign"] if spelled["sign"] in ("dot", "bar") else ""
    match = _NAME.fullmatch(name)
    if match is None:
        return {}
    word, number = match["word"], match["number"]
    word = _GREEK.get(word, word)
    if len(word) > 1 and word not in GREEK and not written:
        return {}
    accent = _ACCENTS.get(match["mark"] or "", accent)
    word = f"{accent}({word})" if accent else word
    symbols = tuple(_symbols(shape))
    if number is None:
        return {word: symbols}
    return {f"{word}^{number}" if symbols else f"{word}_{number}": symbols}  # where the indices go the number moves up


def _symbols(shape: str) -> Iterator[str]:
    if shape.strip("*$ ").lower() == "scalar":
        return
    for part in _TIMES.split(shape):
        symbol = part.strip("*$ ")
        yield symbol if _SYMBOL.fullmatch(symbol) and len(symbol) == 1 else ""

"""How wide and how tall a formula in LaTeX will be, without a LaTeX at hand: what breaking long lines goes by.

The widths are those of Computer Modern (and so of KaTeX) in em of the running text, to within some per cent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Size", "latex_size", "words_width"]

_TOKEN = re.compile(r"\\[a-zA-Z]+\*?|\\.|.", re.DOTALL)
_SCRIPT = 0.8  # the width of a script, beside that of the same sign in the line
_SPACES = {r"\quad": 1.0, r"\qquad": 2.0, r"\,": 0.17, r"\ ": 0.33}
_RELATIONS = frozenset(["=", "<", ">", r"\le", r"\ge", r"\ne"])
_OPERATIONS = frozenset(["+", "-", r"\times"])
_WORDS = {"log": 1.28, "sin": 1.23, "cos": 1.34, "tan": 1.39, "max": 1.89, "det": 1.39}
_DOTS = {r"\cdot": 0.72, r"\cdots": 1.33}
_WORDS |= {"sinh": 1.78, "cosh": 1.89, "tanh": 1.94, "arcsin": 2.6, "arccos": 2.7, "arctan": 2.8}
_SIGNS = {r"\sum": 1.44, r"\prod": 1.28}
_ACCENTS = (r"\dot", r"\bar", r"\overline", r"\mathrm", r"\mathbf", r"\operatorname")
_COLUMN = 1.0  # between two columns of a matrix
_GROWING = 0.6  # the width of a bracket that is as tall as what stands in it


@dataclass(frozen=True, slots=True)
class Size:
    """The width of a formula in em, and how many fractions stand one above the other in it."""

    width: float
    fractions: int = 0

    def beside(self, other: Size) -> Size:
        """The size of both, one behind the other."""
        return Size(self.width + other.width, max(self.fractions, other.fractions))


@lru_cache(1 << 14)
def latex_size(latex: str) -> Size:
    """The size of a formula in display style."""
    return _list(iter(_TOKEN.findall(latex)))


def words_width(words: str) -> float:
    """The width of words in the running text, in em."""
    return sum(_letter(c, narrow=0.3, usual=0.5, wide=0.8) for c in words)


def _list(tokens: Iterator[str], end: str = "") -> Size:
    """The size of what stands before `end`."""
    total = Size(0.0)
    for token in tokens:
        if token == end:
            break
        total = total.beside(_atom(token, tokens))
    return total


def _row(tokens: Iterator[str]) -> Size:
    """The size of a matrix of a single row, up to its end."""
    total = Size(0.0)
    for token in tokens:
        if token == r"\end":
            _argument(tokens)
            break
        total = Size(total.width + _COLUMN) if token == "&" else total.beside(_atom(token, tokens))
    return total


def _argument(tokens: Iterator[str]) -> Size:
    """The size of the group or the single token that a command takes."""
    token = next((t for t in tokens if not t.isspace()), "")
    return _list(tokens, "}") if token == "{" else _atom(token, tokens)


def _atom(token: str, tokens: Iterator[str]) -> Size:
    if token == "{":
        return _list(tokens, "}")
    if token == r"\begin":
        _argument(tokens)
        return Size(_row(tokens).width + 2 * _GROWING)
    if token in "^_":
        return Size(_SCRIPT * _argument(tokens).width + 0.05)
    if token == r"\frac":
        above, below = _argument(tokens), _argument(tokens)
        return Size(max(above.width, below.width) + 0.24, 1 + max(above.fractions, below.fractions))
    if token == r"\sqrt":
        inside = _argument(tokens)
        return Size(inside.width + 0.9, inside.fractions)
    if token in (r"\left", r"\right") or token.lower().startswith(r"\big"):
        next(tokens, "")
        return Size(_GROWING)
    if token == r"\text":
        next(tokens, "")
        return Size(words_width("".join(iter(lambda: next(tokens, "}"), "}"))))
    if token in _ACCENTS:
        return _argument(tokens)
    return Size(_sign(token), 1 if token in _SIGNS else 0)


def _sign(token: str) -> float:
    """The width of a single sign, with the space around it."""
    if token in _RELATIONS:
        return 0.78 + 0.56
    if token in _OPERATIONS:
        return 0.78 + 0.44
    if token in _SPACES:
        return _SPACES[token]
    if token in _SIGNS or token[1:] in _WORDS:
        return (_SIGNS.get(token) or _WORDS[token[1:]]) + 0.17
    if token in _DOTS:
        return _DOTS[token]
    if token.startswith("\\"):
        return 0.56
    return 0.0 if token.isspace() else _letter(token, narrow=0.39, usual=0.53, wide=0.9)


def _letter(character: str, narrow: float, usual: float, wide: float) -> float:
    if character in "ijltfrI.,:;'!()[] ":
        return narrow
    if character in "mwMW":
        return wide
    return usual * 1.4 if character.isupper() else usual

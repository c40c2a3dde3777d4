"""The LaTeX notation: tokens with places, macros, and a parser that returns a syntax tree."""

from __future__ import annotations

from tensorcalc.verify.latex.macros import Macros, collect_macros
from tensorcalc.verify.latex.rows import Row, Side, rows_of

__all__ = ["Macros", "Row", "Side", "collect_macros", "rows_of"]

"""The LaTeX notation: tokens with places, macros, and a parser that returns a syntax tree.

The scanner is our own: a verdict points to a character of the article, which needs the place of every token through
the expansion of macros, and hostile input must be refused within bounds. pylatexenc expands no macros.
"""

from __future__ import annotations

from tensorcalc.verify.latex.macros import Macros, collect_macros
from tensorcalc.verify.latex.rows import Row, Side, rows_of

__all__ = ["Macros", "Row", "Side", "collect_macros", "rows_of"]

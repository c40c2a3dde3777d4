"""Printing of expressions, derivations and systems: Unicode text, LaTeX, plain notation, data for JSON."""

from tensorcalc.render.context import Context, Style
from tensorcalc.render.document import Detail
from tensorcalc.render.formats import (
    expression_latex,
    expression_plain,
    expression_text,
    latex,
    system_text,
    text,
    text_rows,
    to_dict,
)

__all__ = [
    "Context",
    "Detail",
    "Style",
    "expression_latex",
    "expression_plain",
    "expression_text",
    "latex",
    "system_text",
    "text",
    "text_rows",
    "to_dict",
]

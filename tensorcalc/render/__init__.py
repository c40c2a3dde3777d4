"""Printing of expressions, derivations and systems: Unicode text, LaTeX, plain notation, data for JSON."""

from tensorcalc.render.context import Context, Style
from tensorcalc.render.document import Block, Detail, blocks
from tensorcalc.render.formats import (
    expression_latex,
    expression_plain,
    expression_text,
    latex,
    node_text,
    system_dict,
    system_text,
    text,
    text_rows,
    to_dict,
)

__all__ = [
    "Block",
    "Context",
    "Detail",
    "Style",
    "blocks",
    "expression_latex",
    "expression_plain",
    "expression_text",
    "latex",
    "node_text",
    "system_dict",
    "system_text",
    "text",
    "text_rows",
    "to_dict",
]

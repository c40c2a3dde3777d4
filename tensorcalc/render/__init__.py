"""Printing of expressions, derivations and systems: Unicode text, LaTeX, plain notation, data for JSON."""

from tensorcalc.render.context import AdjointNotation, Context, Style
from tensorcalc.render.document import Block, Detail, blocks
from tensorcalc.render.environments import Environment, Form
from tensorcalc.render.formats import (
    expression_latex,
    expression_plain,
    expression_text,
    latex,
    system_dict,
    system_text,
    to_dict,
)
from tensorcalc.render.text import WIDTH, node_text, text, text_lines, text_rows

__all__ = [
    "WIDTH",
    "AdjointNotation",
    "Block",
    "Context",
    "Detail",
    "Environment",
    "Form",
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
    "text_lines",
    "text_rows",
    "to_dict",
]

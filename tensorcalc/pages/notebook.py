"""What notebooks show: formulas in MathML, which JupyterLab, VS Code and Colab typeset without any script of ours."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tensorcalc.derivation.model import Derivation
from tensorcalc.render import Block, blocks
from tensorcalc.render.context import Context
from tensorcalc.render.document import Line
from tensorcalc.render.environments import aligned
from tensorcalc.render.layout import Node
from tensorcalc.render.mathml import MathMl
from tensorcalc.render.reasons import rule_words
from tensorcalc.render.walk import layout
from tensorcalc.system import System

__all__ = ["derivation_html", "derivation_latex", "system_html", "system_latex"]

_MATHML = MathMl()
_FONTS = "'Latin Modern Math', 'STIX Two Math', 'Cambria Math', 'Noto Sans Math', math"
_CELL = "border:0;background:none;vertical-align:baseline;padding:0.2em 0.25em"
_HEADING = "font-weight:600;margin:0.5em 0"


def derivation_html(derivation: Derivation) -> str:
    """The chains of a derivation with their reasons, and the results in a box."""
    shown = [b for b in blocks(derivation) if b.kind != "definition"]
    definitions = [b for b in blocks(derivation) if b.kind == "definition"]
    title = [f'<div style="{_HEADING}">{escape(derivation.title)}</div>'] if derivation.title else []
    results = _table(blocks(derivation, detail="result"))
    box = (
        f'<div style="border:1.5px solid;border-radius:4px;display:inline-block;padding:0.25em 0.75em">{results}</div>'
    )
    notes = [f"<p>{escape(note)}.</p>" for note in derivation.notes]
    return "\n".join([*title, _table(definitions), *(_table([b]) for b in shown), box, *notes])


def derivation_latex(derivation: Derivation) -> str:
    """The chains of a derivation as displays between `$$`."""
    shown = blocks(derivation)
    definitions = [b for b in shown if b.kind == "definition"]
    groups = [definitions, *([b] for b in shown if b.kind != "definition")]
    return "\n\n".join(f"$$\n{aligned(group)}\n$$" for group in groups if group)


def system_html(system: System, title: str = "") -> str:
    """The definitions of a system, and the dimensions of its tensors."""
    heading = [f'<div style="{_HEADING}">{escape(title)}</div>'] if title else []
    rows = []
    for tensor in system.tensors.values():
        shape = " × ".join(str(d.extent) for d in tensor.dimensions) or "scalar"
        label = f", labels below {tensor.label_dimension.extent}" if tensor.label_dimension else ""
        name = _math(_MATHML.name(tensor.name))
        rows.append(f'<tr><td style="{_CELL}">{name}</td><td style="{_CELL}">{escape(shape + label)}</td></tr>')
    return "\n".join([*heading, _table(_definitions(system)), f"<table>{''.join(rows)}</table>"])


def system_latex(system: System) -> str:
    """The definitions of a system as a display between `$$`."""
    return f"$$\n{aligned(_definitions(system))}\n$$"


def _definitions(system: System) -> list[Block]:
    found = []
    for number, definition in enumerate(system.definitions):
        context = Context(system).within([definition.lhs, definition.rhs])
        left, right = layout(definition.lhs, context), layout(definition.rhs, context)
        line = Line(definition.rhs, right, (), ())
        found.append(Block("definition", definition.lhs, left, (line,), context, number))
    return found


def _table(found: Sequence[Block]) -> str:
    """Chains below each other: left side, right side, reasons."""
    rows = []
    for block in found:
        for place, line in enumerate(block.lines):
            left = _math(_MATHML.text(block.left)) if place == 0 else ""
            right = _math(f"<mo>=</mo><mrow>{_MATHML.text(line.node)}</mrow>")
            reasons = ", ".join(_rule(rule, block.context) for rule in line.rules)
            cells = (("right", left, ""), ("left", right, ""), ("left", reasons, ";opacity:0.7;font-size:90%"))
            inner = "".join(f'<td style="{_CELL};text-align:{side}{more}">{cell}</td>' for side, cell, more in cells)
            rows.append(f"<tr>{inner}</tr>")
    return f'<table style="border:0;margin:0.5em 0">{"".join(rows)}</table>'


def _rule(rule: str, context: Context) -> str:
    words = [w.content for w in rule_words(rule, context)]
    return " ".join(_math(_MATHML.text(w)) if isinstance(w, Node) else escape(w) for w in words)


def _math(elements: str) -> str:
    return f'<math displaystyle="true" style="font-family:{_FONTS}">{elements}</math>'

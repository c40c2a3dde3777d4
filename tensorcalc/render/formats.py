"""Whole derivations and systems: text for the terminal, LaTeX, and the data for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sympy import Expr

from tensorcalc.derivation.model import Derivation
from tensorcalc.index import Dimension, Tensor
from tensorcalc.render.context import EMPTY, Context, Style
from tensorcalc.render.document import Block, Detail, blocks, grouped, result_lines
from tensorcalc.render.latex import Latex
from tensorcalc.render.layout import Node
from tensorcalc.render.names import latex_text
from tensorcalc.render.plain import Plain
from tensorcalc.render.unicode import UnicodeText
from tensorcalc.render.walk import layout, layout_and_letters
from tensorcalc.system import Definition, Fact, System

__all__ = [
    "aligned",
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

RULE_COLUMN = 88  # rules stand at the right of the longest line, but not beyond this column
RULES_WIDTH = 52  # where several rules lead to one line, their names are folded to about this width

_TEXT, _LATEX, _PLAIN = UnicodeText(), Latex(), Plain()


def expression_text(expression: Expr, context: Context = EMPTY) -> str:
    """An expression as Unicode text."""
    return _TEXT.text(layout(expression, context))


def expression_latex(expression: Expr, context: Context = EMPTY) -> str:
    """An expression in LaTeX, without delimiters."""
    return _LATEX.text(layout(expression, context))


def expression_plain(expression: Expr, context: Context = EMPTY) -> str:
    """An expression in the notation that is typed, with every sum explicit."""
    return _PLAIN.text(layout(expression, replace(context, style="sigma")))


def text_rows(derivation: Derivation, style: Style = "einstein", detail: Detail = "all") -> list[tuple[str, str, str]]:
    """The lines of a derivation as left side, `= right side` and rules; an empty row stands between lemmas."""
    rows: list[tuple[str, str, str]] = []
    for group in grouped(blocks(derivation, style, detail)):
        if rows:
            rows.append(("", "", ""))
        width = max(len(node_text(block.left)) for block in group)
        for block in group:
            for number, line in enumerate(block.lines):
                left = node_text(block.left) if number == 0 else ""
                first, *rest = _folded(line.rules)
                rows.append((f"{left:{width}}", f"= {node_text(line.node)}", first))
                rows += [(" " * width, "", more) for more in rest]
    return rows


def node_text(node: Node) -> str:
    """A layout as Unicode text."""
    return _TEXT.text(node)


def text(derivation: Derivation, style: Style = "einstein", detail: Detail = "all") -> str:
    """A derivation as Unicode text: one chain of equalities for each lemma, the rules at the right."""
    rows = text_rows(derivation, style, detail)
    width = max((n for n in (len(f"{left} {right}") for left, right, _ in rows) if n <= RULE_COLUMN), default=0)
    lines = [f"{f'{left} {right}':{width}}  {rules}".rstrip() for left, right, rules in rows]
    notes = ["", *(f"Note: {note}." for note in derivation.notes)] if derivation.notes else []
    return "\n".join([*lines, *notes]) + "\n"


def latex(derivation: Derivation, style: Style = "einstein", detail: Detail = "all") -> str:
    """A derivation as LaTeX mathematics for amsmath or KaTeX: one display for each lemma, one for all definitions."""
    groups = grouped(blocks(derivation, style, detail))
    return "\n\n".join(f"\\[\n{aligned(group)}\n\\]" for group in groups) + "\n"


def aligned(group: Sequence[Block]) -> str:
    """Chains of equalities as one `aligned` environment, without delimiters."""
    rows = []
    for block in group:
        for number, line in enumerate(block.lines):
            left = f"{_LATEX.text(block.left)} " if number == 0 else ""
            first, *rest = (rf"\text{{{latex_text(r)}}}" if r else "" for r in _folded(line.rules))
            rows.append(f"{left}&= {_LATEX.text(line.node)}{f' && {first}' if first else ''}")
            rows += [f"&&& {more}" for more in rest]
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def _folded(rules: Sequence[str]) -> list[str]:
    """The names of rules in brackets, on as many lines as they need."""
    lines = [""]
    for number, rule in enumerate(rules):
        piece = ("(" if number == 0 else "") + rule + (")" if number == len(rules) - 1 else ",")
        if number and len(lines[-1]) + len(piece) >= RULES_WIDTH:
            lines.append("")
        lines[-1] += f" {piece}" if lines[-1] or len(lines) > 1 else piece
    return lines


def to_dict(derivation: Derivation, style: Style = "einstein", detail: Detail = "all") -> dict[str, Any]:
    """A derivation as plain data, for JSON.

    `title`, `notes`, `kind`, `of`, `wrt`, `loss` (the letter of the scalar in upstream gradients) and `style` say what
    was derived. `dimensions` have `name`, `size` (or null) and `letters`; `inputs` have `name`, `dimensions` and
    `label` (the dimension that a label points into, or null). A formula is an object with `text`, `latex` and `plain`;
    `plain` has every sum explicit and, where no unevaluated derivative occurs, can be read again. `definitions` have
    `name`, `lhs` and `rhs`; `results` have `lhs` and `rhs`. `lemmas` have `kind`, `lhs`, `latex` (the whole chain) and
    `lines`: each is the formula on the right with `rules` (names, empty for a definition) and `steps` (the numbers of
    the lemma's steps that it shows, from 0). `laws` gives the law of each rule in LaTeX.
    """
    shown = () if detail == "result" else blocks(derivation, style, detail)
    return {
        "title": derivation.title,
        "notes": list(derivation.notes),
        "kind": derivation.kind,
        "of": [t.name for t in derivation.of],
        "wrt": [t.name for t in derivation.wrt],
        "loss": derivation.loss,
        "style": style,
        **system_dict(derivation.system, style),
        "lemmas": [_lemma(b) for b in shown],
        "results": [
            {
                "lhs": _formula(b.lhs, b.left, b.context),
                "rhs": _formula(b.lines[0].expression, b.lines[0].node, b.context),
            }
            for b in result_lines(derivation, style)
        ],
        "laws": {r.name: r.law for lemma in derivation.lemmas for step in lemma.steps for r in step.rules},
    }


def system_dict(system: System, style: Style = "sigma") -> dict[str, Any]:
    """`dimensions`, `inputs` and `definitions` of a system as plain data; see `to_dict`."""
    return {
        "dimensions": [
            {"name": d.name, "size": d.size, "letters": list(system.letters.get(d, ()))} for d in system.dimensions
        ],
        "inputs": [_input(t) for t in system.inputs],
        "definitions": [_definition(d, Context(system, style=style)) for d in system.definitions],
    }


def _input(tensor: Tensor) -> dict[str, Any]:
    label = tensor.label_dimension
    return {
        "name": tensor.name,
        "dimensions": [d.name for d in tensor.dimensions],
        "label": label.name if label else None,
    }


def _definition(definition: Definition, context: Context) -> dict[str, Any]:
    context = context.within([definition.lhs, definition.rhs])
    lhs, rhs = (_formula(e, layout(e, context), context) for e in (definition.lhs, definition.rhs))
    return {"name": definition.name, "lhs": lhs, "rhs": rhs}


def _lemma(block: Block) -> dict[str, Any]:
    lines = [
        {
            **_formula(line.expression, line.node, block.context),
            "rules": list(line.rules),
            "steps": list(line.steps),
        }
        for line in block.lines
    ]
    return {
        "kind": block.kind,
        "lhs": _formula(block.lhs, block.left, block.context),
        "lines": lines,
        "latex": aligned([block]),
    }


def _formula(expression: Expr, node: Node, context: Context) -> dict[str, Any]:
    return {
        "text": _TEXT.text(node),
        "latex": _LATEX.text(node),
        "plain": expression_plain(expression, context),
    }


def system_text(system: System) -> str:
    """What was understood, in the notation itself: declarations, definitions with every sum explicit, notes."""
    context = _unambiguous(system)
    rows = []
    used: set[str] = set()
    for definition in system.definitions:
        around = context.within([definition.lhs, definition.rhs])
        right, chosen = layout_and_letters(definition.rhs, around)
        context = context.adding(chosen)
        used |= {*chosen, *(i.name for i in definition.indices)}
        rows.append((expression_plain(definition.lhs, around), _PLAIN.text(right)))
    tensors = [_declared(t) for t in system.inputs if not t.is_label]
    labels = [f"{_declared(t)}: {t.label_dimension.extent}" for t in system.inputs if t.label_dimension]
    words = (("index", _letters(context, used)), ("tensor", tensors), ("label", labels))
    declarations = [f"{word} {', '.join(items)}" for word, items in words if items]
    width = max((len(left) for left, _ in rows), default=0)
    definitions = [f"{left:{width}} = {right}" for left, right in rows]
    assumptions = [_assumption(fact, context) for fact in system.facts]
    notes = [f"# {note}" for note in system.notes]
    parts = [part for part in (declarations, definitions, assumptions, notes) if part]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _assumption(fact: Fact, context: Context) -> str:
    around = context.within([fact.left, fact.right])
    left, right = (layout_and_letters(side, around)[0] for side in (fact.left, fact.right))
    return f"assume {_PLAIN.text(left)} = {_PLAIN.text(right)}"


def _unambiguous(system: System) -> Context:
    """A context in which every letter belongs to one dimension; letters that the author uses for two are free only."""
    owners: dict[str, set[Dimension]] = {}
    for dimension, letters in system.letters.items():
        for letter in letters:
            owners.setdefault(letter, set()).add(dimension)
    shared = frozenset(letter for letter, found in owners.items() if len(found) > 1)
    own = {d: tuple(c for c in letters if c not in shared) for d, letters in system.letters.items()}
    return Context(replace(system, letters=own), style="sigma", taken=shared)


def _letters(context: Context, used: set[str]) -> list[str]:
    """The declaration of every index letter that is used, those of sums included."""
    own, added = context.system.letters, context.added
    return [
        f"{letter}: {dimension.extent}"
        for dimension in dict.fromkeys((*context.system.dimensions, *added))
        for letter in (*own.get(dimension, ()), *added.get(dimension, ()))
        if letter in used
    ]


def _declared(tensor: Tensor) -> str:
    dimensions = ",".join(str(d.extent) for d in tensor.dimensions)
    return f"{tensor.name}[{dimensions}]" if dimensions else tensor.name

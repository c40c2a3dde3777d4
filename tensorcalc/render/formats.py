"""Expressions, derivations and systems in the notations: LaTeX, the notation that is typed, and the data for JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sympy import Expr

from tensorcalc.binding import free_indices
from tensorcalc.budget import bounded
from tensorcalc.derivation.model import Derivation
from tensorcalc.index import Dimension, Tensor
from tensorcalc.render.context import EMPTY, AdjointNotation, Context, Style
from tensorcalc.render.document import Block, Detail, blocks, grouped, result_lines
from tensorcalc.render.environments import Form, aligned, displayed
from tensorcalc.render.latex import Latex
from tensorcalc.render.layout import Node
from tensorcalc.render.plain import Plain
from tensorcalc.render.unicode import UnicodeText
from tensorcalc.render.walk import layout, layout_and_letters
from tensorcalc.system import Definition, Fact, System

__all__ = [
    "expression_latex",
    "expression_plain",
    "expression_text",
    "latex",
    "system_dict",
    "system_text",
    "to_dict",
]

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


@bounded
def latex(
    derivation: Derivation,
    style: Style = "einstein",
    detail: Detail = "all",
    adjoint: AdjointNotation = "partial",
    form: Form | None = None,
) -> str:
    """A derivation as LaTeX mathematics for amsmath or KaTeX: one display for each lemma, one for all definitions."""
    groups = grouped(blocks(derivation, style, detail, adjoint))
    return "\n\n".join(displayed(group, form or Form()) for group in groups) + "\n"


@bounded
def to_dict(
    derivation: Derivation,
    style: Style = "einstein",
    detail: Detail = "all",
    adjoint: AdjointNotation = "partial",
) -> dict[str, Any]:
    """A derivation as plain data, for JSON.

    `title`, `notes`, `kind`, `of`, `wrt`, `loss` (the letter of the scalar in upstream gradients) and `style` say what
    was derived. `dimensions` have `name`, `size` (or null) and `letters`; `inputs` have `name`, `dimensions` and
    `label` (the dimension that a label points into, or null). A formula is an object with `text`, `latex` and `plain`;
    `plain` has every sum explicit and, where no unevaluated derivative occurs, can be read again. `definitions` have
    `name`, `lhs` and `rhs`; `results` have `lhs` and `rhs`. `lemmas` have `kind`, `lhs`, `latex` (the whole chain) and
    `lines`: each is the formula on the right with `rules` (names, empty for a definition) and `steps` (the numbers of
    the lemma's steps that it shows, from 0). `laws` gives the law of each rule in LaTeX.
    """
    shown = () if detail == "result" else blocks(derivation, style, detail, adjoint)
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
            for b in result_lines(derivation, style, adjoint)
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
        lost = [i for i in definition.indices if i not in free_indices(definition.rhs)]  # what cancels takes them along
        ones = "".join(f"1[{i.name}]*" for i in lost)
        shown = _PLAIN.text(right)
        shown = f"{ones}({shown})" if ones and definition.rhs.args else f"{ones}{shown}"
        rows.append((expression_plain(definition.lhs, around), shown))
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

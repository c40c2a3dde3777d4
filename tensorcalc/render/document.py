"""A derivation as lines: what stands on the left, what on the right, and why; the same for every format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sympy import Expr

from tensorcalc.derivation.model import Derivation, Lemma
from tensorcalc.render.context import AdjointNotation, Context, Style
from tensorcalc.render.layout import Node
from tensorcalc.render.ones import without_carried_ones
from tensorcalc.render.unicode import UnicodeText
from tensorcalc.render.walk import layout

__all__ = ["Block", "Detail", "Line", "blocks", "grouped", "result_lines"]

_TEXT = UnicodeText()

Detail = Literal["all", "key", "result"]


@dataclass(frozen=True, slots=True)
class Line:
    """One printed line; `steps` are the numbers of the steps that it shows, `rules` the names of their rules."""

    expression: Expr
    node: Node
    rules: tuple[str, ...]
    steps: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A lemma as it is printed: its left side, and the lines of the chain. `number` is the place of the lemma."""

    kind: str
    lhs: Expr
    left: Node
    lines: tuple[Line, ...]
    context: Context
    number: int


def blocks(
    derivation: Derivation,
    style: Style = "einstein",
    detail: Detail = "all",
    adjoint: AdjointNotation = "partial",
) -> tuple[Block, ...]:
    """The lemmas of a derivation: all lines, the first and last of each (`key`), or the results alone (`result`)."""
    if detail == "result":
        return result_lines(derivation, style, adjoint)
    context = Context.of(derivation, style, adjoint)
    found = [_block(lemma, k, context) for k, lemma in enumerate(derivation.lemmas)]
    return tuple(_shortened(b) for b in found) if detail == "key" else tuple(found)


def result_lines(
    derivation: Derivation, style: Style = "einstein", adjoint: AdjointNotation = "partial"
) -> tuple[Block, ...]:
    """The results as blocks of one line each."""
    found = []
    for number, (left, right) in enumerate(derivation.results):
        context = Context.of(derivation, style, adjoint).within([left, right])
        line = Line(right, layout(without_carried_ones(right), context), (), ())
        found.append(Block("result", left, layout(left, context), (line,), context, number))
    return tuple(found)


def grouped(found: Sequence[Block]) -> list[list[Block]]:
    """Blocks that are printed together: definitions that follow each other, and results; any other stands alone."""
    groups: list[list[Block]] = []
    for block in found:
        if groups and block.kind == groups[-1][0].kind and block.kind in ("definition", "result"):
            groups[-1].append(block)
        else:
            groups.append([block])
    return groups


def _block(lemma: Lemma, number: int, context: Context) -> Block:
    context = context.within([lemma.lhs, *(step.expression for step in lemma.steps)])
    left = layout(lemma.lhs, context)
    lines: list[Line] = []
    for place, step in enumerate(lemma.steps):
        shown = step.expression if lemma.kind == "definition" else without_carried_ones(step.expression)
        node = layout(shown, context)
        rules = tuple(rule.name for rule in step.rules)
        if lines and _look_alike(lines[-1].node, node):  # the step shows in another style only: so does its reason
            previous = lines[-1]
            lines[-1] = Line(step.expression, node, previous.rules, (*previous.steps, place))
        else:
            lines.append(Line(step.expression, node, rules, (place,)))
    return Block(lemma.kind, lemma.lhs, left, tuple(lines), context, number)


def _look_alike(first: Node, second: Node) -> bool:
    """Whether two lines are printed the same: kept brackets may be those that are needed anyway."""
    return first == second or _TEXT.text(first) == _TEXT.text(second)


def _shortened(block: Block) -> Block:
    if len(block.lines) <= 2:
        return block
    first, last = block.lines[0], block.lines[-1]
    hidden = [line.rules for line in block.lines[1:]]
    rules = tuple(dict.fromkeys(name for names in hidden for name in names))
    steps = tuple(step for line in block.lines[1:] for step in line.steps)
    lines = (first, Line(last.expression, last.node, rules, steps))
    return replace(block, lines=lines)

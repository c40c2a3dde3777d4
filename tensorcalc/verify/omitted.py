"""Letters that authors leave out: below a sum, \\sum e^{x_k}; on the left of the mean of every row, μ = 1/F Σ_j X_{ij}.

They are written before anything is read, where there is only one letter that can be meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from tensorcalc.verify.latex.rows import Row
from tensorcalc.verify.latex.tree import BigOperator, Bracket, Node, Number, Relation, Scripted, Symbol
from tensorcalc.verify.latex.tree import Sequence as Items
from tensorcalc.verify.latex.walking import changed, nodes_in
from tensorcalc.verify.signs import flat_items, key_of

__all__ = ["statistics_of", "with_statistics", "with_sum_letters"]


def with_sum_letters(rows: Sequence[Row]) -> list[Row]:
    """The rows with a letter below sums that have none: the one in it that the left side does not have."""
    result: list[Row] = []
    left: set[str] = set()
    for row in rows:
        if not row.continues and row.sides:
            left = set(_indices(row.sides[0].node))
        sides = tuple(replace(s, node=_with_letter(s.node, left)) for s in row.sides)
        result.append(replace(row, sides=sides))
    return result


def _with_letter(node: Any, left: set[str]) -> Any:
    def name(part: Node) -> Node:
        if not isinstance(part, BigOperator) or part.lower is not None or part.kind not in ("sum", "prod"):
            return part
        found = set(_indices(part.body)) - left
        return replace(part, lower=Symbol(part.span, min(found))) if len(found) == 1 else part

    return changed(node, name)


def statistics_of(rows: Sequence[Row]) -> dict[str, str]:
    """The names that are defined for every row of a matrix without a letter that says so, each with that letter."""
    found: dict[str, str] = {}
    for row in rows:
        name = _bare(row.sides[0].node) if len(row.sides) > 1 and not row.continues else ""
        value = row.sides[1].node if name else None
        if value is None or row.sides[1].relation != "=" or row.label:
            continue
        bound = {x for n in nodes_in(value) if isinstance(n, BigOperator) for x in _below(n.lower)}
        free = set(_indices(value)) - bound
        if bound and len(free) == 1 and name not in found:
            found[name] = min(free)
    for row in rows:
        letters = {x for side in row.sides for x in _indices(side.node)}
        for side in row.sides:
            for node in nodes_in(side.node) if side.node is not None else ():
                indexed = isinstance(node, Scripted) and node.sub is not None and isinstance(node.base, Symbol)
                if isinstance(node, Scripted) and isinstance(node.base, Symbol) and indexed:
                    found.pop(key_of(node.base), None)
                elif isinstance(node, Symbol) and (letter := found.get(key_of(node))) and letter not in letters:
                    found.pop(key_of(node))
    return found


def with_statistics(node: Any, letters: dict[str, str]) -> Any:
    """A tree with the letters below such names."""

    def write(part: Node) -> Node:
        if isinstance(part, Symbol) and (letter := letters.get(key_of(part))):
            return Scripted(part.span, part, Symbol(part.span, letter), None)
        if isinstance(part, Scripted) and isinstance(part.base, Scripted) and part.sub is None:
            inner = part.base
            if isinstance(inner.base, Symbol) and key_of(inner.base) in letters and inner.sup is None:
                return replace(part, base=inner.base, sub=inner.sub)
        return part

    return changed(node, write) if letters else node


def _bare(node: Node | None) -> str:
    """The name that a left side is, perhaps squared."""
    if isinstance(node, Scripted) and node.sub is None and not node.primes and isinstance(node.sup, Number):
        node = node.base
    return key_of(node) if isinstance(node, Symbol) else ""


def _below(node: Node | None) -> Iterator[str]:
    if isinstance(node, Relation):
        yield from _below(node.left)
    elif isinstance(node, Items):
        for item in node.items:
            yield from _below(item)
    elif node is not None:
        yield from (i.name for i in flat_items(node) if isinstance(i, Symbol))


def _indices(part: Any) -> Iterator[str]:
    """The small letters in subscripts and in brackets above names."""
    for node in nodes_in(part):
        if isinstance(node, Scripted):
            items = list(flat_items(node.sub)) if node.sub is not None else []
            if isinstance(node.sup, Bracket) and node.sup.kind == "(":
                items.append(node.sup.body)
            for item in items:
                if isinstance(item, Symbol) and not item.style and len(item.name) == 1 and item.name.islower():
                    yield item.name

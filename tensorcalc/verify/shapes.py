"""Shapes that an article states: `X \\in \\mathbb{R}^{n \\times d}`."""

from __future__ import annotations

from tensorcalc.verify.latex.rows import Row
from tensorcalc.verify.latex.tree import Bracket, Node, Number, Product, Scripted, Sequence, Symbol
from tensorcalc.verify.signs import flat_items, key_of

__all__ = ["plain_key", "shapes_of", "symbols_of"]


def shapes_of(row: Row) -> dict[str, tuple[str, ...]]:
    """The shapes that a row states: by name, the symbols of the dimensions."""
    found: dict[str, tuple[str, ...]] = {}
    for place, (before, right) in enumerate(zip(row.sides, row.sides[1:], strict=False)):
        equal = not row.continues and all(s.relation == "=" for s in row.sides[1 : place + 1])
        left = row.sides[0] if equal else before  # O = P V \in \mathbb{R}^n states the shape of O
        if right.relation != "\\in" or left.node is None or right.node is None:
            continue
        node = right.node
        if not (isinstance(node, Scripted) and isinstance(node.base, Symbol) and node.base.name in ("R", "reals")):
            continue
        if node.base.style not in ("bb", "bold") or node.sub is not None:
            continue
        shape = () if node.sup is None else symbols_of(node.sup)
        for item in left.node.items if isinstance(left.node, Sequence) else (left.node,):
            name = plain_key(item)
            if shape is not None and name:
                found[name] = shape
    return found


def plain_key(node: Node) -> str:
    """A name with a label, such as W_1 or d_k; empty for anything else."""
    if isinstance(node, Symbol):
        return key_of(node)
    if isinstance(node, Scripted) and isinstance(node.base, Symbol) and node.sup is None and not node.primes:
        items = flat_items(node.sub) if node.sub is not None else []
        if len(items) == 1 and isinstance(items[0], Symbol | Number):
            item = items[0]
            return f"{key_of(node.base)}_{key_of(item) if isinstance(item, Symbol) else item.value}"
    return ""


def symbols_of(node: Node) -> tuple[str, ...] | None:
    """The symbols of dimensions in n \\times d; an empty one for what is not read, `None` where there are none."""
    if isinstance(node, Bracket):
        return symbols_of(node.body)
    if isinstance(node, Scripted) and plain_key(node):
        return (plain_key(node),)
    if isinstance(node, Symbol):
        return (key_of(node),)
    if isinstance(node, Number):
        return (str(node.value),)
    if isinstance(node, Product) and all(sign in ("", "\\times") for sign in node.signs):
        parts = [symbols_of(f) for f in node.factors]
        if all(p is not None for p in parts) and all(s == "\\times" for s in node.signs[1:]):
            return tuple(x for p in parts if p is not None for x in p)
        return ("",)
    return ("",)

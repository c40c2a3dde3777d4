"""Shapes that an article states: `X \\in \\mathbb{R}^{n \\times d}`."""

from __future__ import annotations

from tensorcalc.verify.latex.rows import Row
from tensorcalc.verify.latex.tree import Bracket, Node, Number, Product, Scripted, Symbol
from tensorcalc.verify.survey import key_of

__all__ = ["shapes_of"]


def shapes_of(row: Row) -> dict[str, tuple[str, ...]]:
    """The shapes that a row states: by name, the symbols of the dimensions."""
    found: dict[str, tuple[str, ...]] = {}
    for left, right in zip(row.sides, row.sides[1:], strict=False):
        if right.relation != "\\in" or left.node is None or right.node is None:
            continue
        node = right.node
        if not (isinstance(node, Scripted) and isinstance(node.base, Symbol) and node.base.name in ("R", "reals")):
            continue
        if node.base.style not in ("bb", "bold") or node.sub is not None:
            continue
        shape = () if node.sup is None else _symbols(node.sup)
        if shape is not None and isinstance(left.node, Symbol):
            found[key_of(left.node)] = shape
    return found


def _symbols(node: Node) -> tuple[str, ...] | None:
    if isinstance(node, Bracket):
        return _symbols(node.body)
    if isinstance(node, Symbol):
        return (key_of(node),)
    if isinstance(node, Number):
        return (str(node.value),)
    if isinstance(node, Product) and all(sign in ("", "\\times") for sign in node.signs):
        parts = [_symbols(f) for f in node.factors]
        if all(p is not None for p in parts) and all(s == "\\times" for s in node.signs[1:]):
            return tuple(x for p in parts if p is not None for x in p)
        return ("",)
    return ("",)

"""Entries in square brackets, as signal processing has them: y[n] = Σ_k h[k] x[n + k].

They are made subscripts before anything is read, where the letters in such brackets stand for nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

from tensorcalc.verify.latex.rows import Row
from tensorcalc.verify.latex.tree import BigOperator, Bracket, Node, Number, Product, Scripted, Sum, Symbol
from tensorcalc.verify.latex.tree import Sequence as Items
from tensorcalc.verify.latex.walking import nodes_in

__all__ = ["with_subscripts"]

AVERAGES = frozenset(("E", "P", "Var", "Cov", "Pr", "D"))


def with_subscripts(rows: Sequence[Row]) -> list[Row]:
    """The rows with subscripts for such brackets."""
    trees = [side.node for row in rows for side in row.sides]
    if not _indices(trees):
        return list(rows)
    return [replace(row, sides=tuple(replace(s, node=_rewritten(s.node)) for s in row.sides)) for row in rows]


def _indices(trees: Sequence[Node | None]) -> bool:
    """Whether there are such brackets, and their letters stand in no formula as values."""
    pairs = [(a, b) for tree in trees for a, b in _pairs(tree)]
    letters = {x.name for _, bracket in pairs for x in nodes_in(bracket.body) if isinstance(x, Symbol)}
    below = [n.lower for tree in trees for n in nodes_in(tree) if isinstance(n, BigOperator)]
    sums = {x.name for x in nodes_in(tuple(below)) if isinstance(x, Symbol)}
    single = any(isinstance(bracket.body, Symbol) for _, bracket in pairs)
    return bool(pairs) and single and bool(letters & sums) and not letters & {x.name for t in trees for x in _values(t)}


def _pairs(part: Any) -> Iterator[tuple[Symbol, Bracket]]:
    """Names with a square bracket directly behind them that holds indices."""
    if isinstance(part, tuple):
        for inner in part:
            yield from _pairs(inner)
    elif isinstance(part, Node):
        if isinstance(part, Product):
            yield from (pair for k in range(1, len(part.factors)) if (pair := _entry(part, k)) is not None)
        for f in fields(part):
            yield from _pairs(getattr(part, f.name))


def _entry(product: Product, place: int) -> tuple[Symbol, Bracket] | None:
    """The name before a factor and the factor, where that is a bracket with indices."""
    name, bracket = product.factors[place - 1], product.factors[place]
    if not isinstance(name, Symbol) or not isinstance(bracket, Bracket) or bracket.kind != "[" or product.signs[place]:
        return None
    averages = name.name in AVERAGES or name.style in ("bb", "text")
    near = name.span.end == bracket.span.start
    return (name, bracket) if near and not averages and _is_position(bracket.body) else None


def _is_position(node: Node) -> bool:
    if isinstance(node, Items):
        return all(_is_position(i) for i in node.items)
    if isinstance(node, Sum):
        return all(_is_position(t) for t in node.terms)
    if isinstance(node, Product):
        return len(node.factors) == 2 and isinstance(node.factors[0], Number) and _is_position(node.factors[1])
    return isinstance(node, Number) or (isinstance(node, Symbol) and len(node.name) == 1 and not node.style)


def _values(part: Any) -> Iterator[Symbol]:
    """Names that stand as values: in no subscript, bracket of indices or bound of a sum."""
    if isinstance(part, tuple):
        for inner in part:
            yield from _values(inner)
    elif isinstance(part, Symbol):
        yield part
    elif isinstance(part, Product):
        skipped = {k for k in range(1, len(part.factors)) if _entry(part, k) is not None}
        yield from _values(tuple(f for k, f in enumerate(part.factors) if k not in skipped))
    elif isinstance(part, BigOperator):
        yield from _values(part.body)
    elif isinstance(part, Node):
        yield from _values(tuple(getattr(part, f.name) for f in fields(part) if f.name != "sub"))


def _rewritten(part: Any) -> Any:
    if isinstance(part, tuple):
        return tuple(_rewritten(p) for p in part)
    if not isinstance(part, Node):
        return part
    if not isinstance(part, Product):
        return type(part)(**{f.name: _rewritten(getattr(part, f.name)) for f in fields(part)})
    factors: list[Node] = []
    signs: list[str] = []
    for place, factor in enumerate(part.factors):
        pair = _entry(part, place) if place else None
        if pair is None:
            factors.append(_rewritten(factor))
            signs.append(part.signs[place])
        else:
            name, bracket = pair
            factors[-1] = Scripted(name.span.to(bracket.span), name, bracket.body, None)
    return factors[0] if len(factors) == 1 else replace(part, factors=tuple(factors), signs=tuple(signs))

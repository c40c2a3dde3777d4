"""Functions of a vector with an index behind the bracket: σ(z)_i, where σ is only ever taken of one z.

Then σ(z) is a vector like any other, whose entries the article defines; the bracket is taken away before anything is
read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tensorcalc.verify.latex.rows import Row
from tensorcalc.verify.latex.tree import Bracket, Function, Node, Product, Scripted, Symbol
from tensorcalc.verify.latex.tree import Sequence as Items
from tensorcalc.verify.latex.walking import changed, nodes_in
from tensorcalc.verify.signs import key_of

__all__ = ["vector_functions", "with_components"]

KNOWN = frozenset(("softmax", "exp", "log", "tanh", "sigmoid"))
Calls = dict[str, set[tuple[str, ...]]]


def vector_functions(rows: Sequence[Row]) -> frozenset[str]:
    """The names that are functions of one vector and whose entries are defined."""
    defined = {
        name
        for row in rows
        if len(row.sides) > 1 and not row.continues
        for name, _, behind in _applied(row.sides[0].node)
        if isinstance(behind, Scripted) and behind.sub is not None and behind.sup is None
    }
    calls: Calls = {}
    for row in rows:
        for side in row.sides:
            for node in nodes_in(side.node) if side.node is not None else ():
                for name, arguments, _ in _applied(node):
                    calls.setdefault(name, set()).add(arguments)
    return frozenset(n for n in defined - KNOWN if len(calls[n]) == 1 and () not in calls[n])


def with_components(node: Any, names: frozenset[str]) -> Any:
    """A tree without the brackets behind these names."""
    return changed(node, lambda part: _without(part, names)) if names else node


def _applied(node: Node | None) -> list[tuple[str, tuple[str, ...], Node]]:
    """The calls that a node is: the name, the names of the arguments (`()` for any others), the bracket."""
    if isinstance(node, Function):
        return [(node.name, _keys(node.arguments), node)]
    if isinstance(node, Scripted) and isinstance(node.base, Function):
        return [(node.base.name, _keys(node.base.arguments), node)]
    if not isinstance(node, Product):
        return []
    found: list[tuple[str, tuple[str, ...], Node]] = []
    for place in range(1, len(node.factors)):
        name, behind = node.factors[place - 1], node.factors[place]
        bracket = behind.base if isinstance(behind, Scripted) else behind
        if isinstance(name, Symbol) and isinstance(bracket, Bracket) and bracket.kind == "(" and not node.signs[place]:
            body = bracket.body
            found.append((key_of(name), _keys(body.items if isinstance(body, Items) else (body,)), behind))
    return found


def _keys(arguments: Sequence[Node]) -> tuple[str, ...]:
    names = tuple(key_of(a) for a in arguments if isinstance(a, Symbol))
    return names if len(names) == len(arguments) else ()


def _without(node: Node, names: frozenset[str]) -> Node:
    if isinstance(node, Function) and node.name in names:
        return Symbol(node.span, node.name, "text")
    if not isinstance(node, Product):
        return node
    factors: list[Node] = []
    signs: list[str] = []
    for factor, sign in zip(node.factors, node.signs, strict=True):
        name = factors[-1] if factors and not sign else None
        bracket = factor.base if isinstance(factor, Scripted) else factor
        called = isinstance(name, Symbol) and key_of(name) in names
        if called and name is not None and isinstance(bracket, Bracket) and bracket.kind == "(":
            factors[-1] = replace(factor, base=name) if isinstance(factor, Scripted) else name
        else:
            factors.append(factor)
            signs.append(sign)
    return factors[0] if len(factors) == 1 else replace(node, factors=tuple(factors), signs=tuple(signs))

"""Indices above names, as in S^{ij} = Q^{ia} K^{ja}: they are made subscripts before anything is read.

That they are indices and no exponents shows in the article itself: letters that are never values stand several at a
time above a name, beside a letter below δ, or above both parts of a derivative.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from tensorcalc.verify.latex.rows import Row
from tensorcalc.verify.latex.tree import BigOperator, Bracket, DerivativeOf, Node, Scripted, Sum, Symbol
from tensorcalc.verify.latex.tree import Sequence as Items
from tensorcalc.verify.latex.walking import changed, nodes_in
from tensorcalc.verify.signs import LAYERS, flat_items

__all__ = ["primed_letters", "upper_letters", "with_lowered", "with_primed"]


def upper_letters(rows: Sequence[Row]) -> frozenset[str]:
    """The letters that are indices where they stand above a name; empty where superscripts are exponents or labels."""
    trees = [side.node for row in rows for side in row.sides if side.node is not None]
    nodes = [node for tree in trees for node in nodes_in(tree)]
    stepped = {t.name for n in nodes if isinstance(n, Sum) for t in n.terms[:1] if isinstance(t, Symbol)}
    raised = {x for n in nodes if isinstance(n, Scripted) for x in _raised(n)}
    letters = frozenset(raised - stepped - set(_values(tuple(trees))))
    shown = any(_shows(n, letters) for n in nodes)
    return letters if shown else frozenset()


def with_lowered(node: Any, letters: frozenset[str]) -> Any:
    """A tree with such indices below the names, before those that stand there."""

    def lower(part: Node) -> Node:
        if not isinstance(part, Scripted) or not (found := _raised(part)) or not set(found) <= letters:
            return part
        assert part.sup is not None
        items = [*flat_items(part.sup), *(flat_items(part.sub) if part.sub is not None else ())]
        return replace(part, sub=items[0] if len(items) == 1 else Items(part.sup.span, tuple(items)), sup=None)

    return changed(node, lower) if letters else node


def primed_letters(rows: Sequence[Row]) -> frozenset[str]:
    """The letters that stand with a prime below sums, as j' does in \\sum_{j'}."""
    bounds = [n.lower for row in rows for s in row.sides for n in nodes_in(s.node) if isinstance(n, BigOperator)]
    return frozenset(x for n in nodes_in(tuple(bounds)) if (x := _primed(n)))


def with_primed(node: Any, letters: frozenset[str]) -> Any:
    """A tree in which such a letter with its prime is one sign."""

    def join(part: Node) -> Node:
        name = _primed(part)
        return Symbol(part.span, name) if name in letters else part

    return changed(node, join) if letters else node


def _primed(node: Node) -> str:
    """j' for a small letter with a prime, and nothing for anything else."""
    if not isinstance(node, Scripted) or not node.primes or node.sub is not None or node.sup is not None:
        return ""
    letter = isinstance(node.base, Symbol) and _is_letter(node.base)
    return f"{node.base.name}{chr(39) * node.primes}" if isinstance(node.base, Symbol) and letter else ""


def _is_letter(node: Node) -> bool:
    if not isinstance(node, Symbol) or node.style or node.accents:
        return False
    plain = node.name.rstrip("'")
    return len(plain) == 1 and plain.islower()


def _raised(node: Scripted) -> list[str]:
    """The letters above a name, where there are only letters."""
    base, sup = node.base, node.sup
    if not isinstance(base, Symbol) or sup is None or base.style == "bb" or base.name == "e":
        return []
    if isinstance(sup, Bracket) and sup.kind != "group":
        return []
    items = flat_items(sup)
    return [i.name for i in items if isinstance(i, Symbol)] if all(map(_is_letter, items)) else []


def _shows(node: Node, letters: frozenset[str]) -> bool:
    """Whether a part shows that letters above names are indices."""
    if isinstance(node, DerivativeOf):
        parts = [_raised(n) if isinstance(n, Scripted) else [] for n in (node.numerator, *node.variables)]
        return all(found and set(found) <= letters - LAYERS for found in parts)
    if not isinstance(node, Scripted) or not (found := _raised(node)) or not set(found) <= letters:
        return False
    below = flat_items(node.sub) if node.sub is not None else []
    delta = isinstance(node.base, Symbol) and node.base.name == "delta" and len(below) == 1 and _is_letter(below[0])
    return (delta and not LAYERS & set(found)) or (len(found) > 1 and node.sub is None)


def _values(part: Any) -> Iterator[str]:
    """The letters that stand as values: neither in scripts of names nor below sums."""
    if isinstance(part, tuple):
        for inner in part:
            yield from _values(inner)
    elif isinstance(part, Symbol):
        yield part.name
    elif isinstance(part, Scripted):
        yield from _values(part.base)
        yield from () if _raised(part) else _values(part.sup)
    elif isinstance(part, BigOperator):
        yield from _values(part.body)
    elif isinstance(part, Node):
        yield from _values(tuple(getattr(part, f) for f in part.__dataclass_fields__ if f != "over"))

"""Names of several plain letters: FL(p) = …, MSE = …, ∂Loss, which LaTeX sets as products of letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import pairwise
from typing import Any

from tensorcalc.verify.latex.rows import Row
from tensorcalc.verify.latex.tree import Bracket, DerivativeOf, Node, Product, Symbol
from tensorcalc.verify.latex.walking import nodes_in

__all__ = ["with_words"]

LOSSES = frozenset(("Loss", "loss", "Cost", "cost", "Error", "error", "Err", "err"))


def with_words(rows: Sequence[Row]) -> list[Row]:
    """The rows with one name in the place of the letters that are one on the left of an equation."""
    words = {word for row in rows if not row.continues and len(row.sides) > 1 for word in _defined(row.sides[0].node)}
    words |= {word for row in rows for side in row.sides for word in _differentiated(side.node)}
    if not words:
        return list(rows)
    return [replace(row, sides=tuple(replace(s, node=_rewritten(s.node, words)) for s in row.sides)) for row in rows]


def _defined(node: Node | None) -> list[str]:
    """The name that a left side is: two capitals with an argument, or three."""
    if not isinstance(node, Product) or any(node.signs):
        return []
    called = isinstance(node.factors[-1], Bracket) and node.factors[-1].kind == "("
    letters = node.factors[:-1] if called else node.factors
    word = _word(letters)
    return [word] if len(word) >= (2 if called else 3) else []


def _differentiated(node: Node | None) -> set[str]:
    """The words for a loss that are differentiated."""
    found = {
        "".join(f.name for f in part.numerator.factors if isinstance(f, Symbol))
        for part in nodes_in(node)
        if isinstance(part, DerivativeOf) and isinstance(part.numerator, Product) and not any(part.numerator.signs)
    }
    return found & LOSSES


def _word(factors: Sequence[Node]) -> str:
    """The letters of factors that stand side by side without a blank; empty where one is no plain capital."""
    found = [f for f in factors if isinstance(f, Symbol) and not f.style and not f.accents]
    close = all(a.span.end == b.span.start for a, b in pairwise(found))
    word = "".join(f.name for f in found)
    plain = all(f.name.isupper() for f in found) or word in LOSSES
    return word if close and plain and len(found) == len(factors) else ""


def _rewritten(part: Any, words: set[str]) -> Any:
    if isinstance(part, tuple):
        return tuple(_rewritten(p, words) for p in part)
    if not isinstance(part, Node):
        return part
    changed = type(part)(**{f.name: _rewritten(getattr(part, f.name), words) for f in fields(part)})
    return _joined(changed, words) if isinstance(changed, Product) else changed


def _joined(product: Product, words: set[str]) -> Node:
    factors, signs = list(product.factors), list(product.signs)
    for word in words:
        for start in range(len(factors) - len(word) + 1):
            end = start + len(word)
            if _word(factors[start:end]) == word and not any(signs[start + 1 : end]):
                span = factors[start].span.to(factors[end - 1].span)
                factors[start:end] = [Symbol(span, word, "mathrm")]
                del signs[start + 1 : end]
                break
    return factors[0] if len(factors) == 1 else replace(product, factors=tuple(factors), signs=tuple(signs))

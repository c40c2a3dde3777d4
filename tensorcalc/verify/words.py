"""Names of several letters: plain ones, as in FL(p) = …, MSE = … and ∂Loss, which LaTeX sets as products of letters;
and those of tensors, which no bracket makes functions.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields, replace
from itertools import pairwise
from typing import Any

from tensorcalc.verify.latex.rows import Row
from tensorcalc.verify.latex.tree import (
    Bracket,
    DerivativeOf,
    Function,
    Node,
    Product,
    Relation,
    Scripted,
    Symbol,
)
from tensorcalc.verify.latex.tree import Sequence as Items
from tensorcalc.verify.latex.walking import nodes_in

__all__ = ["with_words"]

LOSSES = frozenset(("Loss", "loss", "Cost", "cost", "Error", "error", "Err", "err"))


def with_words(rows: Sequence[Row], tensors: Collection[str] = ()) -> list[Row]:
    """The rows with one name in the place of the letters that are one on the left of an equation.

    A word that names one of the `tensors` is multiplied by the bracket behind it.
    """
    words = {word for row in rows if not row.continues and len(row.sides) > 1 for word in _defined(row.sides[0].node)}
    words |= {word for row in rows for side in row.sides for word in _differentiated(side.node)}
    values = {name for name in tensors if len(name) > 1}
    if not words and not values:
        return list(rows)
    return [
        replace(row, sides=tuple(replace(s, node=_rewritten(s.node, words, values)) for s in row.sides)) for row in rows
    ]


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


def _rewritten(part: Any, words: set[str], values: set[str]) -> Any:
    if isinstance(part, tuple):
        return tuple(_rewritten(p, words, values) for p in part)
    if not isinstance(part, Node):
        return part
    node = _multiplied(part, values) if isinstance(part, Scripted | Function) else part
    changed = type(node)(**{f.name: _rewritten(getattr(node, f.name), words, values) for f in fields(node)})
    return _joined(_flat(changed, part), words) if isinstance(changed, Product) else changed


def _multiplied(node: Scripted | Function, values: set[str]) -> Node:
    """A tensor before a bracket as the product that it is."""
    call = node.base if isinstance(node, Scripted) else node
    if not isinstance(call, Function) or call.name not in values:
        return node
    inside = call.arguments[0] if len(call.arguments) == 1 else Items(call.span, call.arguments)
    name: Node = Symbol(call.span, call.name, "mathrm")
    bracket: Node = Bracket(inside.span, "[" if isinstance(inside, Relation) else "(", inside)
    if isinstance(node, Scripted):
        before = node.sup is not None and node.sup.span.start < inside.span.start
        name, bracket = (replace(node, base=name), bracket) if before else (name, replace(node, base=bracket))
    return Product(node.span, (name, bracket), ("", ""))


def _flat(product: Product, written: Node) -> Product:
    """A product with the factors of those that have taken the place of a function."""
    factors: list[Node] = []
    signs: list[str] = []
    own = written.factors if isinstance(written, Product) else ()
    for factor, sign, before in zip(product.factors, product.signs, own or product.factors, strict=True):
        opened = isinstance(factor, Product) and bool(own) and not isinstance(before, Product)
        parts = factor.factors if opened and isinstance(factor, Product) else (factor,)
        factors += parts
        signs += [sign, *("" for _ in parts[1:])]
    return replace(product, factors=tuple(factors), signs=tuple(signs))


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

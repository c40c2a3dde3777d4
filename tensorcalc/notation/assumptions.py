"""`assume left = right`: read as one formula, left - right, over the indices that stand once in a term."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tensorcalc.errors import Span
from tensorcalc.notation.statements import Equation
from tensorcalc.notation.symbols import Symbols
from tensorcalc.notation.tree import Access, Binder, Call, MatrixAccess, Name, Node, OneAccess, Total, children
from tensorcalc.notation.vocabulary import PAIRS

__all__ = ["assumed_equation"]


def assumed_equation(number: int, span: Span, left: Node, right: Node, symbols: Symbols) -> Equation:
    """The assumption as the definition of a nameless tensor, so that it is read like any other formula.

    Its free indices are those that occur once in a term of it; an index that occurs twice is summed, as everywhere.
    """
    free: dict[str, Name] = {}
    for side in (left, right):
        for term in side.terms if isinstance(side, Total) else (side,):
            names = list(_letters(term, frozenset(), symbols))
            counts = Counter(n.name for n in names)
            free.update((n.name, n) for n in names if counts[n.name] == 1)
    difference = Total(left.span.to(right.span), (left, right), (False, True))
    return Equation(span, f"assumption {number}", left.span, tuple(free.values()), difference, assumed=True)


def _letters(node: Node, bound: frozenset[str], symbols: Symbols) -> Iterator[Name]:
    """The indices in brackets, as often as they occur."""
    if isinstance(node, Binder):
        yield from _letters(node.body, bound | {letter.name for letter in node.letters}, symbols)
    elif isinstance(node, Access | OneAccess | MatrixAccess) or (isinstance(node, Call) and node.name in PAIRS):
        for argument in node.arguments:
            yield from _places(argument, bound, symbols)
    else:
        for child in children(node):
            yield from _letters(child, bound, symbols)


def _places(node: Node, bound: frozenset[str], symbols: Symbols) -> Iterator[Name]:
    if isinstance(node, Name):
        symbol = symbols.tensors.get(node.name)
        label = (node.name[0].isupper() and node.name not in symbols.indices) or (symbol is not None and symbol.label)
        if not label and node.name not in bound:
            yield node
    elif isinstance(node, Access):
        yield from _letters(node, bound, symbols)
    else:
        for child in children(node):
            yield from _places(child, bound, symbols)

"""Which vectors of ones do not show how long they are: in 𝟏ᵀ exp(c 𝟏) nothing but their lengths tells what it is worth.

A length shows where a tensor stands at the same index: in A 𝟏, or where 𝟏 is a side of the left matrix.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from tensorcalc.index import Dimension, Index
from tensorcalc.matrix import nodes
from tensorcalc.matrix.nodes import Node, placed

__all__ = ["hidden_lengths"]


def hidden_lengths(node: Node, axes: tuple[Index, ...]) -> frozenset[Dimension]:
    """The dimensions of the vectors of ones that stand where no tensor does; the formula itself stands at `axes`."""
    shown, ones, same = set(axes), set[Index](), list[tuple[Index, ...]]()
    for part, letters in _walk(node, axes, count()):
        match part:
            case nodes.Named():
                shown.update(letters)
            case nodes.Selection():
                shown.add(letters[0])
            case nodes.Identity() | nodes.DiagonalMatrix():
                same.append(letters)
            case nodes.Ones():
                ones.update(letters)
    for _ in same:
        shown.update(letter for pair in same if shown & {*pair} for letter in pair)
    return frozenset(letter.dimension for letter in ones - shown)


def _walk(node: Node, axes: tuple[Index, ...], numbers: Iterator[int]) -> Iterator[nodes.Placed]:
    """All nodes with the letters at their axes; every product has letters of its own between its factors."""
    yield node, axes
    if isinstance(node, nodes.Product | nodes.Trace):
        own = {i: Index(f"{i.name}'{next(numbers)}", i.dimension) for i in node.links}
        node = replace(node, links=tuple(own[i] for i in node.links))
    for inner, letters in placed(node, axes):
        yield from _walk(inner, letters, numbers)

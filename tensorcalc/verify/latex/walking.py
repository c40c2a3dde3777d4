"""Walks through syntax trees: all parts of one, and a tree with parts replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

from tensorcalc.verify.latex.tree import Node

__all__ = ["changed", "nodes_in"]


def nodes_in(part: Any) -> Iterator[Node]:
    """A tree and all that it is made of, what stands in scripts included; outermost first."""
    stack: list[Any] = [part]
    while stack:
        node = stack.pop()
        if isinstance(node, tuple):
            stack.extend(reversed(node))
        elif isinstance(node, Node):
            yield node
            stack.extend(getattr(node, f.name) for f in reversed(fields(node)))


def changed(part: Any, change: Callable[[Node], Node]) -> Any:
    """The tree in which every part is what `change` makes of it, innermost first."""
    if isinstance(part, tuple):
        return tuple(changed(p, change) for p in part)
    if not isinstance(part, Node):
        return part
    return change(type(part)(**{f.name: changed(getattr(part, f.name), change) for f in fields(part)}))

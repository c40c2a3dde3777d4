"""Expressions that differ in names only: what is derived for one holds for the other with the names exchanged.

The layers of a network are the same formula over and over. `signature` numbers the tensors, dimensions and free indices
of expressions in the order in which they occur; equal `tokens` mean equal structure, and the atoms at equal places
belong together. The order of SymPy's arguments depends on names, so that equal structure may be missed, never claimed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sympy import Expr, Function
from sympy.core.basic import Basic

from tensorcalc.binding import Binder, rebuild
from tensorcalc.index import BoundIndex, Dimension, Index, Slope, Tensor

__all__ = ["Signature", "extended", "signature", "translate"]

Token = object


@dataclass(frozen=True, slots=True)
class Signature:
    """The structure of expressions without names, and the named atoms in order of appearance."""

    tokens: tuple[Token, ...]
    atoms: tuple[Basic, ...]


def signature(expressions: Iterable[Basic]) -> Signature:
    """The signature of several expressions together."""
    reader = _Reader()
    for expression in expressions:
        reader.read(expression)
    return Signature(tuple(reader.tokens), tuple(reader.numbers))


class _Reader:
    """Collects tokens in one walk."""

    def __init__(self) -> None:
        self.tokens: list[Token] = []
        self.numbers: dict[Basic, int] = {}

    def read(self, expression: Basic) -> None:
        stack = [expression]
        while stack:
            node = stack.pop()
            if isinstance(node, BoundIndex):
                self.tokens.append(("dummy", node.number))
                self.atom(node.dimension)
            elif isinstance(node, Tensor | Index | Dimension):
                self.atom(node)
            elif node.args:
                self.tokens.append((type(node), len(node.args)))
                stack.extend(reversed(node.args))
            else:
                self.tokens.append(node)

    def atom(self, node: Basic) -> None:
        known = self.numbers.get(node)
        if known is not None:
            self.tokens.append(known)
            return
        self.numbers[node] = len(self.numbers)
        self.tokens.append(type(node))
        if isinstance(node, Dimension):
            self.tokens.append(node.size)
        elif isinstance(node, Index):
            self.atom(node.dimension)
        elif isinstance(node, Tensor):
            self.tensor(node)

    def tensor(self, node: Tensor) -> None:
        for dimension in node.dimensions:
            self.atom(dimension)
        self.tokens.append(node.order)
        of = getattr(node, "of", None)
        if of is not None:
            self.atom(of)
        if isinstance(node, Slope):
            self.atom(node.wrt)
        if node.label_dimension is not None:
            self.tokens.append("label")
            self.atom(node.label_dimension)


def extended(names: Mapping[Basic, Basic], old: Iterable[Basic], new: Iterable[Basic]) -> dict[Basic, Basic] | None:
    """The exchange of names that also turns `old` atoms into `new` ones; `None` where it contradicts `names`.

    Indices are left out: those of an equation that holds for all values of its indices are its own.
    """
    result = dict(names)
    taken = {v: k for k, v in names.items()}
    for before, after in zip(old, new, strict=True):
        if isinstance(before, Index):
            continue
        if result.setdefault(before, after) != after or taken.setdefault(after, before) != before:
            return None
    return result


def translate(expression: Expr, names: Mapping[Basic, Basic]) -> Expr:
    """The expression with other tensors, dimensions and free indices; `names` holds every one that occurs."""
    if isinstance(expression, BoundIndex):
        return BoundIndex(expression.number, names[expression.dimension])
    if isinstance(expression, Tensor | Index | Dimension):
        return names[expression]
    if not expression.args:
        return expression
    if isinstance(expression, Binder):
        if len(expression.dummies) == 1:  # a single dummy keeps its number
            return Expr.__new__(type(expression), *(translate(a, names) for a in expression.args))
        body, indices = expression.open()
        own = {i: Index(i.name, names[i.dimension]) for i in indices}
        return expression.func(translate(body, {**names, **own}), *own.values())
    arguments = [translate(a, names) for a in expression.args]
    if isinstance(expression, Function):  # what SymPy did not evaluate under one name it need not try under another
        return expression.func(*arguments, evaluate=False)
    return rebuild(expression, arguments)

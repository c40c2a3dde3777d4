"""The entries of a matrix formula, index by index, in the order of the formula.

Of the matrices in square brackets, [C^T]_jq, or of the components with their transposes, (c^T)_jq.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tensorcalc.binding import free_indices, rename
from tensorcalc.expr import One
from tensorcalc.index import Index
from tensorcalc.matrix import nodes, signs
from tensorcalc.matrix.display import Display, joined
from tensorcalc.matrix.entries import entry
from tensorcalc.matrix.nodes import Node, Placed, placed
from tensorcalc.render import layout as at
from tensorcalc.render.walk import layout

__all__ = ["Entries"]


@dataclass(frozen=True, slots=True)
class Entries:
    """Layouts of entries: of named matrices with `square`, or else of components."""

    display: Display
    square: bool

    def of(self, node: Node, letters: tuple[Index, ...]) -> at.Node:
        """The entry of a formula at a letter for each of its axes."""
        match node:
            case nodes.Scalar() | nodes.Det():
                return self.display.formula(node)
            case nodes.Named() | nodes.Transpose(nodes.Named()) | nodes.Transpose(nodes.Selection()):
                return self.bracketed(node, letters) if self.square else self.plain(node, letters)
            case nodes.Ones() | nodes.Basis() | nodes.Selection() | nodes.Identity():
                return self.bracketed(node, letters) if self.square else self.plain(node, letters)
            case nodes.DiagonalMatrix(vector) if letters[0] != letters[1]:
                return joined([self.of(vector, letters[:1]), at.Delta(*_names(letters))])
        below = placed(node, letters)
        column = self.column(below) if isinstance(node, nodes.Product) else []
        parts = [self.of(child, at_child) for child, at_child in below[: len(below) - 2 * len(column)]] + column
        match node:
            case nodes.Product() | nodes.Outer() | nodes.Trace():
                return joined(parts)
            case nodes.Diagonal() | nodes.DiagonalMatrix() | nodes.Transpose():
                return parts[0]
            case nodes.SliceSum(index, _):
                return at.Over("sum", (index.name,), parts[0])
            case _:
                return self.display.entrywise(node, parts, whole=False)

    def carried(self, node: Node, letters: tuple[Index, ...], held: tuple[Index, ...]) -> at.Node:
        """The entry with one-tensors for those of the indices `held` that the formula, which is for each, lacks."""
        if isinstance(node, nodes.Sum):
            terms = [self.carried(child, at_child, held) for child, at_child in placed(node, letters)]
            return self.display.entrywise(node, terms, whole=False)
        present = free_indices(entry(node, letters))
        ones = [layout(One(i), self.display.context) for i in held if i not in present]
        return _times(ones, self.of(node, letters)) if ones else self.of(node, letters)

    def bracketed(self, node: Node, letters: tuple[Index, ...]) -> at.Node:
        """[C^T]_jq."""
        return signs.Entry(self.display.formula(node), _names(letters))

    def plain(self, node: Node, letters: tuple[Index, ...]) -> at.Node:
        """c_qj, 𝟏_i, δ_ij, or (c^T)_jq."""
        match node:
            case nodes.Transpose(nodes.Named() as matrix):
                title = signs.Transposed(self.display.titles.component(matrix))
                return signs.Entry(title, _names(letters), square=False)
            case _:
                return layout(entry(node, letters), self.display.context)

    def column(self, factors: Sequence[Placed]) -> list[at.Node]:
        """The last two factors of a product as one entry, where they are a tensor and a label that selects: c_iT."""
        *_, (matrix, letters), (vector, _) = factors
        turned = isinstance(matrix, nodes.Transpose)
        inner = matrix.matrix if isinstance(matrix, nodes.Transpose) else matrix
        if not (isinstance(inner, nodes.Named) and isinstance(vector, nodes.Basis)) or len(inner.axes) < 2:
            return []
        if self.square:
            place = layout(vector.place, self.display.context)
            return [signs.Entry(self.display.formula(matrix), (at.Name(letters[0].name), place))]
        places = (vector.place, letters[0]) if turned else (letters[0], vector.place)
        return [layout(rename(inner.template, dict(zip(inner.axes, places, strict=True))), self.display.context)]


def _times(ones: Sequence[at.Node], node: at.Node) -> at.Node:
    """One-tensors before the factors of a product."""
    match node:
        case at.Negative(operand):
            return at.Negative(_times(ones, operand))
        case signs.Times(scalars, last):
            return signs.Times((*ones, *scalars), last)
        case _:
            return joined([*ones, node])


def _names(letters: tuple[Index, ...]) -> tuple[at.Node, ...]:
    return tuple(at.Name(i.name) for i in letters)

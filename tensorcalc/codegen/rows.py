"""The row functions that a program needs: each softmax, log-softmax and logsumexp is defined once and shared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sympy import Expr

from tensorcalc.binding import rename
from tensorcalc.codegen.matching import appearance, matched
from tensorcalc.codegen.nodes import LogSumExp, RowFunction, Softmax, Weighted
from tensorcalc.expr import Component
from tensorcalc.index import Index, Tensor
from tensorcalc.system import Definition

__all__ = ["Rows"]


@dataclass(frozen=True, slots=True)
class _Row:
    """A row function of the author's argument, over the indices `batch` and `row`, and the tensor that holds it."""

    kind: type[RowFunction]
    argument: Expr
    batch: tuple[Index, ...]
    row: tuple[Index, ...]
    tensor: Tensor
    order: tuple[Index, ...]


class Rows:
    """Definitions of row functions, found again under other indices. `pending` are those not yet placed."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._rows: list[_Row] = []
        self.pending: list[Definition] = []

    def component(self, kind: type[RowFunction], argument: Expr, computed: Expr, row: tuple[Index, ...]) -> Expr:
        """The entry of a row function for the given indices; `computed` is the argument as it is to be computed."""
        for known in self._rows:
            mapping = self._same(known, kind, argument, row)
            if mapping is not None:
                return Component(known.tensor, *(mapping[i] for i in known.order))
        indices = appearance(argument)
        batch = tuple(i for i in indices if i not in row)
        order = batch if kind is LogSumExp else (*indices, *(r for r in row if r not in indices))
        tensor = Tensor(self._name(kind), tuple(i.dimension for i in order))
        self._rows.append(_Row(kind, argument, batch, row, tensor, order))
        self.pending.append(Definition(tensor, order, kind(computed, *row)))
        return Component(tensor, *order)

    @staticmethod
    def _same(known: _Row, kind: type[RowFunction], argument: Expr, row: tuple[Index, ...]) -> dict[Index, Expr] | None:
        if known.kind is not kind or len(known.row) != len(row):
            return None
        mapping = matched(known.argument, (*known.batch, *known.row), argument)
        if mapping is None:
            return None
        if {mapping.get(r) for r in known.row} != set(row):
            return None
        inner = set(row)
        if any(inner & mapping[b].atoms(Index) for b in known.batch):
            return None
        return dict(mapping)

    def _name(self, kind: type[RowFunction]) -> str:
        name, number = kind.word, 1
        while name in self._taken:
            number += 1
            name = f"{kind.word}{number}"
        self._taken.add(name)
        return name

    def sibling(self, component: Component, kind: type[RowFunction], computed: Expr) -> Expr | None:
        """The entry of another row function of the same argument, for a component of a softmax."""
        for known in list(self._rows):
            if known.tensor == component.tensor and known.kind is Softmax and not isinstance(known.argument, Weighted):
                other = self.component(kind, known.argument, computed, known.row)
                return rename(other, dict(zip(known.order, component.indices, strict=True)))
        return None

    def is_weighted(self, tensor: Tensor) -> bool:
        """Whether a tensor holds a row function with weights, whose signs are not known."""
        return any(r.tensor == tensor and isinstance(r.argument, Weighted) for r in self._rows)

    def softmaxes(self) -> dict[Tensor, _Row]:
        """The softmaxes by their tensors."""
        return {r.tensor: r for r in self._rows if r.kind is Softmax}

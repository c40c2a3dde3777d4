"""The loops inside a row, with the variables in which reductions are added up."""

from __future__ import annotations

from collections.abc import Sequence

from tensorcalc.codegen.kernels.statements import Statement
from tensorcalc.codegen.kernels.triton.layout import Online, Work
from tensorcalc.codegen.kernels.triton.reductions import START, Reductions, indented
from tensorcalc.index import Index, Tensor

__all__ = ["Accumulation"]


class Accumulation:
    """The loops of some work, with the variables in which its reductions are added up."""

    def __init__(
        self, writer: Reductions, work: Work, loops: tuple[Index, ...], statements: Sequence[Statement]
    ) -> None:
        self.writer = writer
        self.work = work
        self.loops = loops
        self.statements = statements
        self.totals: dict[Tensor, str] = {}
        self.direct: dict[Tensor, str] = {}

    def _first(self, statement: Statement) -> int:
        """The place of the outermost loop that a statement sums over; the number of loops where there is none."""
        return next((p for p, i in enumerate(self.loops) if i not in statement.free), len(self.loops))

    def _along(self, statement: Statement) -> bool:
        """Whether a statement sums along the vector."""
        return self.work.vector is not None and self.work.vector not in statement.free

    def open(self, streamed: Sequence[Online]) -> None:
        """Begin the loops, each with the variables that are added to inside it before it."""
        writer = self.writer
        for place, index in enumerate(self.loops):
            for statement in self.statements:
                if self._first(statement) == place:
                    self._declare(statement)
            writer.open_online(streamed)
            self._push(index)

    def _declare(self, statement: Statement) -> None:
        writer = self.writer
        name = writer.scopes.variable(writer.wanted(statement.tensor), writer.scopes.depth)
        self.totals[statement.tensor] = name
        shape = writer.shape(self.work.vector)
        writer.emit(f"{name} = tl.full({shape}, {START[statement.operation]}, REAL)")

    def _push(self, index: Index) -> None:
        writer = self.writer
        writer.scopes.push([index])
        if index != self.work.vector:
            return
        letter = writer.scopes.letter(index)
        block, size = writer.block(index.dimension), writer.scopes.size(index.dimension)
        writer.emit(f"{letter} = {letter}_start + tl.arange(0, {block}){writer.across()}")
        writer.emit(f"{letter}_in = {letter} < {size}")
        writer.masks[index] = f"{letter}_in"
        writer.looped[index] = letter

    def add(self, statement: Statement) -> None:
        """Add the value of a statement to its total, or keep it where nothing is looped over."""
        writer = self.writer
        value = writer.value(statement.expression)
        vector = self.work.vector
        if self._along(statement):
            assert vector is not None
            value = writer.masked(value, writer.masks[vector], statement.operation)
        if statement.tensor in self.totals:
            writer.emit(writer.combined(statement.operation, self.totals[statement.tensor], value))
        else:
            self.direct[statement.tensor] = value

    def close(self) -> None:
        """End the loops; what is summed up when one has ended is finished there."""
        for place in range(len(self.loops), -1, -1):
            for statement in self.statements:
                if self._first(statement) == place:
                    self._finish(statement)
            if place:
                self._pop(self.loops[place - 1])

    def _pop(self, index: Index) -> None:
        writer = self.writer
        if index != self.work.vector:
            writer.close_loop(index)
            return
        scope = writer.scopes.pop()
        letter, size = writer.scopes.letter(index), writer.scopes.size(index.dimension)
        head = f"for {letter}_start in range(0, {size}, {writer.block(index.dimension)}):"
        writer.emit(indented(head, [*scope.lines, *scope.stores]))
        del writer.masks[index], writer.looped[index]

    def _finish(self, statement: Statement) -> None:
        writer = self.writer
        value = self.totals.get(statement.tensor) or self.direct[statement.tensor]
        if self._along(statement):
            value = writer.reduce_row(statement.operation, value)
        if not value.isidentifier():
            name = writer.scopes.variable(writer.wanted(statement.tensor), writer.scopes.depth)
            writer.emit(f"{name} = {value}")
            value = name
        writer.finished(statement, value)

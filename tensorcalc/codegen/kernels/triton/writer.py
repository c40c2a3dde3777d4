"""One nest as a kernel: a program for a row, or for a tile of short rows, or for a block of entries.

A kernel holds whole rows in registers (`whole`), or runs over each row block by block as often as its reductions ask.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from tensorcalc.codegen.kernels.triton.accumulation import Accumulation
from tensorcalc.codegen.kernels.triton.layout import Layout, Work
from tensorcalc.codegen.kernels.triton.reductions import Reductions, definition, indented, target_of
from tensorcalc.codegen.names import Names, identifier
from tensorcalc.codegen.sizes import Origin
from tensorcalc.index import Dimension, Index, Tensor

__all__ = ["KernelCode", "write_kernel"]


@dataclass
class KernelCode:
    """A kernel and what it is called with: its `arguments` in order, arrays that it reads and writes, arrays for what
    each program adds up (with the dimensions of their axes, those in `registers` written once), sizes, and the
    dimensions along which it works on blocks.
    """

    name: str
    text: str
    arguments: tuple[str, ...]
    reads: tuple[Tensor, ...]
    writes: tuple[Tensor, ...]
    parts: Mapping[Tensor, tuple[Dimension, ...]]
    registers: frozenset[Tensor]
    sizes: tuple[Dimension, ...]
    blocks: tuple[Dimension, ...]
    whole: bool
    low: bool


def write_kernel(
    layout: Layout,
    name: str,
    names: Names,
    origins: Mapping[Dimension, Origin],
    words: dict[str, None],
    *,
    whole: bool,
    local: frozenset[Tensor] | None = None,
) -> KernelCode:
    """The kernel of a nest; `local` are the tensors of its block, where it belongs to one."""
    writer = _Writer(layout, names, origins, words, local or frozenset(), whole=whole)
    writer.name = name
    writer.blocked = local is not None
    return writer.write()


class _Writer(Reductions):
    """Writes one kernel. One that is `blocked` works on a range of rows."""

    name = ""
    blocked = False

    def write(self) -> KernelCode:
        layout = self.layout
        self.online = [] if self.whole else [o for o in layout.online if self.streams(o)]
        for tensor in layout.parts:
            self.buffers[tensor] = self.names.local(f"{identifier(tensor.name)}_parts")
        if self.nest.flat:
            self._flat()
        else:
            self._rows()
        return self._assembled()

    def _assembled(self) -> KernelCode:
        layout, names = self.layout, self.names
        scope = self.scopes.stack[0]
        body = "\n".join([*scope.lines, *scope.stores])
        writes = tuple(layout.full)
        reads = tuple(t for t in self.reads if t not in writes)
        parts = {t: tuple(i.dimension for i in self.nest.group.axes[t] if isinstance(i, Index)) for t in layout.parts}
        low = bool(self.local_tensors & {*reads, *writes})
        sizes = tuple(self.scopes.sizes)
        arguments = [names.tensor(t) for t in (*reads, *writes)] + list(self.buffers.values())
        arguments += (["low"] if low else []) + (["first"] if self.blocked else [])
        arguments += ["entries"] if self.nest.flat else ["rows"] if self.nest.batch else []
        arguments += [names.dimension(d) for d in sizes]
        plain = tuple(arguments)
        arguments += [f"{word}: tl.constexpr" for word in ("REAL", *self._constants())]
        head = definition(self.name, ", ".join(arguments))
        text = f"@triton.jit\n{head}\n{textwrap.indent(body, '    ')}\n"
        names.release([*self.scopes.letters, *self.buffers.values(), *self.kernel_scopes.variables])
        blocks, registers = tuple(self.blocks), frozenset(self.registers)
        return KernelCode(self.name, text, plain, reads, writes, parts, registers, sizes, blocks, self.whole, low)

    def _constants(self) -> list[str]:
        if self.nest.flat:
            return ["BLOCK"]
        return [*(["ROWS"] if self.nest.batch else []), *self.blocks.values()]

    # all entries as one

    def _flat(self) -> None:
        flat = self.nest.flat
        scope = self.scopes.stack[0]
        for index in flat:
            self.kernel_scopes.hold(index)
        at = self.scopes.letter(flat[-1])
        start = "first + " if self.blocked else ""
        self.emit(f"{at} = {start}tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)")
        self.emit(f"{at}_in = {at} < entries")
        self.masks = dict.fromkeys(flat, f"{at}_in")
        self.wide = set(flat)
        for work in self.layout.work:
            for statement in work.stores:
                self.store(statement, self.value(target_of(statement)))
            for statement in work.parts:
                value = self.masked(self.value(statement.expression), f"{at}_in", statement.operation)
                total = self.reduced(statement.operation, value, None)
                scope.stores.append(f"tl.store({self.buffers[statement.tensor]} + tl.program_id(0), {total})")
                self.registers[statement.tensor] = ""

    # rows

    def _rows(self) -> None:
        layout, scopes = self.layout, self.kernel_scopes
        for vector in layout.vectors:
            self.block(vector.dimension)
        if self.whole:
            for vector in layout.vectors:
                letter = scopes.hold(vector)
                self.emit(f"{letter} = tl.arange(0, {self.block(vector.dimension)}){self.across()}")
                self.emit(f"{letter}_in = {letter} < {self.scopes.size(vector.dimension)}")
                self.masks[vector] = f"{letter}_in"
        for work in layout.work:
            for statement in work.parts:
                self.open_part(work, statement)
        if self.nest.batch:
            self._open_rows()
        for level in sorted({w.level for w in layout.work}):
            waits = False
            for work in (w for w in layout.work if w.level == level):
                self._work(work)
                waits |= any(s.tensor in layout.memory for s in work.reductions)
            inner = self.scopes.stack[-1]
            inner.lines += inner.stores
            inner.stores.clear()
            if waits:
                self.emit("tl.debug_barrier()  # what was written is read by other threads")
        if self.nest.batch:
            self._close_rows()
        for work in layout.work:
            for statement in work.parts:
                self.close_part(work, statement)

    def _open_rows(self) -> None:
        batch, down = self.nest.batch, "[:, None]" if self.two else ""
        scope = self.scopes.push(batch)
        several = len(batch) > 1
        row = self.scopes.variable("row", 0) if several else self.scopes.letter(batch[0])
        self.row_in = f"{row}_in"
        tile = "tl.cast(tile, tl.int64)" if self.layout.parts else "tl.program_id(0).to(tl.int64)"
        start = "first + " if self.blocked else ""
        code = f"{start}{tile} * ROWS + tl.arange(0, ROWS)"
        scope.lines.append(f"{row} = ({code}){down}" if down else f"{row} = {code}")
        scope.lines.append(f"{self.row_in} = {row} < rows")
        if several:
            for place, index in enumerate(batch):
                inner = [self.scopes.size(i.dimension) for i in batch[place + 1 :]]
                text = row
                if inner:
                    text += f" // {inner[0]}" if len(inner) == 1 else f" // ({' * '.join(inner)})"
                text += f" % {self.scopes.size(index.dimension)}" if place else ""
                scope.lines.append(f"{self.scopes.letter(index)} = {text}")
        self.masks.update(dict.fromkeys(batch, self.row_in))
        self.wide |= set(batch)

    def _close_rows(self) -> None:
        scope = self.scopes.pop()
        lines = [*scope.lines, *scope.stores]
        if not self.layout.parts:
            self.scopes.stack[0].lines += lines
            return
        if any(t not in self.registers for t in self.layout.parts):
            lines.append("tl.debug_barrier()  # the sums over rows are read again for the next row")
        total = "rows - first" if self.blocked else "rows"
        head = f"for tile in range(tl.program_id(0), tl.cdiv({total}, ROWS), tl.num_programs(0)):"
        self.emit(indented(head, lines))

    # work inside a row

    def _work(self, work: Work) -> None:
        streamed = [o for o in self.online if o.peak in work.reductions]
        gone = [o.total for o in self.online]
        taken = [o.peak for o in streamed]
        reductions = [s for s in work.reductions if s not in gone and s not in taken]
        if not (reductions or work.stores or work.parts or streamed):
            return
        loops = tuple(i for i in work.loops if not (self.whole and i == work.vector))
        clash = {i: Index(f"{i.name}_", i.dimension) for i in loops if self.whole and i in self.layout.vectors}
        renamed = [s.renamed(dict(clash)) for s in reductions]
        parts = [(s, s.renamed(dict(clash))) for s in work.parts]
        stores = [s.renamed(dict(clash)) for s in work.stores]
        loops = tuple(clash.get(i, i) for i in loops)
        inside = Accumulation(self, work, loops, [*renamed, *(p for _, p in parts)])
        inside.open(streamed)
        for statement in renamed:
            inside.add(statement)
        for peak in dict.fromkeys(taken):
            assert work.vector is not None
            self.online_step(peak, [o for o in streamed if o.peak is peak], self.masks[work.vector])
        for _, statement in parts:
            inside.add(statement)
        for statement in stores:
            self.store(statement, self.value(target_of(statement)))
        inside.close()
        self.online_end(streamed)

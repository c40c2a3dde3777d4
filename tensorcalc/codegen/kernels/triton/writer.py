"""One nest as a kernel: a program for a row, or for a tile of short rows, or for a block of entries.

A kernel holds whole rows in registers (`whole`), or runs over each row block by block as often as its reductions ask.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tensorcalc.codegen.kernels.statements import Operation, Statement
from tensorcalc.codegen.kernels.triton.layout import Layout, Online, Work
from tensorcalc.codegen.kernels.triton.values import Values
from tensorcalc.codegen.names import Names, identifier
from tensorcalc.codegen.sizes import Origin
from tensorcalc.expr import Component
from tensorcalc.index import Dimension, Index, Tensor

__all__ = ["START", "KernelCode", "write_kernel"]

START = {
    Operation.SUM: "0.0",
    Operation.PRODUCT: "1.0",
    Operation.MAXIMUM: '-float("inf")',
    Operation.PEAK: '-float("inf")',
}


@dataclass
class KernelCode:
    """A kernel and what it is called with: `arguments` in order, arrays that it reads and writes, arrays for what each program adds up (with
    the dimensions of their axes), sizes, and the dimensions along which it works on blocks.
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
    return _Writer(layout, name, names, origins, words, whole, local).write()


class _Writer(Values):
    """Writes one kernel. `registers` are the sums over rows that live in variables."""

    def __init__(
        self,
        layout: Layout,
        name: str,
        names: Names,
        origins: Mapping[Dimension, Origin],
        words: dict[str, None],
        whole: bool,
        local: frozenset[Tensor] | None,
    ) -> None:
        super().__init__(layout, names, origins, words, local or frozenset())
        self.name = name
        self.whole = whole
        self.blocked = local is not None
        self.two = bool(self.nest.batch) and bool(layout.vectors)
        self.registers: dict[Tensor, str] = {}
        self.buffers: dict[Tensor, str] = {}
        self.blocks: dict[Dimension, str] = {}
        self.online = [] if whole else [o for o in layout.online if self._streams(o)]
        self.others: dict[Index, str] = {}
        self.running: dict[Tensor, str] = {}

    def write(self) -> KernelCode:
        layout = self.layout
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
        parts = {
            t: tuple(i.dimension for i in self.nest.group.axes[t] if isinstance(i, Index)) for t in layout.parts
        }
        low = bool(self.local_tensors & {*reads, *writes})
        sizes = tuple(self.scopes.sizes)
        arguments = [names.tensor(t) for t in (*reads, *writes)] + list(self.buffers.values())
        arguments += (["low"] if low else []) + (["first"] if self.blocked else [])
        arguments += ["entries"] if self.nest.flat else ["rows"] if self.nest.batch else []
        arguments += [names.dimension(d) for d in sizes]
        plain = tuple(arguments)
        arguments += [f"{word}: tl.constexpr" for word in ("REAL", *self._constants())]
        line = f"def {self.name}({', '.join(arguments)}):"
        head = line if len(line) <= 110 else f"def {self.name}(\n" + textwrap.fill(
            ", ".join(arguments) + ",", 106, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False
        ) + "\n):"
        text = f"@triton.jit\n{head}\n{textwrap.indent(body, '    ')}\n"
        names.release([*self.scopes.letters, *self.buffers.values(), *self.kernel_scopes.variables])
        blocks, registers = tuple(self.blocks), frozenset(self.registers)
        return KernelCode(self.name, text, plain, reads, writes, parts, registers, sizes, blocks, self.whole, low)

    def _constants(self) -> list[str]:
        if self.nest.flat:
            return ["BLOCK"]
        return [*(["ROWS"] if self.nest.batch else []), *self.blocks.values()]

    def _emit(self, line: str) -> None:
        self.scopes.stack[-1].lines.append(line)

    # all entries as one

    def _flat(self) -> None:
        flat = self.nest.flat
        scope = self.scopes.stack[0]
        for index in flat:
            self.kernel_scopes.hold(index)
        at = self.scopes.letter(flat[-1])
        start = "first + " if self.blocked else ""
        self._emit(f"{at} = {start}tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)")
        self._emit(f"{at}_in = {at} < entries")
        self.masks = dict.fromkeys(flat, f"{at}_in")
        self.wide = set(flat)
        for work in self.layout.work:
            for statement in work.stores:
                self._store(statement, self.value(self._target(statement)))
            for statement in work.parts:
                value = self._masked(self.value(statement.expression), f"{at}_in", statement.operation)
                total = self._reduced(statement.operation, value, None)
                scope.stores.append(f"tl.store({self.buffers[statement.tensor]} + tl.program_id(0), {total})")
                self.registers[statement.tensor] = ""

    # rows

    def _rows(self) -> None:
        layout, scopes = self.layout, self.kernel_scopes
        for vector in layout.vectors:
            self._block(vector.dimension)
        if self.whole:
            for vector in layout.vectors:
                letter = scopes.hold(vector)
                self._emit(f"{letter} = tl.arange(0, {self._block(vector.dimension)}){self._across()}")
                self._emit(f"{letter}_in = {letter} < {self.scopes.size(vector.dimension)}")
                self.masks[vector] = f"{letter}_in"
        for work in layout.work:
            for statement in work.parts:
                self._open_part(work, statement)
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
                self._emit("tl.debug_barrier()  # what was written is read by other threads")
        if self.nest.batch:
            self._close_rows()
        for work in layout.work:
            for statement in work.parts:
                self._close_part(work, statement)

    def _block(self, dimension: Dimension) -> str:
        """The constant that says how many values of a dimension are worked on at once."""
        if dimension not in self.blocks:
            self.blocks[dimension] = f"BLOCK_{self.names.dimension(dimension)}"
        return self.blocks[dimension]

    def _across(self) -> str:
        return "[None, :]" if self.two else ""

    @property
    def row_shape(self) -> str:
        """The shape of a value for each row."""
        return "[ROWS, 1]" if self.two else "[ROWS]" if self.nest.batch else "[]"

    @property
    def entry_shape(self) -> str:
        return "[1, 1]" if self.two else "[1]"

    def _shape(self, vector: Index | None) -> str:
        """The shape of a value for each row and each entry of a block."""
        if vector is None:
            return self.row_shape
        block = self._block(vector.dimension)
        return f"[ROWS, {block}]" if self.two else f"[{block}]"

    def blank(self, c: Component) -> str:
        vector = next((i for i in c.indices if isinstance(i, Index) and i in self.others), None)
        if vector is None and self.whole:
            vector = next((i for i in c.indices if i in self.layout.vectors), None)  # type: ignore[misc]
        return f"tl.full({self._shape(vector)}, 0.0, REAL)"

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
        self._emit(_indented(head, lines))

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
        inside = _Accumulation(self, work, loops, [*renamed, *(p for _, p in parts)])
        inside.open(streamed)
        for statement in renamed:
            inside.add(statement)
        for peak in dict.fromkeys(taken):
            assert work.vector is not None
            self._online_step(peak, [o for o in streamed if o.peak is peak], self.masks[work.vector])
        for _, statement in parts:
            inside.add(statement)
        for statement in stores:
            self._store(statement, self.value(self._target(statement)))
        inside.close()
        self._online_end(streamed)

    def _target(self, statement: Statement) -> Component:
        return Component(statement.tensor, *statement.target)

    def _store(self, statement: Statement, value: str) -> None:
        """Write a value when the loop's body has read everything."""
        target = self._target(statement)
        mask = self.mask(target)
        scope = self.scopes.stack[-1]
        scope.stores.append(f"tl.store({self.place(target)}, {value}{f', mask={mask}' if mask else ''})")

    def _masked(self, value: str, mask: str, operation: Operation) -> str:
        return f"tl.where({mask}, {value}, {START[operation]})" if mask else value

    def _reduced(self, operation: Operation, value: str, axis: int | None, keep: bool = False) -> str:
        """The code of a reduction of a block."""
        where = "" if axis is None else f", axis={axis}" + (", keep_dims=True" if keep else "")
        if operation in (Operation.SUM, Operation.PEAK):
            return f"tl.{'sum' if operation is Operation.SUM else 'max'}({value}{where})"
        word = "times" if operation is Operation.PRODUCT else "greatest"
        self.words[word] = None
        return f"tl.reduce({value}, {axis}, _{word}{', keep_dims=True' if keep else ''})"

    def reduce_row(self, operation: Operation, value: str) -> str:
        """The reduction of a block along a row."""
        return self._reduced(operation, value, 1 if self.two else 0, self.two)

    def combined(self, operation: Operation, total: str, value: str) -> str:
        """The statement that adds to what was reduced so far."""
        if operation is Operation.SUM:
            return f"{total} += {value}"
        if operation is Operation.PRODUCT:
            return f"{total} *= {value}"
        if operation is Operation.PEAK:
            return f"{total} = tl.maximum({total}, {value})"
        self.words["greatest"] = None
        return f"{total} = _greatest({total}, {value})"

    def finished(self, statement: Statement, value: str) -> None:
        """The value of a reduction is known: it is kept, stored, or added to what rows share."""
        target = self._target(statement)
        if statement.tensor in self.layout.parts:
            self._to_part(statement, value)
            return
        self.scopes.stack[-1].known[target] = value
        if statement.tensor in self.layout.full:
            self._store(statement, value)

    # the maximum and the sum of exponentials in one pass

    def _streams(self, online: Online) -> bool:
        """Whether both stand in loops over the row alone."""
        work = next(w for w in self.layout.work if online.peak in w.reductions)
        other = next(w for w in self.layout.work if online.total in w.reductions)
        return len(work.loops) == 1 and work.loops == other.loops

    def open_online(self, streamed: Sequence[Online]) -> None:
        """The running maxima and sums, before the loop."""
        scopes = self.scopes
        starts = {o.peak.tensor: START[Operation.PEAK] for o in streamed} | {o.total.tensor: "0.0" for o in streamed}
        for tensor, start in starts.items():
            name = self.running[tensor] = scopes.variable(self.wanted(tensor), scopes.depth)
            self._emit(f"{name} = tl.full({self.row_shape}, {start}, REAL)")

    def _online_step(self, peak: Statement, totals: Sequence[Online], mask: str) -> None:
        """The maximum with one more block, and sums that are scaled to it before they grow."""
        old, new = self.running[peak.tensor], self.scopes.variable("larger", 0)
        value = self._masked(self.value(peak.expression), mask, Operation.PEAK)
        self._emit(f"{new} = tl.maximum({old}, {self.reduce_row(Operation.PEAK, value)})")
        for online in totals:
            total = self.running[online.total.tensor]
            shift, kept = self.scopes.variable("shift", 0), self.scopes.variable("kept", 0)
            infinite = 'tl.abs({}) == float("inf")' if online.shielded else '{} == -float("inf")'
            self._emit(f"{shift} = tl.where({infinite.format(new)}, 0.0, {new})")
            before = f"tl.where({infinite.format(old)}, 0.0, {old})" if online.shielded else old
            self._emit(f'{kept} = tl.where({old} == -float("inf"), 0.0, tl.exp({before} - {shift}))')
            power = self._power_of(online, f"{self.value(online.argument, 3)} - {shift}")
            summed = self.reduce_row(Operation.SUM, self._masked(power, mask, Operation.SUM))
            self._emit(f"{total} = {total} * {kept} + {summed}")
        self._emit(f"{old} = {new}")

    def _power_of(self, online: Online, exponent: str) -> str:
        """The weighted exponential; entries without weight may be larger than the maximum, which is not theirs."""
        if online.weight == 1:
            return f"tl.exp({exponent})"
        apart = self.scopes.variable("apart", 0)
        self._emit(f"{apart} = {exponent}")
        return f"{self.value(online.weight, 4)} * tl.exp(tl.where({apart} > 0, 0.0, {apart}))"

    def _online_end(self, streamed: Sequence[Online]) -> None:
        for online in streamed:
            peak, total = self.running[online.peak.tensor], self.running[online.total.tensor]
            if not online.shielded:
                why = "NaN where every entry is an infinity, as exp(x - peak) has it"
                self._emit(f"{total} += {peak} - {peak}  # {why}")
            self.finished(online.total, total)
        for statement in dict.fromkeys(o.peak for o in streamed):
            self.finished(statement, self.running[statement.tensor])

    # sums over rows

    def _part_axes(self, work: Work, statement: Statement) -> tuple[list[Index], bool]:
        """The loops inside a row on which a sum over rows depends, and whether it can live in a variable."""
        inside = [i for i in statement.free if i in work.loops]
        return inside, not inside or (self.whole and inside == [work.vector])

    def _open_part(self, work: Work, statement: Statement) -> None:
        inside, register = self._part_axes(work, statement)
        if not register:
            return
        name = self.scopes.variable(self.wanted(statement.tensor), 0)
        self.registers[statement.tensor] = name
        shape = self._shape(work.vector if inside else None)
        self._emit(f"{name} = tl.full({shape}, {START[statement.operation]}, REAL)")

    def _to_part(self, statement: Statement, value: str) -> None:
        tensor, operation = statement.tensor, statement.operation
        target = self._target(statement)
        masks = dict.fromkeys([self.row_in, *(self.masks[i] for i in statement.target if i in self.masks)])  # type: ignore[index]
        value = self._masked(value, " & ".join(masks), operation)
        if tensor in self.registers:
            self._emit(self.combined(operation, self.registers[tensor], value))
            return
        pointer = self.scopes.variable("at", 0)
        extent = " * ".join(self.scopes.size(d) for d in tensor.dimensions)
        offset = self.offset(target.indices, tensor.dimensions)
        program = f"tl.program_id(0).to(tl.int64) * ({extent})" if " " in extent else (
            f"tl.program_id(0).to(tl.int64) * {extent}"
        )
        self._emit(f"{pointer} = {self.buffers[tensor]} + {program} + {offset}")
        across = any(i in self.masks and self.masks[i] != self.row_in for i in statement.target)  # type: ignore[index]
        mask = self.mask(target)
        total = self._reduced(operation, value, 0 if across and self.two else None, across and self.two)
        old = f"tl.load({pointer}{f', mask={mask}, other={START[operation]}' if mask else ''})"
        name = self.scopes.variable(self.wanted(tensor), self.scopes.depth)
        self._emit(f"{name} = {old}")
        self._emit(self.combined(operation, name, total))
        self._emit(f"tl.store({pointer}, {name}{f', mask={mask}' if mask else ''})")

    def _close_part(self, work: Work, statement: Statement) -> None:
        tensor = statement.tensor
        if tensor not in self.registers:
            return
        inside, _ = self._part_axes(work, statement)
        name, buffer = self.registers[tensor], self.buffers[tensor]
        if not inside:
            total = self._reduced(statement.operation, name, None)
            self._emit(f"tl.store({buffer} + tl.program_id(0), {total})")
            return
        size, letter = self.scopes.size(inside[0].dimension), self.scopes.letter(inside[0])
        total = self._reduced(statement.operation, name, 0, True) if self.two else name
        place = f"{buffer} + tl.program_id(0).to(tl.int64) * {size} + {letter}"
        self._emit(f"tl.store({place}, {total}, mask={letter}_in)")


class _Accumulation:
    """The loops of some work, with the variables in which its reductions are added up."""

    def __init__(self, writer: _Writer, work: Work, loops: tuple[Index, ...], statements: Sequence[Statement]) -> None:
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
        shape = writer._shape(self.work.vector)
        writer._emit(f"{name} = tl.full({shape}, {START[statement.operation]}, REAL)")

    def _push(self, index: Index) -> None:
        writer = self.writer
        writer.scopes.push([index])
        if index != self.work.vector:
            return
        letter = writer.scopes.letter(index)
        block, size = writer._block(index.dimension), writer.scopes.size(index.dimension)
        writer._emit(f"{letter} = {letter}_start + tl.arange(0, {block}){writer._across()}")
        writer._emit(f"{letter}_in = {letter} < {size}")
        writer.masks[index] = f"{letter}_in"
        writer.others[index] = letter

    def add(self, statement: Statement) -> None:
        """Add the value of a statement to its total, or keep it where nothing is looped over."""
        writer = self.writer
        value = writer.value(statement.expression)
        vector = self.work.vector
        if self._along(statement):
            assert vector is not None
            value = writer._masked(value, writer.masks[vector], statement.operation)
        if statement.tensor in self.totals:
            writer._emit(writer.combined(statement.operation, self.totals[statement.tensor], value))
        else:
            self.direct[statement.tensor] = value

    def close(self) -> None:
        """End the loops; what is summed up when one has ended is finished there."""
        writer = self.writer
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
        head = f"for {letter}_start in range(0, {size}, {writer._block(index.dimension)}):"
        writer._emit(_indented(head, [*scope.lines, *scope.stores]))
        del writer.masks[index], writer.others[index]

    def _finish(self, statement: Statement) -> None:
        writer = self.writer
        value = self.totals.get(statement.tensor) or self.direct[statement.tensor]
        if self._along(statement):
            value = writer.reduce_row(statement.operation, value)
        inside = writer.scopes.variable(writer.wanted(statement.tensor), writer.scopes.depth)
        writer._emit(f"{inside} = {value}")
        writer.finished(statement, inside)


def _indented(head: str, lines: Sequence[str]) -> str:
    return f"{head}\n" + textwrap.indent("\n".join(lines), "    ")

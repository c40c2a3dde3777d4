"""Reductions in a kernel: along a row, over rows, and the running maximum with its sums of exponentials."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from tensorcalc.codegen.kernels.statements import Operation, Statement
from tensorcalc.codegen.kernels.triton.layout import Layout, Online, Work
from tensorcalc.codegen.kernels.triton.values import Values
from tensorcalc.codegen.names import Names
from tensorcalc.codegen.sizes import Origin
from tensorcalc.expr import Component
from tensorcalc.index import Dimension, Index, Tensor

__all__ = ["START", "Reductions", "definition", "indented", "target_of"]

WIDTH = 110  # of lines of generated code
START = {
    Operation.SUM: "0.0",
    Operation.PRODUCT: "1.0",
    Operation.MAXIMUM: '-float("inf")',
    Operation.PEAK: '-float("inf")',
}


class Reductions(Values):
    """What a kernel reduces. `whole` says whether rows are held as a whole, `two` whether a block has rows and columns,
    `registers` are the sums over rows that live in variables, `buffers` the arrays for those of each program, `blocks`
    the constants that say how many values of a dimension are worked on at once, `looped` the letters of blocks in a
    loop, `running` the variables of running maxima and sums.
    """

    def __init__(
        self,
        layout: Layout,
        names: Names,
        origins: Mapping[Dimension, Origin],
        words: dict[str, None],
        local: frozenset[Tensor],
        *,
        whole: bool,
    ) -> None:
        super().__init__(layout, names, origins, words, local)
        self.whole = whole
        self.two = bool(self.nest.batch) and bool(layout.vectors)
        self.row_in = ""
        self.registers: dict[Tensor, str] = {}
        self.buffers: dict[Tensor, str] = {}
        self.blocks: dict[Dimension, str] = {}
        self.looped: dict[Index, str] = {}
        self.running: dict[Tensor, str] = {}
        self.online: list[Online] = []

    def emit(self, line: str) -> None:
        """Add a line to the innermost loop."""
        self.scopes.stack[-1].lines.append(line)

    def block(self, dimension: Dimension) -> str:
        """The constant that says how many values of a dimension are worked on at once."""
        if dimension not in self.blocks:
            self.blocks[dimension] = f"BLOCK_{self.names.dimension(dimension)}"
        return self.blocks[dimension]

    def across(self) -> str:
        return "[None, :]" if self.two else ""

    @property
    def row_shape(self) -> str:
        """The shape of a value for each row."""
        return "[ROWS, 1]" if self.two else "[ROWS]" if self.nest.batch else "[]"

    @property
    def entry_shape(self) -> str:
        return "[1, 1]" if self.two else "[1]"

    def shape(self, vector: Index | None) -> str:
        """The shape of a value for each row and each entry of a block."""
        if vector is None:
            return self.row_shape
        block = self.block(vector.dimension)
        return f"[ROWS, {block}]" if self.two else f"[{block}]"

    def blank(self, c: Component) -> str:
        vector = next((i for i in c.indices if isinstance(i, Index) and i in self.looped), None)
        if vector is None and self.whole:
            vector = next((i for i in c.indices if i in self.layout.vectors), None)
        return f"tl.full({self.shape(vector)}, 0.0, REAL)"

    def store(self, statement: Statement, value: str) -> None:
        """Write a value when the loop's body has read everything."""
        target = target_of(statement)
        mask = self.mask(target)
        scope = self.scopes.stack[-1]
        scope.stores.append(f"tl.store({self.place(target)}, {value}{f', mask={mask}' if mask else ''})")

    def masked(self, value: str, mask: str, operation: Operation) -> str:
        return f"tl.where({mask}, {value}, {START[operation]})" if mask else value

    def reduced(self, operation: Operation, value: str, axis: int | None, keep: bool = False) -> str:
        """The code of a reduction of a block."""
        where = "" if axis is None else f", axis={axis}" + (", keep_dims=True" if keep else "")
        if operation in (Operation.SUM, Operation.PEAK):
            return f"tl.{'sum' if operation is Operation.SUM else 'max'}({value}{where})"
        word = "times" if operation is Operation.PRODUCT else "greatest"
        self.words[word] = None
        return f"tl.reduce({value}, {axis}, _{word}{', keep_dims=True' if keep else ''})"

    def reduce_row(self, operation: Operation, value: str) -> str:
        """The reduction of a block along a row."""
        return self.reduced(operation, value, 1 if self.two else 0, self.two)

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
        target = target_of(statement)
        if statement.tensor in self.layout.parts:
            self.to_part(statement, value)
            return
        self.scopes.stack[-1].known[target] = value
        if statement.tensor in self.layout.full:
            self.store(statement, value)

    # the maximum and the sum of exponentials in one pass

    def streams(self, online: Online) -> bool:
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
            self.emit(f"{name} = tl.full({self.row_shape}, {start}, REAL)")

    def online_step(self, peak: Statement, totals: Sequence[Online], mask: str) -> None:
        """The maximum with one more block, and sums that are scaled to it before they grow."""
        old, new = self.running[peak.tensor], self.scopes.variable("larger", 0)
        value = self.masked(self.value(peak.expression), mask, Operation.PEAK)
        self.emit(f"{new} = tl.maximum({old}, {self.reduce_row(Operation.PEAK, value)})")
        for online in totals:
            total = self.running[online.total.tensor]
            shift, kept = self.scopes.variable("shift", 0), self.scopes.variable("kept", 0)
            infinite = 'tl.abs({}) == float("inf")' if online.shielded else '{} == -float("inf")'
            self.emit(f"{shift} = tl.where({infinite.format(new)}, 0.0, {new})")
            before = f"tl.where({infinite.format(old)}, 0.0, {old})" if online.shielded else old
            self.emit(f'{kept} = tl.where({old} == -float("inf"), 0.0, tl.exp({before} - {shift}))')
            power = self._power_of(online, f"{self.value(online.argument, 3)} - {shift}")
            summed = self.reduce_row(Operation.SUM, self.masked(power, mask, Operation.SUM))
            self.emit(f"{total} = {total} * {kept} + {summed}")
        self.emit(f"{old} = {new}")

    def _power_of(self, online: Online, exponent: str) -> str:
        """The weighted exponential; entries without weight may be larger than the maximum, which is not theirs."""
        if online.weight == 1:
            return f"tl.exp({exponent})"
        apart = self.scopes.variable("apart", 0)
        self.emit(f"{apart} = {exponent}")
        return f"{self.value(online.weight, 4)} * tl.exp(tl.where({apart} > 0, 0.0, {apart}))"

    def online_end(self, streamed: Sequence[Online]) -> None:
        for online in streamed:
            peak, total = self.running[online.peak.tensor], self.running[online.total.tensor]
            if not online.shielded:
                why = "NaN where every entry is an infinity, as exp(x - peak) has it"
                self.emit(f"{total} += {peak} - {peak}  # {why}")
            self.finished(online.total, total)
        for statement in dict.fromkeys(o.peak for o in streamed):
            self.finished(statement, self.running[statement.tensor])

    # sums over rows

    def _part_axes(self, work: Work, statement: Statement) -> tuple[list[Index], bool]:
        """The loops inside a row on which a sum over rows depends, and whether it can live in a variable."""
        inside = [i for i in statement.free if i in work.loops]
        return inside, not inside or (self.whole and inside == [work.vector])

    def open_part(self, work: Work, statement: Statement) -> None:
        inside, register = self._part_axes(work, statement)
        if not register:
            return
        name = self.scopes.variable(self.wanted(statement.tensor), 0)
        self.registers[statement.tensor] = name
        shape = self.shape(work.vector if inside else None)
        self.emit(f"{name} = tl.full({shape}, {START[statement.operation]}, REAL)")

    def to_part(self, statement: Statement, value: str) -> None:
        tensor, operation = statement.tensor, statement.operation
        target = target_of(statement)
        masks = dict.fromkeys([self.row_in, *(self.masks[i] for i in statement.target if i in self.masks)])
        value = self.masked(value, " & ".join(masks), operation)
        if tensor in self.registers:
            self.emit(self.combined(operation, self.registers[tensor], value))
            return
        pointer = self.scopes.variable("at", 0)
        extent = " * ".join(self.scopes.size(d) for d in tensor.dimensions)
        offset = self.offset(target.indices, tensor.dimensions)
        program = (
            f"tl.program_id(0).to(tl.int64) * ({extent})"
            if " " in extent
            else (f"tl.program_id(0).to(tl.int64) * {extent}")
        )
        self.emit(f"{pointer} = {self.buffers[tensor]} + {program} + {offset}")
        across = any(i in self.masks and self.masks[i] != self.row_in for i in statement.target)
        mask = self.mask(target)
        total = self.reduced(operation, value, 0 if across and self.two else None, across and self.two)
        old = f"tl.load({pointer}{f', mask={mask}, other={START[operation]}' if mask else ''})"
        name = self.scopes.variable(self.wanted(tensor), self.scopes.depth)
        self.emit(f"{name} = {old}")
        self.emit(self.combined(operation, name, total))
        self.emit(f"tl.store({pointer}, {name}{f', mask={mask}' if mask else ''})")

    def close_part(self, work: Work, statement: Statement) -> None:
        tensor = statement.tensor
        if tensor not in self.registers:
            return
        inside, _ = self._part_axes(work, statement)
        name, buffer = self.registers[tensor], self.buffers[tensor]
        if not inside:
            total = self.reduced(statement.operation, name, None)
            self.emit(f"tl.store({buffer} + tl.program_id(0), {total})")
            return
        size, letter = self.scopes.size(inside[0].dimension), self.scopes.letter(inside[0])
        total = self.reduced(statement.operation, name, 0, True) if self.two else name
        place = f"{buffer} + tl.program_id(0).to(tl.int64) * {size} + {letter}"
        self.emit(f"tl.store({place}, {total}, mask={letter}_in)")


def target_of(statement: Statement) -> Component:
    """What a statement writes."""
    return Component(statement.tensor, *statement.target)


def indented(head: str, lines: Sequence[str]) -> str:
    """A head with lines inside it."""
    return f"{head}\n" + textwrap.indent("\n".join(lines), "    ")


def definition(name: str, arguments: str) -> str:
    """The first line of a function, or as many as it takes."""
    line = f"def {name}({arguments}):"
    if len(line) <= WIDTH:
        return line
    filled = textwrap.fill(
        arguments + ",", WIDTH - 4, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False
    ).replace("\n    tl.constexpr", " tl.constexpr")
    return f"def {name}(\n{filled}\n):"

"""The definitions of a program as lines: every tensor gets its variable, every result its array.

What may be written in place is decided here: scatters go into new results, and a result may take over the array of a
definition that nothing else needs.
"""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Add, Expr, Mul, S

from tensorcalc.binding import free_indices
from tensorcalc.codegen.arrays import Array, Kind, Level
from tensorcalc.codegen.block import Block
from tensorcalc.codegen.blocks import Run, parts
from tensorcalc.codegen.deltas import Scatter, written
from tensorcalc.codegen.gather import subscript
from tensorcalc.codegen.lowering import Lowering, Stored
from tensorcalc.codegen.needs import heirs, shared
from tensorcalc.codegen.nodes import RowFunction, Selected, Weighted
from tensorcalc.codegen.sizes import Origin
from tensorcalc.expr import Component, Delta
from tensorcalc.index import Dimension, Index, Tensor
from tensorcalc.system import Definition, Program, tensors_in

__all__ = ["Writer"]

ENTRIES = 1 << 18  # of an array in a block of rows: what fits the caches beside a few others
WIDTH = 96


class Writer:
    """Writes the definitions of one program into a block. `outs` are the arrays to write into, by the output.

    `run` is the run of which the program computes a block of rows; its `outs` are certain to be there.
    """

    def __init__(
        self,
        program: Program,
        block: Block,
        outs: Mapping[Tensor, str],
        origins: Mapping[Dimension, Origin],
        run: Run | None = None,
    ) -> None:
        self.program = program
        self.block = block
        self.origins = origins
        self.run = run
        self.outs = outs
        blocks = block.dialect.blocks and run is None
        self.parts = parts(program.definitions, program.outputs) if blocks else list(program.definitions)
        single = [p for p in self.parts if isinstance(p, Definition)]
        self.lowering = Lowering(block, shared(single), origins)
        self.heirs = heirs(program.definitions, program.outputs) if block.dialect.reuses else {}
        if len(single) < len(program.definitions):
            own = {d.tensor for d in single}
            self.heirs = {t: heir for t, heir in self.heirs.items() if t in own and heir in own}
        self.owned: set[Tensor] = set()
        self.scaled: set[Tensor] = set()
        self.read = {t for d in program.definitions for t in tensors_in(d.rhs)}
        for tensor in program.inputs:
            kind = Kind.INTEGERS if tensor.is_label else Kind.NUMBERS
            self.lowering.stored[tensor] = Stored(block.names.tensor(tensor), tuple(range(tensor.order)), kind)

    def write(self) -> list[str]:
        """Write all definitions; the variables of the outputs."""
        for part in self.parts:
            if isinstance(part, Run):
                self._run(part)
                continue
            self.block.hint = part.indices
            if self.run is not None and part.tensor in self.run.totals:
                self._add_up(part)
            else:
                self._define(part)
        self.block.hint = ()
        return [self._result(tensor) for tensor in self.program.outputs]

    def _run(self, run: Run) -> None:
        """A loop over blocks of rows, and before it the arrays that it fills."""
        block, names = self.block, self.block.names
        for definition in (*run.kept, *run.sums):
            self._allocate(definition, definition.tensor in run.totals)
        for tensor in run.parts.keys() - run.sliced - {d.tensor for d in run.kept}:
            names.share(run.parts[tensor], tensor)
        local = step, start, rows = [names.local(word) for word in ("step", "start", "rows")]
        width = " * ".join(block.size(d) for d in run.width)
        block.emit(f"{step} = 1 + {ENTRIES} // (1 + {width})  # so many rows stay in the cache")
        block.emit(f"for {start} in range(0, {block.size(run.dimension)}, {step}):")
        outer, block.lines = block.lines, []
        outs = {run.parts[d.tensor]: f"{names.tensor(d.tensor)}[{rows}]" for d in run.kept}
        writer = Writer(run.program, block, outs, self.origins, run)
        slices = self._slices(run, writer, rows)
        writer.write()
        lines = [f"{rows} = slice({start}, {start} + {step})", *_assignments(slices)]
        if run.rows in block.sizes:
            lines.append(f"{block.size(run.rows)} = len({next(iter(slices))})")
            del block.sizes[run.rows]
        block.lines = [*outer, *(f"    {line}" for line in (*lines, *block.lines))]
        names.release(local)

    def _allocate(self, definition: Definition, zero: bool) -> None:
        """A new array for a definition, or the caller's."""
        block, out = self.block, self._out(definition.tensor)
        name = block.names.tensor(definition.tensor)
        if zero:
            block.filled(name, definition.indices, Array("0", kind=Kind.PYTHON), out)
        else:
            given = "" if out == "None" else f" if {out} is None else {out}"
            block.emit(f"{name} = {block.spelled('empty', block.shape(definition.indices))}{given}")
        self._own(name, definition)

    def _slices(self, run: Run, writer: Writer, rows: str) -> dict[str, str]:
        """The variables of a block's rows with their code; `writer` is told where everything it reads is stored."""
        found: dict[str, str] = {}
        stored = self.lowering.stored
        for tensor in run.program.inputs:
            if tensor in stored:
                writer.lowering.stored[tensor] = stored[tensor]
        for tensor in run.sliced:
            whole, part = stored[tensor], run.parts[tensor]
            name = whole.name
            if 0 in whole.axes:
                name = self.block.names.tensor(part)
                found[name] = f"{whole.name}[{':, ' * whole.axes.index(0)}{rows}]"
            writer.lowering.stored[part] = Stored(name, whole.axes, whole.kind)
        return found

    def _add_up(self, definition: Definition) -> None:
        """Add what a block of rows contributes to a sum over all rows."""
        block = self.block
        value = block.aligned(block.value(self.lowering.lower(definition.rhs)), definition.indices)
        block.emit(f"{block.names.tensor(definition.tensor)} += {value.code}")

    def _result(self, tensor: Tensor) -> str:
        name = self.block.names.tensor(tensor)
        return name if tensor in self.owned else self.block.spelled("copy", name)

    def _out(self, tensor: Tensor) -> str:
        """The caller's array in which a tensor's variable ends up; `None` where there is none."""
        while tensor in self.heirs:
            tensor = self.heirs[tensor]
        return self.outs.get(tensor, "None")

    def _define(self, definition: Definition) -> None:
        name, tensor = self.block.names.tensor(definition.tensor), definition.tensor
        if isinstance(definition.rhs, RowFunction):
            self._row_function(name, definition, definition.rhs)
            return
        dense, scatters = written(definition.rhs, definition.indices)
        if self.block.dialect.masks and dense is not S.Zero:
            masked = [s for s in scatters if set(s.target) <= set(definition.indices)]
            dense = Add(dense, *(_masked(s, definition.indices) for s in masked))
            scatters = tuple(s for s in scatters if s not in masked)
        taken = next((t for t, heir in self.heirs.items() if heir == tensor and t in self.owned), None)
        if taken is not None:
            self._take_over(name, definition, taken, dense)
        elif scatters or tensor in self.program.outputs or tensor in self.heirs:
            self._whole(name, definition, self.lowering.lower(dense), bool(scatters))
        else:
            self._part(name, definition, self.lowering.lower(dense))
        for place, term in enumerate(scatters):
            if term.summed or "add" not in self.block.dialect.statements:
                self._accumulate(name, term)
            else:
                self._add(name, term, dense is S.Zero and place == 0)

    def _part(self, name: str, definition: Definition, value: Array) -> None:
        """A value under the name of its tensor, with the axes that it has; it is constant along the others."""
        axes = [i for i in definition.indices if i in value.axes]
        value = self.block.aligned(self.block.numbers(value), axes)
        self.block.emit(f"{name} = {value.code}")
        places = tuple(definition.indices.index(i) for i in axes)
        self.lowering.stored[definition.tensor] = Stored(name, places, value.kind)

    def _whole(self, name: str, definition: Definition, value: Array, scattered: bool) -> None:
        """A new array with every axis of the definition, in the caller's array where there is one."""
        block, out, axes = self.block, self._out(definition.tensor), definition.indices
        value = block.numbers(value)
        if self.run is not None:
            self._rows(name if scattered or definition.tensor in self.read else "", axes, value, out)
        elif value.kind is Kind.PYTHON or set(value.axes) != set(axes):
            block.filled(name, axes, value, out)
        elif out != "None" and value.axes == axes and value.into:
            block.emit(f"{name} = {value.into.replace('{out}', out)}")
        else:
            value = block.aligned(value, axes)
            if not value.fresh:
                value = Array(block.spelled("copy", value.wrapped(Level.ATOM)), axes)
            block.emit(f"{name} = {value.code}")
            if out != "None":
                block.emit(f"if {out} is not None:")
                block.emit(f"    {out}[...] = {name}")
                block.emit(f"    {name} = {out}")
        self._own(name, definition)

    def _rows(self, name: str, axes: tuple[Index, ...], value: Array, out: str) -> None:
        """The rows of a result, in the array of all where there is one; `name` is empty where nobody reads them."""
        block = self.block
        if out == "None":
            block.emit(f"{name} = {block.whole(value, axes).code}")
        elif value.axes == axes and value.into:
            block.emit((f"{name} = " if name else "") + value.into.replace("{out}", out))
        else:
            if name:
                block.emit(f"{name} = {out}")
            block.statement("assign", name or out, block.aligned(value, axes).code)

    def _own(self, name: str, definition: Definition) -> None:
        self.owned.add(definition.tensor)
        self.lowering.stored[definition.tensor] = Stored(name, tuple(range(definition.tensor.order)))

    def _row_function(self, name: str, definition: Definition, function: RowFunction) -> None:
        block = self.block
        reduced = not set(function.row) <= set(definition.indices)
        axes = (*definition.indices, *function.row) if reduced else definition.indices
        block.hint = axes
        weighted = isinstance(function.argument, Weighted)
        parts = [
            block.numbers(self.lowering.lower(a)) for a in (function.argument.args if weighted else [function.argument])
        ]
        names = [block.bind(block.whole(part, axes)).code for part in parts[:1]]
        names += [block.bind(block.aligned(block.array(part), axes)).code for part in parts[1:]]
        places = tuple(axes.index(i) for i in function.row)
        word = f"weighted {function.word}" if weighted else function.word
        scale = None if weighted else self._scale(definition, function)
        if scale is not None:
            word, names = f"scaled {word}", [names[0], scale]
        names += [""] * (2 - len(names))
        if len(places) > 1 and f"{word}*" in block.dialect.statements:
            word += "*"
        axis = str(places[0] if len(places) == 1 else places)
        peak = block.names.local("peak") if "{3}" in "".join(block.dialect.statements[word]) else ""
        out = self._out(definition.tensor)
        total = self._total(name, axes, places) if "{5}" in "".join(block.dialect.statements[word]) else ""
        block.statement(word, name, names[0], axis, peak, names[1], total, out=out)
        if self.run is not None and out != "None" and "{out}" not in "".join(block.dialect.statements[word]):
            block.statement("assign", out, name)
        self._own(name, definition)

    def _total(self, name: str, axes: tuple[Index, ...], places: tuple[int, ...]) -> str:
        """The code of the sums of an array's rows; of rows that lie together in memory it is a product."""
        if places == (len(axes) - 1,) and len(axes) > 1:
            return self.block.spelled("last sums", name, self.block.size(axes[-1].dimension))
        return self.block.spelled("row sums", name, str(places[0] if len(places) == 1 else places))

    def _scale(self, definition: Definition, function: RowFunction) -> str | None:
        """The code of a number for each row, by which the heir of a row function multiplies it; `None` without one."""
        heir = next((d for d in self.program.definitions if d.tensor == self.heirs.get(definition.tensor)), None)
        if heir is None or f"scaled {function.word}" not in self.block.dialect.statements:
            return None
        dense, _ = written(heir.rhs, heir.indices)
        rest = Mul(*_others(dense, definition.tensor))
        row = {heir.indices[definition.indices.index(i)] for i in function.row}
        if rest is S.One or row & free_indices(rest) or not self.lowering.stored.keys() >= set(tensors_in(rest)):
            return None
        self.scaled.add(heir.tensor)
        hint, self.block.hint = self.block.hint, heir.indices
        value = self.block.aligned(self.block.numbers(self.lowering.lower(rest)), heir.indices)
        self.block.hint = hint
        return value.wrapped(Level.PRODUCT)

    def _take_over(self, name: str, definition: Definition, taken: Tensor, dense: Expr) -> None:
        """The definition in the array of one that is not needed any more, multiplied in place."""
        block, own = self.block, self.lowering.stored[taken].name
        rest = _others(dense, taken)
        if rest and definition.tensor not in self.scaled:
            value = block.numbers(self.lowering.lower(Mul(*rest)))
            block.statement("scale", name, own, block.aligned(value, definition.indices).wrapped(Level.POWER))
        else:
            block.statement("take over", name, own)
        self._own(name, definition)

    def _add(self, name: str, term: Scatter, first: bool) -> None:
        """Add a term to entries that are all different; the `first` one meets zeros."""
        block = self.block
        found = subscript(block, term.target, self.lowering.lower)
        block.hint = found.axes
        number, _ = term.coefficient.as_coeff_Mul()
        first = first and "set" in block.dialect.statements
        negative = bool(number.is_negative) and not first
        value = block.numbers(self.lowering.lower(-term.coefficient if negative else term.coefficient))
        code = block.aligned(value, found.axes)
        word = "set" if first else "subtract" if negative else "add"
        block.statement(word, name, found.code or "...", code.wrapped(Level.POWER) if negative else code.code)

    def _accumulate(self, name: str, term: Scatter) -> None:
        """Add a term to entries that may repeat."""
        block = self.block
        target = list(term.target)
        trailing = []
        while isinstance(target[-1], Index) and not any(
            target[-1] in free_indices(e) for e in term.target[: len(target) - 1]
        ):
            trailing.append(target.pop())
        axes = tuple(dict.fromkeys(i for e in target for i in sorted(free_indices(e), key=lambda i: i.name)))
        block.hint = (*axes, *reversed(trailing))
        codes = []
        for index in target:
            array = block.aligned(self.lowering.lower(index), axes)
            codes.append(block.spelled("index", array.code) if array.kind is Kind.PYTHON else array.code)
        value = block.value(self.lowering.lower(term.coefficient))
        value = block.aligned(value, block.hint)
        places = ", ".join(codes)
        block.statement("accumulate", name, places, value.code, places if len(codes) == 1 else f"({places})")


def _masked(term: Scatter, indices: tuple[Index, ...]) -> Expr:
    """A term that is added where indices are equal, as its value there and 0 elsewhere."""
    pairs = [Delta(i, e) for i, e in zip(indices, term.target, strict=True) if i != e]
    return Selected(term.coefficient, *pairs)


def _others(dense: Expr, taken: Tensor) -> list[Expr]:
    """The factors of a definition that takes the array of another over, without that one."""
    return [f for f in Mul.make_args(dense) if not (isinstance(f, Component) and f.tensor == taken)]


def _assignments(values: Mapping[str, str]) -> list[str]:
    """The lines that give variables their values: one line where they fit."""
    line = f"{', '.join(values)} = {', '.join(values.values())}"
    return [line] if len(line) <= WIDTH else [f"{name} = {code}" for name, code in values.items()]

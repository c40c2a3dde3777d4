"""One nest as a function in C: the loop over a range of the batch, the passes over a row, what is kept between them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tensorcalc.codegen.kernels.expressions import ATOM
from tensorcalc.codegen.kernels.nests import Memory, Nest, Pass
from tensorcalc.codegen.kernels.scopes import Scope
from tensorcalc.codegen.kernels.statements import Operation, Statement
from tensorcalc.codegen.kernels.streaming import Streaming, added, block
from tensorcalc.codegen.names import Names, identifier
from tensorcalc.codegen.sizes import Origin
from tensorcalc.expr import Component
from tensorcalc.index import Dimension, Index, Tensor

__all__ = ["NestCode", "write_nest"]

START = {
    Operation.SUM: "0",
    Operation.PRODUCT: "1",
    Operation.MAXIMUM: "-(real)INFINITY",
    Operation.PEAK: "-(real)INFINITY",
}
CLAUSE = {Operation.SUM: "+", Operation.PRODUCT: "*", Operation.PEAK: "max"}


@dataclass
class NestCode:
    """The function of a nest. `reads` and `writes` are arrays it is given, `rows` the row buffers and `partial` the
    partial sums it needs, each with the dimensions of its axes; `streams` are results that may bypass the cache.
    With `spread`, the range it is given is one of labels, of this dimension: it does what concerns them.
    """

    name: str
    text: str
    sizes: tuple[Dimension, ...]
    reads: tuple[Tensor, ...]
    writes: tuple[Tensor, ...]
    rows: Mapping[Tensor, tuple[Dimension, ...]]
    partial: Mapping[Tensor, tuple[Dimension, ...]]
    streams: tuple[Tensor, ...]
    spread: Dimension | None = None


def write_nest(
    nest: Nest, name: str, names: Names, origins: Mapping[Dimension, Origin], words: dict[str, None]
) -> NestCode:
    """The function that works off entries `begin` to `end` of the batch of a nest."""
    return _Writer(nest, name, names, origins, words).write()


class _Writer(Streaming):
    """Writes one nest."""

    def __init__(
        self, nest: Nest, name: str, names: Names, origins: Mapping[Dimension, Origin], words: dict[str, None]
    ) -> None:
        super().__init__(nest, names, origins, words)
        self.name = name

    def write(self) -> NestCode:
        nest, group = self.nest, self.nest.group
        for tensor in (*nest.tensors(Memory.ROW), *nest.tensors(Memory.PART)):
            suffix = "row" if nest.memory[tensor] is Memory.ROW else "part"
            self.buffers[tensor] = self.names.local(f"{identifier(tensor.name)}_{suffix}")
        if nest.flat:
            self._flat()
        elif nest.batch:
            self.scopes.push(nest.batch)
            self.at = self._batch_variable()
            self._row()
            scope = self.scopes.pop()
            self._close_batch(scope)
        else:
            self._row()
        writes = [t for t in group.axes if nest.memory.get(t) is Memory.FULL]
        writes = list(dict.fromkeys([*writes, *(s.tensor for s in group.statements if s.tensor not in group.axes)]))
        rows = {t: self._row_dimensions(t) for t in nest.tensors(Memory.ROW)}
        partial = {
            t: tuple(i.dimension for i in group.axes[t] if isinstance(i, Index)) for t in nest.tensors(Memory.PART)
        }
        reads = tuple(t for t in self.reads if t not in writes)
        return self._assembled(reads, tuple(writes), rows, partial)

    def _row_dimensions(self, tensor: Tensor) -> tuple[Dimension, ...]:
        axes = self.nest.group.axes[tensor]
        return tuple(i.dimension for i in axes if isinstance(i, Index) and i not in self.nest.batch)

    def _assembled(
        self,
        reads: tuple[Tensor, ...],
        writes: tuple[Tensor, ...],
        rows: Mapping[Tensor, tuple[Dimension, ...]],
        partial: Mapping[Tensor, tuple[Dimension, ...]],
    ) -> NestCode:
        scope = self.scopes.stack[0]
        sizes = tuple(self.scopes.sizes)
        names = self.names
        arguments = ["ptrdiff_t begin", "ptrdiff_t end", *(["int stream"] if self.streams else [])]
        arguments += [f"ptrdiff_t {names.dimension(d)}" for d in sizes]
        arguments += [f"const {'int64_t' if t.is_label else 'real'} *{names.tensor(t)}" for t in reads]
        arguments += [f"real *{names.tensor(t)}" for t in writes]
        arguments += [f"real *{self.buffers[t]}" for t in (*rows, *partial)]
        lines = [f"_Alignas(64) real {block}[BLOCK];" for block in self.streams.values()]
        lines += [*scope.lines, *scope.stores]
        label = self.nest.spread
        if not self.nest.batch and not self.nest.flat and label is None:
            lines += ["(void)begin;", "(void)end;"]
        if self.streams:
            lines.append("if (stream)\n    stream_end();")
        head = textwrap.fill(
            f"static void {self.name}({', '.join(arguments)})", 110, subsequent_indent="    ", break_long_words=False
        )
        body = textwrap.indent("\n".join(lines), "    ")
        text = f"{head}\n{{\n{body}\n}}\n"
        names.release([*self.scopes.letters, *self.buffers.values(), *self.streams.values()])
        spread = None if label is None else label.tensor.label_dimension
        return NestCode(self.name, text, sizes, reads, writes, rows, partial, tuple(self.streams), spread)

    # the loop over the batch

    def _close_batch(self, scope: Scope) -> None:
        body = [*scope.lines, *scope.stores]
        if len(self.nest.batch) > 1:
            body = [*self._decoded(self.at), *body]
        self.emit(block(f"for (ptrdiff_t {self.at} = begin; {self.at} < end; {self.at}++)", body))

    def _batch_variable(self) -> str:
        """The variable that counts the rows."""
        batch = self.nest.batch
        return self.scopes.letter(batch[0]) if len(batch) == 1 else self.names.local("at")

    def _decoded(self, at: str) -> list[str]:
        """The indices of the batch from the number of a row."""
        batch = self.nest.batch
        lines = []
        for place, index in enumerate(batch):
            inner = self.scopes.extent(i.dimension for i in batch[place + 1 :])
            code = at if not inner else f"{at} / {inner if '*' not in inner else f'({inner})'}"
            if place:
                code += f" % {self.scopes.size(index.dimension)}"
            lines.append(f"const ptrdiff_t {self.scopes.letter(index)} = {code};")
        return lines

    def _row(self) -> None:
        """Everything about one row, pass by pass."""
        nest = self.nest
        numbers = {p.number for p in nest.passes} | set(nest.scalars)
        done: set[int] = set()
        for number in sorted(numbers):
            for statement in nest.scalars.get(number, ()):
                if id(statement) not in done:
                    self._scalar(statement)
            for entry in nest.passes:
                if entry.number == number:
                    done |= self._pass(entry)

    def _flat(self) -> None:
        (entry,) = self.nest.passes
        self._pass(entry)

    # statements without a loop of their own

    def _scalar(self, statement: Statement) -> None:
        target = Component(statement.tensor, *statement.target)
        if statement.operation is Operation.ADD:
            value = self.value(statement.expression)
            self.emit(added(self.place(target), value))
            self.scopes.forget(statement.tensor)
            return
        name = self.bound(statement.expression, self.scopes.depth, self.wanted(statement.tensor))
        if self.nest.memory.get(statement.tensor) is Memory.PART:
            self.emit(_combined(statement.operation, self.place(target), name))
            return
        self.emit(f"{self.place(target)} = {name};")
        self.scopes.stack[self.scopes.depth].known[target] = name

    # passes

    def _pass(self, entry: Pass) -> set[int]:
        """One loop nest; returns the ids of the additions that were done inside it."""
        loops = self.nest.flat or entry.loops
        outer = self.scopes.depth
        streamed = self.streamed_results(entry, loops)
        folded = self.folded_additions(entry, streamed)
        if self.nest.flat:
            self.scopes.push(loops)
        else:
            for index in loops:
                self.scopes.push([index])
        after: list[list[str]] = [[] for _ in self.scopes.stack]
        clauses: list[str] = []
        simd = True
        for tensor in streamed:
            self.stream_base(tensor)
        for statement in entry.statements:
            simd &= self._statement(statement, loops, outer, after, clauses)
        self.last = entry.number == self.nest.last
        innermost = True
        while self.scopes.depth > outer:
            depth = self.scopes.depth
            scope = self.scopes.pop()
            body = [*scope.lines, *scope.stores]
            if innermost:
                pragma = "#pragma omp simd" + "".join(f" {c}" for c in clauses) if simd else ""
                self.close(loops, body, pragma, streamed, folded)
            else:
                index = loops[depth - outer - 1]
                letter = self.scopes.letter(index)
                size = self.scopes.size(index.dimension)
                self.emit(block(f"for (ptrdiff_t {letter} = 0; {letter} < {size}; {letter}++)", body))
            innermost = False
            self.scopes.stack[-1].lines += after[depth - 1]
        return {id(s) for s in folded}

    def _statement(
        self, statement: Statement, loops: Sequence[Index], outer: int, after: list[list[str]], clauses: list[str]
    ) -> bool:
        """One statement inside the loops of its pass; whether the loop may be vectorised."""
        innermost = self.scopes.stack[-1]
        target = Component(statement.tensor, *statement.target)
        if statement.operation is Operation.ASSIGN:
            name = self._bound_value(statement)
            innermost.known[target] = name
            innermost.stores.append(f"{self.place(target, store=True)} = {name};")
            return True
        if statement.operation is Operation.ADD:
            if self.nest.spread is not None:
                self._skip_others(self.nest.spread)
            value = self.value(statement.expression)
            innermost.stores.append(added(self.place(target), value))
            self.scopes.forget(statement.tensor)
            return False
        return self._reduction(statement, loops, outer, after, clauses)

    def _skip_others(self, label: Component) -> None:
        """The line that leaves additions at labels out of the range to others."""
        name, _ = self.label(label)
        test = f"if ((size_t)({name} - begin) >= (size_t)(end - begin))"
        self.scopes.stack[self.scopes.home(label)].lines.append(f"{test}\n    continue;")

    def _bound_value(self, statement: Statement) -> str:
        """The value of a statement in a variable of the innermost loop."""
        text, _ = self.code(statement.expression)
        if text.isidentifier():
            return text
        name = self.scopes.variable(self.wanted(statement.tensor), self.scopes.depth)
        self.scopes.stack[-1].lines.append(f"const real {name} = {text};")
        return name

    def _reduction(
        self, statement: Statement, loops: Sequence[Index], outer: int, after: list[list[str]], clauses: list[str]
    ) -> bool:
        """A sum, product or maximum: in a variable over the innermost dummies, in memory over those further out."""
        dummies = set(statement.dummies)
        memory = self.nest.memory[statement.tensor]
        inner = 0
        while inner < len(loops) and (loops[len(loops) - 1 - inner] in dummies):
            inner += 1
        at = outer if self.nest.flat else self.scopes.depth - inner
        rest = dummies - (set(loops) if self.nest.flat else set(loops[len(loops) - inner :]))
        target = Component(statement.tensor, *statement.target)
        repeats = statement.operation in (Operation.PEAK, Operation.MAXIMUM)
        value = self.local(statement.expression) if repeats else self.value(statement.expression, ATOM)
        name = ""
        if inner:
            name = self.scopes.variable(self.wanted(statement.tensor), at)
            self.scopes.stack[at].lines.append(f"real {name} = {START[statement.operation]};")
            if statement.operation in CLAUSE:
                clauses.append(f"reduction({CLAUSE[statement.operation]}:{name})")
            self.scopes.stack[-1].stores.append(_combined(statement.operation, name, value))
        if memory is Memory.LOCAL and not rest:
            self.scopes.stack[at].known[target] = name
            return statement.operation is not Operation.MAXIMUM
        place = self.place(target)
        if rest or memory is Memory.PART:
            if memory is not Memory.PART:
                self._initialised(statement, at if self.nest.flat else outer)
            line = _combined(statement.operation, place, name or value)
        else:
            line = f"{place} = {name};"
            self.scopes.stack[at].known[target] = name
        if inner:
            after[at].append(line)
        else:
            self.scopes.stack[-1].stores.append(line)
        return statement.operation is not Operation.MAXIMUM

    def _initialised(self, statement: Statement, outer: int) -> None:
        """The loops that set a result in memory to its start value before others add to it."""
        scopes = self.scopes
        inside = scopes.stack[outer + 1 :]
        del scopes.stack[outer + 1 :]
        axes = [i for i in statement.target if isinstance(i, Index) and i not in self.nest.batch]
        scopes.depth = outer
        for index in axes:
            scopes.push([index])
        place = self.place(Component(statement.tensor, *statement.target))
        text = f"{place} = {START[statement.operation]};"
        for index in reversed(axes):
            scope = scopes.pop()
            letter = scopes.letter(index)
            head = f"for (ptrdiff_t {letter} = 0; {letter} < {scopes.size(index.dimension)}; {letter}++)"
            text = block(head, [*scope.lines, text])
        scopes.stack[outer].lines.append(text)
        scopes.stack += inside
        scopes.depth = len(scopes.stack) - 1


def _combined(operation: Operation, place: str, value: str) -> str:
    if operation is Operation.SUM:
        return f"{place} += {value};"
    if operation is Operation.PRODUCT:
        return f"{place} *= {value};"
    if operation is Operation.PEAK:
        return f"{place} = {value} > {place} ? {value} : {place};"
    return f"{place} = {value} > {place} || {value} != {value} ? {value} : {place};"

"""The function that a caller of the C file calls: it checks labels, gets memory, and runs the steps in order."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence

from sympy import S

from tensorcalc.codegen.kernels.aliasing import owners
from tensorcalc.codegen.kernels.expressions import ATOM, Code, Expressions, unsupported
from tensorcalc.codegen.kernels.loops import NestCode
from tensorcalc.codegen.kernels.nests import Nest
from tensorcalc.codegen.kernels.products import Product
from tensorcalc.codegen.kernels.schedule import Block, Schedule
from tensorcalc.codegen.kernels.scopes import Scopes
from tensorcalc.codegen.kernels.statements import Operation
from tensorcalc.codegen.kernels.tasks import task
from tensorcalc.codegen.names import Names, identifier
from tensorcalc.expr import Component
from tensorcalc.index import Dimension, Index, Tensor

__all__ = ["Driver"]

SHARED = 8192  # entries from which threads that are awake may help
PARALLEL = 131072  # entries from which it pays to wake them
ALONGSIDE = 1 << 20  # the same where BLAS has threads of its own
PARTS = 16  # into which the batch is cut where sums over it are kept in parts: the same for any number of threads
KEPT = 1 << 22  # entries that all parts together may have
STREAMED = 4 << 20  # bytes of a result from which it is written past the cache
LOCAL = 8 << 20  # bytes that what lives in a block may take
ROWS = 256  # rows that a block has at least, so that products stay fast
START = {Operation.SUM: "0", Operation.PRODUCT: "1"}


class _Scalars(Expressions):
    """Values without indices, in the function itself."""

    def __init__(self, scopes: Scopes, words: dict[str, None], names: Names) -> None:
        super().__init__(scopes, words)
        self.names = names

    def component(self, c: Component) -> Code:
        if c.indices:
            raise unsupported(f"{c} as the scale of a product of matrices")
        return f"{self.names.tensor(c.tensor)}[0]", ATOM

    def label(self, c: Component) -> Code:
        return self.component(c)


class Driver:
    """Writes the function of a schedule. `codes` are the functions of its nests."""

    def __init__(
        self,
        schedule: Schedule,
        name: str,
        names: Names,
        words: dict[str, None],
        *,
        codes: Mapping[int, NestCode],
        sizes: Sequence[Dimension],
    ) -> None:
        self.schedule = schedule
        self.name = name
        self.names = names
        self.words = words
        self.codes = codes
        self.sizes = sizes
        self.memory: dict[tuple[str, Tensor], str] = {}
        self.parts: dict[str, str] = {}
        self.tasks: list[str] = []
        self.variables: dict[str, str] = {}
        self.apart = False  # whether what is written runs in a thread of its own
        self.blocks = [s for s in schedule.steps if isinstance(s, Block)]
        local = {t for b in self.blocks for t in b.local}
        self.owner = owners(schedule.steps, [t for t in schedule.intermediate if t not in local])
        for block in self.blocks:
            self.owner |= owners(block.steps, block.local)
        self.multiplies = len(schedule.nests) < len(schedule.single)

    def write(self) -> str:
        """The text of the function."""
        names, program = self.names, self.schedule.program
        lines: list[str] = []
        self.variables |= self._arguments_by_name()
        for number, tensor in enumerate((t for t in program.inputs if t.is_label), start=1):
            lines.append(self._label_check(number, tensor))
        rows = {id(b): self._rows(b, lines) for b in self.blocks}
        lines += self._workspace({t: (b, rows[id(b)]) for b in self.blocks for t in b.local})
        for step in self.schedule.steps:
            if isinstance(step, Block):
                lines.append(self._block(step, rows[id(step)]))
            else:
                lines.append(self._step(step))
        lines += ["free(workspace);", "return 0;"] if self._has_workspace else ["return 0;"]
        arguments = [f"{kind}{name}" for name, kind in self._arguments_by_name().items()]
        head = textwrap.fill(f"int {self.name}({', '.join(arguments)})", 110, subsequent_indent="    ")
        unused = [f"(void){names.tensor(t)};" for t in program.inputs if not t.is_label]
        lines = [*unused, "(void)threads;", *lines]
        return f"{head}\n{{\n{_indented(lines)}\n}}\n"

    def _arguments_by_name(self) -> dict[str, str]:
        """The arguments of the function, each with its type."""
        names = self.names
        found = {self.size(d): "ptrdiff_t " for d in self.sizes}
        for tensor in self.schedule.program.inputs:
            found[names.tensor(tensor)] = "const int64_t *" if tensor.is_label else "const real *"
        found |= {names.tensor(t): "real *" for t in self.schedule.outputs}
        return {**found, "threads": "int "}

    def size(self, dimension: Dimension) -> str:
        """The variable of a size."""
        return str(dimension.size) if dimension.size is not None else self.names.dimension(dimension)

    def extent(self, dimensions: Iterable[Dimension]) -> str:
        """The code of a product of sizes."""
        return " * ".join(self.size(d) for d in dimensions) or "1"

    def _label_check(self, number: int, tensor: Tensor) -> str:
        assert tensor.label_dimension is not None
        name, size = self.names.tensor(tensor), self.size(tensor.label_dimension)
        test = f"if ((uint64_t){name}[entry] >= (uint64_t){size})\n    return {number};"
        return _loop("entry", "0", self.extent(tensor.dimensions), [test])

    # memory

    def _rows(self, block: Block, lines: list[str]) -> str:
        """The variable that holds how many values of the block index are worked on at once."""
        entries = " + ".join(self.extent(t.dimensions[1:]) for t in block.local if self.owner[t] == t)
        name = self.names.local("rows")
        size = self.size(block.dimension)
        lines.append(f"ptrdiff_t {name} = {LOCAL} / (ptrdiff_t)(({entries} + 1) * sizeof(real));")
        least = ROWS if any(isinstance(s, Product) and not s.batch and not s.outer for s in block.steps) else 1
        lines.append(f"{name} = {name} < {least} ? {least} : {name};")
        if block.independent:
            share = f"({size} + threads - 1) / threads"
            lines.insert(0, f"threads = threads < 1 || !{self.name}_products.apart ? 1 : threads;")
            lines.append(f"{name} = {name} < {share} ? {name} : {share};")
        lines.append(f"{name} = {name} < {size} ? {name} : {size} < 1 ? 1 : {size};")
        self.variables[name] = "ptrdiff_t "
        return name

    def _workspace(self, local: Mapping[Tensor, tuple[Block, str]]) -> list[str]:
        """One allocation for everything that is neither argument nor result."""
        wanted: list[tuple[str, str]] = []
        shared: list[Tensor] = []
        for tensor in self.schedule.intermediate:
            name = self.names.tensor(tensor)
            if self.owner[tensor] != tensor:
                shared.append(tensor)
                continue
            if tensor in local:
                block, rows = local[tensor]
                copies = ["threads"] if block.independent else []
                entries = " * ".join([*copies, rows, *(self.size(d) for d in tensor.dimensions[1:])])
                name = self.memory["local", tensor] = self.names.local(f"{name}_rows")
            else:
                entries = self.extent(tensor.dimensions)
            wanted.append((name, entries))
        for tensor in shared:
            if tensor in local:
                self.memory["local", tensor] = self.memory["local", self.owner[tensor]]
        whole = [t for t in shared if t not in local]
        lines: list[str] = []
        for code in self.codes.values():
            if code.partial:
                lines += self._parts(code)
            for tensor, axes in (*code.rows.items(), *code.partial.items()):
                name = self.names.local(f"{code.name.rsplit('_', 1)[1]}_{identifier(tensor.name)}")
                self.memory[code.name, tensor] = name
                times = "threads" if tensor in code.rows else self.parts[code.name]
                wanted.append((name, f"{times} * ({self.extent(axes)} + LINE)"))
        self._has_workspace = bool(wanted)
        if not wanted:
            return []
        lines += ["threads = threads < 1 ? 1 : threads;", "size_t room = 0;"]
        for name, entries in wanted:
            lines += [f"const size_t {name}_at = room;", f"room += ((size_t)({entries}) / LINE + 1) * LINE;"]
        lines += [
            "real *workspace = malloc((room + LINE) * sizeof(real));",
            "if (workspace == NULL)\n    return -1;",
            "real *const start = workspace + (LINE - (uintptr_t)workspace / sizeof(real) % LINE) % LINE;",
        ]
        found = {name: f"start + {name}_at" for name, _ in wanted}
        found |= {self.names.tensor(t): self.names.tensor(self.owner[t]) for t in whole}
        self.variables |= dict.fromkeys(found, "real *")
        return [*lines, *(f"real *const {name} = {place};" for name, place in found.items())]

    def _parts(self, code: NestCode) -> list[str]:
        """The lines that find how many parts a nest has at most: fewer where each is large."""
        name = self.parts[code.name] = self.names.local(f"{code.name.rsplit('_', 1)[1]}_parts")
        entries = " + ".join(self.extent(axes) for axes in code.partial.values())
        self.variables[name] = "ptrdiff_t "
        return [
            f"ptrdiff_t {name} = {KEPT} / ({entries} + 1);",
            f"{name} = {name} < 1 ? 1 : {name} > {PARTS} ? {PARTS} : {name};",
        ]

    # steps

    def _step(self, step: Nest | Product, low: str = "", high: str = "", index: Index | None = None) -> str:
        if isinstance(step, Product):
            return self._product(step, low, high, index)
        return self._nest(step, self.codes[id(step)], low, high)

    def _block(self, block: Block, rows: str) -> str:
        low, high, size = self.names.local("low"), self.names.local("high"), self.size(block.dimension)
        ends = f"const ptrdiff_t {high} = {low} + {rows} < {size} ? {low} + {rows} : {size};"
        outside = dict(self.variables)
        local = []
        for tensor in block.local:
            inner, name = self.extent(tensor.dimensions[1:]), self.names.tensor(tensor)
            start = f"thread * {rows} - {low}" if block.independent else f"-{low}"
            local.append(f"real *const {name} = {self.memory['local', tensor]} + ({start}) * ({inner});")
            self.variables[name] = "real *"
        self.variables |= {low: "ptrdiff_t ", high: "ptrdiff_t "}
        self.apart = block.independent
        steps = [self._step(s, low, high, i) for s, i in zip(block.steps, block.indices, strict=True)]
        self.apart, self.variables = False, outside
        if block.independent:
            begin = f"const ptrdiff_t {low} = part * {rows};"
            parts = f"({size} + {rows} - 1) / {rows}"
            lines = self._in_parts(self.names.local(f"{self.name}_rows"), [begin, ends, *local, *steps], outside, parts)
            return f"{{\n{_indented(lines)}\n}}"
        head = f"for (ptrdiff_t {low} = 0; {low} == 0 || {low} < {size}; {low} += {rows})"
        return f"{head} {{\n{_indented([ends, *local, *steps])}\n}}"

    def _in_parts(
        self,
        name: str,
        body: Sequence[str],
        variables: Mapping[str, str],
        parts: str,
        *,
        team: str = "threads",
        small: str = "0",
    ) -> list[str]:
        """The lines that have the parts of some work done by a team."""
        text, begin = task(name, body, variables)
        self.tasks.append(text)
        hurry = int(self.multiplies)
        return [begin, f"in_parts({name}_part, &task, {parts}, {team}, {small}, {hurry});"]

    def _product(self, step: Product, low: str, high: str, index: Index | None) -> str:
        """The call of a product for every value of its batch indices."""
        looped = (*step.batch, *step.outer)
        letters = {i: self.names.local(f"b{place}") for place, i in enumerate(looped)}
        begin: dict[Index, str] = {index: low} if index is not None and index not in looped else {}
        sizes = []
        for indices in (step.rows, step.columns, step.inner):
            inside = index is not None and index in indices
            sizes.append(
                f"({high} - {low}) * {self.extent(i.dimension for i in indices[1:])}"
                if inside
                else self.extent(i.dimension for i in indices)
            )
        scalars = _Scalars(Scopes(self.names), self.words, self.names)
        scale = "1" if step.scale is S.One else scalars.value(step.scale)
        lines = list(scalars.scopes.stack[0].lines)
        keep = "1" if step.outer else f"{low} > 0" if index is not None and index in step.inner else "0"
        pointers = [self._pointer(c, letters, begin) for c in (step.left, step.right, step.target)]
        call = ", ".join(
            [
                *sizes,
                scale,
                pointers[0],
                self._stride(step.left, step.rows),
                self._stride(step.left, step.inner),
                pointers[1],
                self._stride(step.right, step.inner),
                self._stride(step.right, step.columns),
                keep,
                pointers[2],
                self._stride(step.target, step.rows),
            ]
        )
        body = [f"product({call});"]
        for i in reversed(looped):
            blocked = i == index
            body = [_loop(letters[i], low if blocked else "0", high if blocked else self.size(i.dimension), body)]
        if step.outer:
            lines.append(self._zeroed(step.target.tensor, f"{low} == 0" if index in step.outer else ""))
        return f"{{\n{_indented([*lines, *body])}\n}}"

    def _zeroed(self, tensor: Tensor, condition: str) -> str:
        """The line that sets a tensor to zero."""
        line = f"memset({self.names.tensor(tensor)}, 0, (size_t)({self.extent(tensor.dimensions)}) * sizeof(real));"
        return f"if ({condition})\n    {line}" if condition else line

    def _stride(self, c: Component, indices: Sequence[Index]) -> str:
        """The distance in memory from one value of some neighbouring indices to the next."""
        place = c.indices.index(indices[-1])
        return self.extent(c.tensor.dimensions[place + 1 :])

    def _pointer(self, c: Component, letters: Mapping[Index, str], begin: Mapping[Index, str]) -> str:
        text = self.names.tensor(c.tensor)
        for place, index in enumerate(c.indices):
            start = letters.get(index) or begin.get(index)
            if start:
                inner = self.extent(c.tensor.dimensions[place + 1 :])
                text += f" + {start}" + (f" * {inner}" if inner != "1" else "")
        return text

    def _nest(self, nest: Nest, code: NestCode, low: str, high: str) -> str:
        """The call of a nest, in parts of its batch, and the sum of what the parts have added up."""
        loops = nest.flat or nest.batch
        first, count = "0", self.size(code.spread) if code.spread else self.extent(i.dimension for i in loops)
        if low:
            inner = self.extent(i.dimension for i in loops[1:])
            first, count = f"{low} * {inner}", f"({high} - {low}) * {inner}"
        lines = [f"const ptrdiff_t first = {first}, count = {count};"]
        lines += self._shares(nest, code) if not self.apart else []
        body = [self._cleared(nest, code, t, axes) for t, axes in code.partial.items()]
        body.append(f"{code.name}({', '.join(self._arguments(code))});")
        if self.apart:
            lines += body
        else:
            variables = {**dict.fromkeys(("first", "count", "parts"), "ptrdiff_t "), **self.variables}
            small = f"load < {PARALLEL}" if loops or code.spread else "1"
            lines += self._in_parts(code.name, body, variables, "parts", team="team", small=small)
        lines += [self._combined(nest, code, t, axes, low) for t, axes in code.partial.items()]
        return f"{{\n{_indented(lines)}\n}}"

    def _shares(self, nest: Nest, code: NestCode) -> list[str]:
        """The lines that find how many threads work on a nest, and in how many parts."""
        row = max(
            (self.extent(i.dimension for i in p.loops) for p in nest.passes if not nest.flat), key=len, default="1"
        )
        if nest.flat or nest.batch or code.spread:
            least = ALONGSIDE if self.multiplies else SHARED
            load = "count" if row == "1" else f"count * {row}" if "*" not in row else f"count * ({row})"
            load = row if code.spread else load
            lines = [
                f"const ptrdiff_t load = {load};",
                f"const int team = threads > 1 && load >= {least} ? threads : 1;",
            ]
        else:
            lines = ["const int team = 1;"]
        if code.partial:
            most = self.parts[code.name]
            parts = f"count < {most} ? (count < 1 ? 1 : count) : {most}"
        else:
            most = f"{2 if code.spread else 8} * team"
            parts = f"team > 1 && count > 1 ? (count < {most} ? count : {most}) : 1"
        return [*lines, f"const ptrdiff_t parts = {parts};"]

    def _arguments(self, code: NestCode) -> list[str]:
        names = self.names
        found = ["first + count * part / parts", "first + count * (part + 1) / parts"]
        if self.apart:
            found = ["first", "first + count"]
        if code.streams:
            largest = max((self.extent(t.dimensions) for t in code.streams), key=len)
            local = any(("local", t) in self.memory for t in code.streams)
            found.append("0" if local else f"{largest} * (ptrdiff_t)sizeof(real) >= {STREAMED}")
        found += [names.dimension(d) for d in code.sizes]
        found += [names.tensor(t) for t in (*code.reads, *code.writes)]
        for tensors, number in ((code.rows, "thread"), (code.partial, "part")):
            for tensor, axes in tensors.items():
                found.append(f"{self.memory[code.name, tensor]} + {number} * ({self.extent(axes)} + LINE)")
        return found

    def _cleared(self, nest: Nest, code: NestCode, tensor: Tensor, axes: Sequence[Dimension]) -> str:
        start = START.get(nest.definitions[tensor].operation, "-(real)INFINITY")
        extent = self.extent(axes)
        line = f"{self.memory[code.name, tensor]}[part * ({extent} + LINE) + entry] = {start};"
        return _loop("entry", "0", extent, [line])

    def _combined(self, nest: Nest, code: NestCode, tensor: Tensor, axes: Sequence[Dimension], low: str) -> str:
        """The parts in a fixed order, so that the result does not depend on threads."""
        extent, name, target = self.extent(axes), self.memory[code.name, tensor], self.names.tensor(tensor)
        value = f"{name}[part * ({extent} + LINE) + entry]"
        larger = f"{value} > {target}[entry]"
        line = {
            Operation.SUM: f"{target}[entry] += {value};",
            Operation.PRODUCT: f"{target}[entry] *= {value};",
            Operation.PEAK: f"{target}[entry] = {larger} ? {value} : {target}[entry];",
        }.get(
            nest.definitions[tensor].operation,
            f"{target}[entry] = {larger} || {value} != {value} ? {value} : {target}[entry];",
        )
        copy = f"memcpy({target}, {name}, (size_t)({extent}) * sizeof(real));"
        copy = f"if ({low} == 0)\n    {copy}" if low else copy
        begin = f"{low} == 0" if low else "1"
        return f"{copy}\n" + _loop("part", begin, "parts", [_loop("entry", "0", extent, [line])])


def _loop(letter: str, begin: str, end: str, body: Sequence[str]) -> str:
    return f"for (ptrdiff_t {letter} = {begin}; {letter} < {end}; {letter}++) {{\n{_indented(body)}\n}}"


def _indented(lines: Iterable[str]) -> str:
    return textwrap.indent("\n".join(lines), "    ")

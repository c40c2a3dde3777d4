"""The whole file in C: header comment, functions of numbers, one function for each nest, and the one that runs them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tensorcalc.codegen.formula import formulas, shape
from tensorcalc.codegen.kernels import mathematics
from tensorcalc.codegen.kernels.loops import NestCode, write_nest
from tensorcalc.codegen.kernels.nests import Memory, Nest, planned
from tensorcalc.codegen.kernels.groups import grouped
from tensorcalc.codegen.kernels.scopes import RESERVED
from tensorcalc.codegen.kernels.statements import Operation, Statement, statements
from tensorcalc.codegen.names import Names, identifier
from tensorcalc.codegen.needs import needed
from tensorcalc.codegen.sizes import Origin, Solved, entries, sources
from tensorcalc.errors import printable
from tensorcalc.index import Dimension, Index, Tensor
from tensorcalc.system import Program, tensors_in

__all__ = ["CSource", "write_source"]

THREADS = """\
#ifdef _OPENMP
#include <omp.h>
#define thread_number() omp_get_thread_num()
#else
#define thread_number() 0
#endif
"""

STREAM = """\
#if defined(__AVX__) || defined(__SSE2__)
#include <immintrin.h>
#endif

#define BLOCK 1024 /* entries of a result that are computed before they are written past the cache */

/* copy a block to memory that is not read again soon: past the cache where the machine can */
static inline void stream_out(real *to, const real *from, ptrdiff_t count)
{
#if defined(__AVX512F__) || defined(__AVX__) || defined(__SSE2__)
#if defined(__AVX512F__)
    enum { LINE = 64 / sizeof(real) };
#elif defined(__AVX__)
    enum { LINE = 32 / sizeof(real) };
#else
    enum { LINE = 16 / sizeof(real) };
#endif
    while (count > 0 && (uintptr_t)to % (LINE * sizeof(real))) {
        *to++ = *from++;
        count--;
    }
    for (; count >= LINE; count -= LINE, to += LINE, from += LINE) {
#if defined(__AVX512F__)
        _mm512_stream_si512((__m512i *)to, _mm512_loadu_si512((const void *)from));
#elif defined(__AVX__)
        _mm256_stream_si256((__m256i *)to, _mm256_loadu_si256((const __m256i *)from));
#else
        _mm_stream_si128((__m128i *)to, _mm_loadu_si128((const __m128i *)from));
#endif
    }
#endif
    memcpy(to, from, (size_t)count * sizeof(real));
}

/* what was written past the cache is in memory when another thread looks */
static inline void stream_end(void)
{
#if defined(__SSE2__)
    _mm_sfence();
#endif
}
"""

PARALLEL = 131072  # entries below which a second thread costs more than it saves
PARTS = 16  # into which the batch is cut where sums over it are kept in parts: the same for any number of threads
STREAMED = 4 << 20  # bytes of a result from which it is written past the cache


@dataclass(frozen=True)
class CSource:
    """A program as a file in C.

    `name` is the function: it takes the sizes of `sizes`, the arrays of `inputs` and of `outputs`, and the number of
    threads, and returns 0, −1 where there is no memory, or the number (from 1) of the label among `labels` that is
    outside its dimension.
    """

    name: str
    text: str
    sizes: tuple[Dimension, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    labels: tuple[Tensor, ...]
    nests: tuple[Nest, ...]
    parameters: tuple[str, ...]
    asked: Mapping[Dimension, str]
    origins: Mapping[Dimension, Origin]
    entries: tuple[tuple[str, Dimension, int], ...]


def write_source(program: Program) -> CSource:
    """The file that computes a program. Raises `TensorCalcError` E_UNSUPPORTED, E_NAME."""
    return _Source(program).write()


class _Source:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.origins = sources(program)
        self.statements = _with_copies(statements(program), program)
        self.names = Names(dict.fromkeys((*program.inputs, *program.outputs)), RESERVED)
        self.words: dict[str, None] = {}

    def write(self) -> CSource:
        program = self.program
        outputs = tuple(dict.fromkeys(program.outputs))
        name = self.names.local(_function_name(program))
        groups = grouped(self.statements)
        kept = _kept(groups, outputs)
        nests = [planned(g, kept) for g in groups]
        codes = [
            write_nest(n, self.names.local(f"{name}_step{p}"), self.names, self.origins, self.words)
            for p, n in enumerate(nests, start=1)
        ]
        intermediate = tuple(
            t for t in dict.fromkeys(s.tensor for s in self.statements) if t not in outputs and _in_memory(t, nests, kept)
        )
        labels = tuple(t for t in program.inputs if t.is_label)
        sizes = self._sizes(codes, intermediate, labels, nests)
        driver = _Driver(self, name, outputs, intermediate, labels, sizes)
        body = driver.write(nests, codes)
        parts = [self._comment(), mathematics.PRELUDE]
        if any(c.rows for c in codes):
            parts.append(THREADS)
        if any(c.streams for c in codes):
            parts.append(STREAM)
        if self.words:
            parts.append(mathematics.written(self.words))
        parts += [c.text for c in codes]
        parts.append(body)
        return CSource(
            name,
            "\n".join(parts),
            sizes,
            program.inputs,
            outputs,
            labels,
            tuple(nests),
            tuple(self.names.tensor(t) for t in program.inputs),
            self._asked(sizes),
            self.origins,
            entries(program),
        )

    def _sizes(
        self,
        codes: Sequence[NestCode],
        intermediate: Sequence[Tensor],
        labels: Sequence[Tensor],
        nests: Sequence[Nest],
    ) -> tuple[Dimension, ...]:
        """Every dimension whose size the file uses, in the order of the shapes of the arguments."""
        used: dict[Dimension, None] = {}
        for code in codes:
            used.update(dict.fromkeys(code.sizes))
            for axes in (*code.rows.values(), *code.partial.values()):
                used.update(dict.fromkeys(axes))
        for nest in nests:
            used.update(dict.fromkeys(i.dimension for i in (*nest.group.batch, *nest.flat)))
            used.update(dict.fromkeys(i.dimension for p in nest.passes for i in p.loops))
        for tensor in intermediate:
            used.update(dict.fromkeys(tensor.dimensions))
        for tensor in labels:
            used.update(dict.fromkeys(tensor.dimensions))
            if tensor.label_dimension is not None:
                used[tensor.label_dimension] = None
        order = [d for t in (*self.program.inputs, *self.program.outputs) for d in t.dimensions]
        order += [d for d in used if d not in order]
        return tuple(d for d in dict.fromkeys(order) if d in used and d.size is None)

    def _asked(self, sizes: Sequence[Dimension]) -> Mapping[Dimension, str]:
        """The dimensions whose size the caller gives, and their names."""
        wanted = list(sizes)
        for dimension in wanted:
            origin = self.origins.get(dimension)
            if isinstance(origin, Solved):
                wanted += [d for way in origin.ways for d, _ in way.terms if d not in wanted]
        return {d: self.names.dimension(d) for d in wanted if self.origins.get(d) is None}

    def _comment(self) -> str:
        """What the file computes: formula, shapes, accuracy."""
        program = needed(self.program)
        lines = [*([program.title, ""] if program.title else []), *formulas(program), "", "Arguments:"]
        for tensor in program.inputs:
            kind = f", labels 0 to {tensor.label_dimension} - 1" if tensor.label_dimension else ""
            lines.append(f"    {tensor.name}: {shape(tensor)}{kind}")
        lines.append("Results:" if len(program.outputs) > 1 else "Result:")
        lines += [f"    {t.name}: {shape(t)}" for t in program.outputs]
        lines += [
            "",
            "Arrays lie row by row without gaps. Numbers are float, or double with -DTENSORCALC_DOUBLE; labels are int64_t.",
            "Returns 0; -1 where there is no memory; k where an entry of the k-th array of labels is out of range, before",
            "anything is written. NaN and infinities go through as in PyTorch: do not compile with -ffast-math.",
            "cc -std=gnu11 -O3 -march=native -fopenmp -fno-math-errno -fno-trapping-math -c FILE",
        ]
        return "\n".join(["/*", *(f" * {printable(line)}".rstrip().replace("*/", "* /") for line in lines), " */"])


def _function_name(program: Program) -> str:
    words = [identifier(t.name) for t in dict.fromkeys(program.outputs)]
    return "compute_" + "_".join(words) if 0 < len(words) <= 3 else "compute"


def _with_copies(found: Sequence[Statement], program: Program) -> tuple[Statement, ...]:
    """The statements, with a copy for every output that is an input."""
    made = {s.tensor for s in found}
    copies = []
    for tensor in dict.fromkeys(program.outputs):
        if tensor not in made:
            raise NotImplementedError(tensor)
    return (*found, *copies)


def _kept(groups: Sequence, outputs: Sequence[Tensor]) -> frozenset[Tensor]:
    """The tensors that need memory of their own: results, and what another group reads or adds to."""
    kept = set(outputs)
    for group in groups:
        for statement in group.statements:
            read = {a.tensor for a in statement.accesses}
            if statement.operation is Operation.ADD:
                read.add(statement.tensor)
            kept |= {t for t in read if t not in group.axes}
    return frozenset(kept)


def _in_memory(tensor: Tensor, nests: Sequence[Nest], kept: frozenset[Tensor]) -> bool:
    return tensor in kept


class _Driver:
    """The function that checks labels, gets memory, and runs the nests one after the other."""

    def __init__(
        self,
        source: _Source,
        name: str,
        outputs: Sequence[Tensor],
        intermediate: Sequence[Tensor],
        labels: Sequence[Tensor],
        sizes: Sequence[Dimension],
    ) -> None:
        self.source = source
        self.names = source.names
        self.name = name
        self.outputs = outputs
        self.intermediate = intermediate
        self.labels = labels
        self.sizes = sizes
        self.parts: dict[int, str] = {}

    def size(self, dimension: Dimension) -> str:
        return str(dimension.size) if dimension.size is not None else self.names.dimension(dimension)

    def extent(self, dimensions: Sequence[Dimension]) -> str:
        return " * ".join(self.size(d) for d in dimensions) or "1"

    def write(self, nests: Sequence[Nest], codes: Sequence[NestCode]) -> str:
        lines: list[str] = []
        for number, tensor in enumerate(self.labels, start=1):
            lines += self._label_check(number, tensor)
        allocations, memory = self._workspace(nests, codes)
        lines += allocations
        for nest, code in zip(nests, codes, strict=True):
            lines.append(self._step(nest, code, memory))
        if memory:
            lines.append("free(workspace);")
        lines.append("return 0;")
        names = self.names
        arguments = [f"ptrdiff_t {self.size(d)}" for d in self.sizes]
        arguments += [f"const {'int64_t' if t.is_label else 'real'} *{names.tensor(t)}" for t in self.source.program.inputs]
        arguments += [f"real *{names.tensor(t)}" for t in self.outputs]
        arguments.append("int threads")
        head = textwrap.fill(f"int {self.name}({', '.join(arguments)})", 110, subsequent_indent="    ")
        unused = [f"(void){names.tensor(t)};" for t in self.source.program.inputs if not self._used(t, codes)]
        lines = [*unused, "(void)threads;", *lines]
        return f"{head}\n{{\n{textwrap.indent(chr(10).join(lines), '    ')}\n}}\n"

    def _used(self, tensor: Tensor, codes: Sequence[NestCode]) -> bool:
        return tensor.is_label or any(tensor in c.reads for c in codes)

    def _label_check(self, number: int, tensor: Tensor) -> list[str]:
        assert tensor.label_dimension is not None
        name, size = self.names.tensor(tensor), self.size(tensor.label_dimension)
        letter = self.names.local("k")
        self.names.release([letter])
        return [
            f"for (ptrdiff_t {letter} = 0; {letter} < {self.extent(tensor.dimensions)}; {letter}++) {{\n"
            f"    if ((uint64_t){name}[{letter}] >= (uint64_t){size})\n        return {number};\n}}"
        ]

    def _workspace(self, nests: Sequence[Nest], codes: Sequence[NestCode]) -> tuple[list[str], dict]:
        """One allocation for everything that is neither argument nor result; where each array begins in it."""
        memory: dict[tuple[str, Tensor], str] = {}
        wanted: list[tuple[str, str]] = []
        for tensor in self.intermediate:
            wanted.append((self.names.tensor(tensor), self.extent(tensor.dimensions)))
        for code in codes:
            for tensor, axes in (*code.rows.items(), *code.partial.items()):
                name = self.names.local(f"{code.name.rsplit('_', 1)[1]}_{identifier(tensor.name)}")
                memory[code.name, tensor] = name
                copies = "threads" if tensor in code.rows else str(PARTS)
                wanted.append((name, f"{copies} * ({self.extent(axes)} + LINE)"))
        if not wanted:
            return [], memory
        lines = ["enum { LINE = 64 / sizeof(real) };", "size_t room = 0;"]
        for name, size in wanted:
            lines.append(f"const size_t {name}_at = room;")
            lines.append(f"room += ((size_t)({size}) / LINE + 1) * LINE;")
        lines += [
            "real *workspace = malloc((room + LINE) * sizeof(real));",
            "if (workspace == NULL)\n    return -1;",
            "real *const start = workspace + (LINE - (uintptr_t)workspace / sizeof(real) % LINE) % LINE;",
        ]
        lines += [f"real *const {name} = start + {name}_at;" for name, _ in wanted]
        memory["", self.source.program.outputs[0]] = "workspace"
        if any(code.rows for code in codes):
            lines.insert(0, "if (threads < 1)\n    threads = 1;")
        return lines, memory

    def _step(self, nest: Nest, code: NestCode, memory: Mapping[tuple[str, Tensor], str]) -> str:
        """The call of one nest, in parts of its batch, and the sum of what the parts have added up."""
        names = self.names
        count = self.extent([i.dimension for i in (nest.flat or nest.batch)])
        if not nest.flat and not nest.batch:
            count = "1"
        letter, parts = "part", "parts"
        inner = max((self.extent([i.dimension for i in p.loops]) for p in nest.passes if not nest.flat), key=len, default="1")
        work = count if inner == "1" else f"({count}) * ({inner})" if "*" in count else f"{count} * ({inner})"
        arguments = [f"count * {letter} / {parts}", f"count * ({letter} + 1) / {parts}"]
        if code.streams:
            whole = max((self.extent(t.dimensions) for t in code.streams), key=len)
            arguments.append(f"{whole} * (ptrdiff_t)sizeof(real) >= {STREAMED}")
        arguments += [names.dimension(d) for d in code.sizes]
        arguments += [names.tensor(t) for t in (*code.reads, *code.writes)]
        for tensor, axes in code.rows.items():
            arguments.append(f"{memory[code.name, tensor]} + thread * ({self.extent(axes)} + LINE)")
        for tensor, axes in code.partial.items():
            arguments.append(f"{memory[code.name, tensor]} + {letter} * ({self.extent(axes)} + LINE)")
        limit = str(PARTS) if code.partial else "8 * team"
        serial = not nest.flat and not nest.batch
        lines = [f"const ptrdiff_t count = {count};"]
        lines.append(f"const int team = {'1' if serial else f'threads > 1 && {work} >= {PARALLEL} ? threads : 1'};")
        if code.partial:
            lines.append(f"const ptrdiff_t parts = count < {limit} ? (count < 1 ? 1 : count) : {limit};")
        else:
            lines.append(f"const ptrdiff_t parts = team > 1 && count > 1 ? (count < {limit} ? count : {limit}) : 1;")
        body = []
        if code.rows:
            body.append("const ptrdiff_t thread = thread_number();")
        for tensor, axes in code.partial.items():
            body.append(self._cleared(nest, tensor, axes, memory[code.name, tensor]))
        call = textwrap.fill(f"{code.name}({', '.join(arguments)});", 100, subsequent_indent="    ")
        body.append(call)
        if not serial:
            lines.append("#pragma omp parallel for num_threads(team) if (team > 1) schedule(dynamic)")
        else:
            lines.append("(void)team;")
        lines.append(f"for (ptrdiff_t {letter} = 0; {letter} < {parts}; {letter}++) {{\n" + textwrap.indent("\n".join(body), "    ") + "\n}")
        for tensor, axes in code.partial.items():
            lines.append(self._combined(nest, tensor, axes, memory[code.name, tensor]))
        return "{\n" + textwrap.indent("\n".join(lines), "    ") + "\n}"

    def _cleared(self, nest: Nest, tensor: Tensor, axes: Sequence[Dimension], name: str) -> str:
        start = {Operation.SUM: "0", Operation.PRODUCT: "1"}.get(nest.definitions[tensor].operation, "-(real)INFINITY")
        extent = self.extent(axes)
        return (
            f"for (ptrdiff_t k = 0; k < {extent}; k++)\n    {name}[part * ({extent} + LINE) + k] = {start};"
        )

    def _combined(self, nest: Nest, tensor: Tensor, axes: Sequence[Dimension], name: str) -> str:
        """The parts in a fixed order, so that the result does not depend on threads."""
        extent = self.extent(axes)
        operation = nest.definitions[tensor].operation
        target = self.names.tensor(tensor)
        value = f"{name}[part * ({extent} + LINE) + k]"
        line = {
            Operation.SUM: f"{target}[k] += {value};",
            Operation.PRODUCT: f"{target}[k] *= {value};",
            Operation.PEAK: f"{target}[k] = {value} > {target}[k] ? {value} : {target}[k];",
        }.get(operation, f"{target}[k] = {value} > {target}[k] || {value} != {value} ? {value} : {target}[k];")
        return (
            f"memcpy({target}, {name}, (size_t)({extent}) * sizeof(real));\n"
            f"for (ptrdiff_t part = 1; part < parts; part++) {{\n"
            f"    for (ptrdiff_t k = 0; k < {extent}; k++)\n        {line}\n}}"
        )


Index, Memory, tensors_in  # noqa: B018

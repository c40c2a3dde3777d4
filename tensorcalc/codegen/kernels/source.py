"""The whole file in C: header comment, functions of numbers, one function for each nest, and the one that runs them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tensorcalc.codegen.formula import formulas, shape
from tensorcalc.codegen.kernels import mathematics, support
from tensorcalc.codegen.kernels.driver import Driver
from tensorcalc.codegen.kernels.loops import NestCode, write_nest
from tensorcalc.codegen.kernels.nests import Nest
from tensorcalc.codegen.kernels.schedule import Schedule, scheduled
from tensorcalc.codegen.kernels.scopes import RESERVED
from tensorcalc.codegen.names import Names, identifier
from tensorcalc.codegen.needs import needed
from tensorcalc.codegen.sizes import Solved, entries
from tensorcalc.errors import printable
from tensorcalc.index import Dimension
from tensorcalc.system import Program

__all__ = ["CSource", "write_source"]

WIDTH = 120


@dataclass(frozen=True)
class CSource:
    """A program as a file in C.

    `name` is the function: it takes the sizes of `sizes`, the arguments and the results of the schedule, and the number
    of threads, and returns 0, −1 where there is no memory, or the number (from 1) of the array of labels that has one
    outside its dimension. `parameters` are the variables of the arguments, `asked` those of sizes that no argument
    shows.
    """

    name: str
    text: str
    schedule: Schedule
    sizes: tuple[Dimension, ...]
    parameters: tuple[str, ...]
    asked: Mapping[Dimension, str]
    entries: tuple[tuple[str, Dimension, int], ...]
    has_products: bool

    @property
    def packed(self) -> str:
        """A function that calls it with all sizes in one array and all addresses in another."""
        count = len(self.schedule.program.inputs) + len(self.schedule.outputs)
        values = [f"sizes[{k}]" for k in range(len(self.sizes))] + [f"arrays[{k}]" for k in range(count)]
        unused = "" if self.sizes else "    (void)sizes;\n"
        return (
            f"int {self.name}_packed(const ptrdiff_t *sizes, void *const *arrays, int threads)\n{{\n{unused}"
            f"    return {self.name}({', '.join([*values, 'threads'])});\n}}\n"
        )


def write_source(program: Program) -> CSource:
    """The file that computes a program. Raises `TensorCalcError` E_UNSUPPORTED, E_NAME."""
    schedule = scheduled(program)
    names = Names((*program.inputs, *schedule.outputs), RESERVED)
    name = names.local(_function_name(program))
    for tensor in schedule.intermediate:
        names.tensor(tensor)
    words: dict[str, None] = {}
    codes: dict[int, NestCode] = {}
    for number, nest in enumerate(schedule.nests, start=1):
        codes[id(nest)] = write_nest(nest, names.local(f"{name}_step{number}"), names, schedule.origins, words)
    sizes = _sizes(schedule, codes.values())
    driver = Driver(schedule, name, names, words, codes=codes, sizes=sizes)
    body = driver.write()
    has_products = len(schedule.nests) < len(schedule.single)
    parts = [_comment(program), mathematics.PRELUDE]
    parts += [support.THREADS.replace("NAME", name)] if codes or has_products else []
    parts += [support.STREAM] if any(c.streams for c in codes.values()) else []
    parts += [support.PRODUCT.replace("NAME", name)] if has_products else []
    parts += [mathematics.written(words)] if words else []
    parts += [c.text for c in codes.values()]
    return CSource(
        name,
        _wrapped("\n".join([*parts, *driver.tasks, body])),
        schedule,
        sizes,
        tuple(names.tensor(t) for t in program.inputs),
        _asked(schedule, sizes, names),
        entries(program),
        has_products,
    )


def _wrapped(text: str) -> str:
    """The text with long statements in several lines."""
    lines: list[str] = []
    for line in text.split("\n"):
        if len(line) <= WIDTH or line.lstrip().startswith(("#", "/*", "*")):
            lines.append(line)
            continue
        indent = line[: len(line) - len(line.lstrip())]
        lines += textwrap.wrap(line, WIDTH, subsequent_indent=f"{indent}    ", break_long_words=False)
    return "\n".join(lines)


def _function_name(program: Program) -> str:
    words = [identifier(t.name) for t in dict.fromkeys(program.outputs)]
    return "compute_" + "_".join(words) if 0 < len(words) <= 3 else "compute"


def _sizes(schedule: Schedule, codes: Iterable[NestCode]) -> tuple[Dimension, ...]:
    """Every dimension whose size the file uses, in the order of the shapes of the arguments."""
    program = schedule.program
    used: dict[Dimension, None] = {}
    for code in codes:
        used.update(dict.fromkeys(code.sizes))
        used.update(dict.fromkeys(d for axes in (*code.rows.values(), *code.partial.values()) for d in axes))
    for step in schedule.single:
        if isinstance(step, Nest):
            loops = [*step.group.batch, *step.flat, *(i for p in step.passes for i in p.loops)]
            used.update(dict.fromkeys(i.dimension for i in loops))
        else:
            used.update(dict.fromkeys(d for c in (step.left, step.right, step.target) for d in c.tensor.dimensions))
            used.update(dict.fromkeys(sorted(step.scale.atoms(Dimension), key=str)))
    used.update(dict.fromkeys(d for t in schedule.intermediate for d in t.dimensions))
    for tensor in program.inputs:
        if tensor.label_dimension is not None:
            used.update(dict.fromkeys((*tensor.dimensions, tensor.label_dimension)))
    order = [d for t in (*program.inputs, *program.outputs) for d in t.dimensions]
    return tuple(d for d in dict.fromkeys([*order, *used]) if d in used and d.size is None)


def _asked(schedule: Schedule, sizes: Iterable[Dimension], names: Names) -> Mapping[Dimension, str]:
    """The dimensions whose size the caller gives, and their names."""
    wanted = list(dict.fromkeys((*sizes, *(d for t in schedule.outputs for d in t.dimensions if d.size is None))))
    for dimension in wanted:
        origin = schedule.origins.get(dimension)
        if isinstance(origin, Solved):
            wanted += [d for way in origin.ways for d, _ in way.terms if d not in wanted]
    return {d: names.dimension(d) for d in wanted if schedule.origins.get(d) is None}


def _comment(program: Program) -> str:
    """What the file computes: formula, shapes, accuracy."""
    program = needed(program)
    lines = [*([program.title, ""] if program.title else []), *formulas(program), "", "Arguments:"]
    for tensor in program.inputs:
        kind = f", labels 0 to {tensor.label_dimension} - 1" if tensor.label_dimension else ""
        lines.append(f"    {tensor.name}: {shape(tensor)}{kind}")
    lines.append("Results:" if len(program.outputs) > 1 else "Result:")
    lines += [f"    {t.name}: {shape(t)}" for t in program.outputs]
    return "\n".join(["/*", *(f" * {printable(line)}".rstrip().replace("*/", "* /") for line in lines), *NOTES, " */"])


NOTES = (
    " *",
    " * Arrays lie row by row without gaps. Numbers are float, or double with -DTENSORCALC_DOUBLE; labels are int64_t.",
    " * Returns 0; -1 where there is no memory; k where an entry of the k-th array of labels is out of range, before",
    " * anything is written. NaN and infinities go through as in PyTorch: do not compile with -ffast-math.",
    " * exp and its kin are within 1 to 3 units in the last place; -DTENSORCALC_EXACT takes them from the C library.",
    " * Sums over rows are the same for any number of threads.",
    " *",
    " * cc -std=gnu11 -O3 -march=native -fopenmp -fno-math-errno -fno-trapping-math -c FILE",
)

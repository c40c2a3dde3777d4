"""The whole file for the target triton: header, kernels, and the function that checks its arguments and starts them."""

from __future__ import annotations

import builtins
import keyword
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tensorcalc.codegen.formula import formulas, shape
from tensorcalc.codegen.kernels.nests import Nest
from tensorcalc.codegen.kernels.products import Product
from tensorcalc.codegen.kernels.schedule import Block, Schedule, scheduled
from tensorcalc.codegen.kernels.triton import support
from tensorcalc.codegen.kernels.triton.launcher import Launcher
from tensorcalc.codegen.kernels.triton.layout import Layout, laid_out
from tensorcalc.codegen.kernels.triton.mathematics import HELPERS, helpers
from tensorcalc.codegen.kernels.triton.matrices import with_matrices
from tensorcalc.codegen.kernels.triton.overwriting import may_overwrite
from tensorcalc.codegen.kernels.triton.reductions import definition
from tensorcalc.codegen.kernels.triton.writer import KernelCode, write_kernel
from tensorcalc.codegen.names import Names, identifier
from tensorcalc.codegen.needs import needed
from tensorcalc.codegen.sizes import Shown, Solved, entries
from tensorcalc.errors import printable
from tensorcalc.index import Dimension
from tensorcalc.system import Program

__all__ = ["TritonSource", "write_source"]

SETTINGS = ("LIMIT", "LONG", "TILE", "FLAT", "PARTS", "LOCAL", "LEAST")
KERNELS = ("low", "first", "rows", "entries", "tile", "programs", "REAL", "ROWS", "BLOCK")
RUNNING = ("out", "outs", "self", "real", "dtype", "device", "results", "tensors", "shapes")
FUNCTIONS = ("block", "rows", "warps", "check", "target", "given", "sums", "multiply", "scatter", "precision", *HELPERS)
RESERVED = frozenset(
    (*keyword.kwlist, *dir(builtins), "torch", "triton", "tl", *SETTINGS, *KERNELS, *RUNNING)
) | frozenset(f"_{word}" for word in FUNCTIONS)


@dataclass(frozen=True)
class TritonSource:
    """A program as a module in Python.

    `name` is the function with checks, `_name` the one without; both take the arguments in order, then the sizes of
    `asked` by name, and `out`.
    """

    name: str
    text: str
    schedule: Schedule
    parameters: tuple[str, ...]
    asked: Mapping[Dimension, str]
    entries: tuple[tuple[str, Dimension, int], ...]
    kernels: tuple[KernelCode, ...]


def write_source(program: Program) -> TritonSource:
    """The file that computes a program. Raises `TensorCalcError` E_UNSUPPORTED, E_NAME."""
    extended, matrices = with_matrices(program)
    schedule = scheduled(extended)
    names = Names((*program.inputs, *schedule.outputs), RESERVED)
    name = names.local(_function_name(program))
    words: dict[str, None] = {}
    taken = {t.name for t in (*program.inputs, *schedule.outputs, *schedule.intermediate)}
    taken |= {t.name for n in schedule.nests for t in n.group.made}
    layouts = {id(n): laid_out(n, taken) for n in schedule.nests}
    kernels = _kernels(schedule, layouts, name, names, words)
    launcher = Launcher(schedule, names, layouts, kernels)
    before = [f"{names.tensor(t)} = {call.format(names.tensor(m))}" for t, (m, call) in matrices.items()]
    body = launcher.write()
    sizes = _used(schedule, names, body)
    asked = {d: names.dimension(d) for d in sizes if schedule.origins.get(d) is None and d.size is None}
    parts = [_header(program), "import torch\nimport triton\nimport triton.language as tl\n", support.SETTINGS]
    parts += [f"\n{helpers(words)}"] if words else []
    parts += [f"\n{code.text}" for codes in kernels.values() for code in codes]
    for text in (support.TILES, support.CHECKS, support.TARGET):
        parts.append(f"\n{text}")
    extra = {"sums": support.SUMS, "product": support.PRODUCT, "scatter": support.SCATTER}
    parts += [f"\n{text}" for word, text in extra.items() if word in launcher.words]
    parts += [f"\n{support.PRECISION}"] if sum(not t.is_label for t in program.inputs) > 1 else []
    parts.append("\n" + _public(program, name, names, asked, schedule))
    parts.append("\n" + _unchecked(program, schedule, name, names, sizes=sizes, asked=asked, steps=(before, body)))
    return TritonSource(
        name,
        "\n".join(parts),
        schedule,
        tuple(names.tensor(t) for t in program.inputs),
        asked,
        entries(program),
        tuple(code for codes in kernels.values() for code in codes),
    )


def _function_name(program: Program) -> str:
    words = [identifier(t.name) for t in dict.fromkeys(program.outputs)]
    return "compute_" + "_".join(words) if 0 < len(words) <= 3 else "compute"


def _kernels(
    schedule: Schedule, layouts: Mapping[int, Layout], name: str, names: Names, words: dict[str, None]
) -> dict[int, list[KernelCode]]:
    """The kernels of each nest: for whole rows where that saves reading them again, and for rows of any length."""
    blocks = {id(s): frozenset(b.local) for b in schedule.steps if isinstance(b, Block) for s in b.steps}
    found: dict[int, list[KernelCode]] = {}
    for number, nest in enumerate(schedule.nests, start=1):
        layout = layouts[id(nest)]
        local = blocks.get(id(nest))
        along = [w for w in layout.work if w.vector is not None]
        again = bool(layout.nest.batch) and (len(along) > 1 or any(s.free for w in along for s in w.parts))
        codes = []
        for whole in (True, False) if again else (False,):
            word = f"_{name}_step{number}" + ("_rows" if whole else "_blocks" if again else "")
            codes.append(
                write_kernel(layout, names.local(word), names, schedule.origins, words, whole=whole, local=local)
            )
        found[id(nest)] = codes
    return found


def _used(schedule: Schedule, names: Names, body: Iterable[str]) -> tuple[Dimension, ...]:
    """Every dimension whose size the function uses, those on which others depend before them."""
    every: dict[Dimension, None] = {}
    program = schedule.program
    for tensor in (*program.inputs, *schedule.outputs, *schedule.intermediate):
        every.update(dict.fromkeys(tensor.dimensions))
        if tensor.label_dimension is not None:
            every[tensor.label_dimension] = None
    for step in schedule.single:
        if isinstance(step, Nest):
            loops = [i for s in step.group.statements for i in s.loops]
            every.update(dict.fromkeys(i.dimension for i in loops))
            for statement in step.group.statements:
                every.update(dict.fromkeys(sorted(statement.expression.atoms(Dimension), key=str)))
        elif isinstance(step, Product):
            every.update(dict.fromkeys(sorted(step.scale.atoms(Dimension), key=str)))
    wanted = [d for d in every if d.size is None]
    for dimension in wanted:
        origin = schedule.origins.get(dimension)
        if isinstance(origin, Solved):
            wanted += [d for way in origin.ways for d, _ in way.terms if d not in wanted and d.size is None]
    ordered = [d for d in schedule.origins if d in wanted]
    return tuple([d for d in wanted if not isinstance(schedule.origins.get(d), Solved)]) + tuple(
        d for d in ordered if isinstance(schedule.origins.get(d), Solved)
    )


# text


def _header(program: Program) -> str:
    return f'"""{_text(_comment(program))}\n\n{NOTES}"""\n'


def _text(lines: Iterable[str]) -> str:
    return "\n".join(printable(line).rstrip() for line in lines).replace("\\", r"\\").replace('"""', "'''")


def _comment(program: Program) -> list[str]:
    """What the file computes: formula and shapes."""
    program = needed(program)
    lines = [*([program.title, ""] if program.title else []), *formulas(program), "", "Arguments:"]
    for tensor in program.inputs:
        kind = f", labels 0 to {tensor.label_dimension} - 1" if tensor.label_dimension else ""
        lines.append(f"    {tensor.name}: {shape(tensor)}{kind}")
    lines.append("Results:" if len(program.outputs) > 1 else "Result:")
    return [*lines, *(f"    {t.name}: {shape(t)}" for t in program.outputs)]


NOTES = """\
Tensors are on one device, numbers are float16, bfloat16, float32 or float64. Results have the precision of the
arguments that have axes; sums, functions and everything in between are computed in float32 (float64 for float64), and
rounded once. exp is within 2 units in the last place and |x|/12 more, sums within the rounding of their terms. NaN and
infinities go through as in PyTorch. Results do not depend on how programs are scheduled: nothing is added atomically.
With TRITON_INTERPRET=1 the file runs on the CPU.
"""


def _arguments(program: Program, names: Names, asked: Mapping[Dimension, str]) -> str:
    keywords = [*asked.values(), "out=None"]
    return ", ".join([*(names.tensor(t) for t in program.inputs), "*", *keywords])


def _public(program: Program, name: str, names: Names, asked: Mapping[Dimension, str], schedule: Schedule) -> str:
    """The function that checks its arguments first."""
    tensors = ", ".join(f"{t.name!r}: {names.tensor(t)}" for t in program.inputs)
    shapes = ", ".join(f"{t.name!r}: ({''.join(f'{_key(d)}, ' for d in t.dimensions)})" for t in program.inputs)
    labels = ", ".join(
        f"{t.name!r}: {_key(t.label_dimension)}" for t in program.inputs if t.label_dimension is not None
    )
    sizes = ", ".join(f"{_key(d)}: {n}" for d, n in asked.items())
    body = []
    if program.inputs:
        body = [
            f"tensors = {{{tensors}}}",
            f"shapes = {{{shapes}}}",
            f"_check(tensors, shapes, labels={{{labels}}}, sizes={{{sizes}}})",
        ]
    call = ", ".join([*(names.tensor(t) for t in program.inputs), *(f"{n}={n}" for n in asked.values()), "out=out"])
    body.append(f"return _{name}({call})")
    doc = textwrap.indent(f'"""{_text(_comment(program))}\n"""', "    ")
    head = definition(name, _arguments(program, names, asked))
    return f"{head}\n{doc}\n{textwrap.indent(chr(10).join(body), '    ')}\n"


def _key(dimension: Dimension) -> str:
    return str(dimension.size) if dimension.size is not None else repr(dimension.name)


def _unchecked(
    program: Program,
    schedule: Schedule,
    name: str,
    names: Names,
    *,
    sizes: Iterable[Dimension],
    asked: Mapping[Dimension, str],
    steps: tuple[list[str], list[str]],
) -> str:
    """The function that runs the steps; the first of them come before there are arrays for results."""
    lines = [f'"""{name} of arguments that are known to be right."""']
    numbers = [names.tensor(t) for t in program.inputs if not t.is_label]
    for tensor in program.inputs:
        variable = names.tensor(tensor)
        lines.append(f"{variable} = {variable}.{'long().' if tensor.is_label else ''}contiguous()")
    inputs = [names.tensor(t) for t in program.inputs]
    lines += _precision(numbers, inputs)
    for dimension in sizes:
        origin = schedule.origins.get(dimension)
        variable = names.dimension(dimension)
        if isinstance(origin, Shown):
            lines.append(f"{variable} = {names.tensor(origin.tensor)}.shape[{origin.axis}]")
        elif isinstance(origin, Solved):
            code = origin.code(lambda d: str(d.size) if d.size is not None else names.dimension(d))
            lines.append(f"{variable} = max(0, {code})")
    lines += [*steps[0], *_results(schedule, names, inputs), *steps[1]]
    lines += _returned(program, schedule, names)
    device = f"    with torch.cuda.device_of({inputs[0]}):\n" if inputs else ""
    body = textwrap.indent("\n".join(lines[1:]), "        " if inputs else "    ")
    head = definition(f"_{name}", _arguments(program, names, asked))
    return f"{head}\n    {lines[0]}\n{device}{body}\n"


def _precision(numbers: list[str], inputs: list[str]) -> list[str]:
    """The precision of the results, and that of what is computed on the way."""
    if not inputs:
        device = 'device = torch.device("cuda" if torch.cuda.is_available() else "cpu")'
    else:
        device = f"device = {inputs[0]}.device"
    if not numbers:
        return [device, "dtype, real, REAL = torch.get_default_dtype(), torch.float32, tl.float32"]
    common = f"{numbers[0]}.dtype" if len(numbers) == 1 else f"_precision([{', '.join(numbers)}])"
    return [
        device,
        f"dtype = {common}",
        "real = torch.float64 if dtype == torch.float64 else torch.float32",
        "REAL = tl.float64 if dtype == torch.float64 else tl.float32",
    ]


def _results(schedule: Schedule, names: Names, inputs: list[str]) -> list[str]:
    """Arrays for the results."""
    lines = []
    over = may_overwrite(schedule)
    several = len(schedule.program.outputs) > 1 or schedule.program.many
    like = inputs[0] if inputs else "torch.empty((), device=device)"
    if several:
        lines.append(f"outs = (None,) * {len(schedule.program.outputs)} if out is None else out")
    taken = list(inputs)
    for place, tensor in enumerate(schedule.outputs):
        where = schedule.program.outputs.index(tensor)
        given = f"outs[{where}]" if several else "out"
        shape = ", ".join(str(d.size) if d.size is not None else names.dimension(d) for d in tensor.dimensions)
        shape = f"({shape}{',' if len(tensor.dimensions) == 1 else ''})"
        allowed = [names.tensor(schedule.program.inputs[a]) for a, b in sorted(over) if b == place]
        allow = f"[{', '.join(allowed)}]"
        lines.append(
            f"{names.tensor(tensor)} = _target({given}, {shape}, dtype, {like}, {allow}, [{', '.join(taken)}])"
        )
        taken.append(names.tensor(tensor))
    return lines


def _returned(program: Program, schedule: Schedule, names: Names) -> list[str]:
    several = len(program.outputs) > 1 or program.many
    if not several:
        return [f"return _given(out, {names.tensor(schedule.program.outputs[0])})"]
    results = ", ".join(names.tensor(t) for t in schedule.program.outputs)
    return [f"results = ({results},)", "return tuple(_given(o, r) for o, r in zip(outs, results, strict=True))"]

"""The frame of a generated function: imports, signature, docstring, sizes, body, results."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tensorcalc.codegen.block import Block
from tensorcalc.codegen.dialect import Dialect
from tensorcalc.codegen.formula import formulas, shape
from tensorcalc.codegen.logistic import with_shared_sigmoids, without_tanh
from tensorcalc.codegen.names import Names, identifier
from tensorcalc.codegen.needs import needed
from tensorcalc.codegen.residuals import with_residuals
from tensorcalc.codegen.reuse import with_shared_results
from tensorcalc.codegen.sizes import Origin, Shown, Solved, entries, sources
from tensorcalc.codegen.slices import case
from tensorcalc.codegen.stable import stabilised
from tensorcalc.codegen.writer import Writer
from tensorcalc.errors import printable
from tensorcalc.index import Dimension, Tensor
from tensorcalc.system import Program

__all__ = ["Assembled", "assemble"]

WIDTH = 100


@dataclass(frozen=True, slots=True)
class Assembled:
    """A generated function and what its caller needs to know.

    `parameters` are the variables of the inputs in order, `sizes` those of the dimensions whose size the caller gives,
    `origins` where each size comes from, `entries` the integers that select entries (`sizes.entries`).
    """

    name: str
    source: str
    parameters: tuple[str, ...]
    sizes: Mapping[Dimension, str]
    origins: Mapping[Dimension, Origin]
    has_out: bool
    entries: tuple[tuple[str, Dimension, int], ...]


def assemble(program: Program, dialect: Dialect) -> Assembled:
    """The source of the function that computes a program."""
    origins = sources(program)  # what is not needed for values may show a size
    program = needed(program)
    stable = needed(with_shared_results(with_residuals(with_shared_sigmoids(stabilised(program)))))
    if dialect.logistic:
        stable = needed(without_tanh(stable))
    draft = _written(program, stable, dialect, origins, frozenset())
    again = draft.block.again
    return _framed(program, stable, _written(program, stable, dialect, origins, again) if again else draft)


class _Body(NamedTuple):
    """The lines of a function and the variables of its results; `outs` is the caller's array for each output."""

    name: str
    block: Block
    results: list[str]
    outs: Mapping[Tensor, str]
    origins: Mapping[Dimension, Origin]


def _written(
    program: Program,
    stable: Program,
    dialect: Dialect,
    origins: Mapping[Dimension, Origin],
    repeated: frozenset[str],
) -> _Body:
    """The body of the function; the products whose code is `repeated` are computed once."""
    names = Names((*program.inputs, *program.outputs, *(d.tensor for d in stable.definitions)))
    name = names.local(_function_name(program))
    block = _block(stable, dialect, names)
    block.repeated = repeated
    outs = _outs(program, dialect)
    return _Body(name, block, Writer(stable, block, outs, origins).write(), outs, origins)


def _framed(program: Program, stable: Program, written: _Body) -> Assembled:
    """The whole file."""
    name, block, results, outs, origins = written
    names = block.names
    cases = case(name, program, stable, block, outs) if block.dialect.calls_itself else []
    body = [*cases, *_in_place(block, program), *block.lines]
    body[:0] = _sizes(block, origins)
    if len(set(outs.values())) > 1 or any("[" in o for o in outs.values()):
        body.insert(0, f"out = (None,) * {len(program.outputs)} if out is None else out")
    many = program.many or len(results) > 1
    body.append(f"return ({', '.join(results)}{',' if len(results) == 1 else ''})" if many else f"return {results[0]}")
    parameters = tuple(names.tensor(t) for t in program.inputs)
    asked = {d: names.dimension(d) for d, origin in origins.items() if origin is None and d in _used(block, origins)}
    signature = _signature(name, parameters, [*asked.values(), *(["out=None"] if outs else [])])
    source = _source(block, signature, _docstring(program, asked), body)
    return Assembled(name, source, parameters, asked, origins, bool(outs), entries(program))


def _function_name(program: Program) -> str:
    words = [identifier(t.name) for t in dict.fromkeys(program.outputs)]
    return "compute_" + "_".join(words) if 0 < len(words) <= 3 else "compute"


def _block(program: Program, dialect: Dialect, names: Names) -> Block:
    block = Block(dialect, names)
    numbers = [names.tensor(t) for t in program.inputs if not t.is_label]
    block.dtype = f"{numbers[0]}.dtype" if numbers else dialect.call("default dtype")
    if dialect.has_device and program.inputs:
        block.device = f"{names.tensor(program.inputs[0])}.device"
    return block


def _outs(program: Program, dialect: Dialect) -> dict[Tensor, str]:
    """The expression of the caller's array for each output."""
    if not dialect.has_out:
        return {}
    if not program.many and len(program.outputs) == 1:
        return {program.outputs[0]: "out"}
    return {tensor: f"out[{place}]" for place, tensor in reversed(list(enumerate(program.outputs)))}


def _used(block: Block, origins: Mapping[Dimension, Origin]) -> list[Dimension]:
    """The dimensions whose size the body uses, and those from which these are solved, in order of computation."""
    used = set(block.sizes)
    for dimension in reversed(list(origins)):
        origin = origins[dimension]
        if dimension in used and isinstance(origin, Solved):
            used.update(d for way in origin.ways for d, _ in way.terms)
    return [d for d in origins if d in used]


def _sizes(block: Block, origins: Mapping[Dimension, Origin]) -> list[str]:
    """The lines that bind the sizes that are used."""
    lines: list[str] = []
    used = _used(block, origins)
    shown: dict[Tensor, list[Dimension]] = {}
    for dimension in used:
        origin = origins[dimension]
        if isinstance(origin, Shown):
            shown.setdefault(origin.tensor, []).append(dimension)
    for tensor, dimensions in shown.items():
        variable = block.names.tensor(tensor)
        if len(dimensions) == tensor.order > 1:
            lines.append(f"{', '.join(block.names.dimension(d) for d in tensor.dimensions)} = {variable}.shape")
            continue
        for dimension in dimensions:
            axis = tensor.dimensions.index(dimension)
            lines.append(f"{block.names.dimension(dimension)} = {variable}.shape[{axis}]")
    for dimension in used:
        origin = origins[dimension]
        if isinstance(origin, Solved):
            lines.append(f"{block.names.dimension(dimension)} = {origin.code(block.size)}")
    return lines


def _in_place(block: Block, program: Program) -> list[str]:
    """The line that says whether arrays may be written in place, where a library needs to know."""
    if not block.in_place:
        return []
    numbers = ", ".join(block.names.tensor(t) for t in program.inputs if not t.is_label)
    (line,) = block.dialect.statements["in place"]
    return [line.replace("{0}", block.in_place).replace("{1}", numbers)]


def _docstring(program: Program, asked: Mapping[Dimension, str]) -> list[str]:
    lines = [*([program.title, ""] if program.title else []), *formulas(program), ""]
    if program.inputs or asked:
        lines.append("Arguments:")
    for tensor in program.inputs:
        labels = f", labels 0 to {tensor.label_dimension} - 1" if tensor.label_dimension else ""
        lines.append(f"    {tensor.name}: {shape(tensor)}{labels}")
    lines += [f"    {variable}: the size of dimension {d.name}" for d, variable in asked.items()]
    lines.append("Results:" if program.many or len(program.outputs) > 1 else "Result:")
    lines += [f"    {tensor.name}: {shape(tensor)}" for tensor in program.outputs]
    return lines


def _source(block: Block, signature: list[str], docstring: Iterable[str], body: Iterable[str]) -> str:
    """The whole file."""
    code = [*_helper(block), *signature]
    if block.guards:
        flags = ", ".join(f'{g}="ignore"' for g in sorted(block.guards))
        code.insert(0, f"@np.errstate({flags})  # infinities on the way are right")
        block.imports["np"] = None
    text = printable_lines(docstring).replace("\\", r"\\").replace('"""', "'''")
    code += textwrap.indent(f'"""{text}\n"""', "    ").splitlines()
    code += [f"    {line}" for line in body]
    block.imports[block.dialect.module] = None
    imports = sorted({block.dialect.imports[i] for i in block.imports}, key=lambda i: (i != "import math", i))
    return "\n".join([*imports, "", "", *(line.rstrip() for line in code), ""])


def _helper(block: Block) -> list[str]:
    """The function that tells whether rows may be computed in blocks, where that is asked."""
    if not block.helper:
        return []
    return [*(line.replace("{0}", block.helper) for line in block.dialect.statements["alone"]), "", ""]


def _signature(name: str, parameters: Iterable[str], keywords: Iterable[str]) -> list[str]:
    """The `def` lines."""
    keywords = list(keywords)
    arguments = [*parameters, *(["*", *keywords] if keywords else [])]
    line = f"def {name}({', '.join(arguments)}):"
    return [line] if len(line) <= WIDTH else [f"def {name}(", *(f"    {a}," for a in arguments), "):"]


def printable_lines(lines: Iterable[str]) -> str:
    """Lines of text without characters that a Python file cannot hold."""
    return "\n".join(printable(line) for line in lines)

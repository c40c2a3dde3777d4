"""Rows in blocks by calls of the function itself, for libraries in which others may look on.

Where autograd, a compiler or a transformation follows a computation, or a card runs it, the formulas must stand as they
are. So they are written once, for all rows; before them stands a case in which the function computes some rows at a
time by calling itself. It is there where every definition of a program is of rows that do not know of each other.
"""

from __future__ import annotations

from collections.abc import Mapping

from tensorcalc.codegen.block import Block
from tensorcalc.codegen.blocks import Run, parts
from tensorcalc.codegen.names import Names
from tensorcalc.codegen.sizes import Shown, sources
from tensorcalc.index import BoundIndex, Dimension, Tensor
from tensorcalc.system import Definition, Program, tensors_in

__all__ = ["case"]

ENTRIES = 1 << 19  # of an array in a block of rows: calls cost more than a cache that is a little too small


def case(name: str, asked: Program, stable: Program, block: Block, outs: Mapping[Tensor, str]) -> list[str]:
    """The lines that compute a block of rows after the other; none where rows know of each other.

    `asked` has the arguments and `stable` the definitions as they are computed; `name` is the function.
    """
    run = _run(asked, stable)
    if run is None:
        return []
    names, many = block.names, asked.many or len(asked.outputs) > 1
    step, start, rows, blocks = (names.local(word) for word in ("step", "start", "rows", "blocks"))
    block.helper = names.local("alone")
    size, width = block.size(run.dimension), " * ".join(block.size(d) for d in run.width)
    arguments = [names.tensor(t) for t in asked.inputs]
    sliced = [f"{names.tensor(t)}[{rows}]" if t in run.sliced else names.tensor(t) for t in asked.inputs]
    call = f"{name}({', '.join(sliced)}{_out(asked, run, names, rows, many)}) for {rows} in {blocks}]"
    lines = [f"{blocks} = [slice({start}, {start} + {step}) for {start} in range(0, {size}, {step})]"]
    results = [names.tensor(t) for t in asked.outputs]
    for tensor in (d.tensor for d in run.kept):
        shape = ", ".join(block.size(d) for d in tensor.dimensions)
        empty = block.spelled("empty", f"({shape}{',' if len(tensor.dimensions) == 1 else ''})")
        lines.append(f"{names.tensor(tensor)} = {empty} if {outs[tensor]} is None else {outs[tensor]}")
    found = names.local("parts")
    lines.append(f"{found} = [{call}" if run.sums else f"for {rows} in {blocks}:")
    if not run.sums:
        lines.append(f"    {call.partition(' for ')[0]}")
    for tensor in (d.tensor for d in run.sums):
        place = asked.outputs.index(tensor)
        terms = f"[p[{place}] for p in {found}]" if many else found
        total = block.dialect.call("sum of parts", terms, outs[tensor])
        lines.append(f"{names.tensor(tensor)} = {total}")
    lines.append(f"return ({', '.join(results)}{',' if len(results) == 1 else ''})" if many else f"return {results[0]}")
    names.release([step, start, rows, blocks, found])
    return [
        f"{step} = 1 + {ENTRIES} // (1 + {width})  # so many rows stay in the cache",
        f"if not torch.compiler.is_compiling() and {size} > {step} and {block.helper}({', '.join(arguments)}):",
        *(f"    {line}" for line in lines),
    ]


def _out(asked: Program, run: Run, names: Names, rows: str, many: bool) -> str:
    """The argument that has a block's rows of the results written into those of all rows."""
    kept = {d.tensor for d in run.kept}
    if not kept:
        return ""
    outs = [f"{names.tensor(t)}[{rows}]" if t in kept else "None" for t in asked.outputs]
    return f", out=({', '.join(outs)}{',' if len(outs) == 1 else ''})" if many else f", out={outs[0]}"


def _run(asked: Program, stable: Program) -> Run | None:
    """The run that is the whole program, where a part of the arguments' rows gives that part of the results."""
    found = parts(stable.definitions, stable.outputs)
    shown = all(isinstance(origin, Shown) for origin in sources(asked).values())
    if not shown or len(found) != 1 or not isinstance(found[0], Run):
        return None
    run = found[0]
    made = {d.tensor for d in (*run.kept, *run.sums)}
    whole = run.program.inputs
    if len(set(asked.outputs)) != len(asked.outputs) or made != set(asked.outputs):
        return None
    if any(t in whole or t not in asked.inputs for t in run.sliced):
        return None
    return run if _is_free(run.dimension, asked, stable, run) else None


def _counts(definition: Definition, dimension: Dimension, run: Run) -> bool:
    """Whether the number of rows matters to a definition, other than by the rows that it sums."""
    found = definition.rhs.atoms(BoundIndex, Dimension)
    summed = sum(isinstance(i, BoundIndex) and i.dimension == dimension for i in found)
    return dimension in found or summed > (definition.tensor in run.totals)


def _is_free(dimension: Dimension, asked: Program, stable: Program, run: Run) -> bool:
    """Whether the number of rows stands nowhere but as that of the first axis of what is made and read by rows."""
    tensors = {t for d in stable.definitions for t in (d.tensor, *tensors_in(d.rhs))} | set(asked.inputs)
    for tensor in tensors:
        first = tensor.dimensions[:1] == (dimension,) and (tensor in run.sliced or tensor not in asked.inputs)
        if dimension in tensor.dimensions[first:] or tensor.label_dimension == dimension:
            return False
    return not any(_counts(d, dimension, run) for d in stable.definitions)

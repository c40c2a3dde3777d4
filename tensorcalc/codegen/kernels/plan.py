"""The plan of a program for people: its loops and passes, what it reads and writes, and the bound that implies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sympy import Add, Expr, Integer, Mul

from tensorcalc.codegen.formula import formula
from tensorcalc.codegen.kernels.nests import Memory, Nest, cost
from tensorcalc.codegen.kernels.products import Product
from tensorcalc.codegen.kernels.schedule import Block, Schedule
from tensorcalc.codegen.kernels.statements import Operation, Statement
from tensorcalc.errors import printable
from tensorcalc.index import Dimension, Index, Tensor
from tensorcalc.system import Definition

__all__ = ["operations", "plan"]

_FRESH = re.compile(r"'(\d+)('*)")  # the names of dummies, which nobody can write
TYPICAL = 1024  # size of every dimension for which the ratio of operations to bytes is said
BALANCE = 10  # operations a byte of memory traffic from which a common processor is the limit rather than its memory


def plan(schedule: Schedule) -> str:
    """The steps of a schedule, then bytes, operations and the bound. Bytes are those of float32 and 64-bit labels."""
    lines: list[str] = [schedule.program.title] if schedule.program.title else []
    read: Expr = Integer(0)
    written: Expr = Integer(0)
    operations: Expr = Integer(0)
    for number, step in enumerate(schedule.steps, start=1):
        local = frozenset(step.local) if isinstance(step, Block) else frozenset()
        singles: Sequence[Nest | Product] = step.steps if isinstance(step, Block) else (step,)
        lines += ["", f"step {number}: {_head(step)}"]
        indent = "    " if isinstance(step, Block) else "  "
        for single in singles:
            if isinstance(step, Block):
                lines.append(f"  {_head(single)}")
            lines += [f"{indent}{line}" for line in _lines(single)]
            reads, writes = _traffic(single, local)
            lines.append(f"{indent}reads {_names(reads)}; writes {_names(writes)}")
            read += sum((_bytes(t) for t in reads), Integer(0))
            written += sum((_bytes(t) for t in writes), Integer(0))
            operations += _operations(single)
    lines += [
        "",
        f"bytes read:    {_text(read)}",
        f"bytes written: {_text(written)}",
        f"operations:    {_text(operations)}",
    ]
    lines.append(_bound(read + written, operations))
    text = "\n".join(printable(line) for line in lines).strip("\n") + "\n"
    return _FRESH.sub(lambda found: "klmnpq"[(int(found[1]) - 1) % 6] + "'" * len(found[2]), text)


def operations(schedule: Schedule) -> Expr:
    """The operations of a schedule, by the sizes of its dimensions."""
    steps = [s for step in schedule.steps for s in (step.steps if isinstance(step, Block) else (step,))]
    return sum((_operations(s) for s in steps), Integer(0))


def _head(step: Nest | Product | Block) -> str:
    if isinstance(step, Block):
        work = "in parallel" if step.independent else "one after the other"
        kept = ", ".join(t.name for t in step.local)
        return f"blocks of {step.dimension.name}, {work}; only for the rows of a block: {kept}"
    if isinstance(step, Product):
        return "product of matrices"
    if step.flat:
        return f"all entries ({_sizes(step.flat)}) as one loop, in parallel"
    if step.spread is not None:
        return f"ranges of the labels {step.spread.tensor.name}, in parallel"
    if not step.batch:
        return "once"
    return f"rows {', '.join(i.name for i in step.batch)} ({_sizes(step.batch)}), in parallel"


def _sizes(indices: Iterable[Index]) -> str:
    return " × ".join(i.dimension.name if i.dimension.size is None else str(i.dimension.size) for i in indices)


def _lines(step: Nest | Product) -> list[str]:
    if isinstance(step, Product):
        scale = "" if step.scale == 1 else f"{step.scale} * "
        return [f"{step.target} = {scale}sum({', '.join(i.name for i in step.summed)}, {step.left}*{step.right})"]
    lines = []
    for number in sorted({p.number for p in step.passes} | set(step.scalars)):
        for entry in (p for p in step.passes if p.number == number):
            loops = step.flat or entry.loops
            lines.append(f"pass {number + 1} over {', '.join(i.name for i in loops)} ({_sizes(loops)})")
            lines += [f"  {_statement(step, s)}" for s in entry.statements]
        lines += [_statement(step, s) for s in step.scalars.get(number, ())]
    inside = [_statement(step, step.definitions[t]) for t in step.tensors(Memory.VIRTUAL)]
    return [*lines, *(["computed where used:", *(f"  {line}" for line in inside)] if inside else [])]


def _statement(nest: Nest, statement: Statement) -> str:
    if statement.operation is Operation.ASSIGN:
        text = formula(Definition(statement.tensor, statement.target, statement.expression))
    else:
        left = statement.tensor.name + (f"[{','.join(map(str, statement.target))}]" if statement.target else "")
        right = str(statement.expression).replace("**", "^").replace(", ", ",")
        word = statement.operation.value
        dummies = ",".join(i.name for i in statement.dummies)
        text = f"{left} += {right}" if word == "+=" else f"{left} = {word}({dummies}: {right})"
    memory = nest.memory.get(statement.tensor)
    return text + (f"   [{memory.value}]" if memory in (Memory.ROW, Memory.PART) else "")


def _traffic(step: Nest | Product, local: frozenset[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """The tensors that a step reads from memory and writes to it."""
    if isinstance(step, Product):
        reads, writes = [step.left.tensor, step.right.tensor], [step.target.tensor]
    else:
        group = step.group
        reads = [a.tensor for s in group.statements for a in s.accesses if a.tensor not in group.axes]
        writes = [t for t, m in step.memory.items() if m in (Memory.FULL, Memory.PART)]
        writes += [s.tensor for s in group.statements if s.tensor not in group.axes]
    return [t for t in dict.fromkeys(reads) if t not in local], [t for t in dict.fromkeys(writes) if t not in local]


def _names(tensors: Sequence[Tensor]) -> str:
    return ", ".join(t.name for t in tensors) or "nothing"


def _bytes(tensor: Tensor) -> Expr:
    return Mul(8 if tensor.is_label else 4, *(d.extent for d in tensor.dimensions))


def _operations(step: Nest | Product) -> Expr:
    if isinstance(step, Product):
        loops = (*step.batch, *step.rows, *step.columns, *step.summed)
        return Mul(2, *(i.dimension.extent for i in loops))
    terms = []
    for statement in step.group.statements:
        own = set(statement.loops)
        each = cost(statement.expression, own) + (1 if statement.reduces or statement.operation is Operation.ADD else 0)
        terms.append(Mul(each, *(i.dimension.extent for i in statement.loops)))
    return Add(*terms)


def _text(e: Expr) -> str:
    return str(e).replace("**", "^")


def _bound(traffic: Expr, operations: Expr) -> str:
    """Whether memory or arithmetic is the limit."""
    sizes = {d: Integer(TYPICAL) for d in (traffic + operations).atoms(Dimension)}
    moved, done = float(traffic.xreplace(sizes)), float(operations.xreplace(sizes))
    if not moved:
        return "bound:         operations / rate of the processor"
    ratio = done / moved
    limit = "operations / rate of the processor" if ratio > BALANCE else "bytes / bandwidth of memory"
    return f"bound:         {limit} (about {ratio:.1f} operations a byte where every dimension is {TYPICAL})"

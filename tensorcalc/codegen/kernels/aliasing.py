"""What may be stored over what: a result over an argument, one intermediate array over another. It may where the row
of the one is read for the last time as that of the other is written, entry by entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tensorcalc.codegen.kernels.nests import Memory, Nest
from tensorcalc.codegen.kernels.products import Product
from tensorcalc.codegen.kernels.schedule import Block, Schedule, Step
from tensorcalc.codegen.kernels.statements import Operation, Statement
from tensorcalc.expr import Component
from tensorcalc.index import Tensor

__all__ = ["may_overwrite", "owners", "reads_of", "writes_of"]


def may_overwrite(schedule: Schedule) -> frozenset[tuple[int, int]]:
    """The pairs (place of the argument, place of the result) that may be the same memory."""
    return frozenset(
        (a, b)
        for b, output in enumerate(schedule.outputs)
        for a, argument in enumerate(schedule.program.inputs)
        if argument.dimensions == output.dimensions
        and not argument.is_label
        and _allowed(schedule.steps, argument, output)
    )


def owners(steps: Sequence[Step], tensors: Iterable[Tensor]) -> dict[Tensor, Tensor]:
    """For arrays that are needed only while some steps run: the first one that used the memory of each."""
    first = {t: min(p for p, s in enumerate(steps) if t in writes_of(s)) for t in tensors}
    last = {t: max(p for p, s in enumerate(steps) if t in writes_of(s) | reads_of(s)) for t in first}
    found: dict[Tensor, Tensor] = {}
    now: dict[Tensor, Tensor] = {}
    for tensor in sorted(first, key=lambda t: (first[t], t.name)):
        free = (
            owner
            for owner, held in now.items()
            if held.dimensions == tensor.dimensions
            if last[held] < first[tensor]
            or (first[held] < last[held] == first[tensor] and _allowed(steps, held, tensor))
        )
        owner = found[tensor] = next(free, tensor)
        now[owner] = tensor
    return found


def _allowed(steps: Sequence[Step], argument: Tensor, output: Tensor) -> bool:
    first = next(p for p, s in enumerate(steps) if output in writes_of(s))
    nest = steps[first]
    if not isinstance(nest, Nest) or any(argument in reads_of(s) for s in steps[first + 1 :]):
        return False
    if nest.memory[output] is Memory.PART:
        return True  # written after the whole nest
    target = nest.group.axes[output]
    places = [_place(nest, s) for s in nest.group.statements if s.tensor == output]
    written = min(p for p in places if p is not None)
    for statement in nest.group.statements:
        place = _place(nest, statement)
        if place is None:
            continue
        for access in _expanded(nest, statement):
            if access.tensor != argument:
                continue
            batch = [i for i in target if i in nest.group.batch]
            same_row = [i for i, t in zip(access.indices, target, strict=True) if t in batch] == batch
            if not same_row or place > written or (place == written and access.indices != target):
                return False
            if place == written and statement.operation is Operation.ADD:
                return False
    return True


def _place(nest: Nest, statement: Statement) -> tuple[int, int, int] | None:
    """Where in the order of a row a statement is computed: the number of its pass; its loop among those with that
    number, before which come statements without a loop; and its place among those. `None` where it is computed inside
    others. In a loop everything is read before anything is written.
    """
    for number, scalars in nest.scalars.items():
        for place, scalar in enumerate(scalars):
            if scalar is statement:
                return number, -1, place
    loops = enumerate(nest.passes)
    return next(((p.number, k, 0) for k, p in loops if any(s is statement for s in p.statements)), None)


def _steps(step: Step) -> Sequence[Nest | Product]:
    return step.steps if isinstance(step, Block) else (step,)


def writes_of(step: Step) -> set[Tensor]:
    """The tensors that a step writes or adds to."""
    return {t for s in _steps(step) for t in ({s.target.tensor} if isinstance(s, Product) else s.group.made)}


def reads_of(step: Step) -> set[Tensor]:
    """The tensors that a step reads."""
    found: set[Tensor] = set()
    for single in _steps(step):
        if isinstance(single, Product):
            found |= {single.left.tensor, single.right.tensor}
        else:
            found |= {a.tensor for s in single.group.statements for a in s.accesses}
    return found


def _expanded(nest: Nest, statement: Statement) -> Iterable[Component]:
    """What a statement reads, with what is computed inside it."""
    stack, seen = list(statement.accesses), set()
    while stack:
        access = stack.pop()
        if access in seen:
            continue
        seen.add(access)
        yield access
        if nest.memory.get(access.tensor) is Memory.VIRTUAL:
            made = nest.definitions[access.tensor]
            names = dict(zip(made.target, access.indices, strict=True))
            stack += made.renamed(names).accesses

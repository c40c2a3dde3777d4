"""Which argument a result may be stored over when rows are worked on at once: one that nothing reads afterwards."""

from __future__ import annotations

from tensorcalc.binding import free_indices
from tensorcalc.codegen.kernels.aliasing import reads_of, writes_of
from tensorcalc.codegen.kernels.nests import Memory, Nest
from tensorcalc.codegen.kernels.schedule import Schedule
from tensorcalc.codegen.kernels.triton.layout import Layout, Work, laid_out
from tensorcalc.expr import Component
from tensorcalc.index import Tensor

__all__ = ["may_overwrite"]


def may_overwrite(schedule: Schedule) -> frozenset[tuple[int, int]]:
    """The pairs (place of the argument, place of the result) that may be the same memory."""
    return frozenset(
        (a, b)
        for b, output in enumerate(schedule.outputs)
        for a, argument in enumerate(schedule.program.inputs)
        if argument.dimensions == output.dimensions and not argument.is_label and _allowed(schedule, argument, output)
    )


def _allowed(schedule: Schedule, argument: Tensor, output: Tensor) -> bool:
    """Whether the last step that reads the argument is the first that writes the result, and does so in good order."""
    first = next(p for p, s in enumerate(schedule.steps) if output in writes_of(s))
    nest = schedule.steps[first]
    if not isinstance(nest, Nest) or any(argument in reads_of(s) for s in schedule.steps[first + 1 :]):
        return False
    if nest.memory[output] is Memory.PART:
        return True  # written after the whole nest
    layout = laid_out(nest, {t.name for s in schedule.nests for t in s.group.made})
    place = next((p for p, w in enumerate(layout.work) if any(s.tensor == output for s in w.stores)), None)
    if place is None or layout.scatters:
        return False
    target = next(s.target for s in layout.work[place].stores if s.tensor == output)
    for number, work in enumerate(layout.work):
        for access in _read(layout, work):
            if access.tensor == argument and not _harmless(layout, access, target, place - number):
                return False
    return True


def _read(layout: Layout, work: Work) -> set[Component]:
    """What some work reads from memory."""
    expressions = [s.expression for s in (*work.reductions, *work.parts)]
    expressions += [Component(s.tensor, *s.target) for s in work.stores]
    return layout.expanded(expressions)


def _harmless(layout: Layout, access: Component, target: tuple[object, ...], before: int) -> bool:
    """Whether an entry is read before it is written: of the same row, earlier, or the very one that is written."""
    if layout.nest.flat:
        return access.indices == target
    batch = layout.nest.batch
    same = [i for i, t in zip(access.indices, target, strict=True) if t in batch] == [t for t in target if t in batch]
    if not same or before < 0:
        return False
    inside = free_indices(access) & {i for w in layout.work for i in w.loops}
    return before > 0 or access.indices == target or not inside

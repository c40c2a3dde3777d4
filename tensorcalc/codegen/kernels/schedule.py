"""What is computed in which order: nests, matrix products, and blocks in which both work on a few rows at a time.

In a block, what one step makes the next consumes at once: logits of a large vocabulary or scores of attention exist
for a few rows only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sympy import Expr

from tensorcalc.codegen.kernels.association import reassociated
from tensorcalc.codegen.kernels.groups import Group, grouped
from tensorcalc.codegen.kernels.nests import Memory, Nest, planned
from tensorcalc.codegen.kernels.products import Product, with_products
from tensorcalc.codegen.kernels.recomputation import recomputed
from tensorcalc.codegen.kernels.statements import Operation, Statement, statements
from tensorcalc.codegen.kernels.windows import shortened
from tensorcalc.codegen.sizes import Origin, sources
from tensorcalc.expr import Component
from tensorcalc.index import Dimension, Index, Tensor
from tensorcalc.system import Definition, Program

__all__ = ["Block", "Schedule", "Step", "block_index", "scheduled"]


@dataclass(frozen=True)
class Block:
    """Steps that are run together for a range of values of one index; `indices` are its letters in each step.

    `local` are the tensors that exist for the rows of a block only.
    """

    dimension: Dimension
    steps: tuple[Nest | Product, ...]
    indices: tuple[Index, ...]
    local: tuple[Tensor, ...]

    @property
    def independent(self) -> bool:
        """Whether blocks add nothing up, so that several may be worked on at once."""
        return all(
            i not in s.summed if isinstance(s, Product) else not s.tensors(Memory.PART)
            for s, i in zip(self.steps, self.indices, strict=True)
        )


Step = Nest | Product | Block


@dataclass(frozen=True)
class Schedule:
    """The steps of a program. `intermediate` are the tensors that need memory of their own and are no result."""

    program: Program
    outputs: tuple[Tensor, ...]
    steps: tuple[Step, ...]
    intermediate: tuple[Tensor, ...]
    origins: Mapping[Dimension, Origin]

    @property
    def nests(self) -> tuple[Nest, ...]:
        """The nests in order, those in blocks included."""
        return tuple(s for s in self.single if isinstance(s, Nest))

    @property
    def single(self) -> tuple[Nest | Product, ...]:
        """The steps one by one."""
        found: list[Nest | Product] = []
        for step in self.steps:
            found += step.steps if isinstance(step, Block) else [step]
        return tuple(found)


def scheduled(program: Program) -> Schedule:
    """The schedule of a program."""
    program = _with_copies(program)
    outputs = tuple(dict.fromkeys(program.outputs))
    every: Sequence[Statement] = statements(program)
    taken = {t.name for s in every for t in (s.tensor, *(a.tensor for a in s.accesses))}
    taken |= {t.name for t in program.inputs}
    every = shortened(reassociated(every, outputs, taken))
    every, products = with_products(every, outputs, taken)
    groups = grouped(every, products)
    again = recomputed(every, groups, program.inputs, outputs)
    if again != every:
        every, groups = again, grouped(again, products)
    kept = _kept(groups, outputs) | {c.tensor for p in products.values() for c in p.scale.atoms(Component)}
    steps = _scalars_last([products[g.statements[0]] if g.closed else planned(g, kept) for g in groups])
    intermediate = [t for t in dict.fromkeys(s.tensor for s in every) if t in kept and t not in outputs]
    return Schedule(program, outputs, tuple(_blocked(steps, intermediate)), tuple(intermediate), sources(program))


def _scalars_last(steps: Sequence[Nest | Product]) -> list[Nest | Product]:
    """The steps with scalars that no other step reads at the end: between others they would part a block."""
    early: list[Nest | Product] = []
    late: list[Nest | Product] = []
    for step in reversed(steps):
        made = {t for t, _ in _written(step)}
        scalar = isinstance(step, Nest) and not step.flat and not any(s.loops for s in step.group.statements)
        needed = any(a.tensor in made for s in early for a in _accesses(s))
        (late if scalar and not needed else early).append(step)
    return [*reversed(early), *reversed(late)]


def _with_copies(program: Program) -> Program:
    """The program with a definition for every output that is an argument, since results are arrays of their own."""
    copies = {}
    for tensor in program.outputs:
        if tensor in program.inputs and tensor not in copies:
            indices = tuple(Index(f"i{place}", d) for place, d in enumerate(tensor.dimensions))
            copy = Tensor(f"{tensor.name}_copy", tensor.dimensions)
            copies[tensor] = Definition(copy, indices, Component(tensor, *indices))
    if not copies:
        return program
    outputs = tuple(copies[t].tensor if t in copies else t for t in program.outputs)
    return replace(program, definitions=(*program.definitions, *copies.values()), outputs=outputs)


def _kept(groups: Sequence[Group], outputs: Sequence[Tensor]) -> frozenset[Tensor]:
    """The tensors that need memory of their own: results, and what another group reads or adds to."""
    kept = set(outputs)
    for group in groups:
        for statement in group.statements:
            read = {a.tensor for a in statement.accesses}
            if statement.operation is Operation.ADD:
                read.add(statement.tensor)
            kept |= read - group.axes.keys()
            if group.closed:
                kept |= read | {statement.tensor}
    return frozenset(kept)


# blocks


def block_index(step: Nest | Product) -> tuple[Index, ...]:
    """The indices over ranges of which a step can be run: the outermost ones."""
    if isinstance(step, Nest):
        loops = step.flat or step.batch
        return tuple(loops[:1])
    if step.batch or step.outer:
        return (step.batch or step.outer)[:1]
    return (*step.rows[:1], *step.inner[:1])


def _accesses(step: Nest | Product) -> list[Component]:
    if isinstance(step, Product):
        return [step.left, step.right, *sorted(step.scale.atoms(Component), key=str)]
    read = [a for s in step.group.statements for a in s.accesses]
    read += [Component(s.tensor, *s.target) for s in step.group.statements if s.operation is Operation.ADD]
    return [a for a in read if a.tensor not in step.group.axes]


def _written(step: Nest | Product) -> list[tuple[Tensor, tuple[Expr, ...]]]:
    """The tensors that a step leaves in memory, and the indices of their axes."""
    if isinstance(step, Product):
        return [(step.target.tensor, step.target.indices)]
    made = [(t, step.group.axes[t]) for t, m in step.memory.items() if m in (Memory.FULL, Memory.PART)]
    added = [s.tensor for s in step.group.statements if s.tensor not in step.group.axes]
    return [*made, *((t, ()) for t in added)]


def _blocked(steps: Sequence[Nest | Product], intermediate: Iterable[Tensor]) -> list[Step]:
    """The steps with runs that share their outermost index gathered into blocks."""
    result: list[Step] = []
    place = 0
    temporary = frozenset(intermediate)
    while place < len(steps):
        best: tuple[int, Block] | None = None
        for index in block_index(steps[place]):
            run = _run(steps[place:], index)
            block = _block(steps, place, run, temporary)
            if block is not None and (best is None or len(run) > best[0]):
                best = len(run), block
        if best is None:
            result.append(steps[place])
            place += 1
        else:
            result.append(best[1])
            place += best[0]
    return result


def _run(steps: Sequence[Nest | Product], first: Index) -> list[Index]:
    """The block index of each of the first steps, for as long as they work row by row on what the others made."""
    indices: list[Index] = []
    rowwise: set[Tensor] = set()
    summed: set[Tensor] = set()
    for step in steps:
        choices = [i for i in block_index(step) if i.dimension == first.dimension] if indices else [first]
        found = next((i for i in choices if _fits(step, i, rowwise, summed)), None)
        if found is None:
            break
        indices.append(found)
        for tensor, axes in _written(step):
            (rowwise if axes[:1] == (found,) else summed).add(tensor)
    return indices


def _fits(step: Nest | Product, index: Index, rowwise: set[Tensor], summed: set[Tensor]) -> bool:
    """Whether a step reads of what the block made only the rows of the block."""
    written = dict(_written(step))
    if any(index in axes[1:] for axes in written.values()):
        return False
    for access in _accesses(step):
        if access.tensor in summed:
            return False
        if access.tensor in rowwise and access.indices[:1] != (index,):
            return False
        if isinstance(step, Product) and index in access.indices[1:]:
            return False
    if isinstance(step, Nest):
        return all(s.tensor not in summed | rowwise for s in step.group.statements)
    return True


def _block(
    steps: Sequence[Nest | Product], place: int, run: Sequence[Index], intermediate: frozenset[Tensor]
) -> Block | None:
    """The block of a run, where that saves memory: what it makes is read in it and nowhere else."""
    inside = steps[place : place + len(run)]
    if len(run) < 2 or not any(isinstance(s, Product) for s in inside):
        return None
    made = {t for s, i in zip(inside, run, strict=True) for t, axes in _written(s) if axes[:1] == (i,)}
    outside = {a.tensor for s in (*steps[:place], *steps[place + len(run) :]) for a in _accesses(s)}
    local = tuple(t for t in intermediate if t in made and t not in outside)
    if not local:
        return None
    return Block(run[0].dimension, tuple(inside), tuple(run), tuple(sorted(local, key=lambda t: t.name)))

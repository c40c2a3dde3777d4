"""The order of work inside a group: which reduction needs which pass over the row, what is kept between passes.

A row value that several passes need is kept in a row buffer where it is expensive, and computed again where it is
cheap; everything else about a row lives in local variables.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial

from sympy import Add, Expr, Function, Integer, Mul, Pow

from tensorcalc.binding import free_indices
from tensorcalc.codegen.kernels.groups import Group, main_access
from tensorcalc.codegen.kernels.splitting import Pending, with_early_sums
from tensorcalc.codegen.kernels.statements import Operation, Statement
from tensorcalc.codegen.kernels.windows import slides
from tensorcalc.expr import Component
from tensorcalc.index import Index, Tensor

__all__ = ["Memory", "Nest", "Pass", "planned"]

EXPENSIVE = 8  # in operations: keeping a value costs a store and a load
COSTS = {"divide": 4, "power": 12, "function": 12}


class Memory(Enum):
    """Where a tensor of a group lives: nowhere (computed where it is used), in a local variable, in a buffer for one
    row, in a buffer for each part of the batch that is added up at the end, or in an array of its own.
    """

    VIRTUAL = "computed where used"
    LOCAL = "variable"
    ROW = "row buffer"
    PART = "partial sums"
    FULL = "array"


@dataclass
class Pass:
    """One loop nest inside the loop over the batch; `number` orders passes that wait for each other's reductions."""

    number: int
    loops: tuple[Index, ...]
    statements: list[Statement] = field(default_factory=list)


@dataclass
class Nest:
    """A group with its passes. `scalars` are the statements without a loop of their own, by the pass they precede.

    `flat` are the loops that are run as one, where the group has no rows.
    """

    group: Group
    memory: dict[Tensor, Memory]
    passes: list[Pass]
    scalars: dict[int, list[Statement]]
    definitions: dict[Tensor, Statement]
    flat: tuple[Index, ...] = ()

    @property
    def batch(self) -> tuple[Index, ...]:
        return () if self.flat else self.group.batch

    @property
    def spread(self) -> Component | None:
        """The label by which the additions of a nest are shared among threads, each doing those of a range of labels
        in their order; `None` where the nest does anything else, or its batch keeps them apart.
        """
        if self.flat or self.group.batch or len(self.group.statements) != 1:
            return None
        (statement,) = self.group.statements
        labels = [t for t in statement.target if isinstance(t, Component) and free_indices(t)]
        return labels[0] if statement.operation is Operation.ADD and labels else None

    @property
    def last(self) -> int:
        """The number of the last pass."""
        return max((p.number for p in self.passes), default=0)

    def tensors(self, memory: Memory) -> list[Tensor]:
        """The tensors of one kind of memory."""
        return [t for t, m in self.memory.items() if m is memory]

    def is_identity(self, access: Component) -> bool:
        """Whether an access reads the very entry that the current loop indices name."""
        return access.indices == self.group.axes.get(access.tensor)


def planned(group: Group, kept: Iterable[Tensor]) -> Nest:
    """The passes of a group, in the order with fewer of them; `kept` are the tensors that others need."""
    wanted = frozenset(kept)
    planner = _Planner(group, wanted)
    nest = planner.plan()
    early = with_early_sums(planner.pending)
    while early is not None:
        planner = _Planner(early, wanted)
        other = planner.plan()
        if other.last >= nest.last:
            break
        nest, early = other, with_early_sums(planner.pending)
    return nest


class _Planner:
    def __init__(self, group: Group, kept: frozenset[Tensor]) -> None:
        self.group = group
        self.kept = kept
        self.flat = _flat(group)
        self.batch = () if self.flat else group.batch
        self.definitions = {s.tensor: s for s in group.statements if s.operation is not Operation.ADD}
        self.added = {s.tensor for s in group.statements if s.operation is Operation.ADD}
        self._orders: dict[frozenset[Index], tuple[Index, ...]] = {}
        self.ready: dict[Tensor, int] = {}
        self.places: dict[int, int] = {}
        self.memory: dict[Tensor, Memory] = {}

    def plan(self) -> Nest:
        for statement in self.group.statements:
            self._memory(statement)
        for position, statement in enumerate(self.group.statements):
            self._place(position, statement)
        self._postpone()
        self._keep()
        passes: dict[tuple[int, tuple[Index, ...]], Pass] = {}
        scalars: dict[int, list[Statement]] = {}
        for position, statement in enumerate(self.group.statements):
            if position not in self.places:
                continue
            number, loops = self.places[position], self.rows(statement)
            if not loops:
                scalars.setdefault(number, []).append(statement)
                continue
            passes.setdefault((number, loops), Pass(number, loops)).statements.append(statement)
        ordered = sorted(passes.values(), key=lambda p: p.number)
        return Nest(self.group, self.memory, ordered, scalars, self.definitions, self.flat)

    @property
    def pending(self) -> Pending:
        """What is known when, of a group that is planned."""
        values = {t: s for t, s in self.definitions.items() if s.operation is Operation.ASSIGN and t not in self.added}
        return Pending(self.group, self.ready, values)

    def rows(self, statement: Statement) -> tuple[Index, ...]:
        """The loops inside a row, in the order of memory."""
        own = frozenset(statement.loops) - set(self.batch)
        if own not in self._orders:
            main = [i for i in main_access(statement) if i in own]
            order = list(dict.fromkeys([*main, *(i for i in statement.loops if i in own)]))
            order.sort(key=partial(_contiguous, statement))
            self._orders[own] = tuple(i for i in order if isinstance(i, Index))
        return self._orders[own]

    def _memory(self, statement: Statement) -> None:
        tensor = statement.tensor
        if statement.operation is Operation.ADD:
            return
        if statement.reduces and (self.flat or not set(self.batch) <= set(statement.free)):
            self.memory[tensor] = Memory.PART
        elif tensor in self.kept:
            self.memory[tensor] = Memory.FULL
        elif statement.reduces:
            inside = set(statement.free) - set(self.batch)
            self.memory[tensor] = Memory.ROW if inside else Memory.LOCAL
        elif (self.rows(statement) and (tensor in self.added or self._read_apart(statement))) or tensor in self.added:
            self.memory[tensor] = Memory.ROW
        else:
            self.memory[tensor] = Memory.VIRTUAL

    def _read_apart(self, statement: Statement) -> bool:
        """Whether an expensive row value is read in a loop that is not its own."""
        if cost(statement.expression) < EXPENSIVE:
            return False
        rows = self.rows(statement)
        for other in self.group.statements:
            own = self.rows(other)
            for access in other.accesses:
                apart = access.indices != self.group.axes[statement.tensor] or set(own) != set(rows)
                if access.tensor == statement.tensor and own and apart:
                    return True
        return False

    def _place(self, position: int, statement: Statement) -> None:
        """The pass of a statement, from what it waits for."""
        number = max((self._available(a, statement) for a in statement.accesses), default=0)
        tensor = statement.tensor
        if statement.operation is Operation.ADD:
            if tensor in self.definitions:
                number = max(number, self.ready[tensor] + 1)
            self.places[position] = number
            self.ready[tensor] = number + 1 if self.rows(statement) else number
            return
        self.ready[tensor] = number + 1 if statement.reduces else number
        if self.memory[tensor] is not Memory.VIRTUAL:
            self.places[position] = number

    def _available(self, access: Component, statement: Statement) -> int:
        tensor = access.tensor
        if tensor not in self.ready:
            return 0
        ready, made = self.ready[tensor], self.definitions[tensor]
        if self.memory[tensor] in (Memory.VIRTUAL, Memory.LOCAL) or made.reduces or not self.rows(made):
            return ready
        same = access.indices == self.group.axes[tensor] and self.rows(made) == self.rows(statement)
        return ready if same or tensor in self.added else ready + 1

    def _postpone(self) -> None:
        """Sums over the batch go to the last pass with their loops: what they read is read there anyway."""
        last: dict[tuple[Index, ...], int] = {}
        for position, number in self.places.items():
            loops = self.rows(self.group.statements[position])
            last[loops] = max(last.get(loops, 0), number)
        for position in self.places:
            statement = self.group.statements[position]
            if self.memory.get(statement.tensor) is Memory.PART and statement.operation is not Operation.ADD:
                self.places[position] = last[self.rows(statement)]

    def _keep(self) -> None:
        """Row buffers for expensive values that several passes need."""
        needs: dict[Tensor, set[int]] = {}
        for position in reversed(range(len(self.group.statements))):
            statement = self.group.statements[position]
            if position in self.places:
                at = {self.places[position]} if self.rows(statement) else set()
            else:
                at = needs.get(statement.tensor, set())
                if len(at) > 1 and self.rows(statement) and self._cost(statement) >= EXPENSIVE:
                    at = {min(at)}
                    self.memory[statement.tensor] = Memory.ROW
                    self.places[position] = min(at)
            for access in statement.accesses:
                needs.setdefault(access.tensor, set()).update(at)

    def _cost(self, statement: Statement) -> int:
        """The operations that depend on the row."""
        rows = set(self.rows(statement))
        return cost(statement.expression, rows)


def _contiguous(statement: Statement, index: Index) -> int:
    """How much of what a statement reads lies together in memory where an index moves innermost."""
    if not slides(statement):
        return sum(c.indices[-1:] == (index,) for c in statement.accesses)
    every = [statement.target, *(c.indices for c in statement.accesses)]
    return sum(len(indices) for indices in every if indices and index in free_indices(indices[-1]))


def cost(e: Expr, within: set[Index] | None = None) -> int:
    """About how many operations an expression takes; those without an index of `within` are done once before."""
    if within is not None and not (e.atoms(Index) & within):
        return 0
    if isinstance(e, Component) or not e.args:
        return 0
    inner = sum(cost(a, within) for a in e.args if isinstance(a, Expr))
    if isinstance(e, Add | Mul):
        divisors = sum(isinstance(a, Pow) and a.exp.is_negative is True for a in e.args)
        return inner + len(e.args) - 1 - divisors
    if isinstance(e, Pow):
        whole = isinstance(e.exp, Integer)
        return (
            inner + (COSTS["divide"] if e.exp.is_negative else 0) + (abs(int(e.exp)) - 1 if whole else COSTS["power"])
        )
    return inner + (COSTS["function"] if isinstance(e, Function) else 1)


def _bare_index(e: Expr) -> bool:
    """Whether an index stands in the expression other than in brackets behind a tensor."""
    return isinstance(e, Index) or (not isinstance(e, Component) and any(_bare_index(a) for a in e.args))


def _flat(group: Group) -> tuple[Index, ...]:
    """The loops of a group that can run as one over all entries; empty where it reads anything but entry by entry."""
    loops = {frozenset(s.loops) for s in group.statements if s.loops}
    if len(loops) != 1 or any(s.operation is Operation.ADD for s in group.statements):
        return ()
    (every,) = loops
    if not every or not set(group.batch) <= every:
        return ()
    order = next(s for s in group.statements if s.loops).target
    if len(every) == 1:
        (only,) = every
        return (only,) if group.batch else ()
    candidates = [s.target for s in group.statements if len(s.target) == len(every)]
    candidates += [c.indices for s in group.statements for c in s.accesses if len(c.indices) == len(every)]
    if not candidates:
        return ()
    order = candidates[0]
    for statement in group.statements:
        if statement.target not in (order, ()) or not statement.loops:
            return ()
        if any(c.indices not in (order, ()) for c in statement.accesses):
            return ()
        if _bare_index(statement.expression):
            return ()
    return tuple(i for i in order if isinstance(i, Index))

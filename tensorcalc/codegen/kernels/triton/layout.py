"""What a kernel does level by level: which loops run over a row, in which order, and what waits for which reduction.

Values that are no reduction have no place of their own: they are computed where they are used, in registers where the
row is at hand, again where it is read block by block. A tensor's additions at single entries are part of its value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from sympy import Expr, Mul, S

from tensorcalc.binding import free_indices, rename
from tensorcalc.codegen.kernels.groups import Group
from tensorcalc.codegen.kernels.nests import Memory, Nest
from tensorcalc.codegen.kernels.statements import Decay, Finite, Operation, Statement
from tensorcalc.codegen.kernels.triton.expressions import unsupported
from tensorcalc.expr import Component, Exp
from tensorcalc.functions import minimum
from tensorcalc.index import Index, Tensor

__all__ = ["Layout", "Online", "Scatter", "Work", "laid_out", "plain_places"]


@dataclass(frozen=True)
class Online:
    """A sum of weight · exp(argument − shift) that can be had in the pass that finds the maximum.

    `shift` is the maximum, or the tensor that holds it with 0 in place of infinities (`shielded`).
    """

    peak: Statement
    total: Statement
    shift: Tensor
    weight: Expr
    argument: Expr
    shielded: bool


@dataclass
class Work:
    """Statements over the same loops inside a row. `vector` is the index along which a block is worked on at once.

    `loops` are the loops in order, the vector's among them; `reductions` end in a variable or array, `stores` write a
    value that is computed where it is used, `parts` add to what rows share.
    """

    level: int
    loops: tuple[Index, ...]
    vector: Index | None
    reductions: list[Statement] = field(default_factory=list)
    stores: list[Statement] = field(default_factory=list)
    parts: list[Statement] = field(default_factory=list)

    @property
    def statements(self) -> list[Statement]:
        return [*self.reductions, *self.stores, *self.parts]


@dataclass(frozen=True)
class Scatter:
    """`target[places] += values[loops]`, where several values may meet one entry: done after the kernel."""

    tensor: Tensor
    target: tuple[Expr, ...]
    values: Tensor
    loops: tuple[Index, ...]


@dataclass
class Layout:
    """A nest as work by levels. `added` are the additions that belong to a value, by tensor.

    `online` are the sums that can share the pass of their maximum, `scatters` what is added after the kernel,
    `memory` the reductions that others read at other entries than their own, by way of memory.
    """

    nest: Nest
    work: list[Work]
    added: dict[Tensor, list[Statement]]
    online: list[Online]
    scatters: list[Scatter]
    memory: set[Tensor]
    full: list[Tensor]
    parts: list[Tensor]

    @property
    def vectors(self) -> tuple[Index, ...]:
        """The indices along which blocks are worked on."""
        return tuple(dict.fromkeys(w.vector for w in self.work if w.vector is not None))

    def is_inline(self, tensor: Tensor) -> bool:
        """Whether a tensor of the nest is computed where it is used."""
        made = self.nest.definitions.get(tensor)
        return made is not None and not made.reduces

    def expanded(self, expressions: Iterable[Expr]) -> set[Component]:
        """Every component that is read for some expressions, with what is computed where it is used."""
        return expanded(self.nest, self.added, expressions)


def expanded(nest: Nest, added: dict[Tensor, list[Statement]], expressions: Iterable[Expr]) -> set[Component]:
    """Every component that is read for some expressions; those of inline values with all that they are made of."""
    found: set[Component] = set()
    stack = [c for e in expressions for c in e.atoms(Component)]
    while stack:
        access = stack.pop()
        if access in found:
            continue
        found.add(access)
        made = nest.definitions.get(access.tensor)
        if made is None or made.reduces:
            continue
        names = dict(zip(made.target, access.indices, strict=True))
        stack += made.renamed({k: v for k, v in names.items() if isinstance(k, Index)}).accesses
        for addition in added.get(access.tensor, ()):
            stack += addition.accesses
    return found


def plain_places(target: Sequence[Expr]) -> tuple[int, ...]:
    """The places of a target where an index stands that stands nowhere else in it: no two values meet along it."""
    return tuple(
        p
        for p, t in enumerate(target)
        if isinstance(t, Index) and not any(t in free_indices(o) for q, o in enumerate(target) if q != p)
    )


def laid_out(nest: Nest, taken: set[str]) -> Layout:
    """The levels of a nest; `taken` are the names of tensors, to which those of new ones are added."""
    nest, scatters = _scattered(nest, taken)
    return _Planner(nest, scatters).plan()


def _scattered(nest: Nest, taken: set[str]) -> tuple[Nest, list[Scatter]]:
    """The nest with additions to what is not inline as values of their own, which are added after the kernel."""
    statements, scatters = [], []
    axes, memory, definitions = dict(nest.group.axes), dict(nest.memory), dict(nest.definitions)
    for statement in nest.group.statements:
        made = definitions.get(statement.tensor)
        if statement.operation is not Operation.ADD or (made is not None and not made.reduces):
            statements.append(statement)
            continue
        if any(a.tensor == statement.tensor for s in nest.group.statements for a in s.accesses):
            raise unsupported(f"an addition to single entries of {statement.tensor.name}, which is read at once,")
        last = [statement.target[p] for p in plain_places(statement.target)]
        loops = tuple(sorted(statement.loops, key=lambda i: (i in last, last.index(i) if i in last else 0)))
        name, number = f"{statement.tensor.name}_added", 1
        while name in taken:
            number += 1
            name = f"{statement.tensor.name}_added{number}"
        taken.add(name)
        values = Tensor(name, tuple(i.dimension for i in loops))
        new = Statement(values, loops, loops, Operation.ASSIGN, statement.expression)
        statements.append(new)
        axes[values], memory[values], definitions[values] = loops, Memory.FULL, new
        scatters.append(Scatter(statement.tensor, statement.target, values, loops))
    if not scatters:
        return nest, []
    batch = nest.group.batch
    if not batch:
        whole = [s for s in statements if s.loops]
        if whole:
            batch = whole[0].target[:-1] if len(whole[0].target) > 1 else whole[0].target
            if any(not set(batch) <= set(s.free) for s in statements):
                raise unsupported("additions to entries over different loops")
    group = Group(batch, statements, axes, nest.group.seen, nest.group.rows)
    return replace(nest, group=group, memory=memory, definitions=definitions), scatters


class _Planner:
    def __init__(self, nest: Nest, scatters: list[Scatter]) -> None:
        self.nest = nest
        self.scatters = scatters
        self.statements = nest.group.statements
        self.batch = nest.batch
        self.added: dict[Tensor, list[Statement]] = {}
        self.available: dict[Tensor, int] = {}
        self.levels: dict[int, int] = {}

    def plan(self) -> Layout:
        nest = self.nest
        for statement in self.statements:
            if statement.operation is Operation.ADD:
                self.added.setdefault(statement.tensor, []).append(statement)
        for place, statement in enumerate(self.statements):
            self._level(place, statement)
        full = [t for t, m in nest.memory.items() if m is Memory.FULL]
        parts = [t for t, m in nest.memory.items() if m is Memory.PART]
        layout = Layout(nest, [], self.added, self._online(), self.scatters, set(), full, parts)
        self._work(layout)
        self._memory(layout)
        return layout

    def _level(self, place: int, statement: Statement) -> None:
        """A statement waits for the reductions that it reads; a value with additions is whole with the last of them."""
        level = max((self.available.get(a.tensor, 0) for a in statement.accesses), default=0)
        self.levels[place] = level
        if statement.operation is Operation.ADD:
            self.available[statement.tensor] = max(level, self.available[statement.tensor])
        else:
            self.available[statement.tensor] = level + 1 if statement.reduces else level

    # work

    def _work(self, layout: Layout) -> None:
        nest = self.nest
        work: dict[tuple[object, ...], Work] = {}
        late: list[Statement] = []
        for place, statement in enumerate(self.statements):
            tensor = statement.tensor
            if statement.operation is Operation.ADD:
                continue
            if nest.memory[tensor] is Memory.PART:
                late.append(statement)
            elif statement.reduces:
                self._put(work, self.levels[place], statement).reductions.append(statement)
            elif nest.memory[tensor] is Memory.FULL:
                self._put(work, self.available[tensor], statement).stores.append(statement)
        for statement in late:
            own = self._level_of(statement)
            same = [w for w in work.values() if set(w.loops) == set(self._loops(statement)) and w.level >= own]
            level = max((w.level for w in same), default=own)
            self._put(work, level, statement).parts.append(statement)
        layout.work = sorted(work.values(), key=lambda w: (w.level, bool(w.loops), bool(w.stores or w.parts)))

    def _level_of(self, statement: Statement) -> int:
        return max((self.available.get(a.tensor, 0) for a in statement.accesses), default=0)

    def _loops(self, statement: Statement) -> tuple[Index, ...]:
        return self.nest.flat or tuple(i for i in statement.loops if i not in self.batch)

    def _put(self, work: dict[tuple[object, ...], Work], level: int, statement: Statement) -> Work:
        """The work that a statement belongs to: its own order of loops, or for a store that of another one."""
        loops, vector = self._order(statement)
        key = level, loops, vector
        if key not in work and not statement.reduces:
            for w in work.values():
                if w.level == level and set(w.loops) == set(loops):
                    return w
        return work.setdefault(key, Work(level, loops, vector))

    def _order(self, statement: Statement) -> tuple[tuple[Index, ...], Index | None]:
        """The loops inside a row: those of the result first, then those that are summed; the vector and the rest."""
        own = self._loops(statement)
        if self.nest.flat:
            return own, own[-1]
        if not own:
            return (), None
        vector = self._vector(statement, own)
        free = [i for i in own if i in statement.free and i != vector]
        dummies = [i for i in own if i not in statement.free and i != vector]
        if vector in statement.free:
            return (vector, *free, *dummies), vector
        return (*free, *dummies, vector), vector

    def _vector(self, statement: Statement, own: Sequence[Index]) -> Index:
        """The index whose neighbours lie together in memory, by the accesses that this statement makes in the end."""
        accesses = expanded(self.nest, self.added, [statement.expression])
        inputs = [c for c in accesses if c.tensor not in self.nest.definitions]
        count = {i: sum(c.indices[-1:] == (i,) for c in inputs) for i in own}
        if self.nest.memory.get(statement.tensor) in (Memory.FULL, Memory.PART):
            for i in own:
                count[i] += statement.target[-1:] == (i,)
        return max(own, key=lambda i: (count[i], own.index(i)))

    # what is read by way of memory

    def _memory(self, layout: Layout) -> None:
        """Reductions that are read at other entries than their own, or in other loops, need an array."""
        nest = self.nest
        for statement in self.statements:
            if not statement.reduces or nest.memory[statement.tensor] is Memory.PART:
                continue
            inside = [i for i in statement.free if i not in self.batch]
            if not inside and nest.memory[statement.tensor] in (Memory.LOCAL, Memory.FULL):
                continue
            layout.memory.add(statement.tensor)
            if statement.tensor not in layout.full:
                layout.full.append(statement.tensor)

    # sums of exponentials in the pass of their maximum

    def _online(self) -> list[Online]:
        found = []
        for statement in self.statements:
            if statement.operation is Operation.SUM and self.nest.memory[statement.tensor] is not Memory.PART:
                match = self._matched(statement)
                if match is not None:
                    found.append(match)
        return found

    def _matched(self, total: Statement) -> Online | None:
        """The parts of Σ weight · exp(argument − maximum), where nothing else in it depends on the maximum."""
        body = self._unfolded(total.expression)
        factors = list(Mul.make_args(body))
        powers = [f for f in factors if isinstance(f, Exp | Decay)]
        for power in powers:
            exponent = power.args[0]
            if isinstance(exponent, minimum) and exponent.args[1] is S.Zero:
                exponent = exponent.args[0]
            for term in exponent.args:
                if not isinstance(-term, Component):
                    continue
                shift = (-term).tensor
                peak, shielded = self._peak(shift)
                if peak is None or (-term).indices != peak.target or peak.loops != total.loops:
                    continue
                argument = exponent - term
                weight = Mul(*(f for f in factors if f is not power))
                both = expanded(self.nest, self.added, [argument, weight])
                if any(c.tensor in (shift, peak.tensor) for c in both):
                    continue
                if any(self.available.get(c.tensor, 0) > self._level_of(peak) for c in both):
                    continue
                return Online(peak, total, shift, weight, argument, shielded)
        return None

    def _unfolded(self, e: Expr) -> Expr:
        """The expression with inline components that are exponentials or weights written out."""
        changed = True
        while changed:
            changed = False
            for factor in Mul.make_args(e):
                made = self.nest.definitions.get(factor.tensor) if isinstance(factor, Component) else None
                if made is None or made.reduces or made.tensor in self.added:
                    continue
                assert isinstance(factor, Component)
                names = dict(zip(made.target, factor.indices, strict=True))
                written = rename(made.expression, {k: v for k, v in names.items() if isinstance(k, Index)})
                if any(isinstance(f, Exp | Decay) for f in Mul.make_args(written)):
                    e = Mul(*(written if f is factor else f for f in Mul.make_args(e)))
                    changed = True
                    break
        return e

    def _peak(self, shift: Tensor) -> tuple[Statement | None, bool]:
        """The maximum behind the tensor that is subtracted, and whether infinities are taken out of it."""
        made = self.nest.definitions.get(shift)
        shielded = False
        if made is not None and isinstance(made.expression, Finite) and isinstance(made.expression.args[0], Component):
            inner = made.expression.args[0]
            if inner.indices != made.target:
                return None, False
            made, shielded = self.nest.definitions.get(inner.tensor), True
        if made is None or made.operation is not Operation.PEAK or self.nest.memory[made.tensor] is Memory.PART:
            return None, False
        inside = [i for i in made.free if i not in self.batch]
        return (None, False) if inside or free_indices(made.expression) - set(made.loops) else (made, shielded)

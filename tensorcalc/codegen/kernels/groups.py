"""Which statements share a loop over the batch: what is worked off row by row, with everything about a row together.

A group is found from indices alone. Its batch indices are free in every tensor it makes, and stand in the same places
wherever these are read again; or they are all summed, into what is shared by rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from sympy import Expr

from tensorcalc.binding import free_indices
from tensorcalc.codegen.kernels.statements import Operation, Statement
from tensorcalc.codegen.kernels.windows import slides
from tensorcalc.expr import Component
from tensorcalc.index import Dimension, Index, Tensor

__all__ = ["Group", "grouped", "main_access"]


@dataclass(eq=False)
class Group:
    """Statements over common batch indices, with their letters made equal.

    `axes` says for each tensor made here which index stands on each axis, `seen` the same for those read first here.
    Nothing joins a group that is `closed`.
    """

    batch: tuple[Index, ...]
    statements: list[Statement] = field(default_factory=list)
    axes: dict[Tensor, tuple[Expr, ...]] = field(default_factory=dict)
    seen: dict[Tensor, tuple[Expr, ...]] = field(default_factory=dict)
    rows: dict[tuple[Dimension, int], Index] = field(default_factory=dict)
    closed: bool = False

    @property
    def made(self) -> set[Tensor]:
        """The tensors that are written here, those only added to included."""
        return {s.tensor for s in self.statements}

    def accumulates(self, statement: Statement) -> bool:
        """Whether a statement sums over the batch."""
        return statement.reduces and not set(self.batch) <= set(statement.free)

    def add(self, statement: Statement, names: Mapping[Index, Index]) -> None:
        """Add a statement whose batch indices are named by `names`; its other loops get the letters of the rows."""
        own = dict(names)
        for c in _components(statement):
            for letter, index in zip(self.axes.get(c.tensor, ()), c.indices, strict=False):
                if _is_row(letter, self.batch) and index in statement.loops and index not in own:
                    assert isinstance(letter, Index)
                    if letter not in own.values() and letter.dimension == index.dimension:
                        own[index] = letter
        for index in statement.loops:
            if index not in own:
                own[index] = self._row(index, own.values())
        new = statement.renamed(dict(own))
        self.statements.append(new)
        if new.operation is not Operation.ADD:
            self.axes[new.tensor] = new.target
        for access in new.accesses:
            if access.tensor not in self.axes:
                self.seen.setdefault(access.tensor, access.indices)

    def _row(self, index: Index, taken: Iterable[Index]) -> Index:
        """The letter of a loop inside a row: the first of its dimension that the statement does not use yet."""
        used, number = set(taken), 0
        while True:
            known = self.rows.get((index.dimension, number))
            if known is None:
                letters = {i.name for i in (*self.batch, *self.rows.values())}
                known = Index(_letter(index.name, letters), index.dimension)
                self.rows[index.dimension, number] = known
            if known not in used:
                return known
            number += 1

    def narrowed(self, batch: tuple[Index, ...]) -> None:
        """Keep only some of the batch indices; the others run inside the rows."""
        for index in self.batch:
            if index not in batch:
                number = sum(d == index.dimension for d, _ in self.rows)
                self.rows[index.dimension, number] = index
        self.batch = batch


def _letter(wanted: str, taken: Iterable[str]) -> str:
    """A letter for a loop that no other loop of the group has."""
    letters = [wanted, *"ijklmnpqrstuvw"] if wanted.isidentifier() else list("ijklmnpqrstuvw")
    used = set(taken)
    found = next((letter for letter in letters if letter not in used), None)
    number = 1
    while found is None:
        number += 1
        found = f"i{number}" if f"i{number}" not in used else None
    return found


def _is_row(letter: Expr, batch: Sequence[Index]) -> bool:
    return isinstance(letter, Index) and letter not in batch


def _components(statement: Statement) -> list[Component]:
    """What a statement reads; for additions also where it adds."""
    target = [Component(statement.tensor, *statement.target)] if statement.operation is Operation.ADD else []
    return [*statement.accesses, *target]


def main_access(statement: Statement) -> tuple[Expr, ...]:
    """The indices of what decides in which order memory is read: the component with the most loop indices."""
    order = [statement.target, *(c.indices for c in statement.accesses)]
    loops = set(statement.loops)
    return max(order, key=lambda indices: len({i for i in indices if i in loops}))


def grouped(statements: Iterable[Statement], alone: Iterable[Statement] = ()) -> list[Group]:
    """The statements in groups, in an order in which they can be computed. Those in `alone` share no loop."""
    single = set(alone)
    groups: list[Group] = []
    for statement in statements:
        if statement in single:
            groups.append(Group((), [statement], {statement.tensor: statement.target}, closed=True))
            continue
        _merge_sources(groups, statement)
        first = max(_sources(groups, statement), default=0)
        if any(_joined(group, statement) for group in reversed(groups[first:])):
            continue
        batch = natural_batch(statement)
        group = Group(batch)
        group.add(statement, {i: i for i in batch})
        groups.append(group)
    return groups


def _sources(groups: Sequence[Group], statement: Statement) -> list[int]:
    """The places of the groups that make what a statement reads, in order."""
    read = {c.tensor for c in _components(statement)}
    return [place for place, group in enumerate(groups) if not read.isdisjoint(group.made)]


def _merge_sources(groups: list[Group], statement: Statement) -> None:
    """Groups over the same batch become one where a statement needs both, so that it finds everything in one place."""
    places = _sources(groups, statement)
    for early in places[-2::-1]:
        late = _sources(groups, statement)[-1]
        a, b = groups[early], groups[late]
        names = _correspondence(a, b, statement)
        if names is None:
            continue
        read = {c.tensor for s in b.statements for c in _components(s)}
        if not read.isdisjoint(s.tensor for s in a.statements if a.accumulates(s)) or not _rowwise(a, b, names):
            continue
        between = groups[early + 1 : late]
        if all(read.isdisjoint(g.made) for g in between):
            place = early
        elif all({c.tensor for s in g.statements for c in _components(s)}.isdisjoint(a.made) for g in between):
            place = late
        else:
            continue
        for other in b.statements:
            a.add(other, names)
        groups[place] = a
        del groups[late if place == early else early]


def _rowwise(a: Group, b: Group, names: Mapping[Index, Index]) -> bool:
    """Whether a group reads of what another one makes only the entries of its own rows."""
    read = [c for s in b.statements for c in _components(s) if c.tensor in a.axes]
    pairs = [pair for c in read for pair in zip(a.axes[c.tensor], c.indices, strict=True)]
    return all(isinstance(index, Index) and names.get(index) == letter for letter, index in pairs if letter in a.batch)


def _correspondence(a: Group, b: Group, statement: Statement) -> dict[Index, Index] | None:
    """Which batch index of one group is which of another, by the indices with which a statement reads from both."""
    if a.closed or b.closed or not a.batch or not b.batch:
        return None
    first, second = _forced(a, statement), _forced(b, statement)
    if first is None or second is None or first.keys() != second.keys():
        return None
    if set(first.values()) != set(a.batch) or set(second.values()) != set(b.batch):
        return None
    return {second[i]: first[i] for i in first}


def natural_batch(statement: Statement) -> tuple[Index, ...]:
    """The batch indices of a statement on its own: the row is what lies together in memory."""
    free, dummies = statement.free, statement.dummies
    if statement.operation is Operation.ADD:
        return _plain_places(statement)[:1]
    order = [i for i in main_access(statement) if isinstance(i, Index) and i in statement.loops]
    order += [i for i in statement.loops if i not in order]
    order = list(dict.fromkeys(order))
    if statement.reduces and slides(statement):
        return _outside_windows(statement)
    if not statement.reduces:
        return tuple(order[:-1] if len(order) > 1 else order)
    if not free:
        return tuple(order[:-1] if len(order) > 1 else order)
    if order[-1] in dummies:
        return tuple(i for i in order if i in free)
    return tuple(i for i in order[:-1] if i in free) or tuple(i for i in order if i in dummies)


def _outside_windows(statement: Statement) -> tuple[Index, ...]:
    """The batch of a sum over windows: what is outermost in memory, whether it is summed or not, without the row."""
    plain = [i for i in main_access(statement) if isinstance(i, Index) and i in statement.loops]
    order = list(dict.fromkeys(plain)) or list(statement.loops)
    free = [i for i in order if i in statement.free]
    if order[0] in statement.free:
        return tuple(free[:-1] if order[-1] in free and len(free) > 1 else free)
    return tuple(takewhile(lambda i: i not in free, order[:-1])) or tuple(free)


def _plain_places(statement: Statement) -> tuple[Index, ...]:
    """The leading indices of the target of an addition that are plain: different values meet different entries."""
    found: list[Index] = []
    for index in statement.target:
        if not isinstance(index, Index) or index in found:
            break
        found.append(index)
    rest = statement.target[len(found) :]
    return tuple(i for i in found if not any(i in free_indices(r) for r in rest)) if rest else tuple(found)


def _joined(group: Group, statement: Statement) -> bool:
    """Add the statement to the group where its indices allow it."""
    if group.closed:
        return False
    if not group.batch:
        return not statement.loops and _add_scalar(group, statement)
    names = _forced(group, statement)
    if names is None:
        return False
    names = _by_inputs(group, statement, names)
    free = {i: b for i, b in names.items() if i in statement.free}
    if statement.reduces and 0 < len(free) < len(names):
        names = free
    batch = set(names.values())
    if not batch or (batch != set(group.batch) and not _may_narrow(group, statement, batch)):
        return False
    if _walks_across(statement, names):
        return False
    back = {v: k for k, v in names.items()}
    if not _fits(statement, [back[b] for b in group.batch if b in batch]):
        return False
    if batch != set(group.batch):
        group.narrowed(tuple(b for b in group.batch if b in batch))
    group.add(statement, names)
    return True


def _walks_across(statement: Statement, names: Mapping[Index, Index]) -> bool:
    """Whether the loops inside a row would jump from row to row of what is read: the batch has what lies together."""
    order = [i for i in main_access(statement) if isinstance(i, Index) and i in statement.loops]
    inside = [i for i in order if i not in names]
    return statement.operation is not Operation.ADD and bool(inside) and order[-1] in names


def _add_scalar(group: Group, statement: Statement) -> bool:
    if any(s.loops for s in group.statements):
        return False
    group.add(statement, {})
    return True


def _fits(statement: Statement, batch: Sequence[Index]) -> bool:
    """Whether a statement is free in all batch indices, or sums over all of them."""
    if statement.operation is Operation.ADD:
        return set(batch) <= {t for t in statement.target if isinstance(t, Index)}
    free = set(statement.free)
    return set(batch) <= free or (statement.reduces and free.isdisjoint(batch))


def _may_narrow(group: Group, statement: Statement, batch: set[Index]) -> bool:
    """Whether the group still holds together with fewer batch indices; copies of windows stay apart, a sample each."""
    if any(slides(s) and not s.reduces for s in group.statements):
        return False
    return all(_fits(s, [b for b in group.batch if b in batch]) and not group.accumulates(s) for s in group.statements)


def _forced(group: Group, statement: Statement) -> dict[Index, Index] | None:
    """The batch letters of the statement's indices, as the tensors of the group demand; `None` where they disagree."""
    names: dict[Index, Index] = {}
    for c in _components(statement):
        axes = group.axes.get(c.tensor)
        if axes is None:
            continue
        if not any(a in group.batch for a in axes):
            return None
        for letter, index in zip(axes, c.indices, strict=True):
            if letter not in group.batch:
                continue
            assert isinstance(letter, Index)
            if not isinstance(index, Index) or index not in statement.loops:
                return None
            if names.setdefault(index, letter) != letter:
                return None
    return names if len(set(names.values())) == len(names) else None


def _by_inputs(group: Group, statement: Statement, names: dict[Index, Index]) -> dict[Index, Index]:
    """The letters completed by tensors that the group and the statement both read."""
    found = dict(names)
    for c in statement.accesses:
        for letter, index in zip(group.seen.get(c.tensor, ()), c.indices, strict=False):
            free = letter in group.batch and letter not in found.values()
            if free and isinstance(index, Index) and index in statement.loops and index not in found:
                assert isinstance(letter, Index)
                found[index] = letter
    return found

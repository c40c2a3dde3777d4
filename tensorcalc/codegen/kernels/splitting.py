"""Sums over a row that need not wait: Σ_i c (a_i + b k_i) with c and b from other sums of the same row is
c Σ_i a_i + c b Σ_i k_i, and these are summed in an earlier pass.

A difference from a mean, x_i − m, stays what it is: Σ_i (x_i − m) y_i would lose in Σ_i x_i y_i − m Σ_i y_i all the
digits that x and m have in common. Elsewhere a factor is a rounded product already, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sympy import Add, Expr, Mul, S

from tensorcalc.binding import free_indices, product, rename
from tensorcalc.codegen.kernels.groups import Group
from tensorcalc.codegen.kernels.statements import Operation, Statement
from tensorcalc.expr import Component
from tensorcalc.expr import Group as Bracket
from tensorcalc.index import Index, Tensor

__all__ = ["Pending", "with_early_sums"]

MOST_PARTS = 4  # sums that may stand for one


class PartOfSum(Tensor):
    """The value of one of the sums that stand for another; never the same tensor as one of the program's."""


@dataclass(frozen=True)
class Pending:
    """What a sum over a row may be taken apart into.

    `ready` is the number of the pass before which a tensor of the group is known, `values` are the definitions of those
    that are no sums.
    """

    group: Group
    ready: Mapping[Tensor, int]
    values: Mapping[Tensor, Statement]

    def number(self, e: Expr) -> int:
        """The first pass in which a value is known."""
        return max((self.ready.get(c.tensor, 0) for c in e.atoms(Component)), default=0)


Part = tuple[Expr, Expr]
"""A factor without dummies, and what is left to be summed."""


def with_early_sums(pending: Pending) -> Group | None:
    """The group with sums taken apart where their parts are known earlier; `None` where none is."""
    group = pending.group
    found: list[Statement] = []
    axes = dict(group.axes)
    for statement in group.statements:
        parts = _parts(statement, pending)
        if not parts:
            found.append(statement)
            continue
        total: list[Expr] = []
        for number, (factor, rest) in enumerate(parts, start=1):
            tensor = PartOfSum(f"{statement.tensor.name}_{number}", statement.tensor.dimensions)
            axes[tensor] = statement.target
            found.append(Statement(tensor, statement.target, statement.loops, Operation.SUM, rest))
            total.append(product((factor, Component(tensor, *statement.target))))
        sum_of_parts = Add(*total)
        found.append(Statement(statement.tensor, statement.target, statement.free, Operation.ASSIGN, sum_of_parts))
    return replace(group, statements=found, axes=axes) if len(found) > len(group.statements) else None


def _parts(statement: Statement, pending: Pending) -> list[Part]:
    """The parts of a sum over a row, all known in an earlier pass; empty where there are none."""
    batch = set(pending.group.batch)
    if statement.operation is not Operation.SUM or set(statement.free) - batch or not batch <= set(statement.free):
        return []
    dummies = frozenset(statement.dummies)
    number = pending.number(statement.expression)
    if not number:
        return []
    sums: dict[Expr, Expr] = {}
    for factor, rest in _opened(statement.expression, dummies, number, pending):
        if rest is S.One or pending.number(rest) >= number:
            return []
        sums[rest] = Add(sums.get(rest, S.Zero), factor)
    return [(factor, rest) for rest, factor in sums.items()] if len(sums) <= MOST_PARTS else []


def _opened(e: Expr, dummies: frozenset[Index], number: int, pending: Pending) -> list[Part]:
    """An expression as terms, each a factor without dummies times the rest, opened only where it has to wait."""
    if free_indices(e).isdisjoint(dummies):
        return [(e, S.One)]
    if pending.number(e) < number:
        return [(S.One, e)]
    if isinstance(e, Bracket):
        return _opened(e.args[0], dummies, number, pending)
    if isinstance(e, Component):
        made = pending.values.get(e.tensor)
        if made is None:
            return [(S.One, e)]
        names = dict(zip(pending.group.axes[e.tensor], e.indices, strict=True))
        opened = rename(made.expression, {k: v for k, v in names.items() if isinstance(k, Index)})
        return _opened(opened, dummies, number, pending)
    if isinstance(e, Add):
        if any(free_indices(a).isdisjoint(dummies) for a in e.args):
            return [(S.One, e)]
        return [part for a in e.args for part in _opened(a, dummies, number, pending)]
    return _opened_product(e, dummies, number, pending) if isinstance(e, Mul) else [(S.One, e)]


def _opened_product(e: Mul, dummies: frozenset[Index], number: int, pending: Pending) -> list[Part]:
    """A product by way of the one factor that has to wait."""
    inside = [f for f in e.args if not free_indices(f).isdisjoint(dummies)]
    outside = [f for f in e.args if f not in inside]
    late = [f for f in inside if pending.number(f) >= number]
    if len(late) > 1:
        return [(S.One, e)]
    early = [f for f in inside if f not in late]
    parts = _opened(late[0], dummies, number, pending) if late else [(S.One, S.One)]
    return [(product((*outside, factor)), product((*early, rest))) for factor, rest in parts]

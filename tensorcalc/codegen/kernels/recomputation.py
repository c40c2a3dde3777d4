"""Values that are computed again by whoever needs them: cheaper than to write them to memory and read them back.

A value joins the loops of those who read it where it takes few operations and reads no more arrays of its size than
are at hand anyway. Within one group of loops `nests` decides the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sympy import Expr

from tensorcalc.binding import rename, replace
from tensorcalc.codegen.kernels.groups import Group
from tensorcalc.codegen.kernels.nests import cost
from tensorcalc.codegen.kernels.statements import Operation, Statement
from tensorcalc.expr import Component
from tensorcalc.index import Index, Tensor

__all__ = ["recomputed"]

CHEAP = 24  # operations that take no longer than to write an entry to memory and to read it back
MOST_READ = 2  # arrays of its own size that a value may be made of: as many as a store and a load move


def recomputed(
    statements: Sequence[Statement], groups: Sequence[Group], stored: Iterable[Tensor], outputs: Iterable[Tensor]
) -> list[Statement]:
    """The statements, with cheap values of other groups computed where they are read; `stored` are the arrays that are
    in memory before.
    """
    homes = {t: place for place, group in enumerate(groups) for t in group.made}
    closed = {t for group in groups if group.closed for t in group.made}
    kept = frozenset(outputs)
    memory = {*stored, *closed}
    added = {s.tensor for s in statements if s.operation is Operation.ADD}
    cheap: dict[Tensor, Statement] = {}
    found: list[Statement] = []
    for statement in statements:
        elsewhere = {t: s for t, s in cheap.items() if homes[t] != homes[statement.tensor]}
        new = statement if statement.tensor in closed else _with_values(statement, elsewhere)
        found.append(new)
        if new.tensor not in kept | added | closed and _is_cheap(new, memory, added):
            cheap[new.tensor] = new
    return found


def _is_cheap(statement: Statement, memory: set[Tensor], added: set[Tensor]) -> bool:
    """Whether a value of several indices takes few operations on few arrays that are in memory anyway."""
    target = statement.target
    plain = all(isinstance(i, Index) for i in target) and len(set(target)) == len(target)
    if statement.operation is not Operation.ASSIGN or not plain or len(target) < 2:
        return False
    whole = {c.tensor for c in statement.accesses if len(c.indices) >= len(target)}
    read = {c.tensor for c in statement.accesses}
    few = len(whole) <= MOST_READ and whole <= memory and read.isdisjoint(added)
    return few and cost(statement.expression, set(statement.loops[-1:])) <= CHEAP


def _with_values(statement: Statement, values: Mapping[Tensor, Statement]) -> Statement:
    """A statement with the expressions of some values in their places."""

    def new(node: Expr) -> Expr | None:
        if not isinstance(node, Component) or node.tensor not in values:
            return None
        made = values[node.tensor]
        names = {i: e for i, e in zip(made.target, node.indices, strict=True) if isinstance(i, Index)}
        return rename(made.expression, names)

    if not any(a.tensor in values for a in statement.accesses):
        return statement
    expression = replace(statement.expression, new)
    return Statement(statement.tensor, statement.target, statement.loops, statement.operation, expression)

"""Equations as chains: sides that are claimed to be equal, one below the other; and the claims that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tensorcalc.errors import Span
from tensorcalc.verify.latex.rows import Row, Side
from tensorcalc.verify.latex.tree import Scripted, Symbol
from tensorcalc.verify.problems import Problem
from tensorcalc.verify.reading import Definition, Val
from tensorcalc.verify.signs import key_of

__all__ = ["Chain", "Claim", "chains_of", "left_name"]


@dataclass(slots=True)
class Claim:
    """One `=`: its place, its two sides, and what was found out about it while reading.

    `reference` is the side that the right one is compared with: the first of its chain that has a value. `defines` is
    the name that it defines, where it does. `doubt` says why the claim may be true although its sides differ, and
    `shape_doubt` why their shapes may fit although they do not seem to; `laid`
    whether there is a derivative of a vector by a vector in it, which is a matrix or its transpose; `solves` is the
    solution that it gives for a gradient that was set to zero.
    """

    row: Row
    left: Side
    right: Side
    span: Span
    inline: bool = False
    reference: Val | None = None
    value: Val | None = None
    problem: Problem | None = None
    defines: str = ""
    redefines: Definition | None = None
    assumed: bool = False
    free: frozenset[str] = frozenset()
    chain: int = 0
    doubt: str = ""
    shape_doubt: str = ""
    laid: bool = False
    solves: Definition | None = None


@dataclass(slots=True)
class Chain:
    """Sides that are all claimed equal, with the words that stand beside them."""

    sides: list[Side] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    inline: bool = False
    label: str = ""
    assumed: bool = False

    @property
    def words(self) -> str:
        return " ".join(w for row in self.rows for w in row.words)


def chains_of(rows: Sequence[Row], inline: bool) -> list[Chain]:
    chains: list[Chain] = []
    previous: Chain | None = None
    for row in rows:
        if row.continues and previous is not None and previous.rows[-1].block == row.block:
            chain = previous
        else:
            chain = Chain(inline=inline, label=row.label)
            chains.append(chain)
            if row.continues:
                chain.rows.append(row)
        chain.rows.append(row)
        for side in row.sides:
            if side.relation in ("", "="):
                chain.sides.append(side)
            elif (
                side.relation != "\\in"
            ):  # what stands behind another relation is not claimed equal; a set has no value
                chain = Chain([replace(side, relation="")], [row], inline, row.label)
                chains.append(chain)
        if not row.aside:
            previous = chain
    return chains


def left_name(chain: Chain) -> str | None:
    if len(chain.sides) < 2:
        return None
    node = chain.sides[0].node
    if isinstance(node, Symbol):
        return key_of(node)
    if isinstance(node, Scripted) and isinstance(node.base, Symbol) and node.sup is None:
        return key_of(node.base)
    return None

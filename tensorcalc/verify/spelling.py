"""How an article spells what others write otherwise: found once over all of its rows, and put right before reading.

The same is done with every other right side that is tried for a row, so that corrections are in the article's spelling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tensorcalc.verify.components import vector_functions, with_components
from tensorcalc.verify.latex.rows import Row
from tensorcalc.verify.omitted import statistics_of, with_statistics, with_sum_letters
from tensorcalc.verify.profile import Profile
from tensorcalc.verify.uppers import primed_letters, upper_letters, with_lowered, with_primed

__all__ = ["Spelling", "spelled"]


@dataclass(frozen=True, slots=True)
class Spelling:
    """Letters with a prime, letters of indices above names, functions that are vectors, names without their index."""

    primed: frozenset[str] = frozenset()
    uppers: frozenset[str] = frozenset()
    vectors: frozenset[str] = frozenset()
    statistics: Mapping[str, str] = field(default_factory=dict)

    def node(self, node: Any) -> Any:
        """A tree as it is read."""
        node = with_lowered(with_primed(node, self.primed), self.uppers)
        return with_statistics(with_components(node, self.vectors), dict(self.statistics))


def spelled(rows: Sequence[Row], profile: Profile) -> tuple[list[Row], Spelling]:
    """The rows as they are read, and what was found out about their spelling."""
    found = Spelling(primed=primed_letters(rows))
    rows = _rewritten(rows, found)
    own = replace(found, uppers=upper_letters(rows)) if profile.superscripts != "label" else found
    rows = with_sum_letters(_rewritten(rows, own))
    whole = replace(own, vectors=vector_functions(rows), statistics=statistics_of(rows))
    return _rewritten(rows, whole), whole


def _rewritten(rows: Sequence[Row], spelling: Spelling) -> list[Row]:
    return [replace(r, sides=tuple(replace(s, node=spelling.node(s.node)) for s in r.sides)) for r in rows]

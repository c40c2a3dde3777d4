"""How an article spells what others write otherwise: found once over all of its rows, and put right before reading.

The same is done with every other right side that is tried for a row, so that corrections are in the article's spelling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tensorcalc.verify.components import vector_functions, with_components
from tensorcalc.verify.latex.rows import Row
from tensorcalc.verify.latex.tree import BigOperator, Bracket, Node, Scripted, Sum, Symbol
from tensorcalc.verify.latex.walking import changed, nodes_in
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
        node = with_lowered(with_primed(without_brackets(node), self.primed), self.uppers)
        return with_statistics(with_components(node, self.vectors), dict(self.statistics))


def without_brackets(node: Any) -> Any:
    """A tree without brackets around names with a prime, as in (ω')^l_{mn}, and without braces that change a sum."""
    return changed(node, _unbracketed)


def _unbraced(part: BigOperator) -> Node:
    """A sum without what follows in braces, which nobody sees: Σ_n {a_n + b} is printed as Σ_n a_n + b."""
    body = part.body.body if isinstance(part.body, Bracket) and part.body.kind == "group" else None
    if not isinstance(body, Sum) or part.kind != "sum":
        return part
    bound = {n.name for n in nodes_in(part.lower) if isinstance(n, Symbol)}
    inside = [k for k, t in enumerate(body.terms) if bound & {n.name for n in nodes_in(t) if isinstance(n, Symbol)}]
    last = inside[-1] + 1 if inside else len(body.terms)
    if last == len(body.terms):
        return part
    kept = replace(body, terms=body.terms[:last], subtracted=body.subtracted[:last])
    alone = last == 1 and not kept.subtracted[0]
    summed = replace(part, body=kept.terms[0] if alone else Bracket(part.body.span, "group", kept))
    terms = Sum(body.span, (summed, *body.terms[last:]), (False, *body.subtracted[last:]))
    return Bracket(part.body.span, "group", terms)


def _unbracketed(part: Node) -> Node:
    if isinstance(part, BigOperator):
        return _unbraced(part)
    if not isinstance(part, Scripted) or part.sub is None or part.primes or not isinstance(part.base, Bracket):
        return part
    inner = part.base.body
    bare = isinstance(inner, Scripted) and isinstance(inner.base, Symbol) and inner.sub is None and inner.sup is None
    if not bare or part.base.kind not in ("(", "group"):
        return part
    return replace(part, base=inner.base, primes=inner.primes) if isinstance(inner, Scripted) else part


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

"""Where rules apply in a line: the innermost nodes that a rule rewrites, in reading order, and the line it leads to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sympy import Add, Expr, Mul

from tensorcalc.binding import Binder, rebuild
from tensorcalc.draft.families import Rewrite
from tensorcalc.expr import Component, Delta, Group, Inverse, Iverson, One, Partial
from tensorcalc.render import Context
from tensorcalc.render.order import factor_key
from tensorcalc.render.walk import opened_as_written, terms_as_written
from tensorcalc.rules.rule import Rule

__all__ = ["Place", "Places"]

LEAVES = (Component, Delta, Inverse, Iverson, One, Partial)


@dataclass(frozen=True, slots=True)
class Place:
    """A node of a line, how it is rewritten, and the line with the rewritten node."""

    node: Expr
    rewrite: Rewrite
    line: Expr


@dataclass(frozen=True, slots=True)
class Places:
    """The places of lines at which `rewrites` says something; sums are opened with the letters that are printed."""

    rewrites: Callable[[Expr], Iterator[Rewrite]]
    context: Context

    def of(self, line: Expr) -> dict[str, list[Place]]:
        """By the name of each rule, the places where it applies: nodes that have no such place inside."""
        return self._search(line, lambda e: e, set(self.context.taken))

    def everywhere(self, line: Expr, name: str) -> Rewrite | None:
        """The line with a rule applied to it as a whole, or else at every place; `None` where it applies nowhere."""
        fired: dict[Rule, None] = {}
        whole = self._first(line, name)
        result = whole.expression if whole else self._all(line, name, set(self.context.taken), fired)
        return whole or (Rewrite(result, tuple(fired)) if fired else None)

    def _search(self, node: Expr, around: Callable[[Expr], Expr], taken: set[str]) -> dict[str, list[Place]]:
        found: dict[str, list[Place]] = {}
        children, put = self._parts(node, taken)
        for position in self._reading_order(node, children):

            def within(e: Expr, k: int = position) -> Expr:
                return around(put([*children[:k], e, *children[k + 1 :]]))

            for name, below in self._search(children[position], within, set(taken)).items():
                found.setdefault(name, []).extend(below)
        covered = set(found)
        for rewrite in self.rewrites(node):
            for rule in rewrite.rules:
                if rule.name not in covered:
                    covered.add(rule.name)
                    found[rule.name] = [Place(node, rewrite, around(rewrite.expression))]
        return found

    def _first(self, node: Expr, name: str) -> Rewrite | None:
        return next((r for r in self.rewrites(node) if r.took(name)), None)

    def _all(self, node: Expr, name: str, taken: set[str], fired: dict[Rule, None]) -> Expr:
        children, put = self._parts(node, taken)
        changed = [self._all(c, name, set(taken), fired) for c in children]
        if any(new is not old for new, old in zip(changed, children, strict=True)):
            return put(changed)
        rewrite = self._first(node, name)
        if rewrite is None:
            return node
        fired.update(dict.fromkeys(rewrite.rules))
        return rewrite.expression

    def _parts(self, node: Expr, taken: set[str]) -> tuple[Sequence[Expr], Callable[[Sequence[Expr]], Expr]]:
        """The parts of a node, and how it is made of parts."""
        if isinstance(node, LEAVES) or not node.args:
            return (), lambda parts: node
        if isinstance(node, Binder):
            body, letters = opened_as_written(node, self.context, taken)
            return (body,), lambda parts: node.func(*parts, *letters)
        return node.args, lambda parts: Group(*parts) if isinstance(node, Group) else rebuild(node, parts)

    def _reading_order(self, node: Expr, parts: Sequence[Expr]) -> list[int]:
        """The positions of the parts as they are printed."""
        if isinstance(node, Add):
            return [parts.index(term) for term in terms_as_written(node, self.context)]
        order = list(range(len(parts)))
        if isinstance(node, Mul):
            order.sort(key=lambda k: factor_key(parts[k], self.context))
        return order

"""Brackets that only say what a name depends on: J(θ) where J also stands alone and is never J of anything else.

They are taken away before anything is read, so that J(θ) and J are one tensor, defined once. A gradient without a
subscript, ∇J, is by the one argument that J has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from tensorcalc.verify.latex.rows import Row
from tensorcalc.verify.latex.tree import Bracket, DerivativeOf, Node, Product, Scripted, Symbol
from tensorcalc.verify.latex.tree import Sequence as Items
from tensorcalc.verify.signs import key_of

__all__ = ["without_dependence"]


@dataclass(slots=True)
class _Uses:
    """How names are used: with which arguments they are called (`()` for any that are no names), how often they stand
    alone, which have a number above as in l^{(i)}(w), and which `name(arguments)` are on the left of an equation."""

    calls: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)
    alone: Counter[str] = field(default_factory=Counter)
    primed: set[str] = field(default_factory=set)
    numbered: set[str] = field(default_factory=set)
    defined: dict[str, tuple[Symbol, ...]] = field(default_factory=dict)

    def depends(self, key: str) -> bool:
        """Whether the bracket behind a name only says what it depends on."""
        found = self.calls.get(key, set())
        once = key in self.defined and len(found) == 1 and () not in found and key not in self.primed
        return once and (self.alone[key] > 0 or key in self.numbered)

    def gather(self, part: Any) -> None:
        if isinstance(part, Product):
            self.product(part)
        elif isinstance(part, Node):
            symbol = _symbol(part)
            if symbol is not None:
                self.alone[key_of(symbol)] += 1
                self.primed |= {key_of(symbol)} if isinstance(part, Scripted) and part.primes else set()
            for f in fields(part):
                if symbol is None or f.name != "base":
                    self.gather(getattr(part, f.name))
        elif isinstance(part, tuple):
            for inner in part:
                self.gather(inner)

    def product(self, node: Product) -> None:
        called = _calls(node)
        for place, factor in enumerate(node.factors):
            symbol = _symbol(factor)
            if place in called and symbol is not None:
                arguments = _arguments(node.factors[place + 1])
                names = tuple(key_of(a) for a in arguments) if arguments is not None else ()
                self.calls.setdefault(key_of(symbol), set()).add(names)
                if isinstance(factor, Scripted):
                    self.numbered |= {key_of(symbol)} if isinstance(factor.sup, Bracket) else set()
                    self.primed |= {key_of(symbol)} if factor.primes else set()
                    self.gather((factor.sub, factor.sup))
            else:
                self.gather(factor)


def _symbol(node: Node | None) -> Symbol | None:
    base = node.base if isinstance(node, Scripted) else node
    return base if isinstance(base, Symbol) else None


def _calls(node: Product) -> set[int]:
    """The places of factors that a round bracket follows."""
    found = set()
    for place, following in enumerate(node.factors[1:]):
        bracket = following.base if isinstance(following, Scripted) else following
        if isinstance(bracket, Bracket) and bracket.kind == "(" and not node.signs[place + 1]:
            found.add(place)
    return found


def _arguments(node: Node) -> tuple[Symbol, ...] | None:
    """The names in a bracket; `None` where something else stands there."""
    if not isinstance(node, Bracket):
        return None
    items = node.body.items if isinstance(node.body, Items) else (node.body,)
    names = tuple(i for i in items if isinstance(i, Symbol))
    return names if len(names) == len(items) else None


def without_dependence(rows: Sequence[Row], others: Iterable[Row] = ()) -> list[Row]:
    """The rows without such brackets; `others` are rows that also show how names are used."""
    uses = _Uses()
    for row in (*rows, *others):
        for place, side in enumerate(row.sides):
            if not place and not row.continues and len(row.sides) > 1:
                _define(side.node, uses)
            uses.gather(side.node)
    return [replace(row, sides=tuple(replace(s, node=_rewritten(s.node, uses)) for s in row.sides)) for row in rows]


def _define(node: Node | None, uses: _Uses) -> None:
    if isinstance(node, Product) and len(node.factors) == 2 and 0 in _calls(node):
        symbol, arguments = _symbol(node.factors[0]), _arguments(node.factors[1])
        if symbol is not None and arguments:
            uses.defined.setdefault(key_of(symbol), arguments)


def _rewritten(part: Any, uses: _Uses) -> Any:
    if isinstance(part, tuple):
        return tuple(_rewritten(p, uses) for p in part)
    if not isinstance(part, Node):
        return part
    if isinstance(part, DerivativeOf) and not part.variables:
        part = replace(part, variables=_by_what(part.numerator, uses))
    changed = type(part)(**{f.name: _rewritten(getattr(part, f.name), uses) for f in fields(part)})
    if not isinstance(part, Product) or not isinstance(changed, Product):
        return changed
    symbols = {p: _symbol(part.factors[p]) for p in _calls(part)}
    gone = {p + 1 for p, s in symbols.items() if s is not None and uses.depends(key_of(s))}
    gone = {p for p in gone if isinstance(part.factors[p], Bracket)}
    if not gone:
        return changed
    kept = [k for k in range(len(part.factors)) if k not in gone]
    if len(kept) == 1:
        return changed.factors[0]
    return replace(
        changed, factors=tuple(changed.factors[k] for k in kept), signs=tuple(changed.signs[k] for k in kept)
    )


def _by_what(node: Node, uses: _Uses) -> tuple[Node, ...]:
    """The variable of a gradient without a subscript: the only argument of what is differentiated."""
    arguments: tuple[Symbol, ...] | None = None
    if isinstance(node, DerivativeOf):
        return _by_what(node.numerator, uses)
    if isinstance(node, Product) and len(node.factors) == 2 and 0 in _calls(node):
        arguments = _arguments(node.factors[1])
    elif (symbol := _symbol(node)) is not None:
        arguments = uses.defined.get(key_of(symbol))
    return arguments if arguments is not None and len(arguments) == 1 else ()

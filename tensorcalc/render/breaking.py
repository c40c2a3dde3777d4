"""Long formulas on several rows: broken at a plus or minus, or else between factors; the same for every notation.

A row ends before a plus or minus of the outermost sum that makes the rows fit, which may stand in brackets. Where no
sum does, or only a short one, a product is broken between its factors, with a times sign at the beginning of the next
row. How wide a formula is, and how brackets look that close on a later row, is the notation's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

from sympy import S

from tensorcalc.budget import check_time
from tensorcalc.render import layout as at
from tensorcalc.render.layout import Node
from tensorcalc.render.notation import Notation

__all__ = ["Row", "rows"]

_HOLE = at.Name("\N{WHITE SQUARE}")
_SHORT = 0.4  # a sum in brackets that takes less of a row stays whole where the product around it can be broken
_HALVINGS = 5
_READABLE = 1500  # characters of a formula up to which it is worth much to break it well
_VISIT = 5  # characters that looking at a node counts for
_GAP = at.Sum((_HOLE,))  # takes the place of a sum and needs the brackets of one


@dataclass(frozen=True, slots=True)
class Row:
    """A part of a formula; `depth` says how far it is indented: 0 for the first row, 1 for what continues it, …"""

    depth: int
    text: str


@lru_cache(1 << 12)
def rows(node: Node, notation: Notation, width: float) -> tuple[Row, ...]:
    """The formula on as few rows as fit into `width` (in the notation's unit), or as narrow as it can be made."""
    text = notation.text(node)
    ink = _Ink(notation, 120_000 if len(text) <= _READABLE else 10_000, {id(node): (node, text)})
    return tuple(_Breaker(notation, width, ink).rows(node, "", "", 0))


@dataclass(slots=True)
class _Ink:
    """How many characters may still be printed to find good breaks; then the rest of a formula stays as it is.

    `texts` are those of nodes that were printed before.
    """

    notation: Notation
    left: int
    texts: dict[int, tuple[Node, str]]

    def text(self, node: Node) -> str:
        """The text of a node."""
        known = self.texts.get(id(node))
        if known is None:
            known = self.texts[id(node)] = node, self.notation.text(node)
        return known[1]


@dataclass(frozen=True, slots=True)
class _Breaker:
    notation: Notation
    width: float
    ink: _Ink
    balance: bool = True  # make rows equally long rather than each as long as it may be

    def rows(self, node: Node, before: str, after: str, depth: int) -> list[Row]:
        """The rows of a formula between two pieces of text."""
        check_time()
        flat = [Row(depth, f"{before}{self.ink.text(node)}{after}")]
        self.ink.left -= len(flat[0].text)
        if self.ink.left < 0 or self._fit(flat):
            return flat
        best = flat
        for broken in self._ways(node, before, after, depth):
            if self._fit(broken):
                return broken
            best = min(best, broken, key=self._widest)
        return best

    def _ways(self, node: Node, before: str, after: str, depth: int) -> Iterator[list[Row]]:
        """The ways to break a formula, the best first; those that break nothing are left out."""
        if isinstance(node, at.Sum):
            yield self._sum(node.terms, before, after, depth)
        short, hopeless = [], []
        for whole in (node, _unfolded(node)):
            for inner, around in () if whole is None else self._sums_inside(whole):
                opened = self.notation.opened(around, _GAP, inner)
                if self.ink.left < 0:
                    return
                if opened is None:
                    continue
                self.ink.left -= sum(map(len, opened))
                found = inner.terms, before + opened[0], opened[1] + after, depth
                if not self._fit([Row(depth, found[1]), Row(depth + 1, found[2])]):
                    hopeless.append(found)
                elif self.notation.width(self.ink.text(inner)) < _SHORT * self.width:
                    short.append(found)
                else:
                    yield self._sum(*found)
        others = [*self._factors(node, before, after, depth), *(self._sum(*found) for found in short)]
        yield from others
        if not others:
            yield from (self._sum(*found) for found in hopeless[:1])

    def _sums_inside(self, node: Node) -> list[tuple[at.Sum, Node]]:
        """The outermost sums in a formula, each with the formula around it, in which a gap stands for it.

        Those with few signs around them come first. What is inside of a sum is broken with its terms.
        """
        found: list[tuple[int, at.Sum, Node]] = []

        def visit(part: Node, around: Callable[[Node], Node], level: int) -> None:
            self.ink.left -= _VISIT
            if self.ink.left < 0:
                return
            if isinstance(part, at.Sum) and level:
                found.append((level, part, around(_GAP)))
                return
            for name, place, child in _children(part):
                visit(child, lambda new, p=part, n=name, k=place: around(_replaced(p, n, k, new)), level + 1)  # type: ignore[misc]

        visit(node, lambda new: new, 0)
        return [(part, around) for _, part, around in sorted(found, key=lambda f: (f[0], -len(f[1].terms)))]

    def _sum(self, terms: Sequence[Node], before: str, after: str, depth: int) -> list[Row]:
        """Terms on rows of about the same width, each row as long as it may be."""
        return self._balanced(lambda inside: inside._packed(terms, before, after, depth))

    def _balanced(self, pack: Callable[[_Breaker], list[Row]]) -> list[Row]:
        """The packing whose rows are about as narrow as their number allows."""
        if not self.balance:
            return pack(self)
        greedy = replace(self, balance=False)
        count = len(pack(greedy))
        least, width = self.width / 2, self.width
        for _ in range(_HALVINGS):
            middle = (least + width) / 2
            narrower = replace(greedy, width=middle)
            found = pack(narrower)
            least, width = (least, middle) if len(found) <= count and narrower._fit(found) else (middle, width)
        return pack(replace(self, width=width))

    def _packed(self, terms: Sequence[Node], before: str, after: str, depth: int) -> list[Row]:
        done: list[Row] = []
        open_row: Row | None = None
        for place, term in enumerate(terms):
            sign, operand = self.notation.signed(term, first=place == 0)
            head, tail = (before if place == 0 else ""), (after if place == len(terms) - 1 else "")
            if open_row is not None:
                longer = Row(open_row.depth, f"{open_row.text} {sign}{self.ink.text(operand)}{tail}")
                if self._fit([longer]):
                    open_row = longer
                    continue
                done.append(open_row)
            leading = self.notation.leading(sign) if done else sign
            broken = self.rows(operand, head + leading, tail, depth + 1 if done else depth)
            if place == 0:  # what continues the first term stands deeper than the other terms
                broken = [broken[0], *(Row(row.depth + 1, row.text) for row in broken[1:])]
            open_row = broken[0] if len(broken) == 1 else None
            done += [] if len(broken) == 1 else broken
        return done if open_row is None else [*done, open_row]

    def _factors(self, node: Node, before: str, after: str, depth: int) -> Iterator[list[Row]]:
        """A product, or a term that is one behind its sign, with breaks between the factors."""
        if isinstance(node, at.Product) and len(node.factors) == 1 and isinstance(node.factors[0], at.Over):
            node = node.factors[0]  # the last factor of a product, whose sign reaches to the end
        if isinstance(node, at.Negative | at.Over):
            body = node.term if isinstance(node, at.Negative) else node.body
            opening, _, closing = self.notation.text(_with_body(node, _HOLE)).partition(self.notation.text(_HOLE))
            if isinstance(body, at.Product):
                yield from self._factors(body, before + opening, closing + after, depth)
        if isinstance(node, at.Product) and len(node.factors) > 1:
            factors = node.factors
            yield self._balanced(lambda inside: inside._product(factors, before, after, depth))

    def _product(self, factors: Sequence[Node], before: str, after: str, depth: int) -> list[Row]:
        done: list[Row] = []
        start, first = before, 0
        for place in range(1, len(factors) + 1):
            below = depth + bool(done)
            end = after if place >= len(factors) - 1 else ""
            longer = f"{start}{self.notation.text(at.Product(tuple(factors[first : place + 1])))}{end}"
            if place < len(factors) and self._fit([Row(below, longer)]):
                continue
            row = at.Product(tuple(factors[first:place]))
            done += self.rows(row, start, after if place == len(factors) else "", below)
            start, first = self.notation.leading(f"{self.notation.times} "), place
        return done

    def _width(self, row: Row) -> float:
        return self.notation.width(row.text) + self.notation.indent * row.depth

    def _widest(self, found: Sequence[Row]) -> float:
        return max(self._width(row) for row in found)

    def _fit(self, found: Sequence[Row]) -> bool:
        return self._widest(found) <= self.width


def _children(node: Node) -> Iterator[tuple[str, int, Node]]:
    """The nodes in a node: the field, the place in it (-1 where it holds a single node), the node."""
    for entry in fields(node):
        value: Any = getattr(node, entry.name)
        if isinstance(value, tuple):
            yield from ((entry.name, place, item) for place, item in enumerate(value) if isinstance(item, Node))
        elif isinstance(value, Node):
            yield entry.name, -1, value


def _replaced(node: Node, name: str, place: int, new: Node) -> Node:
    value: Any = getattr(node, name)
    changes: dict[str, Any] = {name: new if place < 0 else (*value[:place], new, *value[place + 1 :])}
    whole: Any = node
    changed: Node = replace(whole, **changes)
    return changed


def _unfolded(node: Node) -> Node | None:
    """A term with 1/d before a sum n instead of n/d, which cannot be broken; `None` where there is no such fraction."""
    if isinstance(node, at.Negative):
        inner = _unfolded(node.term)
        return None if inner is None else at.Negative(inner)
    factors = node.factors if isinstance(node, at.Product) else (node,)
    for place, factor in enumerate(factors):
        if isinstance(factor, at.Fraction) and isinstance(factor.numerator, at.Sum):
            one = at.Fraction(at.Number(S.One), factor.denominator)
            return at.Product((*factors[:place], one, factor.numerator, *factors[place + 1 :]))
    return None


def _with_body(node: at.Negative | at.Over, body: Node) -> Node:
    return at.Negative(body) if isinstance(node, at.Negative) else replace(node, body=body)

"""Another right side for an equation: read as the article reads, and compared with the left side by number."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from tensorcalc.errors import TensorCalcError
from tensorcalc.verify.article import Article, Claim
from tensorcalc.verify.comparing import compare, finite, magnitude
from tensorcalc.verify.draws import Meaning
from tensorcalc.verify.latex import Macros, rows_of
from tensorcalc.verify.latex.lines import check_nesting, without_sizes
from tensorcalc.verify.latex.macros import expand
from tensorcalc.verify.latex.parser import parse
from tensorcalc.verify.latex.tokens import tokenize
from tensorcalc.verify.latex.tree import Node
from tensorcalc.verify.model import Dimensions
from tensorcalc.verify.numbers import Named, primal
from tensorcalc.verify.points import Point
from tensorcalc.verify.problems import Problem
from tensorcalc.verify.reading import Val
from tensorcalc.verify.summation import with_sums
from tensorcalc.verify.terms import Constant, Entry, Place, Term, substitute, tensors_of

__all__ = ["Allowance", "Trial", "tree_of"]

POINTS = 3
ANY = "/any"  # the x of a statement about f(x) for any x
CANCELLED = 1e4  # how much larger terms may be than their sum


@dataclass(slots=True)
class Allowance:
    """How many right sides and how many misapplied rules may still be tried in an article."""

    sides: int
    slips: int


def tree_of(text: str, macros: Macros) -> Node | None:
    """The syntax tree of one side of an equation; `None` where the text is no such side."""
    places = range(len(text) + 1)
    try:
        tokens = without_sizes(expand(tokenize(text, places), macros))
        check_nesting(tokens)
        with suppress(TensorCalcError):  # most sides are a formula and nothing else
            return parse([t for t in tokens if not t.is_("&", "\\\\")])
        rows = rows_of(text, places, macros)
    except (TensorCalcError, RecursionError):
        return None
    if len(rows) != 1 or len(rows[0].sides) != 1 or rows[0].label:
        return None
    return rows[0].sides[0].node


class Trial:
    """Tries right sides of one claim under one reading of its derivatives."""

    def __init__(
        self,
        article: Article,
        claim: Claim,
        macros: Macros,
        dimensions: Dimensions,
        points: Sequence[Point],
        meaning: Meaning,
        allowance: Allowance,
    ) -> None:
        assert claim.reference is not None
        self.article = article
        self.claim = claim
        self.left = claim.reference
        self.macros = macros
        self.dimensions = dimensions.copy()
        self.dimensions.learn(self.left.term)
        self.dimensions.settle()
        self.meaning = meaning
        self.allowance = allowance
        self.arguments = {
            name.removesuffix(ANY): Val(Entry(name)) for name in tensors_of(self.left.term) if name.endswith(ANY)
        }
        self.roots = dimensions.roots()
        self.wanted: list[tuple[Point, Named]] = []
        if not self.place(self.dimensions, points):
            return
        for point in points:
            point.meaning = meaning
            value = self.value(self.left.term, point) if point.valid and len(self.wanted) < POINTS else None
            if value is not None:
                self.wanted.append((point, value))

    def holds(self, text: str) -> bool:
        """Whether the equation holds with this right side."""
        node = tree_of(text, self.macros) if self.allowance.sides > 0 else None
        if node is None:
            return False
        self.allowance.sides -= 1
        value = self.read(node)
        return value is not None and self.known(value.term) and self.agrees(value.term)

    def read(self, node: Node) -> Val | None:
        """The value of a right side with the axes of the left one; `None` where it is not well formed."""
        reader, names = self.article.reader, self.article.names
        orders, suffix, arguments = dict(names.orders), reader.suffix, reader.arguments
        reader.suffix, reader.arguments = f"@{self.claim.chain}", self.arguments
        try:
            found = reader.read(self.article.spelling.node(node))
            free = self.claim.free | frozenset(found.axes)
            term = with_sums(found.term, free, reader.letters, lambda: None)
            return self.fitted(Val(term, found.axes, found.row))
        except (Problem, TensorCalcError, RecursionError):
            return None
        finally:
            names.orders.clear()
            names.orders.update(orders)
            reader.suffix, reader.arguments = suffix, arguments

    def fitted(self, right: Val) -> Val | None:
        if len(self.left.axes) != len(right.axes):
            return right if not right.axes and isinstance(right.term, Constant) else None
        mapping = {b: Place.of(a) for a, b in zip(self.left.axes, right.axes, strict=True)}
        return Val(substitute(right.term, mapping), self.left.axes, right.row)

    def known(self, term: Term) -> bool:
        """Give the letters of a term their dimensions; whether none of the article's dimensions become one by it."""
        local = self.dimensions.copy()
        local.learn(term)
        local.settle()
        return self.place(local, [point for point, _ in self.wanted])

    def place(self, local: Dimensions, points: Sequence[Point]) -> bool:
        """Give new letters the sizes that points have for their dimensions; whether all dimensions are kept apart."""
        found = {local.find(root): root for root in self.roots}
        if len(found) < len(self.roots):
            return False
        new = {key: found.get(local.find(key)) for key in local.all_keys()}
        if None in new.values():
            return False
        for point in points:
            for key, root in new.items():
                if root is not None:
                    point.draw.find.setdefault(key, root)
        return True

    def agrees(self, term: Term) -> bool:
        """Whether a term has the value of the left side at every point."""
        return self.gives(term, self.wanted)

    def gives(self, term: Term, wanted: Sequence[tuple[Point, Named]]) -> bool:
        """Whether a term has given values, each at its point."""
        free = self.claim.free | frozenset(self.left.axes)
        for point, expected in wanted:
            point.meaning = self.meaning
            value = self.value(term, point)
            if value is None or set(value.letters) - set(expected.letters) - free:
                return False
            with suppress(ValueError):  # a letter that runs over two dimensions
                if self.same(expected, value, term, point):
                    continue
            return False
        return bool(wanted)

    def same(self, expected: Named, value: Named, term: Term, point: Point) -> bool:
        """Whether two arrays are the same, measured against the size of the term where it comes to that."""
        if compare(expected, value) is None:
            return True
        largest = max(float(np.abs(v.data).max(initial=0.0)) for v in (expected, value))
        if compare(expected, value, CANCELLED * largest) is not None:
            return False
        return compare(expected, value, magnitude(term, point)) is None

    def value(self, term: Term, point: Point) -> Named | None:
        """The value of a term at a point, where it has a finite one."""
        with np.errstate(all="ignore"), suppress(KeyError, ValueError, Problem, TensorCalcError, RecursionError):
            value = primal(point.term(term))
            return value if finite(value) else None
        return None

"""An order of the dummies of a sum that does not depend on their names, so that equal sums are equal objects.

The operand is a graph: its parts, its dummies at the leaves. Colour refinement tells dummies apart by where they stand;
among those that it cannot tell apart one is marked, and the colours are refined again. Colours are hashes of tuples of
numbers, which depend neither on names nor on the order in which SymPy keeps factors and terms, nor on the sign that
SymPy takes out of even and odd functions by the names in them: |x_i - x_j| is |x_j - x_i|. Where even marking does not
tell dummies apart, they are taken for interchangeable: an equality may be missed, never claimed.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache

import sympy
from sympy import Abs, Add, Mul, Pow, S
from sympy.core.basic import Basic

from tensorcalc.budget import check_time
from tensorcalc.expr import Delta
from tensorcalc.index import BoundIndex, Dimension, Index

__all__ = ["Graph"]

EVEN = (Abs, sympy.cos, sympy.cosh)
ODD = (sympy.sign, sympy.sin, sympy.tan, sympy.sinh, sympy.tanh, sympy.asin, sympy.atan, sympy.erf)
WORK = 400_000  # parts that are looked at before dummies that cannot be told apart are taken in any order


@lru_cache(1 << 14)
def _word(text: str) -> int:
    return zlib.crc32(text.encode())


@lru_cache(1 << 16)
def _digest(part: Basic) -> int:
    """The colour of a part without dummies of the sum."""
    if isinstance(part, BoundIndex):
        return hash((_word("bound"), part.number, _dimension(part.dimension)))
    if not part.args:
        return hash((_word(type(part).__name__), _word(str(part))))
    colours = [_digest(a) for a in part.args]
    return hash((_kind(part), *(sorted(colours) if _is_unordered(part) else colours)))


def _dimension(dimension: Dimension) -> int:
    return hash((_word(dimension.name), dimension.size or 0))


def _kind(part: Basic) -> int:
    return hash((_word(type(part).__name__), len(part.args)))


def _is_unordered(part: Basic) -> bool:
    return isinstance(part, Add | Mul | Delta)


def _is_turned(product: Mul) -> bool:
    """Whether the sign of a product is a matter of how a function in it is written."""
    return any(
        isinstance(a, ODD) or (isinstance(a, Pow) and isinstance(a.base, ODD) and a.exp.is_odd) for a in product.args
    )


def _unsigned(product: Mul) -> tuple[Basic, ...]:
    """The factors of a product without its sign."""
    number, factors = product.as_coeff_mul()
    return factors if abs(number) is S.One else (abs(number), *factors)


class Graph:
    """The parts of an operand, every part after those that it is made of. `binders` are the types of its inner sums."""

    def __init__(self, operand: Basic, dummies: Sequence[Index], binders: type[Basic]) -> None:
        self._binders = binders
        self._kinds: list[int] = []
        self._parts: list[tuple[int, ...]] = []
        self._unordered: list[bool] = []
        self._leaves: dict[int, int] = {}  # parts that are a dummy, and which
        self._work = 0
        self._dummies = tuple(dummies)
        self._colours = [hash((_word("dummy"), _dimension(d.dimension))) for d in dummies]
        self._root = self._add(operand, {d: k for k, d in enumerate(dummies)}, {}, 1)

    def _add(self, part: Basic, vertices: Mapping[Basic, int], known: dict[Basic, int], depth: int) -> int:
        """The place of a part, added with all that it is made of; inner dummies become vertices as well."""
        if part in known:
            return known[part]
        inner: tuple[int, ...] = ()
        kind, unordered = 0, False
        vertex = vertices.get(part, -1)
        if vertex < 0:
            kind, unordered = _kind(part), _is_unordered(part)
            parts = part.args
            if isinstance(part, EVEN + ODD):
                parts, unordered = (*parts, Mul(S.NegativeOne, *parts)), True
            elif isinstance(part, Mul) and _is_turned(part):
                parts = _unsigned(part)
                if len(parts) == 1:
                    return self._add(parts[0], vertices, known, depth)
                kind = hash((_word("unsigned"), len(parts)))
            if isinstance(part, self._binders):
                own = {**vertices, **{d: self._inner(d, depth) for d in part.args[1:]}}
                inner = (self._add(part.args[0], own, {}, depth + 1),)
            elif _holds(part, vertices):
                inner = tuple(self._add(a, vertices, known, depth) for a in parts)
            else:
                kind = _digest(part)
        known[part] = len(self._kinds)
        if vertex >= 0:
            self._leaves[known[part]] = vertex
        self._kinds.append(kind)
        self._parts.append(inner)
        self._unordered.append(unordered)
        return known[part]

    def _inner(self, dummy: Basic, depth: int) -> int:
        assert isinstance(dummy, Index)
        self._colours.append(hash((_word("inner"), depth, _dimension(dummy.dimension))))
        return len(self._colours) - 1

    def order(self) -> tuple[Index, ...]:
        """The dummies in an order that is the same for all their names: as a walk over the operand meets them."""
        count = len(self._dummies)
        colours, _ = self._refined(self._colours)
        while len(set(colours[:count])) < count:
            classes: dict[int, list[int]] = {}
            for vertex, colour in enumerate(colours[:count]):
                classes.setdefault(colour, []).append(vertex)
            tied = min((c, v) for c, v in classes.items() if len(v) > 1)[1]
            colours = self._marked(colours, tied)
        return tuple(self._dummies[v] for v in self._visited(self._from_parts(colours)) if v < count)

    def _visited(self, inner: list[int]) -> list[int]:
        """The vertices in the order in which a walk meets them that takes unordered parts by colour."""
        found: dict[int, None] = {}
        seen: set[int] = set()
        stack = [self._root]
        while stack:
            place = stack.pop()
            if place in self._leaves:
                found.setdefault(self._leaves[place])
            elif place not in seen:
                seen.add(place)
                parts = self._parts[place]
                stack += sorted(parts, key=inner.__getitem__) if self._unordered[place] else parts[::-1]
        idle = set(range(len(self._colours))) - found.keys()
        return [*found, *sorted(idle, key=self._colours.__getitem__)]

    def _marked(self, colours: list[int], tied: list[int]) -> list[int]:
        """The colours with one of the tied dummies marked: the one whose mark gives the least colour of the whole."""
        best: tuple[int, list[int]] | None = None
        for vertex in tied:
            if best is not None and self._work > WORK:
                break
            marked = list(colours)
            marked[vertex] = hash((colours[vertex], 1))
            refined, whole = self._refined(marked)
            if best is None or whole < best[0]:
                best = whole, refined
        assert best is not None
        return best[1]

    def _refined(self, colours: list[int]) -> tuple[list[int], int]:
        """The colours split by where dummies stand, until nothing splits, and the colour of the whole."""
        while True:
            inner = self._from_parts(colours)
            places = self._from_places(inner)
            around: list[list[int]] = [[] for _ in colours]
            for part, vertex in self._leaves.items():
                around[vertex].append(places[part])
            finer = [hash((c, *sorted(a))) for c, a in zip(colours, around, strict=True)]
            if len(set(finer)) == len(set(colours)):
                return colours, inner[self._root]
            colours = finer

    def _from_parts(self, colours: list[int]) -> list[int]:
        """The colour of every part from those that it is made of."""
        check_time()
        self._work += len(self._kinds)
        found: list[int] = []
        for place, parts in enumerate(self._parts):
            if not parts:
                vertex = self._leaves.get(place)
                found.append(self._kinds[place] if vertex is None else colours[vertex])
                continue
            inner = [found[p] for p in parts]
            if self._unordered[place]:
                inner.sort()
            found.append(hash((self._kinds[place], *inner)))
        return found

    def _from_places(self, inner: list[int]) -> list[int]:
        """The colour of the places where every part stands."""
        around: list[list[int]] = [[] for _ in inner]
        found = [0] * len(inner)
        for place in range(len(inner) - 1, -1, -1):
            found[place] = hash(tuple(sorted(around[place])))
            for number, part in enumerate(self._parts[place]):
                position = -1 if self._unordered[place] else number
                around[part].append(hash((found[place], inner[place], inner[part], position)))
        return found


def _holds(part: Basic, vertices: Mapping[Basic, int]) -> bool:
    """Whether a dummy occurs in the part."""
    return not vertices.keys().isdisjoint(_indices(part))


@lru_cache(1 << 16)
def _indices(part: Basic) -> frozenset[Basic]:
    """All indices in a part, bound or not."""
    if isinstance(part, Index):
        return frozenset((part,))
    return frozenset[Basic]().union(*(_indices(a) for a in part.args))

"""Index expressions as Python subscripts: slices, integers, and index arrays that broadcast against each other.

NumPy's rule for the axes of a result with index arrays (they stand where the index arrays stood when those are
neighbours, else in front) is applied here and nowhere else. Libraries disagree on integers and scalar labels among
index arrays and slices, so that mixture is never written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sympy import Expr

from tensorcalc.binding import free_indices
from tensorcalc.codegen.arrays import Array
from tensorcalc.codegen.block import Block
from tensorcalc.index import Index

__all__ = ["Subscript", "subscript"]


@dataclass(frozen=True, slots=True)
class Subscript:
    """What stands in brackets behind an array, and the axes of the array that it selects.

    `code` is empty where the whole array is meant. `fancy` are the indices over which index arrays run.
    """

    code: str
    axes: tuple[Index, ...]
    fancy: tuple[Index, ...]

    def of(self, name: str) -> str:
        """The subscripted array."""
        return f"{name}[{self.code}]" if self.code else name


def subscript(
    block: Block,
    indices: Sequence[Expr],
    lower: Callable[[Expr], Array],
    slice_of: Callable[[int, Expr], str | None] = lambda place, index: ":" if isinstance(index, Index) else None,
) -> Subscript:
    """The subscript that selects the entries with the given index expressions, one for each axis.

    `lower` gives an index expression as an array of integers; `slice_of` a place and its index as a slice, where the
    entries for all values of the one free index stand at equal distances.
    """
    slices = [slice_of(place, index) for place, index in enumerate(indices)]
    fancy = _fancy(indices, slices)
    if fancy and any(not free_indices(i) for i in indices):
        fancy = tuple(dict.fromkeys(i for e in indices for i in _order(e)))
    places_in_hint = {i: place for place, i in enumerate(block.hint)}
    fancy = tuple(sorted(fancy, key=lambda i: places_in_hint.get(i, len(places_in_hint))))
    codes: list[str] = []
    places: list[int] = []
    plain: list[tuple[int, Index]] = []
    for place, index in enumerate(indices):
        own = slices[place]
        if own is not None and free_indices(index).isdisjoint(fancy):
            plain.append((place, next(iter(free_indices(index)))))
            codes.append(own)
            continue
        if fancy and free_indices(index):
            places.append(place)
        codes.append(block.aligned(lower(index), fancy).code)
    sliced = {place for place, _ in plain}
    axes = _axes(plain, places, fancy, [p for p in range(len(codes)) if p not in sliced])
    while codes and codes[-1] == ":":
        codes.pop()
    return Subscript(", ".join(codes), axes, fancy)


def _order(expression: Expr) -> list[Index]:
    """The free indices of an index expression, in an order that does not depend on hashing."""
    return sorted(free_indices(expression), key=lambda i: (i.name, i.dimension.name))


def _fancy(indices: Sequence[Expr], slices: Sequence[str | None]) -> tuple[Index, ...]:
    """The indices that need index arrays: inside labels and sums of indices, or repeated."""
    found: dict[Index, None] = {}
    for place, index in enumerate(indices):
        others = [other for p, other in enumerate(indices) if p != place]
        repeated = any(not free_indices(index).isdisjoint(free_indices(other)) for other in others)
        if slices[place] is None or repeated:
            found.update(dict.fromkeys(_order(index)))
    return tuple(found)


def _axes(
    slices: list[tuple[int, Index]], places: list[int], fancy: tuple[Index, ...], advanced: list[int]
) -> tuple[Index, ...]:
    """The axes of the result of a subscript with index arrays over `fancy` at `places`."""
    plain = [i for _, i in slices]
    if not places:
        return tuple(plain)
    together = advanced == list(range(advanced[0], advanced[-1] + 1))
    if not together:
        return (*fancy, *plain)
    before = [i for p, i in slices if p < advanced[0]]
    return (*before, *fancy, *plain[len(before) :])

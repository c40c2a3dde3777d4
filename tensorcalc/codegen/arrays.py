"""Labelled arrays: the code of an array with the index that each of its axes stands for.

The whole lowering works on these. An axis is known by its `Index` and never by its position, so broadcasting and
transposing are decided in one place, `Array.aligned`, and cannot be wrong anywhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from tensorcalc.index import Index

__all__ = ["Array", "Kind", "Level", "inserted", "union"]


class Level:
    """How tightly the outermost operator of a piece of code binds; operands of a lower level need brackets."""

    COMPARISON = 5
    SUM = 10
    MATMUL = 15
    PRODUCT = 20
    NEGATIVE = 30
    POWER = 40
    ATOM = 50


class Kind(Enum):
    """What the code evaluates to: an array of numbers, a plain Python number, integers, or truth values."""

    NUMBERS = "numbers"
    PYTHON = "python"
    INTEGERS = "integers"
    MASK = "mask"


@dataclass(frozen=True, slots=True)
class Array:
    """Code whose value is an array, with the indices of its axes in order.

    `into` is the same code as a call that can write its result into a given array: `{out}` stands for that array.
    `fresh` says that nothing else refers to the value, so it may be changed in place.
    """

    code: str
    axes: tuple[Index, ...] = ()
    level: int = Level.ATOM
    kind: Kind = Kind.NUMBERS
    into: str = ""
    fresh: bool = False

    def wrapped(self, level: int) -> str:
        """The code, in brackets where it binds less tightly than `level`."""
        return self.code if self.level >= level else f"({self.code})"

    def permuted(self, axes: Sequence[Index], transpose: str) -> Array:
        """The same array with its axes in another order; `transpose` is the method's name."""
        if tuple(axes) == self.axes:
            return self
        order = [self.axes.index(a) for a in axes]
        call = "T" if order == [1, 0] else f"{transpose}({', '.join(map(str, order))})"
        return Array(f"{self.wrapped(Level.ATOM)}.{call}", tuple(axes), kind=self.kind, fresh=self.fresh)

    def aligned(self, axes: Sequence[Index], transpose: str) -> Array:
        """The array ready to be combined with one over `axes`: transposed, and with an axis of length 1 where it has
        none. Leading axes are not inserted: broadcasting does that."""
        own = self.permuted([a for a in axes if a in self.axes], transpose)
        code = inserted(own, axes)
        return own if code == own.code else replace(own, code=code, level=Level.ATOM, into="")


def inserted(array: Array, axes: Sequence[Index]) -> str:
    """The code of an array with `None` for every axis it lacks, apart from leading ones."""
    present = [a in array.axes for a in axes]
    if True not in present:
        return array.code
    places = present[present.index(True) :]
    if all(places):
        return array.code
    return f"{array.wrapped(Level.ATOM)}[{', '.join(':' if p else 'None' for p in places)}]"


def union(arrays: Iterable[Array], hint: Sequence[Index]) -> tuple[Index, ...]:
    """The axes of the arrays combined: as one of them has them where it has all, otherwise in the order of the hint.

    Axes that the hint does not name come last, in order of appearance.
    """
    arrays = list(arrays)
    every = dict.fromkeys(axis for array in arrays for axis in array.axes)
    places = {index: place for place, index in enumerate(hint)}
    whole = [a.axes for a in arrays if len(a.axes) == len(every)]
    if whole:
        in_order = [w for w in whole if [*w] == sorted(w, key=lambda i: places.get(i, len(places)))]
        return (in_order or whole)[0]
    return tuple(sorted(every, key=lambda index: places.get(index, len(places))))

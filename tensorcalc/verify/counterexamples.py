"""Counter-examples: where two sides of an equation differ, with the sizes of all that they are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tensorcalc.verify.comparing import Difference
from tensorcalc.verify.model import plain_letter
from tensorcalc.verify.points import Point
from tensorcalc.verify.ranges import letters_in
from tensorcalc.verify.terms import Term, tensors_of

__all__ = ["CounterExample", "reason_of", "sizes_of"]


@dataclass(frozen=True, slots=True)
class CounterExample:
    """A point at which the sides differ: sizes by symbol or letter, the entry, and both values."""

    sizes: tuple[tuple[str, int], ...]
    difference: Difference


def reason_of(example: CounterExample) -> str:
    """What differs, in a sentence."""
    difference = example.difference
    entry = ", ".join(f"{plain_letter(x)} = {k}" for x, k in difference.entry)
    where = f" at {entry}" if entry else ""
    if not math.isfinite(difference.left) or not math.isfinite(difference.right):
        side, other = ("left", "right") if not math.isfinite(difference.left) else ("right", "left")
        return f"the {side} side is no real number where the {other} side is one{where}"
    return f"the sides differ: left {difference.left:.6g}, right {difference.right:.6g}{where}"


def sizes_of(point: Point, *terms: Term) -> tuple[tuple[str, int], ...]:
    """The sizes of the dimensions that occur in terms: by the letter of each index, and by symbol."""
    find = point.draw.find
    letters = [x for term in terms for x in letters_in(term) if x in find]
    used = {find[x] for x in letters}
    symbols = {k[1]: k for k in find if isinstance(k, tuple) and k[0] == "extent"}
    named = {name: key for name, key in symbols.items() if find[key] in used or name in tensors_of(terms)}
    found = {plain_letter(x): point.draw.size(x) for x in letters if "~" not in x}
    return tuple({**found, **{name: point.draw.size(key) for name, key in named.items()}}.items())

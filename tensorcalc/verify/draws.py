"""One choice of sizes and of random numbers, and one way to read derivatives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tensorcalc.verify.model import Key
from tensorcalc.verify.numbers import Array

__all__ = ["Draw", "Meaning", "as_said"]


def as_said(values: Array, symmetric: bool, definite: bool) -> Array:
    """Random values as the article says that a matrix is: symmetric, or positive definite as well."""
    if values.ndim != 2 or values.shape[0] != values.shape[1] or not (symmetric or definite):
        return values
    return values @ values.T + 0.5 * np.eye(len(values)) if definite else (values + values.T) / 2


@dataclass(frozen=True, slots=True)
class Meaning:
    """How derivatives are read: `default` for all (`total`, `mixed`, `partial`), `pairs` for single ones."""

    default: str = "total"
    pairs: Mapping[tuple[str, str], str] = field(default_factory=dict)
    totals: frozenset[str] = frozenset()

    def direct(self, name: str | None, wrt: str) -> bool:
        """Whether the derivative of a name (of a formula, where there is none) holds other definitions fixed."""
        if name is not None:
            known = self.pairs.get((name, wrt))
            if known is not None:
                return known == "partial"
            if self.default == "mixed" and name in self.totals:
                return False
        return self.default != "total"


@dataclass(frozen=True, slots=True)
class Draw:
    """One choice of sizes and of the numbers to draw: of both `signs` or positive, all below one for `fractions`."""

    seed: int
    signs: bool
    sizes: Mapping[Key, int]
    find: dict[Key, Key]
    fractions: bool = False

    def size(self, key: Key) -> int:
        """The size of the dimension that a key belongs to."""
        return self.sizes[self.find[key]]

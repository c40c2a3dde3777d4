"""Derivatives that are returned by their factors: δ and low rank stay, and nothing of the full size is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tensorcalc.codegen import Function
from tensorcalc.derivation.factored import Layout, TermLayout

__all__ = ["Factored", "FactoredFunction", "FactoredTerm"]


@dataclass(frozen=True, slots=True)
class FactoredTerm:
    """A product: pairs of axes that a δ makes equal, and arrays with the axes of the derivative that theirs are.

    A factor that is the same for all arguments is a plain number.
    """

    deltas: tuple[tuple[int, int], ...]
    factors: tuple[tuple[Any, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class Factored:
    """A derivative as the sum of its terms, which are kept by their factors. `shape` is that of the whole array."""

    shape: tuple[int, ...]
    terms: tuple[FactoredTerm, ...]

    def __iter__(self) -> Iterator[FactoredTerm]:
        return iter(self.terms)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """The whole array, for `numpy.asarray`."""
        return self.dense() if dtype is None else self.dense().astype(dtype, copy=False)

    def dense(self) -> npt.NDArray[Any]:
        """The whole array, in NumPy."""
        letters = [chr(ord("a") + k) for k in range(len(self.shape))]
        total: npt.NDArray[Any] = np.zeros(self.shape)
        for term in self.terms:
            arrays = [_numpy(array) for array, _ in term.factors]
            subscripts = ["".join(letters[a] for a in axes) for _, axes in term.factors]
            for first, second in term.deltas:
                arrays.append(np.eye(self.shape[first]))
                subscripts.append(letters[first] + letters[second])
            held = sorted(set("".join(subscripts)))
            part = np.einsum(f"{','.join(subscripts)}->{''.join(held)}", *arrays)
            places = tuple(slice(None) if letter in held else None for letter in letters)
            total = total + part[places]
        return total


def _numpy(array: Any) -> npt.NDArray[Any]:
    return np.asarray(array.detach().cpu() if hasattr(array, "detach") else array)


def _term(layout: TermLayout, arrays: Sequence[Any]) -> FactoredTerm:
    """A term with the arrays of its factors; a number that is not 1 is one more of them."""
    factors = tuple([(arrays[position], axes) for position, axes in layout.factors])
    return FactoredTerm(layout.deltas, factors if layout.number == 1 else (*factors, (layout.number, ())))


class FactoredFunction:
    """A compiled derivative that returns `Factored` results: one, or a tuple. `source` is the generated code."""

    def __init__(self, function: Function, layouts: tuple[Layout, ...]) -> None:
        self._function = function
        self._layouts = layouts
        self.source = function.source

    def __call__(self, /, *args: Any, **arguments: Any) -> Factored | tuple[Factored, ...]:
        """Arguments as for the dense function; raises the same errors."""
        arrays, sizes = self._function.called(args, arguments)
        results = []
        for layout in self._layouts:
            terms = tuple([_term(t, arrays) for t in layout.terms])
            shape = tuple([d.size if d.size is not None else sizes[d] for d in layout.dimensions])
            results.append(Factored(shape, terms))
        return results[0] if len(results) == 1 else tuple(results)

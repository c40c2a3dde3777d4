"""The letters of derivatives: the n of ∂/∂x_n."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tensorcalc.index import Index, Tensor
from tensorcalc.system import System

__all__ = ["Letters"]

SINGLE = "npqrtuvwz"
SEVERAL = "pqrtuvwz"
PLAIN = "ijklmabcdefgh"


class Letters:
    """Chooses index letters for derivatives, once for each system, so that all lemmas agree."""

    def __init__(self, system: System, preferred: Sequence[str] = ()) -> None:
        self._system = system
        self._preferred = tuple(preferred)
        self._author = {letter for letters in system.letters.values() for letter in letters} | set(system.tensors)
        self.chosen: list[str] = []

    def for_variable(self, tensor: Tensor, used: Iterable[Index] = ()) -> tuple[Index, ...]:
        """Indices for the components of an input x in ∂/∂x: letters that the author uses for nothing else."""
        taken = {*self._author, *(i.name for i in used)}
        ours = SINGLE if tensor.order == 1 else SEVERAL + SINGLE[:1] + PLAIN
        letters = _free(dict.fromkeys((*self._preferred, *ours)), taken, tensor.order)
        for letter in letters:
            if letter not in self.chosen:
                self.chosen.append(letter)
        return _indices(tensor, letters)

    def own(self, tensor: Tensor, used: Iterable[Index] = ()) -> tuple[Index, ...]:
        """Indices for a defined tensor: its definition's own letters, unless one of them is in use."""
        definition = self._system.by_tensor.get(tensor)
        taken = {i.name for i in used}
        if definition is not None and taken.isdisjoint(i.name for i in definition.indices):
            return definition.indices
        return self.for_variable(tensor, used)

    def plain(self, tensor: Tensor) -> tuple[Index, ...]:
        """Indices for the components of a tensor that nothing else in a lemma names: the author's own for its axes."""
        if tensor in self._system.by_tensor:
            return self._system.by_tensor[tensor].indices
        letters: list[str] = []
        for dimension in tensor.dimensions:
            own = self._system.letters.get(dimension, ())
            taken = {*letters, *self._system.tensors, *self.chosen}
            letters.append(next(c for c in (*own, *_free(PLAIN, taken, 1)) if c not in taken))
        return _indices(tensor, letters)


def _free(preferred: Iterable[str], taken: set[str], count: int) -> list[str]:
    """Letters that are not taken; where there are too few, with a number behind them."""
    preferred = tuple(preferred)
    letters = [c for c in preferred if c not in taken]
    number = 1
    while len(letters) < count:
        letters += [f"{c}{number}" for c in preferred if f"{c}{number}" not in taken]
        number += 1
    return letters[:count]


def _indices(tensor: Tensor, letters: Sequence[str]) -> tuple[Index, ...]:
    return tuple(Index(letter, d) for letter, d in zip(letters, tensor.dimensions, strict=True))

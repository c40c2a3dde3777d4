"""Random points: distinct sizes for the dimensions, and inputs at which every definition is finite."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from sympy import Integer

from tensorcalc.evaluator import Environment
from tensorcalc.expr import Component, Delta
from tensorcalc.indices import Dimension, Index, Tensor
from tensorcalc.system import System

__all__ = ["Sample", "sample", "sizes_of"]

Array = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]

DOMAINS: tuple[Draw, ...] = (
    lambda rng, shape: rng.normal(size=shape),
    lambda rng, shape: rng.uniform(0.15, 0.85, size=shape),
    lambda rng, shape: rng.uniform(0.5, 2.5, size=shape),
    lambda rng, shape: rng.uniform(1.5, 4.0, size=shape),
)
ATTEMPTS = 40
Sample = Environment


def sizes_of(system: System, rng: np.random.Generator) -> dict[Dimension, int]:
    """A different length for every dimension, long enough for the integers that stand as indices."""
    least: dict[Dimension, int] = {}
    for definition in system.definitions:
        for component in definition.rhs.atoms(Component):
            for index, dimension in zip(component.indices, component.tensor.dimensions, strict=True):
                if isinstance(index, Integer):
                    least[dimension] = max(least.get(dimension, 0), int(index) + 1)
        for delta in definition.rhs.atoms(Delta):
            for number, index in (delta.indices, delta.indices[::-1]):
                if isinstance(number, Integer) and isinstance(index, Index):
                    least[index.dimension] = max(least.get(index.dimension, 0), int(number) + 1)
    free = [d for d in system.dimensions if d.size is None]
    lengths = list(range(2, 2 + len(free)))
    rng.shuffle(lengths)
    chosen: dict[Dimension, int] = {}
    taken: set[int] = set()
    for dimension, length in zip(free, lengths, strict=True):
        size = max(length, least.get(dimension, 0))
        while size in taken:
            size += 1
        taken.add(size)
        chosen[dimension] = size
    return chosen


def sample(system: System, given: tuple[Tensor, ...], seed: int) -> Environment | None:
    """An environment with random inputs in which every definition is finite; `given` get normal numbers.

    Tries normal numbers first, then positive ones of several ranges, then mixtures; `None` where all of them fail.
    """
    rng = np.random.default_rng(seed)
    sizes = sizes_of(system, rng)
    numbers = [t for t in system.inputs if not t.is_label]
    for attempt in range(ATTEMPTS):
        if attempt < len(DOMAINS):
            draws = dict.fromkeys(numbers, DOMAINS[attempt])
        else:
            draws = {t: DOMAINS[rng.integers(len(DOMAINS))] for t in numbers}
        environment = Environment(system.by_tensor, _values(system, given, sizes, draws, rng), sizes)
        if all(np.all(np.isfinite(environment.value(d.tensor))) for d in system.ordered):
            return environment
    return None


def _values(
    system: System,
    given: tuple[Tensor, ...],
    sizes: Mapping[Dimension, int],
    draws: Mapping[Tensor, Draw],
    rng: np.random.Generator,
) -> dict[Tensor, npt.NDArray[np.generic]]:
    def shape(tensor: Tensor) -> tuple[int, ...]:
        return tuple(d.size if d.size is not None else sizes[d] for d in tensor.dimensions)

    values: dict[Tensor, npt.NDArray[np.generic]] = {}
    for tensor in system.inputs:
        if tensor.label_dimension is not None:
            dimension = tensor.label_dimension
            limit = dimension.size if dimension.size is not None else sizes.get(dimension, 1)
            values[tensor] = rng.integers(0, limit, size=shape(tensor))
        else:
            values[tensor] = draws[tensor](rng, shape(tensor))
    for tensor in given:
        values[tensor] = rng.normal(size=shape(tensor))
    return values

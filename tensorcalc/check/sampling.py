"""Random points: distinct sizes for the dimensions, and inputs at which every definition is finite."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from sympy import Integer

from tensorcalc.budget import check_array
from tensorcalc.errors import TensorCalcError
from tensorcalc.evaluator import Environment, evaluate
from tensorcalc.expr import Component, Delta, Inverse, LogDeterminant
from tensorcalc.index import Dimension, Index, Tensor
from tensorcalc.system import Fact, System, tensors_in

__all__ = ["sample", "sample_at", "sizes_of"]

Array = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]

DOMAINS: tuple[Draw, ...] = (
    lambda rng, shape: rng.normal(size=shape),
    lambda rng, shape: rng.uniform(0.15, 0.85, size=shape),
    lambda rng, shape: rng.uniform(0.5, 2.5, size=shape),
    lambda rng, shape: rng.uniform(1.5, 4.0, size=shape),
)
MIXED: tuple[Draw, ...] = (*DOMAINS, lambda rng, shape: (rng.random(size=shape) < 0.75).astype(np.float64))
"""Domains of one tensor among others: also masks of ones and zeros, which select what is defined."""
ATTEMPTS = 40
DISTINCT = 5  # dimensions up to which all lengths differ
MANY = 10  # dimensions beyond which all lengths are 2
NEWTON_STEPS = 60
CONDITIONS = (1e2, 1e4)  # of inverted matrices: the largest in the first half of the attempts, and after it
NEWTON_TOLERANCE = 1e-13


def sizes_of(system: System, rng: np.random.Generator) -> dict[Dimension, int]:
    """A length for every dimension, long enough for the integers that stand as indices.

    All lengths differ where the dimensions are few. Where they are many, arrays over all of them would be large, and
    lengths of 2 and 3 repeat, and of 2 alone where they are very many: a transposition still shows by its values.
    """
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
    few = len(free) <= DISTINCT
    lengths = [2 + k if few else 2 + k % 2 * (len(free) <= MANY) for k in range(len(free))]
    rng.shuffle(lengths)
    chosen: dict[Dimension, int] = {}
    taken: set[int] = set()
    for dimension, length in zip(free, lengths, strict=True):
        size = max(length, least.get(dimension, 0))
        while few and size in taken:
            size += 1
        taken.add(size)
        chosen[dimension] = size
    return chosen


def sample(system: System, given: tuple[Tensor, ...], seed: int) -> Environment | None:
    """An environment with random inputs in which every definition is finite; `given` get normal numbers.

    Tries normal numbers first, then positive ones of several ranges, then mixtures of these and masks; `None` where
    all of them fail.
    """
    rng = np.random.default_rng(seed)
    sizes = sizes_of(system, rng)
    numbers = [t for t in system.inputs if not t.is_label]
    for attempt in range(ATTEMPTS):
        if attempt and attempt % len(DOMAINS) == 0:
            sizes = sizes_of(system, rng)
        if attempt < 2 * len(DOMAINS):
            draws = dict.fromkeys(numbers, DOMAINS[attempt % len(DOMAINS)])
        else:
            draws = {t: MIXED[rng.integers(len(MIXED))] for t in numbers}
        environment = Environment(system.by_tensor, _values(system, given, sizes, draws, rng), sizes)
        if not _satisfy(system, environment):
            continue
        finite = all(np.all(np.isfinite(environment.value(d.tensor))) for d in system.ordered)
        if finite and _regular(environment, CONDITIONS[2 * attempt // ATTEMPTS]):
            return environment
    return None


def sample_at(system: System, given: tuple[Tensor, ...], seed: int, values: Mapping[str, npt.ArrayLike]) -> Environment:
    """An environment with the inputs that the user gives by name, random ones for the rest, finite or not.

    Raises `TensorCalcError` E_UNKNOWN_NAME or E_SHAPE.
    """
    rng = np.random.default_rng(seed)
    sizes = sizes_of(system, rng)
    known = {t.name: t for t in system.inputs}
    arrays: dict[Tensor, npt.NDArray[np.generic]] = {}
    for name, value in values.items():
        tensor = known.get(name)
        if tensor is None:
            raise TensorCalcError("E_UNKNOWN_NAME", f"{name} is no input", hint=f"inputs: {', '.join(known)}")
        array = np.asarray(value) if tensor.is_label else np.asarray(value, dtype=np.float64)
        if array.ndim != tensor.order:
            raise TensorCalcError("E_SHAPE", f"{name} has {tensor.order} axes, the value has {array.ndim}")
        for dimension, size in zip(tensor.dimensions, array.shape, strict=True):
            if sizes.get(dimension, size) != size and any(dimension in t.dimensions for t in arrays):
                message = f"{dimension.name} is {sizes[dimension]} elsewhere and {size} in {name}"
                raise TensorCalcError("E_SHAPE", message)
            sizes[dimension] = size
        arrays[tensor] = array
    drawn = _values(system, given, sizes, dict.fromkeys((t for t in system.inputs if not t.is_label), DOMAINS[0]), rng)
    return Environment(system.by_tensor, {**drawn, **arrays}, sizes)


def _regular(environment: Environment, largest: float) -> bool:
    """Whether every matrix that is inverted is far enough from a singular one."""
    for definition in environment.definitions.values():
        for node in definition.rhs.atoms(Inverse, LogDeterminant):
            matrix = environment.value(node.tensor)
            if matrix.size and np.linalg.cond(matrix) > largest:
                return False
    return True


def _satisfy(system: System, environment: Environment) -> bool:
    """Move the inputs to the nearest point at which the declared facts hold; whether that succeeded.

    Newton's method with steps of least norm: an assumption S_ij = S_ji symmetrises, Σ y = 1 shifts, y² = 1 gives signs.
    """
    if not system.facts:
        return True
    tensors = [t for t in system.inputs if not t.is_label and any(_depends(system, f, t) for f in system.facts)]
    for _ in range(NEWTON_STEPS):
        residual = np.concatenate(
            [evaluate(f.left - f.right, environment, f.indices).reshape(-1) for f in system.facts]
        )
        if not np.all(np.isfinite(residual)):
            return False
        if np.max(np.abs(residual), initial=0.0) < NEWTON_TOLERANCE:
            return True
        columns = [
            np.concatenate([_slopes(environment, f, t) for f in system.facts]).reshape(len(residual), -1)
            for t in tensors
        ]
        step = np.linalg.lstsq(np.concatenate(columns, axis=1), -residual, rcond=None)[0] if columns else residual
        start = 0
        values: dict[Tensor, Array] = {}
        for tensor in tensors:
            value = environment.value(tensor)
            values[tensor] = np.asarray(value + step[start : start + value.size].reshape(value.shape))
            start += value.size
        environment.assign(values)
    return False


def _depends(system: System, fact: Fact, tensor: Tensor) -> bool:
    moving = system.depends((tensor,))
    return not moving.isdisjoint((*tensors_in(fact.left), *tensors_in(fact.right)))


def _slopes(environment: Environment, fact: Fact, tensor: Tensor) -> Array:
    return environment.derivative(fact.left - fact.right, fact.indices, tensor, direct=False).reshape(-1)


def _values(
    system: System,
    given: tuple[Tensor, ...],
    sizes: Mapping[Dimension, int],
    draws: Mapping[Tensor, Draw],
    rng: np.random.Generator,
) -> dict[Tensor, npt.NDArray[np.generic]]:
    def shape(tensor: Tensor) -> tuple[int, ...]:
        found = tuple(d.size if d.size is not None else sizes[d] for d in tensor.dimensions)
        check_array(math.prod(found), len(found), tensor.name)
        return found

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

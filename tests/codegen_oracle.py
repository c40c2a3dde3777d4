"""An independent meaning of programs for the tests of generated code: plain Python loops over all index values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy
from sympy import Add, Expr, Mul, Pow

from tensorcalc.binding import Binder, Contraction, IndexMaximum, IndexProduct
from tensorcalc.expr import Component, Delta, Determinant, Inverse, Iverson, LogDeterminant, One
from tensorcalc.functions import function_of
from tensorcalc.index import Dimension, Index
from tensorcalc.system import Program

FUNCTIONS: Mapping[str, Callable[..., float]] = {
    "abs": abs,
    "sign": lambda x: float(x > 0) - float(x < 0),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x)),
    "softplus": lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x))),
    "relu": lambda x: max(x, 0.0),
    "silu": lambda x: x / (1 + math.exp(-x)),
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "max": max,
    "min": min,
    "positive": lambda x: float(x > 0),
    "equal": lambda a, b: float(a == b),
    "larger": lambda a, b: 1.0 if a > b else 0.5 if a == b else 0.0,
}
REDUCTIONS: Mapping[type[Binder], Callable[..., float]] = {
    Contraction: sum,
    IndexProduct: math.prod,
    IndexMaximum: max,
}
RELATIONS: Mapping[str, Callable[[int, int], bool]] = {
    "le": lambda a, b: a <= b,
    "lt": lambda a, b: a < b,
    "ge": lambda a, b: a >= b,
    "gt": lambda a, b: a > b,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
}


class Oracle:
    """Evaluates expressions entry by entry."""

    def __init__(self, values: Mapping[str, Any], sizes: Mapping[str, int]) -> None:
        self.values = {k: np.asarray(v) for k, v in values.items()}
        self.sizes = sizes

    def size(self, dimension: Dimension) -> int:
        return dimension.size if dimension.size is not None else self.sizes[dimension.name]

    def value(self, e: Expr, at: Mapping[Index, int]) -> float:
        """The value of an expression for given values of its free indices."""
        if isinstance(e, Index):
            return at[e]
        if isinstance(e, Dimension):
            return self.size(e)
        if isinstance(e, One):
            return 1
        if isinstance(e, Component):
            place = tuple(int(self.value(i, at)) for i in e.indices)
            array = self.values[e.tensor.name]
            inside = all(0 <= p < n for p, n in zip(place, array.shape, strict=True))
            entry = array[place] if inside else 0
            return entry.item() if isinstance(entry, np.generic) else entry
        if isinstance(e, Delta):
            return int(self.value(e.indices[0], at) == self.value(e.indices[1], at))
        if isinstance(e, Iverson):
            a, b = (self.value(i, at) for i in e.indices)
            return int(RELATIONS[e.relation](int(a), int(b)))
        if isinstance(e, Binder):
            body, dummies = e.open(at)
            ranges = [range(self.size(d.dimension)) for d in dummies]
            places = (dict(zip(dummies, v, strict=True)) for v in itertools.product(*ranges))
            return REDUCTIONS[type(e)](self.value(body, {**at, **place}) for place in places)
        if isinstance(e, Inverse | Determinant | LogDeterminant):
            return self._matrix(e, at)
        return self._algebra(e, at)

    def _matrix(self, e: Expr, at: Mapping[Index, int]) -> float:
        matrix = self.values[e.tensor.name].astype(float)
        if isinstance(e, Inverse):
            return float(np.linalg.inv(matrix)[tuple(int(self.value(i, at)) for i in e.indices)])
        determinant = float(np.linalg.det(matrix))
        return determinant if isinstance(e, Determinant) else math.log(determinant) if determinant > 0 else math.nan

    def _algebra(self, e: Expr, at: Mapping[Index, int]) -> float:
        if isinstance(e, Add):
            return sum(self.value(a, at) for a in e.args)
        if isinstance(e, Mul):
            return math.prod(self.value(a, at) for a in e.args)
        if isinstance(e, Pow):
            return self.value(e.base, at) ** self.value(e.exp, at)
        if not isinstance(e, sympy.Function):
            return float(e)
        arguments = [self.value(a, at) for a in e.args]
        row = function_of(e)
        name = row.name if row else type(e).__name__
        if isinstance(e, sympy.exp):
            return math.exp(*arguments)
        return FUNCTIONS.get(name, getattr(math, name, None))(*arguments)  # type: ignore[misc]

    def run(self, program: Program) -> list[np.ndarray]:
        """The outputs of a program."""
        for definition in program.definitions:
            shape = [self.size(d) for d in definition.tensor.dimensions]
            array = np.zeros(shape)
            for place in itertools.product(*map(range, shape)):
                array[place] = self.value(definition.rhs, dict(zip(definition.indices, place, strict=True)))
            self.values[definition.name] = array
        return [self.values[t.name] for t in program.outputs]

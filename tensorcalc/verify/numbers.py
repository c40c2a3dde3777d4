"""Arrays whose axes have names, and their exact derivatives in forward mode.

A value is a `Named` array or a `Dual`: a value together with its slope along the directions of one tensor, whose axes
have names of their own. Duals nest, so that second derivatives are exact as well. The slopes of elementwise functions
are the rows of `tensorcalc.functions`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from sympy import Dummy

from tensorcalc.errors import TensorCalcError
from tensorcalc.evaluator import FUNCTIONS as VALUES
from tensorcalc.functions import FUNCTIONS, function_of

__all__ = [
    "Array",
    "Dual",
    "Named",
    "Value",
    "add",
    "apply",
    "multiply",
    "power",
    "primal",
    "reduce",
    "renamed",
    "slope_of",
    "spread",
]

Array = npt.NDArray[Any]
MOST = 1 << 23  # entries of one array


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """An array with a name for each axis; it is constant along every other axis."""

    letters: tuple[str, ...]
    data: Array


@dataclass(frozen=True, slots=True, eq=False)
class Dual:
    """A value and its slope; `level` tells nested perturbations apart."""

    level: int
    value: Value
    slope: Value


Value = Named | Dual


def _aligned(values: Sequence[Named]) -> tuple[tuple[str, ...], list[Array]]:
    letters: dict[str, int] = {}
    for value in values:
        letters.update(zip(value.letters, value.data.shape, strict=True))
    names = tuple(letters)
    total = 1
    for size in letters.values():
        total *= size
    if total > MOST:
        raise TensorCalcError("E_TOO_LONG", "an array of this formula would have too many entries")
    arrays = []
    for value in values:
        if value.letters == names:
            arrays.append(value.data)
            continue
        present = [n for n in names if n in value.letters]
        data = value.data.transpose([value.letters.index(n) for n in present])
        arrays.append(data.reshape([letters[n] if n in value.letters else 1 for n in names]))
    return names, arrays


def entrywise(function: Callable[..., Array], *values: Named) -> Named:
    """A function of arrays, applied to values of the same entries."""
    names, arrays = _aligned(values)
    return Named(names, np.asarray(function(*arrays)))


def _level(*values: Value) -> int:
    return max((v.level for v in values if isinstance(v, Dual)), default=0)


def _split(value: Value, level: int) -> tuple[Value, Value | None]:
    if isinstance(value, Dual) and value.level == level:
        return value.value, value.slope
    return value, None


def add(*values: Value) -> Value:
    """The sum, which broadcasts."""
    level = _level(*values)
    if not level:
        names, arrays = _aligned([v for v in values if isinstance(v, Named)])
        total = arrays[0]
        for array in arrays[1:]:
            total = total + array
        return Named(names, total)
    parts = [_split(v, level) for v in values]
    slopes = [s for _, s in parts if s is not None]
    primal_part = add(*[p for p, _ in parts])
    return Dual(level, primal_part, slopes[0] if len(slopes) == 1 else add(*slopes))


def multiply(first: Value, second: Value) -> Value:
    """The product, which broadcasts."""
    level = _level(first, second)
    if not level:
        assert isinstance(first, Named)
        assert isinstance(second, Named)
        return entrywise(np.multiply, first, second)
    (a, da), (b, db) = _split(first, level), _split(second, level)
    slopes = []
    if da is not None:
        slopes.append(multiply(da, b))
    if db is not None:
        slopes.append(multiply(a, db))
    return Dual(level, multiply(a, b), slopes[0] if len(slopes) == 1 else add(*slopes))


def constant(value: float) -> Named:
    """A number."""
    return Named((), np.asarray(float(value)))


def power(base: Value, exponent: Value) -> Value:
    """A power; its slope is exact also for negative bases where the exponent is a constant whole number."""
    level = _level(base, exponent)
    if not level:
        assert isinstance(base, Named)
        assert isinstance(exponent, Named)
        return entrywise(_power, base, exponent)
    (a, da), (n, dn) = _split(base, level), _split(exponent, level)
    result = power(a, n)
    slopes = []
    if da is not None:
        lower = power(a, add(n, constant(-1)))
        slopes.append(multiply(multiply(n, lower), da))
    if dn is not None:
        slopes.append(multiply(multiply(result, apply("log", a)), dn))
    return Dual(level, result, slopes[0] if len(slopes) == 1 else add(*slopes))


def _power(base: Array, exponent: Array) -> Array:
    if exponent.size == 1 and float(exponent.reshape(-1)[0]).is_integer():
        whole = int(exponent.reshape(-1)[0])
        if abs(whole) < 64:
            return base**whole if whole >= 0 else 1.0 / base**-whole
    return np.asarray(np.power(base, exponent))


def reduce(kind: str, value: Value, letters: Sequence[str], sizes: Sequence[int]) -> Value:
    """The sum, product, maximum or minimum over axes; `sizes` count along axes that the value is constant on."""
    if isinstance(value, Dual):
        if kind == "sum":
            inside = reduce(kind, value.value, letters, sizes)
            return Dual(value.level, inside, reduce(kind, value.slope, letters, sizes))
        whole = reduce(kind, value.value, letters, sizes)
        if kind == "prod":
            return Dual(
                value.level,
                whole,
                reduce("sum", multiply(_others(value.value, letters, sizes), value.slope), letters, sizes),
            )
        hit = _equal(value.value, whole)
        count = reduce("sum", hit, letters, sizes)
        share = multiply(hit, power(count, constant(-1)))
        return Dual(value.level, whole, reduce("sum", multiply(share, value.slope), letters, sizes))
    axes = tuple(value.letters.index(x) for x in letters if x in value.letters)
    left = tuple(x for x in value.letters if x not in letters)
    missing = 1
    for letter, size in zip(letters, sizes, strict=True):
        if letter not in value.letters:
            missing *= size
    if kind == "sum":
        return Named(left, value.data.sum(axis=axes) * missing if axes else value.data * missing)
    if kind == "prod":
        return Named(left, (value.data.prod(axis=axes) if axes else value.data) ** missing)
    function = np.max if kind == "max" else np.min
    return Named(left, function(value.data, axis=axes) if axes else value.data)


def _others(value: Value, letters: Sequence[str], sizes: Sequence[int]) -> Value:
    """For each entry the product of all others."""
    whole = reduce("prod", value, letters, sizes)
    return multiply(whole, power(value, constant(-1)))


def _equal(first: Value, second: Value) -> Named:
    return entrywise(lambda a, b: (a == b).astype(float), primal(first), primal(second))


def primal(value: Value) -> Named:
    """The value without slopes."""
    while isinstance(value, Dual):
        value = value.value
    return value


def slope_of(value: Value, level: int) -> Value:
    """The slope at a level; zero where the value does not depend on the perturbed tensor."""
    if isinstance(value, Dual) and value.level == level:
        return value.slope
    return constant(0)


def renamed(value: Value, mapping: dict[str, str]) -> Value:
    """The value with axes renamed; where two axes get the same name, their diagonal."""
    if isinstance(value, Dual):
        return Dual(value.level, renamed(value.value, mapping), renamed(value.slope, mapping))
    names = [mapping.get(x, x) for x in value.letters]
    if len(set(names)) == len(names):
        return Named(tuple(names), value.data)
    data = value.data
    while len(set(names)) < len(names):
        twice = next(n for n in names if names.count(n) > 1)
        first = names.index(twice)
        second = names.index(twice, first + 1)
        data = np.diagonal(data, axis1=first, axis2=second)
        names = [n for k, n in enumerate(names) if k not in (first, second)] + [twice]
    return Named(tuple(names), data)


def apply(name: str, *arguments: Value) -> Value:
    """An elementwise function of the table `tensorcalc.functions`."""
    level = _level(*arguments)
    if not level:
        return entrywise(VALUES[name], *[a for a in arguments if isinstance(a, Named)])
    parts = [_split(a, level) for a in arguments]
    inside = [p for p, _ in parts]
    result = apply(name, *inside)
    total: Value | None = None
    for place, (_, slope) in enumerate(parts):
        if slope is None:
            continue
        change = multiply(_derivative(name, place, inside, result), slope)
        total = change if total is None else add(total, change)
    assert total is not None
    return Dual(level, result, total)


@lru_cache(64)
def _rows(name: str, place: int) -> tuple[Any, tuple[Any, ...]]:
    """The derivative of a function as an expression of symbols for its arguments and its value."""
    row = FUNCTIONS[name]
    symbols = tuple(Dummy() for _ in range(row.arity + 1))
    return row.derivatives[place](*symbols), symbols


def _derivative(name: str, place: int, arguments: Sequence[Value], result: Value) -> Value:
    expression, symbols = _rows(name, place)
    return _evaluated(expression, dict(zip(symbols, (*arguments, result), strict=True)))


def _evaluated(expression: Any, values: dict[Any, Value]) -> Value:
    if expression in values:
        return values[expression]
    if expression.is_number:
        return constant(float(expression))
    arguments = [_evaluated(a, values) for a in expression.args]
    if expression.is_Add:
        return add(*arguments)
    if expression.is_Mul:
        product = arguments[0]
        for argument in arguments[1:]:
            product = multiply(product, argument)
        return product
    if expression.is_Pow:
        return power(*arguments)
    row = function_of(expression)
    assert row is not None
    return apply(row.name, *arguments)


def spread(value: Named, letters: Sequence[str], shape: Sequence[int]) -> Array:
    """An array over more letters than it has."""
    order = [x for x in letters if x in value.letters]
    data = value.data.transpose([value.letters.index(x) for x in order])
    data = data.reshape([n if x in value.letters else 1 for x, n in zip(letters, shape, strict=True)])
    return np.broadcast_to(data, tuple(shape))

"""The reference meaning of an expression: a NumPy array, computed in the slowest and simplest way.

Every subexpression becomes an array with one axis for each index in scope, of length 1 where it does not depend on it.
Derivatives are computed by complex steps through this same evaluation, not by any rule. Independent of `codegen`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import mpmath
import numpy as np
import numpy.typing as npt
from sympy import Expr

from tensorcalc.binding import Binder, Contraction, IndexMaximum, IndexProduct, free_indices, rename
from tensorcalc.budget import check_array, check_entries, check_time
from tensorcalc.expr import (
    Component,
    Delta,
    Determinant,
    Group,
    Inverse,
    Iverson,
    LogDeterminant,
    One,
    Partial,
)
from tensorcalc.functions import function_of
from tensorcalc.index import Dimension, Index, Tensor
from tensorcalc.system import Definition, tensors_in

__all__ = ["Environment", "evaluate"]

Array = npt.NDArray[Any]
NAN = complex(np.nan, np.nan)  # its derivative by complex steps is no number either
STEP = 1e-30  # of the complex step: f(x + ih) has derivative Im/h, exact to rounding for any tiny h


def _by_mpmath(function: Callable[..., Any]) -> Callable[..., Array]:
    def entry(*arguments: Any) -> complex:
        try:
            return complex(function(*arguments))
        except (ValueError, ZeroDivisionError, OverflowError):  # a pole
            return NAN

    def vectorised(*arguments: Array) -> Array:
        result = np.asarray(np.vectorize(entry, otypes=[complex])(*arguments))
        return result if any(np.iscomplexobj(a) for a in arguments) else result.real

    return vectorised


def _larger(a: Array, b: Array) -> Array:
    x, y = np.real(a), np.real(b)
    return np.where(x > y, 1.0, np.where(x == y, 0.5, np.where(x < y, 0.0, np.nan)))


def _sigmoid(x: Array) -> Array:
    small = np.exp(np.where(np.real(x) >= 0, -x, x))
    return np.where(np.real(x) >= 0, 1 / (1 + small), small / (1 + small))


def _softplus(x: Array) -> Array:
    small = np.log1p(np.exp(np.where(np.real(x) >= 0, -x, x)))
    return np.where(np.real(x) >= 0, x + small, small)


_real_erf = np.vectorize(math.erf, otypes=[float])


def _erf(x: Array) -> Array:
    """The error function, with the slope of its curve for the tiny imaginary part of a complex step."""
    value: Array = _real_erf(np.real(x)) if np.size(x) else np.zeros(np.shape(x))
    if not np.iscomplexobj(x):
        return value
    return value + 1j * np.imag(x) * 2 / math.sqrt(math.pi) * np.exp(-(np.real(x) ** 2))


def _lgamma(x: Any) -> Any:
    """log |gamma(x)|, along which complex steps stay exact for negative numbers too."""
    if mpmath.re(x) > 0:
        return mpmath.loggamma(x)
    gamma = mpmath.gamma(x)
    return mpmath.log(gamma if mpmath.re(gamma) > 0 else -gamma)


def _abs(x: Array) -> Array:
    return np.where(np.real(x) < 0, -x, np.where(np.real(x) == 0, 0 * np.real(x), x))


def _mean_of_tie(a: Array, b: Array, first: Array) -> Array:
    return np.where(np.real(a) == np.real(b), (a + b) / 2, np.where(first, a, b))


FUNCTIONS: Mapping[str, Callable[..., Array]] = {
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "abs": _abs,
    "sign": lambda x: np.sign(np.real(x)),
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "relu": lambda x: np.where(np.real(x) > 0, x, 0 * np.real(x)),
    "silu": lambda x: x * _sigmoid(x),
    "gelu": lambda x: x * (1 + FUNCTIONS["erf"](x / math.sqrt(2))) / 2,
    "erf": _erf,
    "lgamma": _by_mpmath(_lgamma),
    "digamma": _by_mpmath(mpmath.digamma),
    "polygamma": _by_mpmath(lambda n, x: mpmath.polygamma(int(n.real), x)),
    "max": lambda a, b: _mean_of_tie(a, b, np.real(a) > np.real(b)),
    "min": lambda a, b: _mean_of_tie(a, b, np.real(a) < np.real(b)),
    "positive": lambda x: np.where(np.isnan(np.real(x)), np.nan, np.real(x) > 0),
    "larger": _larger,
    "equal": lambda a, b: np.where(np.isnan(np.real(a + b)), np.nan, np.real(a) == np.real(b)),
}
"""How each row of `tensorcalc.functions` is computed, for real and complex-step arguments."""

COMPARISONS: Mapping[str, Callable[[Array, Array], Array]] = {
    "le": np.less_equal,
    "lt": np.less,
    "ge": np.greater_equal,
    "gt": np.greater,
    "eq": np.equal,
    "ne": np.not_equal,
}


class Environment:
    """Values of tensors and sizes of dimensions; defined tensors are computed when they are asked for.

    `values` maps tensors to arrays (labels: integer arrays), `sizes` dimensions to lengths.
    """

    def __init__(
        self, definitions: Mapping[Tensor, Definition], values: Mapping[Tensor, Array], sizes: Mapping[Dimension, int]
    ) -> None:
        self.definitions = definitions
        self.values = dict(values)
        self.sizes = dict(sizes)
        self.moving: dict[Tensor, frozenset[Tensor]] = {}
        self.derivatives: dict[tuple[Expr, tuple[Index, ...], Tensor, bool], Array] = {}

    def value(self, tensor: Tensor) -> Array:
        """The array of a tensor: its value, or its definition evaluated, after those that it needs."""
        if tensor not in self.values:
            for definition in self.in_order(tensor, known=self.values):
                self.values[definition.tensor] = evaluate(definition.rhs, self, definition.indices)
        return self.values[tensor]

    def assign(self, values: Mapping[Tensor, Array]) -> None:
        """Give tensors values; where they had others, what was computed from those is forgotten."""
        if not self.values.keys().isdisjoint(values):
            self.derivatives.clear()
            self.values = {t: v for t, v in self.values.items() if t not in self.definitions}
        self.values.update(values)

    def in_order(self, tensor: Tensor, known: Collection[Tensor] = ()) -> Iterator[Definition]:
        """The definitions that the value of a tensor needs beside what is known, each after those that it needs."""
        waiting, done = [tensor], set(known)
        while waiting:
            definition = self.definitions.get(waiting[-1])
            needed = [t for t in tensors_in(definition.rhs) if t not in done] if definition else []
            if waiting[-1] in done or definition is None:
                done.add(waiting.pop())
            elif open_ones := [t for t in needed if t in self.definitions]:
                waiting += open_ones
            else:
                yield definition
                done.add(waiting.pop())

    def extent(self, dimension: Dimension) -> int:
        """The number of values of an index of the dimension."""
        return dimension.size if dimension.size is not None else self.sizes[dimension]

    def positions(self, index: Expr, axes: tuple[Index, ...]) -> Array:
        """The values of an index expression as integers, one axis for each index in `axes`."""
        return _index(index, self, axes)

    def with_value(self, tensor: Tensor, value: Array, direct: bool) -> Environment:
        """The environment in which a tensor has another value; what is defined by it changes, unless `direct`."""
        if direct:
            return Environment(self.definitions, {**self.values, tensor: value}, self.sizes)
        moving = self._moved_by(tensor)
        kept = {t: v for t, v in self.values.items() if t not in moving}
        return Environment(self.definitions, {**kept, tensor: value}, self.sizes)

    def _moved_by(self, variable: Tensor) -> frozenset[Tensor]:
        """The tensors that are defined by another one, directly or not."""
        if variable not in self.moving:
            users: dict[Tensor, list[Tensor]] = {}
            for definition in self.definitions.values():
                for tensor in tensors_in(definition.rhs):
                    users.setdefault(tensor, []).append(definition.tensor)
            found, stack = {variable}, [variable]
            while stack:
                fresh = [t for t in users.get(stack.pop(), ()) if t not in found]
                found.update(fresh)
                stack += fresh
            self.moving[variable] = frozenset(found - {variable})
        return self.moving[variable]

    def derivative(self, expression: Expr, axes: tuple[Index, ...], variable: Tensor, direct: bool) -> Array:
        """All derivatives of an expression by the entries of a tensor: the expression's axes, then the tensor's."""
        key = expression, axes, variable, direct
        if key not in self.derivatives:
            self.derivatives[key] = self._derivative(*key)
        return self.derivatives[key]

    def _derivative(self, expression: Expr, axes: tuple[Index, ...], variable: Tensor, direct: bool) -> Array:
        if direct:
            expression = self._formula(expression, variable)
            for tensor in tensors_in(expression):
                self.value(tensor)
        base = self.value(variable)
        check_entries(base.size, variable.name)
        shape = (*(self.extent(i.dimension) for i in axes), *base.shape)
        check_array(math.prod(shape), len(shape), f"a derivative by {variable.name}")
        result = np.zeros(shape)
        for position in np.ndindex(*base.shape):
            moved = base.astype(complex)
            moved[position] += 1j * STEP
            value = evaluate(expression, self.with_value(variable, moved, direct), axes)
            result[(..., *position)] = np.imag(value) / STEP
        return result

    def _formula(self, expression: Expr, variable: Tensor) -> Expr:
        """A defined component by its own formula: what ∂d/∂t means when all other definitions are held fixed."""
        if not isinstance(expression, Component) or expression.tensor == variable:
            return expression
        definition = self.definitions.get(expression.tensor)
        if definition is None:
            return expression
        return rename(definition.rhs, dict(zip(definition.indices, expression.indices, strict=True)))


def evaluate(expression: Expr, environment: Environment, axes: tuple[Index, ...]) -> Array:
    """The value of the expression for all values of the given indices, one axis for each in that order.

    Raises KeyError where a tensor or a size is not known, ValueError for a free index that is not among the axes.
    """
    lost = free_indices(expression) - set(axes)
    if lost:
        raise ValueError(f"free indices {sorted(i.name for i in lost)} are not among the axes")
    _check_room(expression, (), environment)
    with np.errstate(all="ignore"):
        value = _value(expression, environment, axes)
    return np.broadcast_to(value, tuple(environment.extent(i.dimension) for i in axes)).copy()


def _check_room(expression: Expr, dummies: Iterable[Index], env: Environment) -> None:
    """Raise `TensorCalcError` E_TOO_LONG where the values for all indices at once are too many."""
    indices = free_indices(expression) | set(dummies)
    check_array(
        math.prod(env.extent(i.dimension) for i in indices), len(indices), f"a value over {len(indices)} indices"
    )


def _value(node: Expr, env: Environment, axes: tuple[Index, ...]) -> Array:
    check_time()
    if node.is_number and not node.args:
        return np.asarray(float(node)).reshape((1,) * len(axes))
    if isinstance(node, Component):
        return _component(env.value(node.tensor), node.indices, env, axes)
    if isinstance(node, Binder):
        body, dummies = node.open(axes)
        _check_room(body, dummies, env)
        inner = _value(body, env, axes + dummies)
        shape = (*inner.shape[: len(axes)], *(env.extent(d.dimension) for d in dummies))
        return REDUCTIONS[type(node)](np.broadcast_to(inner, shape), tuple(range(len(axes), len(shape))))
    if isinstance(node, Inverse | Determinant | LogDeterminant):
        return _matrix(node, env, axes)
    if isinstance(node, Partial):
        inside = tuple(i for i in axes if i in free_indices(node.expression))
        derivative = env.derivative(node.expression, inside, node.wrt.tensor, node.direct)
        return _component(derivative, (*inside, *node.wrt.indices), env, axes)
    if isinstance(node, Delta):
        first, second = (_index(i, env, axes) for i in node.indices)
        return (first == second).astype(float)
    if isinstance(node, Iverson):
        first, second = (_index(i, env, axes) for i in node.indices)
        return COMPARISONS[node.relation](first, second).astype(float)
    if isinstance(node, One):
        return np.ones((1,) * len(axes))
    if isinstance(node, Group):
        return _value(node.expression, env, axes)
    if isinstance(node, Index | Dimension):
        return _index(node, env, axes).astype(float)
    return _operation(node, [_value(a, env, axes) for a in node.args])


def _matrix(node: Inverse | Determinant | LogDeterminant, env: Environment, axes: tuple[Index, ...]) -> Array:
    matrix = env.value(node.tensor)
    if isinstance(node, Inverse):
        singular = matrix.shape[0] and not np.linalg.det(np.real(matrix))
        inverse = np.full(matrix.shape, np.nan) if singular else np.linalg.inv(matrix)
        return _component(inverse, node.indices, env, axes)
    determinant = np.asarray(np.linalg.det(matrix))
    if isinstance(node, LogDeterminant):
        determinant = np.where(np.real(determinant) < 0, NAN, np.log(determinant + 0j))
        determinant = determinant if np.iscomplexobj(matrix) else np.real(determinant)
    return determinant.reshape((1,) * len(axes))


def _maximum(values: Array, axes: tuple[int, ...]) -> Array:
    """The largest entry by real part; ties are averaged, so that complex steps split the derivative evenly."""
    largest = np.max(np.real(values), axis=axes, keepdims=True)
    taken = np.real(values) == largest
    found = np.where(taken, values, 0).sum(axis=axes) / taken.sum(axis=axes)
    return np.where(np.isnan(largest).any(axis=axes), np.nan, found)


REDUCTIONS: Mapping[type[Binder], Callable[[Array, tuple[int, ...]], Array]] = {
    Contraction: lambda values, axes: values.sum(axis=axes),
    IndexProduct: lambda values, axes: values.prod(axis=axes),
    IndexMaximum: _maximum,
}


def _operation(node: Expr, arguments: list[Array]) -> Array:
    if node.is_Add:
        return sum(arguments[1:], start=arguments[0])
    if node.is_Mul:
        return math.prod(arguments[1:], start=arguments[0])
    if node.is_Pow:
        return _power(*arguments)
    row = function_of(node)
    if row is None:
        raise ValueError(f"no value for {type(node).__name__}")
    return FUNCTIONS[row.name](*arguments)


def _power(base: Array, exponent: Array) -> Array:
    if exponent.size == 1 and float(np.real(exponent).reshape(-1)[0]).is_integer() and not np.iscomplexobj(exponent):
        whole = int(exponent.reshape(-1)[0])  # by multiplication: complex steps stay exact for negative bases
        return base**whole if whole >= 0 else 1 / base**-whole
    if np.iscomplexobj(base) or np.iscomplexobj(exponent):
        result = np.exp(exponent * np.log(base + 0j))
        return np.where(np.real(base) < 0, NAN, result)
    return np.asarray(np.power(base, exponent))


def _index(node: Expr, env: Environment, axes: tuple[Index, ...]) -> Array:
    """The value of an index expression as integers."""
    if isinstance(node, Index):
        shape = [1] * len(axes)
        shape[axes.index(node)] = env.extent(node.dimension)
        return np.arange(env.extent(node.dimension)).reshape(shape)
    if isinstance(node, Dimension):
        return np.asarray(env.extent(node)).reshape((1,) * len(axes))
    if isinstance(node, Component):
        return _component(env.value(node.tensor), node.indices, env, axes)
    if node.is_Integer:
        return np.asarray(int(node)).reshape((1,) * len(axes))
    arguments = [_index(a, env, axes) for a in node.args]
    return sum(arguments[1:], start=arguments[0]) if node.is_Add else math.prod(arguments[1:], start=arguments[0])


def _component(array: Array, indices: tuple[Expr, ...], env: Environment, axes: tuple[Index, ...]) -> Array:
    """Entries of an array; an index outside of its range selects zero."""
    if not indices:
        return array.reshape((1,) * len(axes))
    positions = [_index(i, env, axes) for i in indices]
    inside = [(p >= 0) & (p < n) for p, n in zip(positions, array.shape, strict=True)]
    clipped = tuple(np.clip(p, 0, max(n - 1, 0)) for p, n in zip(positions, array.shape, strict=True))
    found = array[clipped]
    valid = math.prod(inside[1:], start=inside[0])
    return found if np.all(valid) else np.where(valid, found, np.zeros((), found.dtype))

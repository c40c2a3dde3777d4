"""Elementwise functions as code: most are one call, a few have a form of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sympy
from sympy import Expr

from tensorcalc.codegen import nodes
from tensorcalc.codegen.arrays import Array, Kind, Level, union
from tensorcalc.codegen.block import Block
from tensorcalc.errors import TensorCalcError
from tensorcalc.functions import function_of
from tensorcalc.index import Index

__all__ = ["elementwise", "guarded", "selected"]


def elementwise(block: Block, expression: Expr, arguments: list[Array]) -> Array:
    """A function of arrays, entry by entry."""
    word = _word(expression)
    axes = union(arguments, block.hint)
    if all(a.kind is Kind.PYTHON for a in arguments):
        arguments = [block.array(a) for a in arguments]
    return _FORMS.get(word, _plain)(block, word, arguments, axes)


def guarded(block: Block, zero: Array, value: Array) -> Array:
    """The value where `zero` is not 0, else 0."""
    zero, value = block.bind(block.array(zero)), block.numbers(value)
    axes = union((zero, value), block.hint)
    block.guards.update(dict.fromkeys(block.dialect.guards.get("guarded", ())))
    first, second = (block.aligned(a, axes) for a in (zero, value))
    return Array(block.spelled("where", f"{first.code} == 0", "0", second.code), axes, fresh=True)


def selected(block: Block, value: Array, *tests: Array) -> Array:
    """The value where all tests are true, else 0."""
    value = block.array(value)
    axes = union((value, *tests), block.hint)
    codes = [block.aligned(test, axes) for test in tests]
    condition = codes[0].code if len(codes) == 1 else " & ".join(c.wrapped(Level.ATOM) for c in codes)
    return Array(block.spelled("where", condition, block.aligned(value, axes).code, "0"), axes, fresh=True)


def _word(expression: Expr) -> str:
    """The word by which dialects know a function."""
    row = function_of(expression)
    if row is not None:
        return row.name
    if isinstance(expression, sympy.exp):
        return "exp"
    if isinstance(expression, nodes.Logaddexp):
        return "logaddexp"
    raise TensorCalcError("E_UNSUPPORTED", f"the function {type(expression).__name__} cannot be compiled yet")


def _plain(block: Block, word: str, arguments: list[Array], axes: tuple[Index, ...]) -> Array:
    """One call. Of an array and a plain number, in either order, the library may need its own form."""
    numbers = [a for a in arguments if a.kind is Kind.PYTHON]
    if len(numbers) == 1 and f"{word} number" in block.dialect.functions:
        other = next(a for a in arguments if a.kind is not Kind.PYTHON)
        return block.call(f"{word} number", [other, numbers[0]], axes)
    return block.call(word, arguments, axes)


def _positive(block: Block, word: str, arguments: list[Array], axes: tuple[Index, ...]) -> Array:
    return Array(f"{arguments[0].wrapped(Level.SUM)} > 0", axes, Level.COMPARISON, Kind.MASK, fresh=True)


def _equal(block: Block, word: str, arguments: list[Array], axes: tuple[Index, ...]) -> Array:
    a, b = (block.aligned(x, axes).wrapped(Level.SUM) for x in arguments)
    return Array(f"{a} == {b}", axes, Level.COMPARISON, Kind.MASK, fresh=True)


def _larger(block: Block, word: str, arguments: list[Array], axes: tuple[Index, ...]) -> Array:
    """1 where a > b, 1/2 where they are equal: half the sum of two comparisons."""
    a, b = (block.bind(block.aligned(x, axes)).wrapped(Level.SUM) for x in arguments)
    first = block.numbers(Array(f"{a} > {b}", axes, Level.COMPARISON, Kind.MASK, fresh=True))
    return Array(f"({first.code} + ({a} >= {b})) / 2", axes, Level.PRODUCT)


_Form = Callable[[Block, str, list[Array], tuple[Index, ...]], Array]
_FORMS: Mapping[str, _Form] = {
    "positive": _positive,
    "larger": _larger,
    "equal": _equal,
}

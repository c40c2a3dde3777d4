"""Sums, products and powers of labelled arrays as code: signs, quotients, brackets, broadcasting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from sympy import Expr, Float, Rational

from tensorcalc.codegen.arrays import Array, Kind, Level, union
from tensorcalc.codegen.block import Block
from tensorcalc.index import Index

__all__ = ["Factor", "literal", "power", "product", "signed_sum"]


MOST_TERMS = 48  # of a sum on one line of code
_SMALL_POWERS = (Rational(3, 2), Rational(5, 2), *map(Rational, range(3, 9)))  # that are multiplied out


@dataclass(frozen=True, slots=True)
class Factor:
    """A factor of a product, below the fraction line where `inverse`; `nonnegative` where it is never below 0."""

    array: Array
    inverse: bool = False
    nonnegative: bool = False


def literal(number: Expr | float) -> Array:
    """A number as a Python literal with all its digits."""
    if getattr(number, "is_Integer", False):
        code = str(int(number))
    elif isinstance(number, Rational):
        code = repr(float(Fraction(int(number.p), int(number.q))))
    else:
        value = float(number.evalf(20) if isinstance(number, Expr) and not isinstance(number, Float) else number)
        code = {"inf": "math.inf", "-inf": "-math.inf", "nan": "math.nan"}.get(repr(value), repr(value))
    return Array(code, (), Level.NEGATIVE if code.startswith("-") else Level.ATOM, Kind.PYTHON)


def _is_one(array: Array) -> bool:
    return array.code in ("1", "1.0")


def signed_sum(block: Block, terms: Sequence[tuple[int, Array]]) -> Array:
    """The sum of terms, each with its sign; positive terms are written first."""
    if len(terms) > MOST_TERMS:
        rest = terms[MOST_TERMS:]
        return signed_sum(block, [(1, block.bind(signed_sum(block, terms[:MOST_TERMS]))), *rest])
    arrays = block.shortened([_summand(block, array) for _, array in terms])
    numbers = [(sign, array) for (sign, _), array in zip(terms, arrays, strict=True)]
    axes = union((a for _, a in numbers), block.hint)
    ordered = sorted(numbers, key=lambda t: (t[0] < 0, t[1].kind is Kind.PYTHON))
    kind = Kind.PYTHON if all(a.kind is Kind.PYTHON for _, a in numbers) else Kind.NUMBERS
    if all(a.kind in (Kind.INTEGERS, Kind.PYTHON) for _, a in numbers) and kind is not Kind.PYTHON:
        kind = Kind.INTEGERS
    sign, first = ordered[0]
    result = block.aligned(first, axes)
    if sign < 0:
        result = Array(f"-{result.wrapped(Level.NEGATIVE)}", axes, Level.NEGATIVE, kind)
    for sign, array in ordered[1:]:
        operator = "+" if sign > 0 else "-"
        right = block.aligned(array, axes)
        code = f"{result.code} {operator} {right.wrapped(Level.MATMUL)}"
        into = _into(block, operator, result, right)
        result = Array(code, axes, Level.SUM, kind, into, fresh=True)
    return Array(result.code, axes, result.level, kind, result.into, result.fresh)


def _summand(block: Block, array: Array) -> Array:
    return array if array.kind is Kind.INTEGERS else block.numbers(array)


def _into(block: Block, operator: str, left: Array, right: Array) -> str:
    """The operation as a call that can write into an array; empty where the library has none for these operands."""
    if left.kind is Kind.PYTHON and operator in "+*":
        left, right = right, left
    if left.kind is Kind.PYTHON and not block.dialect.numbers_first:
        return ""
    template = block.dialect.operators.get(operator, "")
    return template.replace("{0}", left.code).replace("{1}", right.code)


def _negated(array: Array) -> Array:
    """The array with the other sign, as a factor."""
    return Array(f"-{array.wrapped(Level.PRODUCT)}", array.axes, Level.PRODUCT, array.kind, fresh=True)


def product(block: Block, factors: Sequence[Factor], negative: bool = False) -> Array:
    """The product of factors, small ones first, quotients last; a mask stays one where it multiplies numbers."""
    factors = [f for f in factors if not _is_one(f.array)]
    if not factors:
        return Array("-1" if negative else "1", (), kind=Kind.PYTHON)
    axes = union((f.array for f in factors), block.hint)
    arrays = block.shortened([f.array for f in factors])
    factors = [Factor(a, f.inverse) for a, f in zip(arrays, factors, strict=True)]
    above = _ordered([f.array for f in factors if not f.inverse])
    below = _ordered([f.array for f in factors if f.inverse])
    above = _masked(block, above)
    below = [block.numbers(b) for b in below]
    small = _small(above, below, axes)
    if small:
        first = product(block, [*map(Factor, small), *(Factor(b, True) for b in below)], negative)
        return product(block, [Factor(first), *map(Factor, above[len(small) :])])
    if not above:
        above = [Array("1", (), kind=Kind.PYTHON)]
    if negative:
        above[0] = _negated(above[0])
    result = block.aligned(above[0], axes)
    for array in above[1:]:
        result = _times(block, "*", result, block.aligned(array, axes), axes)
    if not below:
        return Array(result.code, axes, result.level, result.kind, result.into, result.fresh)
    denominator = block.aligned(below[0], axes)
    for array in below[1:]:
        denominator = _times(block, "*", denominator, block.aligned(array, axes), axes)
    return _times(block, "/", result, denominator, axes)


def _small(above: list[Array], below: list[Array], axes: tuple[Index, ...]) -> list[Array]:
    """The leading factors that have fewer axes than their product and can be divided before they meet the others."""
    small = [a for a in above if len(a.axes) < len(axes) and a.kind is Kind.NUMBERS]
    divided = {axis for a in small for axis in a.axes}
    able = small and below and len(small) < len(above) and above[: len(small)] == small and len(axes) > 1
    return small if able and all(divided >= set(b.axes) for b in below) else []


def _ordered(arrays: Sequence[Array]) -> list[Array]:
    """Numbers, then scalars, then arrays of growing order: the cheap products come first."""
    return sorted(arrays, key=lambda a: (a.kind is not Kind.PYTHON, len(a.axes), a.kind is Kind.MASK))


def _masked(block: Block, arrays: list[Array]) -> list[Array]:
    """Masks become numbers unless an array of numbers stands before them in the product; indices stay integers."""
    if any(a.kind is Kind.INTEGERS for a in arrays):
        return arrays
    if not any(a.kind is Kind.NUMBERS for a in arrays):
        return [block.numbers(a) for a in arrays]
    places = {Kind.PYTHON: 0, Kind.NUMBERS: 1, Kind.MASK: 2}
    return sorted(arrays, key=lambda a: places[a.kind])


def _times(block: Block, operator: str, left: Array, right: Array, axes: tuple[Index, ...]) -> Array:
    python = left.kind is Kind.PYTHON and right.kind is Kind.PYTHON
    integers = Kind.INTEGERS in (left.kind, right.kind)
    kind = Kind.PYTHON if python else Kind.INTEGERS if integers else Kind.NUMBERS
    code = f"{left.wrapped(Level.PRODUCT)} {operator} {right.wrapped(Level.POWER)}"
    into = "" if python else _into(block, operator, left, right)
    return Array(code, axes, Level.PRODUCT, kind, into, fresh=True)


def power(block: Block, base: Array, exponent: Expr) -> Array:
    """A power with a positive numeric exponent."""
    if exponent == Rational(1, 2):
        if base.kind is Kind.PYTHON:
            return Array(f"math.sqrt({base.code})", (), kind=Kind.PYTHON)
        return block.call("sqrt", [base], base.axes)
    base = block.numbers(base)
    if block.dialect.squares and base.kind is not Kind.PYTHON and exponent in _SMALL_POWERS:
        return _by_squares(block, base, exponent)
    code = f"{base.wrapped(Level.ATOM)} ** {literal(exponent).wrapped(Level.ATOM)}"
    return Array(code, base.axes, Level.POWER, base.kind, fresh=True)


def _by_squares(block: Block, base: Array, exponent: Expr) -> Array:
    """A small power as a product of squares, the base, and its root."""
    base = block.bind(base)
    whole, factors, square = int(exponent), [], base
    if exponent != whole:
        factors.append(block.call("sqrt", [base], base.axes))
    while whole:
        if whole % 2:
            factors.append(square)
        whole //= 2
        if whole:
            square = Array(f"{square.wrapped(Level.ATOM)} ** 2", base.axes, Level.POWER, fresh=True)
    return product(block, [Factor(f) for f in reversed(factors)])

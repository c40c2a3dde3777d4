"""Numbers: exact from their text, and checked before SymPy computes with them.

Exact arithmetic on a short text such as 10^10^10 would never end. So every constant is first computed in float64, and
refused where it is no finite real number or does not fit; then its exact form is known to be small.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType

import mpmath
from sympy import Expr

from tensorcalc.errors import Span, TensorCalcError

__all__ = [
    "as_fraction",
    "call_value",
    "check_digits",
    "check_exact_power",
    "not_finite",
    "power_value",
    "ratio",
    "read_number",
    "small_or_zero",
]

DIGITS = 100
BITS = 2_200
"""Length of the numerator and denominator of exact numbers; any float64 needs less."""

_DECIMAL = re.compile(r"([0-9]*)\.?([0-9]*)(?:[eE]([+-]?[0-9]+))?\Z")


_RANGE = "numbers are between 4.9e-324 and 1.8e308, or 0"
_ROUND = "round it: float64 has 17 digits"


def too_big(message: str, span: Span, hint: str = _RANGE) -> TensorCalcError:
    """The error for a number that does not fit into float64."""
    return TensorCalcError("E_NUMBER_TOO_BIG", message, span, hint=hint)


def not_finite(what: str, span: Span, hint: str = "") -> TensorCalcError:
    """The error for a constant without a finite real value."""
    return TensorCalcError("E_NOT_FINITE", f"{what} is not a finite real number", span, hint=hint)


def read_number(text: str, span: Span) -> Fraction:
    """The exact value of a decimal text such as 0.5 or 1e-3. Raises `TensorCalcError` E_NUMBER_TOO_BIG."""
    if len(text) < DIGITS and text.isdecimal():
        return Fraction(int(text))
    match = _DECIMAL.match(text)
    assert match is not None
    whole, decimals, exponent = match.groups()
    significant = (whole + decimals).strip("0")
    if not significant:
        return Fraction(0)
    if len(significant) > DIGITS:
        raise too_big(f"a number has {len(significant)} digits; the limit is {DIGITS}", span, _ROUND)
    shift = int(exponent) if exponent and len(exponent) < 8 else 10**7 * (-1 if exponent and "-" in exponent else 1)
    power = (shift if exponent else 0) - len((whole + decimals).rstrip("0")) + len(whole)
    if not -400 - DIGITS < power < 400:
        raise too_big(f"{_short(text)} is too {'big' if power > 0 else 'small'} for float64", span)
    value = int(significant) * Fraction(10) ** power
    ratio(value, span, _short(text))
    return value


def _short(text: str) -> str:
    return text if len(text) <= 24 else text[:20] + "…"


def ratio(value: Fraction, span: Span, what: str = "this number") -> float:
    """A fraction as float64. Raises `TensorCalcError` E_NUMBER_TOO_BIG where it does not fit."""
    try:
        result = float(value)
    except OverflowError:
        raise too_big(f"{what} is too big for float64", span) from None
    return small_or_zero(result, value == 0, span, what)


def small_or_zero(value: float, exact_zero: bool, span: Span, what: str = "this number") -> float:
    """`value`, unless it is infinite, or 0 where the exact value is not."""
    if math.isinf(value):
        raise too_big(f"{what} is too big for float64", span)
    if value == 0 and not exact_zero:
        raise too_big(f"{what} is too small for float64", span)
    return value


def check_digits(number: Expr | Fraction, span: Span, denominator: int = 1) -> int:
    """The common denominator of an exact number and another; raises E_NUMBER_TOO_BIG where digits get too many."""
    own = int(number.denominator)
    if own != 1:
        denominator = math.lcm(denominator, own)
    if max(denominator.bit_length(), int(number.numerator).bit_length()) > BITS:
        raise too_big(f"the exact value has more than {BITS} binary digits", span, _ROUND)
    return denominator


def power_value(base: float, exponent: float, span: Span, what: str) -> float:
    """base^exponent in float64. Raises E_NUMBER_TOO_BIG or E_NOT_FINITE."""
    try:
        value = base**exponent
    except OverflowError:
        raise too_big(f"{what} is too big for float64", span) from None
    except ZeroDivisionError:
        raise not_finite(what, span, "a negative power of 0 divides by 0") from None
    if isinstance(value, complex):
        raise not_finite(what, span, "a negative number has whole powers only")
    return small_or_zero(value, base == 0, span, what)


def check_exact_power(base: Fraction, exponent: Fraction, span: Span, what: str) -> None:
    """Raise E_NUMBER_TOO_BIG where base^exponent is too long to be kept exactly, or does not fit into float64."""
    if base == 0 or abs(base) == 1:
        return
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    power_value(abs(ratio(base, span)), ratio(exponent, span), span, what)
    if bits * abs(exponent) > BITS:
        raise too_big(f"the exact value of {what} has more than {BITS} binary digits", span, _ROUND)


def as_fraction(expression: Expr) -> Fraction:
    """A SymPy Rational as a Python number."""
    return Fraction(int(expression.p), int(expression.q))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))


def _digamma(x: float) -> float:
    return float(mpmath.digamma(x))


def _sign(x: float) -> float:
    return float((x > 0) - (x < 0))


_CALLS: Mapping[str, Callable[..., float]] = MappingProxyType(
    {
        **{name: getattr(math, name) for name in ("exp", "log", "log1p", "expm1", "sin", "cos", "tan", "sinh", "cosh")},
        **{name: getattr(math, name) for name in ("tanh", "asin", "acos", "atan", "erf", "lgamma")},
        "abs": abs,
        "sign": _sign,
        "sigmoid": _sigmoid,
        "softplus": lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x))),
        "relu": lambda x: max(x, 0.0),
        "silu": lambda x: x * _sigmoid(x),
        "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
        "digamma": _digamma,
        "max": max,
        "min": min,
    }
)


def call_value(name: str, arguments: list[float], span: Span, what: str) -> float:
    """An elementwise function of numbers in float64. Raises E_NUMBER_TOO_BIG or E_NOT_FINITE."""
    try:
        value = _CALLS[name](*arguments)
    except OverflowError:
        raise too_big(f"{what} is too big for float64", span) from None
    except ValueError:
        raise not_finite(what, span) from None
    if math.isnan(value):
        raise not_finite(what, span)
    return small_or_zero(value, name != "exp", span, what)

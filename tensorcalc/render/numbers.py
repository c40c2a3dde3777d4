"""Which numbers are written as decimals, and their digits."""

from __future__ import annotations

from sympy import Expr, Float, Rational

__all__ = ["DIGITS", "decimal", "is_decimal", "scientific"]

PLACES = 17  # more decimals than this are written as a fraction
DIGITS = frozenset("0123456789")
SMALL = 8  # denominators up to here are written as a fraction, as are powers of two up to 64


def _decimals(number: Rational) -> int | None:
    """How many decimals write the number exactly; `None` where none do."""
    rest, twos, fives = int(number.q), 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    return max(twos, fives) if rest == 1 else None


def is_decimal(number: Expr) -> bool:
    """Whether a number is written as a decimal, such as 0.85, rather than as an integer or a fraction."""
    if isinstance(number, Float):
        return True
    q = int(number.q)
    if q <= SMALL or (q <= 64 and q & (q - 1) == 0):
        return False
    decimals = _decimals(number)
    return decimals is not None and len(str(abs(int(number.p)))) <= PLACES


def scientific(number: Expr) -> tuple[str, int]:
    """The digits of a number that is not negative, and the power of ten they are multiplied with.

    The power is 0 unless the number is very small or has many zeros at its end.
    """
    if isinstance(number, Float):
        mantissa, _, power = repr(float(number)).partition("e")
        return mantissa.removesuffix(".0"), int(power or 0)
    if number.q == 1:
        digits = str(number.p)
        short = digits.rstrip("0")
        if len(digits) - len(short) >= 6:
            return _point(short, len(short) - 1), len(digits) - 1
        return digits, 0
    decimals = _decimals(number) or 0
    digits = str(number.p * 10**decimals // number.q)
    if number < Rational(1, 10000):
        return _point(digits, len(digits) - 1), len(digits) - 1 - decimals
    return _point(digits.zfill(decimals + 1), decimals), 0


def _point(digits: str, decimals: int) -> str:
    """Digits with a decimal point before the last `decimals` of them."""
    if decimals == 0:
        return digits
    return f"{digits[:-decimals]}.{digits[-decimals:]}".rstrip("0").rstrip(".")


def decimal(number: Expr) -> str:
    """A number that is not negative, as programs write it: 0.85, 1e-12."""
    digits, power = scientific(number)
    return f"{digits}e{power}" if power else digits

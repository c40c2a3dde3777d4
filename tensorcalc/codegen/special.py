"""The special functions that NumPy lacks, for code generated for it.

`erf` is computed here. The others are SciPy's where it is installed; without it mpmath computes them number by
number, as exact and slower. Both are imported when first needed.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

__all__ = ["digamma", "erf", "lgamma", "polygamma"]

# Rational approximations of W. J. Cody's kind, as in FreeBSD's msun s_erf.c (Sun Microsystems 1993): numerator and
# denominator, lowest powers first. Error below 1 ulp.
_SMALL = (
    (0.12837916709551256, -0.3250421072470015, -0.02848174957559851, -0.005770270296489442, -2.3763016656650163e-05),
    (
        1.0,
        0.39791722395915535,
        0.0650222499887673,
        0.005081306281875766,
        0.00013249473800432164,
        -3.960228278775368e-06,
    ),
)
_MIDDLE = (
    (
        -0.0023621185607526594,
        0.41485611868374833,
        -0.3722078760357013,
        0.31834661990116175,
        -0.11089469428239668,
        0.035478304325618236,
        -0.002166375594868791,
    ),
    (
        1.0,
        0.10642088040084423,
        0.540397917702171,
        0.07182865441419627,
        0.12617121980876164,
        0.01363708391202905,
        0.011984499846799107,
    ),
)
_LARGE = (
    (
        -0.009864944034847148,
        -0.6938585727071818,
        -10.558626225323291,
        -62.375332450326006,
        -162.39666946257347,
        -184.60509290671104,
        -81.2874355063066,
        -9.814329344169145,
    ),
    (
        1.0,
        19.651271667439257,
        137.65775414351904,
        434.56587747522923,
        645.3872717332679,
        429.00814002756783,
        108.63500554177944,
        6.570249770319282,
        -0.0604244152148581,
    ),
)
_LARGEST = (
    (
        -0.0098649429247001,
        -0.799283237680523,
        -17.757954917754752,
        -160.63638485582192,
        -637.5664433683896,
        -1025.0951316110772,
        -483.5191916086514,
    ),
    (
        1.0,
        30.33806074348246,
        325.7925129965739,
        1536.729586084437,
        3199.8582195085955,
        2553.0504064331644,
        474.52854120695537,
        -22.44095244658582,
    ),
)
_AT_ONE = 8.45062911510467529297e-01


def _ratio(x: Any, coefficients: tuple[tuple[float, ...], tuple[float, ...]]) -> Any:
    above, below = (np.polynomial.polynomial.polyval(x, c) for c in coefficients)
    return above / below


def _tail(x: Any, coefficients: tuple[tuple[float, ...], tuple[float, ...]]) -> Any:
    """erf for larger arguments, from the complementary function; x is split so that exp(−x²) is exact."""
    rounded = x.astype(np.float32).astype(float)
    exponent = (rounded - x) * (rounded + x) + _ratio(1 / (x * x), coefficients)
    return 1 - np.exp(-rounded * rounded - 0.5625) * np.exp(exponent) / x


def erf(x: Any) -> Any:
    """The error function, within 1 ulp in float64; narrower dtypes are kept."""
    x = np.asarray(x)
    dtype = x.dtype if x.dtype.kind == "f" else np.dtype(float)
    exact = np.abs(x).astype(float)
    result = np.where(np.isnan(exact), np.nan, 1.0)
    forms: tuple[tuple[float, float, Callable[[Any], Any]], ...] = (
        (0, 0.84375, lambda v: v + v * _ratio(v * v, _SMALL)),
        (0.84375, 1.25, lambda v: _AT_ONE + _ratio(v - 1, _MIDDLE)),
        (1.25, 1 / 0.35, lambda v: _tail(v, _LARGE)),
        (1 / 0.35, 6, lambda v: _tail(v, _LARGEST)),
    )
    for low, high, form in forms:
        here = (exact >= low) & (exact < high)
        if here.any():
            result[here] = form(exact[here])
    return np.copysign(result, x).astype(dtype)[()]


@cache
def _scipy() -> Any:
    try:
        return importlib.import_module("scipy.special")
    except ImportError:
        return None


def _computed(name: str, entry: Callable[..., float], x: Any, *before: Any) -> Any:
    """The function `name` of SciPy, or the function of numbers, at x; the result has x's dtype."""
    x = np.asarray(x)
    dtype = x.dtype if x.dtype.kind == "f" else np.dtype(float)
    scipy = _scipy()
    found = getattr(scipy, name)(*before, x) if scipy else np.vectorize(entry, otypes=[float])(*before, x)
    return np.asarray(found).astype(dtype, copy=False)[()]


def lgamma(x: Any) -> Any:
    """log |Γ(x)|; infinite at the poles."""
    return _computed("gammaln", _lgamma, x)


def digamma(x: Any) -> Any:
    """The derivative of `lgamma`."""
    return _computed("digamma", lambda value: _mpmath("digamma", value), x)


def polygamma(n: Any, x: Any) -> Any:
    """The n-th derivative of `digamma`."""
    return _computed("polygamma", lambda order, value: _mpmath("polygamma", int(order), value), x, n)


def _lgamma(x: float) -> float:
    if math.isfinite(x) and not (x <= 0 and x == int(x)):
        return math.lgamma(x)
    return x if math.isnan(x) else math.inf


def _mpmath(name: str, *arguments: float) -> float:
    mpmath = importlib.import_module("mpmath")
    try:
        return float(getattr(mpmath, name)(*arguments))
    except (ValueError, ZeroDivisionError):
        return math.nan

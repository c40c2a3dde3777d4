"""The special functions that NumPy lacks, for code generated for it.

SciPy computes them where it is installed. Without it Python's `math` and mpmath do, number by number: as exact, slower.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["digamma", "erf", "lgamma", "polygamma"]


def _scipy() -> Any:
    try:
        return importlib.import_module("scipy.special")
    except ImportError:
        return None


_SPECIAL = _scipy()


def _entrywise(function: Callable[..., float], *arguments: Any) -> Any:
    """A function of numbers, applied to arrays entry by entry."""
    return np.vectorize(function, otypes=[float])(*arguments)


def _computed(name: str, entry: Callable[..., float], x: Any, *before: Any) -> Any:
    """The function `name` of SciPy, or the function of numbers, at x; the result has x's dtype."""
    x = np.asarray(x)
    dtype = x.dtype if x.dtype.kind == "f" else np.dtype(float)
    found = getattr(_SPECIAL, name)(*before, x) if _SPECIAL else _entrywise(entry, *before, x)
    return np.asarray(found).astype(dtype, copy=False)[()]


def erf(x: Any) -> Any:
    """The error function."""
    return _computed("erf", math.erf, x)


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

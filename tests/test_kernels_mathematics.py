"""The vectorised functions of generated C, held against exact values: the error in units in the last place."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from typing import Any

import mpmath
import numpy as np
import pytest

import tensorcalc as tc
from kernel_tools import needs_compiler
from tensorcalc.codegen.kernels import mathematics
from tensorcalc.codegen.kernels.compiler import shared_library

pytestmark = needs_compiler

# the function, where it is tried, and the largest error in units in the last place
LIMITS: Mapping[str, tuple[Callable[[Any], Any], str, float]] = {
    "exp": (mpmath.exp, "exponents", 1),
    "decay": (mpmath.exp, "falling", 1),
    "decay1": (mpmath.expm1, "negative", 2),
    "expm1": (mpmath.expm1, "exponents", 2),
    "log": (mpmath.log, "positive", 1),
    "log1p": (mpmath.log1p, "above -1", 2),
    "sigmoid": (lambda x: 1 / (1 + mpmath.exp(-x)), "moderate", 3),
    "tanh": (mpmath.tanh, "moderate", 3),
    "softplus": (lambda x: mpmath.log1p(mpmath.exp(x)), "moderate", 2),
    "erf": (mpmath.erf, "moderate", 1),
}


def points(where: str, dtype: Any) -> Any:
    random = np.random.default_rng(0)
    near = np.concatenate([random.normal(size=400) * scale for scale in (1e-6, 1e-2, 1, 10)])
    low, high = (-103, 88.7) if dtype == np.float32 else (-745, 709)
    found = {
        "moderate": np.concatenate([near, random.uniform(-80, 80, 800)]),
        "exponents": np.concatenate([near, random.uniform(low, high, 800)]),
        "falling": np.concatenate([-abs(near), random.uniform(-87 if dtype == np.float32 else -708, 0, 800)]),
        "negative": np.concatenate([-abs(near), random.uniform(low, 0, 800)]),
        "positive": np.concatenate(
            [np.exp(random.uniform(low, high, 800)), 1 + near[:800], random.uniform(0.5, 2, 400)]
        ),
        "above -1": np.concatenate([near, np.exp(random.uniform(-30, high, 800)), random.uniform(-1, 1, 400)]),
    }[where].astype(dtype)
    return found[found > 0] if where == "positive" else found[found > -1] if where == "above -1" else found


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> dict[Any, ctypes.CDLL]:
    source = mathematics.PRELUDE + mathematics.written(mathematics.FUNCTIONS)
    for word in LIMITS:
        source += f"void all_{word}(const real *x, real *y, ptrdiff_t n)\n{{\n#pragma omp simd\n"
        source += f"    for (ptrdiff_t i = 0; i < n; i++)\n        y[i] = fast_{word}(x[i]);\n}}\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return {np.float32: shared_library(source), np.float64: shared_library(source, ("-DTENSORCALC_DOUBLE",))}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("word", LIMITS)
def test_error_in_units_in_the_last_place(word: str, dtype: Any, libraries: dict[Any, ctypes.CDLL]) -> None:
    exact, where, limit = LIMITS[word]
    x = points(where, dtype)
    y = np.empty_like(x)
    getattr(libraries[dtype], f"all_{word}")(
        x.ctypes.data_as(ctypes.c_void_p), y.ctypes.data_as(ctypes.c_void_p), ctypes.c_ssize_t(x.size)
    )
    worst = 0.0
    with mpmath.workprec(120):
        for argument, found in zip(x, y, strict=True):
            true = exact(mpmath.mpf(float(argument)))
            rounded = dtype(float(true))
            if np.isfinite(rounded):
                worst = max(worst, abs(float((mpmath.mpf(float(found)) - true) / float(np.spacing(abs(rounded))))))
    assert worst <= limit


def test_derivatives_of_the_logarithm_of_gamma() -> None:
    random = np.random.default_rng(0)
    x = np.concatenate([random.uniform(-6, 0, 30), random.uniform(0.01, 30, 60), [1.4616321449683623, 1e8, 1e-8]])
    value = tc.parse("c = sum(i, lgamma(x[i])*y[i])").derive("c", wrt="x")
    second = tc.parse("c = sum(i, lgamma(x[i])*y[i])").derive("c", wrt="x", kind="hvp")
    third = tc.parse("c = sum(i, digamma(x[i])*y[i])").derive("c", wrt="x", kind="hvp")
    ones = np.ones_like(x)
    found = [value.lambdify("c")(x=x, y=ones), *(d.lambdify("c")(x=x, y=ones, v_x=ones) for d in (second, third))]
    for order, values in enumerate(found):
        exact = np.asarray([float(mpmath.polygamma(order, mpmath.mpf(float(a)))) for a in x])
        np.testing.assert_allclose(values, exact, rtol=1e-12, atol=1e-14)
    hard = np.asarray([0.0, -2.0, np.inf, np.nan])
    np.testing.assert_array_equal(value.lambdify("c")(x=hard, y=np.ones(4)), [-np.inf, np.nan, np.inf, np.nan])

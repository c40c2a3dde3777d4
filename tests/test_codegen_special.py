"""The special functions for NumPy, against Python's `math` and mpmath."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

from tensorcalc.codegen import special

POINTS = np.concatenate(
    [np.linspace(-7, 7, 4001), [0.84375, 1.25, 1 / 0.35, 6, -0.84375, 1e-300, 1e300, np.inf, -np.inf]]
)


def test_erf() -> None:
    expected = np.array([math.erf(v) for v in POINTS])
    assert np.all(np.abs(special.erf(POINTS) - expected) <= np.spacing(np.abs(expected)))
    assert np.isnan(special.erf(np.nan))
    assert math.copysign(1, special.erf(-0.0)) == -1
    assert special.erf(np.zeros((2, 0))).shape == (2, 0)
    moderate = np.abs(POINTS) < 10
    single = special.erf(POINTS[moderate].astype("float32"))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected[moderate], rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("installed", [True, False])
def test_gamma_functions(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not installed:
        monkeypatch.setattr(special, "_scipy", lambda: None)
    points = np.array([0.1, 0.5, 1, 2.5, 7, 30, -0.5, -3.7])
    for name, reference in (
        ("lgamma", lambda v: mpmath.log(abs(mpmath.gamma(v)))),
        ("digamma", mpmath.digamma),
        ("polygamma", lambda v: mpmath.polygamma(1, v)),
    ):
        before = (1.0,) if name == "polygamma" else ()
        for dtype, tolerance in (("float64", 1e-12), ("float32", 1e-5)):
            at = points[:6] if name == "polygamma" else points
            found = getattr(special, name)(*before, at.astype(dtype))
            assert found.dtype == dtype
            np.testing.assert_allclose(found, [float(reference(v)) for v in at], rtol=tolerance, atol=tolerance)
    assert special.lgamma(np.array([0.0, -1.0])).tolist() == [np.inf, np.inf]
    assert np.isnan(special.lgamma(np.nan))

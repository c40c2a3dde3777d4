"""Factors of Jacobians and Hessians: the same numbers as the dense arrays, with δ and low rank kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorcalc as tc
from tensorcalc.factored import Factored

RNG = np.random.default_rng(5)
X, A, V, U = (RNG.normal(size=s) for s in ((3, 2), (2, 4), (5, 2), (3, 2)))

CASES: list[tuple[str, str, str, str, dict[str, Any]]] = [
    ("Y[i,j] = X[i,k]*A[k,j]", "Y", "X", "jacobian", {"X": X, "A": A}),
    ("Y[i,j] = X[i,k]*A[k,j]", "Y", "A", "jacobian", {"X": X, "A": A}),
    ("s[i] = exp(x[i])/(1[j]*exp(x[j]))", "s", "x", "jacobian", {"x": X[:, 0]}),
    ("c = log(1[j]*exp(x[j])) - x[T]", "c", "x", "hessian", {"x": X[:, 0], "T": 1}),
    ("y[i] = x[i]/sqrt(1[j]*x[j]^2)", "y", "x", "jacobian", {"x": X[:, 0]}),
    ("D[i,j] = delta(i,j)*v[i]", "D", "v", "jacobian", {"v": X[:, 0]}),
    ("t = 1[k]*B[k,k]; Y[i,j] = t*B[i,j]", "Y", "B", "jacobian", {"B": RNG.normal(size=(3, 3))}),
    ("c = 1[i,j]*(X[i,j] - U[i,k]*V[j,k])^2", "c", "U", "hessian", {"X": RNG.normal(size=(3, 5)), "U": U, "V": V}),
    ("y[i] = x[i] - 1[i]*m; m = 1[j]*x[j]/N; index j: N", "y", "x", "jacobian", {"x": X[:, 0]}),
    ("c = x[i]*y[i]", "c", "x", "hessian", {"x": X[:, 0], "y": X[:, 1]}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
@pytest.mark.parametrize("target", ["numpy", "torch"])
def test_factors_give_the_dense_array(case: tuple[str, str, str, Any, dict[str, Any]], target: str) -> None:
    text, of, wrt, kind, values = case
    derivation = tc.parse(text).derive(of, wrt, kind)
    dense = derivation.lambdify("numpy")(**values)
    found = derivation.lambdify(target, factored=True)(**_arrays(values, target))
    assert isinstance(found, Factored)
    assert found.shape == dense.shape
    assert np.allclose(found.dense(), dense, atol=1e-12)


def _arrays(values: dict[str, Any], target: str) -> dict[str, Any]:
    if target == "numpy":
        return values
    import torch  # noqa: PLC0415 - only this target needs it

    return {name: torch.as_tensor(value) for name, value in values.items()}


def test_deltas_and_low_rank_are_kept() -> None:
    n, rank = 200, 5
    values = {"X": RNG.normal(size=(n, n)), "U": RNG.normal(size=(n, rank)), "V": RNG.normal(size=(n, rank))}
    hessian = tc.parse("c = 1[i,j]*(X[i,j] - U[i,k]*V[j,k])^2").derive("c", "U", "hessian")
    found = hessian.lambdify("numpy", factored=True)(**values)
    assert isinstance(found, Factored)
    assert found.shape == (n, rank, n, rank)
    assert all(np.size(array) <= rank * rank for term in found for array, _ in term.factors)
    assert any(term.deltas for term in found)


def test_a_softmax_jacobian_is_a_diagonal_and_an_outer_product() -> None:
    found = (
        tc.parse("s[i] = exp(x[i])/(1[j]*exp(x[j]))").derive("s", "x", "jacobian").lambdify(factored=True)(x=X[:, 0])
    )
    assert isinstance(found, Factored)
    assert sorted(len(t.deltas) for t in found) == [0, 1]
    assert all(np.ndim(array) <= 1 for term in found for array, _ in term.factors)


def test_gradients_have_no_factors() -> None:
    with pytest.raises(tc.TensorCalcError) as caught:
        tc.parse("c = x[i]*y[i]").derive("c", "x").lambdify(factored=True)
    assert caught.value.code == "E_KIND"


def test_what_no_argument_decides_is_a_plain_number() -> None:
    found = tc.parse("c = 3/2*sum(i,k, (U[i,k]*v[k])^2)").derive("c", "U", "hessian").lambdify(factored=True)
    result = found(U=U, v=X[0])
    assert isinstance(result, Factored)
    assert [array for term in result for array, axes in term.factors if not axes] == [3]
    assert "factor_1" not in found.source
    dense = tc.parse("c = 3/2*sum(i,k, (U[i,k]*v[k])^2)").derive("c", "U", "hessian").lambdify("numpy")
    np.testing.assert_allclose(result.dense(), dense(U=U, v=X[0]))

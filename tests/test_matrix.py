"""Matrix notation: formulas as people write them, judged by numbers, and what has no such form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings

import tensorcalc as tc
from matrix_formulas import Point, matrix_systems
from random_systems import systems
from tensorcalc import library, matrix
from tensorcalc.cli import cli
from tensorcalc.matrix import MatrixForm, matrix_form
from tensorcalc.matrix.entries import confirms
from tensorcalc.matrix.nodes import Named, Product, Transpose
from tensorcalc.render import Context

REGRESSION = "index i: N; y[i] = X[i,j]*w[j]; c = 1/N*1[i]*(y[i] - t[i])^2 + lambda*w[j]*w[j]"
LINEAR = "y[n,o] = x[n,i]*a[o,i] + 1[n]*b[o]"
ATTENTION = (
    "index e: D; z[t,s] = Q[t,e]*K[s,e]/sqrt(D); a[t,s] = exp(z[t,s])/sum(r, exp(z[t,r])); y[t,e] = a[t,s]*V[s,e]"
)
LAYERS = "z[n,h] = x[n,i]*w[i,h]; a[n,h] = tanh(z[n,h]); c = 1[n,h]*a[n,h]^2"
DOT = "\N{COMBINING DOT ABOVE}"
BATCH = "y[b,n,o] = x[b,n,i]*W[o,i] + 1[b,n]*c[o]"


def agree(form: MatrixForm, point: Point | None) -> None:
    """NumPy and a reader of the text come to the same numbers as the index notation."""
    assert point is not None
    expected = point.expected()
    np.testing.assert_allclose(point.by_numpy(form), expected, rtol=1e-8, atol=1e-8, err_msg=form.plain)
    np.testing.assert_allclose(point.by_reader(form), expected, rtol=1e-8, atol=1e-8, err_msg=form.text())


def of_definition(text: str) -> MatrixForm | None:
    """The last definition of a system in matrix notation."""
    system = tc.parse(text)
    definition, form = system.definitions[-1], system.matrix()[-1]
    if form is not None:
        agree(form, Point.of(Context(system), definition.lhs, definition.rhs))
    return form


def of_result(text: str, of: str, wrt: str, kind: Any) -> MatrixForm | None:
    """A derivative in matrix notation."""
    derivation = tc.parse(text).derive(of, wrt, kind)
    ((left, right),), (form,) = derivation.results, derivation.matrix()
    if form is not None:
        agree(form, Point.of(Context.of(derivation), left, right))
    return form


@pytest.mark.parametrize(
    ("definition", "formula", "plain"),
    [
        ("y[i] = X[i,j]*w[j] + b[i]", "y = X w + b", "X @ w + b"),
        ("y[j] = w[i]*X[i,j]", "y = Xᵀ w", "X.T @ w"),
        ("y[i,l] = A[i,j]*B[j,k]*C[k,l]", "Y = A B C", "A @ B @ C"),
        ("y[i,l] = A[j,i]*B[k,j]*C[l,k]", "Y = (C B A)ᵀ", "(C @ B @ A).T"),
        ("y[i,l] = C[k,l]*A[i,j]*B[j,k]", "Y = A B C", "A @ B @ C"),
        ("y[i,j] = u[i]*v[j]", "Y = u vᵀ", "np.outer(u, v)"),
        ("y[i,j] = A[i,k]*u[k]*v[m]*B[m,j]", "Y = A u vᵀ B", "np.outer(A @ u, v @ B)"),
        ("y = u[i]*v[i]", "y = uᵀ v", "u @ v"),
        ("y = u[i]*u[i]", "y = uᵀ u", "u @ u"),
        ("y = x[i]*A[i,j]*z[j]", "y = xᵀ A z", "x @ A @ z"),
        ("y = x[i]*A[j,i]*z[j]", "y = zᵀ A x", "z @ A @ x"),
        ("y = A[i,j]*B[j,i]", "y = tr(A B)", "np.trace(A @ B)"),
        ("y = A[i,j]*B[i,j]", "y = tr(Aᵀ B)", "np.trace(A.T @ B)"),
        ("y = 1[i]*A[i,i]", "y = tr(A)", "np.trace(A)"),
        ("y = C[k,i]*A[i,j]*B[j,k]", "y = tr(C A B)", "np.trace(C @ A @ B)"),
        ("y = 1[i,j]*(A[i,j] - B[i,j])^2", "y = tr((A − B)ᵀ (A − B))", "np.trace((A - B).T @ (A - B))"),
        ("y[i,j] = A[i,j]*B[i,j]", "Y = A ⊙ B", "A * B"),
        ("y[i,j] = A[i,j]/B[i,j]", "Y = A ⊘ B", "A / B"),
        ("y[i,j] = tanh(A[i,k]*B[k,j])", "Y = tanh(A B)", "np.tanh(A @ B)"),
        ("y[i,j] = abs(A[j,i])", "Y = abs(Aᵀ)", "np.abs(A.T)"),
        ("y[i,j] = relu(A[i,j]) + sqrt(B[i,j])", "Y = relu(A) + √B", "np.maximum(A, 0) + np.sqrt(B)"),
        ("y[i,j] = A[i,j] + B[j,i]", "Y = A + Bᵀ", "A + B.T"),
        ("y[i,j] = A[j,i] - B[j,i]", "Y = (A − B)ᵀ", "(A - B).T"),
        ("y[i,j] = s*A[i,j] + lambda*delta(i,j)", "Y = s A + λ I", "s * A + lambda_ * np.eye(I)"),
        ("y[i,j] = 1[i]*b[j]", "Y = 𝟏 bᵀ", "np.outer(np.ones(I), b)"),
        ("y[j] = 1[i]*A[i,j]", "y = (1 ⋯ 1) A", "A.sum(axis=0)"),
        ("y[i] = 1[j]*A[i,j]", "y = A 𝟏", "A.sum(axis=1)"),
        ("y = 1[i,j]*A[i,j]", "y = 𝟏ᵀ A 𝟏", "A.sum()"),
        ("y[i] = x[i] + 1[i]*s", "y = x + s 𝟏", "x + s * np.ones(I)"),
        ("y[i] = 1[i] - x[i]^2", "y = 𝟏 − x^⊙2", "np.ones(I) - x ** 2"),
        ("y[i,j] = v[i]*A[i,j]", "Y = diag(v) A", "np.diag(v) @ A"),
        ("y[i,j] = A[i,j]*v[j]", "Y = A diag(v)", "A @ np.diag(v)"),
        ("y[i,j] = A[i,j]/v[i]", "Y = diag(v)⁻¹ A", "np.diag(1 / v) @ A"),
        ("y[i,k] = X[j,i]*d[j]*X[j,k]", "Y = Xᵀ diag(d) X", "X.T @ np.diag(d) @ X"),
        ("y[i] = A[i,i]", "y = diag(A)", "np.diag(A)"),
        ("y[i,j] = v[i]*delta(i,j)", "Y = diag(v)", "np.diag(v)"),
        ("y[i,j] = inv(X)[i,j]", "Y = X⁻¹", "np.linalg.inv(X)"),
        ("y[i,j] = A[i,k]*inv(X)[j,k]", "Y = A X⁻ᵀ", "A @ np.linalg.inv(X).T"),
        ("y = det(X)*x[i]*x[i]", "y = det(X) xᵀ x", "np.linalg.det(X) * x @ x"),
        ("y = logdet(X)", "y = log det X", "np.log(np.linalg.det(X))"),
        ("y[i] = x[i]/sqrt(x[j]*x[j])", "y = x/√(xᵀ x)", "x / np.sqrt(x @ x)"),
        ("y[i] = x[i]*(x[j]*z[j])", "y = (xᵀ z) x", "(x @ z) * x"),
        ("index i: N; y = 1/N*1[i]*x[i]", "y = (1/N) 𝟏ᵀ x", "1 / N * x.sum()"),
        ("y[i] = delta(i,T) - A[i,T]", "y = e_T − A e_T", "np.eye(I)[T] - A @ np.eye(I)[T]"),
        ("label T[n]: K; y[n,j] = W[T[n],j]", "Y = onehot(T) W", "np.eye(K)[T] @ W"),
        ("y = A[i,k]*B[i,k]*C[i,k]", "y = 𝟏ᵀ (A ⊙ B ⊙ C) 𝟏", "(A * B * C).sum()"),
        ("y[i] = A[i,j]*B[i,j]*x[j]", "y = (A ⊙ B) x", "(A * B) @ x"),
        ("y[i] = A[i,j]*x[j]*(B[j,k]*z[k])", "y = A (x ⊙ (B z))", "A @ (x * (B @ z))"),
        ("x_out[i,j] = x[i,k]*w_in[k,j]", "X_out = X W_in", "x @ w_in"),
        ("X[i,j] = x[i,k]*sigma[k,j]", "X = x Σ", "x @ sigma"),
        ("index i: I, j: I; y[i,j] = i_0[i,j]*I + I*delta(i,j)", "Y = I I_0 + I Id", "I * i_0 + I * np.eye(I)"),
    ],
)
def test_definitions(definition: str, formula: str, plain: str) -> None:
    form = of_definition(definition)
    assert form is not None
    assert (form.text(), form.plain) == (formula, plain)


@pytest.mark.parametrize(
    ("text", "question", "formula", "plain"),
    [
        (LINEAR, "y x vjp", "∂l/∂X = ∂l/∂Y A", "d_y @ a"),
        (LINEAR, "y a vjp", "∂l/∂A = (∂l/∂Y)ᵀ X", "d_y.T @ x"),
        (LINEAR, "y b vjp", "∂l/∂b = (1 ⋯ 1) ∂l/∂Y", "d_y.sum(axis=0)"),
        (LINEAR, "y x jvp", f"Y{DOT} = X{DOT} Aᵀ", "v_x @ a.T"),
        (REGRESSION, "y w jacobian", "∂y/∂w = X", "X"),
        (REGRESSION, "c w hessian", "∂²c/∂w∂wᵀ = 2 ((1/N) Xᵀ X + λ I)", None),
        (REGRESSION, "c X gradient", "∂c/∂X = (2/N)(y − t) wᵀ", "2 / N * np.outer(y - t, w)"),
        ("c = x[i]*A[i,j]*x[j]", "c A gradient", "∂c/∂A = x xᵀ", "np.outer(x, x)"),
        ("c = x[i]*A[i,j]*x[j]", "c x hessian", "∂²c/∂x∂xᵀ = A + Aᵀ", "A + A.T"),
        ("c = logdet(X)", "c X gradient", "∂c/∂X = X⁻ᵀ", "np.linalg.inv(X).T"),
        ("c = A[i,j]*inv(X)[j,i]", "c X gradient", "∂c/∂X = −(X⁻¹ A X⁻¹)ᵀ", None),
        ("s[i] = exp(x[i])/sum(j, exp(x[j]))", "s x jacobian", "∂s/∂x = diag(s) − s sᵀ", None),
        ("s[i] = exp(x[i])/sum(j, exp(x[j])); c = -log(s[T])", "c x gradient", "∂c/∂x = s − e_T", None),
        (ATTENTION, "y V vjp", "∂l/∂V = Aᵀ ∂l/∂Y", "a.T @ d_y"),
        (ATTENTION, "y Q vjp", None, None),
        (ATTENTION, "y K vjp", None, None),
        (LAYERS, "c w gradient", "∂c/∂W = 2 Xᵀ (A ⊙ (𝟏 𝟏ᵀ − A^⊙2))", None),
        (BATCH, "y x vjp", "∂l/∂X_p = ∂l/∂Y_p W", "d_y[p] @ W"),
        (BATCH, "y W vjp", "∂l/∂W = Σ_b (∂l/∂Y_b)ᵀ X_b", "sum(d_y[b].T @ x[b] for b in range(B))"),
        (BATCH, "y c vjp", "∂l/∂c = Σ_b (1 ⋯ 1) ∂l/∂Y_b", "sum(d_y[b].sum(axis=0) for b in range(B))"),
        ("c = x[i]*x[i]; z = u[k]*u[k]", "c u gradient", "∂c/∂u = 0", "0"),
    ],
)
def test_derivatives(text: str, question: str, formula: str | None, plain: str | None) -> None:
    form = of_result(text, *question.split())
    assert form is not None
    assert formula in (None, form.text())
    assert plain in (None, form.plain)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        (LINEAR, "y x jacobian"),  # of order 4
        ("y[t] = w[k]*x[t+k]", "y w vjp"),  # a window is no matrix product
        ("y[i] = x[i]*A[i,j]*le(i,j)", "y x vjp"),
        ("y[i] = amax(j, A[i,j])*x[i]", "y x vjp"),
        ("y[i] = x[i]^a[i]", "y x vjp"),
        ("y[i] = A[i,j]*B[i,k]*C[i,l]*D[j,k]*E[j,l]*F[k,l]*x[i]", "y x vjp"),  # all indices meet all others
        ("y[l] = 1[j]*A[i,j,k]*B[k,i,l]*x[l]", "y x vjp"),  # slices in different directions
    ],
)
def test_what_has_no_matrix_form(text: str, question: str) -> None:
    assert of_result(text, *question.split()) is None


def test_the_lines_of_the_article() -> None:
    """../shared/articles/linear-layer.md, with A for its C^T."""
    derivation = tc.parse(LINEAR).derive("y", ["x", "a", "b"], "vjp")
    by_input, by_weights, by_bias = ([latex for latex, _ in form.steps()] for form in derivation.matrix() if form)
    assert by_input[1:] == [
        r"\left[\frac{\partial l}{\partial X}\right]_{p q} = "
        r"\left[\frac{\partial l}{\partial Y}\right]_{p o} \left[A\right]_{o q}",
        r"\frac{\partial l}{\partial X} = \frac{\partial l}{\partial Y} A",
    ]
    assert by_weights[1:] == [
        r"\frac{\partial l}{\partial a_{p q}} = "
        r"\left(\left(\frac{\partial l}{\partial y}\right)^{T}\right)_{p n} x_{n q}",
        r"\left[\frac{\partial l}{\partial A}\right]_{p q} = "
        r"\left[\left(\frac{\partial l}{\partial Y}\right)^{T}\right]_{p n} \left[X\right]_{n q}",
        r"\frac{\partial l}{\partial A} = \left(\frac{\partial l}{\partial Y}\right)^{T} X",
    ]
    assert by_bias[-1] == (
        r"\frac{\partial l}{\partial \mathbf{b}} = "
        r"\begin{pmatrix} 1 & \cdots & 1 \end{pmatrix} \frac{\partial l}{\partial Y}"
    )


def test_transposes_are_explained() -> None:
    form = of_definition("y[i,j] = A[i,k]*B[j,k] + C[k,i]*D[k,j] + E[j,i]")
    assert form is not None
    reasons = [reason for _, reason in form.steps()]
    assert reasons[1] == (
        r"$k$ is summed on the second axis of both factors: $B_{j k}$ = $\left(B^{T}\right)_{k j}$; "
        r"$k$ is summed on the first axis of both factors: $C_{k i}$ = $\left(C^{T}\right)_{i k}$; "
        r"the indices $i$ and $j$ stand in the other order: $E_{j i}$ = $\left(E^{T}\right)_{i j}$"
    )


def test_names_that_are_taken_are_kept() -> None:
    """X beside x, the dimension I beside the identity, a label T beside the sign of the transpose."""
    form = of_definition("y[i,j] = X[i,k]*x[k,j] + delta(i,T)*z[j]")
    assert form is not None
    assert form.text() == "Y = X x + e_T zᵀ"
    assert r"\mathbf{z}^{\top}" in form.latex()


def test_vectors_of_ones_say_how_long_they_are_where_nothing_shows_it() -> None:
    """In A 𝟏 the matrix shows it, in y = s 𝟏 the left side, in 𝟏ᵀ exp(s 𝟏) nothing."""
    form = of_definition("index i: N; z = sum(i, exp(s*1[i])) + sum(i, x[i])")
    assert form is not None
    assert "exp(s 𝟏_N)" in form.text()
    assert r"\operatorname{exp}\left(s \mathbf{1}_{N}\right)" in form.latex()
    for shown in ("y[i] = s*1[i]", "y[i] = 1[j]*A[i,j]", "y = 1[i]*1[j]*exp(A[i,j] + s*1[i]*1[j])"):
        form = of_definition(shown)
        assert form is not None
        assert "𝟏_" not in form.text()


def test_a_wrong_formula_is_not_confirmed() -> None:
    """Every formula with one transpose more or less is told from the right one."""
    system = tc.parse("y[i,l] = A[i,j]*B[k,j]*C[k,l]")
    (definition,) = system.definitions
    form = matrix_form(definition.lhs, definition.rhs, Context(system))
    assert form is not None
    right = form.formula
    assert isinstance(right, Product)
    assert confirms(right, definition.rhs, definition.indices)
    for k, factor in enumerate(right.matrices):
        other = factor.matrix if isinstance(factor, Transpose) else Transpose(factor)
        wrong = Product(None, (*right.matrices[:k], other, *right.matrices[k + 1 :]), None, right.links)
        assert not confirms(wrong, definition.rhs, definition.indices)
    swapped = Product(None, right.matrices[::-1], None, right.links)
    assert not confirms(swapped, definition.rhs, definition.indices)
    assert isinstance(right.matrices[0], Named)
    assert not confirms(right.matrices[0], definition.rhs, definition.indices)


@pytest.mark.parametrize("name", library.names())
def test_library(name: str) -> None:
    for derivation in tc.load(name).derive_all():
        context = Context.of(derivation)
        equations = [(d.lhs, d.rhs) for d in derivation.system.definitions] + list(derivation.results)
        for left, right in equations:
            form = matrix_form(left, right, context)
            if form is not None:
                agree(form, Point.of(context, left, right))


@settings(max_examples=150, deadline=None)
@given(matrix_systems())
def test_random_matrix_expressions(text: str) -> None:
    """What is made of matrix products, products entry by entry, traces and functions has a form, and a right one."""
    system = tc.parse(text)
    (definition,) = system.definitions
    form = matrix_form(definition.lhs, definition.rhs, Context(system))
    assert form is not None
    point = Point.of(Context(system), definition.lhs, definition.rhs)
    if point is not None:
        agree(form, point)


@settings(max_examples=60, deadline=None)
@given(systems())
def test_random_systems(text: str) -> None:
    """Whatever has a form has a right one."""
    system = tc.parse(text)
    for definition, form in zip(system.definitions, system.matrix(), strict=True):
        point = Point.of(Context(system), definition.lhs, definition.rhs) if form is not None else None
        if form is not None and point is not None:
            agree(form, point)


@pytest.mark.parametrize("form", ["text", "latex"])
@pytest.mark.parametrize("name", ["linear", "attention", "cross_entropy_batch"])
def test_command_line(golden: Callable[[str, str], None], name: str, form: str) -> None:
    plain = CliRunner().invoke(cli, ["derive", name, "--format", form]).stdout
    shown = CliRunner().invoke(cli, ["derive", name, "--format", form, "--matrix"])
    assert shown.exit_code == 0
    assert shown.stdout.startswith(plain)
    golden(f"matrix_{name}.{'tex' if form == 'latex' else 'txt'}", shown.stdout.removeprefix(plain).lstrip("\n"))


def test_command_line_details() -> None:
    result = CliRunner().invoke(cli, ["derive", "linear", "--detail", "result", "--matrix"]).stdout
    assert result.endswith("\n∂l/∂X = ∂l/∂Y A\n\n∂l/∂A = (∂l/∂Y)ᵀ X\n\n∂l/∂b = (1 ⋯ 1) ∂l/∂Y\n")
    command = ["derive", "-e", LINEAR, "--wrt", "x", "--kind", "jacobian", "--matrix"]
    assert "∂y_no/∂x_pq has no form in matrix notation" in CliRunner().invoke(cli, command).stdout
    assert r"\text{has no form in matrix notation}" in CliRunner().invoke(cli, [*command, "--format", "latex"]).stdout
    refused = CliRunner().invoke(cli, ["derive", "linear", "--matrix", "--json"])
    assert refused.exit_code == 2
    assert "--matrix belongs to" in refused.output


def test_what_python_users_hold() -> None:
    derivation = tc.load("linear").derive(wrt="x")
    (form,) = derivation.matrix()
    assert form is not None
    assert str(form) == form.text()
    assert form._repr_latex_() == f"$${form.latex()}$$"
    assert (form.variable, form.slices) == ("d_x", ())
    assert matrix.text(derivation, "result") == "In matrix notation\n\n∂l/∂X = ∂l/∂Y A\n"

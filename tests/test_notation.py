"""The text notation: what every form is read into."""

from __future__ import annotations

import pytest
from sympy import Add, Expr, Integer, Mul, Pow, Rational, S, log, pi

import tensorcalc.notation
from tensorcalc.binding import Contraction, IndexMaximum, IndexProduct, product
from tensorcalc.errors import TensorCalcError
from tensorcalc.expr import (
    Component,
    Delta,
    Determinant,
    Exp,
    Inverse,
    Iverson,
    LogDeterminant,
    One,
)
from tensorcalc.functions import FUNCTIONS, tanh
from tensorcalc.index import Dimension, Index, Tensor
from tensorcalc.notation import check_name, parse_text
from tensorcalc.system import System

N = Dimension("I")
IA, IB = Index("i", N), Index("j", N)
X, Y, A = Tensor("x", (N,)), Tensor("y", (N,)), Tensor("A", (N, N))
T = Tensor("T", (), N)
U = Tensor("u")
V = Tensor("v")
u, v = Component(U), Component(V)


def x(index: Expr | int) -> Expr:
    return Component(X, index)


def y(index: Expr | int) -> Expr:
    return Component(Y, index)


def right(text: str) -> Expr:
    """The right-hand side of the last definition."""
    return parse_text(text).definitions[-1].rhs


SCALARS = [
    ("u + v", u + v),
    ("u - v - 2", u - v - 2),
    ("-u^2", -(u**2)),
    ("(-u)^2", u**2),
    ("u**2", u**2),
    ("u^-v", Pow(u, -v)),
    ("2^-u", Pow(2, -u)),
    ("u^v^2", Pow(u, v**2)),
    ("u^-v^2", Pow(u, -(v**2))),
    ("--u", u),
    ("- -u", u),
    ("+u", u),
    ("u/v/2", u / v / 2),
    ("u/(v/2)", 2 * u / v),
    ("-u*v", -u * v),
    ("u*-v", -u * v),
    ("2*(u + v)", product([Integer(2), u + v])),
    ("-(u + v)", product([S.NegativeOne, u + v])),
    ("0.5*u", u / 2),
    (".5*u", u / 2),
    ("2.*u", 2 * u),
    ("1e-3*u", u / 1000),
    ("0.1 + u", Rational(1, 10) + u),
    ("1.5E+2*u", 150 * u),
    ("0.9189385332046727*u", Rational(9189385332046727, 10**16) * u),
    ("2/4", S.Half),
    ("pi*u", pi * u),
    ("π*u", pi * u),
    ("exp(u)*exp(v)", Exp(u) * Exp(v)),
    ("log(u)", log(u)),
    ("sqrt(u)", Pow(u, S.Half)),
    ("pow(u, v)", Pow(u, v)),
    ("pow(u, 2)", u**2),
    ("max(u, 0)", FUNCTIONS["max"].symbol(u, S.Zero)),
    ("min(u, max(v, 1))", FUNCTIONS["min"].symbol(u, FUNCTIONS["max"].symbol(v, S.One))),
    ("u−v×2·u⋅v", u - 2 * u * v**2),
    ("u\u00a0+\tv", u + v),
    ("u + v # a remark: + [ é", u + v),
    ("sqrt(u^2)", abs(u)),
    ("0^0 + u", 1 + u),
]


@pytest.mark.parametrize(("text", "expected"), SCALARS)
def test_scalars(text: str, expected: Expr) -> None:
    assert right(f"c = {text}") == expected


@pytest.mark.parametrize("name", sorted(n for n, row in FUNCTIONS.items() if not row.internal and row.arity == 1))
def test_every_function_of_one_argument(name: str) -> None:
    assert right(f"c = {name}(u)") == FUNCTIONS[name].symbol(u)


TENSORS = [
    ("c[i] = x[i]", x(IA)),
    ("c[i] = x[i] + u", x(IA) + u),
    ("c[i] = x[i]*y[i]", x(IA) * y(IA)),
    ("c = x[0] + sum(i, x[i])", x(0) + Contraction(x(IA), IA)),
    ("c = sum(i, x[i]*y[i])", Contraction(x(IA) * y(IA), IA)),
    ("c = Σ(i, x[i])", Contraction(x(IA), IA)),
    ("c = ∑ (i, x[i])", Contraction(x(IA), IA)),
    ("c = sum(i, j, A[i,j]*delta(i,j))", Contraction(Component(A, IA, IB) * Delta(IA, IB), IA, IB)),
    ("c[i] = δ(i,j)*x[j]", Contraction(Delta(IA, IB) * x(IB), IB)),
    ("c[i] = delta(i,T)*x[i]", Delta(IA, Component(T)) * x(IA)),
    ("c[i] = delta(i,2)*x[i]", Delta(IA, Integer(2)) * x(IA)),
    ("c = 1[i]*x[i]", Contraction(One(IA) * x(IA), IA)),
    ("c = 𝟏[i]*x[i]", Contraction(One(IA) * x(IA), IA)),
    ("c = one(i)*x[i]", Contraction(One(IA) * x(IA), IA)),
    ("c = 1[i]*1[i] + x[T]*0 + sum(i, 0*x[i])", Contraction(One(IA), IA)),
    ("c = x[i]/x[i]", Contraction(One(IA), IA)),
    ("c = delta(i,i)*sum(i, x[i])/u", Contraction(One(IA) * Contraction(x(IA), IA) / u, IA)),
    ("c = x[T]", x(Component(T))),
    ("c = prod(i, x[i])", IndexProduct(x(IA), IA)),
    ("c = amax(i, x[i])", IndexMaximum(x(IA), IA)),
    ("c[i,j] = inv(A)[i,j]", Inverse(A, IA, IB)),
    ("c = det(A)", Determinant(A)),
    ("c = logdet(A)", LogDeterminant(A)),
]


@pytest.mark.parametrize(("text", "expected"), TENSORS)
def test_tensors(text: str, expected: Expr) -> None:
    declared = "index i: I, j: I; label T: I; tensor x[I], y[I], A[I,I], u;"
    assert right(declared + text) == expected


@pytest.mark.parametrize("relation", Iverson.RELATIONS)
def test_comparisons(relation: str) -> None:
    assert right(f"index i: I, j: I; c[i] = {relation}(j,i)*x[j]") == Contraction(Iverson(relation, IB, IA) * x(IB), IB)


PRINTED = [
    ("y[t] = x[t+k]*w[k]", "sum(j, w[j]*x[j + t])"),
    ("y[t] = x[2*t + 3*k + 1]*w[k]", "sum(j, w[j]*x[3*j + 2*t + 1])"),
    ("y[t] = x[(t + k)*2]*w[k]", "sum(j, w[j]*x[2*j + 2*t])"),
    ("y[n] = x[n,T[n]]", "x[n, T[n]]"),
    ("y[t,d] = E[X[t],d]", "E[X[t], d]"),
    ("c = b[Y[0]] + b[Y[1]]", "b[Y[0]] + b[Y[1]]"),
    ("label t; c = x[t]", "x[t]"),
    ("label w[n]; c[n] = x[w[n]]", "x[w[n]]"),
    ("c[i] = sum(c, A[i,c]*A[i,c])", "sum(j, A[i, j]**2)"),
    ("sigma = 1[j]*exp(x[j])", "sum(j, exp(x[j])*1[j])"),
    ("c = sum(j, exp(x[j]))", "sum(j, exp(x[j]))"),
    ("c[i] = exp(x[i])/sum(i, exp(x[i]))", "exp(x[i])/sum(j, exp(x[j]))"),
    ("c = sum(i, x[i]*sum(i, y[i]))", "sum(k, x[k]*sum(j, y[j]))"),
    ("c = sum(K, x[K]^2)", "sum(j, x[j]**2)"),
    ("σ[i] = Δ*x[i]; c = 1[i]*σ[i]", "sum(j, sigma[j]*1[j])"),
    ("c = Σ[i,i]", "sum(j, Sigma[j, j])"),
    ("c = lambda + None + self + in - is*I*E*S*N*O*Q*beta*gamma*zeta*f", "-E*I*N*O*Q*S*beta*f*gamma*is*zeta"),
]


@pytest.mark.parametrize(("text", "printed"), PRINTED)
def test_printed(text: str, printed: str) -> None:
    assert printed in str(right(text))


def test_powers_and_products_read_alike() -> None:
    assert right("c = 1[h]*(x[b,h] - 1[h]*m[b])^2*1[b]") == right("c = 1[b]*(x[b,h] - 1[h]*m[b])**2*1[h]")


def test_statements_are_separated_by_lines_and_semicolons() -> None:
    text = "\ufeffs[i] = exp(x[i])/sum(j, exp(x[j])) ;; c = -log(s[T]) # last\r\n\r\n# only a remark\r\nl = c^2;\n"
    assert [d.name for d in parse_text(text).definitions] == ["s", "c", "l"]


def test_definitions_may_stand_in_any_order() -> None:
    system = parse_text("c = 1[i]*s[i]\ns[i] = tanh(x[i])")
    assert [d.name for d in system.ordered] == ["s", "c"]
    assert system.definitions[1].rhs.func is tanh


def test_definition_keeps_its_place() -> None:
    system = parse_text("a = u\n  b[i] = x[i] # end", "file.toml")
    span = system.definitions[1].span
    assert span is not None
    assert system.source is not None
    assert system.source.text[span.start : span.end] == "b[i] = x[i]"
    assert system.source.name == "file.toml"


def names(system: System) -> list[str]:
    return [t.name for t in system.inputs]


def test_inputs_are_listed_in_order_of_first_use() -> None:
    assert names(parse_text("c = y[T]*x[i]*z*1[i]; d = c^2")) == ["y", "T", "x", "z"]


def test_declared_inputs_are_listed_in_declared_order_and_so_are_labels() -> None:
    text = "tensor z, x[N], q[N], y[N]; label T; c = y[T]*x[i]*z*1[i]; d = c^2"
    assert names(parse_text(text)) == ["z", "T", "x", "q", "y"]


def test_names_of_tensors_and_indices_are_different_spaces() -> None:
    system = parse_text("c[i] = sum(c, A[i,c]*x[c]); x[x] = i*b[x]")
    assert [str(d.rhs) for d in system.definitions] == ["sum(j, x[j]*A[i, j])", "i*b[x]"]
    assert names(system) == ["A", "i", "b"]


def test_terms_with_many_terms_and_factors() -> None:
    terms = [f"s{k}" for k in range(3000)]
    assert len(Add.make_args(right("c = " + " + ".join(terms)))) == 3000
    assert len(Mul.make_args(right("c = " + "*".join(terms)))) == 3000


@pytest.mark.parametrize(
    "text", ["((" * 49 + "u" + "))" * 49, "exp(" * 90 + "u" + ")" * 90, "-" * 90 + "u", "u^" * 90 + "2"]
)
def test_nesting_within_the_limit_is_read(text: str) -> None:
    assert right(f"c = {text}").has(U)


@pytest.mark.parametrize("name", ["x", "X_1", "lambda", "a" * 100])
def test_names_that_are_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "1x", "_x", "x__y", "x y", 'x"); import os; os.system("id', "é", "x\n", "a" * 101, 3, None]
)
def test_names_that_are_none(name: object) -> None:
    with pytest.raises(TensorCalcError) as error:
        check_name(name)
    assert error.value.code == "E_NAME"
    assert len(str(error.value)) < 300


def test_the_package_exports_its_reader() -> None:
    assert set(tensorcalc.notation.__all__) >= {"check_name", "parse_text"}

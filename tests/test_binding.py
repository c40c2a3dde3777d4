"""Binders: equality up to dummy names, and substitution without capture."""

from __future__ import annotations

import itertools
import pickle
from random import Random
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Add, Expr, Integer, Mul, Pow

from tensorcalc.binding import Contraction, free_indices, fresh, product, rename, replace
from tensorcalc.evaluator import Environment, evaluate
from tensorcalc.expr import Component, Delta, Exp, Iverson, One, delta
from tensorcalc.index import Adjoint, BoundIndex, Dimension, Index, Tensor

N = Dimension("N")
Q, J, K, L, M = (Index(c, N) for c in "qjklm")
A = Tensor("a", (N, N))
B = Tensor("b", (N, N))
X = Tensor("x", (N,))
S = Tensor("s")
T = Tensor("T", (), N)


def x(i: Expr) -> Component:
    return Component(X, i)


def a(i: Expr, j: Expr) -> Component:
    return Component(A, i, j)


def b(i: Expr, j: Expr) -> Component:
    return Component(B, i, j)


def test_naming_of_dummies_does_not_matter() -> None:
    assert Contraction(x(Q), Q) == Contraction(x(J), J)
    assert hash(Contraction(x(Q), Q)) == hash(Contraction(x(J), J))


@pytest.mark.parametrize("names", list(itertools.permutations((Q, J, K))))
def test_cycle_of_three_dummies_is_one_object(names: tuple[Index, Index, Index]) -> None:
    p, q, r = names
    assert Contraction(a(p, q) * a(q, r) * a(r, p), p, q, r) == Contraction(a(Q, J) * a(J, K) * a(K, Q), Q, J, K)


def test_two_dummies_in_either_order() -> None:
    assert Contraction(a(Q, J) * b(J, Q), Q, J) == Contraction(a(L, K) * b(K, L), L, K)
    assert Contraction(a(Q, J) * b(J, Q), Q, J) != Contraction(a(Q, J) * b(Q, J), Q, J)


def test_nested_sums_merge_and_do_not_collide() -> None:
    nested = Contraction(Contraction(a(Q, J) * x(J), J) * 1, Q)
    assert nested == Contraction(a(Q, J) * x(J), Q, J)
    square = Contraction(x(Q) * Contraction(a(Q, J) * x(J), J), Q)
    other = Contraction(x(J) * Contraction(a(J, Q) * x(Q), Q), J)
    assert square == other


def test_free_indices() -> None:
    assert free_indices(Contraction(a(Q, J) * x(J), J)) == {Q}
    assert free_indices(x(Component(T))) == frozenset()


def test_rename_avoids_capture() -> None:
    inner = Contraction(a(Q, J) * x(J), J)
    assert rename(inner, {Q: J}) == Contraction(a(J, K) * x(K), K)


def test_substitution_of_a_component_avoids_capture() -> None:
    outer = Contraction(x(Q) * Component(S), Q)
    result = outer.xreplace({Component(S): Contraction(x(J) * x(J), J)})
    assert result == Contraction(x(Q) * Contraction(x(K) ** 2, K), Q)


def test_deeper_substitution_renumbers_outer_binders() -> None:
    marker = Component(S)
    tall = Contraction(Exp(Contraction(a(J, K) * marker, K)), J)
    result = Contraction(x(Q) * tall, Q).xreplace({marker: Contraction(Exp(Contraction(b(L, M), L)), M)})
    expected = Contraction(
        x(Q) * Contraction(Exp(Contraction(a(J, K) * Contraction(Exp(Contraction(b(L, M), L)), M), K)), J), Q
    )
    assert result == expected


def test_open_gives_fresh_indices() -> None:
    contraction = Contraction(a(Q, J) * x(J), J)
    body, (dummy,) = contraction.open()
    assert dummy not in free_indices(contraction)
    assert Contraction(body, dummy) == contraction
    _, (other,) = contraction.open((body,))
    assert other != dummy


def test_fresh_depends_on_arguments_only() -> None:
    assert fresh([N, N]) == fresh([N, N])
    assert not set(fresh([N], fresh([N]))) & set(fresh([N]))


TURNED = [sympy.Abs, sympy.cos, sympy.sin, sympy.sign, sympy.tan, sympy.asin, sympy.atan, sympy.erf]


@pytest.mark.parametrize("function", [*TURNED, lambda u: sympy.sin(u) ** 3, lambda u: sympy.sin(u) ** 2])
def test_sums_over_functions_whose_sign_is_taken_out_are_one_object(function: Any) -> None:
    """SymPy writes |x_q - x_j| and sin(x_q - x_j) with the sign that the names of the dummies suggest."""

    def summed(p: Index, q: Index, r: Index) -> Expr:
        return Contraction(function(x(p) - x(q)) * a(p, q) * a(p, r) * b(q, r), p, q, r)

    assert len({summed(*names) for names in itertools.permutations((Q, J, K))}) == 1
    assert summed(Q, J, K) != Contraction(function(x(Q) - x(J)) * a(J, Q) * a(Q, K) * b(J, K), Q, J, K)


def test_symmetric_summand_of_many_dummies_is_quick() -> None:
    many = [Index(f"i{k}", N) for k in range(9)]
    summand = Mul(*(x(i) for i in many))
    assert Contraction(summand, *many) == Contraction(summand, *reversed(many))


PETERSEN = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0), (0, 5), (1, 6), (2, 7), (3, 8), (4, 9), (5, 7), (7, 9), (9, 6)]
GRAPHS = {
    "cycle": [(k, (k + 1) % 14) for k in range(14)],
    "three cycles": [(8 * c + k, 8 * c + (k + 1) % 8) for c in range(3) for k in range(8)],
    "all pairs": list(itertools.combinations(range(7), 2)),
    "two sides": [(k, 5 + m) for k in range(5) for m in range(6)],
    "petersen": [*PETERSEN, (6, 8), (8, 5)],
    "stars": [(0, 1), (0, 2), (0, 3), (4, 5), (4, 6), (4, 7), (8, 8)],
}


@settings(max_examples=8, deadline=None)
@given(st.randoms(use_true_random=False))
@pytest.mark.parametrize("name", GRAPHS)
def test_dummies_that_look_alike_are_one_object_in_every_naming(name: str, random: Random) -> None:
    edges = GRAPHS[name]
    count = 1 + max(max(e) for e in edges)
    letters = [Index(f"i{k}", N) for k in range(count)]

    def summed(names: list[Index]) -> Expr:
        return Contraction(Mul(*(Exp(a(names[p], names[q]) + a(names[q], names[p])) for p, q in edges)), *names)

    shuffled = random.sample(letters, count)
    assert summed(letters) == summed(shuffled)
    assert Contraction(summed(letters).open()[0], *random.sample(summed(letters).open()[1], count)) == summed(letters)


def test_graphs_that_look_alike_are_not_taken_for_equal() -> None:
    i = [Index(f"i{k}", N) for k in range(6)]
    hexagon = Mul(*(a(i[k], i[(k + 1) % 6]) * a(i[(k + 1) % 6], i[k]) for k in range(6)))
    triangles = Mul(
        *(a(i[t + k], i[t + (k + 1) % 3]) * a(i[t + (k + 1) % 3], i[t + k]) for t in (0, 3) for k in range(3))
    )
    assert Contraction(hexagon, *i) != Contraction(triangles, *i)


def test_a_dummy_listed_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match="twice"):
        Contraction(x(Q), Q, Q)


def test_replace_sees_no_canonical_dummy() -> None:
    seen: list[Expr] = []

    def look(node: Expr) -> None:
        seen.append(node)

    replace(Contraction(x(Q) * Contraction(a(Q, J), J), Q), look)
    assert not any(isinstance(n, BoundIndex) for n in seen)


def test_delta_is_symmetric_and_simple_cases_evaluate() -> None:
    assert Delta(Q, J) == Delta(J, Q)
    assert Delta(Q, Q) == 1
    assert delta(0, 1) == 0
    assert delta(2, 2) == 1
    assert Delta(Q, J) ** 3 == Delta(Q, J)
    assert One(Q) ** 2 == One(Q)
    assert Iverson("le", Q, J) ** 2 == Iverson("le", Q, J)


def test_component_checks_its_order() -> None:
    with pytest.raises(ValueError, match="2 indices"):
        Component(A, Q)


def test_exponentials_stay_factors() -> None:
    assert (Exp(x(Q)) * Exp(x(J))).args in ((Exp(x(Q)), Exp(x(J))), (Exp(x(J)), Exp(x(Q))))
    assert Exp(x(Q)) / Exp(x(Q)) == 1


def test_numbers_are_not_distributed() -> None:
    assert product([Integer(2), x(Q) + x(J)]).is_Mul


@pytest.mark.parametrize("value", [N, Q, A, T, Adjoint(A), a(Q, J), Delta(Q, J), Contraction(a(Q, J), J), Exp(x(Q))])
def test_pickle(value: Expr) -> None:
    assert pickle.loads(pickle.dumps(value)) == value


# Random expressions: any renaming of dummies gives an equal object, and substitution keeps the value.

INDICES = [Q, J, K, L]


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> Expr:
    if depth == 0 or draw(st.booleans()):
        i, j = draw(st.sampled_from(INDICES)), draw(st.sampled_from(INDICES))
        return draw(st.sampled_from([x(i), a(i, j), b(i, j), Delta(i, j), Component(S), x(Component(T))]))
    kind = draw(st.sampled_from(["add", "mul", "pow", "sum", "exp"]))
    left = draw(expressions(depth=depth - 1))
    if kind == "add":
        return Add(left, draw(expressions(depth=depth - 1)))
    if kind == "mul":
        return Mul(left, draw(expressions(depth=depth - 1)))
    if kind == "pow":
        return Pow(left, 2)
    if kind == "exp":
        return Exp(left / 4)
    dummies = draw(st.lists(st.sampled_from(INDICES), min_size=1, max_size=3, unique=True))
    return Contraction(left, *dummies)


def environment(seed: int = 0) -> Environment:
    rng = np.random.default_rng(seed)
    values = {
        X: rng.normal(size=3) / 2,
        A: rng.normal(size=(3, 3)) / 2,
        B: rng.normal(size=(3, 3)) / 2,
        S: rng.normal(size=()) / 2,
        T: np.asarray(1),
    }
    return Environment({}, values, {N: 3})


@settings(max_examples=150, deadline=None)
@given(expressions(), st.permutations([Index(c, N) for c in "pqrs"]))
def test_alpha_equivalence(expression: Expr, names: list[Index]) -> None:
    summed = Contraction(expression, *INDICES)
    renamed = rename(expression, dict(zip(INDICES, names, strict=True)))
    assert Contraction(renamed, *names) == summed
    assert Contraction(renamed, *sorted(names, key=str)) == summed


@settings(max_examples=150, deadline=None)
@given(expressions(), expressions())
def test_substitution_never_captures(outer: Expr, inner: Expr) -> None:
    inner = Contraction(inner, *(i for i in INDICES if i in free_indices(inner)))
    env = environment()
    value = float(evaluate(inner, env, ()))
    axes = tuple(sorted(free_indices(outer), key=str))
    replaced = evaluate(outer.xreplace({Component(S): inner}), env, axes)
    env.assign({S: np.asarray(value)})
    expected = evaluate(outer, env, axes)
    finite = np.isfinite(expected) & np.isfinite(replaced)
    assert np.array_equal(np.isfinite(expected), np.isfinite(replaced))
    assert np.allclose(replaced[finite], expected[finite], rtol=1e-9, atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(expressions(), st.sampled_from(INDICES), st.sampled_from(INDICES))
def test_rename_keeps_the_value(expression: Expr, old: Index, new: Index) -> None:
    env = environment()
    axes = tuple(INDICES)
    value = evaluate(expression, env, axes)
    renamed = evaluate(rename(expression, {old: new}), env, axes)
    taken = np.ix_(*(range(3) for _ in axes))
    picked = list(taken)
    picked[axes.index(old)] = taken[axes.index(new)]
    assert np.allclose(renamed, value[tuple(picked)], equal_nan=True)

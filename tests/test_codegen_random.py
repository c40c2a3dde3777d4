"""Random programs: contractions of products over random axes, deltas, labels, functions, against the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sympy import Add, Expr, Integer, Mul, Pow, Rational, log

from codegen_oracle import Oracle
from tensorcalc.binding import Contraction, free_indices
from tensorcalc.codegen import compile_program
from tensorcalc.expr import Component, Exp, Iverson, One, delta
from tensorcalc.functions import FUNCTIONS
from tensorcalc.index import Dimension, Index, Tensor
from tensorcalc.system import Definition, Program

torch = pytest.importorskip("torch")

DIMENSIONS = (Dimension("A"), Dimension("B"), Dimension("C", 2))
SIZES = {"A": 3, "B": 4, "C": 2}
LETTERS = {d: [Index(c, d) for c in letters] for d, letters in zip(DIMENSIONS, ("ijkl", "pqrs", "uv"), strict=True)}
INDICES = [i for letters in LETTERS.values() for i in letters[:3]]


@st.composite
def selectors(draw: Any, dimension: Dimension, depth: int = 1) -> Expr:
    """What may stand in brackets for an axis: mostly an index, sometimes a label or an integer."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return Integer(draw(st.integers(0, SIZES[dimension.name] - 1)))
    if kind in (1, 2) and depth:
        over = draw(st.sampled_from(DIMENSIONS))
        axes = draw(st.sampled_from([(), (over,)]))
        label = Tensor(f"T{dimension.name}{''.join(d.name for d in axes)}", axes, dimension)
        return Component(label, *(draw(selectors(d, depth - 1)) for d in axes))
    return draw(st.sampled_from(LETTERS[dimension][:3]))


@st.composite
def components(draw: Any) -> Expr:
    axes = tuple(draw(st.lists(st.sampled_from(DIMENSIONS), max_size=3)))
    tensor = Tensor("x" + "".join(d.name for d in axes), axes)
    return Component(tensor, *(draw(selectors(d)) for d in axes))


@st.composite
def deltas(draw: Any) -> Expr:
    dimension = draw(st.sampled_from(DIMENSIONS))
    return delta(draw(selectors(dimension)), draw(selectors(dimension)))


@st.composite
def comparisons(draw: Any) -> Expr:
    dimension = draw(st.sampled_from(DIMENSIONS))
    first, second = draw(st.permutations(LETTERS[dimension][:2]))
    return Iverson(draw(st.sampled_from(Iverson.RELATIONS)), first, second)


FUNCTION_WORDS = ("tanh", "sin", "abs", "relu", "positive", "sigmoid", "softplus", "silu", "atan")


def expressions(depth: int) -> st.SearchStrategy[Expr]:
    """Expressions; sums over random free indices at every level."""
    leaf = st.one_of(components(), components(), components(), deltas(), comparisons(), st.sampled_from(NUMBERS))
    if depth == 0:
        return leaf
    inner = expressions(depth - 1)
    return st.one_of(
        leaf,
        st.lists(inner, min_size=2, max_size=4).map(lambda factors: Mul(*factors)),
        st.lists(inner, min_size=2, max_size=3).map(lambda terms: Add(*terms)),
        st.builds(lambda word, e: FUNCTIONS[word].symbol(e), st.sampled_from(FUNCTION_WORDS), inner),
        inner.map(lambda e: Pow(1 + e**2, Rational(-1, 2))),
        inner.map(lambda e: e**2),
        st.tuples(inner, st.integers(0, 2**30)).map(lambda pair: summed(*pair)),
        inner.map(lambda e: Exp(Mul(Rational(1, 10), e))),
        st.tuples(inner, st.integers(0, 2**30)).map(lambda pair: exponential(*pair)),
    )


NUMBERS = [Integer(2), Integer(-1), Rational(1, 3), DIMENSIONS[0], Pow(DIMENSIONS[1], Rational(-1, 2)), Integer(0)]


def exponential(e: Expr, choice: int) -> Expr:
    """Quotients and logarithms of sums of exponentials, in which stable forms are recognised."""
    e = Mul(Rational(1, 10), e)
    total = (
        summed(Exp(e), choice >> 4) if choice & 8 else summed((2 + Mul(Rational(1, 9), e) ** 2) * Exp(e), choice >> 4)
    )
    forms = (
        lambda: Exp(e) / total,
        lambda: log(total),
        lambda: log(1 + total),
        lambda: Exp(e) / (1 + total),
        lambda: log(Exp(e) / total),
        lambda: total / (Exp(e) + total) ** 2 * Exp(e),
        lambda: Exp(e) / total * log(Exp(e) / total),
        lambda: Exp(-e) / (Exp(e) + Exp(-e)),
    )
    return forms[choice & 7]()


def summed(e: Expr, choice: int) -> Expr:
    """A sum of `e` over some of its free indices, or over one that does not occur."""
    free = sorted(free_indices(e), key=lambda i: i.name)
    dummies = [i for place, i in enumerate(free) if choice >> place & 1]
    if not dummies and choice % 5 == 0:
        dummies = [LETTERS[DIMENSIONS[1]][3]]
    return Contraction(e, *dummies[:3])


@st.composite
def programs(draw: Any) -> Program:
    """One or two definitions; the second may use the first."""
    first = draw(expressions(2))
    first = limited(first, 3)
    own = tuple(draw(st.permutations(sorted(free_indices(first), key=lambda i: i.name))))
    z = Tensor("z", tuple(i.dimension for i in own))
    second = draw(expressions(3))
    if draw(st.booleans()):
        used = Component(z, *(draw(selectors(d)) for d in z.dimensions))
        second = draw(st.sampled_from([Add, Mul]))(second, used)
    second = limited(second, 3)
    left = list(draw(st.permutations(sorted(free_indices(second), key=lambda i: i.name))))
    if draw(st.integers(0, 4)) == 0 and len(left) < 3:
        left.insert(0, LETTERS[DIMENSIONS[0]][3])
        second = Mul(One(left[0]), second)
    r = Tensor("r", tuple(i.dimension for i in left))
    definitions = (Definition(z, own, first), Definition(r, tuple(left), second))
    used_tensors = {t for d in definitions for t in d.rhs.atoms(Tensor)} - {z, r}
    inputs = tuple(sorted(used_tensors, key=lambda t: t.name))
    return Program(inputs, definitions, draw(st.sampled_from([(r,), (r, z), (z, r)])))


def limited(e: Expr, order: int) -> Expr:
    """The expression summed over its last free indices until it has at most so many."""
    free = sorted(free_indices(e), key=lambda i: i.name)
    return Contraction(e, *free[order:])


def random_values(program: Program, seed: int) -> dict[str, Any]:
    """Normal numbers for the inputs of a program, labels in range."""
    random = np.random.default_rng(seed)
    values: dict[str, Any] = {}
    for tensor in program.inputs:
        shape = tuple(SIZES[d.name] for d in tensor.dimensions)
        label = tensor.label_dimension
        values[tensor.name] = random.integers(0, SIZES[label.name], shape) if label else random.normal(size=shape)
    return values


@pytest.mark.parametrize("target", ["numpy", "torch"])
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(program=programs(), seed=st.integers(0, 5))
def test_random_programs(target: str, program: Program, seed: int) -> None:
    check(target, program, seed)


def check(target: str, program: Program, seed: int) -> None:
    values = random_values(program, seed)
    expected = Oracle(values, SIZES).run(program)
    function = compile_program(program, target)
    keywords = {d.name: SIZES[d.name] for d in function._assembled.sizes}
    arguments = {k: torch.as_tensor(v) for k, v in values.items()} if target == "torch" else values
    result = function(**arguments, **keywords)
    results = [np.asarray(r) for r in (result if function.many else (result,))]
    single = target == "torch" and all(t.is_label for t in program.inputs)  # nothing but torch's default dtype
    for found, wanted in zip(results, expected, strict=True):
        assert found.shape == wanted.shape, function.source
        scale = max(1.0, np.abs(wanted).max(initial=0.0))
        np.testing.assert_allclose(
            found / scale, wanted / scale, atol=1e-5 if single else 1e-9, err_msg=function.source
        )

"""The target c: every kind of schedule against the reference evaluator, and hard numbers against PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tensorcalc as tc
from kernel_tools import (
    LARGE,
    ROWWISE,
    SOFTMAX,
    check,
    compiled,
    derivation,
    evaluated,
    needs_compiler,
    sizes_of,
    values_for,
)
from tensorcalc.codegen import compile_program
from tensorcalc.derivation.program import program_of
from tensorcalc.errors import TensorCalcError

torch = pytest.importorskip("torch")
pytestmark = needs_compiler


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Compiled libraries in a folder of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.mark.parametrize("name", ROWWISE)
def test_against_the_evaluator(name: str) -> None:
    function, program = compiled(name)
    for dtype in ("float32", "float64"):
        shapes = ((1, 1), (7, 1), (1, 129), (7, 129), (3, 1000), (129, 7), (5, 3, 17))
        for shape in shapes if name not in LARGE else ((1, 1), (1, 7), (7, 1, 5), (3, 129, 7), (2, 1000, 3)):
            sizes = sizes_of(program, shape)
            check(function, program, sizes, values_for(program, sizes, dtype))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("cross entropy", (300, 1111)),
        ("layer norm", (300, 1111)),
        ("whole norm", (300, 1111)),
        ("gelu", (1100, 1111)),
        ("attention", (3, 700, 20)),
        ("linear cross entropy", (600, 3, 9000)),
    ],
)
def test_more_work_than_one_block_or_thread(name: str, shape: tuple[int, ...]) -> None:
    function, program = compiled(name, threads=2)
    sizes = sizes_of(program, shape)
    values = values_for(program, sizes, "float32")
    found = function(**values)
    exact = derivation(name).lambdify("numpy")(
        **{k: v if v.dtype.kind == "i" else v.astype(float) for k, v in values.items()}
    )
    for result, wanted in zip(_several(found), _several(exact), strict=True):
        np.testing.assert_allclose(result, wanted, rtol=2e-5, atol=2e-5 * max(1, np.abs(wanted).max()))
    function.threads = 1
    for two, one in zip(_several(found), _several(function(**values)), strict=True):
        np.testing.assert_array_equal(two, one)


def _several(results: Any) -> tuple[Any, ...]:
    return results if isinstance(results, tuple) else (results,)


@pytest.mark.parametrize("name", ROWWISE)
def test_empty_batches(name: str) -> None:
    function, program = compiled(name)
    sizes = sizes_of(program, (0, 5) if name not in ("embedding", "column softmax") else (5, 0))
    values = values_for(program, sizes, "float32")
    found = function(**values)
    for result, wanted in zip(found if function.many else (found,), evaluated(program, sizes, values), strict=True):
        assert result.shape == wanted.shape
        assert not result.any()


def test_arguments_with_gaps_and_misaligned() -> None:
    function, program = compiled("layer norm")
    sizes = sizes_of(program, (7, 33))
    values = values_for(program, sizes, "float64")
    wide = np.zeros((14, 66))
    wide[::2, ::2] = values["x"]
    shifted = np.zeros(8 * 33 * 7 + 1, np.uint8)[1:].view(np.float64).reshape(7, 33)
    shifted[...] = values["d_y"]
    assert not shifted.flags.aligned
    fixed = values["g"].copy()
    fixed.flags.writeable = False
    backwards = values["beta"][::-1].copy()[::-1]
    changed = {**values, "x": wide[::2, ::2], "d_y": shifted, "g": fixed, "beta": backwards}
    for _ in range(2):
        for a, b in zip(function(**changed), function(**values), strict=True):
            np.testing.assert_array_equal(a, b)
    check(function, program, sizes, changed)


LOGITS = ("random", "large", "masked", "all masked", "not a number", "infinite")


def logits(kind: str) -> Any:
    random = np.random.default_rng(1)
    x = random.normal(size=(9, 37)).astype(np.float32)
    if kind == "large":
        x = random.choice([-1e4, 0, 1e4], size=x.shape).astype(np.float32) + x
    if kind in ("masked", "all masked"):
        x[:, 5:] = -np.inf
        x[2, :36] = -np.inf
    if kind == "all masked":
        x[3] = -np.inf
    if kind == "not a number":
        x[4, 7] = np.nan
        x[5, 0] = np.nan
    if kind == "infinite":
        x[6, 3] = np.inf
    return x


@pytest.mark.parametrize("kind", LOGITS)
def test_hard_logits_as_in_torch(kind: str) -> None:
    x = logits(kind)
    random = np.random.default_rng(2)
    labels = np.array([0, 1, 36, 3, 2, 4, 1, 2, 3])
    upstream = random.normal(size=9).astype(np.float32)
    matrix = random.normal(size=x.shape).astype(np.float32)
    mine = compiled("cross entropy", value_and_grad=True)[0](x=x, T=labels, d_c=upstream)
    given = torch.from_numpy(x).requires_grad_()
    loss = torch.nn.functional.cross_entropy(given, torch.from_numpy(labels), reduction="none")
    loss.backward(torch.from_numpy(upstream))
    same(mine[0], loss.detach())
    same(mine[1], given.grad)
    for name, function in (("softmax", torch.softmax), ("log softmax", torch.log_softmax)):
        given = torch.from_numpy(x).requires_grad_()
        function(given, 1).backward(torch.from_numpy(matrix))
        upper = "d_s" if name == "softmax" else "d_l"
        same(compiled(name)[0](x=x, **{upper: matrix}), given.grad)


def same(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found, wanted.numpy(), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("word", ["logsumexp", "amax"])
def test_reductions_of_hard_numbers(word: str) -> None:
    text = "y[n] = log(sum(j, exp(x[n,j])))" if word == "logsumexp" else "y[n] = amax(j, x[n,j])"
    function = tc.parse(text).derive("y", wrt="x", kind="vjp").lambdify("c", value_and_grad=True)
    for kind in LOGITS:
        x = logits(kind)
        found, _ = function(x=x, d_y=np.ones(9, np.float32))
        same(found, getattr(torch, word)(torch.from_numpy(x), 1))


@pytest.mark.parametrize(
    "word", ["exp", "log", "tanh", "sigmoid", "softplus", "relu", "silu", "gelu", "erf", "abs", "log1p", "expm1"]
)
def test_functions_of_hard_numbers(word: str) -> None:
    hard = np.array([np.nan, np.inf, -np.inf, 0, -0.0, 1e4, -1e4, 1e-30, 88.5, -88.5, 1, -1], np.float32)
    function = tc.parse(f"y[i] = {word}(x[i])").derive("y", wrt="x", kind="vjp").lambdify("c", value_and_grad=True)
    found, _ = function(x=hard, d_y=np.ones_like(hard))
    own = getattr(torch, word, None) or getattr(torch.nn.functional, word)
    if word == "gelu":
        found, hard = found[2:], hard[2:]  # PyTorch gives NaN for infinity, by infinity times 0
    np.testing.assert_allclose(found, own(torch.from_numpy(hard)).numpy(), rtol=2e-6, atol=1e-36)


def test_value_and_gradient_share_their_passes() -> None:
    plan = derivation("cross entropy").plan(value_and_grad=True)
    assert plan.count("step ") == 1
    assert plan.count("pass ") == 3
    assert plan.count("exp(") == 1


HARD = [
    [1, 2, 3],
    [1, np.inf, 2],
    [-np.inf, -np.inf, -np.inf],
    [np.nan, 1, 2],
    [-np.inf, np.nan, -np.inf],
    [np.inf, np.nan, 1],
    [np.inf, np.inf, -np.inf],
    [1e4, -1e4, 0],
]


def test_logsumexp_and_its_gradient_share_their_exponentials() -> None:
    derived = tc.parse("l[n] = log(sum(j, exp(x[n,j])))").derive("l", wrt="x", kind="vjp")
    assert derived.plan(value_and_grad=True).count("exp(") == 1
    x = np.array(HARD, np.float32)
    value, gradient = derived.lambdify("c", value_and_grad=True)(x=x, d_l=np.ones(len(x), np.float32))
    np.testing.assert_allclose(value, torch.logsumexp(torch.from_numpy(x), 1), rtol=1e-6)
    np.testing.assert_allclose(gradient, torch.softmax(torch.from_numpy(x), 1), rtol=1e-6, atol=1e-30)


def test_weighted_logsumexp_of_hard_numbers() -> None:
    derived = tc.parse("l[n] = log(sum(j, w[j]*exp(x[n,j])))").derive("l", wrt="x", kind="vjp")
    x, w = np.array(HARD, np.float32), np.array([1, 2, 1], np.float32)
    wanted = torch.logsumexp(torch.from_numpy(x + np.log(w)), 1)
    value, _ = derived.lambdify("c", value_and_grad=True)(x=x, w=w, d_l=np.ones(len(x), np.float32))
    np.testing.assert_allclose(value, wanted, rtol=1e-6)


def test_additions_at_labels_are_the_same_for_any_number_of_threads() -> None:
    program = program_of(derivation("embedding"))
    sizes = sizes_of(program, (130, 70, 400))
    values = values_for(program, sizes, "float32")
    results = [compile_program(program, "c", threads=threads)(**values) for threads in (1, 2, 3, 7)]
    for one in results[1:]:
        for a, b in zip(results[0], one, strict=True):
            np.testing.assert_array_equal(a, b)
    check(compile_program(program, "c", threads=3), program, sizes, values)


def test_sums_over_rows_of_what_has_no_loop_of_its_own() -> None:
    function, _ = compiled("mean cross entropy", value_and_grad=True)
    x = np.random.default_rng(0).normal(size=(300, 5))
    labels = np.arange(300) % 5
    found, _ = function(x=x, T=labels)
    wanted = torch.nn.functional.cross_entropy(torch.from_numpy(x), torch.from_numpy(labels))
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-12)


def test_functions_nobody_named_are_one_nest() -> None:
    assert derivation("unnamed").plan().count("step ") == 1
    text = "index i: I\nu[n,i] = x[n,i]*w[i]\nr[n] = 1/I*sum(i, abs(u[n,i])^3)\ny[n,i] = u[n,i]/(1[i]*r[n]^2 + 1[n,i])"
    assert tc.parse(text).derive("y", wrt=["x", "w"], kind="vjp").plan().count("step ") == 1


def test_sums_that_need_not_wait_do_not() -> None:
    """Σ_i s_i d_i of a softmax is summed with the exponentials, Σ_i ∂l/∂u_i of a norm by its two parts."""
    assert derivation("softmax").plan().count("pass ") == 3
    assert derivation("layer norm").plan().count("pass ") == 3


def test_differences_from_a_mean_are_not_taken_apart() -> None:
    """Σ (x − m) y as Σ x y − m Σ y would lose all digits here."""
    text = "index i: I\nm[n] = 1/I*1[i]*x[n,i]\nk[n] = sum(i, (x[n,i] - 1[i]*m[n])*y[n,i])"
    x = 1e8 + np.arange(100.0).reshape(2, 50)
    y = np.linspace(0, 1, 50) * np.ones((2, 1))
    found = tc.parse(text).derive("k", wrt="y", kind="jvp").lambdify("c")(x=x, y=y, v_y=y)
    np.testing.assert_allclose(found, ((x - x.mean(1, keepdims=True)) * y).sum(1), rtol=1e-12)


def test_additions_to_a_row_wait_for_what_is_summed_while_it_is_written() -> None:
    text = (
        "index b: B, h: H\nu[b,h] = tanh(x[b,h]*x[b,T[b]])\nr[b] = amax(h, u[b,h])\nv[b,h] = u[b,h] - 1[h]*r[b]\n"
        "s[b] = 1/H*sum(h, (v[b,h])^2)\ny[b,h] = v[b,h]*exp(-1[h]*s[b]^2)"
    )
    derived = tc.parse(text).derive("y", wrt="x", kind="vjp")
    values = values_for(
        program_of(derived), {d: {"B": 5, "H": 33}[d.name] for d in derived.system.dimensions}, "float64"
    )
    for target in (derived.lambdify("c", value_and_grad=True), derived.lambdify("c")):
        wanted = derived.lambdify("numpy")(**values)
        found = target(**values)
        np.testing.assert_allclose(found if isinstance(found, np.ndarray) else found[1], wanted, atol=1e-12)


def test_a_product_that_is_scaled_twice_has_both_scales() -> None:
    derived = tc.parse("y[n,o] = a*sum(i, x[n,i]*W[o,i]); z[n,o] = b*y[n,o]").derive("z", wrt=["a", "x"], kind="jvp")
    random = np.random.default_rng(0)
    values = {"x": random.normal(size=(5, 4)), "W": random.normal(size=(3, 4)), "a": 0.3, "b": 0.7, "v_a": 2.0}
    values["v_x"] = random.normal(size=(5, 4))
    wanted = (2.0 * values["x"] + 0.3 * values["v_x"]) @ values["W"].T * 0.7
    np.testing.assert_allclose(derived.lambdify("c")(**values), wanted, atol=1e-12)
    squared = tc.parse("y[n,o] = sum(i, x[n,i]*W[o,i])/(1 - a)").derive("y", wrt="a", kind="jacobian")
    values = {name: values[name] for name in ("x", "W", "a")}
    np.testing.assert_allclose(squared.lambdify("c")(**values), values["x"] @ values["W"].T / 0.49, atol=1e-12)


def test_several_places_of_a_row_are_stored_in_one_loop() -> None:
    """Each label adds to a place of its own: the function that does it is given the row once."""
    paths = "p[0,A]*p[1,A]*p[2,B] + p[0,A]*p[1,0]*p[2,B] + p[0,0]*p[1,B]"
    text = f"p[t,k] = exp(x[t,k])/sum(j, exp(x[t,j]))\nc = -log({paths})"
    derived = tc.parse(text).derive("c", wrt="x")
    values = {"x": np.random.default_rng(0).normal(size=(3, 5)), "A": 3, "B": 1}
    wanted = derived.lambdify("numpy")(**values)
    np.testing.assert_allclose(derived.lambdify("c")(**values), wanted, atol=1e-12)


def test_logits_of_a_large_vocabulary_never_exist_as_a_whole() -> None:
    plan = derivation("linear cross entropy").plan()
    assert "blocks of N" in plan
    assert "reads z" not in plan


def test_labels_out_of_range_are_refused_before_anything_is_written() -> None:
    function, program = compiled("cross entropy")
    values = values_for(program, sizes_of(program, (6, 5)), "float32")
    out = np.full((6, 5), 7, np.float32)
    function(**values)
    for wrong in (5, -1, 2**40):
        labels = values["T"].copy()
        labels[4] = wrong
        for _ in range(2):
            with pytest.raises(TensorCalcError, match=r"label T\[4\] = ") as caught:
                function(**{**values, "T": labels}, out=out)
            assert caught.value.code == "E_INDEX_RANGE"
            assert (out == 7).all()


def test_exact_functions() -> None:
    function, program = compiled("unnamed", exact=True, threads=1)
    sizes = sizes_of(program, (7, 129))
    check(function, program, sizes, values_for(program, sizes, "float64"))


@pytest.mark.parametrize("name", ["cross entropy", "attention", "unnamed"])
def test_golden_source(golden: Any, name: str) -> None:
    golden(f"kernel_{name.replace(' ', '_')}.c.txt", derivation(name).code("c"))
    golden(f"kernel_{name.replace(' ', '_')}_plan.txt", derivation(name).plan())


def test_source_stands_alone(tmp_path: Path) -> None:
    text = derivation("cross entropy").code("c")
    assert "tensorcalc" not in text.replace("TENSORCALC", "")
    assert program_of(derivation("cross entropy")).inputs[0].name in text
    assert SOFTMAX.split(" = ")[0].replace(",", ",") in text

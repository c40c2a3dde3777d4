"""The target triton in Triton's interpreter: every kind of schedule, with rows that fit a block and that do not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import tensorcalc as tc
from codegen_oracle import Oracle
from kernel_tools import LARGE, ROWWISE, derivation, evaluated, sizes_of, values_for
from tensorcalc.codegen import compile_program
from tensorcalc.derivation.program import program_of
from tensorcalc.errors import TensorCalcError
from tensorcalc.system import Program
from triton_tools import SMALL, needs_interpreter, with_blocks

pytest.importorskip("torch")
import torch

from test_codegen_random import SIZES, programs, random_values
from test_kernels import LOGITS, logits
from test_kernels_random import rowwise

pytestmark = [
    needs_interpreter,
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),  # the interpreter computes with NumPy
]
FAST = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True, "phases": [Phase.generate]}
SHAPES = ((1, 1), (7, 129), (5, 3, 17))
FEW = ((1, 1), (3, 7, 5), (2, 9, 33))


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Generated modules in a folder of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def tensors(values: dict[str, Any]) -> dict[str, Any]:
    return {name: torch.tensor(value) for name, value in values.items()}


def several(results: Any) -> tuple[Any, ...]:
    return results if isinstance(results, tuple) else (results,)


def case(name: str, shape: tuple[int, ...] = (7, 33), dtype: str = "float32", **options: Any) -> tuple[Any, Any, Any]:
    """A function, its arguments, and its results."""
    function = derivation(name).lambdify("triton", **options)
    program = function.program
    values = tensors(values_for(program, sizes_of(program, shape), dtype))
    return function, values, several(function(**values))


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("name", ROWWISE)
def test_against_the_evaluator(name: str, both: bool) -> None:
    function = derivation(name).lambdify("triton", value_and_grad=both)
    program = function.program
    for shape in SHAPES if name not in LARGE else FEW:
        sizes = sizes_of(program, shape)
        for dtype, tolerance in (("float32", 2e-5), ("float64", 1e-11)):
            values = values_for(program, sizes, dtype)
            wanted = evaluated(program, sizes, values)
            for _ in with_blocks(function, **SMALL):
                for found, expected in zip(several(function(**tensors(values))), wanted, strict=True):
                    assert found.shape == expected.shape
                    scale = max(np.abs(expected).max(initial=0), 1)
                    np.testing.assert_allclose(found.numpy() / scale, expected / scale, atol=tolerance, rtol=0)


@pytest.mark.parametrize("name", ROWWISE)
def test_empty_batches(name: str) -> None:
    function = derivation(name).lambdify("triton")
    sizes = sizes_of(function.program, (0, 5) if name not in ("embedding", "column softmax") else (5, 0))
    values = values_for(function.program, sizes, "float32")
    for found, wanted in zip(
        several(function(**tensors(values))), evaluated(function.program, sizes, values), strict=True
    ):
        assert found.shape == wanted.shape
        assert not found.any()


@pytest.mark.parametrize("kind", LOGITS)
def test_hard_logits_as_in_torch(kind: str) -> None:
    x = torch.from_numpy(logits(kind))
    random = torch.Generator().manual_seed(2)
    labels = torch.tensor([0, 1, 36, 3, 2, 4, 1, 2, 3])
    upstream, matrix = torch.randn(9, generator=random), torch.randn(x.shape, generator=random)
    cases: dict[str, tuple[Any, dict[str, Any]]] = {
        "cross entropy": (
            lambda t: torch.nn.functional.cross_entropy(t, labels, reduction="none"),
            {"T": labels, "d_c": upstream},
        ),
        "softmax": (lambda t: torch.softmax(t, 1), {"d_s": matrix}),
        "log softmax": (lambda t: torch.log_softmax(t, 1), {"d_l": matrix}),
    }
    for name, (reference, others) in cases.items():
        moving = x.clone().requires_grad_()
        value = reference(moving)
        value.backward(upstream if value.dim() == 1 else matrix)
        function = derivation(name).lambdify("triton", value_and_grad=True)
        for _ in with_blocks(function, **SMALL):
            found = function(x=x, **others)
            torch.testing.assert_close(found[0], value.detach(), rtol=2e-5, atol=2e-6, equal_nan=True)
            torch.testing.assert_close(found[1], moving.grad, rtol=2e-5, atol=2e-6, equal_nan=True)


@pytest.mark.parametrize("word", ["logsumexp", "amax"])
def test_reductions_of_hard_numbers(word: str) -> None:
    text = "y[n] = log(sum(j, exp(x[n,j])))" if word == "logsumexp" else "y[n] = amax(j, x[n,j])"
    function = tc.parse(text).derive("y", wrt="x", kind="vjp").lambdify("triton", value_and_grad=True)
    for kind in LOGITS:
        x = torch.from_numpy(logits(kind))
        for _ in with_blocks(function, **SMALL):
            found, _ = function(x=x, d_y=torch.ones(9))
            torch.testing.assert_close(found, getattr(torch, word)(x, 1), rtol=2e-5, atol=2e-6, equal_nan=True)


@pytest.mark.parametrize(
    "word",
    [
        *("exp", "log", "tanh", "sigmoid", "softplus", "relu", "silu", "gelu", "erf", "abs", "log1p", "expm1"),
        *("sin", "cos", "tan", "sinh", "cosh", "asin", "acos", "atan", "sqrt"),
    ],
)
def test_functions(word: str) -> None:
    hard = torch.tensor([float("nan"), float("inf"), float("-inf"), 0, -0.0, 1e4, -1e4, 1e-30, 88.5, -88.5, 1, -1])
    plain = torch.cat([torch.linspace(-4, 4, 401), torch.logspace(-8, 1, 90), -torch.logspace(-8, 1, 90)])
    function = tc.parse(f"y[i] = {word}(x[i])").derive("y", wrt="x", kind="vjp").lambdify("triton", value_and_grad=True)
    own = getattr(torch, word, None) or getattr(torch.nn.functional, word)
    for x in (hard if word not in ("gelu", "sin", "cos", "tan") else hard[3:], plain):
        for dtype, tolerance in ((torch.float32, 4e-6), (torch.float64, 1e-13)):
            found, _ = function(x=x.to(dtype), d_y=torch.ones(len(x), dtype=dtype))
            wanted = own(x.to(dtype))
            near = 1e-36 if word not in ("tan", "cos", "sin", "gelu") else 1e-6 if dtype is torch.float32 else 1e-14
            torch.testing.assert_close(found, wanted, rtol=tolerance, atol=near, equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["cross entropy", "layer norm", "gelu", "linear cross entropy"])
def test_results_are_rounded_once(name: str, dtype: Any) -> None:
    function, values, _ = case(name, (7, 33))
    low = {k: v.to(dtype) if v.is_floating_point() else v for k, v in values.items()}
    same = {k: v.float() if v.is_floating_point() else v for k, v in low.items()}
    for _ in with_blocks(function, **SMALL):
        for found, wanted in zip(several(function(**low)), several(function(**same)), strict=True):
            assert found.dtype == dtype
            if name == "linear cross entropy":  # its logits have the precision of the arguments
                torch.testing.assert_close(found.float(), wanted, rtol=3e-2, atol=3e-2)
            else:
                torch.testing.assert_close(found, wanted.to(dtype), rtol=torch.finfo(dtype).eps, atol=1e-7)


def test_a_label_is_subtracted_before_rounding() -> None:
    """s − 1 for s near 1: in bfloat16, s alone would be 1."""
    function = derivation("cross entropy").lambdify("triton")
    x = torch.tensor([[8.0, 0.0, 0.0]], dtype=torch.bfloat16)
    found = function(x=x, T=torch.tensor([0]), d_c=torch.ones(1, dtype=torch.bfloat16))
    wanted = torch.softmax(x.float(), 1) - torch.tensor([[1.0, 0, 0]])
    torch.testing.assert_close(found, wanted.to(torch.bfloat16), rtol=0.01, atol=0)
    assert found[0, 0] != 0


@pytest.mark.parametrize("name", ["layer norm", "cross entropy", "whole norm", "embedding"])
def test_results_in_the_callers_arrays(name: str) -> None:
    function, values, wanted = case(name)
    outs = tuple(torch.full_like(w, 7) for w in wanted)
    given = outs if function.many else outs[0]
    assert function(**values, out=given) is given
    for found, expected in zip(outs, wanted, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=0)
    strided = tuple(torch.zeros((*w.shape, 2))[..., 0] for w in wanted)
    function(**values, out=strided if function.many else strided[0])
    for found, expected in zip(strided, wanted, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", ROWWISE)
def test_every_result_over_every_argument(name: str) -> None:
    """Whether or not the loops allow it, and partly overlapping too."""
    function, values, wanted = case(name, (5, 19) if name not in LARGE else (3, 4, 5))
    for argument, value in values.items():
        for place, result in enumerate(wanted):
            if value.dtype != result.dtype or value.shape != result.shape or not value.dim():
                continue
            for shift in (0, 1):
                room = torch.zeros(value.numel() + 1)
                over = room[: value.numel()].view(value.shape)
                outs = [torch.empty_like(w) for w in wanted]
                outs[place] = room[shift : value.numel() + shift].view(value.shape)
                for _ in with_blocks(function, **SMALL):
                    over.copy_(value)
                    function(**{**values, argument: over}, out=tuple(outs) if function.many else outs[0])
                    for found, expected in zip(outs, wanted, strict=True):
                        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_gradients_over_the_logits_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    function, values, wanted = case("cross entropy")
    made: list[Any] = []
    empty = torch.empty
    monkeypatch.setattr(torch, "empty", lambda *a, **k: made.append(a) or empty(*a, **k))
    assert function(**values, out=values["x"]) is values["x"]
    assert not made
    torch.testing.assert_close(values["x"], wanted[0], rtol=0, atol=0)


def test_arguments_with_gaps() -> None:
    function, values, wanted = case("layer norm")
    wide = torch.zeros(14, 66)
    wide[::2, ::2] = values["x"]
    changed = {**values, "x": wide[::2, ::2], "d_y": values["d_y"].T.contiguous().T}
    for found, expected in zip(function(**changed), wanted, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_labels_out_of_range_are_refused_before_anything_is_written() -> None:
    function, values, _ = case("cross entropy", (6, 5))
    out = torch.full((6, 5), 7.0)
    for wrong in (5, -1, 2**40):
        labels = values["T"].clone()
        labels[4] = wrong
        with pytest.raises(TensorCalcError, match=r"label T\[4\] = ") as caught:
            function(**{**values, "T": labels}, out=out)
        assert caught.value.code == "E_INDEX_RANGE"
        assert (out == 7).all()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"x": torch.zeros(7, 3, 2)}, "E_SHAPE"),
        ({"d_c": torch.zeros(6)}, "E_SHAPE"),
        ({"T": torch.zeros(7)}, "E_TYPE"),
        ({"x": torch.zeros(7, 33, dtype=torch.complex64)}, "E_TYPE"),
        ({"d_c": torch.zeros(7, device="meta")}, "E_TYPE"),
        ({"y": 1}, "E_ARGUMENTS"),
        ({"out": torch.zeros(7, 32)}, "E_SHAPE"),
        ({"out": torch.zeros(7, 33, dtype=torch.int64)}, "E_TYPE"),
        ({"out": torch.zeros(7, 33, requires_grad=True)}, "E_TYPE"),
    ],
)
def test_wrong_arguments(changes: dict[str, Any], code: str) -> None:
    function, values, _ = case("cross entropy")
    with pytest.raises(TensorCalcError) as caught:
        function(**{**values, **changes})
    assert caught.value.code == code


def test_the_file_stands_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "alone.py").write_text(derivation("cross entropy").code("triton"), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    import alone  # type: ignore[import-not-found]  # noqa: PLC0415

    assert "tensorcalc" not in Path(alone.__file__).read_text(encoding="utf-8")
    _, values, wanted = case("cross entropy")
    torch.testing.assert_close(alone.compute_d_x(**values), wanted[0], rtol=0, atol=0)
    out = torch.full((7, 33), 7.0)
    wrong: list[tuple[type[Exception], dict[str, Any]]] = [
        (IndexError, {"T": values["T"] + 40}),
        (ValueError, {"d_c": torch.zeros(6)}),
        (ValueError, {"x": torch.zeros(7)}),
        (TypeError, {"T": torch.zeros(7)}),
        (TypeError, {"x": 3.0}),
        (ValueError, {"out": torch.zeros(3)}),
    ]
    for error, changes in wrong:
        with pytest.raises(error):
            alone.compute_d_x(**{**values, "out": out, **changes})
    assert (out == 7).all()


def test_autograd_uses_the_kernels() -> None:
    system = tc.parse(ROWWISE["mean cross entropy"][0])
    loss = system.wrap("c", "x", form="triton")
    x = torch.randn(5, 40, requires_grad=True)
    labels = torch.randint(0, 40, (5,))
    value = loss(x=x, T=labels)
    (3 * value).backward()
    assert value.grad_fn is not None
    expected = x.detach().clone().requires_grad_()
    reference = torch.nn.functional.cross_entropy(expected, labels)
    (3 * reference).backward()
    torch.testing.assert_close(value, reference)
    torch.testing.assert_close(x.grad, expected.grad)


def test_the_example_of_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")
    (example,) = (b for b in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL) if "device=" in b)
    exec(example, {})
    assert capsys.readouterr().out == "tensor(True)\n"


def test_the_benchmark_agrees_with_pytorch() -> None:
    file = Path(__file__).resolve().parent.parent / "benchmarks" / "triton_kernels.py"
    done = subprocess.run([sys.executable, str(file), "--small"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("tensorcalc ") >= 8


def test_gradients_of_gradients() -> None:
    system = tc.parse("index i: I\ny[n,i] = x[n,i]/sqrt(1/I*sum(i, x[n,i]^2) + 1)*g[i]")
    function = system.wrap("y", form="triton")
    arguments = (torch.randn(2, 3, dtype=torch.double, requires_grad=True), torch.randn(3, dtype=torch.double))
    arguments[1].requires_grad_()
    assert torch.autograd.gradcheck(function, arguments)
    assert torch.autograd.gradgradcheck(function, arguments)


@settings(max_examples=60, **FAST)
@given(program=programs(), seed=st.integers(0, 5))
def test_random_programs(program: Program, seed: int) -> None:
    values = random_values(program, seed)
    expected = Oracle(values, SIZES).run(program)
    function = compile_program(program, "triton")
    given = {k: torch.as_tensor(v) for k, v in values.items()} | {d.name: SIZES[d.name] for d in function.asked}
    for _ in with_blocks(function, **{**SMALL, "LIMIT": 2, "LONG": 2, "TILE": 4, "FLAT": 4}):
        for found, wanted in zip(several(function(**given)), expected, strict=True):
            assert found.shape == wanted.shape
            scale = max(1.0, np.abs(wanted).max(initial=0.0))
            np.testing.assert_allclose(found.numpy() / scale, wanted / scale, atol=1e-7, err_msg=function.source)


@settings(max_examples=30, **FAST)
@given(text=rowwise(), rows=st.sampled_from([1, 5]), columns=st.sampled_from([1, 7, 33]), seed=st.integers(0, 5))
def test_random_rows(text: str, rows: int, columns: int, seed: int) -> None:
    system = tc.parse(text)
    derived = system.derive("y", wrt=[t.name for t in system.inputs if not t.is_label], kind="vjp")
    random = np.random.default_rng(seed)
    sizes = {"B": rows, "H": columns}
    values: dict[str, Any] = {}
    for tensor in program_of(derived).inputs:
        shape = tuple(sizes[d.name] for d in tensor.dimensions)
        values[tensor.name] = random.integers(0, columns, shape) if tensor.is_label else random.normal(size=shape)
    expected = derived.lambdify("numpy", value_and_grad=True)(**values)
    function = derived.lambdify("triton", value_and_grad=True)
    for _ in with_blocks(function, **{**SMALL, "LIMIT": 4, "LONG": 4}):
        for found, wanted in zip(function(**{k: torch.as_tensor(v) for k, v in values.items()}), expected, strict=True):
            scale = max(1.0, np.abs(wanted).max(initial=0.0))
            np.testing.assert_allclose(found.numpy() / scale, wanted / scale, atol=1e-9, err_msg=text)

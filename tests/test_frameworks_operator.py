"""Systems as operators of torch: the rules of `torch.library`, and graphs without a break."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

import tensorcalc as tc
from framework_functions import NAMES, arguments, numbers, system, wrapped

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # torch's own


def tensors(found: tc.System, dtype: Any = torch.float64) -> dict[str, Any]:
    values = {name: torch.as_tensor(value) for name, value in arguments(found).items()}
    return {
        name: value.to(dtype).requires_grad_() if name in numbers(found) else value for name, value in values.items()
    }


@pytest.fixture(autouse=True)
def _fresh_compiler() -> None:
    torch.compiler.reset()


def operator(f: Any) -> Any:
    """The operator behind a wrapped function."""
    return f._call.op


@pytest.mark.parametrize("name", NAMES)
def test_opcheck(name: str) -> None:
    f = wrapped(name, "torch", "operator")
    values = tensors(system(name))
    torch.library.opcheck(operator(f), tuple(values[n] for n in f.arguments))


@pytest.mark.parametrize("name", NAMES)
def test_gradcheck(name: str) -> None:
    f, found = wrapped(name, "torch", "operator"), system(name)
    values = tensors(found)
    names = numbers(found)

    def call(*args: Any) -> Any:
        return f(**{**values, **dict(zip(names, args, strict=True))})

    args = tuple(values[n] for n in names)
    assert torch.autograd.gradcheck(call, args, fast_mode=True)
    assert torch.autograd.gradgradcheck(call, args, fast_mode=True)


@pytest.mark.parametrize("name", NAMES)
def test_compiles_to_one_graph(name: str) -> None:
    f, found = wrapped(name, "torch", "operator"), system(name)
    values = tensors(found)
    compiled = torch.compile(lambda **values: (f(**values) * 2).sum(), fullgraph=True, backend="aot_eager")
    wanted = [values[n] for n in numbers(found)]
    result, expected = compiled(**values), (wrapped(name, "torch", "function")(**values) * 2).sum()
    torch.testing.assert_close(result, expected)
    torch.testing.assert_close(torch.autograd.grad(result, wanted), torch.autograd.grad(expected, wanted))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own, when Inductor is imported
def test_inductor() -> None:
    f = wrapped("cross_entropy_batch", "torch", "operator")
    compiled = torch.compile(lambda x, labels: f(x, labels).mean(), fullgraph=True)
    x = torch.randn(5, 4, requires_grad=True)
    labels = torch.tensor([0, 3, 1, 1, 2])
    (gradient,) = torch.autograd.grad(compiled(x, labels), x)
    (expected,) = torch.autograd.grad(torch.nn.functional.cross_entropy(x, labels), x)
    torch.testing.assert_close(gradient, expected)


def test_shapes_may_change() -> None:
    f = wrapped("linear", "torch", "operator")
    counts = []

    def backend(module: Any, examples: Any) -> Any:
        counts.append(module)
        return module.forward

    compiled = torch.compile(f, fullgraph=True, backend=backend, dynamic=True)
    for n, i, o in ((4, 3, 2), (5, 6, 7), (8, 3, 9)):
        assert compiled(torch.zeros(n, i), torch.zeros(o, i), torch.zeros(o)).shape == (n, o)
    assert len(counts) == 1


def test_arguments_by_name_numbers_and_several_results_in_a_graph() -> None:
    f = tc.parse("index i: I; a[i] = exp(x[i])*w; b[i] = 1[i]*w*I").wrap(["b", "a"], form="operator")
    compiled = torch.compile(lambda x: f(w=2.0, x=x), fullgraph=True, backend="aot_eager")
    x = torch.randn(3, requires_grad=True)
    b, a = compiled(x)
    assert b.tolist() == [6.0, 6.0, 6.0]
    torch.testing.assert_close(torch.autograd.grad(a.sum(), x)[0], a)


def test_a_size_in_a_graph() -> None:
    f = tc.parse("index i: I; y[i] = 1[i]*a*I").wrap(form="operator")
    a = torch.tensor(2.0, requires_grad=True)
    y = torch.compile(lambda a: f(a, I=3), fullgraph=True, backend="aot_eager")(a)
    assert y.tolist() == [6.0, 6.0, 6.0]
    torch.library.opcheck(operator(f), (a, 3))


def test_strided_arguments() -> None:
    f = wrapped("linear", "torch", "operator")
    x = torch.randn(3, 4).T.requires_grad_()
    weight, b = torch.randn(3, 2).T.requires_grad_(), torch.randn(4)[::2].requires_grad_()
    torch.library.opcheck(operator(f), (x, weight, b))


def test_one_operator_for_one_content() -> None:
    one, two = (tc.load("softmax").wrap(form="operator") for _ in range(2))
    assert operator(one) is operator(two)
    assert operator(one) is not operator(tc.load("cross_entropy").wrap("s", form="operator"))
    held = tc.load("linear")
    assert operator(held.wrap(wrt="x", form="operator")) is not operator(held.wrap(wrt="b", form="operator"))


def test_the_name_is_the_same_in_every_process() -> None:
    code = "import tensorcalc as tc; print(tc.load('layer_norm').wrap(form='operator')._call.op._qualname)"
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert found.stdout.strip() == operator(wrapped("layer_norm", "torch", "operator"))._qualname

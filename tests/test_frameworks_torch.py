"""Systems as functions of autograd: derivatives of any order and mode, transformations, dtypes, errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tensorcalc as tc
from framework_functions import LIBRARY, NAMES, arguments, numbers, system, wrapped
from tensorcalc.codegen import compile_program
from tensorcalc.errors import TensorCalcError
from tensorcalc.system import Program

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # torch's own


def tensors(found: tc.System, seed: int = 0) -> dict[str, Any]:
    return {name: torch.as_tensor(value) for name, value in arguments(found, seed).items()}


def by_place(f: Callable[..., Any], values: dict[str, Any], names: list[str]) -> Callable[..., Any]:
    """The function of some arguments in order; the others keep their values."""
    return lambda *args: f(**{**values, **dict(zip(names, args, strict=True))})


def plain(found: tc.System) -> Callable[..., Any]:
    """The forward code alone: what torch differentiates by itself."""
    return compile_program(Program(found.inputs, found.ordered, (found.definitions[-1].tensor,)), "torch")


def test_ten_functions_of_the_library() -> None:
    assert len(LIBRARY) >= 10


@pytest.mark.parametrize("name", NAMES)
def test_gradcheck(name: str) -> None:
    found = system(name)
    values, names = tensors(found), numbers(found)
    f = by_place(wrapped(name, "torch", "function"), values, names)
    args = tuple(values[n].requires_grad_() for n in names)
    assert torch.autograd.gradcheck(f, args, check_forward_ad=True, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(f, args, fast_mode=True)


@pytest.mark.parametrize("name", NAMES)
def test_transformations(name: str) -> None:
    found = system(name)
    values, names = tensors(found), numbers(found)
    first = names[0]
    f, g = (by_place(c, values, [first]) for c in (wrapped(name, "torch", "function"), plain(found)))
    x = values[first]
    torch.testing.assert_close(f(x), g(x))
    torch.testing.assert_close(torch.func.jacrev(f)(x), torch.func.jacrev(g)(x))
    torch.testing.assert_close(
        torch.func.hessian(f)(x), torch.func.jacrev(torch.func.jacrev(lambda v: g(v).clone()))(x)
    )
    many = torch.stack([x, 2 * x, -x])
    many = many.abs() if first == "p" else many
    gradient = torch.func.grad(lambda v: f(v).sum())
    torch.testing.assert_close(torch.vmap(gradient)(many), torch.stack([gradient(v) for v in many]))


def test_labels_may_be_batched() -> None:
    f = tc.load("cross_entropy").wrap(wrt="x")
    x, labels = torch.randn(5, 4), torch.tensor([0, 3, 1, 1, 2])
    found = torch.vmap(torch.func.grad(f))(x, labels)
    torch.testing.assert_close(found, torch.softmax(x, 1) - torch.nn.functional.one_hot(labels, 4))


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("y[i] = x[i,i]*w", {"x": (3, 3), "w": ()}),
        ("y = x[2]*w", {"x": (4,), "w": ()}),
        ("y[i] = x[i,1] + x[i,0]*w", {"x": (3, 4), "w": ()}),
        ("y[t] = sum(k, x[2*t + k]*w[k])", {"x": (7,), "w": (3,)}),
        ("index i: I; y[i,j] = 1[i]*x[j]*w + 1[j]*delta(i,0)", {"x": (3,), "w": ()}),
        ("y[t,d] = E[X[t],d]*w[d]", {"E": (4, 2), "w": (2,), "X": (5,)}),
    ],
)
def test_gradients_that_are_written_to_places_can_be_batched(text: str, shapes: dict[str, tuple[int, ...]]) -> None:
    found = tc.parse(text)
    sizes = {"I": 3} if "index i: I" in text else {}
    given = {n: torch.randn(5, *shape, dtype=torch.float64) for n, shape in shapes.items()}
    given = {n: torch.randint(0, 4, v.shape) if n == "X" else v for n, v in given.items()}
    names = [t.name for t in found.inputs]
    places = tuple(p for p, n in enumerate(names) if n != "X")
    gradients = torch.func.grad(lambda *args: (found.wrap()(*args, **sizes) ** 2).sum(), places)
    every = [given[n] for n in names]
    singles = [gradients(*(v[place] for v in every)) for place in range(5)]
    for one, several in zip(torch.vmap(gradients)(*every), zip(*singles, strict=True), strict=True):
        torch.testing.assert_close(one, torch.stack(several))
    w = places[-1]
    dims = tuple(0 if p == w else None for p in range(len(names)))
    alone = torch.vmap(gradients, in_dims=dims)(*(v if p == w else v[0] for p, v in enumerate(every)))
    expected = gradients(*(v[1] if p == w else v[0] for p, v in enumerate(every)))
    torch.testing.assert_close([g[1] for g in alone], list(expected))


def test_third_derivatives_in_every_mode() -> None:
    f = tc.parse("l = log(sum(i, exp(x[i])*w[i]))").wrap()
    forward, reverse, w = torch.func.jacfwd, torch.func.jacrev, torch.tensor([0.3, 1.2], dtype=torch.float64)
    x = torch.tensor([0.1, -0.4], dtype=torch.float64)

    def g(v: Any) -> Any:
        return torch.log((torch.exp(v) * w).sum())

    expected = reverse(reverse(reverse(g)))(x)
    for first, second, third in ((reverse, forward, reverse), (forward, reverse, forward), (forward, forward, reverse)):
        torch.testing.assert_close(first(second(third(lambda v: f(v, w))))(x), expected)


def test_several_results_of_which_one_is_used() -> None:
    found = tc.parse("a[i] = exp(x[i])*w; b = sum(i, a[i]^2)")
    f = found.wrap(["b", "a"])
    x, w = (
        torch.randn(3, dtype=torch.float64, requires_grad=True),
        torch.tensor(0.7, dtype=torch.float64, requires_grad=True),
    )
    assert torch.autograd.gradcheck(f, (x, w), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(f, (x, w))
    b, a = f(x=x, w=w)
    torch.testing.assert_close(torch.autograd.grad(a.sum(), x)[0], a)
    assert b.shape == ()


def test_gradients_only_where_they_are_needed() -> None:
    f = tc.load("linear").wrap()
    x, weight, b = torch.randn(4, 3), torch.randn(2, 3, requires_grad=True), torch.randn(2)
    y = f(x, weight, b)
    y.sum().backward()
    assert x.grad is None
    torch.testing.assert_close(weight.grad, x.sum(0).expand(2, 3))
    assert not f(x, weight.detach(), b).requires_grad


def test_other_inputs_are_held_constant() -> None:
    f = tc.load("linear").wrap(wrt=["x", "b"])
    x, weight, b = (torch.randn(n, requires_grad=True) for n in ((4, 3), (2, 3), (2,)))
    gradients = torch.autograd.grad(f(x, weight, b).sum(), (x, weight, b), allow_unused=True)
    assert [g is None for g in gradients] == [False, True, False]
    assert not f(x.detach(), weight, b.detach()).grad_fn.next_functions[0][0]
    _, tangent = torch.func.jvp(lambda w: f(x.detach(), w, b.detach()), (weight.detach(),), (weight.detach(),))
    assert not tangent.any()


@pytest.mark.parametrize("form", ["function", "operator"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_dtype_follows_the_inputs(dtype: Any, form: str) -> None:
    found = tc.load("layer_norm")
    f = found.wrap(form=form)
    values = {name: value.to(dtype).requires_grad_() for name, value in tensors(found).items()}
    y = f(**{**values, "epsilon": 1e-5})
    assert y.dtype == dtype
    y.sum().backward()
    assert values["x"].grad.dtype == dtype
    exact = tensors(found)
    exact["x"].requires_grad_()
    g = found.wrap()(**{**exact, "epsilon": 1e-5})
    (expected,) = torch.autograd.grad(g.sum(), exact["x"])
    tolerance = 2e-2 if dtype == torch.bfloat16 else 1e-5
    torch.testing.assert_close(y.double(), g, rtol=10 * tolerance, atol=tolerance)
    torch.testing.assert_close(values["x"].grad.double(), expected, rtol=10 * tolerance, atol=5 * tolerance)


@pytest.mark.parametrize("form", ["function", "operator"])
def test_mixed_dtypes_meet_in_the_wider_one(form: str) -> None:
    f = tc.parse("y[i] = a*x[i]*w[i]").wrap(form=form)
    x = torch.ones(3, dtype=torch.float32, requires_grad=True)
    w = torch.ones(3, dtype=torch.float64, requires_grad=True)
    y = f(2.0, x, w)
    assert y.dtype == torch.float64
    y.sum().backward()
    assert (x.grad.dtype, w.grad.dtype) == (torch.float32, torch.float64)


@pytest.mark.parametrize("form", ["function", "operator"])
def test_sizes_that_no_argument_shows_are_given_by_name(form: str) -> None:
    found = tc.parse("index i: I; y[i] = 1[i]*a*I")
    f = found.wrap(form=form)
    a = torch.tensor(2.0, requires_grad=True)
    y = f(a, I=3)
    assert y.tolist() == [6.0, 6.0, 6.0]
    (gradient,) = torch.autograd.grad(y.sum(), a)
    assert gradient.item() == 9
    with pytest.raises(TensorCalcError):
        f(a)


def test_assumptions_about_variables_do_not_enter_derivatives() -> None:
    text = "index k: K; assume sum(k, y[k]) = 1; l = -y[k]*log(exp(x[k])/sum(k, exp(x[k])))"
    found = tc.parse(text)
    y = torch.tensor([0.2, 0.8], dtype=torch.float64)
    x = torch.tensor([0.1, 0.5], dtype=torch.float64, requires_grad=True)
    values = {"x": x, "y": y.requires_grad_()}
    f = by_place(found.wrap("l"), values, ["y", "x"])
    assert torch.autograd.gradcheck(f, (y, x))
    assert torch.autograd.gradgradcheck(f, (y, x))


@pytest.mark.parametrize("form", ["function", "operator"])
@pytest.mark.parametrize(
    ("args", "named", "code"),
    [
        (((2, 3), (2, 3), (2,)), {"q": (1,)}, "E_ARGUMENTS"),
        (((2, 3), (2, 3)), {}, "E_ARGUMENTS"),
        (((2, 3), (2, 3), (2,), (2,)), {}, "E_ARGUMENTS"),
        (((2, 3), (2, 3), (2,)), {"x": (2, 3)}, "E_ARGUMENTS"),
        (((2, 3), (2, 4), (2,)), {}, "E_SHAPE"),
        (((2, 3), (2,), (2,)), {}, "E_SHAPE"),
    ],
)
def test_wrong_arguments(form: str, args: Any, named: Any, code: str) -> None:
    f = tc.load("linear").wrap(form=form)
    with pytest.raises(TensorCalcError) as caught:
        f(*map(torch.zeros, args), **{name: torch.zeros(shape) for name, shape in named.items()})
    assert caught.value.code == code


@pytest.mark.parametrize("form", ["function", "operator"])
def test_labels_are_checked(form: str) -> None:
    f = tc.load("cross_entropy").wrap(form=form)
    for label, code in ((torch.tensor(4), "E_INDEX_RANGE"), (torch.tensor(1.0), "E_TYPE")):
        with pytest.raises(TensorCalcError) as caught:
            f(torch.zeros(4), label)
        assert caught.value.code == code
    assert f(torch.zeros(4), 3).shape == ()


@pytest.mark.parametrize(
    ("options", "code", "hint"),
    [
        ({"of": "q"}, "E_UNKNOWN_NAME", "sigma, s, c"),
        ({"of": "x"}, "E_UNKNOWN_NAME", "sigma, s, c"),
        ({"wrt": "T"}, "E_UNKNOWN_NAME", "x"),
        ({"wrt": "s"}, "E_UNKNOWN_NAME", "x"),
        ({"framework": "tensorflow"}, "E_TARGET", "torch, jax"),
        ({"form": "module"}, "E_TARGET", "function, operator"),
    ],
)
def test_wrong_requests(options: dict[str, str], code: str, hint: str) -> None:
    with pytest.raises(TensorCalcError) as caught:
        tc.load("cross_entropy").wrap(**options)
    assert caught.value.code == code
    assert hint in (caught.value.hint or "")


def test_names_that_meet_those_of_derivatives() -> None:
    f = tc.parse("d_x[i] = x[i]^3*d_y; y = sum(i, d_x[i]^2); v_x = sum(i, d_x[i])").wrap(["y", "v_x"])
    args = tuple(torch.randn(n, dtype=torch.float64, requires_grad=True) for n in ((3,), ()))
    assert torch.autograd.gradcheck(f, args, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(f, args)


def test_what_a_wrapper_says_about_itself() -> None:
    f = tc.load("cross_entropy").wrap(wrt="x")
    assert f.arguments == ("x", "T")
    assert "torch.log_softmax" in f.source
    assert "T: scalar, labels 0 to J - 1" in (f.__doc__ or "")
    assert repr(f) == "<tensorcalc torch function compute_c(x, T)>"
    assert f(torch.zeros(3, requires_grad=True), 1).grad_fn.name() == "compute_cBackward"


def test_readme_example(capsys: pytest.CaptureFixture[str]) -> None:
    readme = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")
    (code,) = (b for b in re.findall(r"^```python\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL) if ".wrap(" in b)
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out == "torch.Size([4, 10])\n"

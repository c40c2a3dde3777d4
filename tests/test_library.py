"""The library: every derivation has a source, derives, prints and passes its check, and agrees with PyTorch."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import pytest

import tensorcalc as tc
from tensorcalc import library, render
from tensorcalc.check import check
from tensorcalc.codegen import compile_program
from tensorcalc.system import Program

torch = pytest.importorskip("torch")

from library_references import DRAWS, REFERENCES, SIZES  # noqa: E402

NAMES = library.names()

SINS = re.compile(r"[−+] ?−|\(∂(\w+)/∂\1\)|∂∂|\^\{1\}|(?<![\d.])1 [·\w]")
"""Two signs, the derivative of a thing by itself, a derivative by a derivative, a first power, a factor 1."""

TEX_SINS = re.compile(r"[-+] *-|\^\{1\}|(?<![\d.])1 ?\\cdot")

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # torch's own


@cache
def derivations(name: str) -> list[tc.Derivation]:
    """Everything that a file asks for, derived once for all tests."""
    return tc.load(name).derive_all()


def test_the_library_is_large() -> None:
    assert len(NAMES) >= 75


@pytest.mark.parametrize("name", NAMES)
def test_every_file_says_what_it_is(name: str) -> None:
    entry = library.read(library.find(name))
    assert entry.title
    assert entry.group
    assert entry.requests
    assert len(entry.origin) > 20
    assert entry.title[0].isupper()
    assert not entry.title.endswith(".")
    assert not entry.note or entry.note.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_every_derivation_prints_and_passes_its_check(name: str) -> None:
    for derivation in derivations(name):
        assert derivation.text()
        assert derivation.latex()
        report = check(derivation, seeds=(0,))
        assert report.passed, [item for item in report.items if not item.passed]
        assert {"finite differences", "torch"} & set(report.witnesses)


@pytest.mark.parametrize("name", NAMES)
def test_lines_read_well(name: str) -> None:
    for derivation in derivations(name):
        before = ""
        for _, formula, _ in render.text_rows(derivation):
            assert not formula or formula != before, "a line that changes nothing"
            assert not SINS.search(formula), formula
            before = formula
        assert not TEX_SINS.search(derivation.latex())


@cache
def values(name: str) -> dict[str, Any]:
    """Random inputs by name; the dimensions are short and of different lengths."""
    system = tc.load(name)
    lengths = itertools.cycle((3, 2, 4))
    size = {d: d.size or SIZES.get(name, {}).get(d.name) or next(lengths) for d in system.dimensions}
    torch.manual_seed(sum(map(ord, name)))
    found: dict[str, Any] = {}
    for tensor in system.inputs:
        shape = tuple(size[d] for d in tensor.dimensions)
        if tensor.label_dimension is not None:
            found[tensor.name] = torch.randint(0, size[tensor.label_dimension], shape)
        else:
            draw = DRAWS.get(name, {}).get(tensor.name)
            found[tensor.name] = draw(shape) if draw else torch.randn(shape, dtype=torch.float64)
    return found


def large(name: str) -> dict[str, Any]:
    """The same inputs, those that are any numbers 400 times larger."""
    free = {k for k, value in values(name).items() if value.is_floating_point()} - set(DRAWS.get(name, ()))
    return {k: 400 * value if k in free else value for k, value in values(name).items()}


def reference(name: str, fixed: Mapping[str, Any], of: Sequence[str], wrt: Sequence[str]) -> Callable[..., Any]:
    """The outputs `of` as PyTorch computes them, as a function of the tensors `wrt` in order; a tuple."""

    def outputs(*moving: Any) -> tuple[Any, ...]:
        at = {**fixed, **dict(zip(wrt, moving, strict=True))}
        found = REFERENCES[name](**{"lambda_" if n == "lambda" else n: value for n, value in at.items()})
        return tuple(found[o] for o in of) if isinstance(found, dict) else (found,)

    return outputs


def assert_agree(found: Any, expected: Any, tolerance: float) -> None:
    """Compare two arrays relative to the largest number in them, at least 1."""
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= tolerance * max(1.0, expected.abs().max().item())


def test_every_derivation_has_a_reference() -> None:
    assert set(REFERENCES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_equations_are_the_function_of_pytorch(name: str) -> None:
    system = tc.load(name)
    of = sorted({o for request in system.requests for o in request.of})
    program = Program(system.inputs, system.ordered, tuple(system.tensors[o] for o in of), many=True)
    given = {"S": SIZES[name]["S"]} if name == "conv_transpose1d" else {}  # its inputs do not tell the length
    found = compile_program(program, "torch")(**values(name), **given)
    for one, expected in zip(found, reference(name, values(name), of, ())(), strict=True):
        assert_agree(one, expected, 1e-9)


def both(name: str, place: int, at: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """What the generated code and PyTorch compute for a request: a pair for every tensor of `wrt`."""
    request = tc.load(name).requests[place]
    f = derivations(name)[place].lambdify("torch")
    moving = tuple(at[w].clone().requires_grad_() for w in request.wrt)
    outputs = reference(name, at, request.of, request.wrt)
    upstream = {f"d_{o}": torch.randn_like(value) for o, value in zip(request.of, outputs(*moving), strict=True)}
    given = upstream if request.kind == "vjp" else {}
    found = f(**at, **given)
    expected = derivatives(outputs, moving, request.kind, tuple(given.values()))
    return zip(found if len(moving) > 1 else (found,), expected, strict=True)


def derivatives(outputs: Callable[..., Any], at: tuple[Any, ...], kind: str, upstream: tuple[Any, ...]) -> Any:
    """The derivatives by PyTorch, a tuple in the order of `at`."""
    if kind in ("gradient", "vjp"):
        return torch.autograd.grad(outputs(*at), at, upstream or None)
    transform = {"jacobian": torch.func.jacrev, "hessian": torch.func.hessian}[kind]
    found = transform(lambda *moving: outputs(*moving)[0], tuple(range(len(at))))(*at)
    return found[0] if kind == "hessian" else found


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_are_those_of_pytorch(name: str) -> None:
    for place in range(len(derivations(name))):
        for found, expected in both(name, place, values(name)):
            assert_agree(found, expected, 1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_are_stable(name: str) -> None:
    """Large numbers overflow nowhere that they do not in PyTorch."""
    for place in range(len(derivations(name))):
        for found, expected in both(name, place, large(name)):
            finite = torch.isfinite(expected)
            assert_agree(torch.where(finite, found, 0), torch.where(finite, expected, 0), 1e-6)

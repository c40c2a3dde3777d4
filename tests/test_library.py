"""The library: every derivation has a source, derives, prints and passes its check, and agrees with PyTorch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pytest

import tensorcalc as tc
from tensorcalc import library
from tensorcalc.codegen import compile_program
from tensorcalc.system import Program

torch = pytest.importorskip("torch")

from library_references import DRAWS, REFERENCES, SIZES  # noqa: E402

NAMES = library.names()

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # torch's own


def derivations(name: str) -> list[tc.Derivation]:
    """Everything that a file asks for."""
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
        report = derivation.check()
        assert report.passed, [item for item in report.items if not item.passed]
        assert {"finite differences", "torch"} & set(report.witnesses)


def names_of(system: tc.System) -> list[str]:
    return [t.name for t in system.inputs]


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


def reference(name: str, of: Sequence[str], wrt: Sequence[str]) -> Callable[..., Any]:
    """The outputs `of` as PyTorch computes them, as a function of the tensors `wrt` in order; a tuple."""
    fixed = values(name)

    def outputs(*moving: Any) -> tuple[Any, ...]:
        at = {**fixed, **dict(zip(wrt, moving, strict=True))}
        found = REFERENCES[name](**{"lambda_" if n == "lambda" else n: value for n, value in at.items()})
        return tuple(found[o] for o in of) if isinstance(found, dict) else (found,)

    return outputs


def assert_agree(found: Any, expected: Any) -> None:
    """Compare numbers to nine digits of the largest."""
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= 1e-9 * max(1.0, expected.abs().max().item())


def test_every_derivation_has_a_reference() -> None:
    assert set(REFERENCES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_equations_are_the_function_of_pytorch(name: str) -> None:
    system = tc.load(name)
    of = sorted({o for request in system.requests for o in request.of})
    program = Program(system.inputs, system.ordered, tuple(system.tensors[o] for o in of), many=True)
    given = {"S": SIZES[name]["S"]} if name == "conv_transpose1d" else {}  # its inputs do not tell the length
    found = compile_program(program, "torch")(**values(name), **given)
    for one, expected in zip(found, reference(name, of, ())(), strict=True):
        assert_agree(one, expected)


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_are_those_of_pytorch(name: str) -> None:
    system = tc.load(name)
    for request in system.requests:
        f = system.derive(request.of, request.wrt, request.kind or None).lambdify("torch")
        at = tuple(values(name)[w].clone().requires_grad_() for w in request.wrt)
        outputs = reference(name, request.of, request.wrt)
        upstream = {f"d_{o}": torch.randn_like(value) for o, value in zip(request.of, outputs(*at), strict=True)}
        given = upstream if request.kind == "vjp" else {}
        found = f(**values(name), **given)
        expected = derivatives(outputs, at, request.kind, tuple(given.values()))
        for one, other in zip(found if len(at) > 1 else (found,), expected, strict=True):
            assert_agree(one, other)


def derivatives(outputs: Callable[..., Any], at: tuple[Any, ...], kind: str, upstream: tuple[Any, ...]) -> Any:
    """The derivatives by PyTorch, a tuple in the order of `at`."""
    if kind in ("gradient", "vjp"):
        return torch.autograd.grad(outputs(*at), at, upstream or None)
    transform = {"jacobian": torch.func.jacrev, "hessian": torch.func.hessian}[kind]
    found = transform(lambda *moving: outputs(*moving)[0], tuple(range(len(at))))(*at)
    return found[0] if kind == "hessian" else found

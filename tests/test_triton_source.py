"""What the target triton writes, judged without running it; compiled for a card where triton is installed."""

from __future__ import annotations

import ast
import builtins
import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tensorcalc as tc
from kernel_tools import ROWWISE, derivation, evaluated, sizes_of, values_for
from tensorcalc.codegen.kernels.triton.source import write_source
from tensorcalc.errors import TensorCalcError
from tensorcalc.library import names as library_names
from triton_tools import compiled_for_a_card, needs_triton

torch = pytest.importorskip("torch")
NO_CODE = {"kalman_update"}
"""Derivations with the inverse of something that is no argument, which the target refuses."""


def functions(text: str) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}


def unknown_names(text: str) -> Iterator[str]:
    """Names that a function of a file reads and nothing defines."""
    tree = ast.parse(text)
    known = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    top = {a.asname or a.name for n in tree.body if isinstance(n, ast.Import) for a in n.names}
    top |= {t.id for n in tree.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)}
    top |= functions(text).keys()
    assert known
    for name, function in functions(text).items():
        own = {a.arg for a in (*function.args.args, *function.args.kwonlyargs)}
        own |= {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        for node in ast.walk(function):
            if isinstance(node, ast.Name) and node.id not in own | top and not hasattr(builtins, node.id):
                yield f"{name}: {node.id}"


def launches(text: str) -> Iterator[tuple[str, int, set[str]]]:
    """The calls of kernels: name, number of plain arguments, keywords."""
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Subscript)
            and isinstance(node.func.value, ast.Name)
        ):
            yield node.func.value.id, len(node.args), {k.arg or "" for k in node.keywords}


def check(text: str) -> None:
    """A file holds together: every name is defined, every kernel gets its arguments, nothing is added atomically."""
    assert not list(unknown_names(text))
    defined = functions(text)
    started = list(launches(text))
    for name, plain, keywords in started:
        arguments = [a.arg for a in defined[name].args.args]
        assert set(arguments[plain:]) == keywords - {"num_warps"}, name
    kernels = {name for name in defined if "_step" in name}
    assert kernels == {name for name, _, _ in started}
    assert "atomic" not in text.split('"""', 2)[2]


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("name", ROWWISE)
def test_files_hold_together(name: str, both: bool) -> None:
    check(derivation(name).code("triton", value_and_grad=both))


def test_the_library_is_written_or_refused() -> None:
    refused = set()
    some = library_names()[::4]
    for name in some:
        for found in tc.load(name).derive_all():
            try:
                check(found.code("triton"))
            except TensorCalcError as problem:
                assert problem.code == "E_UNSUPPORTED"
                assert problem.hint
                refused.add(name)
    assert refused == NO_CODE.intersection(some)


@pytest.mark.parametrize("name", ["cross entropy", "layer norm", "linear cross entropy"])
def test_golden_source(golden: Any, name: str) -> None:
    golden(f"kernel_{name.replace(' ', '_')}.triton.txt", derivation(name).code("triton"))


def body(text: str, ending: str) -> str:
    name = next(n for n in functions(text) if n.endswith(ending))
    return ast.unparse(functions(text)[name])


def test_long_rows_are_read_once_for_maximum_and_sum_and_once_for_the_gradient() -> None:
    text = derivation("cross entropy").code("triton")
    assert body(text, "_blocks").count("for ") == 2
    assert body(text, "_rows").count("tl.load(x ") == 1
    assert "for " not in body(text, "_rows")


def test_a_label_is_part_of_the_one_store() -> None:
    text = derivation("cross entropy").code("triton")
    for kernel in ("_rows", "_blocks"):
        assert body(text, kernel).count("tl.store(") == 1
        assert "tl.debug_barrier" not in body(text, kernel)


@pytest.mark.parametrize("both", [False, True])
def test_logits_of_a_large_vocabulary_never_exist_as_a_whole(both: bool) -> None:
    text = derivation("linear cross entropy").code("triton", value_and_grad=both)
    assert "torch.empty((N, C)" not in text
    assert "torch.empty((high - low2, C)" in text


def test_names_that_the_file_needs_itself() -> None:
    system = tc.parse("tl[n] = sum(i, REAL[n,i]*rows[i]); triton[n] = exp(tl[n])*torch[n] + programs[n]*out[n]")
    text = system.derive("triton", wrt=["REAL", "rows"], kind="vjp").code("triton", value_and_grad=True)
    check(text)


def test_kinds_of_numbers_without_code_are_refused() -> None:
    for text in ("y[i] = lgamma(x[i])", "S[i,j] = x[i,k]*x[j,k]; y[i,j] = inv(S)[i,j]"):
        system = tc.parse(text)
        with pytest.raises(TensorCalcError) as caught:
            system.derive("y", wrt=system.inputs[0].name, kind="vjp").code("triton")
        assert caught.value.code == "E_UNSUPPORTED"
        assert caught.value.hint


def test_without_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    original = importlib.import_module

    def missing(name: str, package: str | None = None) -> Any:
        if name == "triton":
            raise ImportError(name)
        return original(name, package)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(TensorCalcError, match="needs the library triton") as caught:
        derivation("softmax").lambdify("triton")
    assert caught.value.code == "E_TARGET"


@needs_triton
@pytest.mark.parametrize("name", ROWWISE)
def test_kernels_compile_for_a_card(name: str) -> None:
    for kind in ("bf16", "fp64"):
        for _, ptx in compiled_for_a_card(derivation(name)._program(True), kind):
            assert "st.global" in ptx


@needs_triton
def test_rows_are_read_with_wide_loads() -> None:
    """Four float32 at once, where the length of rows is a multiple of 16."""
    program = derivation("cross entropy")._program(False)
    source = write_source(program)
    whole = next(code for code in source.kernels if code.whole)
    (ptx,) = [p for n, p in compiled_for_a_card(program, "fp32", 1024, 1, aligned=True) if n == whole.name]
    assert ".v4." in ptx


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@needs_triton
@pytest.mark.parametrize("name", ROWWISE)
def test_on_a_gpu(name: str) -> None:
    function = derivation(name).lambdify("triton", value_and_grad=True)
    program = function.program
    for shape in ((7, 129), (5, 3, 17)) if name not in ("attention", "linear cross entropy") else ((3, 7, 5),):
        sizes = sizes_of(program, shape)
        values = values_for(program, sizes, "float32")
        found = function(**{k: torch.tensor(v).cuda() for k, v in values.items()})
        for result, wanted in zip(found, evaluated(program, sizes, values), strict=True):
            scale = max(np.abs(wanted).max(initial=0), 1)
            np.testing.assert_allclose(result.cpu().numpy() / scale, wanted / scale, atol=2e-5, rtol=0)

"""Compiled programs as their callers meet them: arrays, `out`, threads, compilers, the cache; sanitizers."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tensorcalc as tc
from kernel_tools import ROWWISE, compiled, derivation, needs_compiler, sizes_of, values_for
from tensorcalc.codegen.kernels import blas, compiler
from tensorcalc.errors import TensorCalcError

torch = pytest.importorskip("torch")
pytestmark = needs_compiler


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Compiled libraries in a folder of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def case(
    name: str, shape: tuple[int, ...] = (7, 33), dtype: str = "float32", **options: Any
) -> tuple[Any, dict[str, Any], Any]:
    """A function, its arguments, and its results."""
    function, program = compiled(name, **options)
    values = values_for(program, sizes_of(program, shape), dtype)
    return function, values, function(**values)


def test_results_in_the_callers_arrays() -> None:
    function, values, wanted = case("layer norm")
    outs = tuple(np.empty_like(w) for w in wanted)
    for _ in range(2):
        assert function(**values, out=outs) is outs
        for a, b in zip(outs, wanted, strict=True):
            np.testing.assert_array_equal(a, b)
    function, values, wanted = case("cross entropy")
    wide = np.zeros((7, 66), np.float32)
    strided = wide[:, ::2]
    assert function(**values, out=strided) is strided
    np.testing.assert_array_equal(strided, wanted)
    double = np.empty((7, 33))
    np.testing.assert_array_equal(function(**values, out=double), wanted)


@pytest.mark.parametrize("name", ROWWISE)
def test_every_result_over_every_argument(name: str) -> None:
    """Whether or not the loops allow it, and partly overlapping too."""
    function, values, wanted = case(name, (5, 9))
    several = wanted if isinstance(wanted, tuple) else (wanted,)
    for argument, value in values.items():
        for place, result in enumerate(several):
            if value.dtype != result.dtype or value.shape != result.shape or not value.shape:
                continue
            for shift in (0, 1):
                room = np.zeros(value.size + 1, value.dtype)
                given, out = (
                    room[: value.size].reshape(value.shape),
                    room[shift : value.size + shift].reshape(value.shape),
                )
                outs = [np.empty_like(r) for r in several]
                outs[place] = out
                for _ in range(2):
                    given[...] = value
                    function(**{**values, argument: given}, out=tuple(outs) if len(outs) > 1 else out)
                    for a, b in zip(outs, several, strict=True):
                        np.testing.assert_array_equal(a, b)


def test_which_results_may_lie_over_arguments() -> None:
    function, _ = compiled("cross entropy")
    assert (0, 0) in function._in_place
    assert (0, 0) not in compiled("linear")[0]._in_place


def test_results_over_each_other_are_right() -> None:
    function, values, wanted = case("swiglu")
    same = np.empty_like(wanted[0])
    function(**values, out=(same, same))
    np.testing.assert_array_equal(same, wanted[1])


@pytest.mark.parametrize(
    ("out", "code"),
    [
        (np.zeros((7, 32), np.float32), "E_SHAPE"),
        (np.zeros((7, 33), int), "E_TYPE"),
        ([0.0], "E_TYPE"),
        (np.zeros((7, 33), np.float32)[None][0].view(), ""),
    ],
)
def test_wrong_out(out: Any, code: str) -> None:
    function, values, _ = case("cross entropy")
    if not code:
        out.flags.writeable = False
        code = "E_TYPE"
    with pytest.raises(TensorCalcError) as caught:
        function(**values, out=out)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"x": np.zeros((7, 3, 2), np.float32)}, "E_SHAPE"),
        ({"d_c": np.zeros(6, np.float32)}, "E_SHAPE"),
        ({"T": np.zeros(7)}, "E_TYPE"),
        ({"x": np.zeros((7, 33), complex)}, "E_TYPE"),
        ({"y": 1}, "E_ARGUMENTS"),
    ],
)
def test_wrong_arguments(changes: dict[str, Any], code: str) -> None:
    function, values, _ = case("cross entropy")
    with pytest.raises(TensorCalcError) as caught:
        function(**{**values, **changes})
    assert caught.value.code == code


def test_torch_tensors() -> None:
    function, values, wanted = case("layer norm")
    tensors = {k: torch.from_numpy(v) if v.ndim else float(v) for k, v in values.items()}
    outs = tuple(torch.empty(w.shape) for w in wanted)
    for _ in range(2):
        for a, b in zip(function(**tensors), wanted, strict=True):
            assert isinstance(a, torch.Tensor)
            np.testing.assert_array_equal(a.numpy(), b)
        assert function(**tensors, out=outs) is outs
        for a, b in zip(outs, wanted, strict=True):
            np.testing.assert_array_equal(a.numpy(), b)
    leaf = {**tensors, "x": tensors["x"].clone().requires_grad_()}
    np.testing.assert_array_equal(function(**leaf)[0].numpy(), wanted[0])
    turned = {**tensors, "x": tensors["x"].T.contiguous().T}
    np.testing.assert_array_equal(function(**turned)[0].numpy(), wanted[0])
    half = {**tensors, "x": tensors["x"].to(torch.bfloat16)}
    np.testing.assert_allclose(function(**half)[0].numpy(), wanted[0], atol=0.1)


class OnlyDlpack:
    """An array with the DLPack protocol and nothing else."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()


def test_other_arrays() -> None:
    function, values, wanted = case("cross entropy")
    others = {"x": OnlyDlpack(values["x"]), "T": values["T"].tolist(), "d_c": memoryview(values["d_c"])}
    np.testing.assert_array_equal(function(**others), wanted)
    narrow = {**values, "T": values["T"].astype(np.int8), "d_c": values["d_c"].astype(np.float16)}
    assert function(**narrow).dtype == np.float32
    mixed = {**values, "d_c": values["d_c"].astype(float)}
    assert function(**mixed).dtype == np.float64
    np.testing.assert_array_equal(function(*values.values()), wanted)


def test_an_argument_called_out_and_c_keywords_as_names() -> None:
    function = (
        tc.parse("restrict[i] = out[i]*double[i]*cosh2[i] + real[i]")
        .derive("restrict", wrt=["out"], kind="vjp")
        .lambdify("c")
    )
    values = {name: np.arange(3.0) + place for place, name in enumerate(function.arguments)}
    expected = values["d_restrict"] * values["double"] * values["cosh2"]
    np.testing.assert_allclose(function(**values), expected)


def test_calls_from_many_threads() -> None:
    function, values, wanted = case("cross entropy", (64, 4096), threads=2)
    product, matrices, results = case("attention", (3, 64, 20), threads=2)
    failures: list[str] = []

    def work() -> None:
        for _ in range(20):
            if not np.array_equal(function(**values), wanted):
                failures.append("rows")
            if not all(np.array_equal(a, b) for a, b in zip(product(**matrices), results, strict=True)):
                failures.append("products")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert not blas._alone


def _in_child(queue: Any) -> None:
    function, values, _ = case("cross entropy", (64, 4096), threads=2)
    queue.put(function(**values).sum())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:os.fork:RuntimeWarning")
def test_calls_in_a_forked_child() -> None:
    function, values, wanted = case("cross entropy", (64, 4096), threads=2)
    function(**values)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=_in_child, args=(queue,))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    np.testing.assert_allclose(queue.get(), wanted.sum(), atol=1e-3)


def test_threads_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3,1")
    assert compiled("softmax")[0].threads == 3
    assert compiled("softmax", threads=1)[0].threads == 1
    with pytest.raises(TensorCalcError, match="no number of threads"):
        compiled("softmax", threads=0)
    with pytest.raises(TensorCalcError, match="belong to the target c"):
        derivation("softmax").lambdify("numpy", exact=True)


def test_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(compiler.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(TensorCalcError, match="needs a C compiler") as caught:
        derivation("softmax").lambdify("c")
    assert caught.value.code == "E_TARGET"
    assert "tensorcalc[kernels]" in caught.value.hint
    assert "compute_d_x" in derivation("softmax").code("c")


def test_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    case("softmax")
    folder = tmp_path / "tensorcalc" / "kernels"
    (library,) = folder.iterdir()
    monkeypatch.setattr(compiler.Compiler, "build", lambda *_: pytest.fail("compiled again"))
    case("softmax")
    assert list(folder.iterdir()) == [library]


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    case("log softmax")


def test_products_without_blas(monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, wanted = case("attention", (3, 20, 9))
    for way in (lambda char: None, blas._blas):
        monkeypatch.setattr(blas, "_blas", way)
        _, _, found = case("attention", (3, 20, 9))
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


DRIVER = """
#include "program.c"
#include <stdio.h>
static void *room(size_t count, size_t size) {{ void *p = malloc(count * size + 1); if (p == NULL) exit(3); return p; }}
int main(void)
{{
{body}
    return status != 0;
}}
"""


@pytest.mark.parametrize("name", ROWWISE)
def test_sanitizers(name: str, tmp_path: Path) -> None:
    """The generated C with arrays of exactly their sizes, under the address and undefined-behaviour sanitizers."""
    function, program = compiled(name)
    lines = []
    for shape in ((1, 1), (5, 19), (2, 300), (0, 3)):
        sizes = sizes_of(program, shape)
        arguments = [str(sizes[d]) for d in function._written.sizes]
        names = []
        for place, tensor in enumerate((*program.inputs, *program.outputs)):
            count = int(np.prod([sizes[d] for d in tensor.dimensions]))
            kind = "int64_t" if tensor.is_label else "real"
            names.append((f"a{place}", kind, count, sizes.get(tensor.label_dimension) if tensor.is_label else None))
        lines.append("    {")
        for variable, kind, count, bound in names:
            lines.append(f"    {kind} *{variable} = room({count}, sizeof({kind}));")
            entry = f"(i * 7) % {max(bound, 1)}" if bound is not None else "(real)((i * 37) % 11) / 5 - 1"
            lines.append(f"    for (ptrdiff_t i = 0; i < {count}; i++) {variable}[i] = {entry};")
        call = ", ".join([*arguments, *(n for n, *_ in names), "2"])
        refused = int(any(bound == 0 and count for _, _, count, bound in names))
        lines.append(f"    status |= {function._written.name}({call}) != {refused};")
        lines += [f"    free({n});" for n, *_ in names] + ["    }"]
    (tmp_path / "program.c").write_text(function.source)
    (tmp_path / "driver.c").write_text(DRIVER.format(body="\n".join(["    int status = 0;", *lines])))
    command = ["cc", "-std=gnu11", "-O1", "-g", "-fopenmp", "-Wall", "-Wextra", "-Werror", "-fno-sanitize-recover=all"]
    command += ["-fsanitize=address,undefined", "driver.c", "-o", "driver", "-lm"]
    if shutil.which("cc") is None:
        pytest.skip("there is no cc")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    if "cannot find" in done.stderr and "san" in done.stderr:
        pytest.skip("the compiler has no sanitizers")
    assert not done.returncode, done.stderr
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1"}
    run = subprocess.run(["./driver"], cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
    assert not run.returncode, run.stderr


def test_command_line(tmp_path: Path) -> None:
    code = "import sys; from tensorcalc.cli import cli; cli()"
    command = [sys.executable, "-c", code, "codegen", "cross_entropy_batch"]
    source = subprocess.run([*command, "--target", "c"], capture_output=True, text=True, check=True).stdout
    (tmp_path / "program.c").write_text(source)
    subprocess.run(["cc", "-std=gnu11", "-c", "program.c"], cwd=tmp_path, check=True)
    text = subprocess.run([*command, "--plan", "--value-and-grad"], capture_output=True, text=True, check=True).stdout
    assert re.search(r"bytes read: +\d", text)
    assert "bound:" in text


def test_a_compiler_that_knows_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simple = tmp_path / "simple cc"
    simple.write_text('#!/bin/sh\ncase "$*" in *native*|*-fopenmp\\ *) exit 1;; esac\nexec cc "$@"\n')
    simple.chmod(0o755)
    monkeypatch.setenv("CC", f"'{simple}'")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    function, _, wanted = case("layer norm")
    monkeypatch.delenv("CC")
    for a, b in zip(wanted, case("layer norm")[2], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert function.threads >= 1


def test_a_compiler_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho no licence >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(TensorCalcError, match="no licence"):
        case("softmax")
    assert not list((tmp_path / "tensorcalc" / "kernels").iterdir())


def test_a_kernel_can_be_pickled() -> None:
    function, _ = compiled("softmax")
    function.threads = 1
    again = pickle.loads(pickle.dumps(function))
    x = np.random.default_rng(0).normal(size=(3, 5))
    assert again.threads == 1
    np.testing.assert_array_equal(again(x=x, d_s=x), function(x=x, d_s=x))

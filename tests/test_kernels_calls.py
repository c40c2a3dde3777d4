"""Calls of compiled programs that look like the last one go a short way: it must notice whatever is different."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernel_tools import compiled, derivation, needs_compiler, sizes_of, values_for
from tensorcalc.codegen.kernels import entrance, team
from tensorcalc.codegen.kernels.compiler import compiler
from tensorcalc.codegen.kernels.function import Kernel
from tensorcalc.errors import TensorCalcError

pytestmark = needs_compiler


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Compiled libraries in a folder of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def prepared(name: str, shape: tuple[int, ...], dtype: str = "float32", **options: Any) -> tuple[Any, Any, Any]:
    """A program that was called twice, its arguments, and its results."""
    function, program = compiled(name, **options)
    values = values_for(program, sizes_of(program, shape), dtype)
    wanted = function(**values)
    function(**values)
    assert function._entrance is not None
    return function, values, wanted


@pytest.fixture
def short_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The careful ways fail, so that a test knows which way was gone."""
    monkeypatch.setattr(Kernel, "_direct", lambda *_: pytest.fail("not the short way"))
    monkeypatch.setattr(Kernel, "checked", lambda *_: pytest.fail("not the short way"))


@pytest.mark.parametrize("name", ["cross entropy", "layer norm", "linear"])
def test_the_same_again(name: str, request: pytest.FixtureRequest) -> None:
    function, values, wanted = prepared(name, (7, 33))
    request.getfixturevalue("short_only")
    again = function(**values)
    outs = tuple(np.empty_like(w) for w in wanted) if isinstance(wanted, tuple) else np.empty_like(wanted)
    assert function(**values, out=outs) is outs
    for result in (again, outs):
        np.testing.assert_array_equal(
            np.hstack([np.ravel(r) for r in result]), np.hstack([np.ravel(w) for w in wanted])
        )


@pytest.mark.parametrize("change", ["bytes", "gaps", "type", "shape", "order", "unaligned", "masked", "list"])
def test_arguments_of_another_kind(change: str) -> None:
    function, values, wanted = prepared("softmax", (6, 5))
    x = values["x"]
    space = np.zeros(x.nbytes + 1, np.uint8)
    other = {
        "bytes": x.astype(">f4"),
        "gaps": np.repeat(x, 2, axis=1)[:, ::2],
        "type": x.astype(np.float64),
        "shape": x[:3],
        "order": np.asfortranarray(x),
        "unaligned": np.frombuffer(space.data, np.float32, x.size, 1).reshape(x.shape),
        "masked": np.ma.masked_array(x, x > 9),
        "list": x.tolist(),
    }[change]
    if change == "unaligned":
        space[1:] = x.view(np.uint8).ravel()
    upstream = values["d_s"][: len(other)]
    np.testing.assert_allclose(function(**{**values, "x": other, "d_s": upstream}), wanted[: len(other)], atol=1e-6)
    np.testing.assert_array_equal(function(**values), wanted)


def test_plain_numbers_again(request: pytest.FixtureRequest) -> None:
    function, program = compiled("layer norm")
    values = values_for(program, sizes_of(program, (7, 33)), "float32")
    wanted = function(**{**values, "eps": np.float32(0.25)})
    function(**{**values, "eps": 0.25})
    function(**{**values, "eps": 0.25})
    request.getfixturevalue("short_only")
    for result, expected in zip(function(**{**values, "eps": 0.25}), wanted, strict=True):
        np.testing.assert_array_equal(result, expected)


def test_plain_numbers_of_another_kind() -> None:
    function, program = compiled("layer norm")
    values = values_for(program, sizes_of(program, (3, 4)), "float32")
    for _ in range(2):
        function(**{**values, "eps": 0.25})
    wanted = function(**{**values, "eps": 1.0})
    for same in (1, np.float64(1), np.array(1.0), np.float32(1)):
        np.testing.assert_allclose(function(**{**values, "eps": same})[0], wanted[0], atol=1e-6)
    with pytest.raises(TensorCalcError, match="eps"):
        function(**{**values, "eps": "1"})


def test_results_that_overlap() -> None:
    function, values, wanted = prepared("softmax", (6, 5))
    own = {k: v.copy() for k, v in values.items()}
    np.testing.assert_array_equal(function(**own, out=own["x"]), wanted)
    space = np.concatenate([values["x"].ravel(), np.zeros(5, np.float32)])
    moved = {**values, "x": space[:30].reshape(6, 5)}
    np.testing.assert_array_equal(function(**moved, out=space[5:].reshape(6, 5)), wanted)


def test_results_that_cannot_be_written() -> None:
    function, values, wanted = prepared("softmax", (6, 5))
    fixed = np.zeros_like(wanted)
    fixed.flags.writeable = False
    with pytest.raises(TensorCalcError):
        function(**values, out=fixed)
    for wrong in (np.zeros((5, 6), np.float32), [[0.0] * 5] * 6):
        with pytest.raises(TensorCalcError):
            function(**values, out=wrong)
    swapped = np.zeros((6, 5), ">f4")
    np.testing.assert_array_equal(function(**values, out=swapped), wanted)


def test_missing_and_unknown_arguments() -> None:
    function, values, _ = prepared("softmax", (6, 5))
    with pytest.raises(TensorCalcError, match=r"missing|needs"):
        function(x=values["x"])
    with pytest.raises(TensorCalcError, match="unknown argument"):
        function(x=values["x"], y=values["x"])


def test_labels_out_of_range_the_short_way() -> None:
    function, values, _ = prepared("cross entropy", (6, 5))
    out = np.full((6, 5), 7, np.float32)
    with pytest.raises(TensorCalcError, match=r"label T\[2\]"):
        function(**{**values, "T": np.array([0, 1, 5, 0, 0, 0])}, out=out)
    assert (out == 7).all()


def test_nothing_is_kept() -> None:
    function, values, _ = prepared("softmax", (6, 5))
    counts = {k: sys.getrefcount(v) for k, v in values.items()}
    for _ in range(50):
        function(**values)
        function(**{**values, "x": values["x"].astype(">f4")})
    gc.collect()
    assert {k: sys.getrefcount(v) for k, v in values.items()} == counts


def test_without_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrance, "enter", lambda: None)
    function, program = compiled("softmax")
    values = values_for(program, sizes_of(program, (6, 5)), "float32")
    first = function(**values)
    assert function._entrance is None
    np.testing.assert_array_equal(function(**values), first)


def test_many_threads_the_short_way() -> None:
    function, values, wanted = prepared("cross entropy", (64, 1024), threads=2)
    wrong: list[int] = []

    def work() -> None:
        for _ in range(50):
            if not np.array_equal(function(**values), wanted):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_results_do_not_depend_on_threads() -> None:
    one, values, wanted = prepared("layer norm", (300, 700), threads=1)
    for threads in (2, 3, 5):
        function, _, _ = prepared("layer norm", (300, 700), threads=threads)
        for result, expected in zip(function(**values), wanted, strict=True):
            np.testing.assert_array_equal(result, expected)
    del one


TEAM_TEST = r"""
#include <assert.h>
#include <stdlib.h>
struct job { int threads; _Atomic int *count; ptrdiff_t parts; };
static void part_of(const void *given, ptrdiff_t part, ptrdiff_t thread)
{
    const struct job *job = given;
    assert(thread >= 0 && thread < job->threads && part < job->parts);
    atomic_fetch_add(&job->count[part], 1);
}
static void *caller(void *argument)
{
    (void)argument;
    for (int k = 0; k < 2000; k++) {
        const ptrdiff_t parts = 1 + k % 37;
        _Atomic int count[37];
        for (int j = 0; j < 37; j++)
            atomic_init(&count[j], 0);
        const struct job job = {1 + k % 4, count, parts};
        tensorcalc_share(part_of, &job, parts, job.threads, k % 3 == 0, k % 5 == 0);
        for (int j = 0; j < 37; j++)
            assert(atomic_load(&count[j]) == (j < parts));
    }
    return NULL;
}
int main(void)
{
    pthread_t callers[3];
    for (int k = 0; k < 3; k++)
        pthread_create(&callers[k], NULL, caller, NULL);
    for (int k = 0; k < 3; k++)
        pthread_join(callers[k], NULL);
    return 0;
}
"""


@pytest.mark.parametrize("sanitizer", ["thread", "address,undefined"])
def test_every_part_is_done_once(sanitizer: str, tmp_path: Path) -> None:
    source = tmp_path / "team.c"
    source.write_text(team.SOURCE + TEAM_TEST)
    program = tmp_path / "team"
    command = [*compiler().command, "-std=gnu11", "-O1", "-g", "-pthread", f"-fsanitize={sanitizer}", str(source)]
    built = subprocess.run([*command, "-o", str(program)], capture_output=True, text=True, check=False)
    if built.returncode:
        pytest.skip("the compiler has no such sanitizer")
    done = subprocess.run([str(program)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def test_two_files_in_one_program(tmp_path: Path) -> None:
    objects = []
    for name in ("attention", "linear"):
        path = tmp_path / f"{name}.c"
        path.write_text(derivation(name).code("c"))
        command = [*compiler().command, "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas", "-c"]
        subprocess.run([*command, str(path), "-o", str(path.with_suffix(".o"))], check=True)
        objects.append(str(path.with_suffix(".o")))
    main = tmp_path / "main.c"
    main.write_text("int main(void) { return 0; }\n")
    subprocess.run([*compiler().command, str(main), *objects, "-lm", "-o", str(tmp_path / "main")], check=True)

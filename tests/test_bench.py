"""`tensorcalc bench`: all variants agree, what is left out says why; times are whatever they are."""

from __future__ import annotations

import importlib
import json
import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner

import tensorcalc as tc
from tensorcalc.bench import Benchmark, benchmark, chart
from tensorcalc.bench.workers import Task, measured
from tensorcalc.cli import cli

TARGETS = ("numpy", "torch", "jax")


@pytest.mark.parametrize(
    ("name", "of", "wrt", "sizes"),
    [
        ("cross_entropy_batch", "c", ["x"], {"N": 5, "J": 7}),
        ("layer_norm", "y", ["gamma", "beta", "x"], {"B": 3, "H": 8}),
        ("attention", "y", ["V", "Q"], {"T": 4, "D": 3, "U": 5, "E": 6}),
        ("label_smoothing", "c", ["x"], {}),
    ],
)
def test_variants_agree(name: str, of: str, wrt: list[str], sizes: dict[str, int]) -> None:
    derivation = tc.load(name).derive(of, wrt=wrt)
    peers = ("torch.autograd", "jax.vjp")
    result = benchmark(derivation, sizes=sizes, targets=TARGETS, peers=peers, rounds=2, dtype="float64", apart=False)
    assert result.passed
    assert [row.name for row in result.rows] == [*TARGETS, *peers]
    assert all(not row.reason and row.lower <= row.median <= row.upper for row in result.rows)
    assert sizes.items() <= result.sizes.items()
    assert result.bound > 0
    assert result.operations is not None
    assert Benchmark.from_dict(json.loads(json.dumps(result.to_dict()))) == result


def test_each_in_a_process_of_its_own_and_the_drawing() -> None:
    derivation = tc.load("softmax").derive("s", wrt="x", kind="vjp")
    peers = ("torch.autograd", "torch.autograd.warm")
    result = benchmark(derivation, sizes={"J": 300_000}, targets=("numpy",), peers=peers, rounds=2)
    assert result.passed
    assert [row.reason for row in result.rows] == ["", "", ""]
    memory = [row.memory for row in result.rows]
    if None not in memory:
        assert all(m is not None and m >= 600_000 for m in memory)
    drawing = ElementTree.fromstring(chart([result, result]))
    words = [e.text for e in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert words.count("torch.autograd.warm") == 2
    assert f"bound {result.bound * 1e3:.3g}" in words
    bars = [float(e.attrib["width"]) for e in drawing.iter("{http://www.w3.org/2000/svg}rect")]
    medians = [row.median for row in result.rows]
    assert bars[0] / bars[1] == pytest.approx(medians[0] / medians[1], rel=0.05)


def test_a_process_that_fails_says_why() -> None:
    (row,), _ = measured([Task("broken", "tensorcalc.bench.variants:generated", (1, 2))], 2)
    assert "TypeError" in row.reason


def test_several_outputs_share_one_backward_pass() -> None:
    derivation = tc.parse("u[i] = x[i]^2; v = x[i]*w[i]").derive(["u", "v"], wrt=["w", "x"], kind="vjp")
    assert benchmark(
        derivation,
        sizes={"I": 5},
        targets=("numpy",),
        peers=("torch.autograd",),
        rounds=2,
        dtype="float64",
        apart=False,
    ).passed


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own, when Inductor is imported
def test_a_gradient_by_labels_of_a_scalar() -> None:
    derivation = tc.load("cross_entropy").derive("c", wrt="x")
    result = benchmark(derivation, targets=("numpy",), peers=("torch.compile",), rounds=2, apart=False)
    assert [row.reason for row in result.rows] == ["", ""]
    assert result.passed


def doubled() -> Any:
    return lambda: [np.array([2.0, math.nan])]


def test_wrong_results_are_noticed() -> None:
    tasks = [Task("doubled", f"{__name__}:doubled")]
    for expected, error in (([2.0, math.nan], 0), ([1.0, math.nan], 1), ([2.0, 0.0], math.inf)):
        (row,), _ = measured(tasks, 2, apart=False, reference=[np.array(expected)])
        assert row.error == error
        result = Benchmark("", "float64", {}, 8, None, 1.0, (row,))
        assert result.passed == (error == 0)


def missing() -> Any:
    return importlib.import_module("no_such_library")


def test_what_cannot_run_is_left_out_with_the_reason() -> None:
    tasks = [Task("doubled", f"{__name__}:doubled"), Task("other", f"{__name__}:missing")]
    warm = Task("warm", f"{__name__}:doubled", warm=True)
    rows, _ = measured([*tasks, warm], 2, apart=False)
    absent = "the library no_such_library is not installed"
    assert [row.reason for row in rows] == ["", absent, "needs a process of its own"]
    assert math.isnan(rows[1].median)
    assert rows[1].to_dict()["median"] is None
    assert f"left out: {absent}" in chart([Benchmark("", "float64", {}, 8, None, 1.0, tuple(rows))])


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"sizes": {"Q": 3}}, "E_OPTION"),
        ({"dtype": "float16"}, "E_OPTION"),
        ({"targets": ("fortran",)}, "E_OPTION"),
        ({"peers": ("autograd",)}, "E_OPTION"),
    ],
)
def test_wrong_options(options: dict[str, object], code: str) -> None:
    with pytest.raises(tc.TensorCalcError) as caught:
        benchmark(tc.parse("c = x[i]*x[i]").derive("c", wrt="x"), **options)  # type: ignore[arg-type]
    assert caught.value.code == code
    assert caught.value.hint


def test_a_hessian_has_no_peers() -> None:
    with pytest.raises(tc.TensorCalcError, match="no peers"):
        benchmark(tc.parse("c = x[i]*x[i]").derive("c", wrt="x", kind="hessian"))


def test_command_line(tmp_path: Path) -> None:
    command = ["bench", "softmax", "--size", "J=50", "--rounds", "2", "--target", "numpy", "--peer", "jax.vjp"]
    command += ["--together", "--plot", str(tmp_path / "times.svg")]
    shown = CliRunner().invoke(cli, command)
    assert shown.exit_code == 0
    assert "J = 50" in shown.output
    assert "jax.vjp" in shown.output
    data = json.loads(CliRunner().invoke(cli, [*command, "--json"]).output)
    assert data["sizes"] == {"J": 50}
    assert "jax.vjp" in (tmp_path / "times.svg").read_text(encoding="utf-8")
    assert [row["name"] for row in data["rows"]] == ["numpy", "jax.vjp"]
    wrong = CliRunner().invoke(cli, ["bench", "softmax", "--size", "J:50"])
    assert wrong.exit_code == 2
    assert "NAME=LENGTH" in wrong.output


def test_several_sources_and_lengths_that_only_some_have() -> None:
    command = ["bench", "softmax", "logsumexp", "cross_entropy_batch", "--rounds", "2", "--target", "numpy"]
    command += ["--peer", "torch.autograd", "--together", "--size", "J=9", "--size", "N=4"]
    shown = CliRunner().invoke(cli, [*command, "--json"])
    assert shown.exit_code == 0
    assert [row["sizes"] for row in json.loads(shown.stdout)] == [{"J": 9}, {"J": 9}, {"N": 4, "J": 9}]
    wrong = CliRunner().invoke(cli, [*command, "--size", "Q=3"])
    assert wrong.exit_code == 2
    assert "error[E_OPTION]: no argument has a dimension Q" in wrong.stderr
    assert "dimensions: J, N" in wrong.stderr
    both = CliRunner().invoke(cli, ["bench", "softmax", "-e", "c = x[i]*x[i]"])
    assert "give either SOURCE or -e EQUATIONS" in both.stderr

"""`tensorcalc bench`: all variants agree, what is left out says why; times are whatever they are."""

from __future__ import annotations

import json
import math

import pytest
from click.testing import CliRunner

import tensorcalc as tc
from tensorcalc import bench
from tensorcalc.bench import PEERS, benchmark
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
    result = benchmark(derivation, sizes=sizes, targets=TARGETS, rounds=2, dtype="float64")
    assert result.passed
    assert [row.name for row in result.rows] == [*TARGETS, "torch.autograd", "jax.vjp"]
    assert all(not row.reason and row.lower <= row.median <= row.upper for row in result.rows)
    assert sizes.items() <= result.sizes.items()
    assert result.bound > 0


def test_several_outputs_share_one_backward_pass() -> None:
    derivation = tc.parse("u[i] = x[i]^2; v = x[i]*w[i]").derive(["u", "v"], wrt=["w", "x"], kind="vjp")
    assert benchmark(derivation, sizes={"I": 5}, targets=("numpy",), rounds=2, dtype="float64").passed


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own, when Inductor is imported
def test_a_gradient_by_labels_of_a_scalar() -> None:
    derivation = tc.load("cross_entropy").derive("c", wrt="x")
    result = benchmark(derivation, targets=("numpy",), peers=("torch.compile",), rounds=2)
    assert [row.reason for row in result.rows] == ["", ""]
    assert result.passed


def test_wrong_results_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tensorcalc.bench._FRAMEWORKS", {"jax.vjp": lambda _, arrays: lambda: lambda: [arrays["x"] + 1]}
    )
    derivation = tc.parse("c = x[i]*x[i]").derive("c", wrt="x")
    result = benchmark(derivation, targets=("numpy",), peers=("jax.vjp",), rounds=2)
    assert not result.passed


def test_what_cannot_run_is_left_out_with_the_reason() -> None:
    derivation = tc.parse("y = x[i]*x[i]").derive("y", wrt="x")

    def missing(*_: object) -> object:
        def make() -> object:
            raise ImportError("no such library")

        return make

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench, "_FRAMEWORKS", dict.fromkeys(PEERS, missing))
        result = benchmark(derivation, sizes={"I": 3}, targets=("numpy",), rounds=2)
    assert [row.reason for row in result.rows] == ["", "no such library", "no such library"]
    assert math.isnan(result.rows[1].median)
    assert result.rows[1].to_dict()["median"] is None


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


def test_command_line() -> None:
    command = ["bench", "softmax", "--size", "J=50", "--rounds", "2", "--target", "numpy", "--peer", "jax.vjp"]
    shown = CliRunner().invoke(cli, command)
    assert shown.exit_code == 0
    assert "J = 50" in shown.output
    assert "jax.vjp" in shown.output
    data = json.loads(CliRunner().invoke(cli, [*command, "--json"]).output)
    assert data["sizes"] == {"J": 50}
    assert [row["name"] for row in data["rows"]] == ["numpy", "jax.vjp"]
    wrong = CliRunner().invoke(cli, ["bench", "softmax", "--size", "J:50"])
    assert wrong.exit_code == 2
    assert "NAME=LENGTH" in wrong.output

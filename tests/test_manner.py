"""How an author steers a derivation: order of the chain rule, intermediates by name, letters."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

import tensorcalc as tc
from tensorcalc.cli import cli
from tensorcalc.derivation import ChainOrder
from tensorcalc.errors import TensorCalcError

NAMES = ("cross_entropy", "layer_norm", "softmax", "attention")


def kinds(derivation: tc.Derivation) -> list[str]:
    return [lemma.kind for lemma in derivation.lemmas if lemma.kind not in ("definition", "fact")]


def test_whole_jacobians_first_or_gradients_step_by_step() -> None:
    system = tc.load("cross_entropy")
    first, back = (system.derive("c", "x", order=order) for order in ("jacobians", "adjoints"))
    assert kinds(first)[-1] == "backpropagated"
    assert kinds(first).count("backpropagated") == 1
    assert kinds(back).count("backpropagated") == 3
    assert "jacobian" not in kinds(back)
    assert str(first.result) == str(back.result) == "s[n] - delta(T, n)"


def test_layer_normalisation_can_be_derived_by_its_jacobians() -> None:
    d = tc.load("layer_norm").derive("y", "x", order="jacobians")
    assert "jacobian" in kinds(d)
    assert d.check().passed


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("order", ["jacobians", "adjoints"])
@pytest.mark.parametrize("substitute", [True, False])
def test_every_manner_gives_a_right_derivation(name: str, order: ChainOrder, substitute: bool) -> None:
    for d in tc.load(name).derive_all(order=order, substitute=substitute):
        report = d.check()
        assert report.passed, report.failures


def test_kept_gradients_stay_in_the_result_by_name() -> None:
    system = tc.parse("h[i] = tanh(x[i]); y[i] = h[i]^2; c = sum(i, y[i]*h[i])")
    assert "D(c" not in str(system.derive("c", "x").result)
    kept = str(system.derive("c", "x", substitute=False).result)
    assert "D(c, h[n])" in kept or "D(c, h[" in kept


def test_letters_are_taken_in_their_order_and_others_where_they_do_not_suffice() -> None:
    d = tc.load("linear").derive("y", "x", kind="jacobian", letters="u v")
    assert str(d.results[0][0]) == "D(y[i, j], x[u, v])"
    d = tc.load("linear").derive("y", "x", kind="jacobian", letters=["u"])
    assert str(d.results[0][0]) == "D(y[i, j], x[u, p])"


@pytest.mark.parametrize(
    ("options", "code"),
    [({"letters": "i"}, "E_NAME"), ({"letters": "1"}, "E_NAME"), ({"order": "backwards"}, "E_OPTION")],
)
def test_a_manner_that_cannot_be_followed_is_refused(options: dict[str, str], code: str) -> None:
    with pytest.raises(TensorCalcError) as caught:
        tc.load("linear").derive("y", "x", **options)  # type: ignore[arg-type]
    assert caught.value.code == code
    assert caught.value.hint


def test_the_command_line_steers_as_well() -> None:
    result = CliRunner().invoke(cli, ["derive", "cross_entropy", "--order", "adjoints", "--keep", "--letters", "q"])
    assert result.exit_code == 0
    assert "∂c/∂σ" in result.stdout
    assert "∂x_q" in result.stdout
    assert result.stdout.rstrip().split("\n")[-1].count("∂c/∂") == 2

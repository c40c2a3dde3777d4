"""What Python users hold."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

import tensorcalc as tc
from tensorcalc.binding import Contraction
from tensorcalc.expr import Component, Delta

CROSS_ENTROPY = "s[i] = exp(x[i])/sum(j, exp(x[j])); c = -log(s[T])"


def test_the_main_example() -> None:
    d = tc.parse(CROSS_ENTROPY).derive("c", wrt="x", kind="gradient")
    assert str(d.result) in ("s[n] - delta(T, n)", "-delta(T, n) + s[n]")
    assert d.result.has(Delta)
    assert not d.result.has(Contraction)
    assert d.check().passed
    f = d.lambdify("numpy")
    x = np.array([1.0, 2.0, 3.0])
    expected = np.exp(x) / np.exp(x).sum() - np.array([0, 0, 1])
    np.testing.assert_allclose(f(x=x, T=2), expected, rtol=1e-15)
    assert "def " in f.source


def test_defaults() -> None:
    system = tc.parse(CROSS_ENTROPY)
    assert system.derive().kind == "gradient"
    assert [t.name for t in system.derive().wrt] == ["x"]
    batch = tc.load("cross_entropy_batch")
    assert batch.title == "Softmax cross-entropy of a batch"
    assert batch.derive("c").kind == "vjp"
    assert [d.kind for d in tc.load("softmax").derive_all()] == ["jacobian", "vjp"]


def test_several_inputs_give_a_tuple() -> None:
    d = tc.parse("c = a*b").derive("c", wrt=["a", "b"])
    assert tuple(str(r) for r in d.result) == ("b", "a")


def test_steps_are_those_of_the_lemmas() -> None:
    d = tc.load("cross_entropy").derive()
    assert len(d.steps) == sum(len(lemma.steps) for lemma in d.lemmas)
    assert {"quotient rule", "chain rule"} <= {step.rule for step in d.steps}


def test_notebooks_show_formulas() -> None:
    d = tc.load("nll").derive()
    shown = d._repr_latex_()
    assert shown.startswith("$$\n\\begin{aligned}")
    assert shown.count("$$") == 2 * d.latex().count("\\[")
    assert str(d) == d.text()


def test_errors_of_an_unknown_name() -> None:
    with pytest.raises(tc.TensorCalcError) as caught:
        tc.parse(CROSS_ENTROPY).derive("d", wrt="x")
    assert caught.value.code == "E_UNKNOWN_NAME"
    with pytest.raises(tc.TensorCalcError) as caught:
        tc.load("no such thing")
    assert caught.value.code == "E_FILE"
    with pytest.raises(AttributeError):
        tc.nothing  # noqa: B018
    assert {"parse", "load", "System"} <= set(dir(tc))


def test_errors_of_a_file_name_its_line(tmp_path: Path) -> None:
    path = tmp_path / "loss.toml"
    path.write_text('title = "Loss"\n\nequations = """\ny[i] = x[i]\nc = y[i]\n"""\n', encoding="utf-8")
    with pytest.raises(tc.TensorCalcError) as caught:
        tc.load(str(path))
    assert (caught.value.code, caught.value.line) == ("E_DANGLING_INDEX", 5)
    path.write_text('equations = "c = y[i]"\n', encoding="utf-8")
    with pytest.raises(tc.TensorCalcError) as caught:
        tc.load(str(path))
    assert (caught.value.line, caught.value.column) == (1, 20)


def test_systems_and_results_can_be_pickled() -> None:
    system = tc.load("cross_entropy")
    assert pickle.loads(pickle.dumps(system)) == system
    result = system.derive().result
    assert pickle.loads(pickle.dumps(result)) == result
    assert all(isinstance(c, Component) for c in result.atoms(Component))


def test_without_a_variable_there_is_nothing_to_derive() -> None:
    system = tc.parse("index i: I; label T: I; z = sum(i, delta(i,T))")
    with pytest.raises(tc.TensorCalcError, match="nothing to differentiate by") as caught:
        system.derive("z")
    assert caught.value.code == "E_KIND"

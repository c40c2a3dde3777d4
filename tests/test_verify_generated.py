"""The checker and the printer are inverse to each other: what this project prints verifies without a flag."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings

import tensorcalc as tc
from random_systems import systems
from tensorcalc import formats, library
from tensorcalc.api import load
from verify_tools import displayed, verdicts, verify


@pytest.mark.parametrize("name", library.names())
def test_our_own_articles_verify_without_a_flag(name: str) -> None:
    text = formats.written(load(name).derive_all(), "markdown", checked=False)
    result = verify(text)
    assert not result.flagged, [f.to_dict() for f in result.flagged]
    assert any(f.verdict == "holds" for f in result.findings)


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(systems(smooth=True))
def test_what_is_printed_of_random_systems_verifies(text: str) -> None:
    system = tc.parse(text)
    assume(any(not tensor.is_label for tensor in system.inputs))
    derivation = system.derive()
    result = verify(formats.written([derivation], "markdown", checked=False))
    assert not result.flagged, [f.to_dict() for f in result.flagged]


LAWS = {
    r"\partial(u v) = \partial u \ v + u \ \partial v": "holds",
    r"\partial(u v) = \partial u \ v - u \ \partial v": "not-checkable",
    r"\partial f(u) = \frac{\partial f(u)}{\partial u} \ \partial u": "holds",
    r"\partial f(u) = \partial u": "not-checkable",
    r"\partial u^{n} = n u^{n - 1} \ \partial u": "holds",
    r"\partial u^{n} = n u^{n} \ \partial u": "not-checkable",
    r"(\log u)' = 1/u": "holds",
    r"(e^u)' = u e^u": "not-checkable",
    r"\partial a = 0": "holds",
    r"\partial u = 0": "not-checkable",
    r"\delta_{i j} a_{i} = a_{j}": "holds",
    r"\partial \max(u, v)/\partial u = [u > v]": "holds",
}


@pytest.mark.parametrize("law", LAWS)
def test_laws_are_tried_with_tensors_of_their_own(law: str) -> None:
    """They say nothing of the article's tensors of the same names."""
    text = displayed("u_i = a_{ij} f_j", rf"&\text{{name of the law:}} && {law}", r"v = \partial u")
    assert verdicts(text) == ["holds", LAWS[law], "not-checkable"]


LENGTHS = {  # z = Σ_i s^2, which nothing but the length of the vector of ones tells
    r"\frac{\partial z}{\partial s} = 2 s \mathbf{1}_N^{\top} \mathbf{1}_N": "holds",
    r"\frac{\partial z}{\partial s} = 2 s \mathbf{1}_M^{\top} \mathbf{1}_M": "false",
    r"\frac{\partial z}{\partial s} = 2 s N": "holds",
}


@pytest.mark.parametrize("row", LENGTHS)
def test_vectors_of_ones_say_how_long_they_are(row: str) -> None:
    assert verdicts(displayed(r"z = \sum_{n=1}^{N} s^2", r"y_m = \sum_{m=1}^M A_{nm}", row))[2:] == [LENGTHS[row]]


def test_names_with_numbers_have_matrices() -> None:
    """z^{(1)}_{ij} are the entries of Z_1, z^{(2)}_i those of a bold z_2, and z_3 is a scalar."""
    definitions = (r"z^{(1)}_{i j} = x_i y_j", r"z^{(2)}_i = z^{(1)}_{i j} y_j", r"z_3 = z^{(2)}_0")
    right = (
        r"Z_1 = \mathbf{x} \mathbf{y}^{\top}",
        r"\mathbf{z}_2 = Z_1 \mathbf{y}",
        r"z_3 = \mathbf{e}_0^{\top} Z_1 \mathbf{y}",
    )
    assert verdicts(displayed(*definitions, *right)) == ["holds"] * 6
    assert verdicts(displayed(*definitions, r"Z_1 = \mathbf{x} \mathbf{x}^{\top}"))[3:] == ["ill-formed"]

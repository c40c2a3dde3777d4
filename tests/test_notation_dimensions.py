"""Which dimension every axis and index has, how dimensions are called, and what is said about it."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from tensorcalc.evaluator import Environment
from tensorcalc.index import BoundIndex, Dimension
from tensorcalc.notation import parse_text
from tensorcalc.system import System

CASES = Path(__file__).parents[2] / "shared" / "cases" / "cases.jsonl"


def shape(system: System, tensor: str) -> str:
    return " ".join(d.name for d in system.tensors[tensor].dimensions)


def dummies(system: System, name: str) -> set[str]:
    """The dimensions that the definition of a name sums over."""
    definition = next(d for d in system.definitions if d.name == name)
    return {i.dimension.name for i in definition.rhs.atoms(BoundIndex)}


UNIFIED = [
    ("y[n,o] = x[n,i]*W[o,i]", {"x": "N I", "W": "O I", "y": "N O"}),
    ("c = A[i,j]*X[j,k]*B[k,i]", {"A": "I J", "X": "J K", "B": "K I"}),
    ("D[i,j] = delta(i,j)*v[i]", {"D": "I I", "v": "I"}),
    ("c = x[i]*A[i,j]*x[j]", {"x": "I", "A": "I I"}),
    ("t = A[k,k]; Y[i,j] = t*A[i,j]", {"A": "K K", "Y": "K K"}),
    ("s[i] = exp(x[i])/sum(j, exp(x[j])); c = -log(s[T])", {"x": "I", "s": "I", "T": ""}),
    ("y[t,d] = E[X[t],d]", {"E": "N_E_1 D", "X": "T", "y": "T D"}),
    ("a[j] = X[0,i]*U[j,i]", {"X": "N_X_1 I", "U": "J I"}),
    ("c = x[0] + x[1]", {"x": "N_x"}),
    ("Y[i,j] = inv(X)[i,j]", {"X": "I I", "Y": "I I"}),
    ("c = det(X)", {"X": "N_X_1 N_X_1"}),
    # declared names
    ("index b: B, h: H; m[b] = 1/H*1[h]*x[b,h]", {"x": "B H", "m": "B"}),
    ("tensor x[n,m]; c[i] = x[i,j]*1[j]", {"x": "n m", "c": "n"}),
    ("tensor A[3,n], x[n]; c[i] = A[i,j]*x[j]", {"A": "3 n", "x": "n", "c": "3"}),
    ("index i: 3; c = 1[i]*x[i]", {"x": "3"}),
    ("tensor q[n], c[n]; c[i] = x[i]; tensor x[n]", {"c": "n", "q": "n", "x": "n"}),
    # names are unique, and never those of tensors
    ("I[n] = x[i]*A[i,n]", {"x": "N_i", "A": "N_i N"}),
    ("y[i] = x[i]; z[i] = w[i]", {"x": "I", "w": "N_i"}),
    ("y[i] = x[i]; z[i] = w[i]*v[k]*1[k]", {"x": "I", "w": "N_i", "v": "K"}),
    ("y[i] = x[i]; z[i] = w[i]; a[i] = b[i]", {"x": "I", "w": "N_i", "b": "N_i_2"}),
    ("m[b] = 1/H*1[h]*x[b,h]", {"x": "B N_h"}),
    # an index that is shifted along an axis is shorter than it
    ("y[n,o,t] = w[o,c,k]*x[n,c,t+k]", {"w": "O C K", "x": "N C N_x_3", "y": "N O T"}),
    ("c = 1[t]*(x[t+2] - a*x[t+1] - x[t])^2", {"x": "N_x"}),
    ("d[t] = x[t+1] - z[t]", {"x": "N_x", "z": "T", "d": "T"}),
]


@pytest.mark.parametrize(("text", "expected"), UNIFIED)
def test_axes(text: str, expected: dict[str, str]) -> None:
    system = parse_text(text)
    assert {name: shape(system, name) for name in expected} == expected


LABELS = [
    ("c = -log(s[T])", "T", "N_s"),
    ("c[n] = x[n,T[n]]*1[n]", "T", "N_x_2"),
    ("c[n] = x[n,T[n]] - 1[k]*x[n,k]", "T", "K"),
    ("label T[n]: C; c[i] = x[i,T[i]]", "T", "C"),
    ("label T: C; tensor x[C]; c = x[T]", "T", "C"),
    ("c[i] = delta(i,T)*x[i]", "T", "I"),
    ("tensor x[n]; label T; c = 1[i]*x[i]", "T", "N_T"),
]


@pytest.mark.parametrize(("text", "label", "expected"), LABELS)
def test_labels_point_into_the_axis_that_they_select_from(text: str, label: str, expected: str) -> None:
    dimension = parse_text(text).tensors[label].label_dimension
    assert dimension is not None
    assert dimension.name == expected


def test_declared_sizes() -> None:
    system = parse_text("index i: 3; c = N*1[i]*x[i]*y[j]*1[j]; tensor x[3], y[N]")
    assert [t.dimensions for t in system.inputs] == [(Dimension("3", 3),), (Dimension("N"),)]
    assert system.definitions[0].rhs.has(Dimension("N"))
    assert (
        str(parse_text("index h: 4; c = 1/h2*1[h]*x[h]; tensor x[4], h2").definitions[0].rhs) == "sum(j, x[j]*1[j]/h2)"
    )


INFERRED = [
    # (text, definition, dimensions summed over in it, words of the note)
    ("c = sum(n, x[n])/sum(n, one(n))", "c", "N", ""),
    ("y[n,t] = sum(k, x[n,2*t+k])/sum(k, one(k))", "y", "K", "of its own"),
    ("c = one(n)*(z[n] - x[n,T[n]])/(one(i)*one(i))", "c", "N", "index i: N, n: N"),
    ("s[i,j] = q[i,d]*k[j,d]/sqrt(one(l)*one(l)); o[i] = 1[l]*s[i,l]", "s", "D", "index l: D, d: D"),
    ("m[c] = one(n,l)*x[n,c,l]/(one(i,j)*one(i,j))", "m", "N L", "index j: L, l: L"),
    ("v[d] = one(n)*z[n,d]^2/(one(j)*one(j) - 1)", "v", "N", "index j: N, n: N"),
    ("c = one(i,j)*delta(i,j)*x[i]*x[j]/(one(k)*one(k))", "c", "I", "index k: I"),
    ("c = one(n)*(X[n,i]*w[i] - y[n])^2/(2*(one(j)*one(j)))", "c", "N I", "index j: N"),
    ("c = (-(one(n)*x[n]))/(one(i)*one(i))", "c", "N", "index i: N"),
    ("c = (x[n]*y[n] + x[m]*y[m])/(one(i)*one(i))", "c", "N", "index i: N"),
    ("c = x[n]*y[n]*(one(i)*one(i))^(-1/2)", "c", "N", "index i: N"),
    ("D = one(d)*one(d); m[t] = one(d)*x[t,d]/D", "D", "N_d", "as everywhere else"),
    ("T[i,j] = w[i,j]/(one(k)*w[i,k]); r[j] = T[i,j]*p[i] + 0.15/(one(k)*one(k))", "r", "I J", "as everywhere else"),
    ("y[i] = le(j,i)*x[j]", "y", "I", "compared"),
    ("tensor x[d], w[d]; D = one(d)*one(d); c = x[i]*w[i]", "D", "d", "of the same name"),
    ("c = one(l)*one(l)*x", "c", "L", "no input tells how far"),
    ("tensor x[N]; c = 1/N*1[n]*x[n]", "c", "N", ""),
]


@pytest.mark.parametrize(("text", "name", "summed", "note"), INFERRED)
def test_indices_whose_uses_tell_nothing(text: str, name: str, summed: str, note: str) -> None:
    system = parse_text(text)
    assert dummies(system, name) == set(summed.split())
    assert any(note in n for n in system.notes) if note else system.notes == ()


def test_a_comparison_gives_both_sides_one_dimension() -> None:
    system = parse_text("y[i] = le(j,i)*x[j]")
    assert shape(system, "y") == shape(system, "x")


def test_notes_are_sentences_that_tell_what_to_declare() -> None:
    notes = parse_text("c = one(n)*x[n]/(one(i)*one(i)); y[t] = z[t+k]*w[k]").notes
    assert notes == (
        "In the definition of c, i counts the terms of the sum over n, so it runs over N; declare "
        "`index i: N, n: N` to say so.",
        "In the definition of y, t runs over a dimension T of its own, as far as its shifted indices stay inside; "
        "declare `index t: …` to join it with another.",
    )


def test_a_dimension_used_as_a_number_beside_its_index_is_noted() -> None:
    (note,) = parse_text("tensor x[n]; c = 1/n*1[n]*x[n]").notes
    assert note == "In the definition of c, n outside of brackets is the length of the dimension n."


def test_letters_are_listed_in_order_of_reading() -> None:
    system = parse_text("sigma = 1[j]*exp(x[j]); s[i] = exp(x[i])/sigma")
    (dimension,) = system.letters
    assert dimension.name == "J"
    assert system.letters[dimension] == ("j", "i")
    assert [i.name for i in system.definitions[1].indices] == ["i"]


def test_letters_of_the_right_side_come_first() -> None:
    letters = parse_text("y[n,o] = x[n,i]*W[o,i]").letters
    assert {d.name: found for d, found in letters.items()} == {"N": ("n",), "I": ("i",), "O": ("o",)}
    assert [d.name for d in letters] == ["N", "I", "O"]


def cases() -> list[dict]:
    if not CASES.exists():
        return []
    return [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines() if line.strip()]


def sized(system: System, case: dict) -> dict[Dimension, int]:
    """The size of every dimension that an input has; they must agree."""
    found: dict[Dimension, set[str]] = defaultdict(set)
    for tensor in system.inputs:
        spec = case["inputs"][tensor.name]
        for dimension, symbol in zip(tensor.dimensions, spec["dims"], strict=True):
            found[dimension].add(symbol)
        if tensor.label_dimension is not None:
            found[tensor.label_dimension].add(spec["range"])
    assert all(len(symbols) == 1 for symbols in found.values())
    return {d: case["sizes"][symbols.pop()] for d, symbols in found.items()}


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
def test_both_notations_of_a_case_mean_the_same(case: dict) -> None:
    outputs = []
    for key in ("index_notation", "implied_notation"):
        system = parse_text(case[key])
        assert {t.name for t in system.inputs} == set(case["inputs"])
        sizes = sized(system, case)
        missing = [d for d in system.dimensions if d not in sizes]
        if missing:  # only indices that are shifted along an axis, or counts that nothing fixes
            assert any("of its own" in note for note in system.notes)
            return
        values = {t: np.asarray(case["golden"]["inputs"][t.name]) for t in system.inputs}
        environment = Environment(system.by_tensor, values, sizes)
        outputs.append([environment.value(d.tensor) for d in system.definitions])
    for one, other in zip(*outputs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)

"""Sums inside sums: the order in which they are taken is the cheaper one, and what is known is not computed again."""

from __future__ import annotations

from typing import Any

import pytest

import tensorcalc as tc
from kernel_tools import check, derivation, needs_compiler, sizes_of, values_for
from tensorcalc.codegen import compile_program
from tensorcalc.codegen.kernels.products import Product
from tensorcalc.codegen.kernels.schedule import scheduled
from tensorcalc.codegen.kernels.statements import Operation
from tensorcalc.derivation.program import program_of
from tensorcalc.system import Program

TRIPLE = "P[i,k] = sum(j, A[i,j]*B[j,k]); y[i,l] = sum(k, P[i,k]*C[k,l])"
CASES: dict[str, tuple[str, str, list[set[str]]]] = {
    "matrices and a vector": (
        "P[i,k] = sum(j, A[i,j]*B[j,k]); y[i] = sum(k, P[i,k]*v[k])",
        "y",
        [{"B", "v"}, {"A", "sum"}],
    ),
    "three matrices": (f"index l: 2, i: 64\n{TRIPLE}", "y", [{"B", "C"}, {"A", "sum"}]),
    "three matrices, the other way": (f"index i: 2, l: 64\n{TRIPLE}", "y", [{"A", "B"}, {"C", "P"}]),
    "a scaled sum": (
        "o[i,e] = 3*sum(j, A[i,j]*V[j,e]); b[i,j] = sum(e, w[i,e]*V[j,e]); "
        "y[i] = sum(e, w[i,e]*o[i,e])*sum(j, b[i,j]^2)",
        "y",
        [{"V", "w"}, {"b"}, {"A", "b"}],
    ),
    "bilinear": (
        "y[b,o] = sum(i, j, x[b,i]*W[o,i,j]*z[b,j])",
        "y",
        [{"W", "z"}, {"sum", "x"}],
    ),
    "four factors": (
        "y[i,k] = sum(j, l, a[i,j]*b[k,l]*c[i,l]*d[j,k])",
        "y",
        [{"a", "d"}, {"b", "c"}],
    ),
    "what waits for the sum is no help": (
        "o[i] = sum(j, A[i,j]*v[j]); c = sum(i, o[i]*u[i]); y[j] = sum(i, A[i,j]*u[i]*c)",
        "y",
        [{"A", "u"}, {"sum", "v"}],
    ),
    "what others need stays": (
        "P[i,k] = sum(j, A[i,j]*B[j,k]); y[i,k] = sum(m, P[i,m]*v[m])*P[i,k]",
        "y",
        [{"A", "B"}, {"P", "v"}],
    ),
}


def value(text: str, of: str) -> Program:
    system = tc.parse(text)
    return Program(
        system.inputs, system.ordered, tuple(d.tensor for d in system.ordered if d.tensor.name == of), "value"
    )


def read(program: Program) -> list[set[str]]:
    """What each sum of a schedule reads."""
    schedule = scheduled(program)
    flat = [s for n in schedule.single for s in ((n.statement,) if isinstance(n, Product) else n.group.statements)]
    return [{a.tensor.name for a in s.accesses} for s in flat if s.operation is Operation.SUM]


@pytest.mark.parametrize("name", CASES)
def test_the_cheaper_order(name: str) -> None:
    text, of, sums = CASES[name]
    assert read(value(text, of)) == sums


@needs_compiler
@pytest.mark.parametrize("name", CASES)
def test_values(name: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    program = value(*CASES[name][:2])
    function = compile_program(program, "c")
    sizes = sizes_of(program, (7, 5, 3, 4))
    check(function, program, sizes, values_for(program, sizes, "float64"))


def test_attention_needs_its_result_for_nothing() -> None:
    program = program_of(derivation("attention"))
    assert "o" not in {t.name for t in scheduled(program).intermediate}
    (rows,) = scheduled(program).nests
    assert rows.last == 2


@needs_compiler
def test_gradients_of_a_bilinear_form(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    derived = tc.parse("y[b,o] = sum(i, j, x[b,i]*W[o,i,j]*z[b,j])").derive("y", wrt=["x", "W", "z"], kind="vjp")
    program = program_of(derived)
    assert len([s for s in scheduled(program).single if isinstance(s, Product)]) == 3
    function = derived.lambdify("c")
    for shape in ((5, 3, 4, 2), (1, 1, 1, 1), (0, 3, 4, 2), (3, 17, 129, 7)):
        sizes = sizes_of(program, shape)
        check(function, program, sizes, values_for(program, sizes, "float32"))


COLUMNS = {
    "batch norm": (
        "index b: B, h: H\nm[h] = 1/B*sum(b, x[b,h])\nu[b,h] = x[b,h] - 1[b]*m[h]\n"
        "r[h] = sqrt(1/B*sum(b, u[b,h]^2) + eps)\ny[b,h] = u[b,h]/r[h]*w[h] + 1[b]*c[h]",
        "y",
        "x w c",
    ),
    "softmax of columns": ("s[i,n] = exp(x[i,n])/sum(j, exp(x[j,n]))", "s", "x"),
}


@needs_compiler
@pytest.mark.parametrize("name", COLUMNS)
def test_sums_along_columns_read_rows(name: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the size of the argument is stored, and the innermost loop runs over what lies together in memory."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    text, of, wrt = COLUMNS[name]
    derived = tc.parse(text).derive(of, wrt=wrt.split(), kind="vjp")
    program = program_of(derived)
    schedule = scheduled(program)
    assert all(len(t.dimensions) < 2 for t in schedule.intermediate)
    inner = {p.loops[-1] for n in schedule.nests if not n.flat for p in n.passes}
    read = [a for n in schedule.nests for s in n.group.statements for a in s.accesses if len(a.indices) == 2]
    assert {a.indices[-1] for a in read} <= inner
    function = derived.lambdify("c", threads=2)
    for shape in ((1, 1), (7, 129), (1000, 7), (300, 1111)):
        sizes = sizes_of(program, shape)
        check(function, program, sizes, values_for(program, sizes, "float64"))


RECURRENT = (
    "a[j] = tanh(sum(i, U[j,i]*X[0,i]) + sum(k, W[j,k]*h[k]))\n"
    "e[j] = tanh(sum(i, U[j,i]*X[1,i]) + sum(k, W[j,k]*a[k]))\nc = sum(j, e[j]^2)"
)


@needs_compiler
def test_what_is_read_at_other_rows_is_complete_before(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    derived = tc.parse(RECURRENT).derive("c", wrt=["U", "W", "h"], kind="gradient")
    program = program_of(derived)
    for shape in ((4, 2, 3), (129, 7, 3)):
        sizes = sizes_of(program, shape)
        check(derived.lambdify("c"), program, sizes, values_for(program, sizes, "float64"))

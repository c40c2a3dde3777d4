"""Convolutions: sums over windows take as many terms as the window has places, and no array of all windows."""

from __future__ import annotations

from typing import Any

import pytest

import tensorcalc as tc
from kernel_tools import check, needs_compiler, values_for
from tensorcalc.codegen import compile_program
from tensorcalc.codegen.kernels.plan import operations
from tensorcalc.codegen.kernels.schedule import scheduled
from tensorcalc.derivation.program import program_of
from tensorcalc.index import Dimension
from tensorcalc.system import Program

Case = tuple[str, str, dict[str, int], str]
LENGTHS = {"N": 3, "C": 4, "O": 5, "L": 11, "T": 9, "K": 3, "H": 8, "S": 7, "I": 2, "W": 10, "J": 2}
CASES: dict[str, Case] = {
    "conv1d": (
        "index n: N, c: C, o: O, t: T, k: K\ntensor x[N,C,L], w[O,C,K], b[O]\n"
        "y[n,o,t] = x[n,c,t+k]*w[o,c,k] + 1[n,t]*b[o]",
        "x w b",
        LENGTHS,
        "2*C*K*L*N*O + 2*C*K*N*O*T + N*O*T",
    ),
    "conv2d": (
        "index n: N, c: C, o: O, s: S, t: T, i: I, j: J\ntensor x[N,C,H,W], w[O,C,I,J]\n"
        "y[n,o,s,t] = x[n,c,s+i,t+j]*w[o,c,i,j]",
        "x w",
        LENGTHS,
        "2*C*H*I*J*N*O*W + 2*C*I*J*N*O*S*T",
    ),
    "depthwise": (
        "index n: N, c: C, t: T, k: K\ntensor x[N,C,L], w[C,K]\ny[n,c,t] = x[n,c,t+k]*w[c,k]",
        "x w",
        LENGTHS,
        "2*C*K*L*N + 2*C*K*N*T",
    ),
    "channels last": (
        "index b: N, t: T, k: K, c: C\ntensor x[N,L,C], w[K,C]\ny[b,t,c] = sum(k, x[b,t+k,c]*w[k,c])",
        "x w",
        LENGTHS,
        "2*C*K*L*N + 2*C*K*N*T",
    ),
    "transposed": (
        "index n: N, c: C, o: O, s: S, t: T, k: K\ntensor x[N,C,T], w[C,O,K]\n"
        "y[n,o,s] = x[n,c,t]*w[c,o,k]*delta(s,t+k)",
        "x w",
        {**LENGTHS, "S": 11},
        "4*C*K*N*O*T",
    ),
    "one sample": (
        "index t: T, k: K, c: C, o: O\ntensor x[L,C], w[K,C,O]\ny[t,o] = x[t+k,c]*w[k,c,o]",
        "x w",
        LENGTHS,
        "2*C*K*L*O + 2*C*K*O*T",
    ),
}


def gradient(name: str) -> Program:
    text, wrt, _, _ = CASES[name]
    return program_of(tc.parse(text).derive("y", wrt=wrt.split(), kind="vjp"))


def lengths(program: Program, sizes: dict[str, int]) -> dict[Dimension, int]:
    return {d: sizes[d.name] for t in program.inputs for d in t.dimensions}


@pytest.mark.parametrize("name", CASES)
def test_no_more_operations_than_the_definition_has(name: str) -> None:
    assert str(operations(scheduled(gradient(name)))) == CASES[name][3]


@needs_compiler
@pytest.mark.parametrize("name", CASES)
def test_values(name: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    program = gradient(name)
    function = compile_program(program, "c", threads=2)
    for samples, other in ((3, 4), (0, 4), (1, 1), (40, 3)):
        sizes = lengths(program, {**CASES[name][2], "N": samples, "C": other})
        check(function, program, sizes, values_for(program, sizes, "float32"))


@pytest.mark.parametrize("name", ["conv1d", "conv2d", "transposed"])
def test_windows_are_copied_for_a_block_of_samples_only(name: str) -> None:
    schedule = scheduled(gradient(name))
    local = {t for s in schedule.steps if hasattr(s, "local") for t in s.local}
    sizes = {d.name for t in schedule.intermediate if t not in local for d in t.dimensions}
    assert local
    assert not sizes & {"N", "T", "L"}

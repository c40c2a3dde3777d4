"""Rows in blocks: the same results as without them, whatever the number of rows in a block, and where they are used."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import tensorcalc as tc
from tensorcalc.codegen import Function, compile_program, slices, writer
from tensorcalc.codegen.assembly import assemble
from tensorcalc.codegen.dialect import DIALECTS
from tensorcalc.codegen.library import library
from tensorcalc.derivation import program_of
from tensorcalc.system import Program

torch = pytest.importorskip("torch")
SIZES = {"N": 7, "I": 5}
LOSS = "s[n,i] = exp(x[n,i])/sum(j, exp(x[n,j])); c[n] = -log(s[n,T[n]])"
NORM = "index b: B, h: H\nm[b] = 1/H*1[h]*x[b,h]\nu[b,h] = x[b,h] - 1[h]*m[b]\nr[b] = sqrt(1/H*sum(h, u[b,h]^2) + 1)\n"
NORM += "y[b,h] = u[b,h]/r[b]*g[h] + 1[b]*beta[h]"


def without_blocks(program: Program, target: str = "numpy") -> Function:
    assembled = assemble(program, replace(DIALECTS[target], blocks=False, calls_itself=False))
    assert "for start" not in assembled.source
    return Function(program, target, assembled, library(target))


def values(program: Program, sizes: dict[str, int], dtype: str = "float64") -> dict[str, Any]:
    rng = np.random.default_rng(0)
    found: dict[str, Any] = {}
    for tensor in program.inputs:
        shape = tuple(sizes[d.name] for d in tensor.dimensions)
        label = tensor.label_dimension
        numbers = rng.normal(size=shape).astype(dtype)
        found[tensor.name] = numbers if label is None else rng.integers(0, sizes[label.name], size=shape)
    return found


def compare(program: Program, sizes: dict[str, int], entries: int, target: str = "numpy") -> str:
    """Compare with the results without blocks, with and without arrays to write into; the source."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "ENTRIES", entries)
        patch.setattr(slices, "ENTRIES", entries)
        function = compile_program(program, target)
    module: Any = torch if target == "torch" else np
    arguments = {name: module.asarray(value) for name, value in values(program, sizes).items()}
    expected = without_blocks(program, target)(**arguments)
    results = function(**arguments)
    out: Any = tuple(map(module.empty_like, results)) if function.many else module.empty_like(results)
    function(**arguments, out=out)
    for found in (results, out):
        pairs = zip(found, expected, strict=True) if function.many else [(found, expected)]
        for a, b in pairs:
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    return function.source


class Text:
    """A random system over rows n and columns i, in which some definitions need whole columns, others products."""

    def __init__(self, seed: int, products: bool = True) -> None:
        self.products = products
        self.random = random.Random(seed)
        self.matrices, self.rows, self.columns, self.lines = ["x", "y"], ["d"], ["g"], ["index n: N, i: I"]
        for number in range(self.random.randint(3, 8)):
            self.add(number)

    def add(self, number: int) -> None:
        a, b = (self.random.choice(self.matrices) for _ in range(2))
        r, c = self.random.choice(self.rows), self.random.choice(self.columns)
        w = "w[i,j]" if self.products else f"{a}[n,j]"
        forms = {
            f"m{number}[n,i] = tanh({a}[n,i])*{b}[n,i] + {r}[n]*{c}[i]": self.matrices,
            f"m{number}[n,i] = exp({a}[n,i])/sum(j, exp({a}[n,j]))": self.matrices,
            f"m{number}[n,i] = {a}[n,i]*{r}[n] - {b}[n,i] + 1[n]*{c}[i]": self.matrices,
            f"m{number}[n,i] = {a}[n,i]*sum(j, {w}*{b}[n,j])": self.matrices,
            f"m{number}[n,i] = {a}[n,i]*e[T[n],i] + delta(i,T[n])*{r}[n]": self.matrices,
            f"r{number}[n] = sum(i, {a}[n,i]*{b}[n,i]) + {a}[n,T[n]]": self.rows,
            f"r{number}[n] = 1/N*{r}[n]*sum(i, {a}[n,i]*{c}[i])": self.rows,
            f"c{number}[i] = sum(n, {a}[n,i]*{b}[n,i]/(1 + {r}[n]^2))": self.columns,
            f"c{number}[i] = 1/N*sum(n, {a}[n,i])": self.columns,
        }
        form = self.random.choice(list(forms))
        forms[form].append(form.partition("[")[0])
        self.lines.append(form)

    def program(self) -> Program:
        system = tc.parse("\n".join(self.lines))
        names = [d.tensor for d in system.definitions]
        wanted = self.random.sample(names, min(len(names), 3))
        return Program(system.inputs, system.ordered, tuple(wanted), many=True)


@pytest.mark.parametrize(("target", "least"), [("numpy", 15), ("torch", 5)])
def test_random_systems(target: str, least: int) -> None:
    blocked = 0
    for seed in range(40):
        program = Text(seed, target == "numpy").program()
        sizes = {d.name: SIZES.get(d.name, 4) for t in program.inputs for d in (*t.dimensions, t.label_dimension) if d}
        blocked += "for start" in compare(program, sizes, seed % 3 * 8, target)
    assert blocked > least


@pytest.mark.parametrize(
    ("text", "of", "wrt", "sizes"),
    [
        (LOSS, "c", "x", {"N": 7, "I": 5, "J": 5}),
        (NORM, "y", "x g beta", {"B": 7, "H": 5}),
        ("y[b,h] = x[b,h]^3*tanh(x[b,h]^3 + x[b,h])", "y", "x", {"B": 7, "H": 5}),
        ("S[h,i,j] = q[h,i,d]*k[h,j,d]; A[h,i,j] = exp(S[h,i,j])/sum(l, exp(S[h,i,l])); o[h,i,d] = A[h,i,j]*v[h,j,d]",
         "o", "q k v", {"H": 3, "I": 4, "J": 5, "D": 2}),
        ("l[n,i] = x[n,i] - 1[i]*log(sum(j, exp(x[n,j])))", "l", "x", {"N": 7, "I": 5}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("how", [(t, e) for t in ("numpy", "torch") for e in (0, 11, 1000)])
def test_gradients(text: str, of: str, wrt: str, sizes: dict[str, int], how: tuple[str, int]) -> None:
    target, entries = how
    program = program_of(tc.parse(text).derive(of, wrt=wrt.split(), kind="vjp"))
    names = [d.name for t in program.inputs for d in t.dimensions]
    source = compare(program, {**sizes, **{n: 5 for n in names if n not in sizes}}, entries, target)
    assert "for start" in source or (target == "torch" and "S[h,i,j]" in text)


def test_one_pass_and_columns_are_not_taken_apart() -> None:
    for text, of, wrt in (
        ("y[n,i] = relu(x[n,i])", "y", "x"),
        ("y[n] = tanh(x[n]^3 + x[n])*exp(x[n])", "y", "x"),
        ("s[n,i] = exp(x[n,i])/sum(m, exp(x[m,i]))", "s", "x"),
        ("y[n,i] = sum(j, x[n,j]*w[j,i])", "y", "x w"),
    ):
        assert "for start" not in tc.parse(text).derive(of, wrt=wrt.split(), kind="vjp").lambdify("numpy").source


def test_no_rows_no_columns_gaps_and_the_argument_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "ENTRIES", 11)
    f = tc.parse(LOSS).derive("c", wrt="x", kind="vjp").lambdify("numpy")
    x, labels, upstream = np.random.default_rng(0).normal(size=(7, 5)), np.arange(7) % 5, np.ones(7)
    expected = f(x=x, T=labels, d_c=upstream)
    gaps = np.zeros((14, 10))[::2, ::2]
    gaps[...] = x
    np.testing.assert_array_equal(f(x=gaps, T=labels, d_c=upstream, out=gaps), expected)
    np.testing.assert_array_equal(gaps, expected)
    assert f(x=np.zeros((0, 5)), T=labels[:0], d_c=upstream[:0]).shape == (0, 5)
    g = tc.parse(NORM).derive("y", wrt=["x", "g"], kind="vjp").lambdify("numpy")
    d_x, d_g = g(x=np.zeros((0, 5)), g=np.ones(5), beta=np.ones(5), d_y=np.zeros((0, 5)))
    assert d_x.shape == (0, 5)
    np.testing.assert_array_equal(d_g, np.zeros(5))
    softmax = tc.parse("s[n,i] = exp(x[n,i])/sum(j, exp(x[n,j]))").derive("s", wrt="x", kind="vjp").lambdify("numpy")
    assert softmax(x=np.zeros((4, 0)), d_s=np.zeros((4, 0))).shape == (4, 0)


def test_narrow_numbers_and_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "ENTRIES", 40)
    f = tc.parse(NORM).derive("y", wrt=["x", "g", "beta"], kind="vjp").lambdify("numpy")
    exact = values(f.program, {"B": 33, "H": 17})
    expected = f(**exact)
    for dtype, tolerance in (("float32", 1e-5), ("float16", 2e-2)):
        for a, b in zip(f(**{k: v.astype(dtype) for k, v in exact.items()}), expected, strict=True):
            assert a.dtype == dtype
            np.testing.assert_allclose(a, b, atol=tolerance * np.abs(b).max())
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: f(**exact), range(16)):
            assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own, when its compiler is imported
def test_who_looks_on_sees_the_plain_formulas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "ENTRIES", 11)
    derivation = tc.parse(NORM).derive("y", wrt=["x", "g", "beta"], kind="vjp")
    f, plain = derivation.lambdify("torch"), without_blocks(program_of(derivation), "torch")
    named = {name: torch.tensor(value) for name, value in values(f.program, {"B": 7, "H": 5}).items()}
    calls = []
    monkeypatch.setattr(torch, "stack", lambda parts: calls.append(len(parts)) or torch.cat([p[None] for p in parts]))

    def d_x(x: Any, function: Any = f) -> Any:
        return function(**{**named, "x": x})[0]

    x, tangent = named["x"], torch.rand(7, 5, dtype=torch.float64)
    torch.testing.assert_close(d_x(x), d_x(x, plain))
    assert calls == [4, 4]
    calls.clear()
    assert torch.autograd.gradcheck(d_x, x.clone().requires_grad_(), check_forward_ad=True)
    calls.clear()  # it computes some values where nothing looks on
    many = torch.cat([x[None], 2 * x[None]])
    for found, expected in (
        (torch.vmap(d_x)(many), [d_x(x, plain), d_x(2 * x, plain)]),
        (torch.func.jvp(d_x, (x,), (tangent,)), torch.func.jvp(lambda x: d_x(x, plain), (x,), (tangent,))),
        ([torch.compile(d_x, fullgraph=True, backend="eager")(x)], [d_x(x, plain)]),
    ):
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b)
    assert not calls

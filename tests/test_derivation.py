"""Derivations: the article's own lines, equal results from other formulations, every kind of derivative, errors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from sympy import Expr

import article
import tensorcalc as tc
from tensorcalc.api import Derivation
from tensorcalc.binding import rename, replace
from tensorcalc.check import check
from tensorcalc.derivation import Kind, Lemma, program_of
from tensorcalc.errors import TensorCalcError
from tensorcalc.expr import Component, Delta, Group, One, Partial
from tensorcalc.index import Adjoint, Index, TotalAdjoint
from tensorcalc.rules.algebra import ungroup

ARTICLE = "index i: N; sigma = 1[j]*exp(x[j]); s[i] = exp(x[i])/sigma; c = -log(s[T])"


def plain(expression: Expr) -> Expr:
    """Without the brackets an author keeps for a line, and without the difference between ∂ direct and total."""

    def total(node: Expr) -> Expr | None:
        return Partial(plain(node.expression), node.wrt) if isinstance(node, Partial) else None

    return replace(ungroup(expression), total)


def derived(text: str, of: str | Sequence[str], wrt: str | Sequence[str], kind: Kind = "gradient") -> Derivation:
    return tc.parse(text).derive(of, wrt, kind)


def assert_checked(derivation: Derivation) -> None:
    report = check(derivation, seeds=(0,))
    assert report.passed, [(i.name, i.rule, i.witness, i.error) for i in report.failures] or report.notes
    assert {"steps", "finite differences", "torch"} <= set(report.witnesses)
    assert report.notes == []


def assert_reasons(derivation: Derivation) -> None:
    """Every line but a quoted definition names its rule, and differs from the line before; everything prints."""
    for text in (derivation.text(), derivation.text("sigma"), derivation.latex()):
        assert "'" not in text
        assert text.count("\n") > len(derivation.lemmas)
    for lemma in derivation.lemmas:
        if lemma.kind == "definition":
            continue
        assert all(step.rule for step in lemma.steps), lemma
        lines = [step.expression for step in lemma.steps]
        assert all(a != b for a, b in pairwise(lines)), lemma


@pytest.mark.parametrize("expected", article.derivation().lemmas, ids=lambda lemma: str(lemma.lhs))
def test_every_line_of_the_article(expected: Lemma) -> None:
    derivation = derived(ARTICLE, "c", "x", "vjp")
    (lemma,) = [k for k in derivation.lemmas if plain(k.lhs) == plain(expected.lhs)]
    lines = iter(lemma.steps)
    for step in expected.steps:
        found = next((line for line in lines if plain(line.expression) == plain(step.expression)), None)
        assert found is not None, f"missing, or out of order: {step.expression}"
        assert bool(found.rule) == bool(step.rule)
    assert lemma.result == found.expression, "the article stops where the derivation stops"


def test_the_article_has_its_lemmas_in_this_order() -> None:
    lemmas = [plain(k.lhs) for k in derived(ARTICLE, "c", "x", "vjp").lemmas if k.kind != "definition"]
    assert lemmas == [plain(k.lhs) for k in article.derivation().lemmas if k.kind != "definition"]


def test_the_lines_keep_the_brackets_of_what_was_substituted() -> None:
    (lemma,) = [k for k in derived(ARTICLE, "c", "x").lemmas if k.kind == "chain"]
    substituted = lemma.steps[1]
    assert substituted.rule == "substituting the derivatives from above"
    assert len(substituted.expression.atoms(Group)) == 2


def results_agree(text: str, of: str, wrt: str, answer: str) -> bool:
    """Whether the gradient is the right side of a definition `answer[...] = ...` that is read with the system."""
    (left, right), *_ = derived(text, of, wrt).results
    definition = tc.parse(f"{text}; {answer}").definitions[-1]
    names = {i: Index(n.name, i.dimension) for i, n in zip(definition.indices, left.wrt.indices, strict=True)}
    return plain(right) == rename(definition.rhs, names)


@pytest.mark.parametrize(
    ("text", "of", "wrt", "answer"),
    [
        (ARTICLE, "c", "x", "g[n] = s[n] - delta(n,T)"),
        ("sigma = sum(j, exp(x[j])); s[i] = exp(x[i])/sigma; c = -log(s[T])", "c", "x", "g[n] = s[n] - delta(n,T)"),
        ("s[i] = exp(x[i])/(1[j]*exp(x[j])); c = -log(s[T])", "c", "x", "g[n] = s[n] - delta(n,T)"),
        ("s[i] = exp(x[i])/sum(j, exp(x[j])); c = -log(s[T])", "c", "x", "g[n] = s[n] - delta(n,T)"),
        ("Z = 1[k]*exp(a[k]); p[b] = exp(a[b])/Z; L = -log(p[U])", "L", "a", "g[n] = p[n] - delta(n,U)"),
        ("z = sum(q, exp(n[q])); w[n] = exp(n[n])/z; c = -log(w[T])", "c", "n", "g[k] = w[k] - delta(k,T)"),
        ("c = log(sum(j, exp(x[j]))) - x[T]", "c", "x", "g[n] = exp(x[n])/sum(j, exp(x[j])) - delta(n,T)"),
        ("c = log(1[j]*exp(x[j])) - x[T]", "c", "x", "g[n] = exp(x[n])/sum(j, exp(x[j])) - delta(n,T)"),
        (
            "s[n,i] = exp(x[n,i])/sum(j, exp(x[n,j])); c[n] = -log(s[n,T[n]]); L = sum(n, c[n])",
            "L",
            "x",
            "g[n,i] = s[n,i] - delta(i,T[n])",
        ),
        (
            "index n: N; s[n,i] = exp(x[n,i])/(1[j]*exp(x[n,j])); L = -1/N*1[n]*log(s[n,T[n]])",
            "L",
            "x",
            "g[n,i] = (s[n,i] - delta(i,T[n]))/N",
        ),
    ],
)
def test_cross_entropy_from_other_formulations(text: str, of: str, wrt: str, answer: str) -> None:
    derivation = derived(text, of, wrt)
    assert_reasons(derivation)
    assert_checked(derivation)
    assert results_agree(text, of, wrt, answer), derivation.result


def test_batch_and_labels_keep_the_free_indices() -> None:
    derivation = derived("s[n,i] = exp(x[n,i])/sum(j, exp(x[n,j])); c[n] = -log(s[n,T[n]])", "c", "x", "vjp")
    (left, right) = derivation.results[0]
    assert left.indices == tuple(i for i in left.indices if isinstance(i, Index))
    upstream = [a for a in right.atoms(Component) if isinstance(a.tensor, Adjoint)]
    assert len(upstream) == 1
    assert upstream[0].indices == (left.indices[0],)
    assert len(right.atoms(Delta)) == 1
    assert_checked(derivation)


SCALARS = {
    "weighted batch cross-entropy": (
        "s[n,i] = exp(x[n,i])/sum(j, exp(x[n,j])); c = -sum(n, w[T[n]]*log(s[n,T[n]]))/sum(n, w[T[n]])",
        "x w",
    ),
    "embedding with repeated labels": ("e[n,d] = W[T[n],d]; y[n,k] = e[n,d]*U[d,k]; L = sum(n, k, y[n,k]^2)", "W U"),
    "delta and labels": ("c = x[T]*x[U] + sum(i, delta(i,T)*exp(x[i]))*x[0]", "x"),
    "triple dummies": ("c = a[i,j]*b[i,j]*x[j]*d[i,k]*x[k]*x[j]", "x d"),
    "log of a sum of exponentials": ("c = log(sum(j, exp(x[j]/t)))*t - x[T]", "x t"),
    "quadratic form": ("f = x[i]*A[i,j]*x[j] + b[i]*x[i]", "x A b"),
    "ridge regression": ("r[n] = A[n,i]*x[i] - b[n]; f = r[n]*r[n] + ridge*x[i]*x[i]", "x ridge"),
    "trace of a product": ("f = A[i,j]*B[j,k]*X[k,i]", "X A"),
    "shared intermediates": ("h[i] = tanh(x[i]); a = h[i]*h[i]; b = h[i]*w[i]; f = a*b + exp(a/9)", "x w"),
    "output of an intermediate that is squared": ("h[i] = x[i]^2; g = sum(i, exp(h[i]/5))", "x"),
    "variable that does not occur on the path": ("f = sum(i, a[i]^2)*b; g = c*b", "c"),
    "logistic regression": ("u[n] = X[n,j]*w[j]; s[n] = sigmoid(u[n]); f = -sum(n, y[n]*log(s[n]))", "w"),
    "cosine similarity": ("c = x[i]*y[i]/(sqrt(x[j]*x[j])*sqrt(y[k]*y[k]))", "x y"),
    "entries to the power of entries": ("f = sum(i, x[i]^y[i])", "x y"),
    "Kullback-Leibler divergence": ("f = sum(i, p[i]*(log(p[i]) - log(q[i])))", "p q"),
    "pairwise kernel": ("K[i,j] = exp(-sum(d, (1[j]*x[i,d] - 1[i]*x[j,d])^2)/(2*s^2)); f = a[i]*K[i,j]*a[j]", "x s"),
    "softplus and its relatives": ("f = sum(i, softplus(x[i])*silu(y[i]) + gelu(x[i]) + log1p(y[i]^2))", "x y"),
}

TENSORS = {
    "linear layer": ("y[n,o] = x[n,i]*W[o,i] + 1[n]*b[o]", "x W b"),
    "layer norm": (
        "m[b] = 1/H*1[h]*x[b,h]; u[b,h] = x[b,h] - 1[h]*m[b]; v[b] = 1/H*sum(h, u[b,h]^2); r[b] = sqrt(v[b] + eps);"
        "y[b,h] = u[b,h]/r[b]*g[h] + 1[b]*beta[h]",
        "x g eps",
    ),
    "attention": (
        "z[q,k] = Q[q,d]*K[k,d]/sqrt(D); a[q,k] = exp(z[q,k])/sum(l, exp(z[q,l])); y[q,v] = a[q,k]*V[k,v]; index d: D",
        "Q K V",
    ),
    "triple dummy beside a free index": ("y[a] = A[a,i]*x[i]*x[i]*exp(x[i])", "x A"),
    "max, min, relu, abs": ("y[i] = max(x[i], z[i])*abs(x[i]) + min(relu(x[i]), z[i]^2)", "x z"),
    "normalised vector": ("n = sqrt(x[i]*x[i]); y[i] = x[i]/n", "x"),
    "root mean square norm": ("index h: H; r = sqrt(1/H*sum(h, x[h]^2) + eps); y[h] = x[h]/r*g[h]", "x g"),
    "convolution": ("y[t] = x[t+k]*w[k]", "x w"),
    "broadcast both ways": ("y[i,j] = 1[i]*x[j] + 1[j]*x[i]*z", "x z"),
    "gather and scatter": ("y[n,k] = W[T[n],k]*x[n] + 1[n]*W[0,k]", "W x"),
    "variable that does not occur": ("y[i] = x[i]^2; w[j] = z[j]*2", "z"),
}


@pytest.mark.parametrize("kind", ["gradient", "vjp", "jacobian", "jvp", "hessian", "hvp"])
@pytest.mark.parametrize("name", SCALARS)
def test_every_kind_for_scalars(name: str, kind: Kind) -> None:
    text, wrt = SCALARS[name]
    system = tc.parse(text)
    output = next(d.name for d in reversed(system.definitions) if d.name != "g" or name.startswith("output"))
    derivation = system.derive(output, wrt.split(), kind)
    assert_checked(derivation)
    assert_reasons(derivation)


@pytest.mark.parametrize("kind", ["vjp", "jacobian", "jvp"])
@pytest.mark.parametrize("name", TENSORS)
def test_every_kind_for_tensors(name: str, kind: Kind) -> None:
    text, wrt = TENSORS[name]
    system = tc.parse(text)
    derivation = system.derive("y", wrt.split(), kind)
    assert_checked(derivation)
    assert_reasons(derivation)


def test_hessian_of_a_tensor() -> None:
    derivation = derived("y[i] = x[i]*x[j]*A[i,j]", "y", "x", "hessian")
    ((left, _),) = derivation.results
    assert isinstance(left.expression, Partial) or len(left.wrt.indices) == 1
    assert_checked(derivation)


LSTM = (
    "i[k] = sigmoid(A[k,m]*x[m] + B[k,l]*h[l]); f[k] = sigmoid(C[k,m]*x[m] + D[k,l]*h[l]);"
    "o[k] = sigmoid(E[k,m]*x[m]); g[k] = tanh(G[k,m]*x[m]); c[k] = f[k]*p[k] + i[k]*g[k]; y[k] = o[k]*tanh(c[k])"
)


@pytest.mark.parametrize("kind", ["vjp", "jvp", "jacobian"])
def test_cell_with_two_outputs_one_made_of_the_other(kind: Kind) -> None:
    derivation = tc.parse(LSTM).derive(["y", "c"], ["x", "h", "p", "A"], kind)
    assert_checked(derivation)
    assert_reasons(derivation)
    if kind == "vjp":
        assert any(isinstance(k.lhs, Component) and isinstance(k.lhs.tensor, TotalAdjoint) for k in derivation.lemmas)


def test_an_output_that_another_output_uses_gets_both_contributions() -> None:
    derivation = derived("h[i] = x[i]^2; g = sum(i, exp(h[i]/5)*w[i])", ["h", "g"], "x", "vjp")
    given = {a.tensor.name for a in derivation.results[0][1].atoms(Component)}
    assert given & {"d_h", "d_h_total"}
    assert_checked(derivation)


@pytest.mark.parametrize("kind", ["gradient", "vjp", "jacobian", "jvp"])
def test_by_an_intermediate_definition(kind: Kind) -> None:
    system = tc.parse("u[i] = A[i,j]*x[j]; s[i] = exp(u[i]); f = s[i]*u[i]*x[i]")
    derivation = system.derive("f", "u", kind)
    assert_checked(derivation)


@pytest.mark.parametrize("kind", ["gradient", "vjp", "jacobian", "jvp", "hessian"])
def test_what_does_not_depend_on_the_variable_has_derivative_zero(kind: Kind) -> None:
    derivation = derived("f = sum(i, a[i]^2); g = b", "f", "b", kind)
    assert derivation.result == 0
    assert_checked(derivation)


def chain(length: int) -> str:
    return ";".join(["a0[i] = x[i]^2 + x[i]", *(f"a{k}[i] = a{k - 1}[i]^2 + a{k - 1}[i]" for k in range(1, length))])


def mlp(depth: int) -> str:
    layers = [f"h{k}[n,o] = tanh(h{k - 1}[n,i]*W{k}[i,o] + 1[n]*b{k}[o])" for k in range(1, depth + 1)]
    return ";".join(["h0[n,i] = x[n,i]*1", *layers, f"L = sum(n, o, h{depth}[n,o]^2)"])


def lines(derivation: Derivation) -> int:
    return sum(len(k.steps) for k in derivation.lemmas if k.kind != "definition")


@pytest.mark.parametrize("kind", ["vjp", "jvp"])
def test_lines_and_operations_grow_linearly_with_a_chain(kind: Kind) -> None:
    counts = []
    for length in (15, 30, 60):
        derivation = derived(chain(length), f"a{length - 1}", "x", kind)
        program = program_of(derivation)
        counts.append((lines(derivation), sum(d.rhs.count_ops() for d in program.definitions)))
    for few, some, many in zip(*counts, strict=True):
        assert many - some <= 2 * (some - few) + 4


def test_lines_grow_linearly_with_the_depth_of_a_network() -> None:
    counts = []
    for depth in (4, 8, 16):
        derivation = derived(mlp(depth), "L", ["x", *(f"W{k}" for k in range(1, depth + 1))])
        counts.append((lines(derivation), sum(d.rhs.count_ops() for d in program_of(derivation).definitions)))
    for few, some, many in zip(*counts, strict=True):
        assert many - some <= 2 * (some - few) + 4


def test_letters_of_derivatives_are_no_names() -> None:
    derivation = derived("n = sqrt(x[i]*x[i]); p = 3*n; y[i] = x[i]/n*p", "y", "x", "jacobian")
    used = {index.name for lemma in derivation.lemmas for index in lemma.lhs.atoms(Index)}
    assert used.isdisjoint(derivation.system.tensors)


def test_one_tensors_keep_the_shape_of_a_result() -> None:
    derivation = derived("f[n] = 1[n]*x", "f", "x", "jacobian")
    assert derivation.result == One(derivation.results[0][0].expression.indices[0])


UNKNOWN, KIND = "E_UNKNOWN_NAME", "E_KIND"


@pytest.mark.parametrize(
    ("question", "code", "message", "hint"),
    [
        (("cc", "x", "gradient"), UNKNOWN, "cc is not defined here", "did you mean c?"),
        (("x", "x", "gradient"), UNKNOWN, "x is not defined here", "definitions: s, c"),
        (("c", "y", "gradient"), UNKNOWN, "y does not occur here", "inputs and definitions: x, T, s, c"),
        (("c", "T", "gradient"), KIND, "T is a label", ""),
        (("s", "x", "gradient"), KIND, "s has 1 indices; a gradient is that of a scalar", "kind vjp"),
        ((["c", "s"], "x", "gradient"), KIND, "s has 1 indices", "kind jacobian"),
        ((["c", "c"], "x", "gradient"), KIND, "a gradient is that of one scalar", "kind vjp"),
        (("s", "x", "hvp"), KIND, "a Hessian-vector product is that of one scalar", "kind hessian"),
        (("c", "x", "grad"), KIND, "'grad' is no kind of derivative", "one of gradient, jacobian"),
    ],
)
def test_errors(question: tuple[Any, str, Any], code: str, message: str, hint: str) -> None:
    of, wrt, kind = question
    system = tc.parse("s[i] = exp(x[i])/sum(j, exp(x[j])); c = -log(s[T])")
    with pytest.raises(TensorCalcError) as caught:
        system.derive(of, wrt, kind)
    assert caught.value.code == code
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert bool(hint) == bool(caught.value.hint)


@pytest.mark.parametrize("wrt", ["A", "s"])
def test_a_definition_that_is_zero_at_some_indices_is_not_divided_by(wrt: str) -> None:
    logarithms = "log((1[j]*1[k]*delta(i,1))^2 + 1)*log((1[j]*1[k]*A[i,i])^2 + 1)"
    text = f"index i: I, j: I, k: I; z[i] = {logarithms}/((A[0,0]*s)^2 + 1)"
    assert tc.parse(text).derive("z", wrt=wrt, kind="jacobian").check().passed

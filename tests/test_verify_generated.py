"""The checker and the printer are inverse to each other: what this project prints verifies without a flag."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import tensorcalc as tc
from random_systems import DECLARED, systems
from tensorcalc import formats, library, rules
from tensorcalc.api import load
from tensorcalc.derivation import Kind
from tensorcalc.rules.rule import Rule
from verify_tools import displayed, verdicts, verify


@pytest.mark.parametrize("name", library.names())
def test_our_own_articles_verify_without_a_flag(name: str) -> None:
    text = formats.written(load(name).derive_all(), "markdown", checked=False)
    result = verify(text)
    assert not result.flagged, [f.to_dict() for f in result.flagged]
    assert any(f.verdict == "holds" for f in result.findings)


def flags(text: str, form: formats.Format, kind: Kind | None = None, **look: Any) -> list[dict[str, object]]:
    """What the checker flags in the article about the last definition of a system; nothing where it has no inputs."""
    system = tc.parse(text)
    output = system.definitions[-1].tensor
    needed = {t for d in system.needed([output]) for t in system.uses[d.tensor]}
    inputs = sorted((t for t in system.inputs if t in needed and not t.is_label), key=lambda t: t.order)
    variables = [t.name for t in inputs]
    if not variables:
        return []
    derivation = system.derive(wrt=variables[0] if kind else variables, kind=kind)
    article = formats.written([derivation], form, **look, checked=False)
    return [f.to_dict() for f in verify(article, "article.tex" if form == "tex" else "article.md").flagged]


FORMS = st.sampled_from(["markdown", "tex"])
often = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@settings(often, max_examples=20)
@given(systems(smooth=True), FORMS, st.sampled_from(["einstein", "sigma"]), st.sampled_from(["partial", "bar"]))
def test_what_is_printed_of_random_systems_verifies(text: str, form: Any, style: str, adjoint: str) -> None:
    assert not flags(text, form, style=style, adjoint=adjoint)


@settings(often, max_examples=4)
@given(systems(), FORMS)
def test_what_is_printed_of_larger_systems_with_kinks_verifies(text: str, form: Any) -> None:
    assert not flags(text, form)


@settings(often, max_examples=5)
@given(systems(smooth=True), FORMS, st.just("jacobian"))
def test_what_is_printed_of_jacobians_verifies(text: str, form: Any, kind: Any) -> None:
    assert not flags(text, form, kind)


@settings(often, max_examples=15)
@given(systems(smooth=True), FORMS, st.sampled_from(["jvp", "hessian", "hvp"]))
def test_what_is_printed_of_other_kinds_verifies(text: str, form: Any, kind: Any) -> None:
    assume(kind != "hvp" or not tc.parse(text).definitions[-1].indices)
    assert not flags(text, form, kind)


def quoted_laws() -> dict[str, str]:
    """The laws of all rules of the engine, by their names."""
    modules = [importlib.import_module(m.name) for m in pkgutil.iter_modules(rules.__path__, f"{rules.__name__}.")]
    values = [v for module in modules for v in vars(module).values()]
    held = [v for value in values for v in (value.values() if isinstance(value, dict) else [value])]
    return {v.name: v.law for v in held if isinstance(v, Rule) and v.law}


def test_every_law_that_articles_quote_holds() -> None:
    laws = quoted_laws()
    assert len(laws) > 20
    rows = [rf"&\text{{{name}:}} && {law}".replace(r"\,", r"\ ") for name, law in laws.items()]
    assert verdicts(displayed(*rows)) == ["holds"] * len(laws)


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


FOUND = {  # systems in whose articles something was once misread or printed so that it had another meaning
    "a letter of which nothing shows what it runs over": """
z1 = (sum(i, 1[i]*A[T,T]))*((B[0,0])*(A[T,T]))
z2 = (sum(m, 1[i]*1[m]*z1))*(sum(n, 1[i]*1[n]*z1))*((1[i]*x[j])*(1[i]*A[j,j]))""",
    "a dummy l beside the scalar l": """
z1[i] = (1/((y[m])^2+2))*((C[j,m,j])*(1[m]*B[j,0]))*(1[i]*B[0,m]/((A[0,T])^2+1))
z2[m] = ((1[i]*z1[U[n]])*(1[i]*A[U[n],j])*(1[j]*delta(i,U[n])))*(1[i]*1[j]*y[m]/((1[i]*A[0,T])^2+1))
z3 = sum(i, 1[i]*z2[0])""",
    "an index that a slice of a tensor carries by a one-tensor": """
z1[i,j] = sum(k, 1[i]*1[j]*C[k,0,T])/((A[i,j])^2 + 1)""",
    "scalars beside a dimension I": "z1 = (1[i]*s)*(1[i]*s)",
    "a definition that the output is not made of": """
z1[i] = (1[j]*B[i,0])*(y[0])*((1[j]*x[l])*(1[l]*s))*((1[p]*s)*A[j,j]*(1[p]*y[0]))
z2 = (y[0]*(1[i]*s))*(A[i,i])
z3 = ((1[i]*y[0])*(1[i]*s)*((x[T])*(1[i]*y[0])))*(z1[0])""",
    "sums in two brackets of a matrix formula": """
z1 = (A[T,U[n]]/((C[T,U[n],T])^2 + 1))*((1[n]*x[0] - 2*x[U[n]]))/((sum(m, A[U[m],T]))^2 + 1)""",
    "a sum whose index stands in one denominator only": """
z1[i,m] = (sqrt((1[i]*1[n]*x[j])^2 + 1))*(1[m]*1[n]*delta(i,j)/((1[m]*1[j]*1[n]*delta(i,1))^2 + 1))""",
    "letters that laws have as well": """
z1 = (A[i,j])*((1[i]*B[j,0] - 1/3*1[i]*1[j]*y[0]))*((1[i]*1[k]*1[l]*s)*(1[k]*1[l]*le(i,j)))
z2[i] = ((delta(j,k) + 1[j]*1[k]*s))*((z1)*(1[i]*1[j]*1[k]*z1))""",
}


PROBLEMS: dict[str, tuple[str, Kind]] = {  # whole articles that were once flagged or not understood
    "a scalar called e": ("K[i] = exp(-C[i]/e); c = sum(i, K[i]*e^2)", "gradient"),
    "a scalar that looks like a function": (
        "c = sum(i,j, log(1 + exp(-sigma*(1[j]*s[i] - 1[i]*s[j]))))",
        "gradient",
    ),
    "words as names": (
        "TP = sum(i, p[i]*y[i]); FP = sum(i, p[i]*(1 - y[i])); c = (TP + eps)/(TP + FP*(1 - alpha)^2 + eps)",
        "gradient",
    ),
    "letters with numbers": (
        """z[b,t,u] = sum(d, q[b,t,d]*k[b,u,d]) + M[b,u]*1[t]
a[b,t,u] = exp(z[b,t,u])/sum(w, exp(z[b,t,w]))
y[b,t,e] = sum(u, a[b,t,u]*v[b,u,e])""",
        "vjp",
    ),
    "an exponent that laws have as a vector": ("c = sum(n, (x[n]^2 + 1)^(a/2))", "gradient"),
    "sizes of dimensions in denominators": (
        "tensor a[M], x[N,I]; label t[N]: M\nu[n,i] = sqrt(1 - a[t[n]])*x[n,i]\n"
        "c = sum(n,i, (x[n,i] - u[n,i])^2)/sum(n, 1[n])",
        "gradient",
    ),
    "indices of two dimensions that are compared": ("c[t,d] = sum(s, le(s,t)*log(g[s,d]))", "vjp"),
    "labels in two axes": (
        "l[b] = sum(t, x[b,t,Y[b,t]] - log(sum(v, exp(x[b,t,v])))); c = -sum(b, log(sigmoid(l[b] - r[b])))",
        "gradient",
    ),
    "matrices of directions": ("s[n,i] = exp(x[n,i]/tau)/sum(j, exp(x[n,j]/tau))", "jvp"),
    "derivatives of lgamma": ("c = sum(n, lgamma((nu + 1)/2) - lgamma(nu/2) - x[n]*nu)", "hessian"),
    "steps in two directions": (
        "c = sum(s,u, abs(x[s+1,u] - x[s,u])) + sum(s,t, sqrt((x[s+1,t] - x[s,t])^2 + (x[s,t+1] - x[s,t])^2 + e))",
        "gradient",
    ),
}


@pytest.mark.parametrize("form", ["markdown", "tex"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_every_row_of_an_article_is_checked(name: str, form: formats.Format) -> None:
    text, kind = PROBLEMS[name]
    article = formats.written(
        [tc.parse(text).derive(kind=kind)], form, style="sigma" if "two" in name else "einstein", checked=False
    )
    found = verify(article, "article.tex" if form == "tex" else "article.md").findings
    assert [f.to_dict() for f in found if f.verdict != "holds"] == []


def test_rows_of_the_second_pass_of_a_hessian_vector_product_are_not_judged() -> None:
    """They differentiate gradients with other gradients held fixed, which the notation does not show."""
    system = tc.parse("m = sum(i, x[i])/5; v = sum(i, (x[i] - m)^2); y[i] = (x[i] - m)/sqrt(v + 1); c = sum(i, y[i]^3)")
    result = verify(system.derive("c", wrt="x", kind="hvp").markdown(check=False))
    assert not result.flagged
    assert {f.verdict for f in result.findings} == {"holds", "not-checkable"}


@pytest.mark.parametrize("form", ["markdown", "tex"])
@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_in_random_systems_verifies(name: str, form: formats.Format) -> None:
    assert not flags(f"{DECLARED}\n{FOUND[name]}", form)

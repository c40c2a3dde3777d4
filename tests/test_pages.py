"""Articles: what they tell and when, Markdown that every processor reads, golden pages, the graph's drawing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorcalc as tc
from page_tools import article, articles, derivations, displays, report
from tensorcalc import formats, library, pages
from tensorcalc.api import Derivation, load
from tensorcalc.check import Item, Report
from tensorcalc.pages.drawing import HEIGHT, drawn
from tensorcalc.pages.graph import Graph, Vertex
from tensorcalc.pages.model import Alert, Chain, Page, Paragraph, Text
from tensorcalc.render.layout import Node
from tensorcalc.render.text import node_text

Golden = Callable[[str, str], None]

LAYER_NORM = """
m[b] = 1/H*1[h]*x[b,h]; mu[b,h] = x[b,h] - 1[h]*m[b]; v[b] = 1/H*sum(h, mu[b,h]^2); sigma[b] = sqrt(v[b] + eps)
index b: B, h: H
y[b,h] = mu[b,h]/sigma[b]*gamma[h] + 1[b]*beta[h]
"""


def derived(text: str, *arguments: object) -> Derivation:
    return tc.parse(text).derive(*arguments)  # type: ignore[arg-type]


def plain(text: Text) -> str:
    """Prose as plain text."""
    return "".join(i if isinstance(i, str) else node_text(i) if isinstance(i, Node) else i.words for i in text)


def paragraphs(page: Page) -> list[str]:
    every = [*page.introduction, *(p for s in page.sections for p in s.parts)]
    return [plain(p.text) for p in every if isinstance(p, Paragraph | Alert)]


def headings(page: Page) -> list[str]:
    return [plain(section.title) for section in page.sections]


def test_layer_norm_is_told_as_in_the_article() -> None:
    page = pages.article([derived(LAYER_NORM, "y", ("x", "gamma", "beta"), "vjp")])
    lemmas = [plain(s.title) for s in page.sections if s.kind == "lemma"]
    assert lemmas == ["Derivation", *(f"Gradient of {name}" for name in ("γ", "β", "σ", "v", "μ", "m", "x"))]
    told = paragraphs(page)
    for sentence in (
        "μ is consumed by two functions, v and y, so we differentiate both with respect to it. "
        "First, the derivative of v:",
        "And that of y, with σ held fixed (what μ does to it is counted by way of v):",
        "The backpropagated gradient adds the contributions of both. Then we substitute ∂l/∂v from above:",
        "In what follows there is the sum of μ over h. It is zero, which we show first:",
        "x is consumed by two functions, m and μ, so we differentiate both with respect to it. "
        "First, the derivative of m:",
        "And that of μ, with m held fixed:",
    ):
        assert sentence in told


@pytest.mark.parametrize(
    ("text", "arguments", "sentences"),
    [
        (
            "sigma = 1[j]*exp(x[j]); s[i] = exp(x[i])/sigma; c = -log(s[T])",
            ("c", "x", "gradient"),
            (
                "We derive the gradient of c with respect to x, in index notation. The reason stands beside each line.",
                "We start with σ, which depends on x directly:",
                "s depends on x directly and through σ, whose derivative we have:",
                "c depends on x only through s. Its derivative with respect to s:",
                "The chain rule joins it with ∂s/∂x, which we have from above:",
                "Let l be a scalar that depends on c, and let ∂l/∂c be known. "
                "The chain rule gives the backpropagated gradient:",
                "The gradient of c with respect to x is:",
            ),
        ),
        (
            "y[n,o] = x[n,i]*W[o,i] + 1[n]*b[o]",
            ("y", ("x", "W"), "vjp"),
            (
                "In the same way, the gradient that is backpropagated to W:",
                "The gradient that is backpropagated from y to x and W is, in terms of ∂l/∂y:",
            ),
        ),
        (
            "y[i] = tanh(A[i,j]*x[j])",
            ("y", ("x", "A"), "jvp"),
            (
                "y depends on x and A. Its derivative with respect to x:",
                "And with respect to A:",
                "The directional derivative adds the contributions of both:",
            ),
        ),
        (
            "c = sum(i, exp(x[i]*w[i]))",
            ("c", "x", "hvp"),
            (
                "First the gradient of c, then its derivative in the direction x\N{COMBINING DOT ABOVE}.",
                "∂c/∂x depends on x. Its derivative with respect to x:",
                "The chain rule gives the directional derivative:",
            ),
        ),
        (
            "z[i] = A[i,j]*x[j]; h[i] = tanh(z[i]); c = h[i]*h[i]*z[i]",
            ("c", "x", "gradient"),
            (
                "Where c depends on a tensor in several ways, d stands for its total derivative, "
                "which counts all of them, and ∂ for the derivative of its formula alone.",
            ),
        ),
        (
            "h[i] = tanh(A[i,j]*x[j]); y[i] = h[i]^2*b[i]",
            (("h", "y"), "x", "vjp"),
            (
                "h is an output, and used on the way to another one: dl/dh is its whole gradient, "
                "∂l/∂h the part of it that is given.",
            ),
        ),
        (
            "y[i] = a[i]*x[i]; z = sum(i, exp(b[i]))",
            ("z", ("x", "b"), "gradient"),
            ("z does not depend on x:", "z does not depend on x: the derivative is zero."),
        ),
        (
            "S[i,j] = A[i,k]*A[j,k]; c = inv(S)[i,j]*b[i]*b[j]",
            ("c", "A", "gradient"),
            ("A law that is used in what follows, and why it holds:",),
        ),
    ],
)
def test_sentences(text: str, arguments: tuple[object, ...], sentences: tuple[str, ...]) -> None:
    told = paragraphs(pages.article([derived(text, *arguments)]))
    for sentence in sentences:
        assert sentence in told, told


def test_conventions_name_what_occurs() -> None:
    def told(text: str) -> str:
        return next(p for p in paragraphs(pages.article([derived(text)])) if p.startswith("An index that"))

    assert "one-tensor" not in told("c = a[i]*b[i]")
    assert "one-tensor" in told("c = 1[i]*b[i]")
    assert "T is a label: it selects an entry" in told("c = b[T]*a[i]*a[i]")
    assert "A comparison in brackets is 1 where it holds" in told("c[i] = le(i,j)*b[j]")
    assert "i and j below N" in told("index i: N, j: N; c[i] = a[i]*sum(j, b[j])")


def test_the_parts_of_a_page() -> None:
    page = article("cross_entropy")
    assert page.title == "Softmax cross-entropy"
    assert headings(page)[0] == "The function"
    assert headings(page)[-5:] == ["Result", "In matrix notation", "Code", "Checks", "Rules"]
    origin = derivations("cross_entropy")[0].origin
    assert f"The function is defined in: {origin}." in paragraphs(page)
    rows = {
        plain(row[0]): [plain(cell) for cell in row[1:]]
        for s in page.sections
        for p in s.parts
        for row in getattr(p, "rows", ())
    }
    assert rows["T"][1] == "scalar"
    assert rows["x"][0] == "variable"
    assert rows["c"][0] == "output"


def test_every_lemma_of_the_library_has_a_place_and_a_sentence() -> None:
    for name, page in articles().items():
        chains = [p.block.lhs for s in page.sections for p in s.parts if isinstance(p, Chain)]
        lemmas = {k for d in derivations(name) for k in d.lemmas if k.kind != "definition"}
        assert len(chains) == len(lemmas), name
        for section in page.sections:
            if section.level == 2:
                assert [type(p) for p in section.parts] == [Paragraph, Chain] * (len(section.parts) // 2), name
        for sentence in paragraphs(page):
            assert re.search(r"[.:]$", sentence), sentence
            assert "  " not in sentence, sentence
            assert not re.search(r"\{\w+\}|None|, (and|is) :", sentence), sentence


def test_lemmas_of_several_derivations_are_told_once() -> None:
    page = article("softmax")
    assert "What was derived above is not repeated." in paragraphs(page)
    assert headings(page).count("Jacobian of s with respect to x") == 1


def test_detail_and_notation() -> None:
    found = derivations("cross_entropy")
    brief = pages.article(found, options=pages.Options(detail="result"))
    assert headings(brief) == ["The function", "Result", "Code"]
    key = pages.article(found, options=pages.Options(detail="key"))
    assert all(len(p.block.lines) <= 2 for s in key.sections for p in s.parts if isinstance(p, Chain))
    sigma = pages.markdown(pages.article(found, options=pages.Options(style="sigma")))
    assert r"\sum_{j}" in sigma
    bar = pages.markdown(pages.article(derivations("linear"), options=pages.Options(adjoint="bar", targets=())))
    assert r"\bar{y}_{i j}" in bar
    assert r"\partial l" not in bar


def test_a_failed_check_cannot_be_overlooked() -> None:
    found = derivations("nll")
    wrong = Report([Item("c", "", "torch", float("inf"), False), Item("c", "", "steps", 1e-16, True)])
    page = pages.article(found, [wrong])
    assert "1 of 2 comparisons failed." in paragraphs(page)
    assert "**1 of 2 comparisons failed.**" in pages.markdown(page)
    assert 'role="alert"' in pages.html(page)
    assert "infinite" in pages.markdown(page)
    assert "**Nothing could be checked.**" in pages.markdown(pages.article(found, [Report()]))


def test_code_that_cannot_be_written_is_said() -> None:
    page = pages.article(derivations("nll"), options=pages.Options(targets=("numpy", "fortran")))
    assert "No code for fortran: there is no code target fortran." in paragraphs(page)


def test_matrix_forms_have_a_place() -> None:
    page = pages.article(derivations("linear"))
    assert headings(page)[headings(page).index("Result") + 1] == "In matrix notation"
    for written in (pages.markdown(page), pages.tex(page), pages.html(page)):
        shown = written.replace("&amp;", "&")
        assert r"\frac{\partial l}{\partial X} &= \frac{\partial l}{\partial Y} A" in shown
        assert r"\left(\frac{\partial l}{\partial Y}\right)^{T} X" in shown
    assert "In matrix notation" not in headings(pages.article(derivations("depthwise_conv1d")))


# Markdown


def sins(document: str) -> list[str]:
    """What some processor of Markdown would misread."""
    found = []
    outside, inside = re.subn(r"^```\w+\n.*?^```$", "", document, flags=re.MULTILINE | re.DOTALL)
    assert inside
    for pattern, why in (
        (r"\{\{|\{%|%\}", "Liquid"),
        (r"[^\n]\n\$\$\n\\|\\end\{aligned\}\n\}?\$\$\n[^\n]", "no empty line beside $$"),
    ):
        found += [why for _ in re.finditer(pattern, document if why == "Liquid" else outside)]
    for formula in displays(document):
        found += [
            f"{sign} in a display"
            for sign in ("<", ">", "|", "$", r"\{", r"\}", r"\,", r"\_", r"\#", "`")
            if sign in formula
        ]
        found += ["empty line in a display" for _ in re.finditer(r"\n\s*\n", formula)]
    prose = re.sub(r"^\$\$\n.*?\n\$\$$", "", outside, flags=re.MULTILINE | re.DOTALL)
    found += ["$ in prose" for _ in re.finditer(r"(?<!\\)\$", prose)]
    for line in re.sub(r"\\.", "", prose).splitlines():
        if "|" in line and not re.fullmatch(r"\|( [^|]+ \|)+", line):
            found.append(f"a line that looks like a table: {line}")
        if line.count("*") % 2 or re.search(r"(?<![\w*])_|<", line.replace("**", "")):
            found.append(f"emphasis or HTML by accident: {line}")
    return found


@pytest.mark.parametrize("name", library.names())
def test_markdown_is_read_alike_everywhere(name: str) -> None:
    assert sins(pages.markdown(article(name))) == []


def test_markdown_escapes_what_titles_hold() -> None:
    awkward = replace(derivations("nll")[0], title="a*b_c <d> | [e] $f$ {{g}} `h` # ~i~ \\", origin="see <x> | {% y %}")
    document = pages.markdown(pages.article([awkward], [report(awkward)]))
    assert sins(document) == []
    assert document.startswith("# a\\*b\\_c &lt;d&gt; &#124; \\[e\\] \\$f\\$ &#123;&#123;g&#125;&#125;")


@pytest.mark.parametrize("name", ["cross_entropy", "layer_norm", "softmax", "linear", "nll"])
def test_golden_pages(golden: Golden, name: str) -> None:
    golden(f"page_{name}.md", pages.markdown(article(name)))


def test_golden_document(golden: Golden) -> None:
    golden("page_cross_entropy.tex", pages.tex(article("cross_entropy")))


def test_golden_html(golden: Golden) -> None:
    golden("page_nll.html", pages.html(article("nll"), assets="assets", home="index.html"))


def test_golden_second_derivatives(golden: Golden) -> None:
    found = derived("c = sum(i, j, (X[i,j] - sum(k, U[i,k]*V[j,k]))^2)", "c", ("U",), "hessian")
    golden("page_hessian.md", pages.markdown(pages.article([found], [report(found)])))


# HTML


class _Outline(HTMLParser):
    """Checks that tags close, collects identifiers and addresses."""

    VOID = ("meta", "link", "input", "br", "rect", "path")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.identifiers: list[str] = []
        self.addresses: list[str] = []
        self.referred: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attributes:
            if name == "id":
                self.identifiers.append(value or "")
            if name in ("src", "href") and tag != "a":
                self.addresses.append(value or "")
            if name in ("aria-describedby", "aria-controls", "aria-labelledby"):
                self.referred.append(value or "")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


@pytest.mark.parametrize("name", library.names())
def test_html_is_well_formed_and_refers_to_what_is_there(name: str) -> None:
    outline = _Outline()
    outline.feed(pages.html(article(name), assets="assets"))
    assert outline.open == []
    assert len(set(outline.identifiers)) == len(outline.identifiers)
    assert set(outline.referred) <= set(outline.identifiers)
    assert all(address.startswith("assets/") for address in outline.addresses)


def test_a_page_alone_asks_for_nothing() -> None:
    page = pages.html(article("nll"))
    outline = _Outline()
    outline.feed(page)
    assert outline.addresses == []
    assert "default-src 'none'" in page
    styles = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert len(styles) == 2
    assert not any(re.search(r"url\((?!data:)|@import", style) for style in styles)
    assert page.count("font/woff2;base64,") == 20
    assert "MIT licence" in page


def test_html_escapes_what_titles_hold() -> None:
    awkward = replace(derivations("nll")[0], title="</title><script>alert(1)</script>", origin="<img src=x> & co")
    page = pages.html(pages.article([awkward]), assets="assets")
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "&lt;img src=x&gt; &amp; co" in page


# LaTeX documents


def test_tex_spells_what_pdflatex_does_not_know() -> None:
    awkward = replace(derivations("nll")[0], title="50 % of é, σ, → & 中 “x”", origin="a_b^c ~ {d} \\ #1 $2$")
    document = pages.tex(pages.article([awkward]))
    assert r"50 \% of é, $\sigma$, [U+2192] \& [U+4E2D] ``x''" in document


# Notebooks


def test_notebooks_get_mathematics_in_every_form() -> None:
    (derivation,) = derivations("cross_entropy")
    bundle = derivation._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", "text/latex"}
    assert bundle["text/html"] == derivation._repr_html_()
    assert "<math" in bundle["text/html"]
    assert "<script" not in bundle["text/html"]
    assert len(bundle["text/html"]) < 60_000
    assert bundle["text/latex"].startswith("$$\n\\begin{aligned}\n")
    system = tc.load("cross_entropy")._repr_mimebundle_()
    assert set(system) == set(bundle)
    assert "labels below J" in system["text/html"]
    json.dumps([bundle, system])


def test_methods_of_a_derivation() -> None:
    (derivation,) = derivations("nll")
    assert derivation.markdown(check=False, targets=()).startswith("# Negative log-likelihood\n")
    assert r"\documentclass" in derivation.tex(check=False, detail="result")
    page = derivation.html(check=False, detail="key")
    assert 'value="key" checked' in page
    assert "All " in derivation.markdown(detail="result")


# The graph


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    count = draw(st.integers(1, 14))
    pairs = [(a, b) for b in range(count) for a in range(b)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=24)) if pairs else []
    return Graph(tuple(Vertex(f"v{k}", "definition") for k in range(count)), tuple(edges))


@settings(max_examples=150, deadline=None)
@given(graphs(), st.floats(0.8, 2.5))
def test_vertices_do_not_overlap_and_edges_go_forward(graph: Graph, width: float) -> None:
    drawing = drawn(graph, [width] * len(graph.vertices))
    for k, a in enumerate(drawing.spots):
        assert a.x - width / 2 + 1e-9 >= 0
        assert a.x + width / 2 <= drawing.width + 1e-9
        assert a.y + HEIGHT / 2 <= drawing.height + 1e-9
        for b in drawing.spots[k + 1 :]:
            apart = abs(a.x - b.x) >= width + 0.1 or abs(a.y - b.y) >= HEIGHT + 0.1
            assert apart, (a, b)
    for curve in drawing.curves:
        along = [point[0] if drawing.across else point[1] for point in curve.points]
        assert along == sorted(along)
        assert along[0] < along[-1]


def test_a_chain_is_drawn_straight() -> None:
    chain = Graph(tuple(Vertex(c, "definition") for c in "abcd"), ((0, 1), (1, 2), (2, 3)))
    drawing = drawn(chain, [0.8] * 4)
    assert drawing.across
    assert len({spot.y for spot in drawing.spots}) == 1


def test_a_wide_drawing_goes_downwards() -> None:
    chain = Graph(tuple(Vertex(f"v{k}", "definition") for k in range(20)), tuple((k, k + 1) for k in range(19)))
    drawing = drawn(chain, [0.8] * 20)
    assert not drawing.across
    assert drawing.height > drawing.width


def test_scalars_of_different_outputs_have_letters_of_their_own() -> None:
    """What is a function of x has other gradients than what is one of x and Q."""
    first, second = load("kalman_update").derive_all()
    assert {first.loss, second.loss} == {"l", "L"}
    page = formats.written([first, second], "markdown", checked=False)
    assert "| *∂l/∂x* |" in page
    assert "| *∂L/∂x* |" in page
    assert "| *∂L/∂Q* |" in page
    assert "∂l/∂Q" not in page

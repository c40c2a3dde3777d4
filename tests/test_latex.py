"""What is printed as LaTeX compiles with a real LaTeX, and renders in KaTeX with `strict`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import article
from page_tools import DOCUMENT, compile_latex, derivations, needs_latex, needs_node, overfull, typeset
from tensorcalc import library, render
from tensorcalc.errors import TensorCalcError
from tensorcalc.render import Form
from tensorcalc.render.latex import Latex
from tensorcalc.render.measure import latex_size
from test_render import FUNCTIONS_AND_NAMES, LAYER_NORM, NUMBERS_AND_FRACTIONS, SUMS

FORMS = (
    Form(),
    Form(number=True),
    Form("align"),
    Form("align", number=True),
    Form(tag=True),
    Form(tag=True, number=True),
    Form("gathered"),
    Form("gathered", number=True),
)


def displays(latex: str) -> list[str]:
    """The formulas of a rendered derivation, with the environments that are displays by themselves."""
    pieces = re.split(r"\\\[\n|\n\\\]\n?|\n\n", latex)
    return [piece for piece in pieces if piece.strip()]


def formulas() -> list[str]:
    context = render.Context(LAYER_NORM, derivative_letters=("p", "q"))
    sigma = render.Context(LAYER_NORM, derivative_letters=("p", "q"), style="sigma")
    bar = render.Context(LAYER_NORM, derivative_letters=("p", "q"), adjoint="bar")
    expressions = (*SUMS, *NUMBERS_AND_FRACTIONS, *FUNCTIONS_AND_NAMES)
    return [render.expression_latex(e, c) for e in expressions for c in (context, sigma, bar)]


def awkward_rules(form: Form) -> str:
    found = article.derivation()
    lemma = article.Lemma(
        found.lemmas[1].lhs,
        (
            article.Step(
                article.sigma, article.rule("∂x_j/∂x_n = δ_jn", "50 % of {a & b} #1 $ ~ ^ \\", "author’s – “σ”")
            ),
            article.Step(article.c, article.rule("definition of sigma", "derivative of s from above")),
        ),
        "jacobian",
    )
    return render.latex(article.Derivation(found.system, "vjp", found.of, found.wrt, (lemma,), ()), form=form)


@needs_latex
@pytest.mark.parametrize("style", ["einstein", "sigma"])
def test_article_compiles(tmp_path: Path, style: render.Style) -> None:
    log = compile_latex(DOCUMENT % render.latex(article.derivation(), style), tmp_path)
    assert "Overfull" not in log


@needs_latex
def test_expressions_compile(tmp_path: Path) -> None:
    compile_latex(DOCUMENT % "\n".join(f"\\[{f}\\]" for f in formulas()), tmp_path)


@needs_node
def test_expressions_render_in_katex() -> None:
    assert typeset([("", formula) for formula in formulas()]) == []


@needs_latex
def test_every_environment_compiles(tmp_path: Path) -> None:
    shown = [render.latex(d, form=form) for d in derivations("layer_norm") for form in FORMS]
    compile_latex(DOCUMENT % "\n".join([*shown, *map(awkward_rules, FORMS)]), tmp_path)


@needs_node
def test_every_environment_renders_in_katex() -> None:
    shown = [render.latex(d, form=form) for d in derivations("layer_norm") for form in FORMS]
    found = [("", f) for latex in (*shown, *map(awkward_rules, FORMS)) for f in displays(latex)]
    assert typeset(found) == []


@needs_node
@pytest.mark.parametrize("style", ["einstein", "sigma"])
@pytest.mark.parametrize("adjoint", ["partial", "bar"])
def test_the_library_renders_in_katex(style: render.Style, adjoint: render.AdjointNotation) -> None:
    found = [
        (name, formula)
        for name in library.names()
        for d in derivations(name)
        for formula in displays(render.latex(d, style, adjoint=adjoint))
    ]
    assert typeset(found) == []


def test_environments_and_numbers() -> None:
    (derivation,) = derivations("nll")

    def shown(form: Form) -> str:
        return render.latex(derivation, form=form)

    assert shown(Form()).startswith("\\[\n\\begin{aligned}\n")
    assert shown(Form(number=True)).startswith("\\begin{equation}\n\\begin{aligned}\n")
    assert shown(Form("align")).startswith("\\begin{align*}\n")
    assert shown(Form("align", number=True)).startswith("\\begin{align}\n")
    assert shown(Form("gathered")).startswith("\\[\n\\begin{gathered}\n")
    tagged = shown(Form(tag=True))
    assert tagged.startswith("\\begin{align*}\n")
    assert r"\tag{linearity}" in tagged
    assert r"\text{" not in tagged


def test_a_number_for_each_line_and_none_for_what_continues_one() -> None:
    (derivation,) = derivations("layer_norm")
    latex = render.latex(derivation, form=Form("align", number=True))
    lines = [
        line for chain in re.findall(r"\\begin\{align\}\n(.*?)\n\\end", latex, re.DOTALL) for line in chain.split("\n")
    ]
    numbered = [line for line in lines if r"\notag" not in line]
    assert len(numbered) == sum(len(block.lines) for block in render.blocks(derivation))
    assert all("&=" in line for line in numbered)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gathered", False, True), "the lines of gathered cannot have tags of their own"),
        (("aligned", False, True), "tags need the environment align"),
        (("matrix",), "there is no environment matrix"),
    ],
)
def test_options_that_contradict_each_other(arguments: tuple[object, ...], words: str) -> None:
    with pytest.raises(TensorCalcError, match="E_OPTION") as caught:
        Form(*arguments)  # type: ignore[arg-type]
    assert words in str(caught.value)


@needs_latex
def test_widths_are_those_of_latex(tmp_path: Path) -> None:
    """Estimates go by which lines are broken: they may not be far too small."""
    names = ("layer_norm", "cross_entropy_batch", "rms_norm", "attention")
    lines = {
        Latex().text(line.node)
        for name in names
        for d in derivations(name)
        for style in ("einstein", "sigma")
        for block in render.blocks(d, style)  # type: ignore[arg-type]
        for line in block.lines
    }
    ordered = sorted(lines)
    boxes = "\n".join(rf"\setbox0\hbox{{$\displaystyle {f}$}}\typeout{{WIDTH:\the\wd0:\the\ht0:}}" for f in ordered)
    log = compile_latex(DOCUMENT % f"{boxes}\n.", tmp_path).replace("\n", "")
    found = [float(width) for width in re.findall(r"WIDTH:([\d.]+)pt:", log)]
    assert len(found) == len(ordered)
    for formula, width in zip(ordered, found, strict=True):
        estimate = 10 * latex_size(formula).width  # an em of this document is 10 pt
        assert 0.9 * width <= estimate + 1 <= 1.3 * width + 6, (formula, width, estimate)


@needs_latex
def test_formulas_of_the_library_fit_a_page(tmp_path: Path) -> None:
    geometry = "\\usepackage[a4paper,margin=22mm]{geometry}\n\\begin{document}"
    shown = "\n".join(render.latex(d, "sigma") for name in library.names() for d in derivations(name))
    log = compile_latex((DOCUMENT % shown).replace("\\begin{document}", geometry), tmp_path)
    assert overfull(log) == []

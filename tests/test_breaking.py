"""Long formulas on several rows: where they are broken, that nothing is lost, that rows fit."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

import tensorcalc as tc
from page_tools import derivations
from tensorcalc import library, render
from tensorcalc.render.breaking import Row, rows
from tensorcalc.render.context import Context
from tensorcalc.render.latex import Latex
from tensorcalc.render.mathml import MathMl
from tensorcalc.render.notation import Notation
from tensorcalc.render.text import WIDTH
from tensorcalc.render.unicode import UnicodeText
from tensorcalc.render.walk import layout

TEXT, LATEX = UnicodeText(), Latex()
INPUTS = "tensor a[N], b[N], c[N], d[N], e, x[N]; "


def broken(formula: str, width: float, notation: Notation = TEXT) -> list[Row]:
    """The right side of `y[i] = formula` on rows."""
    definition = tc.parse(f"{INPUTS} y[i] = {formula}").definitions[-1]
    context = Context().within([definition.lhs, definition.rhs])
    return rows(layout(definition.rhs, context), notation, width)


@pytest.mark.parametrize(
    ("formula", "width", "expected"),
    [
        ("a[i] + b[i]", 20, [(0, "a_i + b_i")]),
        ("a[i] + b[i] - c[i] + d[i]", 13, [(0, "a_i + b_i"), (1, "+ d_i − c_i")]),
        ("a[i]*(b[i] + c[i] - d[i])", 15, [(0, "a_i (b_i + c_i"), (1, "− d_i)")]),
        ("x[i]*exp(a[i])*b[i]*c[i]*d[i]", 17, [(0, "b_i c_i d_i x_i"), (1, "× e^{a_i}")]),
        ("exp(a[i] + b[i] + c[i] + d[i])", 10, [(0, "e^{a_i + b_i + c_i + d_i}")]),
        ("log(a[i] + b[i] + c[i] + d[i])", 16, [(0, "log(a_i + b_i"), (1, "+ c_i + d_i)")]),
    ],
)
def test_where_a_formula_is_broken(formula: str, width: float, expected: list[tuple[int, str]]) -> None:
    assert [(row.depth, row.text) for row in broken(formula, width)] == expected


def test_a_short_bracket_stays_whole_where_the_product_can_be_broken() -> None:
    found = broken("a[i]*b[i]*c[i]*d[i]*x[i]*(1 + exp(x[i]))", 30)
    assert all(row.text.count("(") == row.text.count(")") for row in found)
    assert found[1].text.startswith("× ")


def test_brackets_in_latex_that_close_on_a_later_row_have_a_fixed_size() -> None:
    plain = broken("a[i]*(b[i] + c[i] + d[i] + x[i])", 8, LATEX)
    assert [row.text for row in plain] == ["a_{i} (b_{i} + c_{i}", "{}+ d_{i} + x_{i})"]
    tall = broken("a[i]*(b[i]/e + c[i] + d[i] + x[i])", 8, LATEX)
    assert tall[0].text.startswith(r"a_{i} \biggl(")
    assert tall[-1].text.endswith(r"\biggr)")
    assert not any(r"\left" in row.text or r"\right" in row.text for row in (*plain, *tall))


def test_a_sum_above_a_fraction_line_comes_down_where_it_is_too_long() -> None:
    found = broken("(a[i]*b[i] + c[i]*d[i] + x[i]*b[i] + a[i]*c[i])/e", 12, LATEX)
    assert found[0].text.startswith(r"\frac{1}{e} (")
    assert len(found) > 1


def test_inner_sums_are_indented_deeper() -> None:
    found = broken("a[i]*b[i] + x[i]*(a[i]*b[i] + c[i]*d[i] + b[i]*c[i] + a[i]*d[i]) + c[i]", 22)
    assert max(row.depth for row in found) == 2
    assert [row.depth for row in found][:2] == [0, 1]


def library_lines() -> list[tuple[str, render.Block]]:
    return [
        (name, block)
        for name in library.names()
        for d in derivations(name)
        for style in ("einstein", "sigma")
        for block in render.blocks(d, style)  # type: ignore[arg-type]
    ]


def test_nothing_is_lost_in_the_library() -> None:
    for name, block in library_lines():
        for line in block.lines:
            flat = TEXT.text(line.node)
            found = rows(line.node, TEXT, 40)
            joined = " ".join(row.text.removeprefix("× ") for row in found)
            assert re.sub(r"[\s()]", "", joined) == re.sub(r"[\s()]", "", flat), name


def test_brackets_balance_in_latex() -> None:
    for name, block in library_lines():
        for line in block.lines:
            found = rows(line.node, LATEX, 18)
            joined = " ".join(row.text for row in found)
            assert joined.count("{") == joined.count("}"), name
            assert joined.count("ggl(") == joined.count("ggr)"), name
            for row in found:
                assert row.text.count(r"\left") == row.text.count(r"\right"), (name, row.text)
                assert row.text.count("{") == row.text.count("}"), (name, row.text)


@pytest.mark.parametrize("style", ["einstein", "sigma"])
def test_text_fits_its_width(style: render.Style) -> None:
    for name in library.names():
        for d in derivations(name):
            text = render.text(d, style).partition("\nNote: ")[0]
            for line in text.splitlines():
                assert TEXT.width(line) <= WIDTH, (name, line)


def test_text_fits_a_narrow_terminal() -> None:
    for name in ("layer_norm", "cross_entropy", "linear", "attention", "rms_norm"):
        for d in derivations(name):
            assert max(map(TEXT.width, render.text(d, width=80).splitlines())) <= 80, name


def test_mathml_is_well_formed() -> None:
    printer = MathMl()
    for name, block in library_lines():
        for node in (block.left, *(line.node for line in block.lines)):
            found = ElementTree.fromstring(f"<math>{printer.text(node)}</math>")
            for element in found.iter():
                parts = {"mfrac": 2, "msub": 2, "msup": 2, "mover": 2, "munder": 2, "msubsup": 3}
                assert len(element) == parts.get(element.tag, len(element)), (name, element.tag)
                assert len(element) or (element.text or "").strip() or element.tag == "mrow", (name, element.tag)

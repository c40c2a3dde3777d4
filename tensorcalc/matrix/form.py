"""Results in matrix notation: the lines that lead from indices to matrices, and the formula they end in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sympy import Expr

from tensorcalc.derivation.model import Derivation
from tensorcalc.expr import Partial
from tensorcalc.index import Index
from tensorcalc.matrix import signs
from tensorcalc.matrix.conversion import converted
from tensorcalc.matrix.display import Display
from tensorcalc.matrix.entries import confirms
from tensorcalc.matrix.indexed import Entries
from tensorcalc.matrix.lengths import hidden_lengths
from tensorcalc.matrix.nodes import Node, NoMatrixForm
from tensorcalc.matrix.places import named, places_of, slice_indices
from tensorcalc.matrix.reasons import BRACKETS, Words, joined, meanings, transpositions
from tensorcalc.matrix.spelling import MatrixLatex, MatrixText
from tensorcalc.matrix.titles import Titles
from tensorcalc.render import layout as at
from tensorcalc.render.context import AdjointNotation, Context
from tensorcalc.render.names import latex_text
from tensorcalc.render.walk import layout
from tensorcalc.rules.rule import Rule
from tensorcalc.system import System

__all__ = [
    "MatrixForm",
    "MatrixLine",
    "Row",
    "definition_forms",
    "latex_row",
    "matrix_form",
    "matrix_forms",
    "text_row",
]


@dataclass(frozen=True, slots=True)
class MatrixLine:
    """One line of a conversion: an equation, and the reason why it follows from the line before."""

    left: at.Node
    right: at.Node
    reason: Words = ()


@dataclass(frozen=True)
class MatrixForm:
    """A result in matrix notation.

    `lines` lead from index notation to the matrix formula: the result, the transposes that it needs, the entries of
    matrices in square brackets, and the formula. `plain` is its right side for NumPy, with the arrays by the names of
    their tensors (`d_y` for an upstream gradient, as in generated code), lengths by those of their dimensions, and
    functions that NumPy lacks by their names; `variable` is what it computes. `slices` are the indices that are held
    fixed: the formula holds for every one of their values. `formula` is the right side as a tree, `transpose` the
    letter of transposes in LaTeX.
    """

    lines: tuple[MatrixLine, ...]
    plain: str
    variable: str
    slices: tuple[str, ...]
    formula: Node
    transpose: str = "T"

    def latex(self) -> str:
        """The matrix formula as an equation in LaTeX."""
        return self.steps()[-1][0]

    def text(self) -> str:
        """The matrix formula as an equation in Unicode text."""
        left, right, _ = text_row(self.lines[-1])
        return f"{left} = {right}"

    def steps(self) -> tuple[tuple[str, str], ...]:
        """Every line as an equation in LaTeX, and its reason as prose with formulas between dollars."""
        rows = (latex_row(line, self.transpose) for line in self.lines)
        return tuple((f"{left} = {right}", "".join(words)) for left, right, words in rows)

    def __str__(self) -> str:
        return self.text()

    def _repr_latex_(self) -> str:
        return f"$${self.latex()}$$"


Row = tuple[str, str, tuple[str, ...]]
"""The two sides of an equation, and its reason in pieces that stay on one line."""


def text_row(line: MatrixLine) -> Row:
    """A line as Unicode text."""
    printer = MatrixText()
    reason = tuple(w if isinstance(w, str) else printer.text(w) for w in line.reason)
    return printer.text(line.left), printer.text(line.right), reason


def latex_row(line: MatrixLine, transpose: str) -> Row:
    """A line in LaTeX; the reason is prose, with formulas between dollars."""
    printer = MatrixLatex(transpose)
    reason = tuple(latex_text(w) if isinstance(w, str) else f"${printer.text(w)}$" for w in line.reason)
    return printer.text(line.left), printer.text(line.right), reason


def matrix_forms(derivation: Derivation, adjoint: AdjointNotation = "partial") -> tuple[MatrixForm | None, ...]:
    """The results of a derivation in matrix notation; `None` for each that has no such form.

    `adjoint` writes upstream gradients as ∂l/∂X (partial) or as X with a bar (bar).
    """
    context = Context.of(derivation, adjoint=adjoint)
    return tuple(matrix_form(left, right, context) for left, right in derivation.results)


def definition_forms(system: System) -> tuple[MatrixForm | None, ...]:
    """The definitions of a system in matrix notation; `None` for each that has no such form."""
    return tuple(matrix_form(d.lhs, d.rhs, Context(system)) for d in system.definitions)


def matrix_form(left: Expr, right: Expr, context: Context) -> MatrixForm | None:
    """An equation in matrix notation, or `None` where it has no such form.

    `left` is a component or a derivative over plain indices. The formula is expanded into indices again and compared
    with `right` before it is returned. Where all factors of order 3 and more share their leading indices, there is one
    formula for every value of those.
    """
    axes = _axes(left)
    if axes is None:
        return None
    slices = (slice_indices(left) | slice_indices(right)) & set(axes)
    held, kept = axes[: len(slices)], axes[len(slices) :]
    if set(held) != slices or len(kept) > 2:
        return None
    context = context.within([left, right])
    try:
        node, rules = converted(right, kept, frozenset(held), context)
        target = named(left, frozenset(held))
    except NoMatrixForm:
        return None
    if not confirms(node, right, kept):
        return None
    display = Display(context, Titles(context, (left, right)), hidden_lengths(node, kept))
    whole = display.formula(target), display.formula(node)
    variable, plain = map(display.titles.numpy.text, whole)
    lines = tuple(_Equation(left, right, node, rules, kept, held, whole, display).lines())
    transpose = "T" if "T" not in context.system.tensors else r"\top"
    return MatrixForm(lines, plain, variable, tuple(i.name for i in held), node, transpose)


def _axes(left: Expr) -> tuple[Index, ...] | None:
    """The indices of the left side, where they are plain and differ; those of a Jacobian are no slices."""
    places = places_of(left)
    if not all(isinstance(p, Index) for p in places) or len(set(places)) < len(places):
        return None
    if isinstance(left, Partial) and len(places) > 2 and places_of(left.expression):
        return None
    return places


@dataclass(frozen=True, slots=True)
class _Equation:
    """An equation whose right side is a matrix formula over `axes`, and the layouts of both sides as a whole."""

    left: Expr
    right: Expr
    node: Node
    rules: tuple[Rule, ...]
    axes: tuple[Index, ...]
    held: tuple[Index, ...]
    whole: tuple[at.Node, at.Node]
    display: Display

    def lines(self) -> Iterator[MatrixLine]:
        """The result, its transposes, its entries, and the formula; the result only where it differs from that."""
        start = layout(self.left, self.display.context), layout(self.right, self.display.context)
        printer = MatrixText()
        if [*map(printer.text, start)] != [*map(printer.text, self.whole)]:
            yield MatrixLine(*start)
        reasons = joined([*((r.name,) for r in self.rules), *transpositions(self.node, self.axes, self.display)])
        if reasons:
            entries = Entries(self.display, square=False).carried(self.node, self.axes, self.held)
            yield MatrixLine(start[0], entries, reasons)
        if self.axes:
            letters = tuple(at.Name(i.name) for i in self.axes)
            entries = Entries(self.display, square=True).of(self.node, self.axes)
            yield MatrixLine(signs.Entry(self.whole[0], letters), entries, BRACKETS)
        yield MatrixLine(*self.whole, meanings(self.node, self.held))

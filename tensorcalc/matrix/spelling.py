"""How matrix formulas are spelled in LaTeX and as Unicode text; what both and NumPy share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import MappingProxyType

from tensorcalc.matrix import signs
from tensorcalc.render import layout as at
from tensorcalc.render.latex import Latex
from tensorcalc.render.layout import Node
from tensorcalc.render.names import latex_name
from tensorcalc.render.notation import Level, Notation, Printed
from tensorcalc.render.unicode import UnicodeText

__all__ = ["MatrixLatex", "MatrixNotation", "MatrixText"]

Constant = signs.Ones | signs.Basis | signs.Selection | signs.Identity


class MatrixNotation(Notation):
    """A printer that knows the signs of matrix notation. Subclasses spell them; brackets are decided here."""

    circles = (" ⊙ ", " ⊘ ")
    marks = MappingProxyType({"dot": "{}\N{COMBINING DOT ABOVE}", "bar": "{}\N{COMBINING MACRON}"})

    def print(self, node: Node, bare: bool = True) -> Printed:
        match node:
            case signs.TensorName(_, shown):
                return self.print(shown, bare)
            case signs.Vector(name):
                return self.vector(name)
            case signs.Slice():
                return self.slice(node)
            case signs.Ones() | signs.Basis() | signs.Selection() | signs.Identity():
                return self.constant(node), Level.ATOM
            case signs.Marked(tensor, mark):
                return self.marks[mark].format(self.text(tensor)), Level.ATOM
            case signs.Transposed(matrix):
                return self.transposed(matrix)
            case signs.Row():
                return self.row(node)
            case signs.Inverted(matrix):
                return self.inverted(matrix)
            case signs.Entry(matrix, indices, square):
                return self.entry(matrix, indices, square), Level.POWER
            case _:
                return self.print_operation(node, bare)

    def print_operation(self, node: Node, bare: bool) -> Printed:
        """Signs that join or apply to whole formulas."""
        match node:
            case signs.Product():
                return self.matrix_product(node)
            case signs.OuterProduct(column, row):
                return self.outer(column, row)
            case signs.Times(scalars, body):
                return self.scaled(scalars, body)
            case signs.Circled(factors, divisors):
                return self.circled(factors, divisors)
            case signs.EntrywisePower(base, exponent):
                return self.entrywise_power(base, exponent), Level.POWER
            case signs.Diag():
                return self.diag(node)
            case signs.SliceSum():
                return self.slice_sum(node)
            case _:
                return super().print(node, bare)

    def tight(self, node: Node) -> str:
        """A node that an exponent can be put to."""
        return self.at_least(node, Level.ATOM, bare=False)

    def loose(self, node: Node) -> str:
        """A factor of a product of matrices or of a product entry by entry."""
        text, level = self.print(node, bare=False)
        return self.brackets(text) if level <= Level.PRODUCT else text

    def scalar(self, node: Node) -> str:
        """A scalar before other factors."""
        return self.factor(node, last=False, bare=False)

    def matrix_product(self, node: signs.Product) -> Printed:
        return self.join([self.loose(f) for f in node.factors]), Level.PRODUCT

    def outer(self, column: Sequence[Node], row: Sequence[Node]) -> Printed:
        return self.join([self.loose(f) for f in (*column, *row)]), Level.PRODUCT

    def scaled(self, scalars: Sequence[Node], body: Node) -> Printed:
        text, level = self.print(body)
        text = self.brackets(text) if level < Level.SIGMA else text
        return self.join([*map(self.scalar, scalars), text]), min(max(level, Level.SIGMA), Level.PRODUCT)

    def circled(self, factors: Sequence[Node], divisors: Sequence[Node]) -> Printed:
        multiply, divide = self.circles
        above = multiply.join(self.loose(f) for f in factors)
        if not divisors:
            return above, Level.SIGMA
        below = divisors[0] if len(divisors) == 1 else signs.Circled(tuple(divisors))
        return f"{above}{divide}{self.loose(below)}", Level.SIGMA

    def diag(self, node: signs.Diag) -> Printed:
        call = at.Call("diag", (node.content,))
        return self.inverted(call) if node.inverse else self.print(call)

    def slice_sum(self, node: signs.SliceSum) -> Printed:
        return self.over("sum", (node.letter,), node.body)

    def vector(self, name: str) -> Printed:
        raise NotImplementedError

    def slice(self, node: signs.Slice) -> Printed:
        raise NotImplementedError

    def constant(self, node: Constant) -> str:
        raise NotImplementedError

    def transposed(self, matrix: Node) -> Printed:
        raise NotImplementedError

    def row(self, node: signs.Row) -> Printed:
        raise NotImplementedError

    def inverted(self, matrix: Node) -> Printed:
        raise NotImplementedError

    def entrywise_power(self, base: Node, exponent: Node) -> str:
        raise NotImplementedError

    def entry(self, matrix: Node, indices: Sequence[Node], square: bool) -> str:
        raise NotImplementedError


ROW_OF_ONES = r"\begin{pmatrix} 1 & \cdots & 1 \end{pmatrix}"


class MatrixLatex(MatrixNotation, Latex):
    """`\\left(\\frac{\\partial l}{\\partial Y}\\right)^{T} X`. `transpose` is the letter in the exponent."""

    circles = (r" \odot ", r" \oslash ")
    marks = MappingProxyType({"dot": r"\dot{{{}}}", "bar": r"\bar{{{}}}"})

    def __init__(self, transpose: str = "T") -> None:
        self.transpose = transpose

    def vector(self, name: str) -> Printed:
        return _bold(latex_name(name)[0]), Level.ATOM

    def slice(self, node: signs.Slice) -> Printed:
        spelled, scripted = latex_name(node.name, indexed=True)
        spelled = _bold(spelled) if node.vector else spelled
        return f"{spelled}_{{{self.indices(node.indices)}}}", Level.POWER if scripted else Level.ATOM

    def constant(self, node: Constant) -> str:
        if isinstance(node, signs.Identity):
            return self.name(node.letter)
        if isinstance(node, signs.Selection):
            return rf"\operatorname{{onehot}}{self.brackets(self.text(node.labels))}"
        if isinstance(node, signs.Ones):
            return r"\mathbf{1}" + (rf"_{{{self.text(node.length)}}}" if node.length is not None else "")
        return rf"\mathbf{{e}}_{{{self.text(node.place)}}}"

    def transposed(self, matrix: Node) -> Printed:
        if isinstance(matrix, signs.Inverted):
            return f"{self.tight(matrix.matrix)}^{{-{self.transpose}}}", Level.POWER
        return f"{self.tight(matrix)}^{{{self.transpose}}}", Level.POWER

    def row(self, node: signs.Row) -> Printed:
        return (ROW_OF_ONES, Level.ATOM) if node.spelled_out else self.transposed(node.vector)

    def inverted(self, matrix: Node) -> Printed:
        inner = self.text(matrix) if isinstance(matrix, at.Call) else self.tight(matrix)
        return f"{inner}^{{-1}}", Level.POWER

    def entrywise_power(self, base: Node, exponent: Node) -> str:
        return rf"{self.tight(base)}^{{\odot {self.text(exponent)}}}"

    def call(self, node: at.Call, bare: bool) -> Printed:
        if isinstance(node, signs.Applied) and node.function == "abs":  # |X| would be a determinant
            return rf"\operatorname{{abs}}{self.brackets(self.text(node.arguments[0]))}", Level.PREFIX
        return super().call(node, bare)

    def entry(self, matrix: Node, indices: Sequence[Node], square: bool) -> str:
        left, right = "[]" if square else "()"
        return rf"\left{left}{self.text(matrix)}\right{right}_{{{self.indices(indices)}}}"


def _bold(spelled: str) -> str:
    """A name in LaTeX with its letters in bold, without its scripts."""
    stem, scripts = re.fullmatch(r"(\\mathrm\{.*?\}|[^_^]+)(.*)", spelled).groups()  # type: ignore[union-attr]
    if stem.startswith(r"\mathrm"):
        return stem.replace(r"\mathrm", r"\mathbf", 1) + scripts
    return rf"\boldsymbol{{{stem}}}{scripts}" if stem.startswith("\\") else rf"\mathbf{{{stem}}}{scripts}"


class MatrixText(MatrixNotation, UnicodeText):
    """`(∂l/∂Y)ᵀ X`."""

    def vector(self, name: str) -> Printed:
        return self.name(name), Level.ATOM

    def slice(self, node: signs.Slice) -> Printed:
        return f"{self.name(node.name)}{self.subscript(node.indices)}", Level.ATOM

    def scalar(self, node: Node) -> str:
        text, level = self.print(node, bare=False)
        return self.brackets(text) if level <= Level.FRACTION else text

    def constant(self, node: Constant) -> str:
        if isinstance(node, signs.Identity):
            return node.letter
        if isinstance(node, signs.Selection):
            return f"onehot({self.text(node.labels)})"
        if isinstance(node, signs.Ones):
            return "𝟏" + (self.subscript((node.length,)) if node.length is not None else "")
        return f"e{self.subscript((node.place,))}"

    def transposed(self, matrix: Node) -> Printed:
        if isinstance(matrix, signs.Inverted):
            return f"{self.tight(matrix.matrix)}⁻ᵀ", Level.POWER
        return f"{self.tight(matrix)}ᵀ", Level.POWER

    def row(self, node: signs.Row) -> Printed:
        return ("(1 ⋯ 1)", Level.ATOM) if node.spelled_out else self.transposed(node.vector)

    def inverted(self, matrix: Node) -> Printed:
        return f"{self.tight(matrix)}⁻¹", Level.POWER

    def entrywise_power(self, base: Node, exponent: Node) -> str:
        shown = self.text(exponent)
        return (
            f"{self.tight(base)}^⊙{shown}" if shown.removeprefix("−").isalnum() else f"{self.tight(base)}^⊙{{{shown}}}"
        )

    def call(self, node: at.Call, bare: bool) -> Printed:
        if isinstance(node, signs.Applied) and node.function == "abs":  # |X| would be a determinant
            return f"abs{self.brackets(self.text(node.arguments[0]))}", Level.ATOM
        return super().call(node, bare)

    def entry(self, matrix: Node, indices: Sequence[Node], square: bool) -> str:
        left, right = "[]" if square else "()"
        return f"{left}{self.text(matrix)}{right}{self.subscript(indices)}"

"""Matrix formulas as NumPy expressions: arrays by the names of their tensors, vectors with one axis.

Functions that NumPy lacks are called by their names in the notation (`sigmoid`, `erf`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tensorcalc.matrix import signs
from tensorcalc.matrix.spelling import Constant, MatrixNotation
from tensorcalc.render import layout as at
from tensorcalc.render.layout import Node
from tensorcalc.render.notation import Level, Printed
from tensorcalc.render.plain import Plain

__all__ = ["NumPy"]

_CALLS = {
    name: f"np.{name}({{}})"
    for name in ("exp", "log", "log1p", "expm1", "abs", "sign", "sin", "cos", "tan", "sinh", "cosh", "tanh")
}
_CALLS |= {f"a{name}": f"np.arc{name}({{}})" for name in ("sin", "cos", "tan")}
_CALLS |= {
    "max": "np.maximum({})",
    "min": "np.minimum({})",
    "relu": "np.maximum({}, 0)",
    "softplus": "np.logaddexp({}, 0)",
    "tr": "np.trace({})",
    "det": "np.linalg.det({})",
    "logdet": "np.log(np.linalg.det({}))",
}
_COMPARISONS = {
    "≤": "less_equal",
    "<": "less",
    "≥": "greater_equal",
    ">": "greater",
    "=": "equal",
    "≠": "not_equal",
}


class NumPy(MatrixNotation, Plain):
    """`d_y.T @ x`. `variables` are the Python names of tensors and dimensions that differ from their own."""

    circles = (" * ", " / ")

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = {"pi": "np.pi", **variables}

    def print(self, node: Node, bare: bool = True) -> Printed:
        if isinstance(node, signs.TensorName):
            return node.name, Level.ATOM
        return super().print(node, bare)

    def join(self, factors: Sequence[str]) -> str:
        return " * ".join(factors)

    def name(self, name: str) -> str:
        return self.variables.get(name, name)

    def component(self, name: str, indices: Sequence[Node]) -> str:
        return super().component(self.variables.get(name, name), indices)

    def constant(self, node: Constant) -> str:
        if isinstance(node, signs.Ones):
            return f"np.ones({node.size})"
        places = (
            node.place if isinstance(node, signs.Basis) else node.labels if isinstance(node, signs.Selection) else None
        )
        return f"np.eye({node.size})" + (f"[{self.text(places)}]" if places else "")

    def vector(self, name: str) -> Printed:
        return self.name(name), Level.ATOM

    def transposed(self, matrix: Node) -> Printed:
        return f"{self.tight(matrix)}.T", Level.ATOM

    def row(self, node: signs.Row) -> Printed:
        return self.print(node.vector)

    def inverted(self, matrix: Node) -> Printed:
        return f"np.linalg.inv({self.text(matrix)})", Level.ATOM

    def matrix_product(self, node: signs.Product) -> Printed:
        """Factors with `@` between them; a vector of ones at an end is a sum over that axis."""
        first, last = node.factors[0], node.factors[-1]
        before, behind = (
            isinstance(first, signs.Row) and isinstance(first.vector, signs.Ones),
            isinstance(last, signs.Ones),
        )
        if not (before or behind):
            return " @ ".join(self.loose(f) for f in node.factors), Level.PRODUCT
        inner = node.factors[before : len(node.factors) - behind]
        summed = self.tight(inner[0] if len(inner) == 1 else signs.Product(inner, 2))
        return f"{summed}.sum({f'axis={int(behind)}' if node.order else ''})", Level.ATOM

    def outer(self, column: Sequence[Node], row: Sequence[Node]) -> Printed:
        parts = [self.text(p[0] if len(p) == 1 else signs.Product(tuple(p), 1)) for p in (column, row)]
        return f"np.outer({', '.join(parts)})", Level.ATOM

    def circled(self, factors: Sequence[Node], divisors: Sequence[Node]) -> Printed:
        return super().circled(factors, divisors)[0], Level.PRODUCT

    def entrywise_power(self, base: Node, exponent: Node) -> str:
        return self.power(base, exponent)

    def power(self, base: Node, exponent: Node) -> str:
        return f"{self.tight(base)} ** {self.tight(exponent)}"

    def root(self, radicand: Node) -> str:
        return f"np.sqrt({self.text(radicand)})"

    def exponential(self, exponent: Node) -> Printed:
        return f"np.exp({self.text(exponent)})", Level.ATOM

    def fraction(self, numerator: Node, denominator: Node) -> str:
        return f"{self.at_least(numerator, Level.PRODUCT)} / {self.at_least(denominator, Level.POWER)}"

    def diag(self, node: signs.Diag) -> Printed:
        content = self.text(node.content)
        return f"np.diag({f'1 / {self.loose(node.content)}' if node.inverse else content})", Level.ATOM

    def call(self, node: at.Call, bare: bool) -> Printed:
        arguments = ", ".join(self.text(a) for a in node.arguments)
        return _CALLS.get(node.function, f"{node.function}({{}})").format(arguments), Level.ATOM

    def comparison(self, node: at.Comparison) -> str:
        left, right = node.left, node.right
        if node.word in ("positive", "larger"):  # the value at equality is that of the derivative
            larger, smaller = (left, right) if node.relation == ">" else (right, left)
            return f"np.heaviside({self.text(larger)} - {self.loose(smaller)}, {0.5 if node.word == 'larger' else 0.0})"
        return f"np.{_COMPARISONS[node.relation]}({self.text(left)}, {self.text(right)}).astype(float)"

    def delta(self, first: Node, second: Node) -> str:
        return f"np.equal({self.text(first)}, {self.text(second)}).astype(float)"

    def derivative(self, node: at.Derivative) -> Printed:
        if node.plain:
            return super().derivative(node)
        names = [part.name for part in (node.numerator, *node.denominators) if isinstance(part, at.Symbol | at.Name)]
        return "_".join(f"d_{self.name(n)}" for n in names), Level.ATOM

    def slice_sum(self, node: signs.SliceSum) -> Printed:
        return f"sum({self.text(node.body)} for {node.letter} in range({node.size}))", Level.ATOM

    def entry(self, matrix: Node, indices: Sequence[Node], square: bool) -> str:
        return f"{self.tight(matrix)}[{self.indices(indices, ', ')}]"

"""How a matrix formula looks as a whole: what stands in which order, what is a fraction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy
from sympy import Expr, S, fraction

from tensorcalc.expr import Component
from tensorcalc.functions import FUNCTIONS
from tensorcalc.index import Dimension
from tensorcalc.matrix import nodes, signs
from tensorcalc.matrix.nodes import Node, order
from tensorcalc.matrix.titles import Titles
from tensorcalc.render import layout as at
from tensorcalc.render.context import Context
from tensorcalc.render.walk import layout

__all__ = ["Display", "joined"]

_ONE = at.Number(S.One)


@dataclass(frozen=True)
class Display:
    """Layouts of matrix formulas in one context. `lengths` are the dimensions whose vectors of ones say how long they
    are."""

    context: Context
    titles: Titles
    lengths: frozenset[Dimension] = frozenset()

    def formula(self, node: Node) -> at.Node:
        """The formula without indices."""
        match node:
            case nodes.Transpose(matrix):
                return signs.Transposed(self.formula(matrix))
            case nodes.Product(nodes.Ones(dimension), matrices, None, _):  # a row as a whole
                ones = signs.Row(self.ones(dimension), spelled_out=dimension not in self.lengths)
                return signs.Product((ones, *map(self.formula, matrices)), 1)
            case nodes.Product():
                return signs.Product(self.factors(node), order(node))
            case nodes.Outer(column, row):
                return signs.OuterProduct(self.factors(column), self.factors(row, row=True))
            case nodes.Trace(matrices, _):
                parts = tuple(map(self.formula, matrices))
                return at.Call("tr", (parts[0] if len(parts) == 1 else signs.Product(parts, 2),))
            case nodes.DiagonalMatrix(nodes.Hadamard((), divisors)):
                return signs.Diag(_circled([self.formula(d) for d in divisors]), inverse=True)
            case nodes.Diagonal(inner) | nodes.DiagonalMatrix(inner):
                return signs.Diag(self.formula(inner))
            case nodes.Det(matrix, logarithm):
                return at.Call("logdet" if logarithm else "det", (self.formula(matrix),))
            case nodes.SliceSum(index, body):
                return signs.SliceSum(index.name, self.titles.size(index.dimension), self.formula(body))
            case nodes.Scalar() | nodes.Named():
                return self.atom(node)
            case nodes.Ones() | nodes.Basis() | nodes.Selection() | nodes.Identity():
                return self.constant(node)
            case _:
                return self.entrywise(node, [self.formula(c) for c in nodes.children(node)], whole=order(node) > 0)

    def atom(self, node: nodes.Scalar | nodes.Named) -> at.Node:
        """A scalar, or a tensor by name."""
        if isinstance(node, nodes.Scalar):
            return layout(node.expression, self.context)
        return self.titles.named(node)

    def constant(self, node: nodes.Ones | nodes.Basis | nodes.Selection | nodes.Identity) -> at.Node:
        """A vector or matrix of zeros and ones."""
        size = self.titles.size(node.dimension)
        match node:
            case nodes.Ones(dimension):
                return self.ones(dimension)
            case nodes.Basis(place, _):
                return signs.Basis(layout(place, self.context), size)
            case nodes.Selection(label, _):
                return signs.Selection(self.titles.named(label), size)
            case nodes.Identity():
                return signs.Identity(self.titles.identity, size)

    def ones(self, dimension: Dimension) -> signs.Ones:
        """The vector of ones along a dimension."""
        length = layout(dimension, self.context) if dimension in self.lengths else None
        return signs.Ones(self.titles.size(dimension), length)

    def factors(self, node: Node, row: bool = False) -> tuple[at.Node, ...]:
        """The factors of a product, or a single vector; its first one as a row where it stands as one."""
        if not isinstance(node, nodes.Product):
            return (signs.Row(self.formula(node)) if row else self.formula(node),)
        parts = [self.formula(f) for f in node.factors]
        if node.left is not None:
            parts[0] = signs.Row(parts[0])
        return tuple(parts)

    def entrywise(self, node: Node, parts: Sequence[at.Node], whole: bool) -> at.Node:
        """An operation on entries, with its operands laid out; `whole`: they are whole vectors or matrices."""
        match node:
            case nodes.Sum():
                return at.Sum(tuple(parts))
            case nodes.Power(_, exponent):
                return self.power(parts[0], exponent, whole)
            case nodes.Elementwise(function, _):
                return _function(function, tuple(parts), whole)
            case nodes.Scaled():
                return self.scaled(node, parts)
            case nodes.Hadamard(factors, _):
                above, below = parts[: len(factors)], parts[len(factors) :]
                if not whole:
                    return at.Fraction(joined(above), joined(below)) if below else joined(above)
                if not above:
                    return signs.EntrywisePower(_circled(below), at.Negative(_ONE))
                return signs.Circled(tuple(above), tuple(below))
            case _:
                raise TypeError(f"no operation on entries: {node!r}")

    def power(self, base: at.Node, exponent: Expr, whole: bool) -> at.Node:
        if exponent == S.Half:
            return at.Root(base)
        above = layout(exponent, self.context)
        return signs.EntrywisePower(base, above) if whole else at.Power(base, above)

    def scaled(self, node: nodes.Scaled, parts: Sequence[at.Node]) -> at.Node:
        """A scalar and what it multiplies; divisors make a fraction."""
        count, rest = len(node.factors), len(node.factors) + len(node.divisors)
        factors, divisors, body = parts[:count], parts[count:rest], parts[rest:]
        negative = bool(node.number.as_coeff_Mul()[0] < 0)
        number = -node.number if negative else node.number
        if divisors:
            above, below = fraction(number)
            numerator = [*self.number(above), *factors]
            if not numerator:
                numerator, body = list(body), ()
            scalars: list[at.Node] = [at.Fraction(joined(numerator), joined([*self.number(below), *divisors]))]
        elif body and not factors and _is_divisor(number):
            return _signed(at.Fraction(body[0], joined(self.number(1 / number))), negative)
        else:
            scalars = [*self.number(number), *factors]
        last = body[0] if body else scalars.pop()
        return _signed(signs.Times(tuple(scalars), last) if scalars else last, negative)

    def number(self, expression: Expr) -> list[at.Node]:
        """The factors of a scalar as they are written; none for 1."""
        if expression == 1:
            return []
        node = layout(expression, self.context)
        return list(node.factors) if isinstance(node, at.Product) else [node]


def _function(function: type[Expr], arguments: tuple[at.Node, ...], whole: bool) -> at.Node:
    """A function of numbers, or of whole vectors and matrices entry by entry."""
    if issubclass(function, sympy.exp) and not whole:
        return at.Exponential(arguments[0])
    name = next(row.name for row in FUNCTIONS.values() if row.symbol is function)
    if name == "positive":
        return at.Comparison(">", arguments[0], at.Number(S.Zero), name)
    if name in ("larger", "equal"):
        return at.Comparison(">" if name == "larger" else "=", arguments[0], arguments[1], name)
    return signs.Applied(name, arguments) if whole else at.Call(name, arguments)


def _is_divisor(number: Expr) -> bool:
    """Whether a number is one over scalar tensors: what it multiplies stands above the line of a fraction."""
    return fraction(number)[0] == 1 and bool(number.has(Component))


def _signed(node: at.Node, negative: bool) -> at.Node:
    return at.Negative(node) if negative else node


def _circled(parts: Sequence[at.Node]) -> at.Node:
    return parts[0] if len(parts) == 1 else signs.Circled(tuple(parts))


def joined(parts: Sequence[at.Node]) -> at.Node:
    """Factors side by side; products among them are joined."""
    factors = [f for p in parts for f in (p.factors if isinstance(p, at.Product) else (p,)) if f != _ONE]
    return factors[0] if len(factors) == 1 else at.Product(tuple(factors)) if factors else _ONE

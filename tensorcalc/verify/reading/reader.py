"""The sides of an article's equations as values."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from tensorcalc.verify.latex.tree import (
    At,
    BigOperator,
    Bracket,
    Cases,
    DerivativeOf,
    Function,
    Matrix,
    Node,
    Number,
    Prime,
    Product,
    Quotient,
    Relation,
    Root,
    Scripted,
    Sequence,
    Sum,
    Symbol,
    Words,
)
from tensorcalc.verify.problems import NotCheckable
from tensorcalc.verify.reading.operators import Operators
from tensorcalc.verify.reading.values import MINUS, Again, Val
from tensorcalc.verify.signs import is_differential_sign
from tensorcalc.verify.terms import Added, Constant, Powered, Times

__all__ = ["Reader"]


class Reader(Operators):
    """Reads the sides of one article's equations."""

    def read(self, node: Node) -> Val:
        """The value of a side; implied sums are not explicit yet.

        Raises `NotCheckable` or `IllFormed`.
        """
        self.scope = {}
        self.bindings = dict(self.arguments)
        self.selected = {}
        self.calls = 0
        self.whole, self.slices = False, []
        try:
            value = self.guessed(node)
        except NotCheckable:
            if self.slices and not self.whole:
                raise self.slices[0] from None
            raise
        if self.slices and not self.whole:
            raise self.slices[0]
        return value

    def guessed(self, node: Node) -> Val:
        """The value, read again whenever a name turns out to be a vector."""
        for _ in range(20):
            try:
                return self.value(node)
            except Again:
                self.scope = {}
        raise NotCheckable("it does not become clear which names are vectors", node.span)

    def value(self, node: Node) -> Val:
        match node:
            case Number():
                return Val(Constant(node.value))
            case Symbol() | Scripted():
                return self.scripted(node)
            case Sum():
                return self.sum(node)
            case Product():
                return self.product(node)
            case Quotient():
                return self.quotient(node)
            case Root():
                degree = Fraction(1, 2)
                if node.degree is not None:
                    inner = node.degree
                    if not isinstance(inner, Number) or not inner.value:
                        raise NotCheckable("the degree of a root is no number", node.span)
                    degree = 1 / inner.value
                inside = self.value(node.radicand)
                return replace(inside, term=Powered(inside.term, Constant(degree)))
            case Bracket():
                return self.bracket(node)
            case Function():
                return self.function(node)
            case BigOperator():
                return self.big(node)
            case DerivativeOf():
                return self.derivative(node)
            case Cases():
                return self.cases(node)
            case At():
                return self.evaluated(node)
            case Matrix():
                return self.matrix(node)
            case Relation():
                return self.relation(node)
            case Words() | Prime() | Sequence():
                raise NotCheckable("words or signs stand where a value is expected", node.span)
        raise NotCheckable("this part of the formula is not read", node.span)

    def sum(self, node: Sum) -> Val:
        values = []
        for term, minus in zip(node.terms, node.subtracted, strict=True):
            value = self.value(term)
            values.append(replace(value, term=Times((MINUS, value.term))) if minus else value)
        if len(values) == 1:
            return values[0]
        return self.together(values, lambda terms: Added(tuple(terms)), node.span)

    def product(self, node: Product) -> Val:
        bracketed = isinstance(node.factors[1], Bracket) and node.factors[1].kind == "("
        if self.varied and is_differential_sign(node.factors[0]) and not bracketed and not any(node.signs[1:]):
            rest = (
                node.factors[1]
                if len(node.factors) == 2
                else replace(node, factors=node.factors[1:], signs=node.signs[1:])
            )
            return self.varying(self.value(rest), node.span)
        factors = self.with_calls(node)
        result: Val | None = None
        for sign, factor in factors:
            if result is not None and isinstance(factor, Bracket) and self.is_stacked(factor, result):
                result = self.stacked(result, factor)
                continue
            value = factor if isinstance(factor, Val) else self.value(factor)
            if result is None:
                result = value
            elif sign in ("/", "\\div", "\\oslash"):
                inverse = replace(value, term=Powered(value.term, MINUS))
                if value.axes and not result.axes and sign == "/":
                    result = Val(Times((result.term, inverse.term)), value.axes, value.row)
                elif value.axes:
                    result = self.entrywise(result, inverse, node.span)
                else:
                    result = replace(result, term=self.times(result.term, inverse.term))
            elif sign in ("\\odot", "\\circ", "*", "\\ast") and result.axes and value.axes:
                result = self.entrywise(result, value, node.span)
            elif sign == ":":
                result = self.inner(result, value, node.span)
            elif sign == "\\otimes" and len(result.axes) == len(value.axes) == 1:
                result = Val(self.times(result.term, value.term), (*result.axes, *value.axes))
            else:
                result = self.multiplied(result, value, sign, node.span)
        assert result is not None
        return result

    def quotient(self, node: Quotient) -> Val:
        above, below = self.value(node.numerator), self.value(node.denominator)
        if below.axes:
            return self.entrywise(above, replace(below, term=Powered(below.term, MINUS)), node.span)
        return replace(above, term=self.times(above.term, Powered(below.term, MINUS)))

"""Expressions in the notation that is typed, with every sum explicit: what is printed here can be read again."""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Expr

from tensorcalc.render import layout as at
from tensorcalc.render.layout import Node
from tensorcalc.render.notation import Level, Notation, Printed
from tensorcalc.render.numbers import decimal, is_decimal

__all__ = ["Plain"]


class Plain(Notation):
    """`s[n] - delta(T, n)`. An unevaluated derivative has no input form and is printed as `D(e, x[n])`."""

    fraction_level = Level.PRODUCT

    def join(self, factors: Sequence[str]) -> str:
        return "*".join(factors)

    def factor(self, node: Node, last: bool, bare: bool) -> str:
        if isinstance(node, at.Fraction):
            return self.text(node)  # a*b/c is (a*b)/c, of the same value
        return super().factor(node, last, bare)

    def product(self, factors: Sequence[Node], bare: bool) -> str:
        if isinstance(factors[0], at.Number):
            return self.join([self.text(factors[0]), *(self.factor(f, False, bare) for f in factors[1:])])
        return super().product(factors, bare)

    def brackets(self, text: str) -> str:
        return f"({text})"

    def number(self, value: Expr) -> Printed:
        if value.is_Rational and value.q != 1 and not is_decimal(value):
            return f"{value.p}/{value.q}", Level.PRODUCT
        return decimal(value), Level.ATOM

    def name(self, name: str) -> str:
        return name

    def symbol(self, node: at.Symbol) -> Printed:
        return self.component(node.plain or node.name, node.indices), Level.ATOM

    def component(self, name: str, indices: Sequence[Node]) -> str:
        return f"{name}[{self.indices(indices)}]" if indices else name

    def indices(self, indices: Sequence[Node], separator: str = ",") -> str:
        return separator.join(self.text(i).replace(" ", "") for i in indices)

    def ones(self, index: Node) -> str:
        return f"1[{self.indices((index,))}]"

    def delta(self, first: Node, second: Node) -> str:
        return f"delta({self.indices((first, second), ', ')})"

    def comparison(self, node: at.Comparison) -> str:
        arguments = [node.left] if node.word == "positive" else [node.left, node.right]
        return f"{node.word}({', '.join(self.text(a) for a in arguments)})"

    def fraction(self, numerator: Node, denominator: Node) -> str:
        return f"{self.at_least(numerator, Level.PRODUCT)}/{self.at_least(denominator, Level.POWER)}"

    def power(self, base: Node, exponent: Node) -> str:
        return f"{self.at_least(base, Level.ATOM)}^{self.at_least(exponent, Level.ATOM)}"

    def root(self, radicand: Node) -> str:
        return f"sqrt({self.text(radicand)})"

    def exponential(self, exponent: Node) -> Printed:
        return f"exp({self.text(exponent)})", Level.ATOM

    def call(self, node: at.Call, bare: bool) -> Printed:
        return f"{node.function}({', '.join(self.text(a) for a in node.arguments)})", Level.ATOM

    def derivative(self, node: at.Derivative) -> Printed:
        if node.plain:
            sides = [s for s in (node.numerator, *node.denominators) if isinstance(s, at.Symbol)]
            return self.component(node.plain, [i for s in sides for i in s.indices]), Level.ATOM
        result = self.text(node.numerator)
        for denominator in node.denominators:
            result = f"D({result}, {self.text(denominator)})"
        return result, Level.ATOM

    def over(self, word: str, letters: Sequence[str], body: Node) -> Printed:
        return f"{word}({', '.join(letters)}, {self.text(body)})", Level.ATOM

"""Expressions as Unicode text for the terminal: `∂σ/∂x_n`, `e^{x_j}`, `δ_jn`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sympy import Expr

from tensorcalc.render import layout as at
from tensorcalc.render.layout import Node
from tensorcalc.render.names import text_name
from tensorcalc.render.notation import (
    Level,
    Notation,
    Printed,
    operand_level,
    raised_function,
    stands_alone,
    under_operator,
)
from tensorcalc.render.numbers import DIGITS, is_decimal, scientific

__all__ = ["UnicodeText"]

_COMBINING = re.compile("[\N{COMBINING GRAVE ACCENT}-\N{COMBINING LATIN SMALL LETTER X}]")
_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_MARKS = {"": "", "dot": "\N{COMBINING DOT ABOVE}", "bar": "\N{COMBINING MACRON}", "inverse": "⁻¹"}
_SIGNS = {"sum": "Σ", "prod": "Π", "amax": "max"}
_BARE = ("log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "det")


class UnicodeText(Notation):
    """Text in which a fraction before another factor stands in brackets: `(1/σ²)(a − b)`."""

    minus = "−"
    times = "×"
    fraction_level = Level.FRACTION

    def width(self, text: str) -> float:
        return float(len(text) - len(_COMBINING.findall(text)))

    def join(self, factors: Sequence[str]) -> str:
        result = factors[0]
        for factor in factors[1:]:
            if factor[0] in DIGITS and result[-1] in DIGITS:
                result += " · " + factor
            else:
                result += factor if result[-1] == ")" and factor[0] == "(" else " " + factor
        return result

    def product(self, factors: Sequence[Node], bare: bool) -> str:
        last = len(factors) - 1
        printed = [self.print(f, bare and k == last) for k, f in enumerate(factors)]
        fractions = [level == Level.FRACTION for _, level in printed]
        texts = [self.as_factor(p, k == last) for k, p in enumerate(printed)]
        for k, fraction in enumerate(fractions):
            if fraction and (k < last or fractions[k - 1]):
                texts[k] = self.brackets(texts[k])
        return self.join(texts)

    def brackets(self, text: str) -> str:
        return f"({text})"

    def number(self, value: Expr) -> Printed:
        if value.is_Rational and value.q != 1 and not is_decimal(value):
            return f"{value.p}/{value.q}", Level.FRACTION
        digits, power = scientific(value)
        if power:
            scale = f"10{str(power).translate(_SUPERSCRIPT)}"
            return (scale, Level.POWER) if digits == "1" else (f"{digits}·{scale}", Level.PRODUCT)
        return digits, Level.ATOM

    def name(self, name: str) -> str:
        return text_name(name)

    def symbol(self, node: at.Symbol) -> Printed:
        spelled = text_name(node.name) + _MARKS[node.mark]
        return f"{spelled}{self.subscript(node.indices)}" if node.indices else spelled, Level.ATOM

    def subscript(self, indices: Sequence[Node]) -> str:
        parts = [self.text(i).replace(" ", "") for i in indices]
        if all(len(p) == 1 and p.isalpha() for p in parts):
            return "_" + "".join(parts)
        if len(parts) == 1 and parts[0].isalnum():
            return f"_{parts[0]}"
        return f"_{{{','.join(parts)}}}"

    def ones(self, index: Node) -> str:
        return f"𝟏{self.subscript((index,))}"

    def delta(self, first: Node, second: Node) -> str:
        return f"δ{self.subscript((first, second))}"

    def comparison(self, node: at.Comparison) -> str:
        return f"[{self.text(node.left)} {node.relation} {self.text(node.right)}]"

    def fraction(self, numerator: Node, denominator: Node) -> str:
        above = self.at_least(numerator, Level.PRODUCT, bare=False)
        return f"{above}/{self.at_least(denominator, Level.POWER, bare=False)}"

    def power(self, base: Node, exponent: Node) -> str:
        if (call := raised_function(base, exponent)) is not None:
            return f"{call.function}{self.text(exponent).translate(_SUPERSCRIPT)} {self.text(call.arguments[0])}"
        spelled = self.at_least(base, Level.ATOM, bare=False)
        if isinstance(exponent, at.Number) and exponent.value.is_Integer:
            return f"{spelled}{self.text(exponent).translate(_SUPERSCRIPT)}"
        return f"{spelled}^{{{self.text(exponent)}}}"

    def root(self, radicand: Node) -> str:
        return f"√{self.at_least(radicand, Level.ATOM, bare=False)}"

    def exponential(self, exponent: Node) -> Printed:
        return f"e^{{{self.text(exponent)}}}", Level.POWER

    def call(self, node: at.Call, bare: bool) -> Printed:
        arguments = ", ".join(self.text(a) for a in node.arguments)
        if node.function == "abs":
            return f"|{arguments}|", Level.ATOM
        if node.function == "logdet":
            return f"log det {arguments}", Level.PREFIX
        if bare and node.function in _BARE and stands_alone(node.arguments[0]):
            return f"{node.function} {arguments}", Level.PREFIX
        return f"{node.function}({arguments})", Level.ATOM

    def derivative(self, node: at.Derivative) -> Printed:
        sign = "d" if node.total else "∂"
        below = "".join(f"{sign}{self.text(d)}" for d in node.denominators)
        if len(node.denominators) == 2 and len(set(node.denominators)) == 1:
            below = f"{sign}{self.text(node.denominators[0])}²"
        order = len(node.denominators)
        above = sign if order == 1 else f"{sign}{str(order).translate(_SUPERSCRIPT)}"
        if under_operator(node):
            return f"{above}/{below} {self.operand(node.numerator)}", Level.PREFIX
        space = " " if isinstance(node.numerator, at.Call) else ""
        return f"{above}{space}{self.text(node.numerator)}/{below}", Level.FRACTION

    def over(self, word: str, letters: Sequence[str], body: Node) -> Printed:
        subscript = self.subscript(tuple(at.Name(letter) for letter in letters))
        return f"{_SIGNS[word]}{subscript} {self.at_least(body, operand_level(word))}", Level.SIGMA

"""Expressions in MathML Core, which browsers and notebooks typeset without any script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from sympy import Expr

from tensorcalc.render import layout as at
from tensorcalc.render.layout import Node
from tensorcalc.render.names import split_name, text_name
from tensorcalc.render.notation import Level, Notation, Printed, operand_level, stands_alone, under_operator
from tensorcalc.render.numbers import is_decimal, scientific

__all__ = ["MathMl"]

_SIGNS = {"sum": "∑", "prod": "∏", "amax": "max"}
_ACCENTS = {"dot": "˙", "bar": "¯"}
_BARE = ("log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "det")
_APPLY = "<mo>&#x2061;</mo>"


class MathMl(Notation):
    """`<mfrac><mrow><mi>∂</mi><mi>σ</mi></mrow>…</mfrac>`; every piece is a sequence of elements."""

    minus = "<mo>−</mo>"
    plus = "<mo>+</mo>"
    times = "<mo>×</mo>"
    fraction_level = Level.FRACTION

    def join(self, factors: Sequence[str]) -> str:
        result = factors[0]
        for factor in factors[1:]:
            digits = result.endswith("</mn>") and factor.startswith("<mn>")
            result += ("<mo>·</mo>" if digits else "") + factor
        return result

    def brackets(self, text: str) -> str:
        return f"<mrow><mo>(</mo><mrow>{text}</mrow><mo>)</mo></mrow>"

    def number(self, value: Expr) -> Printed:
        if value.is_Rational and value.q != 1 and not is_decimal(value):
            return f"<mfrac><mn>{value.p}</mn><mn>{value.q}</mn></mfrac>", Level.FRACTION
        digits, power = scientific(value)
        if power:
            exponent = f"<mn>{power}</mn>" if power > 0 else f"<mrow><mo>−</mo><mn>{-power}</mn></mrow>"
            scale = f"<msup><mn>10</mn>{exponent}</msup>"
            return (scale, Level.POWER) if digits == "1" else (f"<mn>{digits}</mn><mo>·</mo>{scale}", Level.PRODUCT)
        return f"<mn>{digits}</mn>", Level.ATOM

    def name(self, name: str) -> str:
        stem, script = split_name(name)
        return f"<msub>{_letters(stem)}{_letters(script)}</msub>" if script else _letters(stem)

    def symbol(self, node: at.Symbol) -> Printed:
        stem, script = split_name(node.name)
        base = _letters(stem)
        if node.mark in _ACCENTS:
            base = f'<mover accent="true">{base}<mo>{_ACCENTS[node.mark]}</mo></mover>'
        above = f"<mo>(</mo>{_letters(script)}<mo>)</mo>" if script else ""
        if node.mark == "inverse":
            above += "<mo>−</mo><mn>1</mn>"
        if not node.indices:
            return f"<msub>{base}{_letters(script)}</msub>" if script else base, Level.ATOM
        below = _row(self.indices(node.indices))
        if above:
            return f"<msubsup>{base}{below}{_row(above)}</msubsup>", Level.POWER
        return f"<msub>{base}{below}</msub>", Level.ATOM

    def indices(self, indices: Sequence[Node]) -> str:
        plain = all(isinstance(i, at.Name | at.Symbol) for i in indices)
        return ("" if plain else "<mo>,</mo>").join(self.text(i) for i in indices)

    def ones(self, index: Node) -> str:
        return f"<msub><mn>𝟏</mn>{_row(self.text(index))}</msub>"

    def delta(self, first: Node, second: Node) -> str:
        return f"<msub><mi>δ</mi>{_row(self.indices((first, second)))}</msub>"

    def comparison(self, node: at.Comparison) -> str:
        relation = f"<mo>{escape(node.relation)}</mo>"
        return f"<mrow><mo>[</mo>{self.text(node.left)}{relation}{self.text(node.right)}<mo>]</mo></mrow>"

    def fraction(self, numerator: Node, denominator: Node) -> str:
        return f"<mfrac>{_row(self.text(numerator))}{_row(self.text(denominator))}</mfrac>"

    def power(self, base: Node, exponent: Node) -> str:
        raised = _row(self.text(exponent))
        spelled = self.at_least(base, Level.ATOM)
        if isinstance(base, at.Symbol) and spelled.startswith("<msub>"):  # the exponent above the indices
            return f"<msubsup>{spelled.removeprefix('<msub>').removesuffix('</msub>')}{raised}</msubsup>"
        return f"<msup>{_row(spelled)}{raised}</msup>"

    def root(self, radicand: Node) -> str:
        return f"<msqrt>{self.text(radicand)}</msqrt>"

    def exponential(self, exponent: Node) -> Printed:
        return f"<msup><mi>e</mi>{_row(self.text(exponent))}</msup>", Level.POWER

    def call(self, node: at.Call, bare: bool) -> Printed:
        arguments = "<mo>,</mo>".join(self.text(a) for a in node.arguments)
        if node.function == "abs":
            return f"<mrow><mo>|</mo>{arguments}<mo>|</mo></mrow>", Level.ATOM
        word = "log det" if node.function == "logdet" else node.function
        spelled = f"<mi>{escape(word)}</mi>{_APPLY}"
        if bare and node.function in (*_BARE, "logdet") and stands_alone(node.arguments[0]):
            return spelled + arguments, Level.PREFIX
        return spelled + self.brackets(arguments), Level.PREFIX

    def derivative(self, node: at.Derivative) -> Printed:
        sign = '<mi mathvariant="normal">d</mi>' if node.total else "<mi>∂</mi>"
        order = len(node.denominators)
        above = sign if order == 1 else f"<msup>{sign}<mn>{order}</mn></msup>"
        below = _row("".join(sign + self.text(d) for d in node.denominators))
        if under_operator(node):
            return f"<mfrac>{above}{below}</mfrac>{self.operand(node.numerator)}", Level.PREFIX
        return f"<mfrac>{_row(above + self.text(node.numerator))}{below}</mfrac>", Level.FRACTION

    def over(self, word: str, letters: Sequence[str], body: Node) -> Printed:
        below = _row("<mo>,</mo>".join(self.name(letter) for letter in letters))
        sign = f'<munder><mo movablelimits="false">{_SIGNS[word]}</mo>{below}</munder>'
        return sign + self.at_least(body, operand_level(word)), Level.SIGMA


def _row(elements: str) -> str:
    return f"<mrow>{elements}</mrow>"


def _letters(word: str) -> str:
    return f"<mn>{word}</mn>" if word.isdigit() else f"<mi>{escape(text_name(word))}</mi>"

"""Expressions in LaTeX, within what both amsmath and KaTeX (strict) accept."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sympy import Expr

from tensorcalc.render import layout as at
from tensorcalc.render.layout import Node
from tensorcalc.render.measure import latex_size, words_width
from tensorcalc.render.names import latex_name
from tensorcalc.render.notation import (
    Level,
    Notation,
    Printed,
    Word,
    operand_level,
    raised_function,
    stands_alone,
    under_operator,
)
from tensorcalc.render.numbers import DIGITS, is_decimal, scientific

__all__ = ["Latex"]

_FUNCTIONS = {name: f"\\{name}" for name in ("log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "max", "min", "det")}
_FUNCTIONS |= {f"a{name}": f"\\arc{name}" for name in ("sin", "cos", "tan")}
_FUNCTIONS["logdet"] = r"\log\det"
_SIGNS = {"sum": r"\sum", "prod": r"\prod", "amax": r"\max"}
_ACCENTS = {"dot": r"\dot", "bar": r"\bar"}
_RELATIONS = {"≤": r"\le", "≥": r"\ge", "≠": r"\ne"}


_SIZED = (("(", ")"), (r"\biggl(", r"\biggr)"), (r"\Biggl(", r"\Biggr)"))  # by the fractions inside
_PAIRED = re.compile(r"(\\left|\\right)(\\[a-z]+|.)")


class Latex(Notation):
    """`\\frac{\\partial \\sigma}{\\partial x_{n}}`."""

    fraction_level = Level.FRACTION
    times = r"\times"
    indent = 1.0

    def width(self, text: str) -> float:
        return latex_size(text).width

    def words_width(self, words: Sequence[Word]) -> float:
        spaces = words_width(" ") * (len(words) - 1)
        return spaces + sum(
            words_width(f"{w.before}{w.content}{w.after}")
            if isinstance(w.content, str)
            else words_width(w.before + w.after) + self.width(self.text(w.content))
            for w in words
        )

    def leading(self, sign: str) -> str:
        return f"{{}}{sign}"  # the empty group makes the sign one between two operands

    def opened(self, around: Node, gap: Node, inside: Node) -> tuple[str, str] | None:
        found = super().opened(around, gap, inside)
        if found is None:
            return None
        left, right = _SIZED[min(latex_size(self.text(inside)).fractions, 2)]
        before, after = (_unmatched(text, sign) for text, sign in zip(found, (left, right), strict=True))
        return None if before is None or after is None else (before, after)

    def join(self, factors: Sequence[str]) -> str:
        result = factors[0]
        for factor in factors[1:]:
            result += (r" \cdot " if factor[0] in DIGITS and result[-1] in DIGITS else " ") + factor
        return result

    def brackets(self, text: str) -> str:
        return rf"\left({text}\right)"

    def number(self, value: Expr) -> Printed:
        if value.is_Rational and value.q != 1 and not is_decimal(value):
            return rf"\frac{{{value.p}}}{{{value.q}}}", Level.FRACTION
        digits, power = scientific(value)
        if power:
            scale = f"10^{{{power}}}"
            return (scale, Level.POWER) if digits == "1" else (rf"{digits} \cdot {scale}", Level.PRODUCT)
        return digits, Level.ATOM

    def name(self, name: str) -> str:
        return latex_name(name)[0]

    def symbol(self, node: at.Symbol) -> Printed:
        spelled, scripted = latex_name(node.name, bool(node.indices), _ACCENTS.get(node.mark, ""))
        if node.mark == "inverse":
            spelled, scripted = rf"\left({latex_name(node.name)[0]}^{{-1}}\right)", True
        if not node.indices:
            return spelled, Level.ATOM
        return f"{spelled}_{{{self.indices(node.indices)}}}", Level.POWER if scripted else Level.ATOM

    def indices(self, indices: Sequence[Node]) -> str:
        plain = all(isinstance(i, at.Name | at.Symbol) for i in indices)
        return (" " if plain else ", ").join(self.text(i) for i in indices)

    def ones(self, index: Node) -> str:
        return rf"\mathbf{{1}}_{{{self.text(index)}}}"

    def delta(self, first: Node, second: Node) -> str:
        return rf"\delta_{{{self.indices((first, second))}}}"

    def comparison(self, node: at.Comparison) -> str:
        relation = _RELATIONS.get(node.relation, node.relation)
        return rf"\left[{self.text(node.left)} {relation} {self.text(node.right)}\right]"

    def fraction(self, numerator: Node, denominator: Node) -> str:
        return rf"\frac{{{self.text(numerator)}}}{{{self.text(denominator)}}}"

    def power(self, base: Node, exponent: Node) -> str:
        if (call := raised_function(base, exponent)) is not None:
            return rf"{_FUNCTIONS[call.function]}^{{{self.text(exponent)}}} {self.text(call.arguments[0])}"
        return f"{self.at_least(base, Level.ATOM)}^{{{self.text(exponent)}}}"

    def root(self, radicand: Node) -> str:
        return rf"\sqrt{{{self.text(radicand)}}}"

    def exponential(self, exponent: Node) -> Printed:
        return f"e^{{{self.text(exponent)}}}", Level.POWER

    def call(self, node: at.Call, bare: bool) -> Printed:
        arguments = ", ".join(self.text(a) for a in node.arguments)
        if node.function == "abs":
            return rf"\left\lvert {arguments} \right\rvert", Level.ATOM
        known = _FUNCTIONS.get(node.function)
        spelled = known or rf"\operatorname{{{node.function}}}"
        if bare and known and len(node.arguments) == 1 and stands_alone(node.arguments[0]):
            return f"{spelled} {arguments}", Level.PREFIX
        return f"{spelled}{self.brackets(arguments)}", Level.PREFIX

    def derivative(self, node: at.Derivative) -> Printed:
        sign = r"\mathrm{d}" if node.total else r"\partial"
        below = " ".join(f"{sign} {self.text(d)}" for d in node.denominators)
        if len(node.denominators) == 2 and len(set(node.denominators)) == 1:
            below = f"{sign} {self.text(node.denominators[0])}^{{2}}"
        above = sign if len(node.denominators) == 1 else f"{sign}^{{{len(node.denominators)}}}"
        if under_operator(node):
            return rf"\frac{{{above}}}{{{below}}} {self.operand(node.numerator)}", Level.PREFIX
        return rf"\frac{{{above} {self.text(node.numerator)}}}{{{below}}}", Level.FRACTION

    def over(self, word: str, letters: Sequence[str], body: Node) -> Printed:
        return rf"{_SIGNS[word]}_{{{', '.join(letters)}}} {self.at_least(body, operand_level(word))}", Level.SIGMA


def _unmatched(text: str, sign: str) -> str | None:
    """The text with `sign` for every round bracket whose partner is missing; `None` where another bracket misses it."""
    found = list(_PAIRED.finditer(text))
    partner: set[int] = set()
    waiting: list[int] = []
    for place, match in enumerate(found):
        if match[1] == r"\left":
            waiting.append(place)
        elif waiting:
            partner |= {waiting.pop(), place}
    result, end = "", 0
    for place, match in enumerate(found):
        alone = place not in partner
        if alone and match[2] not in "()":
            return None
        result += text[end : match.start()] + (sign if alone else match[0])
        end = match.end()
    return result + text[end:]

"""What all printers share: brackets by precedence. A notation says how each node is spelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from tensorcalc.render import layout as at
from tensorcalc.render.layout import Node

__all__ = ["Level", "Notation", "Printed", "Word"]


class Level(IntEnum):
    """How tightly a printed piece holds together."""

    SUM = 0
    SIGMA = 1
    PRODUCT = 2
    FRACTION = 3
    PREFIX = 4
    POWER = 5
    ATOM = 6


Printed = tuple[str, Level]


@dataclass(frozen=True, slots=True)
class Word:
    """What is not torn apart beside a formula: a word or a formula, with the punctuation before and behind it."""

    content: str | Node
    before: str = ""
    after: str = ""


class Notation:
    """A printer of layouts. Subclasses spell; `bare` allows functions without brackets around their argument."""

    minus = "-"
    plus = "+"
    times = "*"
    indent = 2.0  # how far a row is indented that continues a formula, in the unit of `width`
    fraction_level = Level.ATOM

    def print(self, node: Node, bare: bool = True) -> Printed:
        """The text of a node and how tightly it holds together."""
        match node:
            case at.Number(value):
                return self.number(value)
            case at.Name(name):
                return self.name(name), Level.ATOM
            case at.Symbol():
                return self.symbol(node)
            case at.Ones(index):
                return self.ones(index), Level.ATOM
            case at.Delta(first, second):
                return self.delta(first, second), Level.ATOM
            case at.Comparison():
                return self.comparison(node), Level.ATOM
            case at.Fraction(numerator, denominator):
                return self.fraction(numerator, denominator), self.fraction_level
            case at.Product(factors):
                return self.product(factors, bare), Level.PRODUCT
            case at.Negative(term):
                return f"{self.minus}{self.at_least(term, Level.SIGMA, bare)}", Level.SUM
            case at.Sum(terms):
                return self.sum(terms, bare), Level.SUM
            case _:
                return self.print_function(node, bare)

    def print_function(self, node: Node, bare: bool) -> Printed:
        """Nodes that hold an expression under a sign."""
        match node:
            case at.Power(base, exponent):
                return self.power(base, exponent), Level.POWER
            case at.Root(radicand):
                return self.root(radicand), Level.POWER
            case at.Exponential(exponent):
                return self.exponential(exponent)
            case at.Call():
                return self.call(node, bare)
            case at.Derivative():
                return self.derivative(node)
            case at.Over(word, letters, body):
                return self.over(word, letters, body)
            case at.Brackets(content):
                return self.brackets(self.print(content)[0]), Level.ATOM
            case _:
                raise TypeError(f"no layout node: {node!r}")

    def text(self, node: Node) -> str:
        """The text of a node that stands alone."""
        return self.print(node)[0]

    def at_least(self, node: Node, level: Level, bare: bool = True) -> str:
        """The text of a node, in brackets where it holds together less tightly than `level`."""
        text, found = self.print(node, bare)
        return text if found >= level else self.brackets(text)

    def sum(self, terms: Sequence[Node], bare: bool) -> str:
        """Terms with their signs between them."""
        result = self.at_least(terms[0], Level.SUM if isinstance(terms[0], at.Negative) else Level.SIGMA, bare)
        for term in terms[1:]:
            negative = isinstance(term, at.Negative)
            inner = term.term if isinstance(term, at.Negative) else term
            result += f" {self.minus if negative else self.plus} {self.at_least(inner, Level.SIGMA, bare)}"
        return result

    def signed(self, term: Node, first: bool) -> tuple[str, Node]:
        """A term of a sum as the sign before it and the rest, in brackets where it needs them."""
        negative = isinstance(term, at.Negative)
        inner = term.term if isinstance(term, at.Negative) else term
        if self.print(inner)[1] < Level.SIGMA:
            inner = at.Brackets(inner)
        sign = self.minus if negative else self.plus
        return (sign if negative else "") if first else f"{sign} ", inner

    def leading(self, sign: str) -> str:
        """A sign between two operands that begins a row."""
        return sign

    def opened(self, around: Node, gap: Node, inside: Node) -> tuple[str, str] | None:
        """The text before and behind a gap that stands in brackets, which may close on another row than they open.

        `inside` is what the gap stands for. `None` where it stands elsewhere, such as in an exponent.
        """
        hole = self.text(gap)
        before, found, after = self.text(around).partition(self.brackets(hole))
        if not found or before.count("{") != before.count("}"):
            return None
        opening, closing = self.brackets(hole).split(hole)
        return before + opening, closing + after

    def width(self, text: str) -> float:
        """How wide a printed formula is."""
        return float(len(text))

    def words_width(self, words: Sequence[Word]) -> float:
        """How wide words and formulas beside a formula are."""
        texts = [w.content if isinstance(w.content, str) else self.text(w.content) for w in words]
        return sum(len(w.before + w.after) + self.width(t) for w, t in zip(words, texts, strict=True)) + len(words) - 1

    def product(self, factors: Sequence[Node], bare: bool) -> str:
        """Factors side by side."""
        last = len(factors) - 1
        return self.join([self.factor(f, k == last, bare) for k, f in enumerate(factors)])

    def factor(self, node: Node, last: bool, bare: bool) -> str:
        """One of the factors of a product."""
        return self.as_factor(self.print(node, bare and last), last)

    def as_factor(self, printed: Printed, last: bool) -> str:
        """What was printed as one of the factors of a product, in brackets where it needs them."""
        text, level = printed
        if level <= Level.PRODUCT and not (level == Level.SIGMA and last):
            return self.brackets(text)
        return text

    def operand(self, node: Node) -> str:
        """What ∂/∂x is applied to, in brackets; those of a power of brackets are enough."""
        text = self.text(node)
        return text if isinstance(node, at.Power) else self.brackets(text)

    def join(self, factors: Sequence[str]) -> str:
        raise NotImplementedError

    def brackets(self, text: str) -> str:
        raise NotImplementedError

    def number(self, value: object) -> Printed:
        raise NotImplementedError

    def name(self, name: str) -> str:
        raise NotImplementedError

    def symbol(self, node: at.Symbol) -> Printed:
        raise NotImplementedError

    def ones(self, index: Node) -> str:
        raise NotImplementedError

    def delta(self, first: Node, second: Node) -> str:
        raise NotImplementedError

    def comparison(self, node: at.Comparison) -> str:
        raise NotImplementedError

    def fraction(self, numerator: Node, denominator: Node) -> str:
        raise NotImplementedError

    def power(self, base: Node, exponent: Node) -> str:
        raise NotImplementedError

    def root(self, radicand: Node) -> str:
        raise NotImplementedError

    def exponential(self, exponent: Node) -> Printed:
        raise NotImplementedError

    def call(self, node: at.Call, bare: bool) -> Printed:
        raise NotImplementedError

    def derivative(self, node: at.Derivative) -> Printed:
        raise NotImplementedError

    def over(self, word: str, letters: Sequence[str], body: Node) -> Printed:
        raise NotImplementedError


def operand_level(word: str) -> Level:
    """How tightly the operand of a sign holds together without brackets; Σ and Π reach to the end of the product."""
    return Level.FRACTION if word == "amax" else Level.SIGMA


def raised_function(base: Node, exponent: Node) -> at.Call | None:
    """The function of a power that is written tanh² x: one of a bare argument, with a natural exponent."""
    if not isinstance(base, at.Call) or base.function not in RAISED or len(base.arguments) != 1:
        return None
    natural = isinstance(exponent, at.Number) and exponent.value.is_Integer
    return base if natural and stands_alone(base.arguments[0]) else None


RAISED = ("log", "sin", "cos", "tan", "sinh", "cosh", "tanh")


def stands_alone(node: Node) -> bool:
    """Whether a function may take this argument without brackets."""
    return isinstance(node, at.Symbol | at.Name)


def under_operator(node: at.Derivative) -> bool:
    """Whether the differentiated expression stands behind ∂/∂x in brackets rather than above the line."""
    inner = node.numerator
    if isinstance(inner, at.Power):
        return not stands_alone(inner.base)
    return not isinstance(inner, at.Symbol | at.Name | at.Call | at.Exponential | at.Root | at.Delta)

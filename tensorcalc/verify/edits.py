"""Changes of one thing in the right side of an equation, as text: what an author may have meant to write.

Each family gives the text after every change of its kind, with a sentence that says what was wrong before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations

from tensorcalc.verify.latex.tree import (
    Bracket,
    DerivativeOf,
    Node,
    Number,
    Product,
    Quotient,
    Scripted,
    Sum,
    Symbol,
)
from tensorcalc.verify.parts import Edit, Parts, Setting, replaced
from tensorcalc.verify.signs import is_transpose
from tensorcalc.verify.survey import FUNCTION_LETTERS
from tensorcalc.verify.term_edits import TermEdits

__all__ = ["families", "respellings"]


def families(text: str, node: Node, setting: Setting) -> Iterator[Iterator[Edit]]:
    """The changes family by family, the likeliest slips first."""
    parts = Parts(text, setting)
    parts.visit(node, "")
    walk, sides = _PartEdits(parts), TermEdits(text, node, parts)
    yield walk.nested()
    yield sides.signs()
    yield walk.exponents()
    yield sides.factors()
    yield walk.transposes()
    yield walk.pairs()
    yield walk.indices()
    yield walk.bound()
    yield sides.letters()
    yield walk.needless()
    yield sides.deltas()
    yield sides.copies()
    yield walk.names()


def respellings(text: str, node: Node, setting: Setting) -> Iterator[Edit]:
    """One name in the place of another."""
    parts = Parts(text, setting)
    parts.visit(node, "")
    yield from _PartEdits(parts).names()


class _PartEdits:
    """Changes of parts of terms."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.text = parts.text
        self.setting = parts.setting

    def nested(self) -> Iterator[Edit]:
        """A δ whose second index has slipped into the script of the first: δ_{T_n}."""
        for node in self.parts.nested:
            inner = node.sub
            if isinstance(inner, Scripted) and inner.sub is not None:
                first, second = self.parts.source(inner.base), self.parts.source(inner.sub)
                text = replaced(self.text, inner.span.start, inner.span.end, f"{first} {second}")
                yield Edit(text, f"{self.parts.shown(node)} needs two indices", self.parts.shown(node), "delta")

    def exponents(self) -> Iterator[Edit]:
        """Exponents that are off by one, have the wrong sign, or are missing."""
        for node, power in self.parts.powers:
            base = node.base if isinstance(node, Scripted) else node
            if isinstance(base, Symbol) and base.name in ("e", "delta", "1"):
                continue
            end = node.span.end
            old = None if power is None else _value(power)
            if power is None:
                for value in (Fraction(2), Fraction(-1), Fraction(3), Fraction(-2), Fraction(1, 2), Fraction(-1, 2)):
                    yield Edit(
                        replaced(self.text, end, end, f"^{{{_number(value)}}}"),
                        f"the exponent of {self.parts.shown(node)} should be {_number(value)}",
                        self.parts.shown(node),
                        "exponent",
                    )
            elif old is not None:
                start = self.caret(node, power)
                stop = self.closing(start, power.span.end)
                for value in dict.fromkeys(_near(old)):
                    if value in (old, 0):
                        continue
                    new = "" if value == 1 else f"^{{{_number(value)}}}"
                    yield Edit(
                        replaced(self.text, start, stop, new),
                        f"the exponent of {self.text[node.span.start : start].strip()} should be {_number(value)}",
                        self.parts.shown(node),
                        "exponent",
                    )
        for quotient in self.parts.quotients:
            below = quotient.denominator
            if isinstance(below, Sum | Product):
                new = rf"\left({self.parts.source(below)}\right)^2"
                what = f"the denominator {self.parts.shown(below)} should be squared"
                text = replaced(self.text, below.span.start, below.span.end, new)
                yield Edit(text, what, self.parts.shown(quotient), "exponent")

    def caret(self, node: Node, power: Node) -> int:
        return self.text.rindex("^", node.span.start, power.span.start + 1)

    def closing(self, caret: int, end: int) -> int:
        """The end of an exponent with its braces, where it has some."""
        if not self.text[caret + 1 :].lstrip().startswith("{"):
            return end
        return self.text.index("}", end) + 1

    def transposes(self) -> Iterator[Edit]:
        """Factors that should be transposed, or should not, and factors in the wrong order."""
        for product in self.parts.products:
            for factor in product.factors:
                end = factor.span.end
                if isinstance(factor, Scripted) and factor.sup is not None and is_transpose(factor.sup):
                    start = self.caret(factor, factor.sup)
                    stop = self.closing(start, factor.sup.span.end)
                    base = self.text[factor.span.start : start].strip()
                    text = replaced(self.text, start, stop, "")
                    yield Edit(text, f"{base} should not be transposed", self.parts.shown(factor), "transpose")
                elif isinstance(factor, Symbol | Bracket) or (isinstance(factor, Scripted) and factor.sup is None):
                    yield self._transposed(factor, replaced(self.text, end, end, "^T"))
                elif isinstance(factor, DerivativeOf):
                    start = factor.span.start
                    new = rf"\left({self.text[start:end]}\right)^T"
                    yield self._transposed(factor, replaced(self.text, start, end, new))
            yield from self._turned(product)

    def _transposed(self, factor: Node, text: str) -> Edit:
        return Edit(text, f"{self.parts.shown(factor)} should be transposed", self.parts.shown(factor), "transpose")

    def _turned(self, product: Product) -> Iterator[Edit]:
        for first, second in zip(product.factors, product.factors[1:], strict=False):
            a, b, c, d = first.span.start, first.span.end, second.span.start, second.span.end
            if a < b <= c < d:
                text = self.text[:a] + self.text[c:d] + self.text[b:c] + " " + self.text[a:b] + self.text[d:]
                what = f"the factors {self.parts.shown(first)} and {self.parts.shown(second)} stand in the wrong order"
                yield Edit(text, what, self.parts.shown(product), "transpose")

    def pairs(self) -> Iterator[Edit]:
        """Two indices of one tensor that are exchanged."""
        for node, items in self.parts.scripts:
            for first, second in combinations(items, 2):
                if self.parts.source(first) == self.parts.source(second) or _is_delta(node):
                    continue
                text = self._exchanged(first, second)
                what = f"the indices of {self.parts.shown(node)} are exchanged"
                yield Edit(text, what, self.parts.shown(node), "transpose")

    def _exchanged(self, first: Node, second: Node) -> str:
        text = replaced(self.text, second.span.start, second.span.end, self.parts.source(first))
        return replaced(text, first.span.start, first.span.end, self.parts.source(second))

    def indices(self) -> Iterator[Edit]:
        """One index that should be another one."""
        for node, items in self.parts.scripts:
            for item in items:
                for letter in self.setting.letters:
                    if self.parts.source(item) == letter:
                        continue
                    text = replaced(self.text, item.span.start, item.span.end, letter)
                    what = f"the index {self.parts.source(item)} of {self.parts.shown(node)} should be {letter}"
                    yield Edit(text, what, self.parts.shown(node), "index")

    def bound(self) -> Iterator[Edit]:
        """Sums over the wrong letter."""
        for symbol in self.parts.binders:
            written = self.parts.source(symbol)
            for letter in self.setting.letters:
                if letter != written:
                    text = replaced(self.text, symbol.span.start, symbol.span.end, letter)
                    yield Edit(text, f"the sum over {written} should be over {letter}", written, "index")

    def needless(self) -> Iterator[Edit]:
        """Factors, denominators and terms that should not be there."""
        for product in self.parts.products:
            for place, factor in enumerate(product.factors):
                if len(product.factors) == 1 or product.signs[place] in ("/", "\\div"):
                    continue
                if place and not product.signs[place] and _is_call(product.factors[place - 1], factor):
                    continue
                start = factor.span.start
                if place:
                    start = product.factors[place - 1].span.end
                text = replaced(self.text, start, factor.span.end, " ")
                yield Edit(
                    text,
                    f"the factor {self.parts.shown(factor)} should not be there",
                    self.parts.shown(factor),
                    "needless",
                )
        for quotient in self.parts.quotients:
            a, b = quotient.span.start, quotient.span.end
            above = self.parts.source(quotient.numerator)
            text = replaced(self.text, a, b, f"{{{above}}}")
            what = f"the denominator {self.parts.shown(quotient.denominator)} should not be there"
            yield Edit(text, what, self.parts.shown(quotient), "needless")
            text = replaced(self.text, a, b, rf"\frac{{1}}{{{self.parts.source(quotient.denominator)}}}")
            what = f"the numerator {self.parts.shown(quotient.numerator)} should be 1"
            yield Edit(text, what, self.parts.shown(quotient), "needless")

    def names(self) -> Iterator[Edit]:
        """One tensor that should be another one with as many indices."""
        orders = {id(node.base): len(items) for node, items in self.parts.scripts}
        for symbol in self.parts.symbols:
            written = self.parts.source(symbol)
            for other in self.setting.names.get(orders.get(id(symbol), 0), ()):
                if other != written:
                    text = replaced(self.text, symbol.span.start, symbol.span.end, other)
                    yield Edit(text, f"{written} should be {other}", written, "name")


def _near(power: Fraction) -> tuple[Fraction, ...]:
    """Exponents for which another one is written by mistake."""
    half = Fraction(1, 2)
    return (
        power + 1,
        power - 1,
        -power,
        2 * power,
        power / 2,
        Fraction(1),
        power - half,
        power + half,
        power - 2,
        power + 2,
    )


def _is_call(name: Node, factor: Node) -> bool:
    """Whether a bracket is the argument of what stands before it."""
    base = name.base if isinstance(name, Scripted) else name
    applied = isinstance(base, Symbol) and base.name in FUNCTION_LETTERS
    return applied and isinstance(factor, Bracket) and name.span.end == factor.span.start


def _is_delta(node: Scripted) -> bool:
    return isinstance(node.base, Symbol) and node.base.name == "delta"


def _value(node: Node) -> Fraction | None:
    """The number that an exponent is."""
    match node:
        case Number():
            return node.value
        case Sum() if len(node.terms) == 1:
            inside = _value(node.terms[0])
            return None if inside is None else -inside if node.subtracted[0] else inside
        case Bracket(kind="group"):
            return _value(node.body)
        case Quotient():
            above, below = _value(node.numerator), _value(node.denominator)
            return above / below if above is not None and below else None
        case Product() if len(node.factors) == 2 and node.signs[1] == "/":
            above, below = _value(node.factors[0]), _value(node.factors[1])
            return above / below if above is not None and below else None
    return None


def _number(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"

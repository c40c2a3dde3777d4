"""Changes of one thing in the right side of an equation, as text: what an author may have meant to write.

Each family gives the text after every change of its kind, with a sentence that says what was wrong before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from tensorcalc.verify.latex.tree import (
    Bracket,
    DerivativeOf,
    Function,
    Node,
    Number,
    Product,
    Quotient,
    Scripted,
    Sum,
    Symbol,
)
from tensorcalc.verify.latex.tree import Sequence as Items
from tensorcalc.verify.survey import is_transpose

__all__ = ["Edit", "Setting", "families"]

SHOWN = 60  # characters of a part in a sentence


@dataclass(frozen=True, slots=True)
class Edit:
    """A right side after one change, what was wrong before it, and the part of the text that was changed."""

    text: str
    what: str
    part: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """What may stand in an equation of an article: letters of indices, symbols of dimensions, and tensors: how each is
    written, by its number of indices.
    """

    letters: Sequence[str]
    extents: Sequence[str]
    names: Mapping[int, Sequence[str]]


def families(text: str, node: Node, setting: Setting) -> Iterator[Iterator[Edit]]:
    """The changes family by family, the likeliest slips first."""
    walk = _Walk(text, setting)
    walk.visit(node, "")
    sides = _Sides(text, node, walk)
    yield sides.signs()
    yield walk.exponents()
    yield sides.factors()
    yield walk.transposes()
    yield walk.pairs()
    yield walk.indices()
    yield sides.letters()
    yield walk.needless()
    yield sides.deltas()
    yield walk.names()


def replaced(text: str, start: int, end: int, new: str) -> str:
    """The text with a part replaced; words stay apart."""
    before, after = text[:start], text[end:]
    if new and new[-1].isalpha() and after[:1].isalpha() and "\\" in new:
        new += " "
    if new and new[0].isalpha() and _ends_in_command(before):
        new = " " + new
    if not new and after[:1].isalpha() and _ends_in_command(before):
        new = " "
    return before + new + after


def _ends_in_command(text: str) -> bool:
    word = text.rsplit("\\", 1)
    return len(word) == 2 and word[1].isalpha() and word[1].isascii()


class _Walk:
    """The parts of a side by what can be wrong with them."""

    def __init__(self, text: str, setting: Setting) -> None:
        self.text = text
        self.setting = setting
        self.sums: list[tuple[Sum, str]] = []
        self.products: list[Product] = []
        self.quotients: list[Quotient] = []
        self.powers: list[tuple[Node, Node | None]] = []
        self.scripts: list[tuple[Scripted, list[Node]]] = []
        self.symbols: list[Symbol] = []
        self.terms: list[Node] = []

    def visit(self, node: Node, inside: str) -> None:
        """Sort the parts of a node; `inside` is `exponent` in exponents, `derivative` below a derivative."""
        match node:
            case Sum():
                self.sums.append((node, inside))
                self.terms += node.terms if not inside else ()
                for term in node.terms:
                    self.visit(term, inside)
            case Product():
                if not inside:
                    self.products.append(node)
                for factor in node.factors:
                    self.visit(factor, inside)
            case Quotient():
                if not inside:
                    self.quotients.append(node)
                self.visit(node.numerator, inside)
                self.visit(node.denominator, inside)
            case Scripted():
                self.scripted(node, inside)
            case Bracket():
                if not inside and node.kind in ("(", "["):
                    self.powers.append((node, None))
                self.visit(node.body, inside)
            case Symbol():
                if not inside:
                    self.powers.append((node, None))
                    self.symbols.append(node)
            case Function():
                for argument in node.arguments:
                    self.visit(argument, inside)
            case DerivativeOf():
                for part in (node.numerator, *node.variables):
                    self.visit(part, "derivative")
            case _:
                for name in node.__dataclass_fields__:
                    value = getattr(node, name)
                    if name == "body" and isinstance(value, Node):
                        self.visit(value, inside)

    def scripted(self, node: Scripted, inside: str) -> None:
        if node.sub is not None:
            items = _items(node.sub)
            if all(isinstance(i, Symbol) for i in items):
                self.scripts.append((node, items))
        if isinstance(node.base, Symbol):
            self.symbols.append(node.base)
        else:
            self.visit(node.base, inside)
        if node.sup is not None and not is_transpose(node.sup):
            euler = isinstance(node.base, Symbol) and node.base.name == "e"
            self.visit(node.sup, inside if euler else "exponent")
        if inside in ("", "exponent") and not (node.sup is not None and is_transpose(node.sup)):
            self.powers.append((node, node.sup))

    def shown(self, node: Node) -> str:
        """A part as it stands in the text, cut where it is long."""
        found = " ".join(self.text[node.span.start : node.span.end].split())
        return found if len(found) <= SHOWN else found[: SHOWN - 1] + "…"

    def exponents(self) -> Iterator[Edit]:
        """Exponents that are off by one, have the wrong sign, or are missing."""
        for node, power in self.powers:
            base = node.base if isinstance(node, Scripted) else node
            if isinstance(base, Symbol) and base.name in ("e", "delta", "1"):
                continue
            end = node.span.end
            old = None if power is None else _value(power)
            if power is None:
                for value in (Fraction(2), Fraction(-1), Fraction(3), Fraction(-2), Fraction(1, 2), Fraction(-1, 2)):
                    yield Edit(
                        replaced(self.text, end, end, f"^{{{_number(value)}}}"),
                        f"the exponent of {self.shown(node)} should be {_number(value)}",
                        self.shown(node),
                        "exponent",
                    )
            elif old is not None:
                start = self.caret(node, power)
                stop = self.closing(power.span.end)
                for value in dict.fromkeys((old + 1, old - 1, -old, 2 * old, old / 2, Fraction(1), old - 2, old + 2)):
                    if value in (old, 0):
                        continue
                    new = "" if value == 1 else f"^{{{_number(value)}}}"
                    yield Edit(
                        replaced(self.text, start, stop, new),
                        f"the exponent of {self.shown(base)} should be {_number(value)}",
                        self.shown(node),
                        "exponent",
                    )

    def caret(self, node: Node, power: Node) -> int:
        return self.text.rindex("^", node.span.start, power.span.start + 1)

    def closing(self, end: int) -> int:
        rest = self.text[end:]
        return end + len(rest) - len(rest.lstrip()) + 1 if rest.lstrip().startswith("}") else end

    def transposes(self) -> Iterator[Edit]:
        """Factors that should be transposed, or should not, and factors in the wrong order."""
        for product in self.products:
            for factor in product.factors:
                end = factor.span.end
                if isinstance(factor, Scripted) and factor.sup is not None and is_transpose(factor.sup):
                    start = self.caret(factor, factor.sup)
                    stop = self.closing(factor.sup.span.end)
                    yield self._transposed(factor, replaced(self.text, start, stop, ""))
                elif isinstance(factor, Symbol | Bracket) or (isinstance(factor, Scripted) and factor.sup is None):
                    yield self._transposed(factor, replaced(self.text, end, end, "^T"))
                elif isinstance(factor, DerivativeOf):
                    start = factor.span.start
                    new = rf"\left({self.text[start:end]}\right)^T"
                    yield self._transposed(factor, replaced(self.text, start, end, new))
            yield from self._turned(product)

    def _transposed(self, factor: Node, text: str) -> Edit:
        return Edit(text, f"{self.shown(factor)} should be transposed", self.shown(factor), "transpose")

    def _turned(self, product: Product) -> Iterator[Edit]:
        for first, second in zip(product.factors, product.factors[1:], strict=False):
            a, b, c, d = first.span.start, first.span.end, second.span.start, second.span.end
            if a < b <= c < d:
                text = self.text[:a] + self.text[c:d] + self.text[b:c] + " " + self.text[a:b] + self.text[d:]
                what = f"the factors {self.shown(first)} and {self.shown(second)} stand in the wrong order"
                yield Edit(text, what, self.shown(product), "transpose")

    def pairs(self) -> Iterator[Edit]:
        """Two indices of one tensor that are exchanged."""
        for node, items in self.scripts:
            for first, second in combinations(items, 2):
                if self.source(first) == self.source(second) or _is_delta(node):
                    continue
                text = self._exchanged(first, second)
                what = f"the indices of {self.shown(node)} are exchanged"
                yield Edit(text, what, self.shown(node), "transpose")

    def _exchanged(self, first: Node, second: Node) -> str:
        text = replaced(self.text, second.span.start, second.span.end, self.source(first))
        return replaced(text, first.span.start, first.span.end, self.source(second))

    def source(self, node: Node) -> str:
        """A part as it stands in the text."""
        return self.text[node.span.start : node.span.end]

    def indices(self) -> Iterator[Edit]:
        """One index that should be another one."""
        for node, items in self.scripts:
            for item in items:
                for letter in self.setting.letters:
                    if self.source(item) == letter:
                        continue
                    text = replaced(self.text, item.span.start, item.span.end, letter)
                    what = f"the index {self.source(item)} of {self.shown(node)} should be {letter}"
                    yield Edit(text, what, self.shown(node), "index")

    def needless(self) -> Iterator[Edit]:
        """Factors, denominators and terms that should not be there."""
        for product in self.products:
            for place, factor in enumerate(product.factors):
                if len(product.factors) == 1 or product.signs[place] in ("/", "\\div"):
                    continue
                start = factor.span.start
                if place:
                    start = product.factors[place - 1].span.end
                text = replaced(self.text, start, factor.span.end, " ")
                yield Edit(text, f"the factor {self.shown(factor)} should not be there", self.shown(factor), "needless")
        for quotient in self.quotients:
            a, b = quotient.span.start, quotient.span.end
            above = self.source(quotient.numerator)
            text = replaced(self.text, a, b, f"{{{above}}}")
            what = f"the denominator {self.shown(quotient.denominator)} should not be there"
            yield Edit(text, what, self.shown(quotient), "needless")
            text = replaced(self.text, a, b, rf"\frac{{1}}{{{self.source(quotient.denominator)}}}")
            what = f"the numerator {self.shown(quotient.numerator)} should be 1"
            yield Edit(text, what, self.shown(quotient), "needless")

    def names(self) -> Iterator[Edit]:
        """One tensor that should be another one with as many indices."""
        orders = {id(node.base): len(items) for node, items in self.scripts}
        for symbol in self.symbols:
            written = self.source(symbol)
            for other in self.setting.names.get(orders.get(id(symbol), 0), ()):
                if other != written:
                    text = replaced(self.text, symbol.span.start, symbol.span.end, other)
                    yield Edit(text, f"{written} should be {other}", written, "name")


class _Sides:
    """Changes of whole terms."""

    def __init__(self, text: str, node: Node, walk: _Walk) -> None:
        self.text = text
        self.node = node
        self.walk = walk
        self.setting = walk.setting
        top = node.terms if isinstance(node, Sum) else (node,)
        self.terms = list({(t.span.start, t.span.end): t for t in (*top, *walk.terms)}.values())

    def signs(self) -> Iterator[Edit]:
        """Terms with the wrong sign."""
        if not isinstance(self.node, Sum):
            yield Edit("-" + self.text.lstrip(), "the sign of the right side is wrong", kind="sign")
        for node, inside in self.walk.sums:
            if inside == "exponent" and len(node.terms) == 1:
                continue
            before = 0 if node is self.node else None
            for place, term in enumerate(node.terms):
                text = self._turned(node, place, before)
                if text is not None:
                    shown = self.walk.shown(term)
                    what = (
                        "the sign of the right side is wrong"
                        if node is self.node and len(node.terms) == 1
                        else f"the sign of the term {shown} is wrong"
                    )
                    yield Edit(text, what, shown, "sign")

    def _turned(self, node: Sum, place: int, before: int | None) -> str | None:
        """The text with the sign of a term changed."""
        term = node.terms[place]
        start = node.terms[place - 1].span.end if place else before
        if start is None:
            opened = self.text[: term.span.start].rstrip()
            start = len(opened) - 1 if opened.endswith("-") else term.span.start
        between = self.text[start : term.span.start]
        if place and between.count("+") + between.count("-") != 1:
            return None
        if "-" in between:
            return replaced(self.text, start, term.span.start, between.replace("-", "+" if place else ""))
        new = between.replace("+", "-") if "+" in between else between + "-"
        return replaced(self.text, start, term.span.start, new)

    def factors(self) -> Iterator[Edit]:
        """Terms that lack a factor of 2, 1/2, a dimension or its inverse; numbers that should be others."""
        for extent in self.setting.extents:
            for written in (rf"\frac{{1}}{{{extent}}}", extent):
                yield from self._before(written)
        for written in ("2", r"\frac{1}{2}"):
            yield from self._before(written)
        for node, _ in self.walk.sums:
            for place, term in enumerate(node.terms):
                if len(node.terms) > 1:
                    start = node.terms[place - 1].span.end if place else self._opening(term)
                    end = term.span.end if place else node.terms[1].span.start
                    text = replaced(self.text, start, end, "" if place else self._sign(node))
                    shown = self.walk.shown(term)
                    yield Edit(text, f"the term {shown} should not be there", shown, "needless")

    def _opening(self, term: Node) -> int:
        before = self.text[: term.span.start].rstrip()
        return len(before) - 1 if before.endswith("-") else term.span.start

    def _sign(self, node: Sum) -> str:
        return "-" if node.subtracted[1] else ""

    def _before(self, written: str) -> Iterator[Edit]:
        shown = "1/" + written[9:-1] if written.startswith("\\frac") else written
        for term in self.terms:
            start = term.span.start
            text = replaced(self.text, start, start, written + " ")
            part = self.walk.shown(term)
            whole = term is self.node
            what = f"{'the right side' if whole else f'the term {part}'} misses a factor {shown}"
            yield Edit(text, what, part, "factor")

    def letters(self) -> Iterator[Edit]:
        """Letters of a term that are mixed up throughout it."""
        for term in self.terms:
            inside = [
                i
                for _, items in self.walk.scripts
                for i in items
                if term.span.start <= i.span.start and i.span.end <= term.span.end
            ]
            found = sorted({self.walk.source(i) for i in inside})
            for old in found:
                for new in self.setting.letters:
                    if new == old:
                        continue
                    text = self.text
                    for item in sorted(inside, key=lambda i: -i.span.start):
                        swapped = {old: new, new: old}.get(self.walk.source(item))
                        if swapped is not None:
                            text = replaced(text, item.span.start, item.span.end, swapped)
                    both = new in found
                    if both and new < old:
                        continue
                    shown = self.walk.shown(term)
                    what = (
                        f"the indices {old} and {new} of {shown} are exchanged"
                        if both
                        else f"the index {old} of {shown} should be {new}"
                    )
                    yield Edit(text, what, shown, "index")

    def deltas(self) -> Iterator[Edit]:
        """Terms that lack a δ, or a one-tensor."""
        for term in self.terms:
            end = term.span.end
            shown = self.walk.shown(term)
            where = "" if term is self.node else f" in the term {shown}"
            for first, second in combinations(self.setting.letters, 2):
                written = rf"\delta_{{{first} {second}}}"
                text = replaced(self.text, end, end, " " + written)
                yield Edit(text, f"a factor {written} is missing{where}", shown, "delta")
            for letter in self.setting.letters:
                written = rf"\mathbf{{1}}_{{{letter}}}"
                text = replaced(self.text, term.span.start, term.span.start, written + " ")
                yield Edit(text, f"a factor {written} is missing{where}", shown, "one")


def _items(sub: Node) -> list[Node]:
    """The indices of a subscript, as they are written."""
    if isinstance(sub, Bracket) and sub.kind == "group":
        return _items(sub.body)
    if isinstance(sub, Items):
        return [x for i in sub.items for x in _items(i)]
    if isinstance(sub, Product) and not any(sub.signs):
        return [x for f in sub.factors for x in _items(f)]
    return [sub]


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

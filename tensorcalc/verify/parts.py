"""The parts of one side of an equation, by what can be wrong with them, and changes of them as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tensorcalc.verify.latex.tree import (
    BigOperator,
    Bracket,
    Cases,
    DerivativeOf,
    Function,
    Node,
    Product,
    Quotient,
    Relation,
    Root,
    Scripted,
    Sum,
    Symbol,
)
from tensorcalc.verify.latex.tree import Sequence as Items
from tensorcalc.verify.signs import is_transpose

__all__ = ["Edit", "Parts", "Setting", "replaced"]

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
    """What may stand in an equation of an article: letters of indices, symbols of dimensions, factors, and tensors: how
    each is written, by its number of indices.
    """

    letters: Sequence[str]
    extents: Sequence[str]
    factors: Sequence[str]
    names: Mapping[int, Sequence[str]]


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


class Parts:
    """The parts of a side, sorted while walking over its tree."""

    def __init__(self, text: str, setting: Setting) -> None:
        self.text = text
        self.setting = setting
        self.sums: list[tuple[Sum, str]] = []
        self.products: list[Product] = []
        self.quotients: list[Quotient] = []
        self.powers: list[tuple[Node, Node | None]] = []
        self.scripts: list[tuple[Scripted, list[Node]]] = []
        self.symbols: list[Symbol] = []
        self.nested: list[Scripted] = []
        self.binders: list[Symbol] = []
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
            case Root():
                self.visit(node.radicand, inside)
            case BigOperator():
                self.binder(node)
                self.visit(node.body, inside)
            case Cases():
                for value, _ in node.branches:
                    self.terms += () if isinstance(value, Sum) else (value,)
                    self.visit(value, inside)

    def binder(self, node: BigOperator) -> None:
        """The letter below a sum."""
        lower = node.lower.left if isinstance(node.lower, Relation) else node.lower
        if isinstance(lower, Symbol):
            self.binders.append(lower)

    def scripted(self, node: Scripted, inside: str) -> None:
        if node.sub is not None:
            items = _items(node.sub)
            if all(isinstance(i, Symbol) for i in items):
                self.scripts.append((node, items))
            elif isinstance(node.base, Symbol) and node.base.name == "delta" and len(items) == 1:
                self.nested.append(node)
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
        found = self.text[node.span.start : node.span.end]
        if found.count("(") > found.count(")") and self.text[node.span.end : node.span.end + 1] == ")":
            found += ")"
        found = " ".join(found.split())
        return found if len(found) <= SHOWN else found[: SHOWN - 1] + "…"

    def source(self, node: Node) -> str:
        """A part as it stands in the text."""
        return self.text[node.span.start : node.span.end]


def _items(sub: Node) -> list[Node]:
    """The indices of a subscript, as they are written."""
    if isinstance(sub, Bracket) and sub.kind == "group":
        return _items(sub.body)
    if isinstance(sub, Items):
        return [x for i in sub.items for x in _items(i)]
    if isinstance(sub, Product) and not any(sub.signs):
        return [x for f in sub.factors for x in _items(f)]
    return [sub]

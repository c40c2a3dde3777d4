"""The statements of a text: definitions, and declarations of indices, tensors and labels."""

from __future__ import annotations

from dataclasses import dataclass

from tensorcalc.errors import Span, TensorCalcError
from tensorcalc.notation.parser import Parser, syntax_error
from tensorcalc.notation.tokens import Token, tokenize
from tensorcalc.notation.tree import Node
from tensorcalc.notation.vocabulary import RESERVED, STATEMENTS, meaning

__all__ = ["Assumption", "Declaration", "DimensionName", "Equation", "Statements", "read_statements", "reserved_error"]

STATEMENT_COUNT = 5_000
LARGEST_SIZE = 2**31


@dataclass(frozen=True, slots=True)
class DimensionName:
    """A dimension where it is declared; `size` where a number stands there."""

    span: Span
    name: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Declaration:
    """One name declared by `index` (its dimension is `dimension`), `tensor`, or `label` (that it points into)."""

    span: Span
    kind: str
    name: str
    axes: tuple[DimensionName, ...] = ()
    dimension: DimensionName | None = None


@dataclass(frozen=True, slots=True)
class Equation:
    """A definition as written: the name and the indices on the left, the expression on the right.

    `assumed`: no definition, but an assumption whose two sides are the terms on the right.
    """

    span: Span
    name: str
    left: Span
    indices: tuple[Node, ...]
    right: Node
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class Assumption:
    """`assume left = right` as written."""

    span: Span
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Statements:
    """All statements of a text, in its order."""

    declarations: tuple[Declaration, ...]
    equations: tuple[Equation, ...]
    assumptions: tuple[Assumption, ...]


def read_statements(text: str) -> Statements:
    """Parse a whole text. Raises `TensorCalcError` without a source."""
    reader = _Reader(text, tokenize(text))
    count = 0
    while reader.next.kind != "end":
        if reader.accept(";"):
            continue
        count += 1
        if count > STATEMENT_COUNT:
            message = f"the text has more than {STATEMENT_COUNT:,} statements"
            raise TensorCalcError("E_TOO_LONG", message, reader.next.span, hint="split the system into several files")
        reader.statement()
    if not reader.equations:
        raise syntax_error(
            "the text defines nothing", reader.next.span, "write a definition, for instance c = sum(i, x[i]^2)"
        )
    return Statements(tuple(reader.declarations), tuple(reader.equations), tuple(reader.assumptions))


def reserved_error(name: str, span: Span) -> TensorCalcError:
    """The error for a word of the notation that stands where a name is expected."""
    what = meaning(name)
    return TensorCalcError(
        "E_RESERVED",
        f"{name} is {what} of the notation and cannot be a name",
        span,
        hint=f"use another name: {name}_1, for instance",
    )


class _Reader(Parser):
    """The parser of statements."""

    def __init__(self, text: str, tokens: list[Token]) -> None:
        super().__init__(text, tokens)
        self.declarations: list[Declaration] = []
        self.equations: list[Equation] = []
        self.assumptions: list[Assumption] = []

    def statement(self) -> None:
        """Read one statement and what ends it."""
        first = self.next
        after = self.tokens[min(self.position + 1, len(self.tokens) - 1)]
        self.where = ""
        if first.text in STATEMENTS and after.kind not in ("=", "["):
            self._declaration()
        else:
            self._equation()
        if self.next.kind not in (";", "end"):
            raise self._rest()

    def _rest(self) -> TensorCalcError:
        token = self.next
        if token.kind == "=":
            return syntax_error(
                f"a second '='{self.where}", token.span, "a statement defines one name; put each on its own line"
            )
        if token.kind in (")", "]"):
            return syntax_error(
                f"'{token.kind}' closes nothing{self.where}", token.span, "delete it, or add the opening bracket"
            )
        decimal = token.kind == "," and self.tokens[self.position - 1].kind == "number"
        hint = "decimal numbers have a point: 1.5" if decimal else ""
        return syntax_error(f"unexpected {self.shown(token)}{self.where}", token.span, hint)

    def _name(self, what: str) -> Token:
        token = self.next
        if token.kind != "name":
            raise syntax_error(f"expected {what} and found {self.shown(token)}", token.span)
        if token.text in RESERVED:
            raise reserved_error(token.text, token.span)
        return self.take()

    def _equation(self) -> None:
        token = self.next
        if token.kind != "name":
            hint = "the left side of a definition is a name with its indices: c = …, s[i] = …"
            raise syntax_error(f"a statement cannot begin with {self.shown(token)}", token.span, hint)
        name = self._name("a name")
        self.where = f" in the definition of {name.text}"
        indices: list[Node] = []
        left = name.span
        if opening := self.accept("["):
            indices, end = self._enclosed(opening, "]")
            left = left.to(end)
        self._equals(name, left)
        right = self.checked_expression()
        span = Span(name.span.start, max(right.span.end, self.tokens[self.position - 1].span.end))
        self.equations.append(Equation(span, name.text, left, tuple(indices), right))

    def _equals(self, name: Token, left: Span) -> None:
        shown = self.slice(left)
        token = self.next
        if token.kind in (";", "end"):
            raise syntax_error(f"{shown} alone is no statement", left, f"a definition has the form {shown} = …")
        if token.kind == "(":
            hint = f"indices stand in square brackets: {name.text}[i] = …"
            raise syntax_error(f"{name.text} is defined with round brackets", token.span, hint)
        if token.kind != "=":
            hint = "the left side of a definition is a name with its indices: c = …, s[i] = …"
            raise syntax_error(f"expected '=' after {shown} and found {self.shown(token)}", token.span, hint)
        self.take()
        if self.next.kind == "=":
            rest = (
                "s"
                if self.tokens[self.position + 1].kind in ("end", ";")
                else self.slice(self.tokens[self.position + 1].span)
            )
            span = token.span.to(self.next.span)
            raise syntax_error("'==' does not define anything", span, f"write one '=': {shown} = {rest}")

    def _declaration(self) -> None:
        word = self.take()
        self.where = f" in this {word.text} statement"
        if word.text == "assume":
            self._assumption(word)
            return
        read = {"index": self._index, "tensor": self._tensor, "label": self._label}[word.text]
        read()
        while self.accept(","):
            read()

    def _index(self) -> None:
        name = self._name("an index letter")
        if not self.accept(":"):
            hint = f"for instance: index {name.text}: {name.text.upper()}"
            raise syntax_error(f"the dimension of the index {name.text} is missing", self.next.span, hint)
        dimension = self._dimension()
        span = name.span.to(dimension.span)
        self.declarations.append(Declaration(span, "index", name.text, dimension=dimension))

    def _tensor(self) -> None:
        name = self._name("the name of a tensor")
        axes, span = self._axes(name)
        self.declarations.append(Declaration(span, "tensor", name.text, axes))

    def _label(self) -> None:
        name = self._name("the name of a label")
        axes, span = self._axes(name)
        dimension = self._dimension() if self.accept(":") else None
        self.declarations.append(Declaration(span, "label", name.text, axes, dimension))

    def _axes(self, name: Token) -> tuple[tuple[DimensionName, ...], Span]:
        opening = self.accept("[")
        if opening is None:
            return (), name.span
        axes = [self._dimension()]
        while self.accept(","):
            axes.append(self._dimension())
        if self.next.kind != "]":
            raise self._unclosed(opening, self.next, "]")
        return tuple(axes), name.span.to(self.take().span)

    def _dimension(self) -> DimensionName:
        token = self.next
        if token.kind != "number":
            token = self._name("a dimension (a name or a whole number)")
            return DimensionName(token.span, token.text)
        self.take()
        size = int(token.text) if token.text.isdecimal() and len(token.text) < 12 else 0
        if not 0 < size < LARGEST_SIZE:
            hint = f"a name, or a whole number from 1 to {LARGEST_SIZE - 1:,}"
            raise syntax_error(f"{token.text[:20]} is not the size of a dimension", token.span, hint)
        return DimensionName(token.span, str(size), size)

    def _assumption(self, word: Token) -> None:
        """`assume left = right`."""
        self.where = " in an assumption"
        left = self.checked_expression()
        if not self.accept("="):
            raise syntax_error(f"expected '=' and found {self.shown(self.next)}{self.where}", self.next.span)
        right = self.checked_expression()
        self.assumptions.append(Assumption(word.span.to(right.span), left, right))

"""One parser for expressions, over tokens with spans; the statements of a text are built on it.

Precedence as in Python: `^` binds closest and to the right, then unary minus, then `* /`, then `+ -`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tensorcalc.errors import Span, TensorCalcError
from tensorcalc.notation.constants import read_number
from tensorcalc.notation.habits import instead_of_brackets, instead_of_juxtaposition
from tensorcalc.notation.tokens import Token
from tensorcalc.notation.tree import (
    Access,
    Binder,
    Call,
    Letter,
    MatrixAccess,
    Name,
    Negate,
    Node,
    Number,
    OneAccess,
    Power,
    Product,
    Total,
    children,
)
from tensorcalc.notation.vocabulary import BINDERS

__all__ = ["DEPTH", "Parser", "syntax_error"]

DEPTH = 100
"""How deep brackets, functions, signs and powers may be nested."""

_SHOWN = {"end": "the end of the text", ";": "the end of the statement"}
_STARTS = ("name", "number", "(")


def syntax_error(message: str, span: Span, hint: str = "", label: str = "") -> TensorCalcError:
    """An error for text that does not follow the notation."""
    return TensorCalcError("E_SYNTAX", message, span, label=label, hint=hint)


class Parser:
    """Reads expressions from a list of tokens; `position` is the next token."""

    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.position = 0
        self.where = ""  # what is being read, for messages
        self._depth = 0

    @property
    def next(self) -> Token:
        return self.tokens[self.position]

    def take(self) -> Token:
        """The next token, and go on."""
        token = self.tokens[self.position]
        self.position += token.kind != "end"
        return token

    def accept(self, kind: str) -> Token | None:
        """The next token if it is of this kind."""
        return self.take() if self.next.kind == kind else None

    def shown(self, token: Token) -> str:
        """A token in words."""
        return _SHOWN.get(token.kind) or f"'{self.slice(token.span)}'"

    def slice(self, span: Span) -> str:
        """The text of a span."""
        return self.text[span.start : span.end]

    def expression(self) -> Node:
        """A sum of terms. Raises `TensorCalcError` E_SYNTAX, E_TOO_DEEP, E_NUMBER_TOO_BIG or E_ARGUMENTS."""
        terms: list[Node] = []
        signs: list[bool] = []
        first = self.next.span
        while True:
            minus = self.next.kind == "-"
            if minus or (self.next.kind == "+" and terms):
                self.take()
            signs.append(minus)
            terms.append(self._product())
            if self.next.kind not in ("+", "-"):
                break
        span = first.to(terms[-1].span)
        if len(terms) > 1:
            return Total(span, tuple(terms), tuple(signs))
        return Negate(span, terms[0]) if signs[0] else terms[0]

    def checked_expression(self) -> Node:
        """An expression whose tree is not nested too deeply for the code that walks over it."""
        root = self.expression()
        stack = [(root, 1)]
        while stack:
            node, level = stack.pop()
            if level > DEPTH:
                raise self._too_deep(node.span)
            stack.extend((child, level + 1) for child in children(node))
        return root

    def _product(self) -> Node:
        factors = [self._factor()]
        divides = [False]
        while True:
            token = self.next
            if token.kind in ("*", "/"):
                self.take()
                factors.append(self._factor())
                divides.append(token.kind == "/")
            elif token.kind in _STARTS:
                raise self._missing_operator(factors[-1])
            elif token.kind == "[":
                hint = instead_of_brackets(factors[-1], self.slice(factors[-1].span))
                raise syntax_error("only the name of a tensor takes indices", token.span, hint)
            else:
                break
        if len(factors) == 1:
            return factors[0]
        return Product(factors[0].span.to(factors[-1].span), tuple(factors), tuple(divides))

    def _missing_operator(self, left: Node) -> TensorCalcError:
        span, word = self.next.span, self.next.text
        before = self.slice(left.span)
        try:
            after = self.slice(self._factor().span)
        except TensorCalcError:
            after = self.slice(span)
        message = f"an operator is missing between {before} and {after}"
        return syntax_error(message, span, instead_of_juxtaposition(left, before, after, word))

    def _factor(self) -> Node:
        """A power with its signs: -x^2 is -(x^2), and x^-y^z is x^(-(y^z))."""
        operands: list[Node] = []
        signs: list[list[Span]] = []
        depth = self._depth
        while True:
            signs.append([])
            while self.next.kind in ("-", "+"):
                self._deeper(self.next.span)
                token = self.take()
                if token.kind == "-":
                    signs[-1].append(token.span)
            operands.append(self._primary())
            caret = self.accept("^")
            if caret is None:
                break
            self._deeper(caret.span)
        self._depth = depth
        node = _negated(signs.pop(), operands.pop())
        while operands:
            base = operands.pop()
            node = _negated(signs.pop(), Power(base.span.to(node.span), base, node))
        return node

    def _primary(self) -> Node:
        token = self.take()
        if token.kind == "number":
            if self.next.kind == "[" and token.text == "1":
                return self._one(token)
            return Number(token.span, read_number(token.text, token.span))
        if token.kind == "(":
            inner, end = self._enclosed(token, ")")
            if len(inner) != 1:
                raise syntax_error("a comma stands in brackets that belong to no function", token.span.to(end))
            return replace(inner[0], span=token.span.to(end))
        if token.kind == "name":
            return self._named(token)
        if token.kind in _SHOWN:
            raise syntax_error(
                f"the formula is not finished{self.where}", token.span, "a name or number is missing here"
            )
        hint = "every axis has an index: X[i,0]" if token.kind == ":" else ""
        message = f"unexpected {self.shown(token)}{self.where}"
        raise syntax_error(message, token.span, hint, "expected a name or number")

    def _named(self, name: Token) -> Node:
        if opening := self.accept("["):
            arguments, end = self._enclosed(opening, "]")
            return Access(name.span.to(end), name.text, tuple(arguments))
        opening = self.accept("(")
        if opening is None:
            return Name(name.span, name.text)
        arguments, end = self._enclosed(opening, ")")
        span = name.span.to(end)
        if name.text in BINDERS:
            return self._binder(name.text, span, arguments)
        if name.text == "one":
            return OneAccess(span, tuple(arguments))
        if name.text == "inv":
            return self._inverse(span, arguments)
        return Call(span, name.text, tuple(arguments))

    def _one(self, one: Token) -> Node:
        arguments, end = self._enclosed(self.take(), "]")
        return OneAccess(one.span.to(end), tuple(arguments))

    def _binder(self, kind: str, span: Span, arguments: list[Node]) -> Node:
        *names, body = arguments
        letters = tuple(Letter(n.span, n.name) for n in names if isinstance(n, Name))
        if not names or len(letters) != len(names):
            message = f"{kind} takes index letters and then one expression"
            wrong = next((n.span for n in names if not isinstance(n, Name)), span)
            raise TensorCalcError("E_ARGUMENTS", message, wrong, hint=f"for instance {kind}(i, x[i])")
        for letter in letters:
            if sum(other.name == letter.name for other in letters) > 1:
                message = f"the index {letter.name} is listed twice in {kind}"
                raise TensorCalcError("E_ARGUMENTS", message, letters[-1].span)
        return Binder(span, kind, letters, body)

    def _inverse(self, span: Span, arguments: list[Node]) -> Node:
        argument = arguments[0]
        if len(arguments) != 1 or not isinstance(argument, Name):
            message = "inv takes the name of one matrix"
            raise TensorCalcError(
                "E_ARGUMENTS", message, span, hint="define the matrix first: X[i,j] = …, then inv(X)[i,j]"
            )
        opening = self.accept("[")
        if opening is None:
            hint = f"write its component: inv({argument.name})[i,j]"
            raise syntax_error(f"inv({argument.name}) is a matrix and stands here without indices", span, hint)
        indices, end = self._enclosed(opening, "]")
        return MatrixAccess(span.to(end), argument.name, tuple(indices))

    def _enclosed(self, opening: Token, closing: str) -> tuple[list[Node], Span]:
        """The expressions between an opening bracket, already taken, and its partner; and the place of that."""
        self._deeper(opening.span)
        if self.next.kind == closing:
            raise syntax_error("nothing stands between the brackets", opening.span.to(self.next.span))
        arguments = [self.expression()]
        while self.accept(","):
            arguments.append(self.expression())
        token = self.next
        if token.kind != closing:
            raise self._unclosed(opening, token, closing)
        self.take()
        self._depth -= 1
        return arguments, token.span

    def _unclosed(self, opening: Token, token: Token, closing: str) -> TensorCalcError:
        if token.kind in _SHOWN:
            message = f"'{opening.kind}' is never closed{self.where}: '{closing}' is missing"
            return syntax_error(message, opening.span, f"a statement ends with its line; add '{closing}'")
        message = f"expected '{closing}' or ',' and found {self.shown(token)}{self.where}"
        hint = "how far an index runs is said apart: sum(i, …) with `index i: N`" if token.kind in ("=", ":") else ""
        error = syntax_error(message, token.span, hint)
        error.related = [(f"'{opening.kind}' was opened here", opening.span)]
        return error

    def _deeper(self, span: Span) -> None:
        self._depth += 1
        if self._depth > DEPTH:
            raise self._too_deep(span)

    def _too_deep(self, span: Span) -> TensorCalcError:
        message = f"the formula is nested more than {DEPTH} levels deep{self.where}"
        hint = "give inner parts a name in a definition of their own"
        return TensorCalcError("E_TOO_DEEP", message, Span(span.start, span.start + 1), hint=hint)


def _negated(signs: list[Span], node: Node) -> Node:
    """The node with its minus signs; pairs of them cancel."""
    if not signs:
        return node
    span = signs[0].to(node.span)
    return Negate(span, node) if len(signs) % 2 else replace(node, span=span)

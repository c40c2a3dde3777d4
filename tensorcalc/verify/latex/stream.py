"""A parser's view of tokens: the next one, groups in braces."""

from __future__ import annotations

from dataclasses import replace

from tensorcalc.errors import Span
from tensorcalc.verify.latex.tokens import Token, error
from tensorcalc.verify.latex.vocabulary import ACCENTS, STYLES

__all__ = ["MAX_NESTING", "Stream"]

MAX_NESTING = 40


class Stream:
    """Tokens with a place; `depth` counts the groups around them, `bars` the open vertical bars."""

    def __init__(self, tokens: list[Token], depth: int) -> None:
        if depth > MAX_NESTING:
            raise error("the formula is nested too deeply", tokens[0].span if tokens else Span(0, 1), code="E_TOO_DEEP")
        self.tokens = tokens
        self.depth = depth
        self.position = 0
        self.bars = 0

    def peek(self, ahead: int = 0) -> Token | None:
        place = self.position + ahead
        return self.tokens[place] if place < len(self.tokens) else None

    def at(self, *words: str) -> bool:
        token = self.peek()
        return token is not None and token.is_(*words)

    def next(self) -> Token:
        token = self.peek()
        if token is None:
            raise error("the formula ends too early", self.last_span())
        self.position += 1
        return token

    def last_span(self) -> Span:
        return self.tokens[min(self.position, len(self.tokens)) - 1].span if self.tokens else Span(0, 1)

    def finish(self) -> None:
        token = self.peek()
        if token is not None:
            shown = f"\\{token.text}" if token.kind == "command" else token.text
            raise error(f"{shown!r} cannot stand here", token.span)

    def digit(self) -> list[Token]:
        r"""The first digit of a number, which is all that a command takes of it: `\frac12` is a half."""
        token = self.peek()
        if token is None or token.kind != "number" or len(token.text) < 2 or not token.text.isdigit():
            return []
        middle = token.span.start + 1
        first = replace(token, text=token.text[0], span=Span(token.span.start, middle))
        rest = replace(token, text=token.text[1:], span=Span(middle, token.span.end), spaced=False)
        self.tokens[self.position : self.position + 1] = [first, rest]
        return [self.next()]

    def group(self) -> list[Token]:
        """The tokens of `{…}`, or the one token that stands for it."""
        token = self.next()
        if not token.is_("{"):
            if token.kind == "command" and (token.text in STYLES or token.text in ACCENTS) and self.at("{"):
                start = self.position - 1
                self.group()
                return self.tokens[start : self.position]
            if token.kind == "number" and len(token.text) > 1 and token.text.isdigit():  # \\frac12, x^10
                rest = replace(token, text=token.text[1:], span=Span(token.span.start + 1, token.span.end))
                self.tokens[self.position : self.position] = [rest]
                return [replace(token, text=token.text[0], span=Span(token.span.start, token.span.start + 1))]
            return [token]
        start, depth = self.position, 1
        while depth:
            token = self.next()
            depth += 1 if token.is_("{") else -1 if token.is_("}") else 0
        return self.tokens[start : self.position - 1]

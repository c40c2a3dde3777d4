"""The words of the text notation with their places. The only code that looks at single characters."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tensorcalc.errors import Span, TensorCalcError
from tensorcalc.notation.characters import GREEK, bad_character, in_ascii, is_control

__all__ = ["NAME_LENGTH", "TEXT_LENGTH", "Token", "tokenize"]

TEXT_LENGTH = 100_000
NAME_LENGTH = 100

_GREEK = "".join(GREEK)
_PATTERN = re.compile(
    rf"""
      (?P<sum>[Σ∑](?=[ \t\u00a0]*\())
    | (?P<name>[A-Za-z{_GREEK}][A-Za-z0-9_{_GREEK}]*)
    | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|(?<![A-Za-z0-9_)\]{_GREEK}])\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<one>𝟏)
    | (?P<operator>\*\*|[-+*/^()\[\],:=−×·⋅])
    | (?P<break>;|\r?\n)
    | (?P<space>[ \t\u00a0]+)
    | (?P<comment>\#[^\n]*)
    """,
    re.VERBOSE,
)
_OPERATORS = {"**": "^", "−": "-", "×": "*", "·": "*", "⋅": "*"}


@dataclass(frozen=True, slots=True)
class Token:
    """One word: `kind` is "name", "number", ";" (end of a statement), "end", or the operator itself."""

    kind: str
    text: str
    span: Span


def tokenize(text: str) -> list[Token]:
    """The tokens of a text, Unicode operators and Greek names in ASCII, with one "end" behind them.

    Raises `TensorCalcError` E_TOO_LONG, E_CHAR or E_NAME.
    """
    if len(text) > TEXT_LENGTH:
        raise TensorCalcError(
            "E_TOO_LONG",
            f"the text has {len(text):,} characters; the limit is {TEXT_LENGTH:,}",
            hint="split the system into several files",
        )
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        match = _PATTERN.match(text, position)
        if match is None:
            raise bad_character(text, position)
        position = match.end()
        token = _token(text, match.lastgroup or "", match.group(), Span(match.start(), match.end()))
        if token is not None:
            tokens.append(token)
    tokens.append(Token("end", "", Span(len(text), len(text))))
    return tokens


def _token(text: str, group: str, word: str, span: Span) -> Token | None:
    if group == "name":
        return Token("name", _checked_name(in_ascii(word), span), span)
    if group == "number":
        return Token("number", word, span)
    if group == "operator":
        kind = _OPERATORS.get(word, word)
        return Token(kind, kind, span)
    if group == "break":
        return Token(";", ";", span)
    if group == "sum":
        return Token("name", "sum", span)
    if group == "one":
        return Token("number", "1", span)
    if group == "comment":
        _check_comment(text, span)
    return None


def _checked_name(name: str, span: Span) -> str:
    if "__" in name:
        message = f"the name {name} has a double underscore"
        raise TensorCalcError("E_NAME", message, span, hint="names have the form [A-Za-z][A-Za-z0-9_]* without __")
    if len(name) > NAME_LENGTH:
        message = f"the name {name[:20]}… has {len(name)} characters; the limit is {NAME_LENGTH}"
        raise TensorCalcError("E_NAME", message, span, hint="choose a shorter name")
    return name


def _check_comment(text: str, span: Span) -> None:
    end = span.end - 1 if text[span.end - 1] == "\r" else span.end
    for offset in range(span.start, end):
        if is_control(text[offset]) and text[offset] != "\t":
            raise bad_character(text, offset)

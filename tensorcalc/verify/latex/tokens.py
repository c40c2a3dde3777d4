"""LaTeX mathematics as tokens, each with its place in the source."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tensorcalc.errors import Span, TensorCalcError
from tensorcalc.greek import GREEK

__all__ = ["MAX_TOKENS", "Token", "error", "tokenize"]

MAX_TOKENS = 20_000  # of one formula: far more than any that is read by people

Kind = Literal["command", "letter", "number", "sign", "text"]

_TEXT_COMMANDS: tuple[str, ...] = (
    "text",
    "textrm",
    "textbf",
    "textit",
    "textnormal",
    "textsf",
    "mbox",
    "hbox",
    "label",
    "tag",
    "ref",
)
_TEXT_COMMANDS += ("eqref", "cite", "intertext", "shortintertext", "hspace", "vspace", "textcolor", "color", "href")
_TOKEN = re.compile(
    r"(?P<space>[\s~]+|%[^\n]*)"
    r"|(?P<text>\\(?:" + "|".join(_TEXT_COMMANDS) + r")\*?\s*\{)"
    r"|(?P<command>\\(?:[a-zA-Z]+\*?|.)|\\\n)"
    r"|(?P<number>\d+(?:\.\d+)?|\.\d+)"
    r"|(?P<letter>[^\W\d_])"
    r"|(?P<relation>[<>]=|:=)"
    r"|(?P<sign>.)",
    re.DOTALL,
)
_UNICODE = {
    "∂": "\\partial", "·": "\\cdot", "×": "\\times", "−": "-", "–": "-", "∑": "\\sum", "∏": "\\prod", "√": "\\sqrt",
    "≈": "\\approx", "≤": "\\le", "≥": "\\ge", "≠": "\\ne", "∈": "\\in", "⊙": "\\odot", "⊤": "\\top", "∇": "\\nabla",
    "≡": "\\equiv", "∘": "\\circ", "′": "'", "→": "\\to", "∞": "\\infty", "…": "\\ldots", "⋯": "\\cdots",
    "⊗": "\\otimes",
}  # fmt: skip


_WRITTEN = {"<=": "\\le", ">=": "\\ge", ":=": "\\coloneqq"}


@dataclass(frozen=True, slots=True)
class Token:
    """One token: a command without its backslash, a letter, a number, any other character, or the text in `\\text{}`.

    `name` says for a text by which command it was given. `spaced`: whether a blank stands before it.
    """

    kind: Kind
    text: str
    span: Span
    name: str = ""
    spaced: bool = False

    def is_(self, *words: str) -> bool:
        """Whether this is one of the commands (written with a backslash) or signs."""
        if self.kind == "sign":
            return self.text in words
        return self.kind == "command" and f"\\{self.text}" in words


def error(message: str, span: Span, hint: str = "", code: str = "E_SYNTAX") -> TensorCalcError:
    """An error at a place of the article."""
    return TensorCalcError(code, message, span, hint=hint)


def tokenize(text: str, places: Sequence[int]) -> list[Token]:
    """The tokens of a formula; `places` has the offset in the source for every character, and for the end.

    Raises `TensorCalcError` E_SYNTAX or E_TOO_LONG.
    """
    tokens: list[Token] = []
    position, spaced = 0, False
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise error("a character that cannot be read", Span(places[position], places[position] + 1))
        kind, end = match.lastgroup, match.end()
        if kind == "space":
            spaced, position = True, end
            continue
        if kind == "text":
            end = _closing(text, end, places)
        span = Span(places[position], places[end - 1] + 1)
        tokens.append(_token(kind or "sign", text[position:end], span, spaced, match.end() - position))
        if len(tokens) > MAX_TOKENS:
            raise error(f"the formula has more than {MAX_TOKENS} tokens", span, code="E_TOO_LONG")
        position, spaced = end, False
    return tokens


def _token(kind: str, text: str, span: Span, spaced: bool, opening: int) -> Token:
    if kind == "text":
        return Token("text", text[opening:-1], span, text[1:].split("{", maxsplit=1)[0].strip().rstrip("*"), spaced)
    text = _WRITTEN.get(text) or _UNICODE.get(text, text)
    if text.startswith("\\"):
        return Token("command", text[1:].rstrip("*") if len(text) > 2 else text[1:], span, "", spaced)
    if kind == "letter" and not text.isascii():
        text = _greek(text)
        if len(text) > 1:
            return Token("command", text, span, "", spaced)
    return Token("letter" if kind == "letter" else "number" if kind == "number" else "sign", text, span, "", spaced)


def _greek(letter: str) -> str:
    return next((name for name, sign in GREEK.items() if sign == letter), letter)


def _closing(text: str, position: int, places: Sequence[int]) -> int:
    """The end of a group whose opening brace stands before `position`."""
    depth = 1
    for match in re.compile(r"\\.|[{}]", re.DOTALL).finditer(text, position):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if not depth:
            return match.end()
    raise error("a brace is not closed", Span(places[position - 1], places[position - 1] + 1))

"""What can be said to a user about bad input: one error class, a stable code for each kind, the place and a hint.

Kept apart and without any dependency, so that every layer (and `tensorcalc --help`) can raise and show errors.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field, fields

CODES: dict[str, str] = {
    "E_AMBIGUOUS": "the input can be read in more than one way",
    "E_ARGUMENTS": "a function has the wrong number or kind of arguments",
    "E_BAD_INDEX": "something that is no index, label or integer stands in brackets",
    "E_CHAR": "a character is not part of the notation",
    "E_CYCLE": "definitions depend on each other in a circle",
    "E_DANGLING_INDEX": "an index occurs once: neither free nor dummy",
    "E_DIM_MISMATCH": "two axes that must be equally long belong to different dimensions",
    "E_FALSE": "a step of an author's own does not hold",
    "E_FILE": "a file cannot be read or has the wrong form",
    "E_FREE_INDEX": "added terms have different free indices",
    "E_ILL_FORMED": "indices or shapes of an equation do not fit",
    "E_INDEX_AS_VALUE": "an index is used as a number",
    "E_INDEX_RANGE": "the value of a label lies outside its dimension",
    "E_KIND": "this kind of derivative does not exist or does not fit the function",
    "E_MISSING_INDEX": "an index on the left of a definition is missing on its right",
    "E_NAME": "not a valid name",
    "E_NOT_FINITE": "a constant is not a finite real number",
    "E_NUMBER_TOO_BIG": "a number does not fit into float64",
    "E_OPTION": "an option does not exist or contradicts another",
    "E_ORDER": "a tensor is used with the wrong number of indices",
    "E_REDEFINED": "a name is defined twice",
    "E_RESERVED": "a word of the notation is used as a name",
    "E_SHAPE": "an argument has the wrong shape",
    "E_STEP": "a step of a derivation by hand cannot be taken",
    "E_SYNTAX": "the text does not follow the notation",
    "E_TARGET": "the code target does not exist or its library is not installed",
    "E_TOO_DEEP": "the expression is nested too deeply",
    "E_TOO_LONG": "the input is too long",
    "E_TYPE": "an argument has the wrong type",
    "E_UNKNOWN_NAME": "a name is not known here",
    "E_UNKNOWN_SIZE": "nothing tells the size of a dimension",
    "E_UNSUPPORTED": "part of the notation that cannot be differentiated or compiled yet",
}


@dataclass(frozen=True, slots=True)
class Span:
    """A range of characters of a source text, as offsets `start <= position < end`."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        """The smallest span that holds this one and `other`."""
        return Span(min(self.start, other.start), max(self.end, other.end))


@dataclass(frozen=True, slots=True)
class Source:
    """A text with the name under which errors refer to it (a file name, or `<input>`)."""

    text: str
    name: str = "<input>"
    first_line: int = 1

    def locate(self, offset: int) -> tuple[int, int]:
        """Line and column of a character, both counted from 1."""
        before = self.text[:offset]
        line = before.count("\n")
        return line + self.first_line, offset - (before.rfind("\n") + 1) + 1

    def line(self, offset: int) -> str:
        """The whole line in which a character stands, without its line break."""
        start = self.text.rfind("\n", 0, offset) + 1
        end = self.text.find("\n", offset)
        return self.text[start : len(self.text) if end < 0 else end].rstrip("\r")


@dataclass(slots=True)
class TensorCalcError(Exception):
    """Bad input, with a stable code (`CODES`), the place, and what would be right.

    `message` says what is wrong with the name and the formula in it; `label` stands under the caret; `hint` says what
    would be right; `related` are further places (message, span), such as the first of two definitions.
    """

    code: str
    message: str
    span: Span | None = None
    source: Source | None = None
    label: str = ""
    hint: str = ""
    related: list[tuple[str, Span]] = field(default_factory=list)

    def __post_init__(self) -> None:
        Exception.__init__(self, self.message)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), tuple(getattr(self, entry.name) for entry in fields(self))

    def __str__(self) -> str:
        return self.render()

    @property
    def line(self) -> int | None:
        """Line of the place, counted from 1, where the error has one."""
        return None if self.span is None or self.source is None else self.source.locate(self.span.start)[0]

    @property
    def column(self) -> int | None:
        """Column of the place in characters, counted from 1, where the error has one."""
        return None if self.span is None or self.source is None else self.source.locate(self.span.start)[1]

    def render(self) -> str:
        """The error as compilers print it: code, message, place, the line with carets, and the hint."""
        lines = [f"error[{self.code}]: {printable(self.message)}"]
        if self.source is not None:
            if self.span is not None:
                lines += _excerpt(self.source, self.span, self.label, "-->")
            for message, span in self.related:
                lines += _excerpt(self.source, span, message, ":::")
        if self.hint:
            lines.append(f"  hint: {printable(self.hint)}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, object]:
        """The error for JSON: code, message, line, column, hint."""
        return {
            "code": self.code,
            "message": printable(self.message),
            "line": self.line,
            "column": self.column,
            "hint": printable(self.hint),
        }


WIDTH = 96


def _excerpt(source: Source, span: Span, label: str, arrow: str) -> list[str]:
    line, column = source.locate(span.start)
    text = source.line(span.start)
    start = column - 1
    length = max(1, min(span.end - span.start, len(text) - start))
    if len(text) > WIDTH:  # show a window of long lines, so that hostile input does not flood the terminal
        left = max(0, min(start - WIDTH // 3, len(text) - WIDTH))
        text, start = text[left : left + WIDTH], start - left
        length = max(1, min(length, WIDTH - start))
    shown = printable(text)
    indent = len(printable(text[:start]))
    carets = "^" * max(1, len(printable(text[start : start + length])))
    return [
        f"  {arrow} {source.name}:{line}:{column}",
        f"   |  {shown}",
        f"   |  {' ' * indent}{carets}{' ' + printable(label) if label else ''}",
    ]


def printable(text: str) -> str:
    """`text` with control and invisible characters written as escapes, so that a terminal shows every character."""
    return "".join(
        c if c == " " or (c.isprintable() and unicodedata.category(c) not in ("Cf", "Zs")) else _escape(c) for c in text
    )


def _escape(character: str) -> str:
    if character == "\t":
        return " "
    return f"\\u{{{ord(character):04X}}}"

"""What an article says in words about its tensors: shapes, and which matrices are symmetric or positive definite."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tensorcalc.verify.latex.rows import Row
from tensorcalc.verify.latex.tree import Node
from tensorcalc.verify.latex.tree import Sequence as Items
from tensorcalc.verify.shapes import plain_key, symbols_of

__all__ = ["Said", "what_is_said"]

FAR = 200  # characters between two formulas of one statement
_F = r"⟨(\d+)⟩"
_LIST = r"(?P<list>(?:⟨\d+⟩(?:,? and |, | or )){0,6}⟨\d+⟩)"
_BE = r"(?: ?,? ?(?:is|are|be|denotes?|being|as|of)\b)"
_KIND = r"(?:symmetric|self-adjoint|Hermitian)"
_DEFINITE = r"(?:positive[- ](?:semi-?)?definite|(?:co)?variance matri\w+|precision matri\w+|SPD|PSD)"
_SYMMETRIC = (
    re.compile(rf"{_LIST}{_BE}[^.;:⟨]{{0,40}}?\b(?P<kind>{_KIND}|{_DEFINITE})\b", re.IGNORECASE),
    re.compile(rf"\b(?P<kind>{_KIND}|{_DEFINITE})(?:,? (?:and )?[\w-]+){{0,3}} {_LIST}", re.IGNORECASE),
)
_MATRIX = (
    re.compile(rf"{_LIST}{_BE}?(?: an?| the| two)? (?P<shape>⟨\d+⟩)(?: [\w-]+){{0,2}} matri", re.IGNORECASE),
    re.compile(rf"(?P<shape>⟨\d+⟩)(?: [\w-]+)? matri(?:x|ces) {_LIST}", re.IGNORECASE),
)
_VECTOR = (
    re.compile(rf"{_LIST}{_BE}(?: an?| the)? (?P<shape>⟨\d+⟩)-dimensional(?: [\w-]+)? vector", re.IGNORECASE),
    re.compile(rf"(?P<shape>⟨\d+⟩)-dimensional(?: [\w-]+)? vectors? {_LIST}", re.IGNORECASE),
)
_NUMBER = re.compile(r"⟨(\d+)⟩")


@dataclass(frozen=True, slots=True)
class Said:
    """Shapes by name, names of symmetric matrices, and of those that are positive definite as well.

    `tabled` are the names in tables of symbols: they are tensors, whatever else they could be.
    """

    shapes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    symmetric: frozenset[str] = frozenset()
    definite: frozenset[str] = frozenset()
    tabled: frozenset[str] = frozenset()

    def with_shapes(self, shapes: Mapping[str, tuple[str, ...]]) -> Said:
        """The same with the shapes of the names in tables."""
        return replace(self, shapes={**shapes, **self.shapes}, tabled=frozenset(shapes))


def what_is_said(text: str, formulas: Sequence[tuple[int, int, Sequence[Row]]]) -> Said:
    """What a text says about the names in its inline formulas, each given by its start, its end, and its rows."""
    shapes: dict[str, tuple[str, ...]] = {}
    symmetric: set[str] = set()
    definite: set[str] = set()
    for statement in _statements(text, [(a, b) for a, b, _ in formulas]):
        for pattern in _SYMMETRIC:
            for match in pattern.finditer(statement):
                names = _names(match["list"], formulas)
                symmetric.update(names)
                definite.update(names if re.fullmatch(_DEFINITE, match["kind"], re.IGNORECASE) else ())
        for pattern, order in (*((p, 2) for p in _MATRIX), *((p, 1) for p in _VECTOR)):
            for match in pattern.finditer(statement):
                shape = _shape(match["shape"], formulas)
                if len(shape) == order:
                    shapes.update(dict.fromkeys(_names(match["list"], formulas), shape))
    return Said(shapes, frozenset(symmetric), frozenset(definite))


def _statements(text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """The text in pieces, with a number in angle brackets for every formula."""
    pieces: list[str] = []
    before = 0
    for number, (start, end) in enumerate(spans):
        pieces += [_plain(text[max(before, start - FAR) : start]), f"⟨{number}⟩"]
        before = end
    pieces.append(_plain(text[before : before + FAR]))
    return re.split(r"[.;:?!]\s", "".join(pieces))


def _plain(text: str) -> str:
    """A piece of text without the signs that begin formulas, on one line; an empty line ends a statement."""
    return re.sub(r"\s+", " ", re.sub(r"\n\s*\n", ". ", re.sub(r"\\[()]|[$*_]", "", text)))


def _names(listed: str, formulas: Sequence[tuple[int, int, Sequence[Row]]]) -> list[str]:
    """The names with which formulas begin, as `A` in $A$ or $A \\in …$."""
    found: list[str] = []
    for number in _NUMBER.findall(listed):
        rows = formulas[int(number)][2]
        node = rows[0].sides[0].node if rows else None
        nodes: Sequence[Node | None] = node.items if isinstance(node, Items) else (node,)
        found += [key for n in nodes if n is not None and (key := plain_key(n))]
    return found


def _shape(number: str, formulas: Sequence[tuple[int, int, Sequence[Row]]]) -> tuple[str, ...]:
    rows = formulas[int(number.strip("⟨⟩"))][2]
    node = rows[0].sides[0].node if len(rows) == 1 and len(rows[0].sides) == 1 else None
    shape = symbols_of(node) if node is not None else None
    return shape if shape is not None and "" not in shape else ()

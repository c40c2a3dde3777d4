"""The rows of a displayed formula: environments are opened, rows and sides of equations are told apart."""

from __future__ import annotations

import re
from collections.abc import Sequence as Places
from dataclasses import dataclass, field, replace

from tensorcalc.errors import Span, TensorCalcError
from tensorcalc.verify.latex.lines import (
    CLOSE,
    OPEN,
    check_nesting,
    is_open,
    is_relation,
    joined,
    lines_of,
    opened,
    remarks_last,
    shallow,
    without_sizes,
)
from tensorcalc.verify.latex.macros import Macros, expand
from tensorcalc.verify.latex.parser import parse
from tensorcalc.verify.latex.tokens import Token, error, tokenize
from tensorcalc.verify.latex.tree import Node, Sequence, Symbol
from tensorcalc.verify.latex.vocabulary import ARROWS, ASSIGNS, EQUALS, PRODUCT_SIGNS, SEPARATORS, SKIPPED

__all__ = ["Row", "Side", "rows_of"]


@dataclass(frozen=True, slots=True)
class Side:
    """One side of an equation: its tree, or the error where it cannot be read.

    `relation` is the sign before it (empty for the first side), `mark` the place of that sign; `assigns` tells whether
    the sign gives the other side a value, as := does.
    """

    span: Span
    node: Node | None
    problem: TensorCalcError | None = None
    relation: str = ""
    mark: Span | None = None
    assigns: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A chain of sides with relations between. Where `continues`, the first side is that of the row before.

    `words` are the texts that stand in the row, `label` a text with a colon before the formula; `aside` tells a remark
    in brackets between the lines of a chain.
    """

    sides: tuple[Side, ...]
    continues: bool
    span: Span
    words: tuple[str, ...] = ()
    label: str = ""
    aside: bool = False
    block: int = field(default=0, compare=False)


def rows_of(text: str, places: Places[int], macros: Macros) -> list[Row]:
    """The rows of a formula.

    Raises `TensorCalcError` where the formula as a whole cannot be read; a side that cannot has its error in itself.
    """
    tokens = without_sizes(expand(tokenize(text, places), macros))
    check_nesting(tokens)
    tokens = _without_definitions(tokens)
    result: list[Row] = []
    for line in joined(remarks_last(lines_of(opened(tokens)))):
        solid = [t for t in line if not t.is_("&", *SKIPPED)]
        aside = bool(solid) and solid[0].kind == "text" and solid[0].text.startswith("(")
        for cell in _columns(line):
            for number, part in enumerate(_parts(cell)):
                row = _row(part, not number)
                if row is not None:
                    result.append(replace(row, aside=aside))
    return result


def _without_definitions(tokens: list[Token]) -> list[Token]:
    return (
        [] if tokens and tokens[0].is_("\\newcommand", "\\renewcommand", "\\def", "\\DeclareMathOperator") else tokens
    )


def _columns(line: list[Token]) -> list[list[Token]]:
    """The equations of a line: a `&` beside a relation aligns, any other one separates."""
    cells: list[list[Token]] = [[]]
    depth = 0
    for token in line:
        depth += 1 if token.is_("{", "\\begin") else -1 if token.is_("}", "\\end") else 0
        if depth or not token.is_("&"):
            cells[-1].append(token)
        else:
            cells.append([])
    joined: list[list[Token]] = [[]]
    for cell in cells:
        solid = [t for t in cell if not t.is_(*SKIPPED)]
        before = [t for t in joined[-1] if not t.is_(*SKIPPED)]
        closes = bool(solid) and (is_open(solid[0]) or all(t.kind == "text" for t in solid))
        only_words = bool(before) and all(t.kind == "text" for t in before)
        applied = bool(solid) and solid[0].is_("(", "[") and not _has_relation(before) and _has_relation(solid)
        if not solid or not before or closes or is_open(before[-1]) or only_words or applied:
            joined[-1] += cell
        else:
            joined.append(list(cell))
    return [cell for cell in joined if cell]


def _parts(tokens: list[Token]) -> list[list[Token]]:
    """The statements of a cell: told apart by commas with room behind, by `\\implies`, and by words between.

    Words behind a statement belong to it.
    """
    parts: list[list[Token]] = [[]]
    depth = 0
    for position, token in enumerate(tokens):
        depth += 1 if token.is_(*OPEN) else -1 if token.is_(*CLOSE) else 0
        following = next((t for t in tokens[position + 1 :]), None)
        wide = following is not None and following.is_("\\quad", "\\qquad", "\\ ", "\\;", "\\,")
        comma = token.is_(",", ";") and (wide or _has_relation(tokens[position + 1 :])) and _has_relation(parts[-1])
        arrow = token.is_(*ARROWS) and _has_relation(parts[-1]) and _has_relation(tokens[position + 1 :])
        if depth <= 0 and (comma or arrow or token.is_(*SEPARATORS)):
            parts.append([])
        elif depth <= 0 and token.kind == "text" and not _is_name(token, tokens) and not _starts(parts[-1]):
            parts[-1].append(token)
            parts.append([])
        elif (
            depth <= 0
            and token.is_("\\qquad", "\\quad")
            and _has_relation(parts[-1])
            and _new_statement(tokens[position + 1 :])
        ):
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def _starts(tokens: list[Token]) -> bool:
    """Whether nothing but blanks and words has been read so far."""
    return all(t.is_("&", *SKIPPED) or t.kind == "text" for t in tokens)


def _new_statement(tokens: list[Token]) -> bool:
    """Whether behind a wide blank another equation starts, or a range of indices is said."""
    solid = [t for t in tokens if not t.is_(*SKIPPED)]
    return bool(solid) and solid[0].kind in ("letter", "command") and not is_open(solid[0]) and _has_relation(tokens)


def _has_relation(tokens: list[Token]) -> bool:
    return any(is_relation(t) for t in shallow(tokens))


def _row(tokens: list[Token], first: bool) -> Row | None:
    words = [t for t in tokens if t.kind == "text" and not _is_name(t, tokens)]
    kept = [t for t in tokens if t.kind != "text" or t not in words]
    solid = _unaligned(kept)
    while solid and solid[-1].is_(",", ".", ";", ":"):
        solid.pop()
    if not solid:
        return None
    lead = words[0].text.strip() if first and words and words[0] is tokens[_first(tokens)] else ""
    label = lead if lead.endswith(":") and not lead.startswith("(") else ""
    pieces: list[tuple[str, Span | None, list[Token]]] = [("", None, [])]
    assigns: set[int] = set()
    depth = 0
    for token in solid:
        depth += 1 if token.is_(*OPEN, "\\lvert") else -1 if token.is_(*CLOSE, "\\rvert") else 0
        if depth <= 0 and is_relation(token):
            sign = token.text if token.kind == "sign" else f"\\{token.text}"
            assigns |= {len(pieces)} if token.is_(*ASSIGNS) else set()
            pieces.append(("=" if token.is_(*EQUALS) else sign, token.span, []))
        else:
            pieces[-1][2].append(token)
    continues = not pieces[0][2]
    sides = tuple(replace(_side(*piece), assigns=k in assigns) for k, piece in enumerate(pieces) if k or not continues)
    return Row(sides, continues, solid[0].span.to(solid[-1].span), tuple(t.text for t in words), label)


def _unaligned(tokens: list[Token]) -> list[Token]:
    """The tokens without blanks, and without alignment marks outside of matrices and cases."""
    result: list[Token] = []
    depth = 0
    for token in tokens:
        depth += 1 if token.is_("\\begin") else -1 if token.is_("\\end") else 0
        if not token.is_(*SKIPPED) and (depth or not token.is_("&")):
            result.append(token)
    return result


def _first(tokens: list[Token]) -> int:
    return next((k for k, t in enumerate(tokens) if not t.is_("&", *SKIPPED)), 0)


_NAME = re.compile(r"[A-Za-z][A-Za-z-]*")


def _is_name(token: Token, tokens: list[Token]) -> bool:
    """Whether a text is a name in the formula (`\\text{softmax}(x)`, `x_{\\text{in}}`) rather than a remark."""
    place = next(k for k, t in enumerate(tokens) if t is token)
    before = tokens[place - 1] if place else None
    if before is not None and (before.is_("_", "^") or (before.is_("{") and place > 1 and tokens[place - 2].is_("_"))):
        return True
    if not _NAME.fullmatch(token.text.strip()):
        return False
    behind = tokens[place + 1] if place + 1 < len(tokens) else None
    scripted = before is not None and before.is_("_", "^", "{")
    called = behind is not None and behind.is_("(", "[", "_", "^", "=", "&", "}", "\\{")
    operand = before is not None and before.is_("+", "-", *PRODUCT_SIGNS)
    return scripted or called or operand or token.name in ("operatorname", "textbf")


def _side(relation: str, mark: Span | None, tokens: list[Token]) -> Side:
    if not tokens:
        where = mark or Span(0, 1)
        return Side(where, None, error("a side of the equation is missing", where), relation, mark)
    span = tokens[0].span.to(tokens[-1].span)
    try:
        return Side(span, parse(tokens), None, relation, mark)
    except TensorCalcError as problem:
        return Side(span, _listed(tokens, span), problem, relation, mark)


def _listed(tokens: list[Token], span: Span) -> Node | None:
    """Names with commas between, as in x, b \\in \\mathbb{R}^n; `None` for anything else."""
    parts: list[list[Token]] = [[]]
    for token in tokens:
        parts.append([]) if token.is_(",") else parts[-1].append(token)
    if len(parts) < 2 or any(not part for part in parts):
        return None
    try:
        nodes = [parse(part) for part in parts]
    except TensorCalcError:
        return None
    return Sequence(span, tuple(nodes)) if all(isinstance(n, Symbol) for n in nodes) else None

"""The rows of a displayed formula: environments are opened, rows and sides of equations are told apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tensorcalc.errors import Span, TensorCalcError
from tensorcalc.verify.latex.macros import Macros, expand
from tensorcalc.verify.latex.parser import parse
from tensorcalc.verify.latex.tokens import Token, error, tokenize
from tensorcalc.verify.latex.tree import Node
from tensorcalc.verify.latex.vocabulary import EQUALS, PRODUCT_SIGNS, RELATIONS, SEPARATORS, SKIPPED, WRAPPERS

__all__ = ["Row", "Side", "rows_of"]

MAX_BRACKETS = 100
_NOISE = ("label", "tag", "ref", "eqref", "cite", "hspace", "vspace", "intertext", "shortintertext", "color")


@dataclass(frozen=True, slots=True)
class Side:
    """One side of an equation: its tree, or the error where it cannot be read.

    `relation` is the sign before it (empty for the first side), `mark` the place of that sign.
    """

    span: Span
    node: Node | None
    problem: TensorCalcError | None = None
    relation: str = ""
    mark: Span | None = None


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


def rows_of(text: str, places: Sequence[int], macros: Macros) -> list[Row]:
    """The rows of a formula.

    Raises `TensorCalcError` where the formula as a whole cannot be read; a side that cannot has its error in itself.
    """
    tokens = _signs(expand(tokenize(text, places), macros))
    _check_nesting(tokens)
    tokens = _without_definitions(tokens)
    result: list[Row] = []
    for line in _joined(_remarks_last(_lines(_opened(tokens)))):
        solid = [t for t in line if not t.is_("&", *SKIPPED)]
        aside = bool(solid) and solid[0].kind == "text" and solid[0].text.startswith("(")
        for cell in _columns(line):
            for number, part in enumerate(_parts(cell)):
                row = _row(part, not number)
                if row is not None:
                    result.append(replace(row, aside=aside))
    return result


def _check_nesting(tokens: list[Token]) -> None:
    """Refuse brackets within brackets beyond what is read, before anything is copied level by level."""
    depth = 0
    for token in tokens:
        depth += 1 if token.is_("{", "(", "[") else -1 if token.is_("}", ")", "]") and depth else 0
        if depth > MAX_BRACKETS:
            raise error("the formula is nested too deeply", token.span, code="E_TOO_DEEP")


def _without_definitions(tokens: list[Token]) -> list[Token]:
    return (
        [] if tokens and tokens[0].is_("\\newcommand", "\\renewcommand", "\\def", "\\DeclareMathOperator") else tokens
    )


def _signs(tokens: list[Token]) -> list[Token]:
    """Tokens with the sizes of brackets removed, so that every bracket is one token that opens or closes."""
    result: list[Token] = []
    position = 0
    while position < len(tokens):
        token = tokens[position]
        following = tokens[position + 1] if position + 1 < len(tokens) else None
        sided = token.is_(
            "\\left", "\\right", "\\bigl", "\\bigr", "\\Bigl", "\\Bigr", "\\biggl", "\\biggr", "\\Biggl", "\\Biggr"
        )
        if sided and following is not None:
            side = "l" if token.text.endswith(("left", "l")) else "r"
            span = token.span.to(following.span)
            if following.is_("|", "\\vert"):
                result.append(Token("command", f"{side}vert", span))
            elif following.is_("\\|", "\\Vert"):
                result.append(Token("command", f"{side}Vert", span))
            elif not following.is_("."):
                result.append(replace(following, span=span))
            position += 2
            continue
        if token.is_("\\stackrel", "\\overset", "\\underset"):
            start = _skip_group(tokens, position + 1)
            end = _skip_group(tokens, start)
            result += [t for t in tokens[start:end] if not t.is_("{", "}")]
            position = end
            continue
        if token.is_(":") and following is not None and following.is_("="):
            position += 1
            continue
        if token.kind == "text" and token.name in _NOISE:
            position += 1
            continue
        result.append(token)
        position += 1
    return result


def _skip_group(tokens: list[Token], position: int) -> int:
    if position >= len(tokens) or not tokens[position].is_("{"):
        return position + 1
    depth = 0
    while position < len(tokens):
        depth += 1 if tokens[position].is_("{") else -1 if tokens[position].is_("}") else 0
        position += 1
        if not depth:
            break
    return position


def _opened(tokens: list[Token]) -> list[Token]:
    """Tokens with the environments that only lay out formulas replaced by row ends."""
    result: list[Token] = []
    position = 0
    boxes: list[int] = []
    depth = 0
    while position < len(tokens):
        token = tokens[position]
        if token.is_("\\begin", "\\end"):
            end = _skip_group(tokens, position + 1)
            name = "".join(t.text for t in tokens[position + 2 : end - 1]).rstrip("*")
            if name in WRAPPERS:
                position = end
                if token.is_("\\begin"):
                    if name in ("alignat", "alignedat"):
                        position = _skip_group(tokens, position)
                    elif position + 2 < len(tokens) and tokens[position].is_("[") and tokens[position + 2].is_("]"):
                        position += 3
                if not result or not _is_open(result[-1]):
                    result.append(Token("command", "\\", token.span))
                continue
            result += tokens[position:end]
            position = end
            continue
        if token.is_("\\boxed", "\\fbox") and position + 1 < len(tokens) and tokens[position + 1].is_("{"):
            boxes.append(depth)
            position += 2
            depth += 1
            continue
        depth += 1 if token.is_("{") else -1 if token.is_("}") else 0
        if token.is_("}") and boxes and boxes[-1] == depth:
            boxes.pop()
            position += 1
            continue
        if token.is_("{") and position + 1 < len(tokens) and tokens[position + 1].is_("}"):
            depth -= 1
            position += 2
            continue
        result.append(token)
        position += 1
    return result


def _is_open(token: Token) -> bool:
    return token.is_(*RELATIONS, "+", "-", *PRODUCT_SIGNS, "&")


_OPEN, _CLOSE = ("{", "(", "[", "\\{", "\\begin"), ("}", ")", "]", "\\}", "\\end")


def _lines(tokens: list[Token]) -> list[list[Token]]:
    """The lines between `\\\\`; a line that ends inside of a bracket goes on."""
    lines: list[list[Token]] = [[]]
    depth, open_round = 0, 0
    for token in tokens:
        if token.is_("{", "\\begin"):
            depth += 1
        elif token.is_("}", "\\end"):
            depth -= 1
            if depth < 0:
                raise error("a closing brace without its opening one", token.span)
        elif token.is_("(", "[", "\\{", "\\lvert"):
            open_round += 1
        elif token.is_(")", "]", "\\}", "\\rvert"):
            open_round = max(open_round - 1, 0)
        if token.is_("\\\\", "\\newline", "\\cr") and not depth:
            if open_round and not _balanced(lines[-1]):
                lines[-1].append(Token("command", "continued", token.span))
            else:
                lines.append([])
                open_round = 0
        else:
            lines[-1].append(token)
    return [line for line in lines if line]


def _remarks_last(lines: list[list[Token]]) -> list[list[Token]]:
    """Lines without the formulas in remarks such as `& \\text{(definition of }r\\text{)}`; their words stand last.

    A remark may go on in the last column of the next line.
    """
    result: list[list[Token]] = []
    unfinished = False
    for line in lines:
        kept: list[Token] = []
        words: list[Token] = []
        inside = unfinished and len(line) > 1 and line[0].is_("&") and line[1].is_("&")
        for token in line:
            aligned = bool(kept) and kept[-1].is_("&")
            if token.kind == "text" and aligned and (token.text.startswith("(") or unfinished):
                inside = True
            if token.is_("\\continued"):
                inside = False
            if not inside:
                kept.append(token)
            elif token.kind == "text":
                words.append(token)
                unfinished = not token.text.rstrip().endswith(")")
                inside = unfinished
        result.append(kept + words)
    return result


def _balanced(tokens: list[Token]) -> bool:
    opening = sum(t.is_("(", "[", "\\{", "\\lvert") for t in tokens)
    return opening <= sum(t.is_(")", "]", "\\}", "\\rvert") for t in tokens)


def _joined(lines: list[list[Token]]) -> list[list[Token]]:
    """Lines with those joined that go on: a line that starts with an operator, or follows one."""
    result: list[list[Token]] = []
    for line in lines:
        cleaned = _uncontinued(line)
        solid = [t for t in cleaned if not t.is_("&", *SKIPPED) and t.kind != "text"]
        if not solid:
            if result:
                result[-1] += [t for t in cleaned if t.kind == "text"]
            continue
        starts = solid[0].is_("+", "-", *PRODUCT_SIGNS) and not any(_is_relation(t) for t in _shallow(solid))
        if result and (starts or _ends_open(result[-1])):
            before, words = _without_last_words(result[-1])
            result[-1] = [*before, *(t for t in cleaned if not t.is_("&")), *words]
        else:
            result.append(cleaned)
    return result


def _without_last_words(line: list[Token]) -> tuple[list[Token], list[Token]]:
    """A line without the remark at its end, and the words of that."""
    end = len(line)
    while end and (line[end - 1].kind == "text" or line[end - 1].is_("&", *SKIPPED)):
        end -= 1
    return line[:end], [t for t in line[end:] if t.kind == "text"]


def _ends_open(line: list[Token]) -> bool:
    solid = [t for t in line if not t.is_("&", *SKIPPED) and t.kind != "text"]
    return bool(solid) and solid[-1].is_("+", "-", "=", *PRODUCT_SIGNS)


def _uncontinued(line: list[Token]) -> list[Token]:
    """The line with breaks inside of a bracket undone: remarks go to its end, alignment marks are dropped."""
    result: list[Token] = []
    remarks: list[Token] = []
    broken = False
    for token in line:
        if token.is_("\\continued"):
            broken = True
            while result and (result[-1].kind == "text" or result[-1].is_("&", *SKIPPED)):
                dropped = result.pop()
                remarks += [dropped] if dropped.kind == "text" else []
        elif broken and token.is_("&", *SKIPPED):
            continue
        else:
            broken = False
            result.append(token)
    return result + remarks


def _shallow(tokens: list[Token]) -> list[Token]:
    """The tokens outside of all brackets and scripts."""
    result: list[Token] = []
    depth = 0
    for token in tokens:
        if token.is_(*_CLOSE):
            depth = max(depth - 1, 0)
        if not depth:
            result.append(token)
        if token.is_(*_OPEN):
            depth += 1
    return result


def _is_relation(token: Token) -> bool:
    return token.is_(*RELATIONS)


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
        closes = bool(solid) and (_is_open(solid[0]) or all(t.kind == "text" for t in solid))
        only_words = bool(before) and all(t.kind == "text" for t in before)
        if not solid or not before or closes or _is_open(before[-1]) or only_words:
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
        depth += 1 if token.is_(*_OPEN) else -1 if token.is_(*_CLOSE) else 0
        following = next((t for t in tokens[position + 1 :]), None)
        wide = following is not None and following.is_("\\quad", "\\qquad", "\\ ", "\\;", "\\,")
        comma = token.is_(",", ";") and (wide or _has_relation(tokens[position + 1 :])) and _has_relation(parts[-1])
        if depth <= 0 and (comma or token.is_(*SEPARATORS)):
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
    return bool(solid) and solid[0].kind in ("letter", "command") and not _is_open(solid[0]) and _has_relation(tokens)


def _has_relation(tokens: list[Token]) -> bool:
    return any(_is_relation(t) for t in _shallow(tokens))


def _row(tokens: list[Token], first: bool) -> Row | None:
    words = [t for t in tokens if t.kind == "text" and not _is_name(t, tokens)]
    kept = [t for t in tokens if t.kind != "text" or t not in words]
    solid = _unaligned(kept)
    while solid and solid[-1].is_(",", ".", ";", ":"):
        solid.pop()
    if not solid:
        return None
    leads = first and bool(words) and words[0] is tokens[_first(tokens)] and words[0].text.rstrip().endswith(":")
    label = words[0].text.strip() if leads else ""
    pieces: list[tuple[str, Span | None, list[Token]]] = [("", None, [])]
    depth = 0
    for token in solid:
        depth += 1 if token.is_(*_OPEN, "\\lvert") else -1 if token.is_(*_CLOSE, "\\rvert") else 0
        if depth <= 0 and _is_relation(token):
            sign = token.text if token.kind == "sign" else f"\\{token.text}"
            pieces.append(("=" if token.is_(*EQUALS) else sign, token.span, []))
        else:
            pieces[-1][2].append(token)
    continues = not pieces[0][2]
    sides = tuple(_side(*piece) for piece in pieces[continues:])
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
    if not _NAME.fullmatch(token.text.strip()):
        return False
    place = next(k for k, t in enumerate(tokens) if t is token)
    before = tokens[place - 1] if place else None
    behind = tokens[place + 1] if place + 1 < len(tokens) else None
    scripted = before is not None and before.is_("_", "^", "{")
    called = behind is not None and behind.is_("(", "[", "_", "^", "=", "&", "}", "\\{")
    return scripted or called or token.name in ("operatorname", "textbf")


def _side(relation: str, mark: Span | None, tokens: list[Token]) -> Side:
    if not tokens:
        where = mark or Span(0, 1)
        return Side(where, None, error("a side of the equation is missing", where), relation, mark)
    span = tokens[0].span.to(tokens[-1].span)
    try:
        return Side(span, parse(tokens), None, relation, mark)
    except TensorCalcError as problem:
        return Side(span, None, problem, relation, mark)

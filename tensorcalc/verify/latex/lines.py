"""The lines of a displayed formula: environments that only lay out are opened, broken lines are joined."""

from __future__ import annotations

import re
from dataclasses import replace

from tensorcalc.verify.latex.tokens import Token, error
from tensorcalc.verify.latex.vocabulary import PRODUCT_SIGNS, RELATIONS, SKIPPED, WRAPPERS

__all__ = [
    "CLOSE",
    "OPEN",
    "check_nesting",
    "is_open",
    "is_relation",
    "joined",
    "lines_of",
    "opened",
    "remarks_last",
    "shallow",
    "without_sizes",
]

MAX_BRACKETS = 100
MOST_VALUES = 40  # tokens below a bar that says at which values a formula is taken
_NOISE = ("label", "tag", "ref", "eqref", "cite", "vspace", "intertext", "shortintertext", "color")


def check_nesting(tokens: list[Token]) -> None:
    """Refuse brackets within brackets beyond what is read, before anything is copied level by level."""
    depth = 0
    for token in tokens:
        depth += 1 if token.is_("{", "(", "[") else -1 if token.is_("}", ")", "]") and depth else 0
        if depth > MAX_BRACKETS:
            raise error("the formula is nested too deeply", token.span, code="E_TOO_DEEP")


def without_sizes(tokens: list[Token]) -> list[Token]:
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
            elif side == "l":
                result.append(Token("command", "unopened", span))
            position += 2
            continue
        if token.is_("\\stackrel", "\\overset", "\\underset"):
            start = _skip_group(tokens, position + 1)
            end = _skip_group(tokens, start)
            result += [t for t in tokens[start:end] if not t.is_("{", "}")]
            position = end
            continue
        if token.kind == "text" and token.name == "hspace":
            result.append(Token("command", "quad", token.span))
            position += 1
            continue
        if token.kind == "text" and token.name in _NOISE:
            position += 1
            continue
        result.append(token)
        position += 1
    return evaluated(result)


def evaluated(tokens: list[Token]) -> list[Token]:
    """Tokens with one for the bar behind a formula that has an equation below it, as in df/dx|_{x = 1}.

    What stands between \\left. and such a bar is one group.
    """
    result: list[Token] = []
    openings: list[tuple[int, Token]] = []
    for place, token in enumerate(tokens):
        if token.is_("\\unopened"):
            openings.append((len(result), token))
            continue
        bar = token.is_("|", "\\vert", "\\rvert") and place + 2 < len(tokens) and tokens[place + 1].is_("_")
        near = tokens[place + 2 : place + 2 + MOST_VALUES] if bar and tokens[place + 2].is_("{") else []
        if not any(t.is_("=") for t in near[: _skip_group(near, 0)]):
            result.append(token)
            continue
        if openings and token.is_("\\rvert"):
            start, opening = openings.pop()
            result.insert(start, Token("sign", "{", opening.span))
            result.append(Token("sign", "}", token.span))
        result.append(Token("command", "evaluated", token.span))
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


def opened(tokens: list[Token]) -> list[Token]:
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
                if not result or not is_open(result[-1]):
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


def is_open(token: Token) -> bool:
    return token.is_(*RELATIONS, "+", "-", *PRODUCT_SIGNS, "&")


def lines_of(tokens: list[Token]) -> list[list[Token]]:
    """The lines between `\\\\`; a line that ends inside of a bracket goes on."""
    lines: list[list[Token]] = [[]]
    depth, open_round = 0, 0
    room = 0
    for position, token in enumerate(tokens):
        if position < room:
            continue
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
            room = _behind_room(tokens, position + 1)
            if open_round and not _balanced(lines[-1]):
                lines[-1].append(Token("command", "continued", token.span))
            else:
                lines.append([])
                open_round = 0
        else:
            lines[-1].append(token)
    return [line for line in lines if line]


def _behind_room(tokens: list[Token], position: int) -> int:
    """The place behind the room that a line end asks for, as in \\\\[2ex]."""
    text = "".join(t.text for t in tokens[position : position + 6])
    match = re.match(r"\[-?[\d.]+(?:ex|em|pt|mm|cm|in)\]", text)
    if match is None:
        return position
    return next(k for k in range(position, len(tokens)) if tokens[k].is_("]")) + 1


def remarks_last(lines: list[list[Token]]) -> list[list[Token]]:
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


def joined(lines: list[list[Token]]) -> list[list[Token]]:
    """Lines with those joined that go on: a line that starts with an operator, or follows one."""
    result: list[list[Token]] = []
    for line in lines:
        cleaned = _uncontinued(line)
        solid = [t for t in cleaned if not t.is_("&", *SKIPPED) and t.kind != "text"]
        if not solid:
            if result:
                result[-1] += [t for t in cleaned if t.kind == "text"]
            continue
        starts = solid[0].is_("+", "-", *PRODUCT_SIGNS) and not any(is_relation(t) for t in shallow(solid))
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


OPEN = ("{", "(", "[", "\\{", "\\begin", "\\langle")
CLOSE = ("}", ")", "]", "\\}", "\\end", "\\rangle")


def shallow(tokens: list[Token]) -> list[Token]:
    """The tokens outside of all brackets and scripts."""
    result: list[Token] = []
    depth = 0
    for token in tokens:
        if token.is_(*CLOSE):
            depth = max(depth - 1, 0)
        if not depth:
            result.append(token)
        if token.is_(*OPEN):
            depth += 1
    return result


def is_relation(token: Token) -> bool:
    return token.is_(*RELATIONS)

"""Macros of an article (`\\newcommand`, `\\def`, `\\DeclareMathOperator`): found, and expanded within bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from tensorcalc.errors import Span, TensorCalcError
from tensorcalc.verify.latex.tokens import MAX_TOKENS, Token, error, tokenize

__all__ = ["Macros", "collect_macros", "expand"]

MAX_DEPTH = 32
MAX_MACROS = 1_000

_DEFINITION = re.compile(
    r"\\(?:(?:re)?newcommand|providecommand|DeclareRobustCommand)\*?\s*\{?\\(?P<new>[a-zA-Z]+)\}?\s*"
    r"(?:\[(?P<count>\d)\])?\s*(?:\[(?P<default>[^\]]*)\])?\s*\{"
    r"|\\def\s*\\(?P<plain>[a-zA-Z]+)\s*(?P<arguments>(?:#\d)*)\s*\{"
    r"|\\DeclareMathOperator\*?\s*\{?\\(?P<operator>[a-zA-Z]+)\}?\s*\{"
)
_CHUNK = 4_000


@dataclass(frozen=True, slots=True)
class Macro:
    """How many arguments a macro takes, the default of the first where it is optional, and what it stands for."""

    count: int
    body: tuple[Token, ...]
    default: tuple[Token, ...] | None = None


Macros = Mapping[str, Macro]


def collect_macros(text: str) -> dict[str, Macro]:
    """The macros that a source defines anywhere; a definition that cannot be read is left out."""
    found: dict[str, Macro] = {}
    for match in islice(_DEFINITION.finditer(text), MAX_MACROS):
        body = _group(text, match.end())
        if body is None:
            continue
        try:
            tokens = tuple(tokenize(body, range(len(body) + 1)))
        except TensorCalcError:
            continue
        if match["operator"]:
            name = Token("text", body, Span(0, 1), "operatorname")
            found[match["operator"]] = Macro(0, (name,))
        elif match["plain"]:
            found[match["plain"]] = Macro(match["arguments"].count("#"), tokens)
        else:
            default = match["default"]
            optional = None if default is None else tuple(tokenize(default, range(len(default) + 1)))
            found[match["new"]] = Macro(int(match["count"] or 0), tokens, optional)
    return found


def _group(text: str, start: int) -> str | None:
    depth = 1
    for match in re.compile(r"\\.|[{}]", re.DOTALL).finditer(text, start, start + _CHUNK):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if not depth:
            return text[start : match.start()]
    return None


def expand(tokens: Sequence[Token], macros: Macros) -> list[Token]:
    """The tokens with every macro replaced; what a macro stands for has the place of its call.

    Raises `TensorCalcError` E_TOO_LONG or E_TOO_DEEP where the macros do not end.
    """
    if not any(t.kind == "command" and t.text in macros for t in tokens):
        return list(tokens)
    result: list[Token] = []
    stack = [(t, 0) for t in reversed(tokens)]
    steps = 0
    while stack:
        token, depth = stack.pop()
        macro = macros.get(token.text) if token.kind == "command" else None
        if macro is None:
            result.append(token)
        else:
            if depth >= MAX_DEPTH:
                message = f"the macro \\{token.text} expands without end"
                raise error(message, token.span, code="E_TOO_DEEP")
            arguments = _arguments(macro, token, stack)
            body = [(replace(t, span=token.span), depth + 1) for t in _filled(macro.body, arguments)]
            stack.extend(reversed(body))
            steps += len(body)
        if len(result) > MAX_TOKENS or len(stack) > MAX_TOKENS or steps > 4 * MAX_TOKENS:
            raise error("the macros make this formula too long", token.span, code="E_TOO_LONG")
    return result


def _arguments(macro: Macro, call: Token, stack: list[tuple[Token, int]]) -> list[list[Token]]:
    arguments: list[list[Token]] = []
    if macro.default is not None:
        optional = list(macro.default)
        if stack and stack[-1][0].is_("["):
            optional = _until(stack, "[", "]", call)
        arguments.append(optional)
    while len(arguments) < macro.count:
        if not stack:
            raise error(f"\\{call.text} misses an argument", call.span)
        arguments.append(_until(stack, "{", "}", call) if stack[-1][0].is_("{") else [stack.pop()[0]])
    return arguments


def _until(stack: list[tuple[Token, int]], opening: str, closing: str, call: Token) -> list[Token]:
    stack.pop()
    found: list[Token] = []
    depth = 1
    while stack:
        token, _ = stack.pop()
        depth += 1 if token.is_(opening) else -1 if token.is_(closing) else 0
        if not depth:
            return found
        found.append(token)
    raise error(f"an argument of \\{call.text} is not closed", call.span)


def _filled(body: Sequence[Token], arguments: Sequence[Sequence[Token]]) -> list[Token]:
    result: list[Token] = []
    position = 0
    while position < len(body):
        token = body[position]
        following = body[position + 1] if position + 1 < len(body) else None
        if token.is_("#") and following is not None and following.kind == "number":
            for digit in following.text:
                if 0 < int(digit) <= len(arguments):
                    result.extend(arguments[int(digit) - 1])
            position += 2
        else:
            result.append(token)
            position += 1
    return result

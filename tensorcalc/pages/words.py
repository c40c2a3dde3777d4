"""Small parts of sentences: templates, lists, numbers in words, tensors and derivatives by name."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence

from sympy import Expr, Integer

from tensorcalc.expr import Component
from tensorcalc.index import Dimension, Tensor
from tensorcalc.pages.model import Link, Text
from tensorcalc.render.context import Context
from tensorcalc.render.layout import Derivative, Name, Node, Number
from tensorcalc.render.walk import tensor_layout

__all__ = [
    "capital",
    "counted",
    "derivative_name",
    "extent",
    "is_derivative",
    "joined",
    "linked",
    "listed",
    "say",
    "shape",
]

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_FIELD = re.compile(r"\{(\w+)\}")
_ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5}|[a-z-]+/\d{7})")


def say(template: str, **parts: str | Node | Text) -> Text:
    """Prose from a template: `{name}` stands for words, a formula or a piece of prose."""
    found: list[str | Node | Text] = []
    for place, piece in enumerate(_FIELD.split(template)):
        found.append(parts[piece] if place % 2 else piece)
    return joined(*found)


def joined(*parts: str | Node | Text) -> Text:
    """Pieces of prose behind each other; words that follow words become one."""
    found: list[str | Node | Link] = []
    for part in parts:
        for item in part if isinstance(part, tuple) else (part,):
            last = found[-1] if found else None
            if isinstance(item, str) and isinstance(last, str):
                found[-1] = last + item
            elif item != "":
                found.append(item)
    return tuple(found)


def capital(words: str, names: Container[str] = ()) -> str:
    """Words that begin a sentence, with a capital unless the first is one of the names."""
    first = words.split(" ", 1)[0]
    return words if first in names else words[:1].upper() + words[1:]


def counted(number: int) -> str:
    """A number as a word, where it is small."""
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)


def listed(items: Sequence[str | Node | Text], last: str = " and ") -> Text:
    """Items with commas between them, and an `and` before the last."""
    found: list[str | Node | Text] = []
    for place, item in enumerate(items):
        if place:
            found.append(last if place == len(items) - 1 else ", ")
        found.append(item)
    return joined(*found)


def linked(words: str) -> Text:
    """Words in which the names of preprints are links."""
    found: list[str | Link] = []
    end = 0
    for match in _ARXIV.finditer(words):
        found += [words[end : match.start()], Link(match[0], f"https://arxiv.org/abs/{match[1]}")]
        end = match.end()
    return tuple(item for item in (*found, words[end:]) if item != "")


def derivative_name(expression: Expr, context: Context) -> Node:
    """A derivative, or a component of an adjoint or tangent, without its indices: ∂y/∂σ."""
    if isinstance(expression, Component):
        return tensor_layout(expression.tensor, context)
    of, wrt = expression.expression.tensor, expression.wrt.tensor
    total = not expression.direct and of in context.totals
    numerator, below = tensor_layout(of, context), tensor_layout(wrt, context)
    if isinstance(numerator, Derivative):
        return Derivative(numerator.numerator, (*numerator.denominators, below), total=total)
    return Derivative(numerator, (below,), total=total)


def is_derivative(expression: Expr) -> bool:
    """Whether `derivative_name` has a name for an expression that is a component or an unevaluated derivative."""
    return isinstance(expression, Component) or isinstance(expression.expression, Component)


def extent(dimension: Dimension) -> Node:
    """The number of values of a dimension."""
    found = dimension.extent
    return Number(found) if isinstance(found, Integer) else Name(dimension.name)


def shape(tensor: Tensor) -> Text:
    """The dimensions of a tensor: B × H."""
    found: list[str | Node] = []
    for dimension in tensor.dimensions:
        found += [" × "] if found else []
        found.append(extent(dimension))
    return tuple(found) or ("scalar",)

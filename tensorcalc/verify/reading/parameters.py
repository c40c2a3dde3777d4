"""What the arguments of an article's functions are: values, or what selects, as a does in π(a | s) = exp(θ_{sa})/…

An argument may be written as an entry, p(x_n), or as a square, N(x | μ, σ^2): then its index, or the name that is
squared, is what the formula of the function has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tensorcalc.verify.latex.tree import BigOperator, Bracket, Node, Number, Relation, Scripted, Symbol
from tensorcalc.verify.latex.tree import Sequence as Items
from tensorcalc.verify.signs import LAYERS, flat_items, is_transpose, key_of

__all__ = ["Parameter", "arguments_in", "is_square", "parameter_of", "parameters_of"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument: its name, the `letters` of its indices; whether its square is given, or whether it `selects`."""

    name: str
    letters: tuple[str, ...] = ()
    squared: bool = False
    selects: bool = False


def arguments_in(bracket: Bracket) -> tuple[Node, ...]:
    """What stands in the bracket behind a function."""
    return bracket.body.items if isinstance(bracket.body, Items) else (bracket.body,)


def parameter_of(node: Node) -> Parameter | None:
    """An argument as a definition may have it; `None` for anything else."""
    if isinstance(node, Symbol):
        return Parameter(key_of(node))
    if not isinstance(node, Scripted) or not isinstance(node.base, Symbol) or node.primes or is_transpose(node.sup):
        return None
    key = key_of(node.base)
    if node.sub is None and is_square(node):
        return Parameter(key, squared=True)
    if node.sub is not None and node.sup is None:
        return _indexed(key, flat_items(node.sub))
    if node.sub is None and isinstance(node.sup, Bracket) and node.sup.kind == "(":
        return _indexed(key, [node.sup.body])
    return None


def _indexed(key: str, items: Sequence[Node]) -> Parameter | None:
    letters = tuple(i.name for i in items if isinstance(i, Symbol) and not i.style and len(i.name) == 1)
    plain = len(letters) == len(items) and all(x.islower() and x not in LAYERS for x in letters)
    return Parameter(key, letters) if plain else None


def is_square(node: Node) -> bool:
    """Whether a name is squared: σ^2."""
    return isinstance(node, Scripted) and isinstance(node.sup, Number) and node.sup.value == 2


def parameters_of(items: Sequence[Node], body: Node) -> tuple[Parameter, ...] | None:
    """The arguments of a function with a formula; `None` where one of them is no name."""
    found = [parameter_of(i) for i in items]
    if any(p is None for p in found):
        return None
    selecting = set(_selecting(body))
    return tuple(replace(p, selects=not p.letters and p.name in selecting) for p in found if p is not None)


def _selecting(body: Node) -> Iterator[str]:
    """The letters in subscripts and comparisons of a formula, where no sum binds them."""
    stack: list[object] = [body]
    while stack:
        node = stack.pop()
        if isinstance(node, tuple):
            stack.extend(node)
        elif isinstance(node, Scripted):
            if node.sub is not None:
                yield from (key_of(i) for i in flat_items(node.sub) if isinstance(i, Symbol))
            stack += [node.base, node.sup]
        elif isinstance(node, BigOperator):
            stack.append(node.body)
        elif isinstance(node, Relation):
            stack += [node.left, node.right]
        elif isinstance(node, Node):
            stack.extend(getattr(node, f) for f in node.__dataclass_fields__)

"""Why each line of a conversion holds, in words: which transposes are needed, and what each sign says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tensorcalc.index import Index
from tensorcalc.matrix import nodes, signs
from tensorcalc.matrix.display import Display
from tensorcalc.matrix.indexed import Entries
from tensorcalc.matrix.nodes import Node, order, placed
from tensorcalc.render import layout as at

__all__ = ["BRACKETS", "Words", "joined", "meanings", "transpositions"]

Words = tuple[str | at.Node, ...]
"""A sentence with formulas in it."""

BRACKETS: Words = ("square brackets take the entries of a matrix",)


@dataclass(frozen=True, slots=True)
class _Place:
    """A transposed tensor in a formula, at two letters, with its neighbours in a product."""

    matrix: nodes.Named
    letters: tuple[Index, ...]
    before: Node | None
    behind: Node | None


def transpositions(node: Node, letters: tuple[Index, ...], display: Display) -> list[Words]:
    """Why tensors are transposed, and what that means for their entries."""
    found: dict[Words, dict[Words, None]] = {}
    for place in _places(node, letters):
        at_letters = tuple(at.Name(i.name) for i in place.letters)
        plain = Entries(display, square=False).of(place.matrix, place.letters[::-1])
        turned = signs.Entry(signs.Transposed(display.titles.component(place.matrix)), at_letters, square=False)
        found.setdefault(_cause(place, display), {})[plain, " = ", turned] = None
    return [(*cause, ": ", *joined(list(equations), ", ")) for cause, equations in found.items()]


def joined(parts: Sequence[Words], separator: str = "; ") -> Words:
    """Sentences as one."""
    return tuple(word for k, part in enumerate(parts) for word in (*((separator,) if k else ()), *part))


def _places(node: Node, letters: tuple[Index, ...]) -> Iterator[_Place]:
    below = placed(node, letters)
    cyclic = isinstance(node, nodes.Trace)
    chain = isinstance(node, nodes.Product) or cyclic
    for k, (child, at_child) in enumerate(below):
        if isinstance(child, nodes.Transpose) and isinstance(child.matrix, nodes.Named):
            before = below[k - 1][0] if chain and (k or cyclic) else None
            behind = below[(k + 1) % len(below)][0] if chain and (k + 1 < len(below) or cyclic) else None
            yield _Place(child.matrix, at_child, before, behind)
        else:
            yield from _places(child, at_child)


def _cause(place: _Place, display: Display) -> Words:
    """Which index stands on the wrong axis: one that is summed on the same axis of two factors, or a free one."""
    first, second = (at.Name(i.name) for i in place.letters)
    mine = display.titles.component(place.matrix)
    if _is_straight(place.behind):
        return second, " is summed on the first axis of both factors"
    if _is_straight(place.before):
        return first, " is summed on the second axis of both factors"
    if place.behind is not None and order(place.behind) == 1:
        return second, " is summed on the first axis of ", mine
    if place.before is not None and order(place.before) == 1:
        return first, " is summed on the second axis of ", mine
    return "the indices ", first, " and ", second, " stand in the other order"


def _is_straight(node: Node | None) -> bool:
    return node is not None and order(node) == 2 and not isinstance(node, nodes.Transpose)


def meanings(node: Node, slices: Sequence[Index]) -> Words:
    """What the signs of a formula say, and for which slices it holds."""
    said = [words for words, test in _MEANINGS if any(test(n) for n in _all(node))]
    if slices:
        said.append(f"this for every {' and '.join(i.name for i in slices)}")
    return ("; ".join(said),) if said else ()


def _is_chain(node: Node) -> bool:
    """Whether two neighbours in a product are both more than ones and diagonals."""
    return isinstance(node, nodes.Product | nodes.Trace) and any(
        not isinstance(f, _SINGULAR) and not isinstance(g, _SINGULAR)
        for f, g in pairwise(nodes.children(node))
        if order(f) == 2 or order(g) == 2
    )


_SINGULAR = (nodes.Ones, nodes.DiagonalMatrix, nodes.Basis)  # each has a sentence of its own


def _is_inner(node: Node) -> bool:
    return isinstance(node, nodes.Product) and not node.matrices and not isinstance(node.left, nodes.Ones)


def _adds_rows(node: Node) -> bool:
    return isinstance(node, nodes.Product) and isinstance(node.left, nodes.Ones)


def _adds_columns(node: Node) -> bool:
    return isinstance(node, nodes.Product) and isinstance(node.right, nodes.Ones)


def _is_entrywise(node: Node) -> bool:
    return isinstance(node, nodes.Elementwise | nodes.Power) and order(node) > 0


def _is_turned(node: Node) -> bool:
    return isinstance(node, nodes.Transpose) and not isinstance(node.matrix, nodes.Named)


def _of(kind: type[Node]) -> Callable[[Node], bool]:
    return lambda node: isinstance(node, kind) and (order(node) > 0 or kind is not nodes.Hadamard)


_MEANINGS: tuple[tuple[str, Callable[[Node], bool]], ...] = (
    ("a sum over neighbouring indices is a matrix product", _is_chain),
    ("a sum over the index of two vectors is their inner product", _is_inner),
    ("a row of ones adds up rows", _adds_rows),
    ("a column of ones adds up columns", _adds_columns),
    ("a closed chain of summed indices is a trace", _of(nodes.Trace)),
    ("a column times a row holds all products of their entries", _of(nodes.Outer)),
    ("a vector on a diagonal scales rows or columns", _of(nodes.DiagonalMatrix)),
    ("diag of a matrix is the vector on its diagonal", _of(nodes.Diagonal)),
    ("a delta is the identity matrix", _of(nodes.Identity)),
    ("a unit vector selects what a label selects", _of(nodes.Basis)),
    ("row n of onehot is the unit vector of the n-th label", _of(nodes.Selection)),
    ("circled products and quotients are taken entry by entry", _of(nodes.Hadamard)),
    ("functions and powers act entry by entry", _is_entrywise),
    ("a bracket whose indices stand in the other order is transposed as a whole", _is_turned),
    ("the slices are added", _of(nodes.SliceSum)),
)


def _all(node: Node) -> Iterator[Node]:
    yield node
    for child in nodes.children(node):
        yield from _all(child)

"""The index places of components, inverses and derivatives: which are held fixed, and what is a vector or matrix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sympy import Expr
from sympy.core.basic import Basic

from tensorcalc.expr import Component, Inverse, Partial
from tensorcalc.index import Dimension, Index, Tensor
from tensorcalc.matrix.nodes import Named, NoMatrixForm

__all__ = ["at_places", "held", "named", "named_parts", "places_of", "slice_indices"]


def slice_indices(expression: Basic) -> frozenset[Expr]:
    """The leading indices of components of order 3 and more: a matrix formula holds them fixed."""
    found: set[Expr] = set()
    for node in named_parts(expression):
        places = [p for p in places_of(node) if p.has(Index)]
        found.update(places[: len(places) - 2] if len(places) > 2 else ())
    return frozenset(found)


def named_parts(expression: Basic) -> Iterator[Basic]:
    if isinstance(expression, Component | Inverse | Partial):
        yield expression
    else:
        for argument in expression.args:
            yield from named_parts(argument)


def places_of(node: Basic) -> tuple[Expr, ...]:
    """The index places of a component, an entry of an inverse, or a derivative of a component."""
    if isinstance(node, Component | Inverse):
        return tuple(node.indices)
    if isinstance(node, Partial):
        return *places_of(node.expression), *places_of(node.wrt)
    raise NoMatrixForm


def at_places(node: Basic, places: Iterator[Expr]) -> Expr:
    """The same component or derivative at other places."""
    if isinstance(node, Partial):
        return Partial(at_places(node.expression, places), at_places(node.wrt, places), node.direct)
    assert isinstance(node, Component | Inverse)
    return node.func(node.tensor, *(next(places) for _ in node.indices))


def _dimensions(node: Basic) -> tuple[Dimension, ...]:
    if isinstance(node, Partial):
        return *_dimensions(node.expression), *_dimensions(node.wrt)
    assert isinstance(node, Component | Inverse)
    tensor: Tensor = node.tensor
    return tensor.dimensions


def held(places: Sequence[Expr], slices: frozenset[Index]) -> int:
    """How many leading places are held fixed: slices, and labels or numbers where there are more than two others."""
    count = 0
    while count < len(places) and (
        places[count] in slices or (len(places) - count > 2 and not places[count].has(Index))
    ):
        count += 1
    return count


def named(node: Expr, slices: frozenset[Index] = frozenset()) -> Named:
    """A component, inverse or derivative as a vector or matrix over the places that are not slices.

    Raises `NoMatrixForm` for more than two such places, or slices that do not lead.
    """
    places = places_of(node)
    kept = range(held(places, slices), len(places))
    if len(kept) > 2 or any(places[k] in slices for k in kept):
        raise NoMatrixForm
    axes = tuple(Index(f"'{letter}", _dimensions(node)[k]) for letter, k in zip("rc", kept, strict=False))
    filled = dict(zip(kept, axes, strict=True))
    return Named(at_places(node, iter([filled.get(k, p) for k, p in enumerate(places)])), axes)

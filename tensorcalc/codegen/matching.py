"""Whether one expression is another with other indices: `x[n,j] + b[j]` is `x[m,T] + b[T]` with n as m and j as T."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sympy import Expr

from tensorcalc.binding import free_indices, rename
from tensorcalc.expr import Component
from tensorcalc.index import BoundIndex, Index, Tensor
from tensorcalc.system import Definition

__all__ = ["Place", "appearance", "canonical", "matched"]


def _components(expression: Expr) -> list[Component]:
    """The components of an expression, those with the most indices first."""
    return sorted(expression.atoms(Component), key=lambda c: (-len(free_indices(c)), str(c)))


def appearance(expression: Expr) -> tuple[Index, ...]:
    """The free indices of an expression in the order in which its largest components have them."""
    found: dict[Index, None] = {}
    for component in _components(expression):
        for place in component.indices:
            found.update(dict.fromkeys(sorted(free_indices(place), key=_by_name)))
    every = free_indices(expression)
    found.update(dict.fromkeys(sorted(every, key=_by_name)))
    return tuple(i for i in found if i in every)


def _by_name(index: Index) -> tuple[str, str]:
    return index.name, index.dimension.name


def matched(pattern: Expr, variables: Iterable[Index], target: Expr) -> Mapping[Index, Expr] | None:
    """What stands in `target` for each of the variables of `pattern`; `None` where it is another expression."""
    open_variables = frozenset(variables) & free_indices(pattern)
    for mapping in _candidates(_components(pattern), open_variables, _components(target), {}):
        if rename(pattern, mapping) == target:
            return mapping
    return None


def _candidates(
    patterns: list[Component], variables: frozenset[Index], targets: list[Component], known: dict[Index, Expr]
) -> Iterator[dict[Index, Expr]]:
    """Assignments under which each component of the pattern has a counterpart."""
    missing = variables - known.keys()
    if not missing:
        yield known
        return
    pattern = next((c for c in patterns if missing.intersection(c.indices)), None)
    if pattern is None:
        return
    for target in targets:
        if target.tensor != pattern.tensor:
            continue
        extended = _extended(pattern, target, variables, known)
        if extended is not None:
            yield from _candidates(patterns, variables, targets, extended)


def _extended(
    pattern: Component, target: Component, variables: frozenset[Index], known: dict[Index, Expr]
) -> dict[Index, Expr] | None:
    result = dict(known)
    for index, value in zip(pattern.indices, target.indices, strict=True):
        if index not in variables:
            continue
        fits = not isinstance(value, Index) or value.dimension == index.dimension
        if not fits or isinstance(value, BoundIndex) or result.setdefault(index, value) != value:
            return None
    return result


def canonical(expression: Expr) -> tuple[Expr, tuple[Index, ...]]:
    """The expression under letters of its own, equal for expressions that differ in letters only; and its letters."""
    free = appearance(expression)
    return rename(expression, {i: Index(f"'{place}", i.dimension) for place, i in enumerate(free)}), free


@dataclass(frozen=True, slots=True)
class Place:
    """A tensor that holds an expression; `order` says which letters of the expression are its axes."""

    tensor: Tensor
    order: tuple[int, ...]

    @staticmethod
    def of(definition: Definition, letters: Sequence[Index]) -> Place:
        """The place of what a definition holds, whose letters are those that `canonical` gives."""
        return Place(definition.tensor, tuple(letters.index(i) for i in definition.indices))

    def component(self, letters: Sequence[Index]) -> Component:
        """The value for other letters of the expression."""
        return Component(self.tensor, *(letters[place] for place in self.order))

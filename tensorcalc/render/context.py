"""What the look of an expression depends on besides itself: the author's letters and names, and the style."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Literal

from sympy import Expr, Integer
from sympy.core.basic import Basic

from tensorcalc.binding import free_indices, rename
from tensorcalc.derivation.model import Derivation
from tensorcalc.expr import Component, Inverse, Partial
from tensorcalc.index import Adjoint, BoundIndex, Dimension, Index, Slope, Tangent, Tensor
from tensorcalc.system import Definition, System, tensors_in

__all__ = ["EMPTY", "AdjointNotation", "Context", "Style"]

Style = Literal["einstein", "sigma"]
AdjointNotation = Literal["partial", "bar"]

FALLBACK = "ijkmpqrstuvwabcdfghnyzexo"  # without l, the scalar at the end of a chain
LAST = 10**6  # the place of a tensor that the system does not know


@dataclass(frozen=True)
class Context:
    """The surroundings of an expression: its system, the letters of derivatives, the loss, the style.

    `adjoint` says how an upstream gradient is written: ∂l/∂x, or x with a bar. `totals` are the tensors whose
    total derivatives are written with d, because the derivation speaks of those of their formula alone as well.
    `taken` are letters that no dummy index may use: those that are free in the lemma. `added` are letters that were
    chosen for dummies before, beside the author's own.
    """

    system: System = field(default_factory=lambda: System((), ()))
    derivative_letters: tuple[str, ...] = ()
    loss: str = "l"
    style: Style = "einstein"
    adjoint: AdjointNotation = "partial"
    totals: frozenset[Tensor] = frozenset()
    taken: frozenset[str] = frozenset()
    added: Mapping[Dimension, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, derivation: Derivation, style: Style = "einstein", adjoint: AdjointNotation = "partial") -> Context:
        """The context of the lines of a derivation."""
        letters, totals = derivation.derivative_letters, _ambiguous(derivation)
        if derivation.kind in ("hessian", "hvp"):
            adjoint = "partial"  # the gradient is one of the functions that are differentiated
        return cls(derivation.system, letters, derivation.loss, style, adjoint, totals)

    def within(self, expressions: Iterable[Expr]) -> Context:
        """The same, where the free indices of these expressions must not be used for dummies."""
        names = {i.name for e in expressions for i in free_indices(e) if not isinstance(i, BoundIndex)}
        return replace(self, taken=self.taken | names)

    def adding(self, chosen: Mapping[str, Dimension]) -> Context:
        """The same with letters that were chosen for dummies of these dimensions."""
        added = dict(self.added)
        for letter, dimension in chosen.items():
            known = (*self.system.letters.get(dimension, ()), *added.get(dimension, ()))
            if letter not in known:
                added[dimension] = (*added.get(dimension, ()), letter)
        return replace(self, added=added)

    @cached_property
    def places(self) -> dict[Tensor, int]:
        """The order of first appearance of the tensors: what a definition uses, then what it defines."""
        order: dict[Tensor, None] = {}
        for definition in self.system.definitions:
            used = set(tensors_in(definition.rhs))
            order.update(dict.fromkeys(t for t in self.system.inputs if t in used))
            order.setdefault(definition.tensor)
        return {tensor: place for place, tensor in enumerate(order)}

    def place(self, tensor: Tensor) -> int:
        """The place of a tensor in the order of first appearance."""
        return self.places.get(base(tensor), LAST)

    def dimension_place(self, dimension: Dimension) -> int:
        """The place of a dimension in the order of first appearance."""
        return self.dimension_places.get(dimension, LAST)

    @cached_property
    def dimension_places(self) -> dict[Dimension, int]:
        """The order of first appearance of the dimensions."""
        return {dimension: place for place, dimension in enumerate(self.system.dimensions)}

    def index_key(self, index: Expr) -> tuple[int, str]:
        """The order of indices: the author's letters, labels and numbers, the letters of derivatives."""
        if isinstance(index, Component):
            return 1, str(index)
        if isinstance(index, Integer):
            return 1, f"{int(index):020d}"
        if any(i.name in self.derivative_letters for i in free_indices(index)):
            return 2, str(index)
        return 0, str(index)

    def letter(self, dummy: Index, body: Expr, taken: Iterable[str]) -> str:
        """A letter for a dummy index of `body`: that of a definition, one of its dimension, or another."""
        taken = {*taken, *self.taken}
        names = {*self.system.tensors, *(c.tensor.name for c in components(body))}
        names |= {name.rstrip("0123456789_") for name in names}  # k3 is written with a k
        last = ""
        for letter in self._candidates(dummy, body, names):
            if letter in taken:
                continue
            if letter not in self.derivative_letters:
                return letter
            last = last or letter
        if last:
            return last
        number = 1
        while f"i{number}" in taken or f"i{number}" in names:
            number += 1
        return f"i{number}"

    def _candidates(self, dummy: Index, body: Expr, names: set[str]) -> Iterator[str]:
        found = [
            (self.place(definition.tensor), axis, definition.indices[axis].name)
            for component in components(body)
            if (definition := self._definition(component.tensor))
            for axis, index in enumerate(component.indices)
            if index == dummy
        ]
        yield from (letter for _, _, letter in sorted(found))
        for mine in (self.system.letters, self.added):
            yield from mine.get(dummy.dimension, ())
        used = {c for mine in (self.system.letters, self.added) for letters in mine.values() for c in letters}
        yield from (letter for letter in FALLBACK if letter not in names and letter not in used)

    def _definition(self, tensor: Tensor) -> Definition | None:
        return self.system.by_tensor.get(base(tensor))


def _ambiguous(derivation: Derivation) -> frozenset[Tensor]:
    """The tensors t for which some total ∂t/∂x and that of t's formula alone are lemmas, with different values."""
    found: dict[tuple[Tensor, Tensor], dict[bool, Expr]] = {}
    for lemma in derivation.lemmas:
        left = lemma.lhs
        if isinstance(left, Partial) and isinstance(left.expression, Component):
            letters = [i for i in (*left.expression.indices, *left.wrt.indices) if isinstance(i, Index)]
            names = {index: Index(f"_{place}", index.dimension) for place, index in enumerate(letters)}
            values = found.setdefault((left.expression.tensor, left.wrt.tensor), {})
            values[left.direct] = rename(lemma.result, names)
    return frozenset(tensor for (tensor, _), values in found.items() if len(set(values.values())) > 1)


def base(tensor: Tensor) -> Tensor:
    """The tensor to which an upstream gradient, a tangent or a derivative belongs; any other tensor itself."""
    return tensor.of if isinstance(tensor, Adjoint | Tangent | Slope) else tensor


@lru_cache(1 << 14)
def components(expression: Basic) -> tuple[Component | Inverse, ...]:
    """The components in an expression in order of appearance, those of labels and inverses included."""
    own = (expression,) if isinstance(expression, Component | Inverse) else ()
    return tuple(dict.fromkeys((*own, *(c for argument in expression.args for c in components(argument)))))


EMPTY = Context()

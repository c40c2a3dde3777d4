"""Which dimension every axis and every index has: unification over the whole system.

Two axes that one index runs along, or that a delta joins, are one dimension; declarations name dimensions. An index
whose uses tell nothing (one-tensors, comparisons, affine indices) is left to `inference`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tensorcalc.errors import Span, TensorCalcError
from tensorcalc.notation.resolution import Formula
from tensorcalc.notation.statements import DimensionName
from tensorcalc.notation.symbols import Symbols
from tensorcalc.notation.tree import (
    Binder,
    Entry,
    Letter,
    Matrix,
    Name,
    Negate,
    Node,
    Ones,
    Pair,
    Position,
    Power,
    Product,
    Total,
    children,
)

__all__ = ["Classes", "Quotient", "Scope", "Unifier", "summed_over"]


@dataclass(slots=True)
class Axis:
    """What is known about one class of axes and indices: `why` says where its declared dimension comes from."""

    declared: DimensionName | None = None
    why: str = ""
    fixed: bool = False
    """Whether an input has this axis, so that data tell its length."""
    affine: list[int] = field(default_factory=list)
    """The axes that an index of this class addresses together with another index or a number."""


@dataclass(slots=True, eq=False)
class Scope:
    """One index of one binder, or one free index of a definition."""

    letter: str
    span: Span
    definition: str
    slot: int
    free: bool = False
    only_ones: bool = True
    affine: list[int] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Quotient:
    """A product with divisors: the scopes summed over its numerator, and those that its divisors hold."""

    outer: list[Scope]
    numerator: list[Node]
    counted: list[Scope] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Run:
    """An index that runs along an axis, at one place."""

    scope: Scope
    slot: int
    span: Span
    tensor: str
    axis: int
    shown: Span


class Classes:
    """Union-find over numbered slots."""

    def __init__(self) -> None:
        self.parents: list[int] = []
        self.axes: list[Axis] = []

    def add(self) -> int:
        """A new slot in a class of its own."""
        self.parents.append(len(self.parents))
        self.axes.append(Axis())
        return len(self.parents) - 1

    def find(self, slot: int) -> int:
        """The representative of a slot's class."""
        while self.parents[slot] != slot:
            self.parents[slot] = self.parents[self.parents[slot]]
            slot = self.parents[slot]
        return slot

    def axis(self, slot: int) -> Axis:
        """What is known about a slot's class."""
        return self.axes[self.find(slot)]

    def open(self, slot: int) -> bool:
        """Whether neither a declaration nor an input tells how long the axis is."""
        axis = self.axis(slot)
        return axis.declared is None and not axis.fixed

    def join(self, one: int, other: int) -> tuple[Axis, Axis] | None:
        """Make two classes one; return what is known about both where their declared dimensions differ."""
        one, other = self.find(one), self.find(other)
        if one == other:
            return None
        kept, lost = self.axes[one], self.axes[other]
        if kept.declared and lost.declared and kept.declared.name != lost.declared.name:
            return kept, lost
        if kept.declared is None:
            kept.declared, kept.why = lost.declared, lost.why
        kept.fixed = kept.fixed or lost.fixed
        kept.affine.extend(lost.affine)
        self.parents[other] = one
        return None


class Unifier:
    """The classes of a system, built definition by definition with `formula`."""

    def __init__(self, symbols: Symbols) -> None:
        self.symbols = symbols
        self.classes = Classes()
        self.slots: dict[tuple[str, int], int] = {}  # (tensor, axis); axis -1 is what a label points into
        self.named: dict[str, int] = {}
        self.scopes: list[Scope] = []
        self.quotients: list[Quotient] = []
        self.comparisons: list[tuple[Scope, Scope | int, Span]] = []
        self.letters: list[tuple[str, Span, int]] = []  # every place of an index, in order of reading
        self.bound: dict[int, tuple[Scope, ...]] = {}  # the scopes of each binder, and of each definition
        self.integers: list[tuple[int, Position]] = []
        self._runs: list[_Run] = []
        self._deltas: list[tuple[Span, tuple[Scope | int, Scope | int]]] = []

    def dimension(self, declared: DimensionName, why: str) -> int:
        """The slot of a declared dimension."""
        slot = self.named.get(declared.name)
        if slot is None:
            slot = self.named[declared.name] = self.classes.add()
            self.classes.axes[slot] = Axis(declared, why)
        return slot

    def slot(self, tensor: str, axis: int) -> int:
        """The slot of an axis of a tensor, or (axis -1) of what a label points into."""
        slot = self.slots.get((tensor, axis))
        if slot is not None:
            return slot
        slot = self.slots[tensor, axis] = self.classes.add()
        symbol = self.symbols.tensors[tensor]
        self.classes.axes[slot].fixed = axis >= 0 and symbol.equation is None
        declaration = symbol.declaration
        if declaration is not None:
            declared = declaration.axes[axis] if axis >= 0 else declaration.dimension
            if declared is not None:
                written = self.symbols.text[declaration.span.start : declaration.span.end]
                why = f"axis {axis + 1} of {tensor}, declared {written}" if axis >= 0 else f"what {tensor} points into"
                self.classes.join(self.dimension(declared, why), slot)
        return slot

    def formula(self, formula: Formula) -> None:
        """Unify over one definition. Raises `TensorCalcError` E_DIM_MISMATCH."""
        self._runs.clear()
        self._deltas.clear()
        free = {letter.name: self._scope(letter, formula.name, free=True) for letter in formula.letters}
        self._walk(formula.right, free, formula.name, None)
        for axis, letter in enumerate(formula.letters):
            scope = free[letter.name]
            self.letters.append((letter.name, letter.span, scope.slot))
            slot = self.slot(formula.name, axis)
            self._runs.append(_Run(scope, slot, letter.span, formula.name, axis, formula.equation.left))
        self.bound[id(formula)] = tuple(free.values())
        self._runs = [run for run in self._runs if run.slot not in run.scope.affine]
        for run in self._runs:
            self._run(run)
        for span, parts in self._deltas:
            self._delta(span, parts)

    def _scope(self, letter: Letter, definition: str, free: bool = False) -> Scope:
        scope = Scope(letter.name, letter.span, definition, self.classes.add(), free)
        scope.only_ones = not free
        self.scopes.append(scope)
        declaration = self.symbols.indices.get(letter.name)
        if declaration is not None and declaration.dimension is not None:
            why = f"the index {letter.name}, declared {letter.name}: {declaration.dimension.name}"
            self.classes.join(scope.slot, self.dimension(declaration.dimension, why))
        return scope

    def _walk(self, node: Node, scopes: dict[str, Scope], definition: str, quotient: Quotient | None) -> None:
        """Unify over an expression; `quotient` is the closest one in whose divisors the node stands."""
        outer: list[Scope] = []
        while isinstance(node, Binder):
            inner = {letter.name: self._scope(letter, definition) for letter in node.letters}
            self.bound[id(node)] = outer_scopes = tuple(inner.values())
            if not node.implied:
                self.letters.extend((s.letter, s.span, s.slot) for s in outer_scopes)
            if quotient is not None:
                quotient.counted.extend(outer_scopes)
            outer = [*outer, *outer_scopes] if node.kind == "sum" else []
            scopes = {**scopes, **inner}
            node = node.body
        if isinstance(node, Product):
            self._product(node, scopes, definition, quotient, outer)
            return
        parts = children(node)
        for part in parts:
            self._walk(part, scopes, definition, quotient)
        if not parts:
            self._leaf(node, scopes)

    def _product(
        self, node: Product, scopes: dict[str, Scope], definition: str, quotient: Quotient | None, outer: list[Scope]
    ) -> None:
        divides = [d != _is_inverse(f) for f, d in zip(node.factors, node.divides, strict=True)]
        own = quotient
        if any(divides):
            own = Quotient(outer, [f for f, d in zip(node.factors, divides, strict=True) if not d])
            self.quotients.append(own)
        for factor, divisor in zip(node.factors, divides, strict=True):
            self._walk(factor, scopes, definition, own if divisor else quotient)

    def _leaf(self, node: Node, scopes: dict[str, Scope]) -> None:
        match node:
            case Ones():
                for letter in node.letters:
                    self.letters.append((letter.name, letter.span, scopes[letter.name].slot))
            case Entry() | Matrix():
                self._entry(node, scopes)
            case Pair():
                self._pair(node, scopes)
            case Name() if node.name in self.symbols.dimensions:
                self.dimension(self.symbols.dimensions[node.name], "")

    def _entry(self, node: Entry | Matrix, scopes: dict[str, Scope]) -> None:
        if isinstance(node, Matrix):
            self._select(self.slot(node.name, 0), self.slot(node.name, 1), node.span)
        for axis, position in enumerate(node.positions):
            slot = self.slot(node.name, axis)
            for part in self._parts(position, scopes):
                if not isinstance(part, Scope):
                    if position.plain is not None:
                        self._select(part, slot, position.span)
                elif position.plain is not None:
                    self._runs.append(_Run(part, slot, position.span, node.name, axis, node.span))
                else:
                    part.affine.append(slot)
                    self.classes.axis(part.slot).affine.append(slot)
            if not position.parts:
                self.integers.append((slot, position))

    def _parts(self, position: Position, scopes: dict[str, Scope]) -> Iterator[Scope | int]:
        """The scopes of the indices of a position, and the slots that its labels point into."""
        for _, part in position.parts:
            if isinstance(part, Letter):
                scope = scopes[part.name]
                scope.only_ones = False
                self.letters.append((part.name, part.span, scope.slot))
                yield scope
            else:
                self._entry(part, scopes)
                yield self.slot(part.name, -1)

    def _pair(self, node: Pair, scopes: dict[str, Scope]) -> None:
        found = [list(self._parts(position, scopes)) for position in node.positions]
        if any(position.plain is None for position in node.positions):
            return
        (one,), (other,) = found
        if node.kind == "delta":
            self._deltas.append((node.span, (one, other)))
            return
        for part, partner in ((one, other), (other, one)):
            if isinstance(part, Scope):
                self.comparisons.append((part, partner, node.span))

    def _run(self, run: _Run) -> None:
        """Give an index and the axis that it runs along one dimension."""
        conflict = self.classes.join(run.scope.slot, run.slot)
        if conflict is None:
            return
        letter = run.scope.letter
        first, second = (_named(axis) for axis in conflict)
        earlier = self._why(run.scope)
        place = self._place(run)
        message = f"the index {letter} runs over two dimensions: {first} ({earlier}) and {second} ({place})"
        hint = "use another index letter, or declare both axes with the same dimension"
        raise TensorCalcError("E_DIM_MISMATCH", message, run.span, label=f"runs over {second}", hint=hint)

    def _why(self, scope: Scope) -> str:
        """Where the dimension of an index comes from: the place where it runs along an axis, or its declaration."""
        for run in self._runs:
            if run.scope is scope and self.classes.find(run.slot) == self.classes.find(scope.slot):
                return self._place(run)
        return self.classes.axis(scope.slot).why

    def _place(self, run: _Run) -> str:
        declaration = self.symbols.tensors[run.tensor].declaration
        declared = f", declared {self._text(declaration.span)}" if declaration is not None else ""
        return f"axis {run.axis + 1} of {self._text(run.shown)}{declared}"

    def _delta(self, span: Span, parts: tuple[Scope | int, Scope | int]) -> None:
        one, other = parts
        reasons = [self._why(p) if isinstance(p, Scope) else self.classes.axis(p).why for p in parts]
        conflict = self.classes.join(*(p.slot if isinstance(p, Scope) else p for p in (one, other)))
        if conflict is None:
            return
        said = []
        for part, axis, why in zip(parts, conflict, reasons, strict=True):
            subject = f"{part.letter} runs over" if isinstance(part, Scope) else "the label points into"
            said.append(f"{subject} {_named(axis)} ({why})")
        message = f"{self._text(span)} needs one dimension, but {said[0]} and {said[1]}"
        hint = "a delta joins two indices of the same dimension; a rectangular identity is an input of its own"
        raise TensorCalcError("E_DIM_MISMATCH", message, span, hint=hint)

    def _select(self, one: int, other: int, span: Span) -> None:
        """Give a label, or the second axis of a square matrix, the dimension of an axis."""
        conflict = self.classes.join(one, other)
        if conflict is not None:
            first, second = conflict
            shown = self._text(span)
            message = f"{shown} joins two dimensions: {_named(first)} ({first.why}) and {_named(second)} ({second.why})"
            hint = "declare both with the same dimension"
            raise TensorCalcError("E_DIM_MISMATCH", message, span, hint=hint)

    def _text(self, span: Span) -> str:
        return self.symbols.text[span.start : span.end]


def _named(axis: Axis) -> str:
    return axis.declared.name if axis.declared else "?"


def summed_over(nodes: list[Node]) -> Iterator[Binder]:
    """The outermost sums of a numerator; not those inside functions and powers."""
    for node in nodes:
        match node:
            case Binder(kind="sum"):
                yield node
            case Negate() | Total():
                yield from summed_over(list(children(node)))
            case Product():
                yield from summed_over([f for f, d in zip(node.factors, node.divides, strict=True) if not d])


def _is_inverse(node: Node) -> bool:
    """Whether a factor is a power with a negative exponent: a divisor."""
    return isinstance(node, Power) and isinstance(node.exponent, Negate)

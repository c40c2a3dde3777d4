"""A system of definitions: what the notation is read into and what derivations, evaluation and code start from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from sympy import Expr
from sympy.core.basic import Basic

from tensorcalc.errors import Source, Span, TensorCalcError
from tensorcalc.expr import Component
from tensorcalc.index import Dimension, Index, Tensor

__all__ = ["Definition", "Fact", "Program", "System", "tensors_in"]


@lru_cache(1 << 15)
def tensors_in(expression: Basic) -> tuple[Tensor, ...]:
    """The tensors of an expression, labels included, in a fixed order without repetition."""
    found: dict[Tensor, None] = {}
    stack: list[Basic] = [expression]
    seen: set[Basic] = set()
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, Tensor):
            found[node] = None
        stack.extend(reversed(node.args))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Definition:
    """`tensor[indices] = rhs`. Every sum in `rhs` is explicit; its free indices are among `indices`."""

    tensor: Tensor
    indices: tuple[Index, ...]
    rhs: Expr
    span: Span | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        return self.tensor.name

    @property
    def lhs(self) -> Component:
        """The defined component, over the definition's own indices."""
        return Component(self.tensor, *self.indices)


@dataclass(frozen=True, slots=True)
class Fact:
    """An equation that the author declares: `left = right` for all values of `indices`."""

    left: Expr
    right: Expr
    indices: tuple[Index, ...] = ()
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True)
class System:
    """Definitions in the author's order, with what was understood about them.

    `inputs` are the tensors that are used and not defined (labels included), in order of first use. `letters` gives
    for each dimension the index letters that the author uses for it, in order of first use. `notes` are remarks for
    the reader about how the text was understood. `source` is the text, where there was one.
    `facts` are declared equations; they are used only to simplify what was derived without them.
    """

    definitions: tuple[Definition, ...]
    inputs: tuple[Tensor, ...]
    letters: Mapping[Dimension, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    source: Source | None = None
    facts: tuple[Fact, ...] = ()

    @cached_property
    def by_tensor(self) -> Mapping[Tensor, Definition]:
        """The definition of each defined tensor."""
        return {d.tensor: d for d in self.definitions}

    @cached_property
    def tensors(self) -> Mapping[str, Tensor]:
        """Every tensor by name, inputs first."""
        return {t.name: t for t in (*self.inputs, *(d.tensor for d in self.definitions))}

    @cached_property
    def ordered(self) -> tuple[Definition, ...]:
        """The definitions with every tensor defined before it is used.

        Raises `TensorCalcError` E_CYCLE where they depend on each other in a circle.
        """
        finished: dict[Tensor, bool] = {}
        result: list[Definition] = []
        for root in self.definitions:
            if root.tensor in finished:
                continue
            finished[root.tensor] = False
            path = [(root.tensor, iter(self.uses[root.tensor]))]
            while path:
                tensor, rest = path[-1]
                for used in rest:
                    if used not in self.by_tensor or finished.get(used):
                        continue
                    if used in finished:
                        raise self._cycle([t.name for t, _ in path[[t for t, _ in path].index(used) :]])
                    finished[used] = False
                    path.append((used, iter(self.uses[used])))
                    break
                else:
                    path.pop()
                    finished[tensor] = True
                    result.append(self.by_tensor[tensor])
        return tuple(result)

    def _cycle(self, names: list[str]) -> TensorCalcError:
        """The error for a circle of definitions, named in order: each uses the next, the last one the first."""
        chain = ", which is defined by ".join([*names[1:], names[0]])
        return TensorCalcError(
            "E_CYCLE",
            f"{names[0]} is defined by {chain}",
            self.by_tensor[self.tensors[names[-1]]].span,
            self.source,
            hint="a system of definitions has no circles; use another name for the new value",
        )

    @cached_property
    def uses(self) -> Mapping[Tensor, tuple[Tensor, ...]]:
        """The tensors on the right of each definition."""
        return {d.tensor: tensors_in(d.rhs) for d in self.definitions}

    @cached_property
    def consumers(self) -> Mapping[Tensor, tuple[Definition, ...]]:
        """The definitions that use each tensor, in order."""
        found: dict[Tensor, list[Definition]] = {}
        for definition in self.ordered:
            for tensor in self.uses[definition.tensor]:
                found.setdefault(tensor, []).append(definition)
        return {t: tuple(d) for t, d in found.items()}

    @cached_property
    def dimensions(self) -> tuple[Dimension, ...]:
        """Every dimension, in order of first use."""
        found: dict[Dimension, None] = {}
        for tensor in self.tensors.values():
            found.update(dict.fromkeys(tensor.dimensions))
        for definition in self.definitions:
            for atom in sorted(definition.rhs.atoms(Index, Dimension), key=str):
                found.setdefault(atom.dimension if isinstance(atom, Index) else atom)
        return tuple(found)

    def needed(self, outputs: Iterable[Tensor]) -> tuple[Definition, ...]:
        """The definitions that the outputs are made of, their own included, in order."""
        wanted = set(outputs)
        for definition in reversed(self.ordered):
            if definition.tensor in wanted:
                wanted.update(self.uses[definition.tensor])
        return tuple(d for d in self.ordered if d.tensor in wanted)

    def foreign(self, outputs: Iterable[Tensor]) -> frozenset[Tensor]:
        """The defined tensors that the outputs are not made of."""
        return frozenset(self.by_tensor) - {d.tensor for d in self.needed(outputs)}

    def between(self, variables: Iterable[Tensor], outputs: Iterable[Tensor]) -> tuple[Definition, ...]:
        """The definitions that the outputs are made of and that depend on a variable, in order."""
        moving = self.depends(variables)
        return tuple(d for d in self.needed(outputs) if d.tensor in moving)

    def depends(self, roots: Iterable[Tensor]) -> frozenset[Tensor]:
        """The roots and every defined tensor whose value depends on one of them."""
        reached = set(roots)
        for definition in self.ordered:
            if not reached.isdisjoint(self.uses[definition.tensor]):
                reached.add(definition.tensor)
        return frozenset(reached)


@dataclass(frozen=True, slots=True)
class Program:
    """Definitions to be computed in order: what is compiled.

    `inputs` are the arguments in order. `outputs` are the results in order: an input or a defined tensor each; a tuple
    of results is returned where there are several, or where `many` is set; a tuple of tuples of `rows` results each
    where that is not 0.
    """

    inputs: tuple[Tensor, ...]
    definitions: tuple[Definition, ...]
    outputs: tuple[Tensor, ...]
    title: str = ""
    many: bool = False
    rows: int = 0

"""A program with its derivatives, each of them a program with derivatives again.

Frameworks differentiate what they are given as often as they are asked to. So a pullback (VJP) or pushforward (JVP)
program is read as a system of its own: its adjoints and tangents become plain tensors, and the engine derives those.
Nothing here knows a framework.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from sympy import Expr
from sympy.core.basic import Basic

from tensorcalc import binding
from tensorcalc.binding import free_indices
from tensorcalc.derivation import derive
from tensorcalc.derivation.program import program_of
from tensorcalc.index import Dimension, Tensor
from tensorcalc.system import Definition, Program, System, tensors_in

__all__ = ["Differentiable"]


@dataclass(frozen=True, eq=False)
class Differentiable:
    """The definitions of `outputs` as functions of the inputs of a system, to be differentiated by `variables`.

    The arguments are the system's inputs in order; those that are no variables are held constant. The results are
    those of `outputs`, always as a tuple.
    """

    system: System
    outputs: tuple[Tensor, ...]
    variables: tuple[Tensor, ...]
    title: str = ""

    @classmethod
    def of_system(cls, system: System, outputs: tuple[Tensor, ...], variables: tuple[Tensor, ...]) -> Differentiable:
        """Of what is assumed, only what says nothing about the variables holds where derivatives are taken again."""
        moving = system.depends(variables)
        lasting = [f for f in system.facts if moving.isdisjoint((*tensors_in(f.left), *tensors_in(f.right)))]
        return cls(replace(system, facts=tuple(lasting)), outputs, variables)

    @cached_property
    def program(self) -> Program:
        """What computes the outputs."""
        return Program(self.system.inputs, self.system.ordered, self.outputs, self.title, many=True)

    @cached_property
    def places(self) -> tuple[int, ...]:
        """The places of the variables among the arguments."""
        wanted = frozenset(self.variables)
        return tuple(place for place, tensor in enumerate(self.system.inputs) if tensor in wanted)

    def pullback(self, places: Iterable[int]) -> Differentiable:
        """The gradients by the variables at some places.

        Its arguments are those of this program, then an upstream gradient for each output.
        """
        return self._derived([self.system.inputs[p] for p in places], "vjp")

    def pushforward(self, places: Iterable[int]) -> Differentiable:
        """The tangents of the outputs.

        Its arguments are those of this program, then the tangents of the variables at the given places.
        """
        return self._derived([self.system.inputs[p] for p in places], "jvp")

    def _derived(self, variables: list[Tensor], kind: str) -> Differentiable:
        names = [t.name for t in self.outputs], [t.name for t in variables]
        found = derive(self.system, *names, "vjp" if kind == "vjp" else "jvp")
        program = program_of(found)
        plain = _plain(program)
        definitions = tuple(_renamed(d, plain) for d in program.definitions)
        inputs = tuple(plain.get(t, t) for t in program.inputs)
        system = System(definitions, inputs, _letters(self.system, definitions), facts=self.system.facts)
        added = inputs[len(self.system.inputs) :]
        outputs = tuple(plain.get(t, t) for t in program.outputs)
        return Differentiable(system, outputs, (*self.variables, *added), program.title)


def _plain(program: Program) -> Mapping[Tensor, Tensor]:
    """A plain tensor for every adjoint and tangent of a program, with a name that no other tensor has.

    Derived once more, the program has an adjoint of its own for each tensor; it must not meet those of the first.
    """
    tensors = dict.fromkeys((*program.inputs, *(d.tensor for d in program.definitions), *program.outputs))
    taken = {t.name for t in tensors if type(t) is Tensor}
    found: dict[Tensor, Tensor] = {}
    for tensor in tensors:
        if type(tensor) is Tensor:
            continue
        name = tensor.name
        while name in taken:
            name += "_"
        taken.add(name)
        found[tensor] = Tensor(name, tensor.dimensions)
    return found


def _renamed(definition: Definition, plain: Mapping[Tensor, Tensor]) -> Definition:
    """The definition with plain tensors."""

    def changed(node: Basic) -> Basic | None:
        return plain.get(node) if isinstance(node, Tensor) else None

    rhs: Expr = binding.replace(definition.rhs, changed, definition.indices)
    return Definition(plain.get(definition.tensor, definition.tensor), definition.indices, rhs)


def _letters(system: System, definitions: Iterable[Definition]) -> Mapping[Dimension, tuple[str, ...]]:
    """The letters of a system, and those of its derivative: the next derivative needs others."""
    letters = {d: list(names) for d, names in system.letters.items()}
    for definition in definitions:
        for index in (*definition.indices, *sorted(free_indices(definition.rhs), key=str)):
            names = letters.setdefault(index.dimension, [])
            if index.name not in names:
                names.append(index.name)
    return {d: tuple(names) for d, names in letters.items()}

"""Adjoints step by step: ∂l/∂t for one definition after the other, from the output downwards, adding all consumers."""

from __future__ import annotations

from dataclasses import dataclass, field

from sympy import Expr, S

from tensorcalc.binding import rename
from tensorcalc.derivation.engine import LARGEST_CLOSED_FORM, Engine, Link, largest_closed_form
from tensorcalc.derivation.model import Lemma
from tensorcalc.expr import Component, Partial
from tensorcalc.index import Adjoint, Tensor, TotalAdjoint
from tensorcalc.system import Definition

__all__ = ["Adjoints", "backpropagated"]


@dataclass
class Adjoints:
    """Reverse derivation. With `scalar` the upstream gradient is that of the only output by itself, which is 1."""

    engine: Engine
    outputs: tuple[Tensor, ...]
    scalar: bool
    lemmas: list[Lemma] = field(default_factory=list)
    results: dict[Tensor, Lemma] = field(default_factory=dict)
    largest: int = LARGEST_CLOSED_FORM
    reached: frozenset[Tensor] = frozenset()  # the definitions between the variables and the outputs
    shared: frozenset[Tensor] = frozenset()  # outputs that other definitions on the way use

    def derive(self, variables: tuple[Tensor, ...]) -> None:
        """Add the lemmas for the variables: each as soon as all its consumers are done."""
        path = self.engine.system.between(variables, self.outputs)
        self.reached = frozenset(d.tensor for d in path)
        self.largest = largest_closed_form(len(path))
        self.shared = frozenset(t for t in self.outputs if self._consumers(t))
        waiting = [v for v in variables if v not in self.engine.system.by_tensor]
        done: set[Tensor] = set()
        for definition in reversed(path):
            tensor = definition.tensor
            if tensor not in self.outputs or self._consumers(tensor):
                self._backpropagate(tensor)
            done.add(tensor)
            for variable in [v for v in waiting if all(k.tensor in done for k in self._consumers(v))]:
                waiting.remove(variable)
                self._backpropagate(variable)
        for variable in waiting:
            self._backpropagate(variable)

    def _consumers(self, tensor: Tensor) -> list[Definition]:
        return [d for d in self.engine.system.consumers.get(tensor, ()) if d.tensor in self.reached]

    def symbol(self, tensor: Tensor, indices: tuple[Expr, ...]) -> Expr:
        """The adjoint of a tensor by name: ∂l/∂t, or ∂c/∂t where c is the only output."""
        if self.scalar:
            return Partial(Component(self.outputs[0]), Component(tensor, *indices))
        kind = TotalAdjoint if tensor in self.shared else Adjoint
        return Component(kind(tensor), *indices)

    def _value(self, tensor: Tensor, indices: tuple[Expr, ...]) -> Expr:
        if self.scalar and tensor == self.outputs[0]:
            return S.One
        return self.symbol(tensor, indices)

    def _backpropagate(self, tensor: Tensor) -> None:
        engine = self.engine
        consumers = self._consumers(tensor)
        used = [i for k in consumers for i in k.indices]
        indices = engine.letters.own(tensor, used)
        links = []
        lhs = self.symbol(tensor, indices)
        partials = [engine.partial(consumer, tensor, indices) for consumer in consumers]
        if self.scalar and [k.tensor for k in consumers] == list(self.outputs):  # the output's formula alone says it
            self.results[tensor] = Lemma(lhs, partials[0].steps, "backpropagated")
            self.lemmas.append(self.results[tensor])
            return
        for consumer, partial in zip(consumers, partials, strict=True):
            self.lemmas.append(partial)
            value = self._value(consumer.tensor, consumer.indices)
            upper = value if value is S.One else self.symbol(consumer.tensor, consumer.indices)
            links.append(Link(upper, partial.lhs, value, partial.result, consumer.indices))
        seed = Component(Adjoint(tensor), *indices) if tensor in self.outputs and not self.scalar else None
        lemma = engine.chained(lhs, links, "backpropagated", indices, seed)
        lemma = engine.closed(lemma, self._known_value, indices, self.largest)
        self.lemmas.append(lemma)
        self.results[tensor] = lemma

    def _known_value(self, node: Expr) -> Expr | None:
        component = self._component(node)
        if component is None or component.tensor not in self.results:
            return None
        lemma = self.results[component.tensor]
        mine = self._component(lemma.lhs)
        if mine is None or component.tensor in self.outputs:
            return None
        return rename(lemma.result, dict(zip(mine.indices, component.indices, strict=True)))

    def _component(self, node: Expr) -> Component | None:
        """The component of t that an adjoint ∂l/∂t belongs to."""
        if self.scalar:
            if isinstance(node, Partial) and node.expression == Component(self.outputs[0]):
                return node.wrt if isinstance(node.wrt, Component) else None
            return None
        if isinstance(node, Component) and isinstance(node.tensor, Adjoint):
            return Component(node.tensor.of, *node.indices)
        return None


def backpropagated(engine: Engine, output: Tensor, lemma: Lemma) -> Lemma:
    """∂l/∂x from an upstream gradient ∂l/∂y and a Jacobian ∂y/∂x that is a lemma already."""
    partial = lemma.lhs
    variable = partial.wrt
    upper = Component(Adjoint(output), *partial.expression.indices)
    link = Link(upper, partial, upper, lemma.result, partial.expression.indices)
    lhs = Component(Adjoint(variable.tensor), *variable.indices)
    return engine.chained(lhs, [link], "backpropagated", variable.indices)

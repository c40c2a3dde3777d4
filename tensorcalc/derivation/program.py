"""The program form of a derivation: named intermediates, each adjoint once. This is what is compiled."""

from __future__ import annotations

from dataclasses import dataclass, field

from sympy import Add, Expr, S

from tensorcalc.binding import Contraction, product, rename
from tensorcalc.derivation.engine import Engine
from tensorcalc.derivation.jacobians import needed
from tensorcalc.derivation.line import simplified
from tensorcalc.derivation.model import Derivation
from tensorcalc.derivation.tangents import tangent_definitions
from tensorcalc.expr import Component, Delta
from tensorcalc.indices import Adjoint, Index, Slope, Tangent, Tensor, TotalAdjoint
from tensorcalc.rules.algebra import size
from tensorcalc.system import Definition, Program

__all__ = ["program_of"]

CHEAP = 1  # operations up to which an adjoint is written out where it is used instead of being named


def program_of(derivation: Derivation) -> Program:
    """The definitions that compute the results of a derivation from its inputs.

    Arguments are the system's inputs; for a VJP also the upstream gradients `d_<output>`, for a JVP or HVP the tangents
    `v_<input>`. Results stand in the order of `of` and then `wrt`.
    """
    engine = derivation.engine if isinstance(derivation.engine, Engine) else Engine(derivation.system)
    system, title = derivation.system, _title(derivation)
    if derivation.kind in ("jacobian", "hessian"):
        return _jacobian_program(derivation)
    if derivation.kind in ("jvp", "hvp"):
        outputs = tuple(left.tensor for left, _ in derivation.results)
        tangents = tangent_definitions(engine, tuple(t.of for t in outputs), derivation.wrt)
        return Program(
            (*system.inputs, *(Tangent(v) for v in derivation.wrt)), (*system.ordered, *tangents), outputs, title
        )
    scalar = derivation.kind == "gradient"
    definitions = _Reverse(engine, derivation.of, scalar).run(derivation.wrt)
    upstream = () if scalar else tuple(Adjoint(t) for t in derivation.of)
    outputs = tuple(Adjoint(v) for v in derivation.wrt)
    return Program((*system.inputs, *upstream), (*system.ordered, *definitions), outputs, title)


def _title(derivation: Derivation) -> str:
    of = ", ".join(t.name for t in derivation.of)
    wrt = ", ".join(t.name for t in derivation.wrt)
    return f"{derivation.kind} of {of} with respect to {wrt}"


def _jacobian_program(derivation: Derivation) -> Program:
    definitions = []
    for left, right in derivation.results:
        output, variable = left.expression, left.wrt
        indices = (*output.indices, *variable.indices)
        definitions.append(Definition(Slope(output.tensor, variable.tensor), indices, right))
    return Program(
        derivation.system.inputs,
        (*derivation.system.ordered, *definitions),
        tuple(d.tensor for d in definitions),
        _title(derivation),
    )


@dataclass
class _Reverse:
    """Reverse accumulation over the definitions; adjoints that are sparse or cheap are written out in place."""

    engine: Engine
    outputs: tuple[Tensor, ...]
    scalar: bool
    inline: dict[Tensor, tuple[tuple[Index, ...], Expr]] = field(default_factory=dict)
    names: dict[Tensor, Tensor] = field(default_factory=dict)

    def run(self, variables: tuple[Tensor, ...]) -> list[Definition]:
        """The definitions of the adjoints of the variables and of what they need, in order."""
        system = self.engine.system
        moving = system.depends(variables)
        wanted = {d.tensor for output in self.outputs for d in needed(self.engine, output)}
        path = [d for d in system.ordered if d.tensor in wanted and d.tensor in moving]
        definitions: list[Definition] = []
        inputs = [v for v in variables if v not in system.by_tensor]
        for tensor in [*(d.tensor for d in reversed(path)), *inputs]:
            consumers = [d for d in path if tensor in system.uses[d.tensor]]
            if tensor in self.outputs and not consumers and tensor not in variables:
                self._seed_only(tensor)
                continue
            indices = self.engine.letters.own(tensor, [i for k in consumers for i in k.indices])
            value = self._accumulate(tensor, indices, consumers)
            if tensor in variables or not self._is_cheap(value, indices):
                name = self._name(tensor, bool(consumers))
                self.names[tensor] = name
                definitions.append(Definition(name, indices, value))
            else:
                self.inline[tensor] = indices, value
        for variable in variables:
            if variable not in self.names:  # it does not reach any output
                indices = self.engine.letters.own(variable)
                definitions.append(Definition(Adjoint(variable), indices, S.Zero))
        return definitions

    def _seed_only(self, tensor: Tensor) -> None:
        if self.scalar:
            self.inline[tensor] = (), S.One
        else:
            self.names[tensor] = Adjoint(tensor)

    def _name(self, tensor: Tensor, consumed: bool) -> Tensor:
        if tensor in self.outputs and consumed and not self.scalar:
            return TotalAdjoint(tensor)
        return Adjoint(tensor)

    def _accumulate(self, tensor: Tensor, indices: tuple[Index, ...], consumers: list[Definition]) -> Expr:
        parts: list[Expr] = []
        if tensor in self.outputs:
            parts.append(S.One if self.scalar else Component(Adjoint(tensor), *indices))
        for consumer in consumers:
            partial = self.engine.partial(consumer, tensor, indices).result
            upper = self._value(consumer.tensor, consumer.indices)
            parts.append(Contraction(product([upper, partial]), *consumer.indices))
        return simplified(Add(*parts), self.engine.patterns, indices)

    def _value(self, tensor: Tensor, indices: tuple[Expr, ...]) -> Expr:
        if tensor in self.inline:
            own, value = self.inline[tensor]
            return rename(value, dict(zip(own, indices, strict=True)))
        return Component(self.names[tensor], *indices)

    @staticmethod
    def _is_cheap(value: Expr, indices: tuple[Index, ...]) -> bool:
        free_delta = any(set(d.indices) & set(indices) for d in value.atoms(Delta))
        return bool(free_delta) or size(value) <= CHEAP

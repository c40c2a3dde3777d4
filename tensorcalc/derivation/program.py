"""The program form of a derivation: named intermediates, each adjoint once. This is what is compiled."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from sympy import Add, Expr, Mul, Pow, S

from tensorcalc.binding import Contraction, product, rename
from tensorcalc.derivation.engine import Engine
from tensorcalc.derivation.model import Derivation
from tensorcalc.derivation.tangents import tangent_definitions
from tensorcalc.expr import Component, Delta, Exp, Group
from tensorcalc.index import Adjoint, Index, Slope, Tangent, Tensor, TotalAdjoint
from tensorcalc.rules.algebra import size
from tensorcalc.system import Definition, Program, tensors_in

__all__ = ["program_of"]

LARGEST_LINE = 24  # operations of a line with adjoints written out, beyond which it is not tried to shorten it
LARGEST_WITH_EXPONENTIALS = 60  # the same for lines in which an exponential may meet what normalises it
SMALL = 16  # operations up to which it is tried to write an adjoint out where it is used, instead of naming it


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
        arguments = (*system.inputs, *(Tangent(v) for v in derivation.wrt))
        return Program(arguments, (*system.ordered, *_needed(tangents, outputs)), outputs, title)
    scalar = derivation.kind == "gradient"
    definitions = _Reverse(engine, derivation.of, scalar).run(derivation.wrt)
    upstream = () if scalar else tuple(Adjoint(t) for t in derivation.of)
    outputs = tuple(Adjoint(v) for v in derivation.wrt)
    return Program((*system.inputs, *upstream), (*system.ordered, *_needed(definitions, outputs)), outputs, title)


def _needed(definitions: list[Definition], outputs: tuple[Tensor, ...]) -> list[Definition]:
    """The definitions that the outputs use: some were written out wherever they are used."""
    wanted = set(outputs)
    kept = []
    for definition in reversed(definitions):
        if definition.tensor in wanted:
            wanted.update(tensors_in(definition.rhs))
            kept.append(definition)
    return kept[::-1]


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
        rows=_rows(derivation),
    )


def _rows(derivation: Derivation) -> int:
    """A Hessian by several inputs, and a Jacobian of several outputs by several inputs, are tuples of tuples."""
    count = len(derivation.wrt)
    matrix = derivation.kind == "hessian" or len(derivation.of) > 1
    return count if matrix and count > 1 else 0


_Value = tuple[tuple[Index, ...], Expr]


@dataclass
class _Reverse:
    """Reverse accumulation over the definitions; adjoints that are sparse are written out where they are used."""

    engine: Engine
    outputs: tuple[Tensor, ...]
    scalar: bool
    inline: dict[Tensor, _Value] = field(default_factory=dict)
    small: dict[Tensor, _Value] = field(default_factory=dict)
    whole: dict[Tensor, _Value] = field(default_factory=dict)
    names: dict[Tensor, Tensor] = field(default_factory=dict)

    def run(self, variables: tuple[Tensor, ...]) -> list[Definition]:
        """The definitions of the adjoints of the variables and of what they need, in order."""
        system = self.engine.system
        path = system.between(variables, self.outputs)
        reached = {d.tensor for d in path}
        definitions: list[Definition] = []
        inputs = [v for v in variables if v not in system.by_tensor]
        for tensor in [*(d.tensor for d in reversed(path)), *inputs]:
            consumers = [d for d in system.consumers.get(tensor, ()) if d.tensor in reached]
            if tensor in self.outputs and not consumers and tensor not in variables:
                self._seed_only(tensor)
                continue
            indices = self.engine.letters.own(tensor, [i for k in consumers for i in k.indices])
            value = self._accumulate(tensor, indices, consumers)
            if tensor not in variables and self._is_sparse(value, indices):
                self.inline[tensor] = indices, value
                continue
            self.names[tensor] = self._name(tensor, bool(consumers))
            definitions.append(Definition(self.names[tensor], indices, value))
            if size(value) <= SMALL:
                self.small[tensor] = indices, value
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
        """The adjoint of a tensor: with the adjoints of its consumers by name, or written out if that is as short.

        Written out, an overflowing factor meets its normaliser, and the quotient folds into its definition.
        """
        named = self.engine.simplified(self._sum(tensor, indices, consumers, self.inline), indices)
        written = self._written(tensor, indices, consumers, self.small)
        whole = written
        if self.overflowing and consumers:
            whole = self._written(tensor, indices, consumers, self.whole, LARGEST_LINE)
        self.whole[tensor] = indices, whole or named
        if whole is not None and _may_overflow(named, self.overflowing) and not _may_overflow(whole, self.overflowing):
            return whole
        return written if written is not None and size(written) <= size(named) else named

    def _written(
        self,
        tensor: Tensor,
        indices: tuple[Index, ...],
        consumers: list[Definition],
        known: Mapping[Tensor, _Value],
        largest: int = LARGEST_WITH_EXPONENTIALS,
    ) -> Expr | None:
        """The adjoint with those of its consumers written out where they are known; `None` where that gets long."""
        if not any(k.tensor in known for k in consumers):
            return None
        line = self._sum(tensor, indices, consumers, {**known, **self.inline})
        allowed = largest if line.has(Exp) else LARGEST_LINE
        return self.engine.simplified(line, indices) if size(line) <= allowed else None

    @cached_property
    def overflowing(self) -> frozenset[Tensor]:
        """The definitions whose values may overflow."""
        found: set[Tensor] = set()
        for definition in self.engine.system.ordered:
            if _may_overflow(definition.rhs, found):
                found.add(definition.tensor)
        return frozenset(found)

    def _sum(
        self, tensor: Tensor, indices: tuple[Index, ...], consumers: list[Definition], known: Mapping[Tensor, _Value]
    ) -> Expr:
        """The contributions of all consumers, with the adjoints in `known` written out."""
        parts: list[Expr] = []
        if tensor in self.outputs:
            parts.append(S.One if self.scalar else Component(Adjoint(tensor), *indices))
        for consumer in consumers:
            partial = self.engine.partial(consumer, tensor, indices).result
            upper = self._value(consumer.tensor, consumer.indices, known)
            parts.append(Contraction(product([upper, partial]), *consumer.indices))
        return Add(*parts)

    def _value(self, tensor: Tensor, indices: tuple[Expr, ...], known: Mapping[Tensor, _Value]) -> Expr:
        if tensor in known:
            own, value = known[tensor]
            return rename(value, dict(zip(own, indices, strict=True)))
        return Component(self.names[tensor], *indices)

    @staticmethod
    def _is_sparse(value: Expr, indices: tuple[Index, ...]) -> bool:
        """Whether a δ on one of its own indices makes the adjoint mostly zero."""
        return any(set(d.indices) & set(indices) for d in value.atoms(Delta))


def _may_overflow(expression: Expr, known: Collection[Tensor]) -> bool:
    """Whether an exponential, or a tensor known to hold one, stands in the expression without what normalises it."""
    if isinstance(expression, Component):
        return expression.tensor in known
    if isinstance(expression, Pow):
        return bool(expression.exp.is_positive) and _may_overflow(expression.base, known)
    if isinstance(expression, Mul):
        below = [f.base for f in expression.args if isinstance(f, Pow) and f.exp.is_negative]
        above = any(_may_overflow(f, known) for f in expression.args)
        return above and not any(_may_overflow(b, known) for b in below)
    if isinstance(expression, Contraction):
        return _may_overflow(expression.body, known)
    if isinstance(expression, Add | Group):
        return any(_may_overflow(a, known) for a in expression.args)
    return isinstance(expression, Exp)

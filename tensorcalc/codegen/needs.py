"""Which definitions of a program are computed at all, what is computed once, and when a variable is last used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sympy import Expr, Function, Mul, Pow

from tensorcalc.binding import Binder, free_indices
from tensorcalc.codegen.deltas import written
from tensorcalc.codegen.nodes import RowFunction
from tensorcalc.expr import Component
from tensorcalc.index import BoundIndex, Tensor
from tensorcalc.system import Definition, Program, tensors_in

__all__ = ["heirs", "needed", "repeated", "shared", "taken_over"]


def needed(program: Program) -> Program:
    """The program without the definitions on which no output depends."""
    wanted = set(program.outputs)
    kept: list[Definition] = []
    for definition in reversed(program.definitions):
        if definition.tensor in wanted:
            kept.append(definition)
            wanted.update(tensors_in(definition.rhs))
    return replace(program, definitions=tuple(reversed(kept)))


def shared(definitions: Iterable[Definition]) -> frozenset[Expr]:
    """Expressions that occur more than once in right sides and cost something: they are computed once."""
    return repeated(d.rhs for d in definitions)


def repeated(expressions: Iterable[Expr]) -> frozenset[Expr]:
    """Costly expressions that occur more than once, other than under a sum over one of their indices."""
    counts: Counter[Expr] = Counter()
    for expression in expressions:
        stack: list[Expr] = [expression]
        while stack:
            node = stack.pop()
            costly = isinstance(node, Binder | Function) or (isinstance(node, Pow) and not node.exp.is_Integer)
            if costly and not any(isinstance(i, BoundIndex) for i in free_indices(node)):
                counts[node] += 1
                if counts[node] > 1:
                    continue
            stack.extend(a for a in node.args if isinstance(a, Expr) and not isinstance(node, Component))
    return frozenset(node for node, count in counts.items() if count > 1 and node.atoms(Tensor))


def taken_over(definition: Definition) -> Tensor | None:
    """The tensor t where the definition is t over its own indices, times other things, plus scattered terms."""
    if isinstance(definition.rhs, RowFunction):
        return None
    dense, scatters = written(definition.rhs, definition.indices)
    factors = Mul.make_args(dense)
    for factor in factors:
        if isinstance(factor, Component) and factor.indices == definition.indices:
            rest = [f for f in factors if f is not factor]
            elsewhere = {t for e in (*rest, *(s.coefficient for s in scatters)) for t in tensors_in(e)}
            if factor.tensor not in elsewhere:
                return factor.tensor
    return None


def heirs(definitions: Sequence[Definition], outputs: Iterable[Tensor]) -> Mapping[Tensor, Tensor]:
    """For each tensor whose array a later definition takes over, the tensor that takes it over."""
    kept = set(outputs)
    defined = {d.tensor for d in definitions}
    last_use = {t: place for place, d in enumerate(definitions) for t in tensors_in(d.rhs)}
    found: dict[Tensor, Tensor] = {}
    for place, definition in enumerate(definitions):
        taken = taken_over(definition)
        if taken in defined and taken not in kept and last_use[taken] == place:
            found[taken] = definition.tensor
    return found

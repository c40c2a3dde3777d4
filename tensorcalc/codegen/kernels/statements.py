"""A program as statements without sums inside: every reduction has a tensor of its own, δ is solved, softmax is taken
apart into maximum, exponential, sum and quotient. This is what loops are planned from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sympy import Add, Expr, Function, Mul, Pow, S, log

from tensorcalc.binding import Binder, Contraction, IndexMaximum, IndexProduct, free_indices, product, rename
from tensorcalc.binding import replace as replaced
from tensorcalc.codegen.deltas import split, written
from tensorcalc.codegen.lowering import distributed
from tensorcalc.codegen.matching import appearance
from tensorcalc.codegen.names import unused
from tensorcalc.codegen.needs import needed
from tensorcalc.codegen.nodes import Guarded, LogSumExp, RowFunction, Softmax, Weighted
from tensorcalc.codegen.stable import stabilised
from tensorcalc.expr import Component, Delta, Group
from tensorcalc.functions import minimum
from tensorcalc.index import Index, Tensor
from tensorcalc.system import Definition, Program, tensors_in

__all__ = ["Decay", "Finite", "Masked", "Operation", "Statement", "WhereFinite", "statements", "unused"]


class Masked(Function):
    """Masked(w, a): a where w is not 0, else −∞."""

    is_real = True
    is_commutative = True


class Finite(Function):
    """Finite(a): a where it is finite, 0 where it is infinite; NaN stays."""

    is_real = True
    is_commutative = True


class WhereFinite(Function):
    """WhereFinite(a, b): b where a is finite, else NaN."""

    is_real = True
    is_commutative = True


class Decay(Function):
    """exp(a) for a ≤ 0."""

    is_real = True
    is_commutative = True

    def _sympystr(self, printer: Any) -> str:
        return f"exp({printer._print(self.args[0])})"


class Operation(Enum):
    """How the values for all loop indices become an entry. A peak is a maximum for which NaN does not count."""

    ASSIGN = "="
    SUM = "sum"
    PRODUCT = "product"
    MAXIMUM = "maximum"
    PEAK = "peak"
    ADD = "+="


@dataclass(frozen=True, slots=True)
class Statement:
    """`tensor[target] operation expression` for all values of `loops`; the expression holds no binder.

    For a reduction the dummies are the loops that are not in `target`. ADD adds to entries of a tensor that an earlier
    statement has written; its target may hold labels.
    """

    tensor: Tensor
    target: tuple[Expr, ...]
    loops: tuple[Index, ...]
    operation: Operation
    expression: Expr

    @property
    def free(self) -> tuple[Index, ...]:
        """The loop indices on the left."""
        inside = frozenset().union(*(free_indices(t) for t in self.target)) if self.target else frozenset()
        return tuple(i for i in self.loops if i in inside)

    @property
    def dummies(self) -> tuple[Index, ...]:
        """The loop indices that are summed over."""
        free = self.free
        return tuple(i for i in self.loops if i not in free)

    @property
    def reduces(self) -> bool:
        return self.operation not in (Operation.ASSIGN, Operation.ADD)

    @property
    def accesses(self) -> tuple[Component, ...]:
        """Every component that is read, those inside brackets included."""
        found: dict[Component, None] = {}
        for e in (self.expression, *self.target):
            found.update(dict.fromkeys(sorted(e.atoms(Component), key=str)))
        return tuple(found)

    def renamed(self, names: dict[Index, Expr]) -> Statement:
        """The statement with other letters for its loops."""
        return Statement(
            self.tensor,
            tuple(rename(t, names) for t in self.target),
            tuple(names.get(i, i) for i in self.loops),
            self.operation,
            rename(self.expression, names),
        )


def statements(program: Program) -> tuple[Statement, ...]:
    """The statements that compute the outputs of a program, in order."""
    return _Flattener(needed(stabilised(needed(program)))).run()


class _Flattener:
    """Takes sums out of expressions, each once; equal sums under other letters share their tensor."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.statements: list[Statement] = []
        self._known: dict[tuple[str, Expr], tuple[Tensor, tuple[int, ...]]] = {}
        self._taken = {t.name for d in program.definitions for t in (d.tensor, *tensors_in(d.rhs))}
        self._taken |= {t.name for t in program.inputs}
        rows = [d.rhs for d in program.definitions if isinstance(d.rhs, LogSumExp)]
        self._logarithms = {_signature(r) for r in rows}

    def run(self) -> tuple[Statement, ...]:
        for definition in self.program.definitions:
            if isinstance(definition.rhs, RowFunction):
                self._row_function(definition, definition.rhs)
            else:
                self._define(definition.tensor, definition.indices, definition.rhs)
        return tuple(self.statements)

    def _add(
        self,
        tensor: Tensor,
        target: Sequence[Expr],
        loops: Sequence[Index],
        operation: Operation,
        e: Expr,
    ) -> None:
        self.statements.append(Statement(tensor, tuple(target), tuple(loops), operation, e))

    def _define(self, tensor: Tensor, indices: tuple[Index, ...], rhs: Expr) -> None:
        """The statements of one definition: what is written everywhere, then what is added at single entries."""
        dense, scatters = written(_guards_opened(rhs), indices)
        scope = indices
        if isinstance(dense, Contraction):
            self._sum(tensor, indices, dense)
        else:
            self._add(tensor, indices, indices, Operation.ASSIGN, self._plain(dense, scope))
        for term in scatters:
            used = frozenset().union(*(free_indices(t) for t in term.target), free_indices(term.coefficient))
            own = [i for i in indices if i in used]
            loops = (*own, *(d for d in term.summed if d not in own))
            rest = sorted(used - set(loops), key=lambda i: (i.name, i.dimension.name))
            loops = (*loops, *rest)
            target = tuple(self._plain(t, loops) for t in term.target)
            self._add(tensor, target, loops, Operation.ADD, self._plain(term.coefficient, loops))

    def _plain(self, e: Expr, scope: Sequence[Index]) -> Expr:
        """The expression with a tensor of its own for every binder in it."""
        return replaced(e, lambda node: self._extracted(node, scope) if isinstance(node, Binder) else None, scope)

    def _extracted(self, binder: Binder, scope: Sequence[Index]) -> Expr:
        """The component that holds the value of a binder; its axes stand in the order in which the scope has them."""
        free = appearance(binder)
        order = (*(i for i in scope if i in free), *(i for i in free if i not in scope))
        found, new = self._shared(binder.NAME, binder, order)
        if new:
            self._define_binder(found.tensor, order, binder)
        return found

    def _shared(self, word: str, e: Expr, order: Sequence[Index]) -> tuple[Component, bool]:
        """The component that holds an expression, and whether it is new; the axes of a new one are `order`."""
        free = (*appearance(e), *(i for i in order if i not in free_indices(e)))
        letters = {i: Index(f"'{place}'", i.dimension) for place, i in enumerate(free)}
        key = word, rename(e, letters)
        new = key not in self._known
        if new:
            tensor = Tensor(unused(word, self._taken), tuple(i.dimension for i in order))
            self._known[key] = tensor, tuple(free.index(i) for i in order)
        tensor, places = self._known[key]
        return Component(tensor, *(free[p] for p in places)), new

    def _define_binder(self, tensor: Tensor, indices: tuple[Index, ...], binder: Binder) -> None:
        if isinstance(binder, Contraction):
            self._define(tensor, indices, binder)
            return
        operation = Operation.PRODUCT if isinstance(binder, IndexProduct) else Operation.MAXIMUM
        if not isinstance(binder, IndexProduct | IndexMaximum):
            raise TypeError(f"no loop for {type(binder).__name__}")
        body, dummies = binder.open(indices)
        scope = (*indices, *dummies)
        self._add(tensor, indices, (*indices, *dummies), operation, self._plain(body, scope))

    def _sum(self, tensor: Tensor, indices: tuple[Index, ...], total: Contraction) -> None:
        """A definition that is a sum as a whole; factors without a dummy stand before it."""
        body, dummies = total.open(indices)
        body = distributed(body, dummies)
        if isinstance(body, Add) and not _elementwise(body):
            terms = [Contraction(t, *dummies) for t in body.args]
            self._define(tensor, indices, Add(*terms, evaluate=False) if len(set(terms)) < len(terms) else Add(*terms))
            return
        factors = _factors(body, dummies)
        lonely = [d.dimension.extent for d in dummies if not any(d in free_indices(f) for f in factors)]
        dummies = tuple(d for d in dummies if any(d in free_indices(f) for f in factors))
        outside = [f for f in factors if free_indices(f).isdisjoint(dummies)]
        inside = product([f for f in factors if f not in outside])
        scope = (*indices, *dummies)
        if outside or lonely:
            inner = Contraction(inside, *dummies)
            self._define(tensor, indices, Mul(*lonely, *outside, inner))
            return
        self._add(tensor, indices, (*indices, *dummies), Operation.SUM, self._plain(inside, scope))

    # softmax and its kin

    def _row_function(self, definition: Definition, function: RowFunction) -> None:
        """exp(a_i − max a), its sum, and what the definition makes of them.

        For logsumexp the maximum is 0 where it is infinite, and no exponent positive: rows with ∞ have finite sums,
        those of −∞ alone the sum 0, and the maximum as it is makes them ∞ and −∞. The softmax of such rows is NaN.
        """
        row = function.row
        outer = tuple(i for i in definition.indices if i not in row)
        order = definition.indices if set(row) <= set(definition.indices) else (*outer, *row)
        weighted = isinstance(function.argument, Weighted)
        argument, weight = self._row_arguments(function.argument, order)
        inside = Masked(weight, argument) if weighted else argument
        peak = self._reduced("peak", inside, outer, order, Operation.PEAK)
        shielded = weighted or _signature(function) in self._logarithms
        shift = self._named("peak", Finite(peak), outer) if shielded else peak
        exponent = Add(argument, Mul(S.NegativeOne, shift))
        power = product((weight, Decay(minimum(exponent, S.Zero) if shielded else exponent)))
        weights = self._named("power", power, order)
        total = self._reduced("total", weights, outer, order, Operation.SUM)
        if isinstance(function, LogSumExp):
            value = Add(peak, log(total))
        else:
            total = self._named("total", WhereFinite(peak, total), outer) if shielded and not weighted else total
            shifted = Group(Add(argument, Mul(S.NegativeOne, shift if weighted else peak)))
            softmax = product((weights, Pow(total, S.NegativeOne)))
            value = softmax if isinstance(function, Softmax) else Add(shifted, Mul(S.NegativeOne, log(total)))
        self._add(definition.tensor, definition.indices, definition.indices, Operation.ASSIGN, value)

    def _row_arguments(self, argument: Expr, order: tuple[Index, ...]) -> tuple[Expr, Expr]:
        """The argument of a row function and the weights of its exponentials, as components."""
        parts = [self._plain(a, order) for a in (argument.args if isinstance(argument, Weighted) else (argument,))]
        weight = self._named("weight", parts[1], order) if len(parts) > 1 else S.One
        return self._named("logit", parts[0], order), weight

    def _named(self, word: str, e: Expr, order: tuple[Index, ...]) -> Expr:
        """The expression as a component of a tensor of its own; components stay what they are."""
        if isinstance(e, Component):
            return e
        found, new = self._shared(word, e, order)
        if new:
            self._add(found.tensor, order, order, Operation.ASSIGN, e)
        return found

    def _reduced(
        self, word: str, e: Expr, outer: tuple[Index, ...], order: tuple[Index, ...], operation: Operation
    ) -> Expr:
        binder = (Contraction if operation is Operation.SUM else IndexMaximum)(e, *(i for i in order if i not in outer))
        found, new = self._shared(word, binder, outer)
        if new:
            self._add(found.tensor, outer, order, operation, e)
        return found


def _signature(function: RowFunction) -> tuple[Expr, frozenset[Expr]]:
    """The argument and the row of a row function, the same under all letters."""
    letters = {i: Index(f"'{place}", i.dimension) for place, i in enumerate(appearance(function.argument))}
    return rename(function.argument, letters), frozenset(letters.get(i, i) for i in function.row)


def _guards_opened(e: Expr) -> Expr:
    """`Guarded(z, v)` with δ in v as a sum of guarded terms, so that the δ can be solved: it is linear in v."""

    def new(node: Expr) -> Expr | None:
        if not isinstance(node, Guarded) or not node.args[1].has(Delta):
            return None
        zero, value = node.args
        dense, sparse = split(value)
        if not sparse or any(t.dummies for t in sparse):
            return None
        terms = [product((Guarded(zero, t.coefficient), *t.deltas)) for t in sparse]
        return Add(Guarded(zero, dense) if dense is not S.Zero else S.Zero, *terms)

    return replaced(e, new) if e.has(Guarded) else e


def _elementwise(body: Add) -> bool:
    """Whether one loop over all indices costs no more than a loop for each term, none being a product of matrices."""
    every = free_indices(body)
    whole = [t for t in body.args if free_indices(t) == every]
    return bool(whole) and all(any(free_indices(f) == every for f in Mul.make_args(t)) for t in whole)


def _factors(body: Expr, dummies: Iterable[Index]) -> tuple[Expr, ...]:
    """The factors of a body; a quotient by a product counts as several."""
    found: list[Expr] = []
    for factor in Mul.make_args(body):
        if isinstance(factor, Pow) and isinstance(factor.base, Mul) and factor.exp.is_Integer:
            found += [Pow(f, factor.exp) for f in factor.base.args]
        else:
            found.append(factor)
    return tuple(found)

"""Sums that several definitions need, under letters of their own each, are computed once and stored.

What is shared inside one definition, or under the same letters, needs no name: lowering keeps it in a variable.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from sympy import Expr, Function

from tensorcalc.binding import Binder, Contraction, binds, free_indices, rebuild
from tensorcalc.binding import replace as replaced
from tensorcalc.codegen.matching import Place, canonical
from tensorcalc.codegen.names import unused
from tensorcalc.codegen.nodes import RowFunction
from tensorcalc.expr import Component, Delta, Iverson
from tensorcalc.functions import positive, relu
from tensorcalc.index import Index, Tensor
from tensorcalc.system import Definition, Program, tensors_in

__all__ = ["with_shared_results"]


def with_shared_results(program: Program) -> Program:
    """The program with each costly sum, and each function of one, computed once."""
    return _shared(_through_results(program))


def _through_results(program: Program) -> Program:
    """The program with [y > 0] for [u > 0] where y = relu(u) is defined: the same for every number, and for NaN."""
    known: dict[Expr, Place] = {}

    def signs(node: Expr) -> Expr | None:
        if not isinstance(node, positive) or isinstance(node.args[0], Component):
            return None
        key, free = canonical(node.args[0])
        return positive(known[key].component(free)) if key in known else None

    definitions = []
    for definition in program.definitions:
        definitions.append(replace(definition, rhs=replaced(definition.rhs, signs, definition.indices)))
        if isinstance(definition.rhs, relu):
            key, free = canonical(definition.rhs.args[0])
            if set(free) == set(definition.indices):
                known.setdefault(key, Place.of(definition, free))
    return replace(program, definitions=tuple(definitions))


@dataclass(slots=True)
class _Use:
    """How often an expression occurs, under which letters, and whether a sum over one of these stands around it."""

    count: int = 0
    letters: set[tuple[Index, ...]] = field(default_factory=set)
    summed: bool = False

    @property
    def pays(self) -> bool:
        return self.count > 1 and (self.summed or len(self.letters) > 1)


def _shared(program: Program) -> Program:
    uses: dict[Expr, _Use] = {}
    for definition in program.definitions:
        for node in _candidates(definition.rhs, _scope(definition), uses):
            key, free = canonical(node)
            use = uses.setdefault(key, _Use())
            use.count += 1
            use.letters.add(free)
            use.summed = use.summed or not set(free) <= set(_scope(definition))
    wanted = {key for key, use in uses.items() if use.pays}
    return _Writer(program, wanted).run() if wanted else program


def _scope(definition: Definition) -> tuple[Index, ...]:
    """The letters of a definition that are not summed in it."""
    row = definition.rhs.row if isinstance(definition.rhs, RowFunction) else ()
    return tuple(dict.fromkeys((*definition.indices, *row)))


def _candidates(e: Expr, scope: tuple[Expr, ...], uses: dict[Expr, _Use], inside: bool = False) -> Iterator[Expr]:
    """The sums of an expression, functions of sums, and their arguments; not those inside what occurred before."""
    if not binds(e):
        return
    if _is_costly(e) or (inside and _is_plain(e)):
        yield e
        if uses[canonical(e)[0]].count > 1:
            return
    if isinstance(e, Binder):
        body, dummies = e.open(scope)
        yield from _candidates(body, (*scope, *dummies), uses)
        return
    for argument in e.args:
        if isinstance(argument, Expr):
            yield from _candidates(argument, scope, uses, isinstance(e, Function))


def _is_costly(e: Expr) -> bool:
    return isinstance(e, Contraction | Function) and binds(e) and _is_plain(e)


def _is_plain(e: Expr) -> bool:
    """Whether the expression is an array without δ, which are better solved where they stand."""
    return bool(free_indices(e)) and bool(tensors_in(e)) and not e.has(Delta, Iverson)


class _Writer:
    """Puts components in the place of the wanted expressions, and defines what these hold before their first use."""

    def __init__(self, program: Program, wanted: set[Expr]) -> None:
        self.program = program
        self.wanted = wanted
        self.places: dict[Expr, Place] = {}
        self.definitions: list[Definition] = []
        self.taken = {t.name for d in program.definitions for t in (d.tensor, *tensors_in(d.rhs))}
        self.taken |= {t.name for t in program.inputs}

    def run(self) -> Program:
        for definition in self.program.definitions:
            self._define(definition)
        return replace(self.program, definitions=tuple(self.definitions))

    def _define(self, definition: Definition) -> None:
        """The definition, which is the place of what it holds where that is wanted."""
        scope, rhs = _scope(definition), definition.rhs
        if isinstance(rhs, Contraction | Function) and set(definition.indices) == free_indices(rhs):
            key, free = canonical(rhs)
            if key in self.wanted and key not in self.places:
                self.definitions.append(replace(definition, rhs=self._inside(rhs, scope)))
                self.places[key] = Place.of(definition, free)
                return
        rhs = self._replaced(rhs, scope)
        self.definitions.append(replace(definition, rhs=rhs))

    def _replaced(self, e: Expr, scope: tuple[Expr, ...]) -> Expr:
        return replaced(e, lambda node: self._stored(node, scope), scope)

    def _stored(self, node: Expr, scope: tuple[Expr, ...]) -> Expr | None:
        if not binds(node) or not _is_plain(node):
            return None
        key, free = canonical(node)
        if key not in self.wanted:
            return None
        if key not in self.places:
            order = tuple(dict.fromkeys((*(i for i in scope if i in free), *free)))
            tensor = Tensor(unused("shared", self.taken), tuple(i.dimension for i in order))
            rhs = self._inside(node, tuple(dict.fromkeys((*scope, *order))))
            new = Definition(tensor, order, rhs)
            self.definitions.append(new)
            self.places[key] = Place.of(new, free)
        return self.places[key].component(free)

    def _inside(self, e: Expr, scope: tuple[Expr, ...]) -> Expr:
        """The node itself, with what is wanted inside it replaced."""
        if isinstance(e, Binder):
            body, dummies = e.open(scope)
            return e.func(self._replaced(body, (*scope, *dummies)), *dummies)
        return rebuild(e, [self._replaced(a, scope) if isinstance(a, Expr) else a for a in e.args])

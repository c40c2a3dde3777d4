"""What is left of an array when a label's entry of each row is reduced: `s[n,i] - δ(T[n],i)` as an array of its own.

Summed over the rows, the δ would be a scatter of whole rows: additions at entries that repeat, one by one. Written once
into the array, at one entry a row, it is part of a product of matrices. Where the same difference stands apart, as
`Σ_i s[n,i] V[h,i] - V[h,T[n]]`, it is put together again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from sympy import Add, Expr, Mul, S

from tensorcalc.binding import Contraction, free_indices, product, rename
from tensorcalc.binding import replace as replaced
from tensorcalc.codegen.deltas import split
from tensorcalc.codegen.matching import Place, canonical
from tensorcalc.codegen.names import unused
from tensorcalc.expr import Component, Delta
from tensorcalc.index import Index, Tensor
from tensorcalc.system import Definition, Program, tensors_in

__all__ = ["with_residuals"]


def with_residuals(program: Program) -> Program:
    """The program with an array for each difference from labels that is summed over its rows.

    Only where nothing else needs the array from which is subtracted, so that the difference can take its place.
    """
    for definition in program.definitions:
        for difference in _differences(definition.rhs, definition.indices, frozenset()):
            changed = _with_residual(program, difference)
            if changed is not None:
                return with_residuals(changed)
    return program


@dataclass(frozen=True, slots=True)
class _Difference:
    """`dense - sparse`: a component, whose indices are all different letters, and a δ with a label times a number."""

    dense: Component
    sparse: Expr

    @property
    def value(self) -> Expr:
        return Add(self.dense, product((S.NegativeOne, self.sparse)))


def _differences(e: Expr, scope: tuple[Expr, ...], summed: frozenset[Index]) -> Iterator[_Difference]:
    """The differences in an expression over whose rows is summed."""
    if not e.has(Delta):
        return
    difference = _difference(e)
    if difference is not None:
        _, delta = difference.sparse.as_coeff_Mul()
        rows = frozenset().union(*(free_indices(i) for i in delta.indices if isinstance(i, Component)))
        if rows and rows <= summed:
            yield difference
    elif isinstance(e, Contraction):
        body, dummies = e.open(scope)
        yield from _differences(body, (*scope, *dummies), summed | {*dummies})
    elif isinstance(e, Add | Mul):
        for argument in e.args:
            yield from _differences(argument, scope, summed)


def _difference(e: Expr) -> _Difference | None:
    """The expression as a difference of a component and a δ that selects one entry of each of its rows."""
    if not isinstance(e, Add) or len(e.args) != 2:
        return None
    first, second = e.args if isinstance(e.args[0], Component) else reversed(e.args)
    number, delta = second.as_coeff_Mul()
    if not isinstance(first, Component) or not isinstance(delta, Delta) or not number.is_number:
        return None
    indices = first.indices
    plain = all(isinstance(i, Index) for i in indices) and len(set(indices)) == len(indices)
    return _Difference(first, product((S.NegativeOne, second))) if plain and free_indices(e) == set(indices) else None


def _with_residual(program: Program, difference: _Difference) -> Program | None:
    """The program with an array for a difference; `None` where the array it is made from is needed elsewhere."""
    old = difference.dense.tensor
    taken = {t.name for d in program.definitions for t in (d.tensor, *tensors_in(d.rhs))}
    tensor = Tensor(unused("residual", taken | {t.name for t in program.inputs}), old.dimensions)
    new = Definition(tensor, difference.dense.indices, difference.value)
    definitions = [replace(d, rhs=_through(d, difference, new)) for d in program.definitions]
    made = next((place for place, d in enumerate(definitions) if d.tensor == old), None)
    if made is None or old in program.outputs or any(old in tensors_in(d.rhs) for d in definitions):
        return None
    # What the labels are made of, if anything, is defined before what is defined first with them.
    used = next(place for place, d in enumerate(definitions) if tensor in tensors_in(d.rhs))
    definitions.insert(used, new)
    return replace(program, definitions=tuple(definitions))


def _through(definition: Definition, difference: _Difference, new: Definition) -> Expr:
    """The right side of a definition with the array of a difference wherever it stands, as one or apart."""
    key, letters = canonical(difference.value)
    place = Place.of(new, letters)
    old = difference.dense

    def whole(node: Expr) -> Expr | None:
        if not isinstance(node, Add):
            return None
        own, free = canonical(node)
        return place.component(free) if own == key else None

    def apart(node: Expr) -> Expr | None:
        if not isinstance(node, Add):
            return None
        for term in node.args:
            rest = [t for t in node.args if t is not term]
            correction = _correction(term, difference) if _is_linear(term, old.tensor) else None
            opposite = None if correction is None else product((S.NegativeOne, correction))
            if opposite in rest:
                rest.remove(opposite)
                value = _instead(term, old.tensor, lambda c: Component(new.tensor, *c.indices))
                return Add(value, *(replaced(t, apart, definition.indices) for t in rest))
        return None

    return replaced(replaced(definition.rhs, whole, definition.indices), apart, definition.indices)


def _correction(term: Expr, difference: _Difference) -> Expr | None:
    """A linear term with what is subtracted from an array instead of the array; `None` where a δ is left of it."""
    letters = difference.dense.indices

    def selected(component: Component) -> Expr:
        return rename(difference.sparse, dict(zip(letters, component.indices, strict=True)))

    dense, sparse = split(_instead(term, difference.dense.tensor, selected))
    return None if sparse else dense


def _is_linear(e: Expr, tensor: Tensor) -> bool:
    """Whether an expression is linear in an array."""
    if isinstance(e, Component):
        return e.tensor == tensor and tensor not in {t for i in e.indices for t in tensors_in(i)}
    if isinstance(e, Contraction):
        return _is_linear(e.body, tensor)
    if isinstance(e, Mul):
        inside = [f for f in e.args if tensor in tensors_in(f)]
        return len(inside) == 1 and _is_linear(inside[0], tensor)
    return False


def _instead(e: Expr, tensor: Tensor, value: Callable[[Component], Expr]) -> Expr:
    """The expression with values for the components of a tensor."""
    return replaced(e, lambda node: value(node) if isinstance(node, Component) and node.tensor == tensor else None)

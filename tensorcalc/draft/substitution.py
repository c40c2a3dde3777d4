"""What an author puts in: definitions written out, derivatives found before, and equations of the author's own."""

from __future__ import annotations

from collections.abc import Callable

from sympy import Expr

from tensorcalc.binding import free_indices, rename, replace
from tensorcalc.derivation.model import Lemma
from tensorcalc.draft.families import Derivatives, masked, unmasked
from tensorcalc.expr import Component, Partial, bracketed
from tensorcalc.index import Adjoint, Index, Tensor
from tensorcalc.rules.definitions import Book, fold, pattern
from tensorcalc.rules.rule import Rule
from tensorcalc.rules.scope import Known
from tensorcalc.system import Definition, System

__all__ = ["substituted", "unfolded", "with_equation"]


def unfolded(node: Expr, definition: Definition) -> Expr | None:
    """A component of a defined tensor by its formula; also the component in ∂t/∂x, whatever is held fixed."""
    if isinstance(node, Partial):
        inner = node.expression
        if isinstance(inner, Component) and inner.tensor == definition.tensor:
            return Partial(_formula(inner, definition), node.wrt, node.direct)
        return None
    if isinstance(node, Component) and node.tensor == definition.tensor:
        return bracketed(_formula(node, definition))
    return None


def _formula(component: Component, definition: Definition) -> Expr:
    return rename(definition.rhs, dict(zip(definition.indices, component.indices, strict=True)))


def substituted(node: Expr, lemma: Lemma, system: System) -> Expr | None:
    """The value of a derivative that a lemma has found, in brackets."""
    left = lemma.lhs
    if isinstance(left, Partial) and isinstance(node, Partial):
        parts = ((left.expression, node.expression), (left.wrt, node.wrt))
        alike = all(isinstance(p, Component) and isinstance(q, Component) and p.tensor == q.tensor for p, q in parts)
        if alike and (left.direct == node.direct or _same(left, system)):
            return bracketed(Known(left, lemma.result).at(node))
    if isinstance(left, Component) and isinstance(left.tensor, Adjoint) and isinstance(node, Component):
        names = dict(zip(left.indices, node.indices, strict=True)) if left.tensor == node.tensor else {}
        return bracketed(rename(lemma.result, names)) if names else None
    return None


def _same(partial: Partial, system: System) -> bool:
    """Whether ∂t/∂x is the same with and without other definitions held fixed: t's formula has only x that moves."""
    moving = system.depends((partial.wrt.tensor,)) - {partial.wrt.tensor}
    return moving.isdisjoint(system.uses.get(partial.expression.tensor, ()))


def with_equation(line: Expr, before: Expr, after: Expr, because: Rule, free: frozenset[Index]) -> Expr | None:
    """The line with `after` wherever `before` stands, for every value of the letters that are not `free` in the line.

    Under derivatives it is looked for only where it stands nowhere else. `None` where `before` does not occur.
    """
    if before == line:
        return after
    exact = replace(line, lambda node: after if node == before else node if isinstance(node, Partial) else None)
    if exact != line:
        return exact
    letters = tuple(sorted(free_indices(before) - free, key=lambda i: i.name))
    marker = Component(Tensor("'new", tuple(i.dimension for i in letters)), *letters)
    plain, derivatives = masked(line)
    found = pattern(letters, before, marker, because)
    marked = _marked(plain, before, marker) if found is None else fold(plain, Book([found]), {})
    if not marked.has(marker.tensor):
        return _within(plain, derivatives, lambda e: with_equation(e, before, after, because, free))

    def put(node: Expr) -> Expr | None:
        if isinstance(node, Component) and node.tensor == marker.tensor:
            return rename(after, dict(zip(letters, node.indices, strict=True)))
        return None

    return unmasked(replace(marked, put), derivatives)


def _within(line: Expr, derivatives: Derivatives, change: Callable[[Expr], Expr | None]) -> Expr | None:
    """The line with what is differentiated in it changed; `None` where that changes nothing."""
    found = {
        tensor: (Partial(inner, partial.wrt, partial.direct), indices)
        for tensor, (partial, indices) in derivatives.items()
        if (inner := change(partial.expression)) is not None
    }
    return unmasked(line, {**derivatives, **found}) if found else None


def _marked(line: Expr, before: Expr, marker: Component) -> Expr:
    """A single component, at any indices where its letters are those of the marker."""

    def mark(node: Expr) -> Expr | None:
        if not (isinstance(before, Component) and isinstance(node, Component) and node.tensor == before.tensor):
            return None
        names: dict[Index, Expr] = {}
        for mine, theirs in zip(before.indices, node.indices, strict=True):
            if (names.setdefault(mine, theirs) if mine in marker.indices else mine) != theirs:
                return None
        return Component(marker.tensor, *(names[i] for i in marker.indices))

    return replace(line, mark)

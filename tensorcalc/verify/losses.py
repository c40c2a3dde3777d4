"""Scalars that an article differentiates without defining them: what they are functions of."""

from __future__ import annotations

from collections.abc import Sequence

from tensorcalc.verify.chains import Claim
from tensorcalc.verify.latex.derivatives import ANYTHING
from tensorcalc.verify.model import Model, derivatives_in
from tensorcalc.verify.names import Names, is_loss
from tensorcalc.verify.problems import NotCheckable
from tensorcalc.verify.reading import Definition
from tensorcalc.verify.terms import Derived, Entry, Place, Term, substitute

__all__ = ["find_losses"]


def find_losses(model: Model, names: Names, claims: list[Claim]) -> None:
    """Undefined scalars that are differentiated, with the upstream gradients that no row derives."""
    values = [v for c in claims if not c.row.label for v in (c.reference, c.value) if v is not None]
    model.partial_losses = names.survey.both_signs and any(
        _is_partial(n, model) for v in values for n in derivatives_in(v.term)
    )
    derived: dict[str, dict[str, None]] = {}
    reached: dict[str, dict[str, None]] = {}
    for claim in (c for c in claims if not c.row.label):  # laws say nothing of what is given
        for value, left in ((claim.reference, True), (claim.value, False)):
            if value is None:
                continue
            for node in derivatives_in(value.term):
                body = node.body
                if not isinstance(body, Entry) or body.places or body.name in model.definitions:
                    continue
                if node.name in (body.name, ANYTHING):
                    continue
                if names.survey.both_signs and node.total and (model.partial_losses or not is_loss(body.name)):
                    continue
                own = left and value.term is node and not _restates(claim, node)
                (derived if own else reached).setdefault(body.name, {})[node.name] = None
    for definition in model.definitions.values():
        for node in derivatives_in(definition.body):
            if isinstance(node.body, Entry) and not node.body.places and node.body.name not in model.definitions:
                reached.setdefault(node.body.name, {})[node.name] = None
    used = {n for d in model.definitions.values() for n in _values_in(d.body)}
    for name in {**derived, **reached}:
        if name in used:
            continue
        made = derived.get(name, {})
        given = [n for n in reached.get(name, {}) if n not in made]
        given = [n for n in given if n in model.definitions] or given
        every = given or _ends(model, [*made, *reached.get(name, {})])
        model.losses[name] = tuple(every if model.partial_losses and given else _ends(model, every))
        if not given:
            _take_as_given(model, name, claims)


def _restates(claim: Claim, derived: Derived) -> bool:
    """Whether the right side is the same derivative in another spelling, as in ∂l/∂y_ij = [(∂l/∂Y)^T]_ji."""
    other = claim.value.term if claim.value is not None else None
    names = (derived.name, derived.body.name) if isinstance(derived.body, Entry) else None
    return isinstance(other, Derived) and isinstance(other.body, Entry) and (other.name, other.body.name) == names


def _is_partial(node: Derived, model: Model) -> bool:
    """Whether an undefined scalar is differentiated with ∂."""
    body = node.body
    return not node.total and isinstance(body, Entry) and not body.places and body.name not in model.definitions


def _take_as_given(model: Model, loss: str, claims: list[Claim]) -> None:
    """∂l/∂y = y - t, where nothing defines l: what the other gradients are made of."""
    for claim in claims:
        left, right = claim.reference, claim.value
        if left is None or right is None or not isinstance(left.term, Derived) or claim.problem is not None:
            continue
        body, name = left.term.body, left.term.name
        if not isinstance(body, Entry) or body.name != loss or name not in model.losses[loss]:
            continue
        letters = tuple(p.letter or "" for p in left.term.places)
        if (loss, name) in model.gradients or "" in letters or derivatives_in(right.term):
            continue
        if len(left.axes) != len(right.axes):
            continue
        mapping = {old: Place.of(new) for old, new in zip(right.axes, left.axes, strict=True)}
        term = substitute(right.term, mapping)
        model.gradients[loss, name] = Definition(name, letters, term, claim.span)
        claim.problem = NotCheckable(f"{loss} is not defined, so its derivative by {name} is taken as given")


def _values_in(term: Term) -> set[str]:
    """The tensors that a term needs the values of: of a derivative by name only what it is taken by."""
    found: set[str] = set()
    stack: list[object] = [term]
    while stack:
        node = stack.pop()
        if isinstance(node, tuple):
            stack.extend(node)
        elif (isinstance(node, Derived) and isinstance(node.body, Entry)) or isinstance(node, Entry):
            found.add(node.name)
        elif isinstance(node, Term):
            stack.extend(getattr(node, f) for f in node.__dataclass_fields__)
    return found


def _ends(model: Model, names: Sequence[str]) -> list[str]:
    """Those of the names that no other one of them is made of."""
    names = list(dict.fromkeys(names))
    return [n for n in names if not any(n != m and n in model.ancestors([m]) for m in names)]

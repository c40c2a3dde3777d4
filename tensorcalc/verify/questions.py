"""Questions about what the definitions of an article show: which values depend on which, where roots are taken."""

from __future__ import annotations

from collections.abc import Sequence

from tensorcalc.verify.model import Model, has_root
from tensorcalc.verify.reading import Val
from tensorcalc.verify.terms import Derived, Entry, Term, tensors_of

__all__ = ["depends", "mixed_derivative", "needs_positive"]


def mixed_derivative(model: Model, derivatives: Sequence[Derived]) -> tuple[str, str] | None:
    """The variables of a second derivative by a tensor and by another one that it is made of."""
    for outer in derivatives:
        inner = outer.body
        if isinstance(inner, Derived) and inner.name != outer.name:
            first, second = inner.name, outer.name
            if second in model.ancestors([first]) or first in model.ancestors([second]):
                return first, second
    return None


def depends(model: Model, derived: Derived) -> bool:
    """Whether the definitions show that what is differentiated is made of what it is differentiated by."""
    body, losses = derived.body, model.losses
    names = losses.get(body.name, (body.name,)) if isinstance(body, Entry) else tensors_of(body)
    return derived.name in model.ancestors(names)


def needs_positive(model: Model, left: Val, right: Val) -> bool:
    """Whether roots are taken, so that an identity may need positive values."""
    terms: list[Term] = [left.term, right.term]
    for name in model.ancestors(tensors_of((left.term, right.term))):
        if name in model.definitions:
            terms.append(model.definitions[name].body)
    return any(has_root(t) for t in terms)

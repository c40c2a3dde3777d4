"""Definitions in terms of each other where the article writes them out: a = σ(W x + b) beside z = W x + b uses z.

Without that nothing would depend on z, and no derivative by z could be judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from tensorcalc.verify.chains import Claim
from tensorcalc.verify.model import Model
from tensorcalc.verify.reading import Definition
from tensorcalc.verify.terms import Added, Apply, Derived, Entry, LabelAt, Place, Reduced, Term, Times, tensors_of

__all__ = ["fold_definitions"]


def fold_definitions(model: Model, claims: Sequence[Claim]) -> None:
    """Put names that nothing uses in the place of their formulas in other definitions, also in later ones of a name."""
    used = {name for d in model.definitions.values() for name in _values_in(d.body)}
    for inner in [d for d in model.definitions.values() if d.name not in used and d.letters]:
        if not isinstance(inner.body, Added | Apply | Reduced | Times):
            continue
        for outer in list(model.definitions.values()):
            if outer is inner or outer.name in model.ancestors([inner.name]):
                continue
            body = _folded(outer.body, inner)
            if inner.name in tensors_of(body):
                model.definitions[outer.name] = replace(outer, body=body)
        for claim in claims:
            again = claim.redefines
            if again is not None and again.name not in model.ancestors([inner.name]):
                claim.redefines = replace(again, body=_folded(again.body, inner))


def _values_in(part: Any) -> set[str]:
    """The tensors whose values a term needs, without what it is differentiated by."""
    if isinstance(part, tuple):
        return {name for p in part for name in _values_in(p)}
    if isinstance(part, Derived) and isinstance(part.body, Entry):
        return set()
    own = {part.name} if isinstance(part, Entry) else set()
    return own | {n for f in fields(part) for n in _values_in(getattr(part, f.name))} if isinstance(part, Term) else own


def _folded(part: Any, inner: Definition) -> Any:
    if isinstance(part, tuple):
        return tuple(_folded(p, inner) for p in part)
    if not isinstance(part, Term):
        return part
    letters: dict[str, str] = {}
    if _matches(inner.body, part, letters) and all(x in letters for x in inner.letters):
        return Entry(inner.name, tuple(Place.of(letters[x]) for x in inner.letters))
    return type(part)(**{f.name: _folded(getattr(part, f.name), inner) for f in fields(part)})


def _matches(pattern: Any, part: Any, letters: dict[str, str]) -> bool:
    """Whether a part has the form of a pattern; `letters` gets the letter for each one of the pattern."""
    if isinstance(pattern, Times) and len(pattern.factors) == 1:
        return _matches(pattern.factors[0], part, letters)
    if isinstance(part, Times) and len(part.factors) == 1:
        return _matches(pattern, part.factors[0], letters)
    if type(pattern) is not type(part):
        return False
    if isinstance(pattern, tuple):
        return len(pattern) == len(part) and all(_matches(a, b, letters) for a, b in zip(pattern, part, strict=True))
    if isinstance(pattern, str) and ("@" in pattern or "~" in pattern):
        if letters.setdefault(pattern, part) != part:
            return False
        return len(set(letters.values())) == len(letters)
    if isinstance(pattern, Term | Place | LabelAt):
        return all(
            f.name == "implied" or _matches(getattr(pattern, f.name), getattr(part, f.name), letters)
            for f in fields(pattern)
        )
    return bool(pattern == part)

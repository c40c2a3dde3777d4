"""Laws that an article quotes beside its lines, as in `product rule: ∂(u v) = ∂u v + u ∂v`.

A law speaks of any tensors, not of those that the article has by the same names. So it is read alone, and tried with
random ones. In ∂u, the derivative by whatever u depends on, letters from the end of the alphabet are random smooth
functions of one variable; those from its beginning are constants, as people write them.
"""

from __future__ import annotations

from dataclasses import replace

from tensorcalc.verify.article import Article, read_article
from tensorcalc.verify.chains import Claim
from tensorcalc.verify.latex.derivatives import ANYTHING
from tensorcalc.verify.model import Model
from tensorcalc.verify.profile import Profile
from tensorcalc.verify.reading import Definition
from tensorcalc.verify.terms import Apply, Derived, Entry, LabelAt, Place, Term, Times

__all__ = ["read_law"]

CONSTANTS = frozenset("abcdekmn")
SIZE = "N"  # in laws, how many values an index has
INDICES = "ijklmn"


def read_law(claim: Claim) -> tuple[Article, Claim] | None:
    """The row of a law as an article of its own, and the claim in it; `None` where it goes on from another row."""
    if claim.row.continues:
        return None
    article, found = _alone(claim, Profile())
    entries = _entries(found)
    if entries.get(SIZE) == 0:
        article, found = _alone(claim, Profile(dimensions=dict.fromkeys(INDICES, SIZE)))
    if found is None:
        return None
    if ANYTHING in entries:
        for name, order in entries.items():
            if name != ANYTHING and name not in article.model.definitions:
                _define(article.model, name, order, claim)
    return article, found


def _alone(claim: Claim, profile: Profile) -> tuple[Article, Claim | None]:
    """The row as an article, and the claim as it is read there."""
    article = read_article([replace(claim.row, label="")], [], profile, laws=True)
    return article, next((c for c in article.claims if c.right.span == claim.right.span), None)


def _define(model: Model, name: str, order: int, claim: Claim) -> None:
    """Make a tensor a constant, or a positive smooth function of the variable that the law does not name."""
    letters = tuple(f"{ANYTHING}{k}" for k in range(order))
    own = Entry(f"{name}/{ANYTHING}", tuple(map(Place.of, letters)))
    varied = Apply("exp", (Apply(f"?{name}/{ANYTHING}", (Times((own, Entry(ANYTHING))),)),))
    model.define(Definition(name, letters, own if name[:1] in CONSTANTS else varied, claim.span))
    for axis, letter in enumerate(letters):
        model.dimensions.join(("axis", name, str(axis)), ("axis", own.name, str(axis)))
        model.dimensions.join(("axis", name, str(axis)), letter)


def _entries(claim: Claim | None) -> dict[str, int]:
    """The tensors in a claim, with the numbers of their indices."""
    found: dict[str, int] = {}
    sides = (claim.reference, claim.value) if claim is not None else ()
    stack: list[object] = [side.term for side in sides if side is not None]
    while stack:
        node = stack.pop()
        if isinstance(node, tuple):
            stack.extend(node)
        elif isinstance(node, Term | Place | LabelAt):
            if isinstance(node, Entry):
                found[node.name] = len(node.places)
            elif isinstance(node, Derived):
                found.setdefault(node.name, len(node.places))
            stack.extend(getattr(node, name) for name in node.__dataclass_fields__)
    return found

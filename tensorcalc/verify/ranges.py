"""What the letters of claims run over, and what else they may be meant to run over where nothing shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product

from tensorcalc.verify.chains import Claim
from tensorcalc.verify.model import Dimensions, Key, Model, plain_letter
from tensorcalc.verify.terms import Place, Reduced, Term, place_letters

__all__ = ["Ranges", "letters_in"]

MOST = 30  # ways to choose dimensions for the letters of one claim


class Ranges:
    """The dimensions of an article once all claims are known.

    `shared` are those that most claims have together; `separate` those of claims that make one of two dimensions which
    the definitions keep apart.
    """

    def __init__(self, model: Model, claims: Sequence[Claim]) -> None:
        self.model = model
        self.shared = model.dimensions.copy()
        self.separate: dict[int, Dimensions] = {}
        self._open: dict[int, tuple[Dimensions, tuple[str, ...]]] = {}
        roots = model.dimensions.roots()
        starts: dict[int, Dimensions] = {}
        for claim in claims:
            if claim.reference is None or claim.value is None:
                continue
            start = starts.setdefault(claim.chain, self.shared)
            local = self.shared.copy()
            _learn(local, claim)
            own = {*letters_in(claim.reference.term), *letters_in(claim.value.term)}
            guessed = tuple(sorted({plain_letter(x) for x in (local.guessed - start.guessed) & own}))
            if guessed:
                self._open[id(claim)] = start, guessed
            if len({local.find(r) for r in roots}) < len(roots):
                self.separate[id(claim)] = local
            else:
                self.shared = local

    def others(self, claim: Claim) -> Iterator[Dimensions]:
        """The dimensions with other choices for the letters of a claim of which nothing shows what they run over."""
        if id(claim) not in self._open:
            return
        start, letters = self._open[id(claim)]
        for chosen in islice(product(start.placed(), repeat=len(letters)), MOST):
            local = start.copy()
            _learn(local, claim, dict(zip(letters, chosen, strict=True)))
            yield local


def _learn(dimensions: Dimensions, claim: Claim, chosen: Mapping[str, Key] | None = None) -> None:
    assert claim.reference is not None
    assert claim.value is not None
    dimensions.learn(claim.reference.term)
    dimensions.learn(claim.value.term)
    if len(claim.reference.axes) == len(claim.value.axes):
        for first, second in zip(claim.reference.axes, claim.value.axes, strict=True):
            dimensions.join(first, second)
    dimensions.settle(chosen)


def letters_in(term: Term) -> list[str]:
    """All letters of a term, those that sums bind included."""
    found: dict[str, None] = {}
    stack: list[object] = [term]
    while stack:
        node = stack.pop()
        if isinstance(node, tuple):
            stack.extend(node)
        elif isinstance(node, Place):
            found.update(dict.fromkeys(place_letters(node)))
        elif isinstance(node, Term):
            found.update(dict.fromkeys(node.letters if isinstance(node, Reduced) else ()))
            stack.extend(getattr(node, name) for name in node.__dataclass_fields__)
    return list(found)

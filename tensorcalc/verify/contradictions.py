"""Equations that contradict the shapes which the article states: W X where X has other rows than W has columns.

Dimensions with different symbols are different, unless the article says otherwise. A definition that needs two of them
to be the same is ill-formed, and defines nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from tensorcalc.verify.chains import Claim
from tensorcalc.verify.model import Dimensions, Key, Model
from tensorcalc.verify.names import Names
from tensorcalc.verify.problems import IllFormed, NotCheckable

__all__ = ["find_contradictions"]


def find_contradictions(claims: Sequence[Claim], model: Model, names: Names) -> None:
    """Mark the claims that need stated dimensions to be equal which have different symbols."""
    if not names.shapes:
        return
    dimensions = Dimensions()
    symbols: list[Key] = []
    for name, shape in names.shapes.items():
        for axis, symbol in enumerate(shape):
            if symbol:
                dimensions.join(("extent", symbol), ("axis", name, str(axis)))
                symbols.append(("extent", symbol))
    symbols = list(dict.fromkeys(symbols))
    for claim in claims:
        if claim.reference is None or claim.value is None or claim.problem is not None:
            continue
        local = dimensions.copy()
        local.learn(claim.reference.term, ordered=False)
        local.learn(claim.value.term, ordered=False)
        if len(claim.reference.axes) == len(claim.value.axes):
            for first, second in zip(claim.reference.axes, claim.value.axes, strict=True):
                local.join(first, second)
        joined = _joined(local, symbols)
        if joined is None:
            dimensions = local
            continue
        if claim.doubt:
            claim.problem = NotCheckable(claim.doubt)
            continue
        first_name, second_name = joined
        claim.problem = IllFormed(
            f"dimensions {first_name} and {second_name}, which the article tells apart, are one here"
        )
        if claim.defines in model.definitions:
            model.definitions.pop(claim.defines)
            claim.defines = ""


def _joined(dimensions: Dimensions, symbols: Sequence[Key]) -> tuple[str, str] | None:
    """Two symbols whose dimensions have become one."""
    seen: dict[Key, Key] = {}
    for symbol in symbols:
        root = dimensions.find(symbol)
        if root in seen:
            return seen[root][1], symbol[1]
        seen[root] = symbol
    return None

"""The steps between two lines of an article, ready to be shown: as text, as LaTeX, and as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tensorcalc.verify.checker import Finding

__all__ = ["Explained", "Explanations", "steps_of"]


@dataclass(frozen=True, slots=True)
class Explained:
    """The steps of one row in every form."""

    text: str
    latex: str
    data: Mapping[str, Any]


Explanations = Mapping[tuple[str, int], Explained]
"""By the name of the article and the place of the equals sign."""


def steps_of(finding: Finding, explanations: Explanations) -> Explained | None:
    """The steps of a row, where they are known."""
    return explanations.get((finding.source.name, finding.span.start))

"""What a check found: one item for each line and for each witness of a result."""

from __future__ import annotations

from dataclasses import dataclass, field

from sympy import Expr

__all__ = ["Item", "Report"]


@dataclass(frozen=True, slots=True)
class Item:
    """One comparison. `error` is the largest difference, relative to the largest entry (at least 1); `inf` where a
    value is not finite. `lemma` and `step` are positions in the derivation, -1 for a witness of a result.
    """

    name: str
    rule: str
    witness: str
    error: float
    passed: bool
    lemma: int = -1
    step: int = -1
    expression: Expr | None = None

    def to_dict(self) -> dict[str, object]:
        """The item for JSON; an infinite error is `null`."""
        return {
            "name": self.name,
            "rule": self.rule,
            "witness": self.witness,
            "error": self.error if self.error < float("inf") else None,
            "passed": self.passed,
            "lemma": self.lemma,
            "step": self.step,
        }


@dataclass(slots=True)
class Report:
    """All comparisons of a derivation, and remarks on what could not be compared."""

    items: list[Item] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether there was something to compare and every comparison agreed."""
        return bool(self.items) and all(item.passed for item in self.items)

    @property
    def worst(self) -> float:
        """The largest error of all comparisons."""
        return max((item.error for item in self.items), default=0.0)

    @property
    def failures(self) -> list[Item]:
        """The comparisons that do not agree, in order."""
        return [item for item in self.items if not item.passed]

    @property
    def witnesses(self) -> tuple[str, ...]:
        """The names of the independent computations that were used."""
        return tuple(dict.fromkeys(item.witness for item in self.items))

    def to_dict(self) -> dict[str, object]:
        """The report for JSON."""
        return {
            "passed": self.passed,
            "worst": self.worst if self.worst < float("inf") else None,
            "witnesses": list(self.witnesses),
            "items": [item.to_dict() for item in self.items],
            "notes": list(self.notes),
        }

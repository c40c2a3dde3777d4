"""Why a side of an equation has no value: it cannot be judged, or it is not well formed."""

from __future__ import annotations

from tensorcalc.errors import Span

__all__ = ["IllFormed", "NotCheckable", "Problem"]


class Problem(Exception):
    """A side without a value: the reason, the place, and what would be right."""

    def __init__(self, reason: str, span: Span | None = None, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.span = span
        self.hint = hint


class NotCheckable(Problem):
    """The formula cannot be judged: something in it has no meaning here."""


class IllFormed(Problem):
    """The formula breaks the rules of its notation: indices or shapes do not fit."""

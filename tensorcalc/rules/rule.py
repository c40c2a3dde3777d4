"""What a rule is: a name, a law, and a function on expressions."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A law of index notation: its `name` as an author writes it beside a line, and the `law` itself in LaTeX."""

    name: str
    law: str = ""

    def __str__(self) -> str:
        return self.name

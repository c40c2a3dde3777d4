"""What a benchmark found: times with their spread, memory, errors, and the bound of the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any

__all__ = ["TOLERANCES", "Benchmark", "Timing"]

TOLERANCES = {"float32": 1e-3, "float64": 1e-9}  # relative to the largest entry of a result


@dataclass(frozen=True, slots=True)
class Timing:
    """The seconds of one variant: median and quartiles over the rounds, and how far its results are from the first's.

    `memory` is the most that a call took beyond what was there before it, in bytes; `None` where the system does not
    tell. `error` is relative to the largest entry. `reason` says why a variant was left out; its times are NaN then.
    """

    name: str
    median: float = float("nan")
    lower: float = float("nan")
    upper: float = float("nan")
    memory: int | None = None
    error: float = float("nan")
    reason: str = ""

    def to_dict(self) -> dict[str, object]:
        """The row as plain data, seconds as numbers; `None` for what was not measured."""
        values = {"median": self.median, "lower": self.lower, "upper": self.upper, "error": self.error}
        measured = {k: None if isnan(v) else v for k, v in values.items()}
        return {"name": self.name, **measured, "memory": self.memory, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What was measured: the rows, the sizes, and the least time that the machine allows.

    `bytes` are those of the arguments and results, `operations` those of the plan (`None` where there is none).
    `bound` is the time in seconds in which a copy moves that many bytes, or a product of matrices takes that many
    operations, whichever is longer: code that reads and writes everything once can be no faster.
    """

    title: str
    dtype: str
    sizes: Mapping[str, int]
    bytes: int
    operations: int | None
    bound: float
    rows: tuple[Timing, ...]

    @property
    def passed(self) -> bool:
        """Whether all variants that ran agree."""
        return not any(row.error > TOLERANCES[self.dtype] for row in self.rows)

    def to_dict(self) -> dict[str, object]:
        """The whole as plain data, times in seconds."""
        head = {"title": self.title, "dtype": self.dtype, "sizes": dict(self.sizes), "bytes": self.bytes}
        rows = [row.to_dict() for row in self.rows]
        return {**head, "operations": self.operations, "bound": self.bound, "rows": rows}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Benchmark:
        """A benchmark from what `to_dict` made of it."""
        values: dict[str, Any] = dict(data)
        rows: list[dict[str, Any]] = [dict(row) for row in values.pop("rows")]
        for row in rows:
            missing = [key for key in ("median", "lower", "upper", "error") if row[key] is None]
            row.update(dict.fromkeys(missing, float("nan")))
        return cls(**values, rows=tuple(Timing(**row) for row in rows))

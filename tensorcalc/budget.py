"""How much one call may take, so that hostile or hopeless input ends in an error that says what is too large.

The bounds count what is there: operations of a line, entries of an array. So the same input is refused on every
machine, and nothing that a person would read comes near them. A bound on seconds can be set beside them; it is looked
at wherever work is done over and over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypeVar

from tensorcalc.errors import TensorCalcError

__all__ = ["Limits", "bounded", "check_array", "check_entries", "check_length", "check_line", "check_time", "limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one call.

    `line`: operations in one line of a derivation; `lines`: in all lines together. `entries`: numbers in one array of a
    check. `seconds`: of one call that reads, derives, checks, compiles or prints; `None` for no bound.
    """

    line: int = 20_000
    lines: int = 400_000
    entries: int = 1 << 22
    seconds: float | None = None


@dataclass(slots=True)
class _Call:
    """What a call has used so far, and when it has to end."""

    deadline: float | None = None
    operations: int = 0


NAME_PARTS = "give inner parts names of their own, in definitions"
MOST_EVALUATIONS = 1 << 13  # for the derivatives by the entries of one array
MOST_AXES = 32  # of NumPy 1

_DEFAULT = Limits()
_LIMITS: ContextVar[Limits] = ContextVar("limits")
_CALL: ContextVar[_Call] = ContextVar("call")


@contextmanager
def limits(
    *, line: int | None = None, lines: int | None = None, entries: int | None = None, seconds: float | None = None
) -> Iterator[Limits]:
    """Other bounds for the calls inside a `with` block; those that are not given stay as they are around it.

    `line` bounds the operations in one line of a derivation, `lines` those in all its lines, `entries` the numbers in
    one array of a check, `seconds` the time of a call. A call that would go beyond one raises `TensorCalcError`
    E_TOO_LONG.
    """
    old = _LIMITS.get(_DEFAULT)
    chosen = Limits(
        old.line if line is None else line,
        old.lines if lines is None else lines,
        old.entries if entries is None else entries,
        old.seconds if seconds is None else seconds,
    )
    token = _LIMITS.set(chosen)
    try:
        yield chosen
    finally:
        _LIMITS.reset(token)


P = ParamSpec("P")
R = TypeVar("R")


def bounded(function: Callable[P, R]) -> Callable[P, R]:
    """A function whose calls from outside have a budget of their own."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if _CALL.get(None) is not None:
            return function(*args, **kwargs)
        seconds = _LIMITS.get(_DEFAULT).seconds
        token = _CALL.set(_Call(None if seconds is None else time.monotonic() + seconds))
        try:
            return function(*args, **kwargs)
        except RecursionError:
            raise TensorCalcError("E_TOO_DEEP", "a formula is nested too deeply", hint=NAME_PARTS) from None
        finally:
            _CALL.reset(token)

    return call


def check_length(operations: int) -> None:
    """Raise E_TOO_LONG where a line of so many operations is too long."""
    allowed = _LIMITS.get(_DEFAULT).line
    if operations > allowed:
        raise _too_long(f"a line of the derivation has {operations:,} operations; the limit is {allowed:,}", "line")


def check_line(operations: int) -> None:
    """Count one more line of so many operations. Raises E_TOO_LONG where it, or all lines so far, are too long."""
    check_time()
    check_length(operations)
    call = _CALL.get(None)
    if call is not None:
        call.operations += operations
        allowed = _LIMITS.get(_DEFAULT).lines
        if call.operations > allowed:
            raise _too_long(f"the lines of the derivation have more than {allowed:,} operations together", "lines")


def check_array(entries: int, axes: int, what: str) -> None:
    """Raise E_TOO_LONG where an array is too large to be computed by the reference evaluator."""
    allowed = _LIMITS.get(_DEFAULT).entries
    if entries <= allowed and axes <= MOST_AXES:
        return
    size = f"{entries:,} numbers; the limit is {allowed:,}" if entries > allowed else f"{axes} axes"
    raise TensorCalcError(
        "E_TOO_LONG",
        f"{what} needs an array of {size}",
        hint="name parts of a sum over many indices, or check at smaller values; tc.limits(entries=…) allows more",
    )


def check_entries(entries: int, what: str) -> None:
    """Raise E_TOO_LONG where a derivative by every entry of an array would take too many evaluations."""
    if entries > MOST_EVALUATIONS:
        message = f"a derivative by each of the {entries:,} entries of {what} takes too long; the limit is "
        raise TensorCalcError("E_TOO_LONG", f"{message}{MOST_EVALUATIONS:,}", hint="check at smaller values")


def check_time() -> None:
    """Raise E_TOO_LONG where the call has taken too long."""
    call = _CALL.get(None)
    if call is not None and call.deadline is not None and time.monotonic() > call.deadline:
        raise _too_long(f"this takes more than {_LIMITS.get(_DEFAULT).seconds:g} seconds", "seconds")


def _too_long(message: str, limit: str) -> TensorCalcError:
    return TensorCalcError("E_TOO_LONG", message, hint=f"{NAME_PARTS}; tc.limits({limit}=…) allows more")

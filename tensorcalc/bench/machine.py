"""What the machine can do, measured now: how fast memory is copied and matrices are multiplied; memory of a call."""

from __future__ import annotations

import ctypes
import gc
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

__all__ = ["bound", "keep_heap", "peak_memory"]

COPIED = 1 << 26  # bytes of the array whose copy tells the memory's speed
ORDER = 1024  # of the matrices whose product tells the processor's speed
TRIES = 5
STATUS = Path("/proc/self/status")
REFERENCES = Path("/proc/self/clear_refs")


def bound(moved: int, operations: int | None, dtype: str) -> float:
    """The seconds that moving bytes or computing takes at least, whichever is longer."""
    seconds = moved / _bandwidth()
    return seconds if operations is None else max(seconds, operations / _rate(dtype))


def _fastest(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(TRIES):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


@cache
def _bandwidth() -> float:
    """The bytes that a copy reads and writes in a second."""
    source = np.ones(COPIED, np.uint8)
    target = np.ones_like(source)
    return 2 * COPIED / _fastest(lambda: np.copyto(target, source))


@cache
def _rate(dtype: str) -> float:
    """The operations of a product of matrices in a second."""
    a, b, out = (np.ones((ORDER, ORDER), dtype) for _ in range(3))
    return float(2 * ORDER**3 / _fastest(lambda: np.matmul(a, b, out=out)))


def _libc() -> ctypes.CDLL | None:
    """The C library, where it is one with GNU's allocator."""
    try:
        libc = ctypes.CDLL(None)
        return libc if hasattr(libc, "malloc_trim") and hasattr(libc, "mallopt") else None
    except (OSError, TypeError):
        return None


def keep_heap() -> bool:
    """Take large arrays from a heap that keeps their pages; whether the system can."""
    libc = _libc()
    if libc is None:
        return False
    threshold, trim = -3, -1  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD
    return bool(libc.mallopt(threshold, 1 << 30) and libc.mallopt(trim, 2**31 - 1))


def peak_memory(call: Callable[[], object]) -> int | None:
    """The most bytes that a call needed beyond those in use before it; `None` where the system does not tell."""
    gc.collect()
    libc = _libc()
    if libc is None or not REFERENCES.exists():
        return None
    libc.malloc_trim(0)
    try:
        REFERENCES.write_text("5", encoding="ascii")  # the high-water mark starts again
    except OSError:
        return None
    before = _status("VmRSS")
    results = call()
    peak = _status("VmHWM")
    del results
    return max(peak - before, 0)


def _status(field: str) -> int:
    """A field of the process's status, in bytes."""
    lines = STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))

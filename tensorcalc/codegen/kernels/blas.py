"""The matrix product that compiled programs call: NumPy's own BLAS where its library shows it, else `numpy.matmul`."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["alone", "use_blas"]

NAMES = (
    ("scipy_cblas_{}gemm64_", True),
    ("cblas_{}gemm64_", True),
    ("scipy_cblas_{}gemm", False),
    ("cblas_{}gemm", False),
)
TYPES = {"f": ("s", ctypes.c_float), "d": ("d", ctypes.c_double)}


class _Products(ctypes.Structure):
    """`struct products` of the generated code."""

    _fields_ = (
        ("wide", ctypes.c_void_p),
        ("narrow", ctypes.c_void_p),
        ("other", ctypes.c_void_p),
        ("apart", ctypes.c_int),
    )


def use_blas(library: ctypes.CDLL, name: str, char: str) -> None:
    """Let the compiled program of this name use BLAS for its products."""
    products = _Products.in_dll(library, f"{name}_products")
    found = _blas(char)
    if found is None:
        products.other = ctypes.cast(_matmul(char), ctypes.c_void_p).value
    elif found[1]:
        products.wide = found[0]
    else:
        products.narrow = found[0]
    products.apart = int(found is not None and _control() is not None)


@lru_cache
def _control() -> Any:
    """OpenBLAS's function that sets the number of its threads and returns what it was."""
    for path in _libraries():
        function = getattr(ctypes.CDLL(str(path)), "openblas_set_num_threads_local", None)
        if function is not None:
            function.restype = ctypes.c_int
            return function
    return None


_lock = threading.Lock()
_alone: list[int] = []  # for each call that runs products in threads of its own, what the number was before the first


@contextmanager
def alone() -> Iterator[None]:
    """While this lasts, every product is computed by the thread that asks for it."""
    control = _control()
    if control is None:
        yield
        return
    with _lock:
        _alone.append(_alone[0] if _alone else control(1))
    try:
        yield
    finally:
        with _lock:
            before = _alone.pop()
            if not _alone:
                control(before)


def _libraries() -> list[Path]:
    """The libraries that a NumPy from PyPI brings."""
    package = Path(np.__file__).parent
    folders = (package.parent / "numpy.libs", package / ".dylibs")
    return sorted(path for folder in folders if folder.is_dir() for path in folder.iterdir() if "blas" in path.name)


@lru_cache
def _blas(char: str) -> tuple[int, bool] | None:
    """The address of the product in BLAS, and whether its sizes have 64 bits."""
    for path in _libraries():
        try:
            library = ctypes.CDLL(str(path))
        except OSError:
            continue
        for name, wide in NAMES:
            function = getattr(library, name.format(TYPES[char][0]), None)
            address = ctypes.cast(function, ctypes.c_void_p).value if function is not None else None
            if address is not None:
                return address, wide
    return None


@lru_cache
def _matmul(char: str) -> Any:
    """The product by NumPy, as a function that C can call."""
    real = TYPES[char][1]
    size = ctypes.c_ssize_t
    itemsize = ctypes.sizeof(real)
    kind: Callable[..., Any] = ctypes.CFUNCTYPE(
        None,
        size,
        size,
        size,
        real,
        ctypes.c_void_p,
        size,
        size,
        ctypes.c_void_p,
        size,
        size,
        real,
        ctypes.c_void_p,
        size,
    )

    def matrix(address: int, rows: int, columns: int, row: int, column: int) -> Any:
        extent = (rows - 1) * row + (columns - 1) * column + 1
        flat = np.ctypeslib.as_array((real * extent).from_address(address))
        return np.lib.stride_tricks.as_strided(flat, (rows, columns), (row * itemsize, column * itemsize))

    def multiply(*call: Any) -> None:
        m, n, k, scale, a, ar, ac, b, br, bc, keep, o, r = call
        left, right, out = matrix(a, m, k, ar, ac), matrix(b, k, n, br, bc), matrix(o, m, n, r, 1)
        result = np.matmul(left, right)
        result *= real(scale).value
        if keep:
            result += out * real(keep).value
        out[...] = result

    return kind(multiply)

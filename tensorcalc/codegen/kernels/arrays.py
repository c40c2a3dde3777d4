"""Arrays of callers as memory: of NumPy, of torch on the CPU, and whatever has the buffer or DLPack protocol."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorcalc.codegen.library import NumPy, wrong_shape
from tensorcalc.errors import TensorCalcError
from tensorcalc.index import Tensor

__all__ = ["NUMBER", "Arrays", "Memory", "address_of", "computed", "is_torch", "memory_of"]

Memory = tuple[tuple[tuple[int, ...], str], int]
"""Shape and type character of an array without gaps, and its address."""

NUMBER: Memory = ((), "number"), 0
"""What stands for a plain number."""

_from_buffer = ctypes.c_char.from_buffer
_address = ctypes.addressof
_chars: dict[Any, str] = {}


def is_torch(value: Any) -> bool:
    """Whether a value is a torch tensor, without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def memory_of(value: Any, writes: bool = False) -> Memory | None:
    """Where the entries of an array lie; `None` where it has gaps, is no plain array, or may not be written."""
    kind = type(value)
    if kind is np.ndarray:
        if not value.dtype.isnative:
            return None
        if value.flags.carray:
            try:
                return (value.shape, value.dtype.char), _address(_from_buffer(value))
            except ValueError:  # nothing in it
                return (value.shape, value.dtype.char), value.ctypes.data
        flags = value.flags
        if writes or not flags.c_contiguous or not flags.aligned:
            return None
        return (value.shape, value.dtype.char), value.ctypes.data
    if kind is float or kind is int or kind is np.float64:
        return NUMBER
    if not is_torch(value) or not value.is_cpu or value.requires_grad or not value.is_contiguous():
        return None
    if not _chars:
        torch = sys.modules["torch"]
        _chars.update({torch.float32: "f", torch.float64: "d", torch.int64: np.dtype(np.int64).char})
    char = _chars.get(value.dtype)
    return None if char is None else ((value.shape, char), value.data_ptr())


def address_of(array: Any) -> int:
    """The address of the first entry of a NumPy array."""
    return int(array.ctypes.data)


def computed(arrays: Sequence[Any], inputs: Sequence[Tensor]) -> np.dtype[Any]:
    """The type in which arrays are computed with: float32 for narrow numbers, else float64."""
    numbers = [a.dtype for a, t in zip(arrays, inputs, strict=True) if not t.is_label]
    dtype = np.result_type(*numbers) if numbers else np.dtype(float)
    return np.dtype(np.float32 if dtype.kind == "f" and dtype.itemsize <= 4 else np.float64)


class Arrays(NumPy):
    """Arguments for C, as NumPy arrays that share the memory of what was given wherever they can."""

    def narrowing(self, inputs: Sequence[Tensor], values: Sequence[Any]) -> None:
        return None

    def _array(self, tensor: Tensor, value: Any) -> Any:
        return super()._array(tensor, self.plain(tensor.name, value))

    def plain(self, name: str, value: Any) -> Any:
        """The value as something that NumPy takes."""
        if is_torch(value):
            if not value.is_cpu:
                raise TensorCalcError(
                    "E_TYPE", f"{name} is on {value.device}, and the target c computes on the CPU", hint="use .cpu()"
                )
            value = value.detach().resolve_neg()
            torch = sys.modules["torch"]
            return (value.float() if value.dtype == torch.bfloat16 else value).numpy()
        if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
            try:
                return np.from_dlpack(value)
            except (RuntimeError, BufferError, TypeError) as problem:
                raise TensorCalcError("E_TYPE", f"{name} cannot be read on the CPU: {problem}") from None
        return value

    def check_out(self, tensor: Tensor, array: Any, shape: tuple[int, ...]) -> None:
        if not is_torch(array):
            super().check_out(tensor, array, shape)
            return
        if not array.is_cpu or not array.is_floating_point() or array.requires_grad:
            raise TensorCalcError(
                "E_TYPE", f"out for {tensor.name} must be a floating-point tensor on the CPU that needs no gradient"
            )
        if tuple(array.shape) != shape:
            raise wrong_shape(tensor, tuple(array.shape), shape)

"""What the caller of a compiled function hands over, per array library: conversion, dtype, labels, `out`.

Each library is imported when a function is first compiled for it, and not before.
"""

from __future__ import annotations

import importlib
import operator
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np

from tensorcalc.errors import TensorCalcError
from tensorcalc.index import Tensor

__all__ = ["Library", "NumPy", "library", "wrong_shape"]

MOST_PLAIN = 1 << 62  # plain integers beyond have no dtype of their own


class Library(Protocol):
    """What the runtime asks of an array library."""

    def arrays(self, inputs: Sequence[Tensor], values: Sequence[Any]) -> list[Any]:
        """The arguments as arrays: numbers of one floating dtype, labels as integers. Raises E_TYPE."""

    def narrowing(self, inputs: Sequence[Tensor], values: Sequence[Any]) -> Callable[[Any], Any] | None:
        """What makes a result one of the arguments' dtype, where `arrays` computes in a wider one."""

    def kinds(self, values: Sequence[Any]) -> tuple[Any, ...] | None:
        """What decides how arguments are converted and which sizes they show; `None` where that is not all."""

    def converter(self, array: Any) -> Callable[[Any], Any]:
        """What makes an array like this one of an argument of the same kind as that from which it was made."""

    def size(self, name: str, value: Any) -> int:
        """A size given by the caller."""

    def outside(self, labels: Any, size: int) -> tuple[tuple[int, ...], int] | None:
        """Place and value of the first label that is not in 0 … size − 1."""

    def check_out(self, tensor: Tensor, array: Any, shape: tuple[int, ...]) -> None:
        """Whether a result can be written into an array. Raises E_SHAPE, E_TYPE."""

    def may_write(self, outs: Sequence[Any], arrays: Sequence[Any]) -> bool:
        """Whether the arrays to write into share no memory with the arguments or each other."""

    def copy_into(self, out: Any, value: Any) -> None:
        """Copy a result."""


def _size(name: str, value: Any) -> int:
    try:
        size = operator.index(value)
    except TypeError:
        raise TensorCalcError("E_TYPE", f"size {name} = {value!r} is no integer") from None
    if size < 0:
        raise TensorCalcError("E_SHAPE", f"size {name} = {size} is negative")
    return size


def _label_error(tensor: Tensor, dtype: object, conversion: str) -> TensorCalcError:
    return TensorCalcError(
        "E_TYPE",
        f"labels {tensor.name} must be integers, not {dtype}",
        hint=f"convert them, for instance by {conversion}",
    )


def _check_devices(inputs: Sequence[Tensor], arrays: Sequence[Any]) -> None:
    """Raise E_TYPE where torch tensors lie on several devices; one number on the CPU may join any."""
    placed = {a.device: t.name for t, a in zip(inputs, arrays, strict=True) if a.dim()}
    if len(placed) > 1:
        (one, first), (other, second), *_ = placed.items()
        message = f"{first} is on {one} and {second} on {other}"
        raise TensorCalcError("E_TYPE", message, hint=f"move it, for instance by {second}.to('{one}')")


def wrong_shape(tensor: Tensor, found: tuple[int, ...], expected: tuple[int, ...]) -> TensorCalcError:
    return TensorCalcError("E_SHAPE", f"out for {tensor.name} has shape {found}, {expected} expected")


class NumPy:
    """Arguments for NumPy: anything `numpy.asarray` takes. Plain Python numbers do not decide the dtype.

    NumPy adds float16 rows to each other in float16, where a sum of many stops growing. So float16 is computed in
    float32, and results are rounded once.
    """

    def arrays(self, inputs: Sequence[Tensor], values: Sequence[Any]) -> list[Any]:
        found = [self._array(t, v) for t, v in zip(inputs, values, strict=True)]
        dtype = np.promote_types(self._dtype(inputs, values, found), np.float32)
        return [a if t.is_label else a.astype(dtype, copy=False) for t, a in zip(inputs, found, strict=True)]

    def narrowing(self, inputs: Sequence[Tensor], values: Sequence[Any]) -> Callable[[Any], Any] | None:
        if self._dtype(inputs, values, [np.asarray(v) for v in values]) != np.float16:
            return None
        return lambda result: result.astype(np.float16)

    @staticmethod
    def _dtype(inputs: Sequence[Tensor], values: Sequence[Any], arrays: Sequence[Any]) -> np.dtype[Any]:
        """The dtype of the results."""
        given = zip(inputs, values, arrays, strict=True)
        deciding = [a.dtype for t, v, a in given if not t.is_label and not isinstance(v, int | float)]
        dtype = np.result_type(*deciding) if deciding else np.dtype(float)
        return dtype if dtype.kind == "f" else np.dtype(float)

    def _array(self, tensor: Tensor, value: Any) -> Any:
        try:
            array = np.asarray(value)
        except Exception as problem:
            raise TensorCalcError("E_TYPE", f"{tensor.name} cannot be made an array: {problem}") from None
        if tensor.is_label:
            if array.dtype.kind not in "iu":
                raise _label_error(tensor, array.dtype, f"{tensor.name}.astype(int)")
            return array
        if array.dtype.kind not in "fiub":
            raise TensorCalcError("E_TYPE", f"{tensor.name} must be real numbers, not {array.dtype}")
        return array

    def kinds(self, values: Sequence[Any]) -> tuple[Any, ...] | None:
        found: list[Any] = []
        for value in values:
            kind = type(value)
            if kind is np.ndarray:
                found.append((value.shape, value.dtype))
            elif kind is float or (kind is int and abs(value) < MOST_PLAIN):
                found.append(kind)
            else:
                return None
        return tuple(found)

    def converter(self, array: Any) -> Callable[[Any], Any]:
        return partial(np.asarray, dtype=array.dtype)

    def size(self, name: str, value: Any) -> int:
        return _size(name, value)

    def outside(self, labels: Any, size: int) -> tuple[tuple[int, ...], int] | None:
        if labels.dtype == np.int64 and size >= 0:  # as unsigned numbers, negative ones are the largest
            if labels.size == 0 or labels.view(np.uint64).max() < size:
                return None
        elif labels.size == 0 or (labels.min() >= 0 and labels.max() < size):
            return None
        place = tuple(int(p) for p in np.argwhere((labels < 0) | (labels >= size))[0])
        return place, int(labels[place])

    def check_out(self, tensor: Tensor, array: Any, shape: tuple[int, ...]) -> None:
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f" or not array.flags.writeable:
            raise TensorCalcError("E_TYPE", f"out for {tensor.name} must be a writeable floating-point numpy array")
        if array.shape != shape:
            raise wrong_shape(tensor, array.shape, shape)

    def may_write(self, outs: Sequence[Any], arrays: Sequence[Any]) -> bool:
        dtypes = {a.dtype for a in arrays if a.dtype.kind == "f"} | {o.dtype for o in outs}
        pairs = [(o, other) for place, o in enumerate(outs) for other in (*arrays, *outs[:place])]
        return len(dtypes) == 1 and not any(np.may_share_memory(a, b) for a, b in pairs)

    def copy_into(self, out: Any, value: Any) -> None:
        np.copyto(out, value, casting="same_kind")


class Torch:
    """Arguments for PyTorch: tensors, or what `torch.as_tensor` takes; device and dtype follow the tensors."""

    def __init__(self) -> None:
        self.torch = _imported("torch", "torch")

    def arrays(self, inputs: Sequence[Tensor], values: Sequence[Any]) -> list[Any]:
        torch = self.torch
        tensors = [v for v in values if isinstance(v, torch.Tensor)]
        device = next((v.device for v in tensors if v.dim()), tensors[0].device if tensors else None)
        found = [self._tensor(t, v, device) for t, v in zip(inputs, values, strict=True)]
        _check_devices(inputs, found)
        dtype = None
        for tensor, value, array in zip(inputs, values, found, strict=True):
            if not tensor.is_label and not isinstance(value, int | float) and array.is_floating_point():
                dtype = array.dtype if dtype is None else torch.promote_types(dtype, array.dtype)
        dtype = dtype or torch.get_default_dtype()
        return [a if t.is_label else a.to(dtype) for t, a in zip(inputs, found, strict=True)]

    def narrowing(self, inputs: Sequence[Tensor], values: Sequence[Any]) -> Callable[[Any], Any] | None:
        return None

    def _tensor(self, tensor: Tensor, value: Any, device: Any) -> Any:
        torch = self.torch
        try:
            array = value if isinstance(value, torch.Tensor) else torch.as_tensor(value, device=device)
        except Exception as problem:
            raise TensorCalcError("E_TYPE", f"{tensor.name} cannot be made a tensor: {problem}") from None
        if tensor.is_label:
            if array.is_floating_point() or array.is_complex() or array.dtype == torch.bool:
                raise _label_error(tensor, array.dtype, f"{tensor.name}.long()")
            return array.long()
        if array.is_complex():
            raise TensorCalcError("E_TYPE", f"{tensor.name} must be real numbers, not {array.dtype}")
        return array

    def kinds(self, values: Sequence[Any]) -> tuple[Any, ...] | None:
        torch = self.torch
        if torch.compiler.is_compiling():  # lengths may be symbols
            return None
        found: list[Any] = [torch.get_default_dtype()]
        for value in values:
            kind = type(value)
            if kind is torch.Tensor or kind is torch.nn.Parameter:
                found.append((value.shape, value.dtype, value.device))
            elif kind is float or (kind is int and abs(value) < MOST_PLAIN):
                found.append(kind)
            else:
                return None
        return tuple(found)

    def converter(self, array: Any) -> Callable[[Any], Any]:
        return partial(self.torch.as_tensor, dtype=array.dtype, device=array.device)

    def size(self, name: str, value: Any) -> int:
        return _size(name, value)

    def outside(self, labels: Any, size: int) -> tuple[tuple[int, ...], int] | None:
        if labels.numel() == 0 or self.torch.compiler.is_compiling():
            return None
        least, largest = self.torch.aminmax(labels)
        try:
            if int(least) >= 0 and int(largest) < size:
                return None
        except RuntimeError:  # inside a transformation such as torch.vmap there are no values to look at
            return None
        place = tuple(int(p) for p in self.torch.nonzero((labels < 0) | (labels >= size))[0])
        return place, int(labels[place])

    def check_out(self, tensor: Tensor, array: Any, shape: tuple[int, ...]) -> None:
        if not isinstance(array, self.torch.Tensor) or not array.is_floating_point():
            raise TensorCalcError("E_TYPE", f"out for {tensor.name} must be a floating-point torch tensor")
        if tuple(array.shape) != shape:
            raise wrong_shape(tensor, tuple(array.shape), shape)

    def may_write(self, outs: Sequence[Any], arrays: Sequence[Any]) -> bool:
        def storage(tensor: Any) -> int:
            return int(tensor.untyped_storage().data_ptr())

        taken = {storage(a) for a in arrays}
        own = [storage(o) for o in outs]
        dtypes = {a.dtype for a in arrays if a.is_floating_point()} | {o.dtype for o in outs}
        return (
            len(dtypes) == 1
            and taken.isdisjoint(own)
            and len(set(own)) == len(own)
            and not any(a.requires_grad for a in (*arrays, *outs))
        )

    def copy_into(self, out: Any, value: Any) -> None:
        with self.torch.no_grad():
            out.copy_(value)


class Jax:
    """Arguments for JAX: what `jax.numpy.asarray` takes, tracers included; values are not looked at while tracing."""

    def __init__(self) -> None:
        self.jax = _imported("jax", "jax")
        self.jnp = _imported("jax.numpy", "jax")

    def arrays(self, inputs: Sequence[Tensor], values: Sequence[Any]) -> list[Any]:
        jnp = self.jnp
        found = [self._array(t, v) for t, v in zip(inputs, values, strict=True)]
        deciding = [
            a.dtype
            for t, v, a in zip(inputs, values, found, strict=True)
            if not t.is_label and not isinstance(v, int | float)
        ]
        dtype = jnp.result_type(*deciding) if deciding else jnp.result_type(float)
        if not jnp.issubdtype(dtype, jnp.floating):
            dtype = jnp.result_type(float)
        return [a if t.is_label else a.astype(dtype) for t, a in zip(inputs, found, strict=True)]

    def narrowing(self, inputs: Sequence[Tensor], values: Sequence[Any]) -> Callable[[Any], Any] | None:
        return None

    def _array(self, tensor: Tensor, value: Any) -> Any:
        jnp = self.jnp
        try:
            array = jnp.asarray(value)
        except Exception as problem:
            raise TensorCalcError("E_TYPE", f"{tensor.name} cannot be made an array: {problem}") from None
        if tensor.is_label:
            if not jnp.issubdtype(array.dtype, jnp.integer):
                raise _label_error(tensor, array.dtype, f"{tensor.name}.astype(int)")
            return array
        if jnp.issubdtype(array.dtype, jnp.complexfloating):
            raise TensorCalcError("E_TYPE", f"{tensor.name} must be real numbers, not {array.dtype}")
        return array

    def kinds(self, values: Sequence[Any]) -> tuple[Any, ...] | None:
        return None

    def converter(self, array: Any) -> Callable[[Any], Any]:
        return partial(self.jnp.asarray, dtype=array.dtype)

    def size(self, name: str, value: Any) -> int:
        return _size(name, value)

    def outside(self, labels: Any, size: int) -> tuple[tuple[int, ...], int] | None:
        if isinstance(labels, self.jax.core.Tracer):
            return None
        return NumPy().outside(np.asarray(labels), size)

    def check_out(self, tensor: Tensor, array: Any, shape: tuple[int, ...]) -> None:
        raise TensorCalcError("E_ARGUMENTS", "JAX arrays cannot be written into: there is no out for the target jax")

    def may_write(self, outs: Sequence[Any], arrays: Sequence[Any]) -> bool:
        return False

    def copy_into(self, out: Any, value: Any) -> None:
        raise NotImplementedError


def _imported(module: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise TensorCalcError(
            "E_TARGET",
            f"the target {extra} needs the library {module}, which is not installed",
            hint=f'install it with: pip install "tensorcalc[{extra}]"',
        ) from None


def library(target: str) -> Library:
    """The library of a target. Raises `TensorCalcError` E_TARGET where it is not installed."""
    libraries: dict[str, type[NumPy] | type[Torch] | type[Jax]] = {"numpy": NumPy, "torch": Torch, "jax": Jax}
    return libraries[target]()

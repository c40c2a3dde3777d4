"""A program in Triton, as its caller meets it: tensors on a CUDA device, or on the CPU in Triton's interpreter."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tensorcalc.codegen.assembly import Assembled
from tensorcalc.codegen.kernels.compiler import cache_folder, writable
from tensorcalc.codegen.kernels.triton.source import TritonSource, write_source
from tensorcalc.codegen.library import Torch
from tensorcalc.codegen.runtime import Call, Function
from tensorcalc.errors import TensorCalcError
from tensorcalc.index import Tensor
from tensorcalc.system import Program

__all__ = ["TritonKernel", "compile_kernel", "module_of"]


def compile_kernel(program: Program) -> TritonKernel:
    """The function that computes a program by Triton; see `compile_program`."""
    return TritonKernel(program, write_source(program), Tensors())


class Tensors(Torch):
    """Arguments for kernels: tensors of any floating dtype, each as it is. Plain numbers become tensors beside them."""

    def __init__(self) -> None:
        super().__init__()
        try:
            self.triton = importlib.import_module("triton")
        except ImportError:
            raise TensorCalcError(
                "E_TARGET",
                "the target triton needs the library triton, which is not installed",
                hint='install it with: pip install "tensorcalc[triton]"',
            ) from None

    def arrays(self, inputs: Sequence[Tensor], values: Sequence[Any]) -> list[Any]:
        torch = self.torch
        tensors = [v for v in values if isinstance(v, torch.Tensor)]
        device = next((v.device for v in tensors if v.dim()), tensors[0].device if tensors else None)
        if device is None:
            device = torch.device("cpu" if self._interprets() else "cuda")
        found = [self._tensor(t, v, device) for t, v in zip(inputs, values, strict=True)]
        for tensor, array in zip(inputs, found, strict=True):
            self.check_device(tensor.name, array, device)
        kinds = [a.dtype for t, a in zip(inputs, found, strict=True) if not t.is_label and a.is_floating_point()]
        default = next((k for k in kinds if k != torch.float64), torch.get_default_dtype())
        return [a if t.is_label or a.is_floating_point() else a.to(default) for t, a in zip(inputs, found, strict=True)]

    def _interprets(self) -> bool:
        """Whether Triton runs kernels on the CPU."""
        return bool(self.triton.knobs.runtime.interpret)

    def check_device(self, name: str, array: Any, device: Any) -> None:
        """Whether an array is where the others are, and a kernel can reach it. Raises E_TYPE."""
        if array.device != device:
            raise TensorCalcError("E_TYPE", f"{name} is on {array.device}, and other arguments are on {device}")
        if not (array.is_cuda or (array.is_cpu and self._interprets())):
            raise TensorCalcError(
                "E_TYPE",
                f"{name} is on {array.device}, and the target triton computes on a CUDA device",
                hint="use .cuda(), or set TRITON_INTERPRET=1 before Python starts to try it on the CPU",
            )

    def check_out(self, tensor: Tensor, array: Any, shape: tuple[int, ...]) -> None:
        super().check_out(tensor, array, shape)
        if array.requires_grad:
            raise TensorCalcError("E_TYPE", f"out for {tensor.name} must be a tensor that needs no gradient")


class TritonKernel(Function):
    """A program in Triton. Called as any `Function`, with tensors on one CUDA device; plain numbers count as tensors.

    Results have the dtype of the arguments with axes. `out` may be one of the arguments; where the loops allow, that
    takes no memory.
    """

    def __init__(self, program: Program, written: TritonSource, library: Tensors) -> None:
        self._written = written
        self._tensors = library
        assembled = Assembled(
            written.name,
            written.text,
            written.parameters,
            written.asked,
            written.schedule.origins,
            True,
            written.entries,
        )
        super().__init__(program, "triton", assembled, library)

    def _compiled(self, assembled: Assembled) -> Callable[..., Any]:
        function: Callable[..., Any] = getattr(module_of(assembled.source), f"_{assembled.name}")
        return function

    def _into(self, out: Any, arrays: Sequence[Any], call: Call) -> Any:
        outs = tuple(out) if self.many and isinstance(out, tuple | list) else (out,)
        outputs = self.program.outputs
        if len(outs) != len(outputs) or (self.many and not isinstance(out, tuple | list)):
            raise TensorCalcError("E_ARGUMENTS", f"out needs {len(outputs)} arrays, one for each result, as a tuple")
        for tensor, array in zip(outputs, outs, strict=True):
            self._library.check_out(tensor, array, tuple(self._known(d, call.sizes) for d in tensor.dimensions))
            self._tensors.check_device("out", array, arrays[0].device if arrays else array.device)
        self._function(*arrays, **call.keywords, out=outs if self.many else out)
        return outs if self.many else out


def module_of(text: str) -> Any:
    """The generated module, from a file that is kept by its content: Triton reads the source of what it compiles."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:24]
    name = f"tensorcalc_generated_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    path = writable(cache_folder() / "tensorcalc" / "triton") / f"{name}.py"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        _write(path, text)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[name] = module
    return module


def _write(path: Path, text: str) -> None:
    """Write a file under another name and rename it, so that processes that need it at once do not meet."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".py")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(temporary).replace(path)

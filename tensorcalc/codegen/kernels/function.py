"""A program compiled to machine code by way of C, as its caller meets it.

A call whose arrays look like those of an earlier call goes straight to the code; everything else is checked first.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from threading import Thread
from typing import Any

import numpy as np

from tensorcalc.codegen.assembly import Assembled
from tensorcalc.codegen.kernels.aliasing import may_overwrite
from tensorcalc.codegen.kernels.arrays import NUMBER, Arrays, address_of, computed, is_torch, memory_of
from tensorcalc.codegen.kernels.blas import alone, use_blas
from tensorcalc.codegen.kernels.compiler import compiler, shared_library
from tensorcalc.codegen.kernels.entrance import Entrance, enter, entrance
from tensorcalc.codegen.kernels.schedule import Block
from tensorcalc.codegen.kernels.source import CSource, write_source
from tensorcalc.codegen.kernels.team import share, use_team
from tensorcalc.codegen.runtime import Function
from tensorcalc.errors import TensorCalcError
from tensorcalc.index import Dimension
from tensorcalc.system import Program

__all__ = ["Kernel", "compile_kernel"]

FLAGS: Mapping[str, tuple[str, ...]] = {"f": (), "d": ("-DTENSORCALC_DOUBLE",)}
REMEMBERED = 256  # kinds of calls that are remembered


def compile_kernel(program: Program, *, exact: bool = False, threads: int | None = None) -> Kernel:
    """The function that computes a program by C; see `compile_program`."""
    compiler()
    return Kernel(program, write_source(program), exact, _threads() if threads is None else threads)


def _threads() -> int:
    """The number of threads that the environment asks for, or the processors that this process may use."""
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if asked.isdigit() and int(asked):
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What is known about a call from the shapes and types of its arrays alone.

    `results` are shape and type of each result, `read` and `written` the bytes of arguments and results, `numbers` the
    places of arguments that are plain numbers.
    """

    code: Callable[..., int]
    sizes: tuple[int, ...]
    dtype: np.dtype[Any]
    results: tuple[tuple[tuple[int, ...], str], ...]
    entrance: Entrance | None
    read: tuple[int, ...]
    written: tuple[int, ...]
    numbers: tuple[int, ...] = ()


class Kernel(Function):
    """A program in C. Called as any `Function`, with NumPy arrays, torch tensors on the CPU, or anything with the
    buffer or DLPack protocol; results are tensors where all arrays are, else NumPy arrays.

    Computes in float32 where all numbers have 32 bits or fewer, else in float64. `out` may be one of the arguments;
    where the loops allow, that takes no memory. `threads` may be set; results do not depend on it.
    """

    def __init__(self, program: Program, written: CSource, exact: bool, threads: int) -> None:
        self._written = written
        self._flags = ("-DTENSORCALC_EXACT",) if exact else ()
        self._codes: dict[str, tuple[Callable[..., int], int]] = {}
        self._calls: dict[tuple[Any, ...], _Prepared] = {}
        self._entrance: Entrance | None = None
        self.threads = threads
        super().__init__(program, "c", _assembled(program, written), Arrays())
        self._places = tuple(written.schedule.outputs.index(t) for t in written.schedule.program.outputs)
        self._in_order = self._places == tuple(range(len(written.schedule.outputs)))
        self._independent = any(isinstance(s, Block) and s.independent for s in written.schedule.steps)
        self._in_place = may_overwrite(written.schedule)

    def _compiled(self, assembled: Assembled) -> Callable[..., Any]:
        return lambda *arrays, **sizes: self._ordered(self._results(arrays, self._sizes(arrays, self._named(sizes))))

    def __reduce__(self) -> tuple[Any, ...]:
        return (*super().__reduce__(), {"threads": self.threads})

    def _named(self, sizes: Mapping[str, int]) -> dict[Dimension, int]:
        names = {variable: dimension for dimension, variable in self.asked.items()}
        return {names[variable]: size for variable, size in sizes.items()}

    def __call__(self, /, *args: Any, **arguments: Any) -> Any:
        out = arguments.pop("out", None) if self._has_out else None
        if not args and len(arguments) == len(self.arguments):
            found = self._short(arguments, out) if self._entrance is not None else None
            if found is not None:
                return found
            found = self._direct([arguments.get(name) for name in self.arguments], out)
            if found is not None:
                return found
        arrays, sizes = self.checked(args, arguments)
        if out is not None:
            return self._written_into(out, arrays, sizes)
        results = self._results(arrays, sizes)
        values = [v for v in (*args, *arguments.values()) if not isinstance(v, int | float)]
        if values and all(is_torch(v) for v in values):
            results = [sys.modules["torch"].from_numpy(r) for r in results]
        return self._given(results)

    def _given(self, results: Sequence[Any]) -> Any:
        """The results as the caller gets them: alone, as a tuple, or in rows."""
        found = self._ordered(results)
        return self._arranged(found) if self.many else found

    def _ordered(self, results: Sequence[Any]) -> Any:
        """The results in the order of the program, alone where there is one."""
        found = tuple([results[p] for p in self._places])
        return found if self.many else found[0]

    # a call like the last one

    def _short(self, arguments: Mapping[str, Any], out: Any) -> Any:
        """The results where arguments are of the kinds of the last call; `None` where not, or something is wrong."""
        last = self._entrance
        assert last is not None
        if out is None:
            outs = tuple([np.empty(*kind) for kind in last.results])
        else:
            outs = tuple(out) if self.many and isinstance(out, tuple | list) else (out,)
            if len(outs) != len(last.results):
                return None
        if last.run(last.call, self.arguments, arguments, outs, self.threads):
            return None  # of another kind; or a label is wrong, or memory is short: the careful way says which
        return out if out is not None else self._given(outs)

    # a call like an earlier one

    def _direct(self, values: Sequence[Any], out: Any) -> Any:
        """The results where a call with arrays of the same kind was prepared and nothing stands in the way."""
        kinds, addresses = [], []
        for value in values:
            memory = memory_of(value)
            if memory is None:
                return None
            kinds.append(memory[0])
            addresses.append(memory[1])
        prepared = self._calls.get(tuple(kinds))
        if prepared is None:
            return None
        outs = self._targets(values, out, prepared)
        if len(outs) != len(prepared.results) or (out is not None and not self._in_order):
            return None
        targets = []
        for array, kind in zip(outs, prepared.results, strict=True):
            memory = memory_of(array, True)
            if memory is None or memory[0] != kind:
                return None
            targets.append(memory[1])
        if prepared.numbers:
            scalars = {p: np.array(values[p], prepared.dtype) for p in prepared.numbers}
            for place, scalar in scalars.items():
                addresses[place] = scalar.ctypes.data
        if out is not None and not self._apart(prepared, addresses, targets):
            return None
        self._entrance = None if any(is_torch(v) for v in values) else prepared.entrance
        if self._run(prepared, addresses, targets):
            return None  # a label is wrong, or memory is short: the careful way says which
        return out if out is not None else self._given(outs)

    def _run(self, prepared: _Prepared, inputs: Sequence[int], targets: Sequence[int]) -> int:
        if self._independent and self.threads > 1:
            with alone():
                return prepared.code(*prepared.sizes, *inputs, *targets, self.threads)
        return prepared.code(*prepared.sizes, *inputs, *targets, self.threads)

    def _targets(self, values: Sequence[Any], out: Any, prepared: _Prepared) -> Sequence[Any]:
        """The arrays to write into."""
        if out is not None:
            return out if self.many and isinstance(out, tuple | list) else (out,)
        found = [np.empty(shape, prepared.dtype) for shape, _ in prepared.results]
        if all(is_torch(v) or type(v) is float for v in values) and any(is_torch(v) for v in values):
            return [sys.modules["torch"].from_numpy(a) for a in found]
        return found

    def _apart(self, prepared: _Prepared, inputs: Sequence[int], targets: Sequence[int]) -> bool:
        """Whether results lie over nothing that is still to be read."""
        for place, start in enumerate(targets):
            stop = start + prepared.written[place]
            for other, first in enumerate(inputs):
                length = prepared.read[other]
                if first < stop and start < first + length:
                    same = start == first and stop == first + length
                    if not same or (other, place) not in self._in_place:
                        return False
            for other in range(place):
                if start < targets[other] + prepared.written[other] and targets[other] < stop:
                    return False
        return True

    # any call

    def _results(self, arrays: Sequence[Any], sizes: Mapping[Dimension, int], outs: Sequence[Any] = ()) -> list[Any]:
        """The results for checked arrays, in `outs` where those can be written into."""
        prepared, ready = self._prepared(arrays, sizes)
        inputs = [address_of(a) for a in ready]
        targets = [memory_of(o, True) for o in outs]
        fits = all(t is not None and t[0] == kind for t, kind in zip(targets, prepared.results, strict=False))
        addresses = [t[1] for t in targets if t is not None]
        if not outs or not fits or not self._apart(prepared, inputs, addresses):
            outs = [np.empty(shape, prepared.dtype) for shape, _ in prepared.results]
            addresses = [address_of(o) for o in outs]
        status = self._run(prepared, inputs, addresses)
        if status < 0:
            raise MemoryError
        if status:
            raise TensorCalcError("E_INDEX_RANGE", "a label changed while it was read")
        return list(outs)

    def _prepared(self, arrays: Sequence[Any], sizes: Mapping[Dimension, int]) -> tuple[_Prepared, list[Any]]:
        """The code for checked arrays, and the arrays as it reads them."""
        dtype = computed(arrays, self.program.inputs)
        ready = [
            np.require(a, np.int64 if t.is_label else dtype, ["C", "A"])
            for a, t in zip(arrays, self.program.inputs, strict=True)
        ]
        shapes = [tuple(self._known(d, sizes) for d in t.dimensions) for t in self._written.schedule.outputs]
        code, packed = self._code(dtype.char)
        counts = tuple(self._known(d, sizes) for d in self._written.sizes)
        prepared = _Prepared(
            code,
            counts,
            dtype,
            tuple((shape, dtype.char) for shape in shapes),
            self._way_in(packed, counts, ready, [(shape, dtype) for shape in shapes]),
            tuple(a.nbytes for a in ready),
            tuple(prod(shape) * dtype.itemsize for shape in shapes),
        )
        if not self.asked:
            self._remember(prepared, ready)
        return prepared, ready

    def _way_in(
        self, packed: int, counts: Sequence[int], ready: Sequence[Any], results: Sequence[tuple[tuple[int, ...], Any]]
    ) -> Entrance | None:
        """The short way into the code for arrays like these, where there is one."""
        if not self._in_order or self._independent:
            return None
        return entrance(packed, counts, [(a.shape, a.dtype) for a in ready], results, self._in_place)

    def _remember(self, prepared: _Prepared, ready: Sequence[Any]) -> None:
        """Calls with arrays of these kinds go straight to the code, also where single numbers are plain ones."""
        if len(self._calls) >= REMEMBERED:
            self._calls.clear()
        kinds = [(a.shape, a.dtype.char) for a in ready]
        self._calls[tuple(kinds)] = prepared
        numbers = tuple(p for p, kind in enumerate(kinds) if kind == ((), prepared.dtype.char))
        if numbers:
            plain = [NUMBER[0] if p in numbers else kind for p, kind in enumerate(kinds)]
            short = prepared.entrance.with_numbers(numbers) if prepared.entrance else None
            self._calls[tuple(plain)] = replace(prepared, numbers=numbers, entrance=short)

    def _written_into(self, out: Any, arrays: Sequence[Any], sizes: Mapping[Dimension, int]) -> Any:
        """The results in the caller's arrays, by way of new ones where writing at once would spoil an argument."""
        if self.many and not isinstance(out, tuple | list):
            out = (out,)
        outs = tuple(out) if self.many else (out,)
        if len(outs) != len(self.program.outputs):
            count = len(self.program.outputs)
            raise TensorCalcError("E_ARGUMENTS", f"out needs {count} arrays, one for each result, as a tuple")
        for tensor, array in zip(self.program.outputs, outs, strict=True):
            self._library.check_out(tensor, array, tuple(self._known(d, sizes) for d in tensor.dimensions))
        plain = [o.numpy() if is_torch(o) else o for o in outs]
        results = self._results(arrays, sizes, plain if self._in_order else ())
        for place, array in zip(self._places, plain, strict=True):
            if results[place] is not array:
                np.copyto(array, results[place], casting="same_kind")
        return outs if self.many else outs[0]

    def _code(self, char: str) -> tuple[Callable[..., int], int]:
        """The machine code for a type of numbers, compiled when first needed, and the address of its short form."""
        if char not in self._codes:
            written = self._written
            others = Thread(target=lambda: (share(), enter()))  # compiled beside it where they are not yet
            others.start()
            library = shared_library(f"{self.source}\n{written.packed}", (*FLAGS[char], *self._flags))
            others.join()
            pointers = [ctypes.c_void_p] * (len(self.arguments) + len(written.schedule.outputs))
            kind = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_ssize_t] * len(written.sizes), *pointers, ctypes.c_int)
            short = ctypes.cast(library[f"{written.name}_packed"], ctypes.c_void_p).value
            assert short is not None
            self._codes[char] = kind((written.name, library)), short
            use_team(library, written.name)
            if written.has_products:
                use_blas(library, written.name, char)
        return self._codes[char]


def _assembled(program: Program, written: CSource) -> Assembled:
    """What the checks of arguments need to know."""
    return Assembled(
        written.name,
        written.text,
        written.parameters,
        written.asked,
        written.schedule.origins,
        True,
        written.entries,
    )

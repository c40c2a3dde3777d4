"""The short way into compiled programs: for a call that looks like the last one, arrays are checked and found by C.

What a call of a small program costs is mostly the work of getting at its arrays, which Python does in microseconds and
C in fractions of one. C is given the functions of Python that it needs: nothing of Python is compiled or linked.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from tensorcalc.codegen.kernels.compiler import shared_library
from tensorcalc.errors import TensorCalcError

__all__ = ["Entrance", "enter", "entrance"]

SOURCE = r"""
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Py_buffer, of which Python promises that it stays what it is since 3.11 */
typedef struct {
    void *start;
    void *owner;
    ptrdiff_t length, itemsize;
    int readonly, dimensions;
    char *format;
    ptrdiff_t *shape, *strides, *suboffsets;
    void *internal;
} view;

enum { WRITABLE = 0x1, FORMAT = 0x4, WITHOUT_GAPS = 0x8 | 0x10 | 0x20, MOST = 32, OTHER = -2 };

struct python {
    int (*get_buffer)(void *object, view *view, int flags);
    void (*release)(view *view);
    void *(*dict_item)(void *dict, void *key);
    void *(*tuple_item)(void *tuple, ptrdiff_t place);
    int (*is_instance)(void *object, void *type);
    double (*number)(void *object);
    void (*clear_error)(void);
    void *(*leave)(void);
    void (*return_to)(void *state);
    void *float_type;
};
struct python python;

/* an array as the program expects it; without a format a plain number */
struct kind {
    const char *format;
    const ptrdiff_t *shape;
    int dimensions;
};

struct call {
    int (*program)(const ptrdiff_t *sizes, void *const *arrays, int threads);
    const ptrdiff_t *sizes;
    const struct kind *kinds;        /* of the arguments, then of the results */
    const unsigned char *in_place;   /* for each result and each argument whether the result may be written over it */
    int arguments, results, single;  /* `single`: numbers are float */
};

/* where the entries of an array are; NULL where it is of another kind. The view is to be released in any case. */
static void *entries(const struct kind *kind, void *object, view *array, int flags)
{
    if (python.get_buffer(object, array, flags) != 0 || array->dimensions != kind->dimensions
        || strcmp(array->format, kind->format) != 0 || (uintptr_t)array->start % (uintptr_t)array->itemsize)
        return NULL;
    for (int axis = 0; axis < kind->dimensions; axis++)
        if (array->shape[axis] != kind->shape[axis])
            return NULL;
    return array->start;
}

static int overlap(const view *a, const view *b)
{
    const uintptr_t x = (uintptr_t)a->start, y = (uintptr_t)b->start;
    return x < y + (uintptr_t)b->length && y < x + (uintptr_t)a->length;
}

/* whether results lie over nothing that is still to be read */
static int apart(const struct call *call, const view *views)
{
    const view *results = views + call->arguments;
    for (int r = 0; r < call->results; r++) {
        for (int a = 0; a < call->arguments; a++) {
            const int same = results[r].start == views[a].start && results[r].length == views[a].length;
            if (overlap(&results[r], &views[a]) && !(same && call->in_place[r * call->arguments + a]))
                return 0;
        }
        for (int other = 0; other < r; other++)
            if (overlap(&results[r], &results[other]))
                return 0;
    }
    return 1;
}

/* run a program on the values that a dictionary has under some names, into the arrays of a tuple */
int tensorcalc_enter(const struct call *call, void *names, void *values, void *outs, int threads)
{
    view views[MOST];
    void *arrays[MOST];
    union { float single; double twice; } numbers[MOST];
    const int count = call->arguments + call->results;
    int held = 0, status = OTHER, alike = 1;
    for (; held < count && alike; held++) {
        const struct kind *kind = &call->kinds[held];
        const int result = held >= call->arguments;
        void *value = result ? python.tuple_item(outs, held - call->arguments)
                             : python.dict_item(values, python.tuple_item(names, held));
        memset(&views[held], 0, sizeof views[held]);
        if (value == NULL) {
            alike = 0;
        } else if (kind->format != NULL) {
            arrays[held] = entries(kind, value, &views[held], FORMAT | WITHOUT_GAPS | (result ? WRITABLE : 0));
            alike = arrays[held] != NULL;
        } else {
            alike = python.is_instance(value, python.float_type) == 1;
            if (alike && call->single)
                numbers[held].single = (float)python.number(value);
            else if (alike)
                numbers[held].twice = python.number(value);
            arrays[held] = &numbers[held];
        }
    }
    if (alike && apart(call, views)) {
        void *state = python.leave();
        status = call->program(call->sizes, arrays, threads);
        python.return_to(state);
    } else {
        python.clear_error();
    }
    while (held-- > 0)
        python.release(&views[held]);
    return status;
}
"""
FUNCTIONS = (
    "PyObject_GetBuffer",
    "PyBuffer_Release",
    "PyDict_GetItem",
    "PyTuple_GetItem",
    "PyObject_IsInstance",
    "PyFloat_AsDouble",
    "PyErr_Clear",
    "PyEval_SaveThread",
    "PyEval_RestoreThread",
)
MOST = 32  # arguments and results

Kind = tuple[tuple[int, ...], "np.dtype[Any] | None"]
"""Shape and type of an array; a plain number has no type."""


class _Kind(ctypes.Structure):
    """`struct kind` of the C code."""

    _fields_ = (("format", ctypes.c_char_p), ("shape", ctypes.c_void_p), ("dimensions", ctypes.c_int))


class _Call(ctypes.Structure):
    """`struct call` of the C code."""

    _fields_ = (
        ("program", ctypes.c_void_p),
        ("sizes", ctypes.c_void_p),
        ("kinds", ctypes.c_void_p),
        ("in_place", ctypes.c_void_p),
        ("arguments", ctypes.c_int),
        ("results", ctypes.c_int),
        ("single", ctypes.c_int),
    )


@dataclass(frozen=True, slots=True)
class Entrance:
    """A call of a program with arrays of known kinds.

    `run` takes `call`, the names of the arguments, the dictionary of their values, the tuple of the results, and the
    number of threads; it returns what the program does, or −2 where arrays are of another kind and nothing was done.
    `given` is what it was made from, and `call` points to what is in `kept`.
    """

    run: Callable[..., int]
    call: int
    results: tuple[tuple[tuple[int, ...], np.dtype[Any]], ...]
    given: tuple[Any, ...]
    kept: tuple[Any, ...]

    def with_numbers(self, places: Collection[int]) -> Entrance | None:
        """The same for plain numbers at some places."""
        program, sizes, arguments, results, in_place = self.given
        plain = [((), None) if p in places else kind for p, kind in enumerate(arguments)]
        return entrance(program, sizes, plain, results, in_place)


@lru_cache(1)
def enter() -> Callable[..., int] | None:
    """The function of the C code, given what it needs of Python; `None` where that cannot be had."""
    if sys.implementation.name != "cpython" or not getattr(sys, "_is_gil_enabled", lambda: True)():
        return None
    try:
        library = shared_library(SOURCE)
    except TensorCalcError:
        return None
    found = [ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value for name in FUNCTIONS]
    table = (ctypes.c_void_p * (len(FUNCTIONS) + 1)).in_dll(library, "python")
    table[:] = [*found, id(float)]
    address = ctypes.cast(library.tensorcalc_enter, ctypes.c_void_p).value
    assert address is not None
    objects = [ctypes.py_object] * 3
    return ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, *objects, ctypes.c_int)(address)


def entrance(
    program: int,
    sizes: Sequence[int],
    arguments: Sequence[Kind],
    results: Sequence[tuple[tuple[int, ...], np.dtype[Any]]],
    in_place: Collection[tuple[int, int]],
) -> Entrance | None:
    """The short way into a program, by the address of its function of sizes and arrays; `None` where there is none.

    `in_place` are the places of an argument and of a result that may be the same array.
    """
    run = enter()
    if run is None or len(arguments) + len(results) > MOST:
        return None
    kinds = (_Kind * (len(arguments) + len(results)))()
    kept: list[Any] = [kinds]
    for kind, (shape, dtype) in zip(kinds, (*arguments, *results), strict=True):
        axes = (ctypes.c_ssize_t * len(shape))(*shape)
        kept.append(axes)
        kind.format = None if dtype is None else np.empty(0, dtype).data.format.encode()
        kind.shape = ctypes.addressof(axes)
        kind.dimensions = len(shape)
    counts = (ctypes.c_ssize_t * len(sizes))(*sizes)
    pairs = [(a, r) in in_place for r in range(len(results)) for a in range(len(arguments))]
    allowed = (ctypes.c_ubyte * len(pairs))(*pairs)
    single = any(dtype == np.float32 for _, dtype in results)
    places = (ctypes.addressof(counts), ctypes.addressof(kinds), ctypes.addressof(allowed))
    call = _Call(program, *places, len(arguments), len(results), single)
    given = (program, sizes, arguments, results, in_place)
    return Entrance(run, ctypes.addressof(call), tuple(results), given, (*kept, counts, allowed, call))

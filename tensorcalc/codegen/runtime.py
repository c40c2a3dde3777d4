"""The compiled function: what is checked about its arguments before the generated code runs.

Generated code stays readable because everything about wrong arguments is said here, once for all targets. What follows
from the kinds of the arguments alone (their types, dtypes and shapes) is remembered; values are looked at every time.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import count
from typing import Any

from tensorcalc.codegen.assembly import Assembled
from tensorcalc.codegen.formula import shape as written_shape
from tensorcalc.codegen.library import Library
from tensorcalc.codegen.sizes import Shown, Solved
from tensorcalc.errors import TensorCalcError
from tensorcalc.index import Dimension, Tensor
from tensorcalc.system import Program

__all__ = ["Call", "Function"]

MOST_KINDS = 64  # of calls that are remembered

_numbers = count(1)


def _executed(assembled: Assembled) -> Callable[..., Any]:
    """The function that the generated source defines; its lines are known to tracebacks."""
    file = f"<tensorcalc {assembled.name} {next(_numbers)}>"
    namespace: dict[str, Any] = {}  # no name: torch.compile would look for a module
    exec(compile(assembled.source, file, "exec"), namespace)  # our own text; names have passed `names.PATTERN`
    linecache.cache[file] = (len(assembled.source), None, assembled.source.splitlines(keepends=True), file)
    function: Callable[..., Any] = namespace[assembled.name]
    return function


@dataclass(frozen=True, slots=True)
class Call:
    """What the kinds of the arguments decide about a call.

    `converted` are the places of arguments that are no arrays of the right dtype yet, with what makes them that;
    `labels` the places of labels, each with the size of the dimension that they point into; `shapes` those of the
    results, empty where a size is not known; `narrow` makes them of the arguments' dtype, where that takes anything.
    """

    sizes: Mapping[Dimension, int]
    keywords: Mapping[str, int]
    converted: tuple[tuple[int, Callable[[Any], Any]], ...]
    labels: tuple[tuple[int, int], ...]
    shapes: tuple[tuple[int, ...], ...]
    narrow: Callable[[Any], Any] | None = None


class Function:
    """A program compiled for an array library.

    Arguments are given by tensor name, or in the order of `arguments`; sizes of dimensions that no argument shows by
    the dimension's name; `out` is an array (a tuple of arrays where there are several results) to write into. Returns
    an array, or a tuple of arrays. `source` is the generated code.

    Raises `TensorCalcError`: E_ARGUMENTS, E_SHAPE, E_TYPE, E_INDEX_RANGE, E_UNKNOWN_SIZE. Pickled, it is compiled again
    by `compiled_by` where it is read.
    """

    compiled_by: Callable[[], Function]

    def __init__(self, program: Program, target: str, assembled: Assembled, library: Library) -> None:
        self.program = program
        self.target = target
        self.source = assembled.source
        self.arguments = tuple(t.name for t in program.inputs)
        self.many = program.many or len(program.outputs) > 1
        self._assembled = assembled
        self._library = library
        self._function = self._compiled(assembled)
        self._names = {t.name: t for t in program.inputs}
        for tensor, parameter in zip(program.inputs, assembled.parameters, strict=True):
            self._names.setdefault(parameter, tensor)
        self._dimensions: dict[str, Dimension] = {}
        for dimension, origin in assembled.origins.items():
            if not isinstance(origin, Shown):
                self._dimensions.setdefault(dimension.name, dimension)
        for dimension, variable in assembled.sizes.items():
            self._dimensions.setdefault(variable, dimension)
        self._has_out = "out" not in self._names
        self._earlier: dict[tuple[Any, ...], Call] = {}

    def _compiled(self, assembled: Assembled) -> Callable[..., Any]:
        """The callable that the generated source defines."""
        return _executed(assembled)

    def __repr__(self) -> str:
        return f"<tensorcalc {self.target} function {self._assembled.name}({', '.join(self.arguments)})>"

    def __reduce__(self) -> tuple[Any, ...]:
        return self.compiled_by, ()

    def __call__(self, /, *args: Any, **arguments: Any) -> Any:
        return self.called(args, arguments)[0]

    def called(self, args: Sequence[Any], arguments: dict[str, Any]) -> tuple[Any, Mapping[Dimension, int]]:
        """The results of a call, and the sizes of all dimensions in it."""
        out = arguments.pop("out", None) if self._has_out else None
        arrays, call = self._ready(args, arguments)
        try:
            if out is None:
                results = self._function(*arrays, **call.keywords)
                if call.narrow is not None:
                    results = tuple(map(call.narrow, results)) if self.many else call.narrow(results)
                return self._arranged(results) if self.program.rows else results, call.sizes
            return self._into(out, arrays, call), call.sizes
        except Exception as problem:
            if type(problem).__name__.strip("_") != "LinAlgError":
                raise
            raise TensorCalcError("E_ARGUMENTS", f"a matrix among the arguments is singular: {problem}") from None

    def _arranged(self, results: Any) -> Any:
        """The results in rows, where the program has rows."""
        rows = self.program.rows
        if not rows:
            return results
        return tuple(tuple(results[start : start + rows]) for start in range(0, len(results), rows))

    @property
    def unchecked(self) -> Callable[..., Any]:
        """The generated function itself: the arrays in order, of one dtype; the sizes of `asked` by their names."""
        return self._function

    @property
    def asked(self) -> Mapping[Dimension, str]:
        """The dimensions whose size no argument shows, and the names under which the caller gives it."""
        return self._assembled.sizes

    def checked(
        self, args: Sequence[Any], arguments: Mapping[str, Any]
    ) -> tuple[Sequence[Any], Mapping[Dimension, int]]:
        """What a call with these arguments computes with: the arrays in order, and the sizes of all dimensions."""
        arrays, call = self._ready(args, arguments)
        return arrays, call.sizes

    def _ready(self, args: Sequence[Any], arguments: Mapping[str, Any]) -> tuple[Sequence[Any], Call]:
        """The arrays of a call in order and what is known of it, at once where its arguments look like earlier ones."""
        values = self._listed(args, arguments)
        kinds = None if values is None else self._library.kinds(values)
        try:
            call = None if kinds is None else self._earlier.get(kinds)
        except TypeError:  # lengths are symbols while a framework traces the call
            call = kinds = None
        if values is None or call is None:
            return self._careful(args, arguments, kinds)
        for place, convert in call.converted:
            values[place] = convert(values[place])
        for place, size in call.labels:
            if self._library.outside(values[place], size) is not None:
                self._check_labels(self.program.inputs[place], values[place], call.sizes)
        return values, call

    def _listed(self, args: Sequence[Any], arguments: Mapping[str, Any]) -> list[Any] | None:
        """The values of the inputs where exactly those are given, all by place or all by name."""
        if len(args) + len(arguments) != len(self.arguments) or (args and arguments):
            return None
        try:
            return list(args) if args else [arguments[name] for name in self.arguments]
        except KeyError:
            return None

    def _careful(
        self, args: Sequence[Any], arguments: Mapping[str, Any], kinds: tuple[Any, ...] | None
    ) -> tuple[Sequence[Any], Call]:
        """The arrays of a call in order and what is known of it, with everything checked; remembered for its kinds."""
        values, given = self._bound(args, arguments)
        arrays = self._library.arrays(self.program.inputs, values)
        sizes = self._sizes(arrays, given)
        labels = []
        for place, (tensor, array) in enumerate(zip(self.program.inputs, arrays, strict=True)):
            if tensor.is_label:
                size = self._check_labels(tensor, array, sizes)
                labels += [] if size is None else [(place, size)]
        self._check_entries(sizes)
        keywords = {variable: self._known(dimension, sizes) for dimension, variable in self.asked.items()}
        outputs = [t.dimensions for t in self.program.outputs]
        known = all(d.size is not None or d in sizes for dimensions in outputs for d in dimensions)
        shapes = [tuple(self._known(d, sizes) for d in dimensions) for dimensions in outputs] if known else []
        narrow = self._library.narrowing(self.program.inputs, values)
        call = Call(sizes, keywords, (), tuple(labels), tuple(shapes), narrow)
        if kinds is not None:
            if len(self._earlier) >= MOST_KINDS:
                self._earlier.clear()
            pairs = enumerate(zip(values, arrays, strict=True))
            converted = tuple((p, self._library.converter(a)) for p, (v, a) in pairs if a is not v)
            self._earlier[kinds] = replace(call, converted=converted)
        return arrays, call

    def shapes(self, arrays: Sequence[Any], given: Mapping[Dimension, int]) -> list[tuple[int, ...]]:
        """The shapes of the results, from those of the arguments and the sizes that the caller gives."""
        sizes = self._sizes(arrays, given)
        return [tuple(self._known(d, sizes) for d in t.dimensions) for t in self.program.outputs]

    def _bound(self, args: Sequence[Any], arguments: Mapping[str, Any]) -> tuple[list[Any], dict[Dimension, int]]:
        """The values of the inputs in order, and the sizes that the caller gave."""
        inputs = self.program.inputs
        if len(args) > len(inputs):
            raise TensorCalcError(
                "E_ARGUMENTS", f"{len(args)} arguments given, {len(inputs)} expected: {', '.join(self.arguments)}"
            )
        found = dict(zip(inputs, args, strict=False))
        sizes: dict[Dimension, int] = {}
        for name, value in arguments.items():
            tensor = self._names.get(name)
            if tensor is not None:
                if tensor in found:
                    raise TensorCalcError("E_ARGUMENTS", f"argument {name} is given twice")
                found[tensor] = value
            elif name in self._dimensions:
                sizes[self._dimensions[name]] = self._library.size(name, value)
            else:
                raise self._unknown(name)
        missing = [t.name for t in inputs if t not in found]
        if missing:
            raise TensorCalcError(
                "E_ARGUMENTS",
                f"missing argument{'s' if len(missing) > 1 else ''} {', '.join(missing)}",
                hint=f"the arguments are {', '.join(f'{t.name}: {written_shape(t)}' for t in inputs)}",
            )
        return [found[t] for t in inputs], sizes

    def _unknown(self, name: str) -> TensorCalcError:
        known = [*self.arguments, *self._dimensions]
        close = get_close_matches(name, known, 1)
        hint = f"did you mean {close[0]}?" if close else f"the arguments are {', '.join(known) or 'none'}"
        return TensorCalcError("E_ARGUMENTS", f"unknown argument {name}", hint=hint)

    def _sizes(self, arrays: Sequence[Any], given: Mapping[Dimension, int]) -> dict[Dimension, int]:
        """The size of every dimension that is known, checked against every argument."""
        sizes: dict[Dimension, tuple[int, str]] = {d: (size, "given") for d, size in given.items()}
        for tensor, array in zip(self.program.inputs, arrays, strict=True):
            shape = tuple(array.shape)
            if len(shape) != tensor.order:
                raise TensorCalcError(
                    "E_SHAPE",
                    f"{tensor.name} has {_count(len(shape))} (shape {shape}), {_count(tensor.order)} expected",
                    hint=f"{tensor.name} has shape {written_shape(tensor)}",
                )
            for axis, (length, dimension) in enumerate(zip(shape, tensor.dimensions, strict=True)):
                place = f"axis {axis} of {tensor.name}"
                fixed = (dimension.size, "fixed") if dimension.size is not None else (length, place)
                size, where = sizes.setdefault(dimension, fixed)
                if size != length:
                    raise TensorCalcError(
                        "E_SHAPE",
                        f"{place} has length {length}, and dimension {dimension.name} has size {size} ({where})",
                        hint=f"{tensor.name} has shape {written_shape(tensor)}",
                    )
        known = {d: size for d, (size, _) in sizes.items()}
        for dimension, origin in self._assembled.origins.items():
            if isinstance(origin, Solved):
                size = origin.value(lambda d: self._known(d, known))
                if known.setdefault(dimension, size) != size:
                    raise TensorCalcError(
                        "E_SHAPE",
                        f"dimension {dimension.name} has size {size} by its indices, {known[dimension]} given",
                    )
        return known

    def _known(self, dimension: Dimension, sizes: Mapping[Dimension, int]) -> int:
        if dimension.size is not None:
            return dimension.size
        if dimension not in sizes:
            raise TensorCalcError(
                "E_UNKNOWN_SIZE",
                f"nothing tells the size of dimension {dimension.name}",
                hint=f"no argument has an axis of it; give {self._assembled.sizes.get(dimension, dimension.name)}=…",
            )
        return sizes[dimension]

    def _check_entries(self, sizes: Mapping[Dimension, int]) -> None:
        """Every integer index lies in its dimension."""
        for text, dimension, entry in self._assembled.entries:
            size = dimension.size if dimension.size is not None else sizes.get(dimension)
            if size is not None and entry >= size:
                raise TensorCalcError(
                    "E_INDEX_RANGE",
                    f"{text} needs more than {entry} entries, and dimension {dimension.name} has size {size}",
                )

    def _check_labels(self, tensor: Tensor, array: Any, sizes: Mapping[Dimension, int]) -> int | None:
        """Every label lies in its dimension, whose size is returned; negative ones do not count from the end."""
        dimension = tensor.label_dimension
        assert dimension is not None
        size = dimension.size if dimension.size is not None else sizes.get(dimension)
        wrong = None if size is None else self._library.outside(array, size)
        if wrong is None:
            return size
        place, value = wrong
        at = f"[{', '.join(map(str, place))}]" if place else ""
        raise TensorCalcError(
            "E_INDEX_RANGE",
            f"label {tensor.name}{at} = {value} lies outside dimension {dimension.name} of size {size}",
            hint=f"labels are 0 to {size - 1}; negative ones do not count from the end"
            if size
            else f"dimension {dimension.name} is empty",
        )

    def _into(self, out: Any, arrays: Sequence[Any], call: Call) -> Any:
        """Run into the caller's arrays, by way of new ones where writing at once would spoil an argument."""
        outs = tuple(out) if self.many and isinstance(out, tuple | list) else (out,)
        outputs = self.program.outputs
        if len(outs) != len(outputs) or (self.many and not isinstance(out, tuple | list)):
            raise TensorCalcError("E_ARGUMENTS", f"out needs {len(outputs)} arrays, one for each result, as a tuple")
        shapes = call.shapes or [tuple(self._known(d, call.sizes) for d in t.dimensions) for t in outputs]
        for tensor, array, shape in zip(outputs, outs, shapes, strict=True):
            self._library.check_out(tensor, array, shape)
        if self._assembled.has_out and self._library.may_write(outs, arrays):
            result = self._function(*arrays, **call.keywords, out=outs if self.many else out)
        else:
            result = self._function(*arrays, **call.keywords)
        for array, value in zip(outs, result if self.many else (result,), strict=True):
            if value is not array:
                self._library.copy_into(array, value)
        return outs if self.many else out


def _count(axes: int) -> str:
    return "no axes" if axes == 0 else f"{axes} {'axis' if axes == 1 else 'axes'}"

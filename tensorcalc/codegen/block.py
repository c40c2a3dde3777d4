"""The body of one generated function while it is written: its lines, its variables, and the calls of its library.

Everything that lowers expressions shares one `Block`; it knows nothing of expressions itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from tensorcalc.codegen.arrays import Array, Kind, Level
from tensorcalc.codegen.dialect import Dialect
from tensorcalc.codegen.names import PATTERN, Names
from tensorcalc.errors import TensorCalcError
from tensorcalc.index import Dimension, Index

__all__ = ["Block"]

LONG = 92  # operands that are longer than this together get variables of their own
WORTH = 24  # code shorter than this never does
_WORD = re.compile(r"[A-Za-z_]\w*")


class Block:
    """Lines of code in one dialect.

    `hint` is the order of axes that the definition at hand would like to have, `repeated` the code of large arrays that
    are needed more than once.
    """

    def __init__(self, dialect: Dialect, names: Names) -> None:
        self.dialect = dialect
        self.names = names
        self.lines: list[str] = []
        self.hint: tuple[Index, ...] = ()
        self.sizes: dict[Dimension, None] = {}
        self.guards: dict[str, None] = {}
        self.imports: dict[str, None] = {}
        self.dtype = ""
        self.device = ""
        self.in_place = ""
        self.helper = ""
        self.repeated: frozenset[str] = frozenset()
        self._products: Counter[str] = Counter()
        self._kept: dict[str, str] = {}

    def emit(self, line: str) -> None:
        """Add a line."""
        self._note(line)
        self.lines.append(line)

    def _note(self, code: str) -> None:
        """Remember which modules a piece of code uses."""
        for word in _WORD.findall(code):
            if word in self.dialect.imports:
                self.imports[word] = None

    def size(self, dimension: Dimension) -> str:
        """The code of the number of values of a dimension."""
        if dimension.size is not None:
            return str(dimension.size)
        self.sizes[dimension] = None
        return self.names.dimension(dimension)

    def shape(self, axes: Iterable[Index]) -> str:
        """The code of the shape of an array with the given axes."""
        sizes = [self.size(a.dimension) for a in axes]
        return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"

    def aligned(self, array: Array, axes: Sequence[Index]) -> Array:
        """The array ready to be combined with one over `axes`."""
        return array.aligned(axes, self.dialect.transpose)

    def bind(self, array: Array, name: str = "t") -> Array:
        """The array in a variable, so that its code may be repeated."""
        if PATTERN.match(array.code) or array.kind is Kind.PYTHON:
            return array
        variable = self.names.local(name)
        self.emit(f"{variable} = {array.code}")
        return Array(variable, array.axes, kind=array.kind)

    def once(self, array: Array) -> Array:
        """The array, in a variable where its code is one of those `repeated`; variables never change their values."""
        self._products[array.code] += 1
        if array.code not in self.repeated:
            return array
        if array.code not in self._kept:
            self._kept[array.code] = self.bind(array).code
        return Array(self._kept[array.code], array.axes, kind=array.kind)

    @property
    def again(self) -> frozenset[str]:
        """The codes that were asked for `once` more than once."""
        return frozenset(code for code, number in self._products.items() if number > 1)

    def shortened(self, arrays: Sequence[Array]) -> list[Array]:
        """The operands of one operation, long ones in variables, so that the line stays readable."""
        result = list(arrays)
        while sum(len(a.code) for a in result) > LONG:
            place = max(range(len(result)), key=lambda p: len(result[p].code))
            if len(result[place].code) < WORTH or PATTERN.match(result[place].code):
                break
            result[place] = self.bind(result[place])
        return result

    def spelled(self, word: str, *arguments: str) -> str:
        """The code of a call in the dialect."""
        if word not in self.dialect.functions:
            raise TensorCalcError("E_UNSUPPORTED", f"{word} has no spelling in {self.dialect.name}")
        return self._placed(self.dialect.call(word, *arguments))

    def _placed(self, code: str) -> str:
        device = f", device={self.device}" if self.device else ""
        return code.replace("{dtype}", self.dtype).replace("{device}", device)

    def call(self, word: str, arguments: Sequence[Array], axes: Sequence[Index]) -> Array:
        """An elementwise function of arrays, over the given axes."""
        self.guards.update(dict.fromkeys(self.dialect.guards.get(word, ())))
        template = self.dialect.functions.get(word, "")
        codes = []
        for place, argument in enumerate(self.shortened([self.numbers(a) for a in arguments])):
            array = self.aligned(argument, axes)
            if template.count(f"{{{place}}}") > 1:
                array = self.bind(array)
            plain = f"({{{place}}}" in template or f", {{{place}}}" in template
            simple = plain and f"-{{{place}}}" not in template and f"{{{place}}} " not in template
            codes.append(array.code if simple else array.wrapped(Level.ATOM))
        code = self.spelled(word, *codes)
        level = Level.ATOM if code.endswith(")") and code.startswith(f"{self.dialect.module}.") else Level.PRODUCT
        return Array(code, tuple(axes), level, into=self._placed(self.dialect.into(word, *codes)), fresh=True)

    def numbers(self, array: Array) -> Array:
        """The array as numbers of the dtype of the arguments, where it holds truth values or integers."""
        if array.kind in (Kind.NUMBERS, Kind.PYTHON):
            return array
        return Array(self.spelled("cast", array.wrapped(Level.ATOM)), array.axes, fresh=True)

    def array(self, value: Array) -> Array:
        """The value as an array: plain Python numbers get the dtype of the arguments."""
        if value.kind is not Kind.PYTHON:
            return self.numbers(value)
        return Array(self.spelled("full", "()", value.code), fresh=True)

    def value(self, value: Array) -> Array:
        """The value as what may be accumulated into an array."""
        return Array(self.spelled("value", value.code)) if value.kind is Kind.PYTHON else self.numbers(value)

    def total(self, array: Array, dummies: Iterable[Index]) -> Array:
        """The sum over some axes of an array."""
        return self.reduced("sum", self.numbers(array), dummies)

    def reduced(self, word: str, array: Array, dummies: Iterable[Index]) -> Array:
        """The sum, product or maximum over some axes of an array; those it does not have are ignored."""
        gone = [array.axes.index(d) for d in array.axes if d in set(dummies)]
        if not gone:
            return array
        if f"{word} one axis" in self.dialect.functions and 1 < len(gone) < len(array.axes):
            last = array.axes[gone[-1]]
            return self.reduced(word, self.reduced(word, array, [last]), dummies)
        kept = tuple(a for place, a in enumerate(array.axes) if place not in gone)
        axes = "" if not kept else f"{self.dialect.axis}={gone[0] if len(gone) == 1 else tuple(gone)}"
        code = self.spelled(word, array.wrapped(Level.ATOM)).replace("{axes}", axes)
        into = self.dialect.into(word, array.code).replace("{axes}", axes) if kept else ""
        return Array(code, kept, into=into, fresh=True)

    def filled(self, name: str, axes: Sequence[Index], value: Array, out: str) -> None:
        """A new array with all of the axes, filled with a value that is constant along some."""
        shape, zero = self.shape(axes), value.code == "0"
        if "filled" in self.dialect.functions and not zero:
            self.emit(f"{name} = {self.spelled('filled', shape, self.aligned(value, axes).code)}")
            return
        if out == "None":
            self.emit(f"{name} = {self.spelled('zeros' if zero else 'empty', shape)}")
            if zero:
                return
        else:
            self.emit(f"{name} = {self.spelled('empty', shape)} if {out} is None else {out}")
        self.statement("assign", name, self.aligned(value, axes).code)

    def whole(self, value: Array, axes: Sequence[Index]) -> Array:
        """The value with every one of the axes, repeated where it is constant."""
        if set(value.axes) == set(axes) and value.kind is not Kind.PYTHON:
            return self.aligned(value, axes)
        name = self.names.local("t")
        self.filled(name, axes, value, "None")
        return Array(name, tuple(axes))

    def statement(self, word: str, *arguments: str, out: str = "None") -> None:
        """The lines of a statement form of the dialect; an array to write into is left out where there is none."""
        self.guards.update(dict.fromkeys(self.dialect.guards.get(word, ())))
        for template in self.dialect.statements[word]:
            line = template
            for place, argument in enumerate(arguments):
                line = line.replace(f"{{{place}}}", argument)
            if "{in_place}" in line:
                self.in_place = self.in_place or self.names.local("in_place")
                line = line.replace("{in_place}", self.in_place)
            line = line.replace(", out={out}", "" if out == "None" else f", out={out}")
            self.emit(self._placed(line))

"""Entries of tensors in a nest as C: read from memory once, in the loop that has their indices, or still variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sympy import Expr

from tensorcalc.binding import rename
from tensorcalc.codegen.kernels.expressions import ATOM, Code, Expressions
from tensorcalc.codegen.kernels.nests import Memory, Nest
from tensorcalc.codegen.kernels.scopes import Scopes
from tensorcalc.codegen.names import Names, identifier
from tensorcalc.codegen.sizes import Origin, fits
from tensorcalc.expr import Component
from tensorcalc.index import Dimension, Index, Tensor

__all__ = ["Entries", "stays"]


class Entries(Expressions):
    """Values in the loops of a nest. `reads` are the arrays that were read, `buffers` the variables of row buffers and
    partial sums, `base` those of blocks that are being written, with the pointers to where they go.
    """

    def __init__(self, nest: Nest, names: Names, origins: Mapping[Dimension, Origin], words: dict[str, None]) -> None:
        super().__init__(Scopes(names), words)
        self.nest = nest
        self.names = names
        self.origins = origins
        self.written = {s.tensor for s in nest.group.statements}
        self.reads: dict[Tensor, None] = {}
        self.buffers: dict[Tensor, str] = {}
        self.base: dict[Tensor, tuple[str, str]] = {}

    def component(self, c: Component) -> Code:
        nest, tensor = self.nest, c.tensor
        if tensor.is_label:
            return f"(real){self.integer(c, ATOM)}", ATOM - 1
        memory = nest.memory.get(tensor)
        if memory is Memory.VIRTUAL:
            made = nest.definitions[tensor]
            names = dict(zip(nest.group.axes[tensor], c.indices, strict=True))
            expression = rename(made.expression, {k: v for k, v in names.items() if isinstance(k, Index)})
            home = self.scopes.home(expression)
            name = self.bound(expression, home, self.wanted(tensor))
            self.scopes.stack[home].known[c] = name
            return name, ATOM
        if any(i.is_negative for i in c.indices if i.is_Integer):
            return "R(0.0)", ATOM
        home = self.scopes.home(c)
        outer, self.scopes.depth = self.scopes.depth, home
        try:
            place = self.place(c)
            tests = self._tests(c)
            text = f"({' && '.join(tests)} ? {place} : R(0.0))" if tests else place
            name = self.scopes.bind(c, "real", self._entry_name(c), text, home)
        finally:
            self.scopes.depth = outer
        return name, ATOM

    def wanted(self, tensor: Tensor) -> str:
        """The name of a variable for an entry of a tensor."""
        name = identifier(tensor.name)
        return f"{name}_value" if self.nest.memory.get(tensor) is Memory.FULL else name

    def _entry_name(self, c: Component) -> str:
        letters = "".join(i.name for i in c.indices if isinstance(i, Index) and i.name.isalnum())
        return f"{identifier(c.tensor.name)}_{letters or 'entry'}"

    def label(self, c: Component) -> Code:
        known = self.scopes.known(c)
        if known is not None:
            return known, ATOM
        home = self.scopes.home(c)
        outer, self.scopes.depth = self.scopes.depth, home
        try:
            name = self.scopes.bind(c, "ptrdiff_t", self._entry_name(c), self.place(c), home)
        finally:
            self.scopes.depth = outer
        return name, ATOM

    def _tests(self, c: Component) -> list[str]:
        """Whether indices that may leave their axes are on them."""
        tests = []
        for index, axis in zip(c.indices, c.tensor.dimensions, strict=True):
            if stays(index, axis) or fits(index, axis, self.origins):
                continue
            code = self.integer(index, ATOM)
            tests.append(f"(size_t){code} < (size_t){self.scopes.size(axis)}")
        return tests

    def place(self, c: Component, store: bool = False) -> str:
        """The entry of a tensor in memory."""
        tensor, nest = c.tensor, self.nest
        memory = nest.memory.get(tensor)
        if store and tensor in self.base:
            pointer, _ = self.base[tensor]
            return f"{pointer}[{self.scopes.letter(c.indices[-1])} - @low@]"
        if memory in (Memory.ROW, Memory.PART):
            own = [p for p, i in enumerate(nest.group.axes[tensor]) if memory is Memory.PART or i not in nest.batch]
            indices, axes = [c.indices[p] for p in own], [tensor.dimensions[p] for p in own]
            return f"{self.buffers[tensor]}[{self._offset(indices, axes)}]"
        if memory is None or memory is Memory.FULL:
            if tensor not in self.written:
                self.reads[tensor] = None
            if nest.flat and c.indices == nest.flat:
                return f"{self.names.tensor(tensor)}[{self.scopes.letter(nest.flat[-1])}]"
            kind = "int64_t" if tensor.is_label else "real"
            leading = self._leading(c)
            base = self.pointer(self.names.tensor(tensor), kind, tensor, c.indices[:leading])
            return f"{base}[{self._offset(c.indices[leading:], tensor.dimensions[leading:])}]"
        raise ValueError(f"{c} has no place in memory")

    def _leading(self, c: Component) -> int:
        """How many leading indices belong to loops further out than the entry itself."""
        home = self.scopes.home(c)
        leading = 0
        while leading < len(c.indices) and self.scopes.home(c.indices[leading]) < home:
            leading += 1
        return leading if home > 0 else 0

    def pointer(self, name: str, kind: str, tensor: Tensor, leading: tuple[Expr, ...]) -> str:
        """The variable that points to a part of a tensor, in the scope of its indices."""
        if not leading:
            return name
        key = "pointer", tensor, leading
        known = self.scopes.known(key)
        if known is not None:
            return known
        home = max(self.scopes.home(i) for i in leading)
        outer, self.scopes.depth = self.scopes.depth, home
        try:
            inner = self.scopes.extent(tensor.dimensions[len(leading) :])
            offset = self._offset(leading, tensor.dimensions[: len(leading)])
            offset = f"({offset})" if " " in offset and inner else offset
            code = f"{name} + {offset}" + (f" * {inner}" if inner else "")
            wanted = f"{name}_row"
            variable = self.scopes.variable(wanted, home)
            const = "" if tensor in self.written else "const "
            self.scopes.stack[home].lines.append(f"{const}{kind} *{variable} = {code};")
            self.scopes.stack[home].known[key] = variable
        finally:
            self.scopes.depth = outer
        return variable

    def row_pointers(self, batch: tuple[Index, ...]) -> list[tuple[Tensor, str]]:
        """The arrays of which the row of these indices was read here, and the variables that point to it."""
        found = []
        for scope in self.scopes.stack:
            for key, name in scope.known.items():
                match key:
                    case ("pointer", Tensor() as tensor, leading) if leading == batch and tensor not in self.written:
                        found.append((tensor, name))
        return found

    def _offset(self, indices: Sequence[Expr], axes: Sequence[Dimension]) -> str:
        """The place of an entry in an array, counted row by row."""
        text = ""
        for index, axis in zip(indices, axes, strict=True):
            code = self.integer(index, 3 if text else 2)
            if not text or text == "0":
                text = code
                continue
            left = f"({text})" if " + " in text or " - " in text else text
            text = (
                f"{left} * {self.scopes.size(axis)} + {code}" if code != "0" else f"{left} * {self.scopes.size(axis)}"
            )
        return text or "0"


def stays(index: Expr, axis: Dimension) -> bool:
    """Whether an index certainly has values on its axis."""
    if isinstance(index, Component):
        return index.tensor.label_dimension == axis
    return bool(index.is_Integer) or (isinstance(index, Index) and index.dimension == axis)

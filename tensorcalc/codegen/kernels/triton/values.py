"""Entries of tensors in a kernel: read from memory under a mask, still in registers, or computed where used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from sympy import Expr, Tuple

from tensorcalc.binding import free_indices, rename
from tensorcalc.codegen.kernels.entries import stays
from tensorcalc.codegen.kernels.expressions import ATOM, Code
from tensorcalc.codegen.kernels.statements import Statement
from tensorcalc.codegen.kernels.triton.expressions import KernelScopes, TritonExpressions
from tensorcalc.codegen.kernels.triton.layout import Layout
from tensorcalc.codegen.names import Names, identifier
from tensorcalc.codegen.sizes import Origin, fits
from tensorcalc.expr import Component
from tensorcalc.index import Dimension, Index, Tensor

__all__ = ["Values"]


class Values(TritonExpressions):
    """Values in the loops of a kernel. `reads` are the arrays that were read, `masks` the variable that says for each
    index which of its values exist, `wide` the indices that are 64-bit integers, `local` the tensors that hold the
    rows of a block only.
    """

    def __init__(
        self,
        layout: Layout,
        names: Names,
        origins: Mapping[Dimension, Origin],
        words: dict[str, None],
        local: frozenset[Tensor],
    ) -> None:
        self.kernel_scopes = KernelScopes(names)
        super().__init__(self.kernel_scopes, words)
        self.layout = layout
        self.nest = layout.nest
        self.names = names
        self.origins = origins
        self.local_tensors = local
        self.reads: dict[Tensor, None] = {}
        self.masks: dict[Index, str] = {}
        self.wide: set[Index] = set()

    # entries

    def component(self, c: Component) -> Code:
        if c.tensor.is_label:
            return f"tl.cast({self.label(c)[0]}, REAL)", ATOM
        if self.layout.is_inline(c.tensor):
            return self._inline(c), ATOM
        if any(i.is_negative for i in c.indices if i.is_Integer):
            return "0.0", ATOM
        home = self.scopes.home(c)
        return self._at(home, lambda: self.scopes.bind(c, "real", self._entry_name(c), self._load(c), home)), ATOM

    def _at(self, depth: int, make: Callable[[], str]) -> str:
        """What a function makes while code goes into the scope at a depth."""
        outer, self.scopes.depth = self.scopes.depth, depth
        try:
            return make()
        finally:
            self.scopes.depth = outer

    def _inline(self, c: Component) -> str:
        """A value of the nest, computed in the outermost loop that has its indices, with what is added to it."""
        made = self.nest.definitions[c.tensor]
        names = {k: v for k, v in zip(made.target, c.indices, strict=True) if isinstance(k, Index)}
        expression = rename(made.expression, names)
        wanted = self.wanted(c.tensor)
        name = self.bound(expression, self.scopes.home(expression), wanted)
        additions = self.layout.added.get(c.tensor, ())
        for addition in additions:
            name = self._with_addition(c, made, addition, name)
        if additions or name.isidentifier():
            self.scopes.stack[self._home_of(c, made, additions)].known[c] = name
        return name

    def _home_of(self, c: Component, made: Statement, additions: Sequence[Statement]) -> int:
        """The scope to which a value with additions belongs; the loops of additions are inside it."""
        indices = set(free_indices(c)) | (set(free_indices(made.expression)) - set(made.target))
        for addition in additions:
            every = free_indices(addition.expression).union(*(free_indices(t) for t in addition.target))
            indices |= {i for i in every if i not in addition.loops}
        return self.scopes.home(Tuple(*indices)) if indices else 0

    def _with_addition(self, c: Component, made: Statement, addition: Statement, name: str) -> str:
        """The value with what is added at single entries: chosen by comparing the entry with the one that is meant."""
        letters: dict[Index, Expr] = {}
        tests: list[tuple[Expr, Expr]] = []
        for index, target in zip(c.indices, addition.target, strict=True):
            if isinstance(target, Index) and target in addition.loops and target not in letters:
                letters[target] = index
            else:
                tests.append((index, target))
        inner = [i for i in addition.loops if i not in letters]
        fresh = {i: Index(f"{i.name}{place}_", i.dimension) for place, i in enumerate(inner, start=2)}
        every: dict[Index, Expr] = {**letters, **fresh}
        home = self._home_of(c, made, [addition])
        stack = self.scopes.stack
        inside, stack[home + 1 :] = stack[home + 1 :], []
        outer, self.scopes.depth = self.scopes.depth, home
        try:
            if inner:
                wanted = self.scopes.variable(self.wanted(c.tensor), home)
                stack[home].lines.append(f"{wanted} = {name} + {self.blank(c)}")
                name = wanted
            for index in inner:
                self.scopes.push([fresh[index]])
            value = self.value(rename(addition.expression, every))
            conditions = [f"({self.integer(a)} == {self.integer(rename(b, every))})" for a, b in tests] or ["True"]
            new = name if inner else self.scopes.variable(self.wanted(c.tensor), self.scopes.depth)
            condition = " & ".join(conditions) if len(conditions) > 1 else conditions[0][1:-1]
            added = f"{name} - {value[1:]}" if value.startswith("-") and " " not in value else f"{name} + {value}"
            if not tests:
                stack[-1].lines.append(f"{new} = {added}")
            else:
                stack[-1].lines.append(f"{new} = tl.where({condition}, {added}, {name})")
            for index in reversed(inner):
                self.close_loop(fresh[index])
            return new
        finally:
            stack += inside
            self.scopes.depth = outer

    def blank(self, c: Component) -> str:
        """A zero of the shape that the values of a component have, so that a variable keeps its shape in a loop."""
        raise NotImplementedError

    @property
    def entry_shape(self) -> str:
        """The shape of a value that is the same for all rows and entries."""
        raise NotImplementedError

    def close_loop(self, index: Index) -> None:
        """End the innermost loop, over the values of an index one by one."""
        scope = self.scopes.pop()
        letter, size = self.scopes.letter(index), self.scopes.size(index.dimension)
        number = self.scopes.variable(f"{letter}_number", 0)
        lines = [f"{letter} = tl.full({self.entry_shape}, {number}, tl.int64)", *scope.lines, *scope.stores]
        body = "\n".join(f"    {line}" for text in lines for line in text.split("\n"))
        self.scopes.stack[-1].lines.append(f"for {number} in range({size}):\n{body}")

    def wanted(self, tensor: Tensor) -> str:
        """The name of a variable for an entry of a tensor."""
        name = identifier(tensor.name)
        return f"{name}_value" if tensor in self.layout.full else name

    def _entry_name(self, c: Component) -> str:
        letters = "".join(i.name for i in c.indices if isinstance(i, Index) and i.name.isalnum())
        return f"{identifier(c.tensor.name)}_{letters or 'entry'}"

    def label(self, c: Component) -> Code:
        known = self.scopes.known(c)
        if known is not None:
            return known, ATOM
        home = self.scopes.home(c)

        def load() -> str:
            return self.scopes.bind(c, "label", self._entry_name(c), self._load(c, ""), home)

        return self._at(home, load), ATOM

    def _load(self, c: Component, cast: str = ".to(REAL)") -> str:
        mask = self.mask(c, self._tests(c))
        if c.tensor not in self.nest.definitions:
            self.reads[c.tensor] = None
        zero = "0" if c.tensor.is_label else "0.0"
        return f"tl.load({self.place(c)}{f', mask={mask}, other={zero}' if mask else ''}){cast}"

    def mask(self, e: Expr, tests: Iterable[str] = ()) -> str:
        """The condition under which the values of all indices of an expression exist; empty where they always do."""
        masks = dict.fromkeys(self.masks[i] for i in sorted(free_indices(e), key=str) if i in self.masks)
        return " & ".join([*masks, *tests])

    def _tests(self, c: Component) -> list[str]:
        """Whether indices that may leave their axes are on them."""
        tests = []
        for index, axis in zip(c.indices, c.tensor.dimensions, strict=True):
            if stays(index, axis) or fits(index, axis, self.origins):
                continue
            code, size = self.integer(index, 3), self.scopes.size(axis)
            tests += [f"({code} >= 0)", f"({code} < {size})"]
        return tests

    def place(self, c: Component) -> str:
        """The pointer to an entry of a tensor in memory."""
        tensor, name = c.tensor, self.names.tensor(c.tensor)
        if self.nest.flat and c.indices == self.nest.flat:
            at = self.scopes.letter(self.nest.flat[-1])
            return f"{name} + {at}" + (" - first" if tensor in self.local_tensors else "")
        offset = self.offset(c.indices, tensor.dimensions, tensor in self.local_tensors)
        return f"{name} + {offset}" if offset != "0" else name

    def offset(self, indices: Sequence[Expr], axes: Sequence[Dimension], local: bool = False) -> str:
        """The place of an entry in an array, counted row by row in 64 bits; for `local` from the block's first row."""
        text = ""
        for place, (index, axis) in enumerate(zip(indices, axes, strict=True)):
            code = self.integer(index, 3 if text else 2)
            if not place and local:
                code = f"{code} - low"
            if not place and len(axes) > 1 and not index.is_Integer and not self._is_wide(index):
                code = f"tl.cast({code}, tl.int64)"
            if not text or text == "0":
                text = code
                continue
            left = f"({text})" if " + " in text or " - " in text else text
            stride = self.scopes.size(axis)
            text = f"{left} * {stride} + {code}" if code != "0" else f"{left} * {stride}"
        return text or "0"

    def _is_wide(self, index: Expr) -> bool:
        """Whether an index has 64 bits: rows, labels, and what is looped over one by one."""
        if isinstance(index, Index):
            return index in self.wide or index not in self.masks
        return isinstance(index, Component)

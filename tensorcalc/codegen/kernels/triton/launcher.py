"""The function of the generated file that starts the kernels: arrays, blocks, sums of parts, products in between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sympy
from sympy import Add, Expr, Integer, Mul, Pow, S

from tensorcalc.codegen.kernels.nests import Memory, Nest
from tensorcalc.codegen.kernels.products import Product
from tensorcalc.codegen.kernels.schedule import Block, Schedule
from tensorcalc.codegen.kernels.statements import Operation
from tensorcalc.codegen.kernels.triton.expressions import unsupported
from tensorcalc.codegen.kernels.triton.layout import Layout, Scatter, plain_places
from tensorcalc.codegen.kernels.triton.reductions import START
from tensorcalc.codegen.kernels.triton.writer import KernelCode
from tensorcalc.codegen.lowering import is_constant
from tensorcalc.codegen.names import Names
from tensorcalc.expr import Component
from tensorcalc.functions import function_of
from tensorcalc.index import Dimension, Index, Tensor

__all__ = ["Launcher"]

SCALARS = ("exp", "log", "sqrt", "tanh", "sigmoid", "abs", "sin", "cos")
"""Functions that may stand in the scale of a product of matrices."""
TOTAL = {Operation.SUM: "sum(0)", Operation.PRODUCT: "prod(0)"}


class Launcher:
    """Writes the body of the function. `kernels` are the kernels of each nest: that for whole rows, if there is one,
    and that for rows in blocks.
    """

    def __init__(
        self,
        schedule: Schedule,
        names: Names,
        layouts: Mapping[int, Layout],
        kernels: Mapping[int, Sequence[KernelCode]],
    ) -> None:
        self.schedule = schedule
        self.names = names
        self.layouts = layouts
        self.kernels = kernels
        self.lines: list[str] = []
        self.words: dict[str, None] = {}
        self.block: tuple[str, str] | None = None
        self.sums: dict[Tensor, str] = {}
        self._part_names: dict[Tensor, str] = {}
        self.made: set[Tensor] = set(schedule.outputs)
        self.narrow = self._narrow()

    def write(self) -> list[str]:
        """The lines that run the steps, in order."""
        for step in self.schedule.steps:
            if isinstance(step, Block):
                self._block(step)
            else:
                self._step(step)
        return self.lines

    def _narrow(self) -> set[Tensor]:
        """The tensors that products read and write: they have the precision of the arguments."""
        found: set[Tensor] = set()
        for step in self.schedule.single:
            if isinstance(step, Product):
                found |= {step.left.tensor, step.right.tensor, step.target.tensor}
        return found

    # sizes and arrays

    def size(self, dimension: Dimension) -> str:
        """The code of a size."""
        return str(dimension.size) if dimension.size is not None else self.names.dimension(dimension)

    def extent(self, dimensions: Iterable[Dimension], first: str = "") -> str:
        """The code of a product of sizes; `first` stands in place of that of the first."""
        codes = [self.size(d) for d in dimensions]
        if first:
            codes[0] = first
        return " * ".join(codes) or "1"

    def shape(self, dimensions: Sequence[Dimension], first: str = "") -> str:
        """The code of a shape."""
        codes = [self.size(d) for d in dimensions]
        if first:
            codes[0] = first
        return f"({', '.join(codes)}{',' if len(codes) == 1 else ''})"

    def _allocate(self, tensor: Tensor, first: str = "") -> None:
        """An array for what is neither argument nor result."""
        if tensor in self.made:
            return
        if not first:
            self.made.add(tensor)
        kind = "dtype" if tensor in self.narrow else "real"
        shape = self.shape(tensor.dimensions, first)
        self.lines.append(f"{self.names.tensor(tensor)} = torch.empty({shape}, dtype={kind}, device=device)")

    # steps

    def _step(self, step: Nest | Product, index: Index | None = None, local: frozenset[Tensor] = frozenset()) -> None:
        if isinstance(step, Product):
            self._product(step, index, local)
        else:
            self._nest(step, local)

    def _block(self, block: Block) -> None:
        """A loop over ranges of rows, with arrays for those rows only."""
        rows, low, high = (self.names.local(w) for w in ("block_rows", "low", "high"))
        size = self.size(block.dimension)
        local = frozenset(block.local)
        each = " + ".join(self.extent(t.dimensions[1:]) for t in block.local)
        for step, index in zip(block.steps, block.indices, strict=True):
            self._summed(step, index)
            made = [step.target.tensor] if isinstance(step, Product) else self._made_by(step)
            for tensor in made:
                if tensor not in local:
                    self._allocate(tensor)
        least = "LEAST" if any(isinstance(s, Product) and not s.batch and not s.outer for s in block.steps) else "1"
        self.lines.append(f"{rows} = max({least}, LOCAL // (({each}) * dtype.itemsize + 1))")
        self.lines.append(f"for {low} in range(0, {size}, {rows}):")
        outer, self.lines = self.lines, []
        self.lines.append(f"{high} = min({low} + {rows}, {size})")
        self.block = low, high
        for tensor in block.local:
            self._allocate(tensor, f"{high} - {low}")
        for step, index in zip(block.steps, block.indices, strict=True):
            self._step(step, index, local)
        self.block = None
        self.lines = [*outer, *(f"    {line}" for text in self.lines for line in text.split("\n"))]
        for tensor, name in self.sums.items():
            target = self.names.tensor(tensor)
            self.lines.append(f"if {name} is not {target}:\n    {target}.copy_({name})")
        self.sums.clear()

    def _summed(self, step: Nest | Product, index: Index) -> None:
        """Zeros for what the blocks add up."""
        if isinstance(step, Product):
            tensors = {step.target.tensor: Operation.SUM} if index in step.summed else {}
        else:
            tensors = {t: step.definitions[t].operation for t in step.tensors(Memory.PART)}
        for tensor, operation in tensors.items():
            if operation is not Operation.SUM:
                raise unsupported(f"{tensor.name}, a {operation.value} over blocks,")
            self._allocate(tensor)
            self.words["sums"] = None
            name = self.sums[tensor] = self.names.local(f"{self.names.tensor(tensor)}_sums")
            self.lines.append(f"{name} = _sums({self.names.tensor(tensor)}, real)")

    # kernels

    def _made_by(self, nest: Nest) -> list[Tensor]:
        """What a nest leaves in memory."""
        layout = self.layouts[id(nest)]
        return [*layout.full, *layout.parts]

    def _nest(self, nest: Nest, local: frozenset[Tensor]) -> None:
        layout, codes = self.layouts[id(nest)], self.kernels[id(nest)]
        for tensor in (*layout.full, *layout.parts):
            if tensor not in local:
                self._allocate(tensor)
        loops = layout.nest.flat or layout.nest.batch
        whole = next((c for c in codes if c.whole and c.blocks), None)
        other = next(c for c in codes if c is not whole)
        first, last, count = "0", self.extent(i.dimension for i in loops), ""
        if self.block is not None:
            low, high = self.block
            inner = self.extent(i.dimension for i in loops[1:])
            times = "" if inner == "1" else f" * {inner}"
            first, last = f"{low}{times}", f"{high}{times}"
            count = f"({high} - {low}){times}" if times else f"{high} - {low}"
        count = count or last
        if whole is None:
            self.lines += self._launch(layout, other, (first, last, count), "LONG")
        else:
            largest = [self.size(d) for d in whole.blocks]
            test = f"max({', '.join(largest)})" if len(largest) > 1 else largest[0]
            self.lines.append(f"if {test} <= LIMIT:")
            self.lines += [f"    {line}" for line in self._launch(layout, whole, (first, last, count), "LIMIT")]
            self.lines.append("else:")
            self.lines += [f"    {line}" for line in self._launch(layout, other, (first, last, count), "LONG")]
        for tensor in layout.parts:
            self._parts_added(layout, tensor)
        for scatter in layout.scatters:
            self._scatter(scatter)

    def _launch(self, layout: Layout, code: KernelCode, rows: tuple[str, str, str], most: str) -> list[str]:
        """The lines that start a kernel for some rows: the first, that behind the last, and how many."""
        first, last, count = rows
        names, flat = self.names, bool(layout.nest.flat)
        lines = []
        constants = ["REAL=REAL"]
        if flat:
            grid = f"triton.cdiv({count}, FLAT)"
            constants += ["BLOCK=FLAT", "num_warps=4"]
        else:
            blocks = {d: f"BLOCK_{names.dimension(d)}" for d in code.blocks}
            for dimension, name in blocks.items():
                lines.append(f"{name} = _block({self.size(dimension)}, {most})")
            width = "1" if not blocks else next(iter(blocks.values()))
            width = f"max({', '.join(blocks.values())})" if len(blocks) > 1 else width
            grid = "1"
            if layout.nest.batch:
                lines.append(f"ROWS = _rows({count}, {width})")
                constants.append("ROWS=ROWS")
                grid = f"triton.cdiv({count}, ROWS)"
            constants += [f"{b}={b}" for b in blocks.values()]
            constants.append(f"num_warps=_warps({'ROWS * ' if layout.nest.batch else ''}{width})")
        lines.append(f"programs = {self._programs(code, grid)}")
        for tensor, axes in code.parts.items():
            lines.append(self._parts(layout, code, tensor, axes))
        arguments = [names.tensor(t) for t in (*code.reads, *code.writes)]
        arguments += [self._parts_name(t) for t in code.parts]
        if self.block is not None:
            arguments += ([self.block[0]] if code.low else []) + [first]
        arguments += [last] if flat or layout.nest.batch else []
        arguments += [self.size(d) for d in code.sizes]
        call = f"{code.name}[(programs,)](\n    {', '.join([*arguments, *constants])},\n)"
        if code.parts or not (flat or layout.nest.batch):
            return [*lines, *call.split("\n")]
        return [*lines, "if programs:", *(f"    {line}" for line in call.split("\n"))]

    def _programs(self, code: KernelCode, grid: str) -> str:
        if not code.parts:
            return grid
        memory = [t for t in code.parts if t not in code.registers]
        return f"max(1, {grid})" if "FLAT" in grid else f"max(1, min({grid}, {self._most(memory)}))"

    def _most(self, memory: Sequence[Tensor]) -> str:
        """How many programs share the rows: fewer where each adds to much memory."""
        if not memory:
            return "PARTS"
        each = " + ".join(self.extent(t.dimensions) for t in memory)
        return f"PARTS, LOCAL // (4 * ({each}) + 1) + 1"

    def _parts_name(self, tensor: Tensor) -> str:
        if tensor not in self._part_names:
            self._part_names[tensor] = self.names.local(f"{self.names.tensor(tensor)}_parts")
        return self._part_names[tensor]

    def _parts(self, layout: Layout, code: KernelCode, tensor: Tensor, axes: Sequence[Dimension]) -> str:
        name = self._parts_name(tensor)
        shape = f"(programs{''.join(f', {self.size(d)}' for d in axes)}{',' if not axes else ''})"
        if tensor in code.registers:
            return f"{name} = torch.empty({shape}, dtype=real, device=device)"
        start = START[layout.nest.definitions[tensor].operation]
        return f"{name} = torch.full({shape}, {start}, dtype=real, device=device)"

    def _parts_added(self, layout: Layout, tensor: Tensor) -> None:
        operation = layout.nest.definitions[tensor].operation
        total = f"{self._parts_name(tensor)}.{TOTAL.get(operation, 'amax(0)')}"
        if tensor in self.sums:
            self.lines.append(f"{self.sums[tensor]} += {total}")
        else:
            self.lines.append(f"{self.names.tensor(tensor)}.copy_({total})")

    # additions at single entries

    def _scatter(self, scatter: Scatter) -> None:
        self.words["scatter"] = None
        places = plain_places(scatter.target)
        others = [p for p in range(len(scatter.target)) if p not in places]
        loops = scatter.loops[: len(scatter.loops) - len(places)]
        found = [self._place(scatter.target[p], loops) for p in others]
        tensor = self.names.tensor(scatter.tensor)
        if places and places[0] < others[-1]:
            tensor += f".permute({', '.join(map(str, (*others, *places)))})"
        whole = f"({', '.join(found)}{',' if len(found) == 1 else ''})"
        self.lines.append(f"_scatter({tensor}, {whole}, {self.names.tensor(scatter.values)})")

    def _place(self, e: Expr, loops: Sequence[Index]) -> str:
        """An index as an array over loops."""
        if isinstance(e, Integer):
            return f"torch.tensor({int(e)}, device=device)"
        if isinstance(e, Index):
            shape = ", ".join("-1" if i == e else "1" for i in loops)
            arange = f"torch.arange({self.size(e.dimension)}, device=device)"
            return arange if len(loops) == 1 else f"{arange}.view({shape})"
        if isinstance(e, Component):
            name = self.names.tensor(e.tensor)
            if e.indices == tuple(loops) or not e.indices:
                return name
            return f"{name}[{', '.join(self._place(i, loops) for i in e.indices)}]"
        if isinstance(e, Add):
            return f"({' + '.join(self._place(a, loops) for a in e.args)})"
        if isinstance(e, Mul):
            return " * ".join(str(int(a)) if isinstance(a, Integer) else self._place(a, loops) for a in e.args)
        raise unsupported(f"the index {e}")

    # products of matrices

    def _product(self, step: Product, index: Index | None, local: frozenset[Tensor]) -> None:
        self.words["product"] = None
        target = step.target.tensor
        keeps = target in self.sums
        if target not in local:
            self._allocate(target)
        view = _View(self, index, local)
        left = view.operand(step.left, step.batch, (step.rows, step.summed))
        right = view.operand(step.right, step.batch, (step.summed, step.columns))
        name = self.sums.get(target, self.names.tensor(target))
        scale = ""
        if step.scale is not S.One:
            code = self._number(step.scale)
            if step.scale.atoms(Component):
                left = f"({left} * {code})"
            else:
                scale = f", {code}"
        out = view.matrices(step.target, (step.batch, step.rows, step.columns), name)
        cast = ".to(dtype)"
        keep = ", keep=True" if keeps else ""
        self.lines.append(f"_multiply({out}, {left}{cast}, {right}{cast}{scale}{keep})")

    def _number(self, e: Expr) -> str:
        """A number that does not depend on an index, in Python."""
        if e.is_Number or e.is_NumberSymbol or is_constant(e):
            return repr(int(e)) if isinstance(e, Integer) else repr(float(e))
        if isinstance(e, Dimension):
            return self.size(e)
        if isinstance(e, Component) and not e.indices:
            return self.names.tensor(e.tensor)
        if isinstance(e, Mul):
            return " * ".join(self._number(a) for a in e.args)
        if isinstance(e, Add):
            return f"({' + '.join(self._number(a) for a in e.args)})"
        if isinstance(e, Pow) and e.exp.is_number:
            return f"{self._bracketed(e.base)} ** {float(e.exp)!r}"
        word = "exp" if isinstance(e, sympy.exp) else getattr(function_of(e), "name", "")
        if word in SCALARS:
            return f"torch.{word}({self._number(e.args[0])})"
        raise unsupported(f"{e} as the scale of a product of matrices")

    def _bracketed(self, e: Expr) -> str:
        return f"({self._number(e)})"


class _View:
    """Arrays as matrices, in a block for a range of values of `index`; `local` hold the rows of the block only."""

    def __init__(self, launcher: Launcher, index: Index | None, local: frozenset[Tensor]) -> None:
        self.launcher = launcher
        self.index = index
        self.local = local

    def operand(self, c: Component, batch: Sequence[Index], groups: tuple[Sequence[Index], ...]) -> str:
        """The matrices of an operand; the same one for all of the batch where it has no index of that."""
        text = self.matrices(c, (batch, *groups))
        if not batch or batch[0] in c.indices:
            return text
        low, high = self.launcher.block or ("", "")
        count = f"{high} - {low}" if batch[0] == self.index else self.launcher.size(batch[0].dimension)
        return f"{text}.expand({count}, -1, -1)"

    def matrices(self, c: Component, groups: tuple[Sequence[Index], ...], name: str = "") -> str:
        """The view of an array, or of `name` in its place, with one axis for each group of indices that has any."""
        launcher = self.launcher
        text = name or launcher.names.tensor(c.tensor)
        low, high = launcher.block or ("", "")
        inside = self.index is not None and c.indices[:1] == (self.index,)
        if inside and c.tensor not in self.local:
            text = f"{text}[{low}:{high}]"
        groups = tuple([i for i in group if i in c.indices] for group in groups)
        places = [c.indices.index(i) for group in groups for i in group]
        if places == [1, 0]:
            text += ".T"
        elif places != list(range(len(places))):
            text += f".permute({', '.join(map(str, places))})"
        groups = tuple(g for g in groups if g)
        if all(len(g) == 1 for g in groups):
            return text
        sizes = [
            launcher.extent((i.dimension for i in g), f"({high} - {low})" if inside and g[0] == self.index else "")
            for g in groups
        ]
        return f"{text}.{'view' if name else 'reshape'}({', '.join(sizes)})"

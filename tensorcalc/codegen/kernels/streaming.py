"""Results that go past the cache: in blocks, while the next row is fetched and single entries are corrected."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence

from tensorcalc.codegen.kernels.entries import Entries
from tensorcalc.codegen.kernels.nests import Memory, Nest, Pass
from tensorcalc.codegen.kernels.statements import Operation, Statement
from tensorcalc.codegen.names import Names
from tensorcalc.codegen.sizes import Origin
from tensorcalc.index import Dimension, Index, Tensor

__all__ = ["Streaming", "added", "block"]


class Streaming(Entries):
    """Writes the innermost loop of a pass. `streams` are the results that go past the cache, with the variables of
    their blocks; `at` counts the rows, `last` says whether it is the last pass over a row that is being written.
    """

    def __init__(self, nest: Nest, names: Names, origins: Mapping[Dimension, Origin], words: dict[str, None]) -> None:
        super().__init__(nest, names, origins, words)
        self.streams: dict[Tensor, str] = {}
        self.at = ""
        self.last = False

    def close(
        self,
        loops: Sequence[Index],
        body: Sequence[str],
        pragma: str,
        streamed: Sequence[Tensor],
        folded: Sequence[Statement],
    ) -> None:
        """The innermost loop, in blocks where results are streamed."""
        letter = self._loop_letter(loops)
        if self.nest.flat:
            first, last = "begin", "end"
        else:
            first, last = "0", self.scopes.size(loops[-1].dimension)
        if not streamed:
            head = f"for (ptrdiff_t {letter} = {first}; {letter} < {last}; {letter}++)"
            self.emit((pragma + "\n" if pragma else "") + block(head, body))
            return
        low, high = self.names.local(f"{letter}0"), self.names.local(f"{letter}1")
        lines = [f"const ptrdiff_t {high} = {low} + BLOCK < {last} ? {low} + BLOCK : {last};"]
        if self.last:
            lines += self._fetches(loops, low, high)
        for tensor in streamed:
            pointer, base = self.base[tensor]
            lines.append(f"real *const {pointer} = stream ? {self.streams[tensor]} : {base} + {low};")
        lines.append(
            (pragma + "\n" if pragma else "")
            + block(
                f"for (ptrdiff_t {letter} = {low}; {letter} < {high}; {letter}++)",
                [line.replace("@low@", low) for line in body],
            )
        )
        for statement in folded:
            entry = self.integer(statement.target[-1])
            value = self.value(statement.expression)
            pointer, _ = self.base[statement.tensor]
            lines.append(
                f"if ((size_t)({entry} - {low}) < (size_t)({high} - {low}))\n    "
                + added(f"{pointer}[{entry} - {low}]", value)
            )
        outs = []
        for tensor in streamed:
            pointer, base = self.base[tensor]
            outs.append(f"stream_out({base} + {low}, {pointer}, {high} - {low});")
        lines.append(block("if (stream)", outs))
        for tensor in streamed:
            pointer, _ = self.base[tensor]
            self.names.release([pointer])
        self.emit(block(f"for (ptrdiff_t {low} = {first}; {low} < {last}; {low} += BLOCK)", lines))
        self.names.release([low, high])
        for statement in folded:
            self.scopes.forget(statement.tensor)

    def _fetches(self, loops: Sequence[Index], low: str, high: str) -> list[str]:
        """The lines that ask for the next row of what earlier passes read, a block at a time."""
        batch = self.nest.batch
        if not batch or len(self.nest.passes) < 2:
            return []
        rows = [
            f"fetch({row} + {self.scopes.extent(tensor.dimensions[len(batch) :])} + {low}, {high} - {low});"
            for tensor, row in self.row_pointers(batch)
            if tensor.dimensions[len(batch) :] == (loops[-1].dimension,) and not tensor.is_label
        ]
        return [block(f"if (stream && {self.at} + 1 < end)", rows)] if rows else []

    def streamed_results(self, entry: Pass, loops: Sequence[Index]) -> list[Tensor]:
        """The results of a pass that are written once, in the order of memory, and not read again in the nest."""
        nest = self.nest
        if len(loops) != 1 and not nest.flat:
            return []
        found = []
        for statement in entry.statements:
            target = statement.target
            whole = target == nest.flat if nest.flat else bool(target) and target[-1:] == tuple(loops)
            if statement.operation is not Operation.ASSIGN or nest.memory[statement.tensor] is not Memory.FULL:
                continue
            later = [p for p in nest.passes if p.number > entry.number]
            read = any(
                a.tensor == statement.tensor
                for s in (*(s for p in later for s in p.statements), *(s for v in nest.scalars.values() for s in v))
                for a in s.accesses
            ) or any(s.tensor == statement.tensor for p in later for s in p.statements)
            if whole and not read:
                found.append(statement.tensor)
                variable = self.streams.get(statement.tensor) or self.names.local(
                    f"{self.names.tensor(statement.tensor)}_block"
                )
                self.streams[statement.tensor] = variable
        return found

    def folded_additions(self, entry: Pass, streamed: Sequence[Tensor]) -> list[Statement]:
        """Additions at single entries of a row that is being written: done while the row is at hand."""
        found = []
        for number, additions in self.nest.scalars.items():
            for statement in additions:
                if (
                    number == entry.number + 1
                    and statement.operation is Operation.ADD
                    and statement.tensor in streamed
                    and statement.target[:-1] == self.nest.group.axes[statement.tensor][:-1]
                    and not self._waits(statement, entry)
                ):
                    found.append(statement)
        return found

    def _waits(self, statement: Statement, entry: Pass) -> bool:
        """Whether what a statement reads is only known at the end of a pass."""
        unfinished = {s.tensor for p in self.nest.passes if p.number >= entry.number for s in p.statements if s.reduces}
        read = [statement]
        for one in read:
            for access in one.accesses:
                if access.tensor in unfinished:
                    return True
                made = self.nest.definitions.get(access.tensor)
                if made is not None and not any(made is r for r in read):
                    read.append(made)
        return False

    def stream_base(self, tensor: Tensor) -> None:
        """The pointer to the row of a result, and the variable for where its block is written."""
        name = self.names.tensor(tensor)
        pointer = self.names.local(f"{name}_at")
        axes = self.nest.group.axes[tensor]
        self.base[tensor] = pointer, name if self.nest.flat else self.pointer(name, "real", tensor, axes[:-1])

    def _loop_letter(self, loops: Sequence[Index]) -> str:
        return self.scopes.letter(loops[-1])

    def emit(self, text: str) -> None:
        self.scopes.stack[-1].lines.append(text)


def added(place: str, value: str) -> str:
    return f"{place} -= {value[1:]};" if value.startswith("-") and " " not in value else f"{place} += {value};"


def block(head: str, body: Iterable[str]) -> str:
    text = textwrap.indent("\n".join(body), "    ")
    return f"{head} {{\n{text}\n}}" if text else f"{head} {{\n}}"

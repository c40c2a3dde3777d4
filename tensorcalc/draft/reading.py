"""What an author writes for a step: text or a SymPy expression becomes an expression over the system's own tensors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from sympy import Expr, S
from sympy.core.basic import Basic

from tensorcalc.binding import Binder, free_indices, rebuild
from tensorcalc.construction import equations
from tensorcalc.construction import tensor as named
from tensorcalc.errors import Source, Span, TensorCalcError
from tensorcalc.index import Adjoint, BoundIndex, Dimension, Index, Tensor
from tensorcalc.notation import parse_text
from tensorcalc.render import system_text
from tensorcalc.system import System, tensors_in

__all__ = ["Reader"]

_NAMES = re.compile(r"[^\W\d]\w*")


class Reader:
    """Reads expressions in the setting of a lemma: over the tensors of a system, with upstream gradients `d_<name>`.

    Letters of the lemma keep their meaning. Another letter that occurs once stands for any index; what occurs more
    often is summed, as everywhere in the notation.
    """

    def __init__(self, system: System, lines: Iterable[Expr]) -> None:
        lines = tuple(lines)
        self.system = system
        self.free = {i.name: i for e in lines for i in free_indices(e) if not isinstance(i, BoundIndex)}
        self.tensors = {**system.tensors}
        self.tensors |= {t.name: t for e in lines for t in tensors_in(e) if isinstance(t, Adjoint)}

    def read(self, written: str | Expr, beside: Expr = S.One) -> Expr:
        """The expression; letters that are free in `beside` have their meaning from there.

        Raises `TensorCalcError` as the notation does.
        """
        letters = {**{i.name: i for i in free_indices(beside)}, **self.free}
        if isinstance(written, str):
            return self._parsed(written, letters)
        if set(tensors_in(written)) <= set(self.tensors.values()):
            return written
        left, free = named("line_"), sorted(free_indices(written), key=lambda i: i.name)
        text = equations({left[tuple(free)] if free else left: written}).split(" = ", 1)[1]
        return self._parsed(text, letters)

    def _parsed(self, text: str, letters: Mapping[str, Index]) -> Expr:
        head = self._declarations(letters)
        left = [w for w in dict.fromkeys(_NAMES.findall(text)) if w in letters]
        while True:
            source = f"{head}{self._name}{_bracketed(left)} = "
            try:
                system = parse_text(source + text)
                break
            except TensorCalcError as error:
                placed = _placed(error, text, len(source))
                letter = "" if placed.span is None else text[placed.span.start : placed.span.end]
                if error.code != "E_DANGLING_INDEX" or not letter or letter in left:
                    raise placed from None
                left.append(letter)  # it stands for any index
        dimensions = {
            theirs: mine
            for t in system.tensors.values()
            if t.name in self.tensors
            for theirs, mine in zip(t.dimensions, self.tensors[t.name].dimensions, strict=True)
        }
        return _transplanted(system.definitions[-1].rhs, self.tensors, dimensions)

    def _declarations(self, letters: Mapping[str, Index]) -> str:
        text = system_text(self.system)
        known = {w.strip() for line in re.findall(r"^index (.*)$", text, re.MULTILINE) for w in re.split(r"[,:]", line)}
        found = [f"index {letter}: {i.dimension.extent}" for letter, i in letters.items() if letter not in known]
        for name, tensor in self.tensors.items():
            if name not in self.system.tensors:
                found.append(f"tensor {name}{_bracketed([str(d.extent) for d in tensor.dimensions])}")
        return "\n".join([*found, text])

    @property
    def _name(self) -> str:
        """A name that is free, for the left side of an equation."""
        name = "line_"
        while name in self.tensors:
            name += "_"
        return name


def _bracketed(names: list[str]) -> str:
    return f"[{','.join(names)}]" if names else ""


def _placed(error: TensorCalcError, text: str, start: int) -> TensorCalcError:
    """The error with its place in what the author wrote."""
    span = error.span
    if span is None or span.start < start:
        return TensorCalcError(error.code, error.message, hint=error.hint)
    place = Span(span.start - start, span.end - start)
    return TensorCalcError(error.code, error.message, place, Source(text, "<step>"), error.label, error.hint)


def _transplanted(node: Basic, tensors: Mapping[str, Tensor], dimensions: Mapping[Dimension, Dimension]) -> Expr:
    """The expression over other tensors of the same names, and their dimensions."""
    if isinstance(node, Tensor):
        return tensors.get(node.name, node)
    if isinstance(node, Index):
        return Index(node.name, dimensions.get(node.dimension, node.dimension))
    if isinstance(node, Dimension):
        return dimensions.get(node, node)
    if isinstance(node, Binder):
        body, indices = node.open()
        inner = (_transplanted(e, tensors, dimensions) for e in (body, *indices))
        return node.func(*inner)
    if not node.args:
        return node
    return rebuild(node, [_transplanted(a, tensors, dimensions) for a in node.args])

"""What every name of a text is: dimension, index, tensor of numbers or label, and with how many indices."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

from tensorcalc.errors import Span, TensorCalcError
from tensorcalc.notation.statements import Declaration, DimensionName, Equation

__all__ = ["Symbol", "Symbols", "did_you_mean"]

_ORDERS = {0: "a scalar", 1: "a vector", 2: "a matrix"}


@dataclass(slots=True)
class Symbol:
    """A tensor: where it was first met, and how (`declared`, `defined` or `used`)."""

    name: str
    order: int
    label: bool
    how: str
    span: Span
    declaration: Declaration | None = None
    equation: Equation | None = None


@dataclass(slots=True)
class Symbols:
    """The names of a text. Tensors are listed in the order in which they are declared, defined or first used."""

    text: str
    tensors: dict[str, Symbol] = field(default_factory=dict)
    indices: dict[str, Declaration] = field(default_factory=dict)
    dimensions: dict[str, DimensionName] = field(default_factory=dict)
    inputs: dict[str, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    strict: bool = False
    """Whether every input must be declared: the text declares a tensor."""

    def declare(self, declaration: Declaration) -> None:
        """Take up one declaration. Raises `TensorCalcError` E_REDEFINED."""
        table = self.indices if declaration.kind == "index" else self.tensors
        earlier = table.get(declaration.name)
        if earlier is not None:
            raise self._redefined(f"{declaration.name} is declared twice", declaration.span, earlier.span)
        for dimension in (*declaration.axes, declaration.dimension):
            if dimension is not None:
                self.dimensions.setdefault(dimension.name, dimension)
        if declaration.kind == "index":
            self.indices[declaration.name] = declaration
            return
        self.strict = self.strict or declaration.kind == "tensor"
        self.tensors[declaration.name] = Symbol(
            declaration.name,
            len(declaration.axes),
            declaration.kind == "label",
            "declared",
            declaration.span,
            declaration,
        )

    def define(self, equation: Equation) -> None:
        """Take up the left side of a definition. Raises `TensorCalcError` E_REDEFINED or E_ORDER."""
        symbol = self.tensors.get(equation.name)
        if symbol is None:
            order = len(equation.indices)
            self.tensors[equation.name] = Symbol(
                equation.name, order, False, "defined", equation.left, equation=equation
            )
            return
        if symbol.equation is not None:
            first, second = (self._line(e) for e in (symbol.equation, equation))
            where = f", in lines {first} and {second}" if first != second else ""
            raise self._redefined(f"{equation.name} is defined twice{where}", equation.left, symbol.equation.left)
        if symbol.label:
            message = f"{symbol.name} is declared a label: its values are given, not defined"
            raise self._redefined(message, equation.left, symbol.span)
        self.check_order(symbol, len(equation.indices), equation.left)
        symbol.equation = equation

    def check_dimension_names(self) -> None:
        """Raise E_REDEFINED where a declared dimension has the name of a tensor."""
        for name, dimension in self.dimensions.items():
            if name in self.tensors:
                message = f"{name} names both a dimension and a tensor"
                error = self._redefined(message, self.tensors[name].span, dimension.span)
                error.related = [("the dimension", dimension.span)]
                error.hint = "give one of them another name"
                raise error

    def use(self, name: str, order: int, span: Span, label: bool = False) -> None:
        """Take up a use with `order` indices, as a label or as numbers.

        Raises `TensorCalcError` E_ORDER, E_BAD_INDEX or E_INDEX_AS_VALUE.
        """
        symbol = self.tensors.get(name)
        if symbol is None:
            symbol = self.tensors[name] = Symbol(name, order, label, "used", span)
        if symbol.label != label:
            raise self._two_kinds(symbol, span, label)
        self.check_order(symbol, order, span)
        if symbol.equation is None:
            self.inputs.setdefault(name)

    def check_order(self, symbol: Symbol, order: int, span: Span) -> None:
        """Raise E_ORDER where a tensor has another number of indices."""
        if symbol.order == order:
            return
        written = self.text[symbol.span.start : symbol.span.end]
        example = f"{symbol.name}[{','.join('ijklmnpqrstuvw'[: symbol.order])}]" if symbol.order else symbol.name
        if order:
            message = f"{symbol.name} has {_count(symbol.order)}, {order} given"
        else:
            kind = _ORDERS.get(symbol.order, "a tensor")
            message = f"{symbol.name} is {kind} (order {symbol.order}) and stands here without an index"
        how = {"declared": "declared", "defined": "defined as", "used": "first used as"}[symbol.how]
        hint = f"{symbol.name} is {how} {written}: write {example}"
        raise TensorCalcError("E_ORDER", message, span, hint=hint, related=[(f"{how} {written}", symbol.span)])

    def _two_kinds(self, symbol: Symbol, span: Span, label: bool) -> TensorCalcError:
        name = symbol.name
        related = [("the other use" if symbol.how == "used" else f"{symbol.how} here", symbol.span)]
        if not label:
            message = f"{name} is a label and is used here as a number"
            hint = "labels only select components; pass the number as another input"
            return TensorCalcError("E_INDEX_AS_VALUE", message, span, hint=hint, related=related)
        message = f"{name} is a tensor of numbers and stands here as an index"
        shown = self.text[span.start : span.end]
        hint = f"if it holds whole numbers that are given, declare `label {shown}`"
        if symbol.equation is not None:
            hint = "only whole numbers that are given can select: use an input, which `label` declares"
        return TensorCalcError("E_BAD_INDEX", message, span, hint=hint, related=related)

    def known(self) -> list[str]:
        """Every name that can stand in a formula as a value."""
        return [*self.tensors, *self.dimensions]

    def _line(self, equation: Equation) -> int:
        return self.text.count("\n", 0, equation.span.start) + 1

    def _redefined(self, message: str, span: Span, earlier: Span) -> TensorCalcError:
        hint = "each name is declared or defined once; choose another name"
        return TensorCalcError("E_REDEFINED", message, span, hint=hint, related=[("first here", earlier)])


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint with the names most like an unknown one; empty if none is."""
    close = difflib.get_close_matches(name, sorted(set(known)), n=2, cutoff=0.6) if len(name) > 1 else []
    same = [k for k in known if k.lower() == name.lower()]
    found = list(dict.fromkeys([*same, *close]))
    return f"did you mean {' or '.join(found)}?" if found else ""


def _count(order: int) -> str:
    return "no index" if order == 0 else "1 index" if order == 1 else f"{order} indices"

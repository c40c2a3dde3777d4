"""What every name in an expression means: index, label, component, function, dimension."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tensorcalc.errors import Span, TensorCalcError
from tensorcalc.notation.habits import COUNTS, SAME, WRITTEN, compared
from tensorcalc.notation.statements import Equation, reserved_error
from tensorcalc.notation.symbols import Symbols, did_you_mean
from tensorcalc.notation.tree import (
    Access,
    Binder,
    Call,
    Entry,
    Letter,
    Matrix,
    MatrixAccess,
    Name,
    Negate,
    Node,
    Number,
    OneAccess,
    Ones,
    Pair,
    Position,
    Product,
    Total,
    children,
    with_children,
)
from tensorcalc.notation.vocabulary import CALLS, MATRICES, PAIRS, RESERVED

__all__ = ["Formula", "resolve"]

LARGEST_INDEX = 2**31


@dataclass(frozen=True, slots=True)
class Formula:
    """A definition whose names have been understood: free indices on the left, the expression on the right."""

    equation: Equation
    letters: tuple[Letter, ...]
    right: Node

    @property
    def name(self) -> str:
        return self.equation.name


def resolve(equation: Equation, symbols: Symbols) -> Formula:
    """Give every name of a definition its meaning, and enter its tensors into `symbols`.

    Raises `TensorCalcError` E_ARGUMENTS, E_BAD_INDEX, E_CYCLE, E_INDEX_AS_VALUE, E_ORDER, E_RESERVED, E_SYNTAX or
    E_UNKNOWN_NAME.
    """
    resolver = _Resolver(equation, symbols)
    letters = tuple(resolver.left_letter(node) for node in equation.indices)
    right = resolver.node(equation.right, frozenset())
    resolver.check_names()
    return Formula(equation, letters, right)


class _Resolver:
    """The meaning of the names of one definition; `bound` are the indices of the explicit binders around a node."""

    def __init__(self, equation: Equation, symbols: Symbols) -> None:
        self.equation = equation
        self.symbols = symbols
        self.letters: set[str] = set()
        self.left: set[str] = set()
        self.new: list[Name | Access | MatrixAccess] = []  # names that the text does not explain
        self.extents: list[Name] = []  # dimensions used as numbers
        self.extremes: dict[Span, str] = {}  # names alone that stand first in a max or min
        self.readers: dict[type[Node], Callable[..., Node]] = {
            Name: self._value,
            Access: self._component,
            OneAccess: self._one,
            MatrixAccess: self._inverse,
            Call: self._call,
            Binder: self._binder,
        }

    def node(self, node: Node, bound: frozenset[str]) -> Node:
        """The expression with its names understood."""
        reader = self.readers.get(type(node))
        if reader is not None:
            return reader(node, bound)
        parts = children(node)
        if not parts:
            return node
        results = []
        for part in parts:
            results.append(self.node(part, bound))
        return with_children(node, results)

    def left_letter(self, node: Node) -> Letter:
        """An index on the left of the definition."""
        name = self.equation.name
        letter = self._atom(node, frozenset()) if isinstance(node, Name) else None
        if not isinstance(letter, Letter):
            message = f"the left side of a definition names its free indices; {self._text(node.span)} is none"
            hint = f"write {name}[i] = …"
            if isinstance(node, Name):
                hint = (
                    f"{node.name} is read as a label; declare it with `index {node.name}: …` or use a lower-case letter"
                )
            raise TensorCalcError("E_BAD_INDEX", message, node.span, hint=hint)
        if letter.name in self.left:
            message = f"the index {letter.name} stands twice on the left of {self._text(self.equation.left)}"
            hint = f"name the axes differently and join them with a delta: {name}[i,j] = delta(i,j)*…"
            raise TensorCalcError("E_BAD_INDEX", message, node.span, hint=hint)
        self.left.add(letter.name)
        return letter

    def check_names(self) -> None:
        """Raise where a name that nothing explains is an index, or where the text declares its tensors."""
        for node in self.new:
            if isinstance(node, Name) and (node.name in self.letters or node.name in self.symbols.indices):
                message = f"the index {node.name} is used as a number"
                extreme = self.extremes.get(node.span)
                hint = f"make it a tensor with the values you mean: {node.name}_value[{node.name}]"
                hint = COUNTS[extreme] if extreme else hint
                raise TensorCalcError("E_INDEX_AS_VALUE", message, node.span, hint=hint)
            if self.symbols.strict:
                raise self._unknown(node.name, node.span)
        for name in dict.fromkeys(node.name for node in self.extents if node.name in self.letters):
            where = f"In the definition of {self.equation.name}, {name} outside of brackets"
            self.symbols.notes.append(f"{where} is the length of the dimension {name}.")

    def _text(self, span: Span) -> str:
        return self.symbols.text[span.start : span.end]

    def _unknown(self, name: str, span: Span) -> TensorCalcError:
        tensors = self.symbols.tensors
        known = [k for k in self.symbols.known() if k not in tensors or tensors[k].how != "used"]
        kind = "label" if tensors[name].label else "tensor"
        hint = did_you_mean(name, known) or f"the text declares its tensors: declare `{kind} {self._text(span)}` too"
        return TensorCalcError("E_UNKNOWN_NAME", f"{name} is neither declared nor defined", span, hint=hint)

    def _use(self, node: Name | Access | MatrixAccess, order: int, span: Span, label: bool = False) -> None:
        if node.name in RESERVED:
            raise self._word(node.name, span)
        if node.name == self.equation.name:
            message = f"{node.name} is defined by itself"
            hint = "a definition gives a new value a name of its own; use another name on the left"
            raise TensorCalcError("E_CYCLE", message, span, hint=hint)
        symbol = self.symbols.tensors.get(node.name)
        if symbol is None or symbol.how == "used":
            self.new.append(node)
        self.symbols.use(node.name, order, span, label)

    def _word(self, word: str, span: Span) -> TensorCalcError:
        error = reserved_error(word, span)
        if word in CALLS or word in MATRICES:
            error.hint = f"apply it to something: {word}(…)"
        return error

    def _value(self, node: Name, bound: frozenset[str]) -> Node:
        if node.name == "pi":
            return node
        if node.name in self.symbols.dimensions and node.name not in self.symbols.tensors:
            self.extents.append(node)
            return node
        if node.name in bound and node.name not in self.symbols.tensors:
            self.new.append(node)
            self.letters.add(node.name)
            return node
        self._use(node, 0, node.span)
        return Entry(node.span, node.name, ())

    def _component(self, node: Access, bound: frozenset[str]) -> Node:
        self._use(node, len(node.arguments), node.span)
        return Entry(node.span, node.name, self._positions(node.arguments, bound))

    def _inverse(self, node: MatrixAccess, bound: frozenset[str]) -> Node:
        return self._matrix(node, "inv", self._positions(node.arguments, bound))

    def _matrix(self, node: MatrixAccess, kind: str, positions: tuple[Position, ...]) -> Node:
        if kind == "inv" and len(positions) != 2:
            message = f"inv({node.name}) has 2 indices, {len(positions)} given"
            raise TensorCalcError("E_ORDER", message, node.span, hint=f"write inv({node.name})[i,j]")
        self._use(node, 2, node.span)
        return Matrix(node.span, kind, node.name, positions)

    def _one(self, node: OneAccess, bound: frozenset[str]) -> Node:
        letters = []
        for argument in node.arguments:
            letter = self._atom(argument, bound) if isinstance(argument, Name) else None
            if not isinstance(letter, Letter):
                message = f"a one-tensor takes indices; {self._text(argument.span)} is none"
                raise TensorCalcError("E_BAD_INDEX", message, argument.span, hint="for instance 1[i]")
            letters.append(letter)
        return Ones(node.span, tuple(letters))

    def _binder(self, node: Binder, bound: frozenset[str]) -> Node:
        for letter in node.letters:
            symbol = self.symbols.tensors.get(letter.name)
            if letter.name in RESERVED:
                raise reserved_error(letter.name, letter.span)
            if symbol is not None and symbol.label:
                message = f"{letter.name} is a label: it selects one component and cannot be summed over"
                raise TensorCalcError("E_BAD_INDEX", message, letter.span, hint="use another letter for the index")
            self.letters.add(letter.name)
        return with_children(node, [self.node(node.body, bound | {letter.name for letter in node.letters})])

    def _call(self, node: Call, bound: frozenset[str]) -> Node:
        count = len(node.arguments)
        if node.name in PAIRS:
            self._check_count(node, 2)
            first, second = self._compared(node, bound)
            return Pair(node.span, node.name, (first, second))
        if node.name in MATRICES:
            argument = node.arguments[0]
            if count != 1 or not isinstance(argument, Name):
                message = f"{node.name} takes the name of one matrix"
                hint = f"define the matrix first: X[i,j] = …, then {node.name}(X)"
                raise TensorCalcError("E_ARGUMENTS", message, node.span, hint=hint)
            return self._matrix(MatrixAccess(node.span, argument.name, ()), node.name, ())
        if node.name not in CALLS:
            raise self._no_function(node)
        self._check_count(node, CALLS[node.name])
        if node.name in ("max", "min") and isinstance(node.arguments[0], Name):
            self.extremes[node.arguments[0].span] = node.name
        results = []
        for argument in node.arguments:
            results.append(self.node(argument, bound))
        return with_children(node, results)

    def _compared(self, node: Call, bound: frozenset[str]) -> tuple[Position, ...]:
        try:
            return self._positions(node.arguments, bound)
        except TensorCalcError as error:
            if error.code == "E_BAD_INDEX" and node.name != "delta":
                error.hint = compared(node.name)
            raise

    def _check_count(self, node: Call, count: int) -> None:
        given = len(node.arguments)
        if given == count:
            return
        message = f"{node.name} takes {count} argument{'s' if count > 1 else ''}, {given} given"
        hint = f"nest it: {node.name}(a, {node.name}(b, c))" if node.name in ("max", "min") and given > 2 else ""
        hint = hint or COUNTS.get(node.name, "") or (f"for instance {node.name}(i,j)" if node.name in PAIRS else "")
        raise TensorCalcError("E_ARGUMENTS", message, node.span, hint=hint)

    def _no_function(self, node: Call) -> TensorCalcError:
        span = Span(node.span.start, node.span.start + len(node.name))
        name = node.name
        if name in RESERVED:
            return reserved_error(name, span)
        arguments = ", ".join(self._text(a.span) for a in node.arguments)
        if name in self.symbols.tensors or name == self.equation.name:
            message = f"{name} is a tensor, not a function"
            hint = f"a component is written {name}[i], a product {name}*({arguments})"
            return TensorCalcError("E_SYNTAX", message, node.span, hint=hint)
        known = [*CALLS, *MATRICES, *PAIRS, "sum", "prod", "amax", "one"]
        hint = f"did you mean {SAME[name]}?" if name in SAME else WRITTEN.get(name) or did_you_mean(name, known)
        if not hint and all(isinstance(a, Name) for a in node.arguments):
            hint = f"a component of a tensor is written in square brackets: {name}[{arguments}]"
        hint = hint or f"the functions are {' '.join(sorted(CALLS))}; define any other with them"
        return TensorCalcError("E_UNKNOWN_NAME", f"there is no function {name}", span, hint=hint)

    def _positions(self, arguments: tuple[Node, ...], bound: frozenset[str]) -> tuple[Position, ...]:
        return tuple([self._position(a, bound) for a in arguments])

    def _position(self, node: Node, bound: frozenset[str]) -> Position:
        parts: dict[str | Entry, tuple[int, Letter | Entry]] = {}
        found, offset = self._affine(node, bound)
        for factor, part in found:
            key = part.name if isinstance(part, Letter) else part
            parts[key] = (factor + parts.get(key, (0, part))[0], part)
        terms = tuple((f, p) for f, p in parts.values() if f)
        if offset < 0 or any(f < 0 for f, _ in terms):
            shown = self._text(node.span)
            message = f"indices count from 0, and {shown} {'can be' if terms else 'is'} negative"
            hint = "shift the other indices instead: x[t+1] next to x[t]" if terms else "the first entry is x[0]"
            raise TensorCalcError("E_BAD_INDEX", message, node.span, hint=hint)
        if max([offset, *(f for f, _ in terms)]) >= LARGEST_INDEX:
            message = f"{self._text(node.span)[:40]} is too big for an index"
            raise TensorCalcError("E_NUMBER_TOO_BIG", message, node.span)
        return Position(node.span, terms, offset)

    def _affine(self, node: Node, bound: frozenset[str]) -> tuple[list[tuple[int, Letter | Entry]], int]:
        """Whole coefficients of indices and labels, and a whole number."""
        match node:
            case Name() | Access():
                return [(1, self._atom(node, bound))], 0
            case Number() if node.value.denominator == 1:
                return [], int(node.value)
            case Negate():
                return _scaled(self._affine(node.operand, bound), -1)
            case Total():
                parts: list[tuple[int, Letter | Entry]] = []
                offset = 0
                for term, minus in zip(node.terms, node.subtracted, strict=True):
                    more, number = _scaled(self._affine(term, bound), -1 if minus else 1)
                    parts.extend(more)
                    offset += number
                return parts, offset
            case Product() if not any(node.divides):
                return self._scaled_index(node, bound)
        raise self._bad_index(node)

    def _scaled_index(self, node: Product, bound: frozenset[str]) -> tuple[list[tuple[int, Letter | Entry]], int]:
        result: tuple[list[tuple[int, Letter | Entry]], int] = [], 1
        for factor in node.factors:
            parts, number = self._affine(factor, bound)
            if parts and result[0]:
                raise self._bad_index(node)
            result = _scaled(result, number) if not parts else _scaled((parts, number), result[1])
            if abs(result[1]) >= LARGEST_INDEX:
                raise self._bad_index(node)
        return result

    def _bad_index(self, node: Node) -> TensorCalcError:
        shown = self._text(node.span)
        message = f"{shown[:40]} is no index"
        hint = "an index is a letter, a label, a whole number, or a sum such as 2*t + k"
        return TensorCalcError("E_BAD_INDEX", message, node.span, hint=hint)

    def _atom(self, node: Name | Access, bound: frozenset[str]) -> Letter | Entry:
        """An index, or a label with its own positions."""
        name, symbols = node.name, self.symbols
        if name in RESERVED:
            raise reserved_error(name, node.span)
        symbol = symbols.tensors.get(name)
        is_label = symbol is not None and symbol.label
        if isinstance(node, Name):
            lower = name in bound or name in symbols.indices or not name[0].isupper()
            if lower and (name in bound or not is_label):
                self.letters.add(name)
                return Letter(node.span, name)
            if name in symbols.dimensions and symbol is None:
                message = f"{name} is a dimension and stands here as an index"
                raise TensorCalcError("E_BAD_INDEX", message, node.span, hint=f"the last index of {name} is {name} - 1")
        elif not is_label and not (symbol is None and name[0].isupper()):
            return self._no_label(node)
        arguments = node.arguments if isinstance(node, Access) else ()
        self._use(node, len(arguments), node.span, label=True)
        return Entry(node.span, name, self._positions(arguments, bound))

    def _no_label(self, node: Access) -> Letter | Entry:
        name = node.name
        symbol = self.symbols.tensors.get(name)
        shown = self._text(node.span)
        if symbol is not None:
            self._use(node, len(node.arguments), node.span, label=True)
        message = f"{shown} is a component of a tensor of numbers and stands here as an index"
        hint = f"if {name} holds whole numbers, declare `label {shown}`"
        raise TensorCalcError("E_BAD_INDEX", message, node.span, hint=hint)


def _scaled(
    affine: tuple[list[tuple[int, Letter | Entry]], int], factor: int
) -> tuple[list[tuple[int, Letter | Entry]], int]:
    parts, offset = affine
    return [(f * factor, p) for f, p in parts], offset * factor

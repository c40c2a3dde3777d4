"""How values combine: entry by entry with broadcasting, and as vectors and matrices."""

from __future__ import annotations

from dataclasses import replace

from tensorcalc.errors import Span
from tensorcalc.greek import GREEK
from tensorcalc.verify.latex.tree import Bracket, Node, Number, Prime, Sum
from tensorcalc.verify.latex.tree import Sequence as Items
from tensorcalc.verify.problems import IllFormed, NotCheckable
from tensorcalc.verify.reading.places import Places
from tensorcalc.verify.reading.values import MINUS, Again, Val
from tensorcalc.verify.signs import is_transpose
from tensorcalc.verify.terms import (
    Added,
    Apply,
    Constant,
    Entry,
    Kronecker,
    MatrixValue,
    Place,
    Powered,
    Reduced,
    Term,
    Times,
    letters_of,
    substitute,
)

__all__ = ["COLUMNS", "Algebra", "ungrouped"]

MOST_POWER = 4  # of a matrix
COLUMNS = "a product of two column vectors, which may be meant entry by entry or as an inner product"


class Algebra(Places):
    """Combines values."""

    def together(self, values: list[Val], combine: object, span: Span) -> Val:
        """Values combined entry by entry; scalars and vectors are broadcast."""
        build = combine
        assert callable(build)
        widest = max(values, key=lambda v: len(v.axes))
        if len(widest.axes) == 1 and any(not v.axes and self.guess_bias(v.term) for v in values):
            raise Again
        terms = []
        for value in values:
            if not value.axes or value is widest:
                terms.append(value.term)
            elif len(value.axes) == len(widest.axes):
                terms.append(self.moved(value, widest.axes))
            elif len(value.axes) == 1:
                along = 0 if value.beside or len(widest.axes) != 2 else 1  # as a row, as biases are
                terms.append(self.moved(value, (widest.axes[along],)))
            else:
                raise IllFormed("a matrix and a tensor of another order are added", span)
        return replace(widest, term=build(terms))

    def guess_vector(self, term: Term) -> bool:
        """Take a plain small letter behind a matrix for a vector; whether that is new."""
        if isinstance(term, Entry) and term.places and self.names.of_sample(term.name):
            if len(term.places) > 1 or term.name in self.names.shapes:
                return False
            self.names.orders[term.name] = 2
            return True
        if (
            not isinstance(term, Entry)
            or term.places
            or not term.name[:1].islower()
            or term.name.split("_")[0] in GREEK
        ):
            return False
        if self.names.orders.get(term.name) or term.name in self.names.shapes:
            return False
        self.names.orders[term.name] = 1
        return True

    def guess_member(self, term: Term) -> bool:
        """Take x_i behind a row w^T for the vector with the number i rather than an entry; whether that is new."""
        if not isinstance(term, Entry) or len(term.places) != 1 or not term.name[:1].islower():
            return False
        name, survey = term.name, self.names.survey
        if name in self.names.shapes or name in self.names.orders or survey.bare[name]:
            return False
        if set(survey.arities.get(name, ())) != {1} or self.names.of_sample(name) or name in survey.totals:
            return False
        self.names.orders[name] = 2
        self.names.members.add(name)
        return True

    def guess_bias(self, term: Term) -> bool:
        """Take b or a target that is added to a vector for a vector; whether that is new."""
        if isinstance(term, Times) and len(term.factors) == 2 and term.factors[0] is MINUS:
            term = term.factors[1]
        return isinstance(term, Entry) and term.name[:1] in "bty" and self.guess_vector(term)

    def moved(self, value: Val, axes: tuple[str, ...]) -> Term:
        mapping = {old: Place.of(new) for old, new in zip(value.axes, axes, strict=True) if old != new}
        return substitute(value.term, mapping) if mapping else value.term

    def times(self, first: Term, second: Term) -> Term:
        factors = (*(first.factors if isinstance(first, Times) else (first,)), second)
        return Times(factors)

    def entrywise(self, first: Val, second: Val, span: Span) -> Val:
        return self.together([first, second], lambda terms: Times(tuple(terms)), span)

    def multiplied(self, first: Val, second: Val, sign: str, span: Span) -> Val:
        """The product side by side: of matrices and vectors where both have axes."""
        if len(first.axes) == 2 and not second.axes and self.guess_vector(second.term):
            raise Again
        if first.row and len(first.axes) == 1 and not second.axes and self.guess_member(second.term):
            raise Again
        if not first.axes or not second.axes:
            wide = first if first.axes else second
            return Val(self.times(first.term, second.term), wide.axes, wide.row)
        if len(first.axes) > 2 or len(second.axes) > 2:
            raise NotCheckable("a product of tensors of higher order without indices", span)
        left_row = len(first.axes) == 1 and first.row
        right_column = len(second.axes) == 1 and not second.row
        if len(first.axes) == 1 and not left_row:
            if len(second.axes) == 1 and second.row:
                return Val(self.times(first.term, second.term), (*first.axes, *second.axes))
            if right_column and sign == "\\cdot":
                return self.contracted(first, second, (), False)
            if right_column:
                if not (_broadcasts(first) or _broadcasts(second)):
                    self.doubts.append(COLUMNS)
                return self.entrywise(first, second, span)
            return self.contracted(first, second, second.axes[1:], True)
        keep = first.axes[:-1] if len(first.axes) == 2 else ()
        rest = second.axes[1:] if len(second.axes) == 2 else ()
        if len(second.axes) == 1 and second.row:
            if len(first.axes) == 1:
                return self.contracted(first, second, (), False)
            return self.contracted(first, second, keep, False)
        return self.contracted(first, second, (*keep, *rest), left_row and bool(rest))

    def is_stacked(self, node: Bracket, before: Val) -> bool:
        """Whether a list behind a matrix is vectors on top of each other: W [h_{t-1}, x_t]."""
        return len(before.axes) == 2 and isinstance(before.term, Entry) and isinstance(node.body, Items)

    def stacked(self, matrix: Val, node: Bracket) -> Val:
        """A matrix times vectors on top of each other: the sum of a block of columns times each of them."""
        assert isinstance(matrix.term, Entry)
        assert isinstance(node.body, Items)
        parts: list[Val] = []
        for number, item in enumerate(node.body.items):
            value = self.value(item)
            if not value.axes and self.guess_vector(value.term):
                raise Again
            if len(value.axes) != 1:
                raise NotCheckable("a list of values that are no vectors", node.span)
            block = replace(matrix.term, name=f"{matrix.term.name}/{number}")
            parts.append(self.contracted(Val(block, matrix.axes), value, matrix.axes[:1], False))
        return self.together(parts, lambda terms: Added(tuple(terms)), node.span)

    def contracted(self, first: Val, second: Val, axes: tuple[str, ...], row: bool) -> Val:
        letter = self.letters.fresh("k")
        left = substitute(first.term, {first.axes[-1]: Place.of(letter)})
        right = substitute(second.term, {second.axes[0]: Place.of(letter)})
        return Val(Reduced("sum", (letter,), Times((left, right)), implied=True), axes, row)

    def elementwise(self, name: str, arguments: list[Val], primes: int, span: Span) -> Val:
        if len(arguments) == 1:
            return replace(arguments[0], term=Apply(name, (arguments[0].term,), primes))
        return self.together(arguments, lambda terms: Apply(name, tuple(terms), primes), span)

    def raised(self, value: Val, power: Node, span: Span) -> Val:
        if is_transpose(power):
            return self.transposed(value, span)
        if isinstance(power, Bracket) and power.kind == "entrywise":
            exponent = self.value(power.body)
            return replace(value, term=Powered(value.term, exponent.term))
        if len(value.axes) == 2:
            return self.matrix_power(value, power, span)
        if isinstance(power, Prime):
            raise NotCheckable("a sign as a superscript", span)
        exponent = self.value(ungrouped(power))
        if exponent.axes:
            raise NotCheckable("a vector as an exponent", span)
        if value.axes and not (isinstance(exponent.term, Constant)):
            return replace(value, term=Powered(value.term, exponent.term))
        return replace(value, term=Powered(value.term, exponent.term))

    def matrix_power(self, value: Val, power: Node, span: Span) -> Val:
        inner = ungrouped(power)
        if isinstance(inner, Sum) and len(inner.terms) == 1 and inner.subtracted[0]:
            if isinstance(inner.terms[0], Number) and inner.terms[0].value == 1:
                return self.inverse(value)
            if is_transpose(inner.terms[0]):
                return self.transposed(self.inverse(value), span)
        exponent = _whole(inner)
        if not exponent or abs(exponent) > MOST_POWER:
            raise NotCheckable("a power of a matrix that is no small whole number", span)
        base = self.inverse(value) if exponent < 0 else value
        result = base
        for _ in range(abs(exponent) - 1):
            result = self.multiplied(result, self.fresh_axes(base), "", span)
        return result

    def fresh_axes(self, value: Val) -> Val:
        axes = tuple(self.letters.fresh(a) for a in value.axes)
        return Val(self.moved(value, axes), axes, value.row)

    def transposed(self, value: Val, span: Span) -> Val:
        if len(value.axes) == 1:
            return replace(value, row=not value.row)
        if len(value.axes) == 2:
            return replace(value, axes=(value.axes[1], value.axes[0]))
        if not value.axes:
            return value
        raise NotCheckable("the transpose of a tensor of higher order", span)

    def inverse(self, value: Val) -> Val:
        first, second = self.letters.fresh("i"), self.letters.fresh("j")
        row, column = value.axes
        term = MatrixValue("inv", value.term, row, column, (Place.of(first), Place.of(second)))
        return Val(term, (first, second))

    def of_matrix(self, name: str, value: Val, span: Span) -> Val:
        if name == "diag" and len(value.axes) == 1:
            other = self.letters.fresh("j")
            pair = Kronecker(Place.of(value.axes[0]), Place.of(other))
            return Val(Times((value.term, pair)), (value.axes[0], other))
        known = not isinstance(value.term, Entry) or value.term.name in self.defined
        if name in ("tr", "trace") and not value.axes and known:
            return value  # of a matrix with one entry
        if len(value.axes) != 2:
            raise NotCheckable(f"{name} of something that is no matrix", span)
        row, column = value.axes
        if name == "diag":
            return Val(substitute(value.term, {column: Place.of(row)}), (row,))
        if name in ("tr", "trace"):
            letter = self.letters.fresh("i")
            body = substitute(value.term, {row: Place.of(letter), column: Place.of(letter)})
            return Val(Reduced("sum", (letter,), body, implied=True))
        return self.inverse(value) if name == "inv" else Val(MatrixValue(name, value.term, row, column))

    def softmax(self, value: Val, span: Span) -> Val:
        if not value.axes:
            raise NotCheckable("the softmax of an indexed tensor does not say over which index", span)
        letter = self.letters.fresh("k")
        above = Apply("exp", (value.term,))
        below = Reduced("sum", (letter,), substitute(above, {value.axes[-1]: Place.of(letter)}), implied=True)
        return replace(value, term=Times((above, Powered(below, MINUS))))


def _broadcasts(value: Val) -> bool:
    """Whether a number is added to every entry of a vector, as in 1 - a: then products are taken entry by entry."""
    term = value.term
    while isinstance(term, Times) and len(term.factors) == 1:
        term = term.factors[0]
    return isinstance(term, Added) and any(value.axes[0] not in letters_of(t) for t in term.terms)


def _whole(node: Node) -> int:
    """The whole number that an exponent is; 0 where it is none."""
    if isinstance(node, Sum) and len(node.terms) == 1:
        inside = _whole(node.terms[0])
        return -inside if node.subtracted[0] else inside
    return int(node.value) if isinstance(node, Number) and node.value.denominator == 1 else 0


def ungrouped(node: Node) -> Node:
    while isinstance(node, Bracket) and node.kind == "group":
        node = node.body
    return node

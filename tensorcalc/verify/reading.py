"""A syntax tree as a term: scripts become indices, brackets calls or products, matrices entries.

Every value has named letters (its indices) and up to two axes without a name where it is written as a vector or a
matrix; those get fresh letters too, so that a matrix product is a sum like any other.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from tensorcalc.errors import Span
from tensorcalc.greek import GREEK
from tensorcalc.verify.latex.tree import (
    BigOperator,
    Bracket,
    Cases,
    DerivativeOf,
    Function,
    Matrix,
    Node,
    Number,
    Prime,
    Product,
    Quotient,
    Relation,
    Root,
    Scripted,
    Sequence,
    Sum,
    Symbol,
    Words,
)
from tensorcalc.verify.names import Names
from tensorcalc.verify.problems import IllFormed, NotCheckable
from tensorcalc.verify.summation import Letters
from tensorcalc.verify.survey import LAYERS, flat_items, is_transpose, key_of
from tensorcalc.verify.terms import (
    Added,
    Apply,
    Branches,
    Compared,
    CompareIndices,
    Constant,
    Derived,
    Entry,
    IndexValue,
    Kronecker,
    LabelAt,
    MatrixValue,
    One,
    Place,
    Powered,
    Reduced,
    Sloped,
    Term,
    Times,
    letters_of,
    substitute,
)

__all__ = ["Definition", "FunctionDefinition", "Reader", "Val"]

ELEMENTWISE: Mapping[str, str] = {
    "exp": "exp", "log": "log", "ln": "log", "sin": "sin", "cos": "cos", "tan": "tan", "sinh": "sinh", "cosh": "cosh",
    "tanh": "tanh", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "sigmoid": "sigmoid", "relu": "relu",
    "ReLU": "relu", "silu": "silu", "SiLU": "silu", "swish": "silu", "gelu": "gelu", "GELU": "gelu", "erf": "erf",
    "softplus": "softplus", "sign": "sign", "sgn": "sign", "abs": "abs", "lgamma": "lgamma", "digamma": "digamma",
    "log1p": "log1p", "expm1": "expm1", "sigm": "sigmoid", "logistic": "sigmoid", "ELU": "", "max": "max", "min": "min",
}  # fmt: skip
RELATIONS: Mapping[str, str] = {
    "=": "=", "<": "<", ">": ">", "\\lt": "<", "\\gt": ">", "\\le": "<=", "\\leq": "<=", "\\ge": ">=", "\\geq": ">=",
    "\\ne": "!=", "\\neq": "!=", "\\equiv": "=", "\\leqslant": "<=", "\\geqslant": ">=",
}  # fmt: skip


class _Again(Exception):
    """A name has turned out to have an axis; the formula must be read again."""


SIZES = frozenset("kvqhm")  # d_k, d_v: sizes of keys and values, not entries of a vector d


@dataclass(frozen=True, slots=True)
class Val:
    """A term with the letters of its axes without a name: none, one (a column, or a row), or two."""

    term: Term
    axes: tuple[str, ...] = ()
    row: bool = False


@dataclass(frozen=True, slots=True)
class Definition:
    """`name_letters = body`; every sum in the body is explicit."""

    name: str
    letters: tuple[str, ...]
    body: Term
    span: Span


@dataclass(frozen=True, slots=True)
class FunctionDefinition:
    """`name(arguments) = body` as a syntax tree."""

    name: str
    arguments: tuple[str, ...]
    body: Node


def number(value: int | Fraction | float) -> Constant:
    """A constant."""
    return Constant(Fraction(value) if isinstance(value, int) else value)


MINUS = number(-1)


class Reader:
    """Reads the sides of one article's equations.

    `functions` are the article's own functions, `squares` the names whose square was defined (σ² = …), `layout` whether
    the derivative of a vector by a vector has the axes of the vector first (`numerator`) or last.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.letters = Letters()
        self.functions: dict[str, FunctionDefinition] = {}
        self.squares: set[str] = set()
        self.defined: set[str] = set()
        self.layout = "numerator"
        self.ties: list[tuple[str, str]] = []
        self.ranges: list[tuple[str, int]] = []
        self.scope: dict[str, str] = {}
        self.bindings: dict[str, Val] = {}
        self.calls = 0
        self.sliced = False
        self.arguments: dict[str, Val] = {}
        self.whole = False
        self.slices: list[IllFormed] = []
        self.suffix = ""

    def read(self, node: Node) -> Val:
        """The value of a side; implied sums are not explicit yet.

        Raises `NotCheckable` or `IllFormed`.
        """
        self.scope = {}
        self.bindings = dict(self.arguments)
        self.calls = 0
        self.whole, self.slices = False, []
        try:
            value = self.guessed(node)
        except NotCheckable:
            if self.slices and not self.whole:
                raise self.slices[0] from None
            raise
        if self.slices and not self.whole:
            raise self.slices[0]
        return value

    def guessed(self, node: Node) -> Val:
        """The value, read again whenever a name turns out to be a vector."""
        for _ in range(20):
            try:
                return self.value(node)
            except _Again:
                self.scope = {}
        raise NotCheckable("it does not become clear which names are vectors", node.span)

    def value(self, node: Node) -> Val:
        match node:
            case Number():
                return Val(Constant(node.value))
            case Symbol() | Scripted():
                return self.scripted(node)
            case Sum():
                return self.sum(node)
            case Product():
                return self.product(node)
            case Quotient():
                return self.quotient(node)
            case Root():
                degree = Fraction(1, 2)
                if node.degree is not None:
                    inner = node.degree
                    if not isinstance(inner, Number) or not inner.value:
                        raise NotCheckable("the degree of a root is no number", node.span)
                    degree = 1 / inner.value
                inside = self.value(node.radicand)
                return replace(inside, term=Powered(inside.term, Constant(degree)))
            case Bracket():
                return self.bracket(node)
            case Function():
                return self.function(node)
            case BigOperator():
                return self.big(node)
            case DerivativeOf():
                return self.derivative(node)
            case Cases():
                return self.cases(node)
            case Matrix():
                return self.matrix(node)
            case Relation():
                return self.relation(node)
            case Words() | Prime() | Sequence():
                raise NotCheckable("words or signs stand where a value is expected", node.span)
        raise NotCheckable("this part of the formula is not read", node.span)

    # sums and products

    def sum(self, node: Sum) -> Val:
        values = []
        for term, minus in zip(node.terms, node.subtracted, strict=True):
            value = self.value(term)
            values.append(replace(value, term=Times((MINUS, value.term))) if minus else value)
        if len(values) == 1:
            return values[0]
        return self.together(values, lambda terms: Added(tuple(terms)), node.span)

    def together(self, values: list[Val], combine: object, span: Span) -> Val:
        """Values combined entry by entry; scalars and vectors are broadcast."""
        build = combine
        assert callable(build)
        widest = max(values, key=lambda v: len(v.axes))
        if len(widest.axes) == 1 and any(not v.axes and self.guess_bias(v.term) for v in values):
            raise _Again
        terms = []
        for value in values:
            if not value.axes or value is widest:
                terms.append(value.term)
            elif len(value.axes) == len(widest.axes):
                terms.append(self.moved(value, widest.axes))
            elif len(value.axes) == 1:
                target = widest.axes[self.broadcast_axis(widest)]
                terms.append(self.moved(value, (target,)))
            else:
                raise IllFormed("a matrix and a tensor of another order are added", span)
        return replace(widest, term=build(terms))

    def guess_vector(self, term: Term) -> bool:
        """Take a plain small letter behind a matrix for a vector; whether that is new."""
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

    def guess_bias(self, term: Term) -> bool:
        """Take b or a target that is added to a vector for a vector; whether that is new."""
        if isinstance(term, Times) and len(term.factors) == 2 and term.factors[0] is MINUS:
            term = term.factors[1]
        return isinstance(term, Entry) and term.name[:1] in "bty" and self.guess_vector(term)

    def broadcast_axis(self, matrix: Val) -> int:
        """Along which axis of a matrix a vector stands that is added to it: as a row, as biases are."""
        return 1 if len(matrix.axes) == 2 else 0

    def moved(self, value: Val, axes: tuple[str, ...]) -> Term:
        mapping = {old: Place.of(new) for old, new in zip(value.axes, axes, strict=True) if old != new}
        return substitute(value.term, mapping) if mapping else value.term

    def product(self, node: Product) -> Val:
        factors = self.with_calls(node)
        result: Val | None = None
        for sign, factor in factors:
            value = factor if isinstance(factor, Val) else self.value(factor)
            if result is None:
                result = value
            elif sign in ("/", "\\div", "\\oslash"):
                inverse = replace(value, term=Powered(value.term, MINUS))
                if value.axes and not result.axes and sign == "/":
                    result = Val(Times((result.term, inverse.term)), value.axes, value.row)
                elif value.axes:
                    result = self.entrywise(result, inverse, node.span)
                else:
                    result = replace(result, term=self.times(result.term, inverse.term))
            elif sign in ("\\odot", "\\circ", "*", "\\ast") and result.axes and value.axes:
                result = self.entrywise(result, value, node.span)
            elif sign == "\\otimes" and len(result.axes) == len(value.axes) == 1:
                result = Val(self.times(result.term, value.term), (*result.axes, *value.axes))
            else:
                result = self.multiplied(result, value, sign, node.span)
        assert result is not None
        return result

    def times(self, first: Term, second: Term) -> Term:
        factors = (*(first.factors if isinstance(first, Times) else (first,)), second)
        return Times(factors)

    def entrywise(self, first: Val, second: Val, span: Span) -> Val:
        return self.together([first, second], lambda terms: Times(tuple(terms)), span)

    def multiplied(self, first: Val, second: Val, sign: str, span: Span) -> Val:
        """The product side by side: of matrices and vectors where both have axes."""
        if len(first.axes) == 2 and not second.axes and self.guess_vector(second.term):
            raise _Again
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
                raise NotCheckable(
                    "a product of two column vectors",
                    span,
                )
            return self.contracted(first, second, second.axes[1:], True)
        keep = first.axes[:-1] if len(first.axes) == 2 else ()
        rest = second.axes[1:] if len(second.axes) == 2 else ()
        if len(second.axes) == 1 and second.row:
            if len(first.axes) == 1:
                return self.contracted(first, second, (), False)
            return self.contracted(first, second, keep, False)
        return self.contracted(first, second, (*keep, *rest), left_row and bool(rest))

    def contracted(self, first: Val, second: Val, axes: tuple[str, ...], row: bool) -> Val:
        letter = self.letters.fresh("k")
        left = substitute(first.term, {first.axes[-1]: Place.of(letter)})
        right = substitute(second.term, {second.axes[0]: Place.of(letter)})
        return Val(Reduced("sum", (letter,), Times((left, right)), implied=True), axes, row)

    def quotient(self, node: Quotient) -> Val:
        above, below = self.value(node.numerator), self.value(node.denominator)
        if below.axes:
            return self.entrywise(above, replace(below, term=Powered(below.term, MINUS)), node.span)
        return replace(above, term=self.times(above.term, Powered(below.term, MINUS)))

    def with_calls(self, node: Product) -> list[tuple[str, Node | Val]]:
        """The factors with their signs, where `f(x)` is one factor if f is a function."""
        result: list[tuple[str, Node | Val]] = []
        position = 0
        while position < len(node.factors):
            factor, sign = node.factors[position], node.signs[position]
            following = node.factors[position + 1] if position + 1 < len(node.factors) else None
            if following is not None and not node.signs[position + 1]:
                called = self.call(factor, following)
                if called is not None:
                    result.append((sign, called))
                    position += 2
                    continue
            result.append((sign, factor))
            position += 1
        return result

    def call(self, name: Node, following: Node) -> Val | None:
        """The value of `f(x)`, with the scripts behind the bracket; `None` where it is a product."""
        indicator = isinstance(name, Symbol) and name.name in ("1", "I") and name.style in ("bb", "bold")
        if indicator and isinstance(following, Bracket) and isinstance(following.body, Relation):
            return self.relation(following.body)
        primes, sub = 0, None
        if isinstance(name, Scripted):
            if name.sub is not None or name.sup is not None:
                return None
            primes, name = name.primes, name.base
        if not isinstance(name, Symbol) or not self.names.is_function(key_of(name)):
            return None
        bracket, sup = following, None
        if isinstance(following, Scripted):
            bracket, sub, sup = following.base, following.sub, following.sup
        if not isinstance(bracket, Bracket) or bracket.kind not in ("(", "["):
            return None
        inside = bracket.body.items if isinstance(bracket.body, Sequence) else (bracket.body,)
        value = self.applied(key_of(name), [self.value(i) for i in inside], primes, name.span)
        if sub is not None:
            value = self.entries(value, flat_items(sub), following.span)
        return self.raised(value, sup, following.span) if sup is not None else value

    def applied(self, key: str, arguments: list[Val], primes: int, span: Span) -> Val:
        """A function of the article, or one of unknown form."""
        definition = self.functions.get(key)
        if definition is None:
            plain = key.rsplit(":", 1)[-1]
            known = "sigmoid" if plain == "sigma" and len(arguments) == 1 else f"?{key}"
            return self.elementwise(known, arguments, primes, span)
        if len(arguments) != len(definition.arguments):
            raise IllFormed(f"{key} takes {len(definition.arguments)} arguments", span)
        self.calls += 1
        if self.calls > 200:
            raise NotCheckable(f"{key} is defined by itself", span)
        if primes:
            return self.derived_function(definition, arguments, primes)
        kept = self.bindings
        self.bindings = {**kept, **dict(zip(definition.arguments, arguments, strict=True))}
        try:
            return self.value(definition.body)
        finally:
            self.bindings = kept

    def derived_function(self, definition: FunctionDefinition, arguments: list[Val], primes: int) -> Val:
        """The derivative of a function of one argument, at an argument."""
        variable = f"{definition.name}/{definition.arguments[0]}"
        kept = self.bindings
        self.bindings = {**kept, definition.arguments[0]: Val(Entry(variable))}
        try:
            body = self.value(definition.body)
        finally:
            self.bindings = kept
        if body.axes or len(arguments) != 1:
            raise NotCheckable(f"the derivative of {definition.name}", definition.body.span)
        return replace(arguments[0], term=Sloped(body.term, variable, arguments[0].term, primes))

    def elementwise(self, name: str, arguments: list[Val], primes: int, span: Span) -> Val:
        if len(arguments) == 1:
            return replace(arguments[0], term=Apply(name, (arguments[0].term,), primes))
        return self.together(arguments, lambda terms: Apply(name, tuple(terms), primes), span)

    # brackets and functions

    def bracket(self, node: Bracket) -> Val:
        if node.kind in ("|", "||"):
            inside = self.value(node.body)
            if not inside.axes and node.kind == "|":
                return Val(Apply("abs", (inside.term,)))
            if len(inside.axes) == 1 or (len(inside.axes) == 2 and node.kind == "||"):
                square = Powered(inside.term, number(2))
                return Val(Powered(Reduced("sum", inside.axes, square, implied=True), Constant(Fraction(1, 2))))
            if len(inside.axes) == 2:
                return Val(MatrixValue("det", inside.term, *inside.axes))
            raise NotCheckable("the norm of a scalar or an indexed tensor is not known", node.span)
        if isinstance(node.body, Sequence):
            raise NotCheckable("a list of values", node.span)
        inside = self.value(node.body)
        term = inside.term
        return replace(inside, term=Times((term,))) if isinstance(term, Times | Added) else inside

    def relation(self, node: Relation) -> Val:
        """An Iverson bracket."""
        relation = RELATIONS.get(node.sign)
        if relation is None:
            raise NotCheckable("this relation has no value", node.span)
        if self.is_position(node.left) and self.is_position(node.right):
            return Val(CompareIndices(relation, self.place(node.left), self.place(node.right)))
        sides = [self.value(node.left), self.value(node.right)]
        return self.together(sides, lambda terms: Compared(relation, terms[0], terms[1]), node.span)

    def is_position(self, node: Node) -> bool:
        """Whether a node can only be a place: an index letter, a label, a number, a sum of those."""
        if isinstance(node, Number):
            return node.value.denominator == 1
        if isinstance(node, Symbol):
            if node.name in self.scope or node.name in self.names.survey.bound:
                return True
            alone = not self.names.survey.arities.get(key_of(node)) and key_of(node) not in self.defined
            indexed = self.names.survey.scripts[node.name] > 0
            return (alone and indexed and not self.names._names_value(node.name)) or key_of(node) in self.labels()
        if isinstance(node, Scripted):
            return isinstance(node.base, Symbol) and key_of(node.base) in self.labels()
        if isinstance(node, Sum):
            return all(self.is_position(t) for t in node.terms)
        if isinstance(node, Product):
            return all(self.is_position(f) for f in node.factors)
        return False

    def labels(self) -> set[str]:
        survey = self.names.survey
        return {k for k in survey.labels if k not in self.defined and survey.left[k] == 0}

    def function(self, node: Function) -> Val:
        name = node.name
        if name in ("sqrt",):
            inside = self.value(node.arguments[0])
            return replace(inside, term=Powered(inside.term, Constant(Fraction(1, 2))))
        known = ELEMENTWISE.get(name)
        if known:
            arguments = [self.value(a) for a in node.arguments]
            if known == "log" and len(arguments) == 1 and isinstance(arguments[0].term, MatrixValue):
                inner = arguments[0].term
                if inner.kind == "det":
                    return Val(replace(inner, kind="logdet"))
            if known in ("max", "min") and len(arguments) > 2:
                raise NotCheckable(f"{name} of more than two values", node.span)
            if known in ("max", "min") and len(arguments) == 1:
                raise NotCheckable(f"{name} of one value", node.span)
            return self.elementwise(known, arguments, 0, node.span)
        if name == "softmax" and len(node.arguments) == 1:
            return self.softmax(self.value(node.arguments[0]), node.span)
        if name in ("det", "tr", "Tr", "trace", "diag", "Diag", "logdet", "inv") and len(node.arguments) == 1:
            return self.of_matrix(name.lower(), self.value(node.arguments[0]), node.span)
        if name == "onehot" and len(node.arguments) == 1:
            return self.onehot(node.arguments[0])
        if self.functions.get(name) is not None:
            return self.applied(name, [self.value(a) for a in node.arguments], 0, node.span)
        raise NotCheckable(f"the function {name} is not known", node.span)

    def softmax(self, value: Val, span: Span) -> Val:
        if not value.axes:
            raise NotCheckable("the softmax of an indexed tensor does not say over which index", span)
        letter = self.letters.fresh("k")
        above = Apply("exp", (value.term,))
        below = Reduced("sum", (letter,), substitute(above, {value.axes[-1]: Place.of(letter)}), implied=True)
        return replace(value, term=Times((above, Powered(below, MINUS))))

    def of_matrix(self, name: str, value: Val, span: Span) -> Val:
        if name == "diag" and len(value.axes) == 1:
            other = self.letters.fresh("j")
            pair = Kronecker(Place.of(value.axes[0]), Place.of(other))
            return Val(Times((value.term, pair)), (value.axes[0], other))
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

    def inverse(self, value: Val) -> Val:
        first, second = self.letters.fresh("i"), self.letters.fresh("j")
        row, column = value.axes
        term = MatrixValue("inv", value.term, row, column, (Place.of(first), Place.of(second)))
        return Val(term, (first, second))

    def onehot(self, node: Node) -> Val:
        if isinstance(node, Scripted | Symbol):
            base = node.base if isinstance(node, Scripted) else node
            if isinstance(base, Symbol):
                name = self.names.of(key_of(base))
                if name.startswith("bold:"):
                    name = name.removeprefix("bold:")
                column = self.letters.fresh("j")
                if self.names.survey.arities.get(name) or name in self.names.shapes or "bold:" in key_of(base):
                    row = self.letters.fresh("i")
                    label = LabelAt(name, (Place.of(row),))
                    return Val(Kronecker(Place(((1, label),)), Place.of(column)), (row, column))
                return Val(Kronecker(Place(((1, LabelAt(name)),)), Place.of(column)), (column,))
        raise NotCheckable("onehot of something that is no label", node.span)

    def cases(self, node: Cases) -> Val:
        values: list[Term] = []
        conditions: list[Term] = []
        for value, condition in node.branches:
            inside = self.value(value)
            if inside.axes:
                raise NotCheckable("cases of vectors or matrices", node.span)
            values.append(inside.term)
            if condition is None:
                conditions.append(number(1))
            elif isinstance(condition, Relation):
                conditions.append(self.relation(condition).term)
            else:
                raise NotCheckable("a condition that is no comparison", condition.span)
        return Val(Branches(tuple(values), tuple(conditions)))

    def matrix(self, node: Matrix) -> Val:
        """A matrix written out: only one that is full of ones is read."""
        if len(node.rows) == 1 and all(_is_one(c) for c in node.rows[0]):
            letter = self.letters.fresh("i")
            return Val(One(Place.of(letter)), (letter,), row=True)
        if all(len(r) == 1 and _is_one(r[0]) for r in node.rows):
            letter = self.letters.fresh("i")
            return Val(One(Place.of(letter)), (letter,))
        raise NotCheckable("a matrix written out by its entries", node.span)

    def big(self, node: BigOperator) -> Val:
        kept = self.scope
        bound: list[str] = []
        conditions: list[Term] = []
        self.scope = dict(kept)
        try:
            for item in _bounds(node.lower):
                bound += self.bound(item, node, conditions)
            if not bound:
                raise NotCheckable("a sum without a letter below", node.span)
            body = self.value(node.body)
        finally:
            self.scope = kept
        term = body.term
        if conditions:
            if node.kind != "sum":
                raise NotCheckable("a product or maximum under a condition", node.span)
            term = Times((term, *conditions))
        return replace(body, term=Reduced(node.kind, tuple(bound), term))

    def bound(self, item: Node, node: BigOperator, conditions: list[Term]) -> list[str]:
        """The letters that an item below a sum binds; conditions on them are added."""
        if isinstance(item, Relation) and item.sign in ("=", "\\in"):
            found = self.bind(item.left, node)
            if item.sign == "=" and isinstance(item.right, Number) and item.right.value in (0, 1):
                self.upper(found[0], node)
            elif item.sign == "=":
                low = self.place(item.right)
                conditions.append(CompareIndices(">=", Place.of(found[0]), low))
                self.upper(found[0], node)
            elif item.left is not item.right:
                raise NotCheckable("a sum over a set", item.span)
            return found
        if isinstance(item, Relation):
            letters = [x for x in (item.left, item.right) if isinstance(x, Symbol) and x.name not in self.scope]
            if not isinstance(item.left, Symbol):
                raise NotCheckable("a condition below a sum", item.span)
            found = self.bind(letters[0] if len(letters) == 1 else item.left, node)
            relation = RELATIONS.get(item.sign)
            if relation is None:
                raise NotCheckable("a condition below a sum", item.span)
            conditions.append(CompareIndices(relation, self.place(item.left), self.place(item.right)))
            return found
        found = self.bind(item, node)
        if node.upper is not None:
            self.upper(found[0], node)
        return found

    def bind(self, item: Node, node: BigOperator) -> list[str]:
        if not isinstance(item, Symbol):
            raise NotCheckable("something else than a letter below a sum", node.span)
        letter = self.letters.fresh(item.name + self.suffix)
        self.scope[item.name] = letter
        return [letter]

    def upper(self, letter: str, node: BigOperator) -> None:
        """What the upper bound of a sum says about the dimension of its letter."""
        upper = node.upper
        if upper is None:
            return
        if isinstance(upper, Bracket) and upper.kind in ("group", "|"):
            upper = upper.body
        if isinstance(upper, Number) and upper.value.denominator == 1:
            self.ranges.append((letter, int(upper.value)))
        elif isinstance(upper, Symbol) and upper.name != "infty" and upper.name not in self.scope:
            self.ties.append((key_of(upper), letter))
        elif isinstance(upper, Scripted) and isinstance(upper.base, Symbol):
            self.ties.append((self.plain_name(upper), letter))
        else:
            raise NotCheckable("the upper bound of a sum is not read", upper.span)

    def plain_name(self, node: Scripted) -> str:
        key, places, _ = self.parts(node)
        if places:
            raise NotCheckable("a bound that depends on an index", node.span)
        return key

    # derivatives

    def derivative(self, node: DerivativeOf) -> Val:
        result = self.value(node.numerator)
        for variable in node.variables:
            result = self.derived(result, variable, node)
        return result

    def derived(self, body: Val, variable: Node, node: DerivativeOf) -> Val:
        found = self.value(variable)
        term = found.term
        if not isinstance(term, Entry):
            raise NotCheckable("the derivative by something that is no tensor", variable.span)
        total = node.total and self.names.survey.both_signs
        result = Derived(body.term, term.name, term.places, total)
        if body.axes and found.axes:
            if len(body.axes) == 1 and len(found.axes) == 1 and self.layout == "denominator":
                return Val(result, (*found.axes, *body.axes))
            return Val(result, (*body.axes, *found.axes))
        if found.axes:
            return Val(result, found.axes, found.row)
        return Val(result, body.axes, body.row)

    # names with scripts

    def scripted(self, node: Symbol | Scripted) -> Val:
        if isinstance(node, Symbol):
            return self.named(node, (), node.span)
        base = node.base
        if isinstance(base, Bracket) and base.kind == "group" and isinstance(base.body, Symbol):
            return self.scripted(replace(node, base=base.body))
        if not isinstance(base, Symbol) and not (isinstance(base, Number) and base.value == 1 and node.sub is not None):
            return self.over_bracket(node)
        if isinstance(base, Number) or base.name == "1":
            return self.ones(node)
        if base.name == "e" and node.sub is None and node.sup is not None and self.is_euler(node):
            inside = self.value(_ungrouped(node.sup))
            return replace(inside, term=Apply("exp", (inside.term,)))
        if base.name == "e" and node.sub is not None and "e" not in self.defined and self.is_unit_vector(node):
            letter = self.letters.fresh("i")
            value = Val(Kronecker(self.place(flat_items(node.sub)[0]), Place.of(letter)), (letter,))
            return value if node.sup is None else self.raised(value, node.sup, node.span)
        if base.name == "delta" and node.sub is not None and self.is_kronecker(node):
            return self.kronecker(node)
        key, places, power = self.parts(node)
        if power is not None and is_transpose(power) and len(places) < self.names.order(key):
            kept, self.sliced = self.sliced, True
            value = self.named(base, places, node.span, key)
            self.sliced = kept
            return self.raised(value, power, node.span)
        if self.is_square(key, power):
            return self.named(base, places, node.span, f"{key}^2")
        value = self.named(base, places, node.span, key)
        return value if power is None else self.raised(value, power, node.span)

    def is_square(self, key: str, power: Node | None) -> bool:
        return key in self.squares and isinstance(power, Number) and power.value == 2

    def is_euler(self, node: Scripted) -> bool:
        survey = self.names.survey
        scalar = "e" in self.defined and not survey.arities.get("e")
        return not scalar and not is_transpose(node.sup)

    def is_unit_vector(self, node: Scripted) -> bool:
        """Whether e_T is the unit vector of a label, or e_i in bold that of an index."""
        assert isinstance(node.base, Symbol)
        items = flat_items(node.sub) if node.sub is not None else []
        if len(items) != 1 or node.base.style != "bold":
            return False
        return self.names.survey.left[key_of(node.base)] == 0

    def is_kronecker(self, node: Scripted) -> bool:
        if node.primes or "delta" in self.defined or (node.sup is not None and not isinstance(node.sup, Number)):
            return False
        items = flat_items(node.sub) if node.sub is not None else []
        if len(items) == 1 and self.names.survey.deltas and isinstance(items[0], Scripted):
            raise IllFormed(
                "δ has one index, a label with an index of its own; it needs two",
                node.span,
                "did you mean " + _two_indices(items[0]) + "?",
            )
        return len(items) == 2

    def kronecker(self, node: Scripted) -> Val:
        assert node.sub is not None
        first, second = (self.place(i) for i in flat_items(node.sub))
        value = Val(Kronecker(first, second))
        return value if node.sup is None else self.raised(value, node.sup, node.span)

    def ones(self, node: Scripted) -> Val:
        sub = node.sub
        if sub is None:
            if is_transpose(node.sup):
                letter = self.letters.fresh("i")
                return Val(One(Place.of(letter)), (letter,), row=True)
            raise NotCheckable("a power of a one-tensor", node.span)
        if isinstance(sub, Relation):
            return self.relation(sub)
        if isinstance(sub, Bracket) and isinstance(sub.body, Relation):
            return self.relation(sub.body)
        factors = tuple(One(self.place(i)) for i in flat_items(sub))
        value = Val(factors[0] if len(factors) == 1 else Times(factors))
        return value if node.sup is None else self.raised(value, node.sup, node.span)

    def over_bracket(self, node: Scripted) -> Val:
        """A bracket or function with scripts: entries, powers, transposes."""
        base = node.base
        if isinstance(base, Bracket) and base.kind in ("|", "||") and node.sub is not None:
            shown = flat_items(node.sub)[0]
            two = (isinstance(shown, Number) and shown.value == 2) or (isinstance(shown, Symbol) and shown.name == "F")
            if not two:
                raise NotCheckable("a norm other than the Euclidean one", node.span)
            value = self.value(base)
            return value if node.sup is None else self.raised(value, node.sup, node.span)
        if isinstance(base, Bracket) and isinstance(base.body, Relation) and base.kind in ("[", "(", "{"):
            return self.value(base)
        kept, self.sliced = self.sliced, isinstance(base, Bracket) and (node.sub is not None or is_transpose(node.sup))
        try:
            value = self.value(base)
        finally:
            self.sliced = kept
        if node.primes:
            if not value.axes:
                raise NotCheckable("the derivative of a bracket", node.span)
            value = self.transposed(value, node.span)
        if node.sub is not None:
            if node.sup is not None and not isinstance(node.sup, Number):
                value = self.raised(value, node.sup, node.span)
                return self.entries(value, flat_items(node.sub), node.span)
            value = self.entries(value, flat_items(node.sub), node.span)
        return value if node.sup is None else self.raised(value, node.sup, node.span)

    def entries(self, value: Val, items: list[Node], span: Span) -> Val:
        """The entries of a vector or matrix in brackets."""
        if len(items) > len(value.axes):
            raise IllFormed(f"{len(items)} indices for {len(value.axes)} axes", span)
        mapping = {axis: self.place(item) for axis, item in zip(value.axes, items, strict=False)}
        return Val(substitute(value.term, mapping), value.axes[len(items) :], False)

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
        exponent = self.value(_ungrouped(power))
        if exponent.axes:
            raise NotCheckable("a vector as an exponent", span)
        if value.axes and not (isinstance(exponent.term, Constant)):
            return replace(value, term=Powered(value.term, exponent.term))
        return replace(value, term=Powered(value.term, exponent.term))

    def matrix_power(self, value: Val, power: Node, span: Span) -> Val:
        inner = _ungrouped(power)
        if isinstance(inner, Sum) and len(inner.terms) == 1 and inner.subtracted[0]:
            if isinstance(inner.terms[0], Number) and inner.terms[0].value == 1:
                return self.inverse(value)
            if is_transpose(inner.terms[0]):
                return self.transposed(self.inverse(value), span)
        if isinstance(inner, Number) and inner.value == 2:
            return self.multiplied(value, self.fresh_axes(value), "", span)
        raise NotCheckable("a power of a matrix", span)

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

    def parts(self, node: Scripted) -> tuple[str, list[Place], Node | None]:
        """The name with its labels, the places of its indices, and its power."""
        base = node.base
        assert isinstance(base, Symbol)
        key = self.names.of(key_of(base))
        places: list[Place] = []
        label = ""
        if node.sub is not None:
            for item in flat_items(node.sub):
                if self.is_label(item, key_of(base)):
                    label += f"_{self.label_name(item)}"
                else:
                    places.append(self.place(item))
        marks = "'" * node.primes
        power = node.sup
        if isinstance(power, Prime):
            marks += power.sign
            power = None
        elif isinstance(power, Bracket) and power.kind in ("(", "["):
            place, mark = self.upper_index(power)
            places = place + places
            marks += mark
            power = None
        elif isinstance(power, Symbol) and not is_transpose(power) and self.is_upper_index(power, node):
            places.insert(0, self.place(power))
            power = None
        elif (layer := self.layer(power)) is not None:
            marks += layer
            power = None
        elif isinstance(power, Symbol) and power.style == "text":
            marks += f"^{power.name}"
            power = None
        name = key + label + marks
        raised = key + label.replace("_", "^") + marks  # a label moves up where indices take its place
        return (raised if label and name not in self.defined and raised in self.defined else name), places, power

    def layer(self, power: Node | None) -> str | None:
        """The mark of a layer above a name, as in a^{l-1}; `None` for an exponent."""
        letter = power.terms[0] if isinstance(power, Sum) else power
        if not isinstance(letter, Symbol) or letter.name not in LAYERS or not LAYERS & self.names.survey.steps:
            return None
        return "^" + self.label_name(power) if isinstance(power, Symbol | Sum) else None

    def is_label(self, item: Node, key: str) -> bool:
        """Whether an item of a subscript belongs to the name rather than selecting an entry."""
        survey = self.names.survey
        if isinstance(item, Symbol):
            if item.name in self.scope or item.name in self.names.profile.indices:
                return False
            if key in ("d", "n") and item.name in SIZES:
                return survey.left[key] == 0 and survey.variables[key] == 0 and not survey.bare[key]
            if self.is_step(item.name):
                return True
            if self.names.is_index(item.name, item.style):
                return False
            if item.style in ("text", "mathrm") or len(item.name) > 1:
                return True
            if item.name in survey.labels:
                return False
            if item.name in self.names.profile.labels and item.name.islower():
                return True
            if item.name[:1].isupper():
                return key not in survey.indexed
            others = survey.letters.get(key, Counter()) - Counter({item.name: 1_000})
            return not any(n > 1 and self.names.is_index(x, "") for x, n in others.items())
        if isinstance(item, Number):
            return key not in survey.indexed
        if isinstance(item, Sum) and len(item.terms) == 2 and isinstance(item.terms[0], Symbol):
            return self.is_step(item.terms[0].name) and isinstance(item.terms[1], Number)
        return isinstance(item, Prime)

    def is_step(self, letter: str) -> bool:
        """Whether a letter counts steps of time: t where t - 1 occurs, and no sum runs over it."""
        survey = self.names.survey
        return letter in survey.steps and letter not in survey.bound and letter not in self.names.profile.indices

    def label_name(self, item: Node) -> str:
        if isinstance(item, Symbol):
            return key_of(item)
        if isinstance(item, Prime):
            return item.sign
        if isinstance(item, Number):
            return str(item.value)
        if isinstance(item, Sum):
            first, second = item.terms
            return f"{_word(first)}{'-' if item.subtracted[1] else '+'}{_word(second)}"
        raise NotCheckable("a subscript that is not read", item.span)

    def upper_index(self, power: Bracket) -> tuple[list[Place], str]:
        """An index or a label in brackets above a name: x^{(i)}, W^{[1]}."""
        inner = power.body
        if isinstance(inner, Symbol) and power.kind == "(" and self.names.profile.superscripts != "label":
            stepped = inner.name in self.names.survey.steps
            if inner.name in self.scope or (self.names.is_index(inner.name, inner.style) and not stepped):
                return [self.place(inner)], ""
        if isinstance(inner, Number):
            return [], f"^{inner.value}"
        if isinstance(inner, Symbol):
            return [], f"^{inner.name}"
        if isinstance(inner, Sum):
            return [], "^" + "".join(
                ("-" if m else "+") + _word(t) for t, m in zip(inner.terms, inner.subtracted, strict=True)
            )
        raise NotCheckable("a superscript that is not read", power.span)

    def is_upper_index(self, power: Symbol, node: Scripted) -> bool:
        if self.names.profile.superscripts == "index":
            return True
        known = power.name in self.scope or power.name in self.names.survey.bound
        return known and self.names.survey.values[power.name] == 0 and node.sub is None

    def place(self, node: Node) -> Place:
        """What a node selects."""
        if isinstance(node, Bracket) and node.kind in ("group", "("):
            return self.place(node.body)
        if isinstance(node, Number):
            if node.value.denominator != 1:
                raise NotCheckable("an index that is no whole number", node.span)
            return Place((), int(node.value))
        if isinstance(node, Symbol):
            if node.name in self.scope:
                return Place.of(self.scope[node.name])
            if self.names.is_index(node.name, node.style):
                return Place.of(node.name + self.suffix)
            return Place(((1, LabelAt(self.names.of(key_of(node)))),))
        if isinstance(node, Scripted) and isinstance(node.base, Symbol):
            inner = tuple(self.place(i) for i in flat_items(node.sub)) if node.sub is not None else ()
            return Place(((1, LabelAt(self.names.of(key_of(node.base)), inner)),))
        if isinstance(node, Sum):
            parts: list[tuple[int, str | LabelAt]] = []
            offset = 0
            for term, minus in zip(node.terms, node.subtracted, strict=True):
                place = self.place(term)
                sign = -1 if minus else 1
                parts += [(sign * f, a) for f, a in place.parts]
                offset += sign * place.offset
            return Place(tuple(parts), offset)
        if isinstance(node, Product) and len(node.factors) == 2 and isinstance(node.factors[0], Number):
            factor = node.factors[0].value
            place = self.place(node.factors[1])
            if factor.denominator == 1:
                return Place(tuple((int(factor) * f, a) for f, a in place.parts), int(factor) * place.offset)
        raise NotCheckable("an index that is not read", node.span)

    def named(self, symbol: Symbol, places: list[Place] | tuple[Place, ...], span: Span, key: str = "") -> Val:
        """A tensor, a constant, an index as a number."""
        if not key:
            key = self.names.of(key_of(symbol))
        if not places and symbol.name in self.bindings and key_of(symbol) == symbol.name:
            return self.bindings[symbol.name]
        if not places and (symbol.name in (key, "1")):
            special = self.special(symbol, span)
            if special is not None:
                return special
        order = self.names.order(key)
        if self.names.of(key_of(symbol)) != key:  # a name with a label of its own
            order = max(self.names.labelled_order(key, symbol.name), len(places))
        if len(places) > order:
            if self.names.settled_order(key, len(places)):
                raise IllFormed(f"{key} has {len(places)} indices here and {order} elsewhere", span)
            self.names.orders[key] = order = len(places)
        missing = order - len(places)
        if not missing:
            return self.squared(key, Entry(key, tuple(places)))
        spelled_whole = key_of(symbol) != key and self.names.of(key_of(symbol)) == key
        matrices = missing == 2 and symbol.name.isupper()
        if (
            not places
            or key.startswith("bold:")
            or key in self.names.shapes
            or spelled_whole
            or self.sliced
            or matrices
        ):
            self.whole = True
        else:
            self.slices.append(IllFormed(f"{key} has {len(places)} indices here and {order} elsewhere", span))
        axes = tuple(self.letters.fresh("ijklmn"[k % 6]) for k in range(missing))
        value = self.squared(key, Entry(key, (*places, *(Place.of(a) for a in axes))))
        return replace(value, axes=axes)

    def squared(self, key: str, entry: Entry) -> Val:
        if key in self.squares:
            return Val(Powered(replace(entry, name=f"{key}^2"), Constant(Fraction(1, 2))))
        return Val(entry)

    def special(self, symbol: Symbol, span: Span) -> Val | None:
        name = symbol.name
        survey = self.names.survey
        if name == "1" and symbol.style in ("bold", "bb"):
            letter = self.letters.fresh("i")
            return Val(One(Place.of(letter)), (letter,))
        if name in self.scope:
            return Val(IndexValue(Place.of(self.scope[name])))
        if name in ("...", "infty", "emptyset"):
            raise NotCheckable("dots or infinity have no value", span)
        if name in self.defined or survey.arities.get(name):
            return None
        if name == "pi":
            return Val(Constant(math.pi))
        if name == "e" and not survey.variables["e"]:
            return Val(Constant(math.e))
        if name == "I" and symbol.style in ("", "bold", "bb") and self.names.order("I") == 2:
            first, second = self.letters.fresh("i"), self.letters.fresh("j")
            return Val(Kronecker(Place.of(first), Place.of(second)), (first, second))
        valued = survey.left[name] or survey.numerators[name] or survey.variables[name]
        if self.names.is_index(name, symbol.style) and name in survey.bound and not valued:
            return Val(IndexValue(Place.of(name + self.suffix)))
        return None


def _two_indices(node: Scripted) -> str:
    base = node.base.name if isinstance(node.base, Symbol) else "T"
    inner = node.sub.name if isinstance(node.sub, Symbol) else "n"
    return rf"\delta_{{{base} {inner}}}"


def _is_one(node: Node) -> bool:
    return (isinstance(node, Number) and node.value == 1) or (isinstance(node, Prime) and node.sign == "...")


def _bounds(node: Node | None) -> list[Node]:
    if node is None:
        return []
    if isinstance(node, Sequence):
        return [x for item in node.items for x in _bounds(item)]
    if isinstance(node, Relation):
        return [node]
    return flat_items(node)


def _ungrouped(node: Node) -> Node:
    while isinstance(node, Bracket) and node.kind == "group":
        node = node.body
    return node


def _word(node: Node) -> str:
    if isinstance(node, Symbol):
        return node.name
    return str(node.value) if isinstance(node, Number) else "?"


def unbound(term: Term) -> frozenset[str]:
    """The letters of a term that are written in the article, without those of its axes."""
    return frozenset(x for x in letters_of(term) if "~" not in x)


__all__ += ["number", "unbound"]

"""Expressions as code: each node becomes an array with known axes.

One walk for all targets. Sums of products go to `contraction`, subscripts to `gather`, signs and brackets to
`arithmetic`, deltas to `deltas`; what a library calls things stands in its dialect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sympy
from sympy import Add, Expr, Function, Mul, Pow, S

from tensorcalc.binding import Contraction, IndexMaximum, IndexProduct, free_indices, fresh, product
from tensorcalc.budget import check_time
from tensorcalc.codegen import arithmetic, nodes
from tensorcalc.codegen.arithmetic import Factor, literal
from tensorcalc.codegen.arrays import Array, Kind, Level, union
from tensorcalc.codegen.block import Block
from tensorcalc.codegen.contraction import contract
from tensorcalc.codegen.deltas import split
from tensorcalc.codegen.elementwise import elementwise, guarded, selected
from tensorcalc.codegen.gather import subscript
from tensorcalc.codegen.needs import repeated
from tensorcalc.codegen.signs import is_nonnegative
from tensorcalc.codegen.sizes import Origin, affine, fits
from tensorcalc.errors import TensorCalcError
from tensorcalc.expr import Component, Delta, Determinant, Exp, Group, Inverse, Iverson, LogDeterminant, One
from tensorcalc.functions import cosh, sinh, tanh
from tensorcalc.index import Dimension, Index, Tensor

__all__ = ["Lowering", "Stored", "distributed", "is_constant"]

_MATRIX_WORDS = {Inverse: "inv", Determinant: "det", LogDeterminant: "logdet"}
_EVALUATED = (Exp, cosh, sinh, tanh)  # functions of ours whose values SymPy knows
_RELATIONS = {"le": "<=", "lt": "<", "ge": ">=", "gt": ">", "eq": "==", "ne": "!="}


@dataclass(frozen=True, slots=True)
class Stored:
    """The variable of a tensor, and which of the tensor's axes it has; along the others it is constant."""

    name: str
    axes: tuple[int, ...]
    kind: Kind = Kind.NUMBERS


class Lowering:
    """Lowers expressions into the lines of a block.

    `stored` are the tensors that already have a variable; `shared` are expressions to be kept in variables; `origins`
    tells which affine indices stay on their axes.
    """

    def __init__(self, block: Block, shared: Iterable[Expr], origins: Mapping[Dimension, Origin]) -> None:
        self.block = block
        self.origins = origins
        self.stored: dict[Tensor, Stored] = {}
        self._shared = frozenset(shared)
        self._known: dict[Expr, Array] = {}
        self._matrices: dict[tuple[str, Tensor], Stored] = {}

    def lower(self, expression: Expr) -> Array:
        """The array of an expression; its axes are free indices of the expression, in any order."""
        known = self._known.get(expression)
        if known is not None:
            return known
        check_time()
        array = self._lower(expression)
        if expression in self._shared:
            array = self.block.bind(array)
            self._known[expression] = array
        return array

    def _lower(self, expression: Expr) -> Array:
        if expression.is_Number or expression.is_NumberSymbol or is_constant(expression):
            return literal(expression)
        if isinstance(expression, Component):
            return self._component(expression)
        if isinstance(expression, Add):
            return self._sum(expression)
        if isinstance(expression, Mul):
            return self._product(expression)
        if isinstance(expression, Pow):
            return self._power(expression)
        if isinstance(expression, Contraction):
            return self._contraction(expression)
        if isinstance(expression, IndexProduct | IndexMaximum):
            return self._reduction(expression)
        if isinstance(expression, Inverse | Determinant | LogDeterminant):
            return self._matrix(expression)
        if isinstance(expression, Function):
            return self._function(expression)
        return self._leaf(expression)

    def _leaf(self, expression: Expr) -> Array:
        block = self.block
        if isinstance(expression, Group):
            return self.lower(expression.expression)
        if isinstance(expression, One):
            return Array("1", kind=Kind.PYTHON)
        if isinstance(expression, Dimension):
            return Array(block.size(expression), kind=Kind.PYTHON)
        if isinstance(expression, Index):
            size = block.size(expression.dimension)
            return Array(block.spelled("arange", size), (expression,), kind=Kind.INTEGERS)
        if isinstance(expression, Delta):
            return self._comparison("==", *expression.indices)
        if isinstance(expression, Iverson):
            return self._comparison(_RELATIONS[expression.relation], *expression.indices)
        raise TensorCalcError("E_UNSUPPORTED", f"{expression} cannot be compiled yet")

    def _component(self, component: Component) -> Array:
        return self._entries(self.stored[component.tensor], component.indices, component.tensor.dimensions)

    def _entries(self, stored: Stored, every: Sequence[Expr], axes: Sequence[Dimension]) -> Array:
        """The entries of a stored tensor at index expressions."""
        indices = [every[place] for place in stored.axes]
        dimensions = [axes[place] for place in stored.axes]
        if any(i.is_negative for i in indices if i.is_Integer):
            return Array("0", kind=Kind.PYTHON)
        outside = [p for p, i in enumerate(indices) if not self._stays(i, dimensions[p])]
        if outside:
            return self._zero_outside(stored, indices, dimensions, outside)
        found = subscript(self.block, indices, self.lower, lambda p, i: self._slice(i, dimensions[p]))
        return Array(found.of(stored.name), found.axes, kind=stored.kind)

    def _stays(self, index: Expr, axis: Dimension) -> bool:
        """Whether an index expression certainly has values on its axis."""
        if isinstance(index, Index) and index.dimension == axis:
            return True
        if isinstance(index, Component):
            return index.tensor.label_dimension == axis
        return bool(index.is_Integer) or fits(index, axis, self.origins)

    def _slice(self, index: Expr, axis: Dimension) -> str | None:
        """An affine index of one letter as a slice."""
        if isinstance(index, Index) and index.dimension == axis:
            return ":"
        parts = affine(index)
        if parts is None or len(parts[0]) != 1:
            return None
        ((letter, step),) = parts[0].items()
        size, start = self.block.size(letter.dimension), str(parts[1]) if parts[1] else ""
        if step == 1:
            return f"{start}:{size}{' + ' + start if start else ''}"
        return f"{start}:{step} * {size}{f' - {step - 1 - parts[1]}' if step > 1 + parts[1] else f' + {start}'}:{step}"

    def _zero_outside(
        self, stored: Stored, indices: list[Expr], dimensions: list[Dimension], outside: list[int]
    ) -> Array:
        """The entries at index expressions that may leave their axes; those outside are zero."""
        block = self.block
        tests: list[Array] = []
        inside: dict[Expr, Array] = {}
        for place in outside:
            index, size = indices[place], block.size(dimensions[place])
            at = block.bind(self.lower(index), "at")
            test = Array(f"({at.code} >= 0) & ({at.code} < {size})", at.axes, Level.COMPARISON, Kind.MASK)
            test = block.bind(test, "inside")
            tests.append(test)
            inside[index] = Array(block.spelled("where", test.code, at.code, "0"), at.axes, kind=Kind.INTEGERS)

        def slices(place: int, index: Expr) -> str | None:
            return ":" if place not in outside and isinstance(index, Index) else None

        found = subscript(block, indices, lambda i: inside[i] if i in inside else self.lower(i), slices)
        value = Array(found.of(stored.name), found.axes, kind=stored.kind)
        for test in tests:
            code = block.spelled("where", block.aligned(test, value.axes).code, value.code, "0")
            value = Array(code, value.axes, kind=stored.kind, fresh=True)
        return value

    def _comparison(self, operator: str, a: Expr, b: Expr) -> Array:
        left, right = self.lower(a), self.lower(b)
        axes = union((left, right), self.block.hint)
        codes = [self.block.aligned(side, axes).wrapped(Level.SUM) for side in (left, right)]
        return Array(f"{codes[0]} {operator} {codes[1]}", axes, Level.COMPARISON, Kind.MASK, fresh=True)

    def _sum(self, expression: Expr) -> Array:
        terms = []
        for term in expression.args:
            number, rest = term.as_coeff_Mul()
            negative = bool(number.is_negative)
            magnitude = product((-number, rest)) if negative else term
            terms.append((-1 if negative else 1, self.lower(magnitude)))
        return arithmetic.signed_sum(self.block, terms)

    def _product(self, expression: Expr) -> Array:
        number, rest = expression.as_coeff_Mul()
        negative = number is S.NegativeOne
        return arithmetic.product(self.block, self._factors(rest if negative else expression), negative)

    def _factors(self, expression: Expr) -> list[Factor]:
        """The factors of a product, those with negative powers below the fraction line."""
        numerator, denominator = _fraction(expression.args if isinstance(expression, Mul) else (expression,))
        wanted = self.block.dialect.symmetric
        above = [Factor(self.lower(f), False, wanted and is_nonnegative(f)) for f in numerator]
        return above + [Factor(self.lower(f), True, wanted and is_nonnegative(f)) for f in denominator]

    def _power(self, expression: Expr) -> Array:
        base, exponent = expression.args
        if not exponent.is_number:
            arrays = [self.block.numbers(self.lower(exponent))]
            base_array = self.block.numbers(self.lower(base))
            axes = union((base_array, *arrays), self.block.hint)
            codes = [self.block.aligned(a, axes).wrapped(Level.ATOM) for a in (base_array, *arrays)]
            return Array(f"{codes[0]} ** {codes[1]}", axes, Level.POWER, fresh=True)
        if exponent.is_negative:
            inverse = self.lower(Pow(base, -exponent))
            return arithmetic.product(self.block, [Factor(inverse, True)])
        return arithmetic.power(self.block, self.lower(base), exponent)

    def _function(self, expression: Expr) -> Array:
        arguments = [self.lower(a) for a in expression.args]
        if isinstance(expression, nodes.Guarded):
            return guarded(self.block, *arguments)
        if isinstance(expression, nodes.Selected):
            return selected(self.block, *arguments)
        return elementwise(self.block, expression, arguments)

    def _matrix(self, expression: Inverse | Determinant | LogDeterminant) -> Array:
        """The inverse of a matrix, kept in a variable, or a number that belongs to it."""
        tensor, block = expression.tensor, self.block
        word = _MATRIX_WORDS[type(expression)]
        key = word, tensor
        if key not in self._matrices:
            rows, columns = fresh(tensor.dimensions, block.hint)
            matrix = block.bind(block.whole(self.lower(Component(tensor, rows, columns)), (rows, columns)), tensor.name)
            name = block.names.local(f"{block.names.tensor(tensor)}_{word}")
            if word in block.dialect.statements:
                block.statement(word, name, matrix.code, block.names.local("sign"))
            else:
                block.emit(f"{name} = {block.spelled(word, matrix.code)}")
            self._matrices[key] = Stored(name, (0, 1) if isinstance(expression, Inverse) else ())
        stored = self._matrices[key]
        if not isinstance(expression, Inverse):
            return Array(stored.name)
        return self._entries(stored, expression.indices, tensor.dimensions)

    def _reduction(self, expression: IndexProduct | IndexMaximum) -> Array:
        """A product or a maximum over indices."""
        block, hint = self.block, self.block.hint
        body, dummies = expression.open(hint)
        block.hint = (*hint, *dummies)
        array = block.array(self.lower(body))
        block.hint = hint
        if isinstance(expression, IndexMaximum):
            return block.reduced("amax", array, dummies)
        missing = [block.size(d.dimension) for d in dummies if d not in array.axes]
        array = block.reduced("prod", array, dummies)
        if not missing:
            return array
        times = missing[0] if len(missing) == 1 else f"({' * '.join(missing)})"
        code = f"{array.wrapped(Level.ATOM)} ** {times}"
        return Array(code, array.axes, Level.POWER, fresh=True)

    def _contraction(self, expression: Contraction) -> Array:
        dense, sparse = split(expression, self.block.hint)
        terms = [Contraction(product((t.coefficient, *t.deltas)), *t.dummies) for t in sparse]
        parts = [t for t in ([] if dense is S.Zero else [dense]) + terms if t is not S.Zero]
        if not sparse and dense == expression:
            return self._summed(*expression.open(self.block.hint))
        if not parts:
            return Array("0", kind=Kind.PYTHON)
        arrays = [
            self._summed(*p.open(self.block.hint)) if isinstance(p, Contraction) else self.lower(p) for p in parts
        ]
        return arrays[0] if len(arrays) == 1 else arithmetic.signed_sum(self.block, [(1, a) for a in arrays])

    def _summed(self, body: Expr, dummies: tuple[Index, ...]) -> Array:
        """The sum of a body over dummies: product by product, each with its own dummies."""
        hint = self.block.hint
        self.block.hint = (*hint, *(d for d in dummies if d not in hint))
        body = distributed(body, dummies)
        outer, self._shared = self._shared, self._shared | repeated((body,))
        try:
            if isinstance(body, Add) and not self._is_elementwise(body):
                terms = []
                for term in body.args:
                    number, rest = term.as_coeff_Mul()
                    sign = -1 if number.is_negative else 1
                    terms.append((sign, self._summed_product(product((sign * number, rest)), dummies)))
                return arithmetic.signed_sum(self.block, terms)
            return self._summed_product(body, dummies)
        finally:
            self.block.hint, self._shared = hint, outer

    def _is_elementwise(self, body: Expr) -> bool:
        """Whether the terms of a sum can be added before summing without making arrays of higher order."""
        every = free_indices(body)
        return all(
            any(free_indices(f) == every for f in (Mul.make_args(t) if isinstance(t, Mul) else (t,))) for t in body.args
        )

    def _summed_product(self, body: Expr, dummies: tuple[Index, ...]) -> Array:
        block = self.block
        factors = self._factors(body)
        held = {axis for f in factors for axis in f.array.axes}
        sizes = [Factor(Array(block.size(d.dimension), kind=Kind.PYTHON)) for d in dummies if d not in held]
        summed = [d for d in dummies if d in held]
        inside = [f for f in factors if any(a in summed for a in f.array.axes)]
        outside = [f for f in factors if f not in inside]
        if not inside:
            return arithmetic.product(block, [*sizes, *outside])
        total = contract(block, inside, summed)
        rest = [*sizes, *outside]
        return arithmetic.product(block, [*rest, Factor(total)]) if rest else total


def distributed(body: Expr, dummies: tuple[Index, ...]) -> Expr:
    """A product whose added factor would make an array of higher order than any of its terms, multiplied out."""
    factors = Mul.make_args(body)
    for factor in factors:
        if not isinstance(factor, Add) or free_indices(factor).isdisjoint(dummies):
            continue
        every = free_indices(factor)
        if len(factors) > 1 and not any(free_indices(term) == every for term in factor.args):
            rest = [f for f in factors if f is not factor]
            return Add(*(distributed(product((*rest, term)), dummies) for term in factor.args))
    return body


def is_constant(expression: Expr) -> bool:
    """Whether the expression is made of numbers alone, such as sqrt(2)."""
    if not expression.is_number:
        return False
    own = (f for f in expression.atoms(Function) if type(f).__module__.startswith("tensorcalc."))
    return all(isinstance(f, _EVALUATED) for f in own)


def _fraction(factors: Iterable[Expr]) -> tuple[list[Expr], list[Expr]]:
    """Numerator and denominator of a product; numbers stay together, as one factor."""
    above: list[Expr] = []
    below: list[Expr] = []
    number: Expr = S.One
    for factor in factors:
        if factor.is_Number or is_constant(factor):
            number = number * factor
        elif isinstance(factor, Pow) and factor.exp.is_number and factor.exp.is_negative:
            below.append(Pow(factor.base, -factor.exp))
        else:
            above.append(factor)
    if number is not S.One:
        if number.is_Rational and number.p in (1, -1) and number.q != 1 and above:
            below.append(sympy.Integer(number.q))
            number = sympy.Integer(number.p)
        if number is not S.One:
            above.insert(0, number)
    return above, below

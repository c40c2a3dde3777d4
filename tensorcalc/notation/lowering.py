"""The syntax tree as a SymPy expression, with constants checked before SymPy computes with them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from sympy import Add, Expr, I, Integer, Mul, Rational, S, pi

from tensorcalc.binding import Contraction, IndexMaximum, IndexProduct, free_indices, power, product
from tensorcalc.errors import Span
from tensorcalc.expr import Component, Determinant, Inverse, Iverson, LogDeterminant, One, delta
from tensorcalc.functions import FUNCTIONS
from tensorcalc.index import Dimension, Index, Tensor
from tensorcalc.notation.constants import (
    as_fraction,
    call_value,
    check_digits,
    check_exact_power,
    not_finite,
    power_value,
    ratio,
    small_or_zero,
)
from tensorcalc.notation.tree import (
    Binder,
    Call,
    Entry,
    Letter,
    Matrix,
    Name,
    Negate,
    Node,
    Number,
    Ones,
    Pair,
    Position,
    Power,
    Product,
    Total,
)

__all__ = ["Lowering"]

REDUCTIONS = {"sum": Contraction, "prod": IndexProduct, "amax": IndexMaximum}

REDUCTIONS = {"sum": Contraction, "prod": IndexProduct, "amax": IndexMaximum}
_INFINITE = (S.NaN, S.Infinity, S.NegativeInfinity, S.ComplexInfinity)


class Lowering:
    """Builds the expression of one definition.

    `tensors` are the tensors by name, `extents` the declared dimensions by name, and `scopes` the indices that each
    binder (by identity) binds.
    """

    def __init__(
        self,
        text: str,
        tensors: Mapping[str, Tensor],
        extents: Mapping[str, Dimension],
        scopes: Mapping[int, tuple[Index, ...]],
    ) -> None:
        self.text = text
        self.tensors = tensors
        self.extents = extents
        self.scopes = scopes
        self.values: dict[Expr, float] = {pi: math.pi}

    def expression(self, node: Node, indices: dict[str, Index]) -> Expr:
        """The SymPy expression of a node over the given indices.

        Raises `TensorCalcError` E_NUMBER_TOO_BIG or E_NOT_FINITE.
        """
        match node:
            case Number():
                return Rational(node.value.numerator, node.value.denominator)
            case Name():
                return pi if node.name == "pi" else self.extents[node.name].extent
            case Entry():
                return self._component(node, indices)
            case Ones():
                return product([One(indices[letter.name]) for letter in node.letters])
            case Pair():
                return self._pair(node, indices)
            case Negate():
                return product([S.NegativeOne, self.expression(node.operand, indices)])
            case Total():
                return self._total(node, indices)
            case Product():
                return self._product(node, indices)
            case Power():
                return self._power(
                    self.expression(node.base, indices), self.expression(node.exponent, indices), node.span
                )
            case Call():
                return self._call(node, indices)
            case Binder():
                return self._binder(node, indices)
            case Matrix():
                return self._matrix(node, indices)
        raise AssertionError(f"no expression for {type(node).__name__}")

    def value(self, expression: Expr) -> float | None:
        """The value of a constant in float64; `None` for anything that is none, or not known to be one."""
        if expression.is_Rational:
            return float(as_fraction(expression))
        return self.values.get(expression)

    def _total(self, node: Total, indices: dict[str, Index]) -> Expr:
        terms = []
        denominator = 1
        for term, minus in zip(node.terms, node.subtracted, strict=True):
            lowered = self.expression(term, indices)
            terms.append(product([S.NegativeOne, lowered]) if minus else lowered)
            coefficient = lowered.as_coeff_Mul()[0]
            if coefficient.is_Rational:
                denominator = check_digits(coefficient, node.span, denominator)
        result = Add(*terms)
        for term in Add.make_args(result):
            self._check_coefficient(term, node.span)
        values = [self.value(t) for t in terms]
        return self._remember(
            result, None if None in values else math.fsum(v for v in values if v is not None), node.span
        )

    def _product(self, node: Product, indices: dict[str, Index]) -> Expr:
        factors: list[Expr] = []
        values: list[float | None] = []
        for factor, divides in zip(node.factors, node.divides, strict=True):
            lowered = self.expression(factor, indices)
            if divides:
                span = node.factors[0].span.to(factor.span)
                if lowered is S.Zero:
                    divisor = _shown(self.text, factor.span)
                    hint = f"the divisor {divisor} is 0" if divisor != "0" else "it divides by 0"
                    raise not_finite(_shown(self.text, span), factor.span, hint)
                lowered = self._power(lowered, S.NegativeOne, span)
            factors.append(lowered)
            values.append(self.value(lowered))
        self._check_coefficients(factors, node.span)
        result = product(factors)
        return self._remember(
            result, None if None in values else math.prod(v for v in values if v is not None), node.span
        )

    def _check_coefficients(self, factors: list[Expr], span: Span) -> None:
        """Multiply the exact numbers of a product step by step, so that they stay short."""
        number = as_fraction(S.One)
        for factor in factors:
            coefficient = factor.as_coeff_Mul()[0]
            if coefficient.is_Rational:
                number *= as_fraction(coefficient)
                check_digits(number, span)
        ratio(number, span, f"the number in {_shown(self.text, span)}")

    def _check_coefficient(self, term: Expr, span: Span) -> None:
        coefficient = term.as_coeff_Mul()[0]
        if coefficient.is_Rational and coefficient.q.bit_length() + abs(coefficient.p).bit_length() > 1000:
            ratio(as_fraction(coefficient), span, f"a number in {_shown(self.text, span)}")

    def _power(self, base: Expr, exponent: Expr, span: Span) -> Expr:
        shown = _shown(self.text, span)
        values = self.value(base), self.value(exponent)
        known = None
        if values[0] is not None and values[1] is not None:
            known = power_value(values[0], values[1], span, shown)
        elif values[0] is not None and values[0] <= 0 and not exponent.is_integer:
            raise not_finite(shown, span, "a power whose exponent varies needs a positive base")
        if exponent.is_Rational:
            coefficient = base.as_coeff_Mul()[0]
            if coefficient.is_Rational:
                check_exact_power(as_fraction(coefficient), as_fraction(exponent), span, shown)
        return self._remember(power(base, exponent), known, span)

    def _call(self, node: Call, indices: dict[str, Index]) -> Expr:
        arguments = []
        for argument in node.arguments:
            arguments.append(self.expression(argument, indices))
        if node.name == "sqrt":
            return self._power(arguments[0], S.Half, node.span)
        if node.name == "pow":
            return self._power(arguments[0], arguments[1], node.span)
        values = [v for a in arguments if (v := self.value(a)) is not None]
        known = None
        if len(values) == len(arguments):
            known = call_value(node.name, values, node.span, _shown(self.text, node.span))
        return self._remember(FUNCTIONS[node.name].symbol(*arguments), known, node.span)

    def _remember(self, result: Expr, value: float | None, span: Span) -> Expr:
        """`result`, with its value where it is a constant; refused where it is no finite real number."""
        shown = _shown(self.text, span)
        if result in _INFINITE or any(a in _INFINITE for a in result.args):
            raise not_finite(shown, span)
        if (result is I or result.args) and not free_indices(result) and result.is_number and result.has(I):
            raise not_finite(shown, span)
        if value is not None and not result.is_Rational:
            self.values[result] = small_or_zero(value, True, span, shown)
        elif result.is_Rational:
            ratio(as_fraction(result), span, shown)
        return result

    def _matrix(self, node: Matrix, indices: dict[str, Index]) -> Expr:
        tensor = self.tensors[node.name]
        if node.kind == "inv":
            return Inverse(tensor, *[self._position(p, indices) for p in node.positions])
        return (Determinant if node.kind == "det" else LogDeterminant)(tensor)

    def _binder(self, node: Binder, indices: dict[str, Index]) -> Expr:
        dummies = self.scopes[id(node)]
        inner = {**indices, **{letter.name: index for letter, index in zip(node.letters, dummies, strict=True)}}
        body = self.expression(node.body, inner)
        lost = [One(index) for index in dummies if index not in free_indices(body)]
        return REDUCTIONS[node.kind](product([body, *lost]) if lost else body, *dummies)

    def _component(self, node: Entry, indices: dict[str, Index]) -> Expr:
        return Component(self.tensors[node.name], *[self._position(p, indices) for p in node.positions])

    def _position(self, position: Position, indices: dict[str, Index]) -> Expr:
        parts: list[Expr] = [Integer(position.offset)] if position.offset else []
        for factor, part in position.parts:
            lowered = indices[part.name] if isinstance(part, Letter) else self._component(part, indices)
            parts.append(Mul(Integer(factor), lowered))
        return Add(*parts)

    def _pair(self, node: Pair, indices: dict[str, Index]) -> Expr:
        first, second = (self._position(p, indices) for p in node.positions)
        if node.kind != "delta":
            return Iverson(node.kind, first, second)
        if first == second:  # 1 for every value of its indices, which must stay visible
            return product([One(index) for index in sorted(free_indices(first), key=str)])
        return delta(first, second)


def _shown(text: str, span: Span) -> str:
    shown = text[span.start : span.end]
    return shown if len(shown) <= 60 else shown[:59] + "…"

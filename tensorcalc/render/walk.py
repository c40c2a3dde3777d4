"""The one walk from an expression to its layout: order, fractions, letters and visible sums are decided here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
from sympy import Add, Expr, Integer, Mul, Pow, Rational, S

from tensorcalc.binding import Binder, Contraction, binds, free_indices, rename
from tensorcalc.budget import check_time
from tensorcalc.expr import (
    Component,
    Delta,
    Determinant,
    Group,
    Inverse,
    Iverson,
    LogDeterminant,
    One,
    Partial,
)
from tensorcalc.functions import function_of
from tensorcalc.index import Adjoint, Dimension, Index, Slope, Tangent, Tensor, TotalAdjoint
from tensorcalc.render.context import Context
from tensorcalc.render.fractions import Quotient, arranged, is_divisor
from tensorcalc.render.layout import (
    Brackets,
    Call,
    Comparison,
    Derivative,
    Exponential,
    Fraction,
    Name,
    Negative,
    Node,
    Number,
    Ones,
    Over,
    Power,
    Product,
    Root,
    Sum,
    Symbol,
)
from tensorcalc.render.layout import Delta as DeltaNode
from tensorcalc.render.numbers import is_decimal
from tensorcalc.render.order import factor_key, index_order, term_key

__all__ = ["layout", "layout_and_letters", "opened_as_written", "tensor_layout", "terms_as_written"]

RELATIONS = {"le": "≤", "lt": "<", "ge": "≥", "gt": ">", "eq": "=", "ne": "≠"}


def layout(expression: Expr, context: Context) -> Node:
    """The layout of an expression, whose free indices are not used as letters of sums."""
    return layout_and_letters(expression, context)[0]


def layout_and_letters(expression: Expr, context: Context) -> tuple[Node, dict[str, Dimension]]:
    """The layout of an expression, and the letters chosen for its sums with their dimensions."""
    context = context.within([expression])
    walk = _Walk(context)
    return walk.node(expression, set(context.taken)), walk.chosen


def tensor_layout(tensor: Tensor, context: Context, indices: tuple[Node, ...] = ()) -> Node:
    """A component of a tensor over indices that are laid out already; without them, the tensor by its name."""
    if isinstance(tensor, Adjoint):
        of = Symbol(tensor.of.name, indices)
        if context.adjoint == "bar" and not isinstance(tensor, TotalAdjoint):
            return Symbol(tensor.of.name, indices, "bar", tensor.name)
        return Derivative(Name(context.loss), (of,), tensor.name, isinstance(tensor, TotalAdjoint))
    if isinstance(tensor, Slope):
        count = tensor.of.order
        numerator, denominator = Symbol(tensor.of.name, indices[:count]), Symbol(tensor.wrt.name, indices[count:])
        return Derivative(numerator, (denominator,), tensor.name)
    if isinstance(tensor, Tangent) and isinstance(tensor.of, Adjoint):  # of a gradient: the gradient of a tangent
        return Derivative(Symbol(context.loss, (), "dot"), (Symbol(tensor.of.of.name, indices),), tensor.name)
    if isinstance(tensor, Tangent):
        return Symbol(tensor.of.name, indices, "dot", tensor.name)
    return Symbol(tensor.name, indices)


def opened_as_written(binder: Expr, context: Context, taken: set[str]) -> tuple[Expr, list[Index]]:
    """The operand of a sum over the letters that are printed for it; adds those to `taken`."""
    return _Walk(context).open(binder, taken)


def terms_as_written(expression: Expr, context: Context) -> list[Expr]:
    """The terms of a sum in the order in which they are printed."""
    walk = _Walk(context)
    keys = {}
    for term in expression.args:
        node, key = walk.term(term, set(context.taken))
        keys[term] = isinstance(node, Negative), key
    return sorted(keys, key=keys.__getitem__)


class _Walk:
    """Builds layouts. `taken` is the set of letters in use in the product around; sums inside add theirs to it."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.explicit = context.style == "sigma"
        self.chosen: dict[str, Dimension] = {}
        self.known: dict[Expr, tuple[Node, tuple[Any, ...]]] = {}

    def node(self, expression: Expr, taken: set[str], closed: bool = False) -> Node:
        """Any expression. `closed`: it becomes the base of a power or a denominator, so its sums must show."""
        if isinstance(expression, Add):
            return self.sum(expression, taken)
        return self.term(expression, taken, closed)[0]

    def sum(self, expression: Expr, taken: set[str]) -> Node:
        """Added terms, positive ones first. Sums in different terms may share their letters."""
        terms: list[tuple[tuple[Any, ...], Node]] = []
        used = set(taken)
        for argument in expression.args:
            inside = set(taken)
            node, key = self.term(argument, inside)
            terms.append(((isinstance(node, Negative), *key), node))
            used |= inside
        taken |= used
        terms.sort(key=lambda t: t[0])
        return Sum(tuple(node for _, node in terms))

    def term(self, expression: Expr, taken: set[str], closed: bool = False) -> tuple[Node, tuple[Any, ...]]:
        """A term with its sorting key. Without sums it looks the same wherever it stands."""
        if binds(expression):
            return self._term(expression, taken, closed)
        if expression not in self.known:
            self.known[expression] = self._term(expression, taken, closed)
        return self.known[expression]

    def _term(self, expression: Expr, taken: set[str], closed: bool) -> tuple[Node, tuple[Any, ...]]:
        check_time()
        number, factors, dummies = self.factors(expression, taken)
        if dummies:
            factors += self.needed_ones(factors, dummies, closed)
        if self.explicit:
            factors = _without_covered_ones(factors)
        factors.sort(key=lambda f: factor_key(f, self.context))
        node = self.product(abs(number), factors, frozenset(dummies), taken)
        key = term_key(factors, self.context, late=is_decimal(number))
        return Negative(node) if number < 0 else node, key

    def factors(self, expression: Expr, taken: set[str]) -> tuple[Expr, list[Expr], list[Index]]:
        """The number, the other factors, and the dummies of sums over the whole product (Einstein style only)."""
        number: Expr = S.One
        factors: list[Expr] = []
        dummies: list[Index] = []
        stack = [expression]
        while stack:
            factor = stack.pop()
            if factor.is_Number and factor.is_finite:
                number = Mul(number, factor)
            elif isinstance(factor, Mul):
                stack.extend(reversed(factor.args))
            elif isinstance(factor, Contraction) and not self.explicit:
                body, opened = self.open(factor, taken)
                dummies += opened
                stack.append(body)
            elif isinstance(factor, Contraction) and _sign(factor) < 0:
                number = Mul(number, S.NegativeOne)
                body, opened = self.open(factor, set(taken))
                factors.append(Contraction(Mul(S.NegativeOne, body), *opened))
            else:
                factors.append(factor)
        return number, factors, dummies

    def open(self, binder: Expr, taken: set[str]) -> tuple[Expr, list[Index]]:
        """The operand over letters that are not taken; takes them."""
        body, fresh = binder.open()
        names = {}
        for dummy in self.appearing(body, fresh):
            letter = self.context.letter(dummy, body, taken)
            taken.add(letter)
            self.chosen[letter] = dummy.dimension
            names[dummy] = Index(letter, dummy.dimension)
        return rename(body, names), [names[d] for d in fresh]

    def appearing(self, body: Expr, dummies: Sequence[Index]) -> list[Index]:
        """Dummies in the order in which they appear in the written product."""
        if len(dummies) < 2:
            return list(dummies)
        order: dict[Expr, None] = {}
        for factor in sorted(Mul.make_args(body), key=lambda f: factor_key(f, self.context)):
            order.update(dict.fromkeys(n for n in sympy.preorder_traversal(factor) if n in dummies))
        return [*order, *(d for d in dummies if d not in order)]

    def needed_ones(self, factors: list[Expr], dummies: list[Index], closed: bool) -> list[Expr]:
        """One-tensors without which a reader would not see the sum, or see it in the wrong place."""
        needed: list[Expr] = []
        for dummy in dummies:
            holding = [f for f in factors if dummy in free_indices(f)]
            count = len(holding)
            if count == 1 and not closed and isinstance(holding[0], Component | Delta):
                count = sum(dummy in free_indices(i) for i in holding[0].indices)
            if count > 1 and all(is_divisor(f) for f in holding):
                count = 1  # in one denominator the sum would seem to stand there
            needed += [One(dummy)] * (2 - count)
        return needed

    def product(self, number: Expr, factors: list[Expr], dummies: frozenset[Index], taken: set[str]) -> Node:
        """A positive number and sorted factors as one product."""
        pieces = arranged(number, factors, dummies, self.context)
        return _joined([self.fraction(p, taken) if isinstance(p, Quotient) else self.factor(p, taken) for p in pieces])

    def fraction(self, quotient: Quotient, taken: set[str]) -> Node:
        """A fraction of products, all of whose factors are positive powers."""
        single = len(quotient.below) == 1
        numerator = [self.factor(f, taken) for f in quotient.above]
        denominator = [self.factor(f, taken, single) for f in quotient.below]
        return Fraction(_joined(numerator), _joined(denominator))

    def factor(self, expression: Expr, taken: set[str], single: bool = False) -> Node:
        """One factor of a product. `single`: it stands alone, as a denominator."""
        if expression.is_Number:
            return Number(expression) if expression >= 0 else Negative(Number(-expression))
        if isinstance(expression, Contraction) and not self.explicit:
            return self.node(expression, taken, closed=single)
        if isinstance(expression, Binder):
            return self.binder(expression, taken)
        if isinstance(expression, Add | Mul):
            return self.node(expression, taken)
        if isinstance(expression, Component | Inverse | Index | Dimension | One | Delta | Iverson):
            return self.atom(expression)
        if isinstance(expression, Partial):
            return self.derivative(expression, taken)
        if isinstance(expression, Group):
            return Brackets(self.node(expression.expression, taken))
        if isinstance(expression, Pow) and not isinstance(expression, sympy.exp):
            return self.power(expression, taken)
        return self.function(expression, taken)

    def derivative(self, partial: Expr, taken: set[str]) -> Node:
        """An unevaluated derivative; that of a derivative is written as ∂²c/∂x∂y."""
        numerator = self.node(partial.expression, taken)
        below = self.atom(partial.wrt)
        if isinstance(numerator, Derivative) and isinstance(numerator.numerator, Symbol | Name):
            return Derivative(numerator.numerator, (*numerator.denominators, below))
        of = partial.expression
        total = not partial.direct and isinstance(of, Component) and of.tensor in self.context.totals
        return Derivative(numerator, (below,), total=total)

    def binder(self, binder: Expr, taken: set[str]) -> Node:
        """A sum, product or maximum over indices with its sign."""
        body, dummies = self.open(binder, taken)
        silent = [One(d) for d in dummies if d not in free_indices(body)]
        if silent:
            body = Mul(*silent, body)
        return Over(binder.NAME, tuple(d.name for d in dummies), self.node(body, taken))

    def atom(self, expression: Expr) -> Node:
        """A component, an index, a δ, a one-tensor: what holds indices and no further expressions."""
        if isinstance(expression, Component):
            return tensor_layout(expression.tensor, self.context, tuple(self.index(i) for i in expression.indices))
        if isinstance(expression, Inverse):
            name = expression.tensor.name
            return Symbol(name, tuple(self.index(i) for i in expression.indices), "inverse", f"inv({name})")
        if isinstance(expression, One):
            return Ones(self.index(expression.index))
        if isinstance(expression, Delta):
            return DeltaNode(*(self.index(i) for i in index_order(expression.indices, self.context)))
        if isinstance(expression, Iverson):
            left, right = (self.index(i) for i in expression.indices)
            return Comparison(RELATIONS[expression.relation], left, right, expression.relation)
        return Name(expression.name)

    def index(self, expression: Expr) -> Node:
        """An index expression: a letter, a number, a label, or an affine combination with its number last."""
        if isinstance(expression, Integer):
            return Number(expression) if expression >= 0 else Negative(Number(-expression))
        if isinstance(expression, Index | Component | Dimension):
            return self.atom(expression)
        terms = [(*t.as_coeff_Mul(), t) for t in Add.make_args(expression)]
        terms.sort(key=lambda t: (t[1] is S.One, bool(t[0] < 0), str(t[1]) not in self.context.taken, str(t[1])))
        nodes = [self.node(t, set()) for _, _, t in terms]
        return nodes[0] if len(nodes) == 1 else Sum(tuple(nodes))

    def power(self, expression: Expr, taken: set[str]) -> Node:
        """A power; square roots as roots. A sum under it stays inside its brackets."""
        base = self.node(expression.base, taken, closed=True)
        if expression.exp == S.Half:
            return Root(base)
        if isinstance(expression.base, Contraction) and not self.explicit and not isinstance(base, Product):
            base = Brackets(base)
        return Power(base, self.node(expression.exp, taken))

    def exponent(self, expression: Expr, taken: set[str]) -> Node:
        """What stands above e: a single product as one fraction."""
        if isinstance(expression, Add):
            return self.node(expression, taken)
        number, factors, dummies = self.factors(expression, taken)
        if dummies or self.explicit or not factors:
            return self.node(expression, taken)
        factors.sort(key=lambda f: factor_key(f, self.context))
        pieces = arranged(abs(number), factors, frozenset(), self.context, single=True)
        node = _joined([self.fraction(p, taken) if isinstance(p, Quotient) else self.factor(p, taken) for p in pieces])
        return Negative(node) if number < 0 else node

    def function(self, expression: Expr, taken: set[str]) -> Node:
        """A function of numbers, or a constant of SymPy."""
        if isinstance(expression, Determinant | LogDeterminant):
            return Call(expression.NAME, (Name(expression.tensor.name),))
        if expression is S.Exp1 or isinstance(expression, sympy.exp):
            exponent = self.exponent(expression.args[0], taken) if expression.args else Number(S.One)
            named = "e" in self.context.system.tensors  # then e^x would be a power of that tensor
            return Call("exp", (exponent,)) if named else Exponential(exponent)
        arguments = tuple(self.node(a, taken) for a in expression.args)
        row = function_of(expression)
        name = row.name if row else str(expression.func) if expression.args else str(expression)
        if name == "positive":
            return Comparison(">", arguments[0], Number(S.Zero), name)
        if name == "larger" and free_indices(expression.args[0]) < free_indices(expression.args[1]):  # not [0 > x_i]
            return Comparison("<", arguments[1], arguments[0], name)
        if name in ("larger", "equal"):
            return Comparison(">" if name == "larger" else "=", arguments[0], arguments[1], name)
        return Call(name, arguments) if arguments else Name(name)


def _sign(contraction: Expr) -> int:
    """-1 where every term of the summand has a minus before it as a whole."""
    body = contraction.body
    return -1 if not body.is_Add and body.as_coeff_Mul()[0].is_negative else 1


def _without_covered_ones(factors: list[Expr]) -> list[Expr]:
    """Drop one-tensors whose index another factor carries."""
    return [
        f
        for f in factors
        if not (isinstance(f, One) and any(f.index in free_indices(g) for g in factors if g is not f))
    ]


def _joined(factors: Sequence[Node]) -> Node:
    return factors[0] if len(factors) == 1 else Product(tuple(factors)) if factors else Number(Rational(1))

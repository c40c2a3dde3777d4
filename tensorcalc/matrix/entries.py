"""The way back: what a matrix formula says entry by entry, and whether that is what an expression says.

Kept apart from the conversion, which it judges: nothing here knows how a formula was found.
"""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Add, Expr, Mul, Pow, S

from tensorcalc.binding import Binder, Contraction, free_indices, fresh, power, product, rebuild, rename, replace
from tensorcalc.expr import Component, Delta, Determinant, Group, LogDeterminant, One
from tensorcalc.index import Index
from tensorcalc.matrix.nodes import (
    Basis,
    Det,
    Diagonal,
    DiagonalMatrix,
    Elementwise,
    Hadamard,
    Identity,
    Named,
    Node,
    Ones,
    Outer,
    Power,
    Product,
    Scalar,
    Scaled,
    Selection,
    SliceSum,
    Sum,
    Trace,
    Transpose,
    order,
)
from tensorcalc.rules.algebra import multiply_out
from tensorcalc.rules.contraction import settle
from tensorcalc.rules.terms import Names, Term, opened

__all__ = ["confirms", "entry"]


def confirms(node: Node, expression: Expr, axes: tuple[Index, ...]) -> bool:
    """Whether the entries of a matrix formula are the expression, whose free indices are `axes` in order.

    A zero stands for a vector or matrix of zeros.
    """
    if node == Scalar(S.Zero):
        return expression is S.Zero
    if order(node) != len(axes):
        return False
    found, expected = _normal(entry(node, axes)), _normal(expression)
    if found == expected:
        return True
    other = _multiplied_out(found)
    return other is not None and other == _multiplied_out(expected)


def entry(node: Node, at: Sequence[Expr]) -> Expr:
    """The entry of a scalar, vector or matrix at an index for each of its axes, in index notation."""
    match node:
        case Scalar(expression):
            return expression
        case Named(template, axes):
            return rename(template, dict(zip(axes, at, strict=True)))
        case Ones() | Basis() | Selection() | Identity():
            return _constant(node, at)
        case Transpose(matrix):
            return entry(matrix, at[::-1])
        case DiagonalMatrix(vector):
            return product([Delta(*at), entry(vector, at[:1])])
        case Diagonal(matrix):
            return entry(matrix, (at[0], at[0]))
        case Outer(column, row):
            return product([entry(column, at[:1]), entry(row, at[1:])])
        case Product():
            return _product(node, at)
        case Trace(matrices, links):
            dummies = fresh([i.dimension for i in links])
            around = zip(matrices, (dummies[-1], *dummies[:-1]), dummies, strict=True)
            return Contraction(product([entry(m, (a, b)) for m, a, b in around]), *dummies)
        case _:
            return _entrywise(node, at)


def _constant(node: Ones | Basis | Selection | Identity, at: Sequence[Expr]) -> Expr:
    match node:
        case Ones():
            return One(at[0])
        case Basis(place, _):
            return Delta(place, at[0])
        case Selection(label, _):
            return Delta(entry(label, at[:1]), at[1])
        case Identity():
            return Delta(*at)


def _product(node: Product, at: Sequence[Expr]) -> Expr:
    """Σ over all indices between the factors; each factor is opened at indices that no other one uses."""
    dummies = fresh([i.dimension for i in node.links], at)
    places = [*at[: node.left is None], *dummies, *at[len(at) - (node.right is None) :]]
    factors = [entry(node.left, places[:1])] if node.left is not None else []
    factors += [entry(m, places[k : k + 2]) for k, m in enumerate(node.matrices)]
    factors += [entry(node.right, places[-1:])] if node.right is not None else []
    return Contraction(product(factors), *dummies)


def _entrywise(node: Node, at: Sequence[Expr]) -> Expr:
    """What is computed entry by entry; scalars count for every entry."""

    def inner(child: Node) -> Expr:
        return entry(child, at if order(child) else ())

    match node:
        case Hadamard(factors, divisors):
            return product([*map(inner, factors), *(power(inner(d), S.NegativeOne) for d in divisors)])
        case Scaled(number, factors, divisors, body):
            rest = () if body is None else (body,)
            below = [power(inner(d), S.NegativeOne) for d in divisors]
            return product([number, *map(inner, factors), *below, *map(inner, rest)])
        case Sum(terms):
            return Add(*map(inner, terms))
        case Elementwise(function, arguments):
            return function(*map(inner, arguments))
        case Power(base, exponent):
            return power(inner(base), exponent)
        case Det(Named(template, _), logarithm):
            return (LogDeterminant if logarithm else Determinant)(template.args[0])
        case SliceSum(index, body):
            (dummy,) = fresh([index.dimension], at)
            return Contraction(rename(entry(body, at), {index: dummy}), dummy)
        case _:
            raise TypeError(f"no matrix formula: {node!r}")


def _normal(expression: Expr) -> Expr:
    """One form of all expressions that differ in one-tensors, contracted δ, squares of sums, and where sums stand."""
    found = replace(expression, lambda node: S.One if isinstance(node, One) else None)
    seen: set[Expr] = set()
    while found not in seen:
        seen.add(found)
        found = _rewritten(found, Names((found,)))
    return found


def _multiplied_out(expression: Expr) -> Expr | None:
    """The normal form with all brackets multiplied out; `None` where there would be too many terms."""
    terms = multiply_out(expression)
    return None if terms is None else _normal(Add(*(t.expression() for t in terms)))


def _rewritten(expression: Expr, names: Names) -> Expr:
    if isinstance(expression, Component | Delta) or not expression.args:
        return expression
    whole = isinstance(expression, Pow) and expression.exp.is_Add  # u^{a + b} is a factor of its own in a term
    if isinstance(expression, Mul | Pow | Contraction | Group) and not whole:
        return _term(opened(expression, names), names)
    if isinstance(expression, Binder):
        body, indices = names.open(expression)
        return expression.func(_rewritten(body, names), *indices)
    return rebuild(expression, [_rewritten(a, names) if isinstance(a, Expr) else a for a in expression.args])


def _term(term: Term, names: Names) -> Expr:
    result = Term(term.coefficient, {}, term.dummies)
    for base, exponent in term.powers.items():
        inner = _rewritten(base, names)
        squared = isinstance(inner, Contraction) and exponent == 2
        for factor in (inner, inner) if squared else (power(inner, exponent),):
            more = opened(factor, names)
            result.coefficient *= more.coefficient
            result.dummies += more.dummies
            for b, e in more.powers.items():
                result.multiply(b, e)
    settle(result, {})
    result = _aligned(result)
    for base in [b for b in result.powers if isinstance(b, One)]:
        del result.powers[base]
    if len(result.powers) == 1 and not result.dummies:
        ((base, exponent),) = result.powers.items()
        if base.is_Add and exponent is S.One:
            return Add(*(product([result.coefficient, a]) for a in base.args))
    return result.expression()


def _aligned(term: Term) -> Term:
    """The term with one of the two indices of every free δ in its other factors."""
    for delta in [b for b in term.powers if isinstance(b, Delta)]:
        first, second = delta.indices
        if isinstance(second, Index) and second not in free_indices(first):
            rest = Term(term.coefficient, {b: e for b, e in term.powers.items() if b != delta}, term.dummies)
            term = rest.rename({second: first})
            term.multiply(delta)
    return term

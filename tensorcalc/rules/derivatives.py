"""The laws of the derivative. Each takes an unevaluated ∂e/∂x and returns what it equals, or `None`.

The four families below are tried one after the other on a whole line: linearity, product and quotient rule, chain rule,
elementary derivatives.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy
from sympy import Add, Expr, Pow, S

from tensorcalc.binding import Contraction, IndexMaximum, IndexProduct, fresh, product
from tensorcalc.budget import check_length
from tensorcalc.expr import Component, Delta, Determinant, Group, Inverse, LogDeterminant, One, Partial, bracketed
from tensorcalc.functions import Elementwise, equal, function_of
from tensorcalc.index import Index, Tensor
from tensorcalc.rules.algebra import size
from tensorcalc.rules.rule import Rule
from tensorcalc.rules.scope import Scope

__all__ = [
    "CHAIN",
    "CONSTANT",
    "DETERMINANT",
    "INVERSE",
    "LOG_DETERMINANT",
    "PRODUCT",
    "SELF",
    "chain",
    "derivative_of",
    "elementary",
    "linearity",
    "of_scalar",
    "product_or_quotient",
]

LINEARITY = Rule("linearity", r"\partial(a u + v) = a \, \partial u + \partial v")
CONSTANT = Rule("derivative of a constant", r"\partial a = 0")
PRODUCT = Rule("product rule", r"\partial(u v) = \partial u \, v + u \, \partial v")
QUOTIENT = Rule(
    "quotient rule", r"\partial \frac{u}{v} = \frac{1}{v^{2}} \left(\partial u \, v - u \, \partial v\right)"
)
POWER = Rule("power rule", r"\partial u^{n} = n u^{n - 1} \, \partial u")
EXPONENT = Rule("derivative of a power", r"\partial u^{v} = u^{v} (\partial v \, \log u + v \, \partial u / u)")
CHAIN = Rule("chain rule", r"\partial f(u) = \frac{\partial f(u)}{\partial u} \, \partial u")
SELF = Rule("derivative of a variable by itself", r"\frac{\partial x_{j}}{\partial x_{n}} = \delta_{j n}")
INVERSE = Rule(
    "derivative of the inverse",
    r"\frac{\partial (X^{-1})_{i j}}{\partial x_{p q}} = -(X^{-1})_{i p} (X^{-1})_{q j}",
)
DETERMINANT = Rule(
    "derivative of the determinant", r"\frac{\partial \det X}{\partial x_{p q}} = \det X \, (X^{-1})_{q p}"
)
LOG_DETERMINANT = Rule(
    "derivative of the log-determinant", r"\frac{\partial \log \det X}{\partial x_{p q}} = (X^{-1})_{q p}"
)
INDEX_PRODUCT = Rule(
    "derivative of a product over an index",
    r"\partial \prod_{i} u_{i} = \left(\prod_{i} u_{i}\right) \sum_{i} \frac{\partial u_{i}}{u_{i}}",
)
INDEX_MAXIMUM = Rule(
    "derivative of a maximum over an index",
    r"\partial \max_{i} u_{i} = \frac{\sum_{i} [u_{i} = \max_{k} u_{k}] \, \partial u_{i}}"
    r"{\sum_{i} [u_{i} = \max_{k} u_{k}]}",
)


def linearity(partial: Partial, scope: Scope, fired: dict[Rule, None]) -> Expr | None:
    """∂ of sums, of sums over indices and of multiples; what does not depend on the variable drops out."""
    expression = partial.expression
    if not scope.depends(expression):
        fired[CONSTANT] = None
        return S.Zero
    if not (expression.is_Add or isinstance(expression, Contraction | Group) or _has_constant_factor(partial, scope)):
        return None
    fired[LINEARITY] = None
    return _spread(expression, partial, scope)


def _has_constant_factor(partial: Partial, scope: Scope) -> bool:
    expression = partial.expression
    return bool(expression.is_Mul) and not all(scope.depends(f) for f in expression.args)


def _spread(expression: Expr, partial: Partial, scope: Scope) -> Expr:
    if isinstance(expression, Group):
        return _spread(expression.expression, partial, scope)
    if expression.is_Add:
        return Add(*(_spread(a, partial, scope) for a in expression.args if scope.depends(a)))
    if isinstance(expression, Contraction):
        body, indices = expression.open((partial,))
        return Contraction(_spread(body, partial, scope), *indices)
    if expression.is_Mul:
        moving = [f for f in expression.args if scope.depends(f)]
        fixed = [f for f in expression.args if not scope.depends(f)]
        if fixed:
            return product([*fixed, _spread(product(moving), partial, scope)])
    return Partial(expression, partial.wrt, partial.direct)


def product_or_quotient(partial: Partial, scope: Scope, fired: dict[Rule, None]) -> Expr | None:
    """∂ of a product of moving factors; negative powers make it a quotient."""
    expression = partial.expression
    if not expression.is_Mul:
        return None
    upper, lower = [], []
    for factor in expression.args:
        base, exponent = factor.as_base_exp()
        if exponent.is_number and exponent.is_negative:
            lower.append(Pow(base, -exponent))
        else:
            upper.append(factor)

    def derivative(e: Expr) -> Expr:
        return Partial(e, partial.wrt, partial.direct)

    if upper and lower:
        u, v = product(upper), product(lower)
        fired[QUOTIENT] = None
        return product([Pow(v, -2), Add(product([derivative(u), v]), product([S.NegativeOne, u, derivative(v)]))])
    fired[PRODUCT] = None
    factors = list(expression.args)
    check_length(len(factors) * size(expression))
    return Add(*(product([*factors[:k], derivative(f), *factors[k + 1 :]]) for k, f in enumerate(factors)))


def chain(partial: Partial, scope: Scope, fired: dict[Rule, None]) -> Expr | None:
    """∂f(u)/∂x = (∂f(u)/∂u)(∂u/∂x) for a component u: shown in full where a function is met for the first time."""
    expression = partial.expression
    row = function_of(expression)
    if row is None or row.arity != 1 or row.name in scope.shown:
        return None
    (inner,) = expression.args
    if not isinstance(inner, Component) or inner == partial.wrt or not scope.depends(inner):
        return None
    fired[CHAIN] = None
    return product([Partial(expression, inner, True), Partial(inner, partial.wrt, partial.direct)])


def elementary(partial: Partial, scope: Scope, fired: dict[Rule, None]) -> Expr | None:
    """∂x/∂x = δ, derivatives that are known already, powers and functions (with the derivative of what is inside)."""
    expression, wrt = partial.expression, partial.wrt
    special = SPECIAL.get(type(expression))
    if special is not None:
        return special(partial, scope, fired)
    if expression.is_Pow:
        return _power(partial, scope, fired)
    row = function_of(expression)
    if row is None:
        return None
    scope.shown.add(row.name)
    fired[derivative_of(row)] = None
    terms = []
    for argument, slope in zip(expression.args, row.derivatives, strict=True):
        outer = slope(*expression.args, expression)
        if outer is S.Zero or not (argument == wrt or scope.depends(argument)):
            continue
        inner = S.One if argument == wrt and partial.direct else _inner(argument, partial, scope, fired)
        terms.append(product([outer, inner]))
    return Add(*terms)


def _inner(argument: Expr, partial: Partial, scope: Scope, fired: dict[Rule, None]) -> Expr:
    """The derivative of an inner function: at once for a component, else left for the next line."""
    inner = Partial(argument, partial.wrt, partial.direct)
    if isinstance(argument, Component):
        return _component(inner, scope, fired)
    fired[CHAIN] = None
    return inner


def derivative_of(row: Elementwise) -> Rule:
    """The law of the derivative of one function."""
    return Rule(f"derivative of {row.name}", row.law)


def _component(partial: Partial, scope: Scope, fired: dict[Rule, None]) -> Expr:
    component, wrt = partial.expression, partial.wrt
    if component == wrt and partial.direct and component.tensor != scope.variable:
        return S.One
    if scope.is_variable(component):
        fired[SELF] = None
        deltas = (Delta(a, b) for a, b in zip(component.indices, wrt.indices, strict=True))
        return product([*deltas, *_lost_indices(component, wrt)])
    if not scope.depends(component):
        fired[CONSTANT] = None
        return S.Zero
    known = scope.known.get(component.tensor)
    if known is None:  # it is left for later: the engine derives it before
        return partial
    fired[Rule(f"derivative of {component.tensor.spoken} from above")] = None
    value = known.at(partial)
    return bracketed(value)


def of_scalar(partial: Partial, scope: Scope, fired: dict[Rule, None]) -> Expr | None:
    """∂m/∂m = 1 of a scalar, which is worth no line of its own."""
    component = partial.expression
    if not isinstance(component, Component) or component.indices or not scope.is_variable(component):
        return None
    fired[SELF] = None
    return S.One


def _lost_indices(component: Component, wrt: Component) -> list[Expr]:
    """One-tensors for indices of ∂x_i/∂x_i that a δ_ii = 1 no longer shows."""
    return [One(a) for a, b in zip(component.indices, wrt.indices, strict=True) if a == b and isinstance(a, Index)]


def _power(partial: Partial, scope: Scope, fired: dict[Rule, None]) -> Expr:
    base, exponent = partial.expression.base, partial.expression.exp
    terms = []
    if scope.depends(exponent):
        fired[EXPONENT] = None
        terms.append(product([partial.expression, sympy.log(base), _inner(exponent, partial, scope, fired)]))
    else:
        fired[POWER] = None
    if scope.depends(base):
        terms.append(product([exponent, Pow(base, exponent - 1), _inner(base, partial, scope, fired)]))
    return Add(*terms)


def _over_matrix(matrix: Tensor, partial: Partial, slope: Callable[[Index, Index], Expr]) -> Expr:
    """Σ_pq slope(p, q) ∂X_pq: the chain rule through all entries of a matrix."""
    p, q = fresh(matrix.dimensions, (partial,))
    inner = Partial(Component(matrix, p, q), partial.wrt, partial.direct)
    return Contraction(product([slope(p, q), inner]), p, q)


def _inverse(partial: Partial, scope: Scope, fired: dict[Rule, None]) -> Expr:
    matrix, (i, j) = partial.expression.tensor, partial.expression.indices
    fired[INVERSE] = None
    return _over_matrix(
        matrix, partial, lambda p, q: product([S.NegativeOne, Inverse(matrix, i, p), Inverse(matrix, q, j)])
    )


def _determinant(partial: Partial, scope: Scope, fired: dict[Rule, None]) -> Expr:
    matrix = partial.expression.tensor
    fired[DETERMINANT] = None
    return _over_matrix(matrix, partial, lambda p, q: product([Determinant(matrix), Inverse(matrix, q, p)]))


def _log_determinant(partial: Partial, scope: Scope, fired: dict[Rule, None]) -> Expr:
    matrix = partial.expression.tensor
    fired[LOG_DETERMINANT] = None
    return _over_matrix(matrix, partial, lambda p, q: Inverse(matrix, q, p))


def _index_product(partial: Partial, scope: Scope, fired: dict[Rule, None]) -> Expr:
    whole = partial.expression
    body, indices = whole.open((partial,))
    fired[INDEX_PRODUCT] = None
    inner = product([Pow(body, -1), Partial(body, partial.wrt, partial.direct)])
    return product([whole, Contraction(inner, *indices)])


def _index_maximum(partial: Partial, scope: Scope, fired: dict[Rule, None]) -> Expr:
    whole = partial.expression
    body, indices = whole.open((partial,))
    fired[INDEX_MAXIMUM] = None
    mark = equal(body, whole)
    inner = product([mark, Partial(body, partial.wrt, partial.direct)])
    return product([Pow(Contraction(mark, *indices), -1), Contraction(inner, *indices)])


SPECIAL: dict[type[Expr], Callable[[Partial, Scope, dict[Rule, None]], Expr]] = {
    Component: _component,
    Inverse: _inverse,
    Determinant: _determinant,
    LogDeterminant: _log_determinant,
    IndexProduct: _index_product,
    IndexMaximum: _index_maximum,
}

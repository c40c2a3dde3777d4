"""Identities between functions that shorten a result: e^u/(1 + e^u) is a sigmoid, relu u · [u > 0] is relu u."""

from __future__ import annotations

from collections.abc import Callable

from sympy import Add, Expr, Integer, Mul, S

from tensorcalc.binding import Binder, rebuild
from tensorcalc.expr import Component, Exp, Partial, contains
from tensorcalc.functions import positive, relu, sigmoid, tanh
from tensorcalc.rules.rule import Rule
from tensorcalc.rules.terms import Names, Term, factored

__all__ = ["recognise"]

SIGMOID = Rule("definition of the sigmoid", r"\frac{e^{u}}{1 + e^{u}} = \operatorname{sigmoid} u")
COMPLEMENT = Rule("complement of the sigmoid", r"1 - \operatorname{sigmoid} u = \operatorname{sigmoid}(-u)")
TANH = Rule("definition of tanh", r"\frac{e^{u} - e^{-u}}{e^{u} + e^{-u}} = \tanh u")
RELU = Rule("relu where it is positive", r"\operatorname{relu} u \, [u > 0] = \operatorname{relu} u")
EXPONENTS = Rule("adding exponents", r"e^{u} e^{v} = e^{u + v}")
OPPOSITE = Rule("cancelling exponentials", r"e^{u} e^{-u} = 1")


def recognise(expression: Expr, fired: dict[Rule, None]) -> Expr:
    """Replace products by the functions they equal, innermost first."""
    if not contains(expression, Exp, positive, sigmoid):
        return expression
    return _recognise(expression, fired, Names((expression,)))


def _recognise(expression: Expr, fired: dict[Rule, None], names: Names) -> Expr:
    if isinstance(expression, Component | Partial) or not expression.args:
        return expression
    if isinstance(expression, Binder):
        body, indices = names.open(expression)
        recognised = _recognise(body, fired, names)
        return expression if recognised is body else expression.func(recognised, *indices)
    expression = _inside(expression, fired, names)
    if expression.is_Add:
        return _complement(expression, fired)
    if not (expression.is_Mul or expression.is_Pow):
        return expression
    term = factored(expression)
    changed = [rule for rule, identity in IDENTITIES if identity(term)]
    if not changed:
        return expression
    fired.update(dict.fromkeys(changed))
    return term.expression()


def _inside(expression: Expr, fired: dict[Rule, None], names: Names) -> Expr:
    """The node with its arguments recognised; the powers in a product are left to the product."""

    beside = {sigmoid(f.args[0]) for f in expression.args if isinstance(f, sigmoid)} if expression.is_Mul else set()

    def recognised(argument: Expr) -> Expr:
        if beside and _complemented(argument) in beside:  # sigmoid(u) (1 - sigmoid(u)) stays
            return argument
        inner = expression.is_Mul and argument.is_Pow
        return _inside(argument, fired, names) if inner else _recognise(argument, fired, names)

    arguments = [recognised(a) if isinstance(a, Expr) else a for a in expression.args]
    if all(new is old for new, old in zip(arguments, expression.args, strict=True)):
        return expression
    return rebuild(expression, arguments)


def _sigmoid(term: Term) -> bool:
    """e^{au}/(1 + e^u)^b, with a ≤ b, is sigmoid(u)^a sigmoid(-u)^{b - a}."""
    for base, exponent in list(term.powers.items()):
        inner = _one_plus_exponential(base)
        if inner is None or not exponent.is_Integer or exponent.is_positive:
            continue
        upper = term.powers.get(Exp(inner), S.Zero)
        if not upper.is_Integer or not 0 <= upper <= -exponent:
            continue
        term.multiply(base, -exponent)
        term.multiply(Exp(inner), -upper)
        term.multiply(sigmoid(inner), upper)
        term.multiply(sigmoid(-inner), -exponent - upper)
        return True
    return False


def _complement(expression: Expr, fired: dict[Rule, None]) -> Expr:
    """1 - sigmoid(u) is sigmoid(-u)."""
    found = _complemented(expression)
    if found is None:
        return expression
    fired[COMPLEMENT] = None
    return sigmoid(-found.args[0])


def _complemented(expression: Expr) -> Expr | None:
    """The sigmoid(u) of 1 - sigmoid(u)."""
    if expression.is_Add and len(expression.args) == 2 and S.One in expression.args:
        other = -next(a for a in expression.args if a is not S.One)
        return other if isinstance(other, sigmoid) else None
    return None


def _one_plus_exponential(base: Expr) -> Expr | None:
    """The u of 1 + e^u."""
    if base.is_Add and len(base.args) == 2 and S.One in base.args:
        other = next(a for a in base.args if a is not S.One)
        if isinstance(other, Exp):
            return other.args[0]
    return None


def _tanh(term: Term) -> bool:
    """(e^u - e^-u)/(e^u + e^-u)."""
    for base, exponent in list(term.powers.items()):
        if exponent is not S.NegativeOne or not base.is_Add or len(base.args) != 2:
            continue
        first, second = sorted(base.args, key=str)
        if not (isinstance(first, Exp) and isinstance(second, Exp) and first.args[0] == -second.args[0]):
            continue
        for upper, lower in ((first, second), (second, first)):
            if term.powers.get(Add(upper, -lower)) is S.One:
                term.multiply(base, S.One)
                term.multiply(Add(upper, -lower), S.NegativeOne)
                value = tanh(upper.args[0])
                for factor in Mul.make_args(value):
                    term.multiply(factor)
                return True
    return False


def _relu(term: Term) -> bool:
    """relu(u)^a [u > 0]^b is relu(u)^a, and [u > 0]^b is [u > 0]."""
    changed = False
    for base, exponent in list(term.powers.items()):
        if not isinstance(base, positive) or not exponent.is_positive:
            continue
        covered = term.powers.get(relu(base.args[0]), S.Zero).is_positive
        if covered or exponent != 1:
            term.multiply(base, -exponent if covered else Integer(1) - exponent)
            changed = True
    return changed


def _exponents(term: Term) -> bool:
    """e^u/e^v is e^{u - v}; exponentials above one another only, others stay factors."""
    below = [b for b, e in term.powers.items() if isinstance(b, Exp) and e is S.NegativeOne]
    above = [b for b, e in term.powers.items() if isinstance(b, Exp) and e is S.One]
    if len(below) != 1 or len(above) != 1:
        return False
    term.multiply(below[0], S.One)
    term.multiply(above[0], S.NegativeOne)
    term.multiply(Exp(above[0].args[0] - below[0].args[0]))
    return True


def _opposite(term: Term) -> bool:
    """e^u e^{-u} is 1."""
    for base in list(term.powers):
        if not isinstance(base, Exp) or base not in term.powers:
            continue
        other = Exp(-base.args[0])
        first, second = term.powers[base], term.powers.get(other, S.Zero)
        if first.is_positive and second.is_positive:
            common = min(first, second)
            term.multiply(base, -common)
            term.multiply(other, -common)
            return True
    return False


IDENTITIES: tuple[tuple[Rule, Callable[[Term], bool]], ...] = (
    (SIGMOID, _sigmoid),
    (TANH, _tanh),
    (RELU, _relu),
    (EXPONENTS, _exponents),
    (OPPOSITE, _opposite),
)

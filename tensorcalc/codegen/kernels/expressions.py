"""Expressions of numbers as C: each value is computed in the outermost loop that has its indices, and once.

Entries of tensors are the business of a subclass (`nests`): what is read from memory, what is still in a variable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import sympy
from sympy import Add, Expr, Function, Integer, Mul, Pow, Rational, S

from tensorcalc.binding import product
from tensorcalc.codegen import nodes
from tensorcalc.codegen.kernels.scopes import Scopes
from tensorcalc.codegen.kernels.statements import Decay, Finite, Masked, WhereFinite
from tensorcalc.codegen.lowering import is_constant
from tensorcalc.errors import TensorCalcError
from tensorcalc.expr import Component, Delta, Group, Iverson, One
from tensorcalc.functions import function_of, sigmoid
from tensorcalc.index import Dimension, Index

__all__ = ["Expressions"]

CHOICE, COMPARISON, SUM, PRODUCT, UNARY, ATOM = range(6)
Code = tuple[str, int]
RELATIONS = {"le": "<=", "lt": "<", "ge": ">=", "gt": ">", "eq": "==", "ne": "!="}
FAST = ("exp", "expm1", "log", "log1p", "sigmoid", "tanh", "softplus", "erf")
PLAIN = ("sin", "cos", "tan", "sinh", "cosh", "asin", "acos", "atan", "lgamma")
LARGEST_POWER = 16


class Expressions:
    """Code of values in nested scopes. `words` are the functions that the code calls."""

    ONE = "1"

    def __init__(self, scopes: Scopes, words: dict[str, None]) -> None:
        self.scopes = scopes
        self.words = words

    def component(self, c: Component) -> Code:
        """The code of an entry of a tensor."""
        raise NotImplementedError

    def label(self, c: Component) -> Code:
        """The code of an entry of a tensor of labels, as an integer."""
        raise NotImplementedError

    def number(self, e: Expr) -> Code:
        """A number as a literal."""
        return number(e)

    def length(self, d: Dimension) -> Code:
        """The size of a dimension as a number."""
        return f"(real){self.scopes.size(d)}", UNARY

    def position(self, i: Index) -> Code:
        """The value of an index as a number."""
        return f"(real){self.scopes.letter(i)}", UNARY

    def truth(self, condition: str) -> str:
        """1 where a condition holds, else 0."""
        return f"({condition} ? R(1.0) : R(0.0))"

    def refused(self, what: str) -> TensorCalcError:
        """The error about what has no code."""
        return unsupported(what)

    def value(self, e: Expr, level: int = CHOICE) -> str:
        """The code of an expression, in brackets where it binds less than `level`."""
        text, own = self.code(e)
        return text if own >= level else f"({text})"

    def code(self, e: Expr) -> Code:
        """The code of an expression in the innermost scope, and how tightly it binds."""
        known = self.scopes.known(e)
        if known is not None:
            return known, ATOM
        if _is_number(e) or isinstance(e, Component):
            return self._raw(e)
        home = self.scopes.home(e)
        if home < self.scopes.depth and not isinstance(e, Dimension | Index | One):
            return self.bound(e, home), ATOM
        return self._node(e)

    def bound(self, e: Expr, depth: int, wanted: str = "c") -> str:
        """The variable of an expression in the scope at a depth."""
        known = self.scopes.known(e)
        if known is not None:
            return known
        outer, self.scopes.depth = self.scopes.depth, depth
        try:
            text, _ = self._raw(e)
            known = self.scopes.known(e)
            return known if known is not None else self.scopes.bind(e, "real", wanted, text, depth)
        finally:
            self.scopes.depth = outer

    def _raw(self, e: Expr) -> Code:
        """The code of an expression that has no variable yet."""
        if _is_number(e):
            return self.number(e)
        return self.component(e) if isinstance(e, Component) else self._node(e)

    def integer(self, e: Expr, level: int = CHOICE) -> str:
        """The code of an index expression."""
        text, own = self._integer(e)
        return text if own >= level else f"({text})"

    def _integer(self, e: Expr) -> Code:
        if isinstance(e, Index):
            return self.scopes.letter(e), ATOM
        if isinstance(e, Integer):
            return str(int(e)), ATOM if e >= 0 else UNARY
        if isinstance(e, Dimension):
            return self.scopes.size(e), ATOM
        if isinstance(e, Component):
            return self.label(e)
        if isinstance(e, Add):
            terms = [self.integer(a, PRODUCT) for a in e.args]
            return " + ".join(terms).replace("+ -", "- "), SUM
        if isinstance(e, Mul):
            return " * ".join(self.integer(a, UNARY) for a in e.args), PRODUCT
        raise unsupported(f"the index {e}")

    def _node(self, e: Expr) -> Code:
        if isinstance(e, Add):
            return self._sum(e)
        if isinstance(e, Mul):
            return self._product(e)
        if isinstance(e, Pow):
            return self._power(e)
        if isinstance(e, Group):
            return self.code(e.expression)
        if isinstance(e, Dimension):
            return self.length(e)
        if isinstance(e, Index):
            return self.position(e)
        if isinstance(e, One):
            return self.ONE, ATOM
        if isinstance(e, Delta | Iverson):
            relation = "==" if isinstance(e, Delta) else RELATIONS[e.relation]
            a, b = (self.integer(i, SUM) for i in e.indices)
            return self.truth(f"{a} {relation} {b}"), ATOM
        if isinstance(e, Function):
            return self._function(e)
        raise self.refused(str(e))

    def _sum(self, e: Add) -> Code:
        """Positive terms first, so that x − m is a single subtraction."""
        signed = []
        for term in e.args:
            number_, rest = term.as_coeff_Mul()
            negative = bool(number_.is_negative)
            signed.append((negative, product((-number_, rest)) if negative else term))
        signed.sort(key=lambda pair: pair[0])
        text = ""
        for negative, term in signed:
            code = self.value(term, PRODUCT)
            text += (f" - {code}" if negative else f" + {code}") if text else f"{'-' if negative else ''}{code}"
        return text, SUM

    def _product(self, e: Expr) -> Code:
        """What is constant in the loop is one factor, computed before it; divisors are multiplied first."""
        negative, constant, above, below = self._parts(Mul.make_args(e))
        factors = [constant] if constant else []
        factors += [self.value(f, PRODUCT if not factors and place == 0 else UNARY) for place, f in enumerate(above)]
        sign = "-" if negative else ""
        if not factors:
            factors = [self.number(S.One)[0]]
        text = sign + " * ".join(factors)
        if not below:
            return text, PRODUCT if len(factors) > 1 or not sign else UNARY
        divisors = [self.value(f, ATOM if len(below) == 1 else UNARY) for f in below]
        return f"{text} / {divisors[0] if len(divisors) == 1 else '(' + ' * '.join(divisors) + ')'}", PRODUCT

    def _parts(self, factors: Sequence[Expr]) -> tuple[bool, str, list[Expr], list[Expr]]:
        """Sign, the code of the constant part, numerator and denominator."""
        numbers = [f for f in factors if _is_number(f)]
        rest = [f for f in factors if f not in numbers]
        coefficient = Mul(*numbers)
        negative = bool(coefficient.is_negative)
        coefficient = -coefficient if negative else coefficient
        fixed = [f for f in rest if self.scopes.home(f) < self.scopes.depth]
        moving = [f for f in rest if f not in fixed]
        constant = ""
        if fixed:
            whole = product((coefficient, *fixed))
            home = self.scopes.home(whole)
            plain = len(fixed) == 1 and coefficient is S.One
            constant = self.value(whole, UNARY) if plain else self.bound(whole, home)
        elif coefficient is not S.One:
            constant = self.number(coefficient)[0]
        below = [_inverse(f) for f in moving if _is_divisor(f)]
        above = [f for f in moving if not _is_divisor(f)]
        return negative, constant, above, below

    def _power(self, e: Pow) -> Code:
        base, exponent = e.args
        if exponent.is_number and exponent.is_negative:
            return f"R(1.0) / {self.value(Pow(base, -exponent), ATOM)}", PRODUCT
        if isinstance(exponent, Integer) and 1 < exponent <= LARGEST_POWER:
            return self._whole_power(base, int(exponent))
        if exponent is S.Half:
            return f"M(sqrt)({self.value(base)})", ATOM
        if isinstance(exponent, Rational) and exponent.q == 2 and 1 < exponent <= LARGEST_POWER:
            root, whole = self.value(Pow(base, S.Half)), self.value(Pow(base, exponent - S.Half), UNARY)
            return f"{root} * {whole}", PRODUCT
        return f"M(pow)({self.value(base)}, {self.value(exponent)})", ATOM

    def _whole_power(self, base: Expr, exponent: int) -> Code:
        factor = self.local(base)
        if exponent <= 3:
            return " * ".join([factor] * exponent), PRODUCT
        half = self.local(Pow(base, exponent // 2))
        return f"{half} * {half}" + (f" * {factor}" if exponent % 2 else ""), PRODUCT

    def local(self, e: Expr) -> str:
        """The expression as something that may be repeated: a name or a number."""
        text, level = self.code(e)
        if level == ATOM and (text.isidentifier() or e.is_Number):
            return text
        return self.bound(e, self.scopes.home(e))

    def _function(self, e: Function) -> Code:
        special = SPECIAL.get(type(e))
        if special is not None:
            return special(self, e)
        row = function_of(e)
        word = row.name if row is not None else "exp" if isinstance(e, sympy.exp) else type(e).__name__
        if word in FAST:
            self.words[word] = None
            return self._named(e, word, f"fast_{word}({self.value(e.args[0])})")
        if word in PLAIN:
            return self._named(e, word, f"M({word})({self.value(e.args[0])})")
        form = FORMS.get(word)
        if form is None:
            raise unsupported(f"the function {word}")
        return form(self, e)

    def _named(self, e: Expr, word: str, text: str) -> Code:
        """The value of a call in a variable, so that it is computed once."""
        return self.scopes.bind(e, "real", word, text, self.scopes.depth), ATOM


def unsupported(what: str) -> TensorCalcError:
    """The error about what has no code in C."""
    return TensorCalcError("E_UNSUPPORTED", f"{what} cannot be compiled to C yet", hint="the target numpy can")


def _is_number(e: Expr) -> bool:
    return bool(e.is_Number or e.is_NumberSymbol or is_constant(e))


def number(e: Expr) -> Code:
    """A number as a literal of the type of the arrays."""
    if isinstance(e, Integer) and abs(e) < 2**31:
        return f"R({int(e)}.0)", ATOM
    return f"R({float(e)!r})", ATOM


def _is_divisor(e: Expr) -> bool:
    return isinstance(e, Pow) and e.exp.is_number and bool(e.exp.is_negative)


def _inverse(e: Expr) -> Expr:
    return Pow(e.base, -e.exp)


def _choice(text: str) -> Callable[[Expressions, Expr], Code]:
    """A form with the arguments in variables at {0}, {1}."""

    def form(self: Expressions, e: Expr) -> Code:
        return f"({text.format(*(self.local(a) for a in e.args))})", ATOM

    return form


def _guarded(self: Expressions, e: Expr) -> Code:
    zero, value = e.args
    return f"({self.value(zero, SUM)} == 0 ? R(0.0) : {self.value(value, SUM)})", ATOM


def _logaddexp(self: Expressions, e: Expr) -> Code:
    self.words["logaddexp"] = None
    return f"fast_logaddexp({self.value(e.args[0])}, {self.value(e.args[1])})", ATOM


def _silu(self: Expressions, e: Expr) -> Code:
    (x,) = e.args
    return f"{self.value(x, PRODUCT)} * {self.value(sigmoid(x), UNARY)}", PRODUCT


def _gelu(self: Expressions, e: Expr) -> Code:
    (x,) = e.args
    return self.code(Mul(S.Half, x, Add(S.One, sympy.erf(x / sympy.sqrt(2)))))


def _digamma(self: Expressions, e: Expr) -> Code:
    self.words["digamma"] = None
    return self._named(e, "digamma", f"(real)fast_digamma({self.value(e.args[0])})")


def _polygamma(self: Expressions, e: Expr) -> Code:
    self.words["polygamma"] = None
    order, x = e.args
    return self._named(e, "polygamma", f"(real)fast_polygamma({order}, {self.value(x)})")


def _decay(self: Expressions, e: Expr) -> Code:
    self.words["decay"] = None
    return f"fast_decay({self.value(e.args[0])})", ATOM


SPECIAL: Mapping[type[Function], Callable[[Expressions, Expr], Code]] = {
    Decay: _decay,
    nodes.Guarded: _guarded,
    nodes.Logaddexp: _logaddexp,
    Masked: _choice("{0} != 0 ? {1} : -(real)INFINITY"),
    Finite: _choice("{0} == (real)INFINITY || {0} == -(real)INFINITY ? R(0.0) : {0}"),
    WhereFinite: _choice("{0} - {0} == 0 ? {1} : (real)NAN"),
}
FORMS: Mapping[str, Callable[[Expressions, Expr], Code]] = {
    "abs": lambda self, e: (f"M(fabs)({self.value(e.args[0])})", ATOM),
    "sign": _choice("{0} > 0 ? R(1.0) : {0} < 0 ? R(-1.0) : {0}"),
    "relu": _choice("{0} <= 0 ? R(0.0) : {0}"),
    "silu": _silu,
    "gelu": _gelu,
    "digamma": _digamma,
    "polygamma": _polygamma,
    "max": _choice("{0} > {1} || {0} != {0} ? {0} : {1}"),
    "min": _choice("{0} < {1} || {0} != {0} ? {0} : {1}"),
    "positive": _choice("{0} > 0 ? R(1.0) : R(0.0)"),
    "larger": _choice("{0} > {1} ? R(1.0) : {0} == {1} ? R(0.5) : R(0.0)"),
    "equal": _choice("{0} == {1} ? R(1.0) : R(0.0)"),
}
"""Functions that are a choice between values; comparisons with NaN are false, which lets it through where it should."""

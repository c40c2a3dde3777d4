"""The elementwise functions of the notation: one row each, with the derivative as people write it.

`log`, `sin`, `erf` … are SymPy's own, or a subclass where SymPy would ask too much about their arguments. Those that
SymPy lacks, or evaluates in ways that do not end on large numbers, are plain function symbols here. How a function is
computed stands with whoever computes: the evaluator and each code target have a table of their own, by the names of
these rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import sympy
from sympy import Abs, Add, Expr, Function, Integer, Mul, Pow, Rational, S, pi

from tensorcalc.expr import Exp

__all__ = ["FUNCTIONS", "Elementwise", "function_of"]


class _Real(Function):
    """A function symbol with real values that SymPy never evaluates."""

    is_real = True
    is_commutative = True


class sinh(sympy.sinh):
    """The hyperbolic sine. SymPy's own reduces its argument modulo iπ to find out that it is real, level by level."""

    is_real = True


class cosh(sympy.cosh):
    """The hyperbolic cosine, known to be real as `sinh` is."""

    is_real = True
    is_positive = True


class tanh(sympy.tanh):
    """The hyperbolic tangent, known to be real as `sinh` is."""

    is_real = True


class log1p(_Real):
    """log(1 + x), exact near 0."""


class expm1(_Real):
    """exp(x) - 1, exact near 0."""


class sigmoid(_Real):
    """1/(1 + exp(-x))."""

    is_positive = True


class softplus(_Real):
    """log(1 + exp(x))."""

    is_positive = True


class relu(_Real):
    """max(x, 0)."""

    is_nonnegative = True


class silu(_Real):
    """x sigmoid(x)."""


class gelu(_Real):
    """x (1 + erf(x/sqrt 2))/2."""


class lgamma(_Real):
    """The logarithm of |gamma(x)|."""


class digamma(_Real):
    """The derivative of lgamma."""


class polygamma(_Real):
    """The n-th derivative of digamma: polygamma(n, x)."""


class maximum(_Real):
    """The larger of two numbers."""


class minimum(_Real):
    """The smaller of two numbers."""


class positive(_Real):
    """[x > 0]: 1 for x > 0, else 0. The derivative of relu, with PyTorch's value 0 at the kink."""

    is_nonnegative = True


class larger(_Real):
    """[a > b]: 1 for a > b, 1/2 for a = b, else 0. The derivative of max by a; a tie is split as in PyTorch."""

    is_nonnegative = True


class equal(_Real):
    """[a = b]: 1 where both numbers are equal, else 0. It marks where a maximum over an index is taken."""

    is_nonnegative = True


Derivative = Callable[..., Expr]


@dataclass(frozen=True, slots=True)
class Elementwise:
    """A function of numbers, applied entry by entry.

    `name` is the word of the notation. `symbol` builds the SymPy expression. `derivatives` has one entry for each
    argument: the derivative by that argument, from the arguments and the value. `law` says the same in LaTeX, of the
    arguments `u` and `v`. `kinks`: where not differentiable, in words, with the value
    taken there; empty where it is smooth.
    """

    name: str
    symbol: Callable[..., Expr]
    derivatives: tuple[Derivative, ...]
    law: str
    kinks: str = ""
    internal: bool = field(default=False)

    @property
    def arity(self) -> int:
        return len(self.derivatives)


def _rsqrt(x: Expr) -> Expr:
    return Pow(x, Rational(-1, 2))


def _gelu(x: Expr, y: Expr) -> Expr:
    cumulative = Mul(S.Half, Add(S.One, sympy.erf(x / sympy.sqrt(2))))
    return Add(cumulative, Mul(x, Exp(-(x**2) / 2), _rsqrt(2 * pi)))


def _zero(*_: Expr) -> Expr:
    return S.Zero


def _sub(value: Expr, from_: Expr = S.One) -> Expr:
    return Add(from_, Mul(S.NegativeOne, value))


def _polygamma(n: Expr, x: Expr, y: Expr) -> Expr:
    return polygamma(n + 1, x)


_ROWS = (
    Elementwise("exp", Exp, (lambda x, y: y,), r"(e^u)' = e^u"),
    Elementwise("log", sympy.log, (lambda x, y: 1 / x,), r"(\log u)' = 1/u"),
    Elementwise("log1p", log1p, (lambda x, y: 1 / (1 + x),), r"\operatorname{log1p}' u = 1/(1 + u)"),
    Elementwise("expm1", expm1, (lambda x, y: Exp(x),), r"\operatorname{expm1}' u = e^u"),
    Elementwise("abs", Abs, (lambda x, y: sympy.sign(x),), r"|u|' = \operatorname{sign} u", "0 at 0"),
    Elementwise("sign", sympy.sign, (_zero,), r"\operatorname{sign}' u = 0", "0 at 0"),
    Elementwise("sin", sympy.sin, (lambda x, y: sympy.cos(x),), r"\sin' u = \cos u"),
    Elementwise("cos", sympy.cos, (lambda x, y: -sympy.sin(x),), r"\cos' u = -\sin u"),
    Elementwise("tan", sympy.tan, (lambda x, y: 1 + y**2,), r"\tan' u = 1 + \tan^2 u"),
    Elementwise("sinh", sinh, (lambda x, y: cosh(x),), r"\sinh' u = \cosh u"),
    Elementwise("cosh", cosh, (lambda x, y: sinh(x),), r"\cosh' u = \sinh u"),
    Elementwise("tanh", tanh, (lambda x, y: _sub(y**2),), r"\tanh' u = 1 - \tanh^2 u"),
    Elementwise("asin", sympy.asin, (lambda x, y: _rsqrt(_sub(x**2)),), r"\arcsin' u = 1/\sqrt{1 - u^2}"),
    Elementwise("acos", sympy.acos, (lambda x, y: -_rsqrt(_sub(x**2)),), r"\arccos' u = -1/\sqrt{1 - u^2}"),
    Elementwise("atan", sympy.atan, (lambda x, y: 1 / (1 + x**2),), r"\arctan' u = 1/(1 + u^2)"),
    Elementwise(
        "sigmoid",
        sigmoid,
        (lambda x, y: Mul(y, _sub(y)),),
        r"\operatorname{sigmoid}' u = \operatorname{sigmoid} u (1 - \operatorname{sigmoid} u)",
    ),
    Elementwise(
        "softplus", softplus, (lambda x, y: sigmoid(x),), r"\operatorname{softplus}' u = \operatorname{sigmoid} u"
    ),
    Elementwise("relu", relu, (lambda x, y: positive(x),), r"\operatorname{relu}' u = [u > 0]", "0 at 0"),
    Elementwise(
        "silu",
        silu,
        (lambda x, y: Mul(sigmoid(x), Add(S.One, Mul(x, _sub(sigmoid(x))))),),
        r"\operatorname{silu}' u = \operatorname{sigmoid} u (1 + u (1 - \operatorname{sigmoid} u))",
    ),
    Elementwise("gelu", gelu, (_gelu,), r"\operatorname{gelu}' u = \Phi(u) + u \varphi(u)"),
    Elementwise(
        "erf",
        sympy.erf,
        (lambda x, y: Mul(Integer(2), _rsqrt(pi), Exp(-(x**2))),),
        r"\operatorname{erf}' u = 2 e^{-u^2}/\sqrt{\pi}",
    ),
    Elementwise("lgamma", lgamma, (lambda x, y: digamma(x),), r"\operatorname{lgamma}' u = \operatorname{digamma} u"),
    Elementwise(
        "digamma",
        digamma,
        (lambda x, y: polygamma(S.One, x),),
        r"\operatorname{digamma}' u = \operatorname{polygamma}(1, u)",
    ),
    Elementwise(
        "polygamma",
        polygamma,
        (_zero, _polygamma),
        r"\partial \operatorname{polygamma}(n, u) = \operatorname{polygamma}(n + 1, u)\,\partial u",
        internal=True,
    ),
    Elementwise(
        "max",
        maximum,
        (lambda a, b, y: larger(a, b), lambda a, b, y: larger(b, a)),
        r"\partial \max(u, v)/\partial u = [u > v]",
        "1/2 where both are equal",
    ),
    Elementwise(
        "min",
        minimum,
        (lambda a, b, y: larger(b, a), lambda a, b, y: larger(a, b)),
        r"\partial \min(u, v)/\partial u = [u < v]",
        "1/2 where both are equal",
    ),
    Elementwise("positive", positive, (_zero,), r"[u > 0]' = 0", "0 at 0", internal=True),
    Elementwise("equal", equal, (_zero, _zero), r"[u = v]' = 0", "0 everywhere", internal=True),
    Elementwise("larger", larger, (_zero, _zero), r"[u > v]' = 0", "0 where both are equal", internal=True),
)

FUNCTIONS: Mapping[str, Elementwise] = MappingProxyType({row.name: row for row in _ROWS})
"""The rows by the words of the notation; those marked `internal` occur in derivatives only."""

_BY_SYMBOL = {row.symbol: row for row in _ROWS}
_BY_SYMBOL |= {f: FUNCTIONS[f.__name__] for f in (sympy.sinh, sympy.cosh, sympy.tanh)}  # of users


def function_of(expression: Expr) -> Elementwise | None:
    """The row of a function node; `None` for anything else (`sqrt` and `pow` are powers, not functions)."""
    return _BY_SYMBOL.get(type(expression))

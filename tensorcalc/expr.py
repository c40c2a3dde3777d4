"""The nodes of an expression that SymPy does not have: components, δ, one-tensors, derivatives.

Everything else (sums of terms, products, powers, functions) is SymPy's own. Sums over indices are explicit: a product
with a repeated index is summed only under a `Contraction` (`tensorcalc.binding`).
"""

from __future__ import annotations

import operator
from functools import lru_cache
from typing import Any

import sympy
from sympy import Expr, Integer, S
from sympy.core.basic import Basic

from tensorcalc.index import BoundIndex, Index, Tensor

__all__ = [
    "Component",
    "Delta",
    "Determinant",
    "Exp",
    "Group",
    "Inverse",
    "Iverson",
    "LogDeterminant",
    "One",
    "Partial",
    "bracketed",
    "contains",
    "delta",
    "one",
]


class Component(Expr):
    """An entry of a tensor, x_ij: the tensor, then one index expression for each axis.

    An index expression is an `Index`, an integer, a label (itself a `Component` of a label tensor), or an affine
    combination of those.
    """

    is_commutative = True
    is_real = True

    def __new__(cls, tensor: Tensor, *indices: Expr | int) -> Component:
        if len(indices) != tensor.order:
            raise ValueError(f"{tensor.name} has {tensor.order} indices, {len(indices)} given")
        return Expr.__new__(cls, tensor, *(Integer(i) if isinstance(i, int) else i for i in indices))

    @property
    def tensor(self) -> Tensor:
        return self.args[0]

    @property
    def indices(self) -> tuple[Expr, ...]:
        return self.args[1:]

    def _eval_is_integer(self) -> bool | None:
        return True if self.tensor.is_label else None

    def _sympystr(self, printer: Any) -> str:
        if not self.indices:
            return self.tensor.name
        return f"{self.tensor.name}[{', '.join(printer._print(i) for i in self.indices)}]"

    _sympyrepr = _sympystr


def _index_key(index: Expr) -> tuple[int, str]:
    """Order of the two arguments of a δ: numbers, labels, indices by name, dummies, affine combinations."""
    if isinstance(index, Integer):
        return 0, f"{int(index):020d}"
    if isinstance(index, Component):
        return 1, str(index)
    if isinstance(index, BoundIndex):
        return 3, f"{index.number:09d}"
    if isinstance(index, Index):
        return 2, index.name
    return 4, str(index)


class Delta(Expr):
    """The Kronecker delta: 1 where its two indices have the same value, else 0. Symmetric by construction."""

    is_commutative = True
    is_real = True
    is_nonnegative = True

    def __new__(cls, a: Expr, b: Expr) -> Expr:
        if a == b:
            return S.One
        if isinstance(a, Integer) and isinstance(b, Integer):
            return S.Zero
        first, second = sorted((a, b), key=_index_key)
        return Expr.__new__(cls, first, second)

    @property
    def indices(self) -> tuple[Expr, Expr]:
        return self.args

    def _eval_power(self, exponent: Expr) -> Expr | None:
        return self if exponent.is_positive else None

    def _sympystr(self, printer: Any) -> str:
        return f"delta({printer._print(self.args[0])}, {printer._print(self.args[1])})"

    _sympyrepr = _sympystr


class One(Expr):
    """The one-tensor 1_i: 1 for every value of its index. It broadcasts, or makes a sum visible."""

    is_commutative = True
    is_real = True
    is_positive = True

    def __new__(cls, index: Expr) -> Expr:
        if not index.has(Index):
            return S.One
        return Expr.__new__(cls, index)

    @property
    def index(self) -> Expr:
        return self.args[0]

    def _eval_power(self, exponent: Expr) -> Expr | None:
        return self if exponent.is_number else None

    def _sympystr(self, printer: Any) -> str:
        return f"1[{printer._print(self.args[0])}]"

    _sympyrepr = _sympystr


class Iverson(Expr):
    """An Iverson bracket on two indices: 1 where the comparison `relation` (le lt ge gt eq ne) holds, else 0."""

    is_commutative = True
    is_real = True
    is_nonnegative = True
    RELATIONS = ("le", "lt", "ge", "gt", "eq", "ne")

    def __new__(cls, relation: str | sympy.Symbol, a: Expr, b: Expr) -> Expr:
        name = str(relation)
        if name not in cls.RELATIONS:
            raise ValueError(f"unknown comparison {name}")
        if a == b or (isinstance(a, Integer) and isinstance(b, Integer)):
            return S.One if getattr(operator, name)(int(a - b), 0) else S.Zero
        return Expr.__new__(cls, sympy.Symbol(name), a, b)

    @property
    def relation(self) -> str:
        return str(self.args[0])

    @property
    def indices(self) -> tuple[Expr, Expr]:
        return self.args[1:]

    def _eval_power(self, exponent: Expr) -> Expr | None:
        return self if exponent.is_positive else None

    def _sympystr(self, printer: Any) -> str:
        return f"{self.relation}({printer._print(self.args[1])}, {printer._print(self.args[2])})"

    _sympyrepr = _sympystr


class Inverse(Expr):
    """An entry of the inverse of a matrix, (X^-1)_ij: the tensor X, then the two indices."""

    is_commutative = True
    is_real = True

    @property
    def tensor(self) -> Tensor:
        return self.args[0]

    @property
    def indices(self) -> tuple[Expr, Expr]:
        return self.args[1:]

    def _sympystr(self, printer: Any) -> str:
        return f"inv({self.tensor.name})[{', '.join(printer._print(i) for i in self.indices)}]"

    _sympyrepr = _sympystr


class _MatrixScalar(Expr):
    """A number that belongs to a whole matrix."""

    NAME = ""
    is_commutative = True
    is_real = True

    @property
    def tensor(self) -> Tensor:
        return self.args[0]

    def _sympystr(self, printer: Any) -> str:
        return f"{self.NAME}({self.tensor.name})"

    _sympyrepr = _sympystr


class Determinant(_MatrixScalar):
    """The determinant of a matrix."""

    NAME = "det"


class LogDeterminant(_MatrixScalar):
    """The logarithm of the determinant of a matrix; not a number where the determinant is negative."""

    NAME = "logdet"


class Partial(Expr):
    """An unevaluated derivative ∂e/∂x_n with respect to a component.

    A total derivative: every definition between e and x counts. With `direct`, the other definitions that occur in e
    are held fixed.
    """

    is_commutative = True
    is_real = True

    def __new__(cls, expression: Expr, wrt: Expr, direct: bool | Expr = False) -> Partial:
        return Expr.__new__(cls, expression, wrt, S.One if direct else S.Zero)

    @property
    def expression(self) -> Expr:
        return self.args[0]

    @property
    def wrt(self) -> Expr:
        return self.args[1]

    @property
    def direct(self) -> bool:
        return self.args[2] is S.One

    def _sympystr(self, printer: Any) -> str:
        return f"D({printer._print(self.args[0])}, {printer._print(self.args[1])})"

    _sympyrepr = _sympystr


class Group(Expr):
    """Brackets that an author keeps for one line, around what was just substituted. Its value is its argument's."""

    is_commutative = True
    is_real = True

    def __new__(cls, expression: Expr) -> Expr:
        if not isinstance(expression, sympy.Add | sympy.Mul):
            return expression
        return Expr.__new__(cls, expression)

    @property
    def expression(self) -> Expr:
        return self.args[0]

    def _sympystr(self, printer: Any) -> str:
        return f"({printer._print(self.args[0])})"

    _sympyrepr = _sympystr


def bracketed(value: Expr) -> Expr:
    """The value as an author substitutes it into a product: in brackets where it is a sum or begins with a minus."""
    return Group(value) if value.is_Add or value.as_coeff_Mul()[0].is_negative else value


class Exp(sympy.exp):
    """SymPy's exponential, except that e^a e^b stays a product: folding and printing need the factors."""

    def as_base_exp(self) -> tuple[Expr, Expr]:
        return self, S.One

    def _eval_power(self, other: Expr) -> Expr | None:
        return None

    def _eval_Abs(self) -> Expr:  # SymPy itself would return its own exponential
        return self

    def _eval_evalf(self, prec: int) -> Expr | None:
        return sympy.exp(self.args[0])._eval_evalf(prec)

    def _sympystr(self, printer: Any) -> str:
        return f"exp({printer._print(self.args[0])})"

    _sympyrepr = _sympystr


def contains(expression: Basic, *kinds: type[Basic]) -> bool:
    """Whether a node of one of these kinds occurs in the expression. Every part is looked at once, ever."""
    return any(issubclass(kind, kinds) for kind in _kinds(expression))


@lru_cache(1 << 16)
def _kinds(expression: Basic) -> frozenset[type[Basic]]:
    return frozenset((type(expression),)).union(*(_kinds(a) for a in expression.args))


def delta(a: Expr | int, b: Expr | int) -> Expr:
    """The Kronecker delta δ(a, b) of two indices, labels or integers."""
    return Delta(sympy.sympify(a, strict=True), sympy.sympify(b, strict=True))


def one(*indices: Expr) -> Expr:
    """The one-tensor over the given indices, as a product of one-tensors of order 1."""
    return sympy.Mul(*(One(i) for i in indices))

"""Numbers, powers and functions as Triton spells them; what is computed where is decided as for C."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping

import numpy as np
import sympy
from sympy import Add, Expr, Function, Integer, Mul, Pow, Rational, S

from tensorcalc.codegen import nodes
from tensorcalc.codegen.kernels.expressions import (
    ATOM,
    LARGEST_POWER,
    PRODUCT,
    UNARY,
    Code,
    Expressions,
)
from tensorcalc.codegen.kernels.scopes import Scope, Scopes
from tensorcalc.codegen.kernels.statements import Decay, Finite, Masked, WhereFinite
from tensorcalc.codegen.kernels.triton.mathematics import COMBINERS, HELPERS
from tensorcalc.codegen.names import Names, identifier
from tensorcalc.errors import TensorCalcError
from tensorcalc.functions import function_of, sigmoid
from tensorcalc.index import Dimension, Index

__all__ = ["KernelScopes", "TritonExpressions", "unsupported"]

PLAIN = ("exp", "log", "sigmoid", "erf", "sin", "cos")
"""Functions that the language has."""


def unsupported(what: str) -> TensorCalcError:
    """The error about what has no code in Triton."""
    return TensorCalcError("E_UNSUPPORTED", f"{what} cannot be compiled to Triton yet", hint="the target torch can")


class KernelScopes(Scopes):
    """Scopes whose variables are Python's. A name stands for one value in the whole kernel, as Triton wants it."""

    def __init__(self, names: Names) -> None:
        super().__init__(names)
        self.variables: list[str] = []

    def variable(self, wanted: str, depth: int) -> str:
        self.variables.append(self.names.local(wanted))
        return self.variables[-1]

    def pop(self) -> Scope:
        scope = self.stack.pop()
        self.depth = len(self.stack) - 1
        return scope

    def bind(self, key: Hashable, kind: str, wanted: str, code: str, depth: int) -> str:
        name = self.variable(wanted, depth)
        self.stack[depth].lines.append(f"{name} = {code}")
        self.stack[depth].known[key] = name
        return name

    def hold(self, index: Index) -> str:
        """The variable of an index that has values in the innermost scope without a loop of its own."""
        scope = self.stack[-1]
        scope.indices |= {index}
        if index not in self._letters:
            self._letters[index] = self.names.local(identifier(index.name) if index.name.isidentifier() else "i")
        return self._letters[index]


class TritonExpressions(Expressions):
    """Code of values in a kernel."""

    ONE = "1.0"

    def number(self, e: Expr) -> Code:
        if isinstance(e, Integer) and abs(e) < 2**53:
            return f"{int(e)}.0", ATOM if e >= 0 else UNARY
        value = float(e)
        return repr(value), ATOM if value >= 0 else UNARY

    def bound(self, e: Expr, depth: int, wanted: str = "c") -> str:
        return self.number(e)[0] if e.is_Number else super().bound(e, depth, wanted)

    def length(self, d: Dimension) -> Code:
        if d.size is not None:
            return f"{d.size}.0", ATOM
        known = self.scopes.known(d)
        size = self.scopes.size(d)
        return known or self.scopes.bind(d, "real", f"{size}_value", f"tl.cast({size}, REAL)", 0), ATOM

    def position(self, i: Index) -> Code:
        return f"tl.cast({self.scopes.letter(i)}, REAL)", ATOM

    def truth(self, condition: str) -> str:
        return f"tl.cast({condition}, REAL)"

    def refused(self, what: str) -> TensorCalcError:
        return unsupported(what)

    def _power(self, e: Pow) -> Code:
        base, exponent = e.args
        if exponent.is_number and exponent.is_negative:
            return f"1.0 / {self.value(Pow(base, -exponent), ATOM)}", PRODUCT
        if isinstance(exponent, Integer) and 1 < exponent <= LARGEST_POWER:
            return self._whole_power(base, int(exponent))
        if exponent is S.Half:
            return f"tl.sqrt({self.value(base)})", ATOM
        if isinstance(exponent, Rational) and exponent.q == 2 and 1 < exponent <= LARGEST_POWER:
            root, whole = self.value(Pow(base, S.Half)), self.value(Pow(base, exponent - S.Half), UNARY)
            return f"{root} * {whole}", PRODUCT
        return self.helper("power", *(self.exactly(a) for a in e.args)), ATOM

    def exactly(self, e: Expr) -> str:
        """The code of an argument; a number as a value of the precision that is computed in."""
        code = self.value(e)
        return f"tl.full([], {code}, REAL)" if e.is_number else code

    def entry(self, e: Expr) -> str:
        """Something that may be repeated, and chosen: alone, Triton takes a number for one of 32 bits."""
        if e.is_number and np.float32(float(e)) != float(e):
            return self.exactly(e)
        return self.local(e)

    def helper(self, word: str, *arguments: str) -> str:
        """The call of a function of the file itself."""
        self.words[word] = None
        return f"_{word}({', '.join(arguments)})"

    def _function(self, e: Function) -> Code:
        special = SPECIAL.get(type(e))
        if special is not None:
            return special(self, e)
        row = function_of(e)
        word = row.name if row is not None else "exp" if isinstance(e, sympy.exp) else type(e).__name__
        if word in PLAIN:
            return self._named(e, word, f"tl.{word}({self.value(e.args[0])})")
        if word in HELPERS and word not in COMBINERS:
            return self._named(e, word, self.helper(word, *(self.value(a) for a in e.args)))
        form = FORMS.get(word)
        if form is None:
            raise unsupported(f"the function {word}")
        return form(self, e)


Form = Callable[[TritonExpressions, Expr], Code]


def _choice(text: str) -> Form:
    """A form with the arguments in variables at {0}, {1}."""

    def form(self: TritonExpressions, e: Expr) -> Code:
        return text.format(*(self.entry(a) for a in e.args)), ATOM

    return form


def _silu(self: TritonExpressions, e: Expr) -> Code:
    (x,) = e.args
    return f"{self.value(x, PRODUCT)} * {self.value(sigmoid(x), UNARY)}", PRODUCT


def _gelu(self: TritonExpressions, e: Expr) -> Code:
    (x,) = e.args
    return self.code(Mul(S.Half, x, Add(S.One, sympy.erf(x / sympy.sqrt(2)))))


def _decay(self: TritonExpressions, e: Expr) -> Code:
    return self._named(e, "power", f"tl.exp({self.value(e.args[0])})")


def _logaddexp(self: TritonExpressions, e: Expr) -> Code:
    return self._named(e, "logaddexp", self.helper("logaddexp", *(self.value(a) for a in e.args)))


SPECIAL: Mapping[type[Function], Form] = {
    Decay: _decay,
    nodes.Guarded: _choice("tl.where({0} == 0, 0.0, {1})"),
    nodes.Logaddexp: _logaddexp,
    Masked: _choice('tl.where({0} != 0, {1}, -float("inf"))'),
    Finite: _choice('tl.where(tl.abs({0}) == float("inf"), 0.0, {0})'),
    WhereFinite: _choice('tl.where({0} - {0} == 0, {1}, float("nan"))'),
}
FORMS: Mapping[str, Form] = {
    "abs": _choice("tl.abs({0})"),
    "sign": _choice("tl.where({0} > 0, 1.0, tl.where({0} < 0, -1.0, {0}))"),
    "relu": _choice("tl.where({0} <= 0, 0.0, {0})"),
    "silu": _silu,
    "gelu": _gelu,
    "max": _choice("tl.where(({0} > {1}) | ({0} != {0}), {0}, {1})"),
    "min": _choice("tl.where(({0} < {1}) | ({0} != {0}), {0}, {1})"),
    "positive": _choice("tl.cast({0} > 0, REAL)"),
    "larger": _choice("tl.cast(tl.where({0} > {1}, 1.0, tl.where({0} == {1}, 0.5, 0.0)), REAL)"),
    "equal": _choice("tl.cast({0} == {1}, REAL)"),
}
"""Functions that are a choice between values; comparisons with NaN are false, which lets it through where it should."""

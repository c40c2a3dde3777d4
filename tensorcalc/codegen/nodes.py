"""Nodes that only code has: functions of numbers with a stable computation, and the three functions of a whole row.

The row functions stand at the root of a definition and nowhere else: their last arguments are indices of its left
side (softmax, log-softmax), or indices over which they run (logsumexp).
"""

from __future__ import annotations

from sympy import Expr, Function

from tensorcalc.index import Index

__all__ = ["Guarded", "LogSoftmax", "LogSumExp", "Logaddexp", "RowFunction", "Selected", "Softmax", "Weighted"]


class Logaddexp(Function):
    """log(exp(a) + exp(b)), without overflow."""

    is_real = True
    is_commutative = True


class Guarded(Function):
    """Guarded(x, e): e where x is not 0, and 0 where it is. The value of x log x and its like at 0."""

    is_real = True
    is_commutative = True


class Selected(Function):
    """Selected(e, d, …): e where every δ d is 1, and 0 elsewhere, whatever e is there."""

    is_real = True
    is_commutative = True


class Weighted(Function):
    """The argument a and the factors w of the exponentials w exp(a) of a row function; entries with w = 0 are out."""

    is_real = True
    is_commutative = True


class RowFunction(Expr):
    """A function of the entries of a row: its argument, then the indices over which the row runs.

    With weights the argument is `Weighted`: w_i exp(a_i)/Σ_j w_j exp(a_j), log Σ_j w_j exp(a_j).
    """

    is_real = True
    is_commutative = True
    word = ""

    def __new__(cls, argument: Expr, *indices: Index) -> RowFunction:
        return Expr.__new__(cls, argument, *indices)

    @property
    def argument(self) -> Expr:
        return self.args[0]

    @property
    def row(self) -> tuple[Index, ...]:
        return self.args[1:]

    def _sympystr(self, printer: object) -> str:
        return f"{self.word}({', '.join(str(i) for i in self.row)}: {self.argument})"


class Softmax(RowFunction):
    """exp(a_i)/Σ_j exp(a_j)."""

    word = "softmax"


class LogSoftmax(RowFunction):
    """a_i − log Σ_j exp(a_j)."""

    word = "logsoftmax"


class LogSumExp(RowFunction):
    """log Σ_j exp(a_j)."""

    word = "logsumexp"

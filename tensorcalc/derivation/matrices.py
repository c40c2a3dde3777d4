"""Why the laws about inverses and determinants hold: their derivations, in the article's way.

The inverse is known by X⁻¹ X = 1, in index notation y_im x_mk = δ_ik. Its derivative follows from that equation with
the product rule, and the one of log det from the one of det.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sympy import Expr, Pow, S

from tensorcalc.binding import Contraction, fresh, product
from tensorcalc.derivation.model import Lemma, Step
from tensorcalc.expr import Component, Delta, Determinant, Group, Inverse, LogDeterminant, Partial
from tensorcalc.functions import FUNCTIONS
from tensorcalc.index import Index, Tensor
from tensorcalc.rules.collecting import CANCEL
from tensorcalc.rules.contraction import CONTRACT_DELTA
from tensorcalc.rules.derivatives import CONSTANT, DETERMINANT, INVERSE, LOG_DETERMINANT, PRODUCT, SELF, derivative_of
from tensorcalc.rules.rule import Rule

__all__ = ["PROVED", "inverse_by_itself", "matrix_in", "prove"]

INTRODUCE_DELTA = Rule("introducing a delta", r"a_{i} = \delta_{i j} a_{j}")
PRODUCT_IS_IDENTITY = Rule("definition of the inverse", r"(X^{-1})_{i k} x_{k j} = \delta_{i j}")

Entry = Callable[[Expr, Expr], Expr]


def inverse_by_itself(entry: Entry, matrix: Tensor, at: Sequence[Expr], wrt: Component) -> tuple[Step, ...]:
    """The lines of ∂y_ij/∂x_pq for y = X⁻¹, where `entry` names the components y and `at` is i, j.

    `wrt` is a component x_pq of the inverted matrix.
    """
    i, j = at
    p, q = wrt.indices
    k, m = fresh(matrix.dimensions, (entry(i, j), wrt))

    def slope(e: Expr) -> Expr:
        return Partial(e, wrt)

    def x(a: Expr, b: Expr) -> Expr:
        return Component(matrix, a, b)

    inner = Contraction(product([slope(x(m, k)), entry(k, j)]), k)
    lines: list[tuple[Expr, Rule]] = [
        (Contraction(product([Delta(i, k), slope(entry(k, j))]), k), INTRODUCE_DELTA),
        (Contraction(product([entry(i, m), x(m, k), slope(entry(k, j))]), m, k), PRODUCT_IS_IDENTITY),
        (
            Contraction(product([entry(i, m), slope(Contraction(product([x(m, k), entry(k, j)]), k)) - inner]), m),
            PRODUCT,
        ),
        (Contraction(product([entry(i, m), slope(Delta(m, j)) - inner]), m), PRODUCT_IS_IDENTITY),
        (product([S.NegativeOne, Contraction(product([entry(i, m), inner]), m)]), CONSTANT),
        (
            product([S.NegativeOne, Contraction(product([entry(i, m), entry(k, j), Delta(m, p), Delta(k, q)]), m, k)]),
            SELF,
        ),
        (product([S.NegativeOne, entry(i, p), entry(q, j)]), CONTRACT_DELTA),
    ]
    return tuple(Step(line, (rule,)) for line, rule in lines)


def _prove_inverse(matrix: Tensor, letters: Sequence[Index], wrt: Component) -> Lemma:
    def entry(a: Expr, b: Expr) -> Expr:
        return Inverse(matrix, a, b)

    lhs = Partial(entry(*letters), wrt)
    return Lemma(lhs, inverse_by_itself(entry, matrix, letters, wrt), "fact")


def _prove_log_determinant(matrix: Tensor, letters: Sequence[Index], wrt: Component) -> Lemma:
    determinant, (p, q) = Determinant(matrix), wrt.indices
    slope = Inverse(matrix, q, p)
    lines = (
        (product([Pow(determinant, -1), Partial(determinant, wrt)]), derivative_of(FUNCTIONS["log"])),
        (product([Pow(determinant, -1), Group(product([determinant, slope]))]), DETERMINANT),
        (slope, CANCEL),
    )
    return Lemma(Partial(LogDeterminant(matrix), wrt), tuple(Step(line, (rule,)) for line, rule in lines), "fact")


PROVED: dict[Rule, Callable[[Tensor, Sequence[Index], Component], Lemma]] = {
    INVERSE: _prove_inverse,
    LOG_DETERMINANT: _prove_log_determinant,
}
"""The laws that are proved here. Both leave entries of the inverse in the line in which they are used."""


def matrix_in(expression: Expr) -> Tensor:
    """The matrix of which a line holds the inverse; the first by name of several."""
    return min((e.tensor for e in expression.atoms(Inverse)), key=str)


def prove(rule: Rule, matrix: Tensor, letters: Sequence[Index], wrt: Component) -> Lemma:
    """The derivation of a law for one matrix X: `letters` are i, j of (X⁻¹)_ij, and `wrt` is x_pq."""
    return PROVED[rule](matrix, letters, wrt)

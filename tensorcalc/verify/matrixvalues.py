"""Inverses and determinants of matrices, with their derivatives."""

from __future__ import annotations

import numpy as np

from tensorcalc.verify.numbers import (
    Dual,
    Named,
    Value,
    constant,
    multiply,
    reduce,
    renamed,
)
from tensorcalc.verify.problems import NotCheckable

__all__ = ["matrix_value"]


def matrix_value(kind: str, body: Value, letters: tuple[str, str], size: int) -> Value:
    """inv, det or logdet of a matrix over two letters: d(M⁻¹) = −M⁻¹ dM M⁻¹, d log det M = tr(M⁻¹ dM)."""
    row, column = letters
    if isinstance(body, Dual):
        inside = matrix_value(kind, body.value, letters, size)
        inverse = matrix_value("inv", body.value, letters, size)
        if kind == "inv":
            left = renamed(inverse, {"%0": "%0", "%1": row})
            right = renamed(inverse, {"%0": column, "%1": "%1"})
            change = multiply(multiply(left, body.slope), right)
            return Dual(body.level, inside, multiply(constant(-1), reduce("sum", change, (row, column), (size, size))))
        trace = reduce(
            "sum", multiply(renamed(inverse, {"%0": column, "%1": row}), body.slope), (row, column), (size, size)
        )
        return Dual(body.level, inside, trace if kind == "logdet" else multiply(inside, trace))
    rest = [x for x in body.letters if x not in letters]
    order = [body.letters.index(x) for x in rest if x in body.letters]
    if row not in body.letters or column not in body.letters:
        raise NotCheckable("the inverse or determinant of a matrix whose entries do not depend on its indices")
    data = body.data.transpose([*order, body.letters.index(row), body.letters.index(column)])
    with np.errstate(all="ignore"):
        try:
            if kind == "inv":
                return Named((*rest, "%0", "%1"), np.linalg.inv(data))
        except np.linalg.LinAlgError:
            return Named((*rest, "%0", "%1"), np.full(data.shape, np.nan))
        determinant = np.linalg.det(data)
        return Named(tuple(rest), np.log(determinant) if kind == "logdet" else np.asarray(determinant))

"""Two lines by number: an author's own step is taken only if both have the same value on random data."""

from __future__ import annotations

import re

import numpy as np
from sympy import Expr

from tensorcalc.check import SEEDS
from tensorcalc.check.sampling import sample
from tensorcalc.check.steps import TOLERANCE, difference, fill_derivatives
from tensorcalc.derivation import Derivation
from tensorcalc.errors import TensorCalcError
from tensorcalc.evaluator import Environment, evaluate
from tensorcalc.index import Adjoint, Index
from tensorcalc.render import Context, expression_text
from tensorcalc.system import tensors_in

__all__ = ["require_equal"]

LARGEST_SHOWN = 24  # entries of an input up to which a counter-example shows it


def require_equal(before: Expr, after: Expr, axes: tuple[Index, ...], derivation: Derivation) -> None:
    """Compare two lines of a derivation, over their free indices, at several random points.

    Raises `TensorCalcError` E_FALSE with a counter-example where they differ, or where nothing can be compared.
    """
    lines = before, after
    compared = False
    for seed in SEEDS:
        environment = sample(derivation.system, tuple(Adjoint(t) for t in derivation.of), seed)
        if environment is None:
            continue
        fill_derivatives(derivation, environment)
        old, new = (np.asarray(evaluate(e, environment, axes)) for e in lines)
        if not (np.all(np.isfinite(old)) and np.all(np.isfinite(new))):
            continue
        compared = True
        if difference(new, old) > TOLERANCE:
            place = np.unravel_index(int(np.argmax(np.abs(new - old))), old.shape)
            where = ", ".join(f"{index.name} = {k}" for index, k in zip(axes, place, strict=True))
            context = Context.of(derivation).within(lines)
            left, right = (expression_text(e, context) for e in lines)
            raise TensorCalcError(
                "E_FALSE",
                f"the step is false{' at ' if where else ''}{where}: "
                f"{left} is {old[place]:.6g}, but {right} is {new[place]:.6g}",
                hint=f"found with {_inputs(environment, derivation)}",
            )
    if not compared:
        raise TensorCalcError("E_FALSE", "the step cannot be checked: no random inputs at which both lines are finite")


def _inputs(environment: Environment, derivation: Derivation) -> str:
    """The values of the inputs that the derivation is about, where they are not too large to be shown."""
    used = {t for d in derivation.system.needed(derivation.of) for t in tensors_in(d.rhs)}
    shown = [
        f"{t.name} = {np.array2string(environment.value(t), precision=4, separator=', ')}"
        for t in derivation.system.inputs
        if t in used and environment.value(t).size <= LARGEST_SHOWN
    ]
    return re.sub(r"\s+", " ", ", ".join(shown)) or "random inputs"

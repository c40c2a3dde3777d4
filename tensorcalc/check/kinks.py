"""Where a point lies on a kink: there finite differences have no say, and the convention of the function counts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sympy import Expr

from tensorcalc.binding import Binder
from tensorcalc.evaluator import Environment, evaluate
from tensorcalc.functions import Elementwise, function_of
from tensorcalc.index import Index

__all__ = ["kinks_at", "may_have_kinks"]

NEAR = 1e-5  # distance below which a finite difference could reach across the kink


def kinks_at(environment: Environment) -> list[str]:
    """A sentence for every function that is evaluated at one of its kinks, with the value taken there."""
    found: dict[str, None] = {}
    for definition in environment.definitions.values():
        for row, distance in _distances(definition.rhs, environment, definition.indices):
            if distance < NEAR:
                found[f"{definition.name} lies on a kink of {row.name}; its derivative counts as {row.kinks}"] = None
    return list(found)


def may_have_kinks(environment: Environment) -> bool:
    """Whether any function with kinks occurs."""
    return any(
        next(_functions(definition.rhs, ()), None) is not None for definition in environment.definitions.values()
    )


def _functions(node: Expr, axes: tuple[Index, ...]) -> Iterator[tuple[Elementwise, Expr, tuple[Index, ...]]]:
    """The functions with kinks in an expression, over the indices of the binders around them."""
    if isinstance(node, Binder):
        body, dummies = node.open(axes)
        yield from _functions(body, axes + dummies)
        return
    row = function_of(node)
    if row is not None and row.kinks:
        yield row, node, axes
    for argument in node.args:
        if isinstance(argument, Expr):
            yield from _functions(argument, axes)


def _distances(
    expression: Expr, environment: Environment, axes: tuple[Index, ...]
) -> Iterator[tuple[Elementwise, float]]:
    for row, node, inside in _functions(expression, axes):
        values = [evaluate(a, environment, inside) for a in node.args]
        gap = np.abs(values[0] - values[1]) if len(values) == 2 else np.abs(values[0])
        yield row, float(np.min(gap, initial=np.inf))

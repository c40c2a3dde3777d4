"""Points at which the assumptions of an article hold: inputs are moved from random values to the nearest that fit."""

from __future__ import annotations

import numpy as np

from tensorcalc.verify.model import Model
from tensorcalc.verify.numbers import Array, Named, _aligned, add, constant, multiply, primal, slope_of
from tensorcalc.verify.points import Point
from tensorcalc.verify.terms import Entry, Reduced, Term, tensors_of

__all__ = ["fulfil"]

STEPS = 40
CLOSE = 1e-13


def fulfil(model: Model, point: Point) -> bool:
    """Move the inputs of the assumptions to where these hold, by Newton steps of least length; whether that succeeds.

    Only inputs are moved, never what is defined; the point must not have been used for anything else.
    """
    inputs = _inputs(model)
    for _ in range(STEPS):
        residuals = [_residual(sides, point) for sides in model.facts]
        values = np.concatenate([r.data.reshape(-1) for r in residuals])
        if not np.isfinite(values).all():
            return False
        if np.abs(values).max(initial=0.0) < CLOSE:
            return True
        columns = [_slopes(model, residuals, name, order, point) for name, order in inputs]
        step = np.linalg.lstsq(np.concatenate(columns, axis=1), -values, rcond=None)[0]
        start = 0
        for name, order in inputs:
            old = point.input(name, order)
            part = step[start : start + old.data.size].reshape(old.data.shape)
            start += old.data.size
            point.inputs[name] = Named(old.letters, old.data + part)
        point.values.clear()
        point.children.clear()
    return False


def _inputs(model: Model) -> list[tuple[str, int]]:
    """The tensors that the assumptions are about, with their orders."""
    orders: dict[str, int] = {}
    stack: list[object] = list(model.facts)
    names = {n for n in tensors_of(model.facts) if n not in model.definitions}
    while stack:
        node = stack.pop()
        if isinstance(node, tuple):
            stack.extend(node)
        elif isinstance(node, Term):
            if isinstance(node, Entry) and node.name in names:
                orders[node.name] = len(node.places)
            stack.extend(
                getattr(node, f) for f in node.__dataclass_fields__ if not isinstance(node, Reduced) or f == "body"
            )
    return [(n, k) for n, k in sorted(orders.items()) if not model.dimensions.known(("extent", n))]


def _residual(sides: tuple[Term, Term], point: Point) -> Named:
    return primal(add(point.term(sides[0]), multiply(constant(-1), point.term(sides[1]))))


def _slopes(model: Model, residuals: list[Named], name: str, order: int, point: Point) -> Array:
    """The derivatives of all residuals by the entries of an input: a row for each residual."""
    child = point.child(name, False)
    size = point.input(name, order).data.size
    rows = []
    for sides, residual in zip(model.facts, residuals, strict=True):
        value = add(child.term(sides[0]), multiply(constant(-1), child.term(sides[1])))
        slope = primal(slope_of(value, child.level))
        axes = [f"@{child.level}.{k}" for k in range(order)]
        shape = point.input(name, order).data.shape
        frame = Named((*residual.letters, *axes), np.zeros((*residual.data.shape, *shape)))
        _, (_, full) = _aligned([frame, slope])
        rows.append(np.broadcast_to(full, frame.data.shape).reshape(-1, size))
    return np.concatenate(rows)

"""Checking by number: every step against the evaluator, every result against independent witnesses."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tensorcalc.budget import bounded
from tensorcalc.check.kinks import kinks_at
from tensorcalc.check.report import Item, Report
from tensorcalc.check.sampling import sample, sample_at
from tensorcalc.check.steps import check_steps
from tensorcalc.check.witnesses import check_results
from tensorcalc.derivation.model import Derivation
from tensorcalc.evaluator import Environment
from tensorcalc.expr import Inverse, LogDeterminant
from tensorcalc.index import Adjoint, Tangent

__all__ = ["Item", "Report", "check"]

SEEDS = (0, 1, 2)


@bounded
def check(
    derivation: Derivation, seeds: tuple[int, ...] = SEEDS, values: Mapping[str, npt.ArrayLike] | None = None
) -> Report:
    """Compare every line of a derivation with its left side, and the results with finite differences and PyTorch.

    Sizes and data are random, in float64, new for each seed; the worst error of all seeds counts. `values` gives
    inputs by name and so their sizes; the others stay random. Values that are not finite never agree: the first
    definition that is not finite is named. At a kink the notes tell the convention.

    Raises `TensorCalcError` E_UNKNOWN_NAME or E_SHAPE for values that do not fit the inputs.
    """
    report = Report()
    found: dict[tuple[str, int, int, str], Item] = {}
    given = (*(Adjoint(t) for t in derivation.of), *(Tangent(v) for v in derivation.wrt))
    for seed in seeds:
        if values is not None:
            environment = sample_at(derivation.system, given, seed, values)
            items = _not_finite(derivation, environment, report)
        else:
            random = sample(derivation.system, given, seed)
            if random is None:
                report.notes.append(f"seed {seed}: no random inputs found at which every definition is finite")
                continue
            environment, items = random, []
        report.notes += kinks_at(environment)
        items = items or [*check_steps(derivation, environment), *check_results(derivation, environment)]
        for item in items:
            key = item.name, item.lemma, item.step, item.witness
            if key not in found or item.error > found[key].error:
                found[key] = item
    report.notes = list(dict.fromkeys(report.notes))
    report.items.extend(found.values())
    if not found:
        report.notes.append("nothing could be checked")
    elif "torch" not in report.witnesses and report.passed:
        report.notes.append("PyTorch is not installed; it was not asked")
    return report


def _not_finite(derivation: Derivation, environment: Environment, report: Report) -> list[Item]:
    """A failed item for the first definition that is not finite at the given values, and what is known about it."""
    for definition in derivation.system.ordered:
        value = environment.value(definition.tensor)
        if np.all(np.isfinite(value)):
            continue
        report.notes.append(f"{definition.name} is not finite at these values: {definition.lhs} = {definition.rhs}")
        for node in sorted(definition.rhs.atoms(Inverse, LogDeterminant), key=str):
            determinant = float(np.linalg.det(environment.value(node.tensor)))
            report.notes.append(f"the determinant of {node.tensor.name} is {determinant:.3g}")
        return [Item(definition.name, "", "values", float("inf"), False, expression=definition.rhs)]
    return []

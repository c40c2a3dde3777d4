"""Checking by number: every step against the evaluator, every result against independent witnesses."""

from __future__ import annotations

from tensorcalc.check.report import Item, Report
from tensorcalc.check.sampling import sample
from tensorcalc.check.steps import check_steps
from tensorcalc.check.witnesses import check_results
from tensorcalc.derivation.model import Derivation
from tensorcalc.indices import Adjoint, Tangent

__all__ = ["Item", "Report", "check"]

SEEDS = (0, 1, 2)


def check(derivation: Derivation, seeds: tuple[int, ...] = SEEDS) -> Report:
    """Compare every line of a derivation with its left side, and the results with finite differences and PyTorch.

    Sizes and data are random, in float64, new for each seed; the worst error of all seeds counts. Values that are not
    finite never agree.
    """
    report = Report()
    found: dict[tuple[str, int, int, str], Item] = {}
    given = (*(Adjoint(t) for t in derivation.of), *(Tangent(v) for v in derivation.wrt))
    for seed in seeds:
        environment = sample(derivation.system, given, seed)
        if environment is None:
            report.notes.append(f"seed {seed}: no random inputs found at which every definition is finite")
            continue
        for item in (*check_steps(derivation, environment), *check_results(derivation, environment)):
            key = item.name, item.lemma, item.step, item.witness
            if key not in found or item.error > found[key].error:
                found[key] = item
    report.items.extend(found.values())
    if not found:
        report.notes.append("nothing could be checked")
    elif "torch" not in report.witnesses:
        report.notes.append("PyTorch is not installed; it was not asked")
    return report

"""What is off in a row that is false or ill-formed: the change that mends it, and the rule that was misapplied.

Nothing is said that numbers do not confirm: a change must make both sides agree at every point, a misapplied rule must
give exactly what the author wrote.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

import numpy as np

from tensorcalc.rules.derivatives import SELF
from tensorcalc.verify.comparing import finite
from tensorcalc.verify.differentiation import Slip
from tensorcalc.verify.edits import families
from tensorcalc.verify.latex.tree import Node, Number, Product, Quotient, Sum
from tensorcalc.verify.misapplied import slips_of
from tensorcalc.verify.model import derivatives_in
from tensorcalc.verify.numbers import Named, _aligned, add, constant, multiply, primal
from tensorcalc.verify.parts import Edit, Setting
from tensorcalc.verify.points import Point
from tensorcalc.verify.problems import Problem
from tensorcalc.verify.rescaling import rescaled
from tensorcalc.verify.terms import Added, Entry, Term, substitute
from tensorcalc.verify.trying import Trial, tree_of

__all__ = ["NOTHING", "SEVERAL", "Diagnosis", "diagnose"]

MOST_TERMS = 12
MOST_SLIPS = 400
MOST_EDITS = 400
MOST_SIGNS = 200_000  # of all changes of a row that are tried, so that a long row does not take longer
MOST_TEXT = 2_000  # signs of a row that is changed
ALTERNATIVES = 2


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a row should be: `what` is wrong, in which `part` of it, and the `correction` of its right side in LaTeX;
    the `rule` that was misapplied, by its title, and `how`. What is not known is empty.
    """

    what: str = ""
    part: str = ""
    correction: str = ""
    rule: str = ""
    how: str = ""

    @property
    def hint(self) -> str:
        """All of it but the correction, in a sentence."""
        misapplied = f"{self.rule} misapplied: {self.how}" if self.rule else ""
        return "; ".join(x for x in (self.what, misapplied) if x)


NOTHING = Diagnosis()
SEVERAL = "no change of one sign, factor, index or name makes it hold: more than one term may be off"


def diagnose(trial: Trial, text: str, setting: Setting, right: Term | None, before: Term | None) -> Diagnosis:
    """What is off in the right side of a claim, which is written as `text` and has the value `right` where it has one.
    `before` is the line before it.
    """
    node = tree_of(text, trial.macros)
    edits = _edits(trial, text, node, setting, right) if node is not None else []
    slip = _slip(trial, right, before) if right is not None else None
    what = " or ".join(dict.fromkeys(e.what for e in edits[:ALTERNATIVES]))
    first = edits[0] if edits else Edit("", "")
    several = isinstance(node, Sum) and len(node.terms) > 1 and right is not None
    if several and trial.wanted and trial.allowance.sides > 0 and not edits and slip is None:
        what = SEVERAL
    if slip is not None and first.kind == "extent" and slip.rule == SELF.name:
        slip = None  # without the δ a mean is 1: the missing 1/N says the same, more simply
    return Diagnosis(what, first.part, first.text.strip(), slip.rule if slip else "", slip.done if slip else "")


def _edits(trial: Trial, text: str, node: Node, setting: Setting, right: Term | None) -> list[Edit]:
    """The changes of the likeliest kind that make the row hold."""
    if right is not None:
        found = _scaled(trial, text, node, right)
        if found is not None and trial.holds(found.text):
            return [found]
    tried: set[str] = {text}
    left = MOST_SIGNS // len(text) if 0 < len(text) <= MOST_TEXT else 0
    for family in families(text, node, setting):
        before = len(tried)
        hits = [e for e in islice(_untried(family, tried), min(MOST_EDITS, left)) if trial.holds(e.text)]
        left = max(left - (len(tried) - before), 0)
        if hits:
            return hits
    found = rescaled(trial, text, node, right) if right is not None else None
    return [found] if found is not None and trial.holds(found.text) else []


def _untried(family: Iterator[Edit], tried: set[str]) -> Iterator[Edit]:
    for edit in family:
        if edit.text not in tried:
            tried.add(edit.text)
            yield edit


def _slip(trial: Trial, right: Term, before: Term | None) -> Slip | None:
    """The misapplied rule that gives what the author wrote, from the line before or from the first one."""
    values = []
    for point, _ in trial.wanted:
        value = trial.value(right, point)
        if value is None:
            return None
        values.append((point, value))
    direct = trial.meaning.default != "total"
    starts = [before, *_meanings(trial)] if before is not None else _meanings(trial)
    free = sorted(trial.claim.free | frozenset(trial.left.axes))
    chained = bool(derivatives_in(right))
    for start in dict.fromkeys(starts):
        for broken, slip in islice(slips_of(start, trial.article.model, free, direct, chained), MOST_SLIPS):
            if trial.allowance.slips <= 0:
                return None
            trial.allowance.slips -= 1
            if trial.known(broken) and trial.gives(broken, values):
                return slip
    return None


def _meanings(trial: Trial) -> list[Term]:
    """The left side of a claim, and what it is defined to be."""
    left, definitions = trial.left.term, trial.article.model.definitions
    if not isinstance(left, Entry) or left.name not in definitions:
        return [left]
    definition = definitions[left.name]
    return [substitute(definition.body, dict(zip(definition.letters, left.places, strict=True)))]


def _scaled(trial: Trial, text: str, node: Node, right: Term) -> Edit | None:
    """A number by which the right side, or one of its terms, must be multiplied."""
    with np.errstate(all="ignore"), suppress(Problem, KeyError, ValueError):
        pairs = [(wanted, primal(point.term(right))) for point, wanted in trial.wanted]
        if not all(finite(value) for _, value in pairs):
            return None
        ratio = _ratio(pairs)
        if ratio is not None:
            return _multiplied(text, node, node, ratio, "the right side")
        if not isinstance(right, Added) or not isinstance(node, Sum) or len(node.terms) != len(right.terms):
            return None
        if len(right.terms) > MOST_TERMS:
            return None
        for place, term in enumerate(right.terms):
            ratio = _ratio([_needed(right, place, term, point, wanted) for point, wanted in trial.wanted])
            if ratio is not None:
                part = node.terms[place]
                shown = " ".join(text[part.span.start : part.span.end].split())
                return _multiplied(text, node, part, ratio, f"the term {shown}")
    return None


def _needed(right: Added, place: int, term: Term, point: Point, wanted: Named) -> tuple[Named, Named]:
    """What a term would have to be, and what it is."""
    rest = [point.term(t) for k, t in enumerate(right.terms) if k != place]
    others = add(*rest) if rest else constant(0)
    return primal(add(wanted, multiply(constant(-1), others))), primal(point.term(term))


def _multiplied(text: str, node: Node, part: Node, ratio: Fraction, name: str) -> Edit | None:
    """The text with a part multiplied, its own number changed where it begins with one."""
    if ratio in (0, -1):
        return None  # a sign, or a term too many: the families know how to write that
    shown = str(ratio.numerator) if ratio.denominator == 1 else f"{ratio.numerator}/{ratio.denominator}"
    what = f"{name} misses a factor {shown}"
    a, b = part.span.start, part.span.end
    first = part.factors[0] if isinstance(part, Product) and not any(part.signs[1:2]) else part
    number = _number_of(first)
    if number is not None and ratio > 0:
        new = number * ratio
        written = "" if new == 1 and first is not part else _written(new) + " "
        rest = text[first.span.end : b].lstrip()
        return Edit(text[:a] + written + rest + text[b:], what, text[a:b], "factor")
    below = _divided(text, part, ratio)
    if below is not None:
        return Edit(below, what, text[a:b], "factor")
    if part is node and isinstance(node, Sum):
        inner = rf"\left({text.strip()}\right)"
        return Edit(f"{'-' if ratio < 0 else ''}{_written(abs(ratio))} {inner}", what, text.strip(), "factor")
    factor = _written(ratio) if ratio > 0 else rf"\left(-{_written(-ratio)}\right)"
    return Edit(f"{text[:a]}{factor} {text[a:]}", what, text[a:b], "factor")


def _divided(text: str, part: Node, ratio: Fraction) -> str | None:
    """The text with a fraction's denominator divided, where that begins with a number that allows it."""
    if not isinstance(part, Quotient) or not isinstance(part.denominator, Product) or ratio.denominator != 1:
        return None
    first, second = part.denominator.factors[0], part.denominator.factors[1]
    if not isinstance(first, Number) or ratio <= 0 or first.value % ratio:
        return None
    rest = first.value / ratio
    start = second.span.start if rest == 1 else first.span.end
    return text[: first.span.start] + ("" if rest == 1 else _written(rest)) + text[start:]


def _number_of(node: Node) -> Fraction | None:
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Quotient) and isinstance(node.numerator, Number) and isinstance(node.denominator, Number):
        return node.numerator.value / node.denominator.value if node.denominator.value else None
    return None


def _written(value: Fraction) -> str:
    whole = value.denominator == 1
    return str(value.numerator) if whole else rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


def _ratio(pairs: Sequence[tuple[Named, Named]]) -> Fraction | None:
    """The number by which the second array of every pair must be multiplied to give the first."""
    found: list[float] = []
    for wanted, given in pairs:
        _, (a, b) = _aligned([wanted, given])
        a, b = np.broadcast_arrays(a, b)
        place = int(np.abs(b).argmax())
        largest = float(b.reshape(-1)[place])
        if not largest:
            return None
        ratio = float(a.reshape(-1)[place]) / largest
        if np.abs(a - ratio * b).max() > 1e-8 * max(float(np.abs(a).max()), abs(largest)):
            return None
        found.append(ratio)
    if not found or max(found) - min(found) > 1e-7 * max(1.0, abs(found[0])):
        return None
    simple = Fraction(found[0]).limit_denominator(64)
    return simple if abs(float(simple) - found[0]) < 1e-7 and simple != 1 else None

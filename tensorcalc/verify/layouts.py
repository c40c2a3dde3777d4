"""The derivative of a vector by a vector as a matrix: rows for what is differentiated, or for what it is taken by.

Authors do not always say which of the two layouts they use. An article is judged in numerator layout first; where that
leaves rows which do not hold, it is judged in denominator layout as well. The layout in which more of them hold is the
article's. A row that holds in the other one only is flagged where the article is sure of its layout, and not checkable
where it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tensorcalc.verify.judge import Verdict

__all__ = ["LAYOUTS", "judge_layouts"]

LAYOUTS = ("numerator", "denominator")


def judge_layouts(judged: Callable[[str], list[Verdict]]) -> list[Verdict]:
    """The verdicts on an article whose verdicts in a layout are `judged`."""
    first = judged(LAYOUTS[0])
    if not any(v.claim.laid and v.status != "holds" and not v.claim.inline for v in first):
        return [_named(v, LAYOUTS[0]) for v in first]
    second = judged(LAYOUTS[1])
    if len(first) != len(second):
        return [_named(v, LAYOUTS[0]) for v in first]
    ours, theirs = _only(first, second), _only(second, first)
    if not theirs:
        return [_named(v, LAYOUTS[0]) for v in first]
    if not ours:
        return [_named(v, LAYOUTS[1]) for v in second]
    swapped = min(theirs) < min(ours) if len(ours) == len(theirs) else len(theirs) > len(ours)
    if swapped:
        first, second, ours, theirs = second, first, theirs, ours
    own, other = LAYOUTS[swapped], LAYOUTS[not swapped]
    sure = len(ours) > len(theirs)
    return [_mixed(v, own, other, sure) if k in theirs else _named(v, own) for k, v in enumerate(first)]


def _only(verdicts: Sequence[Verdict], others: Sequence[Verdict]) -> list[int]:
    """The rows with derivatives of vectors by vectors that hold among these and not among the others."""
    pairs = enumerate(zip(verdicts, others, strict=True))
    return [k for k, (a, b) in pairs if a.claim.laid and a.status == "holds" and b.status != "holds"]


def _named(verdict: Verdict, layout: str) -> Verdict:
    if verdict.status != "holds" or not verdict.claim.laid:
        return verdict
    return replace(verdict, reading=", ".join(x for x in (verdict.reading, f"in {layout} layout") if x))


def _mixed(verdict: Verdict, own: str, other: str, sure: bool) -> Verdict:
    """The verdict on a row that holds in the other layout than the article's."""
    said = f"it holds in {other} layout, where other rows hold in {own} layout"
    if sure:
        return replace(verdict, hint="; ".join(x for x in (verdict.hint, said) if x))
    return Verdict(verdict.claim, "not-checkable", said)

"""What was checked by number, with which witnesses and which error."""

from __future__ import annotations

from collections.abc import Sequence

from tensorcalc.check import Item, Report
from tensorcalc.pages.model import Alert, Paragraph, Part, Section, Table, Text
from tensorcalc.pages.words import capital

__all__ = ["check_section"]

_WITNESSES = {
    "steps": "the left side, evaluated directly",
    "finite differences": "central finite differences",
    "torch": "PyTorch’s automatic differentiation",
}
_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def check_section(reports: Sequence[Report]) -> Section:
    """The comparisons of all reports, one row for each witness."""
    items = [item for report in reports for item in report.items]
    failed = [item for item in items if not item.passed]
    parts: list[Part] = []
    if not items:
        parts.append(Alert(("Nothing could be checked.",)))
    elif failed:
        parts.append(Alert((f"{len(failed)} of {len(items)} comparisons failed.",)))
    else:
        words = (
            "Every line was evaluated on random data in double precision and compared with its left side, and the "
            "results with independent computations."
        )
        parts.append(Paragraph((f"{words} All {len(items)} comparisons agree.",)))
    if items:
        parts.append(_table(items))
    notes = dict.fromkeys(note for report in reports for note in report.notes)
    parts += [Paragraph((f"{capital(note).rstrip('.')}.",)) for note in notes]
    return Section(("Checks",), tuple(parts))


def _table(items: Sequence[Item]) -> Table:
    head: tuple[Text, ...] = (("compared",), ("with",), ("comparisons",), ("worst error",))
    rows: list[tuple[Text, ...]] = []
    for witness in dict.fromkeys(item.witness for item in items):
        mine = [item for item in items if item.witness == witness]
        what = "lines" if witness == "steps" else "results"
        worst = max(item.error for item in mine)
        rows.append(((what,), (_WITNESSES.get(witness, witness),), (str(len(mine)),), (scientific(worst),)))
    return Table(head, tuple(rows))


def scientific(number: float) -> str:
    """A number to one decimal, as 1.6 · 10⁻¹³."""
    if number == 0:
        return "0"
    if number == float("inf"):
        return "infinite"
    digits, _, power = f"{number:.1e}".partition("e")
    return f"{digits} · 10{str(int(power)).translate(_SUPERSCRIPT)}"

"""Derivations and reports on a terminal, with rich: colours where the terminal has them, long rules folded."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tensorcalc import render
from tensorcalc.api import Derivation
from tensorcalc.check import Item, Report

__all__ = ["print_derivation", "print_report"]

_WIDE = 10_000  # no folding where nobody looks at a terminal


def _console() -> Console:
    console = Console(highlight=False, soft_wrap=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDE)


def print_derivation(derivation: Derivation, style: render.Style, detail: render.Detail) -> None:
    """Print a derivation with its title."""
    console = _console()
    if derivation.title:
        console.print(Text(derivation.title, style="bold"), end="\n\n")
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(style="dim", overflow="fold")
    for left, right, rules in render.text_rows(derivation, style, detail):
        table.add_row(Text(left), Text(right), Text(f" {rules}" if rules else ""))
    console.print(table)


def print_report(derivation: Derivation, report: Report) -> None:
    """Print every step with its error and the verdict of every witness."""
    console = _console()
    if derivation.title:
        console.print(Text(derivation.title, style="bold"), end="\n\n")
    table = Table.grid(padding=(0, 2))
    for column in range(5):
        table.add_column(justify="right" if column == 2 else "left", overflow="fold")
    lines = render.blocks(derivation)
    steps = {(i.lemma, i.step): i for i in report.items if i.lemma >= 0}
    for block in lines:
        for number, line in enumerate(block.lines):
            for place in line.steps:
                item = steps.pop((block.number, place), None)
                if item is not None:
                    left = render.node_text(block.left) if number == 0 else ""
                    table.add_row(*_row(item, left, f"= {render.node_text(line.node)}"))
    results = {str(block.lhs): render.node_text(block.left) for block in render.blocks(derivation, detail="result")}
    for item in report.items:
        if item.lemma < 0:
            table.add_row(*_row(item, results.get(item.name, item.name), item.witness))
    console.print(table)
    for note in report.notes:
        console.print(Text(f"note: {note}"))
    _print_verdict(console, report)


def _row(item: Item, left: str, right: str) -> list[Text]:
    verdict = Text("ok", style="green") if item.passed else Text("WRONG", style="bold red")
    return [Text(left), Text(right), Text(f"{item.error:.1e}"), verdict, Text(item.rule, style="dim")]


def _print_verdict(console: Console, report: Report) -> None:
    if not report.items:
        console.print(Text("nothing could be checked", style="bold yellow"))
        return
    count, failed = len(report.items), len(report.failures)
    verdict = f"{failed} of {count} comparisons failed" if failed else f"all {count} comparisons agree"
    style = "bold red" if failed else "bold green"
    witnesses = ", ".join(report.witnesses)
    console.print(Text(f"{verdict}; worst error {report.worst:.1e}; witnesses: {witnesses}", style=style))

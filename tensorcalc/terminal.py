"""Derivations and reports on a terminal, with rich: colours where the terminal has them, plain text elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from tensorcalc import library, render
from tensorcalc.api import Derivation
from tensorcalc.bench import Benchmark
from tensorcalc.check import Item, Report
from tensorcalc.gallery import Summary, build

__all__ = ["build_gallery", "print_benchmark", "print_derivation", "print_report"]

WIDEST = 88  # a cell that is wider does not push the next column to the right in other rows


def _print(console: Console, text: Text) -> None:
    console.print(text, soft_wrap=True)


def _print_title(console: Console, derivation: Derivation) -> None:
    if derivation.title:
        _print(console, Text(derivation.title, style="bold"))
        _print(console, Text(""))


def _print_rows(console: Console, rows: Sequence[Sequence[Text]]) -> None:
    """Print rows with aligned columns and no blanks at the ends of lines."""
    columns = len(rows[0]) if rows else 0
    widths = [max((w for r in rows if (w := cell_len(r[c].plain)) <= WIDEST), default=0) for c in range(columns)]
    for row in rows:
        line = Text()
        for cell, width in zip(row, widths, strict=True):
            line.append_text(cell)
            line.append(" " * (width - cell_len(cell.plain) + 2))
        line.rstrip()
        _print(console, line)


def print_derivation(
    derivation: Derivation,
    style: render.Style = "einstein",
    detail: render.Detail = "all",
    adjoint: render.AdjointNotation = "partial",
) -> None:
    """Print a derivation with its title, as wide as the terminal."""
    console = Console(highlight=False)
    _print_title(console, derivation)
    for formula, rules in render.text_lines(derivation, style, detail, adjoint, min(console.width, render.WIDTH)):
        line = Text(formula).append(rules, style="dim")
        line.rstrip()
        _print(console, line)
    for note in derivation.notes:
        _print(console, Text(f"\nNote: {note}."))
    _print(console, Text(""))


def build_gallery(folder: Path, names: Sequence[str]) -> list[Summary]:
    """Build the gallery, with a progress bar on a terminal, and say where it is."""
    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("pages", total=len(names) or len(library.names()))

        def done(summary: Summary) -> None:
            progress.update(task, advance=1, description=summary.name)
            if not summary.passed:
                progress.console.print(Text(f"{summary.name}: checks do not agree", style="bold red"))

        summaries = build(folder, names, done)
    _print(
        Console(highlight=False), Text(f"{len(summaries)} page{'s' * (len(summaries) != 1)}: {folder / 'index.html'}")
    )
    return summaries


def print_benchmark(result: Benchmark) -> None:
    """Print a row for every variant: its time, the quartiles, how often it runs while the fastest peer runs once, the
    memory that a call takes, and how far its results are from those of the first.
    """
    console = Console(highlight=False)
    _print(console, Text(result.title, style="bold"))
    sizes = ", ".join(f"{name} = {length}" for name, length in result.sizes.items())
    _print(console, Text(f"{sizes or 'no dimensions'}; {result.dtype}; milliseconds", style="dim"))
    peers = [row.median for row in result.rows if "." in row.name and not row.reason]
    best = min(peers, default=float("nan"))
    table = Table(box=None, pad_edge=False)
    for name in ("", "median", "quartiles", "vs peers", "MiB", "difference"):
        table.add_column(name, justify="left" if not name else "right", no_wrap=True)
    for row in result.rows:
        if row.reason:
            table.add_row(row.name, "left out")
            continue
        spread = f"{_milliseconds(row.lower)} to {_milliseconds(row.upper)}"
        ratio = f"{best / row.median:.2f}" if peers else ""
        memory = "" if row.memory is None else f"{row.memory / 2**20:.1f}"
        table.add_row(row.name, _milliseconds(row.median), spread, ratio, memory, f"{row.error:.1e}")
    table.add_row(Text("bound", style="dim"), _milliseconds(result.bound))
    console.print(table)
    for row in result.rows:
        if row.reason:
            _print(console, Text(f"{row.name}: {row.reason}", style="dim"))
    _print(console, Text(""))


def _milliseconds(seconds: float) -> str:
    """A time with three digits that count."""
    time = seconds * 1e3
    return f"{time:.{max(0, 2 - floor(log10(time)))}f}" if time > 0 else "0"


def print_report(derivation: Derivation, report: Report) -> None:
    """Print every step with its error and the verdict of every witness."""
    console = Console(highlight=False)
    _print_title(console, derivation)
    rows = _step_rows(derivation, report)
    results = {str(block.lhs): render.node_text(block.left) for block in render.blocks(derivation, detail="result")}
    for item in report.items:
        if item.lemma < 0:
            rows.append(_row(item, f"{results.get(item.name, item.name)}  by {item.witness}"))
    _print_rows(console, rows)
    for note in report.notes:
        _print(console, Text(f"note: {note}"))
    _print_verdict(console, report)


def _step_rows(derivation: Derivation, report: Report) -> list[Sequence[Text]]:
    steps = {(item.lemma, item.step): item for item in report.items if item.lemma >= 0}
    rows: list[Sequence[Text]] = []
    for block in render.blocks(derivation):
        left = render.node_text(block.left)
        for number, line in enumerate(block.lines):
            found = [item for place in line.steps if (item := steps.get((block.number, place)))]
            shown = left if number == 0 else " " * cell_len(left)
            rows += [_row(item, f"{shown} = {render.node_text(line.node)}") for item in found]
    return rows


def _row(item: Item, formula: str) -> Sequence[Text]:
    verdict = Text("ok", style="green") if item.passed else Text("WRONG", style="bold red")
    return Text(formula), Text(f"{item.error:.1e}"), verdict, Text(item.rule, style="dim")


def _print_verdict(console: Console, report: Report) -> None:
    if not report.items:
        _print(console, Text("nothing could be checked", style="bold yellow"))
        return
    count, failed = len(report.items), len(report.failures)
    verdict = f"{failed} of {count} comparisons failed" if failed else f"all {count} comparisons agree"
    style = "bold red" if failed else "bold green"
    witnesses = ", ".join(report.witnesses)
    _print(console, Text(f"{verdict}; worst error {report.worst:.1e}; witnesses: {witnesses}", style=style))

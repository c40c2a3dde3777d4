"""The gallery: a page for every derivation of the library, and one that leads to them, group by group.

Derivations are independent of each other, so each is written by a process of a pool.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from html import escape
from pathlib import Path

from tensorcalc import api, library, pages
from tensorcalc.check import check
from tensorcalc.errors import TensorCalcError
from tensorcalc.pages.shell import document, write_assets
from tensorcalc.pages.words import capital
from tensorcalc.render import blocks
from tensorcalc.render.environments import LATEX

__all__ = ["Summary", "build"]

SEEDS = (0,)  # one random point for each derivation: `tensorcalc check` takes more, and longer
FORMULA = 24.0  # em: the widest formula on a card
OTHER = "others"


@dataclass(frozen=True, slots=True)
class Summary:
    """What the first page says of a derivation: its title, group and result, and whether its checks agree."""

    name: str
    title: str
    group: str
    formula: str
    passed: bool


def build(
    folder: Path,
    names: Sequence[str] = (),
    done: Callable[[Summary], None] = lambda summary: None,
    workers: int | None = None,
) -> list[Summary]:
    """Write the gallery of these derivations into a folder; `done` is told of every page.

    `names` are names of the library, or files; without them it is the whole library. Raises `TensorCalcError`: E_FILE
    where there is no such derivation or the folder cannot be written, and what deriving raises.
    """
    chosen = list(names) or library.names()
    for name in chosen:
        library.find(name)
    try:
        write_assets(folder / "assets")
    except OSError as error:
        raise TensorCalcError("E_FILE", f"{folder} cannot be written: {error.strerror or error}") from None
    count = min(workers or os.cpu_count() or 1, len(chosen))
    found = {}
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn")) as pool:
        for future in as_completed([pool.submit(write_page, name, folder) for name in chosen]):
            summary = future.result()
            found[summary.name] = summary
            done(summary)
    summaries = [found[Path(name).stem] for name in chosen]
    (folder / "index.html").write_text(_index(summaries), encoding="utf-8")
    return summaries


def write_page(name: str, folder: Path) -> Summary:
    """Derive and check what a derivation file asks for, and write its page."""
    stem = Path(name).stem
    system = api.load(name)
    derivations = system.derive_all()
    reports = [check(d, SEEDS) for d in derivations]
    page = pages.article(derivations, reports)
    (folder / f"{stem}.html").write_text(pages.html(page, assets="assets", home="index.html"), encoding="utf-8")
    passed = all(report.passed for report in reports)
    return Summary(stem, page.title, system.group or OTHER, _formula(derivations), passed)


def _formula(derivations: Iterable[api.Derivation]) -> str:
    """The first result or definition that is short, or else the left side of the first result."""
    first, *_ = derivations
    results = blocks(first, detail="result")
    defined = [b for b in blocks(first) if b.kind == "definition" and b.lhs.tensor in first.of]
    for block in (*results, *defined):
        latex = f"{LATEX.text(block.left)} = {LATEX.text(block.lines[0].node)}"
        if LATEX.width(latex) <= FORMULA:
            return latex
    return LATEX.text(results[0].left)


def _index(summaries: Sequence[Summary]) -> str:
    groups: dict[str, list[Summary]] = {}
    for summary in sorted(summaries, key=lambda s: (s.group == OTHER, s.group, s.title)):
        groups.setdefault(summary.group, []).append(summary)
    failed = sum(not s.passed for s in summaries)
    words = f"{len(summaries)} derivations in index notation, every line with its reason"
    checked = "all of them checked by number" if not failed else f"{failed} of them do not pass their checks"
    body = [
        f"<header>\n<h1>Derivations</h1>\n<p>{words}; {checked}.</p>",
        '<p class="filter"><label>Show those with <input type="search" id="filter" autocomplete="off"></label></p>',
        "</header>\n<main>",
    ]
    for group, members in groups.items():
        cards = "\n".join(_card(summary) for summary in members)
        heading = f"<h2>{escape(capital(group))}</h2>"
        body.append(f'<section class="topic">\n{heading}\n<ul class="cards">\n{cards}\n</ul>\n</section>')
    return document("Derivations", "\n".join([*body, "</main>"]), "assets")


def _card(summary: Summary) -> str:
    alert = "" if summary.passed else '<p class="alert">Its checks do not agree.</p>'
    formula = f'<span class="m wide">{escape(summary.formula, quote=False)}</span>'
    return f'<li><a href="{summary.name}.html">{escape(summary.title)}</a><div>{formula}</div>{alert}</li>'

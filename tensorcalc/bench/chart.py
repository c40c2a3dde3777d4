"""Benchmarks as a drawing: a bar for every variant, with its quartiles, and the bound of the machine as a line."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import isnan

from tensorcalc.bench.model import Benchmark, Timing

__all__ = ["chart"]

NAMES, BARS, TIMES = 190, 420, 130  # widths of the columns
ROW, BAR, HEAD = 22, 14, 48  # heights
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 13px } .small { fill: #59636e }
  .ours { fill: #2f6fde } .peer { fill: #9aa4b2 } .line { stroke: #1f2328 } .bound { stroke: #c93c37 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9198a1 } .line { stroke: #e6edf3 }
  }
"""


def chart(results: Sequence[Benchmark]) -> str:
    """An SVG file: for each benchmark its variants as bars in proportion to their medians."""
    parts: list[str] = []
    top = 8
    for result in results:
        parts += _benchmark(result, top)
        top += HEAD + ROW * len(result.rows) + 12
    width = NAMES + BARS + TIMES
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" width="{width}" height="{top}">'
    return "\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>", ""])


def _benchmark(result: Benchmark, top: int) -> list[str]:
    longest = max((row.upper for row in result.rows if not row.reason), default=1.0) or 1.0
    sizes = ", ".join(f"{name} = {length}" for name, length in result.sizes.items())
    about = escape("; ".join(part for part in (sizes, result.dtype, "milliseconds") if part))
    parts = [
        f'<text class="title" x="8" y="{top + 14}">{escape(result.title)}</text>',
        f'<text class="small" x="8" y="{top + 32}">{about}</text>',
    ]
    for place, row in enumerate(result.rows):
        parts += _row(row, top + HEAD + place * ROW, longest)
    if not isnan(result.bound) and result.bound <= longest:
        x = NAMES + BARS * result.bound / longest
        bottom = top + HEAD + ROW * len(result.rows)
        parts.append(f'<line class="bound" x1="{x:.1f}" x2="{x:.1f}" y1="{top + HEAD - 6}" y2="{bottom}"/>')
        parts.append(f'<text class="small" x="{x + 4:.1f}" y="{top + HEAD - 6}">bound {result.bound * 1e3:.3g}</text>')
    return parts


def _row(row: Timing, top: int, longest: float) -> list[str]:
    middle = top + BAR / 2
    parts = [f'<text x="8" y="{top + 11}">{escape(row.name)}</text>']
    if row.reason:
        return [*parts, f'<text class="small" x="{NAMES}" y="{top + 11}">left out: {escape(row.reason[:60])}</text>']
    lower, median, upper = (BARS * t / longest for t in (row.lower, row.median, row.upper))
    kind = "peer" if "." in row.name else "ours"
    memory = "" if row.memory is None else f", {row.memory / 2**20:.0f} MiB"
    return [
        *parts,
        f'<rect class="{kind}" x="{NAMES}" y="{top}" width="{median:.1f}" height="{BAR}"/>',
        f'<line class="line" x1="{NAMES + lower:.1f}" x2="{NAMES + upper:.1f}" y1="{middle}" y2="{middle}"/>',
        f'<text x="{NAMES + max(upper, median) + 6:.1f}" y="{top + 11}">{row.median * 1e3:.3g}{memory}</text>',
    ]

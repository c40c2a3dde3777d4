"""All that a derivation says in matrix notation, as one block of text or LaTeX: its definitions, then its results."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from sympy import Expr

from tensorcalc.derivation.model import Derivation
from tensorcalc.matrix.form import MatrixForm, Row, definition_forms, latex_row, matrix_forms, text_row
from tensorcalc.matrix.spelling import MatrixLatex
from tensorcalc.render import AdjointNotation, Context, Detail, expression_latex, expression_text
from tensorcalc.render.breaking import rows
from tensorcalc.render.environments import row_latex

__all__ = ["fits", "latex", "latex_rows", "text"]

REASON_WIDTH = 52  # columns to which reasons are folded in text
RULE_COLUMN = 60  # they stand at the right of the longest line, or below a line that goes beyond this column
EQUALS = " = "
WIDTH = 41.5  # em: what the text of a page holds
GAP = 3.5  # em: the sign of equality, or the space before a reason
WIDEST_REASON = 24  # em


def text(derivation: Derivation, detail: Detail = "all", adjoint: AdjointNotation = "partial") -> str:
    """The definitions and results in matrix notation as Unicode text; every line of the results with `all`."""
    blocks = []
    formulas = [f.text() for f in _definitions(derivation)]
    if formulas and detail != "result":
        blocks.append("\n".join(formulas))
    for form, left in _results(derivation, adjoint):
        if form is None:
            blocks.append(
                f"{expression_text(left, Context.of(derivation, adjoint=adjoint))} has no form in matrix notation"
            )
        else:
            blocks.append(_text_chain(form) if detail == "all" else form.text())
    return "In matrix notation\n\n" + "\n\n".join(blocks) + "\n"


def latex(derivation: Derivation, detail: Detail = "all", adjoint: AdjointNotation = "partial") -> str:
    """The definitions and results in matrix notation as LaTeX mathematics, a display for each."""
    displays = []
    formulas = [f.latex() for f in _definitions(derivation)]
    if formulas and detail != "result":
        displays.append(_aligned([formula.replace(" = ", " &= ", 1) for formula in formulas]))
    for form, left in _results(derivation, adjoint):
        if form is None:
            name = expression_latex(left, Context.of(derivation, adjoint=adjoint))
            displays.append(rf"{name} \quad \text{{has no form in matrix notation}}")
        else:
            displays.append(_aligned(latex_rows(form)) if detail == "all" else form.latex())
    return "\n\n".join(f"\\[\n{display}\n\\]" for display in displays) + "\n"


def _definitions(derivation: Derivation) -> list[MatrixForm]:
    needed = {d.tensor for d in derivation.system.needed(derivation.of)}
    forms = zip(derivation.system.definitions, definition_forms(derivation.system), strict=True)
    return [form for definition, form in forms if form is not None and definition.tensor in needed]


def _results(derivation: Derivation, adjoint: AdjointNotation) -> Iterator[tuple[MatrixForm | None, Expr]]:
    yield from zip(matrix_forms(derivation, adjoint), (left for left, _ in derivation.results), strict=True)


def _aligned(rows: Sequence[str]) -> str:
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def _text_chain(form: MatrixForm) -> str:
    lines = [text_row(line) for line in form.lines]
    width = max(len(left) for left, _, _ in lines)
    rows: list[tuple[str, str]] = []
    before = ""
    for left, right, words in lines:
        row = f"{left if left != before else '':{width}} = {right}"
        first, *rest = _folded(words, REASON_WIDTH, len)
        rows += [(row, "")] * (len(row) > RULE_COLUMN) + [("" if len(row) > RULE_COLUMN else row, first)]
        rows += [("", more) for more in rest]
        before = left
    column = max((len(row) for row, _ in rows if 0 < len(row) <= RULE_COLUMN), default=width + 1)
    return "\n".join(f"{row:{column}}  {reason}".rstrip() for row, reason in rows if row or reason)


def fits(form: MatrixForm, width: float = WIDTH) -> bool:
    """Whether the matrix formula is short enough to be read at a glance: on one row of `width` em."""
    printer = MatrixLatex(form.transpose)
    left, right, _ = latex_row(form.lines[-1], form.transpose)
    return printer.width(left) + GAP + printer.width(right) <= width


def latex_rows(form: MatrixForm, width: float = WIDTH) -> list[str]:
    """The rows of an `aligned` environment that lead from indices to the matrix formula, each with its reason.

    Long formulas are broken so that they fit into `width`, in em; reasons stand beside them where all of them fit.
    """
    printer = MatrixLatex(form.transpose)
    lines = [latex_row(line, form.transpose) for line in form.lines]
    room = width - GAP - max(printer.width(left) for left, _, _ in lines)
    broken = [rows(line.right, printer, room) for line in form.lines]
    rest = room - GAP - max(printer.width(r.text) + printer.indent * r.depth for formula in broken for r in formula)
    beside = _reasons(lines, min(rest, WIDEST_REASON), printer)
    below = _reasons(lines, room - printer.indent, printer)
    fits = all(printer.width(row) <= rest for reason in beside for row in reason)
    found: list[str] = []
    for place, (left, _, _) in enumerate(lines):
        start = "" if place and left == lines[place - 1][0] else f"{left} "
        start = rf"\therefore {start}" if place and place == len(lines) - 1 else start
        found += [f"{'' if k else start}&{row_latex(row)}" for k, row in enumerate(broken[place])]
        first, *more = beside[place] if fits else ["", *below[place]]
        found[-1] += f" && {first}" if first else ""
        found += [f"&&& {row}" if fits else rf"&\quad {row}" for row in more if row]
    return found


def _reasons(lines: Sequence[Row], width: float, printer: MatrixLatex) -> list[list[str]]:
    """The rows of the reason of every line, folded to a width where that can be; a single empty row for none."""

    def measured(piece: str) -> float:
        return printer.width(_worded(piece))

    return [[_worded(row) for row in _folded(words, width, measured)] for _, _, words in lines]


def _worded(piece: str) -> str:
    """Words and formulas between dollars as mathematics: dollars inside `\\text` are not read everywhere."""
    parts = re.split(r"\$([^$]*)\$", piece)
    formulas = [k for k, part in enumerate(parts) if k % 2 or part == EQUALS]
    return " ".join(part.strip() if k in formulas else rf"\text{{{part}}}" for k, part in enumerate(parts) if part)


def _folded(words: Sequence[str], width: float, measured: Callable[[str], float]) -> list[str]:
    """A reason in brackets, on as many rows as it needs; equations are not broken."""
    pieces = [p for w in words for p in ([w] if w.startswith("$") or w == EQUALS else _split(w))]
    chunks: list[list[str]] = [[]]
    for piece in pieces:
        if piece.startswith(" ") and piece != EQUALS:
            chunks.append([])
        chunks[-1].append(piece)
    lines, length = [""], 0.0
    for chunk in chunks:
        wide = sum(map(measured, chunk))
        text = "".join(chunk)
        if lines[-1] and length + wide > width:
            lines, length, text = [*lines, ""], 0.0, text.lstrip()
        lines[-1] += text
        length += wide
    return [f"({lines[0]}", *lines[1:-1], f"{lines[-1]})"] if len(lines) > 1 else [f"({lines[0]})" * bool(pieces)]


def _split(words: str) -> list[str]:
    """Words, each with the blank before it."""
    parts = words.split(" ")
    return [p for p in (parts[0], *(f" {p}" for p in parts[1:])) if p]

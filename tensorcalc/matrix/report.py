"""All that a derivation says in matrix notation, as one block of text or LaTeX: its definitions, then its results."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sympy import Expr

from tensorcalc.derivation.model import Derivation
from tensorcalc.matrix.form import MatrixForm, definition_forms, latex_row, matrix_forms, text_row
from tensorcalc.matrix.spelling import MatrixLatex
from tensorcalc.render import AdjointNotation, Context, Detail, expression_latex, expression_text
from tensorcalc.render.breaking import rows
from tensorcalc.render.environments import row_latex

__all__ = ["latex", "latex_rows", "text"]

REASON_WIDTH = 52  # reasons are folded to about this width
FORMULA = 12  # a formula in LaTeX counts as this many characters
RULE_COLUMN = 60  # they stand at the right of the longest line, or below a line that goes beyond this column
EQUALS = " = "
WIDTH = 41.5  # em: what the text of a page holds
GAP = 2.5  # em: the sign of equality, or the space before a reason


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
        first, *rest = _folded(words)
        rows += [(row, "")] * (len(row) > RULE_COLUMN) + [("" if len(row) > RULE_COLUMN else row, first)]
        rows += [("", more) for more in rest]
        before = left
    column = max((len(row) for row, _ in rows if 0 < len(row) <= RULE_COLUMN), default=width + 1)
    return "\n".join(f"{row:{column}}  {reason}".rstrip() for row, reason in rows if row or reason)


def latex_rows(form: MatrixForm, width: float = WIDTH) -> list[str]:
    """The rows of an `aligned` environment that lead from indices to the matrix formula, each with its reason.

    Long formulas are broken so that they fit into `width`, in em; reasons stand beside them where there is room.
    """
    printer = MatrixLatex(form.transpose)
    room = width - GAP - max(printer.width(printer.text(line.left)) for line in form.lines)
    broken = [rows(line.right, printer, room) for line in form.lines]
    room -= GAP + max(printer.width(r.text) + printer.indent * r.depth for formula in broken for r in formula)
    found: list[str] = []
    before = ""
    for line, formula in zip(form.lines, broken, strict=True):
        left, _, words = latex_row(line, form.transpose)
        reasons = [_worded(piece) for piece in _folded(words) if piece]
        beside = bool(reasons) and all(printer.width(r) <= room for r in reasons)
        therefore = r"\therefore " if line is form.lines[-1] and len(form.lines) > 1 else ""
        start = "" if left == before else f"{therefore}{left} "
        found += [f"{start if place == 0 else ''}&{row_latex(row)}" for place, row in enumerate(formula)]
        if beside:
            found[-1] += f" && {reasons.pop(0)}"
        found += [f"&&& {reason}" if beside else rf"&\quad {reason}" for reason in reasons]
        before = left
    return found


def _worded(piece: str) -> str:
    """Words and formulas between dollars as mathematics: dollars inside `\\text` are not read everywhere."""
    parts = re.split(r"\$([^$]*)\$", piece)
    formulas = [k for k, part in enumerate(parts) if k % 2 or part == EQUALS]
    return " ".join(part.strip() if k in formulas else rf"\text{{{part}}}" for k, part in enumerate(parts) if part)


def _folded(words: Sequence[str]) -> list[str]:
    """A reason in brackets, on as many lines as it needs; equations are not broken."""
    pieces = [p for w in words for p in ([w] if w.startswith("$") or w == EQUALS else _split(w))]
    lines, length = [""], 0
    for number, word in enumerate(pieces):
        piece = word
        size = min(len(piece), FORMULA) if piece.startswith("$") else len(piece)
        if length + size > REASON_WIDTH and piece.startswith(" ") and piece != EQUALS:
            lines, length, piece = [*lines, ""], 0, word.lstrip()
        lines[-1] += ("(" if number == 0 else "") + piece + (")" if number == len(pieces) - 1 else "")
        length += size
    return lines


def _split(words: str) -> list[str]:
    """Words, each with the blank before it."""
    parts = words.split(" ")
    return [p for p in (parts[0], *(f" {p}" for p in parts[1:])) if p]

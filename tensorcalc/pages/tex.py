"""Articles as LaTeX documents that plain pdflatex compiles: amsmath, the graph in TikZ, code that needs no shell."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from tensorcalc.pages.drawing import HEIGHT, drawn
from tensorcalc.pages.inline import inline_latex
from tensorcalc.pages.model import (
    Alert,
    Chain,
    Code,
    Formulas,
    Laws,
    Link,
    MatrixForm,
    Page,
    Paragraph,
    Part,
    Picture,
    Result,
    Table,
    Text,
)
from tensorcalc.render import Block
from tensorcalc.render.chains import Measures, printed_lines
from tensorcalc.render.environments import LATEX, aligned, row_latex, tag_latex
from tensorcalc.render.layout import Node, Symbol
from tensorcalc.render.measure import latex_size
from tensorcalc.render.names import latex_character

__all__ = ["tex"]

PREAMBLE = r"""\documentclass[11pt]{article}
\usepackage[a4paper,margin=22mm]{geometry}
\usepackage[fleqn]{amsmath}
\usepackage{amssymb}
\usepackage{longtable}
\usepackage{listings}
\usepackage{textcomp}
\usepackage{tikz}
\setlength{\mathindent}{1.5em}
\setlength{\parindent}{0pt}
\setlength{\parskip}{0.6em}
\setlength{\emergencystretch}{3em}
\allowdisplaybreaks
\newcommand*{\reason}[1]{{\footnotesize\begin{tabular}[t]{@{}r@{}}#1\end{tabular}}}
\lstset{language=Python, basicstyle=\ttfamily\footnotesize, columns=fullflexible, keepspaces, upquote,
  showstringspaces=false, breaklines, breakindent=4em, keywordstyle=\color{blue!50!black},
  commentstyle=\color{black!60}, stringstyle=\color{black!70}, frame=leftline, framesep=0.8em, xleftmargin=1em%
  @LITERATE@}
"""
MEASURES = Measures(total=41.5, reasons=11, gap=3.5, small=0.82, column=False)  # em of 11 pt
BOX = Measures(total=40, reasons=0, gap=3)
EM = 0.387  # cm
_LONG = re.compile(r"[^\s$]{16,}")
_INSIDE = re.compile(r"[.:/]|\\_(?=\w)")
TALLEST_BOX = 20  # rows of results that stand in a box
LONGEST_TABLE = 30  # rows of a table that stays on one page
LARGEST = (16.4, 20.0)  # cm that a drawing may take


def tex(*pages: Page) -> str:
    """The article as a LaTeX document; several articles as chapters of one, each on a page of its own."""
    codes = [p.source for page in pages for s in page.sections for p in s.parts if isinstance(p, Code)]
    articles = "\n\n\\clearpage\n\\setcounter{section}{0}\n".join(_body(page) for page in pages)
    return f"{PREAMBLE.replace('@LITERATE@', _literate(codes))}\n\\begin{{document}}\n{articles}\n\\end{{document}}\n"


def _body(page: Page) -> str:
    body = [rf"\begin{{center}}{{\LARGE {_words(page.title)}}}\end{{center}}", _parts(page.introduction)]
    for section in page.sections:
        command = "section" if section.level == 1 else "subsection"
        body += [rf"\{command}{{{_text(section.title)}}}", _parts(section.parts)]
    return "\n\n".join(body)


def _parts(parts: Sequence[Part]) -> str:
    """Parts as paragraphs; a formula or a picture belongs to the paragraph before it, and to its page."""
    result = ""
    for place, part in enumerate(parts):
        paragraph = isinstance(part, Paragraph | Alert | Code | MatrixForm | Table)
        separator = "" if place == 0 else "\n\n" if paragraph else "\n"
        result += separator + _part(part)
    return result


def _words(words: str) -> str:
    """Words; long ones with dots and the like, as the names of functions are, may be broken behind these."""
    found = "".join(_character(c) for c in words)
    return _LONG.sub(lambda match: _INSIDE.sub(r"\g<0>\\allowbreak{}", match[0]), found)


def _character(character: str) -> str:
    """A character that pdflatex knows; others by their number."""
    known = latex_character(character)
    if known != character or character.isascii():
        return known
    decomposed = unicodedata.normalize("NFKD", character)
    if len(decomposed) == 2 and decomposed[0].isascii() and ord(character) < 0x180:
        return character  # a letter with an accent
    if character in "ßøØæÆœŒåÅ×·":
        return {"×": r"$\times$", "·": r"$\cdot$"}.get(character, character)
    if decomposed != character:
        return "".join(_character(c) for c in decomposed)
    return f"[U+{ord(character):04X}]"


_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", strict=True))


def _text(text: Text) -> str:
    return "".join(_inline(item) for item in text)


def _inline(item: str | Node | Link) -> str:
    if isinstance(item, Link):
        return _words(item.words)
    return _scripted(item) if isinstance(item, str) else f"${inline_latex(item)}$"


def _scripted(words: str) -> str:
    """Words with powers of ten in mathematical mode."""
    found, script = "", ""
    for character in [*words, ""]:
        if character in _SUPERSCRIPTS and character:
            script += _SUPERSCRIPTS[character]
            continue
        found += (f"$^{{{script}}}$" if script else "") + (_character(character) if character else "")
        script = ""
    return found


def _part(part: Part) -> str:
    match part:
        case Paragraph(text):
            return _text(text)
        case Alert(text):
            return rf"\textbf{{{_text(text)}}}"
        case Formulas(blocks):
            return _align([row for block in blocks for row in _rows(block)])
        case Chain(block):
            return _align(_rows(block))
        case Result(blocks):
            return _result(blocks)
        case MatrixForm(equations, prose):
            return f"{_words(prose)}\n{_align(equations)}"
        case Table():
            return _table(part)
        case Picture():
            return _picture(part)
        case Code(_, source, caption):
            return f"{_text(caption)}:\\nopagebreak\n\\begin{{lstlisting}}\n{source.rstrip()}\n\\end{{lstlisting}}"
        case Laws(laws, _):
            rows = [rf"&{law} \tag*{{\reason{{{_words(name)}}}}}" for name, law in laws]
            return f"% tensorcalc: laws\n{_align(rows)}"


def _result(blocks: Sequence[Block]) -> str:
    """Results in a box; between two lines where they are too long for one, which cannot go over pages."""
    boxed = aligned(blocks, BOX)
    if boxed.count("\n") <= TALLEST_BOX:
        return f"\\[\n\\boxed{{\n{boxed}\n}}\n\\]"
    rows = [row for block in blocks for row in _rows(block)]
    return f"\\par\\smallskip\\hrule\n{_align(rows)}\n\\hrule\\smallskip"


def _align(rows: Iterable[str]) -> str:
    joined = " \\\\\n".join(rows)
    return f"\\begin{{align*}}\n{joined}\n\\end{{align*}}"


def _rows(block: Block) -> list[str]:
    """The rows of a chain, with the reasons at the right margin."""
    rows = []
    for line in printed_lines(block, LATEX, MEASURES):
        left = f"{line.left} " if line.left else ""
        reasons = r" \\ ".join(tag_latex(words, bracketed=True) for words in line.reasons)
        for place, row in enumerate(line.rows):
            reason = rf" \tag*{{\reason{{{reasons}}}}}" if place == 0 and reasons else ""
            rows.append(f"{left if place == 0 else ''}&{row_latex(row)}{reason}")
    return rows


def _table(table: Table) -> str:
    def row(cells: Sequence[Text]) -> str:
        return " & ".join(_text(cell) for cell in cells) + r" \\"

    columns = "l" * len(table.head)
    lines = [rf"{row(table.head)} \hline", *(row(cells) for cells in table.rows)]
    lines[1:2] = [rf"\rule{{0pt}}{{2.8ex}}{line}" for line in lines[1:2]]
    if len(lines) <= LONGEST_TABLE:
        return "\n".join([rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}", *lines, r"\end{tabular}"])
    lines[0] += r" \endhead"
    return "\n".join([rf"\begin{{longtable}}[l]{{@{{}}{columns}@{{}}}}", *lines, r"\end{longtable}"])


def _picture(picture: Picture) -> str:
    """The graph in TikZ, scaled down where the page is too small for it."""
    graph = picture.graph
    labels = [inline_latex(Symbol(vertex.name)) for vertex in graph.vertices]
    drawing = drawn(graph, [max(0.8, latex_size(label).width * EM + 0.4) for label in labels])
    scale = min(1.0, LARGEST[0] / max(drawing.width, 1e-9), LARGEST[1] / max(drawing.height, 1e-9))
    styles = {"variable": ", fill=black!8", "output": ", double", "label": ", dashed"}
    rows = []
    for vertex, spot, label in zip(graph.vertices, drawing.spots, labels, strict=True):
        style = f"vertex, minimum width={spot.width:.2f}cm{styles.get(vertex.role, '')}"
        rows.append(rf"  \node[{style}] at ({spot.x:.2f}, {-spot.y:.2f}) {{${label}$}};")
    for curve in drawing.curves:
        path = "".join(
            f" .. controls ({a[0]:.2f}, {-a[1]:.2f}) and ({b[0]:.2f}, {-b[1]:.2f}) .. ({c[0]:.2f}, {-c[1]:.2f})"
            for a, b, c in curve.bends(drawing.across)
        )
        rows.append(rf"  \draw[->] ({curve.points[0][0]:.2f}, {-curve.points[0][1]:.2f}){path};")
    vertex_style = f"vertex/.style={{draw, rounded corners=2pt, minimum height={HEIGHT}cm, inner sep=0pt}}"
    options = f"[>=stealth, scale={scale:.3f}, every node/.style={{scale={scale:.3f}}}, {vertex_style}]"
    picture_rows = "\n".join(rows)
    return f"\\[\n\\begin{{tikzpicture}}{options}\n{picture_rows}\n\\end{{tikzpicture}}\n\\]"


def _literate(codes: Sequence[str]) -> str:
    """How `listings` prints the characters of programs that are not ASCII."""
    characters = sorted({c for code in codes for c in code if not c.isascii()})
    if not characters:
        return ""
    return ",\n  literate=" + " ".join(f"{{{c}}}{{{{{_character(c)}}}}}1" for c in characters)

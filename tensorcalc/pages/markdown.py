"""Articles in Markdown that GitHub, MyST, Quarto and Jekyll's kramdown read alike.

What one of them breaks is avoided: there are no formulas in a line (names and derivatives are italic Unicode),
displayed formulas stand between lines of `$$` with empty lines around them, and hold no `|`, `<`, `$` and no escape
that Markdown knows; `{{` and `{%`, which Jekyll takes for its own, do not occur.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

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
from tensorcalc.render.environments import aligned
from tensorcalc.render.layout import Node, Number
from tensorcalc.render.names import latex_words, text_name
from tensorcalc.render.text import node_text

__all__ = ["markdown"]

_SPECIAL = re.compile(r"[\\`*_\[\]#$~]")
_ENTITIES = str.maketrans({"<": "&lt;", ">": "&gt;", "|": "&#124;", "{": "&#123;", "}": "&#125;"})


def markdown(page: Page) -> str:
    """The article as a Markdown document."""
    pieces = [f"# {_words(page.title)}", *(_part(p) for p in page.introduction)]
    for section in page.sections:
        pieces.append(f"{'#' * (section.level + 1)} {_text(section.title)}")
        pieces += [_part(p) for p in section.parts]
    return "\n\n".join(pieces) + "\n"


def _words(words: str) -> str:
    return _SPECIAL.sub(lambda m: f"\\{m[0]}", words).translate(_ENTITIES)


def _text(text: Text) -> str:
    return "".join(_inline(item) for item in text)


def _inline(item: str | Node | Link) -> str:
    if isinstance(item, str):
        return _words(item)
    if isinstance(item, Link):
        return f"[{_words(item.words)}]({item.address})"
    if isinstance(item, Number):
        return node_text(item)
    return f"*{node_text(item).translate(_ENTITIES)}*"


def _part(part: Part) -> str:
    match part:
        case Paragraph(text):
            return _text(text)
        case Alert(text):
            return f"**{_text(text)}**"
        case Formulas(blocks):
            return _display(aligned(blocks))
        case Chain(block):
            return _display(aligned([block]))
        case Result(blocks):
            return _display(f"\\boxed{{\n{aligned(blocks)}\n}}")
        case MatrixForm(equations, prose):
            rows = " \\\\\n".join(equations)
            shown = _display(f"\\begin{{aligned}}\n{rows}\n\\end{{aligned}}")
            return f"{_words(prose)}\n\n{shown}" if prose else shown
        case Table():
            return _table(part)
        case Picture():
            return _mermaid(part)
        case Code(language, source, caption):
            return f"{_text(caption)}:\n\n```{language}\n{source.rstrip()}\n```"
        case Laws(laws, _):
            return _display(_laws(laws))


def _display(latex: str) -> str:
    plain = latex.replace("<", r"\lt ").replace(">", r"\gt ").replace("|", r"\vert ")
    while "{{" in plain:
        plain = plain.replace("{{", "{ {")
    return f"$$\n{plain}\n$$"


def _laws(laws: Sequence[tuple[str, str]]) -> str:
    spaced = [(latex_words(f"{name}:"), law.replace(r"\,", r"\ ")) for name, law in laws]
    rows = " \\\\\n".join(f"&{name} && {law}" for name, law in spaced)
    return f"\\begin{{aligned}}\n{rows}\n\\end{{aligned}}"


def _table(table: Table) -> str:
    def row(cells: Sequence[str]) -> str:
        return f"| {' | '.join(cells)} |"

    head = [row([_text(cell) for cell in table.head]), row(["---"] * len(table.head))]
    return "\n".join([*head, *(row([_text(cell) for cell in cells]) for cells in table.rows)])


def _mermaid(picture: Picture) -> str:
    graph = picture.graph
    brackets = {"variable": "([{}])", "output": "[[{}]]", "label": "[/{}/]"}
    lines = ["```mermaid", "flowchart LR"]
    for place, vertex in enumerate(graph.vertices):
        shape = brackets.get(vertex.role, "[{}]")
        lines.append(f"  v{place}" + shape.format(f'"{text_name(vertex.name)}"'))
    lines += [f"  v{start} --> v{end}" for start, end in graph.edges]
    return "\n".join([*lines, "```"])

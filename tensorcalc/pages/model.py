"""An article as data, whatever the format: sections of prose, formulas, tables, a graph, code.

Prose is made of words and formulas that fit into a line; a writer (`markdown`, `tex`, `html`) spells them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tensorcalc.pages.graph import Graph
from tensorcalc.render import Block
from tensorcalc.render.layout import Node

__all__ = [
    "Alert",
    "Chain",
    "Code",
    "Formulas",
    "Laws",
    "Link",
    "MatrixForm",
    "Page",
    "Paragraph",
    "Part",
    "Picture",
    "Result",
    "Section",
    "Table",
    "Text",
]


@dataclass(frozen=True, slots=True)
class Link:
    """Words that lead to an address."""

    words: str
    address: str


Text = tuple[str | Node | Link, ...]
"""Words, and the formulas among them: names of tensors and derivatives, without indices."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Prose."""

    text: Text


@dataclass(frozen=True, slots=True)
class Alert:
    """A paragraph that must not be overlooked, such as a failed check."""

    text: Text


@dataclass(frozen=True, slots=True)
class Formulas:
    """Equations below each other, aligned, without reasons: definitions."""

    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """A lemma: a chain of equalities with the reason for each."""

    block: Block


@dataclass(frozen=True, slots=True)
class Result:
    """Equations in a box."""

    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class MatrixForm:
    """A result in matrix notation: equations in LaTeX, below each other, and a sentence that explains them.

    Each equation is `left &= right`, or `&= right` where it goes on.
    """

    equations: tuple[str, ...]
    prose: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under a head."""

    head: tuple[Text, ...]
    rows: tuple[tuple[Text, ...], ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """The dependency graph, with words for those who do not see it."""

    graph: Graph
    description: str


@dataclass(frozen=True, slots=True)
class Code:
    """A program."""

    language: str
    source: str
    caption: Text


@dataclass(frozen=True, slots=True)
class Laws:
    """Names of rules with their laws in LaTeX; `local` are those that are equations of the page itself."""

    laws: tuple[tuple[str, str], ...]
    local: tuple[tuple[str, str], ...] = ()


Part = Paragraph | Alert | Formulas | Chain | Result | MatrixForm | Table | Picture | Code | Laws


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what stands under it. `level` is 1 for a part of the page, 2 for a part of a part.

    `kind` says what the section is for: a reader of the results alone is shown no `lemma`.
    """

    title: Text
    parts: tuple[Part, ...]
    level: int = 1
    kind: Literal["", "lemma"] = ""


@dataclass(frozen=True, slots=True)
class Page:
    """An article."""

    title: str
    introduction: tuple[Part, ...]
    sections: tuple[Section, ...]

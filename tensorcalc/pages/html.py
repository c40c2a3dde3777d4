"""Articles as HTML pages: one file that asks for nothing, or a page that shares its assets with others.

Formulas stand in the page as LaTeX and are typeset by KaTeX when it opens. Everything else works without a script.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

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
    Section,
    Table,
    Text,
)
from tensorcalc.pages.shell import document
from tensorcalc.pages.svg import svg
from tensorcalc.render import Block, Detail
from tensorcalc.render.breaking import rows
from tensorcalc.render.document import Line
from tensorcalc.render.environments import LATEX
from tensorcalc.render.layout import Node
from tensorcalc.render.reasons import rule_words

__all__ = ["html"]

FORMULA = 32.0  # em: the widest formula beside its reasons on a wide screen
WHOLE = 46.0  # em: the widest formula with nothing beside it


def html(page: Page, detail: Detail = "all", assets: str = "", home: str = "") -> str:
    """The article as an HTML document.

    Without `assets` everything is in the document; otherwise that is the address of the folder with KaTeX, the style
    sheet and the script. `detail` says what is shown first; `home` is the address of the page above.
    """
    laws = next(((*p.laws, *p.local) for s in page.sections for p in s.parts if isinstance(p, Laws)), ())
    writer = _Html({name: place for place, (name, _) in enumerate(laws)})
    body = [f'<p class="home"><a href="{escape(home)}">All derivations</a></p>'] if home else []
    body += [f"<header>\n<h1>{escape(page.title)}</h1>", *(writer.part(p) for p in page.introduction)]
    if any(section.kind == "lemma" for section in page.sections):
        body.append(_switch(detail))
    body += ["</header>", "<main>", *writer.sections(page.sections), "</main>"]
    return document(page.title, "\n".join(body), assets)


def math(latex: str, kind: str = "") -> str:
    """A formula that the script typesets: small as in a line, `wide` with tall fractions, or a `display` of its own."""
    return f'<span class="m{kind}">{escape(latex, quote=False)}</span>'


def _switch(detail: Detail) -> str:
    choices = (("all", "every line"), ("key", "first and last lines"), ("result", "the result"))
    labels = [
        f'<label><input type="radio" name="detail" value="{value}"{" checked" * (value == detail)}> {words}</label>'
        for value, words in choices
    ]
    return f'<fieldset class="detail"><legend>Show</legend>{" ".join(labels)}</fieldset>'


@dataclass
class _Html:
    """Writes the parts of a page. `laws` are the places of the rules that have one; `count` numbers the chains."""

    laws: dict[str, int]
    count: int = 0

    def sections(self, sections: Sequence[Section]) -> list[str]:
        found = []
        for section in sections:
            kind = ' class="lemma"' if section.kind == "lemma" else ""
            parts = "\n".join(self.part(p) for p in section.parts)
            title = self.text(section.title)
            if section.level == 1:
                found.append(f"<section{kind}>\n<h2>{title}</h2>\n{parts}\n</section>")
            else:
                summary = f"<summary><h3>{title}</h3></summary>"
                found.append(f'<section{kind}>\n<details class="part" open>{summary}\n{parts}\n</details>\n</section>')
        return found

    def text(self, text: Text) -> str:
        """Prose; a formula and the sign behind it stay on one line."""
        found = ""
        for place, item in enumerate(text):
            after = text[place + 1] if place + 1 < len(text) else ""
            shown = self.inline(item)
            if isinstance(item, Node) and isinstance(after, str) and after[:1] in set(",.:;)"):
                found += f'<span class="whole">{shown}{after[:1]}</span>'
            elif place and isinstance(text[place - 1], Node) and isinstance(item, str) and item[:1] in set(",.:;)"):
                found += self.inline(item[1:])
            else:
                found += shown
        return found

    def inline(self, item: str | Node | Link) -> str:
        if isinstance(item, str):
            return escape(item, quote=False)
        if isinstance(item, Link):
            return f'<a href="{escape(item.address)}">{escape(item.words, quote=False)}</a>'
        return math(inline_latex(item))

    def part(self, part: Part) -> str:
        match part:
            case Paragraph(text):
                return f"<p>{self.text(text)}</p>"
            case Alert(text):
                return f'<p class="alert" role="alert">{self.text(text)}</p>'
            case Formulas(blocks):
                return self.formulas(blocks)
            case Chain(block):
                return self.chain(block)
            case Result(blocks):
                return f'<div class="result">\n{self.formulas(blocks)}\n</div>'
            case MatrixForm(equations, prose):
                return self.matrix(equations, prose)
            case Table():
                return self.table(part)
            case Picture():
                self.count += 1
                return f'<div class="graph">{svg(part, self.count)}</div>'
            case Code(_, source, caption):
                return self.code(source, caption)
            case Laws(laws, local):
                return f"{self.law_list(laws)}\n<div hidden>{self.law_list(local)}</div>"

    def formulas(self, blocks: Sequence[Block]) -> str:
        lines = [
            f'<div class="line">{self.left(block.left)}{self.right(line, WHOLE, block)}</div>'
            for block in blocks
            for line in block.lines
        ]
        return "\n".join(['<div class="formulas">', *lines, "</div>"])

    def chain(self, block: Block) -> str:
        """A lemma on a grid: left side, right side, reasons; the lines between the first and the last can be folded."""
        self.count += 1
        last = len(block.lines) - 1
        found = [f'<div class="chain" id="chain-{self.count}">']
        if last > 1:
            lines = f"{last - 1} line{'s' if last > 2 else ''}"
            found.append(
                f'<button type="button" class="fold" aria-expanded="true" aria-controls="chain-{self.count}" '
                f'aria-label="{lines} between" title="fold or unfold {lines}"></button>'
            )
        for place, line in enumerate(block.lines):
            middle = " middle" if 0 < place < last else ""
            left = self.left(block.left) if place == 0 else '<span class="left"></span>'
            right, reasons = self.right(line, FORMULA, block), self.reasons(line, block)
            found.append(f'<div class="line{middle}">{left}{right}{reasons}</div>')
            if place == 0 and last > 1:
                found.append(f'<span class="more" aria-hidden="true">⋮ {last - 1} more</span>')
        return "\n".join([*found, "</div>"])

    def left(self, node: Node) -> str:
        return f'<span class="left">{math(LATEX.text(node), " wide")}</span>'

    def right(self, line: Line, width: float, block: Block) -> str:
        room = width - LATEX.width(LATEX.text(block.left))
        found = []
        for row in rows(line.node, LATEX, room):
            latex = f"= {row.text}" if row.depth == 0 else row.text
            depth = f' style="--depth:{row.depth}"' if row.depth else ""
            found.append(f'<span class="row"{depth}>{math(latex, " wide")}</span>')
        return f'<span class="right">{"".join(found)}</span>'

    def reasons(self, line: Line, block: Block) -> str:
        return f'<span class="reasons">{", ".join(self.rule(rule, block) for rule in line.rules)}</span>'

    def rule(self, rule: str, block: Block) -> str:
        words = [w.content for w in rule_words(rule, block.context)]
        shown = " ".join(escape(w, quote=False) if isinstance(w, str) else math(inline_latex(w)) for w in words)
        place = self.laws.get(rule)
        law = "" if place is None else f' tabindex="0" aria-describedby="law-{place}"'
        return f'<span class="rule"{law}>{shown}</span>'

    def matrix(self, equations: Sequence[str], prose: str) -> str:
        body = r" \\ ".join(equations)
        shown = math(rf"\begin{{aligned}} {body} \end{{aligned}}", " display")
        return f'<p>{escape(prose, quote=False)}</p>\n<div class="matrix">{shown}</div>'

    def table(self, table: Table) -> str:
        head = "".join(f'<th scope="col">{self.text(cell)}</th>' for cell in table.head)
        body = [f"<tr>{''.join(f'<td>{self.text(cell)}</td>' for cell in row)}</tr>" for row in table.rows]
        inner = "\n".join([f"<thead><tr>{head}</tr></thead>", "<tbody>", *body, "</tbody>"])
        return f'<div class="table"><table>\n{inner}\n</table></div>'

    def code(self, source: str, caption: Text) -> str:
        copy = '<button type="button" class="copy">copy</button>'
        program = f"<pre><code>{escape(source.rstrip(), quote=False)}</code></pre>"
        return f'<details class="code" open><summary>{self.text(caption)}</summary>{copy}\n{program}</details>'

    def law_list(self, laws: Sequence[tuple[str, str]]) -> str:
        rows = [
            f'<dt>{escape(name, quote=False)}</dt><dd id="law-{self.laws[name]}">{math(law, " wide")}</dd>'
            for name, law in laws
        ]
        return "\n".join(['<dl class="laws">', *rows, "</dl>"])

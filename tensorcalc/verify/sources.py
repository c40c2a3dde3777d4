"""Articles as they are written: Markdown, LaTeX documents, notebooks, or one formula; where their formulas stand.

A formula keeps the offset in the file of every one of its characters, so that a verdict points to the article and
not to some copy of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from tensorcalc.errors import Source, Span, TensorCalcError
from tensorcalc.verify.profile import Profile, from_front_matter
from tensorcalc.verify.tables import shapes_in_tables

__all__ = ["Document", "Formula", "Kind", "read_document"]

Kind = Literal["markdown", "latex", "notebook", "formula"]

MAX_CHARACTERS = 600_000
MAX_NOTEBOOK = 20_000_000  # with its pictures
MAX_FORMULAS = 5_000
MAX_SIGNS = 20_000

_ENVIRONMENTS = "equation|align|alignat|gather|eqnarray|multline|flalign|displaymath|math|aligned|gathered|split"
_OPENING = re.compile(rf"\\\\[\[(]|\\\\|\$\$|\\?\$|\\\[|\\\(|\\begin\{{(?P<name>{_ENVIRONMENTS})(?P<star>\*?)\}}")
_CLOSINGS = {  # with two backslashes where Markdown takes one away
    "$$": ("$$", True), "$": ("$", False), "\\[": ("\\]", True), "\\(": ("\\)", False),
    "\\\\[": ("\\\\]", True), "\\\\(": ("\\\\)", False),
}  # fmt: skip
_DOUBLE = re.compile(r"\$\$[^$\n]*\$\$")  # another displayed formula on the same line
_INLINE = 2_000  # characters of a formula in the running text
_COMMENT = re.compile(r"(?:<!--|%)\s*tensorcalc:\s*(?P<word>[a-z-]+)\s*(?:-->)?")
_ASSUMED = re.compile(r"(?:we assume|it is assumed|assume|assuming|suppose|provided)(?: that)?[:,]?\s*$", re.IGNORECASE)
_STATED = re.compile(
    r"(?P<letters>(?:[*$]\w[*$](?:,\s|\sand\s)){0,8}[*$]\w[*$])\sbelow\s[*$]?(?P<symbol>\w{1,20}(?:\{\w{1,20}\})?)[*$]?",
    re.IGNORECASE,
)
_LETTER = re.compile(r"[*$](\w)[*$]")


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula: its text, the offset in the file for each character and the end, whether it is displayed.

    `note` is what a comment before it says about it: `expect-false`, `ignore`, `assume`, `laws`.
    """

    text: str
    places: Sequence[int]
    displayed: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """An article: its source, its formulas in order, the profile, where comments inside of formulas stand, and the
    shapes of tensors that tables state.
    """

    source: Source
    kind: Kind
    formulas: tuple[Formula, ...]
    profile: Profile
    notes: tuple[tuple[int, str], ...] = ()
    shapes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_document(text: str, name: str, kind: Kind | None = None, profile: Profile | None = None) -> Document:
    """Find the formulas of an article.

    Raises `TensorCalcError` E_TOO_LONG or E_FILE.
    """
    source = Source(text, name)
    kind = kind or _kind(text, name)
    _check_size(len(text), MAX_NOTEBOOK if kind == "notebook" else MAX_CHARACTERS)
    shown: str
    places: Sequence[int]
    if kind == "notebook":
        shown, places = _notebook(text, source)
        _check_size(len(shown), MAX_CHARACTERS)
    else:
        shown, places = text, range(len(text) + 1)
    if sum(shown.count(sign) for sign in ("$", "\\[", "\\(", "`")) > MAX_SIGNS:
        raise TensorCalcError("E_TOO_LONG", f"the article has more than {MAX_SIGNS} signs that begin formulas or code")
    masked = _masked(shown, "markdown" if kind == "notebook" else kind)
    formulas = list(_formulas(masked, places)) if kind != "formula" else [Formula(text, places, True)]
    if len(formulas) > MAX_FORMULAS:
        raise TensorCalcError("E_TOO_LONG", f"the article has more than {MAX_FORMULAS} formulas")
    found = profile if profile is not None else from_front_matter(text, name) if kind == "markdown" else Profile()
    found = replace(found, dimensions={**_stated(masked), **found.dimensions})
    notes = tuple((places[m.start()], m["word"]) for m in _COMMENT.finditer(shown))
    return Document(source, kind, tuple(formulas), found, notes, shapes_in_tables(masked))


def _stated(text: str) -> dict[str, str]:
    """The symbols of the dimensions of letters, as in *i* and *j* below *I*; none of a letter that has two."""
    pairs = {
        (letter, m["symbol"].replace("{", "").replace("}", ""))
        for m in _STATED.finditer(text)
        for letter in _LETTER.findall(m["letters"])
    }
    letters = [letter for letter, _ in pairs]
    return {letter: symbol for letter, symbol in pairs if letters.count(letter) == 1}


def _check_size(found: int, most: int) -> None:
    if found > most:
        raise TensorCalcError("E_TOO_LONG", f"the article has {found} characters; at most {most} are read")


def _kind(text: str, name: str) -> Kind:
    suffix = name.rsplit(".", 1)[-1].lower() if "." in name else ""
    if suffix in ("md", "markdown", "qmd", "rmd"):
        return "markdown"
    if suffix in ("tex", "ltx", "latex"):
        return "latex"
    if suffix == "ipynb" or (text.lstrip().startswith("{") and '"cells"' in text[:100_000]):
        return "notebook"
    if "\\documentclass" in text or "\\begin{document}" in text:
        return "latex"
    return "markdown" if next(_delimited(text), None) is not None or "```" in text else "formula"


def _formulas(text: str, places: Sequence[int]) -> Iterator[Formula]:
    """The formulas in a text from which everything else that looks like one has been blanked."""
    before = 0
    for start, inside, end, after, displayed in _delimited(text):
        between = text[before:start]
        before = after
        shown = displayed and (text[start] != "$" or _stands_alone(text, start, after))
        comments = _COMMENT.findall(between)
        note = comments[-1] if comments else ""
        if not note and _ASSUMED.search(between[-60:]):
            note = "assume"
        yield Formula(text[inside:end], places[inside : end + 1], shown, note)


def _delimited(text: str) -> Iterator[tuple[int, int, int, int, bool]]:
    """Formulas between delimiters: where the opening starts and ends, the closing starts and ends; displayed or not.

    Every closing is looked for once at most behind each place, so that many openings do not cost more than one.
    """
    missing: set[str] = set()
    position = 0
    while (opening := _OPENING.search(text, position)) is not None:
        sign, inside = opening[0], opening.end()
        position = inside
        if sign in ("\\\\", "\\$"):
            continue
        if opening["name"]:
            closing, displayed = f"\\end{{{opening['name']}{opening['star']}}}", True
        else:
            closing, displayed = _CLOSINGS[sign]
        limit = len(text) if displayed else min(inside + _INLINE, len(text))
        if not displayed and (blank := text.find("\n\n", inside, limit)) >= 0:
            limit = blank
        end = -1 if displayed and closing in missing else text.find(closing, inside, limit)
        while sign == "$" and end > 0 and text[end - 1] == "\\":
            end = text.find(closing, end + 1, limit)
        if end < 0:
            missing.update((closing,) if displayed else ())
            continue
        if sign == "$" and (
            end == inside or text[inside].isspace() or text[end - 1].isspace() or text[end + 1 : end + 2].isdigit()
        ):
            continue
        position = end + len(closing)
        yield opening.start(), inside, end, position, displayed


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether `$$…$$` is displayed: nothing but others like it and signs stand on its lines."""
    line = _DOUBLE.sub(" ", text[text.rfind("\n", 0, start) + 1 : start])
    rest = _DOUBLE.sub(" ", text[end : (text + "\n").find("\n", end)])
    return not (line.strip(" >\t*-") or rest.strip(" .,;:{}=\"'width0123456789"))


def _masked(text: str, kind: Kind) -> str:
    """The text with code and comments replaced by blanks of the same length."""
    if kind == "latex":
        text = re.sub(r"(?<!\\)%(?!\s*tensorcalc:)[^\n]*", _blank, text)
        for name in ("verbatim", "lstlisting", "minted", "comment"):
            text = _without(text, f"\\begin{{{name}}}", f"\\end{{{name}}}")
        return re.sub(r"\\verb(\W)[^\n]{0,200}?\1", _blank, text)
    if kind == "markdown":
        return _masked_markdown(text)
    return text


def _without(text: str, opening: str, closing: str) -> str:
    """The text with what stands between two marks blanked, unless it is a comment to the checker."""
    pieces: list[str] = []
    position = 0
    while (start := text.find(opening, position)) >= 0 and (end := text.find(closing, start)) >= 0:
        end += len(closing)
        inside = text[start:end]
        kept = _COMMENT.match(inside) is not None
        pieces += [text[position:start], inside if kept else re.sub(r"[^\n]", " ", inside)]
        position = end
    return "".join([*pieces, text[position:]])


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def _masked_markdown(text: str) -> str:
    try:
        from markdown_it import MarkdownIt
        from mdit_py_plugins.dollarmath import dollarmath_plugin
        from mdit_py_plugins.front_matter import front_matter_plugin
    except ImportError:
        message = "reading Markdown needs markdown-it-py and mdit-py-plugins"
        raise TensorCalcError("E_FILE", message, hint="pip install 'tensorcalc[articles]'") from None
    reader = (
        MarkdownIt("commonmark")
        .disable(["link", "image", "emphasis"])
        .use(front_matter_plugin)
        .use(dollarmath_plugin, double_inline=True)
    )
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    characters = list(text)

    def blank(start: int, end: int) -> None:
        for k in range(start, end):
            if characters[k] != "\n":
                characters[k] = " "

    for token in reader.parse(text):
        if token.map is None:
            continue
        first, last = token.map[0], min(token.map[1], len(lines))
        if token.type == "fence" and token.info.strip().split(" ")[0] in ("math", "latex-math", "{math}"):
            _as_display(characters, starts, first, last)
        elif token.type in ("fence", "code_block", "front_matter"):
            if token.type != "front_matter" or last > first:
                blank(starts[first], starts[last])
        elif token.type == "blockquote_open":
            for number in range(first, last):
                quoted = re.match(r"[ >\t]*", lines[number])
                if quoted is not None:
                    blank(starts[number], starts[number] + quoted.end())
        elif token.type == "inline":
            position = starts[first]
            for child in token.children or []:
                if child.type == "code_inline":
                    found = text.find(child.content, position, starts[last])
                    if found >= 0:
                        blank(found - 1, found + len(child.content) + 1)
                        position = found + len(child.content)
    masked = "".join(characters)
    return _without(masked, "<!--", "-->")


def _as_display(characters: list[str], starts: Sequence[int], first: int, last: int) -> None:
    """A fenced formula as one between double dollars: its fences have room for them."""
    for line, sign in ((first, "$$"), (last - 1, "$$")):
        for k in range(starts[line], starts[line + 1]):
            if characters[k] != "\n":
                characters[k] = " "
        characters[starts[line] : starts[line] + 2] = list(sign)


def _notebook(text: str, source: Source) -> tuple[str, Sequence[int]]:
    """The text of a notebook's Markdown cells, and the place in the file of each of its characters."""
    try:
        cells = json.loads(text)["cells"]
        written = ["".join(c["source"]) for c in cells if c.get("cell_type") == "markdown"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise TensorCalcError("E_FILE", "the notebook cannot be read", Span(0, 1), source) from None
    characters: list[str] = []
    places: list[int] = []
    cursor = 0
    for cell in written:
        for line in cell.splitlines(keepends=True):
            spelled = next((s for s in _spellings(line) if text.find(s, cursor) >= 0), None)
            start = text.find(spelled, cursor) if spelled is not None else cursor
            position = start
            for character in line:
                characters.append(character)
                places.append(min(position, max(len(text) - 1, 0)))
                if spelled is not None:
                    position += len(_escaped(character, spelled, position - start))
            cursor = position
        characters += ["\n", "\n"]
        places += [min(cursor, max(len(text) - 1, 0))] * 2
    places.append(min(cursor, len(text)))
    return "".join(characters), places


def _spellings(line: str) -> Iterator[str]:
    yield json.dumps(line, ensure_ascii=False)[1:-1]
    yield json.dumps(line)[1:-1]


def _escaped(character: str, spelled: str, offset: int) -> str:
    plain = json.dumps(character, ensure_ascii=False)[1:-1]
    return plain if spelled.startswith(plain, offset) else json.dumps(character)[1:-1]

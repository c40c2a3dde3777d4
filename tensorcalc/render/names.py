"""Names as people write them: Greek letters, names with a number or a word behind an underscore."""

from __future__ import annotations

import re

from tensorcalc.greek import GREEK

__all__ = ["latex_character", "latex_name", "latex_text", "latex_words", "split_name", "text_name"]

_WORDS = {letter: name for name, letter in GREEK.items()} | {"ϵ": "epsilon", "φ": "phi", "ϕ": "phi", "ϑ": "theta"}
_SUFFIXED = re.compile(r"(?P<stem>.*[^\d_])_?(?P<number>\d+)|(?P<head>[^_]+)_(?P<tail>\w+)")
_WIDE = {r"\bar": r"\overline"}  # accents over a word
_ESCAPES = str.maketrans({c: f"\\{c}" for c in "_%&#${}"} | {"\\": r"\backslash ", "~": r"\sim ", "^": r"\wedge "})


def text_name(name: str) -> str:
    """A name for the terminal: `sigma` as σ, anything else as it is."""
    return GREEK.get(name, name)


def latex_name(name: str, indexed: bool = False, accent: str = "") -> tuple[str, bool]:
    """A name in LaTeX, and whether it carries a script of its own.

    `g1` and `w_out` become g₁ and w with a subscript; a component, whose subscript is taken, has it in brackets above.
    An accent stands over the name without its script.
    """
    stem, suffix = split_name(name)
    spelled = _stem(stem)
    if accent:
        spelled = f"{_WIDE.get(accent, accent) if len(stem) > 1 and stem not in GREEK else accent}{{{spelled}}}"
    if not suffix:
        return spelled, False
    script = suffix if suffix.isdigit() else _stem(suffix)
    return (f"{spelled}^{{({script})}}" if indexed else f"{spelled}_{{{script}}}"), True


def split_name(name: str) -> tuple[str, str]:
    """A name and the number or word behind it: `g1` is g and 1, `w_out` is w and out, `sigma` has none."""
    match = _SUFFIXED.fullmatch(name)
    if match is None:
        return name, ""
    return match["stem"] or match["head"], match["number"] or match["tail"]


def _stem(name: str) -> str:
    word = name if name in GREEK else _WORDS.get(name, "")
    if word == "omicron":
        return "o"
    if word:
        return f"\\{word}"
    if len(name) == 1 and name.isascii():
        return name
    return rf"\mathrm{{{name.translate(_ESCAPES)}}}"


def latex_words(words: str) -> str:
    """Words in mathematical mode: `\\text{…}`, with the signs that only mathematics has between."""
    result, run = "", ""
    for character in words:
        spelled = latex_character(character)
        if not spelled.startswith("$"):
            run += spelled
            continue
        result += (rf"\text{{{run}}}" if run else "") + spelled.strip("$")
        run = ""
    return result + (rf"\text{{{run}}}" if run else "")


def latex_text(words: str) -> str:
    """Words for `\\text{…}`: characters with a meaning are escaped, those that only mathematics has become formulas."""
    return "".join(latex_character(c) for c in words)


_SYMBOLS = {"∂": r"\partial", "𝟏": r"\mathbf{1}", "Σ": r"\Sigma", "−": "-", "·": r"\cdot", "≤": r"\le", "≥": r"\ge"}


def latex_character(character: str) -> str:
    """A character in text mode, where it has a meaning or LaTeX spells it otherwise; any other as it is."""
    symbol = _SYMBOLS.get(character) or (f"\\{_WORDS[character]}" if character in _WORDS else "")
    if symbol:
        return f"${symbol}$"
    if character in "\\~^":
        return f"${character.translate(_ESCAPES)}$"
    if character in "’‘“”–—":
        return {"’": "'", "‘": "`", "“": "``", "”": "''", "–": "--", "—": "---"}[character]
    return character.translate(_ESCAPES)

"""The reasons beside a line: names of rules, with the tensors in them spelled as in formulas, folded to a column."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from tensorcalc.render.context import Context
from tensorcalc.render.layout import Name, Node
from tensorcalc.render.notation import Word
from tensorcalc.render.walk import tensor_layout

__all__ = ["folded", "reasons", "rule_words"]

_NAMING = (
    re.compile(r"definition of (?P<tensor>\w+)"),
    re.compile(r"derivative of (?P<tensor>\w+) from above"),
    re.compile(r"sum of (?P<tensor>\w+) over (?P<letters>[\w ]+) is .*"),
    re.compile(r"(?P<tensor>\w+) is symmetric"),
)


def rule_words(rule: str, context: Context) -> tuple[Word, ...]:
    """The words of a rule's name; the names of tensors and index letters in it are formulas."""
    formulas: dict[int, Node] = {}
    for naming in _NAMING:
        match = naming.fullmatch(rule)
        if match and match["tensor"] in context.system.tensors:
            formulas[match.start("tensor")] = tensor_layout(context.system.tensors[match["tensor"]], context)
            if "letters" in match.groupdict():
                start = match.start("letters")
                places = re.finditer(r"\w+", match["letters"])
                formulas |= {start + place.start(): Name(place[0]) for place in places}
    return tuple(Word(formulas.get(m.start(), m[0])) for m in re.finditer(r"\S+", rule))


def reasons(rules: Sequence[str], context: Context) -> tuple[tuple[Word, ...], ...]:
    """The rules that lead to a line, in round brackets and with commas between them."""
    found = []
    for place, rule in enumerate(rules):
        words = list(rule_words(rule, context))
        if place == 0:
            words[0] = Word(words[0].content, "(")
        last = words[-1]
        words[-1] = Word(last.content, last.before, ")" if place == len(rules) - 1 else ",")
        found.append(tuple(words))
    return tuple(found)


def folded(
    found: Sequence[Sequence[Word]], width: float, measure: Callable[[Sequence[Word]], float]
) -> list[tuple[Word, ...]]:
    """Reasons on rows of about this width: a rule stays whole where a row of its own holds it."""
    rows: list[tuple[Word, ...]] = []
    for words in found:
        if rows and measure((*rows[-1], *words)) <= width:
            rows[-1] = (*rows[-1], *words)
        else:
            rows += _filled(words, width, measure)
    return rows


def _filled(words: Sequence[Word], width: float, measure: Callable[[Sequence[Word]], float]) -> list[tuple[Word, ...]]:
    rows: list[tuple[Word, ...]] = []
    for word in words:
        if rows and measure((*rows[-1], word)) <= width:
            rows[-1] = (*rows[-1], word)
        else:
            rows.append((word,))
    return rows

"""Changes of whole terms: their signs, factors that they lack, letters that are mixed up throughout them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from tensorcalc.verify.latex.tree import Node, Number, Product, Sum
from tensorcalc.verify.parts import Edit, Parts, replaced

__all__ = ["TermEdits"]


class TermEdits:
    """Changes of whole terms."""

    def __init__(self, text: str, node: Node, parts: Parts) -> None:
        self.text = text
        self.node = node
        self.parts = parts
        self.setting = parts.setting
        top = node.terms if isinstance(node, Sum) else (node,)
        self.terms = list({(t.span.start, t.span.end): t for t in (*top, *parts.terms)}.values())

    def signs(self) -> Iterator[Edit]:
        """Terms with the wrong sign."""
        if not isinstance(self.node, Sum):
            yield Edit("-" + self.text.lstrip(), "the sign of the right side is wrong", kind="sign")
        for node, inside in self.parts.sums:
            if inside == "exponent" and len(node.terms) == 1:
                continue
            before = 0 if node is self.node else None
            for place, term in enumerate(node.terms):
                text = self._turned(node, place, before)
                if text is not None:
                    shown = self.parts.shown(term)
                    what = (
                        "the sign of the right side is wrong"
                        if node is self.node and len(node.terms) == 1
                        else f"the sign of the term {shown} is wrong"
                    )
                    yield Edit(text, what, shown, "sign")

    def _turned(self, node: Sum, place: int, before: int | None) -> str | None:
        """The text with the sign of a term changed."""
        term = node.terms[place]
        start = node.terms[place - 1].span.end if place else before
        if start is None:
            opened = self.text[: term.span.start].rstrip()
            start = len(opened) - 1 if opened.endswith("-") else term.span.start
        between = self.text[start : term.span.start]
        if place and between.count("+") + between.count("-") != 1:
            return None
        if "-" in between:
            return replaced(self.text, start, term.span.start, between.replace("-", "+" if place else ""))
        new = between.replace("+", "-") if "+" in between else between + "-"
        return replaced(self.text, start, term.span.start, new)

    def factors(self) -> Iterator[Edit]:
        """Terms that lack a factor of 2, 1/2, a dimension or its inverse; numbers that should be others."""
        for extent in self.setting.extents:
            for written in (rf"\frac{{1}}{{{extent}}}", extent):
                yield from self._before(written)
        for written in ("2", r"\frac{1}{2}"):
            yield from self._before(written)
        for node, _ in self.parts.sums:
            for place, term in enumerate(node.terms):
                if len(node.terms) > 1:
                    start = node.terms[place - 1].span.end if place else self._opening(term)
                    end = term.span.end if place else node.terms[1].span.start
                    text = replaced(self.text, start, end, "" if place else self._sign(node))
                    shown = self.parts.shown(term)
                    yield Edit(text, f"the term {shown} should not be there", shown, "needless")

    def _opening(self, term: Node) -> int:
        before = self.text[: term.span.start].rstrip()
        return len(before) - 1 if before.endswith("-") else term.span.start

    def _sign(self, node: Sum) -> str:
        return "-" if node.subtracted[1] else ""

    def _before(self, written: str) -> Iterator[Edit]:
        shown = "1/" + written[9:-1] if written.startswith("\\frac") else written
        for term in self.terms:
            start = term.span.start
            first = term.factors[0] if isinstance(term, Product) and not any(term.signs) else term
            text = replaced(self.text, start, start, written + " ")
            if isinstance(first, Number) and written.startswith("\\frac"):
                above = f"\\frac{{{self.parts.source(first)}}}{written[8:]}"
                text = replaced(self.text, start, first.span.end, above)
            part = self.parts.shown(term)
            whole = term is self.node
            what = f"{'the right side' if whole else f'the term {part}'} misses a factor {shown}"
            kind = "factor" if written[-1].isdigit() or "{2}" in written else "extent"
            yield Edit(text, what, part, kind)

    def letters(self) -> Iterator[Edit]:
        """Letters of a term that are mixed up throughout it."""
        for term in self.terms:
            inside = [
                i
                for _, items in self.parts.scripts
                for i in items
                if term.span.start <= i.span.start and i.span.end <= term.span.end
            ]
            found = sorted({self.parts.source(i) for i in inside})
            for old in found:
                for new in self.setting.letters:
                    if new == old:
                        continue
                    text = self.text
                    for item in sorted(inside, key=lambda i: -i.span.start):
                        swapped = {old: new, new: old}.get(self.parts.source(item))
                        if swapped is not None:
                            text = replaced(text, item.span.start, item.span.end, swapped)
                    both = new in found
                    if both and new < old:
                        continue
                    shown = self.parts.shown(term)
                    what = (
                        f"the indices {old} and {new} of {shown} are exchanged"
                        if both
                        else f"the index {old} of {shown} should be {new}"
                    )
                    yield Edit(text, what, shown, "index")

    def copies(self) -> Iterator[Edit]:
        """Terms that lack a factor which stands elsewhere in the equation."""
        for written in self.setting.factors:
            for term in self.terms:
                shown = self.parts.shown(term)
                whole = "the right side" if term is self.node else f"the term {shown}"
                text = replaced(self.text, term.span.start, term.span.start, written + " ")
                yield Edit(text, f"{whole} misses a factor {written}", shown, "factor")

    def deltas(self) -> Iterator[Edit]:
        """Terms that lack a δ, or a one-tensor."""
        for term in self.terms:
            end = term.span.end
            shown = self.parts.shown(term)
            where = "" if term is self.node else f" in the term {shown}"
            for first, second in combinations(self.setting.letters, 2):
                written = rf"\delta_{{{first} {second}}}"
                text = replaced(self.text, end, end, " " + written)
                yield Edit(text, f"a factor {written} is missing{where}", shown, "delta")
            for letter in self.setting.letters:
                written = rf"\mathbf{{1}}_{{{letter}}}"
                text = replaced(self.text, term.span.start, term.span.start, written + " ")
                yield Edit(text, f"a factor {written} is missing{where}", shown, "one")

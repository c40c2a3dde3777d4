"""Diagnoses for the flagged rows of one article: what an article's rows may be made of, and what may be tried."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice

from tensorcalc.errors import Span
from tensorcalc.greek import GREEK
from tensorcalc.verify.article import Article, Claim
from tensorcalc.verify.draws import Meaning
from tensorcalc.verify.edits import respellings
from tensorcalc.verify.helping import SEVERAL, Diagnosis, diagnose
from tensorcalc.verify.latex import Macros
from tensorcalc.verify.latex.tree import DerivativeOf, Node, Product, Scripted, Symbol
from tensorcalc.verify.model import Dimensions, derivatives_in
from tensorcalc.verify.parts import Setting
from tensorcalc.verify.points import Point
from tensorcalc.verify.sources import Document
from tensorcalc.verify.terms import Term
from tensorcalc.verify.trying import Allowance, Trial, tree_of

__all__ = ["Helper", "place_in"]

TRIALS = 700  # right sides that are tried in one article
SLIPS = 3_000  # misapplied rules that are tried in one article
MOST_WRITTEN = 40
MOST_RESPELLINGS = 60
MOST_FACTORS = 12
READINGS = ("total", "mixed", "partial")
LETTER = re.compile(r"\\?[a-zA-Z]+")


class Helper:
    """Finds out what is off in flagged rows."""

    def __init__(self, article: Article, document: Document, macros: Macros) -> None:
        self.article = article
        self.document = document
        self.macros = macros
        self.allowance = Allowance(TRIALS, SLIPS)
        self._names: dict[int, list[str]] | None = None

    def diagnosis(
        self,
        claim: Claim,
        right: Term | None,
        dimensions: Dimensions,
        points: Sequence[Point],
        pairs: dict[tuple[str, str], str],
        totals: frozenset[str],
    ) -> Diagnosis:
        """What is off in a claim whose right side has the value `right`, or none."""
        if claim.inline or claim.reference is None:
            return Diagnosis()
        text = self.text(claim)
        setting = self.setting(claim, text)
        terms = [t for t in (claim.reference.term, right) if t is not None]
        derived = any(derivatives_in(t) for t in terms)
        found = Diagnosis()
        for reading in READINGS if derived else READINGS[:1]:
            meaning = Meaning(reading, pairs, totals)
            trial = Trial(self.article, claim, self.macros, dimensions, points, meaning, self.allowance)
            found = diagnose(trial, text, setting, right, self.before(claim))
            if found.hint and found.what != SEVERAL:
                break
        return found

    def respelling(
        self,
        claim: Claim,
        dimensions: Dimensions,
        points: Sequence[Point],
        pairs: dict[tuple[str, str], str],
        totals: frozenset[str],
    ) -> str:
        """A question about a name with another one in the place of which the claim holds; empty where none does."""
        text = self.text(claim)
        node = tree_of(text, self.macros)
        if claim.inline or claim.reference is None or node is None:
            return ""
        found = (e for e in respellings(text, node, self.setting(claim, text)) if _alike(*e.what.split(" should be ")))
        edits = list(islice(found, MOST_RESPELLINGS))
        for reading in READINGS if derivatives_in(claim.reference.term) else READINGS[:1]:
            meaning = Meaning(reading, pairs, totals)
            trial = Trial(self.article, claim, self.macros, dimensions, points, meaning, self.allowance)
            for edit in edits:
                if trial.holds(edit.text):
                    return f"did you mean {edit.text.strip()}? With that it holds"
        return ""

    def text(self, claim: Claim) -> str:
        """The right side of a claim as the formula has it."""
        formula = self.document.formulas[claim.row.block]
        start, end = place_in(formula.places, claim.right.span)
        return formula.text[start:end]

    def before(self, claim: Claim) -> Term | None:
        """The value of the line before a claim, where it is not the first one of its chain."""
        for other in self.article.claims:
            if other.chain == claim.chain and other.right is claim.left and other.value is not None:
                same = claim.reference is not None and len(other.value.axes) == len(claim.reference.axes)
                return other.value.term if same and not other.value.axes else None
        return None

    def setting(self, claim: Claim, text: str) -> Setting:
        """What may stand in the right side of a claim."""
        tree = tree_of(text, self.macros)
        letters = {_spelled(x) for x in claim.free}
        for node in _parts(tree):
            if isinstance(node, Scripted) and node.sub is not None:
                letters |= {text[n.span.start : n.span.end] for n in _parts(node.sub) if isinstance(n, Symbol)}
        letters = {x for x in letters if LETTER.fullmatch(x) and (len(x) == 1 or x[0] == "\\")}
        keys = self.article.model.dimensions.all_keys()
        extents = [k[1] for k in keys if isinstance(k, tuple) and k[0] == "extent" and len(k[1]) == 1]
        return Setting(sorted(letters), sorted(set(extents)), self.factors(claim), self.names())

    def factors(self, claim: Claim) -> list[str]:
        """The factors that stand in a claim and in the line before it."""
        found: dict[str, None] = {}
        for side in (claim.left, claim.right):
            for node in _parts(side.node):
                if isinstance(node, Product) and not any(node.signs):
                    for factor in node.factors:
                        written = self.document.source.text[factor.span.start : factor.span.end]
                        if len(written) < MOST_WRITTEN:
                            found[" ".join(written.split())] = None
        return list(found)[:MOST_FACTORS]

    def names(self) -> dict[int, list[str]]:
        """How tensors are written, by their number of indices."""
        if self._names is None:
            found: dict[int, dict[str, None]] = {}
            for claim in self.article.claims:
                for side in (claim.left, claim.right):
                    for node, order in _named(side.node):
                        written = self.document.source.text[node.span.start : node.span.end]
                        if len(written) < MOST_WRITTEN:
                            found.setdefault(order, {})[written] = None
            self._names = {order: list(written) for order, written in found.items()}
        return self._names


def _alike(first: str, second: str) -> bool:
    """Whether two names have the same letter, perhaps a capital or with another accent, or the same accent."""
    words = [LETTER.findall(name) for name in (first, second)]
    if not all(words):
        return False
    return words[0][-1].lower() == words[1][-1].lower() or words[0][:-1] == words[1][:-1] != []


def place_in(places: Sequence[int], span: Span) -> tuple[int, int]:
    """Where a span of the file stands in a formula whose characters have these places."""
    start = bisect_left(places, span.start)
    return start, max(bisect_left(places, span.end), start)


def _parts(node: object) -> Iterator[Node]:
    stack = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, tuple):
            stack.extend(part)
        elif isinstance(part, Node):
            yield part
            stack.extend(getattr(part, name) for name in part.__dataclass_fields__)


def _named(node: Node | None) -> Iterator[tuple[Symbol, int]]:
    """The names of tensors, with their numbers of indices; what is differentiated is left out."""
    stack: list[object] = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, tuple):
            stack.extend(part)
        elif isinstance(part, Scripted) and isinstance(part.base, Symbol):
            if part.base.name not in ("e", "delta", "1"):
                order = sum(isinstance(n, Symbol) for n in _parts(part.sub))
                yield part.base, order
            stack.append(part.sup)
        elif isinstance(part, Symbol):
            yield part, 0
        elif isinstance(part, Node) and not isinstance(part, DerivativeOf):
            stack.extend(getattr(part, name) for name in part.__dataclass_fields__)


def _spelled(letter: str) -> str:
    plain = letter.split("@", maxsplit=1)[0].split("~", maxsplit=1)[0]
    return f"\\{plain}" if plain in GREEK else plain

"""How many slips the checker finds in articles, and whether it ever flags what is right.

    python benchmarks/mutations.py [--show] [--every N] ARTICLE…

Every equation that holds, definitions apart, is changed in one place: a sign, an index, a number, a factor, a dropped
delta, a transposed pair, a missing 1/H. A change that keeps the value (two indices of a delta exchanged, a one-tensor
beside another factor with its index) is no slip: then both sides agree under the same reading of their derivatives as
before, and `--show` prints it, for a reader to judge. Every equation is also rewritten in ways that keep its value:
dummies renamed, factors reordered, fractions as powers, numbers as fractions, sums implied or written.

Exit status 1 where fewer than 99 % of the slips are flagged, or a rewriting is.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from tensorcalc.errors import TensorCalcError
from tensorcalc.verify.checker import Finding, verify_document
from tensorcalc.verify.latex.tree import Bracket, Function, Node, Product, Scripted, Sum, Symbol
from tensorcalc.verify.sources import read_document

SUBSCRIPT = re.compile(r"_\{([^{}]*)\}|_(\w)")
WORD = re.compile(r"\\[a-zA-Z]+|[a-zA-Z]{4,}|([a-z])")
SIGN = re.compile(r"(?<![{(^&=])\s*([+-])(?![0-9]*\})")
NUMBER = re.compile(r"(?<![\w.\\])\d+(?![\w.])")
DELTA = re.compile(r"\\delta_\{[^{}]*(?:\{[^{}]*\})?[^{}]*\}")
EXTENT = re.compile(r"\\frac\{(?P<above>[^{}]*)\}\{(?P<below>[^{}]*\b[A-Z]\b[^{}]*)\}")
WHOLE = re.compile(
    r"\^\{[a-zA-Z][^{}]*\}|\^\{\(\d+\)\}|\\math\w+\{\d\}|\\begin\{.matrix\}.*?\\end\{.matrix\}"
    r"|\\partial *(?:\\[a-zA-Z]+|\w)[^{}]*?\^\d",
    re.DOTALL,
)  # where a number is no factor and no exponent
TRANSPOSE = re.compile(r"\^\{?(?:T|\\top)\}?")
Change = tuple[str, str]  # what kind it is, and the right side after it


@dataclass
class Score:
    """What became of the changes of one article."""

    slips: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    rewritten: int = 0
    false_flags: list[str] = field(default_factory=list)


def slips(side: str) -> Iterator[Change]:
    """The right side with one thing wrong."""
    yield "factor", rf"2 \left({side}\right)"
    yield "sign", rf"-\left({side}\right)"
    for match in SIGN.finditer(side):
        other = "-" if match[1] == "+" else "+"
        yield "sign", side[: match.start(1)] + other + side[match.end(1) :]
    if side.lstrip().startswith("-"):
        yield "sign", side.lstrip()[1:]
    scripts = [m.span() for m in (*SUBSCRIPT.finditer(side), *WHOLE.finditer(side))]
    for match in NUMBER.finditer(side):
        if not any(a <= match.start() < b for a, b in scripts):
            yield "number", side[: match.start()] + str(int(match[0]) + 1) + side[match.end() :]
    for match in DELTA.finditer(side):
        yield "delta", side[: match.start()] + " 1 " + side[match.end() :]
    for match in EXTENT.finditer(side):
        if "partial" in match[0]:
            continue
        below = re.sub(r"\b[A-Z]\b", " 1 ", match["below"], count=1)
        yield "extent", side[: match.start()] + rf"\frac{{{match['above']}}}{{{below}}}" + side[match.end() :]
    for match in TRANSPOSE.finditer(side):
        yield "transpose", side[: match.start()] + side[match.end() :]
    yield from _indices(side)


def _indices(side: str) -> Iterator[Change]:
    places = [
        (match.start(group) + offset, letter)
        for match in SUBSCRIPT.finditer(side)
        for group in (1, 2)
        if match[group] is not None
        for offset, letter in indices_in(match[group])
    ]
    letters = sorted({letter for _, letter in places})
    for place, letter in places:
        for other in [x for x in letters if x != letter][:2]:
            yield "index", side[:place] + other + side[place + 1 :]
    for match in re.finditer(r"_\{\s*([a-z])\s*([a-z])\s*\}", side):
        if match[1] != match[2]:
            yield "pair", side[: match.start()] + f"_{{{match[2]} {match[1]}}}" + side[match.end() :]


def rewritings(side: str, left: str, node: Node, start: int) -> Iterator[Change]:
    """The right side in another form of the same value."""
    for match in re.finditer(r"\\frac\{1\}\{2\}|\\frac12", side):
        yield "number", side[: match.start()] + " 0.5 " + side[match.end() :]
    for match in re.finditer(r"(?<![\w.])0\.5(?!\w)", side):
        inside = r"\frac{1}{2}" if side[match.start() - 2 : match.start()] == "^{" else r"\frac12 "
        yield "number", side[: match.start()] + inside + side[match.end() :]
    for match in re.finditer(r"\\frac\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}", side):
        if "partial" not in match[0]:
            power = rf"\left({match[1]}\right) \left({match[2]}\right)^{{-1}}"
            yield "fraction", side[: match.start()] + power + side[match.end() :]
    for match in re.finditer(r"\\sqrt\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}", side):
        yield "root", side[: match.start()] + rf"\left({match[1]}\right)^{{1/2}}" + side[match.end() :]
    free = _letters(left)
    often = Counter(x for m in SUBSCRIPT.finditer(side) for _, x in indices_in(m[1] or m[2]))
    elsewhere = set(re.findall(r"(?<![\\a-zA-Z])[a-z](?![a-zA-Z])", SUBSCRIPT.sub("", side)))
    dummies = sorted(x for x in often if often[x] > 1 and x not in free | elsewhere)
    unused = [x for x in "kjmruvabcd" if x not in set(re.findall(r"[a-z]", side)) | free]
    for dummy, new in zip(dummies, unused, strict=False):
        yield "dummy", _renamed(side, dummy, new)
    yield from _in_order(side, node, start)
    yield from _as_sums(side, free, node, start)


def indices_in(script: str) -> list[tuple[int, str]]:
    """The letters of a subscript that can be indices, and where they stand."""
    return [(m.start(), m[1]) for m in WORD.finditer(script) if m[1]]


def _letters(text: str) -> set[str]:
    return {x for m in SUBSCRIPT.finditer(text) for _, x in indices_in(m[1] or m[2])}


def _renamed(side: str, old: str, new: str) -> str:
    return SUBSCRIPT.sub(lambda m: WORD.sub(lambda w: new if w[1] == old else w[0], m[0]), side)


def _nodes(node: object) -> Iterator[Node]:
    if isinstance(node, tuple):
        for part in node:
            yield from _nodes(part)
    elif isinstance(node, Node):
        yield node
        for name in node.__dataclass_fields__:
            if name != "sub":
                yield from _nodes(getattr(node, name))


def _in_order(side: str, node: Node, start: int) -> Iterator[Change]:
    """Products of numbers from right to left; products of matrices have no other order."""
    for product in _nodes(node):
        if not isinstance(product, Product) or any(product.signs) or _is_matrices(product):
            continue
        spans = [(f.span.start - start, f.span.end - start) for f in product.factors]
        first, last = spans[0][0], spans[-1][1]
        if any(b > c for (_, b), (c, _) in pairwise(spans)):
            continue
        turned = " ".join(f"{{{side[a:b]}}}" for a, b in reversed(spans))
        yield "order", side[:first] + turned + side[last:]


def _is_matrices(product: Product) -> bool:
    if any(isinstance(f, Bracket) and isinstance(f.body, Symbol | Scripted) for f in product.factors):  # a call
        return True
    plain = [f for f in product.factors if not isinstance(f, Scripted) or f.sub is None]
    text = str(plain)
    return isinstance(product.factors[-1], Function) or bool(
        re.search(r"name='[A-Z]'|bold|DerivativeOf\(|BigOperator|name='[a-z]+', style='', accents=\('", text)
    )


def _as_sums(side: str, free: set[str], node: Node, start: int) -> Iterator[Change]:
    """Implied sums of the added terms written out, and written sums of products implied."""
    terms = node.terms if isinstance(node, Sum) else (node,)
    for term in terms:
        a, b = term.span.start - start, term.span.end - start
        written = side[a:b]
        scripts = [[x for _, x in indices_in(m[1] or m[2])] for m in SUBSCRIPT.finditer(written)]
        repeated = [x for x, n in Counter(x for s in scripts for x in s).items() if n > 1 and x not in free]
        if repeated and "\\sum" not in written and "\\mathbf{1}" not in written and not isinstance(term, Sum):
            signs = "".join(rf"\sum_{{{x}}} " for x in repeated)
            yield "sigma", side[:a] + signs + "{" + written + "}" + side[b:]
    for match in re.finditer(r"\\mathbf\{1\}_\{?([a-z])\}?\s*([a-z])_\{([^{}]*)\}$", side):
        if match[1] in dict(map(reversed, indices_in(match[3]))) and match[1] not in free:
            yield "sigma", side[: match.start()] + rf"\sum_{match[1]} {match[2]}_{{{match[3]}}}"


class Article:
    """An article whose equations are changed one at a time."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.findings = verify_document(read_document(text, name)).findings
        self.before = {(f.line, f.column) for f in self.findings if f.flagged}

    def rows(self) -> Iterator[Finding]:
        """The equations that hold and define nothing."""
        for f in self.findings:
            if (
                f.verdict == "holds"
                and f.detail is not None
                and not f.detail.claim.defines
                and not f.detail.claim.row.label
            ):
                yield f

    def score(self, every: int) -> Score:
        """Change every `every`-th row in all ways."""
        score = Score()
        for row in list(self.rows())[::every]:
            assert row.detail is not None
            claim = row.detail.claim
            span = claim.right.span
            side = self.text[span.start : span.end]
            seen = {side}
            for kind, changed in slips(side):
                if changed not in seen:
                    seen.add(changed)
                    self.count_slip(row, kind, changed, score)
            assert claim.right.node is not None
            chain = " ".join(self._left(f) for f in self.findings if f.detail and f.detail.claim.chain == claim.chain)
            for kind, changed in rewritings(side, chain, claim.right.node, span.start):
                self.count_rewriting(row, kind, changed, score)
        return score

    def readings(self, row: Finding) -> set[str]:
        """The readings of derivatives under which the equations of a chain hold."""
        assert row.detail is not None
        chain = row.detail.claim.chain
        return {f.reading for f in self.findings if f.detail is not None and f.detail.claim.chain == chain}

    def _left(self, finding: Finding) -> str:
        assert finding.detail is not None
        span = finding.detail.claim.left.span
        first = min((f for f in self.findings if f.detail and f.detail.claim.chain == finding.detail.claim.chain),
                    key=lambda f: f.span.start)  # fmt: skip
        return self.text[span.start : span.end] if first is finding else ""

    def count_slip(self, row: Finding, kind: str, changed: str, score: Score) -> None:
        after = self.judged(row, changed)
        shown = f"{self.name}:{row.line}: {kind}: {' '.join(changed.split())}"
        if after is None:
            score.slips[kind] += 1
            return
        assert row.detail is not None
        if after.verdict == "holds" and after.reading in self.readings(row):
            score.kept.append(shown)
            return
        score.slips[kind] += 1
        score.missed.append(f"{shown}  [{after.verdict} {after.reading} {after.reason}]")

    def count_rewriting(self, row: Finding, kind: str, changed: str, score: Score) -> None:
        score.rewritten += 1
        after = self.judged(row, changed)
        if after is None or after.verdict != "holds":
            state = "flagged" if after is None else after.verdict
            shown = f"{self.name}:{row.line}: {kind}: {' '.join(changed.split())}  [{state}]"
            score.false_flags.append(shown)

    def judged(self, row: Finding, changed: str) -> Finding | None:
        """The equation after the change; `None` where something in the article is flagged that was not before."""
        assert row.detail is not None
        span = row.detail.claim.right.span
        text = self.text[: span.start] + changed + self.text[span.end :]
        try:
            findings = verify_document(read_document(text, self.name)).findings
        except TensorCalcError:
            return None
        lines = changed.count("\n") - self.text[span.start : span.end].count("\n")
        if any(
            f.flagged for f in findings if (f.line - (lines if f.line > row.line else 0), f.column) not in self.before
        ):
            return None
        return next((f for f in findings if f.span.start == row.span.start), None)


def main() -> int:
    """Print a line for each article and one for all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("articles", nargs="+", type=Path)
    parser.add_argument("--show", action="store_true", help="print what was missed, flagged, or kept its value")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="change every Nth equation only")
    options = parser.parse_args()
    total = missed = rewritten = flagged = 0
    kinds: Counter[str] = Counter()
    for path in options.articles:
        score = Article(path.name, path.read_text(encoding="utf-8")).score(options.every)
        number = sum(score.slips.values())
        total, missed = total + number, missed + len(score.missed)
        rewritten, flagged = rewritten + score.rewritten, flagged + len(score.false_flags)
        kinds += score.slips
        print(f"{path.name}: {_line(number, len(score.missed), score.rewritten, len(score.false_flags))}")
        if options.show:
            parts = {"missed": score.missed, "flagged": score.false_flags, "same value": score.kept}
            for word, rows in parts.items():
                print("".join(f"  {word}: {row}\n" for row in rows), end="")
    print(f"all: {_line(total, missed, rewritten, flagged)}; {', '.join(f'{n} {k}' for k, n in sorted(kinds.items()))}")
    return int(missed > 0.01 * total or flagged > 0)


def _line(slipped: int, missed: int, rewritten: int, flagged: int) -> str:
    found = 100 * (slipped - missed) / slipped if slipped else 100.0
    return f"{slipped} slips, {found:.2f} % flagged; {rewritten} rewritings, {flagged} not seen to hold"


if __name__ == "__main__":
    sys.exit(main())

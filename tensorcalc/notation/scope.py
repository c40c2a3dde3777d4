"""Implied sums made explicit, and the rules for free and dummy indices.

The sum over an implied dummy closes at the smallest product, function argument or added term that holds every
occurrence of it within its term. Factors and divisors of one chain `a*b/c` are one product.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tensorcalc.errors import Span, TensorCalcError
from tensorcalc.notation.resolution import Formula
from tensorcalc.notation.tree import (
    Binder,
    Call,
    Entry,
    Letter,
    Negate,
    Node,
    Product,
    Total,
    children,
    letters_of,
    with_children,
)

__all__ = ["make_explicit"]

Counts = dict[str, int]
SHOWN = 60


def make_explicit(formula: Formula, text: str) -> Formula:
    """The definition with a binder for every sum, its free indices checked.

    Raises `TensorCalcError` E_DANGLING_INDEX, E_FREE_INDEX or E_MISSING_INDEX.
    """
    scopes = _Scopes(formula, text)
    free = {letter.name for letter in formula.letters}
    occurring = scopes.count(formula.right)
    scopes.assign(formula.right, {name for name in occurring if name not in free}, formula.right, formula.right)
    right = scopes.insert(formula.right)
    found = scopes.check_terms(right)
    for letter in formula.letters:
        if letter.name not in found:
            raise scopes.missing(letter)
    return replace(formula, right=right)


class _Scopes:
    """Where the implied sums of one definition close."""

    def __init__(self, formula: Formula, text: str) -> None:
        self.formula = formula
        self.text = text
        self.counts: dict[int, Counts] = {}
        self.closing: dict[int, list[str]] = {}

    def count(self, node: Node) -> Counts:
        """How often each index that no explicit binder holds occurs in a node."""
        known = self.counts.get(id(node))
        if known is not None:
            return known
        result: Counts = {}
        parts = children(node)
        for part in parts:
            for name, number in self.count(part).items():
                result[name] = result.get(name, 0) + number
        if not parts:
            for letter in letters_of(node):
                result[letter.name] = result.get(letter.name, 0) + 1
        if isinstance(node, Binder):
            for letter in node.letters:
                if result.pop(letter.name, 0) == 0:
                    raise self._unused(letter, node)
        self.counts[id(node)] = result
        return result

    def assign(self, node: Node, names: Iterable[str], anchor: Node, term: Node) -> None:
        """Find where the sums over dummies close that occur within `node` only.

        `anchor` is the smallest product, argument or term around the node, where a sum closes that can go no deeper.
        `term` is the added term around it, for messages.
        """
        parts = children(node)
        inner: dict[int, list[str]] = {}
        for name in names:
            holders = [k for k, part in enumerate(parts) if name in self.count(part)]
            if isinstance(node, Total):
                for k in holders:
                    inner.setdefault(k, []).append(name)
            elif len(holders) == 1:
                inner.setdefault(holders[0], []).append(name)
            elif holders or self.count(node)[name] > 1:
                self.closing.setdefault(id(node if isinstance(node, Product) else anchor), []).append(name)
            else:
                raise self._dangling(name, node, term)
        for k, deeper in inner.items():
            part = parts[k]
            if isinstance(node, Total):
                self.assign(part, deeper, part, part)
            elif isinstance(node, Call | Binder) or (isinstance(node, Negate) and anchor is node):
                self.assign(part, deeper, part, term)
            else:
                self.assign(part, deeper, node if isinstance(node, Product) else anchor, term)

    def insert(self, node: Node) -> Node:
        """The expression with its implied sums written out."""
        parts = children(node)
        names = self.closing.get(id(node))
        result = node
        if parts:
            inserted = []
            for part in parts:
                inserted.append(self.insert(part))
            if any(new is not old for new, old in zip(inserted, parts, strict=True)):
                result = with_children(node, inserted)
        if names is None:
            return result
        first = {name: self._first(name, node) for name in names}
        letters = tuple(sorted(first.values(), key=lambda letter: letter.span.start))
        return Binder(node.span, "sum", letters, result, implied=True)

    def _first(self, name: str, node: Node) -> Letter:
        """The first place of an index in a node."""
        while parts := children(node):
            node = next(part for part in parts if name in self.count(part))
        return next(letter for letter in letters_of(node) if letter.name == name)

    def check_terms(self, node: Node) -> frozenset[str]:
        """The free indices of an expression without implied sums; added terms must have the same ones."""
        parts = children(node)
        if not parts:
            return frozenset([letter.name for letter in letters_of(node)])
        found = []
        for part in parts:
            found.append(self.check_terms(part))
        free = frozenset().union(*found)
        if isinstance(node, Total) and any(f and f != free for f in found):
            raise self._unequal(node, found)
        if isinstance(node, Binder):
            return free - {letter.name for letter in node.letters}
        return free

    def _shown(self, node: Node) -> str:
        shown = self.text[node.span.start : node.span.end].strip()
        return shown if len(shown) <= SHOWN else shown[: SHOWN - 1] + "…"

    def _factor(self, node: Node) -> str:
        shown = self._shown(node)
        return f"({shown})" if isinstance(node, Total | Negate) and not shown.startswith("(") else shown

    def missing(self, letter: Letter) -> TensorCalcError:
        """The error for an index that stands on the left only."""
        left = self.text[self.formula.equation.left.start : self.formula.equation.left.end]
        right = self.formula.equation.right
        message = f"the index {letter.name} stands on the left of {left} = {self._shown(right)} and not on its right"
        hint = f"broadcast it with a one-tensor: {left} = 1[{letter.name}]*{self._factor(right)}"
        hint += f"; `index {letter.name}: …` names its dimension where nothing else tells it"
        label = f"{letter.name} is not on the right"
        return TensorCalcError("E_MISSING_INDEX", message, letter.span, label=label, hint=hint)

    def _dangling(self, name: str, node: Node, term: Node) -> TensorCalcError:
        place = self._first(name, node)
        left = self.formula.equation
        shown = self.text[left.left.start : left.left.end]
        within = "" if term is self.formula.right else f" in the term {self._shown(term)}"
        message = f"the index {name} occurs once{within} and not on the left of {shown} = {self._shown(left.right)}"
        free = f"{shown[:-1]},{name}]" if shown.endswith("]") else f"{shown}[{name}]"
        hint = f"write 1[{name}]*{self._factor(term)} to sum over {name}, or {free} = … to keep it free"
        label = f"{name} is neither free nor dummy"
        return TensorCalcError("E_DANGLING_INDEX", message, place.span, label=label, hint=hint)

    def _unused(self, letter: Letter, binder: Binder) -> TensorCalcError:
        name, kind = letter.name, binder.kind
        body = self._factor(binder.body)
        message = (
            f"the index {name} of {kind} does not occur in {self._shown(binder.body)}, so nothing tells how far it runs"
        )
        hint = f"to count the values of {name}, write {kind}({name}, 1[{name}]*{body})"
        return TensorCalcError("E_DANGLING_INDEX", message, letter.span, label="occurs nowhere else", hint=hint)

    def _unequal(self, total: Total, found: list[frozenset[str]]) -> TensorCalcError:
        terms = [(t, f) for t, f in zip(total.terms, found, strict=True) if f]
        most = max(terms, key=lambda pair: len(pair[1]))
        least = next((t, f) for t, f in terms if not most[1] <= f)
        lacking = sorted(most[1] - least[1])
        first, second = sorted((most, least), key=lambda pair: pair[0].span.start)
        message = "added terms have different free indices: " + ", ".join(
            f"{self._shown(t)} has {_braces(f)}" for t, f in (first, second)
        )
        name = least[0].name if isinstance(least[0], Entry) else "this term"
        label = f"{name} has no index {' and no index '.join(lacking)}"
        hint = f"broadcast it with a one-tensor: 1[{','.join(lacking)}]*{self._factor(least[0])}"
        extra = sorted(least[1] - most[1])
        if extra:
            hint += f", and 1[{','.join(extra)}]*{self._factor(most[0])}"
        return TensorCalcError("E_FREE_INDEX", message, _trimmed(least[0].span, self.text), label=label, hint=hint)


def _braces(names: frozenset[str]) -> str:
    return "{" + ", ".join(sorted(names)) + "}"


def _trimmed(span: Span, text: str) -> Span:
    return Span(span.start, span.start + len(text[span.start : span.end].rstrip()))

"""Targets that add up to one: s - y is the derivative of -Σ y log s only where Σ y = 1.

Authors seldom write it down. A row that holds there and nowhere else is right where the article says so, in a formula
or in words, and cannot be judged where it does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from tensorcalc.verify.chains import Claim
from tensorcalc.verify.model import Model
from tensorcalc.verify.numbers import Named
from tensorcalc.verify.points import Point
from tensorcalc.verify.terms import Apply, Constant, Entry, MatrixValue, Reduced, Term, Times, parts_of, tensors_of

__all__ = ["says_unit_sums", "unit_sum", "weights_in"]

_WORDS = re.compile(
    r"one[- ]hot|1-of-[KCN]\b|(?:sum|add|normali[sz]e)(?:s|d|ed|ing)?(?: up)? to \$?(?:one|1|unity)\b|"
    r"probability (?:vector|distribution)|target distribution|true distribution|distribution over|"
    r"only one (?:element|entry|component)|all (?:zeros?|0s?) except",
    re.IGNORECASE,
)


def weights_in(model: Model, terms: Sequence[Term]) -> tuple[str, ...]:
    """The inputs with which logarithms are weighted in terms and in what these are made of."""
    bodies = [
        *terms,
        *(model.definitions[n].body for n in model.ancestors(tensors_of(tuple(terms))) & {*model.definitions}),
    ]
    found = {name for body in bodies for name in _weights(body)}
    return tuple(sorted(n for n in found if n not in model.definitions and n not in model.losses))


def _weights(part: object) -> Iterator[str]:
    for node in parts_of(part):
        factors = _factors(node) if isinstance(node, Times) else []
        if any(_is_logarithm(f) for f in factors):
            yield from (f.name for f in factors if isinstance(f, Entry) and f.places)


def _factors(node: Times) -> list[Term]:
    return [x for f in node.factors for x in (_factors(f) if isinstance(f, Times) else (f,))]


def _is_logarithm(term: Term) -> bool:
    if isinstance(term, Reduced | Times):
        inner = term.body if isinstance(term, Reduced) else term.factors[-1]
        return _is_logarithm(inner)
    return (isinstance(term, Apply) and term.name == "log") or (isinstance(term, MatrixValue) and term.kind == "logdet")


def unit_sum(point: Point, name: str) -> None:
    """Make an input positive, with entries that add up to one along its last axis."""
    values = np.abs(point.input(name, point._order(name)).data)
    letters = point.inputs[name].letters
    point.inputs[name] = Named(letters, values / values.sum(axis=-1, keepdims=True))


def says_unit_sums(text: str, claims: Sequence[Claim], names: Sequence[str]) -> bool:
    """Whether an article says, in words or by a formula, that the entries of tensors add up to one."""
    if _WORDS.search(text):
        return True
    stated = {n for claim in claims for n in _stated(claim)}
    return stated >= set(names)


def _stated(claim: Claim) -> set[str]:
    left, right = claim.reference, claim.value
    if left is None or right is None or not (isinstance(right.term, Constant) and right.term.value == 1):
        return set()
    body = left.term.body if isinstance(left.term, Reduced) and left.term.kind == "sum" else None
    return {body.name} if isinstance(body, Entry) else set()

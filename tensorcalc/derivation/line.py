"""Passes: what an author does from one line to the next.

`differentiate` rewrites a line until no unevaluated derivative is left; `simplify` contracts, multiplies out, folds and
collects. Each pass that changes the line becomes a step with the rules that fired.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from sympy import Add, Expr, S

from tensorcalc.binding import free_indices, replace
from tensorcalc.budget import check_line
from tensorcalc.derivation.model import Step
from tensorcalc.expr import One, Partial, contains
from tensorcalc.index import Index
from tensorcalc.rules.algebra import (
    EXPAND,
    REARRANGE,
    align,
    multiply_out,
    size,
)
from tensorcalc.rules.collecting import CANCEL, COLLECT, cancel, collect, collect_inside, signed, without_idle_ones
from tensorcalc.rules.contraction import contract
from tensorcalc.rules.definitions import Book, fold, symmetrise
from tensorcalc.rules.derivatives import chain, elementary, linearity, of_scalar, product_or_quotient
from tensorcalc.rules.identities import recognise
from tensorcalc.rules.rule import Rule
from tensorcalc.rules.scope import Scope
from tensorcalc.rules.sums import JOIN, join_sums

__all__ = ["differentiate", "simplify"]

Fired = dict[Rule, None]
TORN = 1
FAMILIES: tuple[Callable[[Partial, Scope, Fired], Expr | None], ...] = (
    linearity,
    product_or_quotient,
    chain,
    elementary,
)


def differentiate(line: Expr, scope: Scope) -> list[Step]:
    """The lines from an unevaluated derivative to one without; the first family that changes the line makes a step."""
    steps: list[Step] = []
    while contains(line, Partial):
        before = line
        for family in FAMILIES:
            fired: Fired = {}
            line = replace(line, lambda node, f=family, r=fired: _apply(f, node, scope, r))  # type: ignore[misc]
            if line != before:
                line = replace(line, lambda node, r=fired: _apply(of_scalar, node, scope, r))  # type: ignore[misc]
                check_line(size(line))
                steps.append(Step(line, tuple(fired)))
                break
        else:
            raise AssertionError(f"no rule for {line}")
    return steps


def _apply(
    family: Callable[[Partial, Scope, Fired], Expr | None], node: Expr, scope: Scope, fired: Fired
) -> Expr | None:
    return family(node, scope, fired) if isinstance(node, Partial) else None


def simplify(line: Expr, book: Book, indices: Sequence[Index] = ()) -> list[Step]:
    """The lines from a derivative without ∂ and without kept brackets to its shortest form: contracted, folded,
    collected.

    `indices` are the free indices that every line keeps, with one-tensors where nothing else carries them.
    """
    check_line(size(line))
    steps: list[Step] = []
    fired: Fired = {}
    plain = contract(line, fired)
    check_line(size(plain))
    contracted = _keep(align(plain, indices), indices)
    if plain != line:
        steps.append(Step(contracted, tuple(fired) or (REARRANGE,)))
    best, rules = _shortest([(contracted, ()), *_candidates(contracted, book)])
    best = _keep(best, indices)
    if best != contracted:
        steps.append(Step(best, rules))
    return steps


Form = tuple[Expr, tuple[Rule, ...]]


def _shortest(forms: Sequence[Form]) -> Form:
    """The form with the fewest operations, with the reasons of the shortest way to it.

    An author's brackets are multiplied out only where that saves more than `TORN` operations.
    """
    ways: dict[Expr, list[tuple[Rule, ...]]] = {}
    for form, rules in forms:
        ways.setdefault(form, []).append(rules)
    best = min(ways, key=lambda form: size(form) + TORN * all(EXPAND in rules for rules in ways[form]))
    return best, min(ways[best], key=len)


def _candidates(line: Expr, book: Book) -> list[Form]:
    """Forms of the same value, in the order in which they are preferred among equally short ones."""
    if size(line) == 0:
        return []
    forms = [_with(partial(fold, line, book), ())]
    if not line.has(Add):  # no brackets: nothing to multiply out or to collect
        return [*forms, _with(partial(recognise, forms[0][0]), forms[0][1])]
    cancelled = _because(CANCEL, cancel(forms[0][0]), forms[0])
    if cancelled[0] != forms[0][0]:
        forms.insert(0, _with(partial(fold, cancelled[0], book), cancelled[1]))
    expanded = _multiplied_out(forms[0][0] if len(forms) > 1 else line, book)
    if expanded is not None:
        forms.append(expanded)
    if book.symmetries:
        forms += [_with(partial(symmetrise, e, book.symmetries), rules) for e, rules in forms]
    found = list(forms)
    for form, rules in reversed(forms):
        found.append(_because(COLLECT, collect(form), (form, rules)))
        joined = _because(JOIN, join_sums(form), (form, rules))
        if joined[0] != form:
            found.append(_because(COLLECT, collect(joined[0]), joined))
    recognised = _with(partial(recognise, forms[0][0]), forms[0][1])
    found.append(_because(COLLECT, collect_inside(recognised[0]), recognised))
    for form, rules in list(found):
        other = _with(partial(recognise, form), rules)
        if other[0] != form:
            found.append(other)
    return [(signed(form), rules) for form, rules in found]


def _because(rule: Rule, form: Expr, before: Form) -> Form:
    """A form with one more rule, if that changed anything."""
    return before if form == before[0] else (form, (*before[1], rule))


def _with(rewrite: Callable[[Fired], Expr], rules: Sequence[Rule]) -> Form:
    """A rewritten form, with the rules that fired added to those before."""
    fired: Fired = dict.fromkeys(rules)
    return rewrite(fired), tuple(fired)


def _multiplied_out(line: Expr, book: Book) -> Form | None:
    """The terms of the line, folded; `None` where they are too many."""
    terms = multiply_out(line)
    if terms is None:
        return None
    fired: Fired = {EXPAND: None}
    plain = Add(*(t.expression() for t in terms))
    expanded = fold(plain, book, fired)
    again = multiply_out(expanded) if expanded != plain else None
    if again is not None:
        expanded = fold(Add(*(t.expression() for t in again)), book, fired)
    return expanded, tuple(fired)


def _keep(line: Expr, indices: Sequence[Index]) -> Expr:
    """The line with a one-tensor for every free index that it lost."""
    if line is S.Zero:
        return line
    if not line.is_Add:
        return without_idle_ones(_carry(line, indices))
    return without_idle_ones(Add(*(_carry(t, indices) for t in line.args)))


def _carry(term: Expr, indices: Sequence[Index]) -> Expr:
    missing = [One(i) for i in indices if i not in free_indices(term)]
    if not missing:
        return term
    result = term
    for one in missing:
        result = result * one
    return result

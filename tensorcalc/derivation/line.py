"""Passes: what an author does from one line to the next.

`differentiate` rewrites a line until no unevaluated derivative is left; `simplify` contracts, multiplies out, folds and
collects. Each pass that changes the line becomes a step with the rules that fired.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sympy import Add, Expr, S

from tensorcalc.binding import free_indices, replace
from tensorcalc.derivation.model import Step
from tensorcalc.expr import Group, One, Partial, contains
from tensorcalc.index import Index
from tensorcalc.rules.algebra import (
    COLLECT,
    EXPAND,
    REARRANGE,
    REMOVE_BRACKETS,
    brackets_show,
    collect,
    multiply_out,
    size,
    ungroup,
)
from tensorcalc.rules.contraction import contract
from tensorcalc.rules.definitions import Book, fold, symmetrise
from tensorcalc.rules.derivatives import chain, elementary, linearity, product_or_quotient
from tensorcalc.rules.identities import recognise
from tensorcalc.rules.rule import Rule
from tensorcalc.rules.scope import Scope

__all__ = ["differentiate", "simplify"]

Fired = dict[Rule, None]
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
    """The lines from a derivative without ∂ to its shortest form: contracted, folded, collected.

    `indices` are the free indices that every line keeps, with one-tensors where nothing else carries them.
    """
    steps: list[Step] = []
    fired: Fired = {}
    plain = ungroup(line)
    contracted = _keep(contract(plain, fired), indices)
    if contracted not in (line, plain):
        steps.append(Step(contracted, tuple(fired) or (REMOVE_BRACKETS if brackets_show(line) else REARRANGE,)))
    best = contracted
    rules: tuple[Rule, ...] = ()
    for candidate, reasons in _candidates(contracted, book):
        if size(candidate) < size(best):
            best, rules = candidate, reasons
    best = _keep(best, indices)
    if best != contracted:
        steps.append(Step(best, rules))
    elif not steps and brackets_show(line):
        steps.append(Step(plain, (REMOVE_BRACKETS,)))
    return steps


def _candidates(line: Expr, book: Book) -> list[tuple[Expr, tuple[Rule, ...]]]:
    """Forms of the same value, in the order in which they are preferred among equally short ones."""
    if size(line) == 0:
        return []
    folding: Fired = {}
    folded = fold(line, book, folding)
    found = [(folded, tuple(folding))]
    terms = multiply_out(line)
    if terms is not None:
        expanding: Fired = {EXPAND: None}
        expanded = fold(Add(*(t.expression() for t in terms)), book, expanding)
        again = multiply_out(expanded)
        if again is not None:
            expanded = fold(Add(*(t.expression() for t in again)), book, expanding)
        found.append((expanded, tuple(expanding)))
        found.append((collect(expanded), (*expanding, COLLECT)))
    collected = collect(folded)
    found.append((collected, (*folding, COLLECT)))
    for candidate, rules in list(found):
        recognising: Fired = dict.fromkeys(rules)
        recognised = recognise(candidate, recognising)
        if recognised != candidate:
            found.append((recognised, tuple(recognising)))
    if book.symmetries:
        ordering: Fired = {}
        ordered = collect(symmetrise(found[-2][0], book.symmetries, ordering))
        found.append((ordered, (*found[-2][1], *ordering)))
    return found


def _keep(line: Expr, indices: Sequence[Index]) -> Expr:
    """The line with a one-tensor for every free index that it lost."""
    if line is S.Zero:
        return line
    terms = [_carry(t, indices) for t in Add.make_args(line)]
    return Add(*terms) if line.is_Add else terms[0]


def _carry(term: Expr, indices: Sequence[Index]) -> Expr:
    missing = [One(i) for i in indices if i not in free_indices(term)]
    if not missing:
        return term
    inner = term.expression if isinstance(term, Group) else term
    result = inner
    for one in missing:
        result = result * one
    return result

"""The rules by name: every family of `tensorcalc.rules`, applied to one node, says which rules it took.

The families are the ones that the passes of `tensorcalc.derivation` run; no rule has an entry of its own.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sympy import Add, Expr

from tensorcalc import rules
from tensorcalc.binding import free_indices, rename, replace
from tensorcalc.derivation.line import FAMILIES
from tensorcalc.expr import Component, Partial
from tensorcalc.functions import FUNCTIONS
from tensorcalc.index import Index, Tensor
from tensorcalc.rules.algebra import EXPAND, REARRANGE, REMOVE_BRACKETS, align, multiply_out, ungroup
from tensorcalc.rules.collecting import CANCEL, COLLECT, cancel, collect, without_idle_ones
from tensorcalc.rules.contraction import contract
from tensorcalc.rules.definitions import Book, Pattern, fold, symmetrise
from tensorcalc.rules.derivatives import derivative_of
from tensorcalc.rules.identities import recognise
from tensorcalc.rules.rule import Rule
from tensorcalc.rules.scope import Known, Scope
from tensorcalc.rules.sums import JOIN, join_sums
from tensorcalc.system import System

__all__ = ["Derivatives", "Families", "Rewrite", "masked", "rule_names", "unmasked"]

Fired = dict[Rule, None]
Derivatives = Mapping[Tensor, tuple[Expr, tuple[Index, ...]]]
"""What components that stand for derivatives stand for, and over which indices."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What a family made of a node, and the rules that it took."""

    expression: Expr
    rules: tuple[Rule, ...]

    def took(self, name: str) -> bool:
        """Whether a rule of this name was used."""
        return any(r.name == name for r in self.rules)


def _expanded(expression: Expr, fired: Fired) -> Expr:
    contracted = contract(expression, fired)
    terms = multiply_out(contracted)
    result = contracted if terms is None else Add(*(t.expression() for t in terms))
    fired[EXPAND] = None
    return expression if result == contracted else result


def _always(rule: Rule, function: Callable[[Expr], Expr]) -> Callable[[Expr, Fired], Expr]:
    """A family of one rule."""

    def family(expression: Expr, fired: Fired) -> Expr:
        fired[rule] = None
        return function(expression)

    return family


EXPRESSIONS: tuple[Callable[[Expr, Fired], Expr], ...] = (
    _always(REMOVE_BRACKETS, ungroup),
    _expanded,
    _always(COLLECT, collect),
    _always(CANCEL, cancel),
    _always(JOIN, join_sums),
    recognise,
)


class _Equations(Book):
    """Those equations of a book that stand under the name of one rule."""

    def __init__(self, book: Book, rule: Rule) -> None:
        super().__init__(())
        self._book, self._rule = book, rule

    def relevant(self, expression: Expr) -> list[Pattern]:
        return [p for p in self._book.relevant(expression) if p.rule == self._rule]


@dataclass(frozen=True)
class Families:
    """The families in the setting of a lemma: the equations of its system in `book`, the derivatives that are `known`
    by variable and by whether definitions are held fixed, and the free indices of the lemma in order.
    """

    system: System
    book: Book
    indices: Sequence[Index]
    known: Mapping[tuple[Tensor, bool], Mapping[Tensor, Known]]

    def rewrites(self, node: Expr) -> Iterator[Rewrite]:
        """What each family makes of a node as a whole; derivatives inside other nodes are left alone."""
        if isinstance(node, Partial):
            yield from self._derivatives(node)
        elif not isinstance(node, Component) and node.args:
            plain, derivatives = masked(node)
            for rewrite in self._expressions(plain):
                if rewrite.expression != plain and rewrite.rules:
                    yield Rewrite(unmasked(rewrite.expression, derivatives), rewrite.rules)

    def _derivatives(self, partial: Partial) -> Iterator[Rewrite]:
        for family in FAMILIES:
            scope = Scope(
                self.system,
                partial.wrt.tensor,
                partial.direct,
                dict(self.known.get((partial.wrt.tensor, partial.direct), {})),
            )
            fired: Fired = {}
            found = family(partial, scope, fired)
            if found is not None and found != partial:
                yield Rewrite(found, tuple(fired))

    def _contracted(self, node: Expr, fired: Fired) -> Expr:
        contracted = contract(node, fired)
        return without_idle_ones(align(contracted, self.indices)) if fired else node

    def _aligned(self, node: Expr, fired: Fired) -> Expr:
        fired[REARRANGE] = None
        return align(node, self.indices)

    def _expressions(self, node: Expr) -> Iterator[Rewrite]:
        for family in (self._contracted, *EXPRESSIONS, self._aligned):
            fired: Fired = {}
            yield Rewrite(family(node, fired), tuple(fired))
        for rule in dict.fromkeys(p.rule for p in self.book.relevant(node)):
            fired = {}
            yield Rewrite(fold(node, _Equations(self.book, rule), fired), tuple(fired))
        fired = {}
        yield Rewrite(symmetrise(node, self.book.symmetries, fired), tuple(fired))


def masked(expression: Expr) -> tuple[Expr, Derivatives]:
    """The expression with a component in the place of every unevaluated derivative, and what each stands for."""
    derivatives: dict[Tensor, tuple[Expr, tuple[Index, ...]]] = {}

    def mask(node: Expr) -> Expr | None:
        if not isinstance(node, Partial):
            return None
        indices = tuple(sorted(free_indices(node), key=lambda i: i.name))
        tensor = Tensor(f"'∂{len(derivatives)}", tuple(i.dimension for i in indices))
        derivatives[tensor] = node, indices
        return Component(tensor, *indices)

    return replace(expression, mask), derivatives


def unmasked(expression: Expr, derivatives: Derivatives) -> Expr:
    """The derivatives in their places again."""

    def unmask(node: Expr) -> Expr | None:
        if not isinstance(node, Component) or node.tensor not in derivatives:
            return None
        partial, indices = derivatives[node.tensor]
        return rename(partial, dict(zip(indices, node.indices, strict=True)))

    return replace(expression, unmask)


def rule_names(system: System) -> list[str]:
    """The names of all rules: those of the families, of functions, and of the equations of a system."""
    modules = [importlib.import_module(f"{rules.__name__}.{m.name}") for m in pkgutil.iter_modules(rules.__path__)]
    laws = [value for module in modules for value in vars(module).values() if isinstance(value, Rule)]
    laws += [derivative_of(row) for row in FUNCTIONS.values()]
    found = [r.name for r in laws]
    for definition in system.definitions:
        spoken = definition.tensor.spoken
        found += [f"definition of {spoken}", f"derivative of {spoken} from above"]
    return list(dict.fromkeys(found))

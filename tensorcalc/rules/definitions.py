"""Equations used as rules: definitions backwards (folding), assumptions, and facts that were proved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import sympy
from sympy import Add, Expr, Mul, Pow, S

from tensorcalc.binding import Binder, Contraction, product, rebuild, rename, replace
from tensorcalc.expr import Component, Delta, Exp, Inverse, One
from tensorcalc.index import Dimension, Index, Tensor
from tensorcalc.isomorphism import Signature, signature
from tensorcalc.rules.algebra import content_of, multiply_out, size
from tensorcalc.rules.rule import Rule
from tensorcalc.rules.terms import Names, Term, factored, opened
from tensorcalc.system import Definition, tensors_in

__all__ = ["Book", "Pattern", "Symmetry", "fold", "pattern", "patterns_of", "symmetrise"]

Binding = dict[Index, Expr]


@dataclass(frozen=True, slots=True)
class Pattern:
    """An equation read from left to right, for all values of `indices`: where `whole` stands, `value` may stand.

    A product is looked for as a number times powers (`factors`), so that it is found among other factors and in powers.
    """

    indices: tuple[Index, ...]
    whole: Expr
    value: Expr
    rule: Rule
    coefficient: Expr
    factors: tuple[tuple[Expr, Expr], ...]
    tensors: frozenset[Tensor]
    anchors: tuple[Component, ...]

    @property
    def signature(self) -> Signature:
        """The structure of both sides, to find the equation that corresponds to this one in another layer."""
        return _signature(self)


@lru_cache(1 << 14)
def _signature(pattern: Pattern) -> Signature:
    return signature((pattern.whole, pattern.value, *pattern.indices))


def pattern(indices: tuple[Index, ...], left: Expr, value: Expr, rule: Rule) -> Pattern | None:
    """The equation as a pattern; `None` where its left side is too plain to be looked for."""
    terms = multiply_out(left)
    if terms is None:
        return None
    whole = Add(*(t.expression() for t in terms))
    anchors = _anchors(indices, whole)
    if anchors is None or size(whole) == 0 or whole.is_number:
        return None
    term = factored(whole)
    factors = tuple(term.powers.items())
    return Pattern(indices, whole, value, rule, term.coefficient, factors, frozenset(tensors_in(whole)), anchors)


def patterns_of(definitions: Sequence[Definition]) -> tuple[Pattern, ...]:
    """The definitions, to be used backwards, longest right sides first."""
    found = []
    for definition in definitions:
        rule = Rule(f"definition of {definition.tensor.spoken}")
        found.append(pattern(definition.indices, definition.rhs, definition.lhs, rule))
        if (rest := _complement(definition)) is not None:
            found.append(pattern(definition.indices, rest, Add(S.One, -definition.lhs), rule))
        if isinstance(definition.rhs, sympy.log):  # z = log u says u = e^z as well
            found.append(pattern(definition.indices, definition.rhs.args[0], Exp(definition.lhs), rule))
    return tuple(sorted((p for p in found if p is not None), key=lambda p: -size(p.whole)))


def _complement(definition: Definition) -> Expr | None:
    """What 1 - y is where y = 1/(1 + u): u y."""
    base, exponent = definition.rhs.as_base_exp()
    if exponent is not S.NegativeOne or not base.is_Add or S.One not in base.args:
        return None
    return product([base - 1, definition.lhs])


class Book:
    """The equations that simplification may use. A subclass may prove more when it sees where they would help."""

    def __init__(self, patterns: Sequence[Pattern], symmetries: Sequence[Symmetry] = ()) -> None:
        self.symmetries = tuple(symmetries)
        self._patterns: dict[Tensor, list[tuple[int, Pattern]]] = {}
        self._numbers: list[tuple[int, Pattern]] = []  # patterns without a tensor
        for position, entry in enumerate(patterns):
            homes = [self._patterns.setdefault(t, []) for t in entry.tensors] or [self._numbers]
            for home in homes[:1]:
                home.append((position, entry))

    def relevant(self, expression: Expr) -> list[Pattern]:
        """The equations whose left side may occur in the expression."""
        return self.within(_present(expression))

    def within(self, tensors: frozenset[Tensor]) -> list[Pattern]:
        """The equations whose left side holds none but these tensors, in order."""
        found = [row for t in tensors for row in self._patterns.get(t, ()) if row[1].tensors <= tensors]
        return [p for _, p in sorted([*found, *self._numbers], key=lambda row: row[0])]

    def about(self, tensors: frozenset[Tensor]) -> list[Pattern]:
        """The equations whose left side holds just these tensors, in order."""
        return [p for p in self.within(tensors) if p.tensors == tensors]


@dataclass(frozen=True, slots=True)
class Symmetry:
    """A tensor that does not change when its axes are put in another order: `order[k]` is the axis that comes k-th."""

    tensor: Tensor
    order: tuple[int, ...]
    rule: Rule


def symmetrise(expression: Expr, symmetries: Sequence[Symmetry], fired: dict[Rule, None]) -> Expr:
    """Write components of symmetric tensors with their indices in one order, so that equal terms look equal."""
    if not symmetries:
        return expression

    def ordered(node: Expr) -> Expr | None:
        if not isinstance(node, Component):
            return None
        best = node
        for symmetry in symmetries:
            if symmetry.tensor == node.tensor:
                other = Component(node.tensor, *(node.indices[k] for k in symmetry.order))
                if str(other.indices) < str(best.indices):
                    best = other
                    fired[symmetry.rule] = None
        return best

    return replace(expression, ordered)


def fold(expression: Expr, book: Book, fired: dict[Rule, None]) -> Expr:
    """Replace what equals the right side of a definition by its name, innermost first."""
    while relevant := book.relevant(expression):
        folded = _fold(expression, relevant, fired, Names((expression,)))
        if folded == expression:
            break
        expression = folded  # a name that was folded in may be part of another right side
    return expression


def _fold(expression: Expr, patterns: Sequence[Pattern], fired: dict[Rule, None], names: Names) -> Expr:
    if isinstance(expression, Component | Delta | One | Index) or not expression.args:
        return expression
    present = _present(expression)
    patterns = [p for p in patterns if p.tensors <= present]
    if not patterns:
        return expression
    if isinstance(expression, Contraction) or expression.is_Pow:  # 1/√Σ is folded before the Σ in it
        whole = _fold_node(expression, patterns, fired, names)
        if whole is not None:
            return _fold(whole, patterns, fired, names)
    if isinstance(expression, Binder):
        body, indices = names.open(expression)
        folded = _fold(body, patterns, fired, names)
        return expression if folded is body else expression.func(folded, *indices)
    arguments = [_fold(a, patterns, fired, names) if isinstance(a, Expr) else a for a in expression.args]
    changed = any(new is not old for new, old in zip(arguments, expression.args, strict=True))
    result = rebuild(expression, arguments) if changed else expression
    found = _fold_node(result, patterns, fired, names)
    return result if found is None else _fold(found, patterns, fired, names)


@lru_cache(1 << 14)
def _present(expression: Expr) -> frozenset[Tensor]:
    return frozenset(tensors_in(expression))


def _fold_node(expression: Expr, patterns: Sequence[Pattern], fired: dict[Rule, None], names: Names) -> Expr | None:
    if expression.is_Add:
        return _fold_sum(expression, patterns, fired)
    if all(p.whole.is_Add for p in patterns):
        return None
    return _fold_product(factored(expression), patterns, fired, names, expression)


def _fold_sum(expression: Expr, patterns: Sequence[Pattern], fired: dict[Rule, None]) -> Expr | None:
    """Fold a sum of terms that is a rational multiple of a pattern."""
    content, primitive = content_of(expression)
    for pattern in patterns:
        if not pattern.whole.is_Add or len(pattern.whole.args) != len(expression.args):
            continue
        other, left = content_of(pattern.whole)
        for sign in (S.One, S.NegativeOne):
            target = primitive if sign is S.One else Add(*(-a for a in primitive.args))
            for binding in _bindings(pattern, target):
                if rename(left, binding) == target:
                    fired[pattern.rule] = None
                    return product([sign * content / other, rename(pattern.value, binding)])
    return None


def _fold_product(
    term: Term, patterns: Sequence[Pattern], fired: dict[Rule, None], names: Names, original: Expr
) -> Expr | None:
    """Fold one pattern into a product: first among whole factors, then inside the sum it is."""
    for candidate in (term, opened(original, names)) if original.has(Contraction) else (term,):
        for pattern in patterns:
            if pattern.whole.is_Add:
                continue
            for binding in _bindings(pattern, product([Pow(b, e) for b, e in candidate.powers.items()])):
                folded = _divide(candidate, pattern, binding)
                if folded is not None:
                    fired[pattern.rule] = None
                    return folded.expression()
    return None


def _divide(term: Term, pattern: Pattern, binding: Binding) -> Term | None:
    """The term with a power of the pattern's factors replaced by that power of the defined component."""
    needed = Term()
    for base, exponent in pattern.factors:
        more = factored(rename(Pow(base, exponent), binding))
        needed.coefficient *= more.coefficient
        for b, e in more.powers.items():
            needed.multiply(b, e)
    times = None
    for base, exponent in needed.powers.items():
        if isinstance(base, Dimension):  # a positive number, which need not stand there
            continue
        ratio = term.powers.get(base, S.Zero) / exponent
        if not ratio.is_Rational or abs(ratio) < 1:
            return None
        whole = S(int(ratio))
        times = whole if times is None else (min(times, whole) if times > 0 else max(times, whole))
        if (whole > 0) != (times > 0):
            return None
    if times is None:
        return None
    coefficient = term.coefficient / (pattern.coefficient * needed.coefficient) ** times
    result = Term(coefficient, dict(term.powers), term.dummies)
    for base, exponent in needed.powers.items():
        result.multiply(base, -exponent * times)
    value = rename(pattern.value, binding)
    if value is S.Zero and times.is_negative:
        return None
    for factor in Mul.make_args(Pow(value, times)):
        result.multiply(*factor.as_base_exp())
    return result


def _bindings(pattern: Pattern, target: Expr) -> Iterator[Binding]:
    """Every way to read the pattern's own indices off the components of the target."""
    found = _components(target)

    def extend(binding: Binding, rest: Sequence[Component]) -> Iterator[Binding]:
        if not rest:
            yield binding
            return
        anchor, *others = rest
        for component in found:
            if type(component) is not type(anchor) or component.tensor != anchor.tensor:
                continue
            merged = dict(binding)
            for mine, theirs in zip(anchor.indices, component.indices, strict=True):
                if mine in pattern.indices and merged.setdefault(mine, theirs) != theirs:
                    break
            else:
                yield from extend(merged, others)

    yield from extend({}, pattern.anchors)


def _anchors(indices: tuple[Index, ...], whole: Expr) -> tuple[Component, ...] | None:
    """Components that together hold all the indices at plain places."""
    missing = set(indices)
    anchors: list[Component] = []
    for component in _components(whole):
        mine = missing & set(component.indices)
        if mine:
            anchors.append(component)
            missing -= mine
    return None if missing else tuple(anchors)


def _components(expression: Expr) -> list[Component]:
    """The components of an expression in a fixed order; labels count as parts of theirs."""
    found: dict[Component, None] = {}
    stack = [expression]
    while stack:
        node = stack.pop()
        if isinstance(node, Component | Inverse):
            found[node] = None
        else:
            stack.extend(a for a in reversed(node.args) if isinstance(a, Expr))
    return list(found)

"""Equations used as rules: definitions backwards (folding), assumptions, and facts that were proved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import sympy
from sympy import Add, Expr, Mul, Pow, S

from tensorcalc.binding import Binder, Contraction, free_indices, product, rebuild, rename, replace
from tensorcalc.budget import check_time
from tensorcalc.expr import Component, Delta, Exp, Inverse, Iverson, One, contains
from tensorcalc.index import Dimension, Index, Tensor
from tensorcalc.isomorphism import Signature, signature
from tensorcalc.rules.algebra import content_of, multiply_out, size
from tensorcalc.rules.occurrence import Binding, Outline, anchors_of, bindings, outline, outlines_of, tensors_within
from tensorcalc.rules.rule import Rule
from tensorcalc.rules.terms import Names, Term, factored, opened
from tensorcalc.system import Definition, tensors_in

__all__ = ["Book", "Pattern", "Symmetry", "fold", "pattern", "patterns_of", "symmetrise"]

LONGEST_CHAIN = 40  # of equations used on what another one gave: assumptions may lead round in circles


@dataclass(frozen=True, slots=True)
class Pattern:
    """An equation read from left to right, for all values of `indices`: where `whole` stands, `value` may stand.

    A product is looked for as a number times powers (`factors`), so that it is found among other factors and in powers.
    A sum over dummies is looked for in larger sums too: `summand` has its dummies among `indices`.
    """

    indices: tuple[Index, ...]
    whole: Expr
    value: Expr
    rule: Rule
    coefficient: Expr
    factors: tuple[tuple[Expr, Expr], ...]
    tensors: frozenset[Tensor]
    anchors: tuple[Component, ...]
    outlines: frozenset[Outline]
    summand: Pattern | None = None

    def fits(self, parts: Iterable[Expr]) -> bool:
        """Whether the pattern may be found among the parts, by their outlines."""
        return self.outlines <= {outline(p) for p in parts}

    @property
    def signature(self) -> Signature:
        """The structure of both sides, to find the equation that corresponds to this one in another layer."""
        return _signature(self)


@lru_cache(1 << 14)
def _signature(pattern: Pattern) -> Signature:
    return signature((pattern.whole, pattern.value, *pattern.indices))


def pattern(indices: tuple[Index, ...], left: Expr, value: Expr, rule: Rule) -> Pattern | None:
    """The equation as a pattern; `None` where its left side is too plain to be looked for, or stands on its right."""
    terms = multiply_out(left)
    if terms is None:
        return None
    whole = Add(*(t.expression() for t in terms))
    anchors = anchors_of(indices, whole)
    if anchors is None or size(whole) == 0 or whole.is_number:
        return None
    term = factored(whole)
    factors = tuple(term.powers.items())
    tensors = frozenset(tensors_in(whole))
    outlines = outlines_of(whole, factors)
    summand = _summand(indices, whole, value, rule)
    found = Pattern(indices, whole, value, rule, term.coefficient, factors, tensors, anchors, outlines, summand)
    return found if fold(value, Book([found]), {}) == value else None


def _summand(indices: tuple[Index, ...], whole: Expr, value: Expr, rule: Rule) -> Pattern | None:
    """The summand of a pattern that is a sum of products over dummies, with those among its indices."""
    number, rest = whole.as_coeff_Mul()
    if not isinstance(rest, Contraction) or contains(rest, Delta, One, Iverson):
        return None
    term = opened(rest, Names((whole,)))
    every = (*indices, *term.dummies)
    body = term.body()
    anchors = anchors_of(every, body)
    if anchors is None:
        return None
    factors = tuple(term.powers.items())
    tensors = frozenset(tensors_in(body))
    coefficient = number * term.coefficient
    return Pattern(every, body, value, rule, coefficient, factors, tensors, anchors, outlines_of(body, factors))


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
        return self.within(tensors_within(expression))

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
    """Write components of symmetric tensors, and of their inverses, with their indices in one order, so that equal
    terms look equal.
    """
    if not symmetries:
        return expression

    def ordered(node: Expr) -> Expr | None:
        if not isinstance(node, Component | Inverse):
            return None
        best: Component | Inverse = node
        for symmetry in symmetries:
            if symmetry.tensor == node.tensor:
                other = type(node)(node.tensor, *(node.indices[k] for k in symmetry.order))
                if str(other.indices) < str(best.indices):
                    best = other
                    fired[symmetry.rule] = None
        return best

    return replace(expression, ordered)


def fold(expression: Expr, book: Book, fired: dict[Rule, None]) -> Expr:
    """Replace what equals the right side of a definition by its name, innermost first."""
    for _ in range(LONGEST_CHAIN):
        relevant = book.relevant(expression)
        folded = _Folding(relevant, fired, Names((expression,))).fold(expression) if relevant else expression
        if folded == expression:
            break
        expression = folded  # a name that was folded in may be part of another right side
    return expression


class _Folding:
    """One pass of folding over an expression; what occurs in it several times is folded once."""

    def __init__(self, patterns: Sequence[Pattern], fired: dict[Rule, None], names: Names) -> None:
        self.patterns = patterns
        self.fired = fired
        self.names = names
        self.known: dict[Expr, Expr] = {}
        self.chain = 0

    def fold(self, expression: Expr) -> Expr:
        """The expression with everything in it folded."""
        if isinstance(expression, Component | Delta | One | Index) or not expression.args:
            return expression
        found = self.known.get(expression)
        if found is None:
            check_time()
            found = self.known[expression] = self._fold(expression)
        return found

    def _fold(self, expression: Expr) -> Expr:
        present = tensors_within(expression)
        if not any(p.tensors <= present for p in self.patterns):
            return expression
        if isinstance(expression, Contraction) or expression.is_Pow:  # 1/√Σ is folded before the Σ in it
            whole = self._node(expression)
            if whole is not None:
                return self._again(whole)
        if isinstance(expression, Binder):
            body, indices = self.names.open(expression)
            folded = self.fold(body)
            return expression if folded is body else expression.func(folded, *indices)
        arguments = [self.fold(a) if isinstance(a, Expr) else a for a in expression.args]
        changed = any(new is not old for new, old in zip(arguments, expression.args, strict=True))
        result = rebuild(expression, arguments) if changed else expression
        found = self._node(result)
        return result if found is None else self._again(found)

    def _again(self, folded: Expr) -> Expr:
        """What was folded, folded in turn."""
        if self.chain == LONGEST_CHAIN:
            return folded
        self.chain += 1
        result = self.fold(folded)
        self.chain -= 1
        return result

    def _node(self, expression: Expr) -> Expr | None:
        """The expression as a multiple or power of a pattern, which is replaced by its value."""
        present = tensors_within(expression)
        patterns = [p for p in self.patterns if p.tensors <= present and p.whole.is_Add == expression.is_Add]
        if not patterns:
            return None
        if expression.is_Add:
            return self._sum(expression, patterns)
        return self._product(expression, patterns)

    def _sum(self, expression: Expr, patterns: Sequence[Pattern]) -> Expr | None:
        """Fold a sum of terms that is a rational multiple of a pattern."""
        patterns = [p for p in patterns if len(p.whole.args) == len(expression.args) and p.fits((expression,))]
        if not patterns:
            return None
        content, primitive = content_of(expression)
        for pattern in patterns:
            other, left = content_of(pattern.whole)
            for sign in (S.One, S.NegativeOne):
                target = primitive if sign is S.One else Add(*(-a for a in primitive.args))
                for binding in bindings(pattern.indices, pattern.anchors, target):
                    if rename(left, binding) == target:
                        self.fired[pattern.rule] = None
                        return product([sign * content / other, rename(pattern.value, binding)])
        return None

    def _product(self, expression: Expr, patterns: Sequence[Pattern]) -> Expr | None:
        """Fold one pattern into a product: first among whole factors, then inside the sum it is."""
        candidates = [factored(expression)]
        if contains(expression, Contraction):
            candidates.append(opened(expression, self.names))
        for candidate in candidates:
            fitting = [p for p in patterns if p.fits(candidate.powers)]
            whole = candidate.body() if fitting else expression
            for pattern in fitting:
                for binding in bindings(pattern.indices, pattern.anchors, whole):
                    folded = _divide(candidate, pattern, binding)
                    if folded is not None:
                        self.fired[pattern.rule] = None
                        return folded.expression()
        return self._sum_within(candidates[-1], patterns) if len(candidates) > 1 else None

    def _sum_within(self, term: Term, patterns: Sequence[Pattern]) -> Expr | None:
        """Fold a sum that stands inside a larger one: Σ_ik d_i A_ik x_k is Σ_i d_i y_i."""
        candidates = [(p, p.summand) for p in patterns if p.summand and len(p.summand.factors) < len(term.powers)]
        fitting = [(p, inner) for p, inner in candidates if inner.fits(term.powers)]
        if not fitting:
            return None
        whole = term.body()
        for pattern, inner in fitting:
            dummies = inner.indices[len(pattern.indices) :]
            for binding in bindings(inner.indices, inner.anchors, whole):
                bound = {binding[d] for d in dummies}
                folded = _divide(term, inner, binding) if len(bound) == len(dummies) <= len(term.dummies) else None
                if folded is None or not bound <= set(term.dummies):
                    continue
                folded.dummies = tuple(d for d in term.dummies if d not in bound)
                if any(free_indices(b) & bound for b in folded.powers):
                    continue
                self.fired[pattern.rule] = None
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
    if needed.coefficient.is_zero or not needed.coefficient.is_finite:  # at these indices both sides are 0
        return None
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

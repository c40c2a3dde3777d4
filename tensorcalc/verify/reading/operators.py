"""What binds letters or branches: sums, products and maxima, comparisons, cases, matrices written out, derivatives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tensorcalc.verify.latex.derivatives import ANYTHING
from tensorcalc.verify.latex.tree import (
    At,
    BigOperator,
    Bracket,
    Cases,
    DerivativeOf,
    Matrix,
    Node,
    Number,
    Prime,
    Relation,
    Scripted,
    Sequence,
    Sum,
    Symbol,
)
from tensorcalc.verify.problems import NotCheckable
from tensorcalc.verify.reading.functions import Functions
from tensorcalc.verify.reading.values import MINUS, Val, number
from tensorcalc.verify.signs import flat_items, key_of, letter_of
from tensorcalc.verify.terms import (
    Apply,
    Branches,
    Compared,
    CompareIndices,
    Constant,
    Derived,
    Entry,
    One,
    Place,
    Powered,
    Reduced,
    Sloped,
    Term,
    Times,
)

__all__ = ["Operators"]

RELATIONS: Mapping[str, str] = {
    "=": "=", "<": "<", ">": ">", "\\lt": "<", "\\gt": ">", "\\le": "<=", "\\leq": "<=", "\\ge": ">=", "\\geq": ">=",
    "\\ne": "!=", "\\neq": "!=", "\\equiv": "=", "\\leqslant": "<=", "\\geqslant": ">=",
}  # fmt: skip  # fmt: skip


class Operators(Functions):
    """Reads operators."""

    def big(self, node: BigOperator) -> Val:
        kept = self.scope
        bound: list[str] = []
        conditions: list[Term] = []
        self.scope = dict(kept)
        try:
            for item in _bounds(node.lower):
                bound += self.bound(item, node, conditions)
            if not bound:
                raise NotCheckable("a sum without a letter below", node.span)
            body = self.value(node.body)
        finally:
            self.scope = kept
        term = body.term
        if conditions:
            if node.kind != "sum":
                raise NotCheckable("a product or maximum with a lower bound that is no number", node.span)
            term = Times((term, *conditions))
        return replace(body, term=Reduced(node.kind, tuple(bound), term))

    def bound(self, item: Node, node: BigOperator, conditions: list[Term]) -> list[str]:
        """The letters that an item below a sum binds; conditions on them are added."""
        if isinstance(item, Relation) and item.sign in ("=", "\\in"):
            found = self.bind(item.left, node)
            if item.sign == "=" and isinstance(item.right, Number) and item.right.value in (0, 1):
                self.upper(found[0], node, int(item.right.value))
            elif item.sign == "=":
                low = self.place(item.right)
                conditions.append(CompareIndices(">=", Place.of(found[0]), low))
                self.upper(found[0], node)
            elif item.left is not item.right:
                raise NotCheckable("a sum over a set", item.span)
            return found
        if isinstance(item, Relation):
            letters = [x for x in (item.left, item.right) if isinstance(x, Symbol) and x.name not in self.scope]
            if not isinstance(item.left, Symbol):
                raise NotCheckable("a condition below a sum", item.span)
            found = self.bind(letters[0] if len(letters) == 1 else item.left, node)
            relation = RELATIONS.get(item.sign)
            if relation is None:
                raise NotCheckable("a condition below a sum", item.span)
            conditions.append(CompareIndices(relation, self.place(item.left), self.place(item.right)))
            return found
        found = self.bind(item, node)
        if node.upper is not None:
            self.upper(found[0], node)
        return found

    def bind(self, item: Node, node: BigOperator) -> list[str]:
        name = letter_of(item)
        if not name:
            raise NotCheckable("something else than a letter below a sum", node.span)
        if self.is_step(name):
            raise NotCheckable("a sum over steps of time, which are only read one at a time", node.span)
        letter = self.letters.fresh(name + self.suffix)
        self.scope[name] = letter
        return [letter]

    def upper(self, letter: str, node: BigOperator, lower: int = 1) -> None:
        """What the upper bound of a sum says about the dimension of its letter."""
        upper = node.upper
        if upper is None:
            return
        if isinstance(upper, Bracket) and upper.kind in ("group", "|"):
            upper = upper.body
        if not lower and isinstance(upper, Sum) and len(upper.terms) == 2 and upper.subtracted == (False, True):
            first, step = upper.terms
            if isinstance(step, Number) and step.value == 1:  # from 0 to K - 1
                upper, lower = first, 1
        if isinstance(upper, Number) and upper.value.denominator == 1:
            self.ranges.append((letter, int(upper.value) + 1 - lower))
        elif isinstance(upper, Symbol) and not lower:  # from 0 to d: one more than d
            return
        elif isinstance(upper, Symbol) and upper.name != "infty" and upper.name not in self.scope:
            self.ties.append((key_of(upper), letter))
        elif isinstance(upper, Scripted) and isinstance(upper.base, Symbol):
            self.ties.append((self.plain_name(upper), letter))
        else:
            raise NotCheckable("the upper bound of a sum is not read", upper.span)

    def plain_name(self, node: Scripted) -> str:
        key, places, _ = self.parts(node)
        if places:
            raise NotCheckable("a bound that depends on an index", node.span)
        return key

    def relation(self, node: Relation) -> Val:
        """An Iverson bracket."""
        relation = RELATIONS.get(node.sign)
        if relation is None:
            raise NotCheckable("this relation has no value", node.span)
        if self.is_position(node.left) and self.is_position(node.right):
            return Val(CompareIndices(relation, self.place(node.left), self.place(node.right)))
        sides = [self.value(node.left), self.value(node.right)]
        return self.together(sides, lambda terms: Compared(relation, terms[0], terms[1]), node.span)

    def evaluated(self, node: At) -> Val:
        """The value where scalars have the values that a bar says."""
        body = self.value(node.body)
        for condition in node.conditions:
            if not isinstance(condition, Relation) or condition.sign != "=":
                raise NotCheckable("a condition that is no equation", node.span)
            name, value = self.value(condition.left), self.value(condition.right)
            if not isinstance(name.term, Entry) or name.term.places or value.axes:
                raise NotCheckable("the value of something else than a scalar", condition.span)
            body = replace(body, term=Sloped(body.term, name.term.name, value.term, 0))
        return body

    def cases(self, node: Cases) -> Val:
        values: list[Term] = []
        conditions: list[Term] = []
        for value, condition in node.branches:
            inside = self.value(value)
            if inside.axes:
                raise NotCheckable("cases of vectors or matrices", node.span)
            values.append(inside.term)
            if condition is None:
                conditions.append(number(1))
            elif isinstance(condition, Relation):
                conditions.append(self.relation(condition).term)
            else:
                raise NotCheckable("a condition that is no comparison", condition.span)
        return Val(Branches(tuple(values), tuple(conditions)))

    def matrix(self, node: Matrix) -> Val:
        """A matrix written out: only one that is full of ones is read."""
        if len(node.rows) == 1 and all(_is_one(c) for c in node.rows[0]):
            letter = self.letters.fresh("i")
            return Val(One(Place.of(letter)), (letter,), row=True)
        if all(len(r) == 1 and _is_one(r[0]) for r in node.rows):
            letter = self.letters.fresh("i")
            return Val(One(Place.of(letter)), (letter,))
        raise NotCheckable("a matrix written out by its entries", node.span)

    def derivative(self, node: DerivativeOf) -> Val:
        if not node.variables:
            raise NotCheckable("∇ needs a subscript that says by what", node.span)
        result = self.value(node.numerator)
        for variable in node.variables:
            result = self.derived(result, variable, node)
        return result

    def derived(self, body: Val, variable: Node, node: DerivativeOf) -> Val:
        if isinstance(variable, Symbol) and variable.name == ANYTHING and not self.names.laws:
            raise NotCheckable("a differential alone has no value", node.span)
        found = self.value(variable)
        term = found.term
        if not isinstance(term, Entry):
            entry, slope = _inner(term)
            if entry is None or body.axes or found.axes:
                raise NotCheckable("the derivative by something that is no tensor", variable.span)
            inside = Derived(body.term, entry.name, entry.places, node.total and self.names.survey.both_signs)
            return Val(Times((inside, Powered(slope, MINUS))))
        total = node.total and self.names.survey.both_signs
        result = Derived(body.term, term.name, term.places, total)
        if body.axes and found.axes:
            if len(body.axes) == 1 and len(found.axes) == 1:
                self.laid |= not isinstance(body.term, Derived)
                if self.layout == "denominator":
                    return Val(result, (*found.axes, *body.axes))
            return Val(result, (*body.axes, *found.axes))
        if found.axes:
            return Val(result, found.axes, found.row)
        return Val(result, body.axes, body.row)


def _inner(term: Term) -> tuple[Entry | None, Term]:
    """The entry of which a term is an invertible function, as log σ^2 is of σ, and the derivative of the term by it."""
    match term:
        case Entry():
            return term, number(1)
        case Times(factors=(only,)):
            return _inner(only)
        case Powered(base=base, exponent=Constant() as power):
            entry, slope = _inner(base)
            return entry, Times((power, Powered(base, number(power.value - 1)), slope))
        case Apply(name="log", arguments=(inside,), primes=0):
            entry, slope = _inner(inside)
            return entry, Times((Powered(inside, MINUS), slope))
        case Apply(name="exp", arguments=(inside,), primes=0):
            entry, slope = _inner(inside)
            return entry, Times((term, slope))
    return None, term


def _is_one(node: Node) -> bool:
    return (isinstance(node, Number) and node.value == 1) or (isinstance(node, Prime) and node.sign == "...")


def _bounds(node: Node | None) -> list[Node]:
    if node is None:
        return []
    if isinstance(node, Sequence):
        return [x for item in node.items for x in _bounds(item)]
    if isinstance(node, Relation):
        return [node]
    return flat_items(node)

"""From an expression in index notation to a matrix formula: factors become vectors and matrices of a network.

The letters of sums are those that are printed for the expression, so that a reader finds them again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from sympy import Add, Expr, Mul, Pow, S

from tensorcalc.binding import Binder, Contraction, free_indices, product
from tensorcalc.binding import replace as replace_nodes
from tensorcalc.expr import Component, Delta, Determinant, Inverse, Iverson, LogDeterminant, One, Partial
from tensorcalc.functions import function_of
from tensorcalc.index import Index, Tensor
from tensorcalc.matrix.network import Edge, Network, entrywise
from tensorcalc.matrix.nodes import (
    Basis,
    Det,
    Diagonal,
    Elementwise,
    Hadamard,
    Identity,
    Node,
    NoMatrixForm,
    Ones,
    Outer,
    Power,
    Product,
    Scalar,
    Scaled,
    Selection,
    SliceSum,
    Sum,
    Transpose,
    as_row,
    lighter,
    transposes,
)
from tensorcalc.matrix.places import at_places, held, named, named_parts, places_of, slice_indices
from tensorcalc.render.context import Context
from tensorcalc.render.order import factor_key
from tensorcalc.render.walk import opened_as_written, terms_as_written
from tensorcalc.rules.algebra import EXPAND, ungroup
from tensorcalc.rules.rule import Rule
from tensorcalc.rules.terms import Names, opened

__all__ = ["converted"]


def converted(
    expression: Expr, axes: tuple[Index, ...], slices: frozenset[Index], context: Context
) -> tuple[Node, tuple[Rule, ...]]:
    """The matrix formula of an expression over at most two free indices, and the rules that were needed before.

    `slices` are held fixed, there is one formula for each. A product that sums the rows of a matrix is written with a
    row of ones: 𝟏ᵀ G. Raises `NoMatrixForm`.
    """
    if expression is S.Zero:
        return Scalar(S.Zero), ()
    conversion = _Conversion(context)
    node = conversion.node(ungroup(expression), axes, _Scope(set(context.taken), slices))
    return _summed_rows(node), tuple(conversion.rules)


def _summed_rows(node: Node) -> Node:
    if isinstance(node, Scaled) and node.body is not None:
        return replace(node, body=_summed_rows(node.body))
    if isinstance(node, SliceSum):
        return replace(node, body=_summed_rows(node.body))
    if isinstance(node, Product) and node.left is None and isinstance(node.right, Ones):
        row = as_row(node)
        return row if transposes(row) < transposes(node) else node
    return node


@dataclass(frozen=True, slots=True)
class _Scope:
    """The letters in use in the product around, and the indices that are held fixed."""

    taken: set[str]
    slices: frozenset[Index]

    def branches(self, terms: Sequence[Expr]) -> Iterator[tuple[Expr, _Scope]]:
        """Added terms, each with a scope of its own: they may use the same letters, but no other factor beside them."""
        scopes = [_Scope(set(self.taken), self.slices) for _ in terms]
        yield from zip(terms, scopes, strict=True)
        for scope in scopes:
            self.taken.update(scope.taken)

    def without(self, letters: Sequence[Index]) -> _Scope:
        """The scope in which some letters are free for use again."""
        return _Scope(self.taken - {i.name for i in letters}, self.slices)

    def free(self, expression: Expr) -> frozenset[Index]:
        """The indices that an expression depends on."""
        return free_indices(expression) - self.slices


@dataclass(frozen=True, slots=True)
class _Conversion:
    """The conversion of one expression. `rules` collects what was done to it."""

    context: Context
    rules: dict[Rule, None] = field(default_factory=dict)

    def node(self, e: Expr, axes: tuple[Index, ...], scope: _Scope) -> Node:
        """An expression whose free indices are among `axes`, over all of them."""
        free = scope.free(e)
        if not free:
            return _broadcast(self.scalar(e, scope), axes)
        if not free <= set(axes):
            raise NoMatrixForm
        if isinstance(e, Add):
            terms = terms_as_written(e, replace(self.context, taken=frozenset(scope.taken)))
            return lighter(_sum([self.node(t, axes, branch) for t, branch in scope.branches(terms)]))
        if isinstance(e, Mul | Contraction) or free != set(axes):
            return lighter(self.product(e, axes, scope))
        return lighter(self.factor(e, axes, scope))

    def scalar(self, e: Expr, scope: _Scope) -> Node:
        """An expression without free indices."""
        if isinstance(e, Determinant | LogDeterminant):
            return Det(named(Component(e.tensor, *_letters(e.tensor))), isinstance(e, LogDeterminant))
        if not e.has(Binder, Determinant, LogDeterminant):
            if any(free_indices(d) for d in e.atoms(Delta, Iverson)):  # it compares slices
                raise NoMatrixForm
            return Scalar(replace_nodes(e, _without_one))  # what is left are ones over slices
        if isinstance(e, Add):
            terms = terms_as_written(e, replace(self.context, taken=frozenset(scope.taken)))
            return _sum([self.scalar(t, branch) for t, branch in scope.branches(terms)])
        if isinstance(e, Mul | Contraction):
            return self.product(e, (), scope)
        return self.factor(e, (), scope)

    def factor(self, e: Expr, axes: tuple[Index, ...], scope: _Scope) -> Node:
        """A factor of a product, over exactly the indices that it depends on."""
        if isinstance(e, Component | Inverse | Partial):
            return self.product(e, axes, scope) if _is_selecting(e, scope) else _entry(e, axes, scope)
        if isinstance(e, One):
            return Ones(_plain(e.index).dimension)
        if isinstance(e, Delta):
            return _delta(e, axes, scope)
        if isinstance(e, Pow) and function_of(e) is None:
            if scope.free(e.exp) or e.exp.has(Binder, Determinant, LogDeterminant):
                raise NoMatrixForm
            return Power(self.node(e.base, axes, scope), e.exp)
        if function_of(e) is None:
            raise NoMatrixForm
        arguments = [self.node(a, axes, scope) if scope.free(a) else self.scalar(a, scope) for a in e.args]
        return Elementwise(type(e), tuple(arguments))

    def product(self, e: Expr, axes: tuple[Index, ...], scope: _Scope) -> Node:
        """A product with its sums: what depends on no index in front, a network of the rest."""
        factors, dummies = self.factors(e, scope)
        wide = next((f for f in factors if isinstance(f, Add) and len(scope.free(f)) > 2), None)
        if wide is not None:
            self.rules[EXPAND] = None
            return self.node(_multiplied_out(wide, factors, dummies), axes, scope.without(dummies))
        lead = slice_indices(Mul(*factors, evaluate=False)) & set(dummies)
        inner = _Scope(scope.taken, scope.slices | lead)
        factors, links = self.selected(factors, inner)
        network = Network(axes, [d for d in (*dummies, *links) if d not in lead])
        numbers: list[Expr] = []
        for factor in sorted(factors, key=lambda f: factor_key(f, self.context)):
            self.place(factor, network, numbers, inner)
        body = network.reduce()
        held = [n for n in numbers if not lead.isdisjoint(free_indices(n))] if lead else []
        outside = product([n for n in numbers if n not in held])
        if not lead:
            return _scaled(outside, network.scalars, body)
        for dummy in dummies:
            if dummy in lead:
                body = SliceSum(dummy, _scaled(product(held), network.scalars, body))
                network.scalars, held = [], []
        return _scaled(outside, [], body)

    def factors(self, e: Expr, scope: _Scope) -> tuple[list[Expr], list[Index]]:
        """The factors of a product with all its sums opened, and their dummies."""
        factors: list[Expr] = []
        dummies: list[Index] = []
        stack = [e]
        while stack:
            factor = stack.pop()
            if isinstance(factor, Mul):
                stack.extend(reversed(factor.args))
            elif isinstance(factor, Contraction):
                body, letters = opened_as_written(factor, self.context, scope.taken)
                dummies += letters
                stack.append(body)
            else:
                factors.append(factor)
        return factors, dummies

    def selected(self, factors: Sequence[Expr], scope: _Scope) -> tuple[list[Expr], list[Index]]:
        """The factors with sums over δ where labels select, x_iT as x_ij δ_jT, and the indices of those sums."""
        found: list[Expr] = []
        links: list[Index] = []
        for factor in factors:
            places = list(places_of(factor)) if _is_selecting(factor, scope) else []
            count = held(places, scope.slices)
            for k, place in enumerate(places):
                if k >= count and not isinstance(place, Index):
                    dimension = factor.tensor.dimensions[k]
                    letter = self.context.letter(Index("'", dimension), factor, scope.taken)
                    scope.taken.add(letter)
                    places[k] = Index(letter, dimension)
                    links.append(places[k])
                    found.append(Delta(place, places[k]))
            found.append(at_places(factor, iter(places)) if places else factor)
        return found, links

    def place(self, factor: Expr, network: Network, numbers: list[Expr], scope: _Scope) -> None:
        """Put a factor into the network: by the number of its indices a scalar, a label or an edge."""
        free = scope.free(factor)
        if len(free) > 2:
            raise NoMatrixForm
        if not free:
            node = self.scalar(factor, scope)
            if isinstance(node, Scalar):
                numbers.append(node.expression)
            else:
                network.scalars.append(node)
            return
        axes = _natural(factor, free)
        node = self.node(factor, axes, scope)
        if len(axes) == 2:
            network.edges.append(Edge(*axes, (node,)))
        else:
            network.label(axes[0], node)


def _without_one(node: Expr) -> Expr | None:
    return S.One if isinstance(node, One) else None


def _is_selecting(e: Expr, scope: _Scope) -> bool:
    """Whether a component has labels or numbers beside free indices: x_iT, x_{n T_n}."""
    if not isinstance(e, Component) or not scope.free(e):
        return False
    places = e.indices[held(e.indices, scope.slices) :]
    if all(isinstance(p, Index) for p in places):
        return False
    if len(places) > 2:
        raise NoMatrixForm
    return True


def _multiplied_out(wide: Expr, factors: Sequence[Expr], dummies: Sequence[Index]) -> Expr:
    """The product with one of its brackets multiplied out, every sum around what it needs."""
    others = [f for f in factors if f is not wide]
    products = [Contraction(product([*others, term]), *dummies) for term in wide.args]
    return Add(*(opened(p, Names((p,))).expression() for p in products))


def _natural(factor: Expr, free: frozenset[Index]) -> tuple[Index, ...]:
    """The indices of a factor in the order in which its first component that has them all holds them."""
    if isinstance(factor, Delta):  # a label before the index that it selects
        return tuple(f for i in sorted(factor.indices, key=_is_index) for f in free_indices(i) if f in free)
    for node in named_parts(factor):
        found = tuple(dict.fromkeys(p for p in places_of(node) if p in free))
        if len(found) == len(free):
            return found
    return tuple(sorted(free, key=str))


def _is_index(place: Expr) -> bool:
    return isinstance(place, Index)


def _entry(e: Expr, axes: tuple[Index, ...], scope: _Scope) -> Node:
    """A component by name: x_ij, x_ji, x_ii."""
    whole = named(e, scope.slices)
    places = places_of(e)[-len(whole.axes) :]
    if not all(isinstance(p, Index) for p in places):
        raise NoMatrixForm
    if places == axes:
        return whole
    return Transpose(whole) if len(axes) == 2 else Diagonal(whole)


def _delta(delta: Delta, axes: tuple[Index, ...], scope: _Scope) -> Node:
    """δ of two indices, of an index and a label, or of an index and a label for each value of another one."""
    place, index = sorted(delta.indices, key=_is_index)
    if not isinstance(index, Index) or index in scope.slices:
        raise NoMatrixForm
    if not scope.free(place):
        return Basis(place, index.dimension)
    if isinstance(place, Index):
        if place.dimension != index.dimension:
            raise NoMatrixForm
        return Identity(index.dimension)
    if not isinstance(place, Component):
        raise NoMatrixForm
    selection = Selection(named(place, scope.slices), index.dimension)
    return selection if axes[1] == index else Transpose(selection)


def _plain(index: Expr) -> Index:
    if not isinstance(index, Index):
        raise NoMatrixForm
    return index


def _letters(tensor: Tensor) -> tuple[Index, ...]:
    return tuple(Index(f"'{k}", d) for k, d in enumerate(tensor.dimensions))


def _sum(terms: Sequence[Node]) -> Sum:
    """Added terms; sums among them, which come from brackets that were multiplied out, are joined."""
    return Sum(tuple(t for term in terms for t in (term.terms if isinstance(term, Sum) else (term,))))


def _broadcast(scalar: Node, axes: tuple[Index, ...]) -> Node:
    """A scalar for every entry of a vector or matrix."""
    if not axes:
        return scalar
    ones = [Ones(i.dimension) for i in axes]
    body = ones[0] if len(ones) == 1 else Outer(*ones)
    return _scaled(S.One, [scalar], body)


def _scaled(number: Expr, scalars: Sequence[Node], body: Node | None) -> Node:
    """A scalar times a vector or matrix; scalars with negative exponents become divisors."""
    factors: list[Node] = []
    divisors: list[Node] = []
    for scalar in scalars:
        match scalar:
            case Scalar(expression):
                number = product([number, expression])
            case Scaled(body=None):
                number = product([number, scalar.number])
                factors += scalar.factors
                divisors += scalar.divisors
            case _:
                factors.append(scalar)
    if factors:
        joined = entrywise(factors)
        above, below = (joined.factors, joined.divisors) if isinstance(joined, Hadamard) else ((joined,), ())
        factors, divisors = list(above), [*below, *divisors]
    if factors or divisors:
        if body is None and number is S.One and not divisors and len(factors) == 1:
            return factors[0]
        return Scaled(number, tuple(factors), tuple(divisors), body)
    if body is None:
        return Scalar(number)
    return body if number is S.One else Scaled(number, (), (), body)

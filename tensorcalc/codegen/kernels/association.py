"""In which order sums that stand inside sums are taken: Σ_e a_e (Σ_j B_ej c_j) is Σ_j (Σ_e a_e B_ej) c_j.

Which is cheaper depends on the sizes, and on what the program has to compute anyway: where Σ_e a_e B_ej is known,
the sum over j is all that is left. Sizes that are not fixed are taken to be equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from sympy import Expr, Mul

from tensorcalc.binding import free_indices, product, rename
from tensorcalc.codegen.kernels.products import is_product
from tensorcalc.codegen.kernels.statements import Operation, Statement, unused
from tensorcalc.codegen.matching import matched
from tensorcalc.expr import Component
from tensorcalc.index import Index, Tensor

__all__ = ["reassociated"]

NOMINAL = 128  # the length assumed of a dimension whose size is not fixed
MEMORY = 4  # the cost of an entry that is written and read again, in operations
MOST = 6  # factors for which every order is tried
BLAS = 8  # operations that a product of matrices does in the time that another sum takes for one
GAIN = 0.9  # the part of the cost that another order may have, to be taken


def reassociated(statements: Sequence[Statement], outputs: Iterable[Tensor], taken: set[str]) -> list[Statement]:
    """The statements, with sums of sums taken in a cheaper order where there is one; what is new gets other names than
    those `taken`.
    """
    found = list(statements)
    kept = frozenset(outputs)
    tried: set[Tensor] = set()
    while True:
        chain = next((c for c in _chains(found, kept) if c.whole.tensor not in tried), None)
        if chain is None:
            return found
        tried.add(chain.whole.tensor)
        new = _Search(chain, found).best(taken)
        if new:
            place = found.index(chain.whole)
            gone = (chain.whole, *chain.inner)
            found = _in_order([s for s in (*found[:place], *new, *found[place:]) if not any(s is g for g in gone)])


@dataclass
class _Chain:
    """A sum with the sums and products in it that nothing else needs: together Σ_dummies of the product of factors."""

    whole: Statement
    factors: list[Expr] = field(default_factory=list)
    dummies: list[Index] = field(default_factory=list)
    inner: list[Statement] = field(default_factory=list)

    @property
    def cost(self) -> float:
        """What it costs as it is written."""
        return sum(_cost(s) for s in (self.whole, *self.inner))

    @property
    def has_choice(self) -> bool:
        """Whether there may be another order."""
        sums = sum(s.operation is Operation.SUM for s in self.inner)
        return bool(sums or (len(self.factors) > 2 and len(self.dummies) > 1)) and len(self.factors) <= MOST

    def open(self, e: Expr, alone: Mapping[Tensor, Statement]) -> None:
        """Take the factors of an expression, and in place of each sum or product that is read here alone its own."""
        for factor in Mul.make_args(e):
            made = alone.get(factor.tensor) if isinstance(factor, Component) else None
            if made is None or not _is_product(made):
                self.factors.append(factor)
                continue
            assert isinstance(factor, Component)
            names: dict[Index, Expr] = {}
            for dummy in made.dummies:
                names[dummy] = Index(f"'{len(self.dummies)}", dummy.dimension)
                self.dummies.append(names[dummy])
            names |= {i: e for i, e in zip(made.target, factor.indices, strict=True) if isinstance(i, Index)}
            self.inner.append(made)
            self.open(rename(made.expression, names), alone)


def _chains(statements: Sequence[Statement], outputs: frozenset[Tensor]) -> Iterator[_Chain]:
    """The sums of products of which the order may be another."""
    makers: dict[Tensor, list[Statement]] = {}
    reads: dict[Tensor, int] = {}
    for statement in statements:
        makers.setdefault(statement.tensor, []).append(statement)
        for access in statement.accesses:
            reads[access.tensor] = reads.get(access.tensor, 0) + 1
    alone = {t: made[0] for t, made in makers.items() if t not in outputs and len(made) == 1 and reads.get(t) == 1}
    for statement in statements:
        if statement.operation is not Operation.SUM or not _is_product(statement) or len(makers[statement.tensor]) > 1:
            continue
        chain = _Chain(statement, dummies=list(statement.dummies))
        chain.open(statement.expression, alone)
        if chain.has_choice:
            yield chain


def _is_product(statement: Statement) -> bool:
    """Whether a statement is a sum, or a product with plain indices on its left that is no other function."""
    plain = all(isinstance(t, Index) for t in statement.target) and len(set(statement.target)) == len(statement.target)
    if not plain or statement.operation not in (Operation.SUM, Operation.ASSIGN):
        return False
    return statement.operation is Operation.SUM or isinstance(statement.expression, Mul)


def _cost(statement: Statement) -> float:
    """About what a statement costs: products of matrices do many operations in the time of one."""
    done = _extent(statement.loops) / (BLAS if is_product(statement) else 1)
    return done + MEMORY * _extent(statement.free)


def _extent(indices: Iterable[Index]) -> int:
    return prod(i.dimension.size or NOMINAL for i in indices)


@dataclass(frozen=True)
class _Value:
    """The sum over the dummies inside of a product of some factors: what it costs, as an expression, by what means."""

    cost: float
    expression: Expr
    made: tuple[Statement, ...] = ()


class _Search:
    """Every order in which the factors of a chain can be multiplied and summed, two at a time."""

    def __init__(self, chain: _Chain, statements: Sequence[Statement]) -> None:
        self.chain = chain
        self.free = frozenset(chain.whole.free)
        self.known = _independent(chain, statements)
        self.values: dict[frozenset[int], _Value] = {}

    def best(self, taken: set[str]) -> tuple[Statement, ...]:
        """The statements of the cheapest order, the whole as the last; none where it is not worth while."""
        every = frozenset(range(len(self.chain.factors)))
        value = min((self._joined(every, part) for part in _parts(every)), key=lambda v: v.cost, default=None)
        if value is None or value.cost >= GAIN * self.chain.cost:
            return ()
        return self._named(value, taken)

    def _named(self, value: _Value, taken: set[str]) -> tuple[Statement, ...]:
        """The statements with the name of the chain's sum for the last, and names for the others."""
        whole = self.chain.whole
        made = list(value.made)
        if not made or value.expression != Component(made[-1].tensor, *made[-1].free):
            made.append(Statement(whole.tensor, whole.free, whole.free, Operation.ASSIGN, value.expression))
        names = {s.tensor: Tensor(unused("sum", taken), s.tensor.dimensions) for s in made[:-1]}
        names[made[-1].tensor] = whole.tensor
        axes = {made[-1].tensor: whole.target}
        return tuple(
            Statement(names[s.tensor], axes.get(s.tensor, s.target), s.loops, s.operation, s.expression.xreplace(names))
            for s in made
        )

    def _value(self, some: frozenset[int]) -> _Value:
        if some not in self.values:
            self.values[some] = self._found(some)
        return self.values[some]

    def _found(self, some: frozenset[int]) -> _Value:
        """The cheapest way to a part of the factors."""
        free, inside = self._roles(some)
        whole = product(self.chain.factors[k] for k in some)
        if inside:
            for statement in self.known:
                names = matched(statement.expression, statement.loops, whole)
                if names is not None and {names.get(i, i) for i in statement.dummies} == set(inside):
                    return _Value(0, rename(Component(statement.tensor, *statement.target), names))
        if len(some) > 1:
            return min((self._joined(some, part) for part in _parts(some)), key=lambda v: v.cost)
        return self._summed(free, inside, whole, 0, ())

    def _joined(self, some: frozenset[int], part: frozenset[int]) -> _Value:
        """Some factors as the product of a part of them and the rest, summed over what neither needs any more."""
        a, b = self._value(part), self._value(some - part)
        free, inside = self._roles(some)
        return self._summed(free, inside, product((a.expression, b.expression)), a.cost + b.cost, (*a.made, *b.made))

    def _summed(
        self, free: tuple[Index, ...], inside: tuple[Index, ...], e: Expr, cost: float, made: tuple[Statement, ...]
    ) -> _Value:
        dummies = tuple(i for i in inside if i in free_indices(e))
        if not dummies:
            return _Value(cost, e, made)
        free = _axes(free, e)
        loops = (*free, *dummies)
        tensor = Tensor(f"'{len(made)} {e}", tuple(i.dimension for i in free))
        statement = Statement(tensor, free, loops, Operation.SUM, e)
        return _Value(cost + _cost(statement), Component(tensor, *free), (*made, statement))

    def _roles(self, some: frozenset[int]) -> tuple[tuple[Index, ...], tuple[Index, ...]]:
        """The indices that a product of factors keeps, and those it is summed over."""
        factors = self.chain.factors
        own: frozenset[Index] = frozenset().union(*(free_indices(factors[k]) for k in some))
        others: frozenset[Index] = frozenset().union(*(free_indices(f) for k, f in enumerate(factors) if k not in some))
        order = [*self.chain.whole.free, *self.chain.dummies]
        kept = tuple(i for i in order if i in own and (i in self.free or i in others))
        return kept, tuple(i for i in order if i in own and i not in kept)


def _axes(free: tuple[Index, ...], e: Expr) -> tuple[Index, ...]:
    """The axes of a new tensor: last those of the largest factor as they stand there, so that it need not be turned."""
    components = sorted(e.atoms(Component), key=lambda c: (-len(free_indices(c)), str(c)))
    if len(components) < 2 or len(free_indices(components[0])) == len(free_indices(components[1])):
        return free
    largest = dict.fromkeys(i for i in components[0].indices if isinstance(i, Index) and i in free)
    return (*(i for i in free if i not in largest), *largest)


def _parts(some: frozenset[int]) -> Iterator[frozenset[int]]:
    """Every proper part that holds the least of some numbers: each way to take them apart once."""
    first, *rest = sorted(some)
    for chosen in range(2 ** len(rest) - 1):
        yield frozenset((first, *(r for place, r in enumerate(rest) if chosen >> place & 1)))


def _independent(chain: _Chain, statements: Sequence[Statement]) -> list[Statement]:
    """The sums of the program that wait for none of a chain's."""
    late = {s.tensor for s in (chain.whole, *chain.inner)}
    grown = True
    while grown:
        new = {s.tensor for s in statements if any(a.tensor in late for a in s.accesses)} - late
        late |= new
        grown = bool(new)
    return [s for s in statements if s.operation is Operation.SUM and s.tensor not in late and _is_product(s)]


def _in_order(statements: Sequence[Statement]) -> list[Statement]:
    """The statements with each after what it reads, else in the order they have."""
    waiting = list(statements)
    found: list[Statement] = []
    while waiting:
        unmade = {s.tensor for s in waiting}
        ready = next(s for k, s in enumerate(waiting) if _may_run(s, waiting[:k], unmade))
        waiting = [s for s in waiting if s is not ready]
        found.append(ready)
    return found


def _may_run(statement: Statement, before: Sequence[Statement], unmade: set[Tensor]) -> bool:
    """Whether a statement finds what it reads; what is added to a tensor comes after what was before."""
    read = {a.tensor for a in statement.accesses}
    return read.isdisjoint(unmade) and all(s.tensor != statement.tensor for s in before)

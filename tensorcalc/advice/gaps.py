"""The steps between two lines: the engine's rules, taken one after the other from the first line to the second.

Every step of the engine that applies to a line leads to another one; the shortest way to the author's next line is what
an author has left out. Without a next line, or where no way is found, the steps are those that the engine would take.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from sympy import Add, Expr

from tensorcalc.binding import Contraction, free_indices, product, replace
from tensorcalc.derivation import Lemma, Step
from tensorcalc.derivation.engine import SUBSTITUTE, Engine
from tensorcalc.derivation.line import FAMILIES
from tensorcalc.draft.families import Families, masked, unmasked
from tensorcalc.draft.substitution import substituted, unfolded
from tensorcalc.errors import TensorCalcError
from tensorcalc.expr import Component, Partial, contains
from tensorcalc.index import Adjoint, BoundIndex, Index, Tensor
from tensorcalc.rules.algebra import REARRANGE, multiply_out, ungroup
from tensorcalc.rules.collecting import without_idle_ones
from tensorcalc.rules.contraction import contract
from tensorcalc.rules.derivatives import CHAIN
from tensorcalc.rules.rule import Rule
from tensorcalc.rules.scope import Scope

__all__ = ["Gap"]

LINES = 90  # that are looked at between two lines of an article
LONGEST = 6  # steps
GREEDY = 24


class Gap:
    """Finds steps in the setting of an article; `lemmas` are derivatives that were found before."""

    def __init__(self, engine: Engine, lemmas: Sequence[Lemma]) -> None:
        self.engine = engine
        self.lemmas = lemmas

    def between(self, start: Expr, end: Expr) -> tuple[Step, ...]:
        """The shortest way from one line to another; empty where none is found."""
        goal = _key(end)
        indices = self.indices(start)
        queue: deque[tuple[Expr, tuple[Step, ...]]] = deque([(start, ())])
        ways: dict[Expr, tuple[Step, ...]] = {_key(start): ()}
        while queue and len(ways) < LINES:
            line, steps = queue.popleft()
            if len(steps) == LONGEST:
                continue
            for step in self.moves(line, indices):
                key = _key(step.expression)
                if key in ways:
                    continue
                ways[key] = (*steps, step)
                if key == goal:
                    return (*steps, Step(end, step.rules))
                queue.append((step.expression, ways[key]))
        walk = self.onward(start)
        for number, step in enumerate(walk):
            key = _key(step.expression)
            if key == goal:
                return (*walk[:number], Step(end, step.rules))
            ways.setdefault(key, walk[: number + 1])
        return self.rearranged(ways, end)

    def rearranged(self, ways: dict[Expr, tuple[Step, ...]], end: Expr) -> tuple[Step, ...]:
        """The shortest way to a line with the same terms as the last one, which are then put in order; rather one on
        which every δ was contracted by a step of its own.
        """
        wanted = _terms(end)
        if wanted is None:
            return ()
        same = [way for key, way in ways.items() if _terms(key) == wanted]
        if not same:
            return ()
        first = next(iter(ways))
        way = min(same, key=lambda w: (not _is_contracted(w[-1].expression if w else first), len(w)))
        return (*way, Step(end, (REARRANGE,)))

    def onward(self, start: Expr) -> tuple[Step, ...]:
        """The steps that the engine takes from a line to the shortest form of its value."""
        indices = self.indices(start)
        steps: list[Step] = []
        line = start
        for _ in range(GREEDY):
            step = next(self.derivatives(line), None)
            if step is None:
                break
            steps.append(step)
            line = step.expression
        return () if contains(line, Partial) else (*steps, *self.engine.simplify(line, indices))

    def moves(self, line: Expr, indices: tuple[Index, ...]) -> Iterator[Step]:
        """Every line that one step leads to, the likeliest first."""
        try:
            yield from self.derivatives(line)
            yield from self.algebra(line, indices)
            yield from self.written_out(line)
        except TensorCalcError:  # a line that is too long
            return

    def derivatives(self, line: Expr) -> Iterator[Step]:
        """Steps of differentiation: a rule on formulas, a value from above, the chain rule, a definition."""
        for family in FAMILIES:
            fired: dict[Rule, None] = {}
            found = replace(line, partial(self._ruled, family, fired))
            if found != line:
                yield Step(found, tuple(fired))
        known = replace(line, lambda node: self._known(node, line))
        if known != line:
            yield Step(ungroup(known), (SUBSTITUTE,))
        yield from self._chained(line)
        for definition in self.engine.system.definitions:
            found = replace(line, lambda node, d=definition: unfolded(node, d) if isinstance(node, Partial) else None)  # type: ignore[misc]
            if found != line:
                yield Step(found, (Rule(f"definition of {definition.tensor.spoken}"),))

    def _ruled(self, family: object, fired: dict[Rule, None], node: Expr) -> Expr | None:
        if not isinstance(node, Partial) or self._is_named(node):
            return None
        scope = Scope(self.engine.system, node.wrt.tensor, node.direct)
        assert callable(family)
        found = family(node, scope, fired)
        return found if isinstance(found, Expr) and found != node else None

    def _is_named(self, node: Expr) -> bool:
        """Whether a derivative is that of another definition, which has a formula of its own."""
        inner = node.expression if isinstance(node, Partial) else node
        return (
            isinstance(inner, Component)
            and inner.tensor in self.engine.system.by_tensor
            and inner.tensor != node.wrt.tensor
        )

    def _known(self, node: Expr, line: Expr) -> Expr | None:
        """The value of a derivative from above; the whole line is what is asked for."""
        if node == line:
            return None
        for lemma in self.lemmas:
            value = substituted(node, lemma, self.engine.system)
            if value is not None:
                return value
        return None

    def _chained(self, line: Expr) -> Iterator[Step]:
        """The chain rule for a derivative that is the whole line; one that depends on its variable by its formula, too,
        is differentiated by its formula.
        """
        ways: list[list[Expr]] = []
        if isinstance(line, Component) and isinstance(line.tensor, Adjoint):
            wrt = Component(line.tensor.of, *line.indices)
            ways.append(list(self._back(wrt, lambda middle: Component(Adjoint(middle.tensor), *middle.indices))))
        elif isinstance(line, Partial) and self._is_named(line) and not line.direct:
            if not line.expression.indices:
                end = line.expression.tensor
                ways.append(list(self._back(line.wrt, lambda middle: Partial(line.expression, middle), end)))
            ways.append(list(self._through(line)))
        for links in ways:
            if links and not any(isinstance(link, Partial) for link in links):
                yield Step(Add(*links), (CHAIN,))

    def _back(self, wrt: Component, outer: Callable[[Component], Expr], end: Tensor | None = None) -> Iterator[Expr]:
        """∂l/∂x by way of everything that x makes; `outer` is ∂l by that, and `end` is l where it is defined."""
        system = self.engine.system
        needed = {d.tensor for d in system.needed((end,))} if end is not None else None
        for user in system.consumers.get(wrt.tensor, ()):
            if user.tensor == end:
                yield Partial(user.lhs, wrt, True)
            elif needed is None or user.tensor in needed:
                own = self.engine.letters.own(user.tensor, wrt.indices)
                middle = Component(user.tensor, *own)
                yield Contraction(product([outer(middle), Partial(middle, wrt, True)]), *own)

    def _through(self, line: Partial) -> Iterator[Expr]:
        """∂y/∂x by way of everything in y's formula that moves with x."""
        system = self.engine.system
        moving = system.depends((line.wrt.tensor,))
        free = tuple(i for i in free_indices(line) if not isinstance(i, BoundIndex))
        for tensor in system.uses[line.expression.tensor]:
            if tensor == line.wrt.tensor:
                yield Partial(line.expression, line.wrt, True)
            elif tensor in moving:
                own = self.engine.letters.own(tensor, free)
                middle = Component(tensor, *own)
                pair = product([Partial(line.expression, middle, True), Partial(middle, line.wrt)])
                yield Contraction(pair, *own)

    def algebra(self, line: Expr, indices: tuple[Index, ...]) -> Iterator[Step]:
        """Steps of algebra: contraction, brackets, definitions folded, collecting; derivatives stay as they are."""
        plain, derivatives = masked(line)
        families = Families(self.engine.system, self.engine.book, indices, {})
        for rewrite in families.rewrites(plain) if not isinstance(plain, Component) else ():
            if rewrite.rules and rewrite.expression != plain:
                yield Step(unmasked(rewrite.expression, derivatives), rewrite.rules)
        for step in self.engine.simplify(plain, indices):
            yield Step(unmasked(step.expression, derivatives), step.rules)

    def written_out(self, line: Expr) -> Iterator[Step]:
        """Definitions written out."""
        for definition in self.engine.system.definitions:
            found = replace(line, lambda node, d=definition: node if isinstance(node, Partial) else unfolded(node, d))  # type: ignore[misc]
            if found != line:
                yield Step(ungroup(found), (Rule(f"definition of {definition.tensor.spoken}"),))

    def indices(self, line: Expr) -> tuple[Index, ...]:
        """The free indices that every line keeps, in order."""
        found = [i for i in free_indices(line) if not isinstance(i, BoundIndex)]
        return tuple(sorted(found, key=lambda i: i.name))


def _key(line: Expr) -> Expr:
    """A line as it compares with others on paper: without brackets that are kept and one-tensors that say nothing, and
    without a sign for what derivatives hold fixed.
    """
    alike = replace(ungroup(line), lambda node: Partial(node.expression, node.wrt) if _is_direct(node) else None)
    return without_idle_ones(alike)


def _is_direct(node: Expr) -> bool:
    return isinstance(node, Partial) and node.direct


def _terms(line: Expr) -> Expr | None:
    """The sum of a line's terms, multiplied out."""
    plain, derivatives = masked(ungroup(line))
    try:
        terms = multiply_out(plain)
    except TensorCalcError:
        return None
    return None if terms is None else unmasked(Add(*(t.expression() for t in terms)), derivatives)


def _is_contracted(line: Expr) -> bool:
    plain, _ = masked(ungroup(line))
    return contract(plain, {}) == plain

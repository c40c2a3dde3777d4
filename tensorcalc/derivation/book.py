"""The equations of one system: its definitions used backwards, its assumptions, and sums that are proved on the way."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sympy import Add, Expr

from tensorcalc.binding import Contraction, rename, replace
from tensorcalc.derivation.model import Lemma, Step
from tensorcalc.expr import Component
from tensorcalc.index import Index, Tensor
from tensorcalc.rules.algebra import EXPAND, multiply_out, size
from tensorcalc.rules.definitions import Book, Pattern, Symmetry, fold, pattern, patterns_of
from tensorcalc.rules.rule import Rule
from tensorcalc.system import Definition, Fact, System, tensors_in

__all__ = ["Place", "SystemBook", "Trace"]

Place = tuple[Tensor, tuple[int, ...]]


@dataclass(slots=True)
class Trace:
    """What was looked up in a book: the tensors that expressions held, and the sums about which facts were asked."""

    tensors: set[Tensor] = field(default_factory=set)
    facts: dict[Place, Pattern | None] = field(default_factory=dict)


class SystemBook(Book):
    """Definitions and assumptions of a system. A sum Σ_i t_i of a defined tensor is tried to be shown constant, once,
    when it occurs: Σ_i s_i = 1 for a softmax, Σ_h u_bh = 0 for a centred u. Nothing is folded into `hidden` tensors.
    """

    def __init__(self, system: System, hidden: Collection[Tensor] = ()) -> None:
        assumed = [pattern(f.indices, f.left, f.right, ASSUMPTION) for f in system.facts if _symmetry(f) is None]
        symmetries = [s for s in map(_symmetry, system.facts) if s is not None]
        shown = [d for d in system.definitions if d.tensor not in hidden]
        patterns = (*patterns_of(shown), *(p for p in assumed if p is not None))
        super().__init__(patterns, symmetries)
        self._system = system
        self._definitions = Book(patterns)
        self._proved: dict[Place, tuple[Pattern, Lemma] | None] = {}
        self._trace: Trace | None = None

    @contextmanager
    def traced(self) -> Iterator[Trace]:
        """Note what is looked up."""
        outer, self._trace = self._trace, Trace()
        try:
            yield self._trace
        finally:
            self._trace = outer

    def note(self, trace: Trace) -> None:
        """Note what was looked up elsewhere as looked up here."""
        if self._trace is not None:
            self._trace.tensors |= trace.tensors
            self._trace.facts.update(trace.facts)

    def relevant(self, expression: Expr) -> list[Pattern]:
        """Definitions and assumptions that may occur, and the facts that were proved about sums in the expression."""
        found = super().relevant(expression)
        if self._trace is not None:
            self._trace.tensors.update(tensors_in(expression))
        for place in _plain_sums(expression):
            if place[0] in self._system.by_tensor:
                fact = self.fact(place)
                if self._trace is not None:
                    self._trace.facts[place] = fact
                if fact is not None:
                    found.insert(0, fact)
        return found

    def fact(self, place: Place) -> Pattern | None:
        """The constant value of a sum, if it can be proved."""
        if place[0] not in self._system.by_tensor:
            return None
        if place not in self._proved:
            self._proved[place] = None  # while it is being proved it must not be used
            self._proved[place] = self._prove(*place)
        proved = self._proved[place]
        return proved and proved[0]

    def proof(self, rule: Rule) -> Lemma | None:
        """The lemma behind a rule that was proved here."""
        return next((p[1] for p in self._proved.values() if p is not None and p[0].rule == rule), None)

    def _prove(self, tensor: Tensor, axes: tuple[int, ...]) -> tuple[Pattern, Lemma] | None:
        """The value of the sum of a tensor over some axes, if it does not depend on data, with its derivation."""
        definition = self._system.by_tensor[tensor]
        dummies = tuple(definition.indices[k] for k in axes)
        steps = [Step(Contraction(definition.rhs, *dummies), (Rule(f"definition of {tensor.spoken}"),))]
        for _ in range(PROOF_LINES):
            line, rules = self._advance(steps[-1].expression, steps[-1].rules)
            if line is None or size(line) > LONGEST_PROOF:
                return None
            steps.append(Step(line, rules))
            if not tensors_in(line):
                break
        else:
            return None
        free = tuple(i for i in definition.indices if i not in dummies)
        left = Contraction(definition.lhs, *dummies)
        letters = " ".join(i.name for i in dummies)
        rule = Rule(f"sum of {tensor.spoken} over {letters} is {steps[-1].expression}")
        found = pattern(free, left, steps[-1].expression, rule)
        return None if found is None else (found, Lemma(left, tuple(steps), "fact"))

    def _advance(self, line: Expr, before: tuple[Rule, ...]) -> tuple[Expr | None, tuple[Rule, ...]]:
        """The next line of a proof: multiplied out, folded, or with one more definition written out."""
        expanded = _expanded(line)
        if expanded is None:
            return None, ()
        if expanded != line:
            return expanded, (EXPAND,)
        fired: dict[Rule, None] = {}
        folded = fold(line, self._definitions, fired)
        if not tensors_in(folded):
            return folded, tuple(fired)
        unfolded = replace(line, self._written_out)
        if unfolded == line:
            return None, ()
        result = _expanded(unfolded)
        used = [t for t in tensors_in(line) if t in self._system.by_tensor]
        return result, tuple(Rule(f"definition of {t.spoken}") for t in used)

    def _written_out(self, node: Expr) -> Expr | None:
        if isinstance(node, Component) and node.tensor in self._system.by_tensor:
            definition: Definition = self._system.by_tensor[node.tensor]
            return rename(definition.rhs, dict(zip(definition.indices, node.indices, strict=True)))
        return None


PROOF_LINES = 4
LONGEST_PROOF = 40  # operations of a line
ASSUMPTION = Rule("assumption")


def _expanded(line: Expr) -> Expr | None:
    terms = multiply_out(line)
    return None if terms is None else Add(*(t.expression() for t in terms))


def _plain_sums(expression: Expr) -> Iterator[Place]:
    """Sums of a single component over some of its axes: the tensor and the axes."""
    stack = [expression]
    while stack:
        node = stack.pop()
        if isinstance(node, Contraction) and isinstance(node.body, Component):
            body = node.body
            axes = tuple(k for k, i in enumerate(body.indices) if i in node.dummies)
            if len(axes) == len(node.dummies):
                yield body.tensor, axes
        else:
            stack.extend(a for a in reversed(node.args) if a.args)


def _symmetry(fact: Fact) -> Symmetry | None:
    """The fact as a symmetry, where it says that a tensor's axes may be exchanged."""
    left, right = fact.left, fact.right
    if not (isinstance(left, Component) and isinstance(right, Component) and left.tensor == right.tensor):
        return None
    if not all(isinstance(i, Index) for i in left.indices) or set(left.indices) != set(right.indices):
        return None
    if len(set(left.indices)) != len(left.indices):
        return None
    return Symmetry(
        left.tensor, tuple(left.indices.index(i) for i in right.indices), Rule(f"{left.tensor.name} is symmetric")
    )

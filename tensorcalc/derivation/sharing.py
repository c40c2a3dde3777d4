"""Work that is shared: what was simplified for one layer of a network is renamed for the next.

A simplification depends on its line and on the equations of the book that it met. A record keeps both; it is used for
another line of the same structure (`tensorcalc.isomorphism`) if the book holds the same equations about the tensors
that correspond, and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sympy import Expr
from sympy.core.basic import Basic

from tensorcalc.derivation.book import Place, SystemBook, Trace
from tensorcalc.derivation.model import Step
from tensorcalc.index import Tensor
from tensorcalc.isomorphism import Signature, extended, signature, translate
from tensorcalc.rules.definitions import Pattern
from tensorcalc.rules.rule import Rule

__all__ = ["Sharing"]

Names = Mapping[Basic, Basic]


@dataclass(frozen=True, slots=True)
class _Record:
    """Steps from one line; the equations about the tensors that were met, and the sums that were looked up."""

    atoms: tuple[Basic, ...]
    steps: tuple[Step, ...]
    tensors: frozenset[Tensor]
    patterns: tuple[Pattern, ...]
    facts: Mapping[Place, Pattern | None]
    label: str


@dataclass
class Sharing:
    """Remembers steps by the structure of the expressions that they start from."""

    book: SystemBook
    _records: dict[tuple[object, ...], list[_Record]] = field(default_factory=dict)

    def steps(
        self, kind: str, expressions: Sequence[Expr], derive: Callable[[], Sequence[Step]], label: str = ""
    ) -> tuple[tuple[Step, ...], str]:
        """The steps that `derive` returns: from a record, renamed, where there is one, with the label of that record.

        `expressions` are all that `derive` depends on besides the book; `kind` keeps apart what is done with them.
        """
        if self.book.symmetries:
            return tuple(derive()), ""
        own = signature(expressions)
        records = self._records.setdefault((kind, *own.tokens), [])
        for record in records:
            found = self._renamed(record, own)
            if found is not None:
                return found, record.label
        with self.book.traced() as trace:
            steps = tuple(derive())
        self.book.note(trace)
        records.append(self._record(own, steps, trace, label))
        return steps, ""

    def _record(self, own: Signature, steps: tuple[Step, ...], trace: Trace, label: str) -> _Record:
        tensors = frozenset(trace.tensors)
        return _Record(own.atoms, steps, tensors, tuple(self.book.within(tensors)), dict(trace.facts), label)

    def _renamed(self, record: _Record, own: Signature) -> tuple[Step, ...] | None:
        """The steps of a record for expressions of the same structure, if the book allows."""
        if record.atoms == own.atoms:
            self.book.note(Trace(set(record.tensors), dict(record.facts)))
            return record.steps
        names: dict[Basic, Basic] | None = dict(zip(record.atoms, own.atoms, strict=True))
        rules: dict[Rule, Rule] = {}
        names = self._matched(record.patterns, names or {}, rules)
        if names is None or not record.tensors <= names.keys():
            return None
        renamed = frozenset(names[t] for t in record.tensors)
        if len(self.book.within(renamed)) != len(record.patterns):
            return None
        facts = self._facts(record, names, rules)
        if facts is None:
            return None
        self.book.note(Trace(set(renamed), facts))
        return tuple(
            Step(translate(step.expression, names), tuple(rules.get(r, r) for r in step.rules)) for step in record.steps
        )

    def _matched(
        self, patterns: Sequence[Pattern], names: dict[Basic, Basic], rules: dict[Rule, Rule]
    ) -> dict[Basic, Basic] | None:
        """The names extended by the values of corresponding equations; `None` where an equation has no counterpart."""
        rest = list(patterns)
        while rest:
            ready = next((p for p in rest if p.tensors <= names.keys()), None)
            if ready is None:
                return None
            rest.remove(ready)
            for other in self.book.about(frozenset(names[t] for t in ready.tensors)):
                if other.signature.tokens == ready.signature.tokens:
                    more = extended(names, ready.signature.atoms, other.signature.atoms)
                    if more is not None:
                        names = more
                        rules[ready.rule] = other.rule
                        break
            else:
                return None
        return names

    def _facts(self, record: _Record, names: Names, rules: dict[Rule, Rule]) -> dict[Place, Pattern | None] | None:
        """What is known about the sums that were looked up; `None` where it is not the same here."""
        found: dict[Place, Pattern | None] = {}
        for (tensor, axes), fact in record.facts.items():
            place = (names[tensor], axes)
            other = found[place] = self.book.fact(place)
            if fact is None or other is None:
                if fact is not other:
                    return None
                continue
            if translate(fact.value, names) != other.value:
                return None
            rules[fact.rule] = other.rule
        return found

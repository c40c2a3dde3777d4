"""The dimension of indices whose own uses tell nothing, and the names of all dimensions.

The rules are tried in this order, and each that decided something without a word of the author is told in a note:
the same letter in the same definition; an index that counts the terms of a mean; an index that is compared with
another; the same letter elsewhere; a declared dimension with the name of the letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain, count

from tensorcalc.index import Dimension
from tensorcalc.notation.dimensions import Quotient, Scope, Unifier, summed_over
from tensorcalc.notation.vocabulary import RESERVED

__all__ = ["Inference"]

Note = Callable[["Inference"], str]


class Inference:
    """The dimension of every slot of a system, after `infer`."""

    def __init__(self, unifier: Unifier) -> None:
        self.unifier = unifier
        self.classes = unifier.classes
        self.symbols = unifier.symbols
        self.notes: list[Note] = []
        self.dimensions: dict[int, Dimension] = {}
        self.counters: dict[str, count[int]] = {}

    def infer(self) -> tuple[str, ...]:
        """Apply the rules, name the dimensions, and return the notes."""
        self._same_definition()
        for quotient in self.unifier.quotients:
            self._count(quotient)
        for scope, partner, _ in self.unifier.comparisons:
            self._compare(scope, partner)
        self._same_letter()
        for scope in self._open():
            self._declared_name(scope)
        self._leave()
        self._name()
        return tuple(dict.fromkeys(note(self) for note in self.notes))

    def of(self, slot: int) -> Dimension:
        """The dimension of a slot."""
        return self.dimensions[self.classes.find(slot)]

    def _open(self) -> list[Scope]:
        return [scope for scope in self.unifier.scopes if self.classes.open(scope.slot)]

    def _fits(self, scope: Scope, slot: int) -> bool:
        """Whether an index may run over a dimension: an axis on which it is shifted must be longer."""
        root = self.classes.find(slot)
        both = (*self.classes.axis(scope.slot).affine, *self.classes.axis(slot).affine)
        return all(self.classes.find(axis) not in (root, self.classes.find(scope.slot)) for axis in both)

    def _join(self, scope: Scope, slot: int) -> bool:
        if self.classes.find(scope.slot) == self.classes.find(slot) or not self._fits(scope, slot):
            return False
        self.classes.join(slot, scope.slot)
        return True

    def _same_definition(self) -> None:
        groups: dict[tuple[str, str], list[Scope]] = {}
        for scope in self.unifier.scopes:
            groups.setdefault((scope.definition, scope.letter), []).append(scope)
        for scopes in groups.values():
            if len(scopes) == 1:
                continue
            known = {self.classes.find(s.slot) for s in scopes if not self.classes.open(s.slot)}
            unknown = [s for s in scopes if self.classes.open(s.slot)]
            if len(known) <= 1:
                target = next(iter(known), unknown[0].slot if unknown else 0)
                for scope in unknown:
                    self._join(scope, target)

    def _count(self, quotient: Quotient) -> None:
        """An index that only counts, below a fraction line, counts the terms of the sum above it."""
        summed = quotient.outer or [s for b in summed_over(quotient.numerator) for s in self.unifier.bound[id(b)]]
        counted = [scope for scope in quotient.counted if scope.only_ones]
        same = len({self.classes.find(scope.slot) for scope in summed}) == 1
        partners = summed if len(summed) == len(counted) else summed[:1] * len(counted) if same else []
        for scope, partner in zip(counted, partners, strict=False):
            if self.classes.open(scope.slot) and self._join(scope, partner.slot):
                self.notes.append(_counts(scope, partner))

    def _compare(self, scope: Scope, partner: Scope | int) -> None:
        slot = partner.slot if isinstance(partner, Scope) else partner
        if self.classes.open(scope.slot) and not self.classes.open(slot) and self._join(scope, slot):
            self.notes.append(_runs(scope, "as what it is compared with"))

    def _same_letter(self) -> None:
        known: dict[str, set[int]] = {}
        for scope in self.unifier.scopes:
            if not self.classes.open(scope.slot):
                known.setdefault(scope.letter, set()).add(self.classes.find(scope.slot))
        for scope in self._open():
            if not self.classes.open(scope.slot):
                continue
            others = {self.classes.find(slot) for slot in known.get(scope.letter, ())}
            if len(others) == 1 and self._join(scope, others.pop()):
                self.notes.append(_runs(scope, "as everywhere else in the text"))
        self._same_open_letter(known)

    def _same_open_letter(self, known: dict[str, set[int]]) -> None:
        """Dummies that only count, by the same letter, count the same where nothing else uses the letter."""
        first: dict[str, Scope] = {}
        for scope in self._open():
            if scope.only_ones and scope.letter not in known:
                self._join(scope, first.setdefault(scope.letter, scope).slot)

    def _declared_name(self, scope: Scope) -> None:
        slot = self.unifier.named.get(scope.letter)
        if slot is not None and self.classes.open(scope.slot) and self._join(scope, slot):
            self.notes.append(_runs(scope, "the declared dimension of the same name"))

    def _leave(self) -> None:
        seen: set[int] = set()
        for scope in self._open():
            root = self.classes.find(scope.slot)
            if root not in seen:
                seen.add(root)
                self.notes.append(_own(scope))

    def _name(self) -> None:
        """Name every class: as declared, else after the first letter that fits, else after a tensor."""
        taken = {*self.symbols.tensors, *self.unifier.named, *RESERVED}
        for slot in range(len(self.classes.parents)):
            declared = self.classes.axis(slot).declared
            if declared is not None and self.classes.find(slot) not in self.dimensions:
                size = -1 if declared.size is None else declared.size
                self.dimensions[self.classes.find(slot)] = Dimension(declared.name, size)
        letters: dict[int, list[str]] = {}
        for letter, _, slot in sorted(self.unifier.letters, key=lambda use: use[1].start):
            letters.setdefault(self.classes.find(slot), []).append(letter)
        for root, names in letters.items():
            if root not in self.dimensions:
                self._give(root, dict.fromkeys(names), taken)
        for (tensor, axis), slot in self.unifier.slots.items():
            if self.classes.find(slot) not in self.dimensions:
                several = self.symbols.tensors[tensor].order > 1 and axis >= 0
                self._give(self.classes.find(slot), [f"{tensor}_{axis + 1}" if several else tensor], taken, False)

    def _give(self, root: int, letters: Iterable[str], taken: set[str], upper: bool = True) -> None:
        first = next(iter(letters))
        wanted = [letter.upper() for letter in letters] if upper else []
        spare = (f"N_{first}_{k}" for k in self.counters.setdefault(first, count(2)))
        name = next(name for name in chain(wanted, [f"N_{first}"], spare) if name not in taken)
        taken.add(name)
        self.dimensions[root] = Dimension(name)


def _counts(scope: Scope, partner: Scope) -> Note:
    def note(names: Inference) -> str:
        dimension = names.of(scope.slot).name
        return (
            f"{_place(scope)} counts the terms of the sum over {partner.letter}, so it runs over {dimension}; declare "
            f"`index {scope.letter}: {dimension}, {partner.letter}: {dimension}` to say so."
        )

    return note


def _runs(scope: Scope, why: str) -> Note:
    def note(names: Inference) -> str:
        dimension = names.of(scope.slot).name
        return (
            f"{_place(scope)} runs over {dimension}, {why}; declare `index {scope.letter}: {dimension}` to say so, or "
            "use another letter."
        )

    return note


def _own(scope: Scope) -> Note:
    def note(names: Inference) -> str:
        dimension = names.of(scope.slot).name
        reason = "as far as its shifted indices stay inside" if scope.affine else "and no input tells how far"
        return (
            f"{_place(scope)} runs over a dimension {dimension} of its own, {reason}; declare "
            f"`index {scope.letter}: …` to join it with another."
        )

    return note


def _place(scope: Scope) -> str:
    return f"In the definition of {scope.definition}, {scope.letter}"

"""What an article defines: its tensors, how they depend on each other, and which dimensions their axes have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tensorcalc.verify.reading import Definition
from tensorcalc.verify.terms import (
    Added,
    Apply,
    Branches,
    Compared,
    CompareIndices,
    Constant,
    Derived,
    Entry,
    IndexValue,
    Kronecker,
    LabelAt,
    MatrixValue,
    One,
    Place,
    Powered,
    Reduced,
    Sloped,
    Term,
    Times,
    parts_of,
    tensors_of,
)

__all__ = ["Dimensions", "Model", "derivatives_in", "differentiates", "has_root", "plain_letter"]

Key = tuple[str, ...] | str


class Dimensions:
    """Which axes and letters belong to the same dimension (a union-find).

    A key is a letter, `("axis", tensor, number)`, `("label", name)` for what a label selects, or `("extent", symbol)`.
    `guessed` are letters of which nothing shows which of several dimensions they run over, `authored` those that stand
    in definitions, `stated` the dimensions of letters of which the article says it in words.
    """

    def __init__(self, parents: dict[Key, Key] | None = None, fixed: dict[Key, int] | None = None) -> None:
        self._parents = dict(parents or {})
        self.fixed = dict(fixed or {})
        self.guessed: frozenset[str] = frozenset()
        self.authored: frozenset[str] = frozenset()
        self.stated: dict[str, Key] = {}

    def copy(self) -> Dimensions:
        """Dimensions that can be joined further without changing these."""
        other = Dimensions(self._parents, self.fixed)
        other.guessed, other.authored, other.stated = self.guessed, self.authored, self.stated
        return other

    def find(self, key: Key) -> Key:
        """The representative of a key's dimension."""
        root = key
        while (parent := self._parents.get(root, root)) != root:
            root = parent
        while key != root:
            self._parents[key], key = root, self._parents.get(key, root)
        return root

    def known(self, key: Key) -> bool:
        """Whether the key has been seen."""
        return key in self._parents

    def join(self, first: Key, second: Key) -> None:
        """Make two keys belong to one dimension: that of the first that was seen."""
        self._parents.setdefault(first, first)
        self._parents.setdefault(second, second)
        a, b = self.find(first), self.find(second)
        if a != b:
            self._parents[b] = a
            if b in self.fixed:
                self.fixed.setdefault(a, self.fixed.pop(b))

    def add(self, key: Key) -> None:
        """Make a key known."""
        self._parents.setdefault(key, key)

    def all_keys(self) -> list[Key]:
        """All keys, in order of first appearance."""
        return list(self._parents)

    def roots(self) -> list[Key]:
        """The dimensions, in order of first appearance."""
        return list(dict.fromkeys(self.find(k) for k in list(self._parents)))

    def learn(self, term: Term, ordered: bool = True) -> None:
        """Join what a term uses at the same place; with `ordered`, also what stands on both sides of i ≤ j."""
        stack: list[Term] = [term]
        while stack:
            node = stack.pop()
            match node:
                case Entry():
                    self._places(node.name, node.places)
                case Derived():
                    self._places(node.name, node.places)
                    stack.append(node.body)
                case CompareIndices() if node.relation not in ("=", "!=") and not ordered:
                    self._labels(node.first)
                    self._labels(node.second)
                case Kronecker() | CompareIndices():
                    self._pair(node.first, node.second)
                case One(place, length) if length:
                    self._length(place, length)
                case One() | IndexValue():
                    found = self._key(node.place)
                    if found is not None:
                        self.add(found)
                case Added():
                    stack.extend(node.terms)
                case Times():
                    stack.extend(node.factors)
                case Powered():
                    stack += [node.base, node.exponent]
                case Apply():
                    stack.extend(node.arguments)
                case Reduced():
                    for letter in node.letters:
                        self.add(letter)
                    stack.append(node.body)
                case Compared():
                    stack += [node.left, node.right]
                case Sloped():
                    stack += [node.argument, node.body]
                case Branches():
                    stack.extend((*node.values, *node.conditions))
                case MatrixValue():
                    self.join(node.row, node.column)
                    for place in node.places:
                        if place.letter is not None:
                            self.join(node.row, place.letter)
                    stack.append(node.body)

    def placed(self) -> list[Key]:
        """The dimensions of which something is known: an axis, a symbol or a size."""
        known = [k for k in self._parents if isinstance(k, tuple)]
        return list(dict.fromkeys(self.find(k) for k in (*known, *self.fixed)))

    def settle(self, chosen: Mapping[str, Key] | None = None) -> None:
        """Letters that select from no axis, as in 1_h 1_h = H, run over what the same letter runs over elsewhere.

        In the same chain; or else over what the article says in words, or what it runs over in other chains. Where
        there are several such dimensions, or none, it is a guess, and `chosen` tells by the plain letter which to take.
        Letters without any such place all run over one dimension.
        """
        placed = self.placed()
        known = set(placed)
        near: dict[str, dict[Key, str]] = {}
        letters = [k for k in self._parents if isinstance(k, str)]
        for letter in letters:
            if self.find(letter) in known and "@" in letter:  # one that is written in the article
                for name in dict.fromkeys((letter.split("~")[0], plain_letter(letter))):
                    near.setdefault(name, {}).setdefault(self.find(letter), letter)
        lonely: list[str] = []
        for letter in letters:
            if self.find(letter) in known:
                continue
            plain = plain_letter(letter)
            here, elsewhere = near.get(letter.split("~")[0], {}), near.get(plain, {})
            if chosen is not None and plain in chosen:
                self.join(chosen[plain], letter)
            elif "@" in letter and len(here) == 1:
                self.join(next(iter(here.values())), letter)
                if plain not in self.authored and plain not in self.stated:  # another line may use it otherwise
                    self.guessed |= frozenset((letter,) if len(placed) > 1 else ())
            elif "@" in letter and not here and plain in self.stated:
                self.join(self.stated[plain], letter)
            elif "@" in letter and (found := here or elsewhere):
                self.join(next(iter(found.values())), letter)
                if len(found) > 1 or plain not in self.authored:
                    self.guessed |= frozenset((letter,) if len(placed) > 1 else ())
            else:
                lonely.append(letter)
        self.guessed |= frozenset(lonely if len(placed) > 1 else ())
        only = [*placed, *lonely][:1] if len(placed) <= 1 else lonely[:1]
        for alone in lonely:
            self.join(only[0], alone)

    def _places(self, name: str, places: tuple[Place, ...]) -> None:
        for axis, place in enumerate(places):
            key = ("axis", name, str(axis))
            self.add(key)
            found = self._key(place)
            if found is not None:
                self.join(key, found)
            elif len(place.parts) > 1:
                self._steps(name, axis, place)
            self._labels(place)

    def _steps(self, name: str, axis: int, place: Place) -> None:
        """Letters in 2t + 3k: those with the same factor on the same axis run over the same dimension."""
        factors = [f for f, _ in place.parts]
        if len(set(factors)) == len(factors):
            pattern = ",".join(str(f) for f in sorted(factors))
            for factor, atom in place.parts:
                if isinstance(atom, str):
                    self.join(("step", name, str(axis), pattern, str(factor)), atom)

    def _length(self, place: Place, length: str) -> None:
        key = self._key(place)
        if key is not None and length.isdigit():
            self.add(key)
            self.fixed[self.find(key)] = int(length)
        elif key is not None:
            self.join(key, ("extent", length))

    def _labels(self, place: Place) -> None:
        for _, atom in place.parts:
            if isinstance(atom, LabelAt):
                self._places(atom.name, atom.places)

    def _key(self, place: Place) -> Key | None:
        if place.offset or len(place.parts) != 1 or place.parts[0][0] != 1:
            return None
        atom = place.parts[0][1]
        return atom if isinstance(atom, str) else ("label", atom.name)

    def _pair(self, first: Place, second: Place) -> None:
        self._labels(first)
        self._labels(second)
        a, b = self._key(first), self._key(second)
        if a is not None and b is not None:
            self.join(a, b)


def plain_letter(letter: str) -> str:
    """A letter as the article has it."""
    return letter.split("@", maxsplit=1)[0].split("~", maxsplit=1)[0]


def differentiates(term: Term) -> bool:
    """Whether there is a derivative in a term, of a tensor, a formula or a function."""
    return any(
        isinstance(node, Derived | Sloped) or (isinstance(node, Apply) and bool(node.primes)) for node in parts_of(term)
    )


def has_root(term: Term) -> bool:
    """Whether there is a function in a term that is not smooth for all real numbers, such as a root."""
    stack: list[object] = [term]
    while stack:
        node = stack.pop()
        if isinstance(node, tuple):
            stack.extend(node)
        elif (
            isinstance(node, Powered)
            and not (isinstance(node.exponent, Constant) and float(node.exponent.value).is_integer())
        ) or (isinstance(node, Apply) and node.name in ("log", "abs", "sign")):
            return True
        elif isinstance(node, Term):
            stack.extend(getattr(node, name) for name in node.__dataclass_fields__)
    return False


def derivatives_in(term: Term | tuple[Term, ...]) -> list[Derived]:
    """The derivatives in a term, or in several, outermost first."""
    return [node for node in parts_of(term) if isinstance(node, Derived)]


@dataclass(slots=True)
class Model:
    """The definitions of an article.

    `losses` maps each undefined scalar that is differentiated to the tensors whose upstream gradients are given: it is
    a function of those. `gradients` are upstream gradients that the article states without saying what the scalar is:
    they are taken as given. With `partial_losses`, ∂l/∂x leaves out what x does by way of other tensors, and dl/dx does
    not. `positive` are inputs with positive values only, `symmetric` and `definite` (also positive definite)
    are matrices, `undefined` names whose definition cannot be read, `facts` what the article assumes. `parts` keeps
    what formulas are made of.
    """

    definitions: dict[str, Definition] = field(default_factory=dict)
    losses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    dimensions: Dimensions = field(default_factory=Dimensions)
    positive: frozenset[str] = frozenset()
    symmetric: frozenset[str] = frozenset()
    definite: frozenset[str] = frozenset()
    partial_losses: bool = False
    gradients: dict[tuple[str, str], Definition] = field(default_factory=dict)
    undefined: frozenset[str] = frozenset()
    facts: tuple[tuple[Term, Term], ...] = ()
    parts: dict[int, tuple[Definition, frozenset[str]]] = field(default_factory=dict, repr=False)

    def define(self, definition: Definition) -> bool:
        """Add a definition; refused where the name would be defined by itself."""
        if definition.name in self.ancestors(tensors_of(definition.body)):
            return False
        self.definitions[definition.name] = definition
        return True

    def ancestors(self, names: Iterable[str]) -> set[str]:
        """The names, and all that their definitions use."""
        found: set[str] = set()
        stack = list(names)
        while stack:
            name = stack.pop()
            if name in found:
                continue
            found.add(name)
            if name in self.definitions:
                stack.extend(self.made_of(self.definitions[name]))
        return found

    def made_of(self, definition: Definition) -> frozenset[str]:
        """The names in a definition's formula, looked for once."""
        key = id(definition)
        if key not in self.parts:
            self.parts[key] = definition, frozenset(tensors_of(definition.body))
        return self.parts[key][1]

    def used(self) -> set[str]:
        """The names that definitions use."""
        return {name for d in self.definitions.values() for name in tensors_of(d.body)}

    def scalar_ends(self) -> frozenset[str]:
        """The scalars that are defined and that no other definition uses."""
        used = self.used()
        return frozenset(n for n, d in self.definitions.items() if not d.letters and n not in used)

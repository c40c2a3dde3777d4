"""How long axes are: symbols of dimensions, stated shapes, upper bounds of sums."""

from __future__ import annotations

from tensorcalc.verify.model import Model, plain_letter
from tensorcalc.verify.names import Names
from tensorcalc.verify.profile import Profile
from tensorcalc.verify.reading import Reader

__all__ = ["Extents"]


class Extents:
    """Finds what the dimensions of an article's axes are."""

    def __init__(self, model: Model, names: Names, profile: Profile, reader: Reader) -> None:
        self.model = model
        self.names = names
        self.profile = profile
        self.reader = reader

    def find(self) -> None:
        """Find the dimensions, now that all definitions are known."""
        model, dimensions = self.model, self.model.dimensions
        for definition in model.definitions.values():
            for axis, letter in enumerate(definition.letters):
                dimensions.join(("axis", definition.name, str(axis)), letter)
            dimensions.learn(definition.body)
        for (_, name), gradient in model.gradients.items():
            for axis, letter in enumerate(gradient.letters):
                dimensions.join(("axis", name, str(axis)), letter)
            dimensions.learn(gradient.body)
        for sides in model.facts:
            for side in sides:
                dimensions.learn(side)
        for name in model.symmetric | model.definite:
            if self.names.order(name) == 2:
                dimensions.join(("axis", name, "0"), ("axis", name, "1"))
        for name, letter in self.reader.ties:
            dimensions.join(letter, ("extent", name))
        self.capital_extents()
        dimensions.authored = frozenset(plain_letter(k) for k in dimensions.all_keys() if isinstance(k, str))
        for letter, symbol in self.profile.dimensions.items():
            if self.names.survey.bare[symbol] and symbol not in model.definitions:
                dimensions.add(("extent", symbol))
            if dimensions.known(("extent", symbol)):
                dimensions.stated[letter] = ("extent", symbol)
        dimensions.settle()
        self.stated_extents()
        for letter, size in self.reader.ranges:
            if dimensions.known(letter):
                dimensions.fixed[dimensions.find(letter)] = size

    def capital_extents(self) -> None:
        """H is the size of the dimension of h, where H is a bare scalar that nothing defines."""
        dimensions = self.model.dimensions
        letters = [k for k in dimensions.all_keys() if isinstance(k, str)]
        for letter in letters:
            plain = plain_letter(letter)
            stated = self.profile.dimensions.get(plain, "")
            if stated.isdigit():
                dimensions.fixed[dimensions.find(letter)] = int(stated)
            elif stated and stated not in self.model.definitions:
                dimensions.join(letter, ("extent", stated))
            elif len(plain) == 1 and plain.islower():
                self.capital_extent(letter, plain.upper())

    def capital_extent(self, letter: str, symbol: str) -> None:
        dimensions, survey_ = self.model.dimensions, self.names.survey
        if dimensions.known(("extent", symbol)) or symbol in self.model.definitions:
            return
        bare = (
            (survey_.bare[symbol] > 0 or symbol in survey_.lengths)
            and not survey_.arities.get(symbol)
            and not self.names.order(symbol)
        )
        if bare and symbol not in self.model.losses and not survey_.numerators[symbol]:
            dimensions.join(letter, ("extent", symbol))

    def stated_extents(self) -> None:
        for name, shape in self.names.shapes.items():
            for axis, symbol in enumerate(shape):
                key = ("axis", name, str(axis))
                if symbol.isdigit():
                    self.model.dimensions.add(key)
                    self.model.dimensions.fixed[self.model.dimensions.find(key)] = int(symbol)
                elif symbol:
                    self.model.dimensions.join(("extent", symbol), key)

"""Terms of an article as expressions of the engine, over the tensors of the article's system."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

from sympy import Add, Expr, Float, Integer, Pow, Rational, pi

from tensorcalc.binding import Contraction, IndexMaximum, IndexProduct, product
from tensorcalc.expr import Component, Delta, Iverson, One, Partial
from tensorcalc.functions import FUNCTIONS
from tensorcalc.index import Adjoint, Dimension, Index, Tensor
from tensorcalc.system import System
from tensorcalc.verify.model import Model
from tensorcalc.verify.problems import NotCheckable
from tensorcalc.verify.terms import (
    Added,
    Apply,
    CompareIndices,
    Constant,
    Derived,
    Entry,
    Kronecker,
    LabelAt,
    Place,
    Powered,
    Reduced,
    Term,
    Times,
    parts_of,
)
from tensorcalc.verify.terms import (
    One as OneTensor,
)

__all__ = ["Translator"]

_RELATIONS = {"<=": "le", "<": "lt", ">=": "ge", ">": "gt", "=": "eq", "!=": "ne"}
_BINDERS = {"sum": Contraction, "prod": IndexProduct, "max": IndexMaximum}


class Translator:
    """Translates terms; free letters keep their names.

    `names` are the names of the article's tensors in the system. `direct` says of a derivative, by the names of what is
    differentiated and by what, whether other definitions are held fixed in it.
    """

    def __init__(self, system: System, model: Model, names: Mapping[str, str]) -> None:
        self.system = system
        self.model = model
        self.names = names
        self.partial = False
        self.dimensions: dict[str, Dimension] = {}

    def expression(self, *terms: Term, partial: bool = False) -> list[Expr]:
        """Terms that belong together as expressions; with `partial`, derivatives hold other definitions fixed.

        Raises `NotCheckable` for what the engine has no expression for.
        """
        self.partial = partial
        self.dimensions = {}
        pairs: list[tuple[Place, Place]] = []
        for term in terms:
            for node in parts_of(term):
                self.learn(node, pairs)
        for _ in pairs:
            for a, b in pairs:
                self.join(a, b)
        return [self.of(term) for term in terms]

    def learn(self, node: Term, pairs: list[tuple[Place, Place]]) -> None:
        """The dimensions of letters from the axes that they stand at."""
        if isinstance(node, Entry | Derived):
            tensor = self.tensor(node.name)
            if tensor is not None and len(tensor.dimensions) == len(node.places):
                for place, dimension in zip(node.places, tensor.dimensions, strict=True):
                    if place.letter is not None:
                        self.dimensions.setdefault(place.letter, dimension)
        elif isinstance(node, Kronecker | CompareIndices):
            pairs.append((node.first, node.second))

    def join(self, first: Place, second: Place) -> None:
        for place, other in ((first, second), (second, first)):
            if place.letter is None or place.letter in self.dimensions:
                continue
            if other.letter in self.dimensions:
                self.dimensions[place.letter] = self.dimensions[other.letter]
            elif other.letter is None and len(other.parts) == 1 and isinstance(other.parts[0][1], LabelAt):
                label = self.tensor(other.parts[0][1].name)
                if label is not None and label.label_dimension is not None:
                    self.dimensions[place.letter] = label.label_dimension

    def tensor(self, name: str) -> Tensor | None:
        return self.system.tensors.get(self.names.get(name, ""))

    def of(self, term: Term) -> Expr:
        match term:
            case Constant():
                return self.number(term.value)
            case Entry():
                return self.entry(term.name, term.places)
            case OneTensor():
                return One(self.place(term.place))
            case Kronecker():
                return Delta(self.place(term.first), self.place(term.second))
            case CompareIndices():
                return Iverson(_RELATIONS[term.relation], self.place(term.first), self.place(term.second))
            case Added():
                return Add(*(self.of(t) for t in term.terms))
            case Times():
                return product([self.of(f) for f in term.factors])
            case Powered():
                return Pow(self.of(term.base), self.of(term.exponent))
            case Apply() if term.name in FUNCTIONS and not term.primes:
                return FUNCTIONS[term.name].symbol(*(self.of(a) for a in term.arguments))
            case Reduced() if term.kind in _BINDERS:
                return _BINDERS[term.kind](self.of(term.body), *(self.index(x) for x in term.letters))
            case Derived():
                return self.derivative(term)
        raise NotCheckable("this part of a formula has no form in the engine")

    def number(self, value: Fraction | float) -> Expr:
        if isinstance(value, Fraction):
            return Rational(value.numerator, value.denominator)
        return pi if value == math.pi else Float(value)

    def entry(self, name: str, places: tuple[Place, ...]) -> Expr:
        tensor = self.tensor(name)
        if tensor is not None:
            return Component(tensor, *(self.place(p) for p in places))
        extent = next((d for d in self.system.dimensions if d.name == self.names.get(name, name)), None)
        if extent is None or places:
            raise NotCheckable(f"{name} does not occur in the definitions")
        return extent.extent

    def derivative(self, term: Derived) -> Expr:
        variable = self.entry(term.name, term.places)
        body = term.body
        if not isinstance(variable, Component):
            raise NotCheckable("a derivative by a dimension")
        if isinstance(body, Entry) and body.name in self.model.losses:
            return Component(Adjoint(variable.tensor), *variable.indices)
        return Partial(self.of(body), variable, self.partial and not term.total)

    def place(self, place: Place) -> Expr:
        parts = [product([Integer(factor), self.atom(atom)]) for factor, atom in place.parts]
        return Add(*parts, Integer(place.offset))

    def atom(self, atom: str | LabelAt) -> Expr:
        return self.index(atom) if isinstance(atom, str) else self.entry(atom.name, atom.places)

    def index(self, letter: str) -> Index:
        if letter not in self.dimensions:
            raise NotCheckable("an index whose dimension is not known")
        bound = "~" in letter
        return Index(letter if bound else letter.split("@", maxsplit=1)[0], self.dimensions[letter])

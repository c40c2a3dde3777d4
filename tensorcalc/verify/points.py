"""Random points: sizes, values of inputs and labels, and what every term is worth there."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np

from tensorcalc.verify.draws import Draw, Meaning, as_said
from tensorcalc.verify.matrixvalues import matrix_value
from tensorcalc.verify.model import Model
from tensorcalc.verify.numbers import (
    Dual,
    Named,
    Value,
    add,
    apply,
    constant,
    entrywise,
    multiply,
    power,
    primal,
    reduce,
    renamed,
    slope_of,
    spread,
)
from tensorcalc.verify.problems import NotCheckable
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
    tensors_of,
)
from tensorcalc.verify.unknown import unknown_function

__all__ = ["Draw", "Meaning", "Point"]

COMPARISONS = {
    "=": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


class Point:
    """Values of all tensors at one point; a child of a point has one tensor varied."""

    def __init__(
        self,
        model: Model,
        draw: Draw,
        meaning: Meaning,
        parent: Point | None = None,
        varied: str = "",
        direct: bool = False,
    ) -> None:
        self.model = model
        self.draw = draw
        self.meaning = meaning
        self.parent = parent
        self.level: int = parent.level + 1 if parent is not None else 0
        self.varied = varied
        self.direct = direct
        self.valid = True
        self.values: dict[str, Value] = {}
        self.children: dict[tuple[str, bool], Point] = {}
        self.inputs: dict[str, Named] = parent.inputs if parent is not None else {}
        self.root: Point = parent.root if parent is not None else self

    # tensors

    def value(self, name: str, order: int) -> Value:
        """The array of a tensor with the axes `$0`, `$1` …"""
        if name not in self.values:
            self.values[name] = self._value(name, order)
        return self.values[name]

    def _value(self, name: str, order: int) -> Value:
        if name == self.varied:
            assert self.parent is not None
            base = self.parent.value(name, order)
            slope: Value = constant(1)
            for axis in range(order):
                size = self.draw.size(("axis", name, str(axis)))
                slope = multiply(slope, Named((f"${axis}", f"@{self.level}.{axis}"), np.eye(size)))
            return Dual(self.level, base, slope)
        unmoved = self.direct or self.varied not in self.model.ancestors([name])
        if self.parent is not None and unmoved and name not in self.model.losses:
            return self.parent.value(name, order)
        if name in self.model.losses:
            return self._loss(name)
        definition = self.model.definitions.get(name)
        if definition is not None and len(definition.letters) != order:
            raise NotCheckable(f"{name} has {order} indices here and {len(definition.letters)} in its definition")
        if definition is None:
            return self.input(name, order) if self.parent is None else self.parent.value(name, order)
        return self.defined(name)

    def defined(self, name: str) -> Value:
        """The value of a definition, computed at this point."""
        definition = self.model.definitions[name]
        value = self.term(definition.body)
        return renamed(value, {letter: f"${k}" for k, letter in enumerate(definition.letters)})

    def _loss(self, name: str, of: Callable[[str, int], Value] | None = None) -> Value:
        """A scalar function of the tensors whose upstream gradients are given: linear, with random coefficients.

        `of` gives what to take for each tensor, in place of its value.
        """
        of = of or self.value
        parts: list[Value] = []
        for tensor in self.model.losses[name]:
            definition = self.model.definitions.get(tensor)
            order = len(definition.letters) if definition is not None else self._order(tensor)
            axes = [f"${k}" for k in range(order)]
            sizes = [self.draw.size(("axis", tensor, str(k))) for k in range(order)]
            stated = self.model.gradients.get((name, tensor))
            if stated is not None:
                value = self.root.term(stated.body)
                weights: Value = renamed(value, {letter: f"${k}" for k, letter in enumerate(stated.letters)})
            else:
                weights = self.input(f"{name}/{tensor}", order, tensor)
            parts.append(reduce("sum", multiply(weights, of(tensor, order)), axes, sizes))
        return add(*parts) if len(parts) > 1 else parts[0]

    def _order(self, name: str) -> int:
        order = 0
        while ("axis", name, str(order)) in self.draw.find:
            order += 1
        return order

    def input(self, name: str, order: int, like: str = "") -> Named:
        """The random value of an input, or the size of a dimension where the name is its symbol."""
        if name not in self.inputs:
            self.inputs[name] = self._drawn(name, order, like or name)
        return self.inputs[name]

    def _drawn(self, name: str, order: int, like: str) -> Named:
        if not order and ("extent", name) in self.draw.find:
            return constant(self.draw.size(("extent", name)))
        generator = np.random.default_rng([self.draw.seed, zlib.crc32(name.encode())])
        shape = [self.draw.size(("axis", like, str(k))) for k in range(order)]
        values = generator.uniform(*((0.05, 0.95) if self.draw.fractions else (0.35, 1.65)), shape)
        if self.draw.signs and name not in self.model.positive:
            values = values * generator.choice([-1.0, 1.0], shape)
        values = as_said(np.asarray(values), name in self.model.symmetric, name in self.model.definite)
        return Named(tuple(f"${k}" for k in range(order)), values)

    def label(self, name: str, order: int) -> Named:
        """The random value of a label: whole numbers below the size of what it selects from."""
        key = f"label {name}"
        if key not in self.inputs:
            size = self.draw.size(("label", name)) if ("label", name) in self.draw.find else 3
            generator = np.random.default_rng([self.draw.seed, zlib.crc32(name.encode()), 1])
            shape = [self.draw.size(("axis", name, str(k))) for k in range(order)]
            self.inputs[key] = Named(
                tuple(f"${k}" for k in range(order)), np.asarray(generator.integers(0, size, shape))
            )
        return self.inputs[key]

    def child(self, name: str, direct: bool) -> Point:
        """This point with a tensor varied; other definitions follow unless `direct`."""
        if (name, direct) not in self.children:
            self.children[name, direct] = Point(self.model, self.draw, self.meaning, self, name, direct)
        return self.children[name, direct]

    # terms

    def term(self, term: Term) -> Value:
        """The value of a term over its free letters."""
        match term:
            case Constant():
                return constant(float(term.value))
            case One():
                return constant(1)
            case Entry():
                return self.gathered(self.value(term.name, len(term.places)), "$", term.places)
            case Added():
                return add(*[self.term(t) for t in term.terms])
            case Times():
                return self.product(term.factors, ())
            case Powered():
                return power(self.term(term.base), self.term(term.exponent))
            case Apply():
                return self.applied(term)
            case Reduced():
                return self.reduced(term)
            case Kronecker():
                return entrywise(lambda a, b: (a == b).astype(float), self.place(term.first), self.place(term.second))
            case CompareIndices():
                compare = COMPARISONS[term.relation]
                return entrywise(
                    lambda a, b: compare(a, b).astype(float), self.place(term.first), self.place(term.second)
                )
            case Compared():
                compare = COMPARISONS[term.relation]
                left, right = primal(self.term(term.left)), primal(self.term(term.right))
                return entrywise(lambda a, b: compare(a, b).astype(float), left, right)
            case IndexValue():
                return entrywise(lambda a: a.astype(float), self.place(term.place))
            case Derived():
                return self.derived(term)
            case Sloped():
                return self.sloped(term)
            case MatrixValue():
                return self.of_matrix(term)
            case Branches():
                return self.branches(term)
        raise NotCheckable(f"{type(term).__name__} has no value")

    def applied(self, term: Apply) -> Value:
        arguments = [self.term(a) for a in term.arguments]
        if term.name.startswith("?"):
            return unknown_function(term.name, arguments, term.primes, self.draw.seed)
        if term.primes:
            return self.function_slope(term, arguments[0])
        return apply(term.name, *arguments)

    def function_slope(self, term: Apply, argument: Value) -> Value:
        """The derivative of a function of the table at an argument."""
        level = 1000 + self.level
        inside: Value = Dual(level, argument, constant(1))
        for _ in range(term.primes - 1):
            level += 1
            inside = Dual(level, inside, constant(1))
        value = apply(term.name, inside)
        while level >= 1000 + self.level:
            value = slope_of(value, level)
            level -= 1
        return value

    def sloped(self, term: Sloped) -> Value:
        """The derivative of a function of the article at an argument."""
        value = self.term(term.argument)
        point = self if term.primes else Point(self.model, self.draw, self.meaning, self, term.variable)
        for _ in range(term.primes):
            point = Point(self.model, self.draw, self.meaning, point)
            value = Dual(point.level, value, constant(1))
        point.values[term.variable] = value
        result = point.term(term.body)
        for level in range(self.level + term.primes, self.level, -1):
            result = slope_of(result, level)
        return result

    def reduced(self, term: Reduced) -> Value:
        if term.kind == "sum" and isinstance(term.body, Times):
            return self.product(term.body.factors, term.letters)
        sizes = [self.size(x) for x in term.letters]
        return reduce(term.kind, self.term(term.body), term.letters, sizes)

    def size(self, letter: str) -> int:
        return self.draw.size(letter)

    def product(self, factors: Sequence[Term], summed: Sequence[str]) -> Value:
        """The product of factors, summed over letters as soon as no further factor has them."""
        flat = _flat(factors)
        values = [self.term(f) for f in flat]
        result = values[0]
        waiting = list(summed)
        later = [set[str]() for _ in values]
        for k in range(len(values) - 1, 0, -1):
            later[k - 1] = later[k] | set(_letters(values[k]))
        for k, value in enumerate(values):
            if k:
                result = multiply(result, value)
            ready = [x for x in waiting if x not in later[k]]
            ready = waiting if k == len(values) - 1 else [x for x in ready if x in _letters(result)]
            if ready:
                result = reduce("sum", result, ready, [self.size(x) for x in ready])
                waiting = [x for x in waiting if x not in ready]
        return result

    def derived(self, term: Derived) -> Value:
        body = term.body
        name = body.name if isinstance(body, Entry) else None
        if name is not None and name != term.name:
            self.check_dependence(name, term.name)
        direct = not term.total and self.root.meaning.direct(name, term.name) and self.has_direct(name, term.name)
        child = self.child(term.name, direct)
        if direct and name is not None and name != term.name and name in self.model.definitions:
            assert isinstance(body, Entry)
            value = self.gathered(child.defined(name), "$", body.places)
        else:
            value = child.term(body)
        return self.gathered(slope_of(value, child.level), f"@{child.level}.", term.places)

    def has_direct(self, name: str | None, wrt: str) -> bool:
        """Whether a name depends on another by its own formula; if not, only its total derivative can be meant."""
        if name is None or name == wrt:
            return True
        if name in self.model.losses:
            return self.model.partial_losses and wrt in self.model.losses[name]
        definition = self.model.definitions.get(name)
        return definition is not None and wrt in tensors_of(definition.body)

    def check_dependence(self, name: str, wrt: str) -> None:
        """Raise `NotCheckable` where the article does not say how a name depends on another."""
        if name in self.model.losses:
            if wrt not in self.model.ancestors(self.model.losses[name]):
                raise NotCheckable(f"nothing shows how {name} depends on {wrt}")
        elif wrt in self.model.definitions and wrt not in self.model.ancestors([name]):
            raise NotCheckable(f"nothing shows how {name} depends on {wrt}")
        elif name not in self.model.definitions and name not in self.model.used():
            raise NotCheckable(f"{name} is not defined, so its derivative is not known")

    def of_matrix(self, term: MatrixValue) -> Value:
        body = self.term(term.body)
        size = self.size(term.row)
        value = matrix_value(term.kind, body, (term.row, term.column), size)
        return self.gathered(value, "%", term.places) if term.places else value

    def branches(self, term: Branches) -> Value:
        result: Value | None = None
        taken: Value = constant(1)
        for value, condition in zip(term.values, term.conditions, strict=True):
            holds = self.term(condition)
            part = multiply(multiply(taken, holds), self.term(value))
            result = part if result is None else add(result, part)
            taken = multiply(taken, add(constant(1), multiply(constant(-1), holds)))
        assert result is not None
        return result

    # places

    def place(self, place: Place) -> Named:
        """What a place selects, as whole numbers."""
        total = Named((), np.asarray(place.offset))
        for factor, atom in place.parts:
            if isinstance(atom, LabelAt):
                part = self.gathered(self.label(atom.name, len(atom.places)), "$", atom.places)
                found = primal(part)
            else:
                found = Named((atom,), np.arange(self.size(atom)))
            scaled = Named(found.letters, factor * found.data)
            total = entrywise(np.add, total, scaled)
        return total

    def gathered(self, value: Value, mark: str, places: Sequence[Place]) -> Value:
        """Entries of an array whose axes are `mark` and a number; places outside of it select zero."""
        if isinstance(value, Dual):
            return Dual(value.level, self.gathered(value.value, mark, places), self.gathered(value.slope, mark, places))
        plain = {f"{mark}{k}": p.letter for k, p in enumerate(places)}
        if all(letter is not None for letter in plain.values()):
            return renamed(value, {k: v for k, v in plain.items() if v is not None})
        axes = [k for k in range(len(places)) if f"{mark}{k}" in value.letters]
        if not axes:
            return value
        rest = [x for x in value.letters if not x.startswith(mark)]
        data = value.data.transpose(
            [value.letters.index(f"{mark}{k}") for k in axes] + [value.letters.index(x) for x in rest]
        )
        selected = [self.place(places[k]) for k in axes]
        letters: list[str] = list(dict.fromkeys(x for s in selected for x in s.letters))
        shape = [self.size(x) for x in letters]
        positions = [spread(s, letters, shape) for s in selected]
        inside = np.ones(shape, dtype=bool)
        for position, size in zip(positions, data.shape, strict=False):
            inside &= (position >= 0) & (position < size)
        clipped = tuple(np.clip(p, 0, n - 1) for p, n in zip(positions, data.shape, strict=False))
        found = data[clipped]
        found = np.where(inside.reshape(inside.shape + (1,) * len(rest)), found, 0)
        return renamed(Named((*letters, *rest), found), {})


def _flat(factors: Sequence[Term]) -> list[Term]:
    result: list[Term] = []
    for factor in factors:
        result += _flat(factor.factors) if isinstance(factor, Times) else [factor]
    return result


def _letters(value: Value) -> tuple[str, ...]:
    if isinstance(value, Dual):
        return (*_letters(value.value), *_letters(value.slope))
    return value.letters

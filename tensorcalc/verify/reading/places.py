"""What subscripts and superscripts are: indices, which select, or labels, which belong to the name."""

from __future__ import annotations

from collections import Counter

from tensorcalc.verify.latex.tree import Bracket, Node, Number, Prime, Product, Scripted, Sum, Symbol
from tensorcalc.verify.problems import NotCheckable
from tensorcalc.verify.reading.context import Context
from tensorcalc.verify.signs import LAYERS, flat_items, is_transpose, key_of, letter_of, numbered_key
from tensorcalc.verify.terms import LabelAt, Place

__all__ = ["Places"]

STEPS = frozenset(("t", "tau"))
SIZES = frozenset("kvqhm")  # d_k, d_v: sizes of keys and values, not entries of a vector d


class Places(Context):
    """Reads scripts."""

    def parts(self, node: Scripted) -> tuple[str, list[Place], Node | None]:
        """The name with its labels, the places of its indices, and its power."""
        base = node.base
        assert isinstance(base, Symbol)
        key = self.names.of(key_of(base))
        places: list[Place] = []
        label = ""
        if node.sub is not None:
            items = flat_items(node.sub)
            stated = len(items) == len(self.names.shapes.get(self.names.of(numbered_key(node) or key_of(base)), ()))
            for item in items:
                if not stated and self.is_label(item, numbered_key(node) or key_of(base)):
                    label += f"_{self.label_name(item)}"
                else:
                    places.append(self.place(item))
        marks = "'" * node.primes
        power: Node | None = None
        for part in _upper_parts(node.sup):
            found, mark, rest = self.superscript(part, node)
            places = found + places
            marks += mark
            power = rest or power
        whole = self.names.pairs.get(key_of(base) + label + marks)
        name = key + label + marks if whole is None else whole
        raised = key + label.replace("_", "^") + marks  # a label moves up where indices take its place
        return (raised if label and name not in self.defined and raised in self.defined else name), places, power

    def superscript(self, power: Node, node: Scripted) -> tuple[list[Place], str, Node | None]:
        """What a superscript is: places of indices, a mark that belongs to the name, or a power."""
        if isinstance(power, Prime):
            return [], power.sign, None
        if isinstance(power, Bracket) and power.kind in ("(", "["):
            return *self.upper_index(power), None
        if isinstance(power, Symbol) and not is_transpose(power) and self.is_upper_index(power, node):
            return [self.place(power)], "", None
        if (layer := self.layer(power)) is not None:
            return [], layer, None
        if isinstance(power, Symbol) and power.style == "text":
            return [], f"^{power.name}", None
        return [], "", power

    def layer(self, power: Node | None) -> str | None:
        """The mark of a layer above a name, as in a^{l-1}; `None` for an exponent."""
        letter = power.terms[0] if isinstance(power, Sum) else power
        if not isinstance(letter, Symbol) or letter.name not in LAYERS or not self.counts_layers(letter.name):
            return None
        return "^" + self.counted(power) if isinstance(power, Symbol | Sum) else None

    def counts_layers(self, letter: str) -> bool:
        """Whether l above a name is a layer: where l - 1 occurs, or nothing else is called l."""
        survey = self.names.survey
        alone = letter != "L" and not survey.values[letter] and letter not in survey.bound
        return alone or bool(LAYERS & survey.steps)

    def counted(self, layer: Node) -> str:
        """The name of a layer: where layers l are counted up to L, the last one is l + 1, as one that can be."""
        if "l" not in self.names.survey.steps:
            return self.label_name(layer)
        if isinstance(layer, Symbol) and layer.name == "L":
            return "l+1"
        if isinstance(layer, Sum) and isinstance(layer.terms[0], Symbol) and layer.terms[0].name == "L":
            step = layer.terms[1]
            if isinstance(step, Number) and step.value == 1:
                return "l" if layer.subtracted[1] else "l+2"
        return self.label_name(layer)

    def is_label(self, item: Node, key: str) -> bool:
        """Whether an item of a subscript belongs to the name rather than selecting an entry."""
        survey = self.names.survey
        if isinstance(item, Symbol):
            if item.name in self.scope or key_of(item) in self.selected or item.name in self.names.profile.indices:
                return False
            if f"{key}_{item.name}" in self.names.profile.dimensions.values():
                return True
            if key in ("d", "n") and item.name in SIZES:
                return survey.left[key] == 0 and survey.variables[key] == 0 and not survey.bare[key]
            if self.is_step(item.name) or self.names.is_gate(key):
                return True
            if self.names.is_index(item.name, item.style):
                return False
            if item.style in ("text", "mathrm") or len(item.name) > 1:
                return True
            if item.name in survey.labels:
                return False
            if item.name in self.names.profile.labels and item.name.islower():
                return True
            if item.name[:1].isupper():
                beside = [x for x in survey.letters.get(key, ()) if x.islower()]
                return key not in survey.indexed or bool(beside and not any(self.names.is_index(x, "") for x in beside))
            others = survey.letters.get(key, Counter()) - Counter({item.name: 1_000})
            return not any(n > 1 and self.names.is_index(x, "") for x, n in others.items())
        if isinstance(item, Number):
            return key not in survey.indexed
        if isinstance(item, Sum) and len(item.terms) == 2 and isinstance(item.terms[0], Symbol):
            return self.is_step(item.terms[0].name) and isinstance(item.terms[1], Number)
        return isinstance(item, Prime)

    def is_step(self, letter: str) -> bool:
        """Whether a letter counts steps of time: t where t - 1 occurs, and no sum runs over it."""
        survey = self.names.survey
        stated = letter in self.names.profile.indices or letter in self.names.profile.dimensions
        if letter not in survey.steps or stated:
            return False
        return letter not in survey.bound or (letter in STEPS and self.names.has_matrices())

    def label_name(self, item: Node) -> str:
        if isinstance(item, Symbol):
            return key_of(item)
        if isinstance(item, Prime):
            return item.sign
        if isinstance(item, Number):
            return str(item.value)
        if isinstance(item, Sum):
            first, second = item.terms
            return f"{_word(first)}{'-' if item.subtracted[1] else '+'}{_word(second)}"
        raise NotCheckable("a subscript that is not read", item.span)

    def upper_index(self, power: Bracket) -> tuple[list[Place], str]:
        """An index or a label in brackets above a name: x^{(i)}, W^{[1]}."""
        inner = power.body
        if isinstance(inner, Symbol) and power.kind == "(" and self.names.profile.superscripts != "label":
            stepped = inner.name in self.names.survey.steps
            if inner.name in self.scope or (self.names.is_index(inner.name, inner.style) and not stepped):
                return [self.place(inner)], ""
        if isinstance(inner, Number):
            return [], f"^{inner.value}"
        if isinstance(inner, Symbol):
            return [], f"^{self.counted(inner)}"
        if isinstance(inner, Sum) and isinstance(inner.terms[0], Symbol) and len(inner.terms) == 2:
            return [], f"^{self.counted(inner)}"
        if isinstance(inner, Sum):
            return [], "^" + "".join(
                ("-" if m else "+") + _word(t) for t, m in zip(inner.terms, inner.subtracted, strict=True)
            )
        raise NotCheckable("a superscript that is not read", power.span)

    def is_upper_index(self, power: Symbol, node: Scripted) -> bool:
        if self.names.profile.superscripts == "index":
            return True
        known = power.name in self.scope or power.name in self.names.survey.bound
        return known and self.names.survey.values[power.name] == 0 and node.sub is None

    def place(self, node: Node) -> Place:
        """What a node selects."""
        if isinstance(node, Bracket) and node.kind in ("group", "("):
            return self.place(node.body)
        if isinstance(node, Number):
            if node.value.denominator != 1:
                raise NotCheckable("an index that is no whole number", node.span)
            return Place((), int(node.value))
        if isinstance(node, Symbol):
            if node.name in self.scope:
                return Place.of(self.scope[node.name])
            if key_of(node) in self.selected:
                return self.selected[key_of(node)]
            if self.names.is_index(node.name, node.style):
                return Place.of(node.name + self.suffix)
            return Place(((1, LabelAt(self.names.of(key_of(node)))),))
        if self.is_numbered_letter(node):
            letter = letter_of(node)
            return Place.of(self.scope.get(letter, letter + self.suffix))
        if isinstance(node, Scripted) and isinstance(node.base, Symbol):
            inner = tuple(self.place(i) for i in flat_items(node.sub)) if node.sub is not None else ()
            mark = f"^{node.sup.sign}" if isinstance(node.sup, Prime) else ""
            return Place(((1, LabelAt(self.names.of(key_of(node.base)) + mark, inner)),))
        if isinstance(node, Sum):
            parts: list[tuple[int, str | LabelAt]] = []
            offset = 0
            for term, minus in zip(node.terms, node.subtracted, strict=True):
                place = self.place(term)
                sign = -1 if minus else 1
                parts += [(sign * f, a) for f, a in place.parts]
                offset += sign * place.offset
            return Place(tuple(parts), offset)
        if isinstance(node, Product) and len(node.factors) == 2 and isinstance(node.factors[0], Number):
            factor = node.factors[0].value
            place = self.place(node.factors[1])
            if factor.denominator == 1:
                return Place(tuple((int(factor) * f, a) for f, a in place.parts), int(factor) * place.offset)
        raise NotCheckable("an index that is not read", node.span)

    def is_numbered_letter(self, node: Node) -> bool:
        """Whether a node is an index with a number, as p_1 beside p; a label has an entry of that number."""
        letter = letter_of(node)
        if not isinstance(node, Scripted) or not isinstance(node.base, Symbol) or not letter:
            return False
        key, survey = key_of(node.base), self.names.survey
        index = key.islower() and key not in self.names.tabled and not survey.arities.get(key)
        return letter in self.scope or (index and self.names.is_index(key, node.base.style))

    def is_position(self, node: Node) -> bool:
        """Whether a node can only be a place: an index letter, a label, a number, a sum of those."""
        if isinstance(node, Number):
            return node.value.denominator == 1
        if isinstance(node, Symbol):
            if node.name in self.scope or key_of(node) in self.selected or node.name in self.names.survey.bound:
                return True
            alone = not self.names.survey.arities.get(key_of(node)) and key_of(node) not in self.defined
            indexed = self.names.survey.scripts[node.name] > 0
            if alone and indexed and node.name in self.names.profile.dimensions:
                return True
            return (alone and indexed and not self.names._names_value(node.name)) or key_of(node) in self.labels()
        if isinstance(node, Scripted):
            return self.is_numbered_letter(node) or (
                isinstance(node.base, Symbol) and key_of(node.base) in self.labels()
            )
        if isinstance(node, Sum):
            return all(self.is_position(t) for t in node.terms)
        if isinstance(node, Product):
            return all(self.is_position(f) for f in node.factors)
        return False

    def labels(self) -> set[str]:
        survey = self.names.survey
        return {k for k in survey.labels if k not in self.defined and survey.left[k] == 0}


def _word(node: Node) -> str:
    if isinstance(node, Symbol):
        return node.name
    return str(node.value) if isinstance(node, Number) else "?"


def _upper_parts(power: Node | None) -> tuple[Node, ...]:
    """The parts of a superscript that are read one by one: the layer, the sample and the transpose in W^{[1](i)T}."""
    if power is None:
        return ()
    if isinstance(power, Product) and not any(power.signs) and isinstance(power.factors[0], Bracket | Scripted):
        parts = power.factors
    else:
        parts = (power,)
    found: list[Node] = []
    for part in parts:
        if isinstance(part, Scripted) and isinstance(part.base, Bracket) and part.primes and part.sup is None:
            found += [part.base, Prime(part.span, "'" * part.primes)]
        else:
            found.append(part)
    return tuple(found)

"""Names with scripts: entries of tensors, one-tensors, Kronecker deltas, entries of what stands in brackets."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

from tensorcalc.errors import Span
from tensorcalc.verify.latex.tree import Bracket, Function, Node, Number, Relation, Scripted, Symbol
from tensorcalc.verify.problems import IllFormed, NotCheckable
from tensorcalc.verify.reading.algebra import Algebra, ungrouped
from tensorcalc.verify.reading.values import Val
from tensorcalc.verify.signs import flat_items, has_number, is_length, is_transpose, key_of, shown_name
from tensorcalc.verify.terms import (
    Added,
    Apply,
    Constant,
    Derived,
    Entry,
    IndexValue,
    Kronecker,
    One,
    Place,
    Powered,
    Reduced,
    Term,
    Times,
    parts_of,
    substitute,
    tensors_of,
)

__all__ = ["MOST_CALLS", "Entries"]

MOST_CALLS = 200  # of the article's own functions in one formula


class Entries(Algebra):
    """Reads names with scripts."""

    def scripted(self, node: Symbol | Scripted) -> Val:
        if isinstance(node, Symbol) and node.accents[-1:] == ("d",):
            return self.differential(node, None)
        if isinstance(node, Symbol):
            return self.named(node, (), node.span)
        base = node.base
        if isinstance(base, Symbol) and base.accents[-1:] == ("d",):
            return self.differential(base, node)
        if isinstance(base, Bracket) and base.kind == "group" and isinstance(base.body, Symbol):
            return self.scripted(replace(node, base=base.body))
        if not isinstance(base, Symbol) and not (isinstance(base, Number) and base.value == 1 and node.sub is not None):
            return self.over_bracket(node)
        if isinstance(base, Number) or base.name == "1":
            return self.ones(node)
        if base.name == "e" and node.sub is None and node.sup is not None and self.is_euler(node):
            inside = self.value(ungrouped(node.sup))
            return replace(inside, term=Apply("exp", (inside.term,)))
        if base.name == "e" and node.sub is not None and "e" not in self.defined and self.is_unit_vector(node):
            letter = self.letters.fresh("i")
            value = Val(Kronecker(self.place(flat_items(node.sub)[0]), Place.of(letter)), (letter,))
            return value if node.sup is None else self.raised(value, node.sup, node.span)
        if base.name == "delta" and node.sub is not None and self.is_kronecker(node):
            return self.kronecker(node)
        key, places, power = self.parts(node)
        dropped = key in self.names.survey.sampled and not has_number(node.sup) and not self.all_samples
        if dropped and len(places) < self.names.order(key):
            places = [self.sample(key), *places]
        if power is not None and is_transpose(power) and len(places) < self.names.order(key):
            kept, self.sliced = self.sliced, True
            value = self.named(base, places, node.span, key)
            self.sliced = kept
            return self.raised(value, power, node.span)
        if self.is_square(key, power):
            return self.named(base, places, node.span, f"{key}^2")
        value = self.named(base, places, node.span, key)
        return value if power is None else self.raised(value, power, node.span)

    def sample(self, key: str) -> Place:
        """The place of a sample whose number is left out, the same for all names of an equation."""
        self.doubts.append(f"{shown_name(key)} stands without the number of its sample")
        return Place.of(f"sample{self.suffix}")

    def differential(self, symbol: Symbol, scripts: Scripted | None) -> Val:
        """dX as programs write it: the derivative of the loss by X."""
        loss = self.names.loss
        plain = replace(symbol, accents=symbol.accents[:-1])
        if key_of(plain) in self.varied:
            found = self.value(plain if scripts is None else replace(scripts, base=plain))
            return self.along(found, symbol.span)
        if self.varied:
            return self.varying(self.value(plain if scripts is None else replace(scripts, base=plain)), symbol.span)
        if not loss or key_of(plain) == loss:
            what = "a differential, or the derivative of a scalar"
            raise NotCheckable(f"nothing says whether d{shown_name(key_of(plain))} is {what}", symbol.span)
        inner: Symbol | Scripted = plain
        power: Node | None = None
        if scripts is not None:
            power = scripts.sup if is_transpose(scripts.sup) else None
            sup = None if power is not None else scripts.sup
            inner = replace(scripts, base=plain, sup=sup) if scripts.sub is not None or sup is not None else plain
        found = self.value(inner)
        if not isinstance(found.term, Entry):
            raise NotCheckable("a differential of something that is no tensor", symbol.span)
        derived = replace(found, term=Derived(Entry(loss), found.term.name, found.term.places))
        return derived if power is None else self.raised(derived, power, symbol.span)

    def along(self, found: Val, span: Span) -> Val:
        """dX, the direction in which X is varied: a tensor of the same shape."""
        if not isinstance(found.term, Entry):
            raise NotCheckable("a differential of something that is no tensor", span)
        return replace(found, term=replace(found.term, name=f"d({found.term.name})"))

    def varying(self, value: Val, span: Span) -> Val:
        """The differential of a value: its derivatives by all that is varied, times the directions."""
        terms: list[Term] = []
        for key in sorted(self.varied):
            style, _, plain = key.rpartition(":")
            entry = self.named(Symbol(span, plain, style), (), span, key)
            if not isinstance(entry.term, Entry):
                raise NotCheckable("a differential of something that is no tensor", span)
            direction = replace(entry.term, name=f"d({entry.term.name})")
            product = Times((Derived(value.term, entry.term.name, entry.term.places), direction))
            terms.append(Reduced("sum", entry.axes, product, implied=True) if entry.axes else product)
        return replace(value, term=terms[0] if len(terms) == 1 else Added(tuple(terms)))

    def is_square(self, key: str, power: Node | None) -> bool:
        return key in self.squares and isinstance(power, Number) and power.value == 2

    def is_euler(self, node: Scripted) -> bool:
        survey = self.names.survey
        stated = "e" in self.names.tabled and not self.names.shapes["e"]
        scalar = stated or ("e" in self.defined and not survey.arities.get("e"))
        return not scalar and not is_transpose(node.sup)

    def is_unit_vector(self, node: Scripted) -> bool:
        """Whether e_T is the unit vector of a label, or e_i in bold that of an index."""
        assert isinstance(node.base, Symbol)
        items = flat_items(node.sub) if node.sub is not None else []
        if len(items) != 1 or node.base.style != "bold":
            return False
        return self.names.survey.left[key_of(node.base)] == 0

    def is_kronecker(self, node: Scripted) -> bool:
        if node.primes or "delta" in self.defined or (node.sup is not None and not isinstance(node.sup, Number)):
            return False
        items = flat_items(node.sub) if node.sub is not None else []
        if len(items) == 1 and self.names.survey.deltas and isinstance(items[0], Scripted):
            raise IllFormed(
                "δ has one index, a label with an index of its own; it needs two",
                node.span,
                "did you mean " + _two_indices(items[0]) + "?",
            )
        return len(items) == 2

    def kronecker(self, node: Scripted) -> Val:
        assert node.sub is not None
        first, second = (self.place(i) for i in flat_items(node.sub))
        value = Val(Kronecker(first, second))
        return value if node.sup is None else self.raised(value, node.sup, node.span)

    def ones(self, node: Scripted) -> Val:
        sub = node.sub
        if sub is None:
            if is_transpose(node.sup):
                letter = self.letters.fresh("i")
                return Val(One(Place.of(letter)), (letter,), row=True)
            raise NotCheckable("a power of a one-tensor", node.span)
        if is_length(node) and not self.names.profile.indices:
            return self.ones_of_length(node)
        if isinstance(sub, Relation):
            return self.relation(sub)
        if isinstance(sub, Bracket) and isinstance(sub.body, Relation):
            return self.relation(sub.body)
        factors = tuple(One(self.place(i)) for i in flat_items(sub))
        value = Val(factors[0] if len(factors) == 1 else Times(factors))
        return value if node.sup is None else self.raised(value, node.sup, node.span)

    def ones_of_length(self, node: Scripted) -> Val:
        """A vector of ones with its length, as in \\mathbf{1}_N."""
        letter = self.letters.fresh("i")
        item = flat_items(node.sub)[0] if node.sub is not None else None
        length = key_of(item) if isinstance(item, Symbol) else str(item.value) if isinstance(item, Number) else ""
        value = Val(One(Place.of(letter), length), (letter,))
        return value if node.sup is None else self.raised(value, node.sup, node.span)

    def over_bracket(self, node: Scripted) -> Val:
        """A bracket or function with scripts: entries, powers, transposes."""
        base = node.base
        if (
            isinstance(base, Bracket)
            and base.kind == "langle"
            and isinstance(node.sub, Symbol)
            and node.sub.name == "F"
        ):
            node = replace(node, sub=None)
        if isinstance(base, Bracket) and base.kind in ("|", "||") and node.sub is not None:
            shown = flat_items(node.sub)[0]
            two = (isinstance(shown, Number) and shown.value == 2) or (isinstance(shown, Symbol) and shown.name == "F")
            if not two:
                raise NotCheckable("a norm other than the Euclidean one", node.span)
            value = self.value(base)
            return value if node.sup is None else self.raised(value, node.sup, node.span)
        if isinstance(base, Bracket) and isinstance(base.body, Relation) and base.kind in ("[", "(", "{"):
            return self.value(base)
        kept, self.sliced = self.sliced, isinstance(base, Bracket) and (node.sub is not None or is_transpose(node.sup))
        try:
            value = self.value(base)
        finally:
            self.sliced = kept
        if node.primes and isinstance(value.term, Apply) and isinstance(base, Function) and node.sub is None:
            value = replace(value, term=replace(value.term, primes=value.term.primes + node.primes))
        elif node.primes:
            value = self.transposed(value, node.span) if value.axes else self.primed(value, node)
        if node.sub is not None:
            if node.sup is not None and not isinstance(node.sup, Number):
                value = self.raised(value, node.sup, node.span)
                return self.entries(value, flat_items(node.sub), node.span)
            value = self.entries(value, flat_items(node.sub), node.span)
        return value if node.sup is None else self.raised(value, node.sup, node.span)

    def primed(self, value: Val, node: Scripted) -> Val:
        """(e^u)': the derivative by the only scalar in the bracket."""
        names = tensors_of(value.term)
        if len(names) != 1 or self.names.order(min(names)):
            raise NotCheckable("the derivative of a bracket", node.span)
        term = value.term
        for _ in range(node.primes):
            term = Derived(term, min(names))
        return Val(term)

    def entries(self, value: Val, items: list[Node], span: Span) -> Val:
        """The entries of a vector or matrix in brackets."""
        if len(items) > len(value.axes):
            unknown = [t for t in parts_of(value.term) if isinstance(t, Entry) and not t.places]
            if not value.axes and any(t.name not in self.defined and t.name not in self.names.shapes for t in unknown):
                raise NotCheckable(f"nothing says how many axes {shown_name(unknown[0].name)} has", span)
            raise IllFormed(f"{len(items)} indices for {len(value.axes)} axes", span)
        mapping = {axis: self.place(item) for axis, item in zip(value.axes, items, strict=False)}
        return Val(substitute(value.term, mapping), value.axes[len(items) :], False)

    def named(self, symbol: Symbol, places: list[Place] | tuple[Place, ...], span: Span, key: str = "") -> Val:
        """A tensor, a constant, an index as a number."""
        if not key:
            key = self.names.of(key_of(symbol))
        if key_of(symbol) in self.bindings and key == self.names.of(key_of(symbol)):
            bound = self.bindings[key_of(symbol)]
            if not places:
                return bound
            if len(places) == len(bound.axes):
                return Val(substitute(bound.term, dict(zip(bound.axes, places, strict=True))))
        if not places and symbol.name in (key, "1", "I"):
            special = self.special(symbol, span)
            if special is not None:
                return special
        if not places and key == key_of(symbol) and (whole := self.whole_function(key)) is not None:
            return whole
        dropped = key in self.names.survey.sampled - self.names.survey.totals and not self.all_samples
        if not places and key == key_of(symbol) and dropped:
            places = (self.sample(key),)
        if places and key in self.names.survey.totals:
            key = f"{key}/each"
        numbered = key.startswith("bold:") and key[5:6].islower() and self.names.survey.arities.get(key)
        if not places and key == key_of(symbol) and numbered:
            self.doubts.append(f"{key[5:]} stands without its number")
            axis = self.letters.fresh("i")
            return Val(Entry(f"{key}/any", (Place.of(axis),)), (axis,))
        order = self.names.order(key)
        if self.names.of(key_of(symbol)) != key:  # a name with a label of its own
            order = max(self.names.labelled_order(key, symbol.name), len(places))
        if len(places) > order:
            if self.names.settled_order(key, len(places)):
                raise IllFormed(f"{key} has {len(places)} indices here and {order} elsewhere", span)
            self.names.orders[key] = order = len(places)
        missing = order - len(places)
        if not missing:
            return self.squared(key, Entry(key, tuple(places)))
        stem = key.partition("^")[0] if key in self.names.survey.indexed else key
        spelled_whole = key_of(symbol) != stem and key in (self.names.of(key_of(symbol)), *self.names.pairs.values())
        matrices = missing == 2 and symbol.name.isupper()
        if (
            not places
            or key.startswith("bold:")
            or key in self.names.shapes
            or key in self.names.members
            or spelled_whole
            or self.sliced
            or matrices
            or self.names.of_sample(key)
        ):
            self.whole = True
        elif not self.names.settled_order(key, len(places)):
            raise NotCheckable(f"{key} has {len(places)} indices here and {order} elsewhere", span)
        else:
            self.slices.append(IllFormed(f"{key} has {len(places)} indices here and {order} elsewhere", span))
        axes = tuple(self.letters.fresh("ijklmn"[k % 6]) for k in range(missing))
        value = self.squared(key, Entry(key, (*places, *(Place.of(a) for a in axes))))
        return replace(value, axes=axes, beside=key in self.names.columns)

    def whole_function(self, key: str) -> Val | None:
        """The value of f where its argument is left out, as in df/dx beside f(x) = …"""
        definition = self.functions.get(key)
        if definition is None or key in self.defined or self.calls > MOST_CALLS:
            return None
        if any(p.letters or p.selects or p.squared for p in definition.parameters):
            return None
        self.calls += 1
        return self.value(definition.body)

    def squared(self, key: str, entry: Entry) -> Val:
        if key in self.squares:
            return Val(Powered(replace(entry, name=f"{key}^2"), Constant(Fraction(1, 2))))
        return Val(entry)

    def special(self, symbol: Symbol, span: Span) -> Val | None:
        name = symbol.name
        survey = self.names.survey
        if name == "1" and symbol.style in ("bold", "bb"):
            letter = self.letters.fresh("i")
            return Val(One(Place.of(letter)), (letter,))
        if name in self.scope:
            return Val(IndexValue(Place.of(self.scope[name])))
        if name in ("...", "infty", "emptyset"):
            raise NotCheckable("dots or infinity have no value", span)
        if name in self.defined or name in self.names.tabled or survey.arities.get(name):
            return None
        if name == "pi":
            return Val(Constant(math.pi))
        if name == "e" and not survey.variables["e"]:
            return Val(Constant(math.e))
        identity = name == "I" and symbol.style in ("", "bold", "bb") and self.names.is_identity(key_of(symbol))
        if identity or (name in ("Id", "Identity") and symbol.style == "mathrm"):
            first, second = self.letters.fresh("i"), self.letters.fresh("j")
            return Val(Kronecker(Place.of(first), Place.of(second)), (first, second))
        valued = survey.left[name] or survey.numerators[name] or survey.variables[name]
        if self.names.is_index(name, symbol.style) and name in survey.bound and not valued:
            return Val(IndexValue(Place.of(name + self.suffix)))
        return None

    def relation(self, node: Relation) -> Val:
        """The value of a comparison."""
        raise NotImplementedError


def _two_indices(node: Scripted) -> str:
    base = node.base.name if isinstance(node.base, Symbol) else "T"
    inner = node.sub.name if isinstance(node.sub, Symbol) else "n"
    return rf"\delta_{{{base} {inner}}}"

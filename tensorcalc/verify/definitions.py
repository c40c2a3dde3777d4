"""What an article defines as it goes: its functions, its tensors; and the claims of its chains."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from tensorcalc.errors import Span
from tensorcalc.verify.applied import define_functions
from tensorcalc.verify.chains import Chain, Claim, left_name
from tensorcalc.verify.latex.rows import Side
from tensorcalc.verify.latex.tree import (
    Bracket,
    Function,
    Node,
    Number,
    Product,
    Scripted,
    Symbol,
)
from tensorcalc.verify.model import Model, derivatives_in
from tensorcalc.verify.names import Names
from tensorcalc.verify.problems import IllFormed, NotCheckable, Problem
from tensorcalc.verify.profile import Profile
from tensorcalc.verify.reading import Definition, Reader, Val, unbound
from tensorcalc.verify.reading.algebra import COLUMNS
from tensorcalc.verify.reading.values import MINUS
from tensorcalc.verify.signs import function_key, is_differential_sign, key_of
from tensorcalc.verify.stationary import condition_on, gradient_by, zero_gradient
from tensorcalc.verify.summation import dummies, with_sums
from tensorcalc.verify.survey import names_in
from tensorcalc.verify.terms import (
    Derived,
    Entry,
    Place,
    Reduced,
    Term,
    Times,
    parts_of,
    place_letters,
    substitute,
    tensors_of,
)

__all__ = ["Builder"]


class Builder:
    """Reads the chains of an article in order. `settled`: whether no name has changed its order on the way."""

    def __init__(self, names: Names, profile: Profile, layout: str = "numerator") -> None:
        self.names = names
        self.profile = profile
        self.reader = Reader(names)
        self.reader.layout = layout
        self.model = Model(positive=frozenset({*profile.positive, "epsilon", "eps"}))
        self.settled = True
        self.undefined: list[str] = []
        self.stationary: set[str] = set()
        self.gradients: set[str] = set()
        self.lefts: frozenset[str] = frozenset()
        self.orders = dict(names.orders)

    def build(self, chains: Sequence[Chain]) -> list[Claim]:
        define_functions(chains, self.names, self.reader)
        self.find_squares(chains)
        self.lefts = frozenset(self.names.of(key) for c in chains if (key := left_name(c)) is not None)
        claims: list[Claim] = []
        order = [c for c in chains if not c.inline] + [c for c in chains if c.inline]
        for number, chain in enumerate(order):
            orders = dict(self.names.orders)
            found = self.chain(number, chain)
            shows = not chain.label and (not chain.inline or any(c.defines for c in found))
            if not shows:  # laws, and what the running text does not define, show nothing about the displayed ones
                self.names.orders = orders
            claims += found
        self.settled = self.names.orders == self.orders
        return claims

    def find_squares(self, chains: Sequence[Chain]) -> None:
        """Names of which only the square is defined: σ² = …"""
        plain = {key for c in chains if (key := left_name(c)) is not None}
        for chain in chains:
            if len(chain.sides) < 2:
                continue
            node = chain.sides[0].node
            squared = isinstance(node, Scripted) and isinstance(node.sup, Number) and node.sup.value == 2
            if not (squared and isinstance(node, Scripted) and isinstance(node.base, Symbol)):
                continue
            if key_of(node.base) in plain:
                continue
            with suppress(Problem):
                self.reader.squares.add(self.reader.parts(node)[0])

    def chain(self, number: int, chain: Chain) -> list[Claim]:
        self.reader.suffix = f"@{number}"
        self.reader.arguments = self.arguments(chain)
        self.reader.doubts = []
        self.reader.all_samples = self.of_all_samples(chain)
        self.reader.varied = self.varied(chain)
        values: list[Val | None] = []
        problems: list[Problem | None] = []
        laid: list[bool] = []
        for side in chain.sides:
            self.reader.laid = False
            value, problem = self.side(side)
            laid.append(self.reader.laid)
            values.append(value)
            problems.append(problem)
        known = [v for v in values if v is not None]
        free = self.free(known, chain)
        claims: list[Claim] = []
        reference: Val | None = None
        for place, side in enumerate(chain.sides):
            value, problem = values[place], problems[place]
            if value is not None:
                value, problem = self.closed(value, free, side.span)
                if isinstance(problem, IllFormed) and self.reader.doubts:
                    problem = NotCheckable(self.reader.doubts[0], problem.span)
                elif isinstance(problem, IllFormed) and self.suppresses(reference):
                    problem = NotCheckable(problem.reason, problem.span)
            if place:
                claims.append(self.claim(number, chain, place, reference, (value, problem), free))
                claims[-1].laid = laid[place] or laid[0]
            if reference is None:
                reference = value
        if len(claims) >= 1 and not chain.label and not chain.assumed:
            self.gradients |= {name for c in claims if (name := gradient_by(c))}
            self.stationary |= {n for c in claims if (n := zero_gradient(c) or condition_on(c, self.gradients))}
            self.definition(chain, claims)
            self.note_undefined(chain, claims[0])
        return claims

    def varied(self, chain: Chain) -> frozenset[str]:
        """The names whose differentials stand on the right of an equation between differentials: df = ∇fᵀ dx."""
        if len(chain.sides) < 2 or not _is_differential(chain.sides[0].node):
            return frozenset()
        written = [name for side in chain.sides[1:] for name in names_in(side.node)]
        found = frozenset(self.names.of(n[2:-1]) for n in written if n.startswith("d(") and n.endswith(")"))
        own = next((n[2:-1] for n in names_in(chain.sides[0].node) if n.startswith("d(")), "")
        depends = found <= self.model.ancestors([self.names.of(own)]) - {self.names.of(own)}
        return found if depends or isinstance(chain.sides[0].node, Product) else frozenset()

    def of_all_samples(self, chain: Chain) -> bool:
        """Whether a matrix of all samples stands in a chain: X, whose rows are x^{(i)}."""
        sampled = self.names.survey.sampled
        wholes = {k for k in self.names.survey.values if k.rsplit(":", 1)[-1].isupper() and k.lower() in sampled}
        return bool(wholes) and any(name in wholes for side in chain.sides for name in names_in(side.node))

    def arguments(self, chain: Chain) -> dict[str, Val]:
        """What the x of a statement about f(x) or f'(x) stands for, where it is not the article's own tensor x.

        That is any scalar for a function that is taken entry by entry, and any vector where x has samples x^{(i)}.
        """
        node = chain.sides[0].node if chain.sides else None
        if not (isinstance(node, Product) and len(node.factors) == 2 and not node.signs[1]):
            return {}
        name, bracket = node.factors
        plain = replace(name, primes=0) if isinstance(name, Scripted) and name.sub is None else name
        symbol = name.base if isinstance(name, Scripted) and name.sub is None else plain
        if not isinstance(bracket, Bracket) or not isinstance(bracket.body, Symbol):
            return {}
        if not self.names.is_function(function_key(symbol)) or len(chain.sides) < 2:
            return {}
        key = key_of(bracket.body)
        order = self.names.order(key)
        if not order:
            return {}
        scalar = {key: Val(Entry(f"{key}/any"))}
        if key in self.names.survey.sampled:
            axes = tuple(self.reader.letters.fresh("i") for _ in range(order - 1))
            own = {key: Val(Entry(f"{key}/any", tuple(Place.of(a) for a in axes)), axes)}
        else:
            own = {}
        self.reader.arguments = own
        value, _ = self.side(chain.sides[1])
        return own if value is not None and not value.axes else scalar

    def side(self, side: Side) -> tuple[Val | None, Problem | None]:
        if side.node is None:
            assert side.problem is not None
            return None, NotCheckable(side.problem.message, side.problem.span)
        try:
            return self.reader.read(side.node), None
        except Problem as problem:
            return None, problem
        except RecursionError:
            return None, NotCheckable("the formula is nested too deeply", side.span)

    def free(self, values: list[Val], chain: Chain) -> frozenset[str]:
        """The free letters of a chain: those of its first side that are not summed there."""
        if not values:
            return frozenset()
        first = values[0].term
        letters = unbound(first)
        free = letters - dummies([v.term for v in values])
        if isinstance(first, Derived) and isinstance(first.body, Entry) and self.names.survey.summed:
            # where sums are written out, ∂y_i/∂x_i is an entry and no sum
            free |= unbound(first.body) & {x for p in first.places for x in place_letters(p)}
        words = chain.words.lower()
        if "no sum" in words or not self.profile.einstein:
            free = free | frozenset(x for v in values for x in unbound(v.term))
        return free

    def closed(self, value: Val, free: frozenset[str], span: Span) -> tuple[Val | None, Problem | None]:
        try:
            term = with_sums(value.term, free | frozenset(value.axes), self.reader.letters, lambda: span)
            return replace(value, term=term), None
        except Problem as problem:
            return None, problem

    def suppresses(self, left: Val | None) -> bool:
        """Whether a definition may leave out an index, as δ_j = ∂E_n/∂a_j does, where sums are written out."""
        if left is None or not isinstance(left.term, Entry) or not self.names.survey.summed or self.names.survey.ones:
            return False
        return left.term.name not in self.model.definitions

    def claim(
        self,
        number: int,
        chain: Chain,
        place: int,
        reference: Val | None,
        found: tuple[Val | None, Problem | None],
        free: frozenset[str],
    ) -> Claim:
        value, problem = found
        left, right = chain.sides[place - 1], chain.sides[place]
        row = next((r for r in chain.rows if any(s is right for s in r.sides)), chain.rows[-1])
        claim = Claim(
            row, left, right, right.mark or right.span, chain.inline, reference, value, problem, chain=number, free=free
        )
        claim.doubt = self.reader.doubts[0] if self.reader.doubts else ""
        if right.assigns and place == 1 and value is not None and reference is not None:
            own = tensors_of(reference.term) if isinstance(reference.term, Entry) else set()
            if own & tensors_of(value.term):
                claim.problem = NotCheckable(f"{min(own)} gets a new value here; this is no equation")
        if (
            chain.assumed
            and problem is None
            and reference is not None
            and not derivatives_in(value.term if value else reference.term)
        ):
            claim.assumed = True
        if chain.label:
            claim.problem = NotCheckable("a law that is stated for any tensor")
        elif problem is None and reference is None:
            claim.problem = NotCheckable("the left side has no value")
            _, first = self.side(chain.sides[0])
            if first is not None:
                claim.problem = type(first)(first.reason, first.span, first.hint)
        return claim

    def definition(self, chain: Chain, claims: list[Claim]) -> None:
        """Take the first `=` of a chain as a definition where its left side is a name without a meaning so far."""
        place = next((k for k, c in enumerate(claims) if c.reference is not None and c.problem is None), 0)
        claim, node = claims[place], chain.sides[place].node
        if not place and claim.problem is None and self.defines_function(chain):
            claim.defines = function_key(node.factors[0]) if isinstance(node, Product) else _name(node)
            return
        for other in claims:
            self.define_right(chain, other)
        if claim.problem is not None or claim.value is None or claim.reference is None or node is None:
            return
        if claim.doubt == COLUMNS:
            return
        if place + 1 < len(claims) and self.names_alone(claim.value) and claims[place + 1].problem is None:
            self.define(chain, claims[place + 1], claim.value)
        self.define(chain, claim, claim.reference)

    def define(self, chain: Chain, claim: Claim, left: Val) -> None:
        """Give a name the meaning of a claim's right side, unless it has one."""
        value, term = claim.value, left.term
        if not isinstance(term, Entry) or value is None:
            return
        key = term.name
        letters = tuple(p.letter for p in term.places)
        if None in letters or len(set(letters)) < len(letters):
            return
        if chain.inline and not self.wanted(key, value, chain):
            return
        if key in tensors_of(value.term):
            return
        body, names = value.term, tuple(x for x in letters if x is not None)
        if value.axes or left.axes:
            matched = self.matched(left, value, key)
            if matched is None:
                return
            body, names = matched
        if self.names.survey.extents & {key} and not names:
            return
        definition = Definition(key, names, body, claim.span)
        if key in self.stationary and key not in self.model.definitions:
            claim.solves = definition
            return
        if key in self.model.definitions:
            claim.redefines = None if chain.inline else definition
            return
        if self.model.define(definition):
            claim.defines = key
            self.reader.defined.add(key)

    def names_alone(self, value: Val) -> bool:
        """Whether a side is only a name that nothing else defines, as y is in h = y = tanh(c)."""
        term = value.term
        if not isinstance(term, Entry) or self.names.of_sample(term.name):
            return False
        return term.name not in self.model.definitions and term.name not in self.lefts

    def define_right(self, chain: Chain, claim: Claim) -> None:
        """Give e its meaning in y - t := e, and E in log p := -E."""
        left, value = claim.reference, claim.value
        if not claim.right.assigns or left is None or value is None or claim.problem is not None:
            return
        signs, term = _unsigned(value.term)
        if not isinstance(term, Entry) or isinstance(left.term, Entry) or not self.names_alone(Val(term)):
            return
        other = left if not signs else replace(left, term=Times((MINUS, left.term)))
        given = replace(claim, reference=replace(value, term=term), value=other)
        if given.reference is not None:
            self.define(chain, given, given.reference)
        claim.defines = given.defines

    def defines_function(self, chain: Chain) -> bool:
        """Whether the first `=` of a chain is where a function of the article gets its formula."""
        return any(d.body is chain.sides[1].node for d in self.reader.functions.values())

    def note_undefined(self, chain: Chain, claim: Claim) -> None:
        """Remember a name on the left that could not be given its meaning: nothing is known about it."""
        left = claim.reference
        if claim.solves is not None or chain.sides[1].assigns:
            return
        if left is not None and isinstance(left.term, Entry) and not claim.defines and not chain.inline:
            name = left.term.name
            used = tensors_of(claim.value.term) if claim.value is not None else set()
            identity = used == {name} or (name not in used and name in self.model.ancestors(used))
            if not identity:
                self.undefined.append(name)
        elif left is None and (written := left_name(chain)) is not None and not chain.inline:
            self.undefined.append(self.names.of(written))

    def matched(self, left: Val, value: Val, key: str) -> tuple[Term, tuple[str, ...]] | None:
        """The body of a definition in matrix notation, with the letters of the axes of the name."""
        assert isinstance(left.term, Entry)
        places = tuple(p.letter or "" for p in left.term.places)
        if not left.axes and not places and value.axes:
            self.names.orders[key] = len(value.axes)
            return value.term, value.axes
        if not left.axes and len(places) == 1 and value.axes and self.names.of_sample(key):
            self.names.orders[key] = 1 + len(value.axes)
            return value.term, (*places, *value.axes)
        if len(left.axes) != len(value.axes):
            if not value.axes:
                survey = self.names.survey
                shown = key in survey.transposed | survey.bracketed or key in self.names.shapes
                if not shown and places == left.axes and not survey.arities.get(key) and tensors_of(value.term):
                    self.names.orders[key] = 0  # only dF made it look like a matrix
                    return value.term, ()
                return value.term, places
            return None
        mapping = {old: Place.of(new) for old, new in zip(value.axes, left.axes, strict=True)}
        return substitute(value.term, mapping), places

    def wanted(self, key: str, value: Val, chain: Chain) -> bool:
        """Whether a formula in the running text is needed: it defines by a formula what displayed ones use."""
        survey = self.names.survey
        used = survey.right[key] or survey.variables[key]
        entries = not unbound(value.term) and key in survey.indexed and not key.startswith("bold:") and key.islower()
        if entries and not any(isinstance(t, Reduced) for t in parts_of(value.term)):
            return False  # y = m x + b beside y_i and x_i says of what kind a model is
        plain = isinstance(value.term, Entry) and not value.term.places and not value.axes
        return bool(used) and not plain and bool(tensors_of(value.term)) and len(chain.sides) == 2


def _unsigned(term: Term) -> tuple[int, Term]:
    """Whether a term is one with a minus before it, and that one."""
    if isinstance(term, Times) and len(term.factors) == 2 and term.factors[0] is MINUS:
        return 1, term.factors[1]
    return 0, term


def _name(node: Node | None) -> str:
    return node.name if isinstance(node, Function) else ""


def _is_differential(node: Node | None) -> bool:
    """Whether a side is the differential of a name or of a formula."""
    if isinstance(node, Product):
        return is_differential_sign(node.factors[0])
    symbol = node.base if isinstance(node, Scripted) else node
    return isinstance(symbol, Symbol) and symbol.accents[-1:] == ("d",)

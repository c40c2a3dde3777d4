"""An article's rows with a meaning: its definitions, and for every `=` the two terms that it claims are equal."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from typing import Any

from tensorcalc.errors import Span
from tensorcalc.verify.latex.rows import Row, Side
from tensorcalc.verify.latex.tree import Bracket, Node, Number, Product, Scripted, Symbol
from tensorcalc.verify.latex.tree import Sequence as Items
from tensorcalc.verify.model import Model, derivatives_in
from tensorcalc.verify.names import Names, names_of
from tensorcalc.verify.problems import IllFormed, NotCheckable, Problem
from tensorcalc.verify.profile import Profile
from tensorcalc.verify.reading import Definition, FunctionDefinition, Reader, Val, unbound
from tensorcalc.verify.shapes import shapes_of
from tensorcalc.verify.summation import dummies, with_sums
from tensorcalc.verify.survey import key_of, survey, with_running_text
from tensorcalc.verify.terms import (
    Added,
    Derived,
    Entry,
    One,
    Place,
    Powered,
    Term,
    Times,
    letters_of,
    substitute,
    tensors_of,
)

__all__ = ["Article", "Chain", "Claim", "read_article"]


@dataclass(slots=True)
class Claim:
    """One `=`: its place, its two sides, and what was found out about it while reading.

    `reference` is the side that the right one is compared with: the first of its chain that has a value. `defines` is
    the name that it defines, where it does.
    """

    row: Row
    left: Side
    right: Side
    span: Span
    inline: bool = False
    reference: Val | None = None
    value: Val | None = None
    problem: Problem | None = None
    defines: str = ""
    redefines: Definition | None = None
    assumed: bool = False
    free: frozenset[str] = frozenset()
    chain: int = 0


@dataclass(slots=True)
class Chain:
    """Sides that are all claimed equal, with the words that stand beside them."""

    sides: list[Side] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    inline: bool = False
    label: str = ""
    assumed: bool = False

    @property
    def words(self) -> str:
        return " ".join(w for row in self.rows for w in row.words)


@dataclass(slots=True)
class Article:
    """What was read."""

    claims: list[Claim]
    model: Model
    names: Names
    reader: Reader


def read_article(
    displayed: Sequence[Row],
    inline: Sequence[Row],
    profile: Profile,
    shapes: Mapping[str, tuple[str, ...]],
    assumed: Collection[int] = (),
) -> Article:
    """Read the rows of an article in order. Formulas in the running text only define what the displayed ones need.

    `assumed` are the numbers of the formulas that the article assumes to hold.
    """
    chains = _chains(displayed, False) + _chains(inline, True)
    found = with_running_text(survey([row for row in displayed if not row.label]), survey(inline))
    stated = dict(shapes)
    for row in (*displayed, *inline):
        stated.update(shapes_of(row))
    names = names_of(found, profile, stated)
    claims: list[Claim] = []
    for chain in chains:
        chain.assumed = any(row.block in assumed for row in chain.rows)
    for _ in range(4):  # orders and definitions that are found late hold for what stands before
        builder = _Builder(names, profile)
        claims = builder.build(chains)
        if builder.settled:
            break
    builder.model.facts = tuple(
        (c.reference.term, c.value.term)
        for c in claims
        if c.assumed and c.reference is not None and c.value is not None
    )
    builder.finish(claims)
    _check_free(claims, names)
    return Article(claims, builder.model, names, builder.reader)


def _check_free(claims: Sequence[Claim], names: Names) -> None:
    """Where an article carries indices by one-tensors, added terms must have the free indices of the left side."""
    carried = any(
        _carries(term, claim.free) for claim in claims if claim.value is not None for term in _terms(claim.value.term)
    )
    wanted = carried if names.profile.ones is None else names.profile.ones
    for claim in claims:
        if not wanted or claim.problem is not None or claim.value is None or claim.value.axes:
            continue
        for term in _terms(claim.value.term):
            found = letters_of(term) & claim.free
            if found and found != claim.free:
                missing = ", ".join(sorted(x.split("@")[0] for x in claim.free - found))
                what = "the right side" if term is claim.value.term else "a term on the right"
                hint = f"carry it with a one-tensor: \\mathbf{{1}}_{{{missing}}}"
                claim.problem = IllFormed(
                    f"{what} has no index {missing}, which the left side has", claim.right.span, hint
                )
                break


def _terms(term: Term) -> tuple[Term, ...]:
    return term.terms if isinstance(term, Added) else (term,)


def _carries(term: Term, free: frozenset[str]) -> bool:
    """Whether a one-tensor is there to carry an index that no other factor of the term has."""
    factors = flat_factors(term)
    ones = [f.place.letter for f in factors if isinstance(f, One)]
    rest = {x for f in factors if not isinstance(f, One) for x in letters_of(f)}
    return any(x in free and x not in rest for x in ones)


def flat_factors(term: Term) -> list[Term]:
    """The factors of a product of products."""
    return [x for f in term.factors for x in flat_factors(f)] if isinstance(term, Times) else [term]


def _chains(rows: Sequence[Row], inline: bool) -> list[Chain]:
    chains: list[Chain] = []
    previous: Chain | None = None
    for row in rows:
        if row.continues and previous is not None and previous.rows[-1].block == row.block:
            chain = previous
        else:
            chain = Chain(inline=inline, label=row.label)
            chains.append(chain)
            if row.continues:
                chain.rows.append(row)
        chain.rows.append(row)
        for side in row.sides:
            if side.relation in ("", "="):
                chain.sides.append(side)
            else:  # what stands behind another relation is not claimed equal
                chain = Chain([replace(side, relation="")], [row], inline, row.label)
                chains.append(chain)
        if not row.aside:
            previous = chain
    return chains


class _Builder:
    def __init__(self, names: Names, profile: Profile) -> None:
        self.names = names
        self.profile = profile
        self.reader = Reader(names)
        self.model = Model(positive=frozenset({*profile.positive, "epsilon", "eps"}))
        self.settled = True
        self.undefined: list[str] = []
        self.orders = dict(names.orders)

    def build(self, chains: Sequence[Chain]) -> list[Claim]:
        self.function_definitions(chains)
        self.find_squares(chains)
        claims: list[Claim] = []
        order = [c for c in chains if not c.inline] + [c for c in chains if c.inline]
        for number, chain in enumerate(order):
            claims += self.chain(number, chain)
        self.settled = self.names.orders == self.orders
        return claims

    def function_definitions(self, chains: Sequence[Chain]) -> None:
        """Functions that the article defines: σ(x) = 1/(1 + e^{-x})."""
        for chain in chains:
            if len(chain.sides) < 2 or chain.label or chain.sides[0].node is None or chain.sides[1].node is None:
                continue
            node = chain.sides[0].node
            if not (isinstance(node, Product) and len(node.factors) == 2):
                continue
            name, bracket = node.factors
            if isinstance(name, Symbol) and isinstance(bracket, Bracket) and self.names.is_function(key_of(name)):
                items = bracket.body.items if isinstance(bracket.body, Items) else (bracket.body,)
                if all(isinstance(i, Symbol) for i in items) and not _calls(chain.sides[1].node, name.name):
                    arguments = tuple(i.name for i in items if isinstance(i, Symbol))
                    definition = FunctionDefinition(key_of(name), arguments, chain.sides[1].node)
                    self.reader.functions.setdefault(key_of(name), definition)

    def find_squares(self, chains: Sequence[Chain]) -> None:
        """Names of which only the square is defined: σ² = …"""
        plain = {key for c in chains if (key := _left_name(c)) is not None}
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
        self.reader.arguments = self.scalar_arguments(chain)
        values: list[Val | None] = []
        problems: list[Problem | None] = []
        for side in chain.sides:
            value, problem = self.side(side)
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
            if place:
                claims.append(self.claim(number, chain, place, reference, (value, problem), free))
            if reference is None:
                reference = value
        if len(claims) >= 1 and not chain.label and not chain.assumed:
            self.definition(chain, claims)
            self.note_undefined(chain, claims[0])
        return claims

    def scalar_arguments(self, chain: Chain) -> dict[str, Val]:
        """The x of a statement about f(x) or f'(x) for any x: a scalar."""
        node = chain.sides[0].node if chain.sides else None
        if isinstance(node, Product) and len(node.factors) == 2 and not node.signs[1]:
            name, bracket = node.factors
            symbol = name.base if isinstance(name, Scripted) else name
            if isinstance(symbol, Symbol) and isinstance(bracket, Bracket) and isinstance(bracket.body, Symbol):
                key = bracket.body.name
                if self.names.is_function(key_of(symbol)):
                    return {key: Val(Entry(f"{key}/any"))}
        return {}

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
        letters = unbound(values[0].term)
        free = letters - dummies([v.term for v in values])
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
        claim = claims[0]
        node = chain.sides[0].node
        if claim.problem is not None or claim.value is None or claim.reference is None or node is None:
            return
        left, value = claim.reference, claim.value
        term, key = left.term, ""
        if isinstance(term, Powered) and isinstance(term.base, Entry) and isinstance(term.exponent, Entry):
            return
        if not isinstance(term, Entry):
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
        if key in self.model.definitions:
            claim.redefines = None if chain.inline else definition
            return
        if self.model.define(definition):
            claim.defines = key
            self.reader.defined.add(key)

    def note_undefined(self, chain: Chain, claim: Claim) -> None:
        """Remember a name on the left that could not be given its meaning: nothing is known about it."""
        left = claim.reference
        if left is not None and isinstance(left.term, Entry) and not claim.defines and not chain.inline:
            name = left.term.name
            used = tensors_of(claim.value.term) if claim.value is not None else set()
            identity = used == {name} or (name not in used and name in self.model.ancestors(used))
            if not identity:
                self.undefined.append(name)
        elif left is None and (written := _left_name(chain)) is not None and not chain.inline:
            self.undefined.append(self.names.of(written))

    def matched(self, left: Val, value: Val, key: str) -> tuple[Term, tuple[str, ...]] | None:
        """The body of a definition in matrix notation, with the letters of the axes of the name."""
        assert isinstance(left.term, Entry)
        places = tuple(p.letter or "" for p in left.term.places)
        if not left.axes and not places and value.axes:
            self.names.orders[key] = len(value.axes)
            return value.term, value.axes
        if len(left.axes) != len(value.axes):
            if not value.axes:
                return value.term, places
            return None
        mapping = {old: Place.of(new) for old, new in zip(value.axes, left.axes, strict=True)}
        return substitute(value.term, mapping), places

    def wanted(self, key: str, value: Val, chain: Chain) -> bool:
        """Whether a formula in the running text is needed: it defines by a formula what displayed ones use."""
        used = self.names.survey.right[key] or self.names.survey.variables[key]
        plain = isinstance(value.term, Entry) and not value.term.places and not value.axes
        return bool(used) and not plain and bool(tensors_of(value.term)) and len(chain.sides) == 2

    def finish(self, claims: list[Claim]) -> None:
        """Find the losses and the dimensions, now that all definitions are known."""
        self.repeat_steps(claims)
        self.model.undefined = frozenset(n for n in self.undefined if n not in self.model.definitions)
        self.find_losses(claims)
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
        for name, letter in self.reader.ties:
            if letter in letters_seen(dimensions):
                dimensions.join(letter, ("extent", name))
        self.capital_extents()
        dimensions.settle()
        self.stated_extents()
        for letter, size in self.reader.ranges:
            if dimensions.known(letter):
                dimensions.fixed[dimensions.find(letter)] = size

    def repeat_steps(self, claims: Sequence[Claim]) -> None:
        """What is defined for a layer l or a step t holds for l + 1 too, where that is used."""
        used = {n for c in claims for v in (c.reference, c.value) if v is not None for n in tensors_of(v.term)}
        for name in sorted(used - set(self.model.definitions)):
            stem, shift = _step_of(name)
            definition = self.model.definitions.get(stem)
            if not shift or shift < 0 or definition is None:
                continue
            body = _shifted(definition.body, shift)
            self.model.define(Definition(name, definition.letters, body, definition.span))

    def capital_extents(self) -> None:
        """H is the size of the dimension of h, where H is a bare scalar that nothing defines."""
        dimensions = self.model.dimensions
        letters = [k for k in list(dimensions._parents) if isinstance(k, str)]
        for letter in letters:
            plain = letter.split("@")[0].split("~")[0]
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
        bare = survey_.bare[symbol] > 0 and not survey_.arities.get(symbol) and not self.names.order(symbol)
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

    def find_losses(self, claims: list[Claim]) -> None:
        """Undefined scalars that are differentiated, with the upstream gradients that no row derives."""
        self.model.partial_losses = self.names.survey.both_signs
        derived: dict[str, dict[str, None]] = {}
        reached: dict[str, dict[str, None]] = {}
        for claim in claims:
            for value, left in ((claim.reference, True), (claim.value, False)):
                if value is None:
                    continue
                for node in derivatives_in(value.term):
                    body = node.body
                    if not isinstance(body, Entry) or body.places or body.name in self.model.definitions:
                        continue
                    if body.name == node.name:
                        continue
                    if self.model.partial_losses and node.total:
                        continue
                    own = left and isinstance(value.term, type(node)) and value.term is node
                    (derived if own else reached).setdefault(body.name, {})[node.name] = None
        used = self.model.used()
        for name in {**derived, **reached}:
            if name in used:
                continue
            made = derived.get(name, {})
            given = [n for n in reached.get(name, {}) if n not in made]
            given = [n for n in given if n in self.model.definitions] or given
            every = given or self.ends([*made, *reached.get(name, {})])
            self.model.losses[name] = tuple(every if self.model.partial_losses and given else self.ends(every))
            if not given:
                self.take_as_given(name, claims)

    def take_as_given(self, loss: str, claims: list[Claim]) -> None:
        """∂l/∂y = y - t, where nothing defines l: what the other gradients are made of."""
        for claim in claims:
            left, right = claim.reference, claim.value
            if left is None or right is None or not isinstance(left.term, Derived) or claim.problem is not None:
                continue
            body, name = left.term.body, left.term.name
            if not isinstance(body, Entry) or body.name != loss or name not in self.model.losses[loss]:
                continue
            letters = tuple(p.letter or "" for p in left.term.places)
            if (loss, name) in self.model.gradients or "" in letters or derivatives_in(right.term):
                continue
            if len(left.axes) != len(right.axes):
                continue
            mapping = {old: Place.of(new) for old, new in zip(right.axes, left.axes, strict=True)}
            term = substitute(right.term, mapping)
            self.model.gradients[loss, name] = Definition(name, letters, term, claim.span)
            claim.problem = NotCheckable(f"{loss} is not defined, so its derivative by {name} is taken as given")

    def ends(self, names: Sequence[str]) -> list[str]:
        """Those of the names that no other one of them is made of."""
        names = list(dict.fromkeys(names))
        return [n for n in names if not any(n != m and n in self.model.ancestors([m]) for m in names)]


def letters_seen(dimensions: object) -> set[object]:
    """The keys that dimensions know."""
    return set(getattr(dimensions, "_parents", {}))


_STEP = re.compile(r"(?P<stem>.+[_^](?:l|t|n|k|L|ell))(?P<shift>[+-]\d+)")
_STEPPED = re.compile(r".+[_^](?:l|t|n|k|L|ell)")


def _step_of(name: str) -> tuple[str, int]:
    """A name of another layer or step, as the one it is counted from, and how far from it."""
    match = _STEP.fullmatch(name)
    return (match["stem"], int(match["shift"])) if match else (name, 0)


def _shifted(term: Term, shift: int) -> Term:
    """The term with the tensors of all steps moved on."""

    def moved(part: Any) -> Any:
        if isinstance(part, tuple):
            return tuple(moved(p) for p in part)
        if not isinstance(part, Term):
            return part
        changed = {f.name: moved(getattr(part, f.name)) for f in fields(part)}
        if isinstance(part, Entry | Derived):
            stem, own = _step_of(part.name)
            if _STEPPED.fullmatch(stem):
                total = own + shift
                changed["name"] = stem + (f"{total:+d}" if total else "")
        return type(part)(**changed)

    return moved(term)


def _left_name(chain: Chain) -> str | None:
    if len(chain.sides) < 2:
        return None
    node = chain.sides[0].node
    if isinstance(node, Symbol):
        return key_of(node)
    if isinstance(node, Scripted) and isinstance(node.base, Symbol) and node.sup is None:
        return key_of(node.base)
    return None


def _calls(node: Node, name: str) -> bool:
    """Whether a function is used in a formula."""
    stack: list[object] = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, tuple):
            stack.extend(current)
        elif isinstance(current, Symbol) and current.name == name:
            return True
        elif isinstance(current, Node):
            stack.extend(getattr(current, f) for f in current.__dataclass_fields__)
    return False

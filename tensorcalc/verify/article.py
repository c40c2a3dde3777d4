"""An article's rows with a meaning: its definitions, and for every `=` the two terms that it claims are equal."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tensorcalc.verify.brackets import with_subscripts
from tensorcalc.verify.chains import Claim, chains_of
from tensorcalc.verify.contradictions import find_contradictions
from tensorcalc.verify.definitions import Builder
from tensorcalc.verify.dependence import without_dependence
from tensorcalc.verify.doubts import find_doubts
from tensorcalc.verify.extents import Extents
from tensorcalc.verify.folding import fold_definitions
from tensorcalc.verify.latex.rows import Row
from tensorcalc.verify.latex.tree import Bracket, Scripted, Symbol
from tensorcalc.verify.losses import find_losses
from tensorcalc.verify.model import Model
from tensorcalc.verify.names import Names, names_of
from tensorcalc.verify.problems import IllFormed
from tensorcalc.verify.profile import Profile
from tensorcalc.verify.prose import Said
from tensorcalc.verify.reading import Reader
from tensorcalc.verify.shapes import shapes_of
from tensorcalc.verify.signs import flat_items
from tensorcalc.verify.spelling import Spelling, spelled
from tensorcalc.verify.steps import repeat_steps
from tensorcalc.verify.survey import survey, with_running_text
from tensorcalc.verify.terms import Added, One, Term, Times, letters_of
from tensorcalc.verify.words import with_words

__all__ = ["Article", "Claim", "read_article"]

NOTHING_SAID = Said()


@dataclass(slots=True)
class Article:
    """What was read."""

    claims: list[Claim]
    model: Model
    names: Names
    reader: Reader
    spelling: Spelling


def read_article(
    displayed: Sequence[Row],
    inline: Sequence[Row],
    profile: Profile,
    said: Said = NOTHING_SAID,
    assumed: Collection[int] = (),
    laws: bool = False,
    layout: str = "numerator",
) -> Article:
    """Read the rows of an article in order. Formulas in the running text only define what the displayed ones need;
    `said` is what its words say.

    `assumed` are the numbers of the formulas that the article assumes to hold. With `laws` the rows are laws, in which
    ∂u is the derivative of u by what it depends on. `layout` says what the derivative of a vector by a vector is.
    """
    together, spelling = spelled(with_words(with_subscripts([*displayed, *inline]), said.tabled), profile)
    displayed, inline = together[: len(displayed)], together[len(displayed) :]
    displayed, inline = without_dependence(displayed, inline), without_dependence(inline, displayed)
    chains = chains_of(displayed, False) + chains_of(inline, True)
    found = with_running_text(survey([row for row in displayed if not row.label]), survey(inline))
    names = names_of(found, profile, _stated([*displayed, *inline], said))
    names.laws, names.tabled = laws, said.tabled
    for name in map(names.of, said.symmetric | said.definite):
        if not found.arities.get(name):
            names.orders.setdefault(name, 2)
    claims: list[Claim] = []
    for chain in chains:
        chain.assumed = any(row.block in assumed for row in chain.rows)
    for _ in range(4):  # orders and definitions that are found late hold for what stands before
        builder = Builder(names, profile, layout)
        claims = builder.build(chains)
        if builder.settled:
            break
    builder.model.facts = tuple(
        (c.reference.term, c.value.term)
        for c in claims
        if c.assumed and c.reference is not None and c.value is not None
    )
    builder.model.symmetric = frozenset(map(names.of, said.symmetric))
    builder.model.definite = frozenset(map(names.of, said.definite))
    find_contradictions(claims, builder.model, names)
    fold_definitions(builder.model, claims)
    repeat_steps(builder.model, claims)
    builder.model.undefined = frozenset(n for n in builder.undefined if n not in builder.model.definitions)
    find_losses(builder.model, names, claims)
    Extents(builder.model, names, profile, builder.reader).find()
    find_doubts(claims, builder.model, names)
    _check_free(claims, names)
    return Article(claims, builder.model, names, builder.reader, spelling)


def _stated(rows: Sequence[Row], said: Said) -> dict[str, tuple[str, ...]]:
    """The shapes that formulas and words state; where a name has two, only what they share is known."""
    stated, doubtful = dict(said.shapes), set[str]()
    for row in rows:
        for name, shape in shapes_of(row).items():
            before = stated.get(name, shape)
            if len(before) == len(shape):
                stated[name] = tuple(a if a == b else "" for a, b in zip(before, shape, strict=True))
            else:
                doubtful.add(name)
    return {name: shape for name, shape in stated.items() if name not in doubtful}


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
            wanted_here = _outside(claim)
            found = letters_of(term) & wanted_here
            if found and found != wanted_here:
                missing = ", ".join(sorted(x.split("@")[0] for x in wanted_here - found))
                what = "the right side" if term is claim.value.term else "a term on the right"
                hint = f"carry it with a one-tensor: \\mathbf{{1}}_{{{missing}}}"
                claim.problem = IllFormed(
                    f"{what} has no index {missing}, which the left side has", claim.right.span, hint
                )
                break


def _outside(claim: Claim) -> frozenset[str]:
    """The free letters that every term must have: of the entries of a slice, as in [Y_b]_{ij}, those of the entries."""
    node = claim.left.node
    if not (isinstance(node, Scripted) and isinstance(node.base, Bracket) and node.base.kind == "[" and node.sub):
        return claim.free
    names = {item.name for item in flat_items(node.sub) if isinstance(item, Symbol)}
    return frozenset(x for x in claim.free if x.split("@")[0] in names)


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

"""Verdicts: every claim of an article evaluated on both sides at random points.

A claim holds where both sides agree at several points, under one reading of its derivatives: all total; those of
scalars that nothing else uses total and the others with other definitions held fixed; all of that kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from tensorcalc.errors import TensorCalcError
from tensorcalc.greek import GREEK
from tensorcalc.verify.article import Article, Claim
from tensorcalc.verify.comparing import compare, finite, first_not_finite, magnitude
from tensorcalc.verify.counterexamples import CounterExample, reason_of, sizes_of
from tensorcalc.verify.doubts import LONELY
from tensorcalc.verify.draws import Draw, Meaning
from tensorcalc.verify.facts import fulfil
from tensorcalc.verify.helper import READINGS, Helper
from tensorcalc.verify.helping import NOTHING, Diagnosis
from tensorcalc.verify.latex import Macros
from tensorcalc.verify.laws import read_law
from tensorcalc.verify.lenience import diagonal, is_shorthand, laplacian, normalised
from tensorcalc.verify.model import Dimensions, Key, derivatives_in, differentiates, plain_letter
from tensorcalc.verify.numbers import primal
from tensorcalc.verify.occasions import Key as CaseKey
from tensorcalc.verify.occasions import Occasion, masked
from tensorcalc.verify.points import Point
from tensorcalc.verify.problems import IllFormed, NotCheckable, Problem
from tensorcalc.verify.questions import depends, mixed_derivative, needs_positive
from tensorcalc.verify.ranges import Ranges, letters_in
from tensorcalc.verify.reading import Definition, Val
from tensorcalc.verify.signs import shown_name
from tensorcalc.verify.sources import Document
from tensorcalc.verify.stationary import (
    condition_among,
    condition_before,
    conditions_on,
    solved_model,
    vanishes,
    zero_gradient,
)
from tensorcalc.verify.terms import (
    Constant,
    Derived,
    Entry,
    Place,
    Term,
    Times,
    substitute,
    tensors_of,
)
from tensorcalc.verify.unitsums import says_unit_sums, unit_sum, weights_in
from tensorcalc.verify.witness import Witness

__all__ = ["CounterExample", "Judge", "Verdict"]

SIZES = ((3, 4, 2, 5, 6, 7), (4, 3, 5, 2, 6, 7))
SMALL = ((3, 2), (2, 3))  # where arrays would be too large: shared by several dimensions
DRAWS = (  # seed, both signs, which sizes, fractions
    (11, True, 0, False),
    (12, True, 1, False),
    (13, False, 0, False),
    (14, False, 1, False),
    (15, False, 0, True),
    (16, False, 1, True),
)
NO_OCCASIONS: Mapping[CaseKey, Occasion] = {}
WANTED = 2  # points at which both sides are finite
KEPT_APART = "an index runs over two dimensions that the definitions keep apart"
CONTRADICTED = (
    "the derivative by rules and finite differences disagree: an error of tensorcalc, which is worth a report"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found: `holds`, `false`, `ill-formed` or `not-checkable`, with the reason.

    `reading` says how derivatives were read, `diagnosis` what is off in a flagged row, `hint` what would be right.
    """

    claim: Claim
    status: str
    reason: str = ""
    reading: str = ""
    hint: str = ""
    example: CounterExample | None = None
    diagnosis: Diagnosis = NOTHING


@dataclass(slots=True)
class _Points:
    """The points of one assignment of sizes; made when they are asked for. The entries of `units` add up to one."""

    judge: Judge
    dimensions: Dimensions
    units: tuple[str, ...] = ()
    small: bool = False
    made: dict[int, Point] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Point]:
        for number in range(len(DRAWS)):
            if number not in self.made:
                self.made[number] = self.judge.point(number, self.dimensions, self.small)
                for name in self.units:
                    unit_sum(self.made[number], name)
            yield self.made[number]


class Judge:
    """Judges the claims of one article."""

    def __init__(
        self, article: Article, document: Document, macros: Macros, occasions: Mapping[CaseKey, Occasion] = NO_OCCASIONS
    ) -> None:
        self.article = article
        self.occasions = occasions
        self.document, self.macros = document, macros
        self.helper = Helper(article, document, macros)
        self.model = article.model
        self.pairs: dict[tuple[str, str], str] = {}
        self.witness = Witness()
        self.totals = self.model.scalar_ends() | frozenset(self.model.losses)
        self.ranges = Ranges(self.model, article.claims)
        self.points = _Points(self, self.ranges.shared)

    def point(self, number: int, dimensions: Dimensions, small: bool = False) -> Point:
        """The point with a number, its sizes chosen for the dimensions."""
        seed, signs, which, fractions = DRAWS[number]
        chosen = (SMALL if small else SIZES)[which]
        sizes: dict[Key, int] = {}
        free = [r for r in dimensions.roots() if r not in dimensions.fixed]
        for place, root in enumerate(free):
            sizes[root] = chosen[place % len(chosen)]
        sizes.update(dimensions.fixed)
        find = {k: dimensions.find(k) for k in list(dimensions._parents)}
        point = Point(self.model, Draw(seed, signs, sizes, find, fractions), Meaning())
        point.valid = not self.model.facts or fulfil(self.model, point)
        return point

    def verdicts(self) -> list[Verdict]:
        """The verdict on each claim, in order."""
        found = []
        for claim in self.article.claims:
            found.append(self.verdict(claim))
            if claim.redefines is not None and found[-1].status == "holds" and self.model.define(claim.redefines):
                self.renew(claim)
        return found

    def renew(self, claim: Claim) -> None:
        """From here on a name has another formula of the same value, which shows other intermediate results."""
        assert claim.redefines is not None
        for dimensions in (self.ranges.shared, self.model.dimensions):
            for axis, letter in enumerate(claim.redefines.letters):
                dimensions.join(("axis", claim.redefines.name, str(axis)), letter)
            dimensions.learn(claim.redefines.body)
        self.totals = self.model.scalar_ends() | frozenset(self.model.losses)
        self.points = _Points(self, self.ranges.shared)

    def verdict(self, claim: Claim) -> Verdict:
        """The verdict on one claim."""
        if claim.row.label and self.law_holds(claim):
            return Verdict(claim, "holds", "a law, for any tensors")
        if claim.problem is not None:
            return self.refused(claim, claim.problem)
        if claim.solves is not None:
            return self.solved(claim, claim.solves)
        if claim.assumed:
            return Verdict(claim, "not-checkable", "an assumption, which is taken as given")
        if claim.defines:
            name = claim.defines.removesuffix("/each")
            return Verdict(claim, "holds", f"defines {GREEK.get(name, name)}")
        reason = ""
        for small in (False, True):
            try:
                return self.judged(claim, small)
            except Problem as problem:
                return self.refused(claim, problem)
            except TensorCalcError as problem:
                reason = problem.message
            except (KeyError, ValueError, RecursionError):
                reason = "a dimension or a value is not known"
                break
        return Verdict(claim, "not-checkable", reason)

    def law_holds(self, claim: Claim) -> bool:
        """Whether a law that the article quotes holds for random tensors."""
        law = read_law(claim)
        if law is None:
            return False
        article, found = law
        return Judge(article, self.document, self.macros).verdict(replace(found, defines="")).status == "holds"

    def refused(self, claim: Claim, problem: Problem) -> Verdict:
        if not isinstance(problem, IllFormed):
            return Verdict(claim, "not-checkable", problem.reason, hint=problem.hint)
        diagnosis = self.diagnosis(claim, None, self.points)
        return Verdict(claim, "ill-formed", problem.reason, "", problem.hint or diagnosis.hint, None, diagnosis)

    def judged(self, claim: Claim, small: bool = False) -> Verdict:
        """The verdict on a claim with two sides, at points of several sizes or `small` ones."""
        assert claim.reference is not None
        assert claim.value is not None
        points = self.points_of(claim, small)
        entries = laplacian(claim.reference, claim.value)
        if entries is None and claim.laid:
            entries = diagonal(claim.reference, claim.value, list(points))
        if entries is not None:
            doubt = "" if claim.value.axes or isinstance(claim.value.term, Constant) else claim.shape_doubt
            return self.judged(replace(claim, reference=entries, laid=False, shape_doubt=doubt), small)
        left, right = claim.reference, self.fitted(claim, claim.reference, claim.value)
        derivatives = [*derivatives_in(left.term), *derivatives_in(right.term)]
        failed: CounterExample | None = None
        undefined = ""
        others: list[_Points] | None = None
        for reading in READINGS if derivatives else READINGS[:1]:
            outcome = self.outcome(left, right, reading, points)
            if not isinstance(outcome, str) and self.contradicted(left, right, points):
                return Verdict(claim, "not-checkable", CONTRADICTED)
            if outcome is None and reading != "total" and self.miscopied(left.term, right.term, points):
                outcome = failed
            if isinstance(outcome, CounterExample):
                others = others or [_Points(self, found, small=small) for found in self.ranges.others(claim)]
                failed = failed or outcome
                if any(self.outcome(left, right, reading, other) is None for other in others):
                    outcome = None
            if outcome is None:
                self.establish(left.term, reading)
                return Verdict(claim, "holds", reading=reading if reading != "total" else "")
            if isinstance(outcome, str):
                undefined = outcome
        if failed is None:
            return Verdict(claim, "not-checkable", undefined)
        if name := zero_gradient(claim) or condition_among(claim, self.article.claims, points):
            reason = f"a condition on {shown_name(name)}: the gradient by it is set to zero"
            return Verdict(claim, "not-checkable", reason)
        if name := condition_before(claim, self.article.claims, (left.term, right.term)):
            what = f"it may be what follows from the gradient by {shown_name(name)} being zero"
            return Verdict(claim, "not-checkable", what)
        reason = self.uncertain(claim, left.term, right.term, points) or self.averaged(claim, left, right, points)
        if reason:
            args = claim, points.dimensions, list(points), self.pairs, self.totals
            hint = self.helper.respelling(*args) if reason.endswith(LONELY) else ""
            return Verdict(claim, "not-checkable", reason, hint=hint)
        normalised = self.normalised(claim, left, right, points.dimensions)
        if normalised is not None:
            return normalised
        case = self.of_case(claim, (left, right), points)
        if case is not None:
            return case
        weights = weights_in(self.model, (left.term, right.term))
        if weights and says_unit_sums(self.document.source.text, self.article.claims, weights):
            points = _Points(self, points.dimensions, weights)
        return self.flagged(claim, right.term, failed, points)

    def normalised(self, claim: Claim, left: Val, right: Val, dimensions: Dimensions) -> Verdict | None:
        """The verdict on a row that holds where the weights of logarithms add up to one; `None` where it does not."""

        def agrees(names: tuple[str, ...]) -> str | None:
            derived = derivatives_in(left.term) or derivatives_in(right.term)
            points = _Points(self, dimensions, names)
            readings = READINGS if derived else READINGS[:1]
            found = (r for r in readings if self.outcome(left, right, r, points) is None)
            reading = next(found, None)
            return "" if reading == "total" else reading

        found = normalised(self.document.source.text, self.article.claims, self.model, (left, right), agrees)
        return None if found is None else Verdict(claim, *found)

    def of_case(self, claim: Claim, sides: tuple[Val, Val], points: _Points) -> Verdict | None:
        """The verdict on a row that holds in the case that the text before it names; `None` where it does not."""
        own = self.occasions.get(("row", claim.row.span.start))
        occasion = own or self.occasions.get(("block", claim.row.block))
        found = masked(sides, occasion, points.dimensions) if occasion is not None else None
        if found is None or occasion is None:
            return None
        sign, first, second = occasion
        for reading in READINGS:
            if self.outcome(*found, reading, points) is None:
                where = f"where {first} {'≠' if sign == '!=' else '='} {second}"
                return Verdict(claim, "holds", where, reading if reading != "total" else "")
        return None

    def solved(self, claim: Claim, solution: Definition) -> Verdict:
        """The verdict on what an article says is the solution of a gradient that is set to zero."""
        name = shown_name(solution.name)
        model = solved_model(self.model, solution)
        if solution.name in model.ancestors(tensors_of(solution.body)):
            return Verdict(claim, "not-checkable", f"{name} stands on both sides of its solution")
        points = Judge(replace(self.article, model=model), self.document, self.macros).points
        conditions = conditions_on(solution.name, claim, self.article.claims)
        sides = [c.reference.term for c in conditions if c.reference is not None]
        if any(vanishes(side, zip(points, self.points, strict=False)) for side in sides):
            return Verdict(claim, "holds", f"with it the gradient by {name} is zero")
        return Verdict(claim, "not-checkable", f"nothing shows that the gradient by {name} is zero with it")

    def points_of(self, claim: Claim, small: bool) -> _Points:
        separate = self.ranges.separate.get(id(claim))
        if separate is None and not small:
            return self.points
        return _Points(self, separate or self.ranges.shared, small=small)

    def uncertain(self, claim: Claim, left: Term, right: Term, points: _Points) -> str:
        """Why a row on whose sides values differ may be right all the same; empty where it is not."""
        unknown = sorted(self.model.undefined & self.model.ancestors(tensors_of((left, right))))
        if unknown:
            return f"nothing that can be read defines {unknown[0]}"
        mixed = mixed_derivative(self.model, [*derivatives_in(left), *derivatives_in(right)])
        if mixed:
            return f"a second derivative by {' and '.join(mixed)}, one made of the other, can mean two things"
        definitions = self.model.definitions
        made_of = [n for n in self.model.ancestors(tensors_of((left, right))) if n in definitions]
        used = {x for term in (left, right, *(definitions[n].body for n in made_of)) for x in letters_in(term)}
        guessed = points.dimensions.guessed & used
        if guessed:
            return f"nothing shows which dimension {min(map(plain_letter, guessed))} runs over"
        return claim.doubt

    def averaged(self, claim: Claim, left: Val, right: Val, points: _Points) -> str:
        """Why dW = 1/m dZ Aᵀ may be right: dZ has the gradients of the losses of samples, of which L is the mean."""
        loss, extents = self.article.names.loss, self.article.names.survey.extents
        if not is_shorthand(claim) or loss in self.model.definitions:
            return ""
        for size in sorted(tensors_of(right.term) & extents):
            whole = replace(right, term=Times((Entry(size), right.term)))
            if self.outcome(left, whole, "total", points) is None:
                return f"it holds where {loss} is the mean of {size} losses, and d stands for the gradient of their sum"
        return ""

    def flagged(self, claim: Claim, right: Term, failed: CounterExample, points: _Points) -> Verdict:
        """The verdict on a row that does not hold, with what is off in it."""
        if id(claim) in self.ranges.separate:
            diagnosis = self.diagnosis(claim, None, self.points)
            return Verdict(claim, "ill-formed", KEPT_APART, "", diagnosis.hint, failed, diagnosis)
        diagnosis = self.diagnosis(claim, right, points)
        return Verdict(claim, "false", reason_of(failed), "", diagnosis.hint, failed, diagnosis)

    def miscopied(self, left: Term, right: Term, points: _Points) -> bool:
        """Whether ∂y/∂x = ∂/∂x(…) has another formula than y has, with all that y is made of. Then it is no use that
        both have the same derivative while other definitions are held fixed.
        """
        if not (isinstance(left, Derived) and isinstance(right, Derived) and isinstance(left.body, Entry)):
            return False
        definition = self.model.definitions.get(left.body.name)
        if definition is None or isinstance(right.body, Entry):
            return False
        if not tensors_of(definition.body) <= tensors_of(right.body):
            return False
        for point in points:
            with np.errstate(all="ignore"):
                a, b = primal(point.term(left.body)), primal(point.term(right.body))
                if point.valid and finite(a, b):
                    return compare(a, b) is not None
        return False

    def contradicted(self, left: Val, right: Val, points: _Points) -> bool:
        """Whether finite differences do not find the derivatives of the two sides, as they were read last."""
        terms = [side.term for side in (left, right) if differentiates(side.term)]
        with np.errstate(all="ignore"):
            return bool(terms) and self.witness.contradicts(terms, (p for p in points.made.values() if p.valid))

    def diagnosis(self, claim: Claim, right: Term | None, points: _Points) -> Diagnosis:
        """What is off in a flagged row."""
        return self.helper.diagnosis(claim, right, points.dimensions, list(points), self.pairs, self.totals)

    def fitted(self, claim: Claim, left: Val, right: Val) -> Val:
        """The right side with the axes of the left one.

        Raises `IllFormed` where one is a vector or a matrix and the other is not, `NotCheckable` where that is a guess.
        """
        if len(left.axes) == len(right.axes):
            mapping = {b: Place.of(a) for a, b in zip(left.axes, right.axes, strict=True)}
            return replace(right, term=substitute(right.term, mapping), axes=left.axes)
        if not right.axes and isinstance(right.term, Constant):
            return right
        if claim.doubt or claim.shape_doubt:
            raise NotCheckable(claim.doubt or claim.shape_doubt)
        raise IllFormed(f"the left side has {len(left.axes)} axes, the right side {len(right.axes)}")

    def outcome(self, left: Val, right: Val, reading: str, points: _Points) -> CounterExample | str | None:
        """`None` where both sides agree, a counter-example where they differ, or why nothing could be compared."""
        seen = alone = zeros = 0
        last: Point | None = None
        failed: CounterExample | None = None
        for point in points:
            if not point.valid:
                continue
            point.meaning = Meaning(reading, self.pairs, self.totals)
            with np.errstate(all="ignore"):
                a, b = primal(point.term(left.term)), primal(point.term(right.term))
                if not finite(a, b):
                    alone += finite(a) != finite(b)
                    last = point
                    continue
                difference = compare(a, b)
                if difference is not None:
                    scale = max(magnitude(left.term, point), magnitude(right.term, point))
                    difference = compare(a, b, scale)
            seen += 1
            zeros += not a.data.any() and not b.data.any()
            if difference is not None:
                if point.draw.signs and needs_positive(self.model, left, right):
                    failed = CounterExample(sizes_of(point, left.term, right.term), difference)
                    continue
                return CounterExample(sizes_of(point, left.term, right.term), difference)
            if seen >= WANTED and failed is None and zeros < seen:
                break
        if failed is not None and seen < WANTED:
            return failed
        derived = [d for d in (*derivatives_in(left.term), *derivatives_in(right.term)) if not depends(self.model, d)]
        if seen and zeros == seen and derived and not isinstance(right.term, Constant):
            return "both sides vanish, whatever the values: nothing shows what depends on what"
        if not seen and alone == len(DRAWS) and last is not None:
            return CounterExample(sizes_of(last, left.term, right.term), first_not_finite(a, b))
        return None if seen else "the sides are not finite real numbers at the points that were tried"

    def establish(self, term: Term, reading: str) -> None:
        """Keep the reading of a derivative that only holds with other definitions fixed."""
        if reading == "total" or not isinstance(term, Derived) or not isinstance(term.body, Entry):
            return
        name = term.body.name
        if reading == "partial" or name not in self.totals:
            self.pairs[name, term.name] = "partial"

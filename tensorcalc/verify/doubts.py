"""Why an equation may be true although its sides differ: what in it could mean something that was not read.

Such an equation is not checkable rather than false. A name that nothing defines and that stands nowhere else gets its
meaning from the equation; so does a function of unknown form that only one side has to do with; two names that are
defined by each other are those of two layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tensorcalc.verify.chains import Claim
from tensorcalc.verify.model import Model, derivatives_in
from tensorcalc.verify.names import Names
from tensorcalc.verify.signs import shown_name
from tensorcalc.verify.steps import step_of
from tensorcalc.verify.terms import (
    Apply,
    CompareIndices,
    Constant,
    Derived,
    Entry,
    Sloped,
    Term,
    letters_of,
    parts_of,
    tensors_of,
)

__all__ = ["LONELY", "find_doubts"]

LONELY = "stands in no other equation, and nothing defines it"


def find_doubts(claims: Sequence[Claim], model: Model, names: Names) -> None:
    """Note the doubts about each claim that has values."""
    _Doubts(claims, model, names).find()


class _Doubts:
    def __init__(self, claims: Sequence[Claim], model: Model, names: Names) -> None:
        self.claims = claims
        self.model = model
        self.names = names
        self.chains: dict[str, set[int]] = {}
        self.sides: dict[str, set[tuple[int, int]]] = {}
        self.valued: dict[str, int] = {}
        self.conditioned: set[str] = set()
        self.differentiated: set[str] = set()  # names of which entries are differentiated, as in ∂ℓ_j/∂p_j
        for claim in claims:
            for value in (claim.reference, claim.value):
                for derived in derivatives_in(value.term) if value is not None else ():
                    if isinstance(derived.body, Entry) and derived.body.places:
                        self.differentiated.add(derived.body.name)
                for name in tensors_of(value.term) if value is not None else ():
                    self.chains.setdefault(name, set()).add(claim.chain)
                    self.sides.setdefault(name, set()).add((claim.chain, id(value) if value is claim.value else 0))
                for name in values_in(value.term) if value is not None and value is claim.value else ():
                    self.valued[name] = self.valued.get(name, 0) + 1

    def find(self) -> None:
        for claim in self.claims:
            if claim.reference is None or claim.value is None:
                continue
            left, right = claim.reference.term, claim.value.term
            found = self.circular(left, right) or self.function(left, right) or self.alone(left, right)
            found = found or self.prefix(left, right) or self.held(left, right)
            found = found or self.condition(left, right) or self.rows(left, right) or self.excluded(left)
            if isinstance(right, Constant) and right.value == 1 and self.condition(left, right):
                self.conditioned |= tensors_of(left)  # a normalisation
            claim.doubt = claim.doubt or found or self.conditional(left, right)
            claim.shape_doubt = self.shapes(left, right)

    def conditional(self, left: Term, right: Term) -> str:
        """A row without derivatives about what a condition stands before for, as Σ_k N_k = N needs Σ_k r_{nk} = 1."""
        used = self.model.ancestors(tensors_of((left, right))) & self.conditioned
        derived = derivatives_in(left) or derivatives_in(right)
        return f"it may need the condition on {shown_name(min(used))}" if used and not derived else ""

    def circular(self, left: Term, right: Term) -> str:
        used = tensors_of(right)
        if not isinstance(left, Entry) or left.name in self.model.definitions or left.name in used:
            return ""
        if left.name in self.model.ancestors(used):
            return f"{left.name} is what its own definition is made of"
        return ""

    def prefix(self, left: Term, right: Term) -> str:
        """A δ before names that nothing defines, as in δh = …: a derivative, or an error."""
        bare = any(isinstance(t, Entry) and t.name == "delta" and not t.places for t in parts_of((left, right)))
        return "nothing says what δ before a name means" if bare and "delta" not in self.model.definitions else ""

    def held(self, left: Term, right: Term) -> str:
        """Beside directions, as in ∂ċ/∂x: gradients are functions of other gradients, which their derivatives hold
        fixed, and the notation does not show it.
        """
        if not any(name.startswith("dot(") for name in self.names.survey.values):
            return ""
        for derivative in derivatives_in((left, right)):
            body = derivative.body
            if isinstance(body, Derived) or (isinstance(body, Entry) and body.name.startswith("dot(")):
                return "beside directions, the derivative of a gradient may hold other gradients fixed"
        return ""

    def condition(self, left: Term, right: Term) -> str:
        """A normalisation such as w^T w = 1, where nothing is derived: what holds for some values only."""
        names = tensors_of(left)
        free = not any(n in self.model.definitions or n in self.model.losses for n in names)
        if isinstance(right, Constant) and names and free and not derivatives_in(left):
            return f"a condition on {', '.join(sorted(names))}, which nothing derives"
        return ""

    def excluded(self, left: Term) -> str:
        """A derivative of a sum over all indices but one, which may be meant for those only."""
        body = left.body if isinstance(left, Derived) else None
        definition = self.model.definitions.get(body.name) if isinstance(body, Entry) else None
        if definition is not None and isinstance(left, Derived) and letters_of(left) and _leaves_out(definition.body):
            return f"a sum in {definition.name} leaves out an index, for which this may not be meant"
        return ""

    def rows(self, left: Term, right: Term) -> str:
        """A matrix X beside vectors x_n, without a word about which are its rows."""
        for name in sorted(tensors_of((left, right))):
            stacked = name in self.names.stacked or (name.isupper() and name.lower() in self.names.survey.sampled)
            if stacked and name not in self.names.shapes and name not in self.model.definitions:
                member = name.removeprefix("bold:").lower() if name.isupper() else name.removeprefix("bold:")
                return f"nothing says whether the {member} of each number are rows or columns"
        return ""

    def function(self, left: Term, right: Term) -> str:
        first, second = set(unknown(left)), set(unknown(right))
        lonely = (first - self.reached(right)) | (second - self.reached(left))
        return f"nothing says what the function {min(lonely)[1:]} is" if lonely else ""

    def reached(self, term: Term) -> set[str]:
        """The functions of unknown form that a value depends on."""
        found = set(unknown(term))
        for name in self.model.ancestors(tensors_of(term)):
            if name in self.model.definitions:
                found |= set(unknown(self.model.definitions[name].body))
        for derivative in derivatives_in(term):
            if isinstance(derivative.body, Entry) and derivative.body.name in self.model.losses:
                found |= {f for tensor in self.model.losses[derivative.body.name] for f in self.within(tensor)}
        return found

    def within(self, tensor: str) -> set[str]:
        definitions = self.model.definitions
        return {f for n in self.model.ancestors([tensor]) if n in definitions for f in unknown(definitions[n].body)}

    def alone(self, left: Term, right: Term) -> str:
        variables = {node.variable for side in (left, right) for node in parts_of(side) if isinstance(node, Sloped)}
        first, second = tensors_of(left) - variables, tensors_of(right) - variables
        wrapped = {n for d in derivatives_in(left) + derivatives_in(right) for n in tensors_of(d.body) - {d.name}}
        rare = {n for n in first ^ second if len(self.sides[n]) < 2} | {n for n in wrapped if len(self.chains[n]) < 2}
        for name in sorted(values_in(left) ^ values_in(right)):
            if self.valued.get(name, 0) < 2 and name not in self.model.definitions and name in self.differentiated:
                return f"nothing defines {shown_name(name)}, which only stands here and in derivatives"
        for name in sorted(rare):
            known = step_of(name)[0] != name and step_of(name)[0] in self.chains
            known = known or name in self.model.definitions or self.model.dimensions.known(("extent", name))
            if not known and name not in self.model.losses and "/" not in name:
                return f"{shown_name(name)} {LONELY}"
        return ""

    def shapes(self, left: Term, right: Term) -> str:
        if isinstance(left, Derived) and len(letters_of(left)) == 2 and len(letters_of(right)) == 1:
            return "the derivative of a vector by a vector may be meant entry by entry"
        survey = self.names.survey
        for name in sorted(tensors_of((left, right))):
            if self.names.of_sample(name) and name not in self.names.shapes:
                return f"nothing says whether {name} is one number for each sample or a vector"
            known = name in self.model.definitions or name in self.names.shapes or name in self.model.losses
            if not known and not self.names.order(name) and not survey.arities.get(name) and name not in survey.extents:
                return f"nothing says whether {name} is a scalar, a vector or a matrix"
        return ""


def values_in(part: object) -> set[str]:
    """The tensors whose values a term has: not those that only stand differentiated in it."""
    stack, found = [part], set[str]()
    while stack:
        node = stack.pop()
        if isinstance(node, tuple):
            stack.extend(node)
        elif isinstance(node, Entry):
            found.add(node.name)
        elif isinstance(node, Term) and not (isinstance(node, Derived) and isinstance(node.body, Entry)):
            stack.extend(getattr(node, f) for f in node.__dataclass_fields__)
    return found


def _leaves_out(part: object) -> bool:
    """Whether a sum runs over all indices but a label."""
    if isinstance(part, tuple):
        return any(_leaves_out(p) for p in part)
    if isinstance(part, CompareIndices) and part.relation == "!=":
        return part.first.letter is None or part.second.letter is None
    return isinstance(part, Term) and any(_leaves_out(getattr(part, f)) for f in part.__dataclass_fields__)


def unknown(part: object) -> Iterator[str]:
    """The functions of unknown form that are written in a term."""
    return (node.name for node in parts_of(part) if isinstance(node, Apply) and node.name.startswith("?"))

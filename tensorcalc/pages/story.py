"""The sentences between the formulas: what is derived next, and why; taken from the situation, never guessed.

Lemmas that lead to one derivative form a group: the partial derivatives and facts that it needs, and the chain rule
that joins them. A group has a heading, and each of its lemmas a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from sympy import Expr, S
from sympy.core.basic import Basic

from tensorcalc.binding import Contraction
from tensorcalc.derivation.model import Derivation, Lemma
from tensorcalc.expr import Component, Partial
from tensorcalc.index import Adjoint, Slope, Tangent, Tensor
from tensorcalc.pages.model import Text
from tensorcalc.pages.words import counted, derivative_name, is_derivative, listed, say
from tensorcalc.render.context import Context
from tensorcalc.render.layout import Name, Node
from tensorcalc.render.walk import tensor_layout

__all__ = ["Group", "Story", "groups"]

_CLOSING = ("jacobian", "chain", "backpropagated", "tangent")


@dataclass(frozen=True, slots=True)
class Group:
    """Lemmas by their place in the derivation; the last one is what the others lead to.

    `told` are those that stand in an earlier derivation of the same page.
    """

    places: tuple[int, ...]
    number: int
    told: frozenset[int] = frozenset()


def groups(lemmas: Sequence[Lemma]) -> list[Group]:
    """The lemmas of a derivation in groups, without quoted definitions."""
    found: list[Group] = []
    waiting: list[int] = []
    for place, lemma in enumerate(lemmas):
        if lemma.kind == "definition":
            continue
        waiting.append(place)
        if lemma.kind in _CLOSING:
            found.append(Group(tuple(waiting), len(found)))
            waiting = []
    return [*found, Group(tuple(waiting), len(found))] if waiting else found


@dataclass(frozen=True)
class Story:
    """Tells a derivation. `context` spells the names of tensors and derivatives."""

    derivation: Derivation
    context: Context

    @cached_property
    def reached(self) -> frozenset[Tensor]:
        """The definitions between the variables and the outputs."""
        between = self.derivation.system.between(self.derivation.wrt, self.derivation.of)
        return frozenset(d.tensor for d in between)

    def heading(self, group: Group) -> Text:
        """What a group leads to."""
        lemma = self._lemma(group.places[-1])
        if lemma.kind == "fact":
            return ("A law",)
        of, wrt = _sides(lemma.lhs)
        x, y = self._name(wrt), self._name(of)
        if lemma.kind == "tangent":
            return say("Directional derivative of {y}", y=y)
        if lemma.kind == "backpropagated":
            upstream = len(group.places) == 1 and bool(self._consumers(wrt))
            return say("Backpropagated gradient of {x}" if upstream else "Gradient of {x}", x=x)
        if isinstance(of, Adjoint | Slope):
            return say("Derivative of {y} with respect to {x}", y=y, x=x)
        final = lemma.kind != "partial" and of in self.derivation.of
        word = ("Jacobian" if of.order else "Gradient") if final else "Derivative"
        return say(f"{word} of {{y}} with respect to {{x}}", y=y, x=x)

    def prose(self, group: Group, place: int) -> Text:
        """The sentence before a lemma of a group."""
        lemma, closing = self._lemma(place), self._lemma(group.places[-1])
        if lemma.kind == "fact":
            return self._fact(lemma)
        if lemma.kind == "partial" and closing.kind == "chain":
            return self._through(lemma, closing)
        if lemma.kind == "partial" and closing.kind == "tangent":
            return self._argument(group, place)
        if lemma.kind == "partial":
            return self._consumer(group, place)
        if lemma.kind == "jacobian":
            return self._jacobian(group, lemma)
        if lemma.kind == "chain":
            return self._chain(group, lemma)
        return self._tangent(group) if lemma.kind == "tangent" else self._backpropagated(group, lemma)

    def _lemma(self, place: int) -> Lemma:
        return self.derivation.lemmas[place]

    def _name(self, tensor: Tensor) -> Node:
        return tensor_layout(tensor, self.context)

    def _names(self, tensors: Sequence[Tensor]) -> Text:
        return listed([self._name(t) for t in tensors])

    def _consumers(self, tensor: Tensor) -> list[Tensor]:
        return [d.tensor for d in self.derivation.system.consumers.get(tensor, ()) if d.tensor in self.reached]

    def _partials(self, group: Group) -> list[int]:
        return [p for p in group.places if self._lemma(p).kind == "partial"]

    def _consumer(self, group: Group, place: int) -> Text:
        """∂k/∂t for one of the functions k that use t."""
        of, wrt = _sides(self._lemma(place).lhs)
        y, x = self._name(of), self._name(wrt)
        consumers, partials = self._consumers(wrt), self._partials(group)
        if len(consumers) != len(partials) or not group.told.isdisjoint(partials):
            return say("The derivative of {y} with respect to {x}:", y=y, x=x)
        if len(consumers) == 1 and group.number % 2:
            quotient = derivative_name(self._lemma(place).lhs, self.context)
            return say("{x} is consumed by {y} alone, so we need {quotient}:", x=x, y=y, quotient=quotient)
        if len(consumers) == 1:
            return say("Only {y} uses {x}. The derivative of {y} with respect to {x}:", y=y, x=x)
        fixed = self._held_fixed(of, wrt)
        if place != partials[0]:
            word = "And" if place == partials[-1] else "Then"
            return say(f"{word} that of {{y}}{{fixed}}:", y=y, fixed=fixed)
        template = "{x} is consumed by {n} functions, {them}, so we differentiate {every} with respect to it. "
        return say(
            template + "First, the derivative of {y}{fixed}:",
            x=x,
            n=counted(len(consumers)),
            them=self._names(consumers),
            every=_every(len(consumers)),
            y=y,
            fixed=fixed,
        )

    def _held_fixed(self, of: Tensor, wrt: Tensor) -> Text:
        """What else in the formula depends on the variable, and where that is counted."""
        system = self.derivation.system
        moving = system.depends((wrt,))
        fixed = [t for t in system.uses[of] if t in moving and t != wrt]
        through = [t for t in self._consumers(wrt) if not system.depends((t,)).isdisjoint(fixed)]
        if not fixed:
            return ()
        if set(through) == set(fixed):
            return say(", with {fixed} held fixed", fixed=self._names(fixed))
        return say(
            ", with {fixed} held fixed (what {x} does to {pronoun} is counted by way of {through})",
            fixed=self._names(fixed),
            x=self._name(wrt),
            pronoun="it" if len(fixed) == 1 else "them",
            through=self._names(through),
        )

    def _backpropagated(self, group: Group, lemma: Lemma) -> Text:
        _, wrt = _sides(lemma.lhs)
        count, consumers = len(self._partials(group)), self._consumers(wrt)
        if not consumers:
            outputs = self._names(self.derivation.of)
            return say("Nothing on the way to {outputs} uses {x}:", outputs=outputs, x=self._name(wrt))
        if not count:
            return self._upstream(lemma, wrt)
        if wrt in self.derivation.of and isinstance(lemma.lhs, Component):
            template = "To the gradient that is given for {x}, the chain rule adds what comes back from {them}"
        elif count > 1:
            template = "The backpropagated gradient adds the contributions of {every}"
        elif group.number % 2:
            template = "The chain rule gives the backpropagated gradient"
        else:
            template = "With the gradient that arrives at {them}, the chain rule gives the backpropagated gradient"
        start = say(template, x=self._name(wrt), them=self._names(consumers), every=_every(count))
        gone = self._substituted(lemma)
        if not gone:
            return say("{start}:", start=start)
        return say("{start}. Then we substitute {gone} from above:", start=start, gone=listed(gone))

    def _upstream(self, lemma: Lemma, wrt: Tensor) -> Text:
        output = self.derivation.of[0]
        first = next(k for k in self.derivation.lemmas if k.kind == "backpropagated")
        if lemma is not first:
            return say("In the same way, the gradient that is backpropagated to {x}:", x=self._name(wrt))
        return say(
            "Let {l} be a scalar that depends on {y}, and let {given} be known. "
            "The chain rule gives the backpropagated gradient:",
            l=Name(self.derivation.loss),
            y=self._name(output),
            given=self._name(Adjoint(output)),
        )

    def _substituted(self, lemma: Lemma) -> list[Node]:
        """The derivatives that a later line of a lemma has written out."""
        rules = [next((r.name for r in s.rules if r.name.startswith("substituting")), "") for s in lemma.steps]
        places = [k for k, name in enumerate(rules) if name]
        if len(places) < 2:
            return []
        before, after = (self._derivatives(lemma.steps[k].expression) for k in (places[-1] - 1, places[-1]))
        return [name for name in before if name not in after]

    def _derivatives(self, expression: Basic) -> list[Node]:
        """The derivatives that occur in an expression, by name, in order of the system."""
        found = [e for e in expression.atoms(Component, Partial) if is_derivative(e) and _is_unknown(e)]
        found.sort(key=lambda e: (self.context.place(_sides(e)[1]), str(e)))
        return list(dict.fromkeys(derivative_name(e, self.context) for e in found))

    def _through(self, lemma: Lemma, closing: Lemma) -> Text:
        (of, inner), (_, wrt) = _sides(lemma.lhs), _sides(closing.lhs)
        return say(
            "{y} depends on {x} only through {inner}. Its derivative with respect to {inner}:",
            y=self._name(of),
            x=self._name(wrt),
            inner=self._name(inner),
        )

    def _chain(self, group: Group, lemma: Lemma) -> Text:
        partials = self._partials(group)
        if not partials:
            return self._chain_again(lemma)
        lower = Partial(self._lemma(partials[0]).lhs.wrt, lemma.lhs.wrt)
        name = derivative_name(lower, self.context)
        return say("The chain rule joins it with {lower}, which we have from above:", lower=name)

    def _chain_again(self, lemma: Lemma) -> Text:
        """The chain rule with a partial derivative that was taken for another variable already."""
        of, wrt = _sides(lemma.lhs)
        moving = self.derivation.system.depends((wrt,))
        (inner,) = (t for t in self.derivation.system.uses[of] if t in moving)
        return say(
            "{y} depends on {x} only through {inner}. We have both derivatives, and the chain rule joins them:",
            y=self._name(of),
            x=self._name(wrt),
            inner=self._name(inner),
        )

    def _jacobian(self, group: Group, lemma: Lemma) -> Text:
        of, wrt = _sides(lemma.lhs)
        y, x = self._name(of), self._name(wrt)
        system = self.derivation.system
        moving = system.depends((wrt,))
        if of not in moving:
            return say("{y} does not depend on {x}:", y=y, x=x)
        if isinstance(of, Adjoint | Slope):
            return say("We differentiate {y} once more, with respect to {x}:", y=y, x=x)
        inner = [t for t in system.uses[of] if t in moving and t != wrt]
        if not inner and group.number == 0:
            return say("We start with {y}, which depends on {x} directly:", y=y, x=x)
        if not inner:
            return say("{y} depends on {x} directly:", y=y, x=x)
        return say(
            "{y} depends on {x} {ways} {inner}, whose {noun} we have:",
            y=y,
            x=x,
            ways="directly and through" if wrt in system.uses[of] else "through",
            inner=self._names(inner),
            noun="derivative" if len(inner) == 1 else "derivatives",
        )

    def _argument(self, group: Group, place: int) -> Text:
        """∂k/∂t for one of the arguments of k that move."""
        of, wrt = _sides(self._lemma(place).lhs)
        partials = self._partials(group)
        if place != partials[0]:
            word = "And with" if place == partials[-1] else "With"
            return say(f"{word} respect to {{x}}:", x=self._name(wrt))
        arguments = [_sides(self._lemma(p).lhs)[1] for p in partials]
        return say(
            "{y} depends on {them}. Its derivative with respect to {x}:",
            y=self._name(of),
            them=self._names(arguments),
            x=self._name(wrt),
        )

    def _tangent(self, group: Group) -> Text:
        count = len(self._partials(group))
        if count > 1:
            return (f"The directional derivative adds the contributions of {_every(count)}:",)
        return ("The chain rule gives the directional derivative:",)

    def _fact(self, lemma: Lemma) -> Text:
        left = lemma.lhs
        if not (isinstance(left, Contraction) and isinstance(left.body, Component)):
            return ("A law that is used in what follows, and why it holds:",)
        definition = self.derivation.system.by_tensor[left.body.tensor]
        letters = [
            Name(own.name) for own, i in zip(definition.indices, left.body.indices, strict=True) if i in left.dummies
        ]
        value = "zero" if lemma.result is S.Zero else "one" if lemma.result is S.One else "constant"
        return say(
            "In what follows there is the sum of {y} over {letters}. It is {value}, which we show first:",
            y=self._name(definition.tensor),
            letters=listed(letters),
            value=value,
        )


def _every(count: int) -> str:
    return "both" if count == 2 else f"all {counted(count)}"


def _sides(left: Expr) -> tuple[Tensor, Tensor]:
    """The tensors t and x of a derivative ∂t/∂x; of an adjoint or a tangent, what it belongs to, twice."""
    if isinstance(left, Partial):
        return left.expression.tensor, left.wrt.tensor
    tensor = left.tensor
    base = tensor.of if isinstance(tensor, Adjoint | Tangent) else tensor
    return base, base


def _is_unknown(expression: Basic) -> bool:
    """Whether a derivative or a component is a derivative by name."""
    return isinstance(expression, Partial) or isinstance(expression.tensor, Adjoint)

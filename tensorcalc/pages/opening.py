"""What a derivation sets out to do, and by which way it goes."""

from __future__ import annotations

from collections.abc import Iterable

from tensorcalc.derivation.model import Derivation
from tensorcalc.index import Adjoint, Tangent, Tensor, TotalAdjoint
from tensorcalc.pages.model import Text
from tensorcalc.pages.words import derivative_name, listed, say
from tensorcalc.render.context import Context
from tensorcalc.render.layout import Name
from tensorcalc.render.walk import tensor_layout

__all__ = ["opening", "task"]

_TASKS = {
    "gradient": "gradient of {of} with respect to {wrt}",
    "jacobian": "Jacobian of {of} with respect to {wrt}",
    "vjp": "gradient that is backpropagated from {of} to {wrt}",
    "jvp": "derivative of {of} in a direction of {wrt}",
    "hessian": "second derivatives of {of} with respect to {wrt}",
    "hvp": "product of the Hessian of {of} with a direction of {wrt}",
}
_TOTALS = (
    "Where {of} depends on a tensor in several ways, d stands for its total derivative, which counts all of them, "
    "and ∂ for the derivative of its formula alone."
)
_SHARED = (
    "{of} is an output, and used on the way to another one: {total} is its whole gradient, {given} the part of it "
    "that is given."
)
_FORWARD = (
    "Let the inputs move in the direction {along}. We follow the definitions from the inputs to {of}: for each, its "
    "derivative with respect to every tensor that moves, and with the chain rule its own motion."
)
_BACKWARD = (
    "We start at the end of the graph and go back. Of each function on the way we take the derivative with respect to "
    "each of its arguments, and with the chain rule the gradient of {scalar} with respect to that argument, so that "
    "no tensor of higher order is carried along. The goal is {goal}{terms}."
)


def task(d: Derivation, context: Context, article: str = "the") -> Text:
    """What is derived, as in `the gradient of c with respect to x`."""
    return say(f"{article} {_TASKS[d.kind]}", of=_names(d.of, context), wrt=_names(d.wrt, context))


def opening(d: Derivation, context: Context) -> list[Text]:
    """The way of a derivation in a paragraph, and what its signs mean where that is not plain."""
    found = [_way(d, context)]
    if context.totals:
        found.append(say(_TOTALS, of=_names(d.of, context)))
    for tensor in sorted({t for lemma in d.lemmas for t in lemma.lhs.atoms(TotalAdjoint)}, key=str):
        names = [tensor_layout(t, context) for t in (tensor.of, tensor, Adjoint(tensor.of))]
        found.append(say(_SHARED, of=names[0], total=names[1], given=names[2]))
    return found


def _way(d: Derivation, context: Context) -> Text:
    of, wrt = _names(d.of, context), _names(d.wrt, context)
    if d.kind == "hessian":
        return say("First the derivative of {of} with respect to {wrt}, then the derivatives of that.", of=of, wrt=wrt)
    along = _names([Tangent(t) for t in d.wrt], context)
    if d.kind == "hvp":
        return say("First the gradient of {of}, then its derivative in the direction {along}.", of=of, along=along)
    if d.kind == "jvp":
        return say(_FORWARD, of=of, along=along)
    if any(lemma.kind in ("jacobian", "chain") for lemma in d.lemmas):
        return say("We differentiate one definition after the other, on the way from {wrt} to {of}.", of=of, wrt=wrt)
    upstream = d.kind == "vjp"
    return say(
        _BACKWARD,
        scalar=("a scalar ", Name(d.loss)) if upstream else of,
        goal=listed([derivative_name(left, context) for left, _ in d.results]),
        terms=say(" in terms of {given}", given=_names([Adjoint(t) for t in d.of], context)) if upstream else (),
    )


def _names(tensors: Iterable[Tensor], context: Context) -> Text:
    return listed([tensor_layout(t, context) for t in tensors])

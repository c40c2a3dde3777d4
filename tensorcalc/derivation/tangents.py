"""Tangents: directional derivatives, pushed forward from the inputs one definition after the other."""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Add, Expr, S

from tensorcalc.binding import Contraction, product, rename
from tensorcalc.derivation.engine import Engine, Link, largest_closed_form
from tensorcalc.derivation.model import Lemma, Step
from tensorcalc.expr import Component
from tensorcalc.index import Tangent, Tensor
from tensorcalc.rules.algebra import size
from tensorcalc.rules.derivatives import CONSTANT
from tensorcalc.system import Definition

__all__ = ["tangent_definitions", "tangents"]

SMALL = 16  # operations up to which it is tried to write a tangent out where it is used


def _path(engine: Engine, outputs: tuple[Tensor, ...], variables: tuple[Tensor, ...]) -> list[Definition]:
    return [d for d in engine.system.between(variables, outputs) if d.tensor not in variables]


def _links(engine: Engine, definition: Definition, moving: frozenset[Tensor]) -> list[Link]:
    links = []
    for tensor in engine.system.uses[definition.tensor]:
        if tensor in moving:
            partial = engine.partial(definition, tensor)
            indices = partial.lhs.wrt.indices
            lower = Component(Tangent(tensor), *indices)
            links.append(Link(partial.lhs, lower, partial.result, lower, indices))
    return links


def tangents(
    engine: Engine, outputs: tuple[Tensor, ...], variables: tuple[Tensor, ...]
) -> tuple[list[Lemma], list[Lemma]]:
    """All lemmas of a JVP, and those of the outputs."""
    moving = engine.system.depends(variables)
    lemmas: list[Lemma] = []
    results: dict[Tensor, Lemma] = {}
    path = _path(engine, outputs, variables)
    largest = largest_closed_form(len(path))

    def value(node: Expr) -> Expr | None:
        if not isinstance(node, Component) or not isinstance(node.tensor, Tangent) or node.tensor.of not in results:
            return None
        known = results[node.tensor.of]
        return rename(known.result, dict(zip(known.lhs.indices, node.indices, strict=True)))

    for definition in path:
        links = _links(engine, definition, moving)
        lemmas += [engine.partial(definition, link.lower.tensor.of) for link in links]
        lhs = Component(Tangent(definition.tensor), *definition.indices)
        lemma = engine.chained(lhs, links, "tangent", definition.indices)
        results[definition.tensor] = engine.closed(lemma, value, definition.indices, largest)
        lemmas.append(results[definition.tensor])
    for output in outputs:
        if output not in results:
            definition = engine.system.by_tensor[output]
            lhs = Component(Tangent(output), *definition.indices)
            value = lhs if output in variables else S.Zero
            results[output] = Lemma(lhs, (Step(value, (CONSTANT,)),), "tangent")
            lemmas.append(results[output])
    return lemmas, [results[t] for t in outputs]


def _pushed(engine: Engine, definition: Definition, links: list[Link], small: Mapping[Tensor, Definition]) -> Expr:
    """The tangent of a definition; tangents in `small` are written out instead of named."""
    parts = []
    for link in links:
        lower = link.lower_value
        if lower.tensor in small:
            known = small[lower.tensor]
            lower = rename(known.rhs, dict(zip(known.indices, lower.indices, strict=True)))
        parts.append(Contraction(product([link.upper_value, lower]), *link.indices))
    return engine.simplified(Add(*parts), definition.indices)


def tangent_definitions(engine: Engine, outputs: tuple[Tensor, ...], variables: tuple[Tensor, ...]) -> list[Definition]:
    """The tangent of every definition between the variables and the outputs, in order.

    A tangent is written out where it is used if that is as short: then quotients fold into their definitions.
    """
    moving = engine.system.depends(variables)
    definitions: list[Definition] = []
    small: dict[Tensor, Definition] = {}
    for definition in _path(engine, outputs, variables):
        links = _links(engine, definition, moving)
        value = _pushed(engine, definition, links, {})
        if any(link.lower.tensor in small for link in links):
            written = _pushed(engine, definition, links, small)
            value = written if size(written) <= size(value) else value
        definitions.append(Definition(Tangent(definition.tensor), definition.indices, value))
        if size(value) <= SMALL:
            small[Tangent(definition.tensor)] = definitions[-1]
    done = {d.tensor for d in definitions}
    for output in outputs:
        if Tangent(output) not in done and output not in variables:
            indices = engine.system.by_tensor[output].indices
            definitions.append(Definition(Tangent(output), indices, S.Zero))
    return definitions

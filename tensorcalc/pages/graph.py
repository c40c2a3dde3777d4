"""The dependency graph of a derivation: which tensor is made of which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tensorcalc.index import Tensor
from tensorcalc.system import Definition

__all__ = ["Graph", "Vertex", "dependency_graph"]

Role = Literal["variable", "input", "label", "definition", "output"]


@dataclass(frozen=True, slots=True)
class Vertex:
    """A tensor of the graph, by name, with what it is to the derivation."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Graph:
    """Vertices in order of definition, inputs first, and edges from what is used to what uses it, by place."""

    vertices: tuple[Vertex, ...]
    edges: tuple[tuple[int, int], ...]


def dependency_graph(
    inputs: Sequence[Tensor],
    definitions: Sequence[Definition],
    uses: dict[Tensor, tuple[Tensor, ...]],
    variables: Sequence[Tensor],
    outputs: Sequence[Tensor],
) -> Graph:
    """The graph of definitions, which are in order, and of the inputs that they use."""
    used = {t for d in definitions for t in uses[d.tensor]}
    tensors = [*(t for t in inputs if t in used), *(d.tensor for d in definitions)]
    defined = {d.tensor for d in definitions}

    def role(tensor: Tensor) -> Role:
        if tensor in variables:
            return "variable"
        if tensor in outputs:
            return "output"
        return "definition" if tensor in defined else "label" if tensor.is_label else "input"

    place = {tensor: k for k, tensor in enumerate(tensors)}
    edges = [(place[t], place[d.tensor]) for d in definitions for t in uses[d.tensor] if t in place]
    return Graph(tuple(Vertex(t.name, role(t)) for t in tensors), tuple(edges))

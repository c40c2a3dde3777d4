"""The section about the function: its equations, how they are read, its tensors with their dimensions, the graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tensorcalc.derivation.model import Derivation
from tensorcalc.index import Adjoint, Dimension, Tangent, Tensor
from tensorcalc.pages.graph import dependency_graph
from tensorcalc.pages.model import Formulas, Paragraph, Part, Picture, Section, Table, Text
from tensorcalc.pages.words import extent, joined, listed, say, shape
from tensorcalc.render import Block
from tensorcalc.render.context import Context
from tensorcalc.render.document import Line
from tensorcalc.render.layout import Comparison, Name, Node, Ones, nodes_in
from tensorcalc.render.walk import layout, layout_and_letters, tensor_layout
from tensorcalc.system import Definition, System

__all__ = ["function_section"]

SMALLEST_GRAPH = 2  # definitions from which on the graph is drawn


def function_section(derivations: Sequence[Derivation], quoted: Sequence[Block], context: Context) -> Section:
    """The section about the function that the derivations differentiate; `quoted` are its definitions."""
    system = derivations[0].system
    definitions = tuple(system.by_tensor[block.lhs.tensor] for block in quoted)
    return _Function(tuple(derivations), system, definitions, context).section(quoted)


@dataclass(frozen=True, slots=True)
class _Function:
    derivations: tuple[Derivation, ...]
    system: System
    definitions: tuple[Definition, ...]
    context: Context

    def section(self, quoted: Sequence[Block]) -> Section:
        parts: list[Part] = [Paragraph(("In index notation:",)), Formulas(tuple(quoted))]
        if self.system.facts:
            parts += [Paragraph(("It is assumed that:",)), Formulas(self.assumptions())]
        parts += [Paragraph(self.conventions(quoted)), self.tensors()]
        if len(self.definitions) >= SMALLEST_GRAPH:
            parts += [Paragraph(("What is made of what:",)), self.graph()]
        return Section(("The function",), tuple(parts))

    def assumptions(self) -> tuple[Block, ...]:
        """The equations that the author takes as given."""
        found = []
        for number, fact in enumerate(self.system.facts):
            context = self.context.within([fact.left, fact.right])
            line = Line(fact.right, layout(fact.right, context), (), ())
            found.append(Block("fact", fact.left, layout(fact.left, context), (line,), context, number))
        return tuple(found)

    def conventions(self, quoted: Sequence[Block]) -> Text:
        """How the equations are to be read, as far as they need it."""
        found: list[Text] = []
        if self.context.style == "einstein":
            found.append(("An index that stands on the right of an equation alone is summed over.",))
        sides = [side for block in quoted for side in (block.left, block.lines[0].node)]
        nodes = [node for side in sides for node in nodes_in(side)]
        if any(isinstance(node, Ones) for node in nodes):
            found.append(("The one-tensor 𝟏 is 1 everywhere: it shows a sum, or carries an index.",))
        if any(isinstance(node, Comparison) for node in nodes):
            found.append(("A comparison in brackets is 1 where it holds, and 0 elsewhere.",))
        labels = [Name(t.name) for t in self.used() if t.is_label]
        if labels:
            words = "is a label: it selects" if len(labels) == 1 else "are labels: they select"
            found.append(say(f"{{labels}} {words} an entry, and nothing is summed over it.", labels=listed(labels)))
        printed = {node.name for node in nodes if isinstance(node, Name)}
        ranges = [
            say("{letters} below {n}", letters=listed([Name(letter) for letter in mine]), n=extent(dimension))
            for dimension, letters in self.letters(quoted).items()
            if (mine := [letter for letter in letters if letter in printed])
        ]
        if ranges:
            found.append(say("The indices count from 0: {ranges}.", ranges=listed(ranges, ", ")))
        return joined(*(piece for place, text in enumerate(found) for piece in ((" ",) if place else (), text)))

    def letters(self, quoted: Sequence[Block]) -> dict[Dimension, list[str]]:
        """The letters of each dimension: the author's, and those that were chosen for sums without one."""
        found = {d: list(self.system.letters.get(d, ())) for d in self.system.dimensions}
        for block in quoted:
            chosen = layout_and_letters(self.system.by_tensor[block.lhs.tensor].rhs, block.context)[1]
            for letter, dimension in chosen.items():
                if not any(letter in mine for mine in found.values()):
                    found.setdefault(dimension, []).append(letter)
        return found

    def used(self) -> list[Tensor]:
        """The inputs of the definitions, in order."""
        used = {t for d in self.definitions for t in self.system.uses[d.tensor]}
        used |= {t for d in self.derivations for t in d.wrt}
        return [t for t in self.system.inputs if t in used]

    def tensors(self) -> Table:
        """Every tensor with what it is and its dimensions."""
        rows: list[tuple[Text, ...]] = [
            ((tensor_layout(tensor, self.context),), self.role(tensor), shape(tensor))
            for tensor in (*self.used(), *(d.tensor for d in self.definitions))
        ]
        rows += [((name,), (words,), shape(t)) for name, t, words in self.given()]
        return Table((("symbol",), ("meaning",), ("dimensions",)), tuple(rows))

    def role(self, tensor: Tensor) -> Text:
        """What a tensor is to the derivations."""
        if tensor.label_dimension is not None:
            return say("labels below {n}", n=extent(tensor.label_dimension))
        defined = tensor in self.system.by_tensor
        if any(tensor in d.wrt for d in self.derivations):
            return ("intermediate, taken as a variable" if defined else "variable",)
        if any(tensor in d.of for d in self.derivations):
            return ("output",)
        return ("intermediate" if defined else "constant",)

    def given(self) -> Iterable[tuple[Node, Tensor, str]]:
        """The upstream gradients and directions that a result is made of."""
        found: dict[Node, tuple[Tensor, str]] = {}
        for d in self.derivations:
            context = replace(self.context, loss=d.loss)
            if d.kind == "vjp":
                found |= {tensor_layout(a, context): (a, "upstream gradient, given") for a in map(Adjoint, d.of)}
            if d.kind in ("jvp", "hvp"):
                found |= {tensor_layout(v, context): (v, "direction, given") for v in map(Tangent, d.wrt)}
        return [(name, tensor, words) for name, (tensor, words) in found.items()]

    def graph(self) -> Picture:
        uses = {d.tensor: self.system.uses[d.tensor] for d in self.definitions}
        variables = [t for d in self.derivations for t in d.wrt]
        outputs = [t for d in self.derivations for t in d.of]
        found = dependency_graph(self.system.inputs, self.definitions, uses, variables, outputs)
        words = [f"{t.name} is made of {', '.join(u.name for u in us) or 'constants'}" for t, us in uses.items()]
        return Picture(found, f"Dependency graph: {'; '.join(words)}.")

"""What matrices and vectors are called: capital letters, bold letters, and the variables of programs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from sympy import Expr

from tensorcalc.codegen.names import Names
from tensorcalc.expr import Component, Inverse, Partial
from tensorcalc.greek import GREEK
from tensorcalc.index import Adjoint, Dimension, Index, Slope, Tangent, Tensor, TotalAdjoint
from tensorcalc.matrix import signs
from tensorcalc.matrix.arrays import NumPy
from tensorcalc.matrix.nodes import Named
from tensorcalc.render import layout as at
from tensorcalc.render.context import Context
from tensorcalc.render.layout import Node
from tensorcalc.render.walk import layout

__all__ = ["Titles"]

_NAME = re.compile(r"(?P<stem>[^\W\d_]+)(?P<suffix>_\w+|\d+)?")


class Titles:
    """The names of the tensors of one system, for formulas and for programs.

    A matrix x is called X, unless something else has that name: a tensor, a dimension, the identity, the loss.
    """

    def __init__(self, context: Context, expressions: Iterable[Expr]) -> None:
        tensors = context.system.tensors
        self.context = context
        taken = {*tensors, context.loss, *(d.name for e in expressions for d in e.atoms(Dimension))}
        self.identity = next(name for name in ("I", "Id", "Identity") if name not in taken)
        self._taken = {*taken, self.identity, *(d.name for d in context.system.dimensions)}
        self._variables = Names(tensors.values())
        self.numpy = NumPy({t.name: self._variables.tensor(t) for t in tensors.values()})

    def size(self, dimension: Dimension) -> str:
        """The length of a dimension in a program."""
        return self._variables.dimension(dimension) if dimension.size is None else str(dimension.size)

    def named(self, node: Named) -> Node:
        """A vector or matrix by its name, as it is shown and as a program calls it."""
        return self._title(node.template, set(node.axes))

    def component(self, node: Named) -> Node:
        """The tensor as it stands in index notation, without the indices of the matrix."""
        return self._plain(node.template, set(node.axes))

    def _title(self, template: Expr, axes: set[Index]) -> Node:
        if isinstance(template, Inverse):
            return signs.Inverted(self._title(Component(template.tensor, *template.indices), axes))
        if isinstance(template, Partial):
            variable = self._slope(template) + self._slices(template.wrt, axes)
            return signs.TensorName(variable, self._slope_title(template, axes))
        assert isinstance(template, Component)
        order = sum(i in axes for i in template.indices)
        fixed = tuple(layout(i, self.context) for i in template.indices if i not in axes)
        variable = self._variables.tensor(template.tensor) + self._slices(template, axes)
        return signs.TensorName(variable, self.symbol(template.tensor, order, fixed))

    def _slices(self, component: Component, axes: set[Index]) -> str:
        """The indices that are held fixed, as a program writes them."""
        fixed = [self.numpy.text(layout(i, self.context)) for i in component.indices if i not in axes]
        return f"[{', '.join(fixed)}]" if fixed else ""

    def symbol(self, tensor: Tensor, order: int, fixed: tuple[Node, ...] = ()) -> Node:
        """A tensor as a vector or matrix by its name, with the indices of a slice."""
        if isinstance(tensor, Adjoint):
            of, total = self.symbol(tensor.of, order, fixed), isinstance(tensor, TotalAdjoint)
            if self.context.adjoint == "bar" and not total:
                return signs.Marked(of, "bar")
            return at.Derivative(at.Name(self.context.loss), (of,), total=total)
        if isinstance(tensor, Slope):
            below = min(order, tensor.wrt.order)
            return at.Derivative(self.symbol(tensor.of, order - below), (self.symbol(tensor.wrt, below),))
        if isinstance(tensor, Tangent) and isinstance(tensor.of, Adjoint):  # of a gradient: the gradient of a tangent
            loss = signs.Marked(at.Name(self.context.loss), "dot")
            return at.Derivative(loss, (self.symbol(tensor.of.of, order, fixed),))
        if isinstance(tensor, Tangent):
            return signs.Marked(self.symbol(tensor.of, order, fixed), "dot")
        name = self._capital(tensor.name) if order == 2 else tensor.name
        if fixed:
            return signs.Slice(name, fixed, order == 1)
        return signs.Vector(name) if order == 1 else at.Name(name)

    def _slope_title(self, partial: Partial, axes: set[Index]) -> Node:
        """∂y/∂x without indices; in a second derivative by two vectors the last one stands as a row."""
        above, below = (self._shown(part, axes) for part in (partial.expression, partial.wrt))
        if isinstance(above, at.Derivative):
            if isinstance(above.denominators[-1], signs.Vector) and isinstance(below, signs.Vector):
                below = signs.Row(below)
            return at.Derivative(above.numerator, (*above.denominators, below))
        of = partial.expression
        total = not partial.direct and isinstance(of, Component) and of.tensor in self.context.totals
        return at.Derivative(above, (below,), total=total)

    def _shown(self, part: Expr, axes: set[Index]) -> Node:
        node = self._title(part, axes)
        return node.shown if isinstance(node, signs.TensorName) else node

    def _slope(self, partial: Partial) -> str:
        """The variable of a derivative: `d_y_d_x`."""
        inner = partial.expression
        of = self._slope(inner) if isinstance(inner, Partial) else f"d_{self._variables.tensor(inner.tensor)}"
        return f"{of}_d_{self._variables.tensor(partial.wrt.tensor)}"

    def _plain(self, template: Expr, axes: set[Index]) -> Node:
        """The layout of a component with the indices of the matrix left out."""
        if isinstance(template, Inverse):
            return signs.Inverted(self._plain(Component(template.tensor, *template.indices), axes))
        node = layout(template, self.context)
        return _without(node, {i.name for i in axes})

    def _capital(self, name: str) -> str:
        match = _NAME.fullmatch(name)
        if match is None:
            return name
        capital = _capital(match["stem"]) + (match["suffix"] or "")
        return name if capital in self._taken else capital


def _capital(stem: str) -> str:
    """The capital of a letter or of the name of a Greek one, where there is one of its own; else the stem itself."""
    if len(stem) == 1:
        capital = stem.upper()
        return capital if capital.isascii() or capital in GREEK.values() else stem
    return stem.capitalize() if stem in GREEK and stem.capitalize() in GREEK else stem


def _without(node: Node, letters: set[str]) -> Node:
    """A layout whose symbols have lost some of their indices."""
    if isinstance(node, at.Symbol):
        kept = tuple(i for i in node.indices if not (isinstance(i, at.Name) and i.name in letters))
        return replace(node, indices=kept)
    if isinstance(node, at.Derivative):
        below = tuple(_without(d, letters) for d in node.denominators)
        return replace(node, numerator=_without(node.numerator, letters), denominators=below)
    return node

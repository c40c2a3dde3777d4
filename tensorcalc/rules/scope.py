"""What a derivative rule may know: which tensors move with the variable, and which derivatives are known already."""

from __future__ import annotations

from dataclasses import dataclass, field

from sympy import Expr

from tensorcalc.binding import rename
from tensorcalc.expr import Component, Partial
from tensorcalc.index import Index, Tensor
from tensorcalc.system import System, tensors_in

__all__ = ["Known", "Scope"]


@dataclass(frozen=True, slots=True)
class Known:
    """A derivative that is known: `left` is ∂t/∂x over plain indices, `right` its value."""

    left: Partial
    right: Expr

    def at(self, partial: Partial) -> Expr:
        """The value for other components of the same tensors."""
        names: dict[Index, Expr] = {}
        for mine, theirs in ((self.left.expression, partial.expression), (self.left.wrt, partial.wrt)):
            names.update(zip(mine.indices, theirs.indices, strict=True))
        return rename(self.right, names)


@dataclass(slots=True)
class Scope:
    """The setting of one derivative by `variable`: total, or `direct` with all other definitions held fixed."""

    system: System
    variable: Tensor
    direct: bool = False
    known: dict[Tensor, Known] = field(default_factory=dict)
    shown: set[str] = field(default_factory=set)
    moving: frozenset[Tensor] = frozenset()

    def __post_init__(self) -> None:
        roots = (self.variable,)
        self.moving = frozenset(roots) if self.direct else self.system.depends(roots)

    def depends(self, expression: Expr) -> bool:
        """Whether the value of the expression changes with the variable."""
        return not self.moving.isdisjoint(tensors_in(expression))

    def is_variable(self, expression: Expr) -> bool:
        """Whether the expression is a component of the variable itself."""
        return isinstance(expression, Component) and expression.tensor == self.variable

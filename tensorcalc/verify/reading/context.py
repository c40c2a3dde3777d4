"""What a formula is read in: the article's names, its functions, the letters that sums around it bind."""

from __future__ import annotations

from tensorcalc.verify.latex.tree import Node
from tensorcalc.verify.names import Names
from tensorcalc.verify.problems import IllFormed
from tensorcalc.verify.reading.values import FunctionDefinition, Val
from tensorcalc.verify.summation import Letters
from tensorcalc.verify.terms import Place

__all__ = ["Context"]


class Context:
    """The state of a reader.

    `functions` are the article's own functions, `squares` the names whose square was defined (σ² = …), `layout` whether
    the derivative of a vector by a vector has the axes of the vector first (`numerator`) or last. `doubts` says of a
    chain what in it could mean something else than what was read. `bindings` and `selected` are what the arguments of
    the function that is being read stand for, as values and as places; with `all_samples` a name without the
    number of a sample stands for all samples, as y does beside a matrix X of all x. `varied` are the names whose
    differentials an equation between differentials is made of.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.letters = Letters()
        self.functions: dict[str, FunctionDefinition] = {}
        self.squares: set[str] = set()
        self.defined: set[str] = set()
        self.layout = "numerator"
        self.laid = False
        self.all_samples = False
        self.varied: frozenset[str] = frozenset()
        self.ties: list[tuple[str, str]] = []
        self.ranges: list[tuple[str, int]] = []
        self.scope: dict[str, str] = {}
        self.bindings: dict[str, Val] = {}
        self.selected: dict[str, Place] = {}
        self.calls = 0
        self.sliced = False
        self.arguments: dict[str, Val] = {}
        self.whole = False
        self.slices: list[IllFormed] = []
        self.suffix = ""
        self.doubts: list[str] = []

    def value(self, node: Node) -> Val:
        """The value of a part of the formula."""
        raise NotImplementedError

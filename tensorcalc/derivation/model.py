"""The result of a derivation: steps in lemmas, in reading order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sympy import Expr

from tensorcalc.index import Tensor
from tensorcalc.rules.rule import Rule
from tensorcalc.system import System

__all__ = ["ChainOrder", "Derivation", "Kind", "Lemma", "LemmaKind", "Manner", "Step"]

Kind = Literal["gradient", "jacobian", "vjp", "jvp", "hessian", "hvp"]
LemmaKind = Literal["definition", "jacobian", "partial", "chain", "backpropagated", "tangent", "fact"]


ChainOrder = Literal["auto", "jacobians", "adjoints"]


@dataclass(frozen=True, slots=True)
class Manner:
    """How an author wants a derivation to go.

    `order` of the chain rule: whole Jacobians first, then the upstream gradient (`jacobians`), or gradients step by
    step from the output back (`adjoints`); `auto` takes Jacobians where the way is short and their order low.
    `substitute`: gradients and tangents of other definitions are written out where that stays short. `letters` are
    the indices of derivatives that are preferred, the n of ∂/∂x_n.
    """

    order: ChainOrder = "auto"
    substitute: bool = True
    letters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a derivation: the expression on the right of `=`, and the rules that lead to it from the line before.

    `rules` is empty only for a definition, which needs no reason.
    """

    expression: Expr
    rules: tuple[Rule, ...] = ()

    @property
    def rule(self) -> str:
        """The names of the rules, as written beside the line."""
        return ", ".join(r.name for r in self.rules)


@dataclass(frozen=True, slots=True)
class Lemma:
    """A chain of equalities that starts from `lhs`.

    `kind` says what is derived: a `definition` is quoted (its single step is the right-hand side); a `jacobian` is
    the total derivative ∂t/∂x of a definition, taken from its formula; a `partial` derivative is one with respect to
    a definition that occurs in the formula; a `chain` joins both by the chain rule; `backpropagated` is ∂l/∂x from an
    upstream gradient (`lhs` is then a component of an `Adjoint`); a `tangent` is a directional derivative (`lhs` is a
    component of a `Tangent`); a `fact` is proved on the way: a sum that is constant, or a law about matrices.
    """

    lhs: Expr
    steps: tuple[Step, ...]
    kind: LemmaKind

    @property
    def result(self) -> Expr:
        """The last line."""
        return self.steps[-1].expression


@dataclass(frozen=True, slots=True)
class Derivation:
    """Lemmas in reading order, and what they add up to.

    `of` are the differentiated tensors, `wrt` those they are differentiated by. `results` are the derivatives as lines
    of lemmas, left and right: one for each pair of `of` and `wrt`, or one for each `wrt` where upstream gradients are
    added. `derivative_letters` are the index letters chosen for derivatives (the n of ∂/∂x_n); `loss` is the letter of
    the scalar in upstream gradients, the l of ∂l/∂x.
    `title` and `origin` say what the function is called and where it is defined.
    `notes` are remarks for the reader, such as what is held fixed.
    `shown` names the functions whose chain rule has been shown in full; `engine` keeps the lemmas that were derived on
    the way, for the program form.
    """

    system: System
    kind: Kind
    of: tuple[Tensor, ...]
    wrt: tuple[Tensor, ...]
    lemmas: tuple[Lemma, ...]
    results: tuple[tuple[Expr, Expr], ...]
    derivative_letters: tuple[str, ...] = ()
    loss: str = "l"
    title: str = ""
    notes: tuple[str, ...] = ()
    shown: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    engine: object = field(default=None, compare=False, repr=False)
    origin: str = ""

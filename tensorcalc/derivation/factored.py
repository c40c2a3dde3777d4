"""Derivatives by their factors: δ between axes and outer products are kept instead of being spread into an array."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr, Pow, S

from tensorcalc.binding import free_indices
from tensorcalc.derivation.model import Derivation
from tensorcalc.derivation.program import program_of
from tensorcalc.errors import TensorCalcError
from tensorcalc.expr import Delta
from tensorcalc.index import Dimension, Index, Tensor
from tensorcalc.rules.algebra import multiply_out
from tensorcalc.rules.terms import Term
from tensorcalc.system import Definition, Program

__all__ = ["Layout", "TermLayout", "factored_program"]


@dataclass(frozen=True, slots=True)
class TermLayout:
    """One term of a derivative: `deltas` are pairs of axes of the derivative that must be equal; `factors` are
    positions among the program's results, each with the axes of the derivative that its own axes are; `number` is a
    factor that no argument decides.
    """

    deltas: tuple[tuple[int, int], ...]
    factors: tuple[tuple[int, tuple[int, ...]], ...]
    number: int | float = 1


@dataclass(frozen=True, slots=True)
class Layout:
    """A derivative of `order` axes as a sum of terms; `dimensions` holds that of each axis."""

    order: int
    terms: tuple[TermLayout, ...]
    dimensions: tuple[Dimension, ...]


def factored_program(derivation: Derivation) -> tuple[Program, tuple[Layout, ...]]:
    """The program that computes the factors of every result, and how the results are made of them.

    Raises `TensorCalcError` E_KIND for kinds whose results are no whole derivatives, E_TOO_LONG where a result has
    too many terms.
    """
    if derivation.kind not in ("jacobian", "hessian"):
        raise TensorCalcError("E_KIND", f"a {derivation.kind} has no factors to keep", hint="jacobian or hessian")
    whole = program_of(derivation)
    definitions = [d for d in whole.definitions if d.tensor not in whole.outputs]
    factors: list[Definition] = []
    layouts = []
    for tensor in whole.outputs:
        result = next(d for d in whole.definitions if d.tensor == tensor)
        terms = multiply_out(result.rhs)
        if terms is None:
            raise TensorCalcError("E_TOO_LONG", f"{tensor.name} has too many terms to keep their factors apart")
        rows = tuple(_layout(term, result.indices, factors) for term in terms if term.coefficient is not S.Zero)
        layouts.append(Layout(len(result.indices), rows, tuple(i.dimension for i in result.indices)))
    outputs = tuple(d.tensor for d in factors)
    program = Program(whole.inputs, (*definitions, *factors), outputs, f"factors of the {whole.title}", many=True)
    return program, tuple(layouts)


def _layout(term: Term, axes: tuple[Index, ...], factors: list[Definition]) -> TermLayout:
    deltas = [b for b in term.powers if isinstance(b, Delta) and all(i in axes for i in b.indices)]
    rest = {b: e for b, e in term.powers.items() if b not in deltas}
    places = []
    for group in _groups(rest):
        bases = {b: rest[b] for b in group}
        dummies = tuple(d for d in term.dummies if any(d in free_indices(b) for b in group))
        places.append(_factor(Term(S.One, bases, dummies).expression(), axes, factors))
    idle = [d for d in term.dummies if not any(d in free_indices(Pow(b, e)) for b, e in rest.items())]
    scalar = Term(term.coefficient, {}, tuple(idle)).expression()
    pairs = tuple((axes.index(d.indices[0]), axes.index(d.indices[1])) for d in deltas)
    if places and scalar.is_number:
        return TermLayout(pairs, tuple(places), int(scalar) if scalar.is_Integer else float(scalar))
    if scalar is not S.One or not places:
        places.append(_factor(scalar, axes, factors))
    return TermLayout(pairs, tuple(places))


def _groups(powers: dict[Expr, Expr]) -> list[list[Expr]]:
    """The factors that share an index, free or summed, together: other ones only meet in an outer product."""
    groups: list[tuple[set[Index], list[Expr]]] = []
    for base, exponent in powers.items():
        indices = set(free_indices(Pow(base, exponent)))
        joined = [g for g in groups if g[0] & indices]
        groups = [g for g in groups if not g[0] & indices]
        groups.append((indices.union(*(g[0] for g in joined)), [b for g in joined for b in g[1]] + [base]))
    return [g[1] for g in groups]


def _factor(expression: Expr, axes: tuple[Index, ...], factors: list[Definition]) -> tuple[int, tuple[int, ...]]:
    """The position of a factor among the results, and the axes of the derivative that it has; equal ones are shared."""
    own = tuple(i for i in axes if i in free_indices(expression))
    for position, known in enumerate(factors):
        if known.rhs == expression and known.indices == own:
            return position, tuple(axes.index(i) for i in own)
    tensor = Tensor(f"factor_{len(factors)}", tuple(i.dimension for i in own))
    factors.append(Definition(tensor, own, expression))
    return len(factors) - 1, tuple(axes.index(i) for i in own)

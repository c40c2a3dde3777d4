"""Where the size of each dimension comes from: an argument's shape, an affine index, or the caller.

`x[2*t + k]` over all of x's axis says size(x) = 2 (size(t) − 1) + (size(k) − 1) + 1; from such an equation one size
that no argument shows is solved, so that no entry outside the axis is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sympy import Add, Expr, Integer

from tensorcalc.expr import Component, Delta
from tensorcalc.index import Dimension, Index, Tensor
from tensorcalc.system import Program, tensors_in

__all__ = ["Affine", "Equation", "Origin", "Shown", "Solved", "affine", "entries", "fits", "sources"]


@dataclass(frozen=True, slots=True)
class Shown:
    """The size is the length of an axis of an argument."""

    tensor: Tensor
    axis: int


@dataclass(frozen=True, slots=True)
class Affine:
    """constant + Σ coefficient · (size − 1), divided without rest by `divisor`, plus 1."""

    terms: tuple[tuple[Dimension, int], ...]
    constant: int
    divisor: int = 1

    def value(self, size: Callable[[Dimension], int]) -> int:
        """The size, from the sizes of the other dimensions."""
        return (self.constant + sum(c * (size(d) - 1) for d, c in self.terms)) // self.divisor + 1

    def code(self, size: Callable[[Dimension], str]) -> str:
        """The same as Python code."""
        constant = self.constant - sum(c for _, c in self.terms)
        constant += 1 if self.divisor == 1 else 0
        parts = [f"{'-' if c < 0 else '+'} {'' if abs(c) == 1 else f'{abs(c)} * '}{size(d)}" for d, c in self.terms]
        parts.sort(key=lambda part: part[0] == "-")
        if constant:
            parts.append(f"{'-' if constant < 0 else '+'} {abs(constant)}")
        text = " ".join(parts).removeprefix("+ ") or "0"
        return text if self.divisor == 1 else f"({text}) // {self.divisor} + 1"


@dataclass(frozen=True, slots=True)
class Equation:
    """An affine index on an axis: the axis has room for constant + Σ coefficient · (size − 1)."""

    axis: Dimension
    terms: tuple[tuple[Dimension, int], ...]
    constant: int

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The dimensions of the axis and of the indices."""
        return (self.axis, *(d for d, _ in self.terms))


@dataclass(frozen=True, slots=True)
class Solved:
    """The size is the least (for a dummy) or the largest (for an axis) that fits the affine indices `fitting`."""

    ways: tuple[Affine, ...]
    largest: bool
    fitting: frozenset[Equation] = frozenset()

    def value(self, size: Callable[[Dimension], int]) -> int:
        """The size, from the sizes of the other dimensions."""
        return max(0, (max if self.largest else min)(way.value(size) for way in self.ways))

    def code(self, size: Callable[[Dimension], str]) -> str:
        """The same as Python code."""
        codes = list(dict.fromkeys(way.code(size) for way in self.ways))
        return codes[0] if len(codes) == 1 else f"{'max' if self.largest else 'min'}({', '.join(codes)})"


Origin = Shown | Solved | None


def affine(index: Expr) -> tuple[dict[Index, int], int] | None:
    """Coefficients and constant of an index expression; `None` where labels or products of indices stand in it."""
    coefficients: dict[Index, int] = {}
    constant = 0
    for term in Add.make_args(index):
        number, rest = term.as_coeff_Mul()
        if isinstance(term, Integer):
            constant += int(term)
        elif isinstance(rest, Index) and isinstance(number, Integer):
            coefficients[rest] = coefficients.get(rest, 0) + int(number)
        else:
            return None
    return coefficients, constant


def _indices_in(expression: Expr) -> Iterable[tuple[Dimension, Expr]]:
    """Every axis of every component in an expression: its dimension, and what stands there."""
    for component in expression.atoms(Component):
        yield from zip(component.tensor.dimensions, component.indices, strict=True)


def entries(program: Program) -> tuple[tuple[str, Dimension, int], ...]:
    """The integers that stand in brackets or in a δ: the node as text, the dimension, the integer."""
    found: dict[tuple[str, Dimension, int], None] = {}
    for definition in program.definitions:
        for component in definition.rhs.atoms(Component):
            for axis, index in zip(component.tensor.dimensions, component.indices, strict=True):
                if isinstance(index, Integer) and index.is_nonnegative:
                    found[str(component), axis, int(index)] = None
        for node in definition.rhs.atoms(Delta):
            first, second = node.indices
            if isinstance(first, Integer) and isinstance(second, Index):
                found[str(node), second.dimension, int(first)] = None
    return tuple(found)


def _dimensions_in(program: Program) -> tuple[Dimension, ...]:
    """Every dimension of a program, in order of first use."""
    found: dict[Dimension, None] = {}
    for tensor in program.inputs:
        found.update(dict.fromkeys(tensor.dimensions))
        if tensor.label_dimension is not None:
            found.setdefault(tensor.label_dimension)
    for definition in program.definitions:
        for tensor in (definition.tensor, *tensors_in(definition.rhs)):
            found.update(dict.fromkeys(tensor.dimensions))
        for atom in sorted(definition.rhs.atoms(Index, Dimension), key=str):
            found.setdefault(atom.dimension if isinstance(atom, Index) else atom)
    return tuple(found)


def equation(axis: Dimension, index: Expr) -> Equation | None:
    """What an affine index with coefficients that are not negative says about sizes; `None` for other indices."""
    parts = affine(index)
    if parts is None or not parts[0] or parts[1] < 0 or any(c < 0 for c in parts[0].values()):
        return None
    sizes: dict[Dimension, int] = {}
    for i, coefficient in parts[0].items():
        sizes[i.dimension] = sizes.get(i.dimension, 0) + coefficient
    if sizes == {axis: 1} and parts[1] == 0:
        return None
    return Equation(axis, tuple(sorted(sizes.items(), key=lambda item: item[0].name)), parts[1])


def _equations(program: Program) -> list[Equation]:
    """The affine indices of a program as equations, each once."""
    found: dict[str, Equation] = {}
    for definition in program.definitions:
        for axis, index in _indices_in(definition.rhs):
            new = equation(axis, index)
            if new is not None:
                found[str(new)] = new
    return [found[key] for key in sorted(found)]


def fits(index: Expr, axis: Dimension, origins: Mapping[Dimension, Origin]) -> bool:
    """Whether an affine index certainly stays on its axis."""
    new = equation(axis, index)
    if new is None:
        return False
    if all(d.size is not None for d in new.dimensions):
        return Affine(new.terms, new.constant).value(lambda d: d.size or 0) <= (axis.size or 0)
    solved = [origins.get(d) for d in new.dimensions]
    return any(isinstance(origin, Solved) and new in origin.fitting for origin in solved)


def sources(program: Program) -> Mapping[Dimension, Origin]:
    """Where the size of each dimension comes from, in an order in which they can be computed."""
    shown: dict[Dimension, Origin] = {}
    for tensor in program.inputs:
        for axis, dimension in enumerate(tensor.dimensions):
            if dimension.size is None:
                shown.setdefault(dimension, Shown(tensor, axis))
    unknown = [d for d in _dimensions_in(program) if d.size is None and d not in shown]
    equations = _equations(program)
    progress = True
    while progress and unknown:
        progress = False
        for dimension in unknown:
            solved = _solve(dimension, equations, [d for d in unknown if d != dimension])
            if solved is not None:
                shown[dimension] = solved
                unknown.remove(dimension)
                progress = True
                break
    shown.update(dict.fromkeys(unknown))
    return shown


def _solve(unknown: Dimension, equations: Sequence[Equation], others: Sequence[Dimension]) -> Solved | None:
    """The size of a dimension from the equations in which it is the only unknown."""
    as_axis: dict[Equation, Affine] = {}
    as_dummy: dict[Equation, Affine] = {}
    for known in equations:
        sizes = dict(known.terms)
        if any(d in others for d in known.dimensions):
            continue
        if known.axis == unknown and unknown not in sizes:
            as_axis[known] = Affine(known.terms, known.constant)
        elif unknown in sizes and known.axis != unknown:
            rest = tuple((d, -c) for d, c in known.terms if d != unknown)
            as_dummy[known] = Affine(((known.axis, 1), *rest), -known.constant, sizes[unknown])
    found = as_dummy or as_axis
    return Solved(tuple(found.values()), not as_dummy, frozenset(found)) if found else None

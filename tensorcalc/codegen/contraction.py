"""A sum over dummy indices of a product of arrays, as matrix products, sums and einsum.

The order in which more than two arrays are combined is chosen by cost, with every dimension of unknown size taken to
be equally long.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

from tensorcalc.codegen.arithmetic import Factor, product
from tensorcalc.codegen.arrays import Array, Level
from tensorcalc.codegen.block import Block
from tensorcalc.index import Index

__all__ = ["contract"]

NOMINAL = 100  # the length assumed of a dimension whose size is not fixed
MEMORY = 8  # the cost of writing and reading an entry of a temporary array, in multiply-adds


def contract(block: Block, factors: Sequence[Factor], dummies: Iterable[Index]) -> Array:
    """The sum of the product of the factors over the dummies; each dummy is an axis of some factor."""
    summed = frozenset(dummies)
    if block.dialect.fuses and _is_one_loop(factors):
        return block.total(product(block, factors), summed)
    if block.dialect.symmetric:
        factors = _rooted(block, factors, summed)
    arrays = [_sum_alone(block, a, others, summed) for a, others in _with_others(_grouped(block, factors, summed))]
    while len(arrays) > 1:
        first, second = _cheapest(arrays, summed)
        rest = [a for a in arrays if a is not first and a is not second]
        needed = {axis for a in rest for axis in a.axes}
        gone = {i for i in (*first.axes, *second.axes) if i in summed and i not in needed}
        arrays = [*rest, _pair(block, first, second, gone)]
    return block.total(arrays[0], summed)


def _is_one_loop(factors: Sequence[Factor]) -> bool:
    """Whether a factor that is computed has all axes, and others have some: stored for a product, it costs a pass."""
    every = {axis for f in factors for axis in f.array.axes}
    whole = [f for f in factors if every == set(f.array.axes) and not f.inverse]
    computed = len(whole) > 1 or any(f.array.fresh for f in whole)
    return computed and len(whole) < len(factors)


def _rooted(block: Block, factors: Sequence[Factor], summed: frozenset[Index]) -> Sequence[Factor]:
    """Σ_n w_n X_np X_nq, where no w is negative, as the product of one matrix √w X with itself; other factors as is.

    Such a product is symmetric, and libraries that see it compute one half.
    """
    for place, first in enumerate(factors):
        for second in factors[place + 1 :]:
            weights = [f for f in factors if f is not first and f is not second]
            if weights and _is_square(first, second, weights, summed):
                root = block.call("sqrt", [product(block, weights)], weights[0].array.axes)
                matrix = block.bind(product(block, [Factor(root), Factor(first.array)]))
                renamed = dict(zip(first.array.axes, second.array.axes, strict=True))
                axes = tuple(renamed[a] for a in matrix.axes)
                return [Factor(matrix), Factor(Array(matrix.code, axes))]
    return factors


def _is_square(first: Factor, second: Factor, weights: Sequence[Factor], summed: frozenset[Index]) -> bool:
    """Whether two factors are one matrix, summed over the same axis, and the weights are numbers along that axis."""
    one, other = first.array, second.array
    if one.code != other.code or len(one.axes) != 2 or first.inverse or second.inverse:
        return False
    shared = [a for a, b in zip(one.axes, other.axes, strict=True) if a == b]
    if len(shared) != 1 or shared[0] not in summed or not summed.isdisjoint({*one.axes, *other.axes} - {*shared}):
        return False
    return all(f.nonnegative and f.array.axes == (shared[0],) for f in weights)


def _grouped(block: Block, factors: Sequence[Factor], summed: frozenset[Index]) -> list[Array]:
    """Factors over the same axes multiplied together; quotients joined to an array that has all their axes.

    A vector over the one index that is summed is multiplied as a vector: the sum of a matrix's rows over it is a
    product of a vector and a matrix.
    """
    groups: dict[frozenset[Index], list[Factor]] = {}
    for factor in factors:
        if not factor.inverse:
            groups.setdefault(frozenset(factor.array.axes), []).append(factor)
    for factor in factors:
        if factor.inverse:
            axes = frozenset(factor.array.axes)
            home = min((g for g in groups if g >= axes), key=len, default=axes)
            if axes == summed and len(axes) == 1 and len(home) == 2:
                home = axes
            groups.setdefault(home, []).append(factor)
    return [_multiplied(block, group) for group in groups.values()]


def _multiplied(block: Block, group: Sequence[Factor]) -> Array:
    """The product of a group; of matrices it is one that other sums may need as well."""
    if len(group) == 1 and not group[0].inverse:
        return group[0].array
    array = product(block, group)
    return block.once(array) if len(array.axes) > 1 else array


def _with_others(arrays: list[Array]) -> list[tuple[Array, list[Array]]]:
    return [(array, arrays[:place] + arrays[place + 1 :]) for place, array in enumerate(arrays)]


def _sum_alone(block: Block, array: Array, others: list[Array], summed: frozenset[Index]) -> Array:
    """Sum over the dummies that no other array has, at once."""
    alone = [a for a in array.axes if a in summed and not any(a in other.axes for other in others)]
    return block.total(array, alone) if alone and others else array


def _length(index: Index) -> int:
    return index.dimension.size or NOMINAL


def _cheapest(arrays: list[Array], summed: frozenset[Index]) -> tuple[Array, Array]:
    """The first pair of the cheapest order for up to six arrays; beyond that, the cheapest next pair."""
    if len(arrays) == 2:
        return arrays[0], arrays[1]
    if len(arrays) > 6:
        best = min(_pairs(len(arrays)), key=lambda p: _step(_axes_of(arrays), p, summed)[0])
    else:
        best = _search(_axes_of(arrays), summed)[1]
    return arrays[best[0]], arrays[best[1]]


def _axes_of(arrays: list[Array]) -> tuple[frozenset[Index], ...]:
    return tuple(frozenset(a.axes) for a in arrays)


def _pairs(count: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(count) for j in range(i + 1, count)]


def _step(
    axes: tuple[frozenset[Index], ...], pair: tuple[int, int], summed: frozenset[Index]
) -> tuple[int, tuple[frozenset[Index], ...]]:
    """The cost of combining a pair, and the axes of the arrays that are left."""
    i, j = pair
    rest = tuple(a for place, a in enumerate(axes) if place not in pair)
    every = axes[i] | axes[j]
    kept = frozenset(a for a in every if a not in summed or any(a in other for other in rest))
    return prod(map(_length, every)) + MEMORY * prod(map(_length, kept)), (*rest, kept)


def _search(axes: tuple[frozenset[Index], ...], summed: frozenset[Index]) -> tuple[int, tuple[int, int]]:
    """The least cost of combining all arrays, and the pair with which it begins."""
    best: tuple[int, tuple[int, int]] | None = None
    for pair in _pairs(len(axes)):
        cost, left = _step(axes, pair, summed)
        if best is not None and cost >= best[0]:
            continue
        if len(left) > 1:
            cost += _search(left, summed)[0]
        if best is None or cost < best[0]:
            best = cost, pair
    assert best is not None
    return best


@dataclass(frozen=True, slots=True)
class _Roles:
    """What each axis of a pair of arrays does in its product."""

    batch: tuple[Index, ...]
    rows: tuple[Index, ...]
    columns: tuple[Index, ...]
    contracted: tuple[Index, ...]


def _roles(first: Array, second: Array, gone: set[Index]) -> _Roles:
    shared = [a for a in first.axes if a in second.axes]
    return _Roles(
        tuple(a for a in shared if a not in gone),
        tuple(a for a in first.axes if a not in shared),
        tuple(a for a in second.axes if a not in shared),
        tuple(a for a in shared if a in gone),
    )


def _pair(block: Block, first: Array, second: Array, gone: set[Index]) -> Array:
    """The product of two arrays, summed over `gone`."""
    if not gone:
        return product(block, [Factor(first), Factor(second)])
    first, second = block.shortened([block.numbers(first), block.numbers(second)])
    roles = _roles(first, second, gone)
    if not roles.contracted or not (roles.rows or roles.columns):
        if len(roles.contracted) == 1 and not roles.batch and len(first.axes) == len(second.axes) == 1:
            return _matmul(block, first, second, ())
        return block.total(product(block, [Factor(first), Factor(second)]), gone)
    if _in_order(block, roles.columns, roles.rows):
        first, second = second, first
        roles = _Roles(roles.batch, roles.columns, roles.rows, roles.contracted)
    if len(roles.contracted) == 1:
        found = _matrix_product(block, first, second, roles)
        if found is not None:
            return found
    if not roles.batch:
        return _tensordot(block, first, second, roles)
    return _einsum(block, first, second, (*roles.batch, *roles.rows, *roles.columns))


def _in_order(block: Block, first: tuple[Index, ...], second: tuple[Index, ...]) -> bool:
    """Whether the definition at hand wants the first group of axes before the second."""
    places = {index: place for place, index in enumerate(block.hint)}
    last = len(places)
    if not first or not second:
        return False
    return min(places.get(i, last) for i in first) < min(places.get(i, last) for i in second)


def _matrix_product(block: Block, first: Array, second: Array, roles: _Roles) -> Array | None:
    """The product as `first @ second`, where it is one of matrices, or a matrix and a vector."""
    (k,) = roles.contracted
    batch, rows, columns = roles.batch, roles.rows, roles.columns
    matrices = len(rows) == len(columns) == 1
    if not (matrices if batch else len(columns) <= 1 and (columns or len(rows) == 1)):
        return None
    if not rows and second.axes[-1] == k:  # a matrix by a vector rather than a vector by its transpose
        return _matmul(block, second, first, columns)
    left = block.aligned(first, (*batch, *rows, k))
    right = block.aligned(second, (*batch, k, *columns))
    return _matmul(block, left, right, (*batch, *rows, *columns))


def _matmul(block: Block, first: Array, second: Array, axes: tuple[Index, ...]) -> Array:
    matrices = len(first.axes) > 1 and len(second.axes) > 1  # torch.matmul with out= takes nothing else
    template = block.dialect.operators.get("@", "") if matrices else ""
    into = template.replace("{0}", first.code).replace("{1}", second.code)
    code = f"{first.wrapped(Level.POWER)} @ {second.wrapped(Level.POWER)}"
    return Array(code, axes, Level.MATMUL, into=into, fresh=True)


def _tensordot(block: Block, first: Array, second: Array, roles: _Roles) -> Array:
    places = tuple([array.axes.index(k) for k in roles.contracted] for array in (first, second))
    code = block.spelled("tensordot", first.code, second.code, str(places))
    return Array(code, (*roles.rows, *roles.columns), fresh=True)


def _einsum(block: Block, first: Array, second: Array, axes: tuple[Index, ...]) -> Array:
    letters = _letters((*first.axes, *second.axes, *axes))
    words = ["".join(letters[a] for a in group) for group in (first.axes, second.axes, axes)]
    code = block.spelled("einsum", f'"{words[0]},{words[1]}->{words[2]}", {first.code}, {second.code}')
    return Array(code, axes, fresh=True)


def _letters(axes: Iterable[Index]) -> dict[Index, str]:
    """A letter for each index: its own where that is one letter and free."""
    letters: dict[Index, str] = {}
    wanted = list(dict.fromkeys(axes))
    for index in wanted:
        if (
            len(index.name) == 1
            and index.name.isascii()
            and index.name.isalpha()
            and index.name not in letters.values()
        ):
            letters[index] = index.name
    spare = iter(c for c in "klmnpqrstuvwxyzabcdefghijoABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in letters.values())
    for index in wanted:
        if index not in letters:
            letters[index] = next(spare)
    return letters

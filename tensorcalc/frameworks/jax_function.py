"""Programs for JAX: `jax.custom_jvp` (forward and, by transposition, reverse mode) or `jax.custom_vjp` (reverse mode).

JAX transposes the generated JVP, which is linear in its tangents, so `custom_jvp` has every mode and every order;
`custom_vjp` runs the generated VJP as it stands. Rules call programs that are wrapped in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from tensorcalc.codegen import Function, compile_program
from tensorcalc.frameworks.derivatives import Differentiable
from tensorcalc.index import Dimension

__all__ = ["Node", "forward_mode", "reverse_mode"]

Sizes = Mapping[Dimension, int]


class Node:
    """One program as a differentiable function of JAX arrays; `rule` makes it one."""

    def __init__(self, differentiable: Differentiable, rule: Callable[[Node, Sizes], Callable[..., Any]]) -> None:
        self.differentiable = differentiable
        self.function: Function = compile_program(differentiable.program, "jax", functional=True)
        self._rule = rule
        self._made: dict[tuple[int, ...], Callable[..., Any]] = {}
        self.pullback = cache(lambda places: Node(differentiable.pullback(places), rule))
        self.pushforward = cache(lambda places: Node(differentiable.pushforward(places), rule))

    def apply(self, arrays: Sequence[Any], sizes: Sizes) -> tuple[Any, ...]:
        """The results, differentiable by JAX."""
        asked = {d: sizes[d] for d in self.function.asked}
        key = tuple(asked.values())
        if key not in self._made:
            self._made[key] = self._rule(self, asked)
        results: tuple[Any, ...] = self._made[key](*arrays)
        return results

    def values(self, arrays: Sequence[Any], sizes: Sizes) -> tuple[Any, ...]:
        """The results by the generated code."""
        names = self.function.asked
        results: tuple[Any, ...] = self.function.unchecked(*arrays, **{names[d]: n for d, n in sizes.items()})
        return results


def _with_jvp(node: Node, sizes: Sizes) -> Callable[..., Any]:
    value = jax.custom_jvp(lambda *arrays: node.values(arrays, sizes))

    def jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        results = value(*primals)
        places = tuple(p for p in node.differentiable.places if not isinstance(tangents[p], SymbolicZero))
        if not places:
            return results, tuple(jnp.zeros_like(r) for r in results)
        moved = node.pushforward(places).apply((*primals, *(tangents[p] for p in places)), sizes)
        return results, moved

    value.defjvp(jvp, symbolic_zeros=True)
    return value


def _with_vjp(node: Node, sizes: Sizes) -> Callable[..., Any]:
    value = jax.custom_vjp(lambda *arrays: node.values(arrays, sizes))

    def forward(*arrays: Any) -> tuple[Any, Any]:
        return value(*arrays), arrays

    def backward(arrays: Sequence[Any], upstream: Sequence[Any]) -> tuple[Any, ...]:
        places = node.differentiable.places
        found = dict(zip(places, node.pullback(places).apply((*arrays, *upstream), sizes), strict=True))
        return tuple(found.get(place) for place in range(len(arrays)))

    value.defvjp(forward, backward)
    return value


def _function(node: Node) -> tuple[Function, Callable[..., tuple[Any, ...]]]:
    def call(*args: Any, **arguments: Any) -> tuple[Any, ...]:
        return node.apply(*node.function.checked(args, arguments))

    return node.function, call


def forward_mode(differentiable: Differentiable) -> tuple[Function, Callable[..., tuple[Any, ...]]]:
    """The forward code, and the function with its JVP."""
    node = Node(differentiable, _with_jvp)
    node.pushforward(differentiable.places)
    return _function(node)


def reverse_mode(differentiable: Differentiable) -> tuple[Function, Callable[..., tuple[Any, ...]]]:
    """The forward code, and the function with its VJP."""
    node = Node(differentiable, _with_vjp)
    node.pullback(differentiable.places)
    return _function(node)

"""Programs as `torch.autograd.Function`: differentiable any number of times, forward and reverse, under `torch.func`.

The code is PyTorch's, or kernels in Triton (which `torch.vmap` cannot follow).

Backward and jvp call programs that are wrapped in the same way, so their derivatives are generated code too. The code
writes into no array: `torch.vmap` and the transformations built on it follow it operation by operation.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import torch

from tensorcalc.codegen import Function, compile_program
from tensorcalc.frameworks.derivatives import Differentiable
from tensorcalc.index import Dimension

__all__ = ["Node"]

Sizes = Mapping[Dimension, int]


class Node:
    """One program as a differentiable function of torch tensors; its derivatives are nodes made when first needed."""

    def __init__(self, differentiable: Differentiable, target: str = "torch") -> None:
        self.differentiable = differentiable
        self.target = target
        self.function: Function = compile_program(differentiable.program, target, functional=True)
        self._derivatives: dict[tuple[str, tuple[int, ...]], Node] = {}

    def apply(self, arrays: Sequence[Any], sizes: Sizes) -> tuple[Any, ...]:
        """The results, in the graph of autograd."""
        return self.autograd.apply(*arrays, *(sizes[d] for d in self.function.asked))

    def pullback(self, places: tuple[int, ...]) -> Node:
        """The program of the gradients by the variables at some places."""
        return self._derivative("pullback", places)

    def pushforward(self, places: tuple[int, ...]) -> Node:
        """The program of the tangents of the results."""
        return self._derivative("pushforward", places)

    def _derivative(self, kind: str, places: tuple[int, ...]) -> Node:
        key = kind, places
        if key not in self._derivatives:
            self._derivatives[key] = Node(getattr(self.differentiable, kind)(places), self.target)
        return self._derivatives[key]

    @cached_property
    def autograd(self) -> Any:
        """The class that torch calls."""
        return _class(self)

    def forward(self, arguments: Sequence[Any]) -> tuple[Any, ...]:
        arrays, sizes = self.split(arguments)
        names = self.function.asked
        return self.function.unchecked(*arrays, **{names[d]: size for d, size in sizes.items()})

    def split(self, arguments: Sequence[Any]) -> tuple[Sequence[Any], Sizes]:
        """The arrays, and the sizes that stand behind them."""
        count = len(self.function.arguments)
        return arguments[:count], dict(zip(self.function.asked, arguments[count:], strict=True))

    def backward(self, saved: Sequence[Any], sizes: Sizes, needed: Sequence[bool], upstream: Sequence[Any]) -> Any:
        """The gradient by each argument of `apply`; `None` where it is not needed or the argument is constant."""
        places = tuple(p for p in self.differentiable.places if needed[p])
        found = self.pullback(places).apply((*saved, *upstream), sizes) if places else ()
        gradients = dict(zip(places, found, strict=True))
        return tuple(gradients.get(p) for p in range(len(needed)))

    def jvp(self, saved: Sequence[Any], sizes: Sizes, tangents: Sequence[Any]) -> Any:
        """The tangent of each result."""
        places = tuple(p for p in self.differentiable.places if tangents[p] is not None)
        if not places:
            like = next(t for t in tangents if t is not None)
            return tuple(like.new_zeros(shape) for shape in self.function.shapes(saved, sizes))
        return self.pushforward(places).apply((*saved, *(tangents[p] for p in places)), sizes)


def _class(node: Node) -> Any:
    class Generated(torch.autograd.Function):
        generate_vmap_rule = node.target == "torch"  # kernels see arrays, not operations

        @staticmethod
        def forward(*arguments: Any) -> Any:
            return node.forward(arguments)

        @staticmethod
        def setup_context(ctx: Any, inputs: Sequence[Any], output: Any) -> None:
            arrays, ctx.sizes = node.split(inputs)
            ctx.save_for_backward(*arrays)
            ctx.save_for_forward(*arrays)

        @staticmethod
        def backward(ctx: Any, *upstream: Any) -> Any:
            return node.backward(ctx.saved_tensors, ctx.sizes, ctx.needs_input_grad, upstream)

        @staticmethod
        def jvp(ctx: Any, *tangents: Any) -> Any:
            return node.jvp(ctx.saved_tensors, ctx.sizes, tangents)

    return types.new_class(node.function.unchecked.__name__, (Generated,))  # its name stands in grad_fn


def function(differentiable: Differentiable) -> tuple[Function, Callable[..., tuple[Any, ...]]]:
    """The forward code, and the function of checked arguments with its derivatives."""
    return _callable(Node(differentiable))


def kernels(differentiable: Differentiable) -> tuple[Function, Callable[..., tuple[Any, ...]]]:
    """The same with kernels in Triton, the derivatives of any order included."""
    return _callable(Node(differentiable, "triton"))


def _callable(node: Node) -> tuple[Function, Callable[..., tuple[Any, ...]]]:
    node.pullback(node.differentiable.places)

    def call(*args: Any, **arguments: Any) -> tuple[Any, ...]:
        return node.apply(*node.function.checked(args, arguments))

    return node.function, call

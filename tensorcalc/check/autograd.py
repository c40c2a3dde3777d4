"""PyTorch as a witness: the forward definitions over torch tensors, and Jacobians by autograd."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sympy import Expr

from tensorcalc.binding import Binder, Contraction, IndexMaximum, IndexProduct
from tensorcalc.evaluator import Environment, evaluate
from tensorcalc.expr import Component, Delta, Determinant, Group, Inverse, Iverson, LogDeterminant, One
from tensorcalc.functions import function_of
from tensorcalc.index import Index, Tensor
from tensorcalc.system import Definition

__all__ = ["Autograd"]

Array = npt.NDArray[np.float64]
Values = Callable[[Tensor], Any]

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "exp": torch.exp,
    "log": torch.log,
    "log1p": torch.log1p,
    "expm1": torch.expm1,
    "abs": torch.abs,
    "sign": torch.sign,
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": torch.tan,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "tanh": torch.tanh,
    "asin": torch.asin,
    "acos": torch.acos,
    "atan": torch.atan,
    "sigmoid": torch.sigmoid,
    "softplus": torch.nn.functional.softplus,
    "relu": torch.relu,
    "silu": torch.nn.functional.silu,
    "gelu": torch.nn.functional.gelu,
    "erf": torch.erf,
    "lgamma": torch.lgamma,
    "digamma": torch.digamma,
    "polygamma": lambda n, x: torch.polygamma(int(n.item()), x),
    "max": torch.maximum,
    "min": torch.minimum,
}


REDUCTIONS: Mapping[type[Binder], Callable[[Any], Any]] = {
    Contraction: lambda values: values.sum(-1),
    IndexProduct: lambda values: values.prod(-1),
    IndexMaximum: lambda values: values.amax(-1),
}


class Autograd:
    """PyTorch's reverse-mode derivatives of the definitions, in float64."""

    name = "torch"
    tolerance = 1e-9

    def jacobian(self, environment: Environment, output: Tensor, variable: Tensor) -> Array:
        """∂output/∂variable: the axes of the output, then those of the variable."""
        value, (leaf,) = _computed(environment, output, (variable,))
        return np.asarray(_entrywise(value, leaf, create_graph=False).detach().numpy())

    def hessian(self, environment: Environment, output: Tensor, first: Tensor, second: Tensor) -> Array:
        """∂²output/∂first∂second: the axes of the output, then of both variables."""
        leaves = (first,) if first == second else (first, second)
        value, found = _computed(environment, output, leaves)
        slope = _entrywise(value, found[0], create_graph=True)
        return np.asarray(_entrywise(slope, found[-1], create_graph=False).detach().numpy())


def _computed(environment: Environment, output: Tensor, variables: tuple[Tensor, ...]) -> tuple[Any, list[Any]]:
    """The output as a torch tensor, computed from leaves for the variables."""
    leaves = [torch.tensor(environment.value(v), dtype=torch.float64, requires_grad=True) for v in variables]
    values: dict[Tensor, Any] = dict(zip(variables, leaves, strict=True))

    def value(tensor: Tensor) -> Any:
        if tensor not in values:
            values[tensor] = torch.as_tensor(environment.value(tensor))
        return values[tensor]

    for definition in environment.in_order(output):
        if definition.tensor not in values:
            values[definition.tensor] = _forward(definition, value, environment)
    return value(output), leaves


def _entrywise(value: Any, leaf: Any, create_graph: bool) -> Any:
    """The gradient of every entry: the axes of the value, then those of the leaf."""
    rows = []
    for entry in value.reshape(-1):
        gradient = None
        if entry.requires_grad:
            (gradient,) = torch.autograd.grad(
                entry, leaf, retain_graph=True, create_graph=create_graph, allow_unused=True
            )
        rows.append(torch.zeros_like(leaf) if gradient is None else gradient)
    return torch.stack(rows).reshape((*value.shape, *leaf.shape))


def _forward(definition: Definition, values: Values, environment: Environment) -> Any:
    value = _value(definition.rhs, values, environment, definition.indices)
    return value.expand(tuple(environment.extent(i.dimension) for i in definition.indices))


def _value(node: Expr, values: Values, env: Environment, axes: tuple[Index, ...]) -> Any:
    if isinstance(node, Component) and not node.tensor.is_label:
        return _entries(values(node.tensor), node.indices, env, axes)
    if isinstance(node, Binder):
        body, dummies = node.open(axes)
        inner = _value(body, values, env, axes + dummies)
        shape = (*inner.shape[: len(axes)], *(env.extent(d.dimension) for d in dummies))
        return REDUCTIONS[type(node)](inner.expand(shape).flatten(len(axes)))
    if isinstance(node, Inverse):
        return _entries(torch.linalg.inv(values(node.tensor)), node.indices, env, axes)
    if isinstance(node, Determinant | LogDeterminant):
        whole = torch.linalg.det if isinstance(node, Determinant) else torch.logdet
        return whole(values(node.tensor)).reshape((1,) * len(axes))
    if isinstance(node, Group):
        return _value(node.expression, values, env, axes)
    if node.is_number or isinstance(node, Delta | Iverson | One) or not node.args:
        return torch.as_tensor(_constant(node, env, axes), dtype=torch.float64)
    arguments = [_value(a, values, env, axes) for a in node.args]
    if node.is_Add:
        return sum(arguments[1:], start=arguments[0])
    if node.is_Mul:
        return math.prod(arguments[1:], start=arguments[0])
    if node.is_Pow:
        return torch.pow(arguments[0], float(node.exp) if node.exp.is_Rational else arguments[1])
    row = function_of(node)
    if row is None:
        raise ValueError(f"no torch function for {type(node).__name__}")
    return FUNCTIONS[row.name](*arguments)


def _constant(node: Expr, env: Environment, axes: tuple[Index, ...]) -> Array:
    """A part that no tensor of numbers enters: δ, brackets, one-tensors, sizes, numbers."""
    return np.asarray(evaluate(node, env, axes))


def _entries(array: Any, indices: tuple[Expr, ...], env: Environment, axes: tuple[Index, ...]) -> Any:
    """Entries of a tensor; the positions come from the reference evaluator, outside of the range stands zero."""
    if not indices:
        return array.reshape((1,) * len(axes))
    positions = [torch.as_tensor(env.positions(i, axes)) for i in indices]
    inside = [(p >= 0) & (p < n) for p, n in zip(positions, array.shape, strict=True)]
    clipped = tuple(p.clamp(0, max(n - 1, 0)) for p, n in zip(positions, array.shape, strict=True))
    valid = math.prod(inside[1:], start=inside[0])
    return torch.where(valid, array[clipped], torch.zeros((), dtype=torch.float64))

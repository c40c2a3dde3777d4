"""PyTorch as a witness: the forward definitions over torch tensors, and Jacobians by autograd."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sympy import Expr

from tensorcalc.binding import Contraction
from tensorcalc.derivation.model import Derivation
from tensorcalc.evaluator import Environment, evaluate
from tensorcalc.expr import Component, Delta, Group, Iverson, One
from tensorcalc.functions import function_of
from tensorcalc.indices import Index, Tensor
from tensorcalc.system import Definition

__all__ = ["torch_jacobians"]

Array = npt.NDArray[np.float64]

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


def torch_jacobians(derivation: Derivation, environment: Environment) -> list[Array]:
    """∂output/∂variable for every output and variable, by reverse-mode autograd in float64."""
    leaves = {v: torch.tensor(environment.value(v), dtype=torch.float64, requires_grad=True) for v in derivation.wrt}
    values: dict[Tensor, Any] = dict(leaves)
    system = derivation.system
    for tensor in system.inputs:
        values.setdefault(tensor, torch.as_tensor(environment.value(tensor)))
    for definition in system.ordered:
        if definition.tensor not in values:
            values[definition.tensor] = _forward(definition, values, environment)
    return [_jacobian(values[output], leaves[variable]) for output in derivation.of for variable in derivation.wrt]


def _jacobian(output: Any, leaf: Any) -> Array:
    result = np.zeros((*output.shape, *leaf.shape))
    for position in np.ndindex(*output.shape):
        if not output.requires_grad:
            continue
        (gradient,) = torch.autograd.grad(output[position], leaf, retain_graph=True, allow_unused=True)
        if gradient is not None:
            result[position] = gradient.numpy()
    return result


def _forward(definition: Definition, values: Mapping[Tensor, Any], environment: Environment) -> Any:
    value = _value(definition.rhs, values, environment, definition.indices)
    return value.expand(tuple(environment.extent(i.dimension) for i in definition.indices))


def _value(node: Expr, values: Mapping[Tensor, Any], env: Environment, axes: tuple[Index, ...]) -> Any:
    if isinstance(node, Component) and not node.tensor.is_label:
        return _component(node, values[node.tensor], env, axes)
    if isinstance(node, Contraction):
        body, dummies = node.open(axes)
        inner = _value(body, values, env, axes + dummies)
        shape = (*inner.shape[: len(axes)], *(env.extent(d.dimension) for d in dummies))
        return inner.expand(shape).sum(dim=tuple(range(len(axes), len(shape))))
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
        return torch.pow(arguments[0], float(node.exp) if node.exp.is_number else arguments[1])
    row = function_of(node)
    if row is None:
        raise ValueError(f"no torch function for {type(node).__name__}")
    return FUNCTIONS[row.name](*arguments)


def _constant(node: Expr, env: Environment, axes: tuple[Index, ...]) -> Array:
    """A part that no tensor of numbers enters: δ, brackets, one-tensors, sizes, numbers."""
    return np.asarray(evaluate(node, env, axes))


def _component(node: Component, array: Any, env: Environment, axes: tuple[Index, ...]) -> Any:
    """Entries of a tensor; the positions come from the reference evaluator, outside of the range stands zero."""
    if not node.indices:
        return array.reshape((1,) * len(axes))
    positions = [torch.as_tensor(env.positions(i, axes)) for i in node.indices]
    inside = [(p >= 0) & (p < n) for p, n in zip(positions, array.shape, strict=True)]
    clipped = tuple(p.clamp(0, max(n - 1, 0)) for p, n in zip(positions, array.shape, strict=True))
    valid = math.prod(inside[1:], start=inside[0])
    return torch.where(valid, array[clipped], torch.zeros((), dtype=torch.float64))

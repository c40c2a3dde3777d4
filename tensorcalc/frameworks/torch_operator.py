"""Programs as `torch.library.custom_op`: one node in the graphs of `torch.compile` and `torch.export`.

The operator is opaque to them. Its shapes come from the program's dimensions, its gradient is another such operator.
Inside it runs the checked function, with every check on real data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from tensorcalc.codegen import Function, compile_program
from tensorcalc.errors import TensorCalcError
from tensorcalc.frameworks.derivatives import Differentiable
from tensorcalc.index import Dimension

__all__ = ["Operator", "function"]

_operators: dict[str, Operator] = {}  # torch keeps what is registered under a name; the same content is one operator


class Operator:
    """One program as an operator of torch; those of its gradients are registered when first needed."""

    def __init__(self, differentiable: Differentiable, name: str, code: Function) -> None:
        self.differentiable = differentiable
        self.function = code
        self.name = name
        self.single = len(differentiable.outputs) == 1
        self._pullbacks: dict[tuple[int, ...], Operator] = {}
        numbers = [place for place, t in enumerate(differentiable.system.inputs) if not t.is_label]
        self._like = numbers[0] if numbers else 0
        self._floating = bool(numbers)
        self.torch_op = torch.library.custom_op(name, self._run, mutates_args=(), schema=self._schema())
        self.torch_op.register_fake(self._fake)
        self.torch_op.register_autograd(self._backward, setup_context=self._setup)

    def _schema(self) -> str:
        tensors = [f"Tensor a{place}" for place in range(len(self.function.arguments))]
        sizes = [f"SymInt n{place}" for place in range(len(self.function.asked))]
        results = ", ".join(["Tensor"] * len(self.differentiable.outputs))
        return f"({', '.join((*tensors, *sizes))}) -> {results if self.single else f'({results})'}"

    def pullback(self, places: tuple[int, ...]) -> Operator:
        """The operator of the gradients by the variables at some places."""
        if places not in self._pullbacks:
            self._pullbacks[places] = operator(self.differentiable.pullback(places))
        return self._pullbacks[places]

    def _split(self, arguments: Sequence[Any]) -> tuple[Sequence[Any], Mapping[Dimension, Any]]:
        count = len(self.function.arguments)
        return arguments[:count], dict(zip(self.function.asked, arguments[count:], strict=True))

    def _results(self, results: Sequence[Any]) -> Any:
        return results[0] if self.single else tuple(results)

    def _run(self, *arguments: Any) -> Any:
        arrays, sizes = self._split(arguments)
        names = self.function.asked
        found = self.function(*(a.detach() for a in arrays), **{names[d]: size for d, size in sizes.items()})
        return self._results([result.contiguous() for result in found])

    def _fake(self, *arguments: Any) -> Any:
        arrays, sizes = self._split(arguments)
        like = arrays[self._like]
        dtype = like.dtype if self._floating else torch.get_default_dtype()
        return self._results([like.new_empty(shape, dtype=dtype) for shape in self.function.shapes(arrays, sizes)])

    def _setup(self, ctx: Any, inputs: Sequence[Any], output: Any) -> None:
        arrays, ctx.sizes = self._split(inputs)
        ctx.save_for_backward(*arrays)

    def _backward(self, ctx: Any, *upstream: Any) -> Any:
        needed = ctx.needs_input_grad
        places = tuple(p for p in self.differentiable.places if needed[p])
        if not places:
            return (None,) * len(needed)
        pullback = self.pullback(places)
        found = pullback.torch_op(*ctx.saved_tensors, *upstream, *(ctx.sizes[d] for d in pullback.function.asked))
        gradients = dict(zip(places, (found,) if pullback.single else found, strict=True))
        return tuple(gradients.get(p) for p in range(len(needed)))


def operator(differentiable: Differentiable) -> Operator:
    """The operator of a program; its name holds a digest of everything that its value and gradients depend on."""
    code = compile_program(differentiable.program, "torch")
    constant = [t.name for t in differentiable.system.inputs if t not in differentiable.variables]
    facts = [f"{f.left} = {f.right}" for f in differentiable.system.facts]
    digest = hashlib.sha256("\n".join((code.source, *constant, *facts)).encode()).hexdigest()[:16]
    name = f"tensorcalc::{code.unchecked.__name__}_{digest}"
    if name not in _operators:
        _operators[name] = Operator(differentiable, name, code)
    return _operators[name]


def function(differentiable: Differentiable) -> tuple[Function, Callable[..., tuple[Any, ...]]]:
    """The forward code, and the operator behind a call that `torch.compile` can trace."""
    found = operator(differentiable)
    found.pullback(differentiable.places)
    return found.function, _Call(found)


class _Call:
    """Binds and converts arguments with nothing but strings, numbers and tensors, as `torch.compile` needs it."""

    def __init__(self, found: Operator) -> None:
        code = found.function
        self.op = found.torch_op
        self.single = found.single
        self.names = code.arguments
        self.labels = tuple(t.is_label for t in code.program.inputs)
        self.sizes = tuple(code.asked.values())

    def __call__(self, *args: Any, **arguments: Any) -> tuple[Any, ...]:
        names = (*self.names, *self.sizes)
        placed = self.names[: len(args)]
        if len(args) > len(self.names) or sorted((*placed, *arguments)) != sorted(names):
            raise TensorCalcError(
                "E_ARGUMENTS",
                f"{len(args)} arguments are given by place, and by name {', '.join(arguments) or 'none'}",
                hint=f"the arguments are {', '.join(names)}",
            )
        given = dict(zip(placed, args, strict=True))
        given.update(arguments)
        values = _converted([given[name] for name in self.names], self.labels)
        result = self.op(*values, *[given[name] for name in self.sizes])
        return (result,) if self.single else result


def _converted(values: Sequence[Any], labels: Sequence[bool]) -> list[Any]:
    """Tensors of one floating dtype and of one device; labels as they are."""
    tensors = [v for v in values if isinstance(v, torch.Tensor)]
    device = next((v.device for v in tensors if v.dim()), tensors[0].device if tensors else None)
    dtype = None
    for value, label in zip(values, labels, strict=True):
        if isinstance(value, torch.Tensor) and value.is_floating_point() and not label:
            dtype = value.dtype if dtype is None else torch.promote_types(dtype, value.dtype)
    dtype = torch.get_default_dtype() if dtype is None else dtype
    return [
        torch.as_tensor(v, device=None if isinstance(v, torch.Tensor) else device, dtype=None if label else dtype)
        for v, label in zip(values, labels, strict=True)
    ]

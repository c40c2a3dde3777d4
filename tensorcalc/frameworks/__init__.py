"""Systems as functions that PyTorch and JAX differentiate with the generated derivatives.

`wrap` is the whole surface. A framework is imported when something is first wrapped for it.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tensorcalc.codegen import Function
from tensorcalc.codegen.library import library
from tensorcalc.errors import TensorCalcError
from tensorcalc.frameworks.derivatives import Differentiable
from tensorcalc.index import Tensor
from tensorcalc.system import System

__all__ = ["FORMS", "Wrapped", "wrap"]

FORMS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("torch", "function"): ("torch_function", "function"),
    ("torch", "operator"): ("torch_operator", "function"),
    ("torch", "triton"): ("torch_function", "kernels"),
    ("jax", "function"): ("jax_function", "forward_mode"),
    ("jax", "operator"): ("jax_function", "reverse_mode"),
}


class Wrapped:
    """A function of arrays whose derivatives are generated code.

    Arguments are given by name or in the order of `arguments`, sizes that no argument shows by the dimension's name.
    `source` is the code of the value. Raises `TensorCalcError`: E_ARGUMENTS, E_SHAPE, E_TYPE, E_INDEX_RANGE,
    E_UNKNOWN_SIZE.
    """

    def __init__(
        self, framework: str, form: str, code: Function, call: Callable[..., tuple[Any, ...]], many: bool
    ) -> None:
        self.framework = framework
        self.form = form
        self.arguments = code.arguments
        self.source = code.source
        self.__name__ = self.__qualname__ = code.unchecked.__name__
        self.__doc__ = inspect.getdoc(code.unchecked)
        self._call = call
        self._many = many

    def __call__(self, /, *args: Any, **arguments: Any) -> Any:
        results = self._call(*args, **arguments)
        return results if self._many else results[0]

    def __repr__(self) -> str:
        return f"<tensorcalc {self.framework} {self.form} {self.__name__}({', '.join(self.arguments)})>"


def wrap(system: System, of: str | Sequence[str], wrt: str | Sequence[str], framework: str, form: str) -> Wrapped:
    """The definitions `of` as one function of the system's inputs; see `tensorcalc.api.System.wrap`."""
    module, maker = FORMS[_form(framework, form)]
    library(framework)
    outputs = _found([of] if isinstance(of, str) else of, {d.name: d.tensor for d in system.definitions}, system)
    names = (wrt,) if isinstance(wrt, str) else tuple(wrt)
    numbers = {t.name: t for t in system.inputs if not t.is_label}
    variables = _found(names or tuple(numbers), numbers, system)
    differentiable = Differentiable.of_system(system, outputs, variables)
    make = getattr(importlib.import_module(f"tensorcalc.frameworks.{module}"), maker)
    code, call = make(differentiable)
    return Wrapped(framework, form, code, call, not isinstance(of, str))


def _form(framework: str, form: str) -> tuple[str, str]:
    if (framework, form) in FORMS:
        return framework, form
    frameworks, forms = (tuple(dict.fromkeys(column)) for column in zip(*FORMS, strict=True))
    wrong, what, known = (form, "form", forms) if framework in frameworks else (framework, "framework", frameworks)
    raise TensorCalcError(
        "E_TARGET", f"there is no {what} {wrong!r} to wrap for", hint=f"the {what}s are {', '.join(known)}"
    )


def _found(names: Iterable[str], known: Mapping[str, Tensor], system: System) -> tuple[Tensor, ...]:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1)
            raise TensorCalcError(
                "E_UNKNOWN_NAME",
                f"{name} is {_role(system, name)}",
                source=system.source,
                hint=f"did you mean {near[0]}?" if near else f"one of {', '.join(known) or 'none'}",
            )
    return tuple(dict.fromkeys(known[name] for name in names))


def _role(system: System, name: str) -> str:
    tensor = system.tensors.get(name)
    if tensor is None:
        return "not defined here"
    if tensor.is_label:
        return "a label: nothing can be differentiated by it"
    return "an input, not a definition" if tensor in system.inputs else "a definition, not an input"

"""Derive gradients in index notation, one named rule at a time, check every line by number, and generate the code.

    import tensorcalc as tc

    system = tc.parse("s[i] = exp(x[i])/sum(j, exp(x[j])); c = -log(s[T])")
    derivation = system.derive("c", wrt="x", kind="gradient")
    print(derivation)

The names below are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorcalc.api import Derivation, System, define, load, parse, parse_latex
    from tensorcalc.budget import limits
    from tensorcalc.construction import indices, label, tensor
    from tensorcalc.construction import over as sum
    from tensorcalc.errors import TensorCalcError
    from tensorcalc.expr import delta, one

__all__ = [
    "Derivation",
    "System",
    "TensorCalcError",
    "define",
    "delta",
    "indices",
    "label",
    "limits",
    "load",
    "one",
    "parse",
    "parse_latex",
    "sum",
    "tensor",
]

_HOMES = {
    "TensorCalcError": ("tensorcalc.errors", "TensorCalcError"),
    "delta": ("tensorcalc.expr", "delta"),
    "indices": ("tensorcalc.construction", "indices"),
    "label": ("tensorcalc.construction", "label"),
    "limits": ("tensorcalc.budget", "limits"),
    "one": ("tensorcalc.expr", "one"),
    "sum": ("tensorcalc.construction", "over"),
    "tensor": ("tensorcalc.construction", "tensor"),
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES.get(name, ("tensorcalc.api", name))
    value = getattr(importlib.import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

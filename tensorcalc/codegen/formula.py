"""Formulas in text notation for docstrings and messages.

Expressions print themselves; here their lines are put in reading order: results first, then what they are made of.
"""

from __future__ import annotations

import re

from tensorcalc.index import Tensor
from tensorcalc.system import Definition, Program

__all__ = ["formula", "formulas", "shape"]

_BRACKETS = re.compile(r"\[[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*\]")


def formula(definition: Definition) -> str:
    """The definition as a line of text notation."""
    text = f"{definition.lhs} = {definition.rhs}".replace("**", "^")
    return _BRACKETS.sub(lambda found: found[0].replace(", ", ","), text)


def formulas(program: Program) -> list[str]:
    """The lines of a program: its outputs, then after `where` the definitions they use."""
    outputs = set(program.outputs)
    results = [formula(d) for d in program.definitions if d.tensor in outputs]
    others = [formula(d) for d in program.definitions if d.tensor not in outputs]
    return [*results, *(["where"] if others and results else []), *(f"    {line}" for line in others)]


def shape(tensor: Tensor) -> str:
    """The shape of a tensor by the symbols of its dimensions, such as `(N, C)`; `scalar` for a number."""
    if not tensor.dimensions:
        return "scalar"
    sizes = [str(d.size) if d.size is not None else d.name for d in tensor.dimensions]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"

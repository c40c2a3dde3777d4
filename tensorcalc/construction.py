"""Systems built in Python: tensors and indices as SymPy objects, the same system as from text.

Sums are explicit here (`tc.sum`): SymPy reorders products and splits powers, so a repeated index alone could not say
where its sum ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import sympy
from sympy import Expr, Integer, Rational

from tensorcalc.binding import Binder, Contraction, free_indices, rename
from tensorcalc.errors import TensorCalcError
from tensorcalc.expr import Component, Delta, Determinant, Inverse, Iverson, LogDeterminant, One
from tensorcalc.functions import FUNCTIONS, function_of
from tensorcalc.index import Dimension, Index, Tensor
from tensorcalc.notation import check_name

__all__ = ["Symbol", "equations", "indices", "label", "over", "tensor"]

Bracketed: TypeAlias = Expr | int


class Symbol(Component):
    """A tensor by name: `x[i, j]` is a component; without brackets it is a scalar."""

    def __getitem__(self, key: Bracketed | tuple[Bracketed, ...]) -> Component:
        places = key if isinstance(key, tuple) else (key,)
        own = tuple(_axis(self.tensor.name, k) for k in range(len(places)))
        return Component(Tensor(self.tensor.name, own, self.tensor.label_dimension), *places)


def _axis(name: str, position: int) -> Dimension:
    return Dimension(f"axis {position} of {name}")


def indices(names: str) -> tuple[Index, ...] | Index:
    """Indices by letters: `i, j = tc.indices("i j")`. A single letter gives the index itself."""
    letters = names.replace(",", " ").split()
    for name in letters:
        if check_name(name, "index")[0].isupper():
            hint = "a name in brackets that starts with a capital is a label"
            raise TensorCalcError("E_NAME", f"{name} cannot be an index", hint=hint)
    found = tuple(Index(n, Dimension(f"range of {n}")) for n in letters)
    return found[0] if len(found) == 1 else found


def tensor(name: str) -> Symbol:
    """A tensor of numbers: `x = tc.tensor("x")`, then `x[i, j]`; a scalar is used as it is."""
    return Symbol(Tensor(check_name(name)))


def label(name: str) -> Symbol:
    """A tensor of labels: `T = tc.label("T")`, then `x[n, T[n]]`."""
    return Symbol(Tensor(check_name(name), (), Dimension(f"range of {name}")))


def over(*arguments: Expr) -> Expr:
    """A sum over indices: `tc.sum(i, j, expression)`."""
    *dummies, body = arguments
    if not dummies or not all(isinstance(d, Index) for d in dummies):
        raise TensorCalcError("E_ARGUMENTS", "sum takes indices and then an expression", hint="tc.sum(i, x[i]*y[i])")
    return Contraction(sympy.sympify(body, strict=True), *dummies)


def equations(definitions: Mapping[Expr, Expr] | Iterable[tuple[Expr, Expr]]) -> str:
    """The definitions in the text notation, with the labels declared."""
    pairs = list(definitions.items() if isinstance(definitions, Mapping) else definitions)
    lines: list[str] = []
    labels: dict[str, None] = {}
    for left, value in pairs:
        right = sympy.sympify(value, strict=True)
        if not isinstance(left, Component):
            raise TensorCalcError("E_SYNTAX", f"{left} cannot be defined", hint="define a tensor: s[i] or c")
        lost = free_indices(right) - free_indices(left)
        if lost:
            names = ", ".join(sorted(i.name for i in lost))
            hint = f"write the sum: tc.sum({names}, …)"
            raise TensorCalcError("E_DANGLING_INDEX", f"{left} has no index {names}, and no sum binds it", hint=hint)
        for component in sorted(right.atoms(Component), key=str):
            if component.tensor.is_label and not component.tensor.name[0].isupper():
                places = ", ".join(f"{component.tensor.name}_{k}" for k in range(len(component.indices)))
                labels[f"label {component.tensor.name}{f'[{places}]' if places else ''}"] = None
        taken = frozenset(i.name for i in free_indices(left))
        lines.append(f"{_text(left)} = {_text(right, taken)}")
    return "\n".join([*labels, *lines])


def _text(node: Expr, taken: frozenset[str] = frozenset()) -> str:
    """An expression in the text notation, in brackets wherever they could matter."""
    if isinstance(node, Component):
        places = ", ".join(_text(i) for i in node.indices)
        return f"{node.tensor.name}[{places}]" if places else node.tensor.name
    if isinstance(node, Index):
        return node.name
    if isinstance(node, Binder):
        return _binder(node, taken)
    if isinstance(node, Delta | Iverson):
        name = "delta" if isinstance(node, Delta) else node.relation
        return f"{name}({', '.join(_text(i) for i in node.indices)})"
    if isinstance(node, One):
        return f"one({_text(node.index)})"
    if isinstance(node, Inverse | Determinant | LogDeterminant):
        return str(node)
    if node.is_number and not node.args:
        return _number(node)
    if node.is_Add:
        return " + ".join(_bracketed(a, taken) for a in node.args)
    if node.is_Mul:
        return "*".join(_bracketed(a, taken) for a in node.args)
    if node.is_Pow:
        return f"{_bracketed(node.base, taken)}^{_bracketed(node.exp, taken)}"
    return _call(node, taken)


def _bracketed(node: Expr, taken: frozenset[str]) -> str:
    text = _text(node, taken)
    simple = isinstance(node, Component | Integer) and not text.startswith("-")
    return text if simple else f"({text})"


def _number(node: Expr) -> str:
    if isinstance(node, Rational):
        return f"{node.p}/{node.q}" if node.q != 1 else str(node.p)
    if node is sympy.pi:
        return "pi"
    if node.is_Float:
        return repr(float(node))
    raise TensorCalcError("E_SYNTAX", f"{node} is no number of the notation", hint="real numbers and pi")


def _binder(node: Binder, avoid: frozenset[str]) -> str:
    taken = avoid | {i.name for i in free_indices(node)} | {d.name for c in node.atoms(Binder) for d in c.dummies}
    free = (f"{letter}{n or ''}" for n in range(1000) for letter in "ijklmnopqrstuvwxyz")
    letters = [next(name for name in free if name not in taken) for _ in node.dummies]
    names = {d: Index(letter, d.dimension) for d, letter in zip(node.dummies, letters, strict=True)}
    return f"{node.NAME}({', '.join(letters)}, {_text(rename(node.body, names), taken | {*letters})})"


def _call(node: Any, taken: frozenset[str]) -> str:
    if isinstance(node, sympy.exp):
        return f"exp({_text(node.args[0], taken)})"
    if isinstance(node, sympy.Max | sympy.Min):
        name = "max" if isinstance(node, sympy.Max) else "min"
        text = _text(node.args[0], taken)
        for argument in node.args[1:]:
            text = f"{name}({text}, {_text(argument, taken)})"
        return text
    row = function_of(node) or FUNCTIONS.get(_OTHER_NAMES.get(type(node), ""))
    if row is None or row.internal:
        raise TensorCalcError("E_UNKNOWN_NAME", f"{type(node).__name__} is no function of the notation")
    return f"{row.name}({', '.join(_text(a, taken) for a in node.args)})"


_OTHER_NAMES = {sympy.loggamma: "lgamma", sympy.digamma: "digamma"}

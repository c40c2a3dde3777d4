"""Functions that an article defines: σ(x) = 1/(1 + e^{-x}), also by their derivative, g'(z) = d/dz(…)."""

from __future__ import annotations

from collections.abc import Sequence

from tensorcalc.verify.chains import Chain
from tensorcalc.verify.latex.tree import BigOperator, Bracket, DerivativeOf, Function, Node, Product, Scripted, Symbol
from tensorcalc.verify.latex.walking import nodes_in
from tensorcalc.verify.names import Names
from tensorcalc.verify.reading import ELEMENTWISE, MEANS, FunctionDefinition, Reader
from tensorcalc.verify.reading.parameters import arguments_in, parameters_of
from tensorcalc.verify.signs import function_key, key_of

__all__ = ["define_functions"]

KNOWN = frozenset((*ELEMENTWISE, "tr", "Tr", "trace", "det"))


def define_functions(chains: Sequence[Chain], names: Names, reader: Reader) -> None:
    """Give a reader the functions that chains define, each by the first formula that it has."""
    for chain in chains:
        if len(chain.sides) < 2 or chain.label:
            continue
        node, value = chain.sides[0].node, chain.sides[1].node
        if node is None or value is None:
            continue
        definition = _known(node, value) if isinstance(node, Function) else _applied(node, value, names)
        if definition is not None:
            reader.functions.setdefault(definition.name, definition)


def _known(node: Function, value: Node) -> FunctionDefinition | None:
    """The definition of a function whose name is set like one: \\operatorname{foo}(x) = …"""
    parameters = parameters_of(node.arguments, value)
    if parameters is None or (node.name in MEANS and not _has_sum(value)):
        return None
    if node.name in KNOWN or _calls(value, node.name):
        return None
    return FunctionDefinition(node.name, parameters, value)


def _applied(node: Node, value: Node, names: Names) -> FunctionDefinition | None:
    """The definition of a function that is a name with a bracket: f(x) = …"""
    if not (isinstance(node, Product) and len(node.factors) == 2):
        return None
    name, bracket = node.factors
    key = function_key(name)
    average = isinstance(name, Symbol) and name.name in MEANS and _has_sum(value)
    body = _differentiated(name, bracket, value) if isinstance(name, Scripted) and name.primes else value
    if body is None or not key or not isinstance(bracket, Bracket) or not (names.is_function(key) or average):
        return None
    parameters = parameters_of(arguments_in(bracket), body)
    if parameters is None or _calls(body, key):
        return None
    return FunctionDefinition(key, parameters, body)


def _has_sum(node: Node) -> bool:
    """Whether a formula has a sum in it."""
    stack: list[object] = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, BigOperator):
            return True
        if isinstance(current, tuple):
            stack.extend(current)
        elif isinstance(current, Node):
            stack.extend(getattr(current, f) for f in current.__dataclass_fields__)
    return False


def _differentiated(name: Scripted, bracket: Node, value: Node) -> Node | None:
    """What g is where g'(z) is said to be d/dz of it; `None` where a derivative of g says nothing of the kind."""
    if not isinstance(value, DerivativeOf) or name.primes != 1 or len(value.variables) != 1:
        return None
    argument = bracket.body if isinstance(bracket, Bracket) else None
    variable = value.variables[0]
    plain = isinstance(argument, Symbol) and isinstance(variable, Symbol) and key_of(argument) == key_of(variable)
    return value.numerator if plain else None


def _calls(node: Node, name: str) -> bool:
    """Whether a function is used in a formula: as a name, or with its labels."""
    return any(isinstance(n, Symbol | Scripted) and function_key(n) == name for n in nodes_in(node))

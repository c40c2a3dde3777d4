"""From a text to a system: the order in which the parts of the notation work."""

from __future__ import annotations

from tensorcalc.budget import bounded
from tensorcalc.errors import Source, TensorCalcError
from tensorcalc.index import Dimension, Index, Tensor
from tensorcalc.notation.assumptions import assumed_equation
from tensorcalc.notation.dimensions import Unifier
from tensorcalc.notation.inference import Inference
from tensorcalc.notation.lowering import Lowering
from tensorcalc.notation.resolution import Formula, resolve
from tensorcalc.notation.scope import make_explicit
from tensorcalc.notation.statements import read_statements
from tensorcalc.notation.symbols import Symbols
from tensorcalc.notation.tree import Total
from tensorcalc.system import Definition, Fact, System

__all__ = ["parse_text"]


@bounded
def parse_text(text: str, name: str = "<input>") -> System:
    """Read definitions in text notation; `name` is how errors call the source (a file name).

    Raises `TensorCalcError`, and nothing else, with the place of the mistake.
    """
    if not isinstance(text, str):
        raise TensorCalcError("E_TYPE", f"the equations are {type(text).__name__}, not text")
    text = text.removeprefix("\ufeff")
    source = Source(text, name)
    try:
        return _system(text, source)
    except TensorCalcError as error:
        error.source = error.source or source
        raise


def _system(text: str, source: Source) -> System:
    symbols, formulas = _formulas(text)
    unifier = Unifier(symbols)
    for formula in formulas:
        unifier.formula(formula)
    for symbol in symbols.tensors.values():  # declared axes count, whether used or not
        for axis in range(-1 if symbol.label else 0, symbol.order):
            unifier.slot(symbol.name, axis)
    inference = Inference(unifier)
    notes = inference.infer()
    _check_integers(unifier, inference, text)
    tensors = _tensors(symbols, unifier, inference)
    definitions, facts = _definitions(formulas, unifier, inference, tensors)
    system = System(
        tuple(definitions),
        tuple(tensors[n] for n in _input_names(symbols)),
        _letters(symbols, unifier, inference),
        (*symbols.notes, *notes),
        source,
        tuple(facts),
    )
    system.ordered  # noqa: B018 - raises E_CYCLE
    return system


def _input_names(symbols: Symbols) -> list[str]:
    """The inputs in order of first use; where the text declares them, tensors and labels each in declared order."""
    unused = [s.name for s in symbols.tensors.values() if s.equation is None and s.name not in symbols.inputs]
    used = [*symbols.inputs, *unused]
    if not symbols.strict:
        return used
    declared = sorted(used, key=list(symbols.tensors).index)
    places = {label: iter([n for n in declared if symbols.tensors[n].label == label]) for label in (False, True)}
    return [next(places[symbols.tensors[name].label]) for name in used]


def _formulas(text: str) -> tuple[Symbols, list[Formula]]:
    statements = read_statements(text)
    symbols = Symbols(text)
    for declaration in statements.declarations:
        symbols.declare(declaration)
    for equation in statements.equations:
        symbols.define(equation)
    assumed = [
        assumed_equation(k, a.span, a.left, a.right, symbols) for k, a in enumerate(statements.assumptions, start=1)
    ]
    for equation in assumed:
        symbols.define(equation)
    formulas = [resolve(equation, symbols) for equation in (*statements.equations, *assumed)]
    symbols.check_dimension_names()
    return symbols, [make_explicit(formula, text) for formula in formulas]


def _tensors(symbols: Symbols, unifier: Unifier, inference: Inference) -> dict[str, Tensor]:
    result = {}
    for symbol in symbols.tensors.values():
        axes = tuple(inference.of(unifier.slot(symbol.name, axis)) for axis in range(symbol.order))
        target = inference.of(unifier.slot(symbol.name, -1)) if symbol.label else None
        result[symbol.name] = Tensor(symbol.name, axes, target)
    return result


def _definitions(
    formulas: list[Formula], unifier: Unifier, inference: Inference, tensors: dict[str, Tensor]
) -> tuple[list[Definition], list[Fact]]:
    scopes = {
        node: tuple(Index(scope.letter, inference.of(scope.slot)) for scope in found)
        for node, found in unifier.bound.items()
    }
    extents = {name: inference.of(slot) for name, slot in unifier.named.items()}
    lowering = Lowering(unifier.symbols.text, tensors, extents, scopes)
    definitions, facts = [], []
    for formula in formulas:
        indices = scopes[id(formula)]
        names = {index.name: index for index in indices}
        if formula.equation.assumed and isinstance(formula.right, Total):
            left, right = (lowering.expression(side, names) for side in formula.right.terms)
            facts.append(Fact(left, right, indices, formula.equation.span))
        else:
            right = lowering.expression(formula.right, names)
            definitions.append(Definition(tensors[formula.name], indices, right, formula.equation.span))
    return definitions, facts


def _check_integers(unifier: Unifier, inference: Inference, text: str) -> None:
    """Raise E_INDEX_RANGE where a number selects beyond a dimension of declared size."""
    for slot, position in unifier.integers:
        dimension = inference.of(slot)
        if dimension.size is not None and position.offset >= dimension.size:
            message = f"the index {position.offset} is too large for a dimension of size {dimension.size}"
            hint = f"indices count from 0 to {dimension.size - 1}"
            raise TensorCalcError("E_INDEX_RANGE", message, position.span, hint=hint)


def _letters(symbols: Symbols, unifier: Unifier, inference: Inference) -> dict[Dimension, tuple[str, ...]]:
    """The letters of each dimension: declared ones in declared order, then others in order of first use."""
    found: dict[Dimension, dict[str, None]] = {}
    for letter, _, slot in unifier.letters:
        found.setdefault(inference.of(slot), {}).setdefault(letter)
    places = {letter: place for place, letter in enumerate(symbols.indices)}
    return {
        dimension: tuple(sorted(letters, key=lambda letter: places.get(letter, len(places))))
        for dimension, letters in found.items()
    }

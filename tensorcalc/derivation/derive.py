"""From a system and a question to a derivation: names are resolved, the order of the chain rule is chosen."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar, get_args

from tensorcalc.budget import bounded
from tensorcalc.derivation.adjoints import Adjoints, backpropagated
from tensorcalc.derivation.engine import Engine, with_proofs
from tensorcalc.derivation.jacobians import jacobian_or_zero
from tensorcalc.derivation.model import ChainOrder, Derivation, Kind, Lemma, Manner, Step
from tensorcalc.derivation.second import second_order
from tensorcalc.derivation.tangents import tangents
from tensorcalc.errors import TensorCalcError
from tensorcalc.functions import larger
from tensorcalc.index import Tensor
from tensorcalc.system import Definition, System, tensors_in

__all__ = ["derive", "with_losses_apart"]

LONGEST_PATH = 3  # definitions between variable and output for which whole Jacobians are a pleasure to read
HIGHEST_ORDER = 4
AS_IT_COMES = Manner()
LOSSES = ("l", "L", "J", "F", "loss", "cost")  # names of the scalar at the end of a chain


@bounded
def derive(
    system: System,
    of: str | Sequence[str],
    wrt: str | Sequence[str],
    kind: Kind = "gradient",
    manner: Manner = AS_IT_COMES,
) -> Derivation:
    """Derive the derivatives of `of` by every tensor of `wrt`.

    Raises `TensorCalcError`: E_UNKNOWN_NAME for names that the system does not have, E_KIND where the kind does not
    fit the function or there is no variable, E_OPTION or E_NAME where the manner cannot be followed.
    """
    _check_manner(system, manner)
    if kind not in get_args(Kind):
        raise TensorCalcError(
            "E_KIND", f"{kind!r} is no kind of derivative", hint=f"one of {', '.join(get_args(Kind))}"
        )
    outputs = tuple(_defined(system, name) for name in _names(of))
    variables = tuple(_variable(system, name) for name in _names(wrt))
    if not variables:
        hint = "name a tensor that is no label; its derivative may be zero"
        raise TensorCalcError("E_KIND", "there is nothing to differentiate by", hint=hint)
    _check_kind(kind, outputs)
    if kind in ("hessian", "hvp"):
        first: Kind = "gradient" if all(t.order == 0 for t in outputs) and len(outputs) == 1 else "jacobian"
        return second_order(_first_order(_lasting(system, variables), outputs, variables, first, manner), kind)
    return _first_order(system, outputs, variables, kind, manner)


def _first_order(
    system: System, outputs: tuple[Tensor, ...], variables: tuple[Tensor, ...], kind: Kind, manner: Manner
) -> Derivation:
    engine = Engine(system, hidden=system.foreign(outputs), manner=manner)
    quoted = [_quote(d) for d in system.needed(outputs)]
    if kind == "jacobian":
        lemmas, results = _all_jacobians(engine, outputs, variables)
    elif kind == "jvp":
        lemmas, results = tangents(engine, outputs, variables)
    elif _jacobians_first(engine, outputs, variables):
        lemmas, results = _jacobians_then_upstream(engine, outputs[0], variables, kind)
    else:
        lemmas, results = _all_adjoints(engine, outputs, variables, kind)
    loss = next(_losses(system))
    return Derivation(
        system,
        kind,
        outputs,
        variables,
        with_proofs(engine, (*quoted, *lemmas)),
        tuple((lemma.lhs, lemma.result) for lemma in results),
        tuple(engine.letters.chosen),
        loss,
        notes=(*_notes(system, outputs, variables), *notes_on_kinks(lemmas)),
        shown=frozenset(engine.shown),
        engine=engine,
    )


D = TypeVar("D", bound=Derivation)


def with_losses_apart(derivations: Sequence[D]) -> list[D]:
    """The derivations with a letter of its own for every scalar whose upstream gradients are given: what is a function
    of x alone is another scalar than what is one of x and Q, and has other gradients.
    """
    letters: dict[tuple[Tensor, ...], str] = {}
    for d in (d for d in derivations if d.kind == "vjp"):
        free = (c for c in _losses(d.system) if c not in letters.values())
        letters.setdefault(d.of, next(free, d.loss))
    return [replace(d, loss=letters[d.of]) if d.kind == "vjp" else d for d in derivations]


def _losses(system: System) -> Iterator[str]:
    """Names for a scalar that no tensor, no index and no dimension of the author has."""
    letters = {c for mine in system.letters.values() for c in mine}
    taken = {*system.tensors, *letters, *(str(d.extent) for d in system.dimensions)}
    return (c for c in LOSSES if c not in taken)


def _notes(system: System, outputs: tuple[Tensor, ...], variables: tuple[Tensor, ...]) -> Iterator[str]:
    """What a reader may not expect: variables that are defined, and derivatives that are zero."""
    for variable in variables:
        if variable in system.by_tensor:
            yield (
                f"{variable.name} counts as a variable here: its own definition is not used, "
                "and what does not depend on it is held fixed"
            )
        moving = system.depends((variable,))
        for output in outputs:
            if output not in moving:
                yield f"{output.name} does not depend on {variable.name}: the derivative is zero"


def notes_on_kinks(lemmas: Iterable[Lemma]) -> Iterator[str]:
    """What the brackets of a maximum or minimum mean where both arguments are equal."""
    if any(step.expression.has(larger) for lemma in lemmas for step in lemma.steps):
        yield "a bracket such as [a > b] from the derivative of max or min counts 1/2 where a = b, as in PyTorch"


def _lasting(system: System, variables: tuple[Tensor, ...]) -> System:
    """The system with the assumptions that do not speak of the variables: only those survive a second derivative."""
    moving = system.depends(variables)
    lasting = [f for f in system.facts if moving.isdisjoint((*tensors_in(f.left), *tensors_in(f.right)))]
    return replace(system, facts=tuple(lasting))


Lemmas = tuple[list[Lemma], list[Lemma]]


def _all_jacobians(engine: Engine, outputs: tuple[Tensor, ...], variables: tuple[Tensor, ...]) -> Lemmas:
    lemmas: list[Lemma] = []
    results = []
    for output in outputs:
        for variable in variables:
            found = jacobian_or_zero(engine, output, variable)
            lemmas += found
            results.append(found[-1])
    return lemmas, results


def _jacobians_then_upstream(engine: Engine, output: Tensor, variables: tuple[Tensor, ...], kind: Kind) -> Lemmas:
    lemmas, jacobian = _all_jacobians(engine, (output,), variables)
    if kind == "gradient" and output.name in LOSSES:  # the author's l is the end of the chain
        return lemmas, jacobian
    upstream = [backpropagated(engine, output, lemma) for lemma in jacobian]
    return lemmas + upstream, jacobian if kind == "gradient" else upstream


def _all_adjoints(engine: Engine, outputs: tuple[Tensor, ...], variables: tuple[Tensor, ...], kind: Kind) -> Lemmas:
    adjoints = Adjoints(engine, outputs, scalar=kind == "gradient")
    adjoints.derive(variables)
    return adjoints.lemmas, [adjoints.results[v] for v in variables]


def _jacobians_first(engine: Engine, outputs: tuple[Tensor, ...], variables: tuple[Tensor, ...]) -> bool:
    """Whether to take whole Jacobians first: a short path, every definition with one consumer, low orders."""
    if len(outputs) != 1 or engine.manner.order == "adjoints":
        return False
    if engine.manner.order == "jacobians":
        return True
    system = engine.system
    for variable in variables:
        path = [d for d in system.between((variable,), outputs) if d.tensor != variable]
        if len(path) > LONGEST_PATH or any(d.tensor.order + variable.order > HIGHEST_ORDER for d in path):
            return False
        inner = [d.tensor for d in path[:-1]]
        if any(sum(t in system.uses[d.tensor] for d in path) > 1 for t in inner):
            return False
    return True


def _quote(definition: Definition) -> Lemma:
    return Lemma(definition.lhs, (Step(definition.rhs),), "definition")


def _names(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _defined(system: System, name: str) -> Tensor:
    known = {d.name: d.tensor for d in system.definitions}
    if name not in known:
        raise _unknown(system, name, known, "is not defined here", "definitions")
    return known[name]


def _variable(system: System, name: str) -> Tensor:
    tensor = system.tensors.get(name)
    if tensor is None:
        raise _unknown(system, name, system.tensors, "does not occur here", "inputs and definitions")
    if tensor.is_label:
        raise TensorCalcError("E_KIND", f"{name} is a label: nothing can be differentiated by it", source=system.source)
    return tensor


def _unknown(system: System, name: str, known: Iterable[str], what: str, which: str) -> TensorCalcError:
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"{which}: {', '.join(known) or 'none'}"
    return TensorCalcError("E_UNKNOWN_NAME", f"{name} {what}", source=system.source, hint=hint)


def _check_manner(system: System, manner: Manner) -> None:
    if manner.order not in get_args(ChainOrder):
        hint = f"one of {', '.join(get_args(ChainOrder))}"
        raise TensorCalcError("E_OPTION", f"{manner.order!r} is no order of the chain rule", hint=hint)
    used = {*system.tensors, *(letter for letters in system.letters.values() for letter in letters)}
    for letter in manner.letters:
        if not letter.isidentifier():
            raise TensorCalcError("E_NAME", f"{letter!r} is no letter for an index", hint="letters such as p, q, n1")
        if letter in used:
            message = f"{letter} stands for something else in the equations"
            raise TensorCalcError("E_NAME", message, source=system.source, hint="choose letters that they do not use")


def _check_kind(kind: Kind, outputs: tuple[Tensor, ...]) -> None:
    if kind == "hvp" and (len(outputs) != 1 or outputs[0].order):
        raise TensorCalcError(
            "E_KIND", "a Hessian-vector product is that of one scalar", hint="kind hessian takes tensors too"
        )
    if kind == "gradient":
        for output in outputs:
            if output.order:
                raise TensorCalcError(
                    "E_KIND",
                    f"{output.name} has {output.order} indices; a gradient is that of a scalar",
                    hint="kind vjp adds an upstream gradient; kind jacobian gives every entry by every entry",
                )
        if len(outputs) != 1:
            raise TensorCalcError("E_KIND", "a gradient is that of one scalar", hint="kind vjp takes several outputs")

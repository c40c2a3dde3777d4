"""A derivation by hand: one lemma after the other, one line after the other, each by a rule that the author names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Self

from sympy import Expr

from tensorcalc.binding import free_indices
from tensorcalc.derivation import Derivation, Kind, Lemma, Step
from tensorcalc.derivation.engine import SUBSTITUTE, Engine, known, with_proofs
from tensorcalc.draft.comparison import require_equal
from tensorcalc.draft.families import Families, Rewrite, rule_names
from tensorcalc.draft.places import Place, Places
from tensorcalc.draft.reading import Reader
from tensorcalc.draft.state import Start, State, opening
from tensorcalc.draft.substitution import substituted, unfolded, with_equation
from tensorcalc.errors import TensorCalcError
from tensorcalc.expr import Component, Partial
from tensorcalc.greek import GREEK
from tensorcalc.index import Adjoint, Index, Tensor
from tensorcalc.render import Context, expression_text, latex, text
from tensorcalc.rules.rule import Rule
from tensorcalc.rules.scope import Known
from tensorcalc.system import Definition, System

__all__ = ["Draft"]


class Draft:
    """A derivation that an author takes by hand.

    It starts from ∂of/∂wrt, and every method that takes a step returns the draft itself, which prints as its lines so
    far. A step is a rule by its name (`rules`, `places`, `apply`), a definition written out (`unfold`), a derivative
    found before (`use`), or an equation of the author's own that is checked by number (`replace`). `begin` finishes a
    lemma and starts the next one, `derivation` finishes the last.
    """

    def __init__(self, system: System, of: str, wrt: str, by: Start = "formula") -> None:
        """Start from ∂of/∂wrt; `begin` says how."""
        self.system = system
        self._engine = Engine(system)
        self._states: list[State] = [self._opened((), of, wrt, by)]

    @property
    def _state(self) -> State:
        return self._states[-1]

    @property
    def line(self) -> Expr:
        """The current line."""
        return self._state.line

    @property
    def lemmas(self) -> tuple[Lemma, ...]:
        """The finished lemmas."""
        return self._state.lemmas

    def rules(self) -> dict[str, int]:
        """The names of the rules that apply to the current line, and at how many places each."""
        return {name: len(found) for name, found in self._places(self.line).items()}

    def places(self, rule: str) -> tuple[Expr, ...]:
        """The parts of the current line to which a rule applies, in reading order.

        Raises `TensorCalcError` E_UNKNOWN_NAME for a name that no rule has.
        """
        return tuple(place.node for place in self._places(self.line).get(self._rule(rule), ()))

    def apply(self, *rules: str, at: int | None = None) -> Self:
        """The next line, by one or several rules: wherever they apply, or at the place with number `at`, from 0.

        Rules that only work together, such as a contraction and the one-tensor that it makes superfluous, are taken
        together. `definition of s` folds: it writes s for its formula.
        Raises `TensorCalcError` E_UNKNOWN_NAME for a name that no rule has, E_STEP where a rule does not apply.
        """
        if not rules:
            raise TensorCalcError("E_ARGUMENTS", "no rule is named", hint="`rules()` lists those that apply")
        line = self.line
        taken: dict[Rule, None] = {}
        for name in map(self._rule, rules):
            done = any(rule.name == name for rule in taken)  # together with an earlier one
            if done and name not in self._places(line):
                continue
            found = self._everywhere(line, name) if at is None else self._at(line, name, at)
            line = found[0]
            taken.update(dict.fromkeys(found[1].rules))
        return self._add(line, *taken)

    def unfold(self, name: str, at: int | None = None) -> Self:
        """The next line, with the formula of a definition instead of its name, wherever it stands or at one place.

        Inside derivatives it is written out where that is all that is differentiated.
        Raises `TensorCalcError` E_UNKNOWN_NAME for what is not defined, E_STEP where it does not stand in the line.
        """
        definition = self._definition(name)
        rule = Rule(f"definition of {definition.tensor.spoken}")
        return self._rewrite(lambda node: unfolded(node, definition), rule, at, f"{definition.name} does not stand")

    def use(self, *found: Lemma | Derivation, at: int | None = None) -> Self:
        """The next line, with the values of derivatives that are known: those of lemmas and derivations of the same
        system, or without any, those of the finished lemmas of this draft.

        Raises `TensorCalcError` E_STEP where the line holds none of them.
        """
        given = [lemma for entry in found for lemma in _lemmas_of(entry, self.system)]
        lemmas = given or list(self.lemmas)
        state = self._state
        used: dict[Lemma, None] = {}

        def value(node: Expr) -> Expr | None:
            for lemma in lemmas:
                result = substituted(node, lemma, self.system)
                if result is not None:
                    used[lemma] = None
                    return result
            return None

        self._rewrite(value, SUBSTITUTE, at, "none of the derivatives that were found stands")
        new = tuple(lemma for lemma in used if lemma not in state.lemmas)
        self._states[-1] = replace(self._state, lemmas=(*state.lemmas, *new))
        return self

    def replace(self, before: str | Expr, after: str | Expr, because: str) -> Self:
        """The next line, with an expression instead of another one, for a reason of the author's own.

        Both are text in the notation or SymPy expressions. Letters that are free in the line keep their meaning there;
        another letter that occurs once stands for any index. The whole line before and after is compared by number.
        Raises `TensorCalcError` E_FALSE with a counter-example where the lines differ, E_STEP where `before` does not
        stand in the line; others as the notation does.
        """
        state = self._state
        reader = Reader(self.system, (state.lhs, state.line))
        old = reader.read(before)
        new = reader.read(after, old)
        lost = sorted(i.name for i in free_indices(new) - free_indices(old) - free_indices(state.lhs))
        if lost:
            raise TensorCalcError("E_DANGLING_INDEX", f"the index {lost[0]} stands only on the right side of the step")
        rule = Rule(because)
        line = with_equation(state.line, old, new, rule, free_indices(state.lhs))
        if line is None:
            raise self._refused(f"{expression_text(old, self._context)} does not stand")
        axes = tuple(sorted(free_indices(state.lhs), key=lambda i: i.name))
        require_equal(state.line, line, axes, self._so_far())
        return self._add(line, rule)

    def undo(self) -> Self:
        """The draft without the last step, or the last beginning of a lemma.

        Raises `TensorCalcError` E_STEP where there is none.
        """
        if len(self._states) == 1:
            raise TensorCalcError("E_STEP", "there is no step to undo")
        self._states.pop()
        return self

    def begin(self, of: str, wrt: str, by: Start = "formula") -> Self:
        """Finish the lemma, and start the next one: ∂of/∂wrt.

        By its `formula` it starts from the right side of the definition; where `wrt` is a definition itself, the other
        ones are held fixed. By the `chain rule` it starts from the derivatives of the formula by all that moves with
        `wrt`. By `upstream` it is ∂l/∂wrt, from the upstream gradient of `of`.
        Raises `TensorCalcError` E_STEP where the current lemma is not finished, E_UNKNOWN_NAME, E_KIND, E_OPTION.
        """
        self._states.append(self._opened(self._finished(), of, wrt, by))
        return self

    def derivation(self) -> Derivation:
        """The finished derivation: its result is the last lemma.

        Raises `TensorCalcError` E_STEP where a derivative is left in the line.
        """
        lemmas = self._finished()
        return self._derivation(lemmas, (lemmas[-1].lhs, lemmas[-1].result))

    def text(self) -> str:
        """The lines so far, as Unicode text."""
        return text(self._so_far(named=True))

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return self.text()

    def _repr_latex_(self) -> str:
        return latex(self._so_far(named=True)).replace("\\[\n", "$$\n").replace("\n\\]", "\n$$")

    @property
    def _context(self) -> Context:
        return Context.of(self._so_far()).within([self._state.lhs, self.line])

    def _opened(self, lemmas: tuple[Lemma, ...], of: str, wrt: str, by: Start) -> State:
        return opening(self._engine, lemmas, self._definition(of), self._variable(wrt), by)

    def _definition(self, name: str) -> Definition:
        defined = {d.name: d for d in self.system.definitions}
        if name not in defined:
            raise _unknown(f"{name} is not defined here", name, defined)
        return defined[name]

    def _variable(self, name: str) -> Tensor:
        tensor = self.system.tensors.get(name)
        if tensor is None:
            raise _unknown(f"{name} does not occur here", name, self.system.tensors)
        if tensor.is_label:
            raise TensorCalcError("E_KIND", f"{name} is a label: nothing can be differentiated by it")
        return tensor

    def _rule(self, name: str) -> str:
        """The name of a rule, if there is such a one; Greek letters may be written as words."""
        names = [*rule_names(self.system), *self._places(self.line)]
        spoken = re.sub(r"\w+", lambda word: GREEK.get(word[0], word[0]), name)  # σ for sigma
        for found in (name, spoken):
            if found in names:
                return found
        raise _unknown(f"there is no rule {name!r}", name, names)

    def _families(self) -> Families:
        facts: dict[tuple[Tensor, bool], dict[Tensor, Known]] = {}
        for lemma in self.lemmas:
            left = lemma.lhs
            if isinstance(left, Partial) and isinstance(left.expression, Component) and lemma.kind != "definition":
                facts.setdefault((left.wrt.tensor, left.direct), {})[left.expression.tensor] = known(lemma)
        return Families(self.system, self._engine.book, _indices(self._state.lhs), facts)

    def _places(self, line: Expr) -> Mapping[str, list[Place]]:
        return Places(self._families().rewrites, self._context).of(line)

    def _everywhere(self, line: Expr, name: str) -> tuple[Expr, Rewrite]:
        found = Places(self._families().rewrites, self._context).everywhere(line, name)
        if found is None:
            raise self._not_applicable(line, name)
        return found.expression, found

    def _at(self, line: Expr, name: str, at: int) -> tuple[Expr, Rewrite]:
        found = self._places(line).get(name, [])
        if not found:
            raise self._not_applicable(line, name)
        place = _numbered(found, at, name)
        return place.line, place.rewrite

    def _not_applicable(self, line: Expr, name: str) -> TensorCalcError:
        others = [f"{n} ({len(p)})" for n, p in self._places(line).items()]
        shown = expression_text(line, self._context)
        hint = f"rules that apply, and at how many places: {', '.join(others)}" if others else "no rule applies"
        return TensorCalcError("E_STEP", f"{name} applies nowhere in {shown}", hint=hint)

    def _refused(self, what: str) -> TensorCalcError:
        return TensorCalcError("E_STEP", f"{what} in the line {expression_text(self.line, self._context)}")

    def _rewrite(self, value: Callable[[Expr], Expr | None], rule: Rule, at: int | None, missing: str) -> Self:
        """The next line with some nodes replaced, everywhere or at one place."""

        def rewrites(node: Expr) -> Iterator[Rewrite]:
            found = value(node)
            if found is not None:
                yield Rewrite(found, (rule,))

        walk = Places(rewrites, self._context)
        found = walk.of(self.line).get(rule.name, [])
        if not found:
            raise self._refused(missing)
        if at is not None:
            return self._add(_numbered(found, at, rule.name).line, rule)
        whole = walk.everywhere(self.line, rule.name)
        return self._add(whole.expression if whole else self.line, rule)

    def _add(self, line: Expr, *rules: Rule) -> Self:
        state = self._state
        if line == state.line:
            raise self._refused("the step changes nothing")
        self._states.append(replace(state, steps=(*state.steps, Step(line, rules))))
        return self

    def _finished(self) -> tuple[Lemma, ...]:
        """The lemmas with the one in work, which must not hold a derivative any more."""
        state = self._state
        left = Places(_as_it_is, self._context).of(state.line).get(DERIVATIVE.name, [])
        if left:
            shown = expression_text(left[0].node, self._context)
            error = self._refused(f"the lemma is not finished: {shown} is left")
            error.hint = "`rules()` lists what applies to it; `use()` puts derivatives in that were found before"
            raise error
        return (*state.lemmas, state.lemma)

    def _so_far(self, named: bool = False) -> Derivation:
        """What stands on the paper; with `named`, a line that only starts says where it comes from."""
        state = self._state
        lemma = state.lemma
        if named and not state.steps and isinstance(state.lhs, Partial):
            rule = Rule(f"definition of {state.lhs.expression.tensor.spoken}")
            lemma = replace(lemma, steps=(Step(state.start, (rule,)),))
        return self._derivation((*state.lemmas, lemma), (state.lhs, state.line))

    def _derivation(self, lemmas: tuple[Lemma, ...], result: tuple[Expr, Expr]) -> Derivation:
        of, wrt, kind = _question(result[0], lemmas[-1])
        engine = self._engine
        quoted = [Lemma(d.lhs, (Step(d.rhs),), "definition") for d in self.system.needed((of,))]
        loss = next(c for c in ("l", "L", "J", "F", "loss") if c not in self.system.tensors)
        return Derivation(
            self.system,
            kind,
            (of,),
            (wrt,),
            with_proofs(engine, (*quoted, *lemmas)),
            (result,),
            tuple(engine.letters.chosen),
            loss,
            engine=engine,
        )


DERIVATIVE = Rule("a derivative")


def _as_it_is(node: Expr) -> Iterator[Rewrite]:
    """A derivative, as a place of its own."""
    if isinstance(node, Partial):
        yield Rewrite(node, (DERIVATIVE,))


def _indices(left: Expr) -> tuple[Index, ...]:
    """The free indices of the left side of a lemma, in order."""
    parts = (left.expression, left.wrt) if isinstance(left, Partial) else (left,)
    return tuple(i for part in parts for i in part.indices if isinstance(i, Index))


def _question(left: Expr, lemma: Lemma) -> tuple[Tensor, Tensor, Kind]:
    """What is differentiated by what in the last lemma, and the kind of that derivative."""
    if isinstance(left, Partial):
        of, wrt = left.expression.tensor, left.wrt.tensor
        return of, wrt, "jacobian" if of.order else "gradient"
    upper = next(p for p in lemma.steps[0].expression.atoms(Component) if isinstance(p.tensor, Adjoint))
    return upper.tensor.of, left.tensor.of, "vjp"


def _numbered(found: Sequence[Place], at: int, name: str) -> Place:
    if not 0 <= at < len(found):
        places = "one place" if len(found) == 1 else f"{len(found)} places"
        message = f"{name} applies at {places}, numbered from 0; {at} is none of them"
        raise TensorCalcError("E_STEP", message)
    return found[at]


def _lemmas_of(found: Lemma | Derivation, system: System) -> Iterable[Lemma]:
    if isinstance(found, Lemma):
        return (found,)
    if found.system.definitions != system.definitions:
        raise TensorCalcError("E_STEP", "the derivation is one of another system")
    return (lemma for lemma in found.lemmas if lemma.kind not in ("definition", "fact"))


def _unknown(message: str, name: str, names: Iterable[str]) -> TensorCalcError:
    near = difflib.get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(dict.fromkeys(names))}"
    return TensorCalcError("E_UNKNOWN_NAME", message, hint=hint)

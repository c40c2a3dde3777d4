"""Stable computation: a program rewritten so that large and infinite exponents give finite, right results.

`RULES` are tried at each node from the outside in; each takes the rewriter and the node, and returns the new
expression or `None` where it does not apply. The mathematics of exponentials stands in `exponentials`, the shared
softmaxes in `rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import sympy
from sympy import Add, Expr, Mul, Pow, S, log

from tensorcalc.binding import Binder, Contraction, product, rebuild, rename
from tensorcalc.binding import replace as replaced
from tensorcalc.codegen.exponentials import Exponentials
from tensorcalc.codegen.matching import matched
from tensorcalc.codegen.nodes import Guarded, LogSoftmax, RowFunction
from tensorcalc.codegen.rows import Rows
from tensorcalc.expr import Component, Delta, Exp, Group, Inverse, Iverson, One
from tensorcalc.functions import log1p, sigmoid, tanh
from tensorcalc.index import Index, Tensor
from tensorcalc.system import Definition, Program, tensors_in

__all__ = ["RULES", "stabilised"]


def stabilised(program: Program) -> Program:
    """The program with exponentials, logarithms and their quotients in stable form."""
    return _Rewriter(program).run()


class _Rewriter:
    """Rewrites the definitions of one program in order; new definitions of row functions stand before their use."""

    def __init__(self, program: Program) -> None:
        program = replace(program, definitions=tuple(replace(d, rhs=_without_ones(d.rhs)) for d in program.definitions))
        self.program = program
        tensors = {t for d in program.definitions for t in (d.tensor, *tensors_in(d.rhs))} | set(program.inputs)
        self.rows = Rows(t.name for t in tensors)
        self.exponentials = Exponentials(program.definitions, self.rows)
        self.exponentials.rewrite = self.rewrite

    def run(self) -> Program:
        result: list[Definition] = []
        for definition in self.program.definitions:
            self.exponentials.scope = definition.indices
            rhs = self.rewrite(definition.rhs)
            result += self.rows.pending
            self.rows.pending.clear()
            result.append(replace(definition, rhs=rhs))
        return replace(self.program, definitions=_without_aliases(result, self.program.definitions))

    def rewrite(self, e: Expr) -> Expr:
        """The expression in stable form."""
        if not e.args or isinstance(e, Component | Delta | Iverson | Inverse):
            return e
        for rule in RULES:
            found = rule.apply(self, e)
            if found is not None and found != e:
                return found
        return self.inside(e)

    def inside(self, e: Expr) -> Expr:
        """The node with its arguments in stable form."""
        if isinstance(e, Binder):
            body, dummies = self.exponentials.opened(e)
            outer = self.exponentials.scope
            self.exponentials.scope = (*outer, *dummies)
            try:
                return e.func(self.rewrite(body), *dummies)
            finally:
                self.exponentials.scope = outer
        arguments = [self.rewrite(a) if isinstance(a, Expr) else a for a in e.args]
        if all(new is old for new, old in zip(arguments, e.args, strict=True)):
            return e
        return rebuild(e, arguments)


@dataclass(frozen=True, slots=True)
class Rule:
    """A law of stable computation and the function that applies it."""

    name: str
    law: str
    apply: Callable[[_Rewriter, Expr], Expr | None]


def _without_ones(e: Expr) -> Expr:
    """The expression without one-tensors: arrays broadcast, and a sum over nothing multiplies by the size."""
    return replaced(e, lambda node: S.One if isinstance(node, One) else None) if e.has(One) else e


def _guard(r: _Rewriter, e: Expr) -> Expr | None:
    if not isinstance(e, Mul):
        return None
    inside_logs = {f for g in _logs(e) for f in _positive_factors(g)}
    zero = next((f for f in e.args if f in inside_logs and not f.is_number), None)
    if zero is None:
        return None
    return Guarded(r.rewrite(zero), r.inside(e))


def _logs(e: Expr) -> Iterable[Expr]:
    """The arguments of logarithms in linear positions."""
    if isinstance(e, log):
        yield e.args[0]
    elif isinstance(e, Add | Mul | Group):
        for argument in e.args:
            yield from _logs(argument)


def _positive_factors(e: Expr) -> Iterable[Expr]:
    for factor in Mul.make_args(e):
        if isinstance(factor, Pow) and factor.exp.is_number and factor.exp.is_positive:
            yield factor.base
        elif not isinstance(factor, Pow):
            yield factor


def _logarithm(r: _Rewriter, e: Expr) -> Expr | None:
    if isinstance(e, log1p):
        return _logarithm(r, log(Add(S.One, e.args[0])))
    if not isinstance(e, log):
        return None
    found = r.exponentials.logarithm(e.args[0])
    return None if found is None else r.rewrite(found)


def _quotient(r: _Rewriter, e: Expr) -> Expr | None:
    if not isinstance(e, Mul | Pow):
        return None
    found = r.exponentials.quotient(e)
    return None if found is None else r.rewrite(found)


def _merge(r: _Rewriter, e: Expr) -> Expr | None:
    if isinstance(e, Pow) and isinstance(e.base, sympy.exp):
        return r.rewrite(Exp(Mul(e.exp, e.base.args[0])))
    if not isinstance(e, Mul):
        return None
    exponents = [f.args[0] for f in e.args if isinstance(f, sympy.exp)]
    powers = [f for f in e.args if isinstance(f, Pow) and isinstance(f.base, sympy.exp) and f.exp.is_number]
    exponents += [Mul(f.exp, f.base.args[0]) for f in powers]
    if len(exponents) < 2 and not powers:
        return None
    rest = [f for f in e.args if not isinstance(f, sympy.exp) and f not in powers]
    return r.rewrite(product((*rest, Exp(Add(*exponents)))))


def _exp_of_log(r: _Rewriter, e: Expr) -> Expr | None:
    if not isinstance(e, sympy.exp):
        return None
    terms = Add.make_args(e.args[0])
    for place, term in enumerate(terms):
        number, rest = term.as_coeff_Mul()
        meaning = r.exponentials.meaning(rest)
        inner = rest if isinstance(rest, log) else meaning
        if number is S.NegativeOne and isinstance(inner, log):
            others = Add(*terms[:place], *terms[place + 1 :])
            found = r.exponentials.quotient(product((Exp(others), Pow(inner.args[0], -1))))
            if found is not None and not isinstance(found, sympy.exp):
                return r.rewrite(found)
    return None


def _tanh(r: _Rewriter, e: Expr) -> Expr | None:
    if not isinstance(e, Add):
        return None
    shares = {t.as_coeff_Mul() for t in e.args}
    for number, share in shares:
        if isinstance(share, sigmoid) and (-number, sigmoid(-share.args[0])) in shares and number.is_positive:
            rest = [t for t in e.args if t.as_coeff_Mul()[1] not in (share, sigmoid(-share.args[0]))]
            return r.rewrite(Add(*rest, product((number, tanh(share.args[0] / 2)))))
    return None


def _log_likelihood(r: _Rewriter, e: Expr) -> Expr | None:
    if not isinstance(e, Add):
        return None
    terms = list(e.args)
    for term in terms:
        number, rest = term.as_coeff_Mul()
        meaning = r.exponentials.meaning(rest)
        inner = rest if isinstance(rest, log) else meaning
        if not isinstance(inner, log):
            continue
        for other in terms:
            entry = _as_log_softmax(r, inner.args[0], product((-1 / number, other))) if other is not term else None
            if entry is not None:
                left = [t for t in terms if t is not term and t is not other]
                return r.rewrite(Add(*left, product((-number, entry))))
    return None


def _as_log_softmax(r: _Rewriter, total: Expr, logit: Expr) -> Expr | None:
    """a_e − log Σ_i exp(a_i) as an entry of a log-softmax, for the sum and a_e."""
    meaning = total if isinstance(total, Contraction) else r.exponentials.meaning(total)
    if not isinstance(meaning, Contraction):
        return None
    body, dummies = meaning.open((*r.exponentials.scope, logit))
    if not isinstance(body, sympy.exp):
        return None
    mapping = matched(body.args[0], dummies, logit)
    if mapping is None or len(mapping) < len(dummies):
        return None
    entry = r.rows.component(LogSoftmax, body.args[0], r.rewrite(body.args[0]), dummies)
    return rename(entry, mapping)


RULES = (
    Rule("x log x", "x \\log x = 0 where x = 0", _guard),
    Rule("log-softmax", "a_i - \\log \\sum_j e^{a_j}", _log_likelihood),
    Rule("logarithm", "\\log e^a = a, \\log \\sum e^{a_j}, \\log(e^a + e^b), \\log softmax", _logarithm),
    Rule("quotient", "e^{a_i}/\\sum_j e^{a_j} = softmax, e^a/(e^a + e^b) = sigmoid(a - b)", _quotient),
    Rule("exponential", "e^a e^b = e^{a + b}", _merge),
    Rule("softmax", "e^{a_i - \\log \\sum_j e^{a_j}} = softmax", _exp_of_log),
    Rule("tanh", "sigmoid(u) - sigmoid(-u) = \\tanh(u/2)", _tanh),
)


def _without_aliases(definitions: list[Definition], own: tuple[Definition, ...]) -> tuple[Definition, ...]:
    """A row function that is exactly one of the author's definitions stands under the author's name."""
    authors = {d.tensor for d in own}
    rows = {d.tensor: d for d in definitions if isinstance(d.rhs, RowFunction) and d.tensor not in authors}
    names: dict[Tensor, Definition] = {}
    for definition in definitions:
        rhs = definition.rhs
        alias = isinstance(rhs, Component) and rhs.tensor in rows and rhs.tensor not in names
        if alias and sorted(map(str, rhs.indices)) == sorted(map(str, definition.indices)):
            names[rhs.tensor] = definition
    result: list[Definition] = []
    for definition in definitions:
        if definition.tensor in names:
            author = names[definition.tensor]
            new = dict(zip(definition.indices, author.rhs.indices, strict=True))
            result.append(Definition(author.tensor, author.indices, _renamed_row(definition, new), author.span))
        elif not any(author is definition for author in names.values()):
            result.append(definition)
    return tuple(replace(d, rhs=_substituted(d.rhs, names)) for d in result)


def _renamed_row(definition: Definition, names: dict[Index, Expr]) -> Expr:
    return definition.rhs.func(*(rename(a, names) for a in definition.rhs.args))


def _substituted(e: Expr, names: dict[Tensor, Definition]) -> Expr:
    def new(node: Expr) -> Expr | None:
        if isinstance(node, Component) and node.tensor in names:
            alias = names[node.tensor]
            places = {i: node.indices[p] for p, i in enumerate(alias.rhs.indices)}
            return Component(alias.tensor, *(places[i] for i in alias.indices))
        return None

    if isinstance(e, RowFunction):
        return e.func(replaced(e.argument, new), *e.row)
    return replaced(e, new)

"""Functions and what they are applied to: known ones, those that the article defines, unknown ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from tensorcalc.errors import Span
from tensorcalc.verify.latex.tree import Bracket, Function, Node, Product, Relation, Scripted, Sequence, Symbol
from tensorcalc.verify.problems import IllFormed, NotCheckable
from tensorcalc.verify.reading.densities import is_normal, normal_density
from tensorcalc.verify.reading.entries import MOST_CALLS, Entries
from tensorcalc.verify.reading.parameters import Parameter, arguments_in, parameter_of
from tensorcalc.verify.reading.values import MINUS, Again, FunctionDefinition, Val, number
from tensorcalc.verify.signs import flat_items, function_key, is_differential_sign, key_of
from tensorcalc.verify.terms import (
    Added,
    Apply,
    Constant,
    Entry,
    Kronecker,
    LabelAt,
    MatrixValue,
    One,
    Place,
    Powered,
    Reduced,
    Sloped,
    Term,
    Times,
    letters_of,
    substitute,
)

__all__ = ["Functions"]

ELEMENTWISE: Mapping[str, str] = {
    "exp": "exp", "log": "log", "ln": "log", "sin": "sin", "cos": "cos", "tan": "tan", "sinh": "sinh", "cosh": "cosh",
    "tanh": "tanh", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "sigmoid": "sigmoid", "relu": "relu",
    "ReLU": "relu", "silu": "silu", "SiLU": "silu", "swish": "silu", "gelu": "gelu", "GELU": "gelu", "erf": "erf",
    "softplus": "softplus", "sign": "sign", "sgn": "sign", "abs": "abs", "lgamma": "lgamma", "digamma": "digamma",
    "polygamma": "polygamma",
    "log1p": "log1p", "expm1": "expm1", "sigm": "sigmoid", "logistic": "sigmoid", "ELU": "", "max": "max", "min": "min",
}  # fmt: skip


SUMS: Mapping[str, str] = {"sum": "all", "rowsum": "rows", "colsum": "columns"}


MEANS = frozenset(("E", "Var", "Cov", "P", "Pr"))


class Functions(Entries):
    """Reads applied functions and brackets."""

    def with_calls(self, node: Product) -> list[tuple[str, Node | Val]]:
        """The factors with their signs, where `f(x)` is one factor if f is a function."""
        result: list[tuple[str, Node | Val]] = []
        position = 0
        while position < len(node.factors):
            factor, sign = node.factors[position], node.signs[position]
            following = node.factors[position + 1] if position + 1 < len(node.factors) else None
            differential = self.varied and is_differential_sign(factor) and not (following and node.signs[position + 1])
            if differential and isinstance(following, Bracket) and following.kind == "(":
                result.append((sign, self.varying(self.value(following), following.span)))
                position += 2
                continue
            if following is not None and not node.signs[position + 1]:
                called = self.call(factor, following)
                if called is not None:
                    result.append((sign, called))
                    position += 2
                    continue
            result.append((sign, factor))
            position += 1
        return result

    def call(self, name: Node, following: Node) -> Val | None:
        """The value of `f(x)`, with the scripts behind the bracket; `None` where it is a product."""
        indicator = isinstance(name, Symbol) and name.name in ("1", "I") and name.style in ("bb", "bold")
        if indicator and isinstance(following, Bracket) and isinstance(following.body, Relation):
            return self.relation(following.body)
        mean = isinstance(name, Symbol) and name.name in MEANS and key_of(name) not in self.functions
        power = following.sup if isinstance(following, Scripted) and following.sub is None else None
        averaged = following.base if isinstance(following, Scripted) and power is not None else following
        if mean and isinstance(name, Symbol) and isinstance(averaged, Bracket) and averaged.kind == "[":
            value = self.mean(name.name, (averaged.body,), name.span)
            return value if power is None else self.raised(value, power, following.span)
        scripted = name.base if isinstance(name, Scripted) else name
        average = isinstance(scripted, Symbol) and scripted.name in MEANS and scripted.style in ("bb", "mathrm", "text")
        if average and isinstance(scripted, Symbol) and isinstance(following, Bracket) and following.kind == "[":
            return self.mean(scripted.name, (), name.span)
        key, primes = self.function_name(name)
        sub = None
        if not key and is_normal(name, following):
            assert isinstance(following, Bracket)
            return normal_density([self.value(a) for a in arguments_in(following)], self.letters.fresh, name.span)
        if not key:
            return None
        bracket, sup = following, None
        if isinstance(following, Scripted):
            bracket, sub, sup = following.base, following.sub, following.sup
        if not isinstance(bracket, Bracket) or bracket.kind not in ("(", "["):
            return None
        value = self.applied(key, arguments_in(bracket), primes, name.span)
        if sub is not None:
            value = self.entries(value, flat_items(sub), following.span)
        return self.raised(value, sup, following.span) if sup is not None else value

    def mean(self, name: str, arguments: tuple[Node, ...], span: Span) -> Val:
        """E[x] or Var[x], where the profile says over which index the mean is taken."""
        letter = self.names.profile.expectation
        if not letter or len(arguments) != 1 or name not in ("E", "Var"):
            raise NotCheckable(f"{name}[…]: nothing says over what the mean is taken", span)
        value = self.value(arguments[0])
        over = self.scope.get(letter, letter + self.suffix)
        if over not in letters_of(value.term):
            if len(value.axes) != 1:
                raise NotCheckable(f"the mean over {letter} of something that has no index {letter}", span)
            over, value = value.axes[0], Val(value.term)
        bound = self.letters.fresh(over)
        body = substitute(value.term, {over: Place.of(bound)})
        if name == "Var":
            inner = self.letters.fresh(over)
            own = _mean(substitute(value.term, {over: Place.of(inner)}), inner)
            away = Added((body, Times((MINUS, own))))
            body = Powered(away, number(2))
        return replace(value, term=_mean(body, bound))

    def function_name(self, name: Node) -> tuple[str, int]:
        """The name of a function with its labels, and its primes; an empty name where it is none."""
        primes = 0
        if isinstance(name, Scripted):
            primes, name = name.primes, replace(name, primes=0)
            if name.sub is None and name.sup is None:
                name = name.base
        key = function_key(name)
        if key and self.names.is_function(key):
            labelled = [k for k in self.functions if k.startswith(f"{key}_")]
            return (labelled[0] if key not in self.functions and len(labelled) == 1 else key), primes
        if isinstance(name, Scripted) and isinstance(name.base, Symbol):
            if key and key_of(name.base) in self.functions:  # a function of θ written with or without it
                return key_of(name.base), primes
            written = name.base.style in ("text", "mathrm") and len(name.base.name) > 1
            written &= key_of(name.base) not in self.names.tabled
            if written or (key_of(name.base) in self.names.survey.functions and key not in self.names.survey.values):
                raise NotCheckable(f"the function {name.base.name} with these scripts is not known", name.span)
        return "", 0

    def applied(self, key: str, nodes: tuple[Node, ...], primes: int, span: Span) -> Val:
        """A function of the article, or one of unknown form."""
        definition = self.functions.get(key)
        if definition is None:
            plain = key.rsplit(":", 1)[-1]
            known = "sigmoid" if plain == "sigma" and len(nodes) == 1 else f"?{key}"
            return self.elementwise(known, [self.value(n) for n in nodes], primes, span)
        if len(nodes) != len(definition.parameters):
            raise IllFormed(f"{key} takes {len(definition.parameters)} arguments", span)
        self.calls += 1
        if self.calls > MOST_CALLS:
            raise NotCheckable(f"{key} is defined by itself", span)
        if primes:
            return self.derived_function(definition, [self.value(n) for n in nodes], primes)
        kept = self.bindings, self.selected
        bound = [self.argument(p, n) for p, n in zip(definition.parameters, nodes, strict=True)]
        self.bindings = {**kept[0], **{k: v for values, _ in bound for k, v in values.items()}}
        self.selected = {**kept[1], **{k: v for _, places in bound for k, v in places.items()}}
        try:
            return self.value(definition.body)
        finally:
            self.bindings, self.selected = kept

    def argument(self, parameter: Parameter, node: Node) -> tuple[dict[str, Val], dict[str, Place]]:
        """What a parameter of a function stands for where it is called: a value, or the places of its indices."""
        if parameter.letters:
            return {}, self.argument_places(parameter, node)
        if parameter.selects:
            same = isinstance(node, Symbol) and key_of(node) == parameter.name and node.name not in self.scope
            return {}, {} if same else {parameter.name: self.place(node)}
        value = self.value(node)
        if parameter.squared:
            value = replace(value, term=Powered(value.term, Constant(Fraction(1, 2))))
        return {parameter.name: value}, {}

    def argument_places(self, parameter: Parameter, node: Node) -> dict[str, Place]:
        """The places of the indices in x_m, where a function of x_n is called with it."""
        given = parameter_of(node)
        if given is None or given.name != parameter.name or len(given.letters) != len(parameter.letters):
            raise NotCheckable(f"a function of {parameter.name} with its index, applied to something else", node.span)
        symbols = [Symbol(node.span, x) for x in given.letters]
        return {own: self.place(s) for own, s in zip(parameter.letters, symbols, strict=True)}

    def derived_function(self, definition: FunctionDefinition, arguments: list[Val], primes: int) -> Val:
        """The derivative of a function of one argument, at an argument."""
        own = definition.parameters[0]
        if own.letters or own.selects or own.squared:
            raise NotCheckable(f"the derivative of {definition.name} by its index", definition.body.span)
        variable = f"{definition.name}/{own.name}"
        kept = self.bindings
        self.bindings = {**kept, own.name: Val(Entry(variable))}
        try:
            body = self.value(definition.body)
        finally:
            self.bindings = kept
        if body.axes or len(arguments) != 1:
            raise NotCheckable(f"the derivative of {definition.name}", definition.body.span)
        return replace(arguments[0], term=Sloped(body.term, variable, arguments[0].term, primes))

    def function(self, node: Function) -> Val:
        name = node.name
        if name in ("sqrt",):
            inside = self.value(node.arguments[0])
            return replace(inside, term=Powered(inside.term, Constant(Fraction(1, 2))))
        if name in MEANS and name not in self.functions:
            return self.mean(name, node.arguments, node.span)
        known = ELEMENTWISE.get(name)
        if known and name not in self.functions:
            arguments = [self.value(a) for a in node.arguments]
            if known == "log" and len(arguments) == 1 and isinstance(arguments[0].term, MatrixValue):
                inner = arguments[0].term
                if inner.kind == "det":
                    return Val(replace(inner, kind="logdet"))
            if known in ("max", "min") and len(arguments) > 2:
                raise NotCheckable(f"{name} of more than two values", node.span)
            if known in ("max", "min") and len(arguments) == 1:
                raise NotCheckable(f"{name} of one value", node.span)
            return self.elementwise(known, arguments, 0, node.span)
        if name == "softmax" and len(node.arguments) == 1:
            return self.softmax_over(self.value(node.arguments[0]), node)
        if name in ("det", "tr", "Tr", "trace", "diag", "Diag", "logdet", "inv") and len(node.arguments) == 1:
            return self.of_matrix(name.lower(), self.value(node.arguments[0]), node.span)
        if name in SUMS and len(node.arguments) == 1 and name not in self.functions:
            return self.summed(SUMS[name], self.value(node.arguments[0]), node.span)
        if name == "onehot" and len(node.arguments) == 1:
            return self.onehot(node.arguments[0])
        if self.functions.get(name) is not None:
            return self.applied(name, node.arguments, 0, node.span)
        raise NotCheckable(f"the function {name} is not known", node.span)

    def softmax_over(self, value: Val, node: Function) -> Val:
        """The softmax over the axis of a vector, over columns, or over the letter that is written below it."""
        over = self.place(node.over).letter if isinstance(node.over, Symbol) else None
        if value.axes or over is None or over not in letters_of(value.term):
            return self.softmax(value, node.span)
        return replace(self.softmax(replace(value, axes=(over,)), node.span), axes=())

    def summed(self, over: str, value: Val, span: Span) -> Val:
        """The sum of all entries, of each row (a column), or of each column (a row)."""
        if not value.axes or (over != "all" and len(value.axes) != 2):
            raise NotCheckable("the sum of something that is no vector or matrix", span)
        if over == "all":
            return Val(Reduced("sum", value.axes, value.term, implied=True))
        row, column = value.axes
        gone, kept = (column, row) if over == "rows" else (row, column)
        return Val(Reduced("sum", (gone,), value.term, implied=True), (kept,), over == "columns", over == "rows")

    def onehot(self, node: Node) -> Val:
        if isinstance(node, Scripted | Symbol):
            base = node.base if isinstance(node, Scripted) else node
            if isinstance(base, Symbol):
                name = self.names.of(key_of(base))
                if name.startswith("bold:"):
                    name = name.removeprefix("bold:")
                column = self.letters.fresh("j")
                given = node.sub if isinstance(node, Scripted) else None
                places = [self.place(i) for i in flat_items(given)] if given is not None else []
                several = self.names.survey.arities.get(name) or name in self.names.shapes or "bold:" in key_of(base)
                rows = [self.letters.fresh("i") for _ in range((self.names.order(name) or 1) - len(places))]
                rows = rows if several else []
                label = LabelAt(name, (*places, *map(Place.of, rows)))
                return Val(Kronecker(Place(((1, label),)), Place.of(column)), (*rows, column))
        raise NotCheckable("onehot of something that is no label", node.span)

    def inner_product(self, node: Bracket) -> Val:
        """⟨a, b⟩: the sum of the products of entries."""
        items = node.body.items if isinstance(node.body, Sequence) else ()
        if len(items) != 2:
            raise NotCheckable("angle brackets around something else than two values", node.span)
        first, second = self.value(items[0]), self.value(items[1])
        if not (first.axes and second.axes) and (self.guess_vector(first.term) or self.guess_vector(second.term)):
            raise Again
        return self.inner(first, second, node.span)

    def inner(self, first: Val, second: Val, span: Span) -> Val:
        """The sum of the products of the entries of two vectors or matrices."""
        if len(first.axes) != len(second.axes) or not first.axes:
            raise NotCheckable("the inner product of values of different shapes", span)
        body = Times((first.term, self.moved(second, first.axes)))
        return Val(Reduced("sum", first.axes, body, implied=True))

    def bracket(self, node: Bracket) -> Val:
        if node.kind in ("|", "||"):
            inside = self.value(node.body)
            if not inside.axes and node.kind == "|":
                return Val(Apply("abs", (inside.term,)))
            if len(inside.axes) == 1 or (len(inside.axes) == 2 and node.kind == "||"):
                square = Powered(inside.term, number(2))
                return Val(Powered(Reduced("sum", inside.axes, square, implied=True), Constant(Fraction(1, 2))))
            if len(inside.axes) == 2:
                return Val(MatrixValue("det", inside.term, *inside.axes))
            raise NotCheckable("the norm of a scalar or an indexed tensor is not known", node.span)
        if node.kind == "langle":
            return self.inner_product(node)
        if isinstance(node.body, Sequence):
            raise NotCheckable("a list of values", node.span)
        inside = self.value(node.body)
        term = inside.term
        return replace(inside, term=Times((term,))) if isinstance(term, Times | Added) else inside


def _mean(body: Term, letter: str) -> Term:
    count = Reduced("sum", (letter,), One(Place.of(letter)))
    return Times((Reduced("sum", (letter,), body), Powered(count, MINUS)))

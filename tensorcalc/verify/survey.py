"""What an article's formulas show about its names before any of them is read: letters, functions, orders, pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any

from tensorcalc.greek import GREEK
from tensorcalc.verify.latex.rows import Row
from tensorcalc.verify.latex.tree import (
    At,
    BigOperator,
    Bracket,
    DerivativeOf,
    Node,
    Number,
    Prime,
    Product,
    Quotient,
    Relation,
    Scripted,
    Sequence,
    Sum,
    Symbol,
)
from tensorcalc.verify.latex.walking import nodes_in
from tensorcalc.verify.reading.parameters import parameter_of
from tensorcalc.verify.signs import (
    LAYERS,
    flat_items,
    function_key,
    is_length,
    is_transpose,
    key_of,
    letter_of,
    numbered_key,
)

__all__ = ["FUNCTION_LETTERS", "Survey", "names_in", "survey", "with_running_text"]

FUNCTION_LETTERS = frozenset(["f", "g", "h", "sigma", "phi", "varphi", "psi", "rho", "tau", "Phi"])


@dataclass(slots=True)
class Survey:
    """Counts over all formulas of an article.

    `values`: letters and names that stand for values; `arities`: how often a name has how many indices; `bare`: how
    often it stands without; `called`: how often a round bracket follows; `indexed`: names with a letter as index,
    `letters` which; `bound`: letters that sums, one-tensors or deltas use, `summed` those below a sum; `scripts`:
    letters in subscripts; `transposed`, `bracketed`, `variables`, `numerators`: names that are transposed, whose
    entries are taken by brackets, that are differentiated by, that are differentiated; `extents`: upper bounds of
    sums; `divisors`: names that are divided by; `labels`: names that are compared with an index, or select
    with an index of their own, as in x_{T_n}; `steps`: letters
    that occur with a number
    added (t - 1); `functions`: names defined as functions; `signs`: how derivatives are written, with d or not;
    `left`, `right`: where names stand; `sampled`: names with the number of a sample
    above, as in x^{(i)}; `sizes`: names that are factors of entries, and so are scalars; `lengths`:
    those of vectors of ones; `totals`: names that are the sum of entries of the
    same name, as in L = \\sum_i L_i; `graded`: names whose derivative stands in one row with some dX.
    """

    values: Counter[str] = field(default_factory=Counter)
    arities: dict[str, Counter[int]] = field(default_factory=dict)
    bare: Counter[str] = field(default_factory=Counter)
    called: Counter[str] = field(default_factory=Counter)
    bound: set[str] = field(default_factory=set)
    summed: set[str] = field(default_factory=set)
    scripts: Counter[str] = field(default_factory=Counter)
    transposed: set[str] = field(default_factory=set)
    variables: Counter[str] = field(default_factory=Counter)
    numerators: Counter[str] = field(default_factory=Counter)
    steps: set[str] = field(default_factory=set)
    bracketed: set[str] = field(default_factory=set)
    extents: set[str] = field(default_factory=set)
    divisors: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    primed: set[str] = field(default_factory=set)
    indexed: set[str] = field(default_factory=set)
    letters: dict[str, Counter[str]] = field(default_factory=dict)
    sampled: set[str] = field(default_factory=set)
    totals: set[str] = field(default_factory=set)
    graded: set[str] = field(default_factory=set)
    sizes: set[str] = field(default_factory=set)
    lengths: set[str] = field(default_factory=set)
    deltas: bool = False
    ones: bool = False
    signs: set[bool] = field(default_factory=set)
    left: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)

    @property
    def both_signs(self) -> bool:
        """Whether derivatives are written with ∂ and with d: then d is the total one."""
        return len(self.signs) > 1

    def is_function(self, key: str) -> bool:
        """Whether `key(…)` is a call."""
        if key in self.functions:
            return True
        plain = key.rsplit(":", 1)[-1]
        alone = self.bare[key] + sum(self.arities.get(key, Counter()).values()) - self.called[key]
        if plain == "sigma" and self.called[key] > alone and not self.left[key] and not self.variables[key]:
            return True
        return plain in FUNCTION_LETTERS and self.called[key] > 0 and alone <= 0


def survey(rows: Iterable[Row]) -> Survey:
    """Count over all sides that can be read."""
    found = Survey()
    for row in rows:
        if _is_range(row):
            continue
        found.graded |= _graded(row)
        for place, side in enumerate(row.sides):
            if side.node is None:
                continue
            left = not place and not row.continues and len(row.sides) > 1
            if left and row.sides[1].relation == "=":
                _left(side.node, found)
                _total(side.node, row.sides[1].node, found)
            _walk(side.node, found)
            if not left:
                found.right.update(names_in(side.node))
    return found


def with_running_text(found: Survey, other: Survey) -> Survey:
    """Counts over displayed formulas with those over formulas in the text, for names that the former do not have."""
    for key, arities in other.arities.items():
        if key not in found.values:
            found.arities[key] = arities
    found.indexed |= {k for k in other.indexed if k not in found.values}
    for name in (
        "bound",
        "summed",
        "transposed",
        "steps",
        "bracketed",
        "extents",
        "functions",
        "primed",
        "labels",
        "divisors",
        "sampled",
        "sizes",
        "lengths",
        "totals",
        "graded",
    ):
        getattr(found, name).update(getattr(other, name))
    for name in ("values", "bare", "called", "scripts", "variables", "numerators", "right", "left"):
        getattr(found, name).update(getattr(other, name))
    return found


def names_in(node: Any) -> Iterator[str]:
    """The names that stand in a formula, those in subscripts apart."""
    if isinstance(node, Symbol):
        yield key_of(node)
    elif isinstance(node, Scripted):
        yield from names_in(node.base)
        if isinstance(node.sup, Node):
            yield from names_in(node.sup)
    elif isinstance(node, Node):
        for f in fields(node):
            yield from names_in(getattr(node, f.name))
    elif isinstance(node, tuple):
        for part in node:
            yield from names_in(part)


def _graded(row: Row) -> set[str]:
    """The names that are differentiated in a row in which some dX stands too."""
    nodes = list(nodes_in(tuple(side.node for side in row.sides)))
    if not any(isinstance(n, Symbol) and n.accents[-1:] == ("d",) for n in nodes):
        return set()
    above = [n.numerator for n in nodes if isinstance(n, DerivativeOf)]
    return {key_of(n) for n in above if isinstance(n, Symbol)}


def _is_range(row: Row) -> bool:
    """Whether a row only says what an index runs over: i = 1, \\ldots, n."""
    if len(row.sides) != 2 or row.sides[1].node is not None or row.sides[1].relation not in ("=", "\\in"):
        return False
    return isinstance(row.sides[0].node, Symbol) and _indexes(row.sides[0].node)


def _total(left: Node, right: Node | None, found: Survey) -> None:
    """Note L where L = \\sum_i L_i, not z where z = (z_1, z_2)."""
    listed = isinstance(right, Bracket) and isinstance(right.body, Sequence)
    stack: list[Any] = [right] if isinstance(left, Symbol) and not listed else []
    while stack:
        part = stack.pop()
        if isinstance(part, tuple):
            stack.extend(part)
        elif isinstance(part, Scripted) and isinstance(part.base, Symbol) and isinstance(left, Symbol):
            letters = [i for i in flat_items(part.sub) if _indexes(i)] if part.sub is not None else []
            if key_of(part.base) == key_of(left) and (letters or _upper_letter(part.sup)):
                found.totals.add(key_of(left))
            stack += [part.sup]
        elif isinstance(part, Node):
            stack.extend(getattr(part, f.name) for f in fields(part))


def _left(node: Node, found: Survey) -> None:
    if isinstance(node, Product) and len(node.factors) == 2 and not node.signs[1]:
        name, bracket = node.factors
        if function_key(name) and isinstance(bracket, Bracket) and bracket.kind == "(":
            inside = bracket.body.items if isinstance(bracket.body, Sequence) else (bracket.body,)
            if all(parameter_of(i) is not None for i in inside):
                found.functions.add(function_key(name))
    base = node.base if isinstance(node, Scripted) else node
    if isinstance(base, Symbol):
        found.left[key_of(base)] += 1


def _walk(node: Node, found: Survey) -> None:
    match node:
        case Symbol(accents=(*_, "d")):
            found.values[key_of(node)] += 1
            found.variables[key_of(replace(node, accents=node.accents[:-1]))] += 1
        case Symbol():
            found.values[key_of(node)] += 1
            found.bare[key_of(node)] += 1
        case Scripted():
            _scripted(node, found)
        case Product():
            _sizes(node, found)
            for factor, following in zip(node.factors, (*node.factors[1:], None), strict=True):
                symbol = factor.base if isinstance(factor, Scripted) else factor
                if isinstance(symbol, Symbol) and isinstance(following, Bracket | Scripted):
                    bracket = following.base if isinstance(following, Scripted) else following
                    if isinstance(bracket, Bracket) and bracket.kind == "(":
                        found.called[key_of(symbol)] += 1
                _walk(factor, found)
        case BigOperator():
            for item in _bounds(node.lower):
                if isinstance(item, Symbol):
                    found.bound.add(item.name)
                    found.summed.add(item.name)
            if isinstance(node.upper, Symbol):
                found.extents.add(key_of(node.upper))
            _walk(node.body, found)
        case DerivativeOf():
            found.signs.add(node.total)
            numerator = node.numerator.base if isinstance(node.numerator, Scripted) else node.numerator
            if isinstance(numerator, Symbol):
                found.numerators[key_of(numerator)] += 1
            _walk(node.numerator, found)
            for variable in node.variables:
                base = variable.base if isinstance(variable, Scripted) else variable
                if isinstance(base, Symbol):
                    found.variables[key_of(base)] += 1
                _walk(variable, found)
        case Quotient():
            for factor in node.denominator.factors if isinstance(node.denominator, Product) else (node.denominator,):
                if isinstance(factor, Symbol):
                    found.divisors.add(key_of(factor))
            _walk(node.numerator, found)
            _walk(node.denominator, found)
        case Relation():
            _relation(node, found)
        case At():
            _walk(node.body, found)
            for condition in node.conditions:
                if isinstance(condition, Relation):
                    _walk(condition.right, found)
        case _:
            for f in fields(node):
                _walk_any(getattr(node, f.name), found)


def _sizes(node: Product, found: Survey) -> None:
    """Note N in N \\mathbf{1}_i x_i: beside entries, names without indices are scalars."""
    scripts = [flat_items(f.sub) for f in node.factors if isinstance(f, Scripted) and f.sub is not None]
    if any(_indexes(item) or isinstance(item, Number) for items in scripts for item in items):
        bases = [
            f.base if isinstance(f, Scripted) and isinstance(f.sup, Number) and not f.sub else f for f in node.factors
        ]
        found.sizes |= {key_of(b) for b in bases if isinstance(b, Symbol)}


def _walk_any(part: Any, found: Survey) -> None:
    if isinstance(part, Node):
        _walk(part, found)
    elif isinstance(part, tuple):
        for inner in part:
            _walk_any(inner, found)


def _bounds(node: Node | None) -> list[Node]:
    """The letters below a sum."""
    if node is None:
        return []
    if isinstance(node, Relation):
        return flat_items(node.left)
    if isinstance(node, Sequence):
        return [x for item in node.items for x in _bounds(item)]
    return flat_items(node)


def _relation(node: Relation, found: Survey) -> None:
    """A comparison: a name that is compared with an index is a label."""
    for side, other in ((node.left, node.right), (node.right, node.left)):
        base = side.base if isinstance(side, Scripted) else side
        letter = isinstance(other, Symbol) and len(other.name.rstrip("'")) == 1
        if letter and isinstance(base, Symbol) and node.sign == "=":
            found.labels.add(key_of(base))
    for side in (node.left, node.right):
        if not _like_position(side):
            _walk(side, found)


def _like_position(node: Node) -> bool:
    """Whether a side of a comparison looks like an index: letters and numbers only."""
    if isinstance(node, Sum):
        return all(_like_position(t) for t in node.terms)
    if isinstance(node, Product):
        return all(isinstance(f, Symbol | Number) for f in node.factors)
    return isinstance(node, Symbol | Number)


def _scripted(node: Scripted, found: Survey) -> None:
    base = node.base
    items = flat_items(node.sub) if node.sub is not None else []
    letters = [i.name for i in items if isinstance(i, Symbol) and i.style != "text"]
    found.scripts.update(letters)
    for item in items:
        _selecting(item, found)
    if isinstance(base, Symbol) and base.accents[-1:] == ("d",):
        _walk(base, found)
    elif isinstance(base, Symbol):
        key = key_of(base)
        if is_length(node):
            found.lengths.update(letters)
        elif base.name == "1" or (base.name == "delta" and len(items) == 2):
            found.bound.update(letters)
            found.ones |= base.name == "1" and bool(letters)
            found.deltas |= base.name == "delta"
        else:
            found.values[key] += 1
            upper = _upper_letter(node.sup)
            found.sampled |= {key} if upper else set()
            count = len([i for i in items if not isinstance(i, Symbol) or not i.style]) + bool(upper)
            numbered = numbered_key(node)
            if upper or any(_indexes(i) for i in items):
                found.indexed.add(numbered or key)
            if letters:
                found.letters.setdefault(key, Counter()).update(letters)
            if count:
                for name in {key, numbered or key}:
                    found.arities.setdefault(name, Counter())[count] += 1
            elif not node.primes:
                found.bare[key] += 1
        if node.primes:
            found.primed.add(key)
        if is_transpose(node.sup):
            found.transposed.add(key)
    elif isinstance(base, Number) and base.value == 1 and items:
        found.bound.update(letters)
        found.ones |= bool(letters)
    else:
        if isinstance(base, Bracket) and items:
            inner = base.body.base if isinstance(base.body, Scripted) else base.body
            if isinstance(inner, Symbol):
                _bracketed(inner, letters, found)
        _walk(base, found)
    _superscript(node, found)


def _selecting(item: Node, found: Survey) -> None:
    """An item of a subscript: a label selects by its own entries, an index may have a number."""
    found.steps.update(_stepped(item))
    if isinstance(item, Relation):
        _relation(item, found)
    elif isinstance(item, Scripted) and isinstance(item.base, Symbol) and letter_of(item) and item.base.name.islower():
        found.scripts[item.base.name] += 1
    elif isinstance(item, Scripted):
        _scripted(item, found)
        if isinstance(item.base, Symbol) and item.base.name[:1].isupper():
            found.labels.add(key_of(item.base))


def _bracketed(symbol: Symbol, letters: list[str], found: Survey) -> None:
    """[X]_{ij}: letters of entries of vectors of ones and unit vectors are indices."""
    found.bracketed.add(key_of(symbol))
    if symbol.style == "bold" and symbol.name in ("1", "e"):
        found.bound.update(letters)


def _superscript(node: Scripted, found: Survey) -> None:
    sup = node.sup
    if sup is not None and not isinstance(sup, Prime):
        if isinstance(sup, Product) and isinstance(sup.factors[0], Bracket):
            for part in sup.factors:
                found.steps.update(_stepped(part.body) if isinstance(part, Bracket) else ())
        elif isinstance(sup, Bracket) and sup.kind in ("(", "["):
            if isinstance(sup.body, Symbol):
                found.scripts[sup.body.name] += 1
            found.steps.update(_stepped(sup.body))
        elif not isinstance(sup, Symbol):
            _walk(sup, found)
            if isinstance(node.base, Symbol):
                found.steps.update(x for x in _stepped(sup) if x in LAYERS)


def _stepped(node: Node) -> Iterator[str]:
    """The letter in t - 1 or l + 1."""
    if isinstance(node, Sum) and len(node.terms) == 2:
        first, second = node.terms
        if isinstance(first, Symbol) and isinstance(second, Number):
            yield first.name


def _indexes(item: Node) -> bool:
    """Whether an item of a subscript looks like an index: a small Latin or Greek letter, or a sum with one."""
    if isinstance(item, Symbol):
        plain = item.name.rstrip("'")
        return item.style == "" and plain[:1].islower() and (len(plain) == 1 or plain in GREEK)
    return isinstance(item, Sum | Product)


def _upper_letter(sup: Node | None) -> str:
    """The letter of a sample superscript x^{(i)}, also behind that of a layer."""
    if isinstance(sup, Product):
        return next((x for x in map(_upper_letter, sup.factors) if x), "")
    if isinstance(sup, Bracket) and sup.kind == "(" and isinstance(sup.body, Symbol) and sup.body.name not in LAYERS:
        return sup.body.name if sup.body.name[:1].islower() and len(sup.body.name) == 1 else ""
    return ""

"""Definitions of an article as equations in the text notation: the way from LaTeX to a system that can be derived."""

from __future__ import annotations

import re
from fractions import Fraction

from tensorcalc.errors import Source, Span, TensorCalcError
from tensorcalc.notation.vocabulary import RESERVED
from tensorcalc.verify.article import Article
from tensorcalc.verify.model import Model
from tensorcalc.verify.problems import NotCheckable
from tensorcalc.verify.reading import Definition
from tensorcalc.verify.terms import (
    Added,
    Apply,
    CompareIndices,
    Constant,
    Entry,
    Kronecker,
    LabelAt,
    MatrixValue,
    One,
    Place,
    Powered,
    Reduced,
    Term,
    Times,
    letters_of,
    tensors_of,
)

__all__ = ["Written", "write_system"]

_BINDERS = {"sum": "sum", "prod": "prod", "max": "amax"}
_RELATIONS = {"<=": "le", "<": "lt", ">=": "ge", ">": "gt", "=": "eq", "!=": "ne"}
_PI = 3.141592653589793


class Written:
    """The equations of a system as text, with the place in the article of each line, and the name of each tensor."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.spans: list[Span] = []
        self.names: dict[str, str] = {}

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def located(self, problem: TensorCalcError, source: Source) -> TensorCalcError:
        """An error about the text as one about the article."""
        line = problem.line or 1
        span = self.spans[min(line, len(self.spans)) - 1] if self.spans else Span(0, 1)
        return TensorCalcError(problem.code, problem.message, span, source, hint=problem.hint)


def write_system(article: Article) -> Written:
    """The definitions of an article in the text notation.

    Raises `NotCheckable` for a definition that has no form there.
    """
    written = Written()
    writer = _Writer(article.model, written.names)
    for line in writer.declarations():
        written.lines.append(line)
        written.spans.append(Span(0, 1))
    for definition in article.model.definitions.values():
        written.lines.append(writer.definition(definition))
        written.spans.append(definition.span)
    return written


class _Writer:
    def __init__(self, model: Model, names: dict[str, str]) -> None:
        self.model = model
        self.names = names
        self.letters: dict[str, str] = {}
        self.span: Span | None = None
        self.owner: dict[str, str] = {}
        self.declared: dict[str, str] = {}

    def declarations(self) -> list[str]:
        """A statement for every dimension whose symbol stands in a definition: `index i: N`."""
        dimensions = self.model.dimensions
        used = {n for d in self.model.definitions.values() for n in tensors_of(d.body)}
        found = []
        for symbol in sorted(n for n in used if dimensions.known(("extent", n))):
            root = dimensions.find(("extent", symbol))
            letters = [k for k in dimensions.all_keys() if isinstance(k, str) and dimensions.find(k) == root]
            for key in letters:
                self.owner[key] = symbol
            if letters:
                stem = re.split(r"[@~]", letters[0])[0]
                declared = (
                    stem if re.fullmatch(r"[a-z]", stem) and stem not in self.declared else f"{symbol.lower()}_index"
                )
                self.declared[declared] = symbol
                found.append(f"index {declared}: {self.name(symbol)}")
        return found

    def definition(self, definition: Definition) -> str:
        """One equation."""
        self.letters = {}
        self.span = definition.span
        places = [self.letter(x) for x in definition.letters]
        left = self.name(definition.name) + (f"[{','.join(places)}]" if places else "")
        return f"{left} = {self.carried(definition.body, frozenset(definition.letters))}"

    def name(self, key: str) -> str:
        """A name of the article as one of the notation."""
        if key not in self.names:
            plain = re.sub(r"[^A-Za-z0-9]+", "_", key).strip("_")
            plain = plain if plain[:1].isalpha() else f"v_{plain}"
            while plain in RESERVED or plain in self.names.values():
                plain += "1" if plain[-1].isalpha() else "_a"
            self.names[key] = plain
        return self.names[key]

    def letter(self, key: str) -> str:
        """An index of the article as one of the notation."""
        if key not in self.letters:
            stem = re.split(r"[@~]", key)[0]
            stem = stem if re.fullmatch(r"[a-z]+", stem) else "i"
            taken = {*self.letters.values(), *self.names.values()}
            own = [x for x, symbol in self.declared.items() if symbol == self.owner.get(key) and x not in taken]
            number, plain = 1, own[0] if own and stem not in own else stem
            while (
                plain in taken
                or plain in RESERVED
                or self.declared.get(plain, self.owner.get(key)) != self.owner.get(key)
            ):
                plain, number = f"{stem}{number}", number + 1
            self.letters[key] = plain
        return self.letters[key]

    def carried(self, term: Term, wanted: frozenset[str]) -> str:
        """A term with one-tensors for the indices that it lacks."""
        lacking = sorted(self.letter(x) for x in wanted - letters_of(term))
        written = self.term(term)
        if not lacking:
            return written
        return f"1[{','.join(lacking)}]*({written})"

    def term(self, term: Term) -> str:
        match term:
            case Constant():
                return self.constant(term.value)
            case Entry():
                return self.entry(term.name, term.places)
            case One():
                return f"1[{self.place(term.place)}]"
            case Kronecker():
                return f"delta({self.place(term.first)},{self.place(term.second)})"
            case CompareIndices():
                return f"{_RELATIONS[term.relation]}({self.place(term.first)},{self.place(term.second)})"
            case Added():
                together = frozenset().union(*(letters_of(t) for t in term.terms))
                parts = [self.carried(t, together if letters_of(t) else frozenset()) for t in term.terms]
                return "(" + " + ".join(parts) + ")"
            case Times():
                return "*".join(f"({self.term(f)})" for f in term.factors)
            case Powered():
                return f"({self.term(term.base)})^({self.term(term.exponent)})"
            case Apply():
                if not term.name.startswith("?") and not term.primes:
                    return f"{term.name}({', '.join(self.term(a) for a in term.arguments)})"
            case Reduced():
                if term.kind in _BINDERS:
                    letters = ", ".join(self.letter(x) for x in term.letters)
                    return f"{_BINDERS[term.kind]}({letters}, {self.carried(term.body, frozenset(term.letters))})"
            case MatrixValue():
                body = term.body
                if isinstance(body, Entry) and [p.letter for p in body.places] == [term.row, term.column]:
                    places = f"[{','.join(self.place(p) for p in term.places)}]" if term.places else ""
                    return f"{term.kind}({self.name(body.name)}){places}"
        raise NotCheckable("this part of a definition has no form in the text notation", self.span)

    def constant(self, value: Fraction | float) -> str:
        if isinstance(value, Fraction):
            return str(value.numerator) if value.denominator == 1 else f"({value.numerator}/{value.denominator})"
        return "pi" if value == _PI else repr(value)

    def entry(self, name: str, places: tuple[Place, ...]) -> str:
        return self.name(name) + (f"[{','.join(self.place(p) for p in places)}]" if places else "")

    def place(self, place: Place) -> str:
        parts = []
        for factor, atom in place.parts:
            shown = self.letter(atom) if isinstance(atom, str) else self.label(atom)
            parts.append(shown if factor == 1 else f"{factor}*{shown}")
        if place.offset or not parts:
            parts.append(str(place.offset))
        return "+".join(parts).replace("+-", "-")

    def label(self, label: LabelAt) -> str:
        return self.name(label.name) + (f"[{','.join(self.place(p) for p in label.places)}]" if label.places else "")

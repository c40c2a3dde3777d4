"""A recursive-descent parser of one side of an equation: tokens in, syntax tree out.

Side by side means a product; whether `f(x)` is a call and `x_{ij}` has two indices is decided later, where the whole
article is known."""

from __future__ import annotations

from collections.abc import Sequence as Tokens
from dataclasses import replace
from fractions import Fraction

from tensorcalc.errors import Span
from tensorcalc.verify.latex.derivatives import Derivatives
from tensorcalc.verify.latex.stream import MAX_NESTING
from tensorcalc.verify.latex.tokens import Token, error
from tensorcalc.verify.latex.tree import (
    BigOperator,
    Bracket,
    Cases,
    Function,
    Matrix,
    Node,
    Number,
    Prime,
    Product,
    Root,
    Scripted,
    Sequence,
    Sum,
    Symbol,
    Words,
)
from tensorcalc.verify.latex.vocabulary import (
    ACCENTS,
    BIG,
    CLOSING,
    FUNCTIONS,
    MATRICES,
    OPENING,
    SKIPPED,
    STYLES,
    SYMBOLS,
)

__all__ = ["parse"]

MAX_DIGITS = 300
MAX_WORD = 40  # letters of the name of a function
PLAIN = frozenset(
    ("diag", "tr", "Tr", "softmax", "relu", "tanh", "exp", "log", "max", "min", "sum", "det", "erf", "sign")
)
SUBSCRIPTED = frozenset(("softmax", "E", "mean", "Var"))
APPLIED = frozenset(("f", "g", "h", "p", "q", "sigma", "phi", "varphi", "psi", "pi", "Phi", "P", "D", "N", "Pr"))


def parse(tokens: Tokens[Token]) -> Node:
    """The tree of an expression.

    Raises `TensorCalcError` E_SYNTAX, E_TOO_DEEP or E_UNSUPPORTED with the place.
    """
    parser = Parser([t for t in tokens if not t.is_(*SKIPPED)], 0)
    node = parser.expression()
    parser.finish()
    return node


class Parser(Derivatives):
    """Reads everything that can be a factor."""

    def primary(self) -> Node:
        token = self.next()
        if token.kind == "number":
            if len(token.text) > MAX_DIGITS:
                raise error(f"a number with more than {MAX_DIGITS} digits", token.span, code="E_NUMBER_TOO_BIG")
            return Number(token.span, Fraction(token.text))
        if token.kind == "letter":
            return self.letters(token)
        if token.kind == "text":
            return self.words(token)
        if token.kind == "sign":
            return self.sign(token)
        name = token.text
        if f"\\{name}" in OPENING:  # also \\langle
            return self.bracket(token)
        if name in STYLES:
            return self.styled(token)
        if name in ACCENTS:
            return self.accented(token)
        if name in ("frac", "dfrac", "tfrac", "cfrac"):
            return self.fraction(token)
        if name == "sqrt":
            return self.root(token)
        if name == "partial":
            return self.subscripted(token) if self.at("_") else self.inline_derivative(token)
        if name == "nabla":
            return self.nabla(token)
        if name in BIG:
            return self.big(token)
        if name in ("operatorname", "mathop"):
            return self.function("".join(t.text for t in self.group()), token)
        if name in FUNCTIONS:
            return self.function(name, token)
        if name == "begin":
            return self.environment(token)
        if name in ("vert", "lvert", "lVert", "Vert", "|"):
            return self.sign(token)
        if name in ("boxed", "underbrace", "overbrace", "ensuremath", "mathstrut", "smash"):
            node = self.inner(self.group(), token.span)
            if name.endswith("brace") and self.at("_", "^"):
                self.next()
                self.group()
            return Bracket(node.span, "group", node)
        if name in ("cancel", "bcancel", "xcancel", "cancelto"):
            raise error("struck-out parts are not read", token.span, code="E_UNSUPPORTED")
        if name in SYMBOLS:
            return Symbol(token.span, SYMBOLS[name] or name)
        raise error(f"\\{name} is not known", token.span, code="E_UNSUPPORTED")

    def letters(self, token: Token) -> Node:
        """A letter, or a function whose name is written with plain letters: diag(x)."""
        end = self.position
        last = min(len(self.tokens), end + MAX_WORD)
        while end < last and self.tokens[end].kind == "letter" and not self.tokens[end].spaced:
            end += 1
        word = token.text + "".join(t.text for t in self.tokens[self.position : end])
        called = end < len(self.tokens) and self.tokens[end].is_("(")
        if token.text == "d" and not called and self.differential():
            node = self.primary()
            return _with_accent(node, "d", token.span.to(node.span))
        if called and (word in PLAIN or (len(word) > 4 and word.islower())):
            self.position = end
            return self.function(word, token)
        return Symbol(token.span, token.text)

    def differential(self, spaced: bool = False) -> bool:
        """Whether a d belongs to the name directly behind it, as in dX."""
        token = self.peek()
        if token is None or (token.spaced and not spaced):
            return False
        alphabet = token.kind == "command" and (token.text in STYLES or token.text in ACCENTS or token.text in SYMBOLS)
        return token.kind == "letter" or (alphabet and token.text not in ("cdots", "ldots", "dots", "top", "prime"))

    def words(self, token: Token) -> Node:
        name = token.text.strip()
        if token.name == "operatorname" or self.at("(", "[") or (name == "softmax" and self.at("_")):
            return self.function(name, token)
        if name.replace("-", "").replace(" ", "").isalnum() and name[:1].isalpha():
            return Symbol(token.span, name, "text")
        return Words(token.span, name)

    def sign(self, token: Token) -> Node:
        if token.is_("(", "["):
            return self.bracket(token)
        if token.is_("{"):
            self.position -= 1
            tokens = self.group()
            if not tokens and self.starts_factor():
                return self.factor()
            node = self.inner(tokens, token.span)
            return Bracket(token.span.to(self.last_span()), "group", node)
        if token.is_("|", "\\vert", "\\lvert", "\\|", "\\Vert", "\\lVert"):
            return self.bar(token)
        raise error(f"{token.text!r} cannot stand here", token.span)

    def bar(self, token: Token) -> Node:
        double = token.is_("\\|", "\\Vert", "\\lVert")
        self.bars += 1
        body = self.items()
        self.bars -= 1
        closing = self.next()
        if not closing.is_("|", "\\vert", "\\rvert", "\\|", "\\Vert", "\\rVert"):
            raise error("a bar is not closed", token.span)
        return Bracket(token.span.to(closing.span), "||" if double else "|", body)

    def bracket(self, token: Token) -> Node:
        opening = token.text if token.kind == "sign" else f"\\{token.text}"
        closing = OPENING[opening]
        if opening == "\\{" and self.at("\\begin"):
            return self.environment(self.next(), cases=True)
        self.separate_bar()
        bars, self.bars = self.bars, 0
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise error("the formula is nested too deeply", token.span, code="E_TOO_DEEP")
        body = self.items((closing,))
        self.depth -= 1
        self.bars = bars
        end = self.next()
        if not end.is_(*CLOSING):
            raise error("a bracket is not closed", token.span.to(end.span))
        return Bracket(token.span.to(end.span), opening.lstrip("\\"), body)

    def separate_bar(self) -> None:
        """A single bar in a bracket tells arguments apart: p(x | z)."""
        depth = 0
        bars: dict[str, list[int]] = {"|": [], "||": []}
        for place in range(self.position, len(self.tokens)):
            token = self.tokens[place]
            depth += 1 if token.is_(*OPENING, "{", "\\begin") else -1 if token.is_(*CLOSING, "\\end") else 0
            if depth < 0:
                break
            if not depth and token.is_("|", "\\vert", "\\|", "\\Vert"):
                bars["||" if token.is_("\\|", "\\Vert") else "|"].append(place)
        for places in bars.values():
            if len(places) == 1:
                self.tokens[places[0]] = replace(self.tokens[places[0]], kind="command", text="mid")

    def styled(self, token: Token) -> Node:
        style = STYLES[token.text]
        tokens = self.group()
        if all(t.kind in ("letter", "number") for t in tokens) and tokens:
            name = "".join(t.text for t in tokens)
            differential = style == "bold" and len(name) == 2 and name[0] == "d" and name[1].isupper()  # \\mathbf{dX}
            span = token.span.to(self.last_span())
            node: Node = Symbol(span, name[1], style, ("d",)) if differential else Symbol(span, name, style)
        else:
            node = _with_style(self.inner(tokens, token.span), style)
            if isinstance(node, Symbol):
                node = replace(node, span=token.span.to(self.last_span()))
        if isinstance(node, Symbol) and (style, node.name) == ("mathrm", "d") and self.differential(spaced=True):
            inner = self.primary()
            return _with_accent(inner, "d", token.span.to(inner.span))
        if isinstance(node, Symbol) and style == "mathrm" and self.called(node):
            return self.function(node.name, token)
        return node

    def calls(self, node: Node) -> bool:
        """Whether a bracket directly behind a letter of a function is its argument: \\log p(x)."""
        symbol = node.base if isinstance(node, Scripted) else node
        bracket = self.peek()
        if not isinstance(symbol, Symbol) or bracket is None or not bracket.is_("("):
            return False
        return symbol.name in APPLIED and not bracket.spaced

    def called(self, node: Symbol) -> bool:
        return (self.at("(") and len(node.name) > 1) or self.at("[")

    def accented(self, token: Token) -> Node:
        node = self.inner(self.group(), token.span)
        return _with_accent(node, ACCENTS[token.text], token.span.to(self.last_span()))

    def root(self, token: Token) -> Node:
        degree: Node | None = None
        if self.at("["):
            self.next()
            start = self.position
            while not self.at("]"):
                self.next()
            degree = self.inner(self.tokens[start : self.position], token.span)
            self.next()
        body = self.inner(self.group(), token.span)
        return Root(token.span.to(self.last_span()), body, degree)

    def function(self, name: str, token: Token) -> Node:
        power: Node | None = None
        over: Node | None = None
        if self.at("_"):
            if name in SUBSCRIPTED:
                self.next()
                over = self.script(self.group(), token.span)
            else:
                raise error(f"the subscript of {name} is not read", token.span, code="E_UNSUPPORTED")
        if self.at("^"):
            self.next()
            power = self.script(self.group(), token.span)
        primes = 0
        while self.at("'"):
            self.next()
            primes += 1
        body = self.argument(token)
        arguments = body.items if isinstance(body, Sequence) else (body,)
        span = token.span.to(arguments[-1].span)
        node: Node = Function(span, name, arguments, over)
        closed = self.tokens[self.position - 1].is_(*CLOSING)
        if name in ("log", "ln") and closed and self.at("^"):
            raise error(f"{name}(…)^n can mean two things", span, "set brackets around the power", code="E_UNSUPPORTED")
        if power is None and not primes:
            return node
        return Scripted(span, node, None, power, primes)

    def argument(self, token: Token) -> Node:
        """The argument of a function: a bracket, or what stands directly behind it."""
        if self.at("(", "[", "\\{", "{"):
            node = self.primary()
            if isinstance(node, Bracket) and (node.kind != "group" or not self.at("_", "^", "'")):
                return node.body
            return self.scripted(node)
        if not self.starts_factor():
            raise error(f"{token.text} misses its argument", token.span)
        factors = [self.factor()]
        if self.calls(factors[0]):
            factors.append(self.factor())
        while isinstance(factors[-1], Number) and self.starts_factor():
            factors.append(self.factor())
        if len(factors) == 1:
            return factors[0]
        return Product(factors[0].span.to(factors[-1].span), tuple(factors), ("",) * len(factors))

    def big(self, token: Token) -> Node:
        lower: Node | None = None
        upper: Node | None = None
        while self.at("_", "^"):
            mark = self.next()
            script = self.script(self.group(), mark.span)
            lower, upper = (script, upper) if mark.is_("_") else (lower, script)
        kind = BIG[token.text]
        if kind in ("max", "min"):
            if lower is None:
                return self.function(kind, token)
            body = self.argument(token)
        else:
            minus = self.at("-")
            if minus:
                self.next()
            if not self.starts_factor():
                raise error("a sum has no terms", token.span)
            body = self.term()
            if minus:
                body = Sum(body.span, (body,), (True,))
        return BigOperator(token.span.to(body.span), kind, lower, upper, body)

    def environment(self, token: Token, cases: bool = False) -> Node:
        name = "".join(t.text for t in self.group())
        if name == "array" and self.at("{"):
            self.group()
        start, depth = self.position, 1
        while depth:
            inside = self.next()
            depth += 1 if inside.is_("\\begin") else -1 if inside.is_("\\end") else 0
        cells = _cells(self.tokens[start : self.position - 1])
        self.group()
        span = token.span.to(self.last_span())
        if cases and self.at("\\}"):
            self.next()
        if name in ("cases", "dcases", "rcases") or (cases and name in MATRICES):
            return Cases(span, tuple(self.branch(row, span) for row in cells))
        if name in MATRICES:
            rows = tuple(tuple(self.cell(cell, span) for cell in row) for row in cells)
            return Matrix(span, rows)
        raise error(f"the environment {name} is not read inside of a formula", token.span, code="E_UNSUPPORTED")

    def cell(self, tokens: list[Token], span: Span) -> Node:
        if len(tokens) == 1 and tokens[0].is_("\\cdots", "\\ldots", "\\vdots", "\\ddots", "\\dots"):
            return Prime(tokens[0].span, "...")
        return self.inner(tokens, span)

    def branch(self, row: list[list[Token]], span: Span) -> tuple[Node, Node | None]:
        value = [t for t in row[0] if not t.is_(",", ";")]
        condition = [t for cell in row[1:] for t in cell if t.kind != "text" and not t.is_(",", ".", ";")]
        if not condition:
            return self.inner(value, span), None
        parser = self.nested(condition)
        node = parser.items()
        parser.finish()
        return self.inner(value, span), node


def _cells(tokens: list[Token]) -> list[list[list[Token]]]:
    rows: list[list[list[Token]]] = [[[]]]
    depth = 0
    for token in tokens:
        depth += 1 if token.is_("{", "\\begin") else -1 if token.is_("}", "\\end") else 0
        if not depth and token.is_("\\\\"):
            rows.append([[]])
        elif not depth and token.is_("&"):
            rows[-1].append([])
        else:
            rows[-1][-1].append(token)
    return [row for row in rows if any(cell for cell in row)]


def _with_style(node: Node, style: str) -> Node:
    if isinstance(node, Symbol):
        return replace(node, style=style)
    if isinstance(node, Scripted):
        return replace(node, base=_with_style(node.base, style))
    return node


def _with_accent(node: Node, accent: str, span: Span) -> Node:
    if isinstance(node, Symbol):
        return replace(node, accents=(*node.accents, accent), span=span)
    if isinstance(node, Scripted):
        return replace(node, base=_with_accent(node.base, accent, node.base.span))
    if isinstance(node, Bracket) and node.kind == "group":
        return _with_accent(node.body, accent, span)
    if isinstance(node, Product) and all(isinstance(f, Symbol) for f in node.factors):
        name = "".join(f.name for f in node.factors if isinstance(f, Symbol))
        return Symbol(span, name, "", (accent,))
    raise error("an accent over a formula is not read", span, code="E_UNSUPPORTED")

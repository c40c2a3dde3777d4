"""A recursive-descent parser of one side of an equation: tokens in, syntax tree out.

Side by side means a product; whether `f(x)` is a call and `x_{ij}` has two indices is decided later, where the whole
article is known.
"""

from __future__ import annotations

from collections.abc import Sequence as Tokens
from dataclasses import replace
from fractions import Fraction

from tensorcalc.errors import Span
from tensorcalc.verify.latex.tokens import Token, error
from tensorcalc.verify.latex.tree import (
    BigOperator,
    Bracket,
    Cases,
    DerivativeOf,
    Function,
    Matrix,
    Node,
    Number,
    Prime,
    Product,
    Quotient,
    Relation,
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
    PRODUCT_SIGNS,
    RELATIONS,
    SKIPPED,
    STYLES,
    SYMBOLS,
)

__all__ = ["parse"]

MAX_NESTING = 40
MAX_DIGITS = 300


def parse(tokens: Tokens[Token], depth: int = 0) -> Node:
    """The tree of an expression.

    Raises `TensorCalcError` E_SYNTAX, E_TOO_DEEP or E_UNSUPPORTED with the place.
    """
    parser = _Parser([t for t in tokens if not t.is_(*SKIPPED)], depth)
    node = parser.expression()
    parser.finish()
    return node


class _Parser:
    def __init__(self, tokens: list[Token], depth: int) -> None:
        if depth > MAX_NESTING:
            raise error("the formula is nested too deeply", tokens[0].span if tokens else Span(0, 1), code="E_TOO_DEEP")
        self.tokens = tokens
        self.depth = depth
        self.position = 0
        self.bars = 0

    # tokens

    def peek(self, ahead: int = 0) -> Token | None:
        place = self.position + ahead
        return self.tokens[place] if place < len(self.tokens) else None

    def at(self, *words: str) -> bool:
        token = self.peek()
        return token is not None and token.is_(*words)

    def next(self) -> Token:
        token = self.peek()
        if token is None:
            raise error("the formula ends too early", self.last_span())
        self.position += 1
        return token

    def last_span(self) -> Span:
        return self.tokens[min(self.position, len(self.tokens)) - 1].span if self.tokens else Span(0, 1)

    def finish(self) -> None:
        token = self.peek()
        if token is not None:
            shown = f"\\{token.text}" if token.kind == "command" else token.text
            raise error(f"{shown!r} cannot stand here", token.span)

    def group(self) -> list[Token]:
        """The tokens of `{…}`, or the one token that stands for it."""
        token = self.next()
        if not token.is_("{"):
            if token.kind == "command" and (token.text in STYLES or token.text in ACCENTS) and self.at("{"):
                start = self.position - 1
                self.group()
                return self.tokens[start : self.position]
            return [token]
        start, depth = self.position, 1
        while depth:
            token = self.next()
            depth += 1 if token.is_("{") else -1 if token.is_("}") else 0
        return self.tokens[start : self.position - 1]

    def inner(self, tokens: list[Token], span: Span) -> Node:
        """The expression of a group."""
        if not tokens:
            raise error("an empty group", span)
        return parse(tokens, self.depth + 1)

    # expressions

    def expression(self) -> Node:
        terms: list[Node] = []
        subtracted: list[bool] = []
        while True:
            minus, signed = False, False
            while self.at("+", "-", "\\pm", "\\mp"):
                token = self.next()
                if token.is_("\\pm", "\\mp"):
                    raise error("a sign that is plus or minus has no single value", token.span, code="E_UNSUPPORTED")
                minus, signed = minus ^ token.is_("-"), True
            if not self.starts_factor():
                break
            if terms and not signed:
                break
            terms.append(self.term())
            subtracted.append(minus)
            if not self.at("+", "-", "\\pm", "\\mp"):
                break
        if not terms:
            wrong = self.peek()
            raise error("an expression is missing", wrong.span if wrong else self.last_span())
        if len(terms) == 1 and not subtracted[0]:
            return terms[0]
        return Sum(terms[0].span.to(terms[-1].span), tuple(terms), tuple(subtracted))

    def items(self, closing: tuple[str, ...] = ()) -> Node:
        """Expressions with commas between; relations inside are kept."""
        found = [self.related()]
        while self.at(",", ";", "\\mid"):
            self.next()
            if self.at(*closing) or self.peek() is None:
                break
            found.append(self.related())
        return found[0] if len(found) == 1 else Sequence(found[0].span.to(found[-1].span), tuple(found))

    def related(self) -> Node:
        if self.at(":"):
            return Prime(self.next().span, ":")
        if self.at("\\ldots", "\\cdots", "\\dots"):
            return Prime(self.next().span, "...")
        left = self.expression()
        token = self.peek()
        if token is not None and token.is_(*RELATIONS):
            self.next()
            if token.is_("\\in") and self.at("\\{"):
                self.position = len(self.tokens)
                return Relation(left.span, "\\in", left, left)
            right = self.expression()
            sign = token.text if token.kind == "sign" else f"\\{token.text}"
            return Relation(left.span.to(right.span), sign, left, right)
        return left

    def starts_factor(self) -> bool:
        token = self.peek()
        if token is None or token.is_("+", "-", *CLOSING, ",", ";", "&", "\\\\", "\\mid", *RELATIONS):
            return False
        if token.is_("|", "\\vert", "\\|", "\\Vert"):
            return not self.bars
        return not token.is_(*PRODUCT_SIGNS, "^", "_", "!", ":")

    def term(self) -> Node:
        factors: list[Node] = [self.factor()]
        signs = [""]
        while True:
            sign = ""
            if self.at(*PRODUCT_SIGNS):
                token = self.next()
                sign = token.text if token.kind == "sign" else f"\\{token.text}"
            elif not self.starts_factor():
                break
            if sign and self.at("-", "+"):
                minus = self.next()
                factor: Node = self.factor()
                if minus.is_("-"):
                    factor = Sum(minus.span.to(factor.span), (factor,), (True,))
            else:
                factor = self.factor()
            factors.append(factor)
            signs.append(sign)
        if len(factors) == 1:
            return factors[0]
        return Product(factors[0].span.to(factors[-1].span), tuple(factors), tuple(signs))

    def factor(self) -> Node:
        return self.scripted(self.primary())

    def scripted(self, base: Node) -> Node:
        sub: Node | None = None
        sup: Node | None = None
        primes = 0
        end = base.span
        while (mark := self.peek()) is not None and mark.is_("_", "^", "'", "!"):
            self.next()
            if mark.is_("!"):
                raise error("factorials are not read", mark.span, code="E_UNSUPPORTED")
            if mark.is_("'"):
                primes += 1
                end = mark.span
                continue
            tokens = self.group()
            end = self.last_span() if self.position else mark.span
            if mark.is_("_"):
                if sub is not None:
                    raise error("two subscripts", mark.span)
                sub = self.script(tokens, mark.span)
            elif tokens and all(t.is_("\\prime", "'") for t in tokens):
                primes += len(tokens)
            else:
                if sup is not None:
                    raise error("two superscripts", mark.span, "set brackets: {x^a}^b")
                sup = self.script(tokens, mark.span)
        if sub is None and sup is None and not primes:
            return base
        return Scripted(base.span.to(end), base, sub, sup, primes)

    def script(self, tokens: list[Token], span: Span) -> Node:
        """What stands in a script: an expression, a list of them, or a sign."""
        tokens = [t for t in tokens if not t.is_(*SKIPPED)]
        if not tokens:
            raise error("an empty script", span)
        if len(tokens) == 1 and tokens[0].is_("*", "+", "-", "\\circ", "\\ast", "\\dagger", "\\star", "\\prime", ":"):
            return Prime(tokens[0].span, tokens[0].text)
        if tokens[0].is_("\\odot", "\\circ") and len(tokens) > 1:
            return Bracket(tokens[0].span, "entrywise", self.inner(tokens[1:], span))
        parser = _Parser(tokens, self.depth + 1)
        node = parser.items()
        parser.finish()
        return node

    # factors

    def primary(self) -> Node:
        token = self.next()
        if token.kind == "number":
            if len(token.text) > MAX_DIGITS:
                raise error(f"a number with more than {MAX_DIGITS} digits", token.span, code="E_NUMBER_TOO_BIG")
            return Number(token.span, Fraction(token.text))
        if token.kind == "letter":
            return Symbol(token.span, token.text)
        if token.kind == "text":
            return self.words(token)
        if token.kind == "sign":
            return self.sign(token)
        name = token.text
        if f"\\{name}" in OPENING:
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
            return self.inline_derivative(token)
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

    def words(self, token: Token) -> Node:
        name = token.text.strip()
        if token.name == "operatorname" or self.at("(", "["):
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

    def styled(self, token: Token) -> Node:
        style = STYLES[token.text]
        tokens = self.group()
        if all(t.kind in ("letter", "number") for t in tokens) and tokens:
            node: Node = Symbol(token.span.to(tokens[-1].span), "".join(t.text for t in tokens), style)
        else:
            node = _with_style(self.inner(tokens, token.span), style)
        if isinstance(node, Symbol) and style == "mathrm" and self.called(node):
            return self.function(node.name, token)
        return node

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
        if self.at("_"):
            if name in ("softmax", "E", "mean", "Var"):
                self.next()
                self.group()
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
        node: Node = Function(span, name, arguments)
        if power is None and not primes:
            return node
        return Scripted(span, node, None, power, primes)

    def argument(self, token: Token) -> Node:
        """The argument of a function: a bracket, or what stands directly behind it."""
        if self.at("(", "[", "\\{", "{"):
            node = self.primary()
            if isinstance(node, Bracket) and not self.at("_", "^", "'"):
                return node.body
            return self.scripted(node)
        if not self.starts_factor():
            raise error(f"{token.text} misses its argument", token.span)
        factors = [self.factor()]
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

    # derivatives

    def fraction(self, token: Token) -> Node:
        above, below = self.group(), self.group()
        span = token.span.to(self.last_span())
        mark = _differential(above, below)
        if mark is None:
            return Quotient(span, self.inner(above, token.span), self.inner(below, token.span))
        above, order = _without_mark(above)
        variables = self.variables(below, order, mark, span)
        numerator = self.inner(above, token.span) if above else self.operand(token)
        return DerivativeOf(span.to(numerator.span), numerator, variables, mark != "partial")

    def operand(self, token: Token) -> Node:
        """What a derivative operator is applied to: a bracket, or the rest of the term."""
        if not self.starts_factor():
            raise error("the derivative is applied to nothing", token.span)
        if self.at("(", "[", "\\{"):
            return self.factor()
        return self.term()

    def variables(self, tokens: list[Token], order: int, mark: str, span: Span) -> tuple[Node, ...]:
        parser = _Parser(tokens, self.depth + 1)
        found: list[Node] = []
        while parser.peek() is not None:
            if not _is_mark(parser.peek(), parser.peek(1), mark):
                raise error("the denominator of a derivative is not read", span)
            _take_mark(parser)
            node = parser.factor()
            times = 1
            if isinstance(node, Scripted) and isinstance(node.sup, Number) and order > 1 and node.sup.value == order:
                times = order
                node = node.base if node.sub is None else replace(node, sup=None)
            found += [node] * times
        if len(found) != order:
            raise error(f"a derivative of order {order} with {len(found)} variables", span)
        return tuple(found)

    def inline_derivative(self, token: Token) -> Node:
        """`\\partial l / \\partial x`."""
        numerator = self.factor()
        if not self.at("/"):
            raise error("a differential alone has no value", token.span, code="E_UNSUPPORTED")
        self.next()
        if not self.at("\\partial"):
            raise error("∂ is missing below", token.span)
        self.next()
        variable = self.factor()
        return DerivativeOf(token.span.to(variable.span), numerator, (variable,))

    def nabla(self, token: Token) -> Node:
        if not self.at("_"):
            raise error("∇ needs a subscript that says by what", token.span, code="E_UNSUPPORTED")
        self.next()
        variable = self.script(self.group(), token.span)
        body = self.factor()
        return DerivativeOf(token.span.to(body.span), body, (variable,))

    # environments

    def environment(self, token: Token) -> Node:
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
        if name in ("cases", "dcases", "rcases"):
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
        parser = _Parser(condition, self.depth + 1)
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


def _is_mark(token: Token | None, following: Token | None, mark: str) -> bool:
    if token is None:
        return False
    if mark == "partial":
        return token.is_("\\partial")
    if token.is_("\\mathrm"):
        return following is not None and (following.text == "d" or following.is_("{"))
    return token.kind == "letter" and token.text == "d"


def _take_mark(parser: _Parser) -> None:
    if parser.next().is_("\\mathrm"):
        parser.group()


def _starting_mark(tokens: list[Token]) -> str:
    """`partial` or `d` where the tokens start with a differential sign."""
    if not tokens:
        return ""
    if tokens[0].is_("\\partial"):
        return "partial"
    if tokens[0].is_("\\mathrm") and [t.text for t in tokens[1:4]] == ["{", "d", "}"]:
        return "d"
    if tokens[0].kind == "letter" and tokens[0].text == "d":
        following = tokens[1] if len(tokens) > 1 else None
        script = following is not None and following.is_("_", "'")
        power = following is not None and following.is_("^") and (len(tokens) < 3 or tokens[2].kind != "number")
        return "" if script or power else "d"
    return ""


def _differential(above: list[Token], below: list[Token]) -> str | None:
    mark = _starting_mark(above)
    return mark if mark and mark == _starting_mark(below) and len(below) > 1 else None


def _without_mark(tokens: list[Token]) -> tuple[list[Token], int]:
    """The tokens behind the differential sign, and the order that its power says."""
    rest = tokens[4:] if tokens[0].is_("\\mathrm") else tokens[1:]
    if len(rest) > 1 and rest[0].is_("^"):
        braced = rest[1].is_("{") and len(rest) > 3
        number = rest[2] if braced else rest[1]
        if number.kind == "number" and number.text.isdigit() and 0 < int(number.text) < 5:
            return rest[4:] if braced else rest[2:], int(number.text)
    return rest, 1


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

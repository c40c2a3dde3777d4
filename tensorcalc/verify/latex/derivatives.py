"""Derivatives: fractions of differentials, operators, gradients."""

from __future__ import annotations

from dataclasses import replace

from tensorcalc.errors import Span
from tensorcalc.verify.latex.expressions import Expressions
from tensorcalc.verify.latex.stream import Stream
from tensorcalc.verify.latex.tokens import Token, error
from tensorcalc.verify.latex.tree import DerivativeOf, Node, Number, Product, Quotient, Scripted, Symbol
from tensorcalc.verify.latex.walking import nodes_in
from tensorcalc.verify.signs import is_transpose

__all__ = ["ANYTHING", "Derivatives"]

ANYTHING = "∂"  # the variable of a derivative that does not say by what it is taken


class Derivatives(Expressions):
    """Reads fractions and derivatives."""

    def fraction(self, token: Token) -> Node:
        above, below = self.digit() or self.group(), self.digit() or self.group()
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
        return self.term(operand=True)

    def variables(self, tokens: list[Token], order: int, mark: str, span: Span) -> tuple[Node, ...]:
        parser = self.nested(tokens)
        found: list[Node] = []
        while parser.peek() is not None:
            if not _is_mark(parser.peek(), parser.peek(1), mark):
                raise error("the denominator of a derivative is not read", span)
            _take_mark(parser)
            node = parser.factor()
            if isinstance(node, Symbol) and parser.at("["):
                entry = parser.factor()
                node = Product(node.span.to(entry.span), (node, entry), ("", ""))
            times = 1
            if isinstance(node, Scripted) and isinstance(node.sup, Number) and order > 1 and node.sup.value == order:
                times = order
                node = node.base if node.sub is None else replace(node, sup=None)
            found += [node] * times
        if len(found) != order:
            raise error(f"a derivative of order {order} with {len(found)} variables", span)
        return tuple(found)

    def inline_derivative(self, token: Token) -> Node:
        """`\\partial l / \\partial x`, or ∂u, the derivative by whatever u depends on, as in `\\partial u / u`."""
        numerator = self.applied()
        following = self.peek(1)
        if not self.at("/") or following is None or not following.is_("\\partial"):
            return DerivativeOf(token.span.to(numerator.span), numerator, (Symbol(token.span, ANYTHING),))
        self.next()
        self.next()
        variable = self.factor()
        return DerivativeOf(token.span.to(variable.span), numerator, (variable,))

    def subscripted(self, token: Token) -> Node:
        """∂_x f, the derivative by what stands below."""
        self.next()
        variable = self.script(self.group(), token.span)
        body = self.applied()
        return DerivativeOf(token.span.to(body.span), body, (variable,))

    def nabla(self, token: Token) -> Node:
        """∇f and ∇_x f; ∇²f and ∇_x ∇_xᵀ f are gradients of gradients."""
        variables: tuple[Node, ...] = ()
        twice = False
        while self.at("^", "_"):
            mark = self.next()
            script = self.script(self.group(), mark.span)
            if mark.is_("_"):
                variables = (script,)
            elif isinstance(script, Number) and script.value == 2:
                twice = True
            elif not is_transpose(script):
                raise error("this power of ∇ is not read", token.span, code="E_UNSUPPORTED")
        body = self.gradient_body(variables)
        span = token.span.to(body.span)
        if twice:
            body = DerivativeOf(span, body, variables)
        return DerivativeOf(span, body, variables)

    def gradient_body(self, variables: tuple[Node, ...]) -> Node:
        """What ∇ is applied to: the factor behind it, or the whole product of ∇_θ 2 a^T θ and ∇_x x^T A x."""
        start = self.position
        body = self.applied()
        turned = isinstance(body, Scripted) and is_transpose(body.sup) and bool(variables)
        if not (isinstance(body, Number) or turned) or not self.starts_factor():
            return body
        behind = self.position
        self.position = start
        whole = self.term(operand=True)
        rest = whole.factors[1:] if isinstance(whole, Product) else ()
        plain = isinstance(whole, Product) and not any(whole.signs)
        if isinstance(body, Number) or (plain and any(_same(n, variables[0]) for f in rest for n in nodes_in(f))):
            return whole
        self.position = behind
        return body

    def applied(self) -> Node:
        """A factor, with the bracket directly behind a name."""
        body = self.factor()
        bracket = self.peek()
        if isinstance(body, Symbol | Scripted) and bracket is not None and bracket.is_("(", "[") and not bracket.spaced:
            argument = self.factor()
            return Product(body.span.to(argument.span), (body, argument), ("", ""))
        return body


def _same(node: Node, other: Node) -> bool:
    """Whether two parts are the same name."""
    if not isinstance(node, Symbol) or not isinstance(other, Symbol):
        return False
    return (node.name, node.style, node.accents) == (other.name, other.style, other.accents)


def _is_mark(token: Token | None, following: Token | None, mark: str) -> bool:
    if token is None:
        return False
    if mark == "partial":
        return token.is_("\\partial")
    if token.is_("\\mathrm"):
        return following is not None and (following.text == "d" or following.is_("{"))
    return token.kind == "letter" and token.text == "d"


def _take_mark(parser: Stream) -> None:
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

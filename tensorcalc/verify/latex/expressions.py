"""Sums, products and scripts: what is built from factors."""

from __future__ import annotations

from tensorcalc.errors import Span
from tensorcalc.verify.latex.stream import Stream
from tensorcalc.verify.latex.tokens import Token, error
from tensorcalc.verify.latex.tree import (
    At,
    Bracket,
    DerivativeOf,
    Node,
    Prime,
    Product,
    Relation,
    Scripted,
    Sequence,
    Sum,
)
from tensorcalc.verify.latex.vocabulary import CLOSING, PRODUCT_SIGNS, RELATIONS, SKIPPED

__all__ = ["Expressions"]


class Expressions(Stream):
    """Reads expressions."""

    def primary(self) -> Node:
        """A factor without scripts."""
        raise NotImplementedError

    def nested(self, tokens: list[Token]) -> Expressions:
        """A parser of the tokens of a group."""
        return type(self)(tokens, self.depth + 1)

    def inner(self, tokens: list[Token], span: Span) -> Node:
        """The expression of a group."""
        if not tokens:
            raise error("an empty group", span)
        parser = self.nested([t for t in tokens if not t.is_(*SKIPPED)])
        node = parser.expression()
        parser.finish()
        return node

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
            terms.append(self.paired())
            subtracted.append(minus)
            if not self.at("+", "-", "\\pm", "\\mp"):
                break
        if not terms:
            wrong = self.peek()
            raise error("an expression is missing", wrong.span if wrong else self.last_span())
        if len(terms) == 1 and not subtracted[0]:
            return terms[0]
        return Sum(terms[0].span.to(terms[-1].span), tuple(terms), tuple(subtracted))

    def paired(self) -> Node:
        """A term, or A : B, the sum of the products of the entries of two."""
        node = self.term()
        while self.at(":"):
            start = self.position
            self.next()
            if not self.starts_factor():
                self.position = start
                break
            other = self.term()
            node = Product(node.span.to(other.span), (node, other), ("", ":"))
        return node

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
        return not token.is_(*PRODUCT_SIGNS, "^", "_", "!", ":", "\\evaluated")

    def term(self, operand: bool = False) -> Node:
        """Factors side by side; behind a differential `operand`, for which a bar with values below it is not read."""
        factors: list[Node] = [self.factor()]
        signs = [""]
        while True:
            sign = ""
            if self.at("\\evaluated") and not operand:
                factors, signs = self.at_values(factors, signs)
                continue
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

    def at_values(self, factors: list[Node], signs: list[str]) -> tuple[list[Node], list[str]]:
        """The factors, with the values that a bar behind them says: of the derivative before it, or of all."""
        bar = self.next()
        self.next()
        conditions = self.script(self.group(), bar.span)
        found = conditions.items if isinstance(conditions, Sequence) else (conditions,)
        kept = factors[:-1] if isinstance(factors[-1], DerivativeOf | Bracket) and len(factors) > 1 else []
        inside, inner = factors[len(kept) :], signs[len(kept) :]
        body = inside[0]
        if len(inside) > 1:
            body = Product(inside[0].span.to(inside[-1].span), tuple(inside), ("", *inner[1:]))
        at = At(body.span.to(conditions.span), body, found)
        return [*kept, at], signs[: len(kept) + 1]

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
        parser = self.nested(tokens)
        node = parser.items()
        parser.finish()
        return node

"""What is said about text that is wrong: code, place, and words of the message or hint. Some messages in full."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import pytest

from tensorcalc.errors import CODES, TensorCalcError
from tensorcalc.notation import parse_text

TENSORS = "tensor a[n,m], b[n], x[n], y[n], A[n,m], s; label T;"


def failure(text: str) -> TensorCalcError:
    """The error that a text is refused with."""
    start = time.process_time()
    with pytest.raises(TensorCalcError) as caught:
        parse_text(text, "loss.toml")
    assert time.process_time() - start < 10  # it must end; how fast is a matter of benchmarks
    assert caught.value.code in CODES
    assert str(caught.value)
    return caught.value


# text, code, column (in the last line), words of message, label or hint
INDEX = [
    ("c[i,j] = a[i,j] + b[i]", "E_FREE_INDEX", 19, "{i, j} {i} 1[j]*b[i]"),
    ("c[i,j] = b[i] + a[i,j]", "E_FREE_INDEX", 10, "1[j]*b[i]"),
    ("c[i,j] = x[i] + y[j]", "E_FREE_INDEX", 17, "1[i]*y[j] 1[j]*x[i]"),
    ("c[i,j] = a[i,j]*(s + 1[j] + b[i])", "E_FREE_INDEX", 29, "1[j]*b[i]"),
    ("c = b[i]", "E_DANGLING_INDEX", 7, "once 1[i]*b[i] c[i]"),
    ("c = s*x[i]^2", "E_DANGLING_INDEX", 9, "1[i]*s*x[i]^2"),
    ("c[j] = y[j] + s*x[i]", "E_DANGLING_INDEX", 19, "s*x[i] c[j,i]"),
    ("c = s*(x[i] + y[i])", "E_DANGLING_INDEX", 10, "1[i]*x[i]"),
    ("c = x[i]*sum(i, y[i])", "E_DANGLING_INDEX", 7, "once"),
    ("c = sum(j, s)", "E_DANGLING_INDEX", 9, "how far sum(j, 1[j]*s)"),
    ("c = sum(i, sum(i, x[i]))", "E_DANGLING_INDEX", 9, "i"),
    ("c[i,j] = b[i]", "E_MISSING_INDEX", 5, "1[j]*b[i]"),
    ("c[i] = sum(i, x[i])", "E_MISSING_INDEX", 3, "1[i]*sum(i, x[i])"),
    ("c[i] = x[0] + s", "E_MISSING_INDEX", 3, "1[i]*(x[0] + s)"),
    ("c[i] = A[i]", "E_ORDER", 8, "2 indices 1 A[n,m] A[i,j]"),
    ("c[i] = x[i] + b", "E_ORDER", 15, "order 1 b[i]"),
    ("c = s[i]*x[i]", "E_ORDER", 5, "no index"),
    ("c[i] = i*x[i]", "E_INDEX_AS_VALUE", 8, "i"),
    ("c = sum(i, i*x[i])", "E_INDEX_AS_VALUE", 12, "i"),
    ("index i: n; c = x[0]*i", "E_INDEX_AS_VALUE", 22, "i"),
    ("c = T*s", "E_INDEX_AS_VALUE", 5, "T label"),
    ("c[n] = x[b[n]]", "E_BAD_INDEX", 10, "label b[n]"),
    ("c = x[s*2]", "E_DANGLING_INDEX", 7, "s"),
    ("c = x[1.5]", "E_BAD_INDEX", 7, "1.5"),
    ("c = x[-1]", "E_BAD_INDEX", 7, "from 0"),
    ("c[t] = x[t-1]", "E_BAD_INDEX", 10, "t-1 x[t+1]"),
    ("c[i] = x[i^2]", "E_BAD_INDEX", 10, "i^2"),
    ("c[i] = x[i/2]", "E_BAD_INDEX", 10, "i/2"),
    ("c[i] = x[i*i]", "E_BAD_INDEX", 10, "i*i"),
    ("c[i] = 1[i+1]*x[i]", "E_BAD_INDEX", 10, "one-tensor"),
    ("c = 1[T]*x[T]", "E_BAD_INDEX", 7, "one-tensor"),
    ("c = sum(T, x[T])", "E_BAD_INDEX", 9, "label"),
    ("c = x[n0[0]]", "E_BAD_INDEX", 7, "label n0[0]"),
    ("c[0] = s", "E_BAD_INDEX", 3, "c[i]"),
    ("c[T] = x[T]", "E_BAD_INDEX", 3, "label index T"),
    ("c[i,i] = a[i,i]", "E_BAD_INDEX", 5, "twice delta(i,j)"),
    ("c[i,j] = delta(i,j)*a[i,j]", "E_DIM_MISMATCH", 10, "delta(i,j) i n j m"),
    ("c = a[i,j]*x[j]*1[i]", "E_DIM_MISMATCH", 14, "j m n"),
    ("c = a[T,i]*a[j,T]*1[i]*1[j]", "E_DIM_MISMATCH", 16, "n m"),
    ("tensor q[3]; c = q[3]", "E_INDEX_RANGE", 20, "3"),
    ("c = x[99999999999]", "E_NUMBER_TOO_BIG", 7, "99999999999"),
    ("c = inv(A)[i]", "E_ORDER", 5, "inv(A)[i,j]"),
]
NAMES = [
    ("u = s; u = s*2", "E_REDEFINED", 8, "twice"),
    ("tensor x[n]; c = s", "E_REDEFINED", 8, "twice"),
    ("T = 3", "E_REDEFINED", 1, "label"),
    ("m = s", "E_REDEFINED", 1, "dimension"),
    ("exp = s + 1", "E_RESERVED", 1, "exp"),
    ("sum[i] = x[i]", "E_RESERVED", 1, "sum"),
    ("δ = 2", "E_RESERVED", 1, "delta"),
    ("pi = 3", "E_RESERVED", 1, "pi"),
    ("label = 3", "E_RESERVED", 1, "label"),
    ("c = log*2", "E_RESERVED", 5, "log(…)"),
    ("c[max] = x[max]", "E_RESERVED", 3, "max"),
    ("c = sum(pi, x[pi])", "E_RESERVED", 9, "pi"),
    ("c = xs*s", "E_UNKNOWN_NAME", 5, "xs mean"),
    ("c = zeta*s", "E_UNKNOWN_NAME", 5, "tensor zeta"),
    ("c = x[Q]", "E_UNKNOWN_NAME", 7, "label Q"),
    ("c = det(Q)", "E_UNKNOWN_NAME", 5, "Q"),
    ("c = sigmiod(s)", "E_UNKNOWN_NAME", 5, "sigmoid"),
    ("c = ln(s)", "E_UNKNOWN_NAME", 5, "log"),
    ("c = softmax(s + 1)", "E_UNKNOWN_NAME", 5, "softmax"),
    ("c[i] = q(i)", "E_UNKNOWN_NAME", 8, "q[i]"),
    ("c[i] = x(i)", "E_SYNTAX", 8, "x[i]"),
    ("c = s + c", "E_CYCLE", 9, "c"),
    ("p = q; q = r; r = p", "E_CYCLE", 15, "circle"),
    ("a__b = s", "E_NAME", 1, "a__b double"),
    ("a" * 101 + " = s", "E_NAME", 1, "100"),
]
SYNTAX = [
    ("c = sum(i, x[i]*(y[i] + 1)", "E_SYNTAX", 8, "never c"),
    ("c = (s + 1]", "E_SYNTAX", 11, "')' ']'"),
    ("c = x[i", "E_SYNTAX", 6, "']'"),
    ("c = s)", "E_SYNTAX", 6, "closes"),
    ("c[i] = x[i] y[i]", "E_SYNTAX", 13, "x[i]*y[i]"),
    ("c = 2s", "E_SYNTAX", 6, "2*s"),
    ("c == s", "E_SYNTAX", 3, "c = s"),
    ("c = s = s", "E_SYNTAX", 7, "second"),
    ("c = ", "E_SYNTAX", 5, "finished"),
    ("c = s +", "E_SYNTAX", 8, "finished"),
    ("c = s + * 2", "E_SYNTAX", 9, "'*'"),
    ("c = s^^2", "E_SYNTAX", 7, "'^'"),
    ("c", "E_SYNTAX", 1, "c = …"),
    ("3 = c", "E_SYNTAX", 1, "'3'"),
    ("c + 1 = s", "E_SYNTAX", 3, "'+'"),
    ("f(i) = x[i]", "E_SYNTAX", 2, "f[i]"),
    ("c = x[]", "E_SYNTAX", 6, "nothing"),
    ("c = exp()", "E_SYNTAX", 8, "nothing"),
    ("c = (s, s)", "E_SYNTAX", 5, "comma"),
    ("c = x[0][1]", "E_SYNTAX", 9, "name"),
    ("c = (x + y)[i]", "E_SYNTAX", 12, "name"),
    ("c = 2[i]", "E_SYNTAX", 6, "name"),
    ("c = inv(A)", "E_SYNTAX", 5, "inv(A)[i,j]"),
    ("index i", "E_SYNTAX", 8, "index i: I"),
    ("index i: 0", "E_SYNTAX", 10, "size"),
    ("tensor 3", "E_SYNTAX", 8, "'3'"),
    ("tensor q[n", "E_SYNTAX", 9, "']'"),
    ("assume s", "E_SYNTAX", 9, "'='"),
    ("c = exp(s, s)", "E_ARGUMENTS", 5, "1 2"),
    ("c = max(s)", "E_ARGUMENTS", 5, "2 1"),
    ("c = max(s, s, s)", "E_ARGUMENTS", 5, "max(a, max(b, c))"),
    ("c = sum(x[i])", "E_ARGUMENTS", 5, "sum(i, x[i])"),
    ("c = sum(2, x[i])", "E_ARGUMENTS", 9, "sum(i, x[i])"),
    ("c = sum(i, i, x[i])", "E_ARGUMENTS", 12, "twice"),
    ("c = delta(i)", "E_ARGUMENTS", 5, "2 1"),
    ("c = det(A + A)", "E_ARGUMENTS", 5, "matrix"),
]
HABITS = [
    ("c[i] = softmax(x)[i]", "E_SYNTAX", 18, "exp(x[i])/sum(j, exp(x[j]))"),
    ("c[i] = sigmoid(x)[i]", "E_SYNTAX", 18, "sigmoid(x[…])"),
    ("c = a[T][0]", "E_SYNTAX", 9, "a[T,…]"),
    ("c = mean(i, x[i])", "E_UNKNOWN_NAME", 5, "sum(i, x[i])/N index i: N"),
    ("c = norm(x)", "E_UNKNOWN_NAME", 5, "sqrt(sum(i, x[i]^2))"),
    ("c = trace(A)", "E_UNKNOWN_NAME", 5, "sum(i, X[i,i])"),
    ("c = maximum(s, 1)", "E_UNKNOWN_NAME", 5, "max"),
    ("c = exp x[0]", "E_SYNTAX", 9, "exp(x[0])"),
    ("c = sin^2(s)", "E_SYNTAX", 10, "sin(s)^"),
    ("c = sum_i x[i]", "E_SYNTAX", 11, "sum(i, x[i])"),
    ("c = Σ_i x[i]", "E_SYNTAX", 9, "sum(i, x[i])"),
    ("c = sum(i=1, x[i])", "E_SYNTAX", 10, "sum(i, …) index i: N"),
    ("c = s if s else s", "E_SYNTAX", 7, "conditions max min le(i,j)"),
    ("c = a[:,0]", "E_SYNTAX", 7, "X[i,0]"),
    ("c = 1,5*s", "E_SYNTAX", 6, "1.5"),
    ("c = max(i, x[i])", "E_INDEX_AS_VALUE", 9, "amax(i, x[i])"),
    ("c = max(s)", "E_ARGUMENTS", 5, "amax(i, x[i])"),
    ("c = log(s, 2)", "E_ARGUMENTS", 5, "log(x)/log(b)"),
    ("c = delta(i,j,k)", "E_ARGUMENTS", 5, "delta(i,j)*delta(j,k)"),
    ("c[i] = le(x[i], 0)", "E_BAD_INDEX", 11, "compares max relu"),
    ("c = |s|", "E_CHAR", 5, "abs(x)"),
    ("c = A.T", "E_CHAR", 6, "X[j,i]"),
]
NUMBERS = [
    ("c = 10^10^10 + s", "E_NUMBER_TOO_BIG", 5, "10^10^10"),
    ("c = 2^99999999", "E_NUMBER_TOO_BIG", 5, "2^99999999"),
    ("c = 9^9^9", "E_NUMBER_TOO_BIG", 5, "9^9^9"),
    ("c = s^(9^9^9)", "E_NUMBER_TOO_BIG", 7, "9^9^9"),
    ("c = 1e999", "E_NUMBER_TOO_BIG", 5, "1e999"),
    ("c = 1e-999", "E_NUMBER_TOO_BIG", 5, "small"),
    ("c = 1e99999999999999999999", "E_NUMBER_TOO_BIG", 5, "big"),
    ("c = " + "9" * 5000, "E_NUMBER_TOO_BIG", 5, "digits"),
    ("c = 1e200*1e200", "E_NUMBER_TOO_BIG", 5, "1e200*1e200"),
    ("c = s*1e-200/1e200", "E_NUMBER_TOO_BIG", 5, "small"),
    ("c = s*1e308 + s*1e308", "E_NUMBER_TOO_BIG", 5, "big"),
    ("c = (2*s)^1000000", "E_NUMBER_TOO_BIG", 5, "(2*s)^1000000"),
    ("c = 1.00001^1000000", "E_NUMBER_TOO_BIG", 5, "digits"),
    ("c = " + "+".join(f"1/{k}" for k in range(3, 3000, 2)), "E_NUMBER_TOO_BIG", 5, "digits"),
    ("c = exp(1000)", "E_NUMBER_TOO_BIG", 5, "exp(1000)"),
    ("c = exp(-1000)", "E_NUMBER_TOO_BIG", 5, "exp(-1000)"),
    ("c = lgamma(1e308)", "E_NUMBER_TOO_BIG", 5, "lgamma"),
    ("c = 1/0", "E_NOT_FINITE", 7, "1/0"),
    ("c = s/(2 - 2)", "E_NOT_FINITE", 7, "(2 - 2)"),
    ("c = s/(s - s)", "E_NOT_FINITE", 7, "(s - s)"),
    ("c = 0^-1", "E_NOT_FINITE", 5, "0^-1"),
    ("c = log(0)", "E_NOT_FINITE", 5, "log(0)"),
    ("c = log(-1)", "E_NOT_FINITE", 5, "log(-1)"),
    ("c = sqrt(-1)", "E_NOT_FINITE", 5, "sqrt(-1)"),
    ("c = sqrt(s - s - 1)", "E_NOT_FINITE", 5, "sqrt"),
    ("c = (-8)^(1/3)", "E_NOT_FINITE", 5, "whole"),
    ("c = asin(2)", "E_NOT_FINITE", 5, "asin(2)"),
    ("c = tan(pi/2)", "E_NOT_FINITE", 5, "tan"),
    ("c = digamma(0)", "E_NOT_FINITE", 5, "digamma(0)"),
]


@pytest.mark.parametrize(("text", "code", "column", "words"), [*INDEX, *NAMES, *SYNTAX, *HABITS, *NUMBERS])
def test_errors(text: str, code: str, column: int, words: str) -> None:
    error = failure(f"{TENSORS}\n{text}")
    said = f"{error.message} {error.label} {error.hint}"
    assert (error.code, error.line, error.column) == (code, 2, column), said
    assert all(word in said for word in words.split()), said


CHARACTERS = [
    ("с = s", 1, "U+0441 CYRILLIC SMALL LETTER ES", "Latin letter c"),
    ("c = Α", 5, "U+0391 GREEK CAPITAL LETTER ALPHA", "Latin letter A"),
    ("c = ο", 5, "U+03BF GREEK SMALL LETTER OMICRON", "Latin letter o"),
    ("c = s\u200b + s", 6, "U+200B ZERO WIDTH SPACE", "invisible"),
    ("c = s\ufeff", 6, "U+FEFF ZERO WIDTH NO-BREAK SPACE", "invisible"),
    ("c = s\u202e", 6, "U+202E RIGHT-TO-LEFT OVERRIDE", "invisible"),
    ("c = s – s", 7, "U+2013 EN DASH", "looks like -"),
    ("c = s²", 6, "U+00B2 SUPERSCRIPT TWO", "^2"),
    ("c = x₁", 6, "U+2081 SUBSCRIPT ONE", "looks like 1"),
    ("c = “s”", 5, "U+201C LEFT DOUBLE QUOTATION MARK", 'looks like "'),
    ("c = ｓ", 5, "U+FF53 FULLWIDTH LATIN SMALL LETTER S", "Latin letter s"),
    ("c = ϕ", 5, "U+03D5 GREEK PHI SYMBOL", "φ"),
    ("c = s ÷ 2", 7, "U+00F7 DIVISION SIGN", "/"),
    ("c = s\x00", 6, "U+0000 NULL", ""),
    ("c = s\x1b[31m", 6, "U+001B ESCAPE", ""),
    ("c = s\r", 6, "U+000D CARRIAGE RETURN", ""),
    ("c = \ud800", 5, "U+D800 LONE SURROGATE", ""),
    ("# a remark with \x07", 17, "U+0007 BELL", ""),
    ("c = __import__('os')", 5, "U+005F LOW LINE", "letter"),
    ("c = x.__class__", 6, "U+002E FULL STOP", "dot"),
    ("c = 's'", 5, "U+0027 APOSTROPHE", "quotes"),
    ("c = x{i}", 6, "U+007B LEFT CURLY BRACKET", "LaTeX"),
    ("c = \\exp s", 5, "U+005C REVERSE SOLIDUS", "LaTeX"),
    ("c = A@x", 6, "U+0040 COMMERCIAL AT", "A[i,j]*B[j,k]"),
    ("c = ∂l", 5, "U+2202 PARTIAL DIFFERENTIAL", "d_x"),
    ("c = 1.2.3", 8, "U+002E FULL STOP", "dot"),
]


@pytest.mark.parametrize(("text", "column", "name", "looks"), CHARACTERS)
def test_characters_outside_the_notation_are_named(text: str, column: int, name: str, looks: str) -> None:
    error = failure(f"u = v\n{text}")
    assert (error.code, error.line, error.column) == ("E_CHAR", 2, column)
    assert name in error.message
    assert f"column {column}" in error.message
    assert looks in f"{error.label} {error.hint}"
    assert str(error).isprintable() or "\n" in str(error)
    assert all(c == "\n" or c.isprintable() for c in str(error))


LIMITS = [
    ("c = " + "(" * 5000 + "s" + ")" * 5000, "E_TOO_DEEP", "100"),
    ("c = " + "-" * 5000 + "s", "E_TOO_DEEP", "100"),
    ("c = " + "exp(" * 5000 + "s" + ")" * 5000, "E_TOO_DEEP", "100"),
    ("c = s" + "^s" * 5000, "E_TOO_DEEP", "100"),
    ("c = s" + "^-s" * 5000, "E_TOO_DEEP", "100"),
    ("c = " + "x[T[" * 5000, "E_TOO_DEEP", "100"),
    ("c = " + "sum(i, " * 5000, "E_TOO_DEEP", "100"),
    ("c = " + "exp(1 + 2*" * 60 + "s" + ")" * 60, "E_TOO_DEEP", "100"),
    ("c = " + "s + " * 100_000 + "s", "E_TOO_LONG", "100,000"),
    ("c = s;" * 6_000, "E_TOO_LONG", "5,000"),
]


@pytest.mark.parametrize(("text", "code", "limit"), LIMITS, ids=[t[:20] for t, _, _ in LIMITS])
def test_limits_are_stated(text: str, code: str, limit: str) -> None:
    error = failure(text)
    assert error.code == code
    assert limit in error.message
    assert len(str(error)) < 1000


def test_deep_text_is_refused_also_where_the_stack_is_used_up() -> None:
    def below(frames: int) -> str:
        return below(frames - 1) if frames else failure("c = " + "(" * 5000).code

    assert below(sys.getrecursionlimit() // 3) == "E_TOO_DEEP"


@pytest.mark.parametrize("text", ["", "  \n# nothing\n;;", "tensor x[n]", "index i: N\nlabel T"])
def test_a_text_without_definitions_is_refused(text: str) -> None:
    assert failure(text).code == "E_SYNTAX"


@pytest.mark.parametrize("thing", [None, 3, b"c = x", ["c = x"]])
def test_only_text_is_read(thing: object) -> None:
    assert failure(thing).code == "E_TYPE"  # type: ignore[arg-type]


def test_labels_are_labels_everywhere() -> None:
    error = failure("c = x[T]\nd = 2*T")
    assert (error.code, error.line, error.column) == ("E_INDEX_AS_VALUE", 2, 7)
    error = failure("d = 2*T\nc = x[T]")
    assert (error.code, error.line, error.column) == ("E_BAD_INDEX", 2, 7)
    assert "label T" in error.hint
    assert failure("T = 3\nc = x[T]").code == "E_BAD_INDEX"
    assert failure("c = x[T] + y[T[0]]").code == "E_ORDER"


FULL = [
    "index i: N, j: M\n# two terms\nc[i,j] = a[i,j] + b[i]",
    "tensor b[n]\nc = b[i]",
    "c[i,j] = b[i]",
    "tensor A[n,m]\nc[i] = A[i]",
    "tensor x[n], w[n]\nc[n] = x[w[n]]",
    "tensor a[n,m]\nc[i,j] = delta(i,j)*a[i,j]",
    "tensor a[n,m], x[n]\nc[i] = a[i,j]*x[j]",
    "u = s\nu = s*2",
    "tensor weights[n]; c = weigths[i]*1[i]",
    "s[i] = exp(x[i])/sum(j, exp(x[j])) ; c = -log(s[T]",
    "c[i] = x[i] y[i]",
    "c = (x + y]",
    "c == s",
    "c[i] = i*x[i]",
    "c = 10^10^10 + s",
    "c = s/(2 - 2)",
    "с[i] = x[i]",
    "c[i] = x[i]\u200b + y[i]",
    "exp = s + 1",
    "c = " + "s + " * 40 + "x[i]",
]


def test_messages_in_full(golden: Callable[[str, str], None]) -> None:
    golden("notation_errors.txt", "\n\n".join(str(failure(text)) for text in FULL) + "\n")

"""What people write out of habit, from other notations and libraries, and how this notation says it: for hints."""

from __future__ import annotations

from tensorcalc.notation.tree import Access, Call, Name, Node, Power
from tensorcalc.notation.vocabulary import BINDERS, CALLS

__all__ = ["COUNTS", "SAME", "WRITTEN", "compared", "instead_of_brackets", "instead_of_juxtaposition"]

SAME = {
    "ln": "log",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "swish": "silu",
    "logistic": "sigmoid",
    "maximum": "max",
    "minimum": "min",
    "loggamma": "lgamma",
    "sgn": "sign",
    "power": "pow",
}
"""Other names of functions of the notation."""

_FORMS = {
    "softmax": "exp(x[i])/sum(j, exp(x[j]))",
    "log_softmax": "x[i] - log(sum(j, exp(x[j])))",
    "logsoftmax": "x[i] - log(sum(j, exp(x[j])))",
    "logsumexp": "log(sum(i, exp(x[i])))",
    "logsigmoid": "-softplus(-x)",
    "mean": "sum(i, x[i])/N, with `index i: N`",
    "average": "sum(i, x[i])/N, with `index i: N`",
    "var": "sum(i, (x[i] - m)^2)/N, with the mean m",
    "std": "sqrt(sum(i, (x[i] - m)^2)/N), with the mean m",
    "norm": "sqrt(sum(i, x[i]^2))",
    "trace": "sum(i, X[i,i])",
    "tr": "sum(i, X[i,i])",
    "transpose": "X[j,i]",
    "diag": "delta(i,j)*x[i]",
    "eye": "delta(i,j)",
    "one_hot": "delta(i,T), where T is a label",
    "ones": "1[i]",
    "dot": "x[i]*y[i]",
    "inner": "x[i]*y[i]",
    "outer": "x[i]*y[j]",
    "matmul": "A[i,j]*B[j,k]",
    "einsum": "A[i,j]*B[j,k]",
    "inverse": "inv(X)[i,j]",
    "solve": "inv(A)[i,j]*b[j]",
    "cumsum": "sum(j, le(j,i)*x[j])",
    "argmax": "a label T, whose value is given",
    "argmin": "a label T, whose value is given",
    "amin": "-amax(i, -x[i])",
    "clip": "min(max(x, a), b)",
    "clamp": "min(max(x, a), b)",
    "leaky_relu": "max(x, 0) + a*min(x, 0)",
    "elu": "max(x, 0) + a*(exp(min(x, 0)) - 1)",
    "square": "x^2",
    "rsqrt": "1/sqrt(x)",
    "cbrt": "x^(1/3)",
    "log2": "log(x)/log(2)",
    "log10": "log(x)/log(10)",
    "erfc": "1 - erf(x)",
    "gamma": "exp(lgamma(x))",
    "factorial": "exp(lgamma(x + 1))",
}
WRITTEN = {name: f"write {form}" for name, form in _FORMS.items()}
"""Functions that the notation spells out, each with a hint that does."""

COUNTS = {
    "max": "max(a, b) is of two numbers, and nests; over an index it is amax(i, x[i])",
    "min": "min(a, b) is of two numbers, and nests; over an index it is -amax(i, -x[i])",
    "log": "with another base it is log(x)/log(b)",
    "delta": "delta(i,j) joins two indices, delta(i,j)*delta(j,k) three",
    "atan": "atan(y/x), for a positive x",
}
"""Functions whose number of arguments people get wrong, each with a hint."""

_CONDITIONS = ("if", "else", "where", "when", "and", "or", "not", "for", "in")


def compared(kind: str) -> str:
    """The hint where numbers are compared as indices can be."""
    return f"{kind}(i,j) compares indices; for numbers there are max, min, relu, abs and sign"


def instead_of_juxtaposition(left: Node, before: str, after: str, word: str) -> str:
    """The hint where an operator is missing: what stands before it, as a node and as text, and behind it; the next
    word."""
    if word in _CONDITIONS:
        return "the notation has no conditions: use max, min, relu, or comparisons of indices such as le(i,j)"
    if isinstance(left, Power) and isinstance(left.base, Name) and left.base.name in CALLS:
        inside = after[1:-1] if after.startswith("(") else after
        return f"a power of a function is written behind it: {left.base.name}({inside})^…"
    if isinstance(left, Name):
        kind, _, index = left.name.partition("_")
        kind = {"Sigma": "sum", "Pi": "prod"}.get(kind, kind)
        if kind in BINDERS:
            return f"the index and what it runs over stand in brackets: {kind}({index or 'i'}, {after})"
        if left.name in CALLS:
            return f"a function is applied with brackets: {left.name}({after})"
    return f"a product is written with *: {before}*{after}"


def instead_of_brackets(left: Node, before: str) -> str:
    """The hint where indices follow something that takes none."""
    if isinstance(left, Access):
        return f"all indices stand in one pair of brackets: {before[:-1]},…]"
    if isinstance(left, Call) and left.name in WRITTEN:
        return WRITTEN[left.name]
    if isinstance(left, Call) and len(left.arguments) == 1 and isinstance(left.arguments[0], Name):
        return f"functions are of components: {left.name}({left.arguments[0].name}[…])"
    return "write the components first and combine them: x[i] + y[i]"

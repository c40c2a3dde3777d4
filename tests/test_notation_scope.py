"""Where implied sums close, and which indices are free: the implied form beside the same formula with explicit sums."""

from __future__ import annotations

import pytest

from tensorcalc.notation import parse_text

DECLARED = "index i: N, j: N, k: N, n: N; tensor x[N], y[N], z[N], A[N,N], B[N,N], a, b; label T[N];"

SCOPES = [
    # a product holds the sum; factors and divisors of one chain are one product
    ("c = x[i]*y[i]", "c = sum(i, x[i]*y[i])"),
    ("c = x[i]*y[i]/x[i]", "c = sum(i, x[i]*y[i]/x[i])"),
    ("c = a/x[i]*y[i]", "c = sum(i, a/x[i]*y[i])"),
    ("c = 2*x[i]*a*y[i]*b", "c = sum(i, 2*x[i]*a*y[i]*b)"),
    ("c = x[i]*A[i,j]*y[j]", "c = sum(i, j, x[i]*A[i,j]*y[j])"),
    ("c = x[i]*y[i]*z[i]", "c = sum(i, x[i]*y[i]*z[i])"),
    ("c[i] = A[i,j]*x[j]*y[i]", "c[i] = sum(j, A[i,j]*x[j]*y[i])"),
    # brackets are products of their own
    ("c = a*(x[i]*y[i])", "c = a*sum(i, x[i]*y[i])"),
    ("c = a/(x[i]*y[i])", "c = a/sum(i, x[i]*y[i])"),
    ("c = (x[i]*y[i])^2", "c = sum(i, x[i]*y[i])^2"),
    ("c = 2^(x[i]*y[i])", "c = 2^sum(i, x[i]*y[i])"),
    ("c = (x[i]*y[i])*(x[i]*z[i])", "c = sum(i, (x[i]*y[i])*(x[i]*z[i]))"),
    ("c = (x[i]*y[i])*(x[j]*z[j])", "c = sum(i, x[i]*y[i])*sum(j, x[j]*z[j])"),
    ("s[i] = exp(x[i])/(1[j]*exp(x[j]))", "s[i] = exp(x[i])/sum(j, 1[j]*exp(x[j]))"),
    ("c = 1[i]*(x[i] - 1[i]*a)^2", "c = sum(i, 1[i]*(x[i] - 1[i]*a)^2)"),
    # function arguments
    ("c = log(x[i]*y[i])", "c = log(sum(i, x[i]*y[i]))"),
    ("c = 1[i]*log(x[i])", "c = sum(i, 1[i]*log(x[i]))"),
    ("c = a*exp(b*x[i]*y[i])", "c = a*exp(sum(i, b*x[i]*y[i]))"),
    ("c = max(x[i], y[i])", "c = sum(i, max(x[i], y[i]))"),
    ("c = max(x[i]*y[i], x[i]*z[i])", "c = sum(i, max(x[i]*y[i], x[i]*z[i]))"),
    ("c = max(x[i]*y[i], a)", "c = max(sum(i, x[i]*y[i]), a)"),
    ("c = sqrt(A[i,i])", "c = sqrt(sum(i, A[i,i]))"),
    ("c[i] = 1[i]*log(1[j]*exp(A[i,j]))", "c[i] = 1[i]*log(sum(j, 1[j]*exp(A[i,j])))"),
    ("c = 1[i]*(log(1[j]*exp(A[i,j])) - A[i,i])", "c = sum(i, 1[i]*(log(sum(j, 1[j]*exp(A[i,j]))) - A[i,i]))"),
    # one factor with several occurrences
    ("c = A[k,k]", "c = sum(k, A[k,k])"),
    ("c = 2*A[k,k]", "c = sum(k, 2*A[k,k])"),
    ("c = A[k,k]^2", "c = sum(k, A[k,k]^2)"),
    ("c = (A[k,k])^2", "c = sum(k, A[k,k]^2)"),
    ("c = (-A[k,k])^2", "c = sum(k, A[k,k]^2)"),
    ("c = x[i]^y[i]", "c = sum(i, x[i]^y[i])"),
    ("c = -A[k,k]", "c = -sum(k, A[k,k])"),
    ("c = A[n,T[n]]", "c = sum(n, A[n,T[n]])"),
    ("c = delta(i,i)", "c = sum(i, 1[i])"),
    # added terms are terms of their own, inside brackets too
    ("c = x[i]*y[i] + x[i]*z[i]", "c = sum(i, x[i]*y[i]) + sum(i, x[i]*z[i])"),
    ("c = a*(x[i]*y[i] + x[i]*z[i])", "c = a*(sum(i, x[i]*y[i]) + sum(j, x[j]*z[j]))"),
    ("c = x[i]*(y[i] + z[i])", "c = sum(i, x[i]*(y[i] + z[i]))"),
    ("c = x[i]*(y[i] + a)", "c = sum(i, x[i]*(y[i] + a))"),
    ("c = (A[k,k] + 1)^2", "c = (sum(k, A[k,k]) + 1)^2"),
    ("c = -x[i]*y[i] - z[i]*y[i]", "c = -sum(i, x[i]*y[i]) - sum(i, z[i]*y[i])"),
    ("c = a - x[i]*y[i]", "c = a - sum(i, x[i]*y[i])"),
    # explicit binders are lexical scopes
    ("c = sum(i, x[i]*sum(i, y[i]))", "c = sum(i, x[i])*sum(j, y[j])"),
    ("c = x[i]*sum(i, y[i])*z[i]", "c = sum(i, x[i]*sum(j, y[j])*z[i])"),
    ("c[i] = x[i]*sum(i, y[i])", "c[i] = x[i]*sum(j, y[j])"),
    ("c = sum(i, A[i,j]*B[i,j])", "c = sum(i, sum(j, A[i,j]*B[i,j]))"),
    ("c = sum(i, A[i,j])*y[j]", "c = sum(j, sum(i, A[i,j])*y[j])"),
    ("c = prod(i, A[i,j]*B[i,j])", "c = prod(i, sum(j, A[i,j]*B[i,j]))"),
    # labels sum nothing
    ("c = 1[i]*delta(i,T[0])", "c = sum(i, 1[i]*delta(i,T[0]))"),
    ("c = x[T[0]]", "c = x[T[0]]"),
]


@pytest.mark.parametrize(("implied", "explicit"), SCOPES)
def test_implied_sums_close_where_the_rule_says(implied: str, explicit: str) -> None:
    one, other = (parse_text(DECLARED + text).definitions[0] for text in (implied, explicit))
    if "sum(i, x[i])*sum" in explicit:  # equal in value: the inner sum stays where the author put it
        assert str(one.rhs) == "sum(k, x[k]*sum(j, y[j]))"
    elif "sum(j, sum(i" in explicit:
        assert one.rhs.func is other.rhs.func
    else:
        assert one.rhs == other.rhs

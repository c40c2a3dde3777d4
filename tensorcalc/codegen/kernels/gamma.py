"""Derivatives of the logarithm of the gamma function in C, which its library lacks.

They have loops whose length depends on the argument, so they are computed one by one, and in double precision always.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["GAMMA"]

GAMMA: Mapping[str, str] = {
    "digamma": """\
/* the derivative of lgamma: up to x >= 10 by its recurrence, from there by its series; left of 0 by its reflection */
static double fast_digamma(double x)
{
    if (x == 0)
        return copysign(INFINITY, -x);
    if (x < 0)
        return x == floor(x) ? NAN : fast_digamma(1 - x) - 3.141592653589793 / tan(3.141592653589793 * (x - floor(x)));
    double sum = 0;
    for (; x < 10; x += 1)
        sum -= 1 / x;
    const double s = 1 / (x * x);
    double r = -1.0 / 12;
    r = r * s + 691.0 / 32760;
    r = r * s - 1.0 / 132;
    r = r * s + 1.0 / 240;
    r = r * s - 1.0 / 252;
    r = r * s + 1.0 / 120;
    r = r * s - 1.0 / 12;
    return sum + log(x) - 0.5 / x + r * s;
}
""",
    "polygamma": """\
/* the derivative of digamma of order n > 0: (-1)^(n + 1) n! times the sum of 1/(x + k)^(n + 1) over k >= 0, the first
   terms plainly and the rest by Euler and Maclaurin; where there are too many of them, left of -1e6, NaN */
static double fast_polygamma(int n, double x)
{
    static const double numbers[] = {1.0 / 12, -1.0 / 720, 1.0 / 30240, -1.0 / 1209600, 1.0 / 47900160,
        -691.0 / 1307674368000.0, 1.0 / 74724249600.0};
    if (x < -1e6)
        return NAN;
    double factor = n % 2 ? 1 : -1, sum = 0;
    for (int k = 2; k <= n; k++)
        factor *= k;
    for (; x < 10 + n; x += 1)
        sum += pow(x, -n - 1);
    sum += pow(x, -n) / n + pow(x, -n - 1) / 2;
    double term = (n + 1) * pow(x, -n - 2);
    for (int j = 0; j < 7; j++) {
        sum += numbers[j] * term;
        term *= (n + 2 * j + 2) * (n + 2 * j + 3) / (x * x);
    }
    return factor * sum;
}
""",
}

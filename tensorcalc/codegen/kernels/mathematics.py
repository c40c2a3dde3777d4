"""Elementwise functions in C: written without branches and calls, so that compilers vectorise the loops around them.

Each entry is the code of one function for `real`, which is float or double; `NEEDS` says which others it calls.
NaN and infinities give what PyTorch gives. Accuracy, measured in `tests/test_kernels_mathematics.py`, in units in the
last place: exp 1, expm1 2, log 1, log1p 2, sigmoid 3, tanh 3, erf 2, softplus 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tensorcalc.codegen.kernels.gamma import GAMMA

__all__ = ["FUNCTIONS", "PRELUDE", "written"]

PRELUDE = """\
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef TENSORCALC_DOUBLE
typedef double real;
typedef int64_t bits;
#define R(x) (x)
#define M(name) name
#else
typedef float real;
typedef int32_t bits;
#define R(x) (x##f)
#define M(name) name##f
#endif
"""

FUNCTIONS: Mapping[str, str] = {
    "parts": """\
/* x = n log 2 + r with |r| <= log(2)/2; r to twice the precision of a product. The lowest bits of *word are n. */
static inline real reduced(real x, real *n, bits *word)
{
#ifdef TENSORCALC_DOUBLE
    const double shift = 6755399441055744.0, shifted = x * 1.4426950408889634 + shift;
    *n = shifted - shift;
    memcpy(word, &shifted, sizeof shifted);
    return (x - *n * 0.6931471803691238) - *n * 1.9082149292705877e-10;
#else
    const float shift = 12582912.0f, shifted = x * 1.44269504f + shift;
    *n = shifted - shift;
    memcpy(word, &shifted, sizeof shifted);
    return (x - *n * 0.693145752f) - *n * 1.42860677e-6f;
#endif
}

/* 2^n for -127 <= n <= 128 (-1023 <= n <= 1024): 0 and infinity at the ends */
static inline real power_of_two(bits n)
{
#ifdef TENSORCALC_DOUBLE
    const uint64_t word = ((uint64_t)n + 1023) << 52;
#else
    const uint32_t word = ((uint32_t)n + 127) << 23;
#endif
    real result;
    memcpy(&result, &word, sizeof result);
    return result;
}

/* (e^r - 1 - r)/r^2 for |r| <= log(2)/2 */
static inline real exponential_tail(real r)
{
#ifdef TENSORCALC_DOUBLE
    double p = 1.0 / 87178291200.0;
    p = p * r + 1.0 / 6227020800.0;
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    return p * r + 0.5;
#else
    float p = 1.38145986e-3f;
    p = p * r + 8.36871688e-3f;
    p = p * r + 4.16683880e-2f;
    p = p * r + 1.66665206e-1f;
    return p * r + 4.99999934e-1f;
#endif
}
""",
    "exp": """\
#ifdef TENSORCALC_EXACT
static inline real fast_exp(real x)
{
    return M(exp)(x);
}
#else
static inline real fast_exp(real x)
{
#ifdef TENSORCALC_DOUBLE
    const double least = -746.0, most = 710.0;
#else
    const float least = -104.0f, most = 89.0f;
#endif
    real n;
    bits word;
    real y = x < least ? least : x;
    y = y > most ? most : y;
    const real r = reduced(y, &n, &word);
    const bits whole = (bits)n, half = whole >> 1; /* in two steps, so that subnormal results are right */
    return ((exponential_tail(r) * r + 1) * r + 1) * power_of_two(half) * power_of_two(whole - half);
}
#endif
""",
    "decay": """\
#ifdef TENSORCALC_EXACT
static inline real fast_decay(real x)
{
    return M(exp)(x);
}
#else
/* e^x for x <= 0; what would be subnormal is 0 */
static inline real fast_decay(real x)
{
#ifdef TENSORCALC_DOUBLE
    const double least = -709.1;
#else
    const float least = -88.0f;
#endif
    real n;
    bits word;
    const real r = reduced(x < least ? least : x, &n, &word);
    return ((exponential_tail(r) * r + 1) * r + 1) * power_of_two(word);
}
#endif
""",
    "decay1": """\
#ifdef TENSORCALC_EXACT
static inline real fast_decay1(real x)
{
    return M(expm1)(x);
}
#else
/* e^x - 1 for x <= 0 */
static inline real fast_decay1(real x)
{
#ifdef TENSORCALC_DOUBLE
    const double least = -40.0;
#else
    const float least = -20.0f;
#endif
    real n;
    bits word;
    const real r = reduced(x < least ? least : x, &n, &word);
    const real scale = power_of_two(word);
    return scale * (exponential_tail(r) * r * r + r) + (scale - 1);
}
#endif
""",
    "expm1": """\
#ifdef TENSORCALC_EXACT
static inline real fast_expm1(real x)
{
    return M(expm1)(x);
}
#else
static inline real fast_expm1(real x)
{
#ifdef TENSORCALC_DOUBLE
    const double least = -40.0, most = 710.0;
#else
    const float least = -20.0f, most = 89.0f;
#endif
    real n;
    bits word;
    real y = x < least ? least : x;
    y = y > most ? most : y;
    const real r = reduced(y, &n, &word);
    const real small = exponential_tail(r) * r * r + r;
    const bits whole = (bits)n, half = whole >> 1;
    const real first = power_of_two(half), second = power_of_two(whole - half), scale = first * second;
    const real moderate = scale * small + (scale - 1);
    return n > 100 ? (small + 1) * first * second : x == 0 ? x : moderate;
}
#endif
""",
    "sigmoid": """\
static inline real fast_sigmoid(real x)
{
    const real e = fast_decay(-M(fabs)(x)), share = 1 / (1 + e);
    return x >= 0 ? share : e * share;
}
""",
    "tanh": """\
#ifdef TENSORCALC_EXACT
static inline real fast_tanh(real x)
{
    return M(tanh)(x);
}
#else
static inline real fast_tanh(real x)
{
    const real t = fast_decay1(-2 * M(fabs)(x));
    return M(copysign)(-t / (2 + t), x);
}
#endif
""",
    "log": """\
#ifdef TENSORCALC_EXACT
static inline real fast_log(real x)
{
    return M(log)(x);
}
#else
static inline real fast_log(real x)
{
    const real tiny = x < R(3.0e-38) ? R(1.0) : R(0.0);
#ifdef TENSORCALC_DOUBLE
    const double y = tiny != 0 ? x * 4503599627370496.0 : x, shift = tiny * 52;
    bits word;
    memcpy(&word, &y, sizeof word);
    const bits exponent = (word - 0x3fe6a09e667f3bcd) >> 52;
    word -= exponent * ((bits)1 << 52);
#else
    const float y = tiny != 0 ? x * 8388608.0f : x, shift = tiny * 23;
    bits word;
    memcpy(&word, &y, sizeof word);
    const bits exponent = (word - 0x3f3504f3) >> 23;
    word -= exponent * (1 << 23);
#endif
    real m;
    memcpy(&m, &word, sizeof m); /* sqrt(1/2) <= m < sqrt(2), x = 2^n m */
    const real n = (real)exponent - shift;
    const real f = m - 1;
#ifdef TENSORCALC_DOUBLE
    const double s = f / (2 + f), z = s * s, h = 0.5 * f * f;
    double p = 1.479819860511658591e-01;
    p = p * z + 1.531383769920937332e-01;
    p = p * z + 1.818357216161805012e-01;
    p = p * z + 2.222219843214978396e-01;
    p = p * z + 2.857142874366239149e-01;
    p = p * z + 3.999999999940941908e-01;
    p = p * z + 6.666666666666735130e-01;
    const double value = n * 6.93147180369123816490e-01
        - ((h - (s * (h + p * z) + n * 1.90821492927058770002e-10)) - f);
#else
    float p = 7.0376836292e-2f;
    p = p * f - 1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f - 1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f - 1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f - 2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    const float z = f * f;
    float value = p * f * z + n * -2.12194440e-4f;
    value = value - 0.5f * z;
    value = (f + value) + n * 0.693359375f;
#endif
    const real wrong = x == 0 ? -(real)INFINITY : (real)NAN;
    const real proper = x > 0 ? value : wrong;
    return x == (real)INFINITY ? x : proper;
}
#endif
""",
    "log1p": """\
#ifdef TENSORCALC_EXACT
static inline real fast_log1p(real x)
{
    return M(log1p)(x);
}
#else
static inline real fast_log1p(real x)
{
    const real u = 1 + x;
    const real correction = (x - (u - 1)) / u;
    const real value = fast_log(u) + correction;
    return x == (real)INFINITY || u == 0 || x == 0 ? (x == 0 ? x : fast_log(u)) : value;
}
#endif
""",
    "softplus": """\
static inline real fast_softplus(real x)
{
    return (x > 0 ? x : x != x ? x : 0) + fast_log1p(fast_decay(-M(fabs)(x)));
}
""",
    "logaddexp": """\
static inline real fast_logaddexp(real a, real b)
{
    const real larger = a > b ? a : b, smaller = a > b ? b : a;
    const real gap = smaller - larger;
    const real value = larger + fast_log1p(fast_decay(gap));
    return a == b ? a + R(0.6931471805599453) : value;
}
""",
    "erf": """\
#ifdef TENSORCALC_EXACT
static inline real fast_erf(real x)
{
    return M(erf)(x);
}
#else
static inline real fast_erf(real x)
{
#ifdef TENSORCALC_DOUBLE
    return erf(x);
#else
    const float t = fabsf(x), s = x * x;
    float r = -1.72853470e-5f * t + 3.83197126e-4f;
    r = r * s + (-3.88396438e-3f * t + 2.42546219e-2f);
    r = r * t - 1.06777877e-1f;
    r = r * t - 6.34846687e-1f;
    r = r * t - 1.28717512e-1f;
    r = r * t - t;
    const float large = copysignf(1.0f - fast_decay(t > 4.0f ? -20.0f : r), x);
    float p = -5.96761703e-4f;
    p = p * s + 4.99119423e-3f;
    p = p * s - 2.67681349e-2f;
    p = p * s + 1.12819925e-1f;
    p = p * s - 3.76125336e-1f;
    p = p * s + 1.28379166e-1f;
    const float value = t > 0.927734375f ? large : p * x + x;
    return x != x ? x : value;
#endif
}
#endif
""",
    **GAMMA,
}

NEEDS: Mapping[str, tuple[str, ...]] = {
    "exp": ("parts",),
    "expm1": ("parts",),
    "decay": ("parts",),
    "decay1": ("parts",),
    "sigmoid": ("decay",),
    "tanh": ("decay1",),
    "log1p": ("log",),
    "softplus": ("decay", "log1p"),
    "logaddexp": ("decay", "log1p"),
    "erf": ("decay",),
}


def written(words: Iterable[str]) -> str:
    """The code of the functions and of what they call, each after what it needs."""
    ordered: dict[str, None] = {}

    def visit(word: str) -> None:
        for other in NEEDS.get(word, ()):
            visit(other)
        ordered.setdefault(word)

    for word in words:
        visit(word)
    return "\n".join(FUNCTIONS[word] for word in ordered)

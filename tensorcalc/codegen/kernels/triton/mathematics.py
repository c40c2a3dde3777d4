"""Functions of numbers that Triton's language lacks, as functions of the generated file.

They are written with what the language has, so that they run wherever it does, in single and in double precision.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

__all__ = ["COMBINERS", "HELPERS", "helpers"]

COMBINERS = ("greatest", "times")
"""Functions of two entries with which rows are reduced."""

HELPERS: Mapping[str, str] = {
    "greatest": '''\
def _greatest(a, b):
    """The maximum; NaN counts as larger than everything."""
    return tl.where((a > b) | (a != a), a, b)
''',
    "times": """\
def _times(a, b):
    return a * b
""",
    "log1p": '''\
def _log1p(x):
    """log(1 + x) with what 1 + x has lost made good."""
    u = 1.0 + x
    lost = tl.where(tl.abs(u) == float("inf"), 0.0, (x - (u - 1.0)) / u)
    return tl.where(u == 1.0, x, tl.where(u == 0.0, -float("inf"), tl.log(u) + lost))
''',
    "expm1": '''\
def _expm1(x):
    """exp(x) - 1: near 0 by its series, elsewhere by tanh(x/2) or plainly."""
    near = x * (1.0 + x * (0.5 + x * (1.0 / 6 + x * (1.0 / 24 + x * (1.0 / 120 + x * (1.0 / 720 + x / 5040))))))
    half = _tanh_near(0.5 * tl.where(tl.abs(x) < 1.0, x, 0.0))
    middle = 2.0 * half / (1.0 - half)
    return tl.where(tl.abs(x) < 0.01, near, tl.where(tl.abs(x) < 1.0, middle, tl.exp(x) - 1.0))
''',
    "tanh_near": '''\
def _tanh_near(x):
    """tanh for |x| < 0.625, by a quotient of polynomials."""
    z = x * x
    above = (-0.96439917942504 * z - 99.2877231001919) * z - 1614.6876844170845
    below = ((z + 112.81167849163293) * z + 2235.488390601004) * z + 4844.063053251255
    return x + x * z * (above / below)
''',
    "tanh": '''\
def _tanh(x):
    """tanh: far from 0 by the exponential."""
    t = tl.exp(-2.0 * tl.abs(x))
    far = (1.0 - t) / (1.0 + t)
    return tl.where(tl.abs(x) < 0.625, _tanh_near(x), tl.where(x < 0, -far, far))
''',
    "softplus": '''\
def _softplus(x):
    """log(1 + exp(x)) without overflow."""
    return tl.where(x > 0, x, tl.where(x != x, x, 0.0)) + _log1p(tl.exp(-tl.abs(x)))
''',
    "logaddexp": '''\
def _logaddexp(a, b):
    """log(exp(a) + exp(b)) without overflow."""
    top = tl.where((a > b) | (a != a), a, b)
    apart = tl.where(a == b, 0.0, -tl.abs(a - b))
    return top + _log1p(tl.exp(apart))
''',
    "tan": """\
def _tan(x):
    return tl.sin(x) / tl.cos(x)
""",
    "sinh": '''\
def _sinh(x):
    """sinh: for large x by half the exponential of half the exponent, twice, so that nothing overflows early."""
    u = _expm1(tl.abs(x))
    half = tl.exp(0.5 * tl.abs(x))
    value = tl.where(tl.abs(x) > 80.0, 0.5 * half * half, 0.5 * (u + u / (u + 1.0)))
    return tl.where(x < 0, -value, value)
''',
    "cosh": """\
def _cosh(x):
    half = tl.exp(0.5 * tl.abs(x))
    return 0.5 * half * half + 0.5 / half / half
""",
    "atan": '''\
def _atan(x):
    """atan: the argument brought below tan(π/8), then a quotient of polynomials."""
    a = tl.abs(x)
    far, middle = a > 2.414213562373095, a > 0.6640625
    r = tl.where(far, -1.0 / a, tl.where(middle, (a - 1.0) / (a + 1.0), a))
    base = tl.where(far, 2.0, tl.where(middle, 1.0, 0.0)).to(x.dtype) * 0.7853981633974483
    z = r * r
    above = ((((-0.8750608600031904 * z - 16.15753718733365) * z - 75.00855792314705) * z - 122.88666844901361) * z
        - 64.85021904942025)
    below = ((((z + 24.858464901423062) * z + 165.02700983169885) * z + 432.88106049129027) * z
        + 485.3903996359137) * z + 194.5506571482614
    value = base + (r + r * z * (above / below))
    return tl.where(x < 0, -value, value)
''',
    "asin": """\
def _asin(x):
    return _atan(x / tl.sqrt((1.0 - x) * (1.0 + x)))
""",
    "acos": """\
def _acos(x):
    return 2.0 * _atan(tl.sqrt((1.0 - x) / (1.0 + x)))
""",
    "power": '''\
def _power(a, b):
    """a to the power b, by exp and log; for a < 0 where b is whole."""
    a += tl.zeros_like(b)
    b += tl.zeros_like(a)
    value = tl.exp(b * tl.log(tl.abs(a)))
    whole = tl.floor(b) == b
    odd = whole & (2.0 * tl.floor(0.5 * b) != b)
    value = tl.where(a < 0, tl.where(whole, tl.where(odd, -value, value), float("nan")), value)
    return tl.where((b == 0) | (a == 1), 1.0, value)
''',
}
"""The body of each function by its name; others that it calls stand in it with a `_` before."""


def helpers(words: Iterable[str]) -> str:
    """The functions of some names and those that they call, in an order in which they can be defined."""
    wanted: dict[str, None] = {}

    def add(word: str) -> None:
        if word in wanted:
            return
        for other in re.findall(r"\b_(\w+)\(", HELPERS[word].split(":\n", 1)[1]):
            if other in HELPERS:
                add(other)
        wanted[word] = None

    for word in words:
        add(word)
    order = [w for w in HELPERS if w in wanted]
    placed: list[str] = []
    while order:
        for word in order:
            body = HELPERS[word].split(":\n", 1)[1]
            if not any(re.search(rf"\b_{other}\(", body) for other in order if other != word):
                placed.append(word)
                order.remove(word)
                break
    return "\n\n".join(f"@triton.jit\n{HELPERS[word]}" for word in placed)

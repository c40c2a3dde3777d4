"""Functions of which an article says nothing but the name: smooth, random, the same wherever the name stands."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from tensorcalc.verify.numbers import Value, add, apply, constant, multiply

__all__ = ["unknown_function"]


def unknown_function(name: str, arguments: Sequence[Value], primes: int, seed: int) -> Value:
    """a sin(b·u + c) + d·u + e u² for numbers that depend on the name and the point; `primes` derivatives of it.

    It is entrywise in its arguments, and no identity of known functions holds for it.
    """
    generator = np.random.default_rng([seed, zlib.crc32(name.encode()), 7])
    slopes = generator.uniform(0.4, 1.2, len(arguments))
    scale, shift, line, bend = generator.uniform(0.5, 1.5, 4)
    argument = multiply(constant(slopes[0]), arguments[0])
    for slope, extra in zip(slopes[1:], arguments[1:], strict=True):
        argument = add(argument, multiply(constant(slope), extra))
    rate = slopes[0] if primes else 1.0
    turned = add(argument, constant(shift + primes * np.pi / 2))
    result = multiply(constant(scale * rate**primes), apply("sin", turned))
    polynomial = {0: (0.0, line, bend), 1: (line, 2 * bend, 0.0), 2: (2 * bend, 0.0, 0.0)}.get(primes, (0.0, 0.0, 0.0))
    for degree, coefficient in enumerate(polynomial):
        part: Value = constant(coefficient * rate**primes)
        for _ in range(degree):
            part = multiply(part, argument)
        result = add(result, part)
    return result

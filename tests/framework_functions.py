"""Functions of deep learning with arguments, for the tests of the wrappers; twelve of them are in the library."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

import tensorcalc as tc

WRITTEN = {
    "logsumexp": "l = log(sum(i, exp(x[i])))",
    "mlp": """
        index n: N, i: I, h: H, k: K
        z[n,h] = tanh(x[n,i]*U[i,h] + 1[n]*b[h])
        y[n,k] = z[n,h]*W[h,k]
        s[n,k] = exp(y[n,k])/sum(k, exp(y[n,k]))
        l = -1/N * 1[n]*log(s[n,T[n]])
    """,
}
LIBRARY = (
    *("softmax", "cross_entropy", "cross_entropy_batch", "nll", "linear", "layer_norm", "rms_norm", "attention"),
    *("swiglu", "gaussian_nll", "label_smoothing", "kl_divergence"),
)
NAMES = (*LIBRARY, *WRITTEN)
LENGTHS = (3, 2, 4, 2, 3)
POSITIVE = frozenset(("p", "epsilon", "v"))


@cache
def system(name: str) -> tc.System:
    """The system of a function."""
    return tc.parse(WRITTEN[name]) if name in WRITTEN else tc.load(name)


@cache
def wrapped(name: str, framework: str, form: str) -> Any:
    """The wrapped function; its derivatives are derived once for all tests."""
    return system(name).wrap(framework=framework, form=form)


def arguments(system: tc.System, seed: int = 0) -> dict[str, Any]:
    """Random arguments by name: float64 numbers, and labels that lie in their dimensions."""
    random = np.random.default_rng(seed)
    dimensions = dict.fromkeys(d for t in system.inputs for d in (*t.dimensions, t.label_dimension) if d is not None)
    length = {d: LENGTHS[place % len(LENGTHS)] for place, d in enumerate(dimensions)}
    found: dict[str, Any] = {}
    for tensor in system.inputs:
        shape = tuple(length[d] for d in tensor.dimensions)
        if tensor.label_dimension is not None:
            found[tensor.name] = random.integers(0, length[tensor.label_dimension], shape)
        elif tensor.name in POSITIVE:
            found[tensor.name] = random.uniform(0.2, 0.8, shape)
        else:
            found[tensor.name] = random.normal(size=shape)
    return found


def numbers(system: tc.System) -> list[str]:
    """The names of the inputs that are no labels."""
    return [t.name for t in system.inputs if not t.is_label]

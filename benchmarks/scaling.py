"""How the time of a derivation grows with the number of layers or definitions.

    python benchmarks/scaling.py [--quick]

Prints the processor time to derive and to compile, and the exponent of the growth over the whole range: 1 is linear.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable

import tensorcalc as tc


def mlp(depth: int) -> str:
    """A perceptron with `depth` hidden layers and a squared loss."""
    rows = []
    for k in range(1, depth + 1):
        rows.append(f"z{k}[b,h{k}] = a{k - 1}[b,h{k - 1}]*W{k}[h{k},h{k - 1}] + 1[b]*c{k}[h{k}]")
        rows.append(f"a{k}[b,h{k}] = tanh(z{k}[b,h{k}])")
    return "\n".join([*rows, f"l = 1[b]*1[h{depth}]*(a{depth}[b,h{depth}] - y[b,h{depth}])^2"])


BLOCK = """
m{l}[s] = 1/D*sum(d, x{p}[s,d])
c{l}[s,d] = x{p}[s,d] - 1[d]*m{l}[s]
v{l}[s] = 1/D*sum(d, c{l}[s,d]^2)
r{l}[s] = sqrt(v{l}[s] + eps)
n{l}[s,d] = c{l}[s,d]/r{l}[s]*g{l}[d] + 1[s]*b{l}[d]
q{l}[s,h,k] = sum(d, n{l}[s,d]*Wq{l}[d,h,k])
K{l}[s,h,k] = sum(d, n{l}[s,d]*Wk{l}[d,h,k])
V{l}[s,h,k] = sum(d, n{l}[s,d]*Wv{l}[d,h,k])
a{l}[h,s,t] = sum(k, q{l}[s,h,k]*K{l}[t,h,k])/sqrt(K)
p{l}[h,s,t] = exp(a{l}[h,s,t])/sum(u, exp(a{l}[h,s,u]))
o{l}[s,h,k] = sum(t, p{l}[h,s,t]*V{l}[t,h,k])
y{l}[s,d] = x{p}[s,d] + sum(h,k, o{l}[s,h,k]*Wo{l}[h,k,d])
mm{l}[s] = 1/D*sum(d, y{l}[s,d])
cc{l}[s,d] = y{l}[s,d] - 1[d]*mm{l}[s]
vv{l}[s] = 1/D*sum(d, cc{l}[s,d]^2)
rr{l}[s] = sqrt(vv{l}[s] + eps)
nn{l}[s,d] = cc{l}[s,d]/rr{l}[s]*gg{l}[d] + 1[s]*bb{l}[d]
z{l}[s,f] = sum(d, nn{l}[s,d]*Wa{l}[d,f]) + 1[s]*ba{l}[f]
w{l}[s,f] = gelu(z{l}[s,f])
x{l}[s,d] = y{l}[s,d] + sum(f, w{l}[s,f]*Wb{l}[f,d]) + 1[s]*bo{l}[d]
"""


def transformer(depth: int) -> str:
    """A transformer, twenty definitions a block."""
    blocks = (BLOCK.format(l=k, p=k - 1) for k in range(1, depth + 1))
    return "index s: S, t: S, u: S, d: D, e: D, h: H, k: K, f: F\n" + "".join(blocks)


def powers(length: int) -> str:
    """A chain of scalars, a_{k+1} = a_k² + a_k."""
    return "\n".join(f"a{k + 1} = a{k}^2 + a{k}" for k in range(length))


def recurrence(length: int) -> str:
    """A recurrence with shared weights, one definition for each step."""
    rows = ["a1[i] = tanh(a0[i]*w[i])"]
    rows += [f"a{k + 1}[i] = tanh(a{k}[i]*w[i]) + a{k - 1}[i]" for k in range(1, length)]
    return "\n".join([*rows, f"l = sum(i, a{length}[i]^2)"])


FAMILIES: tuple[tuple[str, Callable[[int], str], tuple[int, ...]], ...] = (
    ("mlp", mlp, (1, 2, 4, 8, 16, 32, 64)),
    ("transformer", transformer, (1, 2, 4, 12)),
    ("powers", powers, (15, 30, 60)),
    ("recurrence", recurrence, (250, 500, 1000, 2000)),
)


def measure(text: str) -> tuple[float, float]:
    """Seconds to derive and to compile."""
    system = tc.parse(text)
    start = time.process_time()
    derivation = system.derive()
    middle = time.process_time()
    derivation.lambdify("numpy")
    return middle - start, time.process_time() - middle


def main(quick: bool) -> None:
    """Measure and print every family."""
    measure(mlp(1))
    for name, write, sizes in FAMILIES:
        chosen = sizes[:-1] if quick else sizes
        rows = [(size, *measure(write(size))) for size in chosen]
        for size, derive, compile_ in rows:
            print(f"{name:12} {size:5}  derive {derive:7.2f} s  compile {compile_:7.2f} s", flush=True)
        (small, first, _), (large, last, _) = rows[0], rows[-1]
        print(f"{name:12} exponent {math.log(last / first) / math.log(large / small):.2f}\n", flush=True)


if __name__ == "__main__":
    main("--quick" in sys.argv)

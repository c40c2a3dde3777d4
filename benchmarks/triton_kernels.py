"""Generated Triton kernels beside PyTorch's own functions and torch.compile, on a GPU.

    python benchmarks/triton_kernels.py [--only NAME] [--json FILE] [--small]

Each workload computes a value and its gradients. Times are medians over many calls; every result is compared with
PyTorch's in float64 (of some rows), in the same run. Bytes are those that no implementation can avoid: arguments read
once, results written once; beside them stands the rate at which the card copies. With --small, or without a GPU, the
kernels run at small sizes in Triton's interpreter, for correctness only.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

if __name__ == "__main__" and ("--small" in sys.argv or not torch.cuda.is_available()):
    os.environ["TRITON_INTERPRET"] = "1"  # before Triton is imported

import tensorcalc as tc

ROUNDS = 20
EQUATIONS = {
    "mean cross entropy": (
        "index n: N\ns[n,i] = exp(x[n,i])/sum(j, exp(x[n,j]))\ny = -1/N*sum(n, log(s[n,T[n]]))",
        ["x"],
    ),
    "layer norm": (
        "index b: B, h: H\nm[b] = 1/H*sum(h, x[b,h])\nu[b,h] = x[b,h] - 1[h]*m[b]\nv[b] = 1/H*sum(h, u[b,h]^2)\n"
        "y[b,h] = u[b,h]/sqrt(v[b] + eps)*g[h] + 1[b]*beta[h]",
        ["x", "g", "beta"],
    ),
    "rms norm": (
        "index b: B, h: H\nr[b] = sqrt(1/H*sum(h, x[b,h]^2) + eps)\ny[b,h] = x[b,h]/r[b]*g[h]",
        ["x", "g"],
    ),
    "gelu": ("y[b,h] = 1/2*x[b,h]*(1 + tanh(sqrt(2/pi)*(x[b,h] + 0.044715*x[b,h]^3)))", ["x"]),
}
SHAPES = {
    "mean cross entropy": [(4096, 32000), (8192, 128256)],
    "layer norm": [(8192, 1024), (8192, 4096), (8192, 8192)],
    "rms norm": [(8192, 4096), (8192, 8192)],
    "gelu": [(8192, 4096), (8192, 14336)],
}
SMALL = {"mean cross entropy": [(5, 129)], "layer norm": [(7, 129)], "rms norm": [(7, 33)], "gelu": [(7, 33)]}


def reference(name: str, given: dict[str, Any]) -> Any:
    """The value by PyTorch's own function."""
    x = given["x"]
    if name == "mean cross entropy":
        return F.cross_entropy(x, given["T"])
    if name == "layer norm":
        return F.layer_norm(x, x.shape[1:], given["g"], given["beta"], given["eps"])
    if name == "rms norm":
        return F.rms_norm(x, x.shape[1:], given["g"], given["eps"])
    return F.gelu(x, approximate="tanh")


@dataclass
class Measure:
    """One implementation on one workload. `rate` is in bytes per second, `room` what it allocated beside arguments."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    variant: str
    seconds: float
    rate: float
    room: int
    error: float


def arguments(name: str, shape: tuple[int, int], dtype: torch.dtype, device: str) -> dict[str, Any]:
    """Random arguments; the upstream gradient is `d_y` where the value is no scalar."""
    torch.manual_seed(0)
    rows, columns = shape
    given: dict[str, Any] = {"x": torch.randn(shape, device=device, dtype=dtype)}
    if name == "mean cross entropy":
        given["T"] = torch.randint(0, columns, (rows,), device=device)
        return given
    if "norm" in name:
        given |= {"g": torch.randn(columns, device=device, dtype=dtype), "eps": 1e-5}
    if name == "layer norm":
        given["beta"] = torch.randn(columns, device=device, dtype=dtype)
    given["d_y"] = torch.randn(shape, device=device, dtype=dtype)
    return given


def by_autograd(name: str, function: Callable[..., Any], given: dict[str, Any]) -> tuple[Any, ...]:
    """Value and gradients by PyTorch's autograd of a function."""
    moving = {w: given[w].detach().requires_grad_() for w in EQUATIONS[name][1]}
    value = function(name, {**given, **moving})
    return (value, *torch.autograd.grad(value, list(moving.values()), given.get("d_y")))


def variants(name: str, given: dict[str, Any], small: bool) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The implementations; the generated one also with the gradient over the argument."""
    text, wrt = EQUATIONS[name]
    derivation = tc.parse(text).derive("y", wrt=wrt, kind="gradient" if name == "mean cross entropy" else "vjp")
    both = derivation.lambdify("triton", value_and_grad=True)
    yield "tensorcalc", lambda: both(**given)
    yield "torch", lambda: by_autograd(name, reference, given)
    if not small:
        compiled = torch.compile(reference, dynamic=False)
        yield "torch.compile", lambda: by_autograd(name, compiled, given)
    only = derivation.lambdify("triton")
    if name == "mean cross entropy":
        own = given["x"].clone()
        yield "tensorcalc, gradient alone, in place", lambda: only(**{**given, "x": own}, out=own)


def timed(run: Callable[[], Any], device: str) -> tuple[float, int]:
    """Median seconds of a call, and the bytes that it allocates at most."""
    run()
    if device == "cpu":
        start = time.perf_counter()
        run()
        return time.perf_counter() - start, 0
    run()
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    run()
    torch.cuda.synchronize()
    room = torch.cuda.max_memory_allocated() - before
    seconds = []
    for _ in range(ROUNDS):
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        first.record()
        run()
        last.record()
        torch.cuda.synchronize()
        seconds.append(first.elapsed_time(last) / 1000)
    return statistics.median(seconds), room


def least_bytes(name: str, given: dict[str, Any]) -> int:
    """What must be read and written: arguments once, and value and gradients."""
    tensors = [v for v in given.values() if isinstance(v, torch.Tensor)]
    read = sum(t.numel() * t.element_size() for t in tensors)
    written = sum(given[w].numel() * given[w].element_size() for w in EQUATIONS[name][1])
    value = 1 if name == "mean cross entropy" else given["x"].numel()
    return int(read + written + value * given["x"].element_size())


def wrong(name: str, found: Any, given: dict[str, Any]) -> float:
    """The largest difference from float64, relative to the largest number of each result."""
    exact = {k: v.double() if isinstance(v, torch.Tensor) and v.is_floating_point() else v for k, v in given.items()}
    worst = 0.0
    results = found if isinstance(found, tuple) else (found,)
    expected = by_autograd(name, reference, exact)
    for one, other in zip(results, expected[len(expected) - len(results) :], strict=True):
        scale = max(1e-3, other.abs().max().item()) if name == "mean cross entropy" else other.abs().max().item()
        worst = max(worst, (one.double() - other).abs().max().item() / scale)
    return worst


def measure(name: str, shape: tuple[int, int], dtype: torch.dtype, device: str) -> Iterator[Measure]:
    """Every implementation of one workload."""
    given = arguments(name, shape, dtype, device)
    check = given if shape[0] * shape[1] <= 1 << 27 else None  # float64 of the largest would not fit beside the rest
    for variant, run in variants(name, given, device == "cpu"):
        error = wrong(name, run(), given) if check is not None else float("nan")
        seconds, room = timed(run, device)
        yield Measure(
            name, shape, str(dtype).split(".")[1], variant, seconds, least_bytes(name, given) / seconds, room, error
        )


def copy_rate() -> float:
    """The bytes per second that the card reads and writes when it copies."""
    source = torch.empty(1 << 28, device="cuda")
    target = torch.empty_like(source)
    seconds, _ = timed(lambda: target.copy_(source), "cuda")
    return 2 * source.numel() * 4 / seconds


def main(options: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(EQUATIONS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--small", action="store_true")
    chosen = parser.parse_args(options)
    small = chosen.small or not torch.cuda.is_available()
    device = "cpu" if small else "cuda"
    copied = float("nan") if small else copy_rate()
    print("in the interpreter" if small else f"{torch.cuda.get_device_name()}, copies {copied / 1e9:.0f} GB/s")
    found: list[Measure] = []
    for name in [chosen.only] if chosen.only else list(EQUATIONS):
        for shape in (SMALL if small else SHAPES)[name]:
            for dtype in (torch.float32, torch.bfloat16):
                for m in measure(name, shape, dtype, device):
                    found.append(m)
                    figures = (
                        "" if small else f"{m.seconds * 1e3:9.3f} ms {m.rate / 1e9:7.0f} GB/s {m.rate / copied:5.2f}"
                    )
                    memory = "" if small else f" {m.room / 2**20:8.0f} MiB"
                    print(f"{name:20} {m.shape!s:15} {m.dtype:9} {m.variant:38}{figures}{memory} {m.error:9.1e}")
    if chosen.json:
        chosen.json.write_text(json.dumps([vars(m) for m in found], indent=1), encoding="utf-8")
    limits = {"float32": 1e-4, "bfloat16": 3e-2}
    bad = [m for m in found if m.error > limits[m.dtype]]
    for m in bad:
        print(f"WRONG: {m.name} {m.shape} {m.dtype} {m.variant}: {m.error:.1e}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

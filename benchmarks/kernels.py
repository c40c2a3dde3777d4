"""Gradients in generated C against PyTorch's own autograd: medians over interleaved rounds, and whether both agree.

    python benchmarks/kernels.py [--small] [--rounds N] [NAME ...]

For each workload: the time of eager autograd as a user runs it, the same with its heap kept warm (fresh pages cost it
as much as its arithmetic), the time of the target c with `out=`, and both ratios. Every result is compared with
autograd's in the same run. Each workload is measured in a process of its own; only ratios carry over between machines.
Exit status 1 where a result is wrong.
"""

from __future__ import annotations

import argparse
import ctypes
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

SOFTMAX = "s[n,i] = exp(x[n,i])/sum(j, exp(x[n,j]))"
NORM = "m[b] = 1/H*1[h]*x[b,h]\nu[b,h] = x[b,h] - 1[h]*m[b]\nr[b] = sqrt(1/H*sum(h, u[b,h]^2) + eps)\n"


@dataclass(frozen=True)
class Workload:
    """A function by its equations and by PyTorch: `torch` takes the inputs by name, and returns what is derived."""

    equations: str
    of: str
    wrt: str
    shapes: dict[str, tuple[int, ...]]
    torch: Callable[[Any, dict[str, Any]], Any]
    kind: str = "vjp"


def _focal(torch: Any, v: dict[str, Any]) -> Any:
    loss = torch.nn.functional.cross_entropy(v["x"], v["T"], reduction="none")
    return (1 - torch.exp(-loss)) ** 2 * loss


def _attention(torch: Any, v: dict[str, Any]) -> Any:
    return torch.nn.functional.scaled_dot_product_attention(v["q"][None], v["k"][None], v["v"][None])[0]


def _network(torch: Any, v: dict[str, Any]) -> Any:
    logits = torch.relu(v["x"] @ v["U"] + v["b"]) @ v["V"] + v["e"]
    return torch.nn.functional.cross_entropy(logits, v["T"])


def _cross_entropy(torch: Any, v: dict[str, Any]) -> Any:
    return torch.nn.functional.cross_entropy(v["x"], v["T"], reduction="none")


def _divergence(torch: Any, v: dict[str, Any]) -> Any:
    logs = torch.nn.functional.log_softmax(v["x"], 1)
    return torch.nn.functional.kl_div(logs, v["p"], reduction="none").sum(1)


def _smoothed(torch: Any, v: dict[str, Any]) -> Any:
    return torch.nn.functional.cross_entropy(v["x"], v["T"], reduction="none", label_smoothing=float(v["e"]))


LOSS = f"{SOFTMAX}\nc[n] = -log(s[n,T[n]])"


def _losses(n: int, i: int) -> dict[str, tuple[int, ...]]:
    return {"x": (n, i), "T": (n,), "d_c": (n,)}


WORKLOADS = {
    "W1 (4096,8192)": Workload(LOSS, "c", "x", _losses(4096, 8192), _cross_entropy),
    "W1 (2048,32000)": Workload(LOSS, "c", "x", _losses(2048, 32000), _cross_entropy),
    "W1 (128,256)": Workload(LOSS, "c", "x", _losses(128, 256), _cross_entropy),
    "W2 softmax": Workload(
        SOFTMAX, "s", "x", {"x": (4096, 8192), "d_s": (4096, 8192)}, lambda torch, v: torch.softmax(v["x"], 1)
    ),
    "W3 layer norm": Workload(
        f"index b: B, h: H\n{NORM}y[b,h] = u[b,h]/r[b]*g[h] + 1[b]*beta[h]",
        "y",
        "x g beta",
        {"x": (4096, 1024), "eps": (), "g": (1024,), "beta": (1024,), "d_y": (4096, 1024)},
        lambda torch, v: torch.nn.functional.layer_norm(v["x"], v["g"].shape, v["g"], v["beta"], float(v["eps"])),
    ),
    "W4 attention": Workload(
        "index d: D\nS[h,i,j] = 1/sqrt(D)*q[h,i,d]*k[h,j,d]\nA[h,i,j] = exp(S[h,i,j])/sum(l, exp(S[h,i,l]))\n"
        "o[h,i,d] = A[h,i,j]*v[h,j,d]",
        "o",
        "q k v",
        dict.fromkeys(("q", "k", "v", "d_o"), (8, 512, 64)),
        _attention,
    ),
    "W5 network": Workload(
        "index n: N\na[n,h] = relu(x[n,d]*U[d,h] + 1[n]*b[h])\nz[n,c] = a[n,h]*V[h,c] + 1[n]*e[c]\n"
        "s[n,i] = exp(z[n,i])/sum(j, exp(z[n,j]))\nL = -1/N*sum(n, log(s[n,T[n]]))",
        "L",
        "U b V e",
        {"x": (256, 784), "U": (784, 512), "b": (512,), "V": (512, 10), "e": (10,), "T": (256,)},
        _network,
        "gradient",
    ),
    "W7a GELU": Workload(
        "y[b,h] = 1/2*x[b,h]*(1 + tanh(sqrt(2/pi)*(x[b,h] + 0.044715*x[b,h]^3)))",
        "y",
        "x",
        {"x": (4096, 1024), "d_y": (4096, 1024)},
        lambda torch, v: torch.nn.functional.gelu(v["x"], approximate="tanh"),
    ),
    "W7b SwiGLU": Workload(
        "y[b,h] = silu(a[b,h])*g[b,h]",
        "y",
        "a g",
        {"a": (4096, 1024), "g": (4096, 1024), "d_y": (4096, 1024)},
        lambda torch, v: torch.nn.functional.silu(v["a"]) * v["g"],
    ),
    "W8 linear, loss": Workload(
        "index n: N\nz[n,c] = x[n,d]*W[d,c]\ns[n,i] = exp(z[n,i])/sum(j, exp(z[n,j]))\nL = -1/N*sum(n, log(s[n,T[n]]))",
        "L",
        "x W",
        {"x": (2048, 512), "W": (512, 32000), "T": (2048,)},
        lambda torch, v: torch.nn.functional.cross_entropy(v["x"] @ v["W"], v["T"]),
        "gradient",
    ),
    "RMS norm": Workload(
        "index b: B, h: H\nr[b] = sqrt(1/H*sum(h, x[b,h]^2) + eps)\ny[b,h] = x[b,h]/r[b]*g[h]",
        "y",
        "x g",
        {"x": (4096, 4096), "eps": (), "g": (4096,), "d_y": (4096, 4096)},
        lambda torch, v: torch.nn.functional.rms_norm(v["x"], v["g"].shape, v["g"], float(v["eps"])),
    ),
    "log-softmax": Workload(
        "l[n,i] = x[n,i] - 1[i]*log(sum(j, exp(x[n,j])))",
        "l",
        "x",
        {"x": (4096, 4096), "d_l": (4096, 4096)},
        lambda torch, v: torch.log_softmax(v["x"], 1),
    ),
    "label smoothing": Workload(
        "index i: I\nq[n,i] = x[n,i] - 1[i]*log(sum(j, exp(x[n,j])))\nc[n] = -(1 - e)*q[n,T[n]] - e/I*sum(i, q[n,i])",
        "c",
        "x",
        {**_losses(4096, 4096), "e": ()},
        _smoothed,
    ),
    "focal loss": Workload(
        f"{SOFTMAX}\nc[n] = -(1 - s[n,T[n]])^2*log(s[n,T[n]])", "c", "x", _losses(4096, 4096), _focal
    ),
    "divergence": Workload(
        f"{SOFTMAX}\nc[n] = sum(i, p[n,i]*(log(p[n,i]) - log(s[n,i])))",
        "c",
        "x",
        {"x": (4096, 4096), "p": (4096, 4096), "d_c": (4096,)},
        _divergence,
    ),
}
LARGEST_LABEL = {"W5 network": 10, "W8 linear, loss": 32000}


def _values(name: str, small: bool) -> dict[str, Any]:
    """Random arguments in float32."""
    import numpy as np

    random = np.random.default_rng(0)
    workload = WORKLOADS[name]
    shapes = {k: tuple(min(n, 64) for n in s) if small else s for k, s in workload.shapes.items()}
    values: dict[str, Any] = {}
    for key, shape in shapes.items():
        if key == "T":
            largest = LARGEST_LABEL.get(name, shapes.get("x", (0, 0))[-1])
            values[key] = random.integers(0, min(largest, 64) if small else largest, shape)
        elif key in ("eps", "e") and not shape:
            values[key] = 0.1
        elif key == "p":
            values[key] = random.uniform(0.1, 1, shape).astype(np.float32)
        else:
            scale = 0.05 if key in ("U", "V", "W") else 1
            values[key] = (random.normal(size=shape) * scale).astype(np.float32)
    return values


def measure(name: str, rounds: int, small: bool, warm: bool) -> tuple[float, float, float]:
    """Medians of seconds of autograd and of C, and the largest difference of their results."""
    if warm:  # large arrays from the heap, which keeps them: mmap threshold and trimming off
        libc = ctypes.CDLL(None)
        libc.mallopt(-3, 1 << 30)
        libc.mallopt(-1, 2**31 - 1)
    import numpy as np
    import torch

    import tensorcalc as tc

    workload, values = WORKLOADS[name], _values(name, small)
    wrt = workload.wrt.split()
    function = tc.parse(workload.equations).derive(workload.of, wrt=wrt, kind=workload.kind).lambdify("c")
    outs = tuple(np.empty_like(values[w]) for w in wrt)
    tensors = {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in values.items()}
    for w in wrt:
        tensors[w].requires_grad_()
    upstream = tensors.get(f"d_{workload.of}")

    def autograd() -> None:
        for w in wrt:
            tensors[w].grad = None
        workload.torch(torch, tensors).backward(upstream)

    def compiled() -> None:
        function(**values, out=outs if len(outs) > 1 else outs[0])

    seconds: dict[Any, list[float]] = {autograd: [], compiled: []}
    for place in range(rounds + 2):
        for run, times in seconds.items():
            start = time.perf_counter()
            run()
            if place >= 2:
                times.append(time.perf_counter() - start)
    wrong = 0.0
    for w, out in zip(wrt, outs, strict=True):
        wanted = tensors[w].grad.numpy()
        wrong = max(wrong, float(np.abs(out - wanted).max() / max(1e-6, np.abs(wanted).max())))
    return statistics.median(seconds[autograd]), statistics.median(seconds[compiled]), wrong


def main() -> int:
    """Measure in processes of their own and print; the number of wrong results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--small", action="store_true", help="small sizes: for correctness only")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, warm = options.one
        print(*measure(name, options.rounds, options.small, warm == "warm"))
        return 0
    print(f"{'':18} {'autograd ms':>12} {'warm ms':>9} {'C ms':>9} {'ratio':>7} {'warm':>7} {'error':>9}")
    failures = 0
    for name in WORKLOADS:
        if options.names and not any(part in name for part in options.names):
            continue
        found = []
        for heap in ("plain", "warm"):
            rounds = options.rounds * 20 if name == "W1 (128,256)" else options.rounds
            command = [sys.executable, __file__, "--one", name, heap, "--rounds", str(rounds)]
            command += ["--small"] if options.small else []
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found.append([float(part) for part in done.stdout.split()])
        (plain, mine, wrong), (warm, again, _) = found
        failures += wrong > 1e-4
        ratios = f"{plain / mine:7.2f} {warm / again:7.2f}"
        print(f"{name:18} {plain * 1e3:12.3f} {warm * 1e3:9.3f} {mine * 1e3:9.3f} {ratios} {wrong:9.1e}", flush=True)
    return failures


if __name__ == "__main__":
    sys.exit(bool(main()))

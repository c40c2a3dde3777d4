"""The functions whose gradients are measured: equations, shapes, and how PyTorch and textbooks compute them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["WORKLOADS", "Workload", "values"]

SOFTMAX = "s[n,i] = exp(x[n,i])/sum(j, exp(x[n,j]))"
NORM = "m[b] = 1/H*1[h]*x[b,h]\nu[b,h] = x[b,h] - 1[h]*m[b]\nr[b] = sqrt(1/H*sum(h, u[b,h]^2) + eps)\n"


@dataclass(frozen=True)
class Workload:
    """A function by its equations and by PyTorch: `torch` takes the inputs by name, and returns what is derived.

    `textbook` is the gradient as it is usually written in NumPy.
    """

    equations: str
    of: str
    wrt: str
    shapes: dict[str, tuple[int, ...]]
    torch: Callable[[Any, dict[str, Any]], Any]
    kind: str = "vjp"
    textbook: Callable[[Any, dict[str, Any]], Any] | None = None


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


def _one_hot(np: Any, v: dict[str, Any]) -> Any:
    x, labels = v["x"], v["T"]
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    one_hot = np.zeros_like(x)
    one_hot[np.arange(len(x)), labels] = 1
    return (powers / powers.sum(axis=1, keepdims=True) - one_hot) * v["d_c"][:, None]


def _softmax(np: Any, v: dict[str, Any]) -> Any:
    powers = np.exp(v["x"] - v["x"].max(axis=1, keepdims=True))
    s = powers / powers.sum(axis=1, keepdims=True)
    return s * (v["d_s"] - (v["d_s"] * s).sum(axis=1, keepdims=True))


def _layer_norm(np: Any, v: dict[str, Any]) -> Any:
    x, upstream = v["x"], v["d_y"]
    scale = 1 / np.sqrt(x.var(axis=1, keepdims=True) + np.float32(v["eps"]))
    normed = (x - x.mean(axis=1, keepdims=True)) * scale
    inner = upstream * v["g"]
    along = (inner * normed).mean(axis=1, keepdims=True)
    d_x = scale * (inner - inner.mean(axis=1, keepdims=True) - normed * along)
    return d_x, (upstream * normed).sum(axis=0), upstream.sum(axis=0)


def _swiglu(np: Any, v: dict[str, Any]) -> Any:
    gate = 1 / (1 + np.exp(-v["a"]))
    silu = v["a"] * gate
    return v["d_y"] * v["g"] * (gate + silu * (1 - gate)), v["d_y"] * silu


LOSS = f"{SOFTMAX}\nc[n] = -log(s[n,T[n]])"


def _losses(n: int, i: int) -> dict[str, tuple[int, ...]]:
    return {"x": (n, i), "T": (n,), "d_c": (n,)}


WORKLOADS = {
    "W1 (4096,8192)": Workload(LOSS, "c", "x", _losses(4096, 8192), _cross_entropy, textbook=_one_hot),
    "W1 (2048,32000)": Workload(LOSS, "c", "x", _losses(2048, 32000), _cross_entropy, textbook=_one_hot),
    "W1 (128,256)": Workload(LOSS, "c", "x", _losses(128, 256), _cross_entropy, textbook=_one_hot),
    "W2 softmax": Workload(
        SOFTMAX,
        "s",
        "x",
        {"x": (4096, 8192), "d_s": (4096, 8192)},
        lambda torch, v: torch.softmax(v["x"], 1),
        textbook=_softmax,
    ),
    "W3 layer norm": Workload(
        f"index b: B, h: H\n{NORM}y[b,h] = u[b,h]/r[b]*g[h] + 1[b]*beta[h]",
        "y",
        "x g beta",
        {"x": (4096, 1024), "eps": (), "g": (1024,), "beta": (1024,), "d_y": (4096, 1024)},
        lambda torch, v: torch.nn.functional.layer_norm(v["x"], v["g"].shape, v["g"], v["beta"], float(v["eps"])),
        textbook=_layer_norm,
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
        textbook=_swiglu,
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


def values(name: str, small: bool) -> dict[str, Any]:
    """Random arguments in float32."""
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

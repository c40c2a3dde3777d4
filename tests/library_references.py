"""What the derivations of the library are, by PyTorch: each as a function of its inputs, independent of tensorcalc.

A reference takes the inputs by name (`lambda_` for λ) and returns the derived tensor, or a dictionary where several are
derived. Inputs are standard normal numbers unless `DRAWS` says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, linalg
from torch.distributions import Categorical, Normal, StudentT, kl_divergence

__all__ = ["DRAWS", "REFERENCES", "SIZES"]


def positive(shape: tuple[int, ...]) -> Tensor:
    return torch.rand(shape, dtype=torch.float64) + 0.3


def fraction(shape: tuple[int, ...]) -> Tensor:
    return 0.1 + 0.8 * torch.rand(shape, dtype=torch.float64)


def signs(shape: tuple[int, ...]) -> Tensor:
    return 2 * binary(shape) - 1


def binary(shape: tuple[int, ...]) -> Tensor:
    return torch.randint(0, 2, shape).double()


def distribution(shape: tuple[int, ...]) -> Tensor:
    return torch.softmax(torch.randn(shape, dtype=torch.float64), -1)


def covariance(shape: tuple[int, ...]) -> Tensor:
    root = torch.randn(shape, dtype=torch.float64)
    return root @ root.T + torch.eye(shape[0], dtype=torch.float64)


Draw = Callable[[tuple[int, ...]], Tensor]

DRAWS: Mapping[str, Mapping[str, Draw]] = {
    "bce": {"p": fraction, "y": binary},
    "bce_with_logits": {"w": positive, "y": binary},
    "celu": {"alpha": positive},
    "cosine_embedding": {"y": signs, "m": fraction},
    "cosface": {"r": positive, "m": fraction},
    "cross_entropy_soft_labels": {"y": distribution},
    "cross_entropy_weighted": {"w": positive},
    "dice": {"p": fraction, "y": binary, "epsilon": positive},
    "dpo": {"beta": positive},
    "focal": {"gamma": positive},
    "gaussian_log_likelihood": {"v": positive},
    "gaussian_nll": {"v": positive},
    "gp_likelihood": {"K": covariance},
    "gumbel_softmax": {"tau": positive},
    "hardshrink": {"lambda": positive},
    "hinge_embedding": {"y": signs},
    "huber": {"kappa": positive},
    "info_nce": {"tau": positive},
    "kalman_update": {"P": covariance, "R": covariance},
    "kl_div": {"y": distribution},
    "kl_divergence": {"p": distribution},
    "label_smoothing": {"epsilon": fraction},
    "local_response_norm": {"k": positive, "alpha": positive},
    "logistic_regression": {"y": binary},
    "mahalanobis_distance": {"S": covariance},
    "margin_ranking": {"y": signs},
    "matrix_factorisation": {"M": binary},
    "multilabel_margin": {"y": binary},
    "multilabel_soft_margin": {"y": binary},
    "multivariate_gaussian": {"S": covariance},
    "nll": {"p": fraction},
    "ppo_clip": {"epsilon": fraction},
    "quantile": {"tau": fraction},
    "rbf_kernel": {"h": positive, "v": positive},
    "smooth_l1": {"beta": positive},
    "soft_margin": {"y": signs},
    "softplus": {"beta": positive},
    "softshrink": {"lambda": positive},
    "student_t": {"s": positive, "nu": positive},
    "support_vector_machine": {"y": signs, "C": positive},
    **{name: {"epsilon": positive} for name in ("batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm")},
    "transformer_block": {"epsilon": positive},
}

SIZES: Mapping[str, Mapping[str, int]] = {
    "avg_pool1d": {"L": 6, "T": 3},
    "avg_pool2d": {"H": 4, "W": 6, "S": 2, "T": 3},
    "conv1d": {"L": 6, "K": 3, "T": 4},
    "conv1d_strided": {"L": 8, "K": 2, "T": 3},
    "conv2d": {"H": 4, "W": 5, "I": 2, "J": 3, "S": 3, "T": 3},
    "conv_transpose1d": {"T": 4, "K": 3, "S": 6},
    "depthwise_conv1d": {"L": 6, "K": 3, "T": 4},
    "lstm_cell": {"A": 4},
    "gru_cell": {"A": 3},
    "max_pool1d": {"L": 6, "T": 3},
    "max_pool2d": {"H": 4, "W": 6, "S": 2, "T": 3},
}


def pick(x: Tensor, labels: Tensor) -> Tensor:
    """The component of every row that its label selects."""
    return x.gather(-1, labels[..., None]).squeeze(-1)


def diagonal(z: Tensor) -> Tensor:
    return torch.arange(len(z))


def places(y: Tensor) -> Tensor:
    """The places of the ones of every row, then -1: the targets of `multilabel_margin_loss`."""
    rows = [torch.nonzero(row)[:, 0] for row in y]
    return torch.stack([F.pad(row, (0, y.shape[1] - len(row)), value=-1) for row in rows])


def attend(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v, **options)


def heads(x: Tensor, *weights: Tensor) -> list[Tensor]:
    """The projection of every head, heads first."""
    return [torch.stack([x @ matrix for matrix in weight]) for weight in weights]


def joined(o: Tensor, weight: Tensor) -> Tensor:
    """The sum of what the heads contribute."""
    return torch.cat(list(o), -1) @ weight.reshape(-1, weight.shape[-1])


def transformer_block(
    x: Tensor,
    Q: Tensor,
    K: Tensor,
    V: Tensor,
    O: Tensor,
    U: Tensor,
    W: Tensor,
    **norms: Tensor,
) -> Tensor:
    width, eps = x.shape[1:], norms["epsilon"].item()
    a = F.layer_norm(x, width, norms["gamma"], norms["beta"], eps)
    c = x + joined(attend(*heads(a, Q, K, V), is_causal=True), O)
    b = F.layer_norm(c, width, norms["kappa"], norms["lambda_"], eps)
    return c + F.gelu(b @ U) @ W


def kalman_update(y: Tensor, m: Tensor, H: Tensor, P: Tensor, R: Tensor) -> dict[str, Tensor]:
    S = H @ P @ H.T + R
    K = P @ H.T @ linalg.inv(S)
    return {"x": m + K @ (y - H @ m), "Q": P - K @ S @ K.T}


def lstm_cell(x: Tensor, h: Tensor, c: Tensor, W: Tensor, U: Tensor, b: Tensor) -> dict[str, Tensor]:
    W, U, b = (t.flatten(0, 1) for t in (W, U, b))
    return dict(zip(("y", "d"), torch.lstm_cell(x, (h, c), W, U, b, torch.zeros_like(b)), strict=True))


def gru_cell(x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor, d: Tensor) -> Tensor:
    return torch.gru_cell(x, h, *(t.flatten(0, 1) for t in (W, U, b, d)))


def linear_attention(Q: Tensor, K: Tensor, V: Tensor) -> Tensor:
    weights = (F.elu(Q) + 1) @ (F.elu(K) + 1).T
    return weights @ V / weights.sum(1, keepdim=True)


def rotary_embedding(a: Tensor, b: Tensor, p: Tensor, theta: Tensor) -> dict[str, Tensor]:
    turned = torch.complex(a, b) * torch.exp(1j * torch.outer(p, theta))
    return {"u": turned.real, "v": turned.imag}


def jensen_shannon(a: Tensor, b: Tensor) -> Tensor:
    p, q = torch.softmax(a, 0), torch.softmax(b, 0)
    m = ((p + q) / 2).log()
    return (F.kl_div(m, p, reduction="sum") + F.kl_div(m, q, reduction="sum")) / 2


def clip(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
    z = t.exp() * x @ y.T
    return (F.cross_entropy(z, diagonal(z)) + F.cross_entropy(z.T, diagonal(z))) / 2


def siglip(x: Tensor, y: Tensor, t: Tensor, b: Tensor) -> Tensor:
    z = t.exp() * x @ y.T + b
    return -F.logsigmoid((2 * torch.eye(len(x)) - 1) * z).sum() / len(x)


def ppo_clip(p: Tensor, q: Tensor, A: Tensor, epsilon: Tensor) -> Tensor:
    r = (p - q).exp()
    return torch.minimum(r * A, r.clamp(1 - epsilon.item(), 1 + epsilon.item()) * A).mean()


def focal(x: Tensor, T: Tensor, gamma: Tensor) -> Tensor:
    loss = F.cross_entropy(x, T, reduction="none")
    return (1 - torch.exp(-loss)) ** gamma * loss


def multivariate_gaussian(x: Tensor, mu: Tensor, S: Tensor) -> Tensor:
    u = (x - mu).T
    quadratic = (u * linalg.solve(S, u)).sum()
    return -(x.numel() * math.log(2 * math.pi) + len(x) * linalg.slogdet(S)[1] + quadratic) / 2


def gp_likelihood(K: Tensor, y: Tensor) -> Tensor:
    return -(y @ linalg.solve(K, y) + linalg.slogdet(K)[1] + len(y) * math.log(2 * math.pi)) / 2


def prior(mu: Tensor, r: Tensor) -> Tensor:
    return kl_divergence(Normal(mu, torch.exp(r / 2)), Normal(torch.zeros_like(mu), torch.ones_like(r))).sum()


def vae(mu: Tensor, r: Tensor, e: Tensor, W: Tensor, b: Tensor, y: Tensor) -> Tensor:
    return F.mse_loss((mu + torch.exp(r / 2) * e) @ W + b, y, reduction="sum") / 2 + prior(mu, r)


ACTIVATIONS: dict[str, Callable[..., Any]] = {
    "celu": lambda x, alpha: torch.where(x > 0, x, alpha * torch.expm1(x / alpha)),  # F.celu rounds 1/alpha to float32
    "elu": lambda x, alpha: F.elu(x, alpha.item()),
    "gelu": lambda x: F.gelu(x),
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "glu": lambda a, b: F.glu(torch.cat([a, b])),
    "gumbel_softmax": lambda x, g, tau: torch.softmax((x + g) / tau, 0),
    "hardshrink": lambda x, lambda_: F.hardshrink(x, lambda_.item()),
    "hardsigmoid": lambda x: F.relu6(x + 3) / 6,  # F.hardsigmoid rounds 1/6 to float32
    "hardswish": lambda x: F.hardswish(x),
    "hardtanh": lambda x: F.hardtanh(x),
    "leaky_relu": lambda x, alpha: F.leaky_relu(x, alpha.item()),
    "log_softmax": lambda x: F.log_softmax(x, 0),
    "logsigmoid": lambda x: F.logsigmoid(x),
    "logsumexp": lambda x: torch.logsumexp(x, 0),
    "mish": lambda x: F.mish(x),
    "prelu": lambda x, a: F.prelu(x, a),
    "relu": lambda x: F.relu(x),
    "relu6": lambda x: F.relu6(x),
    "selu": lambda x, alpha, lambda_: lambda_ * F.elu(x, alpha.item()),
    "sigmoid": lambda x: torch.sigmoid(x),
    "silu": lambda x: F.silu(x),
    "softmax": lambda x: F.softmax(x, 0),
    "softmin": lambda x: F.softmin(x, 0),
    "softplus": lambda x, beta: F.softplus(x, beta.item()),
    "softshrink": lambda x, lambda_: F.softshrink(x, lambda_.item()),
    "softsign": lambda x: F.softsign(x),
    "tanh": lambda x: torch.tanh(x),
    "tanhshrink": lambda x: F.tanhshrink(x),
    "threshold": lambda x, theta, v: F.threshold(x, theta.item(), v.item()),
}

LOSSES: dict[str, Callable[..., Any]] = {
    "bce": lambda p, y: F.binary_cross_entropy(p, y),
    "bce_with_logits": lambda x, y, w: F.binary_cross_entropy_with_logits(x, y, pos_weight=w),
    "clip": clip,
    "cosine_embedding": lambda a, b, y, m: F.cosine_embedding_loss(a, b, y, m.item()),
    "cross_entropy": lambda x, T: F.cross_entropy(x, T),
    "cross_entropy_batch": lambda x, T: F.cross_entropy(x, T, reduction="none"),
    "cross_entropy_soft_labels": lambda x, y: F.cross_entropy(x, y),
    "cross_entropy_weighted": lambda x, T, w: F.cross_entropy(x, T, weight=w),
    "cosface": lambda x, W, T, m, r: F.cross_entropy(r * (x @ W.T - m * F.one_hot(T, len(W))), T),
    "dice": lambda p, y, epsilon: 1 - ((2 * (p * y).sum(1) + epsilon) / ((p * p + y * y).sum(1) + epsilon)).mean(),
    "dpo": lambda a, b, u, v, beta: -F.logsigmoid(beta * ((a - b) - (u - v))).mean(),
    "focal": focal,
    "gaussian_nll": lambda m, y, v: F.gaussian_nll_loss(m, y, v),
    "gaussian_nll_log_variance": lambda m, y, r: (r + (y - m).square() / r.exp()).mean() / 2,  # F bounds the variance
    "hinge_embedding": lambda x, y, m: F.hinge_embedding_loss(x, y, m.item()),
    "huber": lambda x, y, kappa: F.huber_loss(x, y, delta=kappa.item()),
    "info_nce": lambda x, y, tau: F.cross_entropy(x @ y.T / tau, diagonal(x)),
    "jensen_shannon": jensen_shannon,
    "kl_div": lambda x, y: F.kl_div(x, y, reduction="batchmean"),
    "kl_divergence": lambda x, p: F.kl_div(F.log_softmax(x, 1), p, reduction="sum"),
    "l1": lambda x, y: F.l1_loss(x, y),
    "label_smoothing": lambda x, T, epsilon: F.cross_entropy(x, T, label_smoothing=epsilon.item(), reduction="none"),
    "margin_ranking": lambda a, b, y, m: F.margin_ranking_loss(a, b, y, m.item()),
    "mse": lambda x, y: F.mse_loss(x, y),
    "multi_margin": lambda x, T, m: F.multi_margin_loss(x, T, margin=m.item()),
    "multilabel_margin": lambda x, y: F.multilabel_margin_loss(x, places(y)),
    "multilabel_soft_margin": lambda x, y: F.multilabel_soft_margin_loss(x, y),
    "nll": lambda p, T: F.nll_loss(p.log(), T),
    "plackett_luce": lambda x, R: (x[R].flip(0).logcumsumexp(0).flip(0) - x[R]).sum(),
    "poisson_nll": lambda x, y: F.poisson_nll_loss(x, y),
    "ppo_clip": ppo_clip,
    "quantile": lambda x, y, tau: torch.maximum(tau * (y - x), (tau - 1) * (y - x)).mean(),
    "reinforce": lambda x, T, A: (Categorical(logits=x).log_prob(T) * A).mean(),
    "reward_model": lambda r, q: -torch.sigmoid(r - q).log().mean(),
    "siglip": siglip,
    "smooth_l1": lambda x, y, beta: F.smooth_l1_loss(x, y, beta=beta.item()),
    "soft_margin": lambda x, y: F.soft_margin_loss(x, y),
    "student_t": lambda x, m, s, nu: -StudentT(nu, m, s).log_prob(x).sum(),
    "triplet": lambda a, p, q, alpha: F.relu((a - p).square().sum(1) - (a - q).square().sum(1) + alpha).sum(),
    "triplet_margin": lambda a, p, q, m: F.triplet_margin_loss(a, p, q, margin=m.item(), eps=0.0),
}

LAYERS: dict[str, Callable[..., Any]] = {
    "attention": lambda Q, K, V: attend(Q, K, V),
    "avg_pool1d": lambda x: F.avg_pool1d(x, 2),
    "avg_pool2d": lambda x: F.avg_pool2d(x, 2),
    "batch_norm": lambda x, gamma, beta, epsilon: F.batch_norm(
        x, None, None, gamma, beta, training=True, eps=epsilon.item()
    ),
    "batched_product": lambda x, a: torch.bmm(x, a),
    "bilinear": lambda x, A, z, b: F.bilinear(x, z, A, b),
    "causal_attention": lambda Q, K, V: attend(Q, K, V, is_causal=True),
    "conv1d": lambda x, w, b: F.conv1d(x, w, b),
    "conv1d_strided": lambda x, w: F.conv1d(x, w, stride=2, dilation=3),
    "conv2d": lambda x, w, b: F.conv2d(x, w, b),
    "conv_transpose1d": lambda x, w: F.conv_transpose1d(x, w),
    "cosine_similarity": lambda a, b: F.cosine_similarity(a, b),
    "depthwise_conv1d": lambda x, w: F.conv1d(x, w[:, None], groups=len(w)),
    "einsum": lambda x, y: torch.einsum("ijk,ip->jkp", x, y),
    "embedding": lambda E, T: F.embedding(T, E),
    "global_avg_pool": lambda x: F.adaptive_avg_pool2d(x, 1)[:, :, 0, 0],
    "group_norm": lambda x, gamma, beta, epsilon: F.group_norm(
        x.flatten(1, 2), x.shape[1], gamma.flatten(), beta.flatten(), epsilon.item()
    ).reshape(x.shape),
    "grouped_query_attention": lambda Q, K, V: attend(Q.flatten(0, 1)[None], K[None], V[None], enable_gqa=True).reshape(
        *Q.shape[:3], -1
    ),
    "gru_cell": gru_cell,
    "instance_norm": lambda x, epsilon: F.instance_norm(x, eps=epsilon.item()),
    "l2_normalisation": lambda x: F.normalize(x),
    "layer_norm": lambda x, gamma, beta, epsilon: F.layer_norm(x, x.shape[1:], gamma, beta, epsilon.item()),
    "linear": lambda x, a, b: F.linear(x, a, b),
    "linear_attention": linear_attention,
    "local_response_norm": lambda x, k, alpha, beta: F.local_response_norm(
        x[..., None], 3, alpha.item(), beta.item(), k.item()
    )[..., 0],
    "lora": lambda x, W, A, B, s: x @ (W + s * B @ A).T,
    "lstm_cell": lstm_cell,
    "matrix_product": lambda x, a: x @ a,
    "max_pool1d": lambda x: F.max_pool1d(x, 2),
    "max_pool2d": lambda x: F.max_pool2d(x, 2),
    "mlp": lambda x, U, b, W, c: torch.relu(x @ U + b) @ W + c,
    "multi_head_attention": lambda x, A, B, C, O: joined(attend(*heads(x, A, B, C)), O),
    "rms_norm": lambda x, gamma, epsilon: F.rms_norm(x, x.shape[1:], gamma, epsilon.item()),
    "rnn_cell": lambda x, h, W, U, b: torch.rnn_tanh_cell(x, h, W, U, b, torch.zeros_like(b)),
    "rotary_embedding": rotary_embedding,
    "swiglu": lambda x, U, V, W: (F.silu(x @ U) * (x @ V)) @ W,
    "transformer_block": transformer_block,
    "weight_norm": lambda g, v: torch.diag(g) @ F.normalize(v),
}

MODELS: dict[str, Callable[..., Any]] = {
    "cp_decomposition": lambda X, A, B, C: (X - torch.einsum("ir,jr,kr->ijk", A, B, C)).square().sum() / 2,
    "determinant": lambda X: linalg.det(X),
    "frobenius_norm": lambda X: linalg.matrix_norm(X),
    "gaussian_log_likelihood": lambda x, mu, v: Normal(mu, v.sqrt()).log_prob(x).sum(),
    "gp_likelihood": gp_likelihood,
    "kalman_update": kalman_update,
    "lasso": lambda X, w, y, lambda_: (X @ w - y).square().sum() / 2 + lambda_ * w.abs().sum(),
    "linear_solve": lambda A, b: linalg.solve(A, b),
    "log_determinant": lambda X: linalg.slogdet(X)[1],
    "logistic_regression": lambda X, w, y: F.binary_cross_entropy_with_logits(X @ w, y, reduction="sum"),
    "mahalanobis_distance": lambda x, mu, S: ((x - mu) @ linalg.solve(S, x - mu)).sqrt(),
    "matrix_factorisation": lambda M, R, P, Q, lambda_: (
        (M * (R - P @ Q.T)).square().sum() / 2 + lambda_ * (P.square().sum() + Q.square().sum()) / 2
    ),
    "matrix_inverse": lambda X: linalg.inv(X),
    "multivariate_gaussian": multivariate_gaussian,
    "quadratic_form": lambda x, A: x @ A @ x,
    "rayleigh_quotient": lambda x, A: x @ A @ x / (x @ x),
    "rbf_kernel": lambda x, z, h, v: v * torch.exp(-torch.cdist(x, z).square() / (2 * h**2)),
    "reparameterisation": lambda mu, r, e: mu + (r / 2).exp() * e,
    "ridge_regression": lambda X, w, y, lambda_: ((X @ w - y).square().sum() + lambda_ * w.square().sum()) / 2,
    "softmax_regression": lambda X, W, T: F.cross_entropy(X @ W.T, T, reduction="sum"),
    "support_vector_machine": lambda X, w, b, y, C: w @ w / 2 + C * F.relu(1 - y * (X @ w + b)).sum(),
    "tucker_decomposition": lambda X, G, A, B, C: (
        (X - torch.einsum("pqr,ip,jq,kr->ijk", G, A, B, C)).square().sum() / 2
    ),
    "vae": vae,
    "vae_kl": prior,
}

REFERENCES: Mapping[str, Callable[..., Any]] = {**ACTIVATIONS, **LOSSES, **LAYERS, **MODELS}
"""The function that each derivation of the library defines."""

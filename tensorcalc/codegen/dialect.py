"""How each array library spells things: one table a target, and nothing else that differs between them.

A new array library is one more `Dialect` here. In spellings `{0}`, `{1}` stand for arguments, in brackets where they
need them, `{dtype}` and `{device}` for code that gives those of the function's arguments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

__all__ = ["DIALECTS", "FUNCTIONAL", "Dialect"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """The spellings of one array library.

    `functions` goes by the words of `tensorcalc.functions` and `tensorcalc.codegen.nodes`; a word that ends in `=` is
    the form that writes into the array `{out}`. `statements` are those of whole lines. `guards` name the floating
    point conditions that a function's spelling may meet on the way to a right result (`numpy.errstate`). `reuses`: an
    array that is not needed any more may become the next result, in place. `blocks`: rows are computed in blocks where
    that spares memory traffic; `calls_itself`: so they are, by calls of the whole function. `squares`: of whole powers
    only the square is fast. `numbers_first`: functions with two arguments take a plain number first. `logistic`: the
    logistic function is much faster than the hyperbolic tangent. `symmetric`: the product of a matrix and its own
    transpose costs less than others. `masks`: what is added where indices are equal is chosen by a comparison, which
    the library computes with everything else that stands in an expression. `fuses`: so does it multiply what it sums.
    """

    name: str
    module: str
    imports: Mapping[str, str]
    functions: Mapping[str, str]
    operators: Mapping[str, str]
    statements: Mapping[str, tuple[str, ...]]
    transpose: str
    axis: str
    guards: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    has_out: bool = True
    has_device: bool = False
    reuses: bool = False
    blocks: bool = False
    calls_itself: bool = False
    squares: bool = False
    numbers_first: bool = False
    logistic: bool = False
    symmetric: bool = False
    masks: bool = False
    fuses: bool = False

    def into(self, word: str, *arguments: str) -> str:
        """The call of a function that writes into `{out}`; empty where the library has none."""
        spelling = self.functions.get(word + "=")
        if spelling is None:
            spelling = self.functions.get(word, "")
            plain = re.fullmatch(rf"{self.module}\.\w+\([^()]*\)", spelling)
            spelling = spelling[:-1] + ", out={out})" if plain and self.has_out else ""
        return _filled(spelling, arguments)

    def call(self, word: str, *arguments: str) -> str:
        """The call of a function."""
        return _filled(self.functions[word], arguments)


def _filled(spelling: str, arguments: tuple[str, ...]) -> str:
    for place, argument in enumerate(arguments):
        spelling = spelling.replace(f"{{{place}}}", argument)
    return spelling


_PLAIN = (
    *("abs", "sign", "exp", "log", "log1p", "expm1", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh"),
    *("asin", "acos", "atan"),
)


def _functions(module: str, **own: str) -> dict[str, str]:
    """The words that every array library has by the same name, and the library's own."""
    return {
        **{word: f"{module}.{word}({{0}})" for word in _PLAIN},
        "logaddexp": f"{module}.logaddexp({{0}}, {{1}})",
        "max": f"{module}.maximum({{0}}, {{1}})",
        "min": f"{module}.minimum({{0}}, {{1}})",
        "where": f"{module}.where({{0}}, {{1}}, {{2}})",
        **own,
    }


def _operators(module: str) -> dict[str, str]:
    words = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "@": "matmul"}
    return {sign: f"{module}.{word}({{0}}, {{1}}, out={{out}})" for sign, word in words.items()}


NUMPY = Dialect(
    name="numpy",
    module="np",
    imports={
        "np": "import numpy as np",
        "special": "from tensorcalc.codegen import special",
        "math": "import math",
    },
    functions=_functions(
        "np",
        asin="np.arcsin({0})",
        acos="np.arccos({0})",
        atan="np.arctan({0})",
        sigmoid="1 / (1 + np.exp(-{0}))",
        softplus="np.logaddexp(0, {0})",
        relu="np.maximum({0}, 0)",
        silu="{0} / (1 + np.exp(-{0}))",
        gelu="{0} * (1 + special.erf({0} * 0.7071067811865476)) / 2",
        erf="special.erf({0})",
        lgamma="special.lgamma({0})",
        digamma="special.digamma({0})",
        polygamma="special.polygamma({0}, {1})",
        sum="{0}.sum({axes})",
        **{"sum=": "np.sum({0}, {axes}, out={out})"},
        **{"row sums": "{0}.sum(axis={1}, keepdims=True)"},
        **{"last sums": "({0} @ np.ones({1}, {0}.dtype))[..., None]"},
        prod="{0}.prod({axes})",
        amax="{0}.max({axes})",
        inv="np.linalg.inv({0})",
        det="np.linalg.det({0})",
        arange="np.arange({0})",
        cast="{0}.astype({dtype})",
        zeros="np.zeros({0}, {dtype})",
        full="np.full({0}, {1}, {dtype})",
        empty="np.empty({0}, {dtype})",
        copy="{0}.copy()",
        **{"default dtype": "np.float64"},
        index="{0}",
        value="{0}",
        **{"copy=": "np.positive({0}, out={out})"},
        einsum="np.einsum({0}, optimize=True)",
        tensordot="np.tensordot({0}, {1}, axes={2})",
    ),
    operators=_operators("np"),
    statements={
        "softmax": (
            "{0} = np.subtract({1}, {1}.max(axis={2}, keepdims=True, initial=-np.inf), out={out})",
            "np.exp({0}, out={0})",
            "{0} /= {5}",
        ),
        "scaled softmax": (
            "{0} = np.subtract({1}, {1}.max(axis={2}, keepdims=True, initial=-np.inf), out={out})",
            "np.exp({0}, out={0})",
            "{0} *= {4} / {5}",
        ),
        "logsoftmax": (
            "{0} = np.subtract({1}, {1}.max(axis={2}, keepdims=True, initial=-np.inf), out={out})",
            "{0} -= np.log(np.exp({0}).sum(axis={2}, keepdims=True))",
        ),
        "logsumexp": (
            "{3} = {1}.max(axis={2}, keepdims=True, initial=-np.inf)",
            "{3}[np.isinf({3})] = 0",
            "{0} = np.log(np.exp({1} - {3}).sum(axis={2})) + {3}.squeeze({2})",
        ),
        "weighted softmax": (
            "{3} = np.where({4} != 0, {1}, -np.inf).max(axis={2}, keepdims=True, initial=-np.inf)",
            "{3}[np.isinf({3})] = 0",
            "{0} = {4} * np.exp(np.minimum({1} - {3}, 0))",
            "{0} /= {5}",
        ),
        "weighted logsumexp": (
            "{3} = np.where({4} != 0, {1}, -np.inf).max(axis={2}, keepdims=True, initial=-np.inf)",
            "{3}[np.isinf({3})] = 0",
            "{0} = np.log(({4} * np.exp(np.minimum({1} - {3}, 0))).sum(axis={2})) + {3}.squeeze({2})",
        ),
        "logdet": (
            "{2}, {0} = np.linalg.slogdet({1})",
            "{0} = np.where({2} < 0, np.nan, {0})",
        ),
        "accumulate": ("np.add.at({0}, {3}, {2})",),
        "add": ("{0}[{1}] += {2}",),
        "subtract": ("{0}[{1}] -= {2}",),
        "set": ("{0}[{1}] = {2}",),
        "assign": ("{0}[...] = {1}",),
        "take over": ("{0} = {1}",),
        "scale": ("{0} = {1}", "{0} *= {2}"),
    },
    transpose="transpose",
    axis="axis",
    reuses=True,
    blocks=True,
    squares=True,
    numbers_first=True,
    symmetric=True,
    guards={
        "sigmoid": ("over",),
        "silu": ("over",),
        "softmax": ("invalid",),
        "scaled softmax": ("invalid",),
        "logsoftmax": ("divide", "invalid"),
        "logsumexp": ("divide", "over"),
        "weighted softmax": ("invalid",),
        "weighted logsumexp": ("divide",),
        "guarded": ("divide", "invalid"),
    },
)

TORCH = Dialect(
    name="torch",
    module="torch",
    imports={"torch": "import torch", "math": "import math"},
    functions=_functions(
        "torch",
        sigmoid="torch.sigmoid({0})",
        softplus="-torch.nn.functional.logsigmoid(-{0})",
        relu="torch.relu({0})",
        **{"relu=": ""},
        silu="torch.nn.functional.silu({0})",
        gelu="torch.nn.functional.gelu({0})",
        erf="torch.erf({0})",
        lgamma="torch.lgamma({0})",
        digamma="torch.digamma({0})",
        polygamma="torch.polygamma({0}, {1})",
        sum="{0}.sum({axes})",
        **{"sum=": "torch.sum({0}, {axes}, out={out})"},
        **{"sum of parts": "torch.sum(torch.stack({0}), dim=0, out={1})"},
        prod="{0}.prod({axes})",
        **{"prod one axis": ""},
        amax="{0}.amax({axes})",
        inv="torch.linalg.inv({0})",
        det="torch.linalg.det({0})",
        logdet="torch.logdet({0})",
        arange="torch.arange({0}{device})",
        cast="{0}.to({dtype})",
        zeros="torch.zeros({0}, dtype={dtype}{device})",
        full="torch.full({0}, {1}, dtype={dtype}{device})",
        empty="torch.empty({0}, dtype={dtype}{device})",
        copy="{0}.clone()",
        **{"default dtype": "torch.get_default_dtype()"},
        index="torch.tensor({0}{device})",
        value="torch.full((), {0}, dtype={dtype}{device})",
        **{"copy=": "torch.mul({0}, 1, out={out})", "max number": "torch.clamp({0}, min={1})"},
        **{"min number": "torch.clamp({0}, max={1})"},
        **{"logaddexp number": "torch.logaddexp({0}, torch.full((), {1}, dtype={dtype}{device}))"},
        einsum="torch.einsum({0})",
        tensordot="torch.tensordot({0}, {1}, dims={2})",
    ),
    operators=_operators("torch"),
    statements={
        "softmax": ("{0} = torch.softmax({1}, dim={2}, out={out})",),
        "logsoftmax": ("{0} = torch.log_softmax({1}, dim={2}, out={out})",),
        "logsumexp": ("{0} = torch.logsumexp({1}, dim={2}, out={out})",),
        "accumulate": ("{0}.index_put_([{1}], {2}, accumulate=True)",),
        "add": ("{0}[{1}] += {2}",),
        "subtract": ("{0}[{1}] -= {2}",),
        "set": ("{0}[{1}] = {2}",),
        "assign": ("{0}[...] = {1}",),
        "take over": ("{0} = {1} if {in_place} else {1}.clone()",),
        "scale": ("{0} = {1}.mul_({2}) if {in_place} else {1} * {2}",),
        "in place": ("{0} = not any(a.requires_grad for a in [{1}])  # autograd needs what it has seen",),
        "alone": (
            "def {0}(*tensors):",
            '    """Whether tensors are the CPU\'s, and neither autograd nor a transformation looks on."""',
            "",
            "    def is_plain(t):",
            "        tangent = torch.autograd.forward_ad.unpack_dual(t).tangent",
            "        return t.is_cpu and t.data_ptr() and not t.requires_grad and tangent is None",
            "",
            "    try:",
            "        return all(map(is_plain, tensors))",
            "    except RuntimeError:  # in torch.vmap and its like, tensors have no memory",
            "        return False",
        ),
        "weighted softmax": (
            "{3} = torch.where({4} != 0, {1}, -torch.inf).amax(dim={2}, keepdim=True)",
            "{3} = torch.where({3}.isinf(), 0, {3})",
            "{0} = {4} * torch.exp(torch.clamp({1} - {3}, max=0))",
            "{0} = {0} / {0}.sum(dim={2}, keepdim=True)",
        ),
        "weighted logsumexp": (
            "{3} = torch.where({4} != 0, {1}, -torch.inf).amax(dim={2}, keepdim=True)",
            "{3} = torch.where({3}.isinf(), 0, {3})",
            "{0} = torch.log(({4} * torch.exp(torch.clamp({1} - {3}, max=0))).sum(dim={2})) + {3}.squeeze({2})",
        ),
        "softmax*": (
            "{0} = torch.exp({1} - {1}.amax(dim={2}, keepdim=True))",
            "{0} = {0} / {0}.sum(dim={2}, keepdim=True)",
        ),
        "logsoftmax*": ("{0} = {1} - torch.logsumexp({1}, dim={2}, keepdim=True)",),
    },
    transpose="permute",
    axis="dim",
    has_device=True,
    reuses=True,
    calls_itself=True,
    logistic=True,
)

_JAX_PEAK = (
    "{3} = jnp.where({4} != 0, {1}, -jnp.inf).max(axis={2}, keepdims=True, initial=-jnp.inf)",
    "{3} = jnp.where(jnp.isinf({3}), 0, {3})",
)

JAX = Dialect(
    name="jax",
    module="jnp",
    imports={"jnp": "import jax.numpy as jnp", "jax": "import jax", "math": "import math"},
    functions=_functions(
        "jnp",
        asin="jnp.arcsin({0})",
        acos="jnp.arccos({0})",
        atan="jnp.arctan({0})",
        sigmoid="jax.nn.sigmoid({0})",
        softplus="jax.nn.softplus({0})",
        relu="jax.nn.relu({0})",
        silu="jax.nn.silu({0})",
        gelu="jax.nn.gelu({0}, approximate=False)",
        erf="jax.scipy.special.erf({0})",
        lgamma="jax.scipy.special.gammaln({0})",
        digamma="jax.scipy.special.digamma({0})",
        polygamma="jax.scipy.special.polygamma({0}, {1})",
        sum="{0}.sum({axes})",
        prod="{0}.prod({axes})",
        amax="{0}.max({axes})",
        inv="jnp.linalg.inv({0})",
        det="jnp.linalg.det({0})",
        arange="jnp.arange({0})",
        cast="{0}.astype({dtype})",
        zeros="jnp.zeros({0}, {dtype})",
        full="jnp.full({0}, {1}, {dtype})",
        filled="jnp.full({0}, {1}, {dtype})",
        copy="{0}",
        index="{0}",
        value="{0}",
        einsum="jnp.einsum({0})",
        tensordot="jnp.tensordot({0}, {1}, axes={2})",
        **{"default dtype": "jnp.result_type(float)"},
    ),
    operators={},
    statements={
        "softmax": ("{0} = jax.nn.softmax({1}, axis={2})",),
        "logsoftmax": ("{0} = jax.nn.log_softmax({1}, axis={2})",),
        "logsumexp": ("{0} = jax.nn.logsumexp({1}, axis={2})",),
        "weighted softmax": (
            *_JAX_PEAK,
            "{0} = {4} * jnp.exp(jnp.minimum({1} - {3}, 0))",
            "{0} = {0} / {0}.sum(axis={2}, keepdims=True)",
        ),
        "weighted logsumexp": (
            *_JAX_PEAK,
            "{0} = jnp.log(({4} * jnp.exp(jnp.minimum({1} - {3}, 0))).sum(axis={2})) + {3}.squeeze({2})",
        ),
        "logdet": (
            "{2}, {0} = jnp.linalg.slogdet({1})",
            "{0} = jnp.where({2} < 0, jnp.nan, {0})",
        ),
        "accumulate": ("{0} = {0}.at[{1}].add({2})",),
        "add": ("{0} = {0}.at[{1}].add({2})",),
        "subtract": ("{0} = {0}.at[{1}].add(-{2})",),
    },
    transpose="transpose",
    axis="axis",
    has_out=False,
    masks=True,
    fuses=True,
)

DIALECTS: Mapping[str, Dialect] = {d.name: d for d in (NUMPY, TORCH, JAX)}

# Without writing into arrays that exist: what `torch.vmap` and other transformations of functions can follow.
_FUNCTIONAL_TORCH = replace(
    TORCH,
    functions={**TORCH.functions, "empty": TORCH.functions["zeros"]},
    statements={
        **{word: lines for word, lines in TORCH.statements.items() if word not in ("add", "subtract", "set")},
        "accumulate": ("{0} = {0}.index_put([{1}], {2}, accumulate=True)",),
        "assign": ("{0} = {0} + {1}",),
    },
    has_out=False,
    reuses=False,
    calls_itself=False,
)

FUNCTIONAL: Mapping[str, Dialect] = {**DIALECTS, "torch": _FUNCTIONAL_TORCH}

"""How names and scripts are spelled: the key of a symbol, the items of a subscript, signs of transposition."""

from __future__ import annotations

from tensorcalc.greek import GREEK
from tensorcalc.verify.latex.tree import Bracket, Node, Number, Product, Scripted, Sequence, Symbol

__all__ = [
    "LAYERS",
    "flat_items",
    "function_key",
    "has_number",
    "is_differential_sign",
    "is_length",
    "is_transpose",
    "key_of",
    "letter_of",
    "numbered_key",
    "shown_name",
]

LAYERS = frozenset(("l", "L", "ell"))

WORDS = frozenset(  # in subscripts, where they are no indices
    [
        "out", "max", "min", "new", "old", "true", "pred", "loss", "train", "test", "model", "total",
        "mean", "var", "bias", "prev", "next", "size", "seq", "vocab", "head", "emb", "hid", "obs", "reg",
        "mse", "nll", "eff", "avg", "std", "ref", "opt", "dim", "key", "val", "query", "ctx", "src", "tgt",
        "rms", "norm", "act", "pre", "post", "cat", "con", "aux", "rec"
    ]
)  # fmt: skip


def key_of(symbol: Symbol) -> str:
    """The name of a symbol in the article: its letter, with alphabet and accents where they tell names apart."""
    style = symbol.style if symbol.style in ("bold", "cal", "frak", "bb", "tt") else ""
    key = f"{style}:{symbol.name}" if style else symbol.name
    for accent in symbol.accents:
        key = f"{accent}({key})"
    return key


def function_key(node: Node) -> str:
    """The name of something that is applied, with its labels, as in h_\\theta; empty for anything else."""
    if isinstance(node, Symbol):
        return key_of(node)
    if not isinstance(node, Scripted) or not isinstance(node.base, Symbol) or node.sup is not None:
        return ""
    items = flat_items(node.sub) if node.sub is not None else []
    if not all(isinstance(i, Symbol) for i in items):
        return ""
    return key_of(node.base) + "".join(f"_{key_of(i)}" for i in items if isinstance(i, Symbol))


def shown_name(key: str) -> str:
    """A name for a sentence: without its alphabet, Greek letters as such."""
    plain = key.rsplit(":", 1)[-1].rstrip(")") if ":" in key else key
    return GREEK.get(plain, plain)


def flat_items(node: Node) -> list[Node]:
    """The items of a script: what stands side by side or between commas."""
    if isinstance(node, Sequence):
        return [x for item in node.items for x in flat_items(item)]
    if isinstance(node, Bracket) and node.kind in ("group", "("):
        return flat_items(node.body)
    if isinstance(node, Product) and not any(node.signs):
        if isinstance(node.factors[0], Number):
            return [node]
        if _word(node):
            return [Symbol(node.span, "".join(f.name for f in node.factors if isinstance(f, Symbol)), "text")]
        return [x for f in node.factors for x in flat_items(f)]
    return [node]


def _word(node: Product) -> bool:
    if not all(isinstance(f, Symbol) and len(f.name) == 1 and not f.style for f in node.factors):
        return False
    close = all(a.span.end == b.span.start for a, b in zip(node.factors, node.factors[1:], strict=False))
    word = "".join(f.name for f in node.factors if isinstance(f, Symbol))
    return close and (
        word in WORDS or (word.isupper() and all(f.style == "" for f in node.factors if isinstance(f, Symbol)))
    )


def numbered_key(node: Scripted) -> str:
    """The name of an entry of a tensor with a number, as in z^{(1)}_{ij}; empty for anything else."""
    power = node.sup
    if isinstance(node.base, Symbol) and isinstance(power, Bracket) and power.kind in ("(", "["):
        return f"{key_of(node.base)}^{power.body.value}" if isinstance(power.body, Number) else ""
    return ""


def letter_of(node: Node) -> str:
    """The letter that an index is, perhaps with a number, as in p_1; empty for anything else."""
    if isinstance(node, Symbol):
        return node.name
    if isinstance(node, Scripted) and isinstance(node.base, Symbol) and isinstance(node.sub, Number):
        plain = node.sup is None and not node.primes and not node.base.style and node.sub.value.denominator == 1
        return f"{node.base.name}_{node.sub.value}" if plain else ""
    return ""


def is_differential_sign(node: Node) -> bool:
    """Whether this is the d before a formula, as in d(A^{-1}) and d log x."""
    return isinstance(node, Symbol) and node.name == "d" and node.style in ("", "mathrm") and not node.accents


def has_number(sup: Node | None) -> bool:
    """Whether there is a number of a sample or of a layer above a name, as in x^{(i)}."""
    if isinstance(sup, Product):
        return any(has_number(f) for f in sup.factors)
    base = sup.base if isinstance(sup, Scripted) else sup
    return isinstance(base, Bracket) and base.kind in ("(", "[")


def is_length(node: Scripted) -> bool:
    """Whether the subscript of a vector of ones says how long it is: a bold 1 with a capital letter or a number."""
    if not isinstance(node.base, Symbol) or node.base.name != "1" or node.base.style != "bold" or node.sub is None:
        return False
    items = flat_items(node.sub)
    named = isinstance(items[0], Symbol) and items[0].name[:1].isupper()
    return len(items) == 1 and (named or isinstance(items[0], Number))


def is_transpose(sup: Node | None) -> bool:
    """Whether a superscript is a sign of transposition."""
    return isinstance(sup, Symbol) and sup.name in ("T", "top", "t'") and not sup.accents

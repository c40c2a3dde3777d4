"""The words of the notation, which no tensor or index can have as its name."""

from __future__ import annotations

import re

from tensorcalc.errors import TensorCalcError
from tensorcalc.expr import Iverson
from tensorcalc.functions import FUNCTIONS
from tensorcalc.notation.tokens import NAME_LENGTH

__all__ = ["BINDERS", "CALLS", "MATRICES", "PAIRS", "RESERVED", "STATEMENTS", "check_name", "meaning"]

STATEMENTS = ("index", "tensor", "label", "assume")
BINDERS = ("sum", "prod", "amax")
PAIRS = ("delta", *Iverson.RELATIONS)
MATRICES = ("inv", "det", "logdet")
CALLS = {"sqrt": 1, "pow": 2, **{name: row.arity for name, row in FUNCTIONS.items() if not row.internal}}
"""The elementwise functions by name, with the number of their arguments."""

_MEANINGS = (
    ("a statement", STATEMENTS),
    ("a reduction over indices", BINDERS),
    ("a tensor of indices", ("one", *PAIRS)),
    ("a function of a matrix", MATRICES),
    ("a function", tuple(CALLS)),
    ("a number (3.14159…)", ("pi",)),
)
RESERVED = frozenset(word for _, words in _MEANINGS for word in words)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


def meaning(word: str) -> str:
    """What a reserved word is, in words."""
    return next(what for what, words in _MEANINGS if word in words)


def check_name(name: object, what: str = "name") -> str:
    """Return a name that did not come through the tokenizer (JSON, command line), if it is one.

    Raises `TensorCalcError` E_NAME. `what` says in the message what is named.
    """
    if not isinstance(name, str) or not _NAME.match(name) or "__" in name or len(name) > NAME_LENGTH:
        shown = repr(name[:40] + "…" if isinstance(name, str) and len(name) > 40 else name)[:60]
        raise TensorCalcError(
            "E_NAME",
            f"{shown} is not a valid {what}",
            hint=f"a letter, then letters, digits and single underscores, at most {NAME_LENGTH} characters",
        )
    return name

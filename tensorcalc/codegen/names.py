"""Python names for tensors, dimensions and temporaries.

Kept apart because this is the one gate between names in a formula and text that is executed: every identifier of
generated code is allotted here, and none leaves that does not match `PATTERN`.
"""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Iterable

from tensorcalc.errors import TensorCalcError
from tensorcalc.index import Dimension, Tensor

__all__ = ["PATTERN", "Names", "identifier", "unused"]

PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z", re.ASCII)
_GREEK = re.compile(r"GREEK (SMALL|CAPITAL) LETTER (?:FINAL )?([A-Z]+)\Z")
_RESERVED = frozenset(keyword.kwlist) | frozenset(dir(builtins)) | {"np", "torch", "jnp", "jax", "math", "out", "self"}


def _spelled(character: str) -> str:
    """A Greek letter by its name; any other character as it is."""
    found = _GREEK.match(unicodedata.name(character, ""))
    if found is None:
        return character
    return found[2].lower() if found[1] == "SMALL" else found[2].capitalize()


def identifier(name: str) -> str:
    """The name as an ASCII identifier, Greek letters spelled out.

    Raises `TensorCalcError` E_NAME where that does not give one, so that no other text reaches generated code.
    """
    ascii_name = "".join(_spelled(c) for c in name)
    if not PATTERN.match(ascii_name):
        raise TensorCalcError(
            "E_NAME",
            f"{name!r} cannot be a name in generated code",
            hint="use letters, digits and underscores, and begin with a letter",
        )
    return ascii_name


class Names:
    """Identifiers of one generated function, all different; tensors first, so that they keep their own names.

    `reserved` are words that the language of the code keeps for itself, Python's unless others are given.
    """

    def __init__(self, tensors: Iterable[Tensor], reserved: Iterable[str] = _RESERVED) -> None:
        self._taken: set[str] = set(reserved)
        self._tensors: dict[Tensor, str] = {}
        self._dimensions: dict[Dimension, str] = {}
        for tensor in tensors:
            self.tensor(tensor)

    def _allot(self, wanted: str) -> str:
        name = wanted
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def tensor(self, tensor: Tensor) -> str:
        """The variable of a tensor: its name, with `_` after it where Python or another name needs it."""
        if tensor not in self._tensors:
            self._tensors[tensor] = self._allot(identifier(tensor.name))
        return self._tensors[tensor]

    def share(self, tensor: Tensor, other: Tensor) -> None:
        """Give a tensor the variable of another one that has no use for it."""
        self._tensors[tensor] = self.tensor(other)

    def dimension(self, dimension: Dimension) -> str:
        """The variable that holds the size of a dimension."""
        if dimension not in self._dimensions:
            plain = re.sub(r"[^A-Za-z0-9_]", "_", "".join(_spelled(c) for c in dimension.name))
            self._dimensions[dimension] = self._allot(identifier(plain if PATTERN.match(plain) else f"n_{plain}"))
        return self._dimensions[dimension]

    def local(self, wanted: str) -> str:
        """A new variable, numbered where the wanted name is taken."""
        name, number = wanted, 1
        while name in self._taken:
            number += 1
            name = f"{wanted}{number}"
        self._taken.add(name)
        return name

    def release(self, names: Iterable[str]) -> None:
        """Let the names of variables be allotted again: their scope has ended."""
        self._taken.difference_update(names)


def unused(wanted: str, taken: set[str]) -> str:
    """A name that is not taken, and is so from now on."""
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}{number}"
    taken.add(name)
    return name

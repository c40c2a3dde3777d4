"""The nested scopes of a function in C while it is written: the lines of each loop, and the variables it holds."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from sympy.core.basic import Basic

from tensorcalc.binding import free_indices
from tensorcalc.codegen.names import Names, identifier
from tensorcalc.index import Dimension, Index, Tensor

__all__ = ["RESERVED", "Scope", "Scopes"]

_KEYWORDS = (
    "auto break case char const continue default do double else enum extern float for goto if inline int long "
    "register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while "
    "bool true false NULL NAN INFINITY main near far asm typeof linux unix "
    "abs acos asin atan ceil cos cosh div erf exp exp2 expm1 fabs floor fmax fmin fmod free gamma hypot isnan j0 j1 jn "
    "log log1p log2 log10 lgamma malloc memcpy memset pow remainder rint round signbit sin sinh sqrt tan tanh tgamma "
    "trunc y0 y1 yn ptrdiff_t size_t int32_t int64_t uint64_t uintptr_t"
)
_OWN = (
    "real bits R M BLOCK LINE begin end first count load team entry task given part parts stream thread threads "
    "workspace scratch status product in_parts part_function team_function thread_number "
    "stream_out fetch reduced power_of_two exponential_tail larger_of smaller_of relu_of sign_of least most"
)
RESERVED = frozenset(_KEYWORDS.split()) | frozenset(_OWN.split())


@dataclass
class Scope:
    """One loop (or the function): its indices, its lines, what is stored at the end of its body, what comes after."""

    indices: frozenset[Index]
    lines: list[str] = field(default_factory=list)
    stores: list[str] = field(default_factory=list)
    known: dict[Hashable, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)


class Scopes:
    """The scopes from the function inwards. A value belongs to the outermost scope that has all of its indices."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.stack: list[Scope] = [Scope(frozenset())]
        self.depth = 0
        self.sizes: dict[Dimension, None] = {}
        self.pointers: dict[Tensor, None] = {}
        self._letters: dict[Index, str] = {}

    def push(self, indices: Iterable[Index]) -> Scope:
        """Open a loop over the indices."""
        scope = Scope(frozenset(indices))
        self.stack.append(scope)
        self.depth = len(self.stack) - 1
        for index in scope.indices:
            if index not in self._letters:
                plain = identifier(index.name) if index.name.isidentifier() else "i"
                self._letters[index] = self.names.local(plain)
        return scope

    def pop(self) -> Scope:
        """Close the innermost loop."""
        scope = self.stack.pop()
        self.depth = len(self.stack) - 1
        self.names.release(scope.names)
        return scope

    def home(self, e: Basic) -> int:
        """The depth of the scope to which a value belongs."""
        missing = set(free_indices(e))
        for depth, scope in enumerate(self.stack):
            missing -= scope.indices
            if not missing:
                return depth
        raise ValueError(f"{e} has indices {missing} without a loop")

    @property
    def letters(self) -> list[str]:
        """The variables of all loops."""
        return list(self._letters.values())

    def letter(self, index: Index) -> str:
        """The variable of a loop."""
        return self._letters[index]

    def size(self, dimension: Dimension) -> str:
        """The variable of the size of a dimension."""
        if dimension.size is not None:
            return str(dimension.size)
        self.sizes[dimension] = None
        return self.names.dimension(dimension)

    def extent(self, dimensions: Iterable[Dimension]) -> str:
        """The product of some sizes; empty for none."""
        return " * ".join(self.size(d) for d in dimensions)

    def known(self, key: Hashable) -> str | None:
        """The variable of a value, in any scope around."""
        for scope in reversed(self.stack[: self.depth + 1]):
            if key in scope.known:
                return scope.known[key]
        return None

    def variable(self, wanted: str, depth: int) -> str:
        """A new name that lives as long as a scope."""
        name = self.names.local(wanted)
        self.stack[depth].names.append(name)
        return name

    def bind(self, key: Hashable, kind: str, wanted: str, code: str, depth: int) -> str:
        """A constant in a scope, known by a key."""
        name = self.variable(wanted, depth)
        self.stack[depth].lines.append(f"const {kind} {name} = {code};")
        self.stack[depth].known[key] = name
        return name

    def forget(self, tensor: Tensor) -> None:
        """Forget the values of a tensor that changes."""
        for scope in self.stack:
            gone = [k for k in scope.known if isinstance(k, Basic) and k.has(tensor)]
            for key in gone:
                del scope.known[key]

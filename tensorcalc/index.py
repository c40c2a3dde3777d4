"""What stands in brackets: dimensions, indices, and the tensors they belong to.

All are SymPy atoms that compare by content. A `Dimension` is also the number of values its indices take, so `1/H` is an
ordinary SymPy expression.
"""

from __future__ import annotations

from typing import Any

from sympy import AtomicExpr, Expr, Integer

from tensorcalc.greek import GREEK

__all__ = ["Adjoint", "BoundIndex", "Dimension", "Index", "Slope", "Tangent", "Tensor", "TotalAdjoint"]


def _plain(content: tuple[Any, ...]) -> tuple[Any, ...]:
    """The content as strings, numbers and tuples only: SymPy orders atoms by `<` on it.

    An atom inside starts with its class, so that ∂l/∂t of an adjoint and of a plain tensor can be compared.
    """
    return tuple(
        (type(part).__name__, *part._plain)
        if isinstance(part, _Named)
        else _plain(part)
        if isinstance(part, tuple)
        else part
        for part in content
    )


class _Named(AtomicExpr):
    """An atom identified by its class and a tuple of plain, mutually comparable values."""

    __slots__ = ("_content", "_plain")
    _content: tuple[Any, ...]
    _plain: tuple[Any, ...]
    is_commutative = True

    @classmethod
    def _make(cls, *content: Any) -> Any:
        self = super().__new__(cls)
        self._content = content
        self._plain = _plain(content)
        return self

    def _hashable_content(self) -> tuple[Any, ...]:
        return self._plain

    def __getnewargs__(self) -> tuple[Any, ...]:
        return self._content

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._content

    def _sympystr(self, printer: Any) -> str:
        return str(self._content[0])

    _sympyrepr = _sympystr


class Dimension(_Named):
    """The range of an index: `name` is its symbol (`H`), `size` its length where the text fixes it (else `None`).

    As a scalar expression it stands for the number of its values.
    """

    is_integer = True
    is_positive = True

    def __new__(cls, name: str, size: int = -1) -> Dimension:
        return cls._make(name, size)

    @property
    def name(self) -> str:
        return str(self._content[0])

    @property
    def size(self) -> int | None:
        return None if self._content[1] < 0 else int(self._content[1])

    @property
    def extent(self) -> Expr:
        """The number of values as an expression: the symbol, or the integer where it is fixed."""
        return self if self.size is None else Integer(self.size)


class Index(_Named):
    """A letter that runs over a dimension: free where nothing sums over it."""

    is_integer = True

    def __new__(cls, name: str, dimension: Dimension) -> Index:
        return cls._make(name, dimension)

    @property
    def name(self) -> str:
        return str(self._content[0])

    @property
    def dimension(self) -> Dimension:
        return self._content[1]


class BoundIndex(Index):
    """The canonical dummy of a binder, known by number; only `tensorcalc.binding` ever sees one free."""

    def __new__(cls, number: int, dimension: Dimension) -> BoundIndex:
        return cls._make(number, dimension)

    @property
    def name(self) -> str:
        return f"_{self._content[0]}"

    @property
    def number(self) -> int:
        return int(self._content[0])


class Tensor(_Named):
    """A named array: its name, the dimension of each axis, and whether its entries are labels (integers).

    `label_dimension` is the dimension that the labels point into; `None` for tensors of numbers.
    """

    def __new__(
        cls, name: str, dimensions: tuple[Dimension, ...] = (), label_dimension: Dimension | tuple[()] | None = None
    ) -> Tensor:
        # an empty tuple stands for None inside, so that SymPy can order the contents of any two tensors
        return cls._make(name, tuple(dimensions), label_dimension or ())

    @property
    def name(self) -> str:
        return str(self._content[0])

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        return self._content[1]

    @property
    def order(self) -> int:
        return len(self.dimensions)

    @property
    def spoken(self) -> str:
        """What the name of a rule calls the tensor: σ for `sigma`."""
        return GREEK.get(self.name, self.name)

    @property
    def label_dimension(self) -> Dimension | None:
        return self._content[2] or None

    @property
    def is_label(self) -> bool:
        return self.label_dimension is not None


class _Derived(Tensor):
    """A tensor that belongs to another one, and has its shape unless it says otherwise."""

    PREFIX = ""

    def __new__(cls, of: Tensor) -> _Derived:
        return cls._make(of)

    @property
    def of(self) -> Tensor:
        return self._content[0]

    @property
    def name(self) -> str:
        return f"{self.PREFIX}{self.of.name}"

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        return self.of.dimensions

    @property
    def label_dimension(self) -> None:
        return None

    def _sympystr(self, printer: Any) -> str:
        return self.name

    _sympyrepr = _sympystr


class Adjoint(_Derived):
    """The upstream gradient ∂l/∂t of a tensor t; `d_t` where a plain name is needed."""

    PREFIX = "d_"

    @property
    def spoken(self) -> str:
        return f"the gradient by {self.of.spoken}"


class TotalAdjoint(Adjoint):
    """dl/dt of an output t that other outputs use as well: the given ∂l/∂t and what comes back through them."""

    @property
    def name(self) -> str:
        return f"d_{self.of.name}_total"


class Tangent(_Derived):
    """The directional derivative of a tensor t along given tangents of the inputs; `v_t` as a plain name."""

    PREFIX = "v_"

    @property
    def spoken(self) -> str:
        return f"the tangent of {self.of.spoken}"


class Slope(_Derived):
    """A whole derivative ∂t/∂x as a tensor: the axes of t, then those of x; `d_t_d_x` where a plain name is needed."""

    def __new__(cls, of: Tensor, wrt: Tensor) -> Slope:
        return cls._make(of, wrt)

    @property
    def wrt(self) -> Tensor:
        return self._content[1]

    @property
    def name(self) -> str:
        return f"d_{self.of.name}_d_{self.wrt.name}"

    @property
    def spoken(self) -> str:
        return f"∂{self.of.spoken}/∂{self.wrt.spoken}"

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        return self.of.dimensions + self.wrt.dimensions

"""Matrix formulas as they are read: by NumPy, and by a person who reads the text; and random ones in index notation.

The reader of texts knows signs and precedence and nothing of the printers: juxtaposition is a product, which binds more
tightly than ⊙ and ⊘, and those more tightly than + and −. Vectors are columns, and added terms have equal shapes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from sympy import Expr

from tensorcalc.check.sampling import sample
from tensorcalc.codegen.names import Names
from tensorcalc.evaluator import FUNCTIONS, Environment, evaluate
from tensorcalc.expr import Component, Partial
from tensorcalc.index import Adjoint, Index, Tangent, Tensor
from tensorcalc.matrix import MatrixForm, signs
from tensorcalc.matrix.places import places_of
from tensorcalc.matrix.spelling import Constant, MatrixText
from tensorcalc.matrix.titles import Titles
from tensorcalc.render import Context

Array = npt.NDArray[Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]


class SizedText(MatrixText):
    """The text of a formula in which constant vectors and matrices say their sizes, which a reader would infer."""

    def constant(self, node: Constant) -> str:
        return f"{super().constant(node)}⟨{node.size}⟩"

    def row(self, node: signs.Row) -> Any:
        text, level = super().row(node)
        return (f"{text}⟨{node.vector.size}⟩" if node.spelled_out else text), level  # type: ignore[union-attr]

    def slice_sum(self, node: signs.SliceSum) -> Any:
        text, level = super().slice_sum(node)
        return text.replace(f"Σ_{node.letter} ", f"Σ_{node.letter}⟨{node.size}⟩ ", 1), level


@dataclass
class Point:
    """Random values of the tensors of an equation `left = right`, and what either side comes to."""

    context: Context
    left: Expr
    right: Expr
    environment: Environment

    @classmethod
    def of(cls, context: Context, left: Expr, right: Expr, seed: int = 0) -> Point | None:
        given = tuple(sorted(right.atoms(Adjoint, Tangent), key=str))
        found = sample(context.system, tuple(t for t in given if t not in context.system.by_tensor), seed)
        return None if found is None else cls(context, left, right, found)

    def expected(self) -> Array:
        """The right side in index notation, by the evaluator."""
        axes: Any = places_of(self.left)
        return evaluate(self.right, self.environment, axes)

    def by_numpy(self, form: MatrixForm) -> Array:
        """What NumPy makes of the plain form, for every slice."""
        variables = self._variables()
        return self._over_slices(form, lambda at: eval(form.plain, {**variables, **at}))

    def by_reader(self, form: MatrixForm) -> Array:
        """What a reader makes of the right side of the text, for every slice."""
        text, shown = SizedText().text(form.lines[-1].right), self._shown()
        return self._over_slices(form, lambda at: Reader(text, {**shown, **at}, self._sizes()).read())

    def _over_slices(self, form: MatrixForm, compute: Callable[[Mapping[str, int]], Any]) -> Array:
        axes = [i for i in places_of(self.left) if isinstance(i, Index)]
        sizes = [self.environment.extent(i.dimension) for i in axes]
        held, kept = sizes[: len(form.slices)], sizes[len(form.slices) :]
        result = np.zeros(sizes)
        for position in np.ndindex(*held):
            value = np.asarray(compute(dict(zip(form.slices, position, strict=True))))
            result[position] = value.reshape(kept) if value.size == math.prod(kept) else np.broadcast_to(value, kept)
        return result

    def _tensors(self) -> dict[Tensor, Array]:
        atoms = sorted(self.right.atoms(Tensor), key=str)
        return {t: self.environment.value(t) for t in dict.fromkeys((*self.context.system.tensors.values(), *atoms))}

    def _slopes(self) -> dict[tuple[Tensor, Tensor], Array]:
        """The derivatives that occur by name."""
        found = {}
        for partial in sorted(self.right.atoms(Partial), key=str):
            parts = partial.expression, partial.wrt
            of, wrt = ([Index(f"'{k}{n}", d) for n, d in enumerate(c.tensor.dimensions)] for k, c in enumerate(parts))
            whole = Partial(Component(parts[0].tensor, *of), Component(parts[1].tensor, *wrt), partial.direct)
            found[parts[0].tensor, parts[1].tensor] = evaluate(whole, self.environment, (*of, *wrt))
        return found

    def _sizes(self) -> dict[str, int]:
        names = Names(self.context.system.tensors.values())
        return {names.dimension(d): size for d, size in self.environment.sizes.items()}

    def _variables(self) -> dict[str, Any]:
        names = Names(self.context.system.tensors.values())
        values: dict[str, Any] = {names.tensor(t): v for t, v in self._tensors().items()}
        slopes = {f"d_{names.tensor(a)}_d_{names.tensor(b)}": v for (a, b), v in self._slopes().items()}
        return {**FUNCTIONS, "np": np, "sum": sum, "range": range, **values, **slopes, **self._sizes()}

    def _shown(self) -> dict[str, Any]:
        """The values by the names that a reader sees."""
        titles, printer = Titles(self.context, (self.left, self.right)), MatrixText()
        shown: dict[str, Any] = {}
        for tensor, value in self._tensors().items():
            for order in range(min(tensor.order, 2) + 1):
                shown[printer.text(titles.symbol(tensor, order))] = value
        for (of, wrt), value in self._slopes().items():
            left, right = (printer.text(titles.symbol(t, t.order)) for t in (of, wrt))
            shown[f"∂{left}/∂{right}"] = value
        return {"π": np.pi, **{d.name: n for d, n in self.environment.sizes.items()}, **shown}


WORDS = {
    "exp": np.exp,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "det": np.linalg.det,
    "tr": lambda m: np.trace(m) if m.ndim else m,
}
DIGITS = "⁰¹²³⁴⁵⁶⁷⁸⁹"


@dataclass
class Reader:
    """Reads one formula. A vector is a matrix with one column, a row one with one row, a scalar has no axes."""

    text: str
    names: Mapping[str, Any]
    sizes: Mapping[str, int]
    place: int = 0

    def read(self) -> Array:
        value = self.sum()
        assert self.place == len(self.text), f"cannot read {self.text[self.place :]!r} in {self.text!r}"
        return value

    def peek(self, *signs: str) -> str:
        """The sign that comes next, if it is one of these."""
        return next((s for s in signs if self.text.startswith(s, self.place)), "")

    def take(self, *signs: str) -> str:
        found = self.peek(*signs)
        self.place += len(found)
        return found

    def match(self, pattern: str) -> str:
        found = re.compile(pattern).match(self.text, self.place)
        self.place += len(found[0]) if found else 0
        return found[0] if found else ""

    def expect(self, sign: str) -> None:
        assert self.take(sign), f"expected {sign!r} at {self.text[self.place :]!r} in {self.text!r}"

    def sum(self) -> Array:
        total = -self.entrywise() if self.take("−") else self.entrywise()
        while sign := self.take(" + ", " − "):
            other = self.entrywise()
            assert total.shape == other.shape, f"{self.text!r} adds shapes {total.shape} and {other.shape}"
            total = total + other if sign == " + " else total - other
        return total

    def entrywise(self) -> Array:
        value = self.product()
        while sign := self.take(" ⊙ ", " ⊘ "):
            other = self.product()
            assert value.shape == other.shape
            value = value * other if sign == " ⊙ " else value / other
        return value

    def product(self) -> Array:
        value = self.factor()
        while True:
            if self.take("/"):
                divisor = self.factor()
                assert not divisor.ndim, f"{self.text!r} divides by a matrix"
                value = value / divisor
            elif (
                self.take(" · ")
                or (not self.peek(" + ", " − ", " ⊙ ", " ⊘ ", " > ", " < ", " = ") and self.take(" "))
                or self.peek("(")
            ):
                value = times(value, self.factor())
            else:
                return value

    def factor(self) -> Array:
        value = self.atom()
        while sign := self.take("ᵀ", "⁻¹", "⁻ᵀ", "^⊙{", "^⊙", "^{", *DIGITS):
            if sign in ("ᵀ", "⁻ᵀ", "⁻¹"):
                assert value.ndim == 2
                value = np.linalg.inv(value) if "⁻" in sign else value
                value = value.T if "ᵀ" in sign else value
            elif sign in DIGITS:
                assert not value.ndim, f"{self.text!r} has a power of a matrix"
                value = value ** DIGITS.index(sign)
            else:
                exponent = self.sum() if "{" in sign else -self.atom() if self.take("−") else self.atom()
                self.expect("}") if "{" in sign else None
                assert ("⊙" in sign) == bool(value.ndim)
                value = value**exponent
        return value

    def atom(self) -> Array:
        if self.take("(1 ⋯ 1)"):
            return np.ones((1, self.size()))
        if self.take("𝟏"):
            self.match(r"_\w+|[₀-₉]+")  # its length, which also stands between the angle brackets
            return np.ones((self.size(), 1))
        if self.take("√"):
            return np.sqrt(self.factor_without_exponent())
        if self.take("|"):
            value = self.sum()
            self.expect("|")
            assert not value.ndim
            return np.abs(value)
        if self.take("["):
            return self.comparison()
        if self.take("("):
            value = self.sum()
            self.expect(")")
            return value
        if self.take("Σ_"):
            return self.slices()
        if number := self.match(r"\d+(\.\d+)?(·10[⁻\d⁰¹²³⁴⁵⁶⁷⁸⁹]*)?"):
            return np.asarray(float(number))
        if self.take("e^{"):
            value = self.sum()
            self.expect("}")
            assert not value.ndim
            return np.exp(value)
        return self.named()

    def factor_without_exponent(self) -> Array:
        return self.atom()

    def comparison(self) -> Array:
        left = self.sum()
        sign = self.take(" > ", " < ", " = ")
        right = self.sum()
        self.expect("]")
        if sign == " = ":
            return np.equal(left, right).astype(float)
        return FUNCTIONS["larger"](left, right) if sign == " > " else FUNCTIONS["larger"](right, left)

    def size(self) -> int:
        self.expect("⟨")
        name = self.match(r"[^⟩]+")
        self.expect("⟩")
        return int(name) if name.isdigit() else self.sizes[name]

    def slices(self) -> Array:
        letter, size = self.match(r"[a-z]+"), self.size()
        self.expect(" ")
        total: Any = 0
        start = self.place
        for position in range(size):
            inner = Reader(self.text, {**self.names, letter: position}, self.sizes, start)
            total = total + inner.entrywise()
            self.place = inner.place
        return np.asarray(total)

    def named(self) -> Array:
        if self.match(r"(I|E|Id)(?=⟨)"):
            return np.eye(self.size())
        for name in sorted(self.names, key=len, reverse=True):
            if self.match(rf"{re.escape(name)}(?![A-Za-zΑ-ω\d])"):
                value = np.asarray(self.names[name], dtype=float)
                if self.take("_"):
                    value = value[self.subscript()]
                return value[:, None] if value.ndim == 1 else value
        if self.take("onehot("):
            labels = self.sum()
            self.expect(")")
            return np.eye(self.size())[labels[:, 0].astype(int)]
        if self.take("δ_"):
            first, second = self.subscript()
            return np.asarray(float(first == second))
        if self.take("e_"):
            place = self.subscript()
            return np.eye(self.size())[:, place]
        word = self.match(r"log det|[a-z\d]+")
        power = DIGITS.find(self.match(f"[{DIGITS}]") or " ")  # tanh² x
        bracketed = self.take("(") or not self.expect(" ")  # type: ignore[func-returns-value]
        arguments = [self.sum() if bracketed == "(" else self.atom()]
        while bracketed == "(" and self.take(", "):
            arguments.append(self.sum())
        self.expect(")") if bracketed == "(" else None
        if word == "diag":
            return diag(arguments[0])
        if word == "log det":
            return np.log(np.linalg.det(arguments[0]))
        value = np.asarray((WORDS | dict(FUNCTIONS))[word](*arguments))
        return value if power < 0 else value**power

    def subscript(self) -> tuple[int, ...]:
        """Labels, numbers and letters of slices: `T`, `{T,0}`, `T_m` inside braces."""
        if not self.take("{"):
            return tuple(int(c) if c.isdigit() else int(self.names[c]) for c in self.match(r"[A-Za-z\d]+"))
        found = [self.label(r"\w+?(?=[,}_])")]
        while self.take(","):
            found.append(self.label(r"\w+?(?=[,}_])"))
        self.expect("}")
        return tuple(found)

    def label(self, pattern: str) -> int:
        name = self.match(pattern)
        value = int(name) if name.isdigit() else self.names[name]
        if self.take("_"):
            value = value[self.subscript()]
        return int(value)


def times(a: Array, b: Array) -> Array:
    """The product that juxtaposition means: of scalars, by a scalar, or of matrices; 1×1 is a scalar."""
    if not a.ndim or not b.ndim:
        return a * b
    product = a @ b
    return product[0, 0] if product.shape == (1, 1) else product


def diag(value: Array) -> Array:
    return np.diag(value[:, 0]) if value.shape[1] == 1 else np.diag(value)[:, None]


VECTORS = {"I": "xu", "M": "y"}
MATRICES = {"II": "AS", "IM": "B", "MI": "C", "MM": "D"}
LETTERS = {"I": "ijklpqabcd", "M": "mnoruvwt"}
DIMENSION = {letter: name for name, letters in LETTERS.items() for letter in letters}
DECLARED = "index " + ", ".join(f"{letter}: {name}" for letter, name in DIMENSION.items())
SMOOTH = ("tanh({})", "sin({})", "sigmoid({})", "exp(tanh({}))", "({})^2", "1/(({})^2 + 2)", "sqrt(({})^2 + 1)")


@dataclass
class Author:
    """Writes expressions that have a matrix form: products of scalars, vectors and matrices, and what is applied entry
    by entry. Every sum has letters of its own.
    """

    draw: Draw
    used: list[str] = field(default_factory=list)

    def choose(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def letter(self, dimension: str) -> str:
        """A letter that is not in use; the first one again where all are."""
        found = next((c for c in LETTERS[dimension] if c not in self.used), LETTERS[dimension][0])
        self.used.append(found)
        return found

    def expression(self, free: str, depth: int) -> str:
        """A formula over exactly these free indices, at most two."""
        forms: Sequence[Callable[[str, int], str]] = (self.atom,)
        if depth > 0 and len(self.used) < 10:
            shared = (self.add, self.function, self.scaled, self.entrywise, self.chain, self.chain)
            forms = {0: (self.inner, self.inner, *shared[:3], self.total), 1: shared, 2: (*shared, self.outer)}[
                len(free)
            ]
        return str(self.choose(*forms)(free, depth - 1))

    def atom(self, free: str, depth: int = 0) -> str:
        dimensions = "".join(DIMENSION[c] for c in free)
        if not free:
            return str(self.choose("s", "x[T]", "A[T,0]", "2", "1/3", "N"))
        if len(free) == 1:
            vectors = [f"{v}[{free}]" for v in VECTORS[dimensions]]
            if dimensions == "I":
                vectors += [f"A[{free},{free}]", f"A[{free},T]", f"A[T,{free}]", f"delta({free},T)"]
            if dimensions == "M":
                vectors += [f"x[U[{free}]]", f"B[U[{free}],{free}]"]
            return str(self.choose(*vectors, f"1[{free}]"))
        i, j = free
        found = [f"{m}[{i},{j}]" for m in MATRICES[dimensions]] + [f"{m}[{j},{i}]" for m in MATRICES[dimensions[::-1]]]
        if dimensions == "IM":
            found += [f"A[{i},U[{j}]]", f"A[U[{j}],{i}]", f"delta({i},U[{j}])"]
        if dimensions[0] == dimensions[1]:
            found += [f"delta({i},{j})"]
            found += [f"inv(A)[{i},{j}]", f"inv(A)[{j},{i}]"] if dimensions == "II" else []
        return str(self.choose(*found))

    def add(self, free: str, depth: int) -> str:
        return f"({self.expression(free, depth)} {self.choose('+', '-')} {self.expression(free, depth)})"

    def function(self, free: str, depth: int) -> str:
        return str(self.choose(*SMOOTH)).format(self.expression(free, depth))

    def scaled(self, free: str, depth: int) -> str:
        return f"({self.expression('', depth)})*({self.expression(free, depth)})"

    def entrywise(self, free: str, depth: int) -> str:
        """A product of two factors, each over all indices or one of them."""
        other = self.choose(free, free, *free)
        return f"({self.expression(free, depth)})*({self.expression(other, depth)})"

    def chain(self, free: str, depth: int) -> str:
        """A sum over one index between a matrix and what follows it."""
        first, rest = free[:1], free[1:]
        dummy = self.letter(self.choose("I", "M"))
        left = self.expression(self.choose(first + dummy, dummy + first), depth)
        return f"sum({dummy}, ({left})*({self.expression(dummy + rest, depth)}))"

    def outer(self, free: str, depth: int) -> str:
        return f"({self.expression(free[0], depth)})*({self.expression(free[1], depth)})"

    def inner(self, free: str, depth: int) -> str:
        dummy = self.letter(self.choose("I", "M"))
        return f"sum({dummy}, ({self.expression(dummy, depth)})*({self.expression(dummy, depth)}))"

    def total(self, free: str, depth: int) -> str:
        first, second = self.letter(self.choose("I", "M")), self.letter(self.choose("I", "M"))
        left, right = (self.expression(first + second, depth) for _ in range(2))
        return f"sum({first}, {second}, ({left})*({right}))"


@st.composite
def matrix_systems(draw: Draw) -> str:
    """A system of one definition that has a matrix form."""
    author = Author(draw)
    free = "".join(author.letter(d) for d in author.choose("", "I", "M", "II", "IM", "MI"))
    left = f"z[{','.join(free)}]" if free else "z"
    return f"{DECLARED}; {left} = {author.expression(free, 3)}"

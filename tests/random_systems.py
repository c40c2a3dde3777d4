"""Random systems as text: definitions with contractions, labels, δ, one-tensors, functions, quotients and sharing."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
LETTERS = {"I": "ijklpqabcd", "M": "mnoruvwt"}
DIMENSION = {letter: name for name, letters in LETTERS.items() for letter in letters}
DECLARED = "index " + ", ".join(f"{letter}: {name}" for letter, name in DIMENSION.items())
INPUTS = {"s": "", "x": "I", "y": "M", "A": "II", "B": "IM", "C": "IMI"}
SHAPES = ("", "", "I", "M", "IM", "II")

# functions that are smooth and of moderate size everywhere, as a template of their argument
SMOOTH = (
    "tanh({})",
    "sin({})",
    "sigmoid({})",
    "softplus({})",
    "exp(tanh({}))",
    "exp(-({})^2)",
    "log(({})^2 + 1)",
    "sqrt(({})^2 + 1)",
    "(({})^2 + 2)^(1/3)",
    "1/(({})^2 + 2)",
    "atan({})",
    "({})^2",
    "silu({})",
    "cos({})",
    "erf({})",
)
KINKED = ("abs({})", "relu({})", "max")


@dataclass
class Author:
    """Writes one system. `tensors` gives the axes of what may be used so far, `used` the letters of one definition;
    `smooth` systems have second derivatives, and are smaller.

    No letter is used twice in a definition: two sums over the same letter in one term would be one sum around both.
    """

    draw: Draw
    smooth: bool
    tensors: dict[str, str] = field(default_factory=lambda: dict(INPUTS))
    used: str = ""

    def choose(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def system(self) -> str:
        lines = [DECLARED]
        for number in range(1, self.choose(*range(1, 4 if self.smooth else 6)) + 1):
            shape = self.choose(*SHAPES)
            self.used = ""
            free = self.letters(shape)
            lines.append(f"z{number}{bracket(free)} = {self.expression(free, 2 if self.smooth else 3)}")
            self.tensors[f"z{number}"] = shape
        return "\n".join(lines)

    def letters(self, shape: str) -> str:
        """A new letter for every axis, as long as there are any."""
        found = ""
        for name in shape:
            rest = [c for c in LETTERS[name] if c not in self.used]
            if rest:
                found += rest[0]
                self.used += rest[0]
        return found

    def expression(self, free: str, depth: int) -> str:
        """A formula with exactly these free indices."""
        if depth <= 0:
            return self.atom(free)
        form = self.choose("atom", "product", "contraction", "contraction", "sum", "add", "function", "ratio")
        return str(getattr(self, f"_{form}")(free, depth - 1))

    def _atom(self, free: str, depth: int) -> str:
        return self.atom(free)

    def _add(self, free: str, depth: int) -> str:
        first, second = (self.expression(free, depth) for _ in range(2))
        return f"({first} {self.choose('+', '-')} {self.choose('', '2*', '1/3*')}{second})"

    def _function(self, free: str, depth: int) -> str:
        template = self.choose(*SMOOTH) if self.smooth else self.choose(*SMOOTH, *KINKED)
        if template == "max":
            return f"max({self.expression(free, depth)}, {self.expression(free, depth)})"
        return str(template).format(self.expression(free, depth))

    def _ratio(self, free: str, depth: int) -> str:
        lower = self.expression(self.subset(free), depth - 1)
        return f"{self.expression(free, depth)}/(({lower})^2 + 1)"

    def _product(self, free: str, depth: int) -> str:
        mine = self.subset(free)
        rest = "".join(c for c in free if c not in mine) + self.subset(mine)
        return f"({self.expression(mine, depth)})*({self.expression(rest, depth)})"

    def _contraction(self, free: str, depth: int) -> str:
        """A product of two or three factors with repeated dummies, summed implicitly."""
        dummies = self.letters(self.choose("I", "M", "II", "IM"))
        parts = [self.expression(self.subset(free) + dummies, depth) for _ in range(self.choose(1, 1, 2))]
        return "*".join(f"({part})" for part in [*parts, self.expression(free + dummies, depth)])

    def _sum(self, free: str, depth: int) -> str:
        dummies = self.letters(self.choose("I", "M"))
        inside = self.expression(free + dummies, depth)
        return f"sum({dummies}, {inside})" if dummies else inside

    def subset(self, free: str) -> str:
        return "".join(c for c in free if self.choose(False, True))

    def atom(self, free: str) -> str:
        """One component, δ or bracket, with one-tensors for the free indices it does not carry."""
        choices = [f"{name}{bracket(self.places(shape, free))}" for name, shape in self.tensors.items()]
        rows = [c for c in free if DIMENSION[c] == "I"]
        columns = [c for c in free if DIMENSION[c] == "M"]
        if rows:
            choices += [f"delta({rows[0]},T)", f"delta({rows[0]},1)"]
            choices += [f"delta({rows[0]},U[{c}])" for c in columns[:1]]
        if len(rows) > 1:
            choices += [f"delta({rows[0]},{rows[1]})", f"le({rows[0]},{rows[1]})"]
        text = str(self.choose(*choices))
        carried = re.findall(r"\b[a-z]\b", text)
        return "*".join([*(f"1[{c}]" for c in free if c not in carried), text])

    def places(self, shape: str, free: str) -> list[str]:
        """An index for every axis, most often one of the free ones; else a label or a number."""
        found = []
        for axis in shape:
            fitting = [c for c in free if DIMENSION[c] == axis]
            other = ["0"]
            if axis == "I":
                other += ["T", *(f"U[{c}]" for c in free if DIMENSION[c] == "M")]
            found.append(self.choose(*(fitting or other), *(fitting or other), *fitting, self.choose(*other)))
        return found


def bracket(places: Sequence[str]) -> str:
    return f"[{','.join(places)}]" if places else ""


@st.composite
def systems(draw: Draw, smooth: bool = False) -> str:
    """A system as text. Its last definition may be of any order."""
    return Author(draw, smooth).system()

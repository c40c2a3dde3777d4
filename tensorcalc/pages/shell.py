"""What is around the body of an HTML page: styles, scripts and fonts, in the page or beside it."""

from __future__ import annotations

import base64
import re
from functools import cache
from html import escape
from importlib import resources
from pathlib import Path

__all__ = ["document", "write_assets"]

_ASSETS = resources.files("tensorcalc.pages") / "assets"
_FONT = re.compile(r'src:url\(fonts/([\w-]+\.woff2)\) format\("woff2"\)[^}]*')
_NOTHING_ELSE = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; font-src data:; img-src data:"
)
LICENCES = "Formulas: KaTeX 0.16 (MIT licence; its fonts: SIL Open Font License 1.1)."


def document(title: str, body: str, assets: str = "") -> str:
    """A whole page. Without `assets` it holds all it needs, and a browser is told to ask for nothing."""
    if assets:
        styles = "\n".join(f'<link rel="stylesheet" href="{assets}/{name}.css">' for name in ("katex", "page"))
        scripts = "\n".join(f'<script src="{assets}/{name}.js"></script>' for name in ("katex", "page"))
    else:
        policy = f'<meta http-equiv="Content-Security-Policy" content="{_NOTHING_ELSE}">'
        styles = f"{policy}\n<style>{_inlined_katex_css()}</style>\n<style>\n{_text('page.css')}</style>"
        scripts = f"<script>{_text('katex/katex.min.js')}</script>\n<script>\n{_text('page.js')}</script>"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="tensorcalc">
<title>{escape(title)}</title>
<!-- {LICENCES} -->
{styles}
</head>
<body>
<noscript><p>Formulas are shown in LaTeX here, because scripts are off.</p></noscript>
{body}
{scripts}
</body>
</html>
"""


def write_assets(folder: Path) -> None:
    """Write what pages share: KaTeX with its fonts and licences, the style sheet, the script."""
    fonts = folder / "fonts"
    fonts.mkdir(parents=True, exist_ok=True)
    (folder / "katex.css").write_text(_katex_css(), encoding="utf-8")
    for name, source in (("katex.js", "katex/katex.min.js"), ("katex-LICENSE.txt", "katex/LICENSE")):
        (folder / name).write_text(_text(source), encoding="utf-8")
    for name in ("page.css", "page.js"):
        (folder / name).write_text(_text(name), encoding="utf-8")
    for font in (_ASSETS / "katex" / "fonts").iterdir():
        (fonts / font.name).write_bytes(font.read_bytes())


@cache
def _text(path: str) -> str:
    return _ASSETS.joinpath(*path.split("/")).read_text(encoding="utf-8")


def _katex_css() -> str:
    """KaTeX's style sheet, with the fonts in the one form that is shipped."""
    return _FONT.sub(r'src:url(fonts/\1) format("woff2")', _text("katex/katex.min.css"))


@cache
def _inlined_katex_css() -> str:
    def data(match: re.Match[str]) -> str:
        font = (_ASSETS / "katex" / "fonts" / match[1]).read_bytes()
        return f'src:url(data:font/woff2;base64,{base64.b64encode(font).decode()}) format("woff2")'

    return _FONT.sub(data, _text("katex/katex.min.css"))

"""The dependency graph as an inline SVG picture."""

from __future__ import annotations

from html import escape

from tensorcalc.pages.drawing import HEIGHT, drawn
from tensorcalc.pages.model import Picture
from tensorcalc.render.names import split_name, text_name

__all__ = ["svg"]

SCALE = 46.0  # pixels for a cm
WIDTHS = {"letter": 0.24, "script": 0.17}  # cm


def svg(picture: Picture, number: int = 0) -> str:
    """The picture; `number` keeps its identifiers apart from those of other pictures of a page."""
    graph = picture.graph
    drawing = drawn(graph, [_width(vertex.name) for vertex in graph.vertices])
    width, height = drawing.width * SCALE + 4, drawing.height * SCALE + 4
    title = f"graph-{number}"
    lines = [
        f'<svg role="img" aria-labelledby="{title}" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="-2 -2 {width:.0f} {height:.0f}">',
        f'<title id="{title}">{escape(picture.description)}</title>',
        f'<defs><marker id="{title}-head" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto"><path d="M0 0.8 8 4 0 7.2z"/></marker></defs>',
    ]
    for curve in drawing.curves:
        (x, y), *_ = curve.points
        path = f"M{_at(x)} {_at(y)}" + "".join(
            f" C{_at(a[0])} {_at(a[1])} {_at(b[0])} {_at(b[1])} {_at(c[0])} {_at(c[1])}"
            for a, b, c in curve.bends(drawing.across)
        )
        lines.append(f'<path d="{path}" marker-end="url(#{title}-head)"/>')
    for vertex, spot in zip(graph.vertices, drawing.spots, strict=True):
        x, y = spot.x - spot.width / 2, spot.y - HEIGHT / 2
        rectangle = f'x="{_at(x)}" y="{_at(y)}" width="{_at(spot.width)}" height="{_at(HEIGHT)}" rx="5"'
        text = f'<text x="{_at(spot.x)}" y="{spot.y * SCALE + 5:.1f}">{_label(vertex.name)}</text>'
        lines.append(f'<g class="{vertex.role}"><rect {rectangle}/>{text}</g>')
    return "\n".join([*lines, "</svg>"])


def _at(length: float) -> str:
    return f"{length * SCALE:.1f}"


def _width(name: str) -> float:
    stem, script = split_name(name)
    return max(0.8, 0.45 + WIDTHS["letter"] * len(text_name(stem)) + WIDTHS["script"] * len(script))


def _label(name: str) -> str:
    """A name with its number or word lower and smaller."""
    stem, script = split_name(name)
    word = text_name(stem)
    shown = f'<tspan class="word">{escape(word)}</tspan>' if len(word) > 1 else escape(word)
    if not script:
        return shown
    return f'{shown}<tspan class="script word" dy="4">{escape(script)}</tspan>'

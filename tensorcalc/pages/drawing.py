"""Where the vertices and edges of a graph stand on paper: in layers, with few crossings; shared by SVG and TikZ.

Sugiyama's way: a layer for each depth, long edges through empty places in the layers between, the order in a layer by
the mean of the neighbours, and then the places that are nearest to the neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from tensorcalc.pages.graph import Graph

__all__ = ["Curve", "Drawing", "Spot", "drawn"]

WIDEST = 15.0  # drawings that would be wider from left to right go from top to bottom
BETWEEN_LAYERS = 1.5
BETWEEN_VERTICES = 1.1
SWEEPS = 12

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Spot:
    """Where the centre of a vertex is, to the right and downwards, in cm, and how wide the vertex is."""

    x: float
    y: float
    width: float


@dataclass(frozen=True, slots=True)
class Curve:
    """An edge from one vertex to another by place, through points; the first and last are on their borders."""

    start: int
    end: int
    points: tuple[Point, ...]

    def bends(self, across: bool) -> Iterator[tuple[Point, Point, Point]]:
        """The curve from point to point: two points that control it, and where it goes."""
        for (x, y), end in pairwise(self.points):
            middle = (x + end[0]) / 2 if across else (y + end[1]) / 2
            yield ((middle, y), (middle, end[1]), end) if across else ((x, middle), (end[0], middle), end)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A graph on paper; `across` where the layers follow each other from left to right."""

    spots: tuple[Spot, ...]
    curves: tuple[Curve, ...]
    width: float
    height: float
    across: bool


HEIGHT = 0.7  # of a vertex


def drawn(graph: Graph, widths: Sequence[float]) -> Drawing:
    """The drawing of a graph whose vertices have these widths in cm."""
    layers = _layers(graph)
    across = (max(layers, default=0)) * (BETWEEN_LAYERS + max(widths, default=0) - HEIGHT) <= WIDEST
    places, paths = _paths(graph, layers)
    rows = _ordered(places, paths)
    sizes = [widths[v] if v < len(widths) else 0.2 for v in range(len(places))]
    along = _spread(rows, paths, [min(size, HEIGHT) for size in sizes] if across else sizes)
    step = BETWEEN_LAYERS + (max(widths, default=0) - HEIGHT if across else 0)
    least = min(along, default=0.0)
    points = [(places[v] * step, along[v] - least) for v in range(len(places))]
    if not across:
        points = [(y, x) for x, y in points]
    return _shifted(graph, points, paths, widths, across)


def _layers(graph: Graph) -> list[int]:
    """The layer of each vertex: below everything it uses; inputs stand just above the first that uses them."""
    layers = [0] * len(graph.vertices)
    for start, end in sorted(graph.edges, key=lambda e: e[1]):
        layers[end] = max(layers[end], layers[start] + 1)
    used = {end for _, end in graph.edges}
    for vertex in range(len(layers)):
        consumers = [layers[end] for start, end in graph.edges if start == vertex]
        if vertex not in used and consumers:
            layers[vertex] = min(consumers) - 1
    return layers


Path = tuple[int, ...]


def _paths(graph: Graph, layers: Sequence[int]) -> tuple[list[int], list[Path]]:
    """The layer of each place, empty ones behind the vertices, and each edge as a path through the layers."""
    places = list(layers)
    paths: list[Path] = []
    for start, end in graph.edges:
        between = range(layers[start] + 1, layers[end])
        paths.append((start, *range(len(places), len(places) + len(between)), end))
        places += between
    return places, paths


def _ordered(places: Sequence[int], paths: Sequence[Path]) -> list[list[int]]:
    """The places of each layer in an order with few crossings."""
    count = max(places, default=-1) + 1
    rows = [[v for v in range(len(places)) if places[v] == layer] for layer in range(count)]
    best, fewest = [list(row) for row in rows], _crossings(rows, paths)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        neighbours = _neighbours(len(places), paths, forward)
        for layer in range(count) if forward else reversed(range(count)):
            order = {v: k for row in rows for k, v in enumerate(row)}
            rows[layer].sort(key=lambda v: _mean([order[n] for n in neighbours[v]], order[v]))
        crossings = _crossings(rows, paths)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _neighbours(count: int, paths: Sequence[Path], before: bool) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in range(count)]
    for path in paths:
        for a, b in pairwise(path):
            found[b if before else a].append(a if before else b)
    return found


def _mean(numbers: Sequence[float], otherwise: float) -> float:
    return sum(numbers) / len(numbers) if numbers else otherwise


def _crossings(rows: Sequence[Sequence[int]], paths: Sequence[Path]) -> int:
    order = {v: k for row in rows for k, v in enumerate(row)}
    layer = {v: k for k, row in enumerate(rows) for v in row}
    segments: Mapping[int, list[tuple[int, int]]] = {k: [] for k in range(len(rows))}
    for path in paths:
        for a, b in pairwise(path):
            segments[layer[a]].append((order[a], order[b]))
    return sum(
        (a - c) * (b - d) < 0
        for lines in segments.values()
        for k, (a, b) in enumerate(lines)
        for c, d in lines[k + 1 :]
    )


def _spread(rows: Sequence[Sequence[int]], paths: Sequence[Path], sizes: Sequence[float]) -> list[float]:
    """Where each place stands in its layer: near its neighbours, no two too close."""
    found = [0.0] * len(sizes)
    for row in rows:
        for k, v in enumerate(row):
            found[v] = BETWEEN_VERTICES * k
    for sweep in range(SWEEPS):
        both = [_neighbours(len(sizes), paths, before) for before in (True, False)]
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = [_mean([found[n] for side in both for n in side[v]], found[v]) for v in row]
            gaps = [(sizes[a] + sizes[b]) / 2 + BETWEEN_VERTICES - HEIGHT for a, b in pairwise(row)]
            for v, place in zip(row, _apart(wanted, gaps), strict=True):
                found[v] = place
    return found


def _apart(wanted: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """The numbers nearest to those wanted that are at least `gaps` apart; those too close share a shift."""
    offsets = [sum(gaps[:k]) for k in range(len(wanted))]
    groups: list[tuple[float, int]] = []  # the mean of the shifts of each group, and how many are in it
    for place, offset in zip(wanted, offsets, strict=True):
        groups.append((place - offset, 1))
        while len(groups) > 1 and groups[-2][0] > groups[-1][0]:
            (a, n), (b, m) = groups[-2:]
            groups[-2:] = [((a * n + b * m) / (n + m), n + m)]
    shifts = [shift for shift, count in groups for _ in range(count)]
    return [shift + offset for shift, offset in zip(shifts, offsets, strict=True)]


def _shifted(
    graph: Graph, points: Sequence[Point], paths: Sequence[Path], widths: Sequence[float], across: bool
) -> Drawing:
    """The drawing with its upper left corner at 0, 0, and the ends of the edges on the borders of the vertices."""
    spots = [Spot(x, y, w) for (x, y), w in zip(points, widths, strict=False)]
    left = min((s.x - s.width / 2 for s in spots), default=0.0)
    top = min([*(s.y - HEIGHT / 2 for s in spots), *(y for _, y in points)], default=0.0)
    spots = [replace(s, x=s.x - left, y=s.y - top) for s in spots]
    curves = []
    for path in paths:
        start, end = spots[path[0]], spots[path[-1]]
        inner = [(points[v][0] - left, points[v][1] - top) for v in path[1:-1]]
        first = (start.x + start.width / 2, start.y) if across else (start.x, start.y + HEIGHT / 2)
        last = (end.x - end.width / 2, end.y) if across else (end.x, end.y - HEIGHT / 2)
        curves.append(Curve(path[0], path[-1], (first, *inner, last)))
    reach = [*((s.x + s.width / 2, s.y + HEIGHT / 2) for s in spots), *(p for c in curves for p in c.points)]
    return Drawing(
        tuple(spots),
        tuple(curves),
        max((x for x, _ in reach), default=0.0),
        max((y for _, y in reach), default=0.0),
        across,
    )

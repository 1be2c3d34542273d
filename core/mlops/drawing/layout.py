"""Where everything of a layered drawing goes: the centre of each box, and the points each line passes.

Within a row the places are those nearest to where the neighbours pull each item, at least a gap apart: an isotonic
regression, which pooling adjacent violators solves exactly in one pass. Bends pull hardest, so that long lines are
straight.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from mlops.drawing.layers import Box, Layers, Link, layers_of

if TYPE_CHECKING:
    from collections.abc import Sequence

Point = tuple[float, float]

MARGIN = 28.0
_BETWEEN_BOXES = 26.0
_BESIDE_BENDS = 14.0
_BETWEEN_ROWS = 26.0
_STEEPEST = 7.0
_WIDEST_BETWEEN_ROWS = 110.0
_NEARLY_STRAIGHT = 6.0
_ROUNDS = ((600, 60), (4_000, 20), (1_000_000_000, 8))
"""How often the places are settled anew, by how many items there are."""


@dataclass(frozen=True, slots=True)
class Route:
    """The points of a line from box to box: a curve to the second point, straight on to the third, a curve, and so on."""

    link: Link
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """A finished drawing: ``places`` are the centres of boxes by key. ``down`` is false when lines lead to the right."""

    width: float
    height: float
    down: bool
    places: dict[str, Point]
    routes: tuple[Route, ...]

    def scale(self, width: float, height: float) -> float:
        """Return how much the drawing is made smaller to fit a frame; never more than 1."""
        return min(width / self.width, height / self.height, 1.0)


def lay_out(boxes: Sequence[Box], links: Sequence[Link], *, frame: Point = (1060.0, 620.0)) -> Layout:
    """Return the drawing, leading down, or to the right where it would fit the frame much better so."""
    layers = layers_of(boxes, links)
    down = _placed(boxes, links, layers, down=True)
    if down.scale(*frame) == 1.0:
        return down
    right = _placed(boxes, links, layers, down=False)
    return right if right.scale(*frame) > 1.2 * down.scale(*frame) else down


def _placed(boxes: Sequence[Box], links: Sequence[Link], layers: Layers, *, down: bool) -> Layout:
    count = len(layers.up)
    thin = [0.0] * (count - len(boxes))
    across = [box.width if down else box.height for box in boxes] + thin
    along = [box.height if down else box.width for box in boxes] + thin
    places = _across(layers, across, len(boxes))
    starts = _along(layers, along, places)
    thickness = [max((along[item] for item in row), default=0.0) for row in layers.rows]
    row_of = {item: at for at, row in enumerate(layers.rows) for item in row}

    def middle(item: int) -> float:
        return starts[row_of[item]] + thickness[row_of[item]] / 2

    def point(across: float, along: float) -> Point:
        return (across, along) if down else (along, across)

    routes = []
    for link, chain in zip(links, layers.chains, strict=True):
        first, last = _ends(chain, places)
        source, target = chain[0], chain[-1]
        points = [point(first, middle(source) + along[source] / 2)]
        for bend in chain[1:-1]:
            start = starts[row_of[bend]]
            points += [point(places[bend], start), point(places[bend], start + thickness[row_of[bend]])]
        points.append(point(last, middle(target) - along[target] / 2))
        routes.append(Route(link, tuple(points)))
    widest = max((places[item] + across[item] / 2 for item in range(count)), default=0.0) + MARGIN
    longest = (starts[-1] + thickness[-1] if starts else 0.0) + MARGIN
    width, height = point(widest, longest)
    return Layout(
        width=width,
        height=height,
        down=down,
        places={box.key: point(places[at], middle(at)) for at, box in enumerate(boxes)},
        routes=tuple(routes),
    )


def _ends(chain: Sequence[int], places: Sequence[float]) -> Point:
    """Return where a line leaves and arrives across its rows: at the middle of its boxes, or beside it to be straight."""
    first, second, before, last = (places[chain[at]] for at in (0, 1, -2, -1))
    if len(chain) == 2 and abs(first - last) < _NEARLY_STRAIGHT:
        return (first + last) / 2, (first + last) / 2
    return (
        second if abs(first - second) < _NEARLY_STRAIGHT else first,
        before if abs(last - before) < _NEARLY_STRAIGHT else last,
    )


def _across(layers: Layers, sizes: Sequence[float], boxes: int) -> list[float]:
    """Return the place of each item within its row."""
    place = [0.0] * len(sizes)
    gaps = [[_gap(one, other, sizes, boxes) for one, other in pairwise(row)] for row in layers.rows]
    for row, between in zip(layers.rows, gaps, strict=True):
        for at, item in enumerate(row[1:]):
            place[item] = place[row[at]] + between[at]
        middle = (place[row[0]] + place[row[-1]]) / 2 if row else 0.0
        for item in row:
            place[item] -= middle
    rounds = next(rounds for most, rounds in _ROUNDS if len(sizes) <= most)
    for turn in range(rounds):
        rows = list(zip(layers.rows, gaps, strict=True))
        both = turn >= rounds - 2
        for row, between in rows if turn % 2 == 0 else reversed(rows):
            wishes, weights = [], []
            for item in row:
                near = layers.up[item] if turn % 2 == 0 else layers.down[item]
                if both or not near:
                    near = layers.up[item] + layers.down[item]
                pulls = [_pull(layers, item, one, boxes) for one in near]
                weight = sum(pulls)
                wish = sum(place[one] * pull for one, pull in zip(near, pulls, strict=True))
                wishes.append(wish / weight if weight else place[item])
                weights.append(weight or 0.01)
            for item, settled in zip(row, _apart(wishes, weights, between), strict=True):
                place[item] = settled
    first = min((place[item] - sizes[item] / 2 for item in range(len(sizes))), default=0.0)
    return [at - first + MARGIN for at in place]


def _gap(one: int, other: int, sizes: Sequence[float], boxes: int) -> float:
    room = _BETWEEN_BOXES if one < boxes and other < boxes else _BESIDE_BENDS
    return (sizes[one] + sizes[other]) / 2 + room


def _pull(layers: Layers, item: int, other: int, boxes: int) -> float:
    """Return how strongly a line holds its ends: the longer it is on its own, the straighter it should be."""
    if item >= boxes or other >= boxes:
        return 40.0 if item >= boxes and other >= boxes else 2.0
    upper, lower = (item, other) if other in layers.down[item] else (other, item)
    return 6.0 if len(layers.down[upper]) == 1 == len(layers.up[lower]) else 1.0


def _apart(wishes: Sequence[float], weights: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """Return the places nearest to the wishes, by weighted squares, that keep the order and the gaps."""
    pools: list[tuple[float, float, int]] = []
    shift, shifts = 0.0, [0.0]
    for gap in gaps:
        shift += gap
        shifts.append(shift)
    for wish, weight, moved in zip(wishes, weights, shifts[: len(wishes)], strict=True):
        value, mass, size = wish - moved, weight, 1
        while pools and pools[-1][0] > value:
            before, heavy, many = pools.pop()
            value = (before * heavy + value * mass) / (heavy + mass)
            mass, size = mass + heavy, size + many
        pools.append((value, mass, size))
    settled = [value for value, _, size in pools for _ in range(size)]
    return [value + moved for value, moved in zip(settled, shifts[: len(settled)], strict=True)]


def _along(layers: Layers, sizes: Sequence[float], places: Sequence[float]) -> list[float]:
    """Return where each row starts; rows between which lines go far aside stand further apart."""
    starts, at = [], MARGIN
    for row in layers.rows:
        starts.append(at)
        aside = max((abs(places[item] - places[lower]) for item in row for lower in layers.down[item]), default=0.0)
        at += max((sizes[item] for item in row), default=0.0)
        at += min(max(_BETWEEN_ROWS, aside / _STEEPEST), _WIDEST_BETWEEN_ROWS)
    return starts

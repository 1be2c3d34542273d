"""Layers: which row of a layered drawing each box stands in, and the order within a row that lets few lines cross.

The method is Sugiyama's: longest paths give the rows, a line that passes a row bends there, and sweeps put each item
near the mean place of its neighbours (Sugiyama, Tagawa, Toda: "Methods for visual understanding of hierarchical system
structures", 1981).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LAST = 1_000_000
"""The ``floor`` of a box that stands below all others."""

_MOST_BENDS = 8_000
_SWEEPS = 24
_SMALL = 500


@dataclass(frozen=True, slots=True)
class Box:
    """Something to be placed, of a width and a height; its row is ``floor`` or one further down."""

    key: str
    width: float
    height: float
    floor: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """A line from one box to another that stands at least ``span`` rows further down."""

    source: str
    target: str
    span: int = 1


@dataclass(frozen=True, slots=True)
class Layers:
    """Rows of items. An item is a number: that of a box, or beyond the last box that of a bend.

    ``up`` and ``down`` are the neighbours of each item in the rows beside its own. ``chains`` gives for each link its
    items from end to end; a link that would need too many bends has only its two ends.
    """

    rows: list[list[int]]
    up: list[list[int]]
    down: list[list[int]]
    chains: list[list[int]]


def layers_of(boxes: Sequence[Box], links: Sequence[Link]) -> Layers:
    """Return boxes and links in rows, ordered so that few lines cross; links make no cycle."""
    number = {box.key: at for at, box in enumerate(boxes)}
    rank = _ranks(boxes, [(number[link.source], number[link.target], link.span) for link in links])
    layers = _bent(rank, [(number[link.source], number[link.target]) for link in links])
    _untangle(layers)
    return layers


def _ranks(boxes: Sequence[Box], links: Sequence[tuple[int, int, int]]) -> list[int]:
    """Return the row of each box by the longest path to it; a box nothing leads to stands close to what it leads to."""
    above: list[list[tuple[int, int]]] = [[] for _ in boxes]
    below: list[list[tuple[int, int]]] = [[] for _ in boxes]
    sorter: TopologicalSorter[int] = TopologicalSorter(dict.fromkeys(range(len(boxes)), ()))
    for source, target, span in links:
        above[target].append((source, span))
        below[source].append((target, span))
        sorter.add(target, source)
    order = list(sorter.static_order())
    rank = [box.floor for box in boxes]
    for at in order:
        rank[at] = max([rank[at], *(rank[source] + span for source, span in above[at])])
    for at in order:
        if not above[at]:
            _pull(at, rank, above, below)
    used = {value: row for row, value in enumerate(sorted(set(rank)))}
    return [used[value] for value in rank]


def _pull(
    at: int, rank: list[int], above: Sequence[Sequence[tuple[int, int]]], below: Sequence[Sequence[tuple[int, int]]]
) -> None:
    """Move a box that nothing leads to, and what only it leads to, down to the first box that holds them."""
    own = [target for target, _ in below[at] if len(above[target]) == 1]
    held = [rank[target] - span - rank[at] for target, span in below[at] if target not in own]
    held += [rank[target] - span - rank[one] for one in own for target, span in below[one]]
    if slack := min(held, default=0):
        for moved in (at, *own):
            rank[moved] += slack


def _bent(rank: Sequence[int], ends: Sequence[tuple[int, int]]) -> Layers:
    """Return rows in which every link leads from one row to the next, through bends where it is longer."""
    count = len(rank)
    rows: list[list[int]] = [[] for _ in range(max(rank, default=-1) + 1)]
    for at, row in enumerate(rank):
        rows[row].append(at)
    lengths = [rank[target] - rank[source] for source, target in ends]
    budget, bent = _MOST_BENDS, set()
    for link in sorted(range(len(ends)), key=lengths.__getitem__):
        budget -= lengths[link] - 1
        if budget < 0:
            break
        bent.add(link)
    up: list[list[int]] = [[] for _ in range(count)]
    down: list[list[int]] = [[] for _ in range(count)]
    chains = []
    for link, (source, target) in enumerate(ends):
        chain = [source]
        if link in bent:
            for row in range(rank[source] + 1, rank[target]):
                rows[row].append(len(up))
                chain.append(len(up))
                up.append([])
                down.append([])
            for upper, lower in zip(chain, [*chain[1:], target], strict=True):
                down[upper].append(lower)
                up[lower].append(upper)
        chains.append([*chain, target])
    return Layers(rows, up, down, chains)


def _untangle(layers: Layers) -> None:
    """Order each row so that few lines cross: sweeps down and up, and for small drawings exchanges of neighbours."""
    place = [0.0] * len(layers.up)
    _first_order(layers)
    small = len(place) <= _SMALL
    best, fewest = [list(row) for row in layers.rows], _crossings(layers)
    for sweep in range(_SWEEPS if small else _SWEEPS // 4):
        if not fewest:
            break
        downwards = sweep % 2 == 0
        near = layers.up if downwards else layers.down
        for row in layers.rows if downwards else reversed(layers.rows):
            row.sort(key=lambda item: _mean(near[item], place, place[item]))
            for at, item in enumerate(row):
                place[item] = at / max(len(row) - 1, 1) if not small else at
        if small:
            _exchange(layers, place)
        crossings = _crossings(layers)
        if crossings < fewest:
            best, fewest = [list(row) for row in layers.rows], crossings
    layers.rows[:] = best


def _first_order(layers: Layers) -> None:
    """Order each row as a walk from the top meets its items, so that what belongs together starts together."""
    met: dict[int, int] = {}
    for row in layers.rows:
        for start in row:
            stack = [start]
            while stack:
                item = stack.pop()
                if item not in met:
                    met[item] = len(met)
                    stack.extend(reversed(layers.down[item]))
    for row in layers.rows:
        row.sort(key=met.__getitem__)


def _mean(neighbours: Sequence[int], place: Sequence[float], own: float) -> float:
    return sum(place[one] for one in neighbours) / len(neighbours) if neighbours else own


def _crossings(layers: Layers) -> int:
    """Return how many pairs of lines between neighbouring rows cross."""
    total = 0
    for row, below in pairwise(layers.rows):
        at = {item: position for position, item in enumerate(below)}
        passed: list[int] = []
        for item in row:
            ends = sorted(at[lower] for lower in layers.down[item])
            total += sum(len(passed) - bisect_right(passed, end) for end in ends)
            for end in ends:
                insort(passed, end)
    return total


def _exchange(layers: Layers, place: list[float]) -> None:
    """Exchange neighbours in a row as long as that makes fewer lines cross."""
    for row in layers.rows:
        better = True
        while better:
            better = False
            for at in range(len(row) - 1):
                left, right = row[at], row[at + 1]
                if _inverted(left, right, layers, place) > _inverted(right, left, layers, place):
                    row[at], row[at + 1] = right, left
                    place[left], place[right] = place[right], place[left]
                    better = True


def _inverted(left: int, right: int, layers: Layers, place: Sequence[float]) -> int:
    """Return how many lines of two neighbours cross when they stand in this order."""
    return sum(
        place[one] > place[other] for near in (layers.up, layers.down) for one in near[left] for other in near[right]
    )

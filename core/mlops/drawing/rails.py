"""Rails: the lines at the left of a list of nodes that join each node to those it waits for, as a log of commits has.

A rail is in one of two kinds: it leads to a node that several others feed, or it comes from a node that feeds many.
So neither a wide fan-out nor a wide fan-in takes more than one column.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FEW = 2
"""With more new readers than this a node gets one rail that all of them tap, instead of one for each."""

_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 4, 8
_LINES = {
    0: " ",
    _UP: "│",
    _DOWN: "│",
    _UP | _DOWN: "│",
    _LEFT: "─",
    _RIGHT: "─",
    _LEFT | _RIGHT: "─",
    _UP | _RIGHT: "╰",
    _UP | _LEFT: "╯",
    _DOWN | _RIGHT: "╭",
    _DOWN | _LEFT: "╮",
    _UP | _DOWN | _RIGHT: "├",
    _UP | _DOWN | _LEFT: "┤",
    _DOWN | _LEFT | _RIGHT: "┬",
    _UP | _LEFT | _RIGHT: "┴",
    _UP | _DOWN | _LEFT | _RIGHT: "┼",
}


@dataclass(frozen=True, slots=True)
class Track:
    """The rails beside one node: on its own line, on the line after it, and on every further line until the next node.

    A rail that another crosses without touching it is drawn unbroken; ``┼`` is a junction.
    """

    head: str
    branch: str
    rest: str


@dataclass(slots=True)
class _Rail:
    """``target`` for a rail that ends at one node, ``readers`` for one that is tapped until none of them is left."""

    target: str | None = None
    readers: set[str] = field(default_factory=set)


def tracks(order: Sequence[str], children: Mapping[str, Sequence[str]], marks: Mapping[str, str]) -> list[Track]:
    """Return the rails of each node of ``order``, in which every node comes after those it waits for."""
    rails: list[_Rail | None] = []
    return [_track(name, list(children.get(name, ())), marks[name], rails) for name in order]


def _track(name: str, children: list[str], mark: str, rails: list[_Rail | None]) -> Track:
    before = [rail is not None for rail in rails]
    taps = [at for at, rail in enumerate(rails) if rail is not None and name in rail.readers]
    for at in taps:
        rail = rails[at]
        assert rail is not None
        rail.readers.discard(name)
        if not rail.readers:
            rails[at] = None
    place = next((at for at, rail in enumerate(rails) if rail is not None and rail.target == name), None)
    if place is None:
        place = next((at for at in taps if rails[at] is None), None)
    if place is None:
        place = _free(rails, 0)
    rails[place] = None
    head = _line(before, [rail is not None for rail in rails], place, [at for at in taps if at != place], mark)

    joined = [at for at, rail in enumerate(rails) if rail is not None and rail.target in children]
    led = {rail.target for rail in rails if rail is not None}
    fresh = [child for child in children if child not in led]
    above = [rail is not None for rail in rails]
    above[place] = bool(children)
    if len(fresh) > _FEW:
        rails[place] = _Rail(readers=set(fresh))
    else:
        at = place
        for child in fresh:
            at = _free(rails, at)
            rails[at] = _Rail(target=child)
            joined += [at] if at != place else []
    branch = _line(above, [rail is not None for rail in rails], place, joined, None)
    rest = "".join("│ " if rail is not None else "  " for rail in rails)
    while rails and rails[-1] is None:
        rails.pop()
    return Track(head, branch.rstrip(), rest.rstrip())


def _free(rails: list[_Rail | None], start: int) -> int:
    """Return a column without a rail, at ``start`` or the nearest to the right of it."""
    at = start
    while at < len(rails) and rails[at] is not None:
        at += 1
    while len(rails) <= at:
        rails.append(None)
    return at


def _line(above: list[bool], below: list[bool], place: int, others: Sequence[int], mark: str | None) -> str:
    """Return one line in which ``place`` is joined to ``others``; ``mark`` stands at ``place``, if there is one."""
    width = max(len(above), len(below))
    ends = {*others, place}
    first, last = min(ends), max(ends)
    cells = []
    for at in range(width):
        sides = (_UP if at < len(above) and above[at] else 0) | (_DOWN if at < len(below) and below[at] else 0)
        inside = first < at < last
        if at in ends:
            sides |= (_LEFT if at > first else 0) | (_RIGHT if at < last else 0)
        elif inside and not sides:
            sides = _LEFT | _RIGHT
        cells.append(mark if at == place and mark else _LINES[sides])
        cells.append("─" if first <= at < last else " ")
    return "".join(cells).rstrip()

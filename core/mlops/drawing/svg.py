"""The scene as SVG: boxes, pills and lines, with the ids and classes that the page's style and script hold on to."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from mlops.drawing import wording
from mlops.drawing.layout import MARGIN
from mlops.drawing.scene import HEADROOM, LONGEST_NAME, NODE_HEIGHT, PILL_HEIGHT, Scene
from mlops.drawing.wording import one_line, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlops.drawing.layout import Point, Route
    from mlops.drawing.view import NodeView

HUES = 10
"""How many colours the style sheet has for plugins; further plugins begin again with the first."""

_SIGNS = {
    "succeeded": '<path d="M4.5 8.4 7 10.9l4.6-5.4"/>',
    "reused": '<path d="M11.6 8a3.6 3.6 0 1 1-1.2-2.7M11 3v2.6H8.4"/>',
    "failed": '<path d="m5.3 5.3 5.4 5.4m0-5.4-5.4 5.4"/>',
    "skipped": '<path d="M4.8 8h6.4"/>',
    "stopped": '<path class="full" d="M5.6 5.6h4.8v4.8H5.6z"/>',
    "running": '<path class="full" d="m6.4 4.8 4.8 3.2-4.8 3.2z"/>',
    "pending": '<path d="M4.8 8h.01M8 8h.01m3.19 0h.01"/>',
}


def signs() -> str:
    """Return the signs of the states as symbols, drawn rather than written, so that no font can lack one."""
    symbols = (
        f'<symbol id="sign-{state}" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7.5"/>{path}</symbol>'
        for state, path in _SIGNS.items()
    )
    return f'<svg class="signs" width="0" height="0" aria-hidden="true">{"".join(symbols)}</svg>'


def sign(state: str) -> str:
    """Return the sign of a state to stand in a line of text."""
    return f'<svg class="sign {state}" width="16" height="16" aria-hidden="true"><use href="#sign-{state}"/></svg>'


def hue(scene: Scene, plugin: str) -> str:
    """Return the class that gives an element the colour of its plugin."""
    return f"p{scene.hues[plugin] % HUES}"


def picture(scene: Scene, title: str) -> str:
    """Return the graph as one ``svg`` element that shows all of it when nothing else is known."""
    layout = scene.layout
    parts = [
        f'<svg id="graph" class="graph" viewBox="0 0 {_n(layout.width)} {_n(layout.height)}" '
        f'data-width="{_n(layout.width)}" data-height="{_n(layout.height)}" role="group" aria-label="{escape(title)}">',
        "<defs>",
        *(
            f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            f'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 .8 7.4 4 0 7.2z"/></marker>'
            for name in ("tip", "tip-lit")
        ),
        "</defs>",
        *_apart(scene),
        '<g class="edges" aria-hidden="true">',
        *(_edge(route, down=layout.down) for route in layout.routes),
        "</g>",
    ]
    parts += [_node(scene, key, view) for key, view in scene.nodes.items()]
    parts += [_pill(scene, key) for key in scene.pills]
    return "\n".join([*parts, "</svg>"])


def _apart(scene: Scene) -> Iterator[str]:
    """Yield the line that sets the finalizer apart, with what it means."""
    layout = scene.layout
    for key, view in scene.nodes.items():
        if view.finalizer:
            x, y = layout.places[key]
            top, left = y - (NODE_HEIGHT + HEADROOM) / 2, x - scene.widths[key] / 2 - 13
            if layout.down:
                yield f'<path class="apart" d="M{_n(MARGIN / 2)} {_n(top)}H{_n(layout.width - MARGIN / 2)}"/>'
            else:
                yield f'<path class="apart" d="M{_n(left)} {_n(MARGIN / 2)}V{_n(layout.height - MARGIN / 2)}"/>'
            yield f'<text class="apart" x="{_n(x)}" y="{_n(top + 30)}">at the end, always</text>'


def _edge(route: Route, *, down: bool) -> str:
    link = route.link
    kind = "edge after" if link.source[0] == link.target[0] else "edge"
    tip = ' marker-end="url(#tip)"' if link.target.startswith("n") else ""
    ends = f'data-a="{link.source}" data-b="{link.target}"'
    return f'<path class="{kind}" {ends} d="{_path(route.points, down=down)}"{tip}/>'


def _path(points: Sequence[Point], *, down: bool) -> str:
    """Return a line that leaves and enters each row at a right angle."""
    (x, y), path = points[0], f"M{_n(points[0][0])} {_n(points[0][1])}"
    for at, (to_x, to_y) in enumerate(points[1:]):
        if at % 2:
            path += f"V{_n(to_y)}" if down else f"H{_n(to_x)}"
        elif down:
            middle = (y + to_y) / 2
            path += f"C{_n(x)} {_n(middle)} {_n(to_x)} {_n(middle)} {_n(to_x)} {_n(to_y)}"
        else:
            middle = (x + to_x) / 2
            path += f"C{_n(middle)} {_n(y)} {_n(middle)} {_n(to_y)} {_n(to_x)} {_n(to_y)}"
        x, y = to_x, to_y
    return path


def _node(scene: Scene, key: str, view: NodeView) -> str:
    (x, y), width = scene.layout.places[key], scene.widths[key]
    plugin = one_line(wording.plugin(view.node))
    left, top = x - width / 2, y - NODE_HEIGHT / 2 + (HEADROOM / 2 if view.finalizer else 0)
    spoken = [view.node.name, f"plugin {plugin}", f"{view.state} {view.took}".rstrip() if view.state else ""]
    classes = ["node", hue(scene, wording.plugin(view.node)), view.state or "", "finalizer" if view.finalizer else ""]
    parts = [
        f'<g id="{key}" class="{" ".join(filter(None, classes))}" role="button" tabindex="-1" '
        f'transform="translate({_n(left)} {_n(top)})" aria-label="{escape(", ".join(filter(None, spoken)))}">',
        f'<rect class="box" width="{_n(width)}" height="{_n(NODE_HEIGHT)}" rx="8"/>',
        f'<path class="bar" d="M8 0H6a6 6 0 0 0-6 6v{_n(NODE_HEIGHT - 12)}a6 6 0 0 0 6 6h2z"/>',
        f'<text class="name" x="18" y="21">{escape(shortened(view.node.name, LONGEST_NAME))}</text>',
        f'<text class="by" x="18" y="38">{escape(shortened(plugin, LONGEST_NAME))}</text>',
    ]
    if view.state:
        parts.append(
            f'<use class="sign {view.state}" href="#sign-{view.state}" x="{_n(width - 25)}" y="8" width="16" height="16"/>'
        )
    if view.took:
        parts.append(f'<text class="took" x="{_n(width - 10)}" y="38">{view.took}</text>')
    return "".join([*parts, "</g>"])


def _pill(scene: Scene, key: str) -> str:
    (x, y), width, pill = scene.layout.places[key], scene.widths[key], scene.pills[key]
    kind = "outside" if pill.writer is None else "" if pill.readers else "unread"
    remark = {"outside": "from outside", "unread": "read by no node", "": ""}[kind]
    spoken = ", ".join(filter(None, [f"dataset {pill.dataset}", pill.rows, remark]))
    state = "" if pill.record is None else "stored"
    rows = f'<tspan class="rows" dx="6">{pill.rows}</tspan>' if pill.rows else ""
    return (
        f'<g id="{key}" class="{" ".join(filter(None, ["pill", kind, state]))}" role="button" tabindex="-1" '
        f'transform="translate({_n(x - width / 2)} {_n(y - PILL_HEIGHT / 2)})" aria-label="{escape(spoken)}">'
        f'<rect width="{_n(width)}" height="{_n(PILL_HEIGHT)}" rx="{_n(PILL_HEIGHT / 2)}"/>'
        f'<text x="{_n(width / 2)}" y="16">{escape(shortened(pill.dataset, LONGEST_NAME))}{rows}</text></g>'
    )


def _n(value: float) -> str:
    """Return a coordinate to a tenth of a pixel, as short as it can be written and equal on every machine."""
    return f"{value:.1f}".removesuffix(".0")

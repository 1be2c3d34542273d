"""The colours of drawings that bring no style sheet of their own: light fills for plugins, dark outlines for states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.drawing import wording

if TYPE_CHECKING:
    from mlops.graph import Graph

INK, LINE = "#0f172a", "#475569"

OUTLINES = {
    "succeeded": "#15803d",
    "reused": "#0e7490",
    "failed": "#b91c1c",
    "skipped": "#a16207",
    "stopped": "#a16207",
    "running": "#1d4ed8",
    "pending": "#6b7280",
}
UNFINISHED = ("skipped", "pending")
"""States of nodes that did not start; their outline is dashed, so that colour is not all that tells."""

_FILLS = ("#dbeafe", "#fde8d0", "#d9f2e3", "#ece3fb", "#fbe0e8", "#d8f1f3", "#f6efc9", "#e4e7ec")


def fills(graph: Graph) -> dict[str, str]:
    """Return a fill for each plugin of a graph, by its name and version; a ninth plugin has the colour of the first."""
    return {plugin: _FILLS[at % len(_FILLS)] for at, plugin in enumerate(wording.plugins(graph.nodes))}

"""The scene of a page: a box for each node, a pill for each dataset on its way from writer to readers, laid out."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.drawing import wording
from mlops.drawing.layers import LAST, Box, Link
from mlops.drawing.layout import Layout, lay_out
from mlops.drawing.view import NodeView, views
from mlops.drawing.wording import one_line, shortened

if TYPE_CHECKING:
    from mlops.datasets.manifest import DatasetRecord
    from mlops.graph import Graph
    from mlops.runs.outcome import RunOutcome

NODE_HEIGHT, PILL_HEIGHT = 50.0, 24.0
HEADROOM = 44.0
"""Room above the finalizer for the line and the words that set it apart."""

LONGEST_NAME = 34
_NARROWEST_NODE = 148.0
_SEMIBOLD = 1.1


@dataclass(frozen=True, slots=True)
class Pill:
    """A dataset as the page shows it. ``writer`` and ``readers`` are ids of nodes; one from outside has no writer."""

    dataset: str
    writer: str | None
    readers: tuple[str, ...]
    record: DatasetRecord | None

    @property
    def rows(self) -> str:
        """How many rows it holds, if a run has committed it and it has rows."""
        return "" if self.record is None or self.record.rows is None else wording.counted(self.record.rows, "row")


@dataclass(frozen=True, slots=True)
class Scene:
    """Nodes and datasets by the ids they have in the page (``n0``, ``d0``), and where they are drawn.

    ``hues`` numbers the plugins, by name and version, as their colours are numbered.
    """

    nodes: Mapping[str, NodeView]
    pills: Mapping[str, Pill]
    hues: Mapping[str, int]
    widths: Mapping[str, float]
    layout: Layout


def scene_of(graph: Graph, outcome: RunOutcome | None = None) -> Scene:
    """Return the scene of a graph or of a run of it."""
    seen = views(graph, outcome)
    ids = {name: f"n{at}" for at, name in enumerate(seen)}
    readers: dict[str, list[str]] = {}
    for name, view in seen.items():
        for dataset in view.node.datasets:
            readers.setdefault(dataset, []).append(ids[name])
    pills = {
        f"d{at}": Pill(
            dataset=dataset,
            writer=ids.get(graph.producers.get(dataset, "")),
            readers=tuple(readers.get(dataset, ())),
            record=seen[graph.producers[dataset]].records.get(dataset) if dataset in graph.producers else None,
        )
        for at, dataset in enumerate((*graph.producers, *graph.external))
    }
    nodes = {ids[name]: view for name, view in seen.items()}
    boxes = _boxes(nodes, pills)
    return Scene(
        nodes=nodes,
        pills=pills,
        hues={plugin: at for at, plugin in enumerate(wording.plugins(graph.nodes))},
        widths={box.key: box.width for box in boxes},
        layout=lay_out(boxes, _links(graph, nodes, pills, ids)),
    )


def _boxes(nodes: Mapping[str, NodeView], pills: Mapping[str, Pill]) -> list[Box]:
    boxes = []
    for key, view in nodes.items():
        height, floor = (NODE_HEIGHT + HEADROOM, LAST) if view.finalizer else (NODE_HEIGHT, 0)
        boxes.append(Box(key, _node_width(view), height, floor))
    for key, pill in pills.items():
        words = shortened(pill.dataset, LONGEST_NAME) + (f"  {pill.rows}" if pill.rows else "")
        boxes.append(Box(key, text_width(words, 11.5) + 24, PILL_HEIGHT, -1 if pill.writer is None else 0))
    return boxes


def _links(
    graph: Graph, nodes: Mapping[str, NodeView], pills: Mapping[str, Pill], ids: Mapping[str, str]
) -> list[Link]:
    """Return the lines from writer to dataset, from dataset to readers, and for order without data.

    What the finalizer reads has no line to it: it stands apart, because it waits for everything.
    """
    links = []
    for key, pill in pills.items():
        links += [Link(pill.writer, key)] if pill.writer else []
        links += [Link(key, reader) for reader in pill.readers if not nodes[reader].finalizer]
    links += [Link(ids[edge.source], ids[edge.target], span=2) for edge in graph.edges if not edge.datasets]
    return links


def _node_width(view: NodeView) -> float:
    name = text_width(shortened(view.node.name, LONGEST_NAME), 13.5) * _SEMIBOLD
    by = text_width(shortened(one_line(wording.plugin(view.node)), LONGEST_NAME), 11)
    took = text_width(view.took, 11) + 10 if view.took else 0.0
    badge = 24.0 if view.state else 0.0
    return max(_NARROWEST_NODE, 28 + max(name + badge, by + took))


def text_width(text: str, size: float) -> float:
    """Return about how wide a text is in a sans-serif font of this size, rather too wide than too narrow."""
    return size * sum(_width(char) for char in text)


def _width(char: str) -> float:
    if char in "ijlI.,:;|!'()[] ":
        return 0.32
    if char in "mwMW@%":
        return 0.92
    if unicodedata.east_asian_width(char) in "WF":
        return 1.05
    return 0.7 if char.isupper() else 0.59

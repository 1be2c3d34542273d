"""The words and marks that every drawing shares: states, needs, and what is worth a note."""

from __future__ import annotations

import time
import unicodedata
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from mlops.quantities import duration, size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops.datasets.manifest import DatasetRecord
    from mlops.graph import Graph
    from mlops.nodes import Node
    from mlops.runs.outcome import RunOutcome

MARKS = {
    "succeeded": "✓",
    "reused": "↺",
    "failed": "✗",
    "skipped": "–",
    "stopped": "■",
    "running": "▶",
    "pending": "·",
}
"""One mark a state, so that a picture can be read without its colours. In the order of a legend."""


def moment(seconds: float) -> str:
    """Return a time in UTC, because a drawing reads the same on every machine."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def counted(count: int, noun: str) -> str:
    """Return ``1 node`` or ``6 nodes``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def one_line(text: object) -> str:
    """Return text without line breaks and without characters that steer a terminal or turn the direction of reading."""
    flat = " ".join(str(text).split())
    return "".join("�" if unicodedata.category(char) in ("Cc", "Cf", "Cs") else char for char in flat)


def shortened(text: str, length: int) -> str:
    """Return text of at most ``length`` characters, the end of a longer one replaced by an ellipsis."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def plugin(node: Node) -> str:
    """Return the distribution and version a node comes from."""
    return f"{node.origin.distribution} {node.origin.version}".rstrip()


def plugins(nodes: Iterable[Node]) -> dict[str, int]:
    """Return the plugins of some nodes as they first appear, each with how many of the nodes are its own."""
    return dict(Counter(plugin(node) for node in nodes))


def measure(record: DatasetRecord) -> str:
    """Return how much a dataset holds: ``7,043 rows, 1.2 MB``."""
    rows = [] if record.rows is None else [counted(record.rows, "row")]
    return ", ".join([*rows, size(record.bytes)])


def total(outcome: RunOutcome) -> float | None:
    """Return how many seconds a run took from its start to its end, or None while it goes on."""
    return None if outcome.ended is None else outcome.ended - outcome.run.started


def tally(outcome: RunOutcome) -> str:
    """Return how many nodes came to which state: ``4 succeeded, 1 failed``."""
    counts = Counter(node.state.value for node in outcome.nodes)
    return ", ".join(f"{counts[state]:,} {state}" for state in MARKS if counts[state])


def needs(node: Node) -> list[tuple[str, str]]:
    """Return what a node needs to run, as label and value: resources, and limits where they are set."""
    resources = node.resources
    cores = f"{resources.cpu:g} cpu, {resources.memory}"
    rows = [("resources", f"{cores}, {resources.gpu} gpu" if resources.gpu else cores)]
    if node.services:
        rows.append(("services", ", ".join(node.services)))
    if node.timeout is not None:
        rows.append(("timeout", duration(node.timeout / timedelta(seconds=1))))
    if node.retries.count:
        delay = duration(node.retries.delay / timedelta(seconds=1))
        rows.append(
            ("retries", f"{node.retries.count}, first after {delay}, then {node.retries.backoff:g} times as long")
        )
    return rows


def notes(graph: Graph, outcome: RunOutcome | None) -> list[str]:
    """Return what a reader of the drawing should know and the picture does not say."""
    found = []
    if graph.external:
        found.append(f"read from outside this part of the pipeline: {', '.join(graph.external)}")
    if graph.unread:
        found.append(f"written and read by no node: {', '.join(graph.unread)}")
    if outcome is not None:
        known = {node.full_name for node in graph.nodes}
        ran = {node.node for node in outcome.nodes}
        if gone := [node.node for node in outcome.nodes if node.node not in known]:
            found.append(f"in the run, no longer in the pipeline: {', '.join(gone)}")
        if fresh := [node.name for node in graph.nodes if node.full_name not in ran]:
            found.append(f"in the pipeline, not in this run: {', '.join(fresh)}")
        changed = [
            f"{node.origin.distribution} (ran {outcome.run.versions[node.origin.distribution]}, "
            f"now {node.origin.version})"
            for node in {node.origin.distribution: node for node in graph.nodes}.values()
            if outcome.run.versions.get(node.origin.distribution, node.origin.version) != node.origin.version
        ]
        if changed:
            found.append(f"another version than in the run: {', '.join(changed)}")
        found.extend(one_line(warning) for warning in outcome.warnings)
    return found

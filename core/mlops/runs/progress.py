"""Progress as lines of text: one when a node starts and one when it has come to something."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mlops.nodes import Node
from mlops.quantities import duration
from mlops.runs.outcome import NodeOutcome, State

MARKS = {
    State.SUCCEEDED: "✓",
    State.REUSED: "↺",
    State.FAILED: "✗",
    State.SKIPPED: "–",
    State.STOPPED: "■",
    State.RUNNING: "▶",
    State.PENDING: "·",
}


class ProgressLines:
    """An observer of a run of these nodes that gives each line, with how far the run is, to ``tell``."""

    def __init__(self, nodes: Sequence[Node], tell: Callable[[str], object]) -> None:
        self._total, self._done, self._tell = len(nodes), 0, tell

    def node_started(self, node: Node, attempt: int) -> None:
        self._tell(f"[{self._done}/{self._total}] {MARKS[State.RUNNING]} {node.name}")

    def node_ended(self, node: Node, outcome: NodeOutcome, retry_in: float | None) -> None:
        self._done += retry_in is None
        self._tell(f"[{self._done}/{self._total}] {line_of(node, outcome, retry_in)}")


def line_of(node: Node, outcome: NodeOutcome, retry_in: float | None) -> str:
    """Return what became of a node as one line."""
    words = [MARKS[outcome.state], node.name]
    if outcome.seconds is not None and outcome.state is not State.REUSED:
        words.append(duration(outcome.seconds))
    elif outcome.state is State.REUSED:
        words.append("reused:")
    if outcome.error is not None:
        words.append(f"{outcome.error.type}: {outcome.error.message.partition(chr(10))[0]}")
    if outcome.reason:
        words.append(outcome.reason)
    if retry_in is not None:
        words.append(f"(attempt {outcome.attempt} of {node.retries.count + 1}; next in {duration(retry_in)})")
    return " ".join(words)

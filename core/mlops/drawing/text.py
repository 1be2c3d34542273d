"""A graph as text for a terminal: one block a node, joined by rails, in an order in which they can run."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from mlops.drawing import wording
from mlops.drawing.rails import Track, tracks
from mlops.drawing.view import NodeView, views
from mlops.drawing.wording import MARKS, one_line, shortened
from mlops.quantities import duration, number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.datasets.manifest import DatasetRecord
    from mlops.graph import Graph
    from mlops.runs.outcome import RunOutcome

WIDTH = 100
"""Columns of a drawing: wide enough for a node's line, narrow enough for half a screen."""

_MOST_RAILS = 12
_LABEL = 9
_LONGEST_VALUE = 60
_TIE = "\N{NO-BREAK SPACE}"


def render(graph: Graph, outcome: RunOutcome | None = None) -> str:
    """Return the graph as lines of at most ``WIDTH`` columns, with states and durations for a run.

    A graph that needs more than a dozen rails is drawn without; what a node reads then names who writes it.
    """
    seen = views(graph, outcome)
    order = _order(graph)
    marks = {name: _mark(view, outcome) for name, view in seen.items()}
    rails = tracks(order, {name: graph.children(name) for name in order}, marks)
    gutter = max((len(track.head) for track in rails), default=1)
    joined = gutter < 2 * _MOST_RAILS
    if not joined:
        rails, gutter = [Track(marks[name], "", "") for name in order], 1

    lines = [*_title(graph, outcome), ""]
    width = WIDTH - gutter - 2
    for name, track in zip(order, rails, strict=True):
        lines += _beside(_block(seen[name], width, writers=not joined), track, gutter)
    if graph.finalizer is not None:
        lines += ["──── at the end, whatever happened ────", ""]
        block = _block(seen[graph.finalizer], width, writers=True)
        lines += _beside(block, Track(marks[graph.finalizer], "", ""), gutter)
    for note in wording.notes(graph, outcome):
        lines += textwrap.wrap(f"note: {one_line(note)}", WIDTH, subsequent_indent="      ", break_on_hyphens=False)
    return "\n".join(line.rstrip() for line in lines).rstrip() + "\n"


def _order(graph: Graph) -> list[str]:
    """Return the nodes level by level, each near what it waits for, so that rails are short; without the finalizer."""
    order: dict[str, int] = {}
    for level in graph.levels():
        names = [node.full_name for node in level if node.full_name != graph.finalizer]
        near = {}
        for name in names:
            parents = [order[parent] for parent in graph.parents(name)]
            near[name] = sum(parents) / len(parents) if parents else 0.0
        for name in sorted(names, key=near.__getitem__):
            order[name] = len(order)
    return list(order)


def _mark(view: NodeView, outcome: RunOutcome | None) -> str:
    if outcome is None:
        return "◆" if view.finalizer else "●"
    return "○" if view.state is None else MARKS[view.state]


def _title(graph: Graph, outcome: RunOutcome | None) -> list[str]:
    pipeline = graph.pipeline
    facts = [wording.counted(len(graph.nodes), "node")]
    if pipeline.schedule is not None:
        facts.append(str(pipeline.schedule))
    paragraphs = [f"{pipeline.name}: {', '.join(facts)}", pipeline.description]
    paragraphs.append(f"from {', '.join(wording.plugins(graph.nodes))}")
    if outcome is not None:
        run, seconds = outcome.run, wording.total(outcome)
        after = "" if seconds is None else f" after {duration(seconds)}"
        paragraphs += [
            f"run {run.run_id} {outcome.state.value}{after}: {wording.tally(outcome)}",
            f"started {wording.moment(run.started)}, {run.executor}, target {run.target}, auth {run.auth_mode}",
            outcome.reason,
        ]
    return [
        line
        for paragraph in paragraphs
        for line in textwrap.wrap(one_line(paragraph), WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    ]


def _beside(block: list[str], track: Track, gutter: int) -> list[str]:
    rails = [track.head, track.branch, *[track.rest] * (len(block) - 1)]
    return [f"{rail:<{gutter}}  {line}" for rail, line in zip(rails, [*block, ""], strict=True)]


def _block(view: NodeView, width: int, *, writers: bool) -> list[str]:
    """Return the lines of one node; ``writers`` asks who writes what it reads, where no rail shows it."""
    records = view.records
    rows: list[tuple[str, list[str]]] = [
        ("reads", [_read(view, dataset, writers=writers) for dataset in view.node.datasets]),
        ("after", list(view.after)),
        ("writes", [_written(dataset, records) for dataset in view.node.outputs]),
        ("with", _parameters(view)),
        *_happened(view),
    ]
    lines = [_head(view, width)]
    if view.node.description:
        lines.append(shortened(one_line(view.node.description), width))
    for label, words in rows:
        lines += _wrapped(label, words, width)
    return lines


def _wrapped(label: str, words: list[str], width: int) -> list[str]:
    """Return a labelled list in lines that break between its entries, and inside one only if it is a sentence."""
    entries = [one_line(word) for word in words]
    if len(entries) > 1:
        entries = [entry.replace(" ", _TIE) for entry in entries]
    lines = textwrap.wrap(
        ", ".join(entries),
        width,
        initial_indent=f"{label:<{_LABEL}}",
        subsequent_indent=" " * _LABEL,
        break_on_hyphens=False,
    )
    return [line.replace(_TIE, " ") for line in lines]


def _head(view: NodeView, width: int) -> str:
    words = [view.state or "", view.took]
    if view.outcome is not None and view.outcome.attempt > 1:
        words.append(f"attempt {view.outcome.attempt}")
    left = f"{view.node.name}  {', '.join(filter(None, words))}".rstrip()
    right = one_line(wording.plugin(view.node))
    return f"{left}  {right:>{max(width - len(left) - 2, 0)}}"


def _read(view: NodeView, dataset: str, *, writers: bool) -> str:
    writer = view.writers.get(dataset)
    if writer is None:
        return f"{dataset} (from outside)"
    return f"{dataset} ← {writer}" if writers else dataset


def _written(dataset: str, records: Mapping[str, DatasetRecord]) -> str:
    return f"{dataset} ({wording.measure(records[dataset])})" if dataset in records else dataset


def _parameters(view: NodeView) -> list[str]:
    types = {parameter.name: parameter.type for parameter in view.node.parameters}
    ran = view.outcome is not None
    return [
        f"{name}={shown}" if ran or not types.get(name) else f"{name}: {types[name]} = {shown}"
        for name, value in view.parameters.items()
        for shown in [shortened(one_line(repr(value)), _LONGEST_VALUE)]
    ]


def _happened(view: NodeView) -> list[tuple[str, list[str]]]:
    if view.outcome is None:
        return []
    error = view.outcome.error
    last = {metric.name: metric.value for metric in view.outcome.metrics}
    return [
        ("metrics", [f"{name}={number(value)}" for name, value in last.items()]),
        ("why", [view.outcome.reason] if view.outcome.reason else []),
        ("error", [f"{error.type}: {error.message}"] if error else []),
        ("hint", [error.hint] if error and error.hint else []),
        ("warning", list(view.outcome.warnings)),
    ]

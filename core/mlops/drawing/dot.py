"""A graph in Graphviz's language, for ``dot -Tsvg`` and everything else that reads it.

Source: Graphviz documentation, "DOT Language" (quoted strings) and "escString" (backslashes in labels).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.drawing import wording
from mlops.drawing.colours import INK, LINE, OUTLINES, UNFINISHED, fills
from mlops.drawing.view import NodeView, leaves, views
from mlops.drawing.wording import MARKS, one_line
from mlops.quantities import duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops.graph import Graph
    from mlops.runs.outcome import RunOutcome


def render(graph: Graph, outcome: RunOutcome | None = None) -> str:
    """Return the graph as a ``digraph``: nodes are boxes, datasets label the edges, plugins fill and states outline."""
    seen = views(graph, outcome)
    ids = {name: f"n{at}" for at, name in enumerate(seen)}
    colours = fills(graph)
    lines = [
        f"digraph {_quoted([graph.pipeline.name])} {{",
        f"  graph [label={_quoted(_title(graph, outcome))} labelloc=t rankdir=TB nodesep=0.35 ranksep=0.55 "
        'fontname="Helvetica"];',
        f'  node [shape=box style="rounded,filled" color="{LINE}" fontcolor="{INK}" fontname="Helvetica" fontsize=11];',
        f'  edge [color="{LINE}" fontcolor="{INK}" fontname="Helvetica" fontsize=9 arrowsize=0.7];',
    ]
    for name, view in seen.items():
        if not view.finalizer:
            lines.append(f"  {ids[name]} {_box(view, colours)};")
    for at, dataset in enumerate(graph.external):
        lines.append(f"  x{at} [label={_quoted([dataset, 'from outside'])} shape=plaintext style=solid];")
        lines += [f"  x{at} -> {ids[name]};" for name, view in seen.items() if dataset in view.node.datasets]
    for edge in graph.edges:
        look = f"label={_quoted(edge.datasets)}" if edge.datasets else "style=dashed"
        lines.append(f"  {ids[edge.source]} -> {ids[edge.target]} [{look}];")
    for name, view in seen.items():
        if view.unread and not view.finalizer:
            results = [dataset for dataset in view.node.outputs if dataset in view.unread]
            lines.append(f'  r{ids[name]} [label={_quoted(results)} style="rounded,dashed" fontsize=9];')
            lines.append(f"  {ids[name]} -> r{ids[name]} [arrowhead=none];")
    if graph.finalizer is not None:
        lines.append("  subgraph cluster_final {")
        lines.append('    label="at the end, whatever happened" style="rounded,dashed" color="#94a3b8" fontsize=10;')
        lines.append(f"    {ids[graph.finalizer]} {_box(seen[graph.finalizer], colours)};")
        lines.append("  }")
        lines += [f"  {ids[leaf]} -> {ids[graph.finalizer]} [style=invis];" for leaf in leaves(graph)]
    return "\n".join([*lines, "}"]) + "\n"


def _title(graph: Graph, outcome: RunOutcome | None) -> list[str]:
    if outcome is None:
        return [graph.pipeline.name]
    after = wording.total(outcome)
    took = "" if after is None else f" after {duration(after)}"
    return [graph.pipeline.name, f"run {outcome.run.run_id} {outcome.state.value}{took}: {wording.tally(outcome)}"]


def _box(view: NodeView, colours: dict[str, str]) -> str:
    lines = [view.node.name, wording.plugin(view.node)]
    look = f'fillcolor="{colours[wording.plugin(view.node)]}"'
    if view.state is not None:
        lines.append(f"{MARKS[view.state]} {view.state} {view.took}".rstrip())
        look += f' color="{OUTLINES[view.state]}" penwidth={4 if view.state == "failed" else 2}'
        look += ' style="rounded,filled,dashed"' if view.state in UNFINISHED else ""
    words = f" tooltip={_quoted([view.node.description])}" if view.node.description else ""
    return f"[label={_quoted(lines)} {look}{words}]"


def _quoted(lines: Iterable[str]) -> str:
    r"""Return a quoted label. A backslash is doubled, because labels read ``\N`` and its like; ``&`` starts an entity."""
    escaped = (one_line(line).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in lines)
    return '"' + r"\n".join(escaped) + '"'

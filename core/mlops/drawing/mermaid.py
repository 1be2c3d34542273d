"""A graph as a Mermaid flowchart, for Markdown that is read on GitHub, GitLab, Notion and the like.

Source: Mermaid documentation, "Flowcharts - Basic Syntax", special characters that break syntax and entity codes.
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
    """Return the graph as a flowchart: nodes are boxes, datasets label the arrows, plugins fill and states outline.

    Every name a user chose stands in a quoted label; identifiers are our own.
    """
    seen = views(graph, outcome)
    ids = {name: f"n{at}" for at, name in enumerate(seen)}
    plugins = {plugin: f"plugin{at}" for at, plugin in enumerate(fills(graph))}
    lines = ["---", f"title: {_title(graph, outcome)}", "---", "flowchart TB"]
    for name, view in seen.items():
        if not view.finalizer:
            lines.append(f"    {ids[name]}[{_label(view)}]")
    for at, dataset in enumerate(graph.external):
        lines.append(f"    x{at}([{_quoted([dataset, 'from outside'])}])")
        lines += [f"    x{at} --> {ids[name]}" for name, view in seen.items() if dataset in view.node.datasets]
    for edge in graph.edges:
        arrow = f"-->|{_quoted(edge.datasets)}|" if edge.datasets else "-.->"
        lines.append(f"    {ids[edge.source]} {arrow} {ids[edge.target]}")
    for name, view in seen.items():
        if view.unread and not view.finalizer:
            results = [dataset for dataset in view.node.outputs if dataset in view.unread]
            lines.append(f"    {ids[name]} --- r{ids[name]}({_quoted(results)}):::result")
    if graph.finalizer is not None:
        lines.append('    subgraph final["at the end, whatever happened"]')
        lines.append(f"        {ids[graph.finalizer]}[{_label(seen[graph.finalizer])}]")
        lines.append("    end")
        lines += [f"    {ids[leaf]} ~~~ {ids[graph.finalizer]}" for leaf in leaves(graph)]
    for name, view in seen.items():
        lines.append(f"    class {ids[name]} {plugins[wording.plugin(view.node)]}")
        if view.state is not None:
            lines.append(f"    class {ids[name]} {view.state}")
    for plugin, colour in fills(graph).items():
        lines.append(f"    classDef {plugins[plugin]} fill:{colour},stroke:{LINE},color:{INK}")
    states = {view.state for view in seen.values()}
    for state in MARKS:
        if state in states:
            dashes = ",stroke-dasharray:5 4" if state in UNFINISHED else ""
            lines.append(
                f"    classDef {state} stroke:{OUTLINES[state]},stroke-width:{4 if state == 'failed' else 2}px{dashes}"
            )
    lines.append("    classDef result fill:transparent,stroke-dasharray:3 3")
    return "\n".join(lines) + "\n"


def _title(graph: Graph, outcome: RunOutcome | None) -> str:
    """Return a YAML string without characters that YAML reads; a run's id is ours, a pipeline's name an identifier."""
    if outcome is None:
        return graph.pipeline.name
    after = wording.total(outcome)
    took = "" if after is None else f" after {duration(after)}"
    return f'"{graph.pipeline.name}, run {_escaped(outcome.run.run_id)} {outcome.state.value}{took}"'


def _label(view: NodeView) -> str:
    lines = [view.node.name, wording.plugin(view.node)]
    if view.state is not None:
        lines.append(f"{MARKS[view.state]} {view.state} {view.took}".rstrip())
    return _quoted(lines)


def _quoted(lines: Iterable[str]) -> str:
    return f'"{"<br/>".join(_escaped(one_line(line)) for line in lines)}"'


def _escaped(text: str) -> str:
    """Return text with everything but letters, digits and harmless marks as Mermaid's entity codes."""
    return "".join(char if char.isalnum() or char in " _.,:+-/()✓↺✗–■▶·…" else f"#{ord(char)};" for char in text)

"""Resolution: from what a pipeline names to its graph.

Names become nodes of the registry, names of datasets become edges, edges become an order. This is where a pipeline is
checked: everything that is wrong with it is told in one message, before anything runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from mlops.errors import GraphProblem, MlopsError, PipelineError, closest
from mlops.graph import Edge, Graph, assembled
from mlops.nodes import Node
from mlops.pipeline import Pipeline
from mlops.registry import Registry

Storable = Callable[[Sequence[str], str], object]
"""Returns None for type names that no serializer keeps in a storage, ``file`` or ``table``."""


def graph_of(
    pipeline: Pipeline,
    registry: Registry,
    *,
    writers: Mapping[str, str] | None = None,
    storable: Storable | None = None,
) -> Graph:
    """Return the graph of a pipeline whose nodes are in the registry.

    ``writers`` says which node writes a dataset that several of its nodes offer; the others leave the pipeline.

    Raises:
        PipelineError: everything that is wrong with the pipeline.
    """
    problems: list[MlopsError] = []
    nodes = _members(pipeline, registry, problems)
    nodes = _with_chosen_writers(nodes, writers or {}, registry, problems)
    finalizer = next((node.full_name for node in nodes if pipeline.finalizer in (node.name, node.full_name)), None)
    producers = {dataset: node for node in nodes for dataset in node.outputs}
    problems += _several_writers(pipeline, nodes)
    problems += _missing_writers(pipeline, nodes, producers, registry)
    if storable is not None:
        problems += _unstorable(nodes, storable)
    edges = _edges(pipeline, nodes, producers, finalizer, problems)
    order = _order(nodes, edges, finalizer, problems)
    if problems:
        raise PipelineError(pipeline=pipeline.name, problems=problems)
    return assembled(pipeline, order, edges, finalizer)


def _members(pipeline: Pipeline, registry: Registry, problems: list[MlopsError]) -> list[Node]:
    nodes: dict[str, Node] = {}
    for name in pipeline.node_names:
        try:
            node = registry.node(name, home=pipeline.distribution or None)
        except MlopsError as problem:
            problems.append(problem)
        else:
            nodes[node.full_name] = node
    return list(nodes.values())


def _with_chosen_writers(
    nodes: list[Node], writers: Mapping[str, str], registry: Registry, problems: list[MlopsError]
) -> list[Node]:
    dropped: set[str] = set()
    for dataset, name in writers.items():
        try:
            chosen = registry.node(name)
        except MlopsError as problem:
            problems.append(problem)
            continue
        if dataset not in chosen.outputs:
            problems.append(
                GraphProblem(
                    f"writers chooses {name!r} for {dataset!r}, which that node does not write",
                    hint=f"it writes: {', '.join(chosen.outputs) or 'nothing'}",
                )
            )
            continue
        dropped |= {node.full_name for node in nodes if dataset in node.outputs and node != chosen}
    return [node for node in nodes if node.full_name not in dropped]


def _several_writers(pipeline: Pipeline, nodes: Sequence[Node]) -> Iterator[GraphProblem]:
    writers: dict[str, list[Node]] = {}
    for node in nodes:
        for dataset in node.outputs:
            writers.setdefault(dataset, []).append(node)
    for dataset, several in writers.items():
        if len(several) > 1:
            who = " and ".join(
                f"{node.full_name} ({node.origin.distribution} {node.origin.version})" for node in several
            )
            yield GraphProblem(
                f"dataset {dataset!r} is written by {who}",
                hint=f"choose one in pyproject.toml: [tool.mlops.pipelines.{pipeline.name}.writers] "
                f'{dataset} = "{several[0].full_name}"',
            )


def _missing_writers(
    pipeline: Pipeline, nodes: Sequence[Node], producers: Mapping[str, Node], registry: Registry
) -> Iterator[GraphProblem]:
    unread = sorted(set(producers) - {dataset for node in nodes for dataset in node.datasets})
    for node in nodes:
        for dataset in node.datasets:
            if dataset not in producers:
                yield GraphProblem(
                    f"node {node.name!r} (plugin {node.origin.distribution}) reads {dataset!r}, which no node of "
                    f"{pipeline.name!r} writes",
                    hint=_where_to_find(dataset, unread, producers, registry),
                )


def _where_to_find(dataset: str, unread: Sequence[str], producers: Mapping[str, Node], registry: Registry) -> str:
    """Return the likeliest mend: a misspelt name, a node that is left out of the pipeline, a plugin that is missing."""
    similar = closest(dataset, unread) or closest(dataset, producers)
    if similar:
        nobody = ", which nobody reads" if similar in unread else ""
        return f"did you mean {similar!r} (written by {producers[similar].name!r}{nobody})?"
    elsewhere = sorted(node.full_name for node in registry.nodes if dataset in node.outputs)
    if elsewhere:
        return f"add the node that writes it to the pipeline: {' or '.join(elsewhere)}"
    return f"install the plugin that writes {dataset!r}, or give the argument a default to make it a parameter"


def _unstorable(nodes: Sequence[Node], storable: Storable) -> Iterator[GraphProblem]:
    for node in nodes:
        for dataset, names in node.output_types.items():
            storage = node.storage.get(dataset, "file")
            if not names or storable(names, storage) is not None:
                continue
            written = f"node {node.name!r} (plugin {node.origin.distribution}) writes {dataset!r} as {names[0]}"
            if storage == "table":
                yield GraphProblem(
                    f"{written}, which cannot become a table of Snowflake",
                    hint='return a Snowpark, pandas, polars or Arrow table, or leave out storage="table"',
                )
            else:
                yield GraphProblem(
                    f"{written}, which no serializer stores",
                    hint="return a DataFrame, a plain value, an array, a figure, a model, bytes or a file; "
                    "or install or write a plugin that stores it (register_serializers)",
                )


def _edges(
    pipeline: Pipeline,
    nodes: Sequence[Node],
    producers: Mapping[str, Node],
    finalizer: str | None,
    problems: list[MlopsError],
) -> list[Edge]:
    members: dict[str, Node] = {}
    for node in nodes:
        members.setdefault(node.name, node)
        members[node.full_name] = node
    problems += (
        _not_a_member(pipeline, name, "after= of the pipeline", members)
        for name in pipeline.after
        if name not in members
    )
    edges: list[Edge] = []
    for node in nodes:
        if node.full_name == finalizer:
            continue
        carried: dict[str, list[str]] = {}
        for dataset in node.datasets:
            if dataset in producers:
                carried.setdefault(producers[dataset].full_name, []).append(dataset)
        for name in (*node.after, *pipeline.after.get(node.name, ()), *pipeline.after.get(node.full_name, ())):
            if name in members:
                carried.setdefault(members[name].full_name, [])
            else:
                problems.append(_not_a_member(pipeline, name, f"after= of node {node.name!r}", members))
        if finalizer in carried:
            problems.append(
                GraphProblem(
                    f"node {node.name!r} waits for {members[finalizer].name!r}, which is the finalizer and runs last",
                    hint="take what it writes from another node, or choose another finalizer",
                )
            )
        edges += (Edge(source, node.full_name, tuple(datasets)) for source, datasets in carried.items())
    return edges


def _not_a_member(pipeline: Pipeline, name: str, place: str, members: Iterable[str]) -> GraphProblem:
    similar = closest(name, members)
    return GraphProblem(
        f"{place} names {name!r}, which is not a node of {pipeline.name!r}",
        hint=f"did you mean {similar!r}?" if similar else "add the node to the pipeline, or remove the name",
    )


def _order(
    nodes: Sequence[Node], edges: Sequence[Edge], finalizer: str | None, problems: list[MlopsError]
) -> list[Node]:
    by_name = {node.full_name: node for node in nodes}
    sorter: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(by_name, ()))
    for edge in edges:
        sorter.add(edge.target, edge.source)
    try:
        order = list(sorter.static_order())
    except CycleError as cause:
        cycle = list(cause.args[1])
        datasets = {(edge.source, edge.target): edge.datasets for edge in edges}
        shown = by_name[cycle[0]].name
        for source, target in pairwise(cycle):
            carried = ", ".join(datasets.get((source, target), ())) or "after"
            shown += f" --[{carried}]--> {by_name[target].name}"
        problems.append(
            GraphProblem(
                f"its nodes wait for each other: {shown}",
                hint="break the circle: rename a dataset or drop an 'after'",
            )
        )
        return list(nodes)
    if finalizer is not None:
        order = [*(name for name in order if name != finalizer), finalizer]
    return [by_name[name] for name in order]

"""The graph of a pipeline: its nodes in order, and the edges that follow from what they read and write.

Building it is where a pipeline is checked: everything that is wrong with it is told in one message, before anything runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from msgspec import Struct, field

from mlops.errors import GraphProblem, MlopsError, PipelineError, UnknownNameError, closest
from mlops.nodes import Node
from mlops.pipeline import Pipeline
from mlops.registry import Registry

Storable = Callable[[Sequence[str], str], object]
"""Returns None for type names that no serializer keeps in a storage, ``file`` or ``table``."""


class Edge(Struct, frozen=True):
    """Order between two nodes, by full name. ``datasets`` are those that go from one to the other; none for ``after``."""

    source: str
    target: str
    datasets: tuple[str, ...] = ()


class Graph(Struct, frozen=True):
    """The nodes of a pipeline in an order they can run in, and the edges between them.

    ``producers`` maps each dataset to the full name of the node that writes it. ``finalizer`` is the full name of the
    node that runs at the end; it is the last of ``nodes`` and has no edges. ``external`` are the datasets that come from
    outside, which only a part of a pipeline has. ``unread`` are the outputs that no node reads.
    """

    pipeline: Pipeline
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    producers: Mapping[str, str]
    finalizer: str | None = None
    external: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    _parents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    _children: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def node(self, name: str) -> Node:
        """Return one of its nodes by full or short name.

        Raises:
            UnknownNameError: the graph has no such node.
        """
        matches = [node for node in self.nodes if name in (node.full_name, node.name)]
        if len(matches) != 1:
            raise UnknownNameError(
                kind=f"node of pipeline {self.pipeline.name!r}:",
                name=name,
                known=[node.name for node in self.nodes],
            )
        return matches[0]

    def parents(self, full_name: str) -> tuple[str, ...]:
        """Return the nodes that must have ended before this one, nearest only."""
        return self._parents.get(full_name, ())

    def children(self, full_name: str) -> tuple[str, ...]:
        """Return the nodes that wait for this one, nearest only."""
        return self._children.get(full_name, ())

    def ancestors(self, full_name: str) -> frozenset[str]:
        """Return every node this one waits for, however far."""
        return _reachable(full_name, self._parents)

    def descendants(self, full_name: str) -> frozenset[str]:
        """Return every node that waits for this one, however far."""
        return _reachable(full_name, self._children)

    def levels(self) -> list[list[Node]]:
        """Return the nodes level by level: a node is one level below the lowest of its parents; the finalizer is last."""
        depth: dict[str, int] = {}
        for node in self.nodes:
            if node.full_name != self.finalizer:
                depth[node.full_name] = 1 + max((depth[parent] for parent in self.parents(node.full_name)), default=-1)
        levels: list[list[Node]] = [[] for _ in range(1 + max(depth.values(), default=-1))]
        for node in self.nodes:
            if node.full_name in depth:
                levels[depth[node.full_name]].append(node)
        if self.finalizer is not None:
            levels.append([node for node in self.nodes if node.full_name == self.finalizer])
        return levels

    def part(self, *, start: Sequence[str] = (), end: Sequence[str] = (), only: Sequence[str] = ()) -> Graph:
        """Return the part of the graph from ``start`` nodes on, up to ``end`` nodes, or of ``only`` some nodes.

        Datasets that the part reads and does not write become ``external``.

        Raises:
            UnknownNameError: a name is not a node of the graph.
            GraphProblem: nothing is left.
        """
        if not (start or end or only):
            return self
        chosen = {node.full_name for node in self.nodes}
        for names, reach in ((start, self.descendants), (end, self.ancestors)):
            if names:
                roots = {self.node(name).full_name for name in names}
                chosen &= roots.union(*(reach(root) for root in roots))
        if only:
            chosen &= {self.node(name).full_name for name in only}
        nodes = [node for node in self.nodes if node.full_name in chosen]
        if not nodes:
            raise GraphProblem(
                f"no node of pipeline {self.pipeline.name!r} is left by --from, --to and --only",
                hint="mlops graph shows which nodes follow which",
            )
        return _assembled(
            self.pipeline,
            nodes,
            [edge for edge in self.edges if edge.source in chosen and edge.target in chosen],
            finalizer=self.finalizer if self.finalizer in chosen else None,
        )


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
    nodes = _nodes(pipeline, registry, problems)
    nodes = _with_chosen_writers(nodes, writers or {}, registry, problems)
    finalizer = next((node.full_name for node in nodes if pipeline.finalizer in (node.name, node.full_name)), None)
    _check_writers(pipeline, nodes, problems)
    producers = {dataset: node for node in nodes for dataset in node.outputs}
    _check_readers(pipeline, nodes, producers, registry, problems)
    if storable is not None:
        _check_types(nodes, storable, problems)
    edges = _edges(pipeline, nodes, producers, finalizer, problems)
    order = _order(nodes, edges, finalizer, problems)
    if problems:
        raise PipelineError(pipeline=pipeline.name, problems=problems)
    return _assembled(pipeline, order, edges, finalizer)


def _assembled(pipeline: Pipeline, nodes: Sequence[Node], edges: Sequence[Edge], finalizer: str | None) -> Graph:
    parents: dict[str, list[str]] = {}
    children: dict[str, list[str]] = {}
    for edge in edges:
        parents.setdefault(edge.target, []).append(edge.source)
        children.setdefault(edge.source, []).append(edge.target)
    producers = {dataset: node.full_name for node in nodes for dataset in node.outputs}
    read = {dataset for node in nodes for dataset in node.datasets}
    return Graph(
        pipeline=pipeline,
        nodes=tuple(nodes),
        edges=tuple(edges),
        producers=producers,
        finalizer=finalizer,
        external=tuple(sorted(read - set(producers))),
        unread=tuple(sorted(set(producers) - read)),
        _parents={name: tuple(dict.fromkeys(names)) for name, names in parents.items()},
        _children={name: tuple(dict.fromkeys(names)) for name, names in children.items()},
    )


def _nodes(pipeline: Pipeline, registry: Registry, problems: list[MlopsError]) -> list[Node]:
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


def _check_writers(pipeline: Pipeline, nodes: Sequence[Node], problems: list[MlopsError]) -> None:
    writers: dict[str, list[Node]] = {}
    for node in nodes:
        for dataset in node.outputs:
            writers.setdefault(dataset, []).append(node)
    for dataset, several in writers.items():
        if len(several) > 1:
            who = " and ".join(
                f"{node.full_name} ({node.origin.distribution} {node.origin.version})" for node in several
            )
            problems.append(
                GraphProblem(
                    f"dataset {dataset!r} is written by {who}",
                    hint=f"choose one in pyproject.toml: [tool.mlops.pipelines.{pipeline.name}.writers] "
                    f'{dataset} = "{several[0].full_name}"',
                )
            )


def _check_readers(
    pipeline: Pipeline,
    nodes: Sequence[Node],
    producers: Mapping[str, Node],
    registry: Registry,
    problems: list[MlopsError],
) -> None:
    read = {dataset for node in nodes for dataset in node.datasets}
    unread = sorted(set(producers) - read)
    for node in nodes:
        for dataset in node.datasets:
            if dataset in producers:
                continue
            similar = closest(dataset, unread) or closest(dataset, producers)
            elsewhere = sorted(other.full_name for other in registry.nodes if dataset in other.outputs)
            if similar:
                nobody = ", which nobody reads" if similar in unread else ""
                hint = f"did you mean {similar!r} (written by {producers[similar].name!r}{nobody})?"
            elif elsewhere:
                hint = f"add the node that writes it to the pipeline: {' or '.join(elsewhere)}"
            else:
                hint = (
                    f"install the plugin that writes {dataset!r}, or give the argument a default to make it a parameter"
                )
            problems.append(
                GraphProblem(
                    f"node {node.name!r} (plugin {node.origin.distribution}) reads {dataset!r}, which no node of "
                    f"{pipeline.name!r} writes",
                    hint=hint,
                )
            )


def _check_types(nodes: Sequence[Node], storable: Storable, problems: list[MlopsError]) -> None:
    for node in nodes:
        for dataset, names in node.output_types.items():
            storage = node.storage.get(dataset, "file")
            if not names or storable(names, storage) is not None:
                continue
            if storage == "table":
                problems.append(
                    GraphProblem(
                        f"node {node.name!r} (plugin {node.origin.distribution}) writes {dataset!r} as {names[0]}, "
                        "which cannot become a table of Snowflake",
                        hint='return a Snowpark, pandas, polars or Arrow table, or leave out storage="table"',
                    )
                )
            else:
                problems.append(
                    GraphProblem(
                        f"node {node.name!r} (plugin {node.origin.distribution}) writes {dataset!r} as {names[0]}, "
                        "which no serializer stores",
                        hint="return a DataFrame, a plain value, an array, a figure, a model, bytes or a file; "
                        "or install or write a plugin that stores it (register_serializers)",
                    )
                )


def _edges(
    pipeline: Pipeline,
    nodes: Sequence[Node],
    producers: Mapping[str, Node],
    finalizer: str | None,
    problems: list[MlopsError],
) -> list[Edge]:
    by_name: dict[str, Node] = {}
    for node in nodes:
        by_name.setdefault(node.name, node)
        by_name[node.full_name] = node
    for name in pipeline.after:
        if name not in by_name:
            problems.append(_not_a_member(pipeline, name, "after= of the pipeline", by_name))
    edges: list[Edge] = []
    for node in nodes:
        if node.full_name == finalizer:
            continue
        carried: dict[str, list[str]] = {}
        for dataset in node.datasets:
            if dataset in producers:
                carried.setdefault(producers[dataset].full_name, []).append(dataset)
        for name in (
            *node.after,
            *pipeline.after.get(node.name, ()),
            *pipeline.after.get(node.full_name, ()),
        ):
            if name in by_name:
                carried.setdefault(by_name[name].full_name, [])
            else:
                problems.append(_not_a_member(pipeline, name, f"after= of node {node.name!r}", by_name))
        edges.extend(Edge(source, node.full_name, tuple(datasets)) for source, datasets in carried.items())
        problems.extend(
            GraphProblem(
                f"node {node.name!r} waits for {by_name[edge.source].name!r}, which is the finalizer and runs last",
                hint="take what it writes from another node, or choose another finalizer",
            )
            for edge in edges
            if edge.source == finalizer and edge.target == node.full_name
        )
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


def _reachable(start: str, steps: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    found: set[str] = set()
    ahead = list(steps.get(start, ()))
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead.extend(steps.get(name, ()))
    return frozenset(found)

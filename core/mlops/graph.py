"""The graph of a pipeline: its nodes in an order they can run in, and the edges between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from mlops.errors import GraphProblem, UnknownNameError
from mlops.nodes import Node
from mlops.pipeline import Pipeline


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
        return assembled(
            self.pipeline,
            nodes,
            [edge for edge in self.edges if edge.source in chosen and edge.target in chosen],
            finalizer=self.finalizer if self.finalizer in chosen else None,
        )


def assembled(pipeline: Pipeline, nodes: Sequence[Node], edges: Sequence[Edge], finalizer: str | None) -> Graph:
    """Return the graph of nodes that are in order already, with what follows from its nodes and edges."""
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


def _reachable(start: str, steps: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    found: set[str] = set()
    ahead = list(steps.get(start, ()))
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead.extend(steps.get(name, ()))
    return frozenset(found)

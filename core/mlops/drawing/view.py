"""What a drawing shows of each node: the node, its parameters as they were or would be, and what became of it in a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.credentials import hide_credentials
from mlops.quantities import duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.datasets.manifest import DatasetRecord
    from mlops.graph import Graph
    from mlops.nodes import Node
    from mlops.runs.outcome import NodeOutcome, RunOutcome


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node of a drawing.

    ``outcome`` is None without a run, and for a node that the run did not have. ``after`` are the short names of nodes
    it waits for though it reads nothing of theirs. ``writers`` maps what it reads to the short name of the node that
    writes it; a dataset from outside has none. ``unread`` are its outputs that no node reads.
    """

    node: Node
    finalizer: bool
    parameters: Mapping[str, object]
    after: tuple[str, ...]
    writers: Mapping[str, str]
    unread: frozenset[str]
    outcome: NodeOutcome | None = None

    @property
    def state(self) -> str | None:
        """What became of it in the run, as a key of ``MARKS``."""
        return None if self.outcome is None else self.outcome.state.value

    @property
    def took(self) -> str:
        """How long it took; empty for a node that was reused, because its time was spent in another run."""
        return "" if self.outcome is None or self.state == "reused" else duration(self.outcome.seconds)

    @property
    def records(self) -> Mapping[str, DatasetRecord]:
        """What it committed in the run, by name of the dataset."""
        return {} if self.outcome is None else {record.name: record for record in self.outcome.outputs}


def views(graph: Graph, outcome: RunOutcome | None = None) -> dict[str, NodeView]:
    """Return the nodes of a drawing by full name, in the order of the graph."""
    nodes = {node.full_name: node for node in graph.nodes}
    outcomes = {} if outcome is None else {one.node: one for one in outcome.nodes}
    unread = frozenset(graph.unread)
    return {
        name: NodeView(
            node=node,
            finalizer=name == graph.finalizer,
            parameters=_parameters(graph, node, outcome),
            after=tuple(
                nodes[parent].name
                for parent in graph.parents(name)
                if all(graph.producers.get(dataset) != parent for dataset in node.datasets)
            ),
            writers={
                dataset: nodes[graph.producers[dataset]].name for dataset in node.datasets if dataset in graph.producers
            },
            unread=unread.intersection(node.outputs),
            outcome=outcomes.get(name),
        )
        for name, node in nodes.items()
    }


def leaves(graph: Graph) -> list[str]:
    """Return the nodes that no other waits for, by full name; not the finalizer, which waits for all of them."""
    names = [node.full_name for node in graph.nodes]
    return [name for name in names if name != graph.finalizer and not graph.children(name)]


def _parameters(graph: Graph, node: Node, outcome: RunOutcome | None) -> dict[str, object]:
    """Return the value of each parameter: of the run, else of the pipeline, else its default.

    A node that takes any parameter has in a run some that it does not declare.
    """
    given = graph.pipeline.parameters
    values: dict[str, object] = {}
    for parameter in node.parameters:
        values[parameter.name] = parameter.default
        for key in (parameter.name, f"{node.name}.{parameter.name}", f"{node.full_name}.{parameter.name}"):
            values[parameter.name] = given.get(key, values[parameter.name])
    if outcome is not None:
        values.update(outcome.run.parameters.get(node.full_name, {}))
    return hide_credentials(values)

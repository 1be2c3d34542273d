"""How many replicas share a node where it runs: as many as the target says, else as its author."""

from __future__ import annotations

from msgspec.structs import replace

from mlops.configuration.targets import Target
from mlops.nodes import Node, Partitions


def partitioned(node: Node, target: Target) -> Node:
    """Return a node with the number of replicas that a target chooses for it, by its full or its short name.

    The key stays its author's; a node that its author has not split gets none, as in the containers of its job.
    """
    options = target.nodes.get(node.full_name) or target.nodes.get(node.name)
    if options is None or options.partitions is None:
        return node
    if options.partitions == 1:
        return replace(node, partitions=None)
    key = node.partitions.key if node.partitions is not None else None
    return replace(node, partitions=Partitions(options.partitions, key))

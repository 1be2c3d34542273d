"""Nodes, graphs and targets for tests of compile."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from mlops.compile.deployment import deployment_of
from mlops.compile.objects import Deployment
from mlops.configuration.targets import Pool, Target
from mlops.graph import Graph
from mlops.layers import settle
from mlops.nodes import Node, Origin
from mlops.pipeline import Pipeline
from mlops.registry import Registry
from mlops.resolution import graph_of


class Samples:
    """Builds values with as few words as a test needs."""

    def node(self, name: str, *, reads=(), writes=(), plugin: str = "kit", **fields: Any) -> Node:
        return Node(
            name,
            Origin(plugin, "1.0", f"kit:{name}"),
            inputs={dataset: dataset for dataset in reads},
            outputs=tuple(writes),
            **fields,
        )

    def graph(self, *nodes: Node, pipeline: str = "p", **fields: Any) -> Graph:
        found = Pipeline(pipeline, nodes=[each.full_name for each in nodes], distribution="kit", **fields)
        return graph_of(found, Registry(nodes=nodes))

    def target(self, **fields: Any) -> Target:
        plain = Target("dev", database="ml", schema="prod", pools={"default": Pool("mlops_pool")})
        return replace(plain, **fields)

    def deployment(
        self, *nodes: Node, target: Target | None = None, written=None, storable=None, **fields: Any
    ) -> Deployment:
        graph = self.graph(*nodes, **fields)
        return deployment_of(
            graph,
            target or self.target(),
            project="demo",
            parameters=settle(graph.nodes, ()),
            written=written,
            storable=storable,
        )


@pytest.fixture(scope="session")
def samples() -> Samples:
    return Samples()

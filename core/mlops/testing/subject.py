"""The subject of the checks: one installed plugin, what is known of it, and its rehearsals, each made once."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.errors import MlopsError
from mlops.nodes import Node
from mlops.pipeline import Pipeline, from_data
from mlops.plugins.knowledge import implementing
from mlops.testing.rehearsal import Performance, Programme, Rehearsed, rehearse

if TYPE_CHECKING:
    from mlops.graph import Graph
    from mlops.plugins.knowledge import Knowledge
    from mlops.project import Project
    from mlops.testing.request import Request


class Subject:
    """One plugin under check."""

    def __init__(self, known: Knowledge, project: Project, request: Request, folder: str) -> None:
        self.known, self.project, self.request = known, project, request
        self._folder = Path(folder)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Its nodes."""
        return self.known.nodes

    @cached_property
    def pipelines(self) -> tuple[Pipeline, ...]:
        """Its pipelines."""
        return tuple(from_data(data) for data in self.known.pipelines)

    @cached_property
    def graphs(self) -> dict[str, Graph]:
        """The graphs of its pipelines that fit together."""
        found = {}
        for pipeline in self.pipelines:
            try:
                found[pipeline.name] = self.project.graph(f"{pipeline.distribution}:{pipeline.name}")
            except MlopsError:
                continue
        return found

    @cached_property
    def runnable(self) -> tuple[Node, ...]:
        """Nodes outside its pipelines that can be run on their own: they say what they read, and that is no dataset."""
        members = {node.full_name for graph in self.graphs.values() for node in graph.nodes}
        return tuple(
            node
            for node in self.nodes
            if node.full_name not in members and not node.datasets and not node.open_inputs and node.serving is None
        )

    @cached_property
    def rehearsed(self) -> Rehearsed:
        """Its pipelines and the nodes beside them, run without services."""
        return self._rehearse("plain", "none")

    @cached_property
    def rehearsed_again(self) -> Rehearsed:
        """Its deterministic nodes, run again on the same inputs in an interpreter with other hashes."""
        declared = {node.full_name for node in self.nodes if node.deterministic}
        again = tuple(one for one in self.rehearsed.performances if one.node in declared and one.outputs)
        if not again:
            return Rehearsed()
        programme = Programme(str(self._place("plain")), "none", again=again)
        return rehearse(programme, seconds=self.request.seconds, hash_seed=2)

    @cached_property
    def rehearsed_embedded(self) -> Rehearsed:
        """The same as ``rehearsed`` on the embedded Snowflake."""
        return self._rehearse("embedded", "embedded")

    @property
    def has_embedded(self) -> bool:
        """Whether a plugin is installed that provides a Snowflake."""
        return bool(implementing(self.project.discovery.known, ("provide_connection",)))

    def performances(self, rehearsed: Rehearsed) -> dict[str, Performance]:
        """What its own nodes came to, by full name; a node that is run twice counts where it ended well."""
        own = {node.full_name for node in self.nodes}
        found: dict[str, Performance] = {}
        for one in rehearsed.performances:
            if one.node in own and (one.node not in found or one.outputs):
                found[one.node] = one
        return found

    def _rehearse(self, name: str, services: str) -> Rehearsed:
        pipelines = tuple(f"{self.known.distribution}:{pipeline}" for pipeline in self.graphs)
        nodes = tuple(node.full_name for node in self.runnable)
        if not pipelines and not nodes:
            return Rehearsed()
        programme = Programme(str(self._place(name)), services, pipelines, nodes, parameters=self.request.parameters)
        return rehearse(programme, seconds=self.request.seconds)

    def _place(self, name: str) -> Path:
        place = self._folder / name
        place.mkdir(exist_ok=True)
        return place

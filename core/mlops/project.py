"""A project: its settings and everything that is installed beside it, each worked out when it is first asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from mlops.configuration.settings import Settings, load_settings

if TYPE_CHECKING:
    from mlops.compile.objects import Deployment
    from mlops.datasets.serializers import Serializers
    from mlops.graph import Graph
    from mlops.plugins.discovery import Discovery, Found
    from mlops.registry import Registry


class Project:
    """The folder that commands work on. ``progress`` is told the name of each plugin that has to be imported to be known."""

    def __init__(
        self,
        start: str | os.PathLike[str] | None = None,
        *,
        flags: dict[str, object] | None = None,
        progress: Callable[[str], None] = lambda distribution: None,
    ) -> None:
        self._start = os.fspath(start) if start is not None else os.getcwd()
        self._flags = flags or {}
        self._progress = progress

    @cached_property
    def settings(self) -> Settings:
        """The settings of the file, the environment and the command line."""
        return load_settings(self._start, flags=self._flags)

    @cached_property
    def discovery(self) -> Discovery:
        """What is known of the installed plugins."""
        return self.discover()

    def discover(self, *, refresh: bool = False) -> Discovery:
        """Return what is known of the installed plugins; ``refresh`` imports all of them to look again."""
        from mlops.plugins.discovery import discover

        return discover(self.settings.plugins, refresh=refresh, progress=self._progress)

    @cached_property
    def registry(self) -> Registry:
        """Every node and pipeline, of the plugins and of the project."""
        from mlops.registry import registry_of

        return registry_of(self.discovery.known, blocked=self.discovery.blocked, pipelines=self.settings.pipelines)

    def find(self, node: str) -> Found:
        """Return a node and the plugins that implement hooks, looking at no more than that takes.

        Raises:
            UnknownNameError, AmbiguousNodeError, PluginError: no node, several, or one whose plugin is broken.
        """
        from mlops.plugins.discovery import Found, find

        found = find(node, self.settings.plugins)
        if found is not None:
            return found
        return Found(self.registry.node(node), tuple(one for one in self.discovery.known if one.hooks))

    def graph(self, pipeline: str) -> Graph:
        """Return the graph of a pipeline, checked as a whole.

        Raises:
            UnknownNameError: there is no pipeline of this name.
            PipelineError: everything that is wrong with it.
        """
        from mlops.resolution import graph_of

        found = self.registry.pipeline(pipeline)
        writers = self.settings.writers.get(found.name)
        return graph_of(found, self.registry, writers=writers, storable=self.serializers.storable)

    @cached_property
    def serializers(self) -> Serializers:
        """What stores values: those of mlops, and of the installed plugins."""
        from mlops.plugins.serializers import serializers_of

        return serializers_of(self.discovery.known, allow_pickle=self.settings.allow_pickle)

    def deployment(
        self, pipeline: str, *, image: str | None = None, tell: Callable[[str], None] = lambda text: None
    ) -> Deployment:
        """Return what Snowflake is to hold for a pipeline on the chosen target, checked as a whole.

        ``tell`` is given what is worth knowing and no error.

        Raises:
            UnknownNameError: there is no pipeline or no target of this name.
            PipelineError, SettingsError, ParameterError, SeveralError: everything that is wrong.
        """
        from mlops.compile.wanted import wanted_deployment

        return wanted_deployment(
            self.graph(pipeline),
            self.settings,
            installed=self.registry.nodes,
            storable=self.serializers.storable,
            environ=os.environ,
            image=image,
            tell=tell,
        )

"""A project that lives as long as a test: a folder of its own, and the installed plugins run in this process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from mlops.compile.objects import Deployment
from mlops.deploy.in_memory import InMemoryAccount
from mlops.description import describe, source_of
from mlops.errors import UnknownNameError
from mlops.layers import Layer, settle
from mlops.nodes import Node, Origin
from mlops.plugins.serializers import serializers_of
from mlops.project import Project
from mlops.runs.connection import Connection, ConnectionChoice
from mlops.runs.launch import Request, prepare
from mlops.runs.node_run import run_node
from mlops.runs.order import Order, Source
from mlops.runs.outcome import RunInfo, RunOutcome, new_run_id
from mlops.runs.preparation import LocalPreparation
from mlops.runs.replicas import run_all_here
from mlops.runs.results import Datasets, Outcome
from mlops.runs.services import Services, services_for
from mlops.testing.sample import SamplePlugins
from mlops.testing.target import NAME as TARGET
from mlops.testing.target import SETTINGS, Deployed, deploy_in_memory

_GIVEN = "given by the test"


class TemporaryProject:
    """A project in a folder of a test. Runs are those of ``mlops run``; without ``connection`` they have no services."""

    def __init__(
        self, folder: str | os.PathLike[str], *, connection: Mapping[str, Any] | None = None
    ) -> None:  # Any: as above
        self.folder = Path(folder)
        self.settings_file = self.folder / "mlops.toml"
        self._connection = connection
        self._samples = SamplePlugins(self.folder.with_name(f"{self.folder.name}-site"))
        if not self.settings_file.exists():
            self.configure("")

    def configure(self, toml: str) -> None:
        """Replace the project's settings, ``mlops.toml``; a target ``test`` is added where they have none of that name."""
        own = "" if f"[targets.{TARGET}" in toml else SETTINGS
        self.settings_file.write_text(f"{toml}\n{own}", encoding="utf-8")

    def install(
        self, name: str, source: str, *, nodes: Sequence[str] = (), pipelines: Sequence[str] = (), hooks: bool = False
    ) -> None:
        """Install a distribution of one module for the time of the test, with the nodes and pipelines that it defines.

        ``hooks`` makes the module one of ``mlops.plugins``, so that what it marks with ``@hookimpl`` is called.
        """
        groups = {"mlops.nodes": nodes, "mlops.pipelines": pipelines, "mlops.plugins": [""] if hooks else []}
        self._samples.install(name, source, {group: names for group, names in groups.items() if names})

    def deployment(self, pipeline: str, *, target: str = TARGET) -> Deployment:
        """Return what Snowflake would hold for a pipeline: tasks, job specifications, pools, as plain values.

        Raises:
            MlopsError: everything that is wrong with it.
        """
        return Project(self.folder, flags={"target": target}).deployment(pipeline)

    def job_files(self, pipeline: str, *, target: str = TARGET) -> dict[str, str]:
        """Return the files that ``mlops generate`` would write, by name: the fixture ``golden`` compares them."""
        from mlops.compile.files import yaml_files

        return yaml_files(self.deployment(pipeline, target=target), f"mlops generate {pipeline} --target {target}")

    def deploy(
        self, pipeline: str, *, account: InMemoryAccount | None = None, target: str = TARGET, prune: bool = False
    ) -> Deployed:
        """Deploy a pipeline to an account in memory, an empty one where none is given; hooks are called as in a deploy.

        Raises:
            MlopsError: the pipeline is not right, a guard vetoes, or the plan is blocked.
        """
        deployment = self.deployment(pipeline, target=target)
        return deploy_in_memory(deployment, account or InMemoryAccount(), self.project.discovery.known, prune=prune)

    def close(self) -> None:
        """Remove what was installed for the test, and end what outcomes were read with; the fixtures do so by themselves."""
        if "_services" in vars(self):
            self._services.close()
        self._samples.remove()

    @cached_property
    def _services(self) -> Services:
        """What tables of Snowflake are read with, in an outcome."""
        return services_for(None if self._connection is None else Connection(_GIVEN, self._connection))

    @property
    def project(self) -> Project:
        """The project as its settings are now."""
        return Project(self.folder)

    def run(
        self,
        pipeline: str,
        *,
        parameters: Mapping[str, object] | None = None,
        executor: str = "inline",
        resume: str | None = None,
        start: tuple[str, ...] = (),
        end: tuple[str, ...] = (),
        only: tuple[str, ...] = (),
    ) -> Outcome:
        """Run a pipeline of an installed plugin, or one that the settings declare, and return what it came to.

        ``parameters`` are as in a pipeline's declaration: ``{"size": 3}`` or ``{"call_list.size": 3}``.

        Raises:
            MlopsError: what is wrong before anything runs.
        """
        flags: dict[str, object] = {"run.executor": executor}
        if self._connection is None:
            flags["services"] = "none"
        project = Project(self.folder, flags=flags)
        request = Request(pipeline, values=dict(parameters or {}), start=start, end=end, only=only, resume=resume)
        launch = prepare(project, request)
        if self._connection is not None and any(node.services for node in launch.graph.nodes):
            choice = ConnectionChoice(_GIVEN, connection=Connection(_GIVEN, self._connection))
            launch = replace(launch, connection=choice, run=replace(launch.run, auth_mode=_GIVEN))
        return self._outcome(launch.go())

    def run_node(
        self,
        node: str | Callable[..., object],
        inputs: Mapping[str, object] | None = None,
        *,
        parameters: Mapping[str, object] | None = None,
    ) -> Outcome:
        """Run one node, by its name or as a function that need not be installed, on datasets given as values.

        Raises:
            MlopsError: the node cannot be described, or lacks an input.
        """
        function = None if isinstance(node, str) else node
        described = self.project.registry.node(node) if isinstance(node, str) else _described(node)
        inputs = {described.inputs.get(name, name): value for name, value in (inputs or {}).items()}
        if missing := [dataset for dataset in described.datasets if dataset not in inputs]:
            raise UnknownNameError(
                kind="input", name=missing[0], known=inputs, hint=f"give it: inputs={{{missing[0]!r}: …}}"
            )
        settled = settle([described], [Layer("the test", dict(parameters or {}))])[described.full_name]
        run_id = new_run_id(time.time())
        run = RunInfo(
            run_id=run_id,
            pipeline=described.name,
            folder=str(self.folder / "data" / described.name / run_id),
            started=time.time(),
            parameters={described.full_name: settled},
            versions={described.origin.distribution: described.origin.version},
        )
        order = Order(
            node=described,
            run=run,
            parameters=settled,
            inputs={dataset: Source(value=value) for dataset, value in inputs.items()},
        )
        connection = None if self._connection is None else Connection(_GIVEN, self._connection)
        known = tuple(one for one in self.project.discovery.known if one.hooks)
        prepared = LocalPreparation(run.folder, allow_pickle=False, known=known, connection=connection)()
        try:
            outcome = run_all_here(order, partial(run_node, prepared=prepared, function=function))
        finally:
            prepared.services.close()
        return self._outcome(
            RunOutcome(run=run, state=outcome.state, nodes=(outcome,), ended=time.time(), warnings=outcome.warnings)
        )

    def _outcome(self, run: RunOutcome) -> Outcome:
        project = self.project
        serializers = serializers_of(
            project.discovery.known,
            allow_pickle=project.settings.allow_pickle,
            session=lambda: self._services.get("session"),
        )
        return Outcome(run, Datasets(run.run.folder, serializers))


def _described(function: Callable[..., object]) -> Node:
    return describe(function, Origin("tests", "0", source_of(function)))

"""The two places whose runs are pruned: this machine's data folder, and the stage and schema of a target."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING

from mlops.deploy.ownership import ownership_of
from mlops.errors import MlopsError, RunError, UnknownNameError
from mlops.operate.deployed import deployed_pipelines
from mlops.operate.status import recent_runs
from mlops.project import Project
from mlops.pruning import deployed, here
from mlops.pruning.choice import Choice, Policy, StoredRun, choose

if TYPE_CHECKING:
    from mlops.snowflake.session import SnowflakeSession

Told = Callable[[StoredRun], None]


class RunsHere:
    """Runs of this machine. A session is opened only for runs whose datasets are tables, with the target of each."""

    def __init__(self, project: Project, connection: str | None) -> None:
        self._project, self._connection = project, connection
        self._sessions: dict[str, SnowflakeSession] = {}
        self._stack = ExitStack()

    def __enter__(self) -> RunsHere:
        return self

    def __exit__(self, *raised: object) -> None:
        self._stack.close()

    def choices(self, pipeline: str | None, wanted: Policy) -> list[Choice]:
        """Return what becomes of each run of a pipeline, or of all.

        Raises:
            UnknownNameError: nothing of this pipeline is kept here.
        """
        data = self._project.settings.data
        everything = here.runs_here(data)
        mine = [run for run in everything if pipeline in (None, run.pipeline)]
        if pipeline is not None and not mine:
            known = {run.pipeline for run in everything}
            raise UnknownNameError(kind="pipeline with runs here:", name=pipeline, known=known)
        return here.spared(data, choose(mine, wanted, now=time.time()), everything)

    def remove(self, runs: Iterable[StoredRun], told: Told) -> Mapping[str, MlopsError]:
        """Remove runs, and return what has kept others from going, by their ids; ``told`` is called after each."""
        return here.remove(self._project.settings.data, runs, drop=self._drop, told=told)

    def _drop(self, run: StoredRun) -> None:
        from mlops.snowflake.run_storage import drop_table

        session = self._session(run)
        for table in run.tables:
            drop_table(session, table.name)

    def _session(self, run: StoredRun) -> SnowflakeSession:
        """Return a session with the account that the run wrote its tables to.

        Raises:
            RunError, AccountError: it cannot be had, or is with another one.
        """
        from mlops.snowflake.session import open_session

        if run.target not in self._sessions:
            project = Project(self._project.settings.root, flags={"target": run.target})
            opened = open_session(project.settings, project.discovery.known, connection=self._connection)
            self._sessions[run.target] = self._stack.enter_context(opened)
        session = self._sessions[run.target]
        if self._connection is None and session.auth_mode != run.auth_mode:
            raise RunError(
                f"its tables were written by {run.auth_mode}, and target {run.target!r} means {session.auth_mode} now",
                hint="give the connection to the account that has them: -c NAME",
            )
        return session


class RunsInSnowflake:
    """Runs of what is deployed to a target."""

    def __init__(self, project: Project, connection: str | None) -> None:
        self._project, self._connection = project, connection
        self._stack = ExitStack()

    def __enter__(self) -> RunsInSnowflake:
        from mlops.snowflake.identifiers import stored
        from mlops.snowflake.operations import operations_on
        from mlops.snowflake.run_storage import SnowflakeRunStorage
        from mlops.snowflake.session import open_session

        settings = self._project.settings
        session = self._stack.enter_context(
            open_session(settings, self._project.discovery.known, connection=self._connection)
        )
        try:
            self._operations = operations_on(session, settings.chosen_target)
        except BaseException:
            self._stack.close()
            raise
        place = {"database": self._operations.database, "schema": self._operations.schema}
        self._storage = SnowflakeRunStorage(session, **place, stage=stored(settings.chosen_target.stage))
        return self

    def __exit__(self, *raised: object) -> None:
        self._stack.close()

    def choices(self, pipeline: str | None, wanted: Policy) -> list[Choice]:
        """Return what becomes of each run of a pipeline, or of all.

        Raises:
            UnknownNameError: neither is the pipeline deployed there, nor is anything of it kept.
            AccountError: Snowflake refuses, or is out of reach.
        """
        settings = self._project.settings
        pipelines = deployed_pipelines(self._operations.tasks(), settings.project)
        rows = self._operations.task_runs()
        outcomes = [
            run for one in pipelines for run in recent_runs(self._operations, one, rows, target=settings.target)
        ]
        owner = ownership_of(self._storage.comment())
        everything = deployed.runs_there(
            self._storage,
            pipelines=pipelines,
            outcomes=outcomes,
            rows=rows,
            now=time.time(),
            own_stage=owner is not None and owner.project == settings.project,
        )
        mine = [run for run in everything if pipeline in (None, run.pipeline)]
        if pipeline is not None and not mine and pipeline not in {one.name for one in pipelines}:
            known = {run.pipeline for run in everything} | {one.name for one in pipelines}
            raise UnknownNameError(kind="pipeline with runs there:", name=pipeline, known=known)
        return choose(mine, wanted, now=time.time())

    def remove(self, runs: Iterable[StoredRun], told: Told) -> Mapping[str, MlopsError]:
        """Remove runs; ``told`` is called after each.

        Raises:
            AccountError: Snowflake refuses, or is out of reach; what is left goes with the next call.
        """
        deployed.remove(self._storage, runs, told=told)
        return {}

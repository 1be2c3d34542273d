"""A workspace: a project as a notebook or a script uses it, to run pipelines and to load what runs have written."""

from __future__ import annotations

import functools
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from mlops.errors import MlopsError, ProjectError, RunError
from mlops.project import Project

if TYPE_CHECKING:
    from mlops.datasets.serializers import Serializers
    from mlops.runs.comparison import Comparison
    from mlops.runs.outcome import RunOutcome
    from mlops.runs.results import Outcome
    from mlops.snowflake.session import SnowflakeSession

P = ParamSpec("P")
T = TypeVar("T")


class RunFailedError(RunError):
    """A run has failed or was stopped. ``outcome`` is what it came to, node by node."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        why = [f"{node}: {error.type}: {error.message}" for node, error in outcome.errors.items()]
        super().__init__(
            "\n  ".join([f"run {outcome.id} of {outcome.pipeline!r} {outcome.state}", *why]),
            hint=f"its outcome is error.outcome; go on from what is committed with resume={outcome.id!r}",
        )


def hinted(method: Callable[P, T]) -> Callable[P, T]:
    """Let an error of ours show its hint below its message where Python prints it."""

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except MlopsError as error:
            if error.hint:
                error.__notes__ = [f"hint: {error.hint}"]  # PEP 678, printed since Python 3.11
            raise

    return call


class Workspace:
    """The project of a folder, or of the nearest one above that has settings, for notebooks and scripts.

    ``target``, ``services`` and ``max_workers`` are as those of ``mlops run``; ``connection`` is a section of
    connections.toml. Each node runs in a process of its own, so that its code is what it is now and not what this process
    has imported before; ``executor="inline"`` runs nodes in this process, for a debugger. Where a dataset is a table of Snowflake, a session is opened with the first that is loaded, and closed
    with the workspace: by ``close()``, at the end of a ``with`` block, or with the process.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        target: str | None = None,
        services: str | None = None,
        executor: str = "process",
        max_workers: int | None = None,
        connection: str | None = None,
    ) -> None:
        given = {"target": target, "services": services, "run.executor": executor, "run.max_workers": max_workers}
        self._folder = os.path.abspath(folder or os.getcwd())
        if not os.path.isdir(self._folder):
            raise ProjectError(f"there is no folder {self._folder!r}", hint="give that of a project, or one below it")
        self._flags: dict[str, object] = {name: value for name, value in given.items() if value is not None}
        self._connection = connection
        self._stack = ExitStack()
        self._end = weakref.finalize(self, self._stack.close)

    @hinted
    def run(
        self,
        pipeline: str,
        parameters: Mapping[str, object] | None = None,
        *,
        start: Sequence[str] = (),
        end: Sequence[str] = (),
        only: Sequence[str] = (),
        resume: str | None = None,
        check: bool = True,
        progress: Callable[[str], object] | None = None,
    ) -> Outcome:
        """Run a pipeline, as ``mlops run`` does, and return what it came to.

        parameters: ``{"max_depth": 4}`` for every node that has it, ``{"train_model.max_depth": 4}`` for one.
        start, end, only: names of nodes, as ``--from``, ``--to`` and ``--only``.
        resume: the run to continue, ``"latest"`` for the newest.
        check: raise when it does not succeed; otherwise look at ``succeeded`` of the outcome.
        progress: is given a line when a node starts and when it ends, such as ``print``.

        Raises:
            RunFailedError: it has failed or was stopped.
            MlopsError: what is wrong before anything runs.
        """
        from mlops.runs.launch import Request, prepare
        from mlops.runs.progress import ProgressLines

        request = Request(
            pipeline,
            values=dict(parameters or {}),
            start=_names(start),
            end=_names(end),
            only=_names(only),
            resume=resume,
            connection=self._connection,
        )
        launch = prepare(self._project, request)
        views = [] if progress is None else [ProgressLines(launch.graph.nodes, progress)]
        outcome = self._outcome(launch.go(lambda _: views))
        if check and not outcome.succeeded:
            raise RunFailedError(outcome)
        return outcome

    @hinted
    def open(self, run: str = "latest", *, pipeline: str | None = None) -> Outcome:
        """Return a run of this machine: by its id, a part of that, or ``latest``, of one pipeline or of all.

        Raises:
            UnknownNameError, RunError: no run, or several.
        """
        from mlops.runs.history import open_run

        return self._outcome(open_run(self._project, run, pipeline=pipeline)[0])

    @hinted
    def open_deployed(self, run: str = "latest") -> Outcome:
        """Return a run in Snowflake of what is deployed to the workspace's target: its id, a part of it, or ``latest``.

        Its datasets are fetched from the stage when they are asked for, and kept in the data folder.

        Raises:
            UnknownNameError, RunError: no run, or several.
            AccountError: Snowflake refuses, or is out of reach.
        """
        from mlops.operate.fetching import fetched_run
        from mlops.runs.results import Outcome
        from mlops.snowflake.identifiers import stored
        from mlops.snowflake.operations import operations_on
        from mlops.snowflake.run_storage import SnowflakeRunStorage

        settings = self._project.settings
        operations = operations_on(self._session, settings.chosen_target)
        place = {"database": operations.database, "schema": operations.schema}
        files = SnowflakeRunStorage(self._session, **place, stage=stored(settings.chosen_target.stage))
        return Outcome(*fetched_run(operations, files, settings, self._serializers, run))

    @hinted
    def runs(self, pipeline: str | None = None, *, limit: int = 20) -> list[Outcome]:
        """Return the newest runs of this machine, newest first.

        ``pandas.DataFrame(run.row() for run in workspace.runs())`` is a table of their parameters and metrics.
        """
        from mlops.runs.history import recorded_runs

        found = recorded_runs(self._project, pipeline=pipeline, limit=limit, nodes=True)
        return [self._outcome(one) for one in found]

    @hinted
    def load(
        self, dataset: str, run: str | None = None, *, as_type: str | None = None, pipeline: str | None = None
    ) -> object:
        """Return a dataset of a run; without ``run``, of the newest one that has committed it.

        A table comes in the library it was written with, or in the one that ``as_type`` names: ``pandas``, ``polars``,
        ``pyarrow``. A table that is kept in Snowflake comes as a Snowpark DataFrame without it.

        Raises:
            UnknownNameError: there is no such run, or none has the dataset.
            DatasetError: it is no longer what was committed, or this form of it does not exist.
        """
        from mlops.runs.history import run_with

        if run is not None:
            return self.open(run, pipeline=pipeline).load(dataset, as_type)
        return self._outcome(run_with(self._project, dataset, pipeline=pipeline)[0]).load(dataset, as_type)

    @hinted
    def compare(self, *runs: str, pipeline: str | None = None, last: int = 2) -> Comparison:
        """Return what is the same and what differs between runs; those of ``mlops runs compare`` where none is named.

        Raises:
            UnknownNameError, RunError: no run, several of a name, or no two runs.
        """
        from mlops.runs.comparison import compare
        from mlops.runs.history import recorded_sides

        return compare(recorded_sides(self._project, runs, pipeline=pipeline, last=last))

    @hinted
    def graph(self, pipeline: str, run: str | None = None) -> Drawing:
        """Return a pipeline, or a run of it, as a drawing: a notebook shows it, ``print`` writes it as text.

        Raises:
            UnknownNameError: there is no pipeline or run of this name.
            PipelineError: everything that is wrong with the pipeline.
        """
        from mlops.drawing.formats import render
        from mlops.runs.history import open_run, with_outputs

        graph = self._project.graph(pipeline)
        outcome = None
        if run is not None:
            outcome = with_outputs(*open_run(self._project, run, pipeline=graph.pipeline.name))
        return Drawing(functools.partial(render, graph, outcome=outcome))

    @property
    def pipelines(self) -> list[str]:
        """The pipelines that are installed or that the settings declare."""
        return sorted({one.name for one in self._project.registry.pipelines})

    def close(self) -> None:
        """End the session with Snowflake, if one was opened, and what was started for it."""
        self._end()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Workspace {self._folder}>"

    @property
    def _project(self) -> Project:
        """The project as its settings are now: a notebook outlives many changes of them."""
        return Project(self._folder, flags=self._flags)

    def _outcome(self, run: RunOutcome) -> Outcome:
        from mlops.runs.results import Datasets, Outcome

        return Outcome(run, Datasets(run.run.folder, self._serializers))

    @cached_property
    def _serializers(self) -> Serializers:
        from mlops.plugins.serializers import serializers_of

        project = self._project
        known, pickle = project.discovery.known, project.settings.allow_pickle
        return serializers_of(known, allow_pickle=pickle, session=lambda: self._session.snowpark)

    @cached_property
    def _session(self) -> SnowflakeSession:
        from mlops.snowflake.session import open_session

        project = self._project
        opened = open_session(project.settings, project.discovery.known, connection=self._connection)
        return self._stack.enter_context(opened)


class Drawing:
    """A drawing of a graph. ``str`` of it is text, a notebook shows a page, and ``save`` writes one."""

    def __init__(self, render: Callable[[str], str]) -> None:
        self._render = render

    def save(self, path: str | os.PathLike[str], *, format: str = "html") -> Path:
        """Write it as ``html`` (a page that opens offline), ``mermaid``, ``dot`` or ``text``, and return where."""
        Path(path).write_text(self._render(format), encoding="utf-8")
        return Path(path)

    def __str__(self) -> str:
        return self._render("text")

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        page = escape(self._render("html"), quote=True)
        return f'<iframe srcdoc="{page}" style="width: 100%; height: 640px; border: 0"></iframe>'


def _names(given: str | Sequence[str]) -> tuple[str, ...]:
    """Return names that were given as one or as several."""
    return (given,) if isinstance(given, str) else tuple(given)

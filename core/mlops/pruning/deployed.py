"""Runs in Snowflake: their folders on the target's stage, and the tables of its schema that hold datasets of theirs.

Snowflake forgets a run after seven days, what it wrote stays: so the stage says which runs there are, and the history of
tasks what they came to. A run that the history has no more has succeeded if each node of its pipeline has committed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath
from typing import Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from mlops.datasets.names import MANIFEST_SUFFIX, manifest_file_name
from mlops.datasets.tables import table_name
from mlops.operate.deployed import DeployedPipeline
from mlops.operate.operations import TaskRun
from mlops.pruning.choice import StoredRun, StoredTable
from mlops.pruning.here import RUN_ID, RUNNING
from mlops.runs.outcome import RunOutcome, State

UNCLEAR = 86400
"""Seconds for which a run stays of which nobody knows whether it has ended, after it was last written to."""

_OF_DATASET = "dataset "
_PART = re.compile(r"replica-\d+-of-\d+\Z")


class StoredFile(Struct, frozen=True):
    """A file on a stage; ``path`` is that from the stage's root."""

    path: str
    bytes: int
    modified: float


class NotedTable(Struct, frozen=True):
    """A table of a schema, with its comment."""

    name: str
    comment: str
    created: float
    bytes: int = 0
    rows: int = 0


class RunStorage(Protocol):
    """The stage and the schema of a target. Errors are ``AccountError``; names are stored names."""

    def files(self) -> Iterable[StoredFile]:
        """Return every file on the stage; none if there is no stage."""

    def tables(self) -> Iterable[NotedTable]:
        """Return every table of the schema that the role sees."""

    def remove(self, folder: str, *, pattern: str | None = None) -> None:
        """Remove the files of a folder of the stage, or those of them whose whole path fits a regular expression."""

    def drop_table(self, name: str) -> None:
        """Drop a table of the schema; nothing happens if it is not there."""


class _Found(Struct):
    """What is found of one run, file by file and table by table."""

    files: int = 0
    bytes: int = 0
    first: float = float("inf")
    last: float = 0.0
    names: set[str] = field(default_factory=set)
    tables: list[StoredTable] = field(default_factory=list)

    def add(self, moment: float) -> None:
        self.first, self.last = min(self.first, moment), max(self.last, moment)


def runs_there(
    storage: RunStorage,
    *,
    pipelines: Sequence[DeployedPipeline],
    outcomes: Iterable[RunOutcome],
    rows: Iterable[TaskRun],
    now: float,
    own_stage: bool,
) -> list[StoredRun]:
    """Return the runs of which something is kept.

    ``outcomes`` are the runs that the history knows, ``rows`` its task runs, also of pipelines that are gone. What lies on a
    stage that is not the project's own counts only below the name of a deployed pipeline.
    """
    deployed = {one.name: one for one in pipelines}
    found: dict[tuple[str, str], _Found] = {}
    for file in storage.files():
        pipeline, run_id, name = [*file.path.split("/", 2), "", ""][:3]
        if name and (own_stage or pipeline in deployed):
            one = found.setdefault((pipeline, run_id), _Found())
            one.files, one.bytes = one.files + 1, one.bytes + file.bytes
            one.names.add(name)
            one.add(file.modified)
    mine = {*deployed, *(pipeline for pipeline, _ in found)}
    for table in storage.tables():
        whose = run_of(table)
        if whose is not None and whose[0] in mine:
            one = found.setdefault(whose, _Found())
            one.tables.append(StoredTable(table.name, table.bytes, table.rows))
            if not one.files:
                one.add(table.created)
    known = {(one.run.pipeline, one.run.run_id): one for one in outcomes}
    busy = {row.run for row in rows if row.state == "EXECUTING"}
    return [
        _stored(run_id, pipeline, one, deployed.get(pipeline), known.get((pipeline, run_id)), busy, now)
        for (pipeline, run_id), one in found.items()
    ]


def tables_of_runs(storage: RunStorage, pipelines: Iterable[str]) -> list[str]:
    """Return the tables that hold datasets of these pipelines, and of those that have a folder on the stage, by name."""
    mine = {*pipelines, *(file.path.partition("/")[0] for file in storage.files())}
    owned = ((table.name, run_of(table)) for table in storage.tables())
    return sorted(name for name, whose in owned if whose is not None and whose[0] in mine)


def run_of(table: NotedTable) -> tuple[str, str] | None:
    """Return pipeline and run of a table, by the comment that a dataset's table carries; None for any other.

    One that a run of somebody's own machine has written is none of ours: its id has another form.
    """
    if not table.comment.startswith(_OF_DATASET):
        return None
    path = PurePosixPath(table.comment.removeprefix(_OF_DATASET))
    folder = path.parent.parent if _PART.match(path.parent.name) else path.parent
    if table_name(path) != table.name or RUN_ID.match(folder.name):
        return None
    return folder.parent.name, folder.name


def _stored(
    run_id: str,
    pipeline: str,
    found: _Found,
    deployed: DeployedPipeline | None,
    outcome: RunOutcome | None,
    busy: set[str | None],
    now: float,
) -> StoredRun:
    run = StoredRun(
        run_id,
        pipeline,
        outcome.state if outcome is not None else _state(found, deployed),
        outcome.run.started if outcome is not None and outcome.run.started else found.first,
        found.files,
        found.bytes,
        tuple(found.tables),
    )
    if run_id.startswith("service-"):
        return replace(run, held="it is a service")
    if run.state is State.RUNNING or run_id in busy:
        return replace(run, state=State.RUNNING, held=RUNNING)
    if outcome is None and run.state is not State.SUCCEEDED and found.last > now - UNCLEAR:
        return replace(run, held="whether it has ended is not known, and it was written to within a day")
    return run


def _state(found: _Found, deployed: DeployedPipeline | None) -> State | None:
    """Return SUCCEEDED for a run in which each node has committed, STOPPED where none has; else nobody knows any more."""
    if not any(name.endswith(MANIFEST_SUFFIX) for name in found.names):
        return State.STOPPED
    if deployed is None or not deployed.nodes:
        return None
    return State.SUCCEEDED if {manifest_file_name(node) for node in deployed.nodes} <= found.names else None


def remove(storage: RunStorage, runs: Iterable[StoredRun], *, told: Callable[[StoredRun], None]) -> None:
    """Remove runs: first the manifests, without which there is no dataset, then tables, then all files.

    What an interruption leaves is found again by the next call. ``told`` is called after each.

    Raises:
        AccountError: Snowflake refuses, or is out of reach.
    """
    for run in runs:
        folder = f"{run.pipeline}/{run.run_id}"
        if run.files:
            storage.remove(folder, pattern=f".*{re.escape(MANIFEST_SUFFIX)}")
        for table in run.tables:
            storage.drop_table(table.name)
        if run.files:
            storage.remove(folder)
        told(run)

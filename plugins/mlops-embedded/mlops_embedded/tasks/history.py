"""What ran: graph runs and task runs, in two tables of the catalog's file, kept across restarts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timezone
from typing import Any

from mlops_embedded.catalog import Catalog, ObjectName
from mlops_embedded.tasks import runs
from mlops_embedded.tasks.graph import TaskGraph

_TABLES = (
    """CREATE TABLE IF NOT EXISTS task_graph_runs (
        group_id TEXT NOT NULL, attempt INTEGER NOT NULL, run_id INTEGER NOT NULL, root_id TEXT NOT NULL,
        database TEXT NOT NULL, schema TEXT NOT NULL, root TEXT NOT NULL, version INTEGER NOT NULL, config TEXT,
        scheduled_from TEXT NOT NULL, state TEXT NOT NULL, scheduled_time REAL NOT NULL, started_time REAL,
        completed_time REAL, PRIMARY KEY (group_id, attempt))""",
    """CREATE TABLE IF NOT EXISTS task_runs (
        group_id TEXT NOT NULL, attempt INTEGER NOT NULL, name TEXT NOT NULL, task_id TEXT NOT NULL, state TEXT NOT NULL,
        scheduled_time REAL NOT NULL, query_id TEXT, started_time REAL, completed_time REAL, error_code TEXT,
        error_message TEXT, return_value TEXT, job_id TEXT, PRIMARY KEY (group_id, attempt, name))""",
    """CREATE TABLE IF NOT EXISTS task_graph_versions (
        root_id TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (root_id, version))""",
    "CREATE INDEX IF NOT EXISTS task_graph_runs_by_root ON task_graph_runs (database, schema, root, scheduled_time)",
    "CREATE INDEX IF NOT EXISTS task_graph_runs_by_state ON task_graph_runs (state)",
)
_VERSIONS_AT_HAND = 50
INTERRUPTED = "The server ended while this task ran."
INTERRUPTED_CODE = "000604"


@dataclass(frozen=True, slots=True)
class GraphRun:
    """One attempt at running a graph. Attempts of one run share `group_id`, and count from 1."""

    group_id: str
    attempt: int
    run_id: int
    root_id: str
    root: ObjectName
    version: int
    config: str | None
    scheduled_from: str
    """SCHEDULE, TRIGGER, EXECUTE TASK or RETRY."""
    state: str
    scheduled_time: datetime
    started_time: datetime | None = None
    completed_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class TaskRun:
    """One task within an attempt; `error_code` and `error_message` say why it failed or was skipped."""

    group_id: str
    attempt: int
    name: str
    task_id: str
    state: str
    scheduled_time: datetime
    query_id: str | None = None
    started_time: datetime | None = None
    completed_time: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None
    return_value: str | None = None
    job_id: str | None = None


class History:
    """Graph runs, task runs and graph versions."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._versions: dict[tuple[str, int], TaskGraph] = {}
        for table in _TABLES:
            catalog.execute(table)

    # -- versions

    def put_version(self, root_id: str, version: int, graph: TaskGraph) -> None:
        self._versions.pop((root_id, version), None)
        self._catalog.execute(
            "INSERT OR REPLACE INTO task_graph_versions VALUES (?, ?, ?)",
            (root_id, version, json.dumps(graph.to_json())),
        )

    def graph(self, run: GraphRun) -> TaskGraph:
        """Return the graph as it was when the run's version was set."""
        return self.version(run.root_id, run.version, run.root)

    def version(self, root_id: str, version: int, root: ObjectName) -> TaskGraph:
        known = self._versions.get((root_id, version))
        if known is not None and known.root.name == root:
            return known
        [(body,)] = self._catalog.rows(
            "SELECT body FROM task_graph_versions WHERE root_id = ? AND version = ?", (root_id, version)
        )
        graph = TaskGraph.from_json(root.database, root.schema, json.loads(body))
        if len(self._versions) >= _VERSIONS_AT_HAND:
            self._versions.clear()
        self._versions[root_id, version] = graph
        return graph

    # -- writing

    def put_run(self, run: GraphRun) -> GraphRun:
        values = (
            run.group_id, run.attempt, run.run_id, run.root_id, run.root.database, run.root.schema, run.root.name,
            run.version, run.config, run.scheduled_from, run.state, *_stamps(run),
        )  # fmt: skip
        self._write("task_graph_runs", values)
        return run

    def put_task(self, run: TaskRun) -> TaskRun:
        values = (
            run.group_id, run.attempt, run.name, run.task_id, run.state, run.scheduled_time.timestamp(), run.query_id,
            _stamp(run.started_time), _stamp(run.completed_time), run.error_code, run.error_message, run.return_value,
            run.job_id,
        )  # fmt: skip
        self._write("task_runs", values)
        return run

    def change_task(self, group_id: str, attempt: int, name: str, **changes: Any) -> TaskRun:
        """Set fields of a task run and return it."""
        with self._catalog.transaction():
            return self.put_task(replace(self.task(group_id, attempt, name), **changes))

    def _write(self, table: str, values: Sequence[object]) -> None:
        marks = ", ".join("?" * len(values))
        self._catalog.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", values)

    def close_interrupted(self, now: datetime) -> None:
        """Record what was in progress when the last server ended, however it ended, as failed."""
        with self._catalog.transaction():
            self._catalog.execute(
                "UPDATE task_runs SET state = ?, error_code = ?, error_message = ?, completed_time = ? "
                "WHERE state IN (?, ?)",
                (runs.FAILED, INTERRUPTED_CODE, INTERRUPTED, now.timestamp(), runs.EXECUTING, runs.SCHEDULED),
            )
            self._catalog.execute(
                "UPDATE task_graph_runs SET state = ?, completed_time = ? WHERE state IN (?, ?)",
                (runs.FAILED, now.timestamp(), runs.EXECUTING, runs.SCHEDULED),
            )

    # -- reading

    def run(self, group_id: str, attempt: int) -> GraphRun:
        [found] = self._runs("WHERE group_id = ? AND attempt = ?", (group_id, attempt))
        return found

    def runs_of(self, root: ObjectName, limit: int | None = None) -> list[GraphRun]:
        """Return a root's runs, the latest first."""
        return self._runs(
            "WHERE database = ? AND schema = ? AND root = ? ORDER BY scheduled_time DESC, attempt DESC LIMIT ?",
            (root.database, root.schema, root.name, -1 if limit is None else limit),
        )

    def last_attempt(self, root: ObjectName, group_id: str) -> GraphRun | None:
        """Return the last attempt of a run of this root, None if it never ran."""
        found = self._runs(
            "WHERE database = ? AND schema = ? AND root = ? AND group_id = ? ORDER BY attempt DESC LIMIT 1",
            (root.database, root.schema, root.name, group_id),
        )
        return found[0] if found else None

    def runs(self, since: datetime, until: datetime) -> list[GraphRun]:
        """Return the runs of all roots that were scheduled in a span of time, the latest first."""
        return self._runs(
            "WHERE scheduled_time BETWEEN ? AND ? ORDER BY scheduled_time DESC, attempt DESC",
            (since.timestamp(), until.timestamp()),
        )

    def task(self, group_id: str, attempt: int, name: str) -> TaskRun:
        [found] = self._tasks("WHERE group_id = ? AND attempt = ? AND name = ?", (group_id, attempt, name))
        return found

    def tasks(self, run: GraphRun) -> list[TaskRun]:
        """Return what ran in one attempt, in the order of its start."""
        return self._tasks(
            "WHERE group_id = ? AND attempt = ? ORDER BY scheduled_time, rowid", (run.group_id, run.attempt)
        )

    def states(self, group_id: str) -> dict[str, str]:
        """Return every task's state in the latest attempt that ran it."""
        return {t.name: t.state for t in self._tasks("WHERE group_id = ? ORDER BY attempt", (group_id,))}

    def return_value(self, group_id: str, name: str) -> str | None:
        """Return what a task returned in the latest attempt that ran it."""
        found = self._tasks("WHERE group_id = ? AND name = ? ORDER BY attempt DESC LIMIT 1", (group_id, name))
        return found[0].return_value if found else None

    def first_error(self, run: GraphRun) -> TaskRun | None:
        """Return the first task of an attempt that failed."""
        return next((t for t in self.tasks(run) if t.state in {runs.FAILED, runs.FAILED_AND_AUTO_SUSPENDED}), None)

    def _runs(self, where: str, values: Sequence[object]) -> list[GraphRun]:
        rows = self._catalog.rows(
            "SELECT group_id, attempt, run_id, root_id, database, schema, root, version, config, scheduled_from, "
            f"state, scheduled_time, started_time, completed_time FROM task_graph_runs {where}",
            values,
        )
        return [
            GraphRun(
                group,
                attempt,
                run_id,
                root_id,
                ObjectName(database, schema, root),
                version,
                config,
                source,
                state,
                _required(scheduled),
                _moment(started),
                _moment(completed),
            )
            for (
                group,
                attempt,
                run_id,
                root_id,
                database,
                schema,
                root,
                version,
                config,
                source,
                state,
                scheduled,
                started,
                completed,
            ) in rows
        ]

    def _tasks(self, where: str, values: Sequence[object]) -> list[TaskRun]:
        names = ", ".join(_COLUMNS)
        rows = self._catalog.rows(f"SELECT {names} FROM task_runs {where}", values)
        return [_task_run(dict(zip(_COLUMNS, row, strict=True))) for row in rows]


def _task_run(row: dict[str, Any]) -> TaskRun:
    return TaskRun(**{**row, **{key: _moment(row[key]) for key in row if key.endswith("_time")}})


_COLUMNS = tuple(f.name for f in fields(TaskRun))


def _stamps(run: GraphRun) -> tuple[float | None, ...]:
    return run.scheduled_time.timestamp(), _stamp(run.started_time), _stamp(run.completed_time)


def _stamp(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _moment(stamp: float | None) -> datetime | None:
    return None if stamp is None else _required(stamp)


def _required(stamp: float) -> datetime:
    return datetime.fromtimestamp(stamp, timezone.utc)

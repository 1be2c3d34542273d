"""Records of runs: one SQLite file under the data folder, written as things happen, read by ``mlops runs``.

What the runner has recorded is committed before it lets a node run, so that a killed process loses nothing but what was
going on. Two runs write at once.
"""

from __future__ import annotations

import math
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any

from msgspec import json
from msgspec.structs import asdict

from mlops.context import Metric
from mlops.credentials import hide_credentials
from mlops.errors import RunError, UnknownNameError
from mlops.runs.announcement import announced, withdraw
from mlops.runs.database import opened
from mlops.runs.outcome import ErrorInfo, NodeOutcome, RunInfo, RunOutcome, State


class RunRecords:
    """The records of one data folder. Open it where it is used and close it: it may be open in several processes."""

    def __init__(self, data: str | os.PathLike[str]) -> None:
        """Open the records, which are made where there are none, and take in what was announced meanwhile.

        Raises:
            RunError: they are damaged, or a newer mlops has written them.
        """
        self._database = opened(data)
        self._take_in(os.fspath(data))

    def _take_in(self, data: str) -> None:
        for one in announced(data):
            known = self._changing().execute("SELECT 1 FROM runs WHERE run_id = ?", [one.run.run_id]).fetchone()
            if known is None:
                self.begin(one.run, [one.node])
                self.node_started(one.run.run_id, one.node, 1, one.run.started)
            self.commit()
            withdraw(data, one.run.run_id)

    def commit(self) -> None:
        """Make durable what was recorded since the last call; it survives the end of this process, however it ends."""
        if self._database.in_transaction:
            self._database.execute("COMMIT")

    def _changing(self) -> sqlite3.Connection:
        """Return the database with a transaction that goes on until ``commit``."""
        if not self._database.in_transaction:
            self._database.execute("BEGIN IMMEDIATE")
        return self._database

    def close(self) -> None:
        """Commit, and close the file."""
        self.commit()
        self._database.close()

    def __enter__(self) -> RunRecords:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def begin(self, run: RunInfo, nodes: Sequence[str]) -> None:
        """Record that a run starts, or starts again, with these nodes; what it had recorded of them is kept in order."""
        database = self._changing()
        database.execute(
            """INSERT INTO runs (run_id, pipeline, state, started, folder, target, auth_mode, executor, parameters, versions, given)
               VALUES (?, ?, 'running', ?, ?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (run_id) DO UPDATE SET state = 'running', ended = NULL, target = excluded.target,
                 auth_mode = excluded.auth_mode, executor = excluded.executor, parameters = excluded.parameters,
                 versions = excluded.versions, given = excluded.given, resumed = resumed + 1, reason = '', warnings = '[]'""",
            (
                run.run_id,
                run.pipeline,
                run.started,
                run.folder,
                run.target,
                run.auth_mode,
                run.executor,
                _text({node: hide_credentials(values) for node, values in run.parameters.items()}),
                _text(run.versions),
                _text({node: hide_credentials(values) for node, values in run.given.items()}),
            ),
        )
        database.executemany(
            """INSERT INTO nodes (run_id, position, node, state, attempt) VALUES (?, ?, ?, 'pending', 0)
               ON CONFLICT (run_id, node) DO UPDATE SET position = excluded.position, state = 'pending', reason = ''""",
            [(run.run_id, position, node) for position, node in enumerate(nodes)],
        )
        self.commit()

    def node_started(self, run_id: str, node: str, attempt: int, moment: float) -> None:
        """Record that an attempt of a node starts."""
        self._changing().execute(
            "UPDATE nodes SET state = 'running', attempt = ?, started = ?, ended = NULL, error = NULL"
            " WHERE run_id = ? AND node = ?",
            (attempt, moment, run_id, node),
        )

    def node_ended(self, run_id: str, outcome: NodeOutcome) -> None:
        """Record what a node came to, with its metrics."""
        error = None if outcome.error is None else _text(asdict(outcome.error))
        database = self._changing()
        if outcome.state in (State.SUCCEEDED, State.FAILED):  # of an earlier attempt, which this one replaces
            database.execute("DELETE FROM metrics WHERE run_id = ? AND node = ?", (run_id, outcome.node))
        if outcome.metrics:
            database.executemany(
                "INSERT INTO metrics (run_id, node, attempt, name, step, value) VALUES (?, ?, ?, ?, ?, ?)",
                [(run_id, outcome.node, outcome.attempt, one.name, one.step, one.value) for one in outcome.metrics],
            )
        if outcome.auth_mode is not None:
            database.execute("UPDATE runs SET auth_mode = ? WHERE run_id = ?", (outcome.auth_mode, run_id))
        database.execute(
            """UPDATE nodes SET state = ?, attempt = ?, started = COALESCE(?, started), ended = COALESCE(?, ended), reason = ?,
               error = ?, log = COALESCE(?, log) WHERE run_id = ? AND node = ?""",
            (
                outcome.state.value,
                outcome.attempt,
                outcome.started,
                outcome.ended,
                outcome.reason,
                error,
                outcome.log,
                run_id,
                outcome.node,
            ),
        )

    def end(self, run_id: str, state: State, *, reason: str = "", warnings: Iterable[str] = ()) -> None:
        """Record that a run has ended; nodes that were still running or pending then are recorded as stopped."""
        database = self._changing()
        now = time.time()
        database.execute(
            "UPDATE runs SET state = ?, ended = ?, reason = ?, warnings = ? WHERE run_id = ?",
            (state.value, now, reason, _text(list(warnings)), run_id),
        )
        database.execute(
            "UPDATE nodes SET state = 'stopped', ended = CASE WHEN state = 'running' THEN ? END, reason = ?"
            " WHERE run_id = ? AND state IN ('running', 'pending')",
            (now, reason, run_id),
        )
        self.commit()

    def forget(self, run_id: str) -> None:
        """Remove what is recorded of a run."""
        database = self._changing()
        for table in ("metrics", "nodes", "runs"):
            database.execute(f"DELETE FROM {table} WHERE run_id = ?", (run_id,))
        self.commit()

    def find(self, name: str, *, pipeline: str | None = None) -> str:
        """Return the id of the run that ``name`` means: an id, a part of one, or ``latest``.

        Raises:
            UnknownNameError, RunError: no run, or several.
        """
        where, values = ("WHERE pipeline = ?", [pipeline]) if pipeline else ("", [])
        known = [
            row[0] for row in self._database.execute(f"SELECT run_id FROM runs {where} ORDER BY started DESC", values)
        ]
        if name == "latest" and known:
            return str(known[0])
        matches = [one for one in known if one == name] or [one for one in known if name in one]
        if not matches and pipeline and (others := self._pipelines_of(name)):
            raise RunError(
                f"run {name!r} is of pipeline {', '.join(map(repr, others))}, not of {pipeline!r}",
                hint=f"mlops runs list --pipeline {pipeline} shows those there are",
            )
        if not matches:
            raise UnknownNameError(
                kind="run",
                name=name,
                known=known,
                hint=None if known else "nothing has run here yet: mlops run PIPELINE",
            )
        if len(matches) > 1:
            raise RunError(f"run {name!r} is {len(matches)} runs", hint=f"say which: {', '.join(matches[:5])}")
        return str(matches[0])

    def _pipelines_of(self, name: str) -> list[str]:
        """Return the pipelines that have a run of this id."""
        rows = self._database.execute("SELECT DISTINCT pipeline FROM runs WHERE run_id = ?", [name])
        return [row[0] for row in rows]

    def runs(
        self, *, pipeline: str | None = None, limit: int = 20, alive: Callable[[str], bool] | None = None
    ) -> list[RunOutcome]:
        """Return the newest runs, newest first, without their nodes.

        ``alive`` tells whether the process of a run is still there; a running run whose process is gone was killed.
        """
        where, values = ("WHERE pipeline = ?", [pipeline]) if pipeline else ("", [])
        rows = self._database.execute(
            f"SELECT {_RUN_COLUMNS} FROM runs {where} ORDER BY started DESC LIMIT ?", [*values, limit]
        )
        return [_run(row, (), alive) for row in rows.fetchall()]

    def run(self, run_id: str, *, alive: Callable[[str], bool] | None = None) -> RunOutcome:
        """Return one run with its nodes in order.

        Raises:
            UnknownNameError: there is no run of this id.
        """
        row = self._database.execute(f"SELECT {_RUN_COLUMNS} FROM runs WHERE run_id = ?", [run_id]).fetchone()
        if row is None:
            raise UnknownNameError(kind="run", name=run_id, known=())
        metrics: dict[str, list[Metric]] = {}
        for node, name, value, step in self._database.execute(
            "SELECT node, name, value, step FROM metrics WHERE run_id = ? ORDER BY rowid", [run_id]
        ):
            metrics.setdefault(node, []).append(Metric(name, math.nan if value is None else value, step))
        nodes = [
            NodeOutcome(
                node=node,
                state=State(state),
                attempt=attempt,
                started=started,
                ended=ended,
                reason=reason,
                error=None if error is None else ErrorInfo(**json.decode(error)),
                metrics=tuple(metrics.get(node, ())),
                log=log,
            )
            for node, state, attempt, started, ended, reason, error, log in self._database.execute(
                "SELECT node, state, attempt, started, ended, reason, error, log FROM nodes WHERE run_id = ?"
                " ORDER BY position",
                [run_id],
            )
        ]
        return _run(row, nodes, alive)


def _text(value: object) -> str:
    return json.encode(value).decode()


_RUN_COLUMNS = (
    "run_id, pipeline, state, started, ended, folder, target, auth_mode, executor, parameters, versions, resumed, reason,"
    " warnings, given"
)


def _run(
    row: Sequence[Any], nodes: Sequence[NodeOutcome], alive: Callable[[str], bool] | None
) -> RunOutcome:  # Any: SQL
    (run_id, pipeline, state, started, ended, folder, target, auth_mode, executor, parameters, versions, resumed, reason,
     warnings, given) = row  # fmt: skip
    info = RunInfo(
        run_id=run_id,
        pipeline=pipeline,
        folder=folder,
        started=started,
        parameters=json.decode(parameters),
        versions=json.decode(versions),
        given=json.decode(given),
        target=target,
        auth_mode=auth_mode,
        executor=executor,
        resumed=resumed,
    )
    if state == State.RUNNING.value and alive is not None and not alive(run_id):
        state, reason = State.STOPPED.value, "its process was killed; mlops run --resume continues it"
    return RunOutcome(
        run=info,
        state=State(state),
        nodes=tuple(nodes),
        ended=ended,
        reason=reason,
        warnings=tuple(json.decode(warnings)),
    )

"""Experiments, their runs, and what is logged in a run: parameters, the points of metrics, and artifacts.

An experiment and a run are one document each. A point of a metric is a document too, so that logging one costs the same
after a hundred thousand others. Artifacts are files in the run's folder, which snow://experiment/... reads and writes.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mlops_embedded.catalog import Document, ObjectName, normalize, quote
from mlops_embedded.catalog.tags import Tagged, untag
from mlops_embedded.errors import SnowflakeError, already_exists, does_not_exist, invalid_value, syntax_error
from mlops_embedded.sql.locations import Location, snow_location, split_name
from mlops_embedded.sql.session import Session
from mlops_embedded.state import folder_name, object_folder

RUNNING, FINISHED, FAILED = "RUNNING", "FINISHED", "FAILED"


@dataclass(frozen=True, slots=True)
class Run:
    """One run: `parameters` by name; its metrics' points are kept apart, under its id."""

    id: int
    name: str
    created_on: str
    status: str = RUNNING
    ended_on: str | None = None
    source_info: dict[str, Any] | None = None
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Point:
    """The value of a metric at a step; a value logged for the same step later takes its place."""

    metric: str
    step: int
    value: str
    """The number as text: JSON has neither NaN nor infinity."""
    timestamp: str


def create_experiment(session: Session, name: ObjectName, *, or_replace: bool, if_not_exists: bool) -> bool:
    """Create an experiment; False if it was there and that was allowed."""
    with session.catalog.transaction():
        session.catalog.get("schema", ObjectName(name.database, None, name.schema or ""))
        if or_replace:
            drop_experiment(session, name, if_exists=True)
        body = {"id": session.catalog.next_number("experiment"), "owner": session.role, "comment": ""}
        return session.catalog.create(Document("experiment", name, body), if_not_exists=if_not_exists)


def drop_experiment(session: Session, name: ObjectName, *, if_exists: bool = False) -> bool:
    """Drop an experiment with its runs; False if it was not there and that was allowed."""
    with session.catalog.transaction():
        if session.catalog.find("experiment", name) is None and if_exists:
            return False
        for run in runs(session, name):
            drop_run(session, name, run.name)
        session.catalog.delete("experiment", name)
        untag(session.catalog, Tagged("EXPERIMENT", name))
    shutil.rmtree(object_folder(session.account.state.experiments, name), ignore_errors=True)
    return True


def runs(session: Session, experiment: ObjectName) -> list[Run]:
    """Return the runs of an experiment, the oldest first; 002003 if there is no such experiment."""
    id_ = session.catalog.get("experiment", experiment).body["id"]
    documents = session.catalog.list(
        "experiment_run", database=experiment.database, schema=experiment.schema, starts_with=f"{id_}/"
    )
    return sorted((Run(**document.body) for document in documents), key=lambda run: run.id)


def find_run(session: Session, experiment: ObjectName, name: str) -> Run:
    document = session.catalog.find("experiment_run", _run_key(session, experiment, name))
    if document is None:
        raise does_not_exist("run", f"{name} of experiment {experiment}")
    return Run(**document.body)


def add_run(session: Session, experiment: ObjectName, name: str, source_info: dict[str, Any] | None) -> None:
    """Start a run; 002002 if the experiment has one of this name."""
    with session.catalog.transaction():
        key = _run_key(session, experiment, name)
        if session.catalog.find("experiment_run", key) is not None:
            raise already_exists("run", f"{name} of experiment {experiment}")
        run = Run(session.catalog.next_number("experiment_run"), name, _now(), source_info=source_info)
        session.catalog.put(Document("experiment_run", key, asdict(run)))


def commit_run(session: Session, experiment: ObjectName, name: str, status: str) -> None:
    """End a run; nothing more is logged in it."""
    if status not in {FINISHED, FAILED}:
        raise invalid_value(f"a run ends as {FINISHED} or {FAILED}, not as {status!r}")
    with session.catalog.transaction():
        _change(session, experiment, replace(_open(session, experiment, name), status=status, ended_on=_now()))


def drop_run(session: Session, experiment: ObjectName, name: str) -> None:
    """Remove a run with its metrics and artifacts."""
    with session.catalog.transaction():
        run = find_run(session, experiment, name)
        session.catalog.execute(f"DELETE FROM documents WHERE {_POINTS}", _points_key(experiment, run))
        session.catalog.delete("experiment_run", _run_key(session, experiment, name))
    shutil.rmtree(run_folder(session, experiment, name), ignore_errors=True)


def add_parameters(session: Session, experiment: ObjectName, name: str, parameters: dict[str, str]) -> None:
    with session.catalog.transaction():
        run = _open(session, experiment, name)
        _change(session, experiment, replace(run, parameters={**run.parameters, **parameters}))


def add_points(session: Session, experiment: ObjectName, name: str, logged: list[tuple[str, int, float]]) -> None:
    """Log (metric, step, value) of a run."""
    with session.catalog.transaction():
        run, now = _open(session, experiment, name), _now()
        for metric, step, value in logged:
            key = ObjectName(experiment.database, experiment.schema, f"{run.id}/{json.dumps([metric, step])}")
            session.catalog.put(Document("run_metric", key, asdict(Point(metric, step, repr(value), now))))


_POINTS = "kind = 'run_metric' AND database = ? AND schema = ? AND name >= ? AND name < ?"


def points(session: Session, experiment: ObjectName, run: Run) -> list[Point]:
    """Return every point that was logged in a run, by metric and step."""
    rows = session.catalog.rows(f"SELECT body FROM documents WHERE {_POINTS}", _points_key(experiment, run))
    return sorted((Point(**json.loads(body)) for (body,) in rows), key=lambda point: (point.metric, point.step))


def _points_key(experiment: ObjectName, run: Run) -> tuple[str, str, str, str]:
    # "0" is the character after "/": all names that begin with the run's id
    return experiment.database or "", experiment.schema or "", f"{run.id}/", f"{run.id}0"


def run_folder(session: Session, experiment: ObjectName, run: str) -> Path:
    """Return where a run's artifacts are."""
    return object_folder(session.account.state.experiments, experiment) / folder_name(run)


@snow_location("experiment")
def artifacts(session: Session, rest: str) -> Location:
    """Resolve `D.S.E/versions/R/path`: the artifacts of one run, written to while the run goes on."""
    parts, path = split_name(rest)
    experiment = session.resolve(parts)
    first, _, behind = path.partition("/")
    named, _, inside = behind.partition("/")
    if first != "versions" or not named:
        raise syntax_error(f"snow://experiment/{rest} names no run: write snow://experiment/<name>/versions/<run>/...")
    run = find_run(session, experiment, normalize(named))
    folder = run_folder(session, experiment, run.name)
    return Location(folder, inside, f"/versions/{quote(run.name)}/", writable=run.status == RUNNING)


def _run_key(session: Session, experiment: ObjectName, run: str) -> ObjectName:
    id_ = session.catalog.get("experiment", experiment).body["id"]
    return ObjectName(experiment.database, experiment.schema, f"{id_}/{run}")


def _open(session: Session, experiment: ObjectName, name: str) -> Run:
    run = find_run(session, experiment, name)
    if run.status != RUNNING:
        raise SnowflakeError(
            f"Run {name} of experiment {experiment} is {run.status}: nothing is logged in it any more. Start another run.",
            code="400001",
            sqlstate="22023",
        )
    return run


def _change(session: Session, experiment: ObjectName, run: Run) -> None:
    key = _run_key(session, experiment, run.name)
    created_on = datetime.fromisoformat(run.created_on)
    session.catalog.put(Document("experiment_run", key, asdict(run), created_on))


def _now() -> str:
    return datetime.now(timezone.utc).isoformat()

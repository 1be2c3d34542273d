"""CREATE, ALTER, DROP and SHOW EXPERIMENT, SHOW RUNS, RUN METRICS and RUN PARAMETERS, and the history of metrics."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from mlops_embedded.catalog import Document, ObjectName, parse_name
from mlops_embedded.catalog.store import matches_like
from mlops_embedded.catalog.tags import Tagged
from mlops_embedded.errors import invalid_value, unknown_here
from mlops_embedded.ml.experiments import (
    FINISHED,
    Point,
    Run,
    add_parameters,
    add_points,
    add_run,
    commit_run,
    create_experiment,
    drop_experiment,
    drop_run,
    find_run,
    points,
    runs,
)
from mlops_embedded.sql.access import require_in_schema
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.functions import Arguments, scalar_function, table_function
from mlops_embedded.sql.properties import read_properties
from mlops_embedded.sql.results import Rowset, Status
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.show_options import read_show_options
from mlops_embedded.sql.statement import Reader, Statement
from mlops_embedded.sql.tag_clauses import alter_tags

_EXPERIMENTS = {
    "created_on": "timestamp_ltz", "name": "text", "database_name": "text", "schema_name": "text", "owner": "text",
    "comment": "text", "owner_role_type": "text",
}  # fmt: skip
_RUNS = {
    "created_on": "timestamp_ltz", "name": "text", "experiment_name": "text", "database_name": "text",
    "schema_name": "text", "metadata": "text",
}  # fmt: skip
_METRICS = {"run_name": "text", "name": "text", "value": "text", "step": "fixed"}
_HISTORY = {"METRIC_NAME": "text", "STEP": "fixed", "VALUE": "real", "TIMESTAMP": "timestamp_ltz"}


@statement("CREATE", "EXPERIMENT")
def create_experiment_statement(session: Session, found: Statement) -> Status:
    reader = found.after("CREATE", "EXPERIMENT")
    if_not_exists = reader.if_not_exists()
    name = session.resolve(reader.name(), "CREATE EXPERIMENT")
    require_in_schema(session, name, "CREATE EXPERIMENT")
    reader.finish()
    if not create_experiment(session, name, or_replace=found.or_replace, if_not_exists=if_not_exists):
        return Status(f"{name.name} already exists, statement succeeded.")
    return Status(f"Experiment {name.name} successfully created.")


@statement("DROP", "EXPERIMENT")
def drop_experiment_statement(session: Session, found: Statement) -> Status:
    reader = found.after("DROP", "EXPERIMENT")
    if_exists = reader.if_exists()
    name = session.resolve(reader.name(), "DROP EXPERIMENT")
    reader.finish()
    if drop_experiment(session, name, if_exists=if_exists):
        return Status(f"{name.name} successfully dropped.")
    return Status(f"Drop statement executed successfully ({name.name} already dropped).")


@statement("ALTER", "EXPERIMENT")
def alter_experiment(session: Session, found: Statement) -> Status:
    reader = found.after("ALTER", "EXPERIMENT")
    name = session.resolve(reader.name(), "ALTER EXPERIMENT")
    session.catalog.get("experiment", name)
    if alter_tags(session, reader, Tagged("EXPERIMENT", name)):
        pass
    elif reader.accept("ADD", "RUN"):
        run = reader.identifier()
        add_run(session, name, run, _source_info(reader))
    elif reader.accept("COMMIT", "RUN"):
        run = reader.identifier()
        reader.accept("WITH")
        status = read_properties(reader, {"STATUS"}).get("status", FINISHED)
        commit_run(session, name, run, status)
    elif reader.accept("DROP", "RUN"):
        run = reader.identifier()
        reader.finish()
        drop_run(session, name, run)
    elif reader.accept("MODIFY", "RUN"):
        _log(session, name, reader)
    else:
        raise unknown_here(f"ALTER EXPERIMENT ... {reader.rest()!r}")
    return Status()


def _source_info(reader: Reader) -> dict[str, Any] | None:
    """Read [WITH (SOURCE_INFO = $${json}$$)]."""
    if reader.at_end:
        return None
    reader.expect("WITH", "(", "SOURCE_INFO", "=")
    given: dict[str, Any] = _json(reader)
    reader.expect(")")
    reader.finish()
    return given


def _log(session: Session, name: ObjectName, reader: Reader) -> None:
    """Read <run> ADD METRICS = $$[{"name", "value", "step"}]$$, or ADD PARAMETERS, and log them."""
    run = reader.identifier()
    reader.expect("ADD")
    what = reader.accept_any(("METRICS", "PARAMETERS"))
    if what is None:
        raise unknown_here(f"ALTER EXPERIMENT ... MODIFY RUN ... ADD {reader.rest()!r}")
    reader.expect("=")
    given = _json(reader)
    reader.finish()
    try:
        if what == "METRICS":
            logged = [(str(each["name"]), int(each.get("step", 0)), float(each["value"])) for each in given]
            add_points(session, name, run, logged)
        else:
            add_parameters(session, name, run, {str(each["name"]): str(each["value"]) for each in given})
    except (KeyError, TypeError, ValueError) as error:
        raise invalid_value(f"{what} of a run are a JSON list of objects with name and value: {error!r}") from error


def _json(reader: Reader) -> Any:
    text = reader.string()
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise invalid_value(f"invalid JSON {text[:60]!r}: {error}") from error


@statement("SHOW", "EXPERIMENTS")
def show_experiments(session: Session, found: Statement) -> Rowset:
    options = read_show_options(session, found.after("SHOW", "EXPERIMENTS"))
    return Rowset.of(_EXPERIMENTS, (_shown(document) for document in options.documents(session, "experiment")))


def _shown(document: Document) -> dict[str, Any]:
    name = document.name
    return {
        "created_on": document.created_on, "name": name.name, "database_name": name.database,
        "schema_name": name.schema, "owner": document.body["owner"], "comment": document.body["comment"],
        "owner_role_type": "ROLE",
    }  # fmt: skip


@statement("SHOW", "RUNS")
def show_runs(session: Session, found: Statement) -> Rowset:
    reader = found.after("SHOW", "RUNS")
    like = reader.string() if reader.accept("LIKE") else None
    experiment = _experiment(session, reader)
    reader.finish()
    listed = (run for run in runs(session, experiment) if like is None or matches_like(run.name, like))
    return Rowset.of(_RUNS, (_shown_run(experiment, run) for run in listed))


def _shown_run(experiment: ObjectName, run: Run) -> dict[str, Any]:
    metadata = {"status": run.status, "source_info": run.source_info, "ended_on": run.ended_on}
    return {
        "created_on": datetime.fromisoformat(run.created_on), "name": run.name, "experiment_name": experiment.name,
        "database_name": experiment.database, "schema_name": experiment.schema,
        "metadata": json.dumps({key: value for key, value in metadata.items() if value is not None}),
    }  # fmt: skip


@statement("SHOW", "RUN", "METRICS")
def show_run_metrics(session: Session, found: Statement) -> Rowset:
    """The value of each metric at its highest step."""
    experiment, selected = _selected(session, found.after("SHOW", "RUN", "METRICS"))
    records = []
    for run in selected:
        last: dict[str, Point] = {point.metric: point for point in points(session, experiment, run)}
        records += [
            {"run_name": run.name, "name": point.metric, "value": point.value, "step": point.step}
            for point in last.values()
        ]
    return Rowset.of(_METRICS, records)


@statement("SHOW", "RUN", "PARAMETERS")
def show_run_parameters(session: Session, found: Statement) -> Rowset:
    _, selected = _selected(session, found.after("SHOW", "RUN", "PARAMETERS"))
    return Rowset.of(
        ("run_name", "name", "value"),
        (
            {"run_name": run.name, "name": name, "value": value}
            for run in selected
            for name, value in run.parameters.items()
        ),
    )


def _selected(session: Session, reader: Reader) -> tuple[ObjectName, list[Run]]:
    """Read IN EXPERIMENT e [RUN r]."""
    experiment = _experiment(session, reader)
    selected = [find_run(session, experiment, reader.identifier())] if reader.accept("RUN") else None
    reader.finish()
    return experiment, runs(session, experiment) if selected is None else selected


def _experiment(session: Session, reader: Reader) -> ObjectName:
    reader.expect("IN", "EXPERIMENT")
    return session.resolve(reader.name(), "SHOW")


# -- functions


@table_function("SYSTEM$GET_EXPERIMENT_RUN_METRICS")
def run_metrics(session: Session, arguments: Arguments) -> Rowset:
    """Every point that was logged in a run."""
    experiment, run = _run_of(session, arguments)
    return Rowset.of(_HISTORY, (_shown_point(point) for point in points(session, experiment, run)))


def _shown_point(point: Point) -> dict[str, Any]:
    logged = datetime.fromisoformat(point.timestamp)
    return {"METRIC_NAME": point.metric, "STEP": point.step, "VALUE": float(point.value), "TIMESTAMP": logged}


@scalar_function("SYSTEM$RESOLVE_EXPERIMENT_ID")
def experiment_id(session: Session, arguments: Arguments) -> int:
    name = session.resolve(parse_name(arguments.require(0)))
    return int(session.catalog.get("experiment", name).body["id"])


@scalar_function("SYSTEM$RESOLVE_EXPERIMENT_RUN_ID")
def experiment_run_id(session: Session, arguments: Arguments) -> int:
    return _run_of(session, arguments)[1].id


def _run_of(session: Session, arguments: Arguments) -> tuple[ObjectName, Run]:
    experiment = session.resolve(parse_name(arguments.require(0)))
    [name] = parse_name(arguments.require(1))
    return experiment, find_run(session, experiment, name)

"""Tasks and their runs as rows: for SHOW and DESCRIBE, and the table functions about graphs and their history."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from mlops_embedded.catalog import ObjectName, parse_name
from mlops_embedded.catalog.grants import ACCOUNT, Securable, may, privileges_on
from mlops_embedded.sql.functions import Arguments, table_function
from mlops_embedded.sql.results import Rowset
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.time_spans import limit_of, moment_of
from mlops_embedded.tasks import runs
from mlops_embedded.tasks.changes import dependents, get_task
from mlops_embedded.tasks.definition import Task
from mlops_embedded.tasks.engine import TaskEngine, engine_of
from mlops_embedded.tasks.history import GraphRun, TaskRun
from mlops_embedded.tasks.schema_tasks import tasks_of

SHOWN = {
    "created_on": "timestamp_ltz", "name": "text", "id": "text", "database_name": "text", "schema_name": "text",
    "owner": "text", "comment": "text", "warehouse": "text", "schedule": "text", "predecessors": "text",
    "state": "text", "definition": "text", "condition": "text", "allow_overlapping_execution": "text",
    "error_integration": "text", "last_committed_on": "timestamp_ltz", "last_suspended_on": "timestamp_ltz",
    "owner_role_type": "text", "config": "text", "budget": "text", "task_relations": "text",
    "last_suspended_reason": "text", "success_integration": "text", "scheduling_mode": "text",
    "target_completion_interval": "text", "execute_as_user": "text", "overlap_policy": "text",
}  # fmt: skip
SHOWN_TERSE = {
    "created_on": "timestamp_ltz", "name": "text", "kind": "text", "database_name": "text", "schema_name": "text",
    "schedule": "text", "state": "text",
}  # fmt: skip
TASK_RUNS = {
    "QUERY_ID": "text", "NAME": "text", "DATABASE_NAME": "text", "SCHEMA_NAME": "text", "QUERY_TEXT": "text",
    "CONDITION_TEXT": "text", "STATE": "text", "ERROR_CODE": "text", "ERROR_MESSAGE": "text",
    "SCHEDULED_TIME": "timestamp_ltz", "QUERY_START_TIME": "timestamp_ltz", "NEXT_SCHEDULED_TIME": "timestamp_ltz",
    "COMPLETED_TIME": "timestamp_ltz", "ROOT_TASK_ID": "text", "GRAPH_VERSION": "fixed", "RUN_ID": "fixed",
    "RETURN_VALUE": "text", "SCHEDULED_FROM": "text", "ATTEMPT_NUMBER": "fixed", "INSTANCE_ID": "text",
    "CONFIG": "text", "QUERY_HASH": "text", "GRAPH_RUN_GROUP_ID": "text", "SPCS_JOB_ID": "text",
}  # fmt: skip
GRAPH_RUNS = {
    "ROOT_TASK_NAME": "text", "DATABASE_NAME": "text", "SCHEMA_NAME": "text", "STATE": "text", "SCHEDULED_FROM": "text",
    "FIRST_ERROR_TASK_NAME": "text", "FIRST_ERROR_CODE": "fixed", "FIRST_ERROR_MESSAGE": "text",
    "SCHEDULED_TIME": "timestamp_ltz", "QUERY_START_TIME": "timestamp_ltz", "NEXT_SCHEDULED_TIME": "timestamp_ltz",
    "COMPLETED_TIME": "timestamp_ltz", "ROOT_TASK_ID": "text", "GRAPH_VERSION": "fixed", "RUN_ID": "fixed",
    "ATTEMPT_NUMBER": "fixed", "CONFIG": "text", "GRAPH_RUN_GROUP_ID": "text",
}  # fmt: skip
COMPLETE_WITHIN, CURRENT_WITHIN = timedelta(minutes=60), timedelta(days=8)
HISTORY_KEPT = timedelta(days=7)


def shown(session: Session, task: Task) -> dict[str, Any]:
    """Return a task as SHOW TASKS lists it."""
    settings, name = task.settings, task.name
    policy = settings.overlap_policy or "NO_OVERLAP"
    return {
        "created_on": task.created_on, "name": name.name, "id": task.id, "database_name": name.database,
        "schema_name": name.schema, "owner": task.owner, "comment": settings.comment or "",
        "warehouse": settings.warehouse, "schedule": settings.schedule,
        "predecessors": json.dumps([str(ObjectName(name.database, name.schema, p)) for p in settings.predecessors]),
        "state": task.state, "definition": settings.definition, "condition": settings.condition,
        "allow_overlapping_execution": "false" if policy == "NO_OVERLAP" else "true", "overlap_policy": policy,
        "error_integration": settings.error_integration, "last_committed_on": task.committed_on,
        "last_suspended_on": task.suspended_on, "owner_role_type": "ROLE", "config": settings.config,
        "task_relations": json.dumps(relations(session, task)), "last_suspended_reason": task.suspended_because,
        "success_integration": settings.success_integration, "execute_as_user": settings.execute_as_user,
        "scheduling_mode": None, "target_completion_interval": settings.target_completion_interval,
    }  # fmt: skip


def relations(session: Session, task: Task) -> dict[str, Any]:
    """Return `task_relations`: predecessors, and the finalizer of a root or the root of a finalizer."""
    name = task.name

    def full(other: str) -> str:
        return str(ObjectName(name.database, name.schema, other))

    found: dict[str, Any] = {"Predecessors": [full(p) for p in task.settings.predecessors]}
    if task.settings.finalize is not None:
        found["FinalizedRootTask"] = full(task.settings.finalize)
    finalizer = tasks_of(session.catalog, name.database, name.schema).finalizer(name.name)
    if finalizer is not None:
        found["FinalizerTask"] = str(finalizer.name)
    return found


@table_function("INFORMATION_SCHEMA.TASK_DEPENDENTS")
def task_dependents(session: Session, arguments: Arguments) -> Rowset:
    name = session.resolve(parse_name(arguments.require(0, "TASK_NAME")))
    recursive = bool(arguments.get(1, "RECURSIVE", True))
    columns = {key.upper(): kind for key, kind in SHOWN.items()}
    found = [shown(session, task) for task in dependents(session.catalog, name, recursive=recursive)]
    return Rowset.of(columns, ({key.upper(): value for key, value in task.items()} for task in found))


@table_function("INFORMATION_SCHEMA.TASK_HISTORY")
def task_history(session: Session, arguments: Arguments) -> Rowset:
    """Task runs of the last seven days, the latest first; of the whole account unless a database or schema is said."""
    engine = engine_of(session.account)
    now = session.account.clock.now()
    since = moment_of(arguments.get(0, "SCHEDULED_TIME_RANGE_START")) or now - HISTORY_KEPT
    until = moment_of(arguments.get(1, "SCHEDULED_TIME_RANGE_END"))
    limit = limit_of(arguments.get(2, "RESULT_LIMIT", 100))
    wanted = {
        "NAME": arguments.get(3, "TASK_NAME"),
        "ROOT_TASK_ID": arguments.get(5, "ROOT_TASK_ID"),
        "DATABASE_NAME": arguments.named.get("DATABASE_NAME"),
        "SCHEMA_NAME": arguments.named.get("SCHEMA_NAME"),
    }
    wanted["NAME"] = parse_name(wanted["NAME"])[-1] if wanted["NAME"] else None
    errors_only = bool(arguments.get(4, "ERROR_ONLY", False))
    records = (
        [] if errors_only else [r for t in _scheduled_roots(session) if (r := _scheduled(engine, t, until or now))]
    )
    may_see = _visible(session)
    for run in engine.history.runs(max(since, now - HISTORY_KEPT), until or now):
        graph = engine.history.graph(run)
        started = engine.history.tasks(run) or _about_to_start(run)
        records += [_task_run(run, t, graph.member(t.name)) for t in reversed(started)]
    records = [r for r in records if all(value is None or r[key] == value for key, value in wanted.items())]
    records = [r for r in records if may_see(ObjectName(r["DATABASE_NAME"], r["SCHEMA_NAME"], r["NAME"]))]
    if errors_only:
        records = [r for r in records if r["STATE"].startswith(("FAILED", "CANCELLED"))]
    records.sort(key=lambda r: r["QUERY_START_TIME"] or r["SCHEDULED_TIME"], reverse=True)
    return Rowset.of(TASK_RUNS, records[:limit])


@table_function("INFORMATION_SCHEMA.CURRENT_TASK_GRAPHS")
def current_task_graphs(session: Session, arguments: Arguments) -> Rowset:
    limit, root = limit_of(arguments.get(0, "RESULT_LIMIT", 1000)), arguments.get(1, "ROOT_TASK_NAME")
    may_see = _visible(session)
    roots = [t for t in _account_roots(session) if root is None or t.name.name == parse_name(root)[-1]]
    roots = [t for t in roots if may_see(t.name)]
    return Rowset.of(
        GRAPH_RUNS,
        _latest(r for t in roots for r in current_graphs(engine_of(session.account), t.name))[:limit],
    )


@table_function("INFORMATION_SCHEMA.COMPLETE_TASK_GRAPHS")
def complete_task_graphs(session: Session, arguments: Arguments) -> Rowset:
    limit, root = limit_of(arguments.get(0, "RESULT_LIMIT", 1000)), arguments.get(1, "ROOT_TASK_NAME")
    errors_only = bool(arguments.get(2, "ERROR_ONLY", False))
    engine = engine_of(session.account)
    now = session.account.clock.now()
    may_see = _visible(session)
    wanted = None if root is None else parse_name(root)[-1]
    records = [
        graph_run(engine, run)
        for run in engine.history.runs(now - HISTORY_KEPT, now)
        if wanted in {None, run.root.name} and is_complete(engine, run, errors_only) and may_see(run.root)
    ]
    return Rowset.of(GRAPH_RUNS, records[:limit])


def _visible(session: Session) -> Callable[[ObjectName], bool]:
    """Return whose runs the role sees: tasks that it owns, monitors or operates; all with MONITOR EXECUTION."""
    catalog, role = session.catalog, session.role
    if may(catalog, role, "MONITOR EXECUTION", ACCOUNT):
        return lambda name: True

    @cache
    def visible(name: ObjectName) -> bool:
        found = catalog.find("task", name)
        if found is None:
            return False
        held = privileges_on(catalog, role, Securable("TASK", name), found.body["owner"])
        return bool(held & {"OWNERSHIP", "MONITOR", "OPERATE", "ALL"})

    return visible


def complete_graphs(engine: TaskEngine, root: ObjectName, errors_only: bool) -> list[dict[str, Any]]:
    """Return a root's runs that ended within the last hour, the latest first."""
    return [graph_run(engine, r) for r in engine.history.runs_of(root) if is_complete(engine, r, errors_only)]


def current_graphs(engine: TaskEngine, root: ObjectName) -> list[dict[str, Any]]:
    """Return a root's runs that go on or wait, and its next scheduled one of the coming eight days."""
    going_on = [r for r in engine.history.runs_of(root) if r.state in {runs.EXECUTING, runs.SCHEDULED}]
    records = [graph_run(engine, run) for run in going_on]
    task = get_task(engine.account.catalog, root)
    due = engine.next_scheduled(task)
    if due is not None and due <= engine.account.clock.now() + CURRENT_WITHIN:
        records.append(
            {
                **_root_columns(task.name), "STATE": runs.SCHEDULED, "SCHEDULED_FROM": "SCHEDULE",
                "SCHEDULED_TIME": due, "NEXT_SCHEDULED_TIME": due, "ROOT_TASK_ID": task.id,
                "GRAPH_VERSION": task.graph_version, "RUN_ID": int(due.timestamp() * 1000), "ATTEMPT_NUMBER": 1,
                "CONFIG": task.settings.config,
            }
        )  # fmt: skip
    return records


def is_complete(engine: TaskEngine, run: GraphRun, errors_only: bool) -> bool:
    if run.completed_time is None or run.completed_time < engine.account.clock.now() - COMPLETE_WITHIN:
        return False
    return run.state in ({runs.FAILED, runs.CANCELLED} if errors_only else runs.FINISHED)


def graph_run(engine: TaskEngine, run: GraphRun) -> dict[str, Any]:
    """Return one attempt as CURRENT_TASK_GRAPHS and COMPLETE_TASK_GRAPHS have it."""
    error = engine.history.first_error(run)
    found = engine.account.catalog.find("task", run.root)
    upcoming = engine.next_scheduled(Task.of(found)) if found else None
    return {
        **_root_columns(run.root), "STATE": run.state, "SCHEDULED_FROM": run.scheduled_from,
        "FIRST_ERROR_TASK_NAME": error and error.name, "FIRST_ERROR_CODE": error and int(error.error_code or 0),
        "FIRST_ERROR_MESSAGE": error and error.error_message, "SCHEDULED_TIME": run.scheduled_time,
        "QUERY_START_TIME": run.started_time, "NEXT_SCHEDULED_TIME": upcoming, "COMPLETED_TIME": run.completed_time,
        "ROOT_TASK_ID": run.root_id, "GRAPH_VERSION": run.version, "RUN_ID": run.run_id,
        "ATTEMPT_NUMBER": run.attempt, "CONFIG": run.config, "GRAPH_RUN_GROUP_ID": run.group_id,
    }  # fmt: skip


def _about_to_start(run: GraphRun) -> list[TaskRun]:
    """Return the root task of a first attempt that waits, for a moment or for another run to end, as Snowflake lists it."""
    if run.attempt > 1 or run.state not in {runs.EXECUTING, runs.SCHEDULED}:
        return []
    return [TaskRun(run.group_id, 1, run.root.name, run.root_id, runs.SCHEDULED, run.scheduled_time)]


def _task_run(run: GraphRun, task_run: TaskRun, task: Task) -> dict[str, Any]:
    return {
        "QUERY_ID": task_run.query_id, "NAME": task_run.name, "DATABASE_NAME": run.root.database,
        "SCHEMA_NAME": run.root.schema, "QUERY_TEXT": task.settings.definition,
        "CONDITION_TEXT": task.settings.condition, "STATE": task_run.state, "ERROR_CODE": task_run.error_code,
        "ERROR_MESSAGE": task_run.error_message, "SCHEDULED_TIME": task_run.scheduled_time,
        "QUERY_START_TIME": task_run.started_time, "COMPLETED_TIME": task_run.completed_time,
        "ROOT_TASK_ID": run.root_id, "GRAPH_VERSION": run.version, "RUN_ID": run.run_id,
        "RETURN_VALUE": task_run.return_value, "SCHEDULED_FROM": run.scheduled_from,
        "ATTEMPT_NUMBER": task_run.attempt, "CONFIG": run.config, "GRAPH_RUN_GROUP_ID": run.group_id,
        "SPCS_JOB_ID": task_run.job_id,
    }  # fmt: skip


def _scheduled(engine: TaskEngine, task: Task, until: datetime) -> dict[str, Any] | None:
    due = engine.next_scheduled(task)
    if due is None or due > max(until, engine.account.clock.now() + CURRENT_WITHIN):
        return None
    return {
        **_root_columns(task.name), "NAME": task.name.name, "QUERY_ID": None, "QUERY_START_TIME": None,
        "QUERY_TEXT": task.settings.definition, "CONDITION_TEXT": task.settings.condition, "STATE": runs.SCHEDULED,
        "SCHEDULED_TIME": due, "ROOT_TASK_ID": task.id, "GRAPH_VERSION": task.graph_version,
        "SCHEDULED_FROM": "SCHEDULE", "ATTEMPT_NUMBER": 1, "CONFIG": task.settings.config,
    }  # fmt: skip


def _root_columns(root: ObjectName) -> dict[str, Any]:
    return {"ROOT_TASK_NAME": root.name, "DATABASE_NAME": root.database, "SCHEMA_NAME": root.schema}


def _account_roots(session: Session) -> list[Task]:
    return [t for d in session.catalog.list("task") if (t := Task.of(d)).settings.is_root]


def _scheduled_roots(session: Session) -> list[Task]:
    return [task for task in _account_roots(session) if task.started and task.schedule is not None]


def _latest(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(records, key=lambda r: r["SCHEDULED_TIME"], reverse=True)

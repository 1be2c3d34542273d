"""Tasks over REST: what snowflake-core's task resources and its DAG operations ask for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from starlette.routing import Route

from mlops_embedded.catalog import Document, ObjectName, parse_name, quote
from mlops_embedded.rest.fields import (
    READ_ONLY,
    Field,
    Record,
    Union,
    boolean,
    identifier,
    integer,
    list_of,
    map_of,
    one_of,
    required,
    text,
)
from mlops_embedded.rest.resource import Action, CreateMode, Creation, Filter, Level, Resource
from mlops_embedded.rest.routes import (
    collection_path,
    object_name,
    object_path,
    only_parameters,
    read_filter,
    routes,
    success,
    whole_number,
)
from mlops_embedded.schedules.schedule import Cron, Interval, parse_schedule
from mlops_embedded.server.resources import ApiAnswer, ApiRequest, bad_request, endpoint
from mlops_embedded.sql.session import Session
from mlops_embedded.tasks.changes import (
    alter_task,
    create_task,
    dependents,
    drop_task,
    resume_task,
    suspend_task,
)
from mlops_embedded.tasks.definition import OVERLAP_POLICIES, Task, TaskSettings
from mlops_embedded.tasks.engine import engine_of
from mlops_embedded.tasks.listings import complete_graphs, current_graphs, relations

_MINUTES = {"minutes": required(integer(minimum=0)), "seconds": Field(integer(0, 59))}
_SCHEDULE = Union(
    "schedule_type",
    {"CRON_TYPE": {"cron_expr": required(), "timezone": required()}, "MINUTES_TYPE": _MINUTES},
)
_INTERVAL = Union("schedule_type", {"MINUTES_TYPE": _MINUTES})
_STATE = (
    "task_relations", "created_on", "id", "owner", "owner_role_type", "state", "last_committed_on",
    "last_suspended_on", "database_name", "schema_name",
)  # fmt: skip


def _scalar(value: object, place: str) -> object:
    if not isinstance(value, (str, int, float, bool)):
        raise bad_request(f"{place} must be a string, number or boolean, not {value!r:.80}")
    return value


def _anything(value: object, place: str) -> object:
    del place
    return value


_BODY = Record(
    {
        "name": required(identifier),
        "definition": required(),
        "warehouse": Field(identifier),
        "schedule": Field(_SCHEDULE),
        "comment": Field(),
        "finalize": Field(),
        "task_auto_retry_attempts": Field(integer(0, 30)),
        "config": Field(map_of(_anything)),
        "session_parameters": Field(map_of(_scalar)),
        "predecessors": Field(list_of(text)),
        "user_task_managed_initial_warehouse_size": Field(),
        "target_completion_interval": Field(_INTERVAL),
        "serverless_task_min_statement_size": Field(),
        "serverless_task_max_statement_size": Field(),
        "user_task_timeout_ms": Field(integer(minimum=0)),
        "suspend_task_after_num_failures": Field(integer(minimum=0)),
        "condition": Field(),
        "allow_overlapping_execution": Field(boolean),
        "error_integration": Field(identifier),
        "success_integration": Field(identifier),
        "overlap_policy": Field(one_of(*OVERLAP_POLICIES)),
        "execute_as_user": Field(identifier),
        **dict.fromkeys(_STATE, READ_ONLY),
    }
)


def settings_of(name: ObjectName, properties: Mapping[str, Any]) -> TaskSettings:
    """Return a body's properties as a task's settings; other tasks must be of the task's own schema."""
    given = {key: value for key, value in properties.items() if value is not None}
    overlapping = given.pop("allow_overlapping_execution", None)
    if overlapping is not None:
        given.setdefault("overlap_policy", OVERLAP_POLICIES[1] if overlapping else None)
    for key in ("schedule", "target_completion_interval"):
        if key in given:
            given[key] = str(_schedule(given[key]))
    if "config" in given:
        given["config"] = json.dumps(given["config"])
    if "finalize" in given:
        given["finalize"] = _sibling(name, given["finalize"])
    given["predecessors"] = tuple(_sibling(name, each) for each in given.get("predecessors", ()))
    return TaskSettings(**given)


def _schedule(given: Mapping[str, Any]) -> Cron | Interval:
    if given["schedule_type"] == "CRON_TYPE":
        return Cron(given["cron_expr"], given["timezone"])
    return Interval(timedelta(minutes=given["minutes"], seconds=given.get("seconds") or 0))


def _sibling(task: ObjectName, given: str) -> str:
    parts = parse_name(given)
    where = (task.database, task.schema)[2 - len(parts[:-1]) :]
    if parts[:-1] != where:
        raise bad_request(f"all tasks of a graph must be in one schema: {given} is not in that of {task}")
    return parts[-1]


def _create(session: Session, asked: Creation) -> bool:
    return create_task(
        session.catalog, asked.name, settings_of(asked.name, asked.properties), session.role,
        or_replace=asked.mode is CreateMode.OR_REPLACE, if_not_exists=asked.mode is CreateMode.IF_NOT_EXISTS,
    )  # fmt: skip


def _alter(session: Session, document: Document, properties: dict[str, Any]) -> None:
    alter_task(session.catalog, document.name, settings_of(document.name, properties))


def _drop(session: Session, name: ObjectName) -> None:
    drop_task(session.catalog, name)


def _shown(session: Session, document: Document) -> dict[str, Any]:
    task = Task.of(document)
    settings = task.settings
    policy = settings.overlap_policy or OVERLAP_POLICIES[0]
    plain = {key: getattr(settings, key) for key in _BODY.fields if hasattr(settings, key)}
    return {
        **plain,
        "warehouse": quote(settings.warehouse) if settings.warehouse else None,
        "schedule": _schedule_json(settings.schedule),
        "target_completion_interval": _schedule_json(settings.target_completion_interval),
        "config": json.loads(settings.config) if settings.config else None,
        "session_parameters": settings.session_parameters or None,
        "predecessors": [_full(task, each) for each in settings.predecessors],
        "finalize": _full(task, settings.finalize) if settings.finalize else None,
        "overlap_policy": policy,
        "allow_overlapping_execution": policy != OVERLAP_POLICIES[0],
        "task_relations": json.dumps(relations(session, task)),
        "state": task.state,
        "id": task.id,
        "last_committed_on": _moment(task.committed_on),
        "last_suspended_on": _moment(task.suspended_on),
    }


def _full(task: Task, name: str) -> str:
    return str(ObjectName(task.name.database, task.name.schema, name))


def _schedule_json(schedule: str | None) -> dict[str, Any] | None:
    match None if schedule is None else parse_schedule(schedule):
        case None:
            return None
        case Cron(expression, zone):
            return {"schedule_type": "CRON_TYPE", "cron_expr": expression, "timezone": zone}
        case Interval(every):
            minutes, seconds = divmod(int(every.total_seconds()), 60)
            found = {"schedule_type": "MINUTES_TYPE", "minutes": minutes}
            return {**found, "seconds": seconds} if seconds else found


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat(timespec="milliseconds")


def _execute(session: Session, task: Document, request: ApiRequest) -> ApiAnswer:
    engine = engine_of(session.account)
    request.flag("asyncExec")  # a run never keeps the request waiting, but a wrong value is still wrong
    if request.flag("retryLast"):
        engine.retry_last(task.name)
        return success(f"Task {task.name.name} is scheduled to retry.")
    engine.execute(task.name)
    return success(f"Task {task.name.name} is scheduled to run immediately.")


def _resume(session: Session, task: Document, request: ApiRequest) -> None:
    engine = engine_of(session.account)
    resume_task(session.catalog, engine.history, task.name, session.account.clock.now())
    engine.wake()


def _suspend(session: Session, task: Document, request: ApiRequest) -> None:
    suspend_task(session.catalog, task.name, session.account.clock.now())


TASK = Resource(
    kind="task",
    path="tasks",
    level=Level.SCHEMA,
    body=_BODY,
    create=_create,
    alter=_alter,
    drop=_drop,
    shown=_shown,
    actions={
        "execute": Action(_execute, "OPERATE", frozenset({"asyncExec", "retryLast"})),
        "resume": Action(_resume, "OPERATE"),
        "suspend": Action(_suspend, "OPERATE"),
    },
    tag_domain="TASK",
)


def _list(session: Session, request: ApiRequest) -> ApiAnswer:
    wanted = read_filter(request, {*TASK.filters, "rootOnly"})
    parent = object_name(request, "")
    TASK.require_scope(session, parent)
    unlimited = Filter(wanted.like, wanted.starts_with, None, wanted.from_name)
    found = TASK.listed(session, unlimited, parent.database, parent.schema)
    if request.flag("rootOnly"):
        found = [document for document in found if Task.of(document).settings.is_root]
    return ApiAnswer([TASK.json(session, document) for document in found[: wanted.limit]])


def _dependents(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, {"recursive"})
    task = TASK.get(session, object_name(request))
    found = dependents(session.catalog, task.name, recursive=request.flag("recursive", True))
    return ApiAnswer([TASK.json(session, each.document()) for each in found])


def _current_graphs(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, {"resultLimit"})
    task = TASK.get(session, object_name(request))
    limit = whole_number(request, "resultLimit", 1, 10_000) or 1000
    return ApiAnswer([_run_json(run) for run in current_graphs(engine_of(session.account), task.name)[:limit]])


def _complete_graphs(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, {"resultLimit", "errorOnly"})
    task = TASK.get(session, object_name(request))
    limit = whole_number(request, "resultLimit", 1, 10_000) or 1000
    found = complete_graphs(engine_of(session.account), task.name, request.flag("errorOnly"))
    return ApiAnswer([_run_json(run) for run in found[:limit]])


_RUN_FIELDS = (
    "ROOT_TASK_NAME", "DATABASE_NAME", "SCHEMA_NAME", "STATE", "FIRST_ERROR_TASK_NAME", "FIRST_ERROR_CODE",
    "FIRST_ERROR_MESSAGE", "SCHEDULED_TIME", "QUERY_START_TIME", "NEXT_SCHEDULED_TIME", "COMPLETED_TIME",
    "ROOT_TASK_ID", "GRAPH_VERSION", "RUN_ID",
)  # fmt: skip


def _run_json(run: Mapping[str, Any]) -> dict[str, Any]:
    # the API's model requires a next time, which a run on demand does not have: then it is its own
    found = {**run, "NEXT_SCHEDULED_TIME": run.get("NEXT_SCHEDULED_TIME") or run["SCHEDULED_TIME"]}
    values = {key.lower(): found.get(key) for key in _RUN_FIELDS}
    return {
        key: _moment(value) if isinstance(value, datetime) else value
        for key, value in values.items()
        if value is not None
    }


def _graphs(path: str, handler: Any) -> list[Route]:  # a resource's function
    """Both spellings: the one with underscores is deprecated, and older clients use it."""
    return [
        Route(f"{object_path(TASK)}/{spelt}", endpoint(handler), methods=["GET"])
        for spelt in (path, path.replace("-", "_"))
    ]


ROUTES = [
    Route(collection_path(TASK), endpoint(_list), methods=["GET"]),
    Route(f"{object_path(TASK)}/dependents", endpoint(_dependents), methods=["GET"]),
    *_graphs("current-graphs", _current_graphs),
    *_graphs("complete-graphs", _complete_graphs),
    *routes(TASK),
]

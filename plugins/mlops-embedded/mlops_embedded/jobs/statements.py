"""EXECUTE JOB SERVICE, and CREATE, ALTER and DROP SERVICE."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from mlops_embedded.catalog import ObjectName
from mlops_embedded.catalog.tags import Tagged
from mlops_embedded.errors import SnowflakeError, syntax_error, unknown_here
from mlops_embedded.jobs.clauses import MAX_INSTANCES, check_scale, flag, integrations, read_clauses, whole_number
from mlops_embedded.jobs.placing import check_name
from mlops_embedded.jobs.runner import runner_of
from mlops_embedded.jobs.running_service import RunningJob
from mlops_embedded.jobs.service import CANCELLED, DONE, KIND, Scale, ServiceRequest
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.results import Status
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Reader, Statement
from mlops_embedded.sql.tag_clauses import alter_tags, set_tags
from mlops_embedded.tasks.engine import engine_of

_CANCEL_SECONDS = 0.25
"""How soon a statement that waits for its job sees that it was cancelled."""
_COMMON: dict[str, Callable[[Reader], Any]] = {
    "QUERY_WAREHOUSE": Reader.identifier,
    "COMMENT": Reader.string,
    "EXTERNAL_ACCESS_INTEGRATIONS": integrations,
}
_SCALE: dict[str, Callable[[Reader], Any]] = {
    "MIN_INSTANCES": whole_number("MIN_INSTANCES", 1, MAX_INSTANCES),
    "MAX_INSTANCES": whole_number("MAX_INSTANCES", 1, MAX_INSTANCES),
    "MIN_READY_INSTANCES": whole_number("MIN_READY_INSTANCES", 0, MAX_INSTANCES),
    "AUTO_RESUME": flag,
    "AUTO_SUSPEND_SECS": whole_number("AUTO_SUSPEND_SECS", 0, 604_800),
}


@statement("EXECUTE", "JOB", "SERVICE")
def execute_job_service(session: Session, found: Statement) -> Status:
    reader = found.after("EXECUTE", "JOB", "SERVICE")
    reader.expect("IN", "COMPUTE", "POOL")
    pool = reader.identifier()
    known = {
        **_COMMON, "NAME": lambda r: _name(session, r, "EXECUTE JOB SERVICE"), "ASYNC": flag,
        "REPLICAS": whole_number("REPLICAS", 1, MAX_INSTANCES),
    }  # fmt: skip
    given = read_clauses(session, reader, known)
    _require_specification(given, "EXECUTE JOB SERVICE")
    tags = given.pop("tags", None)
    unnamed = f"JOB_{(session.query_id or str(uuid.uuid4())).replace('-', '_').upper()}"
    name = given.pop("name", None) or session.resolve((unnamed,), "EXECUTE JOB SERVICE")
    request = ServiceRequest(name, pool, is_async=given.pop("async", False), **given)
    running = runner_of(session.account).execute(session, request)
    if tags:
        set_tags(session, Tagged("SERVICE", name), tags)
    return Status(finish_job(session, running))


def run_job(session: Session, request: ServiceRequest) -> str:
    """Start a job and, unless it is asynchronous, wait for its end; return what Snowflake says of it.

    Raises:
        SnowflakeError: it could not start, or did not end well: the statement fails as its job does.
    """
    return finish_job(session, runner_of(session.account).execute(session, request))


def finish_job(session: Session, running: RunningJob) -> str:
    """Bind a job to the task that runs it, and wait for its end unless it is asynchronous."""
    bound = session.context.get("task_run")
    if bound is not None:
        engine_of(session.account).history.change_task(*bound, job_id=running.service.id)
    if running.service.request.is_async:
        return f"Job {running.service.name.name} started successfully. Use DESCRIBE SERVICE to check its status."
    return wait_for(session, running)


def wait_for(session: Session, running: RunningJob) -> str:
    """Wait for a job's end; cancelling the statement cancels the job."""
    asked_to_stop = False
    with session.waiting():
        while not running.ended.wait(_CANCEL_SECONDS):
            if session.cancelled.is_set() and not asked_to_stop:
                asked_to_stop = True
                running.cancel()
    job = running.service
    if job.status == DONE:
        return f"Job {job.name.name} completed successfully with status: {DONE}."
    if job.status == CANCELLED:
        raise SnowflakeError(f"Job {job.name.name} was cancelled.", code="000604", sqlstate="57014")
    failed = [
        f"container {c.name} of instance {number}: {c.message}"
        for number, instance in enumerate(job.instances)
        for c in instance
        if c.exit_code != 0
    ]
    raise SnowflakeError(
        f"Job {job.name.name} failed with status: {job.status}. {'; '.join(failed)}",
        code="395091",
        sqlstate="58000",
    )


@statement("CREATE", "SERVICE")
def create_service(session: Session, found: Statement) -> Status:
    if found.modifiers:
        raise syntax_error(f"CREATE {' '.join(sorted(found.modifiers))} SERVICE is no statement of Snowflake's")
    reader = found.after("CREATE", "SERVICE")
    if_not_exists = reader.if_not_exists()
    name = _name(session, reader, "CREATE SERVICE")
    reader.expect("IN", "COMPUTE", "POOL")
    pool = reader.identifier()
    given = read_clauses(session, reader, {**_COMMON, **_SCALE})
    _require_specification(given, "CREATE SERVICE")
    if if_not_exists and session.catalog.find(KIND, name) is not None:
        return Status(f"{name.name} already exists, statement succeeded.")
    tags = given.pop("tags", None)
    scale = Scale(**check_scale({key.lower(): given.pop(key.lower(), None) for key in _SCALE}))
    runner_of(session.account).create(session, ServiceRequest(name, pool, scale=scale, **given))
    if tags:
        set_tags(session, Tagged("SERVICE", name), tags)
    return Status(f"Service {name.name} successfully created.")


@statement("ALTER", "SERVICE")
def alter_service(session: Session, found: Statement) -> Status:
    reader = found.after("ALTER", "SERVICE")
    if_exists = reader.if_exists()
    name = session.resolve(reader.name(), "ALTER SERVICE")
    if if_exists and session.catalog.find(KIND, name) is None:
        return Status()
    runner = runner_of(session.account)
    if reader.accept("SUSPEND"):
        reader.finish()
        runner.suspend(session, name)
    elif reader.accept("RESUME"):
        reader.finish()
        runner.resume(session, name)
    elif reader.accept("RESTORE"):
        raise unknown_here("snapshots of block volumes")
    elif not _alter_tags(session, reader, name):
        _alter_request(session, reader, name)
    return Status()


def _alter_tags(session: Session, reader: Reader, name: ObjectName) -> bool:
    following = reader.peek(1)
    if following is None or not following.is_word("TAG"):
        return False
    runner_of(session.account).service(session, name, "OWNERSHIP")
    return alter_tags(session, reader, Tagged("SERVICE", name))


def _alter_request(session: Session, reader: Reader, name: ObjectName) -> None:
    """Do what SET, UNSET or a new specification says."""
    runner = runner_of(session.account)
    following = reader.peek()
    upgrade = following is not None and following.is_word("FROM")
    request = runner.long_running(session, name, "OPERATE" if upgrade else "OWNERSHIP").service.request
    assert request.scale is not None
    if upgrade:
        given = read_clauses(session, reader, {})
    elif reader.accept("UNSET"):
        given = _read_unset(reader)
    else:
        reader.expect("SET")
        given = read_clauses(session, reader, {**_COMMON, **_SCALE})
    scale = asdict(request.scale)
    changed = {key.lower(): given.pop(key.lower()) for key in _SCALE if key.lower() in given}
    if "min_instances" in changed:
        # what was only the default goes with it
        scale.update(
            {key: None for key in ("max_instances", "min_ready_instances") if scale[key] == scale["min_instances"]}
        )
    new = replace(request, scale=Scale(**check_scale({**scale, **changed})), **given)
    runner.change(session, name, new, "OPERATE" if upgrade else "OWNERSHIP")


def _read_unset(reader: Reader) -> dict[str, Any]:
    unset: dict[str, Any] = {}
    while True:
        key = reader.identifier()
        if key not in {**_COMMON, **_SCALE}:
            raise syntax_error(f"a service has no property {key}")
        unset[key.lower()] = () if key == "EXTERNAL_ACCESS_INTEGRATIONS" else None
        if not reader.accept(","):
            reader.finish()
            return unset


@statement("DROP", "SERVICE")
def drop_service(session: Session, found: Statement) -> Status:
    reader = found.after("DROP", "SERVICE")
    if_exists = reader.if_exists()
    name = session.resolve(reader.name(), "DROP SERVICE")
    reader.accept("FORCE")
    reader.finish()
    if if_exists and session.catalog.find(KIND, name) is None:
        return Status(f"Drop statement executed successfully ({name.name} already dropped).")
    runner_of(session.account).drop(session, name)
    return Status(f"{name.name} successfully dropped.")


def _name(session: Session, reader: Reader, action: str) -> ObjectName:
    name = session.resolve(reader.name(), action)
    check_name(name)
    return name


def _require_specification(given: dict[str, Any], action: str) -> None:
    if "specification" not in given:
        raise syntax_error(f"{action} needs FROM SPECIFICATION $$...$$ or FROM @stage SPECIFICATION_FILE = '...'")

"""EXECUTE JOB SERVICE, and SHOW, DESCRIBE and DROP of services."""

from __future__ import annotations

import re
import uuid
from typing import Any

from mlops_embedded.catalog import ObjectName
from mlops_embedded.catalog.grants import Securable, privileges_on
from mlops_embedded.errors import SnowflakeError, invalid_value, syntax_error, unknown_here
from mlops_embedded.jobs.runner import RunningJob, runner_of
from mlops_embedded.jobs.service import CANCELLED, DONE, KIND, JobRequest, JobService
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.locations import resolve
from mlops_embedded.sql.properties import list_values
from mlops_embedded.sql.results import Rowset, Status
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.show_options import read_show_options
from mlops_embedded.sql.statement import Reader, Statement
from mlops_embedded.tasks.engine import engine_of

MAX_INTEGRATIONS = 10
SHOWN = {
    "name": "text", "status": "text", "database_name": "text", "schema_name": "text", "owner": "text",
    "compute_pool": "text", "spec": "text", "dns_name": "text", "current_instances": "fixed",
    "target_instances": "fixed", "min_ready_instances": "fixed", "min_instances": "fixed", "max_instances": "fixed",
    "auto_resume": "text", "external_access_integrations": "text", "created_on": "timestamp_ltz",
    "updated_on": "timestamp_ltz", "resumed_on": "timestamp_ltz", "suspended_on": "timestamp_ltz",
    "auto_suspend_secs": "fixed", "comment": "text", "owner_role_type": "text", "query_warehouse": "text",
    "is_job": "text", "is_async_job": "text", "spec_digest": "text", "is_upgrading": "text",
    "managing_object_domain": "text", "managing_object_name": "text",
}  # fmt: skip
CONTAINERS = {
    "database_name": "text", "schema_name": "text", "service_name": "text", "service_status": "text",
    "instance_id": "text", "instance_status": "text", "container_name": "text", "status": "text", "message": "text",
    "image_name": "text", "image_digest": "text", "restart_count": "fixed", "start_time": "text",
    "last_exit_code": "fixed",
}  # fmt: skip
INSTANCES = {
    "database_name": "text", "schema_name": "text", "service_name": "text", "service_status": "text",
    "instance_id": "text", "status": "text", "spec_digest": "text", "creation_time": "text", "start_time": "text",
}  # fmt: skip


@statement("EXECUTE", "JOB", "SERVICE")
def execute_job_service(session: Session, found: Statement) -> Status:
    reader = found.after("EXECUTE", "JOB", "SERVICE")
    reader.expect("IN", "COMPUTE", "POOL")
    pool = reader.identifier()
    given = _read_clauses(session, reader)
    name = given.pop("name", None) or f"JOB_{(session.query_id or str(uuid.uuid4())).replace('-', '_').upper()}"
    resolved = name if isinstance(name, ObjectName) else session.resolve((name,), "EXECUTE JOB SERVICE")
    request = JobRequest(resolved, pool, **given)
    return Status(run_job(session, request))


def run_job(session: Session, request: JobRequest) -> str:
    """Start a job and, unless it is asynchronous, wait for its end; return what Snowflake says of it.

    Raises:
        SnowflakeError: it could not start, or did not end well: the statement fails as its job does.
    """
    running = runner_of(session.account).execute(session, request)
    bound = session.context.get("task_run")
    if bound is not None:
        engine_of(session.account).history.change_task(*bound, job_id=running.job.id)
    if request.is_async:
        return f"Job {request.name.name} started successfully. Use DESCRIBE SERVICE to check its status."
    return wait_for(session, running)


def wait_for(session: Session, running: RunningJob) -> str:
    """Wait for a job's end; cancelling the statement cancels the job."""
    asked_to_stop = False
    with session.waiting():
        while not running.ended.wait(0.05):
            if session.cancelled.is_set() and not asked_to_stop:
                asked_to_stop = True
                running.cancel()
    job = running.job
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


def _read_clauses(session: Session, reader: Reader) -> dict[str, Any]:
    """Read every clause behind the pool, in any order; the specification is mandatory."""
    given: dict[str, Any] = {}
    while not reader.at_end:
        if reader.accept("FROM"):
            given["specification"] = _read_specification(session, reader)
        elif reader.accept("NAME", "="):
            given["name"] = _job_name(session, reader)
        elif reader.accept("ASYNC", "="):
            given["is_async"] = _flag(reader)
        elif reader.accept("REPLICAS", "="):
            given["replicas"] = reader.integer()
            if not 1 <= given["replicas"] <= 100:
                raise invalid_value(f"REPLICAS must be from 1 to 100, not {given['replicas']}")
        elif reader.accept("QUERY_WAREHOUSE", "="):
            given["query_warehouse"] = reader.identifier()
        elif reader.accept("COMMENT", "="):
            given["comment"] = reader.string()
        elif reader.accept("EXTERNAL_ACCESS_INTEGRATIONS", "="):
            given["external_access_integrations"] = tuple(list_values(reader.parenthesised()))
            if len(given["external_access_integrations"]) > MAX_INTEGRATIONS:
                raise invalid_value(f"a service can have at most {MAX_INTEGRATIONS} external access integrations")
        else:
            reader.finish()
    if "specification" not in given:
        raise syntax_error(
            "EXECUTE JOB SERVICE needs FROM SPECIFICATION $$...$$ or FROM @stage SPECIFICATION_FILE = '...'"
        )
    return given


def _read_specification(session: Session, reader: Reader) -> str:
    if reader.accept("SPECIFICATION"):
        return reader.string()
    if reader.accept("SPECIFICATION_TEMPLATE"):
        raise unknown_here("specification templates")
    stage = reader.location()
    if reader.accept("SPECIFICATION_TEMPLATE_FILE"):
        raise unknown_here("specification templates")
    reader.expect("SPECIFICATION_FILE", "=")
    return read_staged(session, stage, reader.string())


def read_staged(session: Session, stage: str, path: str) -> str:
    """Return the text of a specification file on a stage."""
    location = resolve(session, f"{stage.rstrip('/')}/{path.lstrip('/')}")
    if not location.target.is_file():
        raise invalid_value(f"there is no specification file {path!r} on {stage}")
    return location.target.read_text(encoding="utf-8")


def _job_name(session: Session, reader: Reader) -> ObjectName:
    """Read a job's name; Snowflake takes no quoted names for services, nor for where they are."""
    name = session.resolve(reader.name(), "EXECUTE JOB SERVICE")
    check_name(name)
    return name


def check_name(name: ObjectName) -> None:
    if any(part and not re.fullmatch(r"[A-Z_][A-Z0-9_$]*", part) for part in (name.database, name.schema, name.name)):
        raise invalid_value(f"a service's name, database and schema must not need quotes: {name}")


def _flag(reader: Reader) -> bool:
    value = reader.value()
    if not isinstance(value, bool):
        raise invalid_value(f"ASYNC must be TRUE or FALSE, not {value}")
    return value


@statement("SHOW", "SERVICES")
def show_services(session: Session, found: Statement) -> Rowset:
    return _show(session, found, ("SHOW", "SERVICES"))


@statement("SHOW", "JOB", "SERVICES")
def show_job_services(session: Session, found: Statement) -> Rowset:
    return _show(session, found, ("SHOW", "JOB", "SERVICES"))


def _show(session: Session, found: Statement, words: tuple[str, ...]) -> Rowset:
    reader = found.after(*words)
    if reader.accept("EXCLUDE", "JOBS"):
        read_show_options(session, reader)
        return Rowset.of(SHOWN)
    options = read_show_options(session, reader)
    jobs = [JobService.of(document) for document in options.documents(session, KIND)]
    return Rowset.of(SHOWN, (shown(job) for job in jobs if _seen(session, job)))


def _seen(session: Session, job: JobService) -> bool:
    return bool(privileges_on(session.catalog, session.role, Securable("SERVICE", job.name), job.owner))


def shown(job: JobService) -> dict[str, Any]:
    """Return a job as SHOW SERVICES lists it."""
    request, count = job.request, len(job.instances)
    return {
        "name": job.name.name, "status": job.status, "database_name": job.name.database,
        "schema_name": job.name.schema, "owner": job.owner, "compute_pool": request.compute_pool,
        "spec": request.specification, "current_instances": 0 if job.ended else count, "target_instances": count,
        "dns_name": f"{job.name.name.lower().replace('_', '-')}.local", "min_ready_instances": count,
        "min_instances": count, "max_instances": count, "auto_resume": "false", "auto_suspend_secs": 0,
        "external_access_integrations": ", ".join(request.external_access_integrations) or None,
        "created_on": job.created_on, "updated_on": job.updated_on, "comment": request.comment,
        "owner_role_type": "ROLE", "query_warehouse": request.query_warehouse, "is_job": "true",
        "is_async_job": "true" if request.is_async else "false", "spec_digest": job.digest, "is_upgrading": "false",
    }  # fmt: skip


@statement("DESCRIBE", "SERVICE")
def describe_service(session: Session, found: Statement) -> Rowset:
    return Rowset.of(SHOWN, [shown(_named(session, found, "DESCRIBE", "SERVICE"))])


@statement("SHOW", "SERVICE", "CONTAINERS", "IN", "SERVICE")
def show_service_containers(session: Session, found: Statement) -> Rowset:
    return Rowset.of(CONTAINERS, containers(_named(session, found, "SHOW", "SERVICE", "CONTAINERS", "IN", "SERVICE")))


@statement("SHOW", "SERVICE", "INSTANCES", "IN", "SERVICE")
def show_service_instances(session: Session, found: Statement) -> Rowset:
    return Rowset.of(INSTANCES, instances(_named(session, found, "SHOW", "SERVICE", "INSTANCES", "IN", "SERVICE")))


def _named(session: Session, found: Statement, *words: str) -> JobService:
    reader = found.after(*words)
    name = session.resolve(reader.name(), " ".join(words))
    reader.finish()
    return runner_of(session.account).job(session, name)


def containers(job: JobService) -> list[dict[str, Any]]:
    return [
        {
            **_of_instance(job, number), "instance_status": job.instance_status(number), "container_name": state.name,
            "status": state.status, "message": state.message, "image_name": state.image, "restart_count": 0,
            "start_time": state.started, "last_exit_code": state.exit_code,
        }
        for number, instance in enumerate(job.instances)
        for state in instance
    ]  # fmt: skip


def instances(job: JobService) -> list[dict[str, Any]]:
    return [
        {
            **_of_instance(job, number), "status": job.instance_status(number), "spec_digest": job.digest,
            "creation_time": job.created_on.isoformat(), "start_time": instance[0].started,
        }
        for number, instance in enumerate(job.instances)
    ]  # fmt: skip


def _of_instance(job: JobService, number: int) -> dict[str, Any]:
    return {
        "database_name": job.name.database, "schema_name": job.name.schema, "service_name": job.name.name,
        "service_status": job.status, "instance_id": str(number),
    }  # fmt: skip


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

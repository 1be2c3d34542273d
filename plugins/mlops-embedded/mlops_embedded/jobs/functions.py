"""Functions about services: their logs and status, and a job's own methods such as `job!SPCS_CANCEL_JOB()`."""

from __future__ import annotations

import json
import time
from pathlib import Path

from mlops_embedded.catalog import ObjectName, parse_name
from mlops_embedded.errors import SnowflakeError, invalid_value
from mlops_embedded.jobs.runner import runner_of
from mlops_embedded.jobs.service import ENDED, JobService
from mlops_embedded.jobs.statements import containers
from mlops_embedded.sql.functions import Arguments, scalar_function
from mlops_embedded.sql.session import Session

MAX_LOG_BYTES = 100_000


@scalar_function("SYSTEM$GET_SERVICE_LOGS")
def get_service_logs(session: Session, arguments: Arguments) -> object:
    """The end of a container's output: of a service, an instance and a container, at most so many lines."""
    job = _job(session, arguments, "MONITOR")
    lines = arguments.get(3)
    return read_logs(session, job, int(arguments.require(1)), str(arguments.require(2)), lines)


def read_logs(session: Session, job: JobService, instance: int, container: str, lines: int | None) -> str:
    """Return the last lines of a container's output, at most 100 KB, both streams in one."""
    if lines is not None and lines < 0:
        raise invalid_value(f"the number of lines must not be negative, and is {lines}")
    return _tail(runner_of(session.account).log_file(job, instance, container), lines)


def _tail(file: Path, lines: int | None) -> str:
    if not file.is_file():
        return ""
    with file.open("rb") as log:
        size = log.seek(0, 2)
        log.seek(max(0, size - MAX_LOG_BYTES))
        text = log.read().decode(errors="replace")
    text = text.removesuffix("\n")
    if lines is None or not text:
        return text
    return "\n".join(text.split("\n")[-lines:]) if lines else ""


@scalar_function("SYSTEM$GET_SERVICE_STATUS")
def get_service_status(session: Session, arguments: Arguments) -> object:
    return status_of(_job(session, arguments, "MONITOR"))


def status_of(job: JobService) -> str:
    """Return the state of every container, as JSON text."""
    return json.dumps(
        [
            {
                "status": c["status"], "message": c["message"], "containerName": c["container_name"],
                "instanceId": c["instance_id"], "serviceName": c["service_name"], "image": c["image_name"],
                "restartCount": c["restart_count"], "startTime": c["start_time"] or "",
            }
            for c in containers(job)
        ]
    )  # fmt: skip


@scalar_function("SYSTEM$WAIT_FOR_SERVICES")
def wait_for_services(session: Session, arguments: Arguments) -> object:
    """Wait until all of these jobs have ended, at most so many seconds (the first argument)."""
    until = time.monotonic() + float(arguments.require(0))
    names = [session.resolve(parse_name(str(name))) for name in arguments.positional[1:]]
    return all(await_status(session, name, ENDED, until - time.monotonic()) for name in names)


def await_status(session: Session, name: ObjectName, wanted: frozenset[str], seconds: float) -> bool:
    """Wait until a job has one of these statuses; False if it ends otherwise, or does not within the time."""
    runner, until = runner_of(session.account), time.monotonic() + seconds
    with session.waiting():
        while (status := runner.job(session, name).status) not in wanted:
            if status in ENDED or time.monotonic() >= until:
                return False
            if session.cancelled.is_set():
                raise SnowflakeError("SQL execution canceled", code="000604", sqlstate="57014")
            time.sleep(0.05)
    return True


def _job(session: Session, arguments: Arguments, privilege: str) -> JobService:
    name = session.resolve(parse_name(str(arguments.require(0))))
    return runner_of(session.account).job(session, name, privilege)

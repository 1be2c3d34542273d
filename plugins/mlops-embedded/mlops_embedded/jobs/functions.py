"""Functions about services: their logs and status, and a job's own methods such as `job!SPCS_CANCEL_JOB()`."""

from __future__ import annotations

import json
import time

from mlops_embedded.catalog import ObjectName, parse_name
from mlops_embedded.errors import SnowflakeError, invalid_value
from mlops_embedded.jobs.listings import containers
from mlops_embedded.jobs.logs import tail
from mlops_embedded.jobs.runner import runner_of
from mlops_embedded.jobs.service import CANCELLED, DONE, FAILED, RUNNING, Service
from mlops_embedded.sql.functions import Arguments, scalar_function
from mlops_embedded.sql.session import Session

_STEADY = frozenset({DONE, FAILED, CANCELLED, RUNNING})
_FINAL = frozenset({DONE, FAILED, CANCELLED})


@scalar_function("SYSTEM$GET_SERVICE_LOGS")
def get_service_logs(session: Session, arguments: Arguments) -> object:
    """The end of a container's output: of a service, an instance and a container, at most so many lines.

    The fifth argument TRUE means the run before the container's last restart.
    """
    service = _service(session, arguments, "MONITOR")
    instance, container = int(arguments.require(1)), str(arguments.require(2))
    return read_logs(session, service, instance, container, arguments.get(3), previous=bool(arguments.get(4)))


def read_logs(
    session: Session, service: Service, instance: int, container: str, lines: int | None, *, previous: bool = False
) -> str:
    """Return the last lines of a container's output, at most 100 KB, both streams in one."""
    if lines is not None and lines < 0:
        raise invalid_value(f"the number of lines must not be negative, and is {lines}")
    return tail(runner_of(session.account).log_file(service, instance, container, previous=previous), lines)


@scalar_function("SYSTEM$GET_SERVICE_STATUS")
def get_service_status(session: Session, arguments: Arguments) -> object:
    """The state of every container; the second argument is how many seconds to wait for a steady one."""
    service = _service(session, arguments, "MONITOR")
    seconds = float(arguments.get(1, default=0))
    return status_of(steady(session, service, seconds))


def steady(session: Session, service: Service, seconds: float) -> Service:
    """Return a service as it is when it runs or has ended, or after so many seconds."""
    if seconds <= 0:
        return service
    await_status(session, service.name, _STEADY, seconds)
    return runner_of(session.account).service(session, service.name)


def status_of(service: Service) -> str:
    """Return the state of every container, as JSON text."""
    return json.dumps(
        [
            {
                "status": c["status"], "message": c["message"], "containerName": c["container_name"],
                "instanceId": c["instance_id"], "serviceName": c["service_name"], "image": c["image_name"],
                "restartCount": c["restart_count"], "startTime": c["start_time"] or "",
                **({} if c["last_exit_code"] is None else {"lastExitCode": c["last_exit_code"]}),
            }
            for c in containers(service)
        ]
    )  # fmt: skip


@scalar_function("SYSTEM$WAIT_FOR_SERVICES")
def wait_for_services(session: Session, arguments: Arguments) -> object:
    """Wait until these services run and these jobs have ended, at most so many seconds (the first argument)."""
    until = time.monotonic() + float(arguments.require(0))
    names = [session.resolve(parse_name(str(name))) for name in arguments.positional[1:]]
    return all(_settled(session, name, until - time.monotonic()) for name in names)


def _settled(session: Session, name: ObjectName, seconds: float) -> bool:
    is_job = runner_of(session.account).service(session, name).is_job
    return await_status(session, name, _FINAL if is_job else frozenset({RUNNING}), seconds)


def await_status(session: Session, name: ObjectName, wanted: frozenset[str], seconds: float) -> bool:
    """Wait until a service has one of these statuses; False if a job ends otherwise, or not within the time."""
    runner, until = runner_of(session.account), time.monotonic() + seconds
    with session.waiting():
        while (service := runner.service(session, name)).status not in wanted:
            if (service.is_job and service.status in _FINAL) or time.monotonic() >= until:
                return False
            if session.cancelled.is_set():
                raise SnowflakeError("SQL execution canceled", code="000604", sqlstate="57014")
            time.sleep(0.05)
    return True


def _service(session: Session, arguments: Arguments, privilege: str) -> Service:
    name = session.resolve(parse_name(str(arguments.require(0))))
    return runner_of(session.account).service(session, name, privilege)

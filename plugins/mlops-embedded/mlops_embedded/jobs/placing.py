"""Placing a service: its specification, the privileges it needs, and an instance's containers made ready to start."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_embedded.catalog import Document, ObjectName
from mlops_embedded.catalog.grants import PUBLIC, Securable, require
from mlops_embedded.errors import SnowflakeError, invalid_value, unknown_here
from mlops_embedded.jobs.logs import ContainerLog
from mlops_embedded.jobs.mounts import secrets_of, volumes_of
from mlops_embedded.jobs.running_container import Placed
from mlops_embedded.jobs.runtimes.runtime import ContainerPlan, Place, Runtime
from mlops_embedded.jobs.runtimes.sandbox import HOST
from mlops_embedded.jobs.service import Service, ServiceRequest
from mlops_embedded.jobs.specifications.fields import SpecificationError
from mlops_embedded.jobs.specifications.specification import Specification, parse_specification
from mlops_embedded.principal import Principal
from mlops_embedded.sql.access import require_in_schema
from mlops_embedded.sql.session import Session

if TYPE_CHECKING:
    from mlops_embedded.account import Account

TOKEN_LIFETIME = timedelta(hours=1)
LOG = "log.txt"

CollectLine = Callable[[Service, int, str, datetime, str, str], None]
"""Takes a line of a service's instance and container: the time, the stream, the text."""


def read_specification(text: str) -> Specification:
    """Return a specification out of a statement or request; what is wrong with it is Snowflake's error 395018."""
    try:
        return parse_specification(text)
    except SpecificationError as error:
        raise SnowflakeError(f"Invalid spec: {error}", code="395018", sqlstate="22023") from error


def check_name(name: ObjectName) -> None:
    """Refuse a name that needs quotes: Snowflake takes none for services, nor for where they are."""
    if any(part and not re.fullmatch(r"[A-Z_][A-Z0-9_$]*", part) for part in (name.database, name.schema, name.name)):
        raise invalid_value(f"a service's name, database and schema must not need quotes: {name}")


def require_privileges(session: Session, request: ServiceRequest) -> Document:
    """The role may create services in the schema, and use the pool, which is returned."""
    require_in_schema(session, request.name, "CREATE SERVICE")
    return require_pool(session, request.compute_pool)


def require_pool(session: Session, name: str) -> Document:
    """Return a compute pool that the role may use, and that runs, or resumes when something is to run on it."""
    pool = session.catalog.get("compute_pool", ObjectName(None, None, name))
    on = Securable("COMPUTE POOL", pool.name)
    require(session.catalog, session.role, "USAGE", on, pool.body.get("owner"))
    if pool.body.get("state") == "SUSPENDED" and not pool.body.get("auto_resume"):
        raise invalid_value(f"compute pool {name} is suspended and does not resume by itself")
    return pool


def ports_of(specification: Specification) -> Iterator[int]:
    """Return every port that a service's endpoints offer."""
    for endpoint in specification.endpoints:
        yield from range(endpoint.port, endpoint.last_port + 1)


def require_endpoints(
    specification: Specification,
    instances: int,
    taken: Iterable[tuple[int, ObjectName]],
    held: Container[int] = (),
) -> None:
    """A service's ports must be free, or `held` by itself, and its instances cannot share them.

    Raises:
        SnowflakeError: containers here have no network of their own, so that a port is one of the machine's.
    """
    if specification.endpoints and instances > 1:
        raise unknown_here(
            "several instances of a service with endpoints: its containers share this machine's network, and one port "
            "has one listener"
        )
    used = dict(taken)
    for port in ports_of(specification):
        if port in used:
            raise invalid_value(f"port {port} is an endpoint of service {used[port]} already")
        if port not in held and not _is_free(port):
            raise invalid_value(f"port {port}, which the specification has as an endpoint, is in use on this machine")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


@contextmanager
def owner_session(account: Account, service: Service) -> Iterator[Session]:
    """Open a session of the service's own user, as its containers have, to look up what its specification names."""
    session = account.open_session(
        Principal(service.name.name, account.credentials.fingerprint),
        role=service.owner,
        database=service.name.database,
        schema=service.name.schema,
        context={"service": service.name.name, "roles": [service.owner, PUBLIC]},
    )
    try:
        yield session
    finally:
        session.close()


def place_instance(
    session: Session,
    runtime: Runtime,
    service: Service,
    number: int,
    folder: Path,
    collect: CollectLine,
) -> list[Placed]:
    """Make the containers of one instance ready to start; `folder` is the service's own."""
    specification = read_specification(service.request.specification)
    volumes = volumes_of(session, specification, folder / str(number))
    account, bound = session.account, session.context.get("task_run")
    placed = []
    for container in specification.containers:
        variables, files = secrets_of(session, container)
        own = folder / str(number) / container.name
        own.mkdir(parents=True, exist_ok=True)
        place = Place(
            service.name.database or "", service.name.schema or "", service.name.name, account.port, number,
            service.request.replicas,
        )  # fmt: skip
        plan = ContainerPlan(
            own, container, place, volumes, variables, files,
            lambda: _mint(account, service, bound, shares_disk=runtime.shares_disk),
        )  # fmt: skip
        log = ContainerLog(own / LOG, _collector(collect, specification, service, number, container.name))
        placed.append(Placed(container, runtime.prepare(plan), log))
    return placed


def _collector(
    collect: CollectLine, specification: Specification, service: Service, number: int, container: str
) -> Callable[[datetime, str, str], None] | None:
    """What hands a container's lines on: none of them at level NONE, those of stderr at level ERROR."""
    if specification.log_level == "NONE":
        return None

    def line(time: datetime, stream: str, text: str) -> None:
        if specification.log_level == "INFO" or stream == "stderr":
            collect(service, number, container, time, stream, text)

    return line


def _mint(account: Account, service: Service, task_run: object, *, shares_disk: bool) -> str:
    """Return a token for the service's user, which knows the task run that a job belongs to."""
    return account.credentials.mint(
        service.name.name,
        lifetime=TOKEN_LIFETIME,
        role=service.owner,
        warehouse=service.request.query_warehouse,
        database=service.name.database,
        schema=service.name.schema,
        context={
            "service": service.name.name,
            "roles": [service.owner, PUBLIC],
            "shares_disk": shares_disk,
            **({"task_run": task_run} if task_run else {}),
        },
    )

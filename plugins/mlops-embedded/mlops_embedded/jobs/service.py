"""A service of the account (a job is one that ends): its request, its instances, and the status these add up to."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Final

from mlops_embedded.catalog import Document, ObjectName

KIND = "service"
PENDING: Final = "PENDING"
READY: Final = "READY"
RUNNING: Final = "RUNNING"
DONE: Final = "DONE"
FAILED: Final = "FAILED"
CANCELLING: Final = "CANCELLING"
CANCELLED: Final = "CANCELLED"
SUSPENDING: Final = "SUSPENDING"
SUSPENDED: Final = "SUSPENDED"
SUCCEEDED: Final = "SUCCEEDED"
TERMINATING: Final = "TERMINATING"
ENDED = frozenset({DONE, FAILED, CANCELLED})
STATUSES = frozenset({PENDING, RUNNING, DONE, FAILED, CANCELLING, CANCELLED, SUSPENDING, SUSPENDED})


@dataclass(frozen=True, slots=True)
class Scale:
    """How a long-running service runs: with how many instances, and when it stops and starts by itself."""

    min_instances: int = 1
    max_instances: int = 1
    min_ready_instances: int = 1
    auto_resume: bool = True
    auto_suspend_secs: int = 0


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """What CREATE SERVICE or EXECUTE JOB SERVICE asks for; a job has no scale."""

    name: ObjectName
    compute_pool: str
    specification: str
    query_warehouse: str | None = None
    comment: str | None = None
    external_access_integrations: tuple[str, ...] = ()
    is_async: bool = False
    replicas: int | None = None
    scale: Scale | None = None

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.specification.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ContainerState:
    """One container of one instance. `pid` and `mark`, or `engine_id`, find it after a crash of the server."""

    name: str
    image: str
    status: str = PENDING
    message: str = "Waiting to start"
    exit_code: int | None = None
    """How it ended the last time it did."""
    started: str | None = None
    pid: int | None = None
    mark: str | None = None
    engine_id: str | None = None
    image_digest: str | None = None
    restarts: int = 0
    restarted: str | None = None


Instance = tuple[ContainerState, ...]


@dataclass(frozen=True, slots=True)
class Service:
    """A service as the catalog keeps it, with the state of every container of every instance."""

    request: ServiceRequest
    owner: str
    instances: tuple[Instance, ...]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    query_id: str = ""
    created_on: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    updated_on: datetime | None = None
    resumed_on: datetime | None = None
    suspended_on: datetime | None = None
    cancelled: bool = False
    suspended: bool = False
    """Whether a long-running service is to rest; its containers may be on their way out."""
    message: str = ""
    """Why a long-running service cannot start an instance; empty if it can."""

    @property
    def name(self) -> ObjectName:
        return self.request.name

    @property
    def is_job(self) -> bool:
        return self.request.scale is None

    @property
    def status(self) -> str:
        return self._job_status() if self.request.scale is None else self._service_status(self.request.scale)

    def _job_status(self) -> str:
        """Any failed: FAILED; all well: DONE; any running: RUNNING; else PENDING. A cancelled one says so."""
        whole = overall([container.status for instance in self.instances for container in instance])
        if self.cancelled:
            return CANCELLED if whole in ENDED else CANCELLING
        return whole

    def _service_status(self, scale: Scale) -> str:
        """RUNNING when as many instances are ready as must be; FAILED while one waits to be started again."""
        if self.suspended:
            return SUSPENDING if self.instances else SUSPENDED
        statuses = [self.instance_status(number) for number in range(len(self.instances))]
        if statuses.count(READY) >= scale.min_ready_instances:
            return RUNNING
        return FAILED if FAILED in statuses or self.message else PENDING

    def instance_status(self, number: int) -> str:
        """PENDING, READY, FAILED, TERMINATING, or for a job SUCCEEDED, out of those of the instance's containers."""
        statuses = {container.status for container in self.instances[number]}
        for status in (TERMINATING, FAILED, CANCELLED, PENDING):
            if status in statuses:
                return FAILED if status == CANCELLED else status
        return SUCCEEDED if statuses == {DONE} and self.is_job else READY

    @property
    def ended(self) -> bool:
        """Whether no container runs, or will."""
        return all(container.status in ENDED for instance in self.instances for container in instance) and (
            self.is_job or self.suspended
        )

    @property
    def current_instances(self) -> int:
        return sum(any(c.status not in ENDED for c in each) for each in self.instances)

    @property
    def target_instances(self) -> int:
        scale = self.request.scale
        return len(self.instances) if scale is None else 0 if self.suspended else scale.min_instances

    def with_container(self, instance: int, container: int, **changes: Any) -> Service:
        """Return the service with one container's state changed."""
        states = [list(each) for each in self.instances]
        states[instance][container] = replace(states[instance][container], **changes)
        return replace(self, instances=tuple(tuple(each) for each in states), updated_on=datetime.now(timezone.utc))

    def with_instance(self, number: int, states: Instance) -> Service:
        """Return the service with an instance added at the end, or put in place of the one of that number."""
        instances = (*self.instances[:number], states, *self.instances[number + 1 :])
        return replace(self, instances=instances, updated_on=datetime.now(timezone.utc))

    def document(self) -> Document:
        request = {key: value for key, value in asdict(self.request).items() if key != "name"}
        times = {key: _text(getattr(self, key)) for key in _TIMES}
        body = {
            "request": request, "owner": self.owner, "id": self.id, "query_id": self.query_id, **times,
            "cancelled": self.cancelled, "suspended": self.suspended, "message": self.message,
            "instances": [[asdict(c) for c in each] for each in self.instances],
        }  # fmt: skip
        return Document(KIND, self.name, body, self.created_on)

    @classmethod
    def of(cls, document: Document) -> Service:
        body = document.body
        asked = {**body["request"], "name": document.name}
        asked["external_access_integrations"] = tuple(asked["external_access_integrations"])
        asked["scale"] = Scale(**asked["scale"]) if asked["scale"] else None
        return cls(
            ServiceRequest(**asked),
            body["owner"],
            tuple(tuple(ContainerState(**c) for c in each) for each in body["instances"]),
            id=body["id"],
            query_id=body["query_id"],
            created_on=document.created_on,
            **{key: datetime.fromisoformat(body[key]) if body[key] else None for key in _TIMES},
            cancelled=body["cancelled"],
            suspended=body["suspended"],
            message=body["message"],
        )


_TIMES = ("updated_on", "resumed_on", "suspended_on")


def _text(time: datetime | None) -> str | None:
    return time.isoformat() if time else None


def overall(statuses: Sequence[str]) -> str:
    """Return the one status that several add up to; while one still runs, a failure of another does not end it."""
    if not all(status in ENDED for status in statuses):
        return RUNNING if any(status != PENDING for status in statuses) else PENDING
    if FAILED in statuses:
        return FAILED
    return CANCELLED if CANCELLED in statuses else DONE

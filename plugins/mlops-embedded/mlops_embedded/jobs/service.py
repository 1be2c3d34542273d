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
RUNNING: Final = "RUNNING"
DONE: Final = "DONE"
FAILED: Final = "FAILED"
CANCELLING: Final = "CANCELLING"
CANCELLED: Final = "CANCELLED"
ENDED = frozenset({DONE, FAILED, CANCELLED})


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What EXECUTE JOB SERVICE asks for."""

    name: ObjectName
    compute_pool: str
    specification: str
    query_warehouse: str | None = None
    comment: str | None = None
    external_access_integrations: tuple[str, ...] = ()
    is_async: bool = False
    replicas: int | None = None


@dataclass(frozen=True, slots=True)
class ContainerState:
    """One container of one instance; `pid` and `mark` find its process after a crash of the server."""

    name: str
    image: str
    status: str = PENDING
    message: str = ""
    exit_code: int | None = None
    started: str | None = None
    pid: int | None = None
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class JobService:
    """A job as the catalog keeps it, with the state of every container of every instance."""

    request: JobRequest
    owner: str
    instances: tuple[tuple[ContainerState, ...], ...]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    query_id: str = ""
    created_on: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    updated_on: datetime | None = None
    cancelled: bool = False
    message: str = ""

    @property
    def name(self) -> ObjectName:
        return self.request.name

    @property
    def status(self) -> str:
        """Any failed: FAILED; all well: DONE; any running: RUNNING; else PENDING. A cancelled one says so."""
        whole = overall([self.instance_status(number) for number in range(len(self.instances))])
        if self.cancelled:
            return CANCELLED if whole in ENDED else CANCELLING
        return whole

    def instance_status(self, number: int) -> str:
        return overall([container.status for container in self.instances[number]])

    @property
    def ended(self) -> bool:
        return all(container.status in ENDED for instance in self.instances for container in instance)

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.request.specification.encode()).hexdigest()

    def with_container(self, instance: int, container: int, **changes: Any) -> JobService:
        """Return the job with one container's state changed."""
        states = [list(each) for each in self.instances]
        states[instance][container] = replace(states[instance][container], **changes)
        return replace(self, instances=tuple(tuple(each) for each in states), updated_on=datetime.now(timezone.utc))

    def document(self) -> Document:
        request = {key: value for key, value in asdict(self.request).items() if key != "name"}
        body = {
            "request": request, "owner": self.owner, "id": self.id, "query_id": self.query_id,
            "updated_on": self.updated_on.isoformat() if self.updated_on else None, "cancelled": self.cancelled,
            "message": self.message, "instances": [[asdict(c) for c in each] for each in self.instances],
        }  # fmt: skip
        return Document(KIND, self.name, body, self.created_on)

    @classmethod
    def of(cls, document: Document) -> JobService:
        body = document.body
        asked = {**body["request"], "name": document.name}
        asked["external_access_integrations"] = tuple(asked["external_access_integrations"])
        return cls(
            JobRequest(**asked),
            body["owner"],
            tuple(tuple(ContainerState(**c) for c in each) for each in body["instances"]),
            id=body["id"],
            query_id=body["query_id"],
            created_on=document.created_on,
            updated_on=datetime.fromisoformat(body["updated_on"]) if body["updated_on"] else None,
            cancelled=body["cancelled"],
            message=body["message"],
        )


def overall(statuses: Sequence[str]) -> str:
    """Return the one status that several add up to; while one still runs, a failure of another does not end it."""
    if not all(status in ENDED for status in statuses):
        return RUNNING if any(status != PENDING for status in statuses) else PENDING
    if FAILED in statuses:
        return FAILED
    return CANCELLED if CANCELLED in statuses else DONE

"""A service that runs: a job, until its containers end, or a long-running one, whose instances are kept as wanted."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from mlops_embedded.errors import SnowflakeError
from mlops_embedded.jobs.running_container import GRACE_SECONDS, Placed, RunningContainer
from mlops_embedded.jobs.service import (
    CANCELLED,
    ENDED,
    FAILED,
    PENDING,
    TERMINATING,
    Instance,
    Service,
)

INTERRUPTED = "The server ended while this container ran."
_GRACE_AT_STOP_SECONDS = 5.0
logger = logging.getLogger("mlops_embedded.jobs")


class RunningService:
    """What is common to jobs and long-running services: the state as it changes, and the containers that change it."""

    def __init__(self, service: Service, save: Callable[[Service], None]) -> None:
        self.service = service
        self.ended = threading.Event()
        """Set when nothing runs any more, and nothing will."""
        self._save = save
        self._lock = threading.RLock()
        self._containers: dict[int, list[RunningContainer]] = {}
        self._interrupted = False

    def rotate_tokens(self) -> None:
        with self._lock:
            running = [container for instance in self._containers.values() for container in instance]
        for container in running:
            container.rotate_token()

    def interrupt(self) -> None:
        """End every container because the server stops."""
        self._interrupted = True
        self._stop_containers(_GRACE_AT_STOP_SECONDS)

    def _update(self, service: Service) -> None:
        self.service = service
        self._save(service)

    def _begin(self, number: int, placed: list[Placed], *, restarts: bool) -> None:
        """Record an instance's containers and start them."""
        with self._lock:
            self._update(self.service.with_instance(number, tuple(each.state for each in placed)))
            self._containers[number] = running = [
                RunningContainer(each, self._changer(number, index), restarts=restarts)
                for index, each in enumerate(placed)
            ]
        for container in running:
            container.start()

    def _changer(self, number: int, index: int) -> Callable[..., None]:
        def change(**changes: Any) -> None:
            with self._lock:
                self._update(self.service.with_container(number, index, **self._shown_as(changes)))

        return change

    def _shown_as(self, changes: dict[str, Any]) -> dict[str, Any]:
        """What a change of a container's state is recorded as."""
        return changes

    def _stop_containers(self, grace_seconds: float, number: int | None = None) -> None:
        """Ask the containers of one instance, or of all, to end."""
        with self._lock:
            asked = [self._containers.get(number, [])] if number is not None else list(self._containers.values())
        for instance in asked:
            for container in instance:
                container.stop(grace_seconds)


class RunningJob(RunningService):
    """A job between its start and its end."""

    def start(self, instances: list[list[Placed]]) -> None:
        """Start every container of every instance, and follow each to its end."""
        for number, placed in enumerate(instances):
            self._begin(number, placed, restarts=False)
        threading.Thread(target=self._follow, name=f"job {self.service.name.name}", daemon=True).start()

    def cancel(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """Ask every container to end, and end it after the grace."""
        with self._lock:
            if self.service.ended:
                return
            self._update(replace(self.service, cancelled=True))
        self._stop_containers(grace_seconds)

    def _follow(self) -> None:
        for instance in self._containers.values():
            for container in instance:
                container.ended.wait()
        with self._lock:  # what was stopped before it could start
            for number, states in enumerate(self.service.instances):
                for index, state in enumerate(states):
                    if state.status not in ENDED:
                        status = CANCELLED if self.service.cancelled else FAILED
                        self._update(self.service.with_container(number, index, status=status, message=INTERRUPTED))
        self.ended.set()

    def _shown_as(self, changes: dict[str, Any]) -> dict[str, Any]:
        if changes["status"] == FAILED and self.service.cancelled:
            return {**changes, "status": CANCELLED}
        if changes["status"] in ENDED and self._interrupted:
            return {**changes, "status": FAILED, "message": INTERRUPTED}
        return changes


PlaceInstance = Callable[[Service, int], list[Placed]]
"""Makes the containers of a service's instance of this number ready to start."""


class RunningLongService(RunningService):
    """A long-running service: a thread that makes what runs what is wanted, one instance after another."""

    def __init__(self, service: Service, save: Callable[[Service], None], place: PlaceInstance) -> None:
        super().__init__(service, save)
        self.upgrading = False
        self._place = place
        self._wake = threading.Event()
        self._finished = False
        self._digests: dict[int, str] = {}
        self._thread = threading.Thread(target=self._keep, name=f"service {service.name.name}", daemon=True)

    def start(self, first: list[list[Placed]] | None = None) -> None:
        """Start the instances; the first ones may have been placed already, so that a mistake in them was refused."""
        with self._lock:
            self._update(replace(self.service, instances=()))
        for number, placed in enumerate(first or []):
            self._begin_instance(number, placed)
        self._thread.start()
        self._wake.set()

    def change(self, change: Callable[[Service], Service]) -> None:
        """Change what is wanted (suspended or not, how many instances, which specification) and follow it soon."""
        with self._lock:
            self._update(replace(change(self.service), message="", updated_on=datetime.now(timezone.utc)))
            self.upgrading = any(digest != self.service.request.digest for digest in self._digests.values())
        self._wake.set()

    def finish(self) -> None:
        """End every instance, for good."""
        self._finished = True
        self.change(lambda service: service)

    def interrupt(self) -> None:
        self._finished = True
        super().interrupt()
        self._wake.set()

    def _keep(self) -> None:
        while not self._finished or self._containers:
            self._wake.wait()
            self._wake.clear()
            try:
                while self._step():
                    pass
            except Exception as error:
                why = error.message if isinstance(error, SnowflakeError) else f"{type(error).__name__}: {error}"
                logger.warning("service %s: %s", self.service.name, why, exc_info=not isinstance(error, SnowflakeError))
                with self._lock:
                    self._update(replace(self.service, message=why))
        self.ended.set()

    def _step(self) -> bool:
        """Do the next thing that brings what runs nearer to what is wanted; False if there is none."""
        with self._lock:
            service = self.service
            count = 0 if self._finished else service.target_instances
            running = sorted(self._containers, reverse=True)
        for number in running:
            if number >= count or self._digests[number] != service.request.digest:
                self._end_instance(number, keep=number < count)
                return True
        with self._lock:
            self.upgrading = False
        for number in range(count):
            if number not in self._containers:
                self._begin_instance(number, self._place(service, number))
                return True
        return False

    def _begin_instance(self, number: int, placed: list[Placed]) -> None:
        self._digests[number] = self.service.request.digest
        self._begin(number, placed, restarts=True)

    def _end_instance(self, number: int, *, keep: bool) -> None:
        """End an instance and wait for it; it stays in the list if one of its number follows at once."""
        with self._lock:
            ending: Instance = tuple(
                replace(state, status=TERMINATING, message="Terminating") for state in self.service.instances[number]
            )
            self._update(self.service.with_instance(number, ending))
        self._stop_containers(_GRACE_AT_STOP_SECONDS if self._interrupted else GRACE_SECONDS, number)
        for container in self._containers[number]:
            container.ended.wait()
        with self._lock:
            del self._containers[number], self._digests[number]
            if not keep:
                self._update(replace(self.service, instances=self.service.instances[:number]))

    def _shown_as(self, changes: dict[str, Any]) -> dict[str, Any]:
        if self._interrupted and changes["status"] in ENDED:
            return {**changes, "status": PENDING, "message": INTERRUPTED}
        return changes

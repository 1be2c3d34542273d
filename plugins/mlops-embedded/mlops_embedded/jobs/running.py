"""A service that runs: its instances, whose containers are started, followed, and in a long-running one restarted."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from mlops_embedded.errors import SnowflakeError
from mlops_embedded.jobs.containers import Container
from mlops_embedded.jobs.logs import ContainerLog
from mlops_embedded.jobs.probes import watch
from mlops_embedded.jobs.runtime import ContainerRun, Exit, PreparedContainer
from mlops_embedded.jobs.service import (
    CANCELLED,
    DONE,
    ENDED,
    FAILED,
    PENDING,
    READY,
    TERMINATING,
    ContainerState,
    Instance,
    Service,
)

GRACE_SECONDS = 30.0
INTERRUPTED = "The server ended while this container ran."
_GRACE_AT_STOP_SECONDS = 5.0
_FIRST_RESTART_SECONDS, _LAST_RESTART_SECONDS, _HEALTHY_SECONDS = 0.2, 60.0, 10.0
"""A container that ends is started again after a pause, which doubles until one run was long enough."""
logger = logging.getLogger("mlops_embedded.jobs")


@dataclass(frozen=True, slots=True)
class Placed:
    """A container of an instance, ready to start, and where its output goes."""

    container: Container
    prepared: PreparedContainer
    log: ContainerLog

    @property
    def state(self) -> ContainerState:
        """What is known of it before it starts."""
        return ContainerState(
            self.container.name, self.container.image, image_digest=self.prepared.image_digest
        )  # fmt: skip


class RunningContainer:
    """One container: a thread that starts it, waits for its end, and starts it again if it is to go on."""

    def __init__(self, placed: Placed, change: Callable[..., None], *, restarts: bool) -> None:
        self.ended = threading.Event()
        self._placed, self._change, self._restarts = placed, change, restarts
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._run: ContainerRun | None = None
        self._thread = threading.Thread(target=self._live, name=f"container {placed.container.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, grace_seconds: float) -> None:
        """Ask it to end, for good; returns at once."""
        with self._lock:
            self._stopping.set()
            if self._run is not None:
                self._run.terminate(grace_seconds)

    def rotate_token(self) -> None:
        token = self._placed.prepared.token
        if token is not None:
            with suppress(FileNotFoundError):  # the service was dropped meanwhile
                token.rotate()

    def _live(self) -> None:
        try:
            self._run_until_stopped()
        except Exception as error:  # a bug of ours must not leave a container that never ends
            logger.exception("container %s failed", self._placed.container.name)
            why = error.message if isinstance(error, SnowflakeError) else f"{type(error).__name__}: {error}"
            self._change(status=FAILED, message=why, exit_code=1)
        finally:
            self.ended.set()

    def _run_until_stopped(self) -> None:
        pause, restarts = _FIRST_RESTART_SECONDS, 0
        while True:
            begun = datetime.now(timezone.utc)
            with self._lock:
                if self._stopping.is_set():
                    return
                self._placed.log.begin()
                self._run = run = self._placed.prepared.start(self._placed.log)
            ready = {"status": READY, "message": "Running"}
            waits = {"status": PENDING, "message": "Readiness probe is failing"}
            first = waits if self._placed.container.readiness else ready
            again = {"restarts": restarts, "restarted": begun.isoformat()} if restarts else {}
            self._change(**first, **again, **run.facts, started=begun.isoformat())
            unwatch = watch(
                self._placed.container,
                ready=lambda now_ready, ready=ready, waits=waits: self._change(**(ready if now_ready else waits)),  # type: ignore[misc] # a lambda's defaults have no types
                dead=lambda run=run: run.terminate(GRACE_SECONDS),  # type: ignore[misc] # as above
            )
            ended = run.wait()
            unwatch()
            with self._lock:
                self._run = None
            self._change(**_how(ended), pid=None, mark=None, engine_id=None)
            if not self._restarts or self._stopping.is_set():
                return
            if (datetime.now(timezone.utc) - begun).total_seconds() > _HEALTHY_SECONDS:
                pause = _FIRST_RESTART_SECONDS
            if self._stopping.wait(pause):
                return
            pause, restarts = min(2 * pause, _LAST_RESTART_SECONDS), restarts + 1


def _how(ended: Exit) -> dict[str, Any]:
    if ended.code == 0:
        return {"status": DONE, "message": "Completed successfully", "exit_code": 0}
    message = ended.message or f"Container exited with code {ended.code}"
    return {"status": FAILED, "message": message, "exit_code": ended.code}


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

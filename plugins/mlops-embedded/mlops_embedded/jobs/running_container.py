"""A container that runs: started, probed, followed to its end, and started again if it is to go on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from mlops_embedded.errors import SnowflakeError
from mlops_embedded.jobs.logs import ContainerLog
from mlops_embedded.jobs.probes import watch
from mlops_embedded.jobs.runtimes.runtime import ContainerRun, Exit, PreparedContainer
from mlops_embedded.jobs.service import DONE, FAILED, PENDING, READY, ContainerState
from mlops_embedded.jobs.specifications.containers import Container

GRACE_SECONDS = 30.0
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

"""Upkeep of the services that are active: their tokens are rotated, and idle ones suspended."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from mlops_embedded.jobs.active_services import ActiveServices
from mlops_embedded.jobs.placing import read_specification
from mlops_embedded.jobs.running_service import RunningLongService
from mlops_embedded.jobs.service import RUNNING, Service

TOKEN_ROTATION_SECONDS = 300.0
_TICK_SECONDS = 5.0
logger = logging.getLogger("mlops_embedded.jobs")


class Upkeep:
    """A thread that goes round all active services; `suspend` is what it does to one that was idle for too long."""

    def __init__(self, active: ActiveServices, suspend: Callable[[RunningLongService], None]) -> None:
        self._active, self._suspend = active, suspend
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="services", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Let the thread end at its next look at the time."""
        self._stopping.set()

    def _keep(self) -> None:
        rotated = time.monotonic()
        while not self._stopping.wait(_TICK_SECONDS):
            if time.monotonic() - rotated >= TOKEN_ROTATION_SECONDS:
                rotated = time.monotonic()
                for running in self._active.all():
                    running.rotate_tokens()
            self.suspend_idle()

    def suspend_idle(self) -> None:
        """Suspend the services that nobody has used for too long."""
        for running in self._active.all():
            idle = self._active.idle_seconds(running.service.name)
            if isinstance(running, RunningLongService) and is_idle(running.service, idle):
                logger.info("service %s is suspended after %.0f s without use", running.service.name, idle)
                self._suspend(running)


def is_idle(service: Service, seconds: float) -> bool:
    """Whether a service that nobody called for so long is to be suspended; one with public endpoints never is."""
    scale = service.request.scale
    if scale is None or not scale.auto_suspend_secs or service.status != RUNNING:
        return False
    if any(endpoint.public for endpoint in read_specification(service.request.specification).endpoints):
        return False
    return seconds > scale.auto_suspend_secs

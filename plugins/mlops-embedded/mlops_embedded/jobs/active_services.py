"""The services that are active: what runs them, by name, and when each was used last."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime

from mlops_embedded.catalog import ObjectName
from mlops_embedded.jobs.placing import ports_of, read_specification
from mlops_embedded.jobs.running_service import RunningService
from mlops_embedded.schedules.clock import Clock


class ActiveServices:
    """Jobs from their start to their end, long-running services from their start to their drop, suspended ones included.

    For how long one is idle is told by the machine's clock, or by the one of schedules where a test moves that further.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._running: dict[ObjectName, RunningService] = {}
        self._used: dict[ObjectName, tuple[float, datetime]] = {}

    def add(self, running: RunningService) -> None:
        """Take one in, in place of one that had its name."""
        with self._lock:
            self._running[running.service.name] = running
        self.used(running.service.name)

    def remove(self, running: RunningService) -> None:
        """Let one go, unless another has its name by now."""
        name = running.service.name
        with self._lock:
            if self._running.get(name) is running:
                del self._running[name]
                self._used.pop(name, None)

    def get(self, name: ObjectName) -> RunningService | None:
        """Return what runs a service; None for a job that has ended."""
        with self._lock:
            return self._running.get(name)

    def all(self) -> list[RunningService]:
        """Return those that are active now."""
        with self._lock:
            return list(self._running.values())

    def used(self, name: ObjectName) -> None:
        """Say that a service is used now."""
        self._used[name] = time.monotonic(), self._clock.now()

    def idle_seconds(self, name: ObjectName) -> float:
        """Return for how long nobody has used a service; nothing for one that is not active."""
        used = self._used.get(name)
        if used is None:
            return 0.0
        return max(time.monotonic() - used[0], (self._clock.now() - used[1]).total_seconds())

    def ports(self, but: ObjectName) -> Iterator[tuple[int, ObjectName]]:
        """Yield the ports of every other long-running service, and whose they are."""
        for running in self.all():
            service = running.service
            if service.name != but and not service.is_job:
                for port in ports_of(read_specification(service.request.specification)):
                    yield port, service.name

"""The services that are active: what runs them, by name, and when each was used last."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from mlops_embedded.catalog import ObjectName
from mlops_embedded.jobs.placing import ports_of, read_specification
from mlops_embedded.jobs.running_service import RunningService


class ActiveServices:
    """Jobs from their start to their end, long-running services from their start to their drop, suspended ones included."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[ObjectName, RunningService] = {}
        self._used: dict[ObjectName, float] = {}

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
        self._used[name] = time.monotonic()

    def idle_seconds(self, name: ObjectName) -> float:
        """Return for how long nobody has used a service."""
        return time.monotonic() - self._used.get(name, 0.0)

    def ports(self, but: ObjectName) -> Iterator[tuple[int, ObjectName]]:
        """Yield the ports of every other long-running service, and whose they are."""
        for running in self.all():
            service = running.service
            if service.name != but and not service.is_job:
                for port in ports_of(read_specification(service.request.specification)):
                    yield port, service.name

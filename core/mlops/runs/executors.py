"""Executors: attempts of nodes run in this process one after the other, or each in a process of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from mlops.nodes import Origin
from mlops.runs.node_run import Order, Stopped, run_node
from mlops.runs.outcome import NodeOutcome, interrupted
from mlops.runs.preparation import Preparation
from mlops.runs.workers import workers


class InlineExecutor:
    """Runs nodes in this process, one at a time. A node with a timeout gets a process, since only that can be ended."""

    width = 1

    def __init__(self, preparation: Preparation, *, grace: float) -> None:
        self._preparation, self._grace = preparation, grace
        self._keywords: dict[str, Any] | None = None  # Any: see run_node
        self._next: Order | None = None
        self._aside: ProcessExecutor | None = None
        self.interruptible = True

    def start(self, order: Order) -> None:
        """Take an attempt; it is run by the next ``wait``."""
        if order.node.timeout is not None:
            self._aside = self._aside or ProcessExecutor(self._preparation, width=1, grace=self._grace)
            self._aside.start(order)
        else:
            self._next = order

    def wait(self, seconds: float | None) -> Sequence[NodeOutcome]:
        """Run the attempt that was started, or wait for the one that runs aside."""
        order, self._next = self._next, None
        if order is None:
            return self._aside.wait(seconds) if self._aside is not None else ()
        started = time.time()
        try:
            if self._keywords is None:
                self._keywords = self._preparation()
            return (run_node(order, **self._keywords),)
        except Stopped:
            return (interrupted(order.node.full_name, order.attempt, started),)

    def stop(self) -> None:
        """Ask what runs aside to end."""
        if self._aside is not None:
            self._aside.stop()

    def close(self) -> None:
        """End what runs aside, and the services."""
        if self._aside is not None:
            self._aside.close()
        if self._keywords is not None:
            self._keywords["services"].close()


class ProcessExecutor:
    """Runs each node in a process of its own, ``width`` at once."""

    interruptible = False

    def __init__(self, preparation: Preparation, *, width: int, grace: float, origins: Sequence[Origin] = ()) -> None:
        self.width = width
        self._workers = workers(preparation, origins, grace=grace)

    def start(self, order: Order) -> None:
        """Start an attempt in a new process."""
        timeout = order.node.timeout
        self._workers.start(order, None if timeout is None else timeout.total_seconds())

    def wait(self, seconds: float | None) -> Sequence[NodeOutcome]:
        """Return the attempts whose processes have ended."""
        return self._workers.wait(seconds)

    def stop(self) -> None:
        """Ask every running node to end; one that does not is killed after the grace."""
        self._workers.stop()

    def close(self) -> None:
        """End the processes."""
        self._workers.close()


def processors() -> int:
    """Return how many processors this process may use."""
    affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1

"""Executors: attempts of nodes run in this process one after the other, or each in a process of its own."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Sequence

from mlops.nodes import Origin
from mlops.runs.attempt import Prepared
from mlops.runs.node_run import Stopped, run_node
from mlops.runs.order import Order
from mlops.runs.outcome import NodeOutcome, interrupted
from mlops.runs.preparation import Preparation
from mlops.runs.processes.workers import workers
from mlops.runs.replicas import Gathering, gather_order, replica_count, replica_orders


class InlineExecutor:
    """Runs nodes in this process, one at a time.

    A node with a timeout gets a process, since only that can be ended; a partitioned one gets a process a replica.
    """

    width = 1

    def __init__(self, preparation: Preparation, *, grace: float) -> None:
        self._preparation, self._grace = preparation, grace
        self._prepared: Prepared | None = None
        self._next: Order | None = None
        self._aside: ProcessExecutor | None = None
        self.interruptible = True

    def start(self, order: Order) -> None:
        """Take an attempt; it is run by the next ``wait``."""
        if order.node.timeout is not None or order.node.partitions is not None:
            self._aside = self._aside or ProcessExecutor(self._preparation, width=processors(), grace=self._grace)
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
            if self._prepared is None:
                self._prepared = self._preparation()
            return (run_node(order, self._prepared),)
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
        if self._prepared is not None:
            self._prepared.services.close()


class ProcessExecutor:
    """Runs each node, and each replica of a partitioned one, in a process of its own, ``width`` at once."""

    interruptible = False

    def __init__(self, preparation: Preparation, *, width: int, grace: float, origins: Sequence[Origin] = ()) -> None:
        self.width = width
        self._workers = workers(preparation, origins, grace=grace)
        self._active = 0
        self._waiting: deque[Order] = deque()
        self._gatherings: dict[str, Gathering] = {}
        self._not_started: list[NodeOutcome] = []

    def start(self, order: Order) -> None:
        """Start an attempt in a new process, or as many as are free for one that has replicas."""
        if replica_count(order.node) > 1:
            self._gatherings[order.node.full_name] = Gathering(order)
            self._waiting.extend(replica_orders(order))
        else:
            self._waiting.append(order)
        self._start_what_can()

    def wait(self, seconds: float | None) -> Sequence[NodeOutcome]:
        """Return the attempts whose processes have ended."""
        if self._not_started:
            ended: Sequence[NodeOutcome] = self._not_started
            self._not_started = []
        else:
            ended = self._workers.wait(seconds)
            self._active -= len(ended)
        if self._gatherings:
            ended = [whole for one in ended if (whole := self._gathered(one)) is not None]
        self._start_what_can()
        return ended

    def stop(self) -> None:
        """Ask every running node to end; one that does not is killed after the grace."""
        now = time.time()
        self._not_started += [interrupted(order.node.full_name, order.attempt, now) for order in self._waiting]
        self._waiting.clear()
        self._workers.stop()

    def close(self) -> None:
        """End the processes."""
        self._workers.close()

    def _start_what_can(self) -> None:
        while self._waiting and self._active < self.width:
            order = self._waiting.popleft()
            timeout = order.node.timeout
            self._active += 1
            self._workers.start(order, None if timeout is None else timeout.total_seconds())

    def _gathered(self, outcome: NodeOutcome) -> NodeOutcome | None:
        """Return what a node has come to; None while replicas of it are under way, or their parts are gathered."""
        gathering = self._gatherings.get(outcome.node)
        if gathering is None:
            return outcome
        if gathering.done:
            del self._gatherings[outcome.node]
            return gathering.whole(outcome)
        gathering.ended(outcome)
        if (
            not outcome.state.good
        ):  # what has not begun need not: the parts that are committed are kept for another attempt
            for order in [one for one in self._waiting if one.node.full_name == outcome.node]:
                self._waiting.remove(order)
                gathering.ended(interrupted(outcome.node, order.attempt, time.time()))
        if gathering.done and gathering.bad is not None:
            del self._gatherings[outcome.node]
            return gathering.bad
        if gathering.done:
            self._waiting.appendleft(gather_order(gathering.order, started=gathering.started))
        return None


def processors() -> int:
    """Return how many processors this process may use."""
    affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1

"""A fresh interpreter per node, where the operating system cannot fork: slow to start, and ended by its process alone."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from threading import Thread

from msgspec import Struct

from mlops.runs.order import Order
from mlops.runs.outcome import NodeOutcome, State, died, interrupted, timed_out
from mlops.runs.preparation import Preparation
from mlops.runs.processes.execution import execute_with


class _Attempt(Struct):
    """A node that is being run, and when it must end."""

    order: Order
    process: BaseProcess
    answer: Connection
    started: float
    seconds: float | None
    deadline: float | None
    stopped: bool = False
    timed_out: bool = False


class FreshInterpreters:
    """Runs orders in interpreters that are started for them. What a node has started itself is not ended with it."""

    def __init__(self, preparation: Preparation, *, grace: float) -> None:
        self._preparation, self._grace = preparation, grace
        self._context = get_context("spawn")
        self._attempts: list[_Attempt] = []

    def start(self, order: Order, seconds: float | None) -> None:
        """Start an attempt in an interpreter of its own."""
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_run, args=(theirs, self._preparation, order))
        process.start()
        theirs.close()
        deadline = None if seconds is None else time.monotonic() + seconds
        self._attempts.append(_Attempt(order, process, ours, time.time(), seconds, deadline))

    def stop(self) -> None:
        """Ask every running node to end; after the grace it is killed."""
        for attempt in self._attempts:
            attempt.stopped = True
            self._end(attempt)

    def wait(self, seconds: float | None = None) -> Sequence[NodeOutcome]:
        """Return what has ended since the last call, waiting for the first at most ``seconds``."""
        moments = [attempt.deadline - time.monotonic() for attempt in self._attempts if attempt.deadline is not None]
        patience = min((*moments, *(() if seconds is None else (seconds,))), default=None)
        ready = connection.wait(
            [one for attempt in self._attempts for one in (attempt.answer, attempt.process.sentinel)],
            None if patience is None else max(0.0, patience),
        )
        now = time.monotonic()
        ended = []
        for attempt in list(self._attempts):
            if attempt.answer in ready or attempt.process.sentinel in ready:
                ended.append(self._collect(attempt))
            elif attempt.deadline is not None and now >= attempt.deadline:
                if attempt.stopped or attempt.timed_out:
                    attempt.process.kill()
                else:
                    attempt.timed_out = True
                    self._end(attempt)
        return ended

    def close(self) -> None:
        """Kill the nodes that are still running."""
        for attempt in self._attempts:
            attempt.process.kill()
            attempt.process.join()

    def _end(self, attempt: _Attempt) -> None:
        attempt.deadline = time.monotonic() + self._grace
        attempt.process.terminate()

    def _collect(self, attempt: _Attempt) -> NodeOutcome:
        self._attempts.remove(attempt)
        outcome: NodeOutcome | None = None
        if attempt.answer.poll():
            try:
                outcome = attempt.answer.recv()
            except EOFError:  # it was killed while it wrote
                outcome = None
        attempt.process.kill()
        attempt.process.join()
        node, started = attempt.order.node.full_name, attempt.started
        if outcome is not None and (outcome.state is State.SUCCEEDED or not attempt.timed_out):
            return outcome
        if attempt.timed_out and attempt.seconds is not None:
            error = timed_out(attempt.seconds)
        elif attempt.stopped:
            return interrupted(node, attempt.order.attempt, started)
        else:
            error = died(attempt.process.exitcode or 0)
        return NodeOutcome(node, State.FAILED, attempt.order.attempt, started, time.time(), error=error)


def _run(answer: Connection, preparation: Preparation, order: Order) -> None:
    """Run one order and answer with its outcome, in the new interpreter."""
    Thread(target=_end_with_parent, daemon=True).start()
    started = time.time()
    try:
        outcome = execute_with(preparation)(order)
    except BaseException as cause:  # SystemExit of a node, or a fault of ours: both must be told
        from mlops.runs.failure import error_info

        error = error_info(cause)
        outcome = NodeOutcome(order.node.full_name, State.FAILED, order.attempt, started, time.time(), error=error)
    answer.send(outcome)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

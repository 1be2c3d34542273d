"""Calls with a time limit: made one after the other in a thread of their own, which is left behind when one hangs.

The thread starts with the first call and is not in the way of the end of the process. A call costs two handovers between
threads, some tens of microseconds.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable


class Hung(Exception):
    """A call did not come back within its time; its thread was left behind."""


class TimeLimit:
    """Makes calls for a thread that will not wait for ever."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._calls: queue.SimpleQueue[Callable[[], object]] | None = None
        self._answers: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._process = 0

    def call(self, function: Callable[[], object]) -> None:
        """Make a call and wait for it.

        Raises:
            Hung: it did not come back in time; whatever it still does is not waited for.
            BaseException: what the call raised.
        """
        if self._calls is None or self._process != os.getpid():  # a thread does not follow into a forked process
            self._start()
        assert self._calls is not None
        self._calls.put(function)
        try:
            raised = self._answers.get(timeout=self.seconds)
        except queue.Empty:
            self._calls = None
            raise Hung(f"it did not come back within {self.seconds:g} s and was left behind") from None
        if raised is not None:
            raise raised

    def _start(self) -> None:
        calls: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        answers: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._calls, self._answers, self._process = calls, answers, os.getpid()

        def make_calls() -> None:
            while True:
                try:
                    calls.get()()
                    answers.put(None)
                except BaseException as cause:  # handed to the thread that asked
                    answers.put(cause)

        threading.Thread(target=make_calls, name="mlops-observers", daemon=True).start()

"""The scheduler: one thread that starts what has come due, by the clock that schedules follow."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import datetime

from mlops_embedded.schedules.clock import Clock

_LONGEST_PAUSE_SECONDS, _SHORTEST_PAUSE_SECONDS, _PAUSE_AFTER_ERROR_SECONDS = 30.0, 0.01, 1.0
_STOP_SECONDS = 6.0
logger = logging.getLogger("mlops_embedded.schedules")


class Scheduler:
    """Sleeps until something may be due, and tells once of every stretch of time that has gone by.

    `start_due(since, until)` starts what came due after `since`, up to and with `until`; no two stretches overlap.
    `upcoming(now)` are the moments at which something comes due next; what is put on a schedule later calls `wake`.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        *,
        start_due: Callable[[datetime, datetime], None],
        upcoming: Callable[[datetime], Iterable[datetime]],
    ) -> None:
        self._clock, self._start_due, self._upcoming = clock, start_due, upcoming
        self._lock = threading.Lock()
        self._seen = clock.now()
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._follow_clock, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what it has started goes on."""
        self._stopping = True
        self._wake.set()
        self._thread.join(_STOP_SECONDS)

    def wake(self) -> None:
        """Look at the schedules again: one was added or resumed, or the clock was moved."""
        self._wake.set()

    def tick(self) -> None:
        """Start what came due since the last time, in the thread that asks.

        When it returns, all that was due is started, also where another thread was about to.
        """
        with self._lock:
            since, self._seen = self._seen, self._clock.now()
            self._start_due(since, self._seen)

    def _follow_clock(self) -> None:
        while not self._stopping:
            try:
                self.tick()
                pause = self._pause()
            except Exception:  # the schedules that can be followed are followed
                logger.exception("the %s failed to look at the schedules", self._thread.name)
                pause = _PAUSE_AFTER_ERROR_SECONDS
            self._wake.wait(pause)
            self._wake.clear()

    def _pause(self) -> float:
        """Return for how many seconds nothing comes due; a clock that a test moves calls `tick` by itself."""
        if self._clock.is_driven:
            return _LONGEST_PAUSE_SECONDS
        now = self._clock.now()
        until_due = ((moment - now).total_seconds() for moment in self._upcoming(now))
        return max(_SHORTEST_PAUSE_SECONDS, min((_LONGEST_PAUSE_SECONDS, *until_due)))

"""Calls to an account: several at once, and again where the answer was lost or the graph was busy."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, Executor, Future, wait
from threading import Lock as Mutex

from msgspec import Struct

from mlops.deploy.account import BusyError, UnreachableError

PAUSES = (0.2, 0.6, 1.5, 3.0)
"""Seconds before each repetition of a call."""

Progress = Callable[[int, int, str], None]
"""Told after each call how many are done, of how many, and what the call was."""


class Call(Struct, frozen=True):
    """One call that changes something, and what it does in words: ``change task CHURN``."""

    what: str
    run: Callable[[], None]


class Calls:
    """Makes calls over one pool of threads, and counts them.

    A call whose answer was lost is repeated after a pause, as is one that finds the graph busy, after ``unblock``.
    ``check`` is asked before each: what it raises keeps the call from being made.
    """

    def __init__(
        self,
        pool: Executor,
        *,
        total: int = 0,
        progress: Progress = lambda done, total, what: None,
        pauses: tuple[float, ...] = PAUSES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.done = 0
        self.unblock: Callable[[], None] = lambda: None
        self.check: Callable[[], None] = lambda: None
        self._total, self._pool = total, pool
        self._progress, self._pauses, self._sleep = progress, pauses, sleep
        self._mutex = Mutex()

    def one(self, what: str, run: Callable[[], None]) -> None:
        """Make one call."""
        self._make(Call(what, run))

    def all(self, calls: Iterable[Call]) -> None:
        """Make calls at once. After the first that fails no further one is begun, and those that run are waited for.

        Raises:
            Exception: what the first call that failed has raised.
        """
        calls = list(calls)
        if len(calls) == 1:
            self._make(calls[0])
            return
        futures = [self._pool.submit(self._make, call) for call in calls]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            for future in futures:
                future.cancel()
            wait(futures)
        for future in futures:
            if not future.cancelled() and (wrong := future.exception()) is not None:
                raise wrong

    def ordered(self, calls: Mapping[str, Call], after: Mapping[str, Collection[str]]) -> None:
        """Make calls as ``all`` does, each once those it comes after are done."""
        waiting = {name: set(after[name]) for name in calls}
        running: dict[Future[None], str] = {}
        try:
            while waiting or running:
                for name in [name for name, above in waiting.items() if not above]:
                    del waiting[name]
                    running[self._pool.submit(self._make, calls[name])] = name
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                names = {running.pop(future) for future in ended}
                for future in ended:
                    future.result()
                for above in waiting.values():
                    above -= names
        finally:
            for future in running:
                future.cancel()
            wait(running)

    def repeated(self, run: Callable[[], None]) -> None:
        """Make a call, again after a pause as long as its answer is lost or the graph is busy, and not for ever."""
        for pause in self._pauses:
            try:
                return run()
            except UnreachableError:
                self._sleep(pause)
            except BusyError:
                self._sleep(pause)
                self.unblock()
        return run()

    def _make(self, call: Call) -> None:
        self.check()
        self.repeated(call.run)
        with self._mutex:
            self.done += 1
            self._progress(self.done, max(self._total, self.done), call.what)

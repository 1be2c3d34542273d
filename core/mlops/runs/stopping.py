"""Stopping: what Ctrl-C and SIGTERM mean while something runs."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mlops.runs.node_run import Stopped

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopped_by_signals(stop: Callable[[str], None], *, interrupt: bool) -> Iterator[None]:
    """Call ``stop`` on Ctrl-C and SIGTERM while the block runs.

    ``interrupt`` also raises ``Stopped`` where the program is, which ends a node that runs in this process. A second
    signal ends the process at once.
    """

    def handle(number: int, frame: object) -> None:
        for one in _NUMBERS:
            signal.signal(one, signal.SIG_DFL)
        stop("stopped by Ctrl-C" if number == signal.SIGINT else "stopped by SIGTERM")
        if interrupt:
            raise Stopped

    with signals_handled(handle):
        yield


@contextmanager
def signals_handled(handle: Callable[[int, object], None]) -> Iterator[None]:
    """Let ``handle`` answer Ctrl-C and SIGTERM while the block runs; in the main thread alone, where signals arrive."""
    try:
        before = {number: signal.signal(number, handle) for number in _NUMBERS}
    except ValueError:  # this is not the main thread
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

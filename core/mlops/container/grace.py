"""The grace of a container: what ends it in time when a node does not let go after SIGTERM.

Python handles a signal between two of its own instructions, so a node that computes in a library for long would be killed
without a word. A thread sees the signal at once, and ends the process itself while there is time to say so.

Source: Snowflake documentation, "Working with services": SIGTERM, 30 seconds, then SIGKILL.
"""

from __future__ import annotations

import _thread  # a container waits for what it imports: threading is a thirtieth of its start
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STOPPED = 143
"""The exit code of what was stopped: what a shell says of a process that SIGTERM has ended."""


def end_on_sigterm() -> None:
    """Let SIGTERM end this process until something handles it better.

    The first process of a container is not ended by a signal that it has no handler for: one that is told to end while it
    imports a plugin would go on until it is killed.
    """
    signal.signal(signal.SIGTERM, _end)


def _end(number: int, frame: object) -> None:
    os.write(2, b"stopped by SIGTERM\n")
    os._exit(STOPPED)  # an exception would be taken for one of the plugin that is being imported


@contextmanager
def ended_within(seconds: float, code: int, say: Callable[[], None]) -> Iterator[None]:
    """End the process with ``code`` when the block does not end within ``seconds`` after SIGTERM; ``say`` is told before.

    Nothing of the node is committed then: its manifest would have been the last thing that it writes. In another thread
    than the first, where signals do not arrive, nothing is done.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    except ValueError:  # this is not the main thread
        os.close(reading)
        os.close(writing)
        yield
        return
    running, watching = _thread.allocate_lock(), _thread.allocate_lock()

    def watch() -> None:
        try:
            while (signals := os.read(reading, 1)) and signals[0] not in (signal.SIGTERM, signal.SIGINT):
                pass
            if signals and not running.acquire(timeout=seconds):
                say()
                os._exit(code)
        finally:
            watching.release()

    running.acquire()
    watching.acquire()
    _thread.start_new_thread(watch, ())
    try:
        yield
    finally:
        running.release()
        signal.set_wakeup_fd(before)
        os.close(writing)
        watching.acquire()  # until the thread has ended
        os.close(reading)

"""The grace of a container: what ends it in time when a node does not let go after SIGTERM.

Python handles a signal between two of its own instructions, so a node that computes in a library for long would be killed
without a word. A thread sees the signal at once, and ends the process itself while there is time to say so.

Source: Snowflake documentation, "Working with services": SIGTERM, 30 seconds, then SIGKILL.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def ended_within(seconds: float, code: int, say: Callable[[], None]) -> Iterator[None]:
    """End the process with ``code`` when the block does not end within ``seconds`` after SIGTERM; ``say`` is told before.

    Nothing of the node is committed then: its manifest would have been the last thing that it writes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    over = threading.Event()

    def watch() -> None:
        while (signals := os.read(reading, 1)) and signals[0] not in (signal.SIGTERM, signal.SIGINT):
            pass
        if signals and not over.wait(seconds):
            say()
            os._exit(code)

    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    thread = threading.Thread(target=watch, name="mlops-grace", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(before)
        os.close(writing)
        thread.join()
        os.close(reading)

"""Signs of life: what a replica shows the one that waits for it, on the stage that is all they share.

A replica that runs writes a small file again and again, with a number that grows. Whoever reads it compares it with what was
there before, by a clock of its own: clocks of machines need not agree.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from mlops.datasets.whole_file import WholeFile, read_whole
from mlops.runs.order import Order
from mlops.runs.replicas import part_folder

BEAT = 30.0
"""Seconds between two signs, unless whoever waits is less patient than a few of them."""


@contextmanager
def alive(order: Order, job: str, patience: float) -> Iterator[None]:
    """Give signs of life for this replica of a job until the block ends; a stage that fails now and then is no matter.

    ``patience`` is after how many seconds without one it is given up.
    """
    over, beat = threading.Event(), min(BEAT, patience / 5)
    os.makedirs(order.run.folder, exist_ok=True)
    path = sign_path(order.run.folder, order)

    def go_on() -> None:
        number = 0
        while True:
            with suppress(OSError), WholeFile(path, replace=True) as file:
                file.write(f"{job}\n{number}".encode())
            number += 1
            if over.wait(beat):
                return

    thread = threading.Thread(target=go_on, name="mlops-signs", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        with suppress(OSError):
            os.unlink(path)


def sign_path(folder: str, order: Order) -> str:
    """Return where a replica with this folder writes its signs."""
    return os.path.join(folder, f"{order.node.name}.alive")


class Watch:
    """What has been seen of the other replicas of a job; ``waited`` counts the seconds of whoever watches."""

    def __init__(self, order: Order, shared: str, job: str) -> None:
        self._order, self._shared, self._job = order, shared, job
        self._signs: dict[int, tuple[bytes, float]] = {}
        self._news = 0.0

    def look(self, index: int, waited: float) -> None:
        """Look for a new sign of a replica."""
        folder = part_folder(self._shared, index, self._order.replica_count)
        with suppress(OSError):
            content = read_whole(sign_path(folder, self._order))
            before = self._signs.get(index)
            if content.split(b"\n")[0] == self._job.encode() and (before is None or before[0] != content):
                self._signs[index] = (content, waited)
                self._news = waited

    def came(self, waited: float) -> None:
        """Note that a replica has committed its part."""
        self._news = waited

    def has_started(self, index: int) -> bool:
        """Tell whether a replica has ever given a sign."""
        return index in self._signs

    def given_up(self, missing: Iterable[int], waited: float, patience: float) -> tuple[list[int], list[int]]:
        """Return the replicas that have started and are silent for too long, and those that will not start any more.

        One that has not started may wait for a node of its pool, as long as there is news of others: one that ends makes room.
        """
        silent = [one for one in missing if self.has_started(one) and waited - self._signs[one][1] >= patience]
        absent = [one for one in missing if not self.has_started(one)] if waited - self._news >= patience else []
        return silent, absent

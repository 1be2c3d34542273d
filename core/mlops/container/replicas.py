"""Replicas of one job: each commits its part on the stage, and the first of them gathers the parts of all.

They share nothing but the stage, which knows no locks: so one replica alone gathers, when each of the others has committed its
part or left a note that it failed. Parts of an earlier attempt count where they are what would be written now.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mlops.datasets.whole_file import WholeFile, read_whole
from mlops.errors import RunError
from mlops.quantities import duration
from mlops.runs.order import Order
from mlops.runs.outcome import NodeOutcome
from mlops.runs.replicas import fits, part_folder

if TYPE_CHECKING:
    from mlops.runs.stores import Stores

PAUSE, LONGEST = 0.25, 5.0
"""Seconds between two looks at the stage: the first ones, and those when nothing has come for long."""

TELLING = 60.0
"""Seconds after which it is told again what is waited for: a replica that was killed has left no note."""


def note_failure(order: Order, outcome: NodeOutcome, job: str) -> None:
    """Leave a note for the replica that gathers: this one has failed, why, and in which job.

    A retry is another job: a note of an earlier attempt says nothing about this one.
    """
    assert outcome.error is not None, "it is called for a replica that has failed"
    os.makedirs(order.run.folder, exist_ok=True)
    with WholeFile(_note(order.run.folder, order), replace=True) as file:
        file.write(f"{job}\n{outcome.error.type}: {outcome.error.message}".encode())


def whole_order(order: Order, shared: str, *, started: float | None) -> Order:
    """Return the order to gather, from that of a replica; ``shared`` is the run's folder."""
    return replace(order, run=replace(order.run, folder=shared), gather=True, started=started)


def wait_for_parts(
    order: Order,
    shared: str,
    stores: Stores,
    *,
    job: str,
    tell: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until every replica has committed its part. How long that may take is for the task's timeout to say.

    ``tell`` is given once a minute what is waited for.

    Raises:
        RunError: a replica of this job has failed.
    """
    missing = set(range(order.replica_count))
    pause, waited, told = PAUSE, 0.0, 0.0
    while True:
        before = len(missing)
        for index in sorted(missing):
            folder = part_folder(shared, index, order.replica_count)
            store = stores.at(folder)
            if fits(order, store.manifest(order.node.full_name), store):
                missing.discard(index)
            elif problem := _failure(folder, order, job):
                raise RunError(
                    f"replica {index} of {order.replica_count} of node {order.node.name!r} failed: {problem}",
                    hint="see its own log; a retry runs it again and keeps the parts of the others",
                )
        if not missing:
            return
        pause = PAUSE if len(missing) < before else min(pause * 1.3, LONGEST)
        if waited - told >= TELLING:
            told = waited
            names = ", ".join(map(str, sorted(missing)))
            tell(
                f"node {order.node.name} still waits for replicas {names} of {order.replica_count} after {duration(waited)}; "
                "one that was killed is seen in its own log alone"
            )
        sleep(pause)
        waited += pause


def _failure(folder: str, order: Order, job: str) -> str | None:
    """Return what a replica of this job has noted of its failure."""
    try:
        author, _, problem = read_whole(_note(folder, order)).decode(errors="replace").partition("\n")
    except FileNotFoundError:
        return None
    return problem if author == job else None


def remove_notes(order: Order, shared: str) -> None:
    """Remove the notes of earlier attempts, once the whole is committed."""
    for index in range(order.replica_count):
        folder = part_folder(shared, index, order.replica_count)
        with suppress(FileNotFoundError):
            os.unlink(_note(folder, order))
        with suppress(OSError):
            os.rmdir(folder)


def _note(folder: str, order: Order) -> str:
    return os.path.join(folder, f"{order.node.name}.failed")

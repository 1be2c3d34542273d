"""Replicas of one job: each commits its part on the stage, and the first of them gathers the parts of all.

They share nothing but the stage, which knows no locks: so one replica alone gathers, when each of the others has committed its
part, left a note that it failed, or was silent for too long. Parts of an earlier attempt count where they are what would be written now.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mlops.container.replica_error import ReplicaError
from mlops.container.signs import Watch, sign_path
from mlops.datasets.whole_file import WholeFile, read_whole
from mlops.quantities import duration
from mlops.runs.order import Order
from mlops.runs.replicas import fits, part_folder

if TYPE_CHECKING:
    from mlops.runs.stores import Stores

PAUSE, LONGEST = 0.25, 5.0
"""Seconds between two looks at the stage: the first ones, and those when nothing has come for long."""

TELLING = 60.0
"""Seconds after which it is told again what is waited for."""

PATIENCE = 900.0
"""Seconds without a sign of life after which a replica is given up: a node of a pool may take minutes to come."""

_SHOWN = 10


def note_failure(order: Order, problem: str, job: str) -> None:
    """Leave a note for the replica that gathers: this one has failed, why, and in which job.

    A retry is another job: a note of an earlier attempt says nothing about this one.
    """
    os.makedirs(order.run.folder, exist_ok=True)
    with WholeFile(_note(order.run.folder, order), replace=True) as file:
        file.write(f"{job}\n{problem}".encode())


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
    patience: float = PATIENCE,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until every replica has committed its part: for as long as each gives signs of life, or may still start.

    ``tell`` is given once a minute what is waited for. After ``patience`` seconds without a sign a replica is given up.

    Raises:
        ReplicaError: a replica of this job has failed, was killed, or did not start.
    """
    missing = set(range(order.replica_count))
    watch = Watch(order, shared, job)
    pause, waited, told = PAUSE, 0.0, 0.0
    while True:
        before = len(missing)
        for index in sorted(missing):
            folder = part_folder(shared, index, order.replica_count)
            store = stores.at(folder)
            watch.look(index, waited)
            if fits(order, store.manifest(order.node.full_name), store):
                missing.discard(index)
                watch.came(waited)
            elif problem := _failure(folder, order, job):
                raise ReplicaError(
                    f"replica {index} of {order.replica_count} of node {order.node.name!r} failed: {problem}",
                    hint="see its own log; a retry runs it again and keeps the parts of the others",
                )
        if not missing:
            return
        _give_up(order, *watch.given_up(sorted(missing), waited, patience), patience)
        pause = PAUSE if len(missing) < before else min(pause * 1.3, LONGEST)
        if waited - told >= TELLING:
            told = waited
            running = [index for index in sorted(missing) if watch.has_started(index)]
            absent = sorted(missing - set(running))
            parts = [f"{_listed(running)} (running)"] * bool(running) + [f"{_listed(absent)} (not started)"] * bool(
                absent
            )
            tell(
                f"node {order.node.name} still waits for replicas {' and '.join(parts)} of {order.replica_count} "
                f"after {duration(waited)}"
            )
        sleep(pause)
        waited += pause


def _give_up(order: Order, silent: list[int], absent: list[int], patience: float) -> None:
    """Raise if there are replicas that are waited for in vain."""
    of = f"of {order.replica_count} of node {order.node.name!r}"
    one = "MLOPS_REPLICA_PATIENCE says how many seconds to wait"
    if silent:
        raise ReplicaError(
            f"{_named(silent)} {of} gave no sign of life for {duration(patience)}",
            hint="it was killed: see its own log, and its memory; a retry runs it again and keeps the parts of the others. "
            + one,
        )
    if absent:
        raise ReplicaError(
            f"{_named(absent)} {of} did not start, and nothing was heard of any other for {duration(patience)}",
            hint="has the compute pool room for them (max_nodes)? A retry keeps the parts of the others. " + one,
        )


def _named(indices: list[int]) -> str:
    return f"replica {indices[0]}" if len(indices) == 1 else f"replicas {_listed(indices)}"


def _listed(indices: list[int]) -> str:
    shown = ", ".join(map(str, indices[:_SHOWN]))
    return shown if len(indices) <= _SHOWN else f"{shown} and {len(indices) - _SHOWN} more"


def _failure(folder: str, order: Order, job: str) -> str | None:
    """Return what a replica of this job has noted of its failure."""
    try:
        author, _, problem = read_whole(_note(folder, order)).decode(errors="replace").partition("\n")
    except FileNotFoundError:
        return None
    return problem if author == job else None


def remove_notes(order: Order, shared: str) -> None:
    """Remove the notes and signs of earlier attempts, once the whole is committed."""
    for index in range(order.replica_count):
        folder = part_folder(shared, index, order.replica_count)
        for file in (_note(folder, order), sign_path(folder, order)):
            with suppress(FileNotFoundError):
                os.unlink(file)
        with suppress(OSError):
            os.rmdir(folder)


def _note(folder: str, order: Order) -> str:
    return os.path.join(folder, f"{order.node.name}.failed")

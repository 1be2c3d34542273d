"""The inputs of a service: datasets of the newest run of its pipeline that has committed all of them.

A service is in no run of its own, and starts with the deployment, before the first run perhaps: then it waits.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from mlops.container.service_run import SERVICE
from mlops.datasets.names import dataset_file_name
from mlops.runs.order import Source

if TYPE_CHECKING:
    from mlops.runs.stores import Stores

_EVERY = 10.0
_TOLD_EVERY = 600.0


def newest_inputs(datasets: Sequence[str], stores: Stores, folder: str) -> dict[str, Source] | None:
    """Return the datasets as the newest run below the pipeline's folder has them; None where no run has all."""
    for run in _newest_first(folder, dataset_file_name(datasets[0])):
        store = stores.at(run)
        records = {name: store.find(name) for name in datasets}
        if None not in records.values():
            return {name: Source(folder=run, record=record) for name, record in records.items()}
    return None


def awaited_inputs(
    datasets: Sequence[str],
    stores: Stores,
    folder: str,
    *,
    tell: Callable[[str], None],
    wait: Callable[[float], None] = time.sleep,
) -> dict[str, Source]:
    """Return the same, after waiting for a run that commits them as long as there is none; ``tell`` is told of that.

    Raises:
        Stopped: the service is told to end.
    """
    waited = 0.0
    while (found := newest_inputs(datasets, stores, folder)) is None:
        if waited % _TOLD_EVERY == 0.0:
            tell(f"waits for {', '.join(datasets)}: no run of {os.path.basename(folder)} has committed it yet")
        wait(_EVERY)
        waited += _EVERY
    return found


def _newest_first(folder: str, stem: str) -> list[str]:
    """Return the folders of runs that hold a file of a dataset, by when it was written."""
    written: list[tuple[float, str]] = []
    with suppress(FileNotFoundError), os.scandir(folder) as runs:
        for run in runs:
            if run.name.startswith(SERVICE) or not run.is_dir():
                continue
            with suppress(FileNotFoundError), os.scandir(run.path) as files:
                times = [file.stat().st_mtime for file in files if file.name.partition(".")[0] == stem]
            if times:
                written.append((max(times), run.path))
    return [path for _, path in sorted(written, reverse=True)]

"""Runs of this machine: their folders under ``data/``, their records, and the tables that their datasets are in.

A run goes in an order from which every interruption is mended by the next call: its tables, then its folder by one rename
to ``data/.mlops/removed``, then its record, and then the files. So a folder is whole, or is none of a run any more.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from mlops.datasets.manifest import Manifest
from mlops.datasets.names import MANIFEST_SUFFIX
from mlops.datasets.tables import EXTENSION, noted_table
from mlops.errors import MlopsError, RunError
from mlops.pruning.choice import Choice, StoredRun, StoredTable, going, with_spared
from mlops.runs.announcement import has_records
from mlops.runs.lock import RunLock, is_alive, remove_lock
from mlops.runs.outcome import State
from mlops.runs.records import RunRecords

RUN_ID = re.compile(r"(\d{8}-\d{6})-[0-9a-f]{6}\Z")
"""What ``new_run_id`` makes."""

RUNNING = "it is running"
ELSEWHERE = "its record names a folder that is none of a run"
Drop = Callable[[StoredRun], None]
"""Drops the tables of a run, or raises."""


def runs_here(data: str, *, pipeline: str | None = None) -> list[StoredRun]:
    """Return the runs that have a record or a folder under the data folder."""
    found: dict[str, StoredRun] = {}
    if has_records(data):
        with RunRecords(data) as records:
            for one in records.runs(limit=-1, alive=partial(is_alive, data)):
                run, held = one.run, RUNNING if one.state is State.RUNNING else ""
                stored = StoredRun(
                    run.run_id,
                    run.pipeline,
                    one.state,
                    run.started,
                    held=held,
                    target=run.target,
                    auth_mode=run.auth_mode,
                )
                found[run.run_id] = stored
    for run_id, its_pipeline in _folders(data):
        if run_id not in found:
            held = RUNNING if is_alive(data, run_id) else ""
            found[run_id] = StoredRun(run_id, its_pipeline, None, _begun(run_id), held=held)
    runs = [run for run in found.values() if pipeline in (None, run.pipeline)]
    return [_measured(data, run) if _is_below(data, run) else replace(run, held=ELSEWHERE) for run in runs]


def spared(data: str, choices: Sequence[Choice], everything: Iterable[StoredRun]) -> list[Choice]:
    """Return the choices with those runs kept whose datasets a run that stays has read, or may read while it is running.

    What a run has read is known by its hash. Of several runs that hold the same, the newest stays. ``everything`` are the
    runs of all pipelines, for a node that was run by itself may have read those of a pipeline.
    """
    while True:
        gone = {run.run_id: run for run in going(choices)}
        staying = [run for run in everything if run.run_id not in gone]
        if not gone:
            return list(choices)
        kept = _referred(data, staying, list(gone.values()))
        if not kept:
            return list(choices)
        choices = with_spared(choices, kept)


def _referred(data: str, staying: Iterable[StoredRun], gone: Sequence[StoredRun]) -> dict[str, str]:
    """Return which of the runs that would go are needed, and why."""
    read: dict[tuple[str, str], str] = {}
    written: set[tuple[str, str]] = set()
    kept: dict[str, str] = {}
    newest_first = sorted(gone, key=lambda run: (run.started, run.run_id), reverse=True)
    commits = {run.run_id: [*_manifests(data, run)] for run in newest_first}
    for run in staying:
        manifests = [*_manifests(data, run)]
        written |= _outputs(manifests)
        for one in manifests:
            read.update(dict.fromkeys(one.inputs.items(), run.run_id))
        if run.held == RUNNING:  # what it reads from outside is what the newest run has that holds it
            seen = {dataset for dataset, _ in _outputs(manifests)}
            for other in newest_first:
                names = {dataset for dataset, _ in _outputs(commits[other.run_id])}
                if other.pipeline == run.pipeline and other.started < run.started and names - seen:
                    kept[other.run_id] = f"run {run.run_id} is running and may read from it"
                    seen |= names
    missing = {key: by for key, by in read.items() if key not in written}
    for other in newest_first:
        for key in _outputs(commits[other.run_id]):
            if key in missing:
                kept.setdefault(other.run_id, f"run {missing.pop(key)} has read its {key[0]!r}")
    return kept


def _outputs(manifests: Iterable[Manifest]) -> set[tuple[str, str]]:
    return {(record.name, record.sha256) for one in manifests for record in one.outputs}


def remove(
    data: str, runs: Iterable[StoredRun], *, drop: Drop, told: Callable[[StoredRun], None]
) -> dict[str, MlopsError]:
    """Remove runs, and what an interrupted call has left. ``told`` is called after each.

    Returns those that are left, by id, with what kept them: another process has begun to run it, or its tables cannot be
    dropped.
    """
    left: dict[str, MlopsError] = {}
    _empty_removed(data)
    for run in runs:
        try:
            _remove(data, run, drop)
        except MlopsError as cause:
            left[run.run_id] = cause
        else:
            told(run)
    return left


def _remove(data: str, run: StoredRun, drop: Drop) -> None:
    with RunLock(data, run.run_id):
        if run.tables:
            drop(run)
        folder, removed = _folder(data, run), _removed(data)
        try:
            os.makedirs(removed, exist_ok=True)
            with suppress(FileNotFoundError):  # it was removed by hand, or has written nothing
                os.rename(folder, os.path.join(removed, run.run_id))
        except OSError as cause:
            if cause.errno != errno.EXDEV:  # its pipeline's folder is a link to another disk
                raise RunError(f"{folder!r} cannot be removed: {cause.strerror}", hint="see its permissions") from cause
            _remove_in_place(folder)
        _forget(data, run.run_id)
        remove_lock(data, run.run_id)
    _empty_removed(data)
    with suppress(OSError):  # it holds other runs
        os.rmdir(os.path.dirname(folder))


def _remove_in_place(folder: str) -> None:
    """Remove a folder that cannot be taken away whole: its manifests first, without which there is no dataset."""
    for manifest in Path(folder).glob(f"*{MANIFEST_SUFFIX}"):
        manifest.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _forget(data: str, run_id: str) -> None:
    with RunRecords(data) as records:
        records.forget(run_id)


def _empty_removed(data: str) -> None:
    """Finish what was begun: runs in the folder of removed ones have no record, and their files go."""
    removed = _removed(data)
    try:
        names = os.listdir(removed)
    except FileNotFoundError:
        return
    for name in names:
        _forget(data, name)
        shutil.rmtree(os.path.join(removed, name), ignore_errors=True)
    with suppress(OSError):  # what could not be removed is still in it
        os.rmdir(removed)


def _removed(data: str) -> str:
    return os.path.join(data, ".mlops", "removed")


def _folder(data: str, run: StoredRun) -> str:
    """Return the folder of a run: always under the data folder, whatever its record says."""
    return os.path.join(data, run.pipeline, run.run_id)


def _is_below(data: str, run: StoredRun) -> bool:
    """Whether the folder of a run is one of a pipeline's folder in the data folder; a record may have been changed by hand."""
    folder = os.path.normpath(_folder(data, run))
    return os.path.dirname(os.path.dirname(folder)) == os.path.normpath(data) and not run.pipeline.startswith(".")


def _folders(data: str) -> Iterator[tuple[str, str]]:
    """Yield run and pipeline of each folder that looks like one of a run."""
    try:
        pipelines = sorted(one.name for one in os.scandir(data) if one.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return
    for pipeline in pipelines:
        if not pipeline.startswith("."):
            for one in os.scandir(os.path.join(data, pipeline)):
                if RUN_ID.match(one.name) and one.is_dir(follow_symlinks=False):
                    yield one.name, pipeline


def _begun(run_id: str) -> float:
    found = RUN_ID.match(run_id)
    try:
        return time.mktime(time.strptime(found[1], "%Y%m%d-%H%M%S")) if found else 0.0
    except ValueError:
        return 0.0


def _measured(data: str, run: StoredRun) -> StoredRun:
    files = count = 0
    tables: list[StoredTable] = []
    for folder, _, names in os.walk(_folder(data, run)):
        for name in names:
            path = os.path.join(folder, name)
            try:
                count += os.lstat(path).st_size
            except FileNotFoundError:  # a run that goes on
                continue
            files += 1
            if name.endswith(EXTENSION) and (table := noted_table(Path(path))) is not None:
                tables.append(StoredTable(table[0], rows=table[1]))
    return replace(run, files=files, bytes=count, tables=tuple(tables))


def _manifests(data: str, run: StoredRun) -> Iterator[Manifest]:
    folder = _folder(data, run)
    try:
        names = [one.name for one in os.scandir(folder) if one.name.endswith(MANIFEST_SUFFIX)]
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        try:
            with open(os.path.join(folder, name), "rb") as stream:
                manifest = Manifest.from_json(stream.read())
        except OSError:
            continue
        if manifest is not None:
            yield manifest

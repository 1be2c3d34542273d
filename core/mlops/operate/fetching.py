"""Fetching: what a run in Snowflake has committed, brought to this machine and read there like that of any other run."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Protocol

from mlops.datasets.manifest import DatasetRecord
from mlops.datasets.names import MANIFEST_SUFFIX
from mlops.errors import DatasetError
from mlops.operate.deployed import deployed_pipelines
from mlops.operate.graph_runs import find_run
from mlops.operate.status import newest_runs
from mlops.runs.results import Datasets

if TYPE_CHECKING:
    from mlops.configuration.settings import Settings
    from mlops.datasets.serializers import Serializers
    from mlops.operate.operations import Operations
    from mlops.runs.outcome import RunOutcome


class StoredFiles(Protocol):
    """The stage of a target. Paths are from its root, with ``/``. Errors are ``AccountError``."""

    def paths(self, folder: str) -> list[str]:
        """Return the files below a folder; none if there is no such folder."""

    def fetch(self, path: str, folder: str) -> None:
        """Copy a file into a folder of this machine, under its own name."""


class FetchedDatasets(Datasets):
    """The datasets of a run in Snowflake: the manifests are fetched at once, a dataset when it is first asked for.

    ``folder`` is that of the run on the stage, ``local`` the one that is filled.
    """

    def __init__(self, files: StoredFiles, folder: str, local: str, serializers: Serializers) -> None:
        super().__init__(local, serializers)
        self._files, self._folder, self._local = files, folder, local
        self._paths = files.paths(folder)
        for path in self._paths:
            name = path.removeprefix(f"{folder}/")
            if name.endswith(MANIFEST_SUFFIX) and "/" not in name:  # those below are of replicas that go on
                self._fetch(name)

    def record(self, name: str) -> DatasetRecord:
        """Return what is known of a dataset, after its files were fetched, if they are not there as they were committed.

        Raises:
            UnknownNameError: no node of this run has committed it.
            DatasetError: its file is not on the stage any more.
            AccountError: Snowflake refuses, or is out of reach.
        """
        record = super().record(name)
        if self._store.verify(record):
            return record
        whole = f"{self._folder}/{record.path}"
        wanted = [path for path in self._paths if path == whole or path.startswith(f"{whole}/")]
        if not wanted or ".." in PurePosixPath(record.path).parts:
            raise DatasetError(
                dataset=name, problem=f"its file {whole!r} is not on the stage", hint="was its run pruned? Run it again"
            )
        for path in wanted:
            self._fetch(path.removeprefix(f"{self._folder}/"))
        return record

    def _fetch(self, name: str) -> None:
        parent = os.path.join(self._local, *PurePosixPath(name).parts[:-1])
        os.makedirs(parent, exist_ok=True)
        self._files.fetch(f"{self._folder}/{name}", parent)


def fetched_run(
    operations: Operations, files: StoredFiles, settings: Settings, serializers: Serializers, name: str
) -> tuple[RunOutcome, FetchedDatasets]:
    """Return a run of what the project has deployed to the target of its settings, and its datasets.

    What is fetched is kept in the data folder, apart from the runs of this machine.

    Raises:
        UnknownNameError, RunError, AccountError: no such run, several, or Snowflake refuses.
    """
    pipelines = deployed_pipelines(operations.tasks(), settings.project)
    runs = {one.run.run_id: one for one in newest_runs(operations, pipelines, target=settings.target)}
    found = runs[find_run(name, runs)]
    pipeline, run_id = found.run.pipeline, found.run.run_id
    local = os.path.join(settings.data, ".mlops", "fetched", settings.target, pipeline, run_id)
    return found, FetchedDatasets(files, f"{pipeline}/{run_id}", local, serializers)

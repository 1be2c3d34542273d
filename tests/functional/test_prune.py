"""Pruning the runs of this machine: what goes is gone altogether, what stays is whole, and any interruption is mended."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mlops.datasets.manifest import DatasetRecord, Manifest
from mlops.datasets.store import FileStore
from mlops.errors import MlopsError, RunError, UnknownNameError
from mlops.plugins.serializers import serializers_of
from mlops.pruning.here import remove, runs_here
from mlops.runs.lock import RunLock
from mlops.runs.outcome import NodeOutcome, RunInfo, State
from mlops.runs.records import RunRecords
from tests.command_line import CommandLine

DAY = 86400.0


class Kept(CommandLine):
    """A project folder with runs that are made without running anything."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.data = folder / "data"

    def made(
        self,
        days: float,
        state: State = State.FAILED,
        *,
        pipeline: str = "churn",
        reads: Mapping[str, DatasetRecord] | None = None,
        **writes: object,
    ) -> str:
        """Make a run of so many days ago, and return its id."""
        started = time.time() - days * DAY
        run_id = time.strftime("%Y%m%d-%H%M%S", time.localtime(started)) + f"-{int(days * 10):06x}"
        folder = self.data / pipeline / run_id
        store = FileStore(folder, serializers_of(()))
        outputs = tuple(store.write(name, value) for name, value in writes.items())
        (folder / "logs").mkdir(parents=True)
        (folder / "logs" / "make.log").write_text("made\n")
        inputs = {name: record.sha256 for name, record in (reads or {}).items()}
        store.commit(Manifest("kit:make", "1", "", "", {}, inputs, outputs, "", "", "1"))
        with RunRecords(self.data) as records:
            records.begin(RunInfo(run_id, pipeline, str(folder), started), ["kit:make"])
            records.node_ended(run_id, NodeOutcome("kit:make", state, 1))
            if state is not State.RUNNING:
                records.end(run_id, state)
        return run_id

    def record(self, run_id: str, dataset: str, *, pipeline: str = "churn") -> DatasetRecord:
        found = FileStore(self.data / pipeline / run_id, serializers_of(())).find(dataset)
        assert found is not None
        return found

    @property
    def recorded(self) -> set[str]:
        with RunRecords(self.data) as records:
            return {one.run.run_id for one in records.runs(limit=-1)}

    @property
    def folders(self) -> set[str]:
        return {one.name for one in self.data.glob("*/*") if one.is_dir() and one.parent.name != ".mlops"}

    def prune(self, *words: str) -> Any:
        return self.json("runs", "prune", *words)

    def stays(self, *words: str) -> dict[str, str | None]:
        return {one["run"]: one["stays"] for one in self.prune(*words, "--dry-run")["runs"]}


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def test_what_goes_has_neither_folder_nor_record_nor_lock_and_what_stays_is_whole(kept: Kept):
    old, latest, newest = kept.made(9, first=[1]), kept.made(8, State.SUCCEEDED, first=[2]), kept.made(7, first=[3])
    with RunLock(kept.data, old):
        pass  # leaves its file, as every run does

    answer = kept.prune("--keep", "1", "--yes")

    assert (answer["removed"], answer["runs"][-1]["files"], answer["runs"][-1]["removed"]) == (1, 3, True)
    assert kept.folders == kept.recorded == {latest, newest}
    assert sorted(one.name for one in kept.data.joinpath(".mlops", "locks").glob("*")) == []
    assert not kept.data.joinpath(".mlops", "removed").exists()
    assert FileStore(kept.data / "churn" / latest, serializers_of(())).verify(kept.record(latest, "first"))


def test_a_dry_run_shows_sizes_and_reasons_and_removes_nothing(kept: Kept):
    runs = {kept.made(days, State.SUCCEEDED, first=list(range(100))) for days in (3, 2, 1)}

    answer = kept.prune("--older-than", "12h", "--dry-run")

    goes = [one for one in answer["runs"] if one["goes"]]
    assert (len(goes), answer["removed"], goes[0]["bytes"] > 300) == (2, 0, True)
    assert kept.folders == kept.recorded == runs


def test_a_run_whose_dataset_a_run_that_stays_has_read_stays_and_so_does_what_that_has_read(kept: Kept):
    first = kept.made(30, first=[1])
    second = kept.made(20, second=[2], reads={"first": kept.record(first, "first")})
    same = kept.made(15, second=[3])
    kept.made(1, pipeline="alone", third=[3], reads={"second": kept.record(second, "second")})
    kept.made(10)

    stays = kept.stays("--keep", "1")

    assert stays[same] is None
    assert "has read its 'second'" in str(stays[second])
    assert "has read its 'first'" in str(stays[first])


def test_of_two_runs_with_the_same_content_only_the_newest_stays_for_who_read_it(kept: Kept):
    older, newer = kept.made(30, first=[1]), kept.made(20, first=[1])
    kept.made(10, second=[2], reads={"first": kept.record(older, "first")})

    stays = kept.stays("--keep", "1")

    assert (stays[older], "has read its 'first'" in str(stays[newer])) == (None, True)


def test_a_run_that_is_running_stays_and_what_it_may_read_too(kept: Kept):
    source = kept.made(40, first=[1])
    running = kept.made(30, State.RUNNING, second=[1])
    other = kept.made(35, second=[5])
    kept.made(1)
    with RunLock(kept.data, running):
        stays = kept.stays("--keep", "1")

    assert (stays[running], stays[other]) == ("it is running", None)
    assert stays[source] == f"run {running} is running and may read from it"
    assert kept.stays("--keep", "1")[running] is None  # its process is gone: it was killed


def test_a_run_that_another_process_begins_to_continue_meanwhile_is_left_and_said(kept: Kept):
    old, other = kept.made(9), kept.made(8)
    kept.made(7)
    runs = [run for run in runs_here(str(kept.data)) if run.run_id in (old, other)]

    with RunLock(kept.data, old):
        left = remove(str(kept.data), runs, drop=lambda run: None, told=lambda run: None)

    assert (list(left), isinstance(left[old], RunError)) == ([old], True)
    assert old in kept.folders
    assert other not in kept.folders | kept.recorded


@pytest.mark.parametrize("point", ["drop", "rename", "forget"])
def test_a_prune_that_was_killed_leaves_runs_whole_or_gone_and_the_next_one_ends_it(kept: Kept, point: str):
    old, newest = kept.made(9, first=[1]), kept.made(1)
    folder, removed = kept.data / "churn" / old, kept.data / ".mlops" / "removed" / old
    if point != "drop":  # killed after this: what it has done by then
        removed.parent.mkdir()
        folder.rename(removed)
    if point == "forget":
        with RunRecords(kept.data) as records:
            records.forget(old)

    kept.prune("--keep", "1", "--yes")

    assert kept.folders == kept.recorded == {newest}
    assert not removed.parent.exists()


def test_a_folder_without_a_record_is_a_run_and_other_folders_are_none(kept: Kept):
    newest, lost = kept.made(1), kept.made(9)
    older = kept.made(12)
    kept.data.joinpath("churn", "notes").mkdir()
    kept.data.joinpath("mine").mkdir()
    kept.data.joinpath("mine", "file.txt").write_text("mine")
    kept.data.joinpath(".mlops", "runs.db").unlink()

    answer = kept.prune("--keep", "1", "--yes")

    assert {one["run"]: one["state"] for one in answer["runs"]} == dict.fromkeys((newest, lost, older), "unknown")
    assert kept.folders == {newest, "notes"}
    assert kept.data.joinpath("mine", "file.txt").exists()


def test_only_below_the_data_folder_anything_is_removed_whatever_a_record_says(kept: Kept, tmp_path: Path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    kept.made(1)
    with RunRecords(kept.data) as records:
        records.begin(RunInfo("20200101-000000-aaaaaa", "churn", str(elsewhere), 1.0), ["kit:make"])
        records.end("20200101-000000-aaaaaa", State.FAILED)

    answer = kept.prune("--keep", "1", "--yes")

    assert (answer["removed"], elsewhere.exists(), len(kept.recorded)) == (1, True, 1)


def test_a_run_on_another_disk_is_removed_where_it_is(kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    old, newest = kept.made(9, first=[1]), kept.made(1)
    (kept.data / "churn").rename(tmp_path / "disk")
    (kept.data / "churn").symlink_to(tmp_path / "disk")

    def across(source: str, target: str) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link", source)

    monkeypatch.setattr(os, "rename", across)
    kept.prune("--keep", "1", "--yes")

    assert (old in kept.recorded, [one.name for one in (tmp_path / "disk").iterdir()]) == (False, [newest])


@pytest.mark.parametrize(("pipeline", "run_id"), [("..", "precious"), ("churn/..", "../precious"), (".mlops", "locks")])
def test_a_record_that_leads_elsewhere_is_left_alone(kept: Kept, tmp_path: Path, pipeline: str, run_id: str):
    precious = tmp_path / "precious"
    precious.mkdir()
    kept.made(1)
    with RunRecords(kept.data) as records:
        for name, days in (("20200101-000000-aaaaaa", 2), (run_id, 1)):
            records.begin(RunInfo(name, pipeline, "", days), ["kit:make"])
            records.end(name, State.FAILED)

    stays = kept.stays("--older-than", "1d")
    kept.prune("--older-than", "1d", "--yes")

    assert stays[run_id] == "its record names a folder that is none of a run"
    assert precious.exists()
    assert kept.data.joinpath(".mlops", "runs.db").exists()


def test_a_link_in_the_place_of_a_run_is_no_way_out_of_the_data_folder(kept: Kept, tmp_path: Path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    old = kept.made(9)
    kept.made(1)
    (kept.data / "churn" / old / "out").symlink_to(precious)

    kept.prune("--keep", "1", "--yes")

    assert (old in kept.folders, (precious / "file").read_text()) == (False, "mine")


def test_one_pipeline_alone_is_pruned_and_one_without_runs_is_an_error_with_the_closest(kept: Kept):
    for days in (6, 5):
        kept.made(days, pipeline="transit")
    old, newest = kept.made(9), kept.made(1)

    kept.prune("churn", "--keep", "1", "--yes")

    assert (old in kept.folders, newest in kept.folders, len(kept.folders)) == (False, True, 3)
    with pytest.raises(UnknownNameError) as caught:
        kept.prune("chrun", "--keep", "1", "--yes")
    assert caught.value.closest == "churn"


def test_without_a_terminal_and_without_yes_nothing_is_removed(kept: Kept):
    runs = {kept.made(9), kept.made(1)}

    with pytest.raises(MlopsError, match="no terminal to ask on"):
        kept.prune("--keep", "1")

    assert kept.folders == kept.recorded == runs


def test_people_are_shown_what_goes_and_what_stays_though_its_age_would_let_it(kept: Kept):
    old, latest = kept.made(9), kept.made(8, State.SUCCEEDED)
    kept.made(7)

    shown = kept.run("runs", "prune", "--keep", "1", "--dry-run").stdout.splitlines()

    assert [line.split()[:2] for line in shown[1:3]] == [[latest, "churn"], ["-", old]]
    assert shown[1].endswith("it is the latest that succeeded")
    assert re.fullmatch(r"1 run \(2 files, \d+ B\) to remove, 2 stay", shown[-1])


def test_a_project_in_which_nothing_has_run_has_nothing_to_prune(kept: Kept):
    answer = kept.prune("--keep", "1", "--yes")

    assert (answer["removed"], answer["runs"], kept.data.exists()) == (0, [], False)

"""The records of runs: what was recorded comes back, and two processes record at once."""

from __future__ import annotations

import errno
import math
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from mlops.context import Metric
from mlops.errors import RunError, UnknownNameError
from mlops.runs.announcement import Announcement, announce, database_path, has_records
from mlops.runs.outcome import ErrorInfo, NodeOutcome, RunInfo, State
from mlops.runs.records import RunRecords

NODES = ["kit:first", "kit:second", "kit:third"]


@pytest.fixture
def records(tmp_path: Path):
    with RunRecords(tmp_path) as opened:
        yield opened


def run(run_id: str = "20261123-101500-3f9a1c", *, pipeline: str = "churn", started: float = 100.0) -> RunInfo:
    return RunInfo(
        run_id,
        pipeline,
        f"data/{pipeline}/{run_id}",
        started,
        {"kit:first": {"n": 1}},
        {"kit": "1.0"},
        executor="process",
    )


def test_a_run_comes_back_as_it_was_recorded(records):
    outcomes = [
        NodeOutcome("kit:first", State.SUCCEEDED, 1, 1.0, 2.5, metrics=(Metric("auc", 0.8), Metric("loss", 0.5, 3))),
        NodeOutcome("kit:second", State.FAILED, 2, 2.0, 3.0, error=ErrorInfo("ValueError", "no", "trace", "mend it")),
        NodeOutcome("kit:third", State.SKIPPED, 0, reason="it needs 'second', which failed"),
    ]

    records.begin(run(), NODES)
    for outcome in outcomes:
        records.node_started("20261123-101500-3f9a1c", outcome.node, outcome.attempt, outcome.started or 0.0)
        records.node_ended("20261123-101500-3f9a1c", outcome)
    records.end("20261123-101500-3f9a1c", State.FAILED, reason="second failed", warnings=["w"])

    found = records.run("20261123-101500-3f9a1c")
    assert found.run == run()
    assert (found.state, found.reason, found.warnings) == (State.FAILED, "second failed", ("w",))
    assert found.nodes[:2] == tuple(outcomes[:2])
    assert (found.nodes[2].state, found.nodes[2].reason) == (State.SKIPPED, "it needs 'second', which failed")


def test_a_metric_that_is_no_number_comes_back_as_that(records):
    metrics = (Metric("loss", math.nan, 1), Metric("loss", math.inf, 2))
    records.begin(run(), NODES)
    records.node_ended(run().run_id, NodeOutcome("kit:first", State.SUCCEEDED, 1, 1.0, 2.5, metrics=metrics))

    first, second = records.run(run().run_id).nodes[0].metrics

    assert math.isnan(first.value)
    assert second.value == math.inf


def test_a_run_that_is_continued_keeps_its_row_and_counts_how_often(records):
    records.begin(run(), NODES)
    records.end(run().run_id, State.FAILED, reason="broken")

    records.begin(run(), [*NODES, "kit:fourth"])

    found = records.run(run().run_id)
    assert (found.state, found.reason, found.run.resumed) == (State.RUNNING, "", 1)
    assert [(node.node, node.state) for node in found.nodes] == [
        (name, State.PENDING) for name in (*NODES, "kit:fourth")
    ]
    assert len(records.runs()) == 1


def test_metrics_are_those_of_the_last_attempt_also_when_it_has_none(records):
    records.begin(run(), NODES)
    records.node_ended(run().run_id, NodeOutcome("kit:first", State.FAILED, 1, metrics=(Metric("auc", 0.1),)))
    records.node_ended(run().run_id, NodeOutcome("kit:first", State.SUCCEEDED, 2))
    records.node_ended(run().run_id, NodeOutcome("kit:second", State.SUCCEEDED, 1, metrics=(Metric("auc", 0.7),)))
    records.node_ended(run().run_id, NodeOutcome("kit:second", State.REUSED, 1))

    found = records.run(run().run_id)

    assert [node.metrics for node in found.nodes[:2]] == [(), (Metric("auc", 0.7),)]


def test_what_still_ran_at_the_end_was_stopped(records):
    records.begin(run(), NODES)
    records.node_started(run().run_id, "kit:first", 1, 100.0)
    records.end(run().run_id, State.STOPPED, reason="stopped by Ctrl-C")

    found = records.run(run().run_id)

    assert [node.state for node in found.nodes] == [State.STOPPED] * 3
    assert [node.ended is None for node in found.nodes] == [False, True, True]


def test_a_running_run_whose_process_is_gone_was_killed(records):
    records.begin(run(), NODES)

    gone, there = (records.run(run().run_id, alive=lambda run_id, alive=alive: alive) for alive in (False, True))

    assert (gone.state, "killed" in gone.reason) == (State.STOPPED, True)
    assert there.state is State.RUNNING


def test_a_run_is_found_by_its_id_a_part_of_it_or_as_the_latest(records):
    records.begin(run("20261123-101500-aaaaaa", started=1.0), NODES)
    records.begin(run("20261123-101501-bbbbbb", started=2.0), NODES)
    records.begin(run("20261123-101502-cccccc", started=3.0, pipeline="other"), NODES)

    assert records.find("latest") == "20261123-101502-cccccc"
    assert records.find("latest", pipeline="churn") == "20261123-101501-bbbbbb"
    assert records.find("aaaaaa") == "20261123-101500-aaaaaa"
    with pytest.raises(RunError, match="is 3 runs"):
        records.find("20261123")
    with pytest.raises(UnknownNameError):
        records.find("dddddd")
    with pytest.raises(RunError, match="is of pipeline 'other', not of 'churn'"):
        records.find("20261123-101502-cccccc", pipeline="churn")


def test_the_newest_runs_come_first_and_no_more_than_were_asked_for(records):
    for number in range(5):
        records.begin(run(f"run-{number}", started=float(number)), [])

    assert [one.run.run_id for one in records.runs(limit=2)] == ["run-4", "run-3"]


def test_what_is_not_committed_is_lost_with_the_process_and_nothing_else(tmp_path):
    code = f"""
import os
from mlops.runs.outcome import RunInfo
from mlops.runs.records import RunRecords
records = RunRecords({str(tmp_path)!r})
records.begin(RunInfo("kept", "p", "f", 1.0), ["kit:first"])
records.node_started("kept", "kit:first", 1, 5.0)
records.commit()
records.node_started("kept", "kit:first", 2, 6.0)
os._exit(9)
"""
    subprocess.run([sys.executable, "-c", code], check=False)

    with RunRecords(tmp_path) as records:
        (node,) = records.run("kept").nodes

    assert (node.state, node.attempt, node.started) == (State.RUNNING, 1, 5.0)


def test_two_open_records_write_in_turn(tmp_path):
    with RunRecords(tmp_path) as one, RunRecords(tmp_path) as other:
        one.begin(run("one"), NODES)
        other.begin(run("other"), NODES)
        one.node_started("one", "kit:first", 1, 1.0)
        one.commit()
        other.node_started("other", "kit:first", 1, 1.0)
        other.commit()

        assert {found.run.run_id for found in one.runs()} == {"one", "other"}


def test_an_announced_run_is_recorded_once_by_whoever_opens_the_records_next(tmp_path):
    announced = replace(run(), parameters={"kit:first": {"n": 1, "password": "hunter2"}})
    announce(str(tmp_path), Announcement(announced, "kit:first"))
    assert has_records(str(tmp_path))

    with RunRecords(tmp_path) as records, RunRecords(tmp_path) as other:
        found = records.run(announced.run_id)
        assert (found, other.run(announced.run_id)) == (found, found)

    assert found.run == replace(announced, parameters={"kit:first": {"n": 1, "password": "***"}})
    assert [(one.node, one.state, one.attempt) for one in found.nodes] == [("kit:first", State.RUNNING, 1)]
    assert [file.name for file in (tmp_path / ".mlops").iterdir()] == ["runs.db"]


def test_an_announcement_that_outlives_its_run_changes_nothing(tmp_path):
    with RunRecords(tmp_path) as records:
        records.begin(run(), ["kit:first"])
        records.end(run().run_id, State.SUCCEEDED)
    announce(str(tmp_path), Announcement(run(), "kit:first"))

    with RunRecords(tmp_path) as records:
        found = records.run(run().run_id)

    assert (found.state, found.run.resumed, has_records(str(tmp_path))) == (State.SUCCEEDED, 0, True)


def test_an_announcement_that_does_not_fit_on_the_disk_says_so_and_leaves_nothing(tmp_path):
    folder = tmp_path / ".mlops" / "begun"
    folder.mkdir(parents=True)
    (folder / f"{run().run_id}.json").symlink_to("/dev/full")

    with pytest.raises(OSError, match=run().run_id) as refused:
        announce(str(tmp_path), Announcement(run(), "kit:first"))

    assert refused.value.errno == errno.ENOSPC
    assert not has_records(str(tmp_path))


def test_an_announcement_that_is_still_being_written_waits_for_the_next_who_looks(tmp_path):
    announce(str(tmp_path), Announcement(run(), "kit:first"))
    (file,) = (tmp_path / ".mlops" / "begun").iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])

    with RunRecords(tmp_path) as records:
        assert records.runs() == []
    file.write_bytes(whole)
    with RunRecords(tmp_path) as records:
        assert [one.run.run_id for one in records.runs()] == [run().run_id]


def test_records_of_a_newer_mlops_are_refused_untouched(tmp_path):
    with RunRecords(tmp_path):
        path = database_path(tmp_path)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()

    with pytest.raises(RunError, match="written by a newer mlops"):
        RunRecords(tmp_path)


def test_records_of_an_older_mlops_are_kept_and_continued(tmp_path):
    with RunRecords(tmp_path) as records:
        records.begin(run(), NODES)
        path = database_path(tmp_path)
    with sqlite3.connect(path) as database:
        database.execute("ALTER TABLE runs DROP COLUMN given")
        database.execute("PRAGMA user_version = 1")
    database.close()

    with RunRecords(tmp_path) as records:
        records.begin(replace(run("later", started=200.0), given={"kit:first": {"n": 1}}), NODES)

        assert [(one.run.run_id, one.run.given) for one in records.runs()] == [
            ("later", {"kit:first": {"n": 1}}),
            ("20261123-101500-3f9a1c", {}),
        ]


def test_a_parameter_that_is_named_like_a_credential_is_recorded_hidden(records, tmp_path):
    records.begin(replace(run(), parameters={"kit:first": {"n": 1, "api_key": "hunter2"}}), NODES)
    records.commit()

    assert records.run("20261123-101500-3f9a1c").run.parameters == {"kit:first": {"n": 1, "api_key": "***"}}
    assert not [file.name for file in tmp_path.rglob("*") if file.is_file() and b"hunter2" in file.read_bytes()]

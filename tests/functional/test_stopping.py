"""Runs that are ended from outside, that outlive their time, and that meet each other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest


def wait_for(path: Path, seconds: float = 30) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if path.exists() and path.read_text():
            return path.read_text()
        time.sleep(0.02)
    raise AssertionError(f"{path.name} did not appear within {seconds:g} s")


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize("executor", ["inline", "process"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_running_node_clean_up_and_is_recorded(healthy, folder, executor, number):
    ready, ended = folder / "ready", folder / "ended"
    process = healthy.start(
        "run", "sleepy", "--executor", executor, "-p", f"ready={ready}", "-p", f"ended={ended}", "--json", cwd=folder
    )
    wait_for(ready)

    process.send_signal(number)
    output, _ = process.communicate(timeout=30)

    answer = json.loads(output)
    assert process.returncode == 130
    assert answer["state"] == "stopped"
    assert {row["node"]: row["state"] for row in answer["nodes"]}["kit-troubled:sleep"] == "stopped"
    assert ended.read_text() == "ended"
    shown = json.loads(healthy.mlops("runs", "show", "--json", cwd=folder).stdout)
    assert (shown["state"], shown["run"]) == ("stopped", answer["run"])


def test_a_timeout_ends_the_node_and_what_it_has_started_though_both_ignore_sigterm(healthy, folder):
    pids = folder / "pids"

    done = healthy.mlops("run", "slow", "-p", f"pid_file={pids}", "--json", cwd=folder, MLOPS_GRACE="0.3")

    errors = [row["error"] for row in json.loads(done.stdout)["nodes"] if row["error"]]
    assert [error["kind"] for error in errors] == ["timeout"]
    end = time.monotonic() + 10
    while any(is_running(int(pid)) for pid in pids.read_text().split()) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(is_running(int(pid)) for pid in pids.read_text().split())


def test_a_killed_run_takes_the_processes_of_its_nodes_with_it_and_is_listed_as_stopped(healthy, folder):
    ready = folder / "ready"
    process = healthy.start("run", "sleepy", "--executor", "process", "-p", f"ready={ready}", cwd=folder)
    wait_for(ready)
    children = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and _is_below(int(pid), process.pid)]

    process.kill()
    process.communicate(timeout=10)

    end = time.monotonic() + 10
    while any(map(is_running, children)) and time.monotonic() < end:
        time.sleep(0.05)
    assert len(children) >= 2
    assert not any(map(is_running, children))
    (listed,) = json.loads(healthy.mlops("runs", "list", "--json", cwd=folder).stdout)["runs"]
    assert listed["state"] == "stopped"
    assert "killed" in listed["reason"]


@pytest.mark.parametrize("recorded", [False, True], ids=["the first run here", "a later one"])
def test_a_node_that_is_killed_in_a_run_of_its_own_is_listed_as_stopped(healthy, folder, recorded):
    if recorded:
        healthy.mlops("run-node", "plain", cwd=folder)
    ready = folder / "ready"
    process = healthy.start("run-node", "sleep", "--inputs", json.dumps({"start": 1, "ready": str(ready)}), cwd=folder)
    wait_for(ready)
    running = json.loads(healthy.mlops("runs", "list", "--json", cwd=folder).stdout)["runs"][0]

    process.kill()
    process.communicate(timeout=10)

    killed = json.loads(healthy.mlops("runs", "list", "--json", cwd=folder).stdout)["runs"][0]
    assert (running["pipeline"], running["state"]) == ("sleep", "running")
    assert (killed["run"], killed["state"]) == (running["run"], "stopped")
    assert "killed" in killed["reason"]


def _is_below(pid: int, ancestor: int) -> bool:
    while pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            return False
        if pid == ancestor:
            return True
    return False


def test_two_runs_at_once_are_both_whole(healthy, folder):
    processes = [
        healthy.start("run", "numbers", "--executor", executor, "--json", "-p", f"count={count}", cwd=folder)
        for executor, count in (("inline", 3), ("process", 4), ("inline", 5))
    ]

    answers = [json.loads(process.communicate(timeout=60)[0]) for process in processes]

    assert [answer["state"] for answer in answers] == ["succeeded"] * 3
    assert len({answer["run"] for answer in answers}) == 3
    for answer, rows in zip(answers, (3, 4, 5), strict=True):
        shown = json.loads(
            healthy.mlops("datasets", "show", "table", "--run", answer["run"], "--json", cwd=folder).stdout
        )
        assert shown["rows"] == rows


def test_a_run_that_is_being_run_cannot_be_resumed_by_another_process(healthy, folder):
    ready = folder / "ready"
    process = healthy.start("run", "sleepy", "-p", f"ready={ready}", cwd=folder)
    wait_for(ready)

    second = healthy.mlops("run", "sleepy", "--resume", "--json", cwd=folder)

    process.terminate()
    process.communicate(timeout=30)
    assert second.returncode == 1
    assert "is being run by another process" in json.loads(second.stdout)["error"]["message"]


def test_a_dataset_that_was_altered_is_made_again_by_resume_and_refused_by_a_reader(healthy, folder):
    first = json.loads(healthy.mlops("run", "numbers", "--json", cwd=folder).stdout)
    (Path(first["folder"]) / "table.parquet").write_bytes(b"PAR1 is not what this is")

    alone = healthy.mlops("run-node", "summarise", "--run", first["run"], "--json", cwd=folder)
    again = json.loads(healthy.mlops("run", "numbers", "--resume", "--json", cwd=folder).stdout)

    assert alone.returncode == 10
    assert "was changed or damaged" in alone.stdout
    rows = {row["node"].partition(":")[2]: row for row in again["nodes"]}
    assert again["state"] == "succeeded"
    assert (rows["make_numbers"]["state"], rows["make_table"]["state"]) == ("reused", "succeeded")
    assert "gone or was changed" in rows["make_table"]["reason"]


def test_a_part_of_a_pipeline_takes_what_it_reads_from_the_newest_run(healthy, folder):
    missing = healthy.mlops("run", "numbers", "--from", "summarise", "--json", cwd=folder)
    whole = json.loads(healthy.mlops("run", "numbers", "-p", "count=4", "--json", cwd=folder).stdout)
    part = json.loads(
        healthy.mlops("run", "numbers", "--from", "summarise", "-p", "scale=2", "--json", cwd=folder).stdout
    )

    told = healthy.mlops("run", "numbers", "--from", "summarise", cwd=folder).stderr
    assert "(2 nodes)\n  reading table from run " in told
    assert missing.returncode == 1
    assert "has committed 'table'" in json.loads(missing.stdout)["error"]["message"]
    totals = [
        {row["node"]: row["metrics"] for row in run["nodes"]}["kit-healthy:summarise"]["total"] for run in (whole, part)
    ]
    assert totals[1] == 2 * totals[0]
    assert [row["node"] for row in part["nodes"]] == ["kit-healthy:summarise", "kit-healthy:write_report"]


def test_nodes_of_two_plugins_and_a_serializer_of_one_share_a_pipeline_whose_observers_may_fail(healthy, folder):
    notes = folder / "notes"

    done = healthy.mlops("run", "prices", "--json", cwd=folder, KIT_HOOKS_FILE=str(notes))

    answer = json.loads(done.stdout)
    assert answer["state"] == "succeeded"
    assert any("an observer that raises" in warning for warning in answer["warnings"])
    lines = notes.read_text().splitlines()
    assert lines[0] == "before_pipeline_run prices"
    assert lines[-1] == "after_pipeline_run succeeded"
    assert "after_node_run price succeeded" in lines
    stored = json.loads(healthy.mlops("datasets", "list", "--json", cwd=folder).stdout)["datasets"]
    assert {row["dataset"]: row["serializer"] for row in stored}["price"] == "money"


def test_an_undecorated_function_of_the_four_arguments_runs_with_inputs_from_json(healthy, folder):
    done = healthy.mlops(
        "exec", "plain", "--inputs", '{"question": 21}', "--outputs", '{"answer": "out/answer.json"}', cwd=folder
    )

    assert done.returncode == 0, done.stderr
    assert json.loads((folder / "out" / "answer.json").read_text()) == 42


def test_ctrl_c_while_mlops_is_still_being_imported_is_told_in_a_word() -> None:
    code = """
import sys
class Interrupts:
    def find_spec(self, name, *rest):
        if name == "mlops.cli.app":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupts())
from mlops.__main__ import main
main()
"""
    ended = subprocess.run([sys.executable, "-c", code, "nodes", "list"], capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "stopped\n")

"""A run that is killed with SIGKILL at any moment goes on with --resume, and does nothing twice that was committed."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from pathlib import Path
from random import Random
from subprocess import Popen

import pytest

from mlops.datasets.serializers import builtin
from mlops.datasets.store import FileStore
from mlops.runs.records import RunRecords

KILLS = 26
"""How many kills each executor has to survive; there are two of them."""

NODES = {"seed", "left", "right", "both", "blob", "total"}
SUM = 6 * 3_000_000 + 13


@pytest.fixture(scope="module")
def steps(make_environment):
    return make_environment(["kit-steps"])


def folder_of_the_run(data: Path) -> Path | None:
    if not (data / ".mlops" / "runs.db").exists():
        return None
    with RunRecords(data) as records:
        runs = records.runs()
    assert len(runs) <= 1, "--resume continues a run and does not start another"
    return Path(runs[0].run.folder) if runs else None


def kill_somewhere(process: Popen[str], record: Path, random: Random) -> None:
    """Kill a run shortly after one of its nodes was entered, or while it still starts; one that has ended is left."""
    before, entered = len(executed(record)), random.randint(0, 4)
    give_up = time.monotonic() + 30
    while process.poll() is None and len(executed(record)) < before + entered and time.monotonic() < give_up:
        time.sleep(0.002)
    time.sleep(random.uniform(0, 0.05) if entered else random.uniform(0, 0.3))
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)


def committed(folder: Path | None) -> set[str]:
    return set() if folder is None else {name.partition(":")[2] for name in FileStore(folder, builtin()).manifests()}


def executed(file: Path) -> list[str]:
    return file.read_text().split() if file.exists() else []


@pytest.mark.parametrize("executor", ["inline", "process"])
def test_a_killed_run_is_completed_by_resume_and_computes_no_committed_dataset_twice(steps, folder, executor):
    random = Random(20260101)
    steps.mlops("nodes", "list", cwd=folder)
    kills = inside = chain = 0

    while kills < KILLS:
        chain += 1
        project = folder / str(chain)
        project.mkdir()
        record, data = project / "executed", project / "data"
        killed_here = 0
        while True:
            run = folder_of_the_run(data)
            done, before = committed(run), len(executed(record))
            words = ["run", "steps", "--executor", executor, "--json", *(["--resume"] if run else [])]
            process = steps.start(*words, cwd=project, KIT_STEPS_FILE=str(record))
            if killed_here < 6:
                kill_somewhere(process, record, random)
            output, errors = process.communicate(timeout=60)
            again = set(executed(record)[before:]) & done
            assert not again, f"committed before the kill and executed again: {again}"
            if process.returncode != -signal.SIGKILL:
                break
            kills += 1
            killed_here += 1
            inside += 0 < len(committed(folder_of_the_run(data))) < len(NODES)

        assert process.returncode == 0, output + errors
        run = json.loads(output)
        store = FileStore(run["folder"], builtin())
        manifests = store.manifests()
        records = [one for manifest in manifests.values() for one in manifest.outputs]
        assert run["state"] == "succeeded"
        assert {name.partition(":")[2] for name in manifests} == NODES
        assert all(store.verify(one) for one in records)
        assert store.read(next(one for one in records if one.name == "sum")) == SUM
        with sqlite3.connect(data / ".mlops" / "runs.db") as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.close()

    assert inside >= KILLS // 4, "too few kills met a run that had committed something and not everything"

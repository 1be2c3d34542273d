"""A service reads what the newest run of its pipeline has committed, and waits as long as there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlops.container.served_inputs import awaited_inputs, newest_inputs
from mlops.datasets.manifest import Manifest
from mlops.datasets.serializers import builtin
from mlops.datasets.store import FileStore
from mlops.runs.stores import Stores


def commit(folder: Path, run: str, at: float, **outputs: object) -> None:
    store = FileStore(folder / run, builtin())
    records = tuple(store.write(name, value) for name, value in outputs.items())
    store.commit(Manifest(f"shop:{'_'.join(outputs)}", "1", "", "", {}, {}, records, "now", "then", "0"))
    for record in records:
        os.utime(folder / run / record.path, (at, at))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "sales"


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return Stores(str(tmp_path / "sales" / "service-shop"))


def test_the_newest_run_that_has_all_datasets_is_read_whatever_its_name(folder, stores):
    commit(folder, "z", 1.0, model=1)
    commit(folder, "z", 1.0, threshold=0.1)
    commit(folder, "a", 2.0, model=2)
    commit(folder, "a", 2.0, threshold=0.2)
    commit(folder, "m", 3.0, model=3)
    commit(folder, "service-shop", 4.0, model=4)
    (folder / "n").mkdir()
    (folder / "n" / "model.json").write_text("5")  # written, and not committed

    found = newest_inputs(["model", "threshold"], stores, str(folder))

    assert found is not None
    assert {name: os.path.basename(one.folder) for name, one in found.items()} == {"model": "a", "threshold": "a"}
    assert newest_inputs(["model"], stores, str(folder))["model"].folder == str(folder / "m")


def test_a_service_waits_for_the_first_run_and_says_what_for(folder, stores):
    told: list[str] = []
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 70:
            commit(folder, "first", 1.0, model=1)

    found = awaited_inputs(["model"], stores, str(folder), tell=told.append, wait=wait)

    assert found["model"].folder == str(folder / "first")
    assert told == ["waits for model: no run of sales has committed it yet"] * 2

"""Datasets of a run in Snowflake are fetched when they are asked for, and again only when they have changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mlops.datasets.manifest import Manifest
from mlops.datasets.serializers import builtin
from mlops.datasets.store import FileStore
from mlops.errors import DatasetError, UnknownNameError
from mlops.operate.fetching import FetchedDatasets

FOLDER = "sales/7f3a"


class Stage:
    """A stage that is a folder, and that notes what is fetched from it."""

    def __init__(self, root: Path) -> None:
        self.root, self.fetched = root, []

    def paths(self, folder: str) -> list[str]:
        return sorted(str(file.relative_to(self.root)) for file in (self.root / folder).rglob("*") if file.is_file())

    def fetch(self, path: str, folder: str) -> None:
        self.fetched.append(path.removeprefix(f"{FOLDER}/"))
        shutil.copy(self.root / path, folder)

    def commit(self, node: str, **outputs: object) -> None:
        store = FileStore(self.root / FOLDER, builtin())
        store.discard(node)
        records = tuple(store.write(name, value) for name, value in outputs.items())
        store.commit(Manifest(node, "1", "", "", {}, {}, records, "now", "then", "0"))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path / "stage")
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "one.txt").write_text("1")
    made.commit("shop:load", rows=[1, 2, 3], parts=folder)
    made.commit("shop:train", model={"depth": 3})
    return made


def fetched(stage: Stage, tmp_path: Path) -> FetchedDatasets:
    stage.fetched.clear()
    return FetchedDatasets(stage, FOLDER, str(tmp_path / "local"), builtin())


def test_only_what_is_asked_for_is_fetched_and_only_once(stage, tmp_path):
    datasets = fetched(stage, tmp_path)

    assert (sorted(datasets), datasets["rows"], datasets["rows"]) == (["model", "parts", "rows"], [1, 2, 3], [1, 2, 3])
    assert stage.fetched == ["shop.load.manifest.json", "shop.train.manifest.json", "rows.json"]


def test_what_a_folder_holds_is_fetched_with_it(stage, tmp_path):
    assert (fetched(stage, tmp_path).path("parts") / "one.txt").read_text() == "1"


def test_a_retry_that_has_written_other_values_is_seen(stage, tmp_path):
    assert fetched(stage, tmp_path)["model"] == {"depth": 3}
    stage.commit("shop:train", model={"depth": 5})

    datasets = fetched(stage, tmp_path)

    assert (datasets["model"], datasets["rows"]) == ({"depth": 5}, [1, 2, 3])
    assert "model.json" in stage.fetched


def test_a_dataset_that_is_not_there_is_told(stage, tmp_path):
    datasets = fetched(stage, tmp_path)
    (stage.root / FOLDER / "model.json").unlink()

    with pytest.raises(UnknownNameError) as unknown:
        datasets["modle"]
    with pytest.raises(DatasetError, match="is not on the stage"):
        fetched(stage, tmp_path)["model"]

    assert unknown.value.closest == "model"

"""The datasets of a run: written first, committed by one manifest, read back only as they were committed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest

from mlops.datasets.manifest import DatasetRecord, Manifest
from mlops.datasets.serializers import Facts, Serializer, builtin
from mlops.datasets.store import FileStore
from mlops.errors import DatasetError, UnknownNameError


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "data" / "churn" / "run-1", builtin())


def again(store: FileStore) -> FileStore:
    """Return a store on the same folder, as another process has it."""
    return FileStore(store.folder, builtin())


def manifest(node: str, *outputs: DatasetRecord, **changes: Any) -> Manifest:
    facts: dict[str, Any] = {
        "node": f"kit:{node}",
        "version": "1.0",
        "source": "digest",
        "fingerprint": "",
        "parameters": {},
        "inputs": {},
        "outputs": outputs,
        "started": "2024-05-01T12:00:00Z",
        "ended": "2024-05-01T12:00:01Z",
        "mlops_version": "0.1.0",
        **changes,
    }
    return Manifest(**facts)


def test_a_committed_dataset_is_found_and_read_in_another_process(store: FileStore) -> None:
    record = store.write("scores", {"auc": 0.87})
    store.commit(manifest("evaluate", record))

    other = again(store)

    assert other.find("scores") == record
    assert other.read(record) == {"auc": 0.87}
    assert set(other.manifests()) == {"kit:evaluate"}


def test_a_value_that_was_written_and_not_committed_does_not_exist(store: FileStore) -> None:
    store.write("scores", {"auc": 0.87})

    assert again(store).find("scores") is None
    assert again(store).manifests() == {}


def test_a_folder_that_is_not_there_holds_nothing(store: FileStore) -> None:
    assert store.manifests() == {}
    assert store.find("scores") is None
    assert store.manifest("kit:evaluate") is None


def test_a_record_says_what_the_file_is(store: FileStore) -> None:
    record = store.write("scores", [1, 2, 3])
    content = Path(store.folder, "scores.json").read_bytes()

    assert record == DatasetRecord(
        name="scores",
        type="builtins.list",
        serializer="json",
        path="scores.json",
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        rows=3,
    )


def test_a_node_without_outputs_is_committed_too(store: FileStore) -> None:
    store.commit(manifest("notify"))

    assert again(store).manifest("kit:notify") == manifest("notify")


def test_names_that_differ_in_case_are_two_datasets(store: FileStore) -> None:
    small, large = store.write("train", 1), store.write("Train", 2)

    assert small.path.casefold() != large.path.casefold()
    assert (store.read(small), store.read(large)) == (1, 2)


def test_a_large_value_is_hashed_as_it_is_written(store: FileStore) -> None:
    value = os.urandom(9_000_001)

    record = store.write("blob", value)

    assert record.sha256 == hashlib.sha256(value).hexdigest()
    assert record.bytes == len(value)
    assert store.read(record) == value


def test_a_name_that_is_no_file_name_is_refused(store: FileStore) -> None:
    with pytest.raises(DatasetError, match="path separator"):
        store.write("../../etc/passwd", "x")


def test_a_value_that_nothing_stores_names_the_dataset_and_the_setting(store: FileStore) -> None:
    with pytest.raises(DatasetError, match=r"dataset 'model': nothing stores a builtins\.object") as caught:
        store.write("model", object())

    assert caught.value.dataset == "model"
    assert "allow_pickle = true" in (caught.value.hint or "")
    assert not os.path.exists(store.folder)


def test_a_refused_value_leaves_no_file(store: FileStore) -> None:
    store.write("first", 1)

    with pytest.raises(DatasetError, match="value\\['x'\\] is a object"):
        store.write("second", {"x": object()})

    assert os.listdir(store.folder) == ["first.json"]


def test_with_pickle_allowed_a_value_that_its_format_refuses_is_pickled(tmp_path: Path) -> None:
    store = FileStore(tmp_path, builtin(allow_pickle=True))

    record = store.write("model", {"steps": [complex, slice(1, 2)]})

    assert record.serializer == "pickle"
    assert store.read(record) == {"steps": [complex, slice(1, 2)]}


def test_a_pickle_is_not_read_where_it_is_not_allowed(tmp_path: Path) -> None:
    record = FileStore(tmp_path, builtin(allow_pickle=True)).write("model", slice(1, 2))

    with pytest.raises(DatasetError, match="runs code when it is read") as caught:
        FileStore(tmp_path, builtin()).read(record)

    assert "[tool.mlops.datasets]" in (caught.value.hint or "")


VALUES: dict[str, Callable[[], object]] = {
    "json": lambda: {"a": list(range(100))},
    "parquet": lambda: pandas.DataFrame({"a": range(100)}),
    "npy": lambda: numpy.arange(100.0),
    "bytes": lambda: b"x" * 100,
    "large npy": lambda: numpy.arange(1_000_000.0),
    "large bytes": lambda: bytes(5_000_000),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_file_that_was_changed_is_not_read_and_the_run_to_resume_is_named(store: FileStore, name: str) -> None:
    record = store.write("features", VALUES[name]())
    file = Path(store.path(record))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)

    for reader in (store, again(store)):
        assert not reader.verify(record)
        with pytest.raises(DatasetError, match="was changed or damaged") as caught:
            reader.read(record)
        assert caught.value.hint == "make it again: mlops run churn --resume run-1"


@pytest.mark.parametrize("name", VALUES)
def test_a_file_that_was_cut_off_is_not_read(store: FileStore, name: str) -> None:
    record = store.write("features", VALUES[name]())
    os.truncate(store.path(record), record.bytes - 1)

    assert not store.verify(record, content=False)
    with pytest.raises(DatasetError, match="was changed or damaged"):
        again(store).read(record)


@pytest.mark.parametrize("name", VALUES)
def test_a_file_that_is_gone_is_an_error_that_names_it(store: FileStore, name: str) -> None:
    record = store.write("features", VALUES[name]())
    os.unlink(store.path(record))

    assert not store.verify(record)
    with pytest.raises(DatasetError, match="is gone") as caught:
        store.read(record)
    assert store.path(record) in caught.value.message


def test_an_intact_file_is_verified(store: FileStore) -> None:
    record = store.write("features", 1)

    assert store.verify(record)
    assert store.verify(record, content=False)


def test_a_damaged_manifest_commits_nothing(store: FileStore) -> None:
    record = store.write("features", 1)
    store.commit(manifest("prepare", record))
    file = Path(store.folder, "kit.prepare.manifest.json")
    os.truncate(file, file.stat().st_size // 2)

    assert again(store).manifests() == {}
    assert again(store).find("features") is None


def test_writing_a_dataset_again_takes_its_commit_away_first(store: FileStore) -> None:
    record = store.write("features", 1)
    store.commit(manifest("prepare", record))

    later = again(store)
    changed = later.write("features", 2)

    assert again(store).manifests() == {}
    later.commit(manifest("prepare", changed, attempt=2))
    assert again(store).read(changed) == 2


def test_a_commit_replaces_the_earlier_one_of_its_node(store: FileStore) -> None:
    store.commit(manifest("prepare"))
    store.commit(manifest("prepare", attempt=2))

    assert again(store).manifest("kit:prepare") == manifest("prepare", attempt=2)


def test_discarding_a_node_removes_its_manifest_and_its_files_and_no_others(store: FileStore) -> None:
    frame, folder = store.write("features", 1), store.write("raw", make_folder(Path(store.folder).parent / "made"))
    kept = store.write("scores", 2)
    store.commit(manifest("prepare", frame, folder))
    store.commit(manifest("evaluate", kept))

    store.discard("kit:prepare")
    store.discard("kit:prepare")

    assert set(again(store).manifests()) == {"kit:evaluate"}
    assert sorted(os.listdir(store.folder)) == ["kit.evaluate.manifest.json", "scores.json"]


def test_a_manifest_with_a_parameter_that_is_no_plain_value_is_refused(store: FileStore) -> None:
    with pytest.raises(DatasetError, match=r"its manifest cannot be written: value\['parameters'\]\['x'\]"):
        store.commit(manifest("prepare", parameters={"x": object()}))

    assert store.manifests() == {}


def test_a_dataset_committed_by_another_process_is_found_later(store: FileStore) -> None:
    assert store.find("scores") is None
    other = again(store)
    record = other.write("scores", 1)
    other.commit(manifest("evaluate", record))

    assert store.find("scores") == record


def make_folder(folder: Path) -> Path:
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("one")
    (folder / "deep" / "b.bin").write_bytes(b"\0\1")
    return folder


def test_a_folder_is_kept_whole_and_one_changed_file_in_it_is_noticed(store: FileStore, tmp_path: Path) -> None:
    record = store.write("raw", make_folder(tmp_path / "made"))

    kept = store.read(record)

    assert isinstance(kept, Path)
    assert (kept / "deep" / "b.bin").read_bytes() == b"\0\1"
    assert (record.path, record.rows, record.bytes) == ("raw.folder", 2, 5)
    (kept / "a.txt").write_text("two")
    with pytest.raises(DatasetError, match="was changed"):
        store.read(record)


def test_the_hash_of_a_folder_is_that_of_its_list_of_files(store: FileStore, tmp_path: Path) -> None:
    record = store.write("raw", make_folder(tmp_path / "made"))

    lines = [
        f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in (("a.txt", b"one"), ("deep/b.bin", b"\0\1"))
    ]
    assert record.sha256 == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_a_file_keeps_its_ending(store: FileStore, tmp_path: Path) -> None:
    (tmp_path / "Report.PDF").write_bytes(b"%PDF")

    record = store.write("report", tmp_path / "Report.PDF")

    assert record.path == "report.pdf"
    assert Path(store.path(record)).read_bytes() == b"%PDF"


def test_a_file_that_the_node_wrote_into_the_run_is_adopted_where_it_is(store: FileStore) -> None:
    own = Path(store.folder, "export", "rows.json")
    own.parent.mkdir(parents=True)
    own.write_text("[1, 2]")

    by_path, adopted = store.write("rows", own), store.adopt("rows", own)

    assert by_path == adopted
    assert (adopted.path, adopted.serializer) == ("export/rows.json", "json")
    assert store.read(adopted) == [1, 2]


def test_a_file_from_elsewhere_is_copied_when_it_is_adopted(store: FileStore, tmp_path: Path) -> None:
    pandas.DataFrame({"a": [1, 2]}).to_parquet(tmp_path / "elsewhere.parquet")

    record = store.adopt("rows", tmp_path / "elsewhere.parquet")
    (tmp_path / "elsewhere.parquet").unlink()

    assert record.path == "rows.parquet"
    pandas.testing.assert_frame_equal(store.read(record), pandas.DataFrame({"a": [1, 2]}))


@pytest.mark.parametrize("path", ["missing.csv", "run-1", "run-1/kit.prepare.manifest.json"])
def test_what_cannot_be_adopted_is_refused(store: FileStore, path: str) -> None:
    store.commit(manifest("prepare"))

    with pytest.raises(DatasetError, match="rows") as caught:
        store.adopt("rows", Path(store.folder).parent / path)

    assert caught.value.hint


def test_a_folder_with_something_that_is_no_file_is_refused(store: FileStore, tmp_path: Path) -> None:
    os.mkfifo(make_folder(tmp_path / "made") / "pipe")

    with pytest.raises(DatasetError, match="'pipe' is neither a file nor a folder"):
        store.write("raw", tmp_path / "made")


class TextSerializer(Serializer):
    """A plugin's serializer of its own type: the two methods on a path, nothing else."""

    name = "text"
    extension = ".text"
    types = ("builtins.slice",)

    def write(self, value: object, path: Path) -> Facts:
        if value == slice(0):
            path.write_text("half")
            raise RuntimeError("no room")
        path.write_text(repr(value))
        return Facts(rows=1)

    def read(self, path: Path, as_type: str | None) -> object:
        return (path.read_text(), as_type)


def test_the_serializer_of_a_plugin_stores_its_type(tmp_path: Path) -> None:
    store = FileStore(tmp_path, builtin([("kit-text", TextSerializer())]))

    record = store.write("part", slice(1, 2))

    assert (record.path, record.rows) == ("part.text", 1)
    assert store.read(record, "short") == ("slice(1, 2, None)", "short")


def test_the_failure_of_a_plugins_serializer_names_dataset_and_serializer_and_leaves_no_file(tmp_path: Path) -> None:
    store = FileStore(tmp_path, builtin([("kit-text", TextSerializer())]))

    with pytest.raises(DatasetError, match="'part': serializer 'text' failed to write it: RuntimeError: no room"):
        store.write("part", slice(0))

    assert os.listdir(tmp_path) == []


def test_a_dataset_of_a_plugin_that_is_gone_says_so(tmp_path: Path) -> None:
    record = FileStore(tmp_path, builtin([("kit-text", TextSerializer())])).write("part", slice(1, 2))

    with pytest.raises(UnknownNameError, match="there is no serializer 'text'"):
        FileStore(tmp_path, builtin()).read(record)

"""A look at a dataset: its schema and its head."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy
import pandas
import polars
import pytest
from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression

from mlops.datasets.preview import Preview, preview
from mlops.datasets.serializers import builtin
from mlops.datasets.store import FileStore
from mlops.errors import DatasetError


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "run", builtin())


def look(store: FileStore, value: object, rows: int = 10) -> Preview:
    record = store.write("dataset", value)
    found = preview(Path(store.path(record)), record, rows)
    json.dumps(found.rows, allow_nan=False)
    return found


def test_an_index_without_a_name_is_no_column(store: FileStore) -> None:
    frame = pandas.DataFrame({"tenure": [3, 1, 2]}).sort_values("tenure")

    found = look(store, frame)

    assert found.schema == (("tenure", "int64"),)
    assert found.rows == [[1], [2], [3]]


def test_of_a_table_the_first_rows_are_shown_with_the_schema(store: FileStore) -> None:
    frame = pandas.DataFrame({"tenure": range(1000), "plan": ["a", None] * 500, "fee": [numpy.nan, 0.5] * 500})

    found = look(store, frame, rows=2)

    assert found.schema == (("tenure", "int64"), ("plan", "string"), ("fee", "double"))
    assert found.rows == [[0, "a", None], [1, None, 0.5]]
    assert found.text.splitlines() == ["tenure  plan  fee", "     0  a", "     1        0.5", "… 998 more rows"]


def test_of_a_large_table_only_the_head_is_read(store: FileStore) -> None:
    record = store.write("dataset", pandas.DataFrame({"x": numpy.random.default_rng(1).normal(size=3_000_000)}))
    file = Path(store.path(record))
    with file.open("r+b") as content:  # all values but the first pages and the footer are lost
        content.seek(record.bytes // 2)
        content.write(bytes(record.bytes // 4))

    assert len(preview(file, record, 5).rows) == 5


def test_a_table_of_polars_and_one_without_rows_are_shown(store: FileStore) -> None:
    assert look(store, polars.DataFrame({"a": [[1, 2], None]})).rows == [[[1, 2]], [None]]
    assert look(store, pandas.DataFrame({"a": pandas.Series([], dtype="int64")})).rows == []
    assert look(store, pandas.DataFrame({"a": [1]}), rows=0).rows == []


def test_of_plain_values_the_first_items_are_shown(store: FileStore) -> None:
    assert look(store, {"auc": 0.87, "rows": 7043}, rows=1).rows == [["auc", 0.87]]
    assert look(store, list(range(100)), rows=3).text == "[\n  0,\n  1,\n  2\n]\n… 97 more items"
    assert look(store, (1, 2)).rows == [1, 2]
    assert look(store, "text").text == '"text"'


def test_of_an_array_shape_type_and_head_are_shown(store: FileStore) -> None:
    found = look(store, numpy.arange(12.0).reshape(6, 2), rows=2)

    assert found.text == "6 by 2 of float64\n[[0. 1.]\n [2. 3.]]\n… 4 more rows"
    assert found.rows == [[0.0, 1.0], [2.0, 3.0]]
    assert look(store, numpy.array(3)).rows == [3]
    assert look(store, numpy.array([(1, "a")], dtype=[("n", "i8"), ("t", "U1")])).schema == (
        ("n", "int64"),
        ("t", "<U1"),
    )


def test_of_bytes_the_first_lines_are_shown_as_a_dump(store: FileStore) -> None:
    assert look(store, bytes(range(60, 100)), rows=1).text == (
        "00000000  3c 3d 3e 3f 40 41 42 43 44 45 46 47 48 49 4a 4b  <=>?@ABCDEFGHIJK\n… 24 more bytes"
    )


def test_of_a_model_class_and_parameters_are_shown_without_building_it(store: FileStore) -> None:
    found = look(store, LogisticRegression(C=0.5).fit([[0.0], [1.0]], [0, 1]))

    assert found.text.startswith("sklearn.linear_model._logistic.LogisticRegression\n")
    assert ["C", 0.5] in found.rows


def test_of_a_folder_and_of_a_figure_the_files_are_shown(store: FileStore, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "a.txt").write_text("one")

    assert look(store, tmp_path / "made").rows == [["a.txt", 3]]
    assert [name for name, _ in look(store, Figure()).rows] == ["dataset.png", "dataset.svg"]


def test_of_a_text_file_the_first_lines_are_shown(store: FileStore, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n3,4\n")

    assert look(store, tmp_path / "rows.csv", rows=2).text == "a,b\n1,2"


def test_signs_that_steer_a_terminal_are_not_printed(store: FileStore, tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("\x1b[31mred\x1b[0m")

    assert "\x1b" not in look(store, tmp_path / "log.txt").text
    assert "\x1b" not in look(store, pandas.DataFrame({"a": ["\x1b[31m"]})).text


@pytest.mark.parametrize("value", [pandas.DataFrame({"a": [1]}), {"a": 1}, numpy.ones(3), b"abc"])
def test_a_file_that_is_gone_is_an_error_of_its_dataset_with_a_mend(store: FileStore, value: object) -> None:
    record = store.write("dataset", value)
    os.unlink(store.path(record))

    with pytest.raises(DatasetError, match=r"'dataset': its file .* is gone") as caught:
        preview(Path(store.path(record)), record)

    assert "--resume" in str(caught.value.hint)


@pytest.mark.parametrize("value", [pandas.DataFrame({"a": [1]}), {"a": 1}, numpy.ones(3)])
def test_a_file_that_is_cut_off_is_an_error_of_its_dataset(store: FileStore, value: object) -> None:
    record = store.write("dataset", value)
    os.truncate(store.path(record), 3)

    with pytest.raises(DatasetError, match="'dataset': cannot be shown"):
        preview(Path(store.path(record)), record)

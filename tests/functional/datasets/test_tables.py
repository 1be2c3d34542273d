"""Tables as Parquet: what a library wrote it gets back, and another library can read it too."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy
import pandas
import polars
import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from hypothesis.extra import pandas as some_pandas
from pandas.testing import assert_frame_equal, assert_series_equal
from polars.testing import assert_frame_equal as assert_polars_equal
from polars.testing.parametric import dataframes as polars_frames
from pyarrow import parquet

from mlops.datasets.serializers import builtin
from mlops.datasets.store import FileStore
from mlops.errors import DatasetError


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FileStore:
    return FileStore(tmp_path_factory.mktemp("churn") / "run-1", builtin())


def through(store: FileStore, value: object, as_type: str | None = None) -> Any:
    return store.read(store.write("table", value), as_type)


COLUMNS: dict[str, Any] = {
    "ordered categories of numbers, one unused": pandas.Categorical([3, 1, None], [9, 3, 1], ordered=True),
    "categories of texts in their order": pandas.Categorical(["b", None, "a"], ["z", "b", "a"]),
    "categories that are all unused": pandas.Categorical([None, None, None], ["x"]),
    "categories of intervals": pandas.cut([1.0, 2.0, 3.0], 2),
    "categories of dates": pandas.Categorical(pandas.to_datetime(["2024", "2023", None])),
    "categories of booleans": pandas.Categorical([True, False, None]),
    "nullable integers": pandas.array([1, None, 3], dtype="Int64"),
    "nullable booleans": pandas.array([True, None, False], dtype="boolean"),
    "nullable floats": pandas.array([1.5, None, 3], dtype="Float32"),
    "texts of pandas": pandas.array(["a", None, "c"], dtype="string[python]"),
    "texts of pandas in arrow": pandas.array(["a", None, "c"], dtype="string[pyarrow]"),
    "texts of arrow": pandas.array(["a", None, "c"], dtype=pandas.ArrowDtype(pyarrow.string())),
    "numbers of arrow": pandas.array([1, None, 3], dtype="int64[pyarrow]"),
    "texts with None": ["a", None, "c"],
    "texts with NaN": ["a", numpy.nan, "c"],
    "time zone across a change of clocks": pandas.date_range("2024-10-27", periods=3, freq="h", tz="Europe/Berlin"),
    "fixed offset": pandas.to_datetime(["2024-01-01T00:00:00+05:30"] * 3),
    "seconds": pandas.date_range("2024", periods=3).as_unit("s"),
    "nanoseconds": pandas.to_datetime([1, 2, None], unit="ns"),
    "durations": pandas.to_timedelta([1, 2, None], unit="s"),
    "durations in seconds": pandas.Series([1, 2, 3], dtype="timedelta64[s]"),
    "periods": pandas.period_range("2024", periods=3, freq="M"),
    "intervals": pandas.interval_range(0, 3),
    "objects that are integers and None": pandas.Series([1, None, 3], dtype=object),
    "objects that are integers": pandas.Series([1, 2, 3], dtype=object),
    "objects that are floats": pandas.Series([1.5, 2.5, 3.5], dtype=object),
    "objects that are timestamps": pandas.Series(
        [pandas.Timestamp("2024"), None, pandas.Timestamp("2023")], dtype=object
    ),
    "booleans and None": [True, None, False],
    "dates": [dt.date(2024, 1, 1), None, dt.date(2023, 1, 1)],
    "times": [dt.time(1, 2), None, dt.time(3)],
    "decimals": [Decimal("1.10"), Decimal("2.25"), None],
    "bytes": [b"a", None, b"c"],
    "arrays": [numpy.ones(2), numpy.ones(3), None],
    "float16": numpy.float16([1, 2, 3]),
    "uint64": numpy.uint64([1, 2**64 - 1, 3]),
    "infinite and NaN": [numpy.inf, numpy.nan, -0.0],
}


@pytest.mark.parametrize("name", COLUMNS)
def test_every_dtype_of_pandas_survives(store: FileStore, name: str) -> None:
    frame = pandas.DataFrame({name: COLUMNS[name]})

    assert_frame_equal(through(store, frame), frame)


INDEXES = {
    "range with a name": pandas.RangeIndex(5, 11, 2, name="row"),
    "shuffled": pandas.Index([7, 2, 5]),
    "texts": pandas.Index(["a", "b", "c"], name="customer"),
    "dates with a frequency": pandas.date_range("2024", periods=3, freq="D", tz="Europe/Berlin"),
    "dates in seconds": pandas.DatetimeIndex(["2024-01-01", "2023-01-01", "2022-05-05"]).as_unit("s"),
    "durations": pandas.timedelta_range("1h", periods=3, freq="h"),
    "periods": pandas.period_range("2024", periods=3, freq="M"),
    "categories of numbers": pandas.CategoricalIndex([5, 6, 5], [6, 5, 4], ordered=True, name="kind"),
    "objects": pandas.Index([1, 2, 3], dtype=object),
    "small integers": pandas.Index([1, 2, 3], dtype="int8"),
    "of the name of the column": pandas.Index([3, 4, 5], name="a"),
    "several levels": pandas.MultiIndex.from_arrays(
        [pandas.Categorical(["x", "y", "x"], ["z", "y", "x"]), [1, 2, 3]], names=["kind", None]
    ),
}


@pytest.mark.parametrize("name", INDEXES)
def test_every_index_of_pandas_survives(store: FileStore, name: str) -> None:
    frame = pandas.DataFrame({"a": [1, 2, 3]}, index=INDEXES[name])

    assert_frame_equal(through(store, frame), frame)


@pytest.mark.parametrize(
    "columns",
    [
        [1, 2],
        [1, "b"],
        [None, "a"],
        [("a", 1), "b"],
        pandas.to_datetime(["2024", "2023"]),
        pandas.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["u", "v"]),
        pandas.Index(["a", "b"], name="field"),
    ],
)
def test_column_names_survive_whatever_they_are(store: FileStore, columns: Any) -> None:
    index = pandas.Index(columns, tupleize_cols=False) if isinstance(columns, list) else columns
    frame = pandas.DataFrame([[1, 2], [3, 4]])
    frame.columns = index

    assert_frame_equal(through(store, frame), frame)


@pytest.mark.parametrize(
    "frame",
    [pandas.DataFrame(), pandas.DataFrame(index=[3, 1]), pandas.DataFrame({"a": pandas.Series([], dtype="int8")})],
)
def test_empty_frames_survive(store: FileStore, frame: pandas.DataFrame) -> None:
    assert_frame_equal(through(store, frame), frame)


def test_attributes_of_a_frame_survive(store: FileStore) -> None:
    frame = pandas.DataFrame({"a": [1]})
    frame.attrs = {"source": "crm"}

    assert through(store, frame).attrs == {"source": "crm"}


@pytest.mark.parametrize("name", [None, "a", 3, ("a", 1)])
def test_a_series_survives_with_its_name(store: FileStore, name: Any) -> None:
    series = pandas.Series(pandas.Categorical([2, 1, 2]), index=["x", "y", "z"], name=name)

    assert_series_equal(through(store, series), series)


cells = {
    "int64": some.integers(-(2**63), 2**63 - 1),
    "uint8": some.integers(0, 255),
    "float64": some.floats(),
    "bool": some.booleans(),
    "object": some.one_of(some.none(), some.text(some.characters(exclude_categories=["Cs"]))),
    "datetime64[ns]": some.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)),
}
names = some.text(some.characters(exclude_categories=["Cs"]), max_size=5).filter(
    lambda name: not name.startswith("__index")
)


@some.composite
def frames(draw: some.DrawFn) -> pandas.DataFrame:
    kinds = draw(some.lists(some.sampled_from(sorted(cells)), max_size=4))
    headings = draw(some.lists(names, min_size=len(kinds), max_size=len(kinds), unique=True))
    columns = [
        some_pandas.column(heading, dtype=kind, elements=cells[kind])
        for heading, kind in zip(headings, kinds, strict=True)
    ]
    index = draw(some.sampled_from([some_pandas.range_indexes(), some_pandas.indexes(dtype="int64")]))
    frame = draw(some_pandas.data_frames(columns, index=index))
    for heading in headings:
        if draw(some.integers(0, 3)) == 0 and not frame[heading].isna().any():
            frame[heading] = frame[heading].astype("category")
    return frame


@given(frames())
@settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
def test_any_frame_of_pandas_survives(store: FileStore, frame: pandas.DataFrame) -> None:
    assert_frame_equal(through(store, frame), frame)


@given(polars_frames(max_cols=5, max_size=6, excluded_dtypes=[polars.Object]))
@settings(max_examples=25, suppress_health_check=list(HealthCheck), deadline=None)
def test_any_frame_of_polars_survives(store: FileStore, frame: polars.DataFrame) -> None:
    assert_polars_equal(through(store, frame), frame)


def test_types_that_polars_alone_has_survive(store: FileStore) -> None:
    frame = polars.DataFrame(
        {
            "plan": polars.Series(["a", "b"], dtype=polars.Enum(["z", "a", "b"])),
            "kind": polars.Series(["a", "b"], dtype=polars.Categorical),
            "wide": polars.Series([2**100, -1], dtype=polars.Int128),
            "pair": polars.Series([[1, 2], [3, 4]], dtype=polars.Array(polars.Int8, 2)),
        }
    )

    back = through(store, frame)

    assert back.schema == frame.schema
    assert_polars_equal(back, frame)
    assert through(store, frame["kind"]).name == "kind"


def test_a_table_of_arrow_survives_with_its_metadata(store: FileStore) -> None:
    table = pyarrow.table({"a": [1, None], "b": [["x"], []]}).replace_schema_metadata({"owner": "crm"})

    back = through(store, table)

    assert back.equals(table, check_metadata=True)


FRAME = pandas.DataFrame({"tenure": [1, 2, 3], "plan": pandas.Categorical(["a", "b", "a"])})


@pytest.mark.parametrize("written", ["pandas", "polars", "arrow"])
@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ("pandas", pandas.DataFrame),
        ("polars", polars.DataFrame),
        ("arrow", pyarrow.Table),
        ("polars.dataframe.frame.DataFrame", polars.DataFrame),
        ("pyarrow.lib.Table", pyarrow.Table),
        ("pandas.DataFrame", pandas.DataFrame),
    ],
)
def test_a_reader_gets_the_library_it_asks_for(store: FileStore, written: str, asked: str, kind: type) -> None:
    value = {"pandas": FRAME, "polars": polars.from_pandas(FRAME), "arrow": pyarrow.Table.from_pandas(FRAME)}[written]

    back = through(store, value, asked)

    assert type(back) is kind
    assert list(back["tenure"]) == [1, 2, 3] if kind is not pyarrow.Table else back["tenure"].to_pylist() == [1, 2, 3]


def test_a_hint_that_is_no_table_asks_for_nothing(store: FileStore) -> None:
    assert type(through(store, FRAME, "collections.abc.Iterable")) is pandas.DataFrame


def test_a_form_that_does_not_exist_is_an_error_that_lists_those_that_do(store: FileStore) -> None:
    with pytest.raises(DatasetError, match="cannot be read as 'panda'") as caught:
        through(store, FRAME, "panda")

    assert '"pandas", "polars" or "arrow"' in (caught.value.hint or "")


def test_an_unnamed_index_is_left_out_for_other_libraries_and_a_named_one_is_a_column(store: FileStore) -> None:
    shuffled = FRAME.set_axis([7, 2, 5])

    assert through(store, shuffled, "polars").columns == ["tenure", "plan"]
    assert through(store, shuffled.rename_axis("row"), "polars").columns == ["tenure", "plan", "row"]
    assert through(store, shuffled, "arrow").column_names == ["tenure", "plan"]


def test_a_record_has_the_rows_and_columns(store: FileStore) -> None:
    for frame in (FRAME.set_axis([7, 2, 5]), polars.from_pandas(FRAME)):
        record = store.write("table", frame)

        assert record.rows == 3
        assert [name for name, _ in record.columns or ()] == ["tenure", "plan"]


def test_only_columns_that_repeat_themselves_get_a_dictionary(store: FileStore) -> None:
    rows = 50_000
    frame = pandas.DataFrame(
        {
            "amount": numpy.random.default_rng(7).normal(size=rows),
            "flag": numpy.tile([0.0, 1.0], rows // 2),
            "half": numpy.arange(rows, dtype="float16"),
            "at.time": pandas.date_range("2024", periods=rows, freq="s", tz="UTC"),
            "month": pandas.period_range("2024", periods=rows, freq="min"),
            "plan": ["a", "b"] * (rows // 2),
        }
    )

    record = store.write("wide", frame)

    group = parquet.read_metadata(store.path(record)).row_group(0)
    columns = {group.column(n).path_in_schema: group.column(n).has_dictionary_page for n in range(group.num_columns)}
    assert (columns["amount"], columns["at.time"], columns["flag"], columns["plan"]) == (False, False, True, True)
    assert_frame_equal(store.read(record), frame)  # type: ignore[arg-type]  # a DataFrame


def test_a_parquet_file_of_someone_else_is_read(store: FileStore, tmp_path: Path) -> None:
    parquet.write_table(pyarrow.table({"a": [1]}), tmp_path / "theirs.parquet")
    polars.DataFrame({"a": [1]}).write_parquet(tmp_path / "polars.parquet")

    assert type(store.read(store.adopt("theirs", tmp_path / "theirs.parquet"))) is pandas.DataFrame
    assert type(store.read(store.adopt("theirs", tmp_path / "polars.parquet"))) is polars.DataFrame


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (pandas.DataFrame([[1, 2]], columns=["a", "a"]), "two columns are named 'a'"),
        (pandas.DataFrame([[1, 2]], columns=[1, "1"]), "two columns are named '1'"),
        (pandas.DataFrame({"a": [1, "x"]}), "column a"),
        (pandas.DataFrame({"a": [object()]}), "column a"),
        (pandas.DataFrame({"a": [1j]}), "column a"),
        (pandas.DataFrame({"a": [{1}, {2}]}), "column 'a' holds sets"),
        (pandas.DataFrame({"a": [{"x": 1}, {"y": 2}]}), "column 'a' holds dicts with different keys"),
        (pandas.DataFrame({"a": ["x", b"y"]}), "column 'a' holds mixed values"),
        (polars.DataFrame({"a": [object()]}), "column 'a' holds Python objects"),
    ],
)
def test_a_column_that_would_come_back_changed_is_refused_by_name(store: FileStore, frame: Any, problem: str) -> None:
    with pytest.raises(DatasetError) as caught:
        store.write("refused", frame)

    assert problem in caught.value.message
    assert caught.value.hint
    assert not Path(store.folder, "refused.parquet").exists()

from datetime import datetime, timezone
from decimal import Decimal

import pyarrow as pa
import pytest
from mlops_embedded.sql.results import Column, Data
from mlops_embedded.sql.wire import arrow_stream, column, json_cells


def read(data: Data) -> pa.Table:
    return pa.ipc.open_stream(arrow_stream(data)).read_all()


def test_a_missing_timestamp_is_null_and_no_moment_of_1970() -> None:
    values = pa.array([None, datetime(2020, 1, 1)], pa.timestamp("us"))

    table = read(Data(pa.table({"T": values}), (column("T", "TIMESTAMP"),)))

    assert table["T"].to_pylist() == [None, {"epoch": 1577836800, "fraction": 0}]


def test_a_moment_before_1970_is_the_second_below_it_and_a_fraction() -> None:
    values = pa.array([datetime(1969, 12, 31, 23, 59, 59, 250000)], pa.timestamp("us"))

    table = read(Data(pa.table({"T": values}), (column("T", "TIMESTAMP"),)))

    assert table["T"].to_pylist() == [{"epoch": -1, "fraction": 250_000_000}]


def test_whole_numbers_travel_in_64_bits_unless_one_does_not_fit() -> None:
    small = read(Data(pa.table({"N": pa.array([Decimal(5)], pa.decimal128(38, 0))}), (column("N", "HUGEINT"),)))
    large = read(Data(pa.table({"N": pa.array([Decimal(10**30)], pa.decimal128(38, 0))}), (column("N", "HUGEINT"),)))

    assert small.schema.field("N").type == pa.int64()
    assert large["N"].to_pylist() == [Decimal(10**30)]


@pytest.mark.parametrize(
    ("duckdb_type", "expected"),
    [
        ("DECIMAL(10,2)", Column("C", "fixed", precision=10, scale=2)),
        ("INTEGER[]", Column("C", "array")),
        ("STRUCT(a INTEGER)", Column("C", "object")),
        ("JSON", Column("C", "variant")),
        ("UUID", Column("C", "text")),
    ],
)
def test_a_duckdb_type_has_the_name_that_snowflake_sends(duckdb_type: str, expected: Column) -> None:
    assert column("C", duckdb_type) == expected


def test_json_cells_are_text_as_the_connector_reads_it() -> None:
    moment = datetime(2020, 1, 1, 0, 0, 0, 5, tzinfo=timezone.utc)

    [cells] = json_cells([(True, 1, None, moment, {"a": 1}, "x")])

    assert cells == ["1", "1", None, "1577836800.000005000", '{"a": 1}', "x"]

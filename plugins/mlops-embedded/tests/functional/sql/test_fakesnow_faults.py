"""Work-arounds of fakesnow's own faults: each test fails when fakesnow no longer needs one, so that it can go."""

from collections.abc import Iterator

import pyarrow as pa
import pytest
from fakesnow.arrow import timestamp_to_sf_struct
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.instance import FakeSnow

pytestmark = pytest.mark.filterwarnings("ignore:Arrow output on a DB-API result")


@pytest.fixture
def fakesnow() -> Iterator[FakeSnowflakeCursor]:
    """fakesnow alone, without anything of ours."""
    instance = FakeSnow()
    connection = instance.connect("D", "S")
    yield connection.cursor()
    connection.close()
    instance.duck_conn.close()


def fails(cursor: FakeSnowflakeCursor, sql: str) -> bool:
    try:
        cursor.execute(sql)
    except Exception as error:
        return not isinstance(error, UserWarning)
    return False


def test_fakesnow_fails_at_create_table_with_columns_as_select_of_snowflakes_functions(
    fakesnow: FakeSnowflakeCursor,
) -> None:
    sql = "CREATE TABLE T (V VARIANT) AS SELECT * FROM (SELECT OBJECT_CONSTRUCT('a', 1) AS V)"

    assert fails(fakesnow, sql), "fakesnow_faults.split can go"


def test_fakesnow_fails_at_sequences_inside_windows(fakesnow: FakeSnowflakeCursor) -> None:
    sql = "SELECT ROW_NUMBER() OVER (ORDER BY SEQ8()) - 1 AS ID FROM (TABLE(GENERATOR(ROWCOUNT => 3)))"

    assert fails(fakesnow, sql), "fakesnow_faults._sequence can go"


def test_fakesnow_takes_the_characters_of_a_hexadecimal_text_for_the_bytes(fakesnow: FakeSnowflakeCursor) -> None:
    fakesnow.execute("SELECT '01ff'::BINARY")

    assert fakesnow.fetchall() != [(b"\x01\xff",)], "fakesnow_faults._binary can go"


def test_fakesnow_reads_the_text_beside_a_variant_as_json(fakesnow: FakeSnowflakeCursor) -> None:
    fakesnow.execute("CREATE TABLE J AS SELECT OBJECT_CONSTRUCT('a', 'x') AS V")

    assert fails(fakesnow, "SELECT * FROM J WHERE V:a = 'x'"), "fakesnow_faults._text_in_json can go"


def test_fakesnow_slices_the_text_of_an_array(fakesnow: FakeSnowflakeCursor) -> None:
    fakesnow.execute("SELECT ARRAY_SLICE(ARRAY_AGG(X), 0, 1) FROM (SELECT 12 AS X)")

    assert "12" not in fakesnow.fetchall()[0][0], "fakesnow_faults._array_slice can go"


def test_fakesnow_fails_at_a_merge_source_without_a_name(fakesnow: FakeSnowflakeCursor) -> None:
    fakesnow.execute("CREATE TABLE M (K INT)")
    sql = "MERGE INTO M USING (SELECT 1 AS J) ON (K = J) WHEN NOT MATCHED THEN INSERT (K) VALUES (J)"

    assert fails(fakesnow, sql), "merge.py can go"


def test_fakesnow_makes_1970_of_a_missing_timestamp() -> None:
    struct = timestamp_to_sf_struct(pa.array([None], pa.timestamp("us")))

    assert struct.null_count == 0, "wire._timestamps can go"

"""HASH_AGG: one number for the content of a table, whatever the order of its rows."""

from __future__ import annotations

import pytest
from snowflake.connector.cursor import SnowflakeCursor


@pytest.mark.embedded("Functions: HASH_AGG over named columns (another number than Snowflake's)")
def test_a_hash_of_rows_ignores_their_order_and_sees_every_value_and_every_copy(cursor: SnowflakeCursor) -> None:
    def hashed(values: str) -> int:
        return int(cursor.execute(f"SELECT HASH_AGG(COLUMN1, COLUMN2) FROM VALUES {values}").fetchone()[0])  # type: ignore[index]

    first = hashed("(1, 'a'), (2, NULL)")

    assert hashed("(2, NULL), (1, 'a')") == first
    assert len({first, hashed("(1, 'a'), (2, 'a')"), hashed("(1, 'a')"), hashed("(1, 'a'), (1, 'a'), (2, NULL)")}) == 4

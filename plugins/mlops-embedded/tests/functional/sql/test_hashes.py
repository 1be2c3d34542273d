"""HASH_AGG: one number for the content of a table, whatever the order of its rows."""

from __future__ import annotations

from hashlib import md5

import pytest
from snowflake.connector.cursor import SnowflakeCursor


@pytest.mark.embedded("Functions: HASH_AGG over named columns (another number than Snowflake's)")
def test_a_hash_of_rows_ignores_their_order_and_sees_every_value_and_every_copy(cursor: SnowflakeCursor) -> None:
    def hashed(values: str) -> int:
        return int(cursor.execute(f"SELECT HASH_AGG(COLUMN1, COLUMN2) FROM VALUES {values}").fetchone()[0])  # type: ignore[index]

    first = hashed("(1, 'a'), (2, NULL)")

    assert hashed("(2, NULL), (1, 'a')") == first
    assert len({first, hashed("(1, 'a'), (2, 'a')"), hashed("(1, 'a')"), hashed("(1, 'a'), (1, 'a'), (2, NULL)")}) == 4


@pytest.mark.embedded("Functions: MD5_NUMBER_LOWER64, MD5_NUMBER_UPPER64")
def test_the_halves_of_an_md5_are_the_numbers_that_python_computes(cursor: SnowflakeCursor) -> None:
    words = ["Snowflake", "", "Zürich"]
    rows = ", ".join(f"('{word}')" for word in words)

    answers = cursor.execute(
        f"SELECT MD5_NUMBER_UPPER64(COLUMN1), MD5_NUMBER_LOWER64(COLUMN1) FROM VALUES {rows} "
    ).fetchall()

    digests = [md5(word.encode(), usedforsecurity=False).digest() for word in words]
    assert [tuple(map(int, row)) for row in answers] == [
        (int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big")) for digest in digests
    ]

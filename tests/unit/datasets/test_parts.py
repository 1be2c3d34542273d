"""Which replica a key belongs to: the one that Snowflake's own hash of its text says."""

from __future__ import annotations

from datetime import date

import pytest

from mlops.datasets.parts import replica_of


@pytest.mark.parametrize(
    ("key", "text"), [(7, "7"), (7.0, "7"), (True, "true"), (None, ""), (date(2024, 1, 2), "2024-01-02"), ("x", "x")]
)
def test_a_key_belongs_where_its_text_in_snowflake_does(key: object, text: str) -> None:
    assert [replica_of(key, count) for count in (2, 5, 97)] == [replica_of(text, count) for count in (2, 5, 97)]

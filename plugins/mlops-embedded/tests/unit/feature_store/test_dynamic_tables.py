"""When a dynamic table is due, and what its failures do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlops_embedded.errors import SnowflakeError, invalid_value
from mlops_embedded.ml.dynamic_tables import DynamicTable, lag_seconds

TABLE = DynamicTable(
    query="SELECT 1",
    namespace=("D", "S"),
    target_lag="10 minutes",
    refresh_mode="FULL",
    refresh_mode_reason="",
    initialize="ON_CREATE",
    warehouse="WH",
    data_timestamp=1_000.0,
    attempted_at=1_000.0,
)
FAILED = invalid_value("the query does not run")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("60 seconds", 60), ("1 minute", 60), ("5 MINUTES", 300), (" 2 hours ", 7_200), ("1 day", 86_400)],
)
def test_a_lag_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert lag_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "minutes", "1.5 hours", "-1 hours", "1 week", "59 seconds", "0 days"])
def test_what_is_no_lag_of_a_minute_or_more_is_refused(text: str) -> None:
    with pytest.raises(SnowflakeError, match="invalid TARGET_LAG"):
        lag_seconds(text)


@given(seconds=st.floats(0, 5_000))
def test_a_table_is_due_when_its_last_attempt_is_a_lag_ago(seconds: float) -> None:
    assert TABLE.is_due(1_000.0 + seconds) == (1_000.0 + seconds >= 1_600.0)


def test_neither_a_suspended_table_nor_one_for_downstream_is_ever_due() -> None:
    assert not replace(TABLE, state="SUSPENDED").is_due(1e12)
    assert not replace(TABLE, target_lag="DOWNSTREAM").is_due(1e12)


def test_five_scheduled_failures_in_a_row_suspend_a_table() -> None:
    table = TABLE
    for attempt in range(4):
        table = table.refreshed(2_000.0 + attempt, "SCHEDULED", FAILED)
    assert (table.state, table.data_timestamp, table.attempted_at) == ("ACTIVE", 1_000.0, 2_003.0)

    assert table.refreshed(3_000.0, "SCHEDULED", FAILED).state == "SUSPENDED"
    healed = table.refreshed(3_000.0, "SCHEDULED", None)
    assert healed.refreshed(4_000.0, "SCHEDULED", FAILED).state == "ACTIVE"


def test_failures_on_demand_do_not_count() -> None:
    table = TABLE
    for attempt in range(10):
        table = table.refreshed(2_000.0 + attempt, "MANUAL", FAILED)

    assert (table.state, table.failures) == ("ACTIVE", 0)

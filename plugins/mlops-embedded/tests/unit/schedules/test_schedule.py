"""Schedules come due when Snowflake's documentation says so."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlops_embedded.errors import SnowflakeError
from mlops_embedded.schedules.schedule import Cron, Interval, parse_schedule

START = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5 MINUTES", 300),
        ("1 minute", 60),
        ("10 SECONDS", 10),
        ("30 s", 30),
        ("2 HOURS", 7200),
        ("60 M", 3600),
    ],
)
def test_an_interval_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert parse_schedule(text) == Interval(timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "text",
    [
        "5 DAYS",
        "9 SECONDS",
        "12000 MINUTES",
        "USING CRON * * * * UTC",
        "USING CRON 61 * * * * UTC",
        "USING CRON 0 0 31 2 * UTC",
        "USING CRON * * * * * Mars/Olympus",
        "",
    ],
)
def test_a_schedule_that_snowflake_would_refuse_is_refused(text: str) -> None:
    with pytest.raises(SnowflakeError) as caught:
        parse_schedule(text)

    assert caught.value.code == "001008"


@given(st.integers(10, 86_400), st.integers(0, 10**7))
def test_an_interval_comes_due_on_the_grid_from_its_resume(every: int, elapsed: int) -> None:
    due = Interval(timedelta(seconds=every)).next_after(START + timedelta(seconds=elapsed), START)

    since = (due - START).total_seconds()
    assert since % every == 0
    assert 0 < since - elapsed <= every


def test_cron_means_the_wall_clock_of_its_zone_across_a_change_of_daylight_saving() -> None:
    nine_in_berlin = Cron("0 9 * * *", "Europe/Berlin")
    before = datetime(2026, 3, 28, 10, tzinfo=ZoneInfo("Europe/Berlin"))

    due = nine_in_berlin.next_after(before, START)

    assert due == datetime(2026, 3, 29, 7, tzinfo=timezone.utc)
    assert nine_in_berlin.next_after(before - timedelta(days=1), START).hour == 8


def test_cron_knows_the_last_friday_of_a_month() -> None:
    due = parse_schedule("USING CRON 0 0 * * 5L UTC").next_after(START, START)

    assert due == datetime(2026, 1, 30, tzinfo=timezone.utc)


@pytest.mark.parametrize("text", ["5 MINUTES", "1 MINUTE", "15 SECONDS", "USING CRON 0 9 * * MON Europe/Berlin"])
def test_a_schedule_is_shown_as_it_is_written(text: str) -> None:
    assert str(parse_schedule(text)) == text

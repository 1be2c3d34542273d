"""The calendar: its days, that it knows holidays of countries and of parts of them, and these as an iCalendar."""

from __future__ import annotations

from datetime import date

import pytest
from mlops_calendar.icalendar import ICalendar, ICalendarSerializer
from mlops_calendar.nodes import calendar, publish_holidays

from mlops.testing import check


def test_a_calendar_has_every_day_once_with_its_weekday() -> None:
    year = calendar(start=date(2024, 1, 1), end=date(2024, 12, 31))

    assert len(year) == 366
    assert year["date"].is_unique
    assert year["weekday"].tolist()[:8] == [0, 1, 2, 3, 4, 5, 6, 0]


@pytest.mark.parametrize(
    ("country", "subdivision", "day", "name"),
    [
        ("US", None, "2015-11-26", "Thanksgiving Day"),
        ("US", "IL", "2015-02-12", "Lincoln's Birthday"),
        ("US", None, "2015-02-12", ""),
        ("DE", "BY", "2024-01-06", "Epiphany"),
    ],
)
def test_holidays_are_those_of_the_country_and_its_part(country, subdivision, day, name) -> None:
    rows = calendar(start=date(2015, 1, 1), end=date(2024, 12, 31), country=country, subdivision=subdivision)

    (row,) = rows[rows["date"] == day].to_dict("records")
    assert (row["name"], row["holiday"]) == (name, bool(name))


def test_names_are_in_the_language_that_is_asked_for() -> None:
    rows = calendar(start=date(2024, 1, 6), end=date(2024, 1, 6), country="DE", subdivision="BY", language="de")

    assert rows["name"].tolist() == ["Heilige Drei Könige"]


@pytest.mark.parametrize(
    ("words", "told"),
    [({"country": "Atlantis"}, "does not know 'Atlantis'"), ({"end": date(1999, 1, 1)}, "before it starts")],
)
def test_what_cannot_be_a_calendar_is_refused(words, told) -> None:
    with pytest.raises(ValueError, match=told):
        calendar(**words)


def test_the_icalendar_has_an_event_for_each_holiday_between_the_days_of_the_calendar() -> None:
    days = calendar(start=date(2024, 12, 1), end=date(2025, 1, 31), country="US")

    feed = publish_holidays(days)

    begin = [line for line in feed.text.split("\r\n") if line.startswith(("DTSTART", "SUMMARY", "DTSTAMP"))]
    assert feed.events == 3
    assert begin[:3] == ["DTSTAMP:20241201T000000Z", "SUMMARY:Christmas Day", "DTSTART;VALUE=DATE:20241225"]
    assert begin[-1] == "DTSTART;VALUE=DATE:20250120"
    assert publish_holidays(days) == feed


def test_an_icalendar_without_holidays_is_empty() -> None:
    feed = publish_holidays(calendar(start=date(2024, 1, 2), end=date(2024, 1, 3)))

    assert feed.events == 0
    assert feed.text.startswith("BEGIN:VCALENDAR\r\n")


def test_only_an_icalendar_is_written_as_one(tmp_path) -> None:
    with pytest.raises(TypeError, match="not str"):
        ICalendarSerializer().write("BEGIN:VCALENDAR", tmp_path / "holidays.ics")


def test_the_pipeline_stores_the_holidays_as_a_file_that_calendar_programs_open(mlops_project) -> None:
    year = {"start": "2024-01-01", "end": "2024-12-31", "country": "DE", "subdivision": "BY", "language": "de"}

    outcome = mlops_project.run("holidays", parameters={f"calendar.{name}": value for name, value in year.items()})

    assert outcome.succeeded, outcome.errors
    (file,) = mlops_project.folder.rglob("*.ics")
    assert "SUMMARY:Heilige Drei Könige\r\n".encode() in file.read_bytes()
    assert outcome["holidays"].events == 12
    assert outcome["holidays"] == ICalendar(file.read_bytes().decode())


def test_the_plugin_keeps_the_contract() -> None:
    report = check("mlops-calendar")

    assert report.findings == ()
    assert next(one.told for one in report.checks if one.name == "deterministic") == "2 nodes run twice"

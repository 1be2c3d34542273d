"""The calendar: its days, and that it knows holidays of countries and of parts of them."""

from __future__ import annotations

from datetime import date

import pytest
from mlops_calendar.nodes import calendar

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


def test_the_plugin_keeps_the_contract() -> None:
    report = check("mlops-calendar")

    assert report.findings == ()
    assert next(one.told for one in report.checks if one.name == "deterministic") == "1 nodes run twice"

"""The nodes: the days of a calendar, and its holidays as an iCalendar. The package holidays knows those of most countries."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from mlops import node
from mlops_calendar.icalendar import ICalendar, of_days

if TYPE_CHECKING:
    import pandas as pd


@node(outputs=["calendar"], deterministic=True)
def calendar(
    *,
    start: date = date(2001, 1, 1),
    end: date = date(2016, 12, 31),
    country: str = "US",
    subdivision: str | None = None,
    language: str = "en_US",
) -> pd.DataFrame:
    """Write a row for each day: ``date``, ``weekday`` (Monday is 0), ``holiday`` and its ``name``, empty on other days.

    country, subdivision: codes of ISO 3166, as the package holidays spells them: ``US`` and ``IL``, ``DE`` and ``BY``.
    language: of the names; the package falls back to the country's own where it does not know them in this one.
    """
    import holidays
    import pandas as pd

    if end < start:
        raise ValueError(f"the calendar ends ({end}) before it starts ({start})")
    try:
        years = range(start.year, end.year + 1)
        known = holidays.country_holidays(country, subdiv=subdivision, years=years, language=language)
    except NotImplementedError as cause:
        raise ValueError(f"the package holidays does not know {country!r} with {subdivision!r}: {cause}") from cause
    days = pd.date_range(start, end, name="date").astype("datetime64[us]")
    names = [known.get(day.date()) for day in days]
    return pd.DataFrame(
        {
            "date": days,
            "weekday": days.weekday.astype("int8"),
            "holiday": [name is not None for name in names],
            "name": [name or "" for name in names],
        }
    )


@node(outputs=["holidays"], deterministic=True)
def publish_holidays(calendar: pd.DataFrame) -> ICalendar:
    """Write the holidays of the calendar as an iCalendar (``.ics``), which calendar programs open."""
    return of_days(calendar)

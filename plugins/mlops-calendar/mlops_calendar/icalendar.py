"""The iCalendar (RFC 5545) of holidays, which calendar programs open: the value, and how mlops stores it, as ``.ics``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from mlops import Facts, Serializer

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


class ICalendar(Struct, frozen=True):
    """The text of an iCalendar, with the line ends that RFC 5545 asks for."""

    text: str

    @property
    def events(self) -> int:
        """How many events it holds."""
        return self.text.count("BEGIN:VEVENT\r\n")


class ICalendarSerializer(Serializer):
    """The text as it is, in UTF-8, so that a calendar program opens the file of the dataset."""

    name = "icalendar"
    extension = ".ics"
    types = ("mlops_calendar.icalendar.ICalendar",)

    def write(self, value: object, path: Path) -> Facts:
        """Write the text, and count its events as rows."""
        if not isinstance(value, ICalendar):
            raise TypeError(f"an iCalendar is written from an ICalendar, not {type(value).__name__}")
        path.write_bytes(value.text.encode())
        return Facts(rows=value.events)

    def read(self, path: Path, as_type: str | None) -> ICalendar:
        """Return the text as it was written."""
        return ICalendar(path.read_bytes().decode())


def of_days(days: pd.DataFrame) -> ICalendar:
    """Return the holidays among the days of a ``calendar``; days of one name that follow each other are one event.

    The same days give the same text: its time stamp (DTSTAMP) is the first day, not now.
    """
    from holidays import HolidayBase
    from holidays.ical import ICalExporter

    known = HolidayBase()
    for row in days[days["holiday"]].itertuples():
        known[row.date.date()] = row.name
    exporter = ICalExporter(known)
    exporter.ical_timestamp = f"{days['date'].min():%Y%m%d}T000000Z"
    return ICalendar(str(exporter.generate()))

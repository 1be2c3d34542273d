"""What this plugin offers to mlops: its nodes, the pipeline ``holidays``, and a way to store an iCalendar."""

from __future__ import annotations

from collections.abc import Callable

from mlops import Pipeline, Serializer, hookimpl
from mlops_calendar.icalendar import ICalendarSerializer
from mlops_calendar.nodes import calendar, publish_holidays


@hookimpl
def register_nodes() -> list[Callable[..., object]]:
    """Offer the days and the iCalendar of their holidays."""
    return [calendar, publish_holidays]


@hookimpl
def register_pipelines() -> list[Pipeline]:
    """Offer both nodes as one pipeline, which needs no other plugin."""
    return [
        Pipeline(
            "holidays",
            nodes=["calendar", "publish_holidays"],
            description="Write the public holidays of a country as an iCalendar.",
        )
    ]


@hookimpl
def register_serializers() -> list[Serializer]:
    """Store an iCalendar as the file that calendar programs open."""
    return [ICalendarSerializer()]

"""When a graph runs: schedules that Snowflake takes, checked field by field, and as its statements write them.

Source: Snowflake documentation, "CREATE TASK", SCHEDULE; "Triggered tasks".
"""

from __future__ import annotations

import re
from datetime import timedelta

from mlops.compile.names import qualified
from mlops.errors import GraphProblem, MlopsError
from mlops.pipeline import Cron, Interval, Schedule, Stream

_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_FIELDS = (
    ("minute", 0, 59, (), False),
    ("hour", 0, 23, (), False),
    ("day of month", 1, 31, (), True),
    ("month", 1, 12, tuple(_MONTHS), False),
    ("day of week", 0, 6, tuple(_DAYS), True),
)
LONGEST_INTERVAL = timedelta(minutes=11520)


def schedule_text(schedule: Schedule | None) -> str | None:
    """Return what stands in SCHEDULE: ``USING CRON …`` or a number with its unit; None for a stream or no schedule."""
    if isinstance(schedule, Cron):
        return f"USING CRON {schedule.expression} {schedule.timezone}"
    if isinstance(schedule, Interval):
        seconds = int(schedule.every.total_seconds())
        return f"{seconds // 60} MINUTES" if seconds % 60 == 0 else f"{seconds} SECONDS"
    return None


def check_schedule(schedule: Schedule | None, pipeline: str, problems: list[MlopsError]) -> None:
    """Put what Snowflake would refuse about a schedule into ``problems``."""
    if isinstance(schedule, Cron):
        for (name, low, high, words, last), field in zip(_FIELDS, schedule.expression.split(), strict=True):
            if not _fits(field, low, high, words, last=last):
                problems.append(
                    GraphProblem(
                        f"schedule of pipeline {pipeline!r}: {field!r} is not a {name} in cron {schedule.expression!r}",
                        hint=f"it is *, */n, or numbers and ranges from {low} to {high}"
                        + (f", or {words[0]} to {words[-1]}" if words else "") + (", or L" if last else ""),
                    )
                )  # fmt: skip
        if not _is_time_zone(schedule.timezone):
            problems.append(
                GraphProblem(
                    f"schedule of pipeline {pipeline!r}: {schedule.timezone!r} is not a time zone",
                    hint="use a name of the IANA database, for example Europe/Berlin or UTC",
                )
            )
    elif isinstance(schedule, Interval) and schedule.every > LONGEST_INTERVAL:
        problems.append(
            GraphProblem(
                f"schedule of pipeline {pipeline!r}: every {schedule.every} is longer than the 8 days Snowflake takes",
                hint="use a cron schedule",
            )
        )
    elif isinstance(schedule, Stream) and qualified(schedule.name) is None:
        problems.append(
            GraphProblem(
                f"schedule of pipeline {pipeline!r}: {schedule.name!r} is not the name of a stream",
                hint="write stream, schema.stream or database.schema.stream, without quotes",
            )
        )


def _fits(field: str, low: int, high: int, words: tuple[str, ...], *, last: bool) -> bool:
    return all(_entry_fits(entry.upper(), low, high, words, last=last) for entry in field.split(","))


def _entry_fits(entry: str, low: int, high: int, words: tuple[str, ...], *, last: bool) -> bool:
    span, slash, step = entry.partition("/")
    if slash and (not step.isdigit() or not 1 <= int(step) <= high):
        return False
    if span == "*" or (last and re.fullmatch(r"[0-6]?L", span)):
        return True
    ends = [_number(end, words, low) for end in span.split("-")]
    if len(ends) > 2 or any(end is None or not low <= end <= high for end in ends):
        return False
    return len(ends) == 1 or (ends[0] or 0) <= (ends[1] or 0)


def _number(text: str, words: tuple[str, ...], low: int) -> int | None:
    if text in words:
        return words.index(text) + low
    return int(text) if text.isdigit() and text.isascii() else None


def _is_time_zone(name: str) -> bool:
    from zoneinfo import ZoneInfo, available_timezones

    try:
        ZoneInfo(name)
    except (ValueError, OSError):
        return False
    except LookupError:  # not found: a machine without the database cannot tell
        return not available_timezones() and bool(re.fullmatch(r"[A-Za-z]+(?:/[A-Za-z0-9_+-]+)*", name))
    return True

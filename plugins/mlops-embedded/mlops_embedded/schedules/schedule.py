"""When a root task or an alert runs: at a fixed interval, or by a cron expression in a time zone.

Cron follows Debian's cron (cronsim): an hour that daylight saving skips is made up for, one that it repeats
counts once.

Source: Snowflake documentation, CREATE TASK, "SCHEDULE".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from mlops_embedded.errors import invalid_value

MIN_INTERVAL, MAX_INTERVAL = timedelta(seconds=10), timedelta(days=8)
_UNITS = {"H": 3600, "HOUR": 3600, "HOURS": 3600, "": 60, "M": 60, "MINUTE": 60, "MINUTES": 60}
_UNITS |= {"S": 1, "SECOND": 1, "SECONDS": 1}


@dataclass(frozen=True, slots=True)
class Interval:
    """Every so long, counted from the moment the task was resumed."""

    every: timedelta

    def __post_init__(self) -> None:
        if not MIN_INTERVAL <= self.every <= MAX_INTERVAL:
            raise invalid_value(f"a task's interval must be 10 seconds to 8 days, not {self.every}")

    def __str__(self) -> str:
        seconds = int(self.every.total_seconds())
        unit = 1 if seconds % 60 else 60
        return f"{seconds // unit} {'SECOND' if unit == 1 else 'MINUTE'}{'S' if seconds != unit else ''}"

    def next_after(self, moment: datetime, anchor: datetime) -> datetime:
        """Return the first time after `moment` on the grid that starts at `anchor`."""
        steps = max(1, (moment - anchor) // self.every + 1)
        return anchor + steps * self.every


@dataclass(frozen=True, slots=True)
class Cron:
    """Whenever the five fields match the wall clock of a time zone; the finest grain is a minute."""

    expression: str
    zone: str

    def __post_init__(self) -> None:
        if len(self.expression.split()) != 5:
            raise invalid_value(f"the cron expression {self.expression!r} must have five fields")
        try:
            next(CronSim(self.expression, datetime.now(timezone.utc)))
        except (CronSimError, StopIteration) as error:
            reason = str(error) or "it never matches"
            raise invalid_value(f"the cron expression {self.expression!r} is not valid: {reason}") from error
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise invalid_value(f"{self.zone!r} is not a time zone such as America/Los_Angeles") from error

    def __str__(self) -> str:
        return f"USING CRON {self.expression} {self.zone}"

    def next_after(self, moment: datetime, anchor: datetime) -> datetime:
        """Return the first match after `moment`; cron does not count from an `anchor`."""
        del anchor
        return next(CronSim(self.expression, moment.astimezone(ZoneInfo(self.zone)))).astimezone(timezone.utc)


Schedule = Interval | Cron


def due_between(schedule: Schedule, anchor: datetime, since: datetime, until: datetime) -> list[datetime]:
    """Return when a schedule that counts from `anchor` came due after `since`, up to and with `until`."""
    found = []
    moment = schedule.next_after(max(since, anchor), anchor)
    while moment <= until:
        found.append(moment)
        moment = schedule.next_after(moment, anchor)
    return found


def parse_schedule(text: str) -> Schedule:
    """Read a SCHEDULE as SQL has it: `'5 MINUTES'`, `'30 s'`, `'USING CRON 0 9 * * MON Europe/Berlin'`."""
    words = text.split()
    if [word.upper() for word in words[:2]] == ["USING", "CRON"]:
        if len(words) != 8:
            raise invalid_value(f"the schedule {text!r} must be USING CRON, five fields and a time zone")
        return Cron(" ".join(words[2:7]), words[7])
    match = re.fullmatch(r"(\d+)\s*([A-Z]*)", text.strip().upper())
    if match is None or match[2] not in _UNITS:
        raise invalid_value(f"the schedule {text!r} must be '<number> HOURS|MINUTES|SECONDS' or 'USING CRON ...'")
    return Interval(timedelta(seconds=int(match[1]) * _UNITS[match[2]]))

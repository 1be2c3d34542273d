"""What became of alerts: one row a run, in a table of the catalog's file."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from datetime import datetime, timezone
from typing import Final

from mlops_embedded.catalog import Catalog, ObjectName

TRIGGERED: Final = "TRIGGERED"
CONDITION_FALSE: Final = "CONDITION_FALSE"
CONDITION_FAILED: Final = "CONDITION_FAILED"
ACTION_FAILED: Final = "ACTION_FAILED"
_TABLE = """CREATE TABLE IF NOT EXISTS alert_runs (
    database TEXT NOT NULL, schema TEXT NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL, condition TEXT NOT NULL,
    action TEXT NOT NULL, condition_query_id TEXT, action_query_id TEXT, error_code TEXT, error_message TEXT,
    scheduled_time REAL NOT NULL, completed_time REAL NOT NULL)"""


@dataclass(frozen=True, slots=True)
class AlertRun:
    """One run: TRIGGERED if the condition returned rows and the action ran. Times are seconds since 1970."""

    database: str
    schema: str
    name: str
    state: str
    condition: str
    action: str
    condition_query_id: str | None
    action_query_id: str | None
    error_code: str | None
    error_message: str | None
    scheduled_time: float
    completed_time: float


class AlertHistory:
    """The runs of all alerts."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        catalog.execute(_TABLE)

    def put(self, run: AlertRun) -> None:
        self._catalog.execute(f"INSERT INTO alert_runs VALUES ({', '.join('?' * 12)})", astuple(run))

    def runs(self, since: datetime, until: datetime) -> list[AlertRun]:
        """Return what was scheduled in a span of time, the latest first."""
        rows = self._catalog.rows(
            "SELECT * FROM alert_runs WHERE scheduled_time BETWEEN ? AND ? ORDER BY scheduled_time DESC, rowid DESC",
            (since.timestamp(), until.timestamp()),
        )
        return [AlertRun(*row) for row in rows]

    def last_success(self, alert: ObjectName) -> datetime | None:
        """Return when the last run was scheduled whose condition and action could be evaluated."""
        rows = self._catalog.rows(
            "SELECT MAX(scheduled_time) FROM alert_runs WHERE database = ? AND schema = ? AND name = ? AND state IN (?, ?)",
            (alert.database, alert.schema, alert.name, TRIGGERED, CONDITION_FALSE),
        )
        return None if rows[0][0] is None else datetime.fromtimestamp(rows[0][0], timezone.utc)

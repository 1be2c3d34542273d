"""Dynamic tables: tables whose rows are those of their query at one moment, as the catalog keeps them in the table's document.

An online feature table is one, too, by another name: its fact `online` says so.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from mlops_embedded.catalog import Catalog, Document, ObjectName
from mlops_embedded.errors import SnowflakeError, does_not_exist, invalid_value, wrong_type
from mlops_embedded.sql.relations import find_relation
from mlops_embedded.sql.session import Session

Kind = Literal["dynamic table", "online feature table"]
DOWNSTREAM = "DOWNSTREAM"
_FAILURES_ALLOWED = 5
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}


@dataclass(frozen=True, slots=True)
class DynamicTable:
    """What the catalog keeps of a dynamic table beside what it keeps of every table. Times are seconds since 1970."""

    query: str
    namespace: tuple[str | None, str | None]
    """The database and schema that were current when it was created: the query's unqualified names are there."""
    target_lag: str
    refresh_mode: str
    refresh_mode_reason: str
    initialize: str
    warehouse: str
    initialization_warehouse: str | None = None
    cluster_by: str = ""
    state: str = "ACTIVE"
    data_timestamp: float | None = None
    """As of when the rows are; None before the first refresh."""
    attempted_at: float | None = None
    failures: int = 0
    """Scheduled refreshes that failed since the last refresh that did not."""
    online: dict[str, Any] | None = None
    """An online feature table's own facts: it is refreshed like a dynamic table, and is none by name."""

    @classmethod
    def of(cls, body: dict[str, Any]) -> DynamicTable:
        """Read it from the body of the table's document, which has it under `dynamic`."""
        facts = body["dynamic"]
        return cls(**{**facts, "namespace": tuple(facts["namespace"])})

    def facts(self) -> dict[str, Any]:
        return asdict(self)

    def is_due(self, now: float) -> bool:
        """Whether a reader at this moment would find rows older than the lag."""
        if self.state != "ACTIVE" or self.target_lag == DOWNSTREAM:
            return False
        return self.attempted_at is None or now - self.attempted_at >= duration_seconds(self.target_lag)

    def refreshed(self, moment: float, trigger: str, error: SnowflakeError | None) -> DynamicTable:
        """Return what it is after a refresh; the fifth that fails in a row suspends it, as in Snowflake."""
        if error is None:
            return replace(self, data_timestamp=moment, attempted_at=moment, failures=0)
        failures = self.failures + (trigger == "SCHEDULED")
        if failures >= _FAILURES_ALLOWED:
            return replace(self, attempted_at=moment, failures=0, state="SUSPENDED")
        return replace(self, attempted_at=moment, failures=failures)


def lag_seconds(text: str, *, least: int = 60) -> int:
    """Return the seconds of a TARGET_LAG such as '5 minutes'.

    Raises:
        SnowflakeError 001008: it is no duration, or shorter than `least` seconds.
    """
    seconds = duration_seconds(text)
    if seconds < least:
        raise invalid_value(f"invalid TARGET_LAG {text!r}: the lag is at least {least} seconds")
    return seconds


def duration_seconds(text: str) -> int:
    """Return the seconds of '30 seconds', '5 minutes', '30s' or '5m'."""
    match = re.fullmatch(r"\s*(\d+)(?:\s+(second|minute|hour|day)s?|\s*([smhd]))\s*", text, re.IGNORECASE)
    if match is None:
        raise invalid_value(
            f"invalid TARGET_LAG {text!r}: say '<number> seconds | minutes | hours | days', or DOWNSTREAM"
        )
    unit = (match[2] or match[3]).lower()
    return int(match[1]) * next(seconds for word, seconds in _SECONDS.items() if word.startswith(unit))


def dynamic_tables(catalog: Catalog) -> set[ObjectName]:
    """Return the names of the account's dynamic tables."""
    rows = catalog.rows(
        "SELECT database, schema, name FROM documents WHERE kind = 'table' AND json_extract(body, '$.dynamic') IS NOT NULL"
    )
    return {ObjectName(*row) for row in rows}


def is_kind(body: dict[str, Any], kind: Kind) -> bool:
    """Whether a table's body is that of a dynamic table, or of an online feature table: none is both by name."""
    return "dynamic" in body and (body["dynamic"].get("online") is not None) == (kind == "online feature table")


def find(session: Session, name: ObjectName, kind: Kind, *, if_exists: bool) -> Document | None:
    """Return the document of a table of this kind; None if there is none and `if_exists` was said.

    Raises:
        SnowflakeError 002003: there is none.
        SnowflakeError 002203: what has the name is another kind of table, or a view.
    """
    document = session.catalog.find("table", name)
    if document is not None and is_kind(document.body, kind):
        return document
    there = find_relation(session, name)
    if there is not None:
        raise wrong_type("VIEW" if there.is_view else "TABLE", kind.upper().replace(" ", "_"))
    if if_exists:
        return None
    raise does_not_exist(kind, name)

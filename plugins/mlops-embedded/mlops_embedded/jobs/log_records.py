"""A line of a container's output as a row of an event table.

Source: Snowflake documentation, "Monitoring services" and "Event table columns".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from mlops_embedded.jobs.service import Service

_NUMBERS = {"TRACE": 1, "DEBUG": 5, "INFO": 9, "WARN": 13, "ERROR": 17, "FATAL": 21}
_OF_STREAM = {"stdout": "INFO", "stderr": "ERROR"}


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One row; what is a dict here is OBJECT there, and `value` VARIANT. Times are UTC."""

    timestamp: datetime
    observed: datetime
    resource_attributes: dict[str, Any]
    scope: dict[str, Any] | None
    record: dict[str, Any]
    record_attributes: dict[str, Any]
    value: Any


def log_record(service: Service, instance: int, container: str, time: datetime, stream: str, text: str) -> LogRecord:
    """Return the row of a line; a line that is JSON with a `body` says itself how severe it is, and more."""
    resource = {
        "snow.account.name": "EMBEDDED",
        "snow.compute_pool.name": service.request.compute_pool,
        "snow.database.name": service.name.database,
        "snow.query.id": service.query_id,
        "snow.schema.name": service.name.schema,
        "snow.service.container.name": container,
        "snow.service.id": service.id,
        "snow.service.instance": str(instance),
        "snow.service.name": service.name.name,
        "snow.service.type": "Job" if service.is_job else "Service",
    }
    said = _structured(text)
    if said is None:
        return LogRecord(time, time, resource, None, _severity(_OF_STREAM[stream]), {"log.iostream": stream}, text)
    severity = said.get("severity_text")
    attributes, scope = said.get("attributes"), said.get("scope")
    return LogRecord(
        _time(said.get("timestamp")) or time,
        time,
        resource,
        scope if isinstance(scope, dict) else None,
        _severity(severity.upper() if isinstance(severity, str) else _OF_STREAM[stream]),
        attributes if isinstance(attributes, dict) else {},
        said["body"],
    )


def _structured(text: str) -> dict[str, Any] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        said = json.loads(text)
    except ValueError:
        return None
    return said if "body" in said else None


def _severity(text: str) -> dict[str, Any]:
    number = _NUMBERS.get(text)
    return {**({} if number is None else {"severity_number": number}), "severity_text": text}


def _time(text: object) -> datetime | None:
    """RFC 3339; one that is not is left out of account."""
    if not isinstance(text, str):
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time.astimezone(timezone.utc) if time.tzinfo else time.replace(tzinfo=timezone.utc)

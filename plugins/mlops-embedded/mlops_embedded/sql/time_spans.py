"""Arguments that the history functions share: moments, and how many rows."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from mlops_embedded.errors import invalid_value


def limit_of(value: Any) -> int:
    """Return a RESULT_LIMIT, 1 to 10,000."""
    if not isinstance(value, int) or not 1 <= value <= 10_000:
        raise invalid_value(f"RESULT_LIMIT must be from 1 to 10000, not {value}")
    return value


def moment_of(value: Any) -> datetime | None:
    """Return an argument as a moment; without a time zone it is UTC."""
    if value is None:
        return None
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)

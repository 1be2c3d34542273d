"""Lines of a container's log: JSON as our containers and Snowflake's formatter write it, made readable.

A line that is no JSON object with a ``body`` stays as it is.

Source: Snowflake documentation, "Monitoring services", structured log lines.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from msgspec import Struct


class LogLine(Struct, frozen=True):
    """One line. ``text`` is what it says, as plain text; ``raw`` the line as it was written."""

    raw: str
    text: str
    level: str = ""
    moment: float | None = None
    node: str | None = None


def parse(raw: str) -> LogLine:
    """Return a line with what it says about itself."""
    if not raw.startswith("{"):
        return LogLine(raw, raw)
    try:
        value: Any = json.loads(raw)  # Any: JSON
    except ValueError:
        return LogLine(raw, raw)
    if not isinstance(value, dict) or "body" not in value:
        return LogLine(raw, raw)
    body = value["body"]
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return _line(
        raw, text, str(value.get("severity_text") or ""), _moment(value.get("timestamp")), value.get("attributes")
    )


def kept(text: str, *, level: str, moment: float | None, attributes: object) -> LogLine:
    """Return a line that was kept apart from what it says about itself, as the event table keeps it."""
    return _line(text, text, level, moment, attributes)


def _line(raw: str, text: str, level: str, moment: float | None, said: object) -> LogLine:
    attributes = said if isinstance(said, dict) else {}
    trace, hint, node = (attributes.get(key) for key in ("exception.stacktrace", "mlops.hint", "mlops.node"))
    if isinstance(trace, str) and trace.strip() and trace.strip() not in text:
        text = f"{text}\n{trace.rstrip()}"
    if isinstance(hint, str) and hint:
        text = f"{text}\nhint: {hint}"
    return LogLine(raw, text, level, moment, node if isinstance(node, str) else None)


def readable(line: LogLine) -> list[str]:
    """Return a line for people: its time of day and level, where it has them, before its text; several if it has several."""
    if line.moment is None and not line.level:
        return [line.text]
    clock = datetime.fromtimestamp(line.moment).strftime("%H:%M:%S") if line.moment is not None else " " * 8
    first, *rest = line.text.split("\n")
    return [f"{clock} {line.level:<7} {first}".rstrip(), *(" " * 17 + one for one in rest)]


def unseen(before: list[str], now: list[str]) -> list[str]:
    """Return the lines of ``now`` that follow those of ``before``: both are the end of one growing log.

    All of them if nothing of ``before`` is left in ``now``.
    """
    for overlap in range(min(len(before), len(now)), 0, -1):
        if before[-overlap:] == now[:overlap]:
            return now[overlap:]
    return now


def _moment(value: object) -> float | None:
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None

"""The log of a container: one JSON object a line on standard output, in the form that Snowflake's event table parses.

Keys are ``timestamp`` (RFC 3339), ``severity_text``, ``body``, ``scope`` and ``attributes``. What a node prints becomes
such lines, too, and every line says which node of which run wrote it.

Source: Snowflake documentation, "Monitoring services", structured logs.
"""

from __future__ import annotations

import io
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from threading import RLock
from typing import Any, TextIO

from msgspec import json

_SEVERITIES = {"WARNING": "WARN", "CRITICAL": "FATAL"}
"""Names of levels where OpenTelemetry, and with it the event table, has others than Python."""

_LONGEST = 16_000
"""Characters of one line: a longer one is cut by those who carry it."""


class JobLog:
    """What a container has to say, line by line. ``attributes`` are put on every line."""

    def __init__(self, out: TextIO, *, as_json: bool = True, attributes: Mapping[str, object] | None = None) -> None:
        self._out, self._as_json = out, as_json
        self._attributes: dict[str, object] = dict(attributes or {})
        self._lock = RLock()

    def say(
        self,
        severity: str,
        body: str,
        attributes: Mapping[str, object] | None = None,
        *,
        scope: str = "mlops",
        moment: float | None = None,
    ) -> None:
        """Write one line."""
        own = dict(attributes or {})
        moment = time.time() if moment is None else moment
        when = datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
        with self._lock:
            line = (
                _as_json(when, severity, body, scope, {**self._attributes, **own})
                if self._as_json
                else _as_text(when, severity, body, own)
            )
            self._out.write(line)
            self._out.flush()

    @contextmanager
    def about(self, **attributes: object) -> Iterator[None]:
        """Put further attributes on every line of the block; ``mlops.`` leads their names."""
        before = self._attributes
        self._attributes = {**before, **{f"mlops.{name}": value for name, value in attributes.items()}}
        try:
            yield
        finally:
            self._attributes = before

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Take what is printed and logged in this process until the block ends."""
        root, handler = logging.getLogger(), _Handler(self)
        level, stdout, stderr = root.level, sys.stdout, sys.stderr
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        logging.getLogger("snowflake").setLevel(logging.WARNING)  # it tells of every request
        if self._as_json:
            sys.stdout, sys.stderr = printed = _Printed(self, "INFO"), _Printed(self, "WARN")
        try:
            yield
        finally:
            if self._as_json:
                sys.stdout, sys.stderr = stdout, stderr
                for stream in printed:
                    stream.close()
            root.removeHandler(handler)
            root.setLevel(level)


class _Handler(logging.Handler):
    """Hands records of the module ``logging`` on."""

    def __init__(self, log: JobLog) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            attributes: dict[str, object] = {}
            if record.exc_info and record.exc_info[0] is not None:
                attributes = {
                    "exception.type": record.exc_info[0].__name__,
                    "exception.message": str(record.exc_info[1]),
                    "exception.stacktrace": logging.Formatter().formatException(record.exc_info),
                }
            severity = _SEVERITIES.get(record.levelname, record.levelname)
            self._log.say(severity, record.getMessage(), attributes, scope=record.name, moment=record.created)
        except Exception:  # a record that cannot be formatted must not end the node
            self.handleError(record)


class _Printed(io.TextIOBase):
    """Stands for standard output or error: what is printed becomes lines of the log."""

    def __init__(self, log: JobLog, severity: str) -> None:
        super().__init__()
        self._log, self._severity = log, severity
        self._begun = ""

    encoding = "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text.replace("\r", "\n")).split("\n")
        if len(self._begun) > _LONGEST:
            lines, self._begun = [*lines, self._begun], ""
        for line in lines:
            if line.strip():
                self._log.say(self._severity, line, scope="print")
        return len(text)

    def close(self) -> None:
        if not self.closed and self._begun.strip():
            self._log.say(self._severity, self._begun, scope="print")
            self._begun = ""
        super().close()


def _as_json(when: str, severity: str, body: str, scope: str, attributes: Mapping[str, object]) -> str:
    fields = {
        "timestamp": when,
        "severity_text": severity,
        "body": body[:_LONGEST],
        "scope": {"name": scope},
        "attributes": {name: _short(value) for name, value in attributes.items()},
    }
    return json.encode(fields, enc_hook=str).decode() + "\n"


def _short(value: object) -> object:
    return value[-_LONGEST:] if isinstance(value, str) else value


def _as_text(when: str, severity: str, body: str, attributes: Mapping[str, Any]) -> str:  # Any: anything to be shown
    lines = [f"{when} {severity:<5} {body}"]
    for name, value in attributes.items():
        text = value if isinstance(value, str) else json.encode(value, enc_hook=str).decode()
        lines += [f"    {name}: {text}"] if "\n" not in text else [f"    {line}" for line in text.rstrip().splitlines()]
    return "\n".join(lines) + "\n"

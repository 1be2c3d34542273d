"""The log and counter of every call."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

_KEPT = 5_000


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request: what was asked, how it was answered, how long it took."""

    number: int
    method: str
    path: str
    status: int
    seconds: float
    sql: str | None = None
    error: str | None = None
    """Snowflake's code, where the answer was a refusal."""


class CallLog:
    """Every call since the server started (the last 5000 in full, all of them counted)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: deque[Call] = deque(maxlen=_KEPT)
        self._counts: Counter[str] = Counter()
        self._number = 0

    def next_number(self) -> int:
        with self._lock:
            self._number += 1
            return self._number

    def add(self, call: Call) -> None:
        with self._lock:
            self._calls.append(call)
            self._counts[f"{call.method} {call.path}"] += 1

    def snapshot(self) -> dict[str, Any]:
        """Return `{"count": n, "by_path": {...}, "calls": [...]}`, the newest call last."""
        with self._lock:
            calls = list(self._calls)
            return {"count": self._number, "by_path": dict(self._counts), "calls": [asdict(call) for call in calls]}


_SECRET = re.compile(
    r"\b(PASSWORD|SECRET_STRING|OAUTH_REFRESH_TOKEN)\s*=\s*(?:'(?:[^'\\]|''|\\.)*'|\$\$.*?\$\$)",
    re.IGNORECASE | re.DOTALL,
)


def without_secrets(sql: str) -> str:
    """Return a statement as the log may keep it: the values of CREATE and ALTER SECRET are masked."""
    return _SECRET.sub(r"\1 = '****'", sql)


def now() -> float:
    return time.perf_counter()

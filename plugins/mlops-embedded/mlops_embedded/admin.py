"""The client's side of the admin routes: the log of a server's calls, faults on demand, and the clock."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any


class Admin:
    """Talks to a running server with its credential."""

    def __init__(self, port: int, credential: str) -> None:
        self._url, self._credential = f"http://127.0.0.1:{port}/embedded", credential

    def calls(self) -> dict[str, Any]:
        """Return `{"count": n, "by_path": {...}, "calls": [{"method", "path", "status", "sql", ...}]}`."""
        answer: dict[str, Any] = self._ask("GET", "calls")
        return answer

    def statements(self) -> list[str]:
        """Return every statement that was sent, oldest first."""
        return [call["sql"] for call in self.calls()["calls"] if call["sql"] is not None]

    @contextmanager
    def fault(self, do: str, **facts: Any) -> Iterator[None]:
        """Let something go wrong inside the block: `fault("drop", sql="INSERT", nth=2)`; see server/faults.py."""
        self._ask("POST", "faults", {"do": do, **facts})
        try:
            yield
        finally:
            self._ask("DELETE", "faults")

    def add_fault(self, do: str, **facts: Any) -> None:
        """Let something go wrong until `clear_faults`."""
        self._ask("POST", "faults", {"do": do, **facts})

    def clear_faults(self) -> None:
        self._ask("DELETE", "faults")

    def set_clock(self, now: datetime | None) -> None:
        """Stop the clock that schedules follow at a moment, and start what came due; None lets it run again."""
        self._ask("PUT", "clock", {"now": None if now is None else now.isoformat()})

    def _ask(self, method: str, what: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self._url}/{what}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._credential}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

"""The clock that schedules follow: the machine's, or one that a test moves."""

from __future__ import annotations

import threading
from datetime import datetime, timezone


class Clock:
    """Says what time it is for schedules and for idle services. Durations and timeouts always follow the machine's clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set_to: datetime | None = None

    @property
    def is_driven(self) -> bool:
        """Whether a test moves it."""
        return self._set_to is not None

    def now(self) -> datetime:
        with self._lock:
            return self._set_to or datetime.now(timezone.utc)

    def set(self, moment: datetime | None) -> None:
        """Stop the clock at a moment; None gives it back to the machine.

        Raises:
            ValueError: the moment lies before the one it was set to.
        """
        with self._lock:
            if moment is not None and self._set_to is not None and moment < self._set_to:
                raise ValueError(f"the clock stands at {self._set_to.isoformat()} and cannot go back")
            self._set_to = moment

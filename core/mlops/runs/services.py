"""Services: the objects of Snowflake that a node may ask for, made only when one does."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol


class Services(Protocol):
    """Where ``feature_store``, ``model_registry`` and ``session`` come from. One per process; closed when it ends."""

    auth_mode: str

    def get(self, name: str) -> object | None:
        """Return the service of this name, or None where the run has none."""

    def close(self) -> None:
        """End the session, if one was made."""


def services_for(connection: object) -> Services:
    """Return where a process gets its services from: a session made with ``connection``, or nowhere when it is None."""
    return NoServices()


class NoServices:
    """A run without Snowflake: every service is None."""

    auth_mode = "none"

    def get(self, name: str) -> None:
        """Return None, whatever the name."""
        return

    def close(self) -> None:
        """Do nothing: there is nothing to end."""

    def __enter__(self) -> NoServices:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

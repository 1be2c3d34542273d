"""Services: the objects of Snowflake that a node may ask for, made only when one does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mlops.runs.connection import Connection
    from mlops.runs.measured import Measured
    from mlops.runs.outcome import AuthFallback


class Services(Protocol):
    """Where ``feature_store``, ``model_registry`` and ``session`` come from. One per process; closed when it ends."""

    @property
    def auth_mode(self) -> str:
        """How the session authenticates."""

    @property
    def fallback(self) -> AuthFallback | None:
        """What was wrong with the credentials that were wanted, where others had to be used."""

    def get(self, name: str) -> object | None:
        """Return the service of this name, or None where the run has none."""

    def tag(self, text: str) -> None:
        """Put a text on what is asked of Snowflake from now on."""

    @property
    def has_session(self) -> bool:
        """Whether a session is open: what costs one is done only then."""

    def track(self, measured: Measured) -> None:
        """Write what a node measured into Snowflake's experiments, with the session there is.

        Raises:
            AccountError: Snowflake refuses it, or its packages are missing.
        """

    def close(self) -> None:
        """End the session, if one was made."""


def services_for(
    connection: Connection | None, *, on_fallback: Callable[[AuthFallback], None] | None = None
) -> Services:
    """Return where a process gets its services from: a session made with ``connection``, or nowhere when it is None."""
    if connection is None:
        return NoServices()
    from mlops.snowflake.services import SnowflakeServices

    return SnowflakeServices(connection, on_fallback=on_fallback)


class NoServices:
    """A run without Snowflake: every service is None."""

    auth_mode = "none"
    fallback = None
    has_session = False

    def get(self, name: str) -> None:
        """Return None, whatever the name."""
        return

    def tag(self, text: str) -> None:
        """Do nothing: nothing is asked of Snowflake."""

    def track(self, measured: Measured) -> None:
        """Do nothing: there is no Snowflake to tell."""

    def close(self) -> None:
        """Do nothing: there is nothing to end."""

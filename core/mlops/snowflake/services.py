"""Snowflake's own session, feature store and model registry, made when a node first asks for one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mlops.errors import AccountError
from mlops.runs.connection import Connection
from mlops.runs.measured import Measured
from mlops.runs.outcome import AuthFallback
from mlops.snowflake.session import SnowflakeSession

if TYPE_CHECKING:
    from snowflake.snowpark import Session

_INSTALL = "pip install 'mlops-framework[snowflake]'"


class SnowflakeServices:
    """One session a process, shared by all services that are made from it, and closed at the end."""

    def __init__(
        self, connection: Connection | SnowflakeSession, *, on_fallback: Callable[[AuthFallback], None] | None = None
    ) -> None:
        self._session = (
            connection
            if isinstance(connection, SnowflakeSession)
            else SnowflakeSession(connection, on_fallback=on_fallback)
        )
        self._made: dict[str, object] = {}
        self._place: tuple[str | None, str | None] = (None, None)

    @property
    def auth_mode(self) -> str:
        """How the session authenticates; what was wanted as long as there is none."""
        return self._session.auth_mode

    @property
    def fallback(self) -> AuthFallback | None:
        """What was wrong with the credentials that were wanted, where others had to be used."""
        return self._session.fallback

    def get(self, name: str) -> object:
        """Return ``session``, ``feature_store`` or ``model_registry``.

        Raises:
            AuthenticationError: no session is to be had.
            AccountError: Snowflake's packages are missing, or Snowflake refuses the service.
        """
        try:
            session = self._session.snowpark
            if self._made.get("session") is not session:  # the last one broke, and what was made from it with it
                self._made = {"session": session}
                self._place = session.get_current_database(), session.get_current_schema()
            if name not in self._made:
                self._made[name] = self._make(name, session)
        except ImportError as cause:
            raise AccountError(f"{name} needs {cause.name}, which is not installed", hint=_INSTALL) from cause
        except AccountError:
            raise
        except Exception as cause:  # Snowflake's packages share no base class of errors
            raise AccountError(
                f"{name} is not to be had on {self.auth_mode}: {type(cause).__name__}: {cause}",
                hint="check the connection, its role, and the privileges on database and schema",
            ) from cause
        return self._made[name]

    @property
    def has_session(self) -> bool:
        """Whether a session is open that services were made from."""
        return bool(self._made) and self._session.is_open

    def track(self, measured: Measured) -> None:
        """Write what a node measured into the experiment of its pipeline, where the session stood at its start.

        Raises:
            AccountError: Snowflake refuses it, or its packages are missing.
        """
        database, schema = self._place
        if not database or not schema:
            raise AccountError("an experiment needs a database and a schema, and the connection has none")
        try:
            from mlops.snowflake.experiments import track

            track(self._session.snowpark, measured, database=database, schema=schema)
        except ImportError as cause:
            raise AccountError(f"experiments need {cause.name}, which is not installed", hint=_INSTALL) from cause
        except Exception as cause:  # as above
            raise AccountError(
                f"Snowflake keeps no experiment {measured.experiment}: {type(cause).__name__}: {cause}",
                hint="the role needs CREATE EXPERIMENT on the schema",
            ) from cause

    def tag(self, text: str) -> None:
        """Put a text on what is asked of Snowflake from now on, so that its query history tells which node asked."""
        self._session.tag(text)

    def close(self) -> None:
        """Close the session, if one was made."""
        self._made.clear()
        self._session.close()

    def _make(self, name: str, session: Session) -> object:
        database, schema = session.get_current_database(), session.get_current_schema()
        if not database or not schema:
            raise AccountError(
                f"{name} needs a database and a schema, and the connection has none",
                hint="name both in the connection of the target",
            )
        if name == "feature_store":
            from snowflake.ml.feature_store import CreationMode, FeatureStore

            warehouse = session.get_current_warehouse()
            if not warehouse:
                raise AccountError(
                    "feature_store needs a warehouse, and the session has none",
                    hint="name one in the connection, or as warehouse of the target",
                )
            return FeatureStore(
                session, database, schema, default_warehouse=warehouse, creation_mode=CreationMode.CREATE_IF_NOT_EXIST
            )
        from snowflake.ml.registry import Registry

        return Registry(session, database_name=database, schema_name=schema)

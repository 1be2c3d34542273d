"""Snowflake's own session, feature store and model registry, made when a node first asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.errors import AccountError
from mlops.runs.connection import Connection

if TYPE_CHECKING:
    from snowflake.snowpark import Session

_INSTALL = "pip install 'mlops-framework[snowflake]'"


class SnowflakeServices:
    """One session a process, shared by all services that are made from it, and closed at the end."""

    def __init__(self, connection: Connection) -> None:
        self.auth_mode = connection.auth_mode
        self._connection = connection
        self._session: Session | None = None
        self._made: dict[str, object] = {}
        self._tag = ""

    def get(self, name: str) -> object:
        """Return ``session``, ``feature_store`` or ``model_registry``.

        Raises:
            AccountError: Snowflake's packages are missing, or Snowflake refuses the connection or the service.
        """
        if name not in self._made:
            try:
                self._made[name] = self._make(name)
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

    def tag(self, text: str) -> None:
        """Put a text on what is asked of Snowflake from now on, so that its query history tells which node asked."""
        self._tag = text
        if self._session is not None:
            self._session.query_tag = text

    def close(self) -> None:
        """Close the session, if one was made."""
        session, self._session = self._session, None
        self._made.clear()
        if session is not None:
            session.close()

    def _make(self, name: str) -> object:
        session = self._open()
        if name == "session":
            return session
        database, schema = session.get_current_database(), session.get_current_schema()
        if not database or not schema:
            raise AccountError(
                f"{name} needs a database and a schema, and the connection has none",
                hint="name both in the connection of the target",
            )
        if name == "feature_store":
            from snowflake.ml.feature_store import CreationMode, FeatureStore

            warehouse = session.get_current_warehouse()
            return FeatureStore(
                session, database, schema, default_warehouse=warehouse, creation_mode=CreationMode.CREATE_IF_NOT_EXIST
            )
        from snowflake.ml.registry import Registry

        return Registry(session, database_name=database, schema_name=schema)

    def _open(self) -> Session:
        if self._session is None:
            from snowflake.snowpark import Session

            self._session = Session.builder.configs(dict(self._connection.parameters)).create()
            self._session.query_tag = self._tag
        return self._session

"""The session of a process with Snowflake: opened when it is first needed, shared by everything made from it, closed at the end.

A token file is read at every connect, since Snowflake replaces it every few minutes. A session that is open outlives its
token; it is kept alive while a node computes, and made anew where nothing of it can be lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from mlops.errors import AccountError, AuthenticationError
from mlops.runs.connection import Connection, connection_for
from mlops.runs.outcome import AuthFallback

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection
    from snowflake.core import Root
    from snowflake.snowpark import Session

    from mlops.configuration.settings import Settings
    from mlops.plugins.knowledge import Knowledge

APPLICATION = "mlops-framework"
LOGIN_SECONDS = 60
_SECRET = ("password", "passcode", "token", "private_key", "private_key_file_pwd", "private_key_passphrase")
_GONE = {390111, 390112, 390114, 390195}
"""Error numbers of a session that Snowflake has ended or whose token has expired."""

_WRITTEN = "Snowflake writes the token itself: nothing else may write to that folder"
_INSTALL = "pip install 'mlops-framework[snowflake]'"
logger = logging.getLogger("mlops.session")


class SnowflakeSession:
    """One session, and what is made from it: the connector's connection, Snowpark's session, the root of snowflake-core.

    ``on_fallback`` is told when other credentials had to be used than were wanted.
    """

    def __init__(
        self, connection: Connection, *, tag: str = "", on_fallback: Callable[[AuthFallback], None] | None = None
    ) -> None:
        self.auth_mode = connection.auth_mode
        self.fallback: AuthFallback | None = None
        self._wanted = connection
        self._used = connection
        self._on_fallback = on_fallback
        self._tag = tag
        self._connection: SnowflakeConnection | None = None
        self._snowpark: Session | None = None
        self._root: Root | None = None

    @property
    def connection(self) -> SnowflakeConnection:
        """The connector's connection; made anew when the last one is closed or has expired.

        Raises:
            AuthenticationError: the token or credential is missing, cannot be read, or is refused.
            AccountError: Snowflake is out of reach, or its packages are not installed.
        """
        if self._connection is None or self._connection.is_closed() or self._connection.expired:
            self._forget()
            self._connection = self._connect()
        return self._connection

    @property
    def snowpark(self) -> Session:
        """Snowpark's session on this connection."""
        connection = self.connection
        if self._snowpark is None:
            from snowflake.snowpark import Session

            self._snowpark = Session.builder.configs({"connection": connection}).create()
            if self._tag:
                self._snowpark.query_tag = self._tag
        return self._snowpark

    @property
    def root(self) -> Root:
        """The root of snowflake-core on this connection."""
        connection = self.connection
        if self._root is None:
            from snowflake.core import Root

            self._root = Root(connection)
        return self._root

    @property
    def is_open(self) -> bool:
        """Whether a session has been made and is not closed."""
        return self._connection is not None and not self._connection.is_closed()

    def rows(self, sql: str, binds: Iterable[Any] = ()) -> list[tuple[Any, ...]]:  # Any: SQL
        """Return what a statement answers. One that breaks with its connection is sent again on a new one, once.

        For statements that may be sent twice and need nothing that is kept in a session.

        Raises:
            AccountError: Snowflake refuses it, or is out of reach.
        """
        from snowflake.connector.errors import Error

        values = tuple(binds)
        try:
            return self._rows(sql, values)
        except Error as first:
            if not _is_gone(first):
                raise _refusal(first, self._used) from first
            logger.warning("the connection with Snowflake broke (%s): connecting again", type(first).__name__)
            self._forget()
        try:
            return self._rows(sql, values)
        except Error as second:
            raise _refusal(second, self._used) from second

    def tag(self, text: str) -> None:
        """Put a text on what is asked of Snowflake from now on, so that its query history tells who asked."""
        if text == self._tag:
            return
        self._tag = text
        if self._snowpark is not None:
            self._snowpark.query_tag = text
        elif self.is_open:
            self.rows("ALTER SESSION SET QUERY_TAG = %s", [text])

    def close(self) -> None:
        """Close the session, if one was made; it is made anew when it is needed again."""
        self._forget()

    def _rows(self, sql: str, binds: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, binds or None)
            return list(cursor.fetchall())

    def _connect(self) -> SnowflakeConnection:
        if self._used is not self._wanted:
            return self._connect_with(self._used)
        try:
            return self._connect_with(self._wanted)
        except AuthenticationError as cause:
            other = self._wanted.fallback
            if other is None:
                raise
            self.fallback = AuthFallback(self._wanted.auth_mode, other.auth_mode, cause.message)
            logger.warning("%s", self.fallback)
            connection = self._connect_with(other)
            self._used, self.auth_mode = other, other.auth_mode
            if self._on_fallback is not None:
                self._on_fallback(self.fallback)
            return connection

    def _connect_with(self, wanted: Connection) -> SnowflakeConnection:
        try:
            from snowflake.connector import connect
            from snowflake.connector.errors import DatabaseError, Error
        except ImportError as cause:
            raise AccountError(
                f"a session with Snowflake needs {cause.name}, which is not installed", hint=_INSTALL
            ) from cause
        parameters: dict[str, Any] = {"application": APPLICATION, "login_timeout": LOGIN_SECONDS, **wanted.parameters}
        if self._tag:
            parameters["session_parameters"] = {"QUERY_TAG": self._tag, **parameters.get("session_parameters", {})}
        if wanted.token_file is not None:
            parameters["client_session_keep_alive"] = True
            _refuse_incomplete(parameters)
            parameters["token"] = read_token(wanted.token_file)
        try:
            connection = connect(**parameters)
        except DatabaseError as cause:
            token = parameters.get("token")
            if wanted.token_file is not None and _is_refused(cause) and read_token(wanted.token_file) != token:
                return self._connect_with(wanted)  # it was replaced between reading it and logging in
            raise _refusal(cause, wanted, parameters) from cause
        except (Error, OSError, ValueError, TypeError) as cause:  # what the connector raises for wrong parameters
            raise AuthenticationError(
                f"no session on {wanted.auth_mode}: {_without_secrets(str(cause), parameters)}",
                hint=_mend(wanted),
            ) from cause
        logger.info("session with Snowflake: %s", wanted.auth_mode)
        return connection

    def _forget(self) -> None:
        """Close what there is, as far as it lets itself be closed."""
        snowpark, connection = self._snowpark, self._connection
        self._snowpark = self._connection = self._root = None
        with suppress(Exception):  # a broken connection may refuse to be closed
            if snowpark is not None:
                snowpark.close()
        with suppress(Exception):
            if connection is not None and not connection.is_closed():
                connection.close()


@contextmanager
def open_session(
    settings: Settings,
    known: Iterable[Knowledge],
    *,
    connection: str | None = None,
    tag: str = "mlops",
    on_fallback: Callable[[AuthFallback], None] | None = None,
) -> Iterator[SnowflakeSession]:
    """Give a session with the target of the settings, opened when it is first used, and closed at the end.

    ``connection`` is a section of connections.toml that is wanted in place of the target's own.

    Raises:
        RunError, UsageError: the target has no connection, see ``connection_for``.
        PluginError: the plugin that provides one raises.
    """
    with ExitStack() as stack:
        opened = connection_for(settings, known, name=connection).open(stack)
        assert opened is not None, "connection_for never means nowhere"
        session = SnowflakeSession(opened, tag=tag, on_fallback=on_fallback)
        stack.callback(session.close)
        yield session


def read_token(file: str) -> str:
    """Return the token in a file.

    Raises:
        AuthenticationError: there is none, it is empty, or it cannot be read.
    """
    try:
        with open(file, encoding="utf-8") as stream:
            token = stream.read().strip()
    except OSError as cause:
        raise AuthenticationError(
            f"the token file {file!r} cannot be read: {cause.strerror}",
            hint="in a container Snowflake mounts it; its specification must not say mountSessionToken: false",
        ) from cause
    except UnicodeDecodeError:
        raise AuthenticationError(f"the token file {file!r} holds no text", hint=_WRITTEN) from None
    if not token:
        raise AuthenticationError(f"the token file {file!r} is empty", hint=_WRITTEN)
    return token


def _refuse_incomplete(parameters: Mapping[str, Any]) -> None:
    missing = [
        variable
        for variable, name in (("SNOWFLAKE_HOST", "host"), ("SNOWFLAKE_ACCOUNT", "account"))
        if name not in parameters
    ]
    if missing:
        raise AuthenticationError(
            f"no session can be inherited: {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set",
            hint="Snowflake sets it in its containers; elsewhere give -c NAME, or unset what says that this is one",
        )


def _refusal(cause: Exception, used: Connection, parameters: Mapping[str, Any] | None = None) -> AccountError:
    said = _without_secrets(str(cause), parameters or used.parameters)
    if _is_refused(cause):
        return AuthenticationError(f"Snowflake refuses {used.auth_mode}: {said}", hint=_mend(used))
    if _is_gone(cause):
        return AccountError(
            f"Snowflake is out of reach on {used.auth_mode}: {said}",
            hint="check the network, the account's name and its host",
        )
    return AccountError(f"Snowflake refuses: {said}")


def _is_refused(cause: Exception) -> bool:
    """Whether Snowflake has answered, and does not let us in (390100 to 390422 are about logging in)."""
    number = getattr(cause, "errno", None)
    return isinstance(number, int) and 390000 <= number < 391000 and number not in _GONE


def _is_gone(cause: Exception) -> bool:
    """Whether a connection is broken: its session was ended, or nothing answers any more."""
    from snowflake.connector.errors import InterfaceError, OperationalError

    return getattr(cause, "errno", None) in _GONE or isinstance(cause, (OperationalError, InterfaceError))


def _mend(wanted: Connection) -> str:
    if wanted.token_file is not None:
        return (
            "the token is the job's own: the role that owns the task needs USAGE on its database, schema and warehouse"
        )
    return "check user, role and credential of the connection: mlops doctor --session"


def _without_secrets(text: str, parameters: Mapping[str, Any]) -> str:
    for name in _SECRET:
        value = parameters.get(name)
        if isinstance(value, str) and len(value) > 3:
            text = text.replace(value, "***")
    return text

"""The one error that SQL and REST answer with: Snowflake's code, its SQL state, and a message.

A handler raises `SnowflakeError`, mostly through one of the functions below; the query endpoint turns it into
`success: false` (always HTTP 200, because the clients retry a 5xx for minutes) and the REST API into the HTTP
status that `snowflake-core` maps to its own error classes.
"""

from __future__ import annotations


class SnowflakeError(Exception):
    """What Snowflake says when it refuses: six-digit `code`, five-character `sqlstate`, and for REST an HTTP status."""

    def __init__(self, message: str, *, code: str, sqlstate: str, http_status: int = 400) -> None:
        super().__init__(message)
        self.message, self.code, self.sqlstate, self.http_status = message, code, sqlstate, http_status


def does_not_exist(kind: str, name: object) -> SnowflakeError:
    """002003: also what Snowflake says of an object that the role may not see."""
    sqlstate = "42S02" if kind.lower() in {"table", "view", "object"} else "02000"
    return SnowflakeError(
        f"SQL compilation error:\n{kind.capitalize()} '{name}' does not exist or not authorized.",
        code="002003",
        sqlstate=sqlstate,
        http_status=404,
    )


def already_exists(kind: str, name: object) -> SnowflakeError:
    """002002: an object of that name is there, and neither IF NOT EXISTS nor OR REPLACE was said."""
    return SnowflakeError(
        f"SQL compilation error:\nObject '{name}' already exists as {kind.upper()}",
        code="002002",
        sqlstate="42710",
        http_status=409,
    )


def wrong_type(found: str, wanted: str) -> SnowflakeError:
    """002203: an object of that name is there, and is of another kind than the statement says."""
    return SnowflakeError(
        f"SQL compilation error:\nObject found is of type '{found}', not specified type '{wanted}'.",
        code="002203",
        sqlstate="42601",
    )


def syntax_error(message: str) -> SnowflakeError:
    """001003: the statement is not SQL that Snowflake would parse."""
    return SnowflakeError(f"SQL compilation error:\n{message}", code="001003", sqlstate="42000")


def invalid_value(message: str) -> SnowflakeError:
    """001008: a property or argument has a value that Snowflake does not take."""
    return SnowflakeError(f"SQL compilation error:\n{message}", code="001008", sqlstate="22023")


def not_authorized(message: str) -> SnowflakeError:
    """003001: the current role lacks a privilege."""
    return SnowflakeError(
        f"SQL access control error:\nInsufficient privileges: {message}",
        code="003001",
        sqlstate="42501",
        http_status=403,
    )


def no_current_database(action: str) -> SnowflakeError:
    return SnowflakeError(
        f"Cannot perform {action}. This session does not have a current database. Call 'USE DATABASE', or use a "
        "qualified name.",
        code="090105",
        sqlstate="22000",
    )


def no_current_schema(action: str) -> SnowflakeError:
    return SnowflakeError(
        f"Cannot perform {action}. This session does not have a current schema. Call 'USE SCHEMA', or use a "
        "qualified name.",
        code="090106",
        sqlstate="22000",
    )


def unknown_here(what: str) -> SnowflakeError:
    """000002: Snowflake may know it, the embedded Snowflake does not, and says so instead of pretending."""
    return SnowflakeError(
        f"Unsupported feature: the embedded Snowflake does not know {what}",
        code="000002",
        sqlstate="0A000",
        http_status=400,
    )

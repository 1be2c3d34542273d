"""The variables ``SNOWFLAKE_*``: what they say about a connection, as keyword arguments of Snowflake's connector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PLACE = {
    "SNOWFLAKE_ACCOUNT": "account",
    "SNOWFLAKE_HOST": "host",
    "SNOWFLAKE_PORT": "port",
    "SNOWFLAKE_PROTOCOL": "protocol",
    "SNOWFLAKE_DATABASE": "database",
    "SNOWFLAKE_SCHEMA": "schema",
    "SNOWFLAKE_WAREHOUSE": "warehouse",
}
"""Where a session is made; a container is given these, the warehouse only where a job's specification names one."""

CREDENTIALS = {
    "SNOWFLAKE_USER": "user",
    "SNOWFLAKE_ROLE": "role",
    "SNOWFLAKE_AUTHENTICATOR": "authenticator",
    "SNOWFLAKE_PASSWORD": "password",
    "SNOWFLAKE_PASSCODE": "passcode",
    "SNOWFLAKE_PRIVATE_KEY_FILE": "private_key_file",
    "SNOWFLAKE_PRIVATE_KEY_PATH": "private_key_file",
    "SNOWFLAKE_PRIVATE_KEY_FILE_PWD": "private_key_file_pwd",
    "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "private_key_file_pwd",
    "SNOWFLAKE_TOKEN": "token",
    "SNOWFLAKE_TOKEN_FILE_PATH": "token_file_path",
}
"""Who logs in and how; the names are those of Snowflake's own command line."""

SUFFICIENT = ("password", "private_key_file", "token", "token_file_path", "authenticator")
"""One of these beside an account is enough to log in with."""

NAMED = "SNOWFLAKE_DEFAULT_CONNECTION_NAME"
"""The variable that names a section of connections.toml, for all of Snowflake's clients."""


def place_given(environ: Mapping[str, str]) -> dict[str, Any]:  # Any: see snowflake.connector.connect
    """Return where a session is to be made, as far as variables say so."""
    return _given(environ, PLACE)


def credentials_given(environ: Mapping[str, str]) -> dict[str, Any] | None:  # Any: see snowflake.connector.connect
    """Return the connection that variables describe, or None when they are not enough to log in with.

    A token without an authenticator is a programmatic access token; a private key needs no authenticator either.
    """
    if name := environ.get(NAMED):
        return {"connection_name": name, **_given(environ, CREDENTIALS)}
    credentials = _given(environ, CREDENTIALS)
    parameters = {**place_given(environ), **credentials}
    if "account" not in parameters or not any(name in credentials for name in SUFFICIENT):
        return None
    if "authenticator" not in credentials and ("token" in credentials or "token_file_path" in credentials):
        parameters["authenticator"] = "PROGRAMMATIC_ACCESS_TOKEN"
    return parameters


def _given(environ: Mapping[str, str], names: Mapping[str, str]) -> dict[str, Any]:
    given: dict[str, Any] = {names[name]: environ[name] for name in names if environ.get(name)}
    if "port" in given:
        given["port"] = int(given["port"]) if given["port"].isdigit() else given["port"]
    return given

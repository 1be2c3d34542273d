"""Functions that call a service: by SQL, since the API gives them no comment, and so could not tell whose they are.

Source: Snowflake documentation, "CREATE FUNCTION (Snowpark Container Services)", "SHOW USER FUNCTIONS".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from snowflake.connector import DictCursor

from mlops.compile.objects import ServiceFunction
from mlops.compile.statement import literal
from mlops.deploy.account import Held
from mlops.deploy.ownership import ownership_of
from mlops.errors import AccountError
from mlops.snowflake.identifiers import qualified, quoted, stored

if TYPE_CHECKING:
    from mlops.snowflake.session import SnowflakeSession

_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_ ]*(\([0-9]+( *, *[0-9]+)?\))?\Z")
_COMMA = re.compile(r",(?![^(]*\))")
_NAMED = re.compile(r'("(?:[^"]|"")+"|\S+)\s+(.+)\Z', re.DOTALL)
_SIGNATURE = re.compile(r"\((.*)\)\s+RETURN", re.DOTALL)


def create_function(
    session: SnowflakeSession, database: str, schema: str, wanted: ServiceFunction, comment: str, *, replace: bool
) -> None:
    """Create a function, or with ``replace`` put it in the place of the one that is there, whatever its arguments.

    Snowflake replaces only a function of the same arguments: ours of others is dropped, once the new one is there.
    """
    with session.connection.cursor() as cursor:
        cursor.execute(creation_of(database, schema, wanted, comment, replace=replace))
    if replace:
        signatures = [signature for signature, said in _ours(session, database, schema, wanted.name) if said != comment]
        _drop(session, database, schema, wanted.name, signatures)


def creation_of(database: str, schema: str, wanted: ServiceFunction, comment: str, *, replace: bool) -> str:
    """Return the statement that creates a function; names are quoted, texts are literals.

    Raises:
        AccountError: a type is no type of SQL.
    """
    for kind in (*wanted.arguments.values(), wanted.returns):
        if not _TYPE.match(kind):
            raise AccountError(f"function {wanted.name}: {kind!r} is no type of SQL")
    arguments = ", ".join(f"{quoted(name)} {kind}" for name, kind in wanted.arguments.items())
    return (
        f"CREATE {'OR REPLACE ' if replace else ''}FUNCTION {qualified(database, schema, wanted.name)}({arguments}) "
        f"RETURNS {wanted.returns} SERVICE = {qualified(database, schema, wanted.service)} "
        f"ENDPOINT = {literal(wanted.endpoint)} COMMENT = {literal(comment)} AS {literal(wanted.path)}"
    )


def functions_in(session: SnowflakeSession, database: str, schema: str, prefix: str) -> Iterator[Held[ServiceFunction]]:
    """Yield the functions of a schema whose names begin with a text. Service, endpoint and path are not in a listing."""
    with session.connection.cursor(DictCursor) as cursor:
        cursor.execute(f"SHOW USER FUNCTIONS IN SCHEMA {qualified(database, schema)}")
        for row in cursor.fetchall():
            if row["name"].startswith(prefix):
                yield Held(ServiceFunction(row["name"], "", "", ""), row.get("description") or None)


def function_named(session: SnowflakeSession, database: str, schema: str, name: str) -> Held[ServiceFunction] | None:
    """Return the function of a name, ours before one of others, and ours whole, so that it can be made again; or None.

    Source: Snowflake documentation, "DESCRIBE FUNCTION (Snowpark Container Services)".
    """
    for signature, comment in _ours(session, database, schema, name):
        with session.connection.cursor() as cursor:
            cursor.execute(f"DESCRIBE FUNCTION {qualified(database, schema, name)}({signature})")
            said = {row[0]: row[1] or "" for row in cursor.fetchall()}
        endpoint, service = said["service_endpoint"], stored(said["service"])
        return Held(
            ServiceFunction(name, service, endpoint, said["body"], arguments_in(said["signature"]), said["returns"]),
            comment,
        )
    return next((one for one in functions_in(session, database, schema, name) if one.value.name == name), None)


def arguments_in(signature: str) -> dict[str, str]:
    """Return the arguments of a signature as DESCRIBE shows it, ``(A NUMBER(38,0), "b" VARCHAR)``, with their types.

    Raises:
        AccountError: it is none.
    """
    found = [_NAMED.match(one.strip()) for one in _COMMA.split(signature.strip()[1:-1]) if one.strip()]
    if None in found:
        raise AccountError(f"{signature!r} is no signature of a function")
    return {stored(one[1]): one[2] for one in found if one is not None}


def drop_function(session: SnowflakeSession, database: str, schema: str, name: str) -> None:
    """Drop our function of this name; another one of that name with other arguments stays."""
    _drop(session, database, schema, name, [signature for signature, _ in _ours(session, database, schema, name)])


def _ours(session: SnowflakeSession, database: str, schema: str, name: str) -> list[tuple[str, str]]:
    """Return signature and comment of each function of this name that a comment says is ours."""
    with session.connection.cursor(DictCursor) as cursor:
        cursor.execute(f"SHOW USER FUNCTIONS LIKE {literal(name)} IN SCHEMA {qualified(database, schema)}")
        return [
            (signature[1], row["description"])
            for row in cursor.fetchall()
            if row["name"] == name
            and (signature := _SIGNATURE.search(row["arguments"])) is not None
            and ownership_of(row.get("description"))
        ]


def _drop(session: SnowflakeSession, database: str, schema: str, name: str, signatures: list[str]) -> None:
    with session.connection.cursor() as cursor:
        for signature in signatures:
            cursor.execute(f"DROP FUNCTION IF EXISTS {qualified(database, schema, name)}({signature})")

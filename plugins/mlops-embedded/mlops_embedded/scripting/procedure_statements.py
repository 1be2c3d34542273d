"""CALL: procedures run in a worker process with a Snowpark session that is the caller's; SYSTEM$ functions here."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import Any

from mlops_embedded.catalog import Document, ObjectName, normalize
from mlops_embedded.errors import does_not_exist, syntax_error, unknown_here
from mlops_embedded.scripting.procedures import call_procedure
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.functions import (
    Arguments,
    evaluate,
    is_scalar,
    rewritten,
    scalar_call,
    split_arguments,
)
from mlops_embedded.sql.python_types import signature_type
from mlops_embedded.sql.results import Column, Data, Result, Rewrite, Rowset
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.signatures import find, import_paths, read_signature, stored
from mlops_embedded.sql.statement import Reader, Statement
from mlops_embedded.sql.user_code import python_error
from mlops_embedded.sql.wire import column
from mlops_embedded.workers import WorkerError

_LIFETIME = timedelta(hours=24)
_KINDS = {"FIXED": "fixed", "REAL": "real", "BOOLEAN": "boolean", "DECIMAL": "real", "BINARY": "binary"}


@statement("CALL")
def call(session: Session, found: Statement) -> Result:
    """Run a stored procedure, or one of the functions of this package (CALL SYSTEM$...)."""
    found = rewritten(session, found)
    reader = found.after("CALL")
    parts = reader.name()
    tokens = reader.parenthesised()
    reader.finish()
    document = find(session, "procedure", parts, len(split_arguments(tokens)))
    name = ".".join(parts)
    arguments = evaluate(session, name, tokens, found.text)
    if document is not None and document.body["properties"]["language"] == "SQL":
        return call_procedure(session, document, arguments)
    if document is not None:
        return _run(session, document, arguments)
    if not is_scalar(name):
        raise does_not_exist("procedure", name)
    value = scalar_call(session, name, arguments)
    kind = "boolean" if isinstance(value, bool) else "fixed" if isinstance(value, int) else "text"
    return Rowset((Column(parts[-1], kind),), ((value,),))


@statement("WITH")
def call_anonymous(session: Session, found: Statement) -> Result | Rewrite:
    """WITH p AS PROCEDURE (...) ... CALL p(...): a procedure that lives as long as its call; every other WITH is a query."""
    tokens = found.tokens
    if len(tokens) < 4 or not (tokens[2].is_word("AS") and tokens[3].is_word("PROCEDURE")):
        return Rewrite(found.text)
    if session.describing:
        return Rowset((Column(normalize(tokens[1].text), "text"),))
    at = next((n for n in range(len(tokens) - 1, 3, -1) if tokens[n].is_word("CALL")), None)
    if at is None:
        raise syntax_error("syntax error: WITH ... AS PROCEDURE is not followed by a CALL")
    definition = f"CREATE PROCEDURE {tokens[1].text} {found.text[tokens[4].start : tokens[at].start]}"
    signature = read_signature(session, Statement.of(definition), "PROCEDURE")
    document = stored(session, "procedure", signature, temporary=True)
    reader = Reader(found, at + 1)
    if reader.name() != (signature.name.name,):
        raise syntax_error(f"syntax error: the CALL is not one of {signature.name.name}")
    given = reader.parenthesised()
    if reader.accept("INTO"):
        raise unknown_here("CALL ... INTO outside of Snowflake Scripting")
    reader.finish()
    arguments = evaluate(session, signature.name.name, given, found.text)
    if document.body["properties"]["language"] == "SQL":
        return call_procedure(session, document, arguments)
    return _run(session, document, arguments)


def _run(session: Session, document: Document, arguments: Arguments) -> Rowset | Data:
    body = document.body
    values = list(arguments.positional)
    for _, _, default in body["arguments"][len(values) :]:
        values.append(session.scalar(f"SELECT {default}"))
    worker = session.account.workers.new()
    try:
        with _connection(session, document) as connection, session.waiting():
            worker.load(
                "procedure",
                "mlops_embedded.workers.python_functions:procedure",
                {
                    "code": body["body"],
                    "handler": body["properties"]["handler"],
                    "imports": import_paths(session, document),
                    "types": [signature_type(t).kind for _, t, _ in body["arguments"]],
                },
            )
            given = {"values": [_plain(v) for v in values], "connection": connection}
            answer, table = worker.call("procedure", None, given)
    except WorkerError as error:
        raise python_error(error, document) from error
    finally:
        worker.kill()
    if table is not None:
        session.duckdb.register("_procedure_rows", table)
        described = session.duckdb.execute("DESCRIBE SELECT * FROM _procedure_rows").fetchall()
        session.duckdb.unregister("_procedure_rows")
        return Data(table, tuple(column(row[0], row[1]) for row in described))
    kind = "text" if body["returns"] == "TABLE" else _KINDS.get(signature_type(body["returns"]).kind, "text")
    value = answer["value"]
    return Rowset((Column(body["function"], kind),), ((b64decode(value) if kind == "binary" and value else value,),))


@contextmanager
def _connection(session: Session, document: Document) -> Iterator[dict[str, Any]]:
    """How the procedure reaches this server: in the session of its caller, for as long as it runs."""
    caller = document.body["properties"].get("execute_as") == "CALLER"
    with session.account.lent(session) as token, nullcontext() if caller else _kept(session):
        given = {
            "account": "embedded", "user": session.principal.user, "authenticator": "oauth", "protocol": "http",
            "token": session.account.credentials.mint(session.principal.user, lifetime=_LIFETIME, session=token),
            "host": "127.0.0.1", "port": session.account.port, "role": session.role,
            "warehouse": session.warehouse, "database": session.database, "schema": session.schema,
        }  # fmt: skip
        yield {key: value for key, value in given.items() if value is not None}


@contextmanager
def _kept(session: Session) -> Iterator[None]:
    """Without its caller's rights a procedure sees no session variables, and what it sets ends with it."""
    role, warehouse, stood = session.role, session.warehouse, (session.database, session.schema)
    variables, parameters, in_transaction = session.variables, session.parameters, session.in_transaction
    session.variables, session.parameters = {}, dict(parameters)
    try:
        yield
    finally:
        if not in_transaction:
            session.rollback()
        session.role, session.warehouse = role, warehouse
        session.variables, session.parameters = variables, parameters
        database, schema = stood
        if (session.database, session.schema) != stood:
            there = database is None or session.catalog.find("database", ObjectName(None, None, database))
            inside = schema and (
                schema == "INFORMATION_SCHEMA" or session.catalog.find("schema", ObjectName(database, None, schema))
            )
            session.use(database if there else None, schema if there and inside else None)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (str, int, float, bool, list, dict)) else str(value)

"""A stored procedure in SQL: a block, or one statement, whose arguments are variables."""

from __future__ import annotations

from typing import Any

from mlops_embedded.catalog import Document
from mlops_embedded.errors import invalid_value
from mlops_embedded.scripting.reading import is_block, read_block
from mlops_embedded.scripting.running import run_block
from mlops_embedded.scripting.values import NULL, Scope, Value
from mlops_embedded.sql.functions import Arguments, literal
from mlops_embedded.sql.results import Result
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Statement


def call_procedure(session: Session, procedure: Document, arguments: Arguments) -> Result:
    """Run the procedure; one column with its name and its declared type, or the rows of RETURN TABLE."""
    body = procedure.body
    found = Statement.of(body["body"])
    if not is_block(found):
        return session.execute(found.text)
    scope = Scope()
    for position, (name, type_, default) in enumerate(body["arguments"]):
        scope.types[name] = type_
        scope.names[name] = _argument(session, name, type_, default, arguments, position)
    returned = run_block(session, found.text, read_block(found), scope)
    if returned.rows is not None:
        return returned.rows
    if body["returns"] == "TABLE":
        raise invalid_value(f"procedure {body['function']} returns a table: it must end with RETURN TABLE(...)")
    return session.execute(f'SELECT ({returned.value.sql})::{body["returns"]} AS "{body["function"]}"')


def _argument(
    session: Session, name: str, type_: str, default: str | None, arguments: Arguments, position: int
) -> Value:
    missing: Any = object()
    given = arguments.get(position, name, missing)
    if given is missing:
        if default is None:
            return NULL
        return Value(session.scalar(f"SELECT ({default})::{type_}"), f"({default})::{type_}")
    return NULL if given is None else Value(given, f"({literal(given)})::{type_}")

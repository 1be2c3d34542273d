"""What CREATE FUNCTION and CREATE PROCEDURE say: arguments, result, language, code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_embedded.catalog import Document, ObjectName, normalize
from mlops_embedded.errors import invalid_value, syntax_error, unknown_here
from mlops_embedded.sql.functions import split_arguments
from mlops_embedded.sql.locations import resolve
from mlops_embedded.sql.properties import list_values
from mlops_embedded.sql.python_types import signature_type
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Reader, Statement

_LISTS = {"PACKAGES", "IMPORTS", "EXTERNAL_ACCESS_INTEGRATIONS", "SECRETS", "CONTEXT_HEADERS"}
_SINGLE = {
    "RUNTIME_VERSION", "HANDLER", "COMMENT", "ARTIFACT_REPOSITORY", "LOG_LEVEL", "TRACE_LEVEL", "ENDPOINT",
    "MAX_BATCH_ROWS", "MAX_BATCH_RETRIES", "ON_BATCH_FAILURE", "BATCH_TIMEOUT_SECS",
}  # fmt: skip
LANGUAGES = {"PYTHON", "SQL"}
_WORDS = ("VOLATILE", "IMMUTABLE", "STRICT", "MEMOIZABLE", "SECURE")


@dataclass(frozen=True, slots=True)
class Signature:
    """A parsed CREATE FUNCTION or CREATE PROCEDURE; types are as written."""

    name: ObjectName
    arguments: tuple[tuple[str, str, str | None], ...]
    """(name, type, default's SQL or None) each."""
    returns: str
    returns_table: tuple[tuple[str, str], ...] | None
    properties: dict[str, Any]
    body: str
    if_not_exists: bool

    def key(self) -> ObjectName:
        """The document's name: a name may be overloaded, so the types belong to it."""
        types = ", ".join(signature_type(t).written for _, t, _ in self.arguments)
        return ObjectName(self.name.database, self.name.schema, f"{self.name.name}({types})")


def read_signature(session: Session, found: Statement, kind: str) -> Signature:
    """Read the statement to its end."""
    reader = found.after("CREATE", kind)
    if_not_exists = reader.if_not_exists()
    name = session.resolve(reader.name(), f"CREATE {kind}")
    arguments = tuple(_argument(reader, each) for each in split_arguments(reader.parenthesised()))
    reader.accept("COPY", "GRANTS")
    reader.expect("RETURNS")
    table = None
    if reader.accept("TABLE"):
        columns = split_arguments(reader.parenthesised())
        table = tuple((normalize(c[0].text), reader.text_of(c[1:])) for c in columns)
        returns = "TABLE"
    else:
        returns = reader.next().text
        following = reader.peek()
        if following is not None and following.is_symbol("("):
            returns += f"({reader.text_of(reader.parenthesised())})"
        reader.accept("PRECISION")
    properties: dict[str, Any] = {"language": "SQL"}
    while not reader.accept("AS"):
        if reader.at_end:
            break
        _property(reader, properties)
    body = "" if reader.at_end else reader.string()
    reader.finish()
    return Signature(name, arguments, returns, table, properties, body, if_not_exists)


def _argument(reader: Reader, tokens: tuple[Any, ...]) -> tuple[str, str, str | None]:
    for index, token in enumerate(tokens):
        if token.is_word("DEFAULT"):
            return normalize(tokens[0].text), reader.text_of(tokens[1:index]), reader.text_of(tokens[index + 1 :])
    return normalize(tokens[0].text), reader.text_of(tokens[1:]), None


def _property(reader: Reader, properties: dict[str, Any]) -> None:
    if reader.accept("LANGUAGE"):
        properties["language"] = reader.identifier()
    elif reader.accept("SERVICE", "="):
        properties |= {"service": list(reader.name()), "language": "EXTERNAL"}
    elif reader.accept("NOT", "NULL") or reader.accept("CALLED", "ON", "NULL", "INPUT"):
        pass
    elif reader.accept("RETURNS", "NULL", "ON", "NULL", "INPUT"):
        properties["strict"] = True
    elif reader.accept("EXECUTE", "AS"):
        properties["execute_as"] = reader.identifier()
    elif word := reader.accept_any(_WORDS):
        properties[word.lower()] = True
    else:
        key = reader.identifier()
        if key not in _LISTS | _SINGLE:
            raise unknown_here(f"the clause {key} of CREATE FUNCTION and CREATE PROCEDURE")
        reader.expect("=")
        properties[key.lower()] = list_values(reader.parenthesised()) if key in _LISTS else reader.value()


def stored(session: Session, kind: str, signature: Signature, *, temporary: bool) -> Document:
    """Return the document of a function or procedure; the types are checked here, the code when it runs."""
    if signature.properties["language"] not in LANGUAGES:
        raise unknown_here(f"functions in {signature.properties['language']}; it runs PYTHON and SQL")
    if signature.properties["language"] == "PYTHON" and "handler" not in signature.properties:
        raise invalid_value("LANGUAGE PYTHON needs a HANDLER")
    for _, type_, _ in signature.arguments:
        signature_type(type_)
    body = {
        "owner": session.role,
        "comment": signature.properties.get("comment", ""),
        "function": signature.name.name,
        "arguments": [list(a) for a in signature.arguments],
        "returns": signature.returns,
        "returns_table": [list(c) for c in signature.returns_table] if signature.returns_table is not None else None,
        "properties": signature.properties,
        "body": signature.body,
        "credential": session.principal.credential,
        "session": session.id if temporary else None,
    }
    return Document(kind, signature.key(), body)


def find(session: Session, kind: str, parts: tuple[str, ...], count: int) -> Document | None:
    """Return the function of that name that takes so many arguments; None if there is none."""
    if (len(parts) < 3 and session.database is None) or (len(parts) == 1 and session.schema is None):
        return None
    name = session.resolve(parts)
    documents = session.catalog.list(kind, database=name.database, schema=name.schema, starts_with=f"{name.name}(")
    for document in documents:
        arguments = document.body["arguments"]
        required = sum(default is None for _, _, default in arguments)
        if required <= count <= len(arguments) and document.body["session"] in {None, session.id}:
            return document
    return None


def import_paths(session: Session, document: Document) -> list[str]:
    """Return the files of IMPORTS = ('@stage/file', ...) on this machine."""
    paths: list[str] = []
    for each in document.body["properties"].get("imports", []):
        location = resolve(session, each)
        if not location.target.is_file():
            raise syntax_error(f"the import {each} of {document.name} is not there")
        paths.append(str(Path(location.target)))
    return paths


def read_dropped(session: Session, found: Statement, kind: str) -> tuple[ObjectName, bool]:
    """Read DROP FUNCTION [IF EXISTS] f(TYPE, ...): the document's name, and whether IF EXISTS was said."""
    reader = found.after("DROP", kind)
    if_exists = reader.if_exists()
    name = session.resolve(reader.name(), f"DROP {kind}")
    types = [signature_type(reader.text_of(t)).written for t in split_arguments(reader.parenthesised())]
    reader.finish()
    return ObjectName(name.database, name.schema, f"{name.name}({', '.join(types)})"), if_exists

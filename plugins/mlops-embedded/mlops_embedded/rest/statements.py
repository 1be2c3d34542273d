"""The SQL face of a resource: CREATE, ALTER, DROP, SHOW and DESCRIBE, made from what it declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from mlops_embedded.catalog import Document, ObjectName, quote
from mlops_embedded.errors import SnowflakeError, invalid_value, syntax_error
from mlops_embedded.rest.resource import CreateMode, Creation, Filter, Level, Resource
from mlops_embedded.server.resources import ApiRequest
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.properties import read_properties
from mlops_embedded.sql.results import Rowset, Status
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.show_options import read_show_options
from mlops_embedded.sql.statement import Reader, Statement

ReadClauses = Callable[[Session, Reader], tuple[dict[str, Any], dict[str, str]]]
"""Reads what follows the name in CREATE: properties as in a body of REST, and query parameters."""


def register_create(resource: Resource, read: ReadClauses | None = None, *, flags: Mapping[str, str] = {}) -> None:
    """Register CREATE: `KEY = value` clauses are the body's properties; `flags` maps others to query parameters.

    A kind whose CREATE has clauses of another form (CREATE STREAM ... ON TABLE t) gives a function to read them.
    """
    words = ("CREATE", *resource.words.split())

    @statement(*words)
    def create(session: Session, found: Statement) -> Status:
        reader = found.after(*words)
        if_not_exists = reader.if_not_exists()
        name = read_name(resource, session, reader)
        if read is None:
            given = read_properties(reader, {*_settable(resource), *flags})
            query = {flags[key.upper()]: str(given.pop(key)) for key in list(given) if key.upper() in flags}
        else:
            given, query = read(session, reader)
            reader.finish()
        mode = CreateMode.of(or_replace=found.or_replace, if_not_exists=if_not_exists)
        created = resource.create_object(session, Creation(name, checked(resource, name, given), mode, query))
        if created:
            return Status(f"{resource.words.capitalize()} {name.name} successfully created.")
        return Status(f"{name.name} already exists, statement succeeded.")


def register_alter(resource: Resource, verbs: Mapping[str, str] = {}) -> None:
    """Register ALTER ... SET and UNSET, and words that stand for an action: {"STOP ALL": "stop-all-services"}."""
    words = ("ALTER", *resource.words.split())

    @statement(*words)
    def alter(session: Session, found: Statement) -> Status:
        reader = found.after(*words)
        if_exists = reader.if_exists()
        name = read_name(resource, session, reader)
        if if_exists and session.catalog.find(resource.kind, name) is None:
            return Status()
        for spelt, verb in verbs.items():
            if reader.accept(*spelt.split()):
                reader.finish()
                action = resource.actions[verb]
                document = resource.get(session, name, action.privilege)
                action.run(session, document, ApiRequest("ALTER", "", {}, {}))
                return Status()
        before = resource.properties(resource.get(session, name, resource.alter_privilege))
        if reader.accept("UNSET"):
            changes: dict[str, Any] = dict.fromkeys(_read_keys(resource, reader))
        else:
            reader.expect("SET")
            changes = read_properties(reader, _settable(resource))
        resource.alter_object(session, name, checked(resource, name, {**before, **changes}))
        return Status()


def register_drop(resource: Resource) -> None:
    """Register DROP."""
    words = ("DROP", *resource.words.split())

    @statement(*words)
    def drop(session: Session, found: Statement) -> Status:
        reader = found.after(*words)
        if_exists = reader.if_exists()
        name = read_name(resource, session, reader)
        reader.finish()
        if resource.drop_object(session, name, if_exists=if_exists):
            return Status(f"{name.name} successfully dropped.")
        return Status(f"Drop statement executed successfully ({name.name} already dropped).")


def register_show(
    resource: Resource,
    plural: str,
    columns: Mapping[str, str],
    *,
    describe: bool = True,
    renamed: Mapping[str, str] = {},
) -> None:
    """Register SHOW and DESCRIBE with these columns (name to type), which are fields of the resource.

    `renamed` maps a column to the field that it shows, where REST has another value under that name.
    """
    show_words, describe_words = ("SHOW", *plural.split()), ("DESCRIBE", *resource.words.split())

    def row(session: Session, document: Document) -> dict[str, Any]:
        values = resource.row(session, document)
        return {column: _cell(values.get(renamed.get(column, column)), kind) for column, kind in columns.items()}

    @statement(*show_words)
    def show(session: Session, found: Statement) -> Rowset:
        options = read_show_options(session, found.after(*show_words), schema_objects=resource.level is Level.SCHEMA)
        wanted = Filter(options.like, options.starts_with, options.limit, options.from_name)
        documents = resource.listed(session, wanted, options.database, options.schema)
        return Rowset.of(columns, (row(session, d) for d in documents))

    if describe:

        @statement(*describe_words)
        def describe_object(session: Session, found: Statement) -> Rowset:
            reader = found.after(*describe_words)
            name = read_name(resource, session, reader)
            reader.finish()
            return Rowset.of(columns, [row(session, resource.get(session, name))])


def read_name(resource: Resource, session: Session, reader: Reader) -> ObjectName:
    """Read an object's name and resolve it."""
    parts = reader.name()
    if resource.level is Level.SCHEMA:
        return session.resolve(parts, "this statement")
    if len(parts) != 1:
        raise syntax_error(f"{'.'.join(parts)} has too many parts: {resource.words} is an object of the account")
    return ObjectName(None, None, parts[0])


def checked(resource: Resource, name: ObjectName, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return complete properties, as strict as REST, refused as SQL refuses."""
    try:
        properties = resource.body({**given, "name": quote(name.name)})
    except SnowflakeError as error:
        raise invalid_value(error.message) from error
    properties.pop("name")
    return properties


def _settable(resource: Resource) -> set[str]:
    return {key.upper() for key, declared in resource.body.every_field().items() if not declared.read_only}


def _read_keys(resource: Resource, reader: Reader) -> list[str]:
    keys = [reader.identifier()]
    while reader.accept(","):
        keys.append(reader.identifier())
    reader.finish()
    unknown = set(keys) - _settable(resource)
    if unknown:
        raise invalid_value(f"{resource.words} has no property {sorted(unknown)[0]}")
    return [key.lower() for key in keys]


def _cell(value: Any, kind: str) -> Any:
    if kind == "timestamp_ltz" and isinstance(value, str):
        return datetime.fromisoformat(value)
    if kind == "text" and isinstance(value, bool):
        return str(value).lower()
    return value

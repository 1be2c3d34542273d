"""Databases and schemas: CREATE, DROP, ALTER, for SQL and for REST (the functions take plain values)."""

from __future__ import annotations

import shutil
from typing import Any

from mlops_embedded.catalog import Document, ObjectName
from mlops_embedded.catalog.grants import ACCOUNT, Securable, require
from mlops_embedded.catalog.tags import Tagged
from mlops_embedded.errors import does_not_exist, unknown_here
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.engine import check_database_name
from mlops_embedded.sql.properties import read_properties
from mlops_embedded.sql.results import Status
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Reader, Statement
from mlops_embedded.sql.tag_clauses import alter_tags
from mlops_embedded.state import folder_name

PROPERTIES = {
    "COMMENT", "DATA_RETENTION_TIME_IN_DAYS", "MAX_DATA_EXTENSION_TIME_IN_DAYS", "DEFAULT_DDL_COLLATION", "LOG_LEVEL",
    "TRACE_LEVEL", "SUSPEND_TASK_AFTER_NUM_FAILURES", "USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE",
    "USER_TASK_TIMEOUT_MS",
}  # fmt: skip


def create_database(
    session: Session,
    name: str,
    properties: dict[str, Any] | None = None,
    *,
    or_replace: bool = False,
    if_not_exists: bool = False,
) -> bool:
    """Create a database with its PUBLIC schema and make it current; False if it was there and that was allowed."""
    check_database_name(name)
    require(session.catalog, session.role, "CREATE DATABASE", ACCOUNT)
    body = {"owner": session.role, "comment": "", **(properties or {})}
    with session.catalog.transaction():
        existed = session.catalog.find("database", ObjectName(None, None, name)) is not None
        document = Document("database", ObjectName(None, None, name), body)
        if not session.catalog.create(document, or_replace=or_replace, if_not_exists=if_not_exists):
            return False
        if existed:
            _remove_database(session, name)
            session.catalog.put(document)
        public = {"owner": session.role, "comment": ""}
        session.catalog.put(Document("schema", ObjectName(name, None, "PUBLIC"), public))
        if not existed:
            session.account.engine.drop(name)  # a kill between the two stores may have left its file
        session.account.engine.attach(name)
    session.use(name, "PUBLIC")
    return True


def drop_database(session: Session, name: str, *, if_exists: bool = False) -> bool:
    """Drop a database with all that is in it; False if it was not there and that was allowed."""
    with session.catalog.transaction():
        there = session.catalog.find("database", ObjectName(None, None, name))
        if there is None:
            if if_exists:
                return False
            raise does_not_exist("database", name)
        require(session.catalog, session.role, "OWNERSHIP", Securable("DATABASE", there.name), there.body["owner"])
        if session.database == name:
            session.use(None, None)
        _remove_database(session, name)
    return True


def _remove_database(session: Session, name: str) -> None:
    session.catalog.delete("database", ObjectName(None, None, name))
    session.catalog.delete_inside(database=name)
    session.duckdb.execute("USE memory")
    session.account.engine.drop(name)
    for folder in session.account.state.files:
        shutil.rmtree(folder / folder_name(name), ignore_errors=True)


def create_schema(
    session: Session,
    database: str,
    name: str,
    properties: dict[str, Any] | None = None,
    *,
    or_replace: bool = False,
    if_not_exists: bool = False,
) -> bool:
    """Create a schema and make it current; False if it was there and that was allowed."""
    parent = session.catalog.get("database", ObjectName(None, None, database))
    on = Securable("DATABASE", parent.name)
    require(session.catalog, session.role, "CREATE SCHEMA", on, parent.body["owner"])
    named = ObjectName(database, None, name)
    body = {"owner": session.role, "comment": "", **(properties or {})}
    with session.catalog.transaction():
        existed = session.catalog.find("schema", named) is not None
        if not session.catalog.create(
            Document("schema", named, body), or_replace=or_replace, if_not_exists=if_not_exists
        ):
            return False
        if existed:
            _remove_schema(session, named)
            session.catalog.put(Document("schema", named, body))
        session.commit()
        # a kill between the two stores may have left it, empty
        session.duckdb.execute(f"CREATE SCHEMA IF NOT EXISTS {_duckdb_name(named)}")
    session.use(database, name)
    return True


def drop_schema(session: Session, database: str, name: str, *, if_exists: bool = False) -> bool:
    """Drop a schema with all that is in it; False if it was not there and that was allowed."""
    named = ObjectName(database, None, name)
    with session.catalog.transaction():
        there = session.catalog.find("schema", named)
        if there is None:
            if if_exists:
                return False
            raise does_not_exist("schema", named)
        require(session.catalog, session.role, "OWNERSHIP", Securable("SCHEMA", named), there.body["owner"])
        if (session.database, session.schema) == (database, name):
            session.use(database, None)
        session.commit()
        _remove_schema(session, named)
    return True


def _remove_schema(session: Session, named: ObjectName) -> None:
    session.catalog.delete("schema", named)
    assert named.database is not None
    session.catalog.delete_inside(database=named.database, schema=named.name)
    session.duckdb.execute(f"DROP SCHEMA IF EXISTS {_duckdb_name(named)} CASCADE")
    for folder in session.account.state.files:
        shutil.rmtree(folder / folder_name(named.database) / folder_name(named.name), ignore_errors=True)


def _duckdb_name(named: ObjectName) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in (named.database, named.name) if part)


@statement("CREATE", "DATABASE")
def create_database_statement(session: Session, found: Statement) -> Status:
    reader = found.after("CREATE", "DATABASE")
    if_not_exists = reader.if_not_exists()
    [name] = reader.name()
    properties = read_properties(reader, PROPERTIES)
    created = create_database(session, name, properties, or_replace=found.or_replace, if_not_exists=if_not_exists)
    return Status(f"Database {name} successfully created." if created else _exists(name))


@statement("DROP", "DATABASE")
def drop_database_statement(session: Session, found: Statement) -> Status:
    reader = found.after("DROP", "DATABASE")
    if_exists = reader.if_exists()
    [name] = reader.name()
    reader.accept_any(("CASCADE", "RESTRICT"))
    reader.finish()
    dropped = drop_database(session, name, if_exists=if_exists)
    return Status(f"{name} successfully dropped." if dropped else _already_dropped(name))


@statement("CREATE", "SCHEMA")
def create_schema_statement(session: Session, found: Statement) -> Status:
    reader = found.after("CREATE", "SCHEMA")
    if_not_exists = reader.if_not_exists()
    database, name = session.resolve_schema(reader.name(), "CREATE SCHEMA")
    reader.accept("WITH", "MANAGED", "ACCESS")
    properties = read_properties(reader, PROPERTIES)
    created = create_schema(
        session, database, name, properties, or_replace=found.or_replace, if_not_exists=if_not_exists
    )
    return Status(f"Schema {name} successfully created." if created else _exists(name))


@statement("DROP", "SCHEMA")
def drop_schema_statement(session: Session, found: Statement) -> Status:
    reader = found.after("DROP", "SCHEMA")
    if_exists = reader.if_exists()
    database, name = session.resolve_schema(reader.name(), "DROP SCHEMA")
    reader.accept_any(("CASCADE", "RESTRICT"))
    reader.finish()
    dropped = drop_schema(session, database, name, if_exists=if_exists)
    return Status(f"{name} successfully dropped." if dropped else _already_dropped(name))


def _exists(name: str) -> str:
    return f"{name} already exists, statement succeeded."


def _already_dropped(name: str) -> str:
    return f"Drop statement executed successfully ({name} already dropped)."


@statement("ALTER", "DATABASE")
def alter_database(session: Session, found: Statement) -> Status:
    reader = found.after("ALTER", "DATABASE")
    if_exists = reader.if_exists()
    [name] = reader.name()
    return _alter(session, reader, "database", ObjectName(None, None, name), if_exists)


@statement("ALTER", "SCHEMA")
def alter_schema(session: Session, found: Statement) -> Status:
    reader = found.after("ALTER", "SCHEMA")
    if_exists = reader.if_exists()
    database, name = session.resolve_schema(reader.name(), "ALTER SCHEMA")
    return _alter(session, reader, "schema", ObjectName(database, None, name), if_exists)


def _alter(session: Session, reader: Reader, kind: str, name: ObjectName, if_exists: bool) -> Status:
    if session.catalog.find(kind, name) is None:
        if if_exists:
            return Status()
        raise does_not_exist(kind, name)
    if alter_tags(session, reader, Tagged(kind.upper(), name)):
        return Status()
    if reader.accept("UNSET"):
        keys = [reader.identifier()]
        while reader.accept(","):
            keys.append(reader.identifier())
        reader.finish()
        session.catalog.update(kind, name, **{key.lower(): "" if key == "COMMENT" else None for key in keys})
        return Status()
    if not reader.accept("SET"):
        raise unknown_here(f"ALTER {kind.upper()} ... {reader.rest()}; it knows SET and UNSET")
    session.catalog.update(kind, name, **read_properties(reader, PROPERTIES))
    return Status()

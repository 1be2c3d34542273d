"""SHOW and DESCRIBE of databases, schemas, tables, views, columns, warehouses, stages, parameters and functions."""

from __future__ import annotations

from typing import Any

from mlops_embedded.catalog import Document, ObjectName
from mlops_embedded.errors import does_not_exist
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.relations import Relation, columns, get_relation, relations
from mlops_embedded.sql.results import Rowset
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.show_options import read_show_options
from mlops_embedded.sql.statement import Statement
from mlops_embedded.sql.types import json_type, shown_type

_DATABASES = {
    "created_on": "timestamp_ltz", "name": "text", "is_default": "text", "is_current": "text", "origin": "text",
    "owner": "text", "comment": "text", "options": "text", "retention_time": "text", "kind": "text",
    "owner_role_type": "text",
}  # fmt: skip
_SCHEMAS = {
    "created_on": "timestamp_ltz", "name": "text", "is_default": "text", "is_current": "text", "database_name": "text",
    "owner": "text", "comment": "text", "options": "text", "retention_time": "text", "owner_role_type": "text",
}  # fmt: skip
_TABLES = {
    "created_on": "timestamp_ltz", "name": "text", "database_name": "text", "schema_name": "text", "kind": "text",
    "comment": "text", "cluster_by": "text", "rows": "fixed", "bytes": "fixed", "owner": "text",
    "retention_time": "text", "automatic_clustering": "text", "change_tracking": "text", "is_external": "text",
    "owner_role_type": "text", "is_event": "text", "is_hybrid": "text", "is_iceberg": "text", "is_dynamic": "text",
}  # fmt: skip
_VIEWS = {
    "created_on": "timestamp_ltz", "name": "text", "reserved": "text", "database_name": "text", "schema_name": "text",
    "owner": "text", "comment": "text", "text": "text", "is_secure": "text", "is_materialized": "text",
    "owner_role_type": "text", "change_tracking": "text",
}  # fmt: skip
_OBJECTS = {
    "created_on": "timestamp_ltz", "name": "text", "database_name": "text", "schema_name": "text", "kind": "text",
    "comment": "text", "cluster_by": "text", "rows": "fixed", "bytes": "fixed", "owner": "text",
    "retention_time": "text", "owner_role_type": "text",
}  # fmt: skip
_COLUMNS = (
    "table_name", "schema_name", "column_name", "data_type", "null?", "default", "kind", "expression", "comment",
    "database_name", "autoincrement",
)  # fmt: skip
_DESCRIBED = (
    "name", "type", "kind", "null?", "default", "primary key", "unique key", "check", "expression", "comment",
    "policy name", "privacy domain",
)  # fmt: skip
_STAGES = {
    "created_on": "timestamp_ltz", "name": "text", "database_name": "text", "schema_name": "text", "url": "text",
    "has_credentials": "text", "has_encryption_key": "text", "owner": "text", "comment": "text", "region": "text",
    "type": "text", "cloud": "text", "owner_role_type": "text", "directory_enabled": "text",
}  # fmt: skip
_FORMATS = {
    "created_on": "timestamp_ltz", "name": "text", "database_name": "text", "schema_name": "text", "type": "text",
    "owner": "text", "comment": "text", "format_options": "variant", "owner_role_type": "text",
}  # fmt: skip
_PARAMETERS = ("key", "value", "default", "level", "description", "type")
_DEFAULTS = {
    "AUTOCOMMIT": "true", "CLIENT_TELEMETRY_ENABLED": "false", "QUERY_TAG": "", "QUOTED_IDENTIFIERS_IGNORE_CASE": "false",
    "STATEMENT_TIMEOUT_IN_SECONDS": "172800", "TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_NTZ", "TIMEZONE": "Etc/UTC",
    "MULTI_STATEMENT_COUNT": "1", "ROWS_PER_RESULTSET": "0", "USE_CACHED_RESULT": "true",
}  # fmt: skip

_ACCOUNT_DEFAULTS = {"EVENT_TABLE": "snowflake.telemetry.events"}
ACCOUNT_PARAMETER = "account_parameter"
"""The catalog's kind for a parameter of the account that was set; its body has the `value`."""


def account_parameter(name: str) -> ObjectName:
    return ObjectName(None, None, name)


@statement("SHOW", "DATABASES")
def show_databases(session: Session, found: Statement) -> Rowset:
    options = read_show_options(session, found.after("SHOW", "DATABASES"), schema_objects=False)
    return Rowset.of(_DATABASES, (_namespace(d, session.database) for d in options.documents(session, "database")))


@statement("SHOW", "SCHEMAS")
def show_schemas(session: Session, found: Statement) -> Rowset:
    options = read_show_options(session, found.after("SHOW", "SCHEMAS"), schema_objects=False)
    database = options.database or session.database
    if options.database is not None:
        session.catalog.get("database", ObjectName(None, None, options.database))
    schemas = session.catalog.list("schema", database=database)
    records = [_namespace(d, session.schema) for d in schemas]
    if database is not None:
        information = ObjectName(database, None, "INFORMATION_SCHEMA")
        records.append(_namespace(Document("schema", information, {"owner": "", "comment": ""}), session.schema))
    return Rowset.of(_SCHEMAS, options.records(sorted(records, key=lambda r: (r["database_name"], r["name"]))))


def _namespace(document: Document, current: str | None) -> dict[str, Any]:
    body = document.body
    return {
        "created_on": document.created_on, "name": document.name.name, "is_default": "N",
        "is_current": "Y" if document.name.name == current else "N", "origin": "", "owner": body["owner"],
        "comment": body["comment"], "options": "", "retention_time": str(body.get("data_retention_time_in_days", 1)),
        "kind": "STANDARD", "owner_role_type": "ROLE", "database_name": document.name.database,
    }  # fmt: skip


def _relation(relation: Relation) -> dict[str, Any]:
    body = relation.body
    return {
        "created_on": relation.created_on, "name": relation.name.name, "database_name": relation.name.database,
        "schema_name": relation.name.schema, "kind": relation.kind, "comment": body.get("comment", ""),
        "cluster_by": body.get("cluster_by", ""), "rows": relation.rows, "bytes": 0, "owner": body.get("owner"),
        "retention_time": "1", "automatic_clustering": "OFF", "change_tracking": "OFF", "is_external": "N",
        "owner_role_type": "ROLE", "is_event": "N", "is_hybrid": "N", "is_iceberg": "N",
        "is_dynamic": "Y" if body.get("dynamic") else "N", "reserved": "", "text": body.get("text", ""),
        "is_secure": "true" if body.get("secure") else "false", "is_materialized": "false",
    }  # fmt: skip


@statement("SHOW", "TABLES")
def show_tables(session: Session, found: Statement) -> Rowset:
    options = read_show_options(session, found.after("SHOW", "TABLES"))
    records = (_relation(r) for r in relations(session, options.database, options.schema) if not r.is_view)
    return Rowset.of(_TABLES, options.records(records))


@statement("SHOW", "VIEWS")
def show_views(session: Session, found: Statement) -> Rowset:
    options = read_show_options(session, found.after("SHOW", "VIEWS"))
    records = (_relation(r) for r in relations(session, options.database, options.schema) if r.is_view)
    return Rowset.of(_VIEWS, options.records(records))


@statement("SHOW", "OBJECTS")
def show_objects(session: Session, found: Statement) -> Rowset:
    options = read_show_options(session, found.after("SHOW", "OBJECTS"))
    records = (_relation(r) for r in relations(session, options.database, options.schema))
    return Rowset.of(_OBJECTS, options.records(records))


@statement("SHOW", "COLUMNS")
def show_columns(session: Session, found: Statement) -> Rowset:
    options = read_show_options(session, found.after("SHOW", "COLUMNS"))
    inside = session.resolve(options.inside[2]) if options.inside else None
    if inside is not None:
        get_relation(session, inside)
    records = [
        {
            "name": c.name, "table_name": r.name.name, "schema_name": r.name.schema, "column_name": c.name,
            "data_type": json_type(c.type, c.nullable), "null?": "true" if c.nullable else "false",
            "default": c.default or "", "kind": "COLUMN", "expression": "", "comment": c.comment or "",
            "database_name": r.name.database, "autoincrement": "",
        }
        for r in relations(session, options.database, options.schema)
        if inside is None or r.name == inside
        for c in columns(session, r.name)
    ]  # fmt: skip
    return Rowset.of(_COLUMNS, options.records(records))


@statement("DESCRIBE", "TABLE")
def describe_table(session: Session, found: Statement) -> Rowset:
    reader = found.after("DESCRIBE", "TABLE")
    name = session.resolve(reader.name(), "DESCRIBE TABLE")
    if reader.accept("TYPE"):
        reader.expect("=")
        reader.expect("COLUMNS")
    reader.finish()
    return described(session, get_relation(session, name).name)


@statement("DESCRIBE", "VIEW")
def describe_view(session: Session, found: Statement) -> Rowset:
    reader = found.after("DESCRIBE", "VIEW")
    name = session.resolve(reader.name(), "DESCRIBE VIEW")
    reader.finish()
    return described(session, get_relation(session, name, "view").name)


def described(session: Session, name: ObjectName) -> Rowset:
    """The columns of a table, view or dynamic table, as DESCRIBE shows them."""
    document = session.catalog.find("view", name) or session.catalog.find("table", name)
    comments = document.body.get("column_comments", {}) if document else {}
    records = (
        {
            "name": c.name, "type": shown_type(c.type), "kind": "COLUMN", "null?": "Y" if c.nullable else "N",
            "default": c.default, "primary key": "N", "unique key": "N", "comment": comments.get(c.name) or c.comment,
        }
        for c in columns(session, name)
    )  # fmt: skip
    return Rowset.of(_DESCRIBED, records)


@statement("DESCRIBE", "DATABASE")
def describe_database(session: Session, found: Statement) -> Rowset:
    reader = found.after("DESCRIBE", "DATABASE")
    [name] = reader.name()
    session.catalog.get("database", ObjectName(None, None, name))
    schemas = session.catalog.list("schema", database=name)
    records = ({"created_on": s.created_on, "name": s.name.name, "kind": "SCHEMA"} for s in schemas)
    return Rowset.of({"created_on": "timestamp_ltz", "name": "text", "kind": "text"}, records)


@statement("DESCRIBE", "SCHEMA")
def describe_schema(session: Session, found: Statement) -> Rowset:
    reader = found.after("DESCRIBE", "SCHEMA")
    database, schema = session.resolve_schema(reader.name(), "DESCRIBE SCHEMA")
    session.catalog.get("schema", ObjectName(database, None, schema))
    records = (
        {"created_on": r.created_on, "name": r.name.name, "kind": "VIEW" if r.is_view else "TABLE"}
        for r in relations(session, database, schema)
    )
    return Rowset.of({"created_on": "timestamp_ltz", "name": "text", "kind": "text"}, records)


@statement("SHOW", "STAGES")
def show_stages(session: Session, found: Statement) -> Rowset:
    options = read_show_options(session, found.after("SHOW", "STAGES"))
    records = (
        {
            **_schema_object(d), "url": "", "has_credentials": "N", "has_encryption_key": "N", "region": None,
            "type": "INTERNAL TEMPORARY" if d.body.get("temporary") else "INTERNAL", "cloud": None,
            "directory_enabled": "Y" if d.body.get("directory") else "N",
        }
        for d in options.documents(session, "stage")
        if d.body.get("session", session.id) == session.id
    )  # fmt: skip
    return Rowset.of(_STAGES, records)


@statement("DESCRIBE", "STAGE")
def describe_stage(session: Session, found: Statement) -> Rowset:
    reader = found.after("DESCRIBE", "STAGE")
    name = session.resolve(reader.name(), "DESCRIBE STAGE")
    reader.finish()
    stage = session.catalog.get("stage", name)
    records = (
        {"parent_property": "STAGE_LOCATION", "property": key.upper(), "property_type": "String",
         "property_value": str(value), "property_default": ""}
        for key, value in stage.body.items()
        if key not in {"session", "owner"}
    )  # fmt: skip
    return Rowset.of(("parent_property", "property", "property_type", "property_value", "property_default"), records)


@statement("SHOW", "FILE", "FORMATS")
def show_file_formats(session: Session, found: Statement) -> Rowset:
    options = read_show_options(session, found.after("SHOW", "FILE", "FORMATS"))
    records = (
        {**_schema_object(d), "type": d.body["type"], "format_options": d.body["options"]}
        for d in options.documents(session, "file_format")
        if d.body.get("session", session.id) == session.id
    )
    return Rowset.of(_FORMATS, records)


def _schema_object(document: Document) -> dict[str, Any]:
    """The columns that SHOW has for every object of a schema."""
    return {
        "created_on": document.created_on, "name": document.name.name, "database_name": document.name.database,
        "schema_name": document.name.schema, "owner": document.body.get("owner"),
        "comment": document.body.get("comment", ""), "owner_role_type": "ROLE",
    }  # fmt: skip


@statement("SHOW", "PARAMETERS")
def show_parameters(session: Session, found: Statement) -> Rowset:
    options = read_show_options(session, found.after("SHOW", "PARAMETERS"), schema_objects=False)
    records = []
    if any(token.is_word("ACCOUNT") for token in found.tokens):
        for key, default in _ACCOUNT_DEFAULTS.items():
            chosen = session.catalog.find(ACCOUNT_PARAMETER, account_parameter(key))
            value, level = (chosen.body["value"], "ACCOUNT") if chosen else (default, "")
            records.append(
                {"name": key, "key": key, "value": value, "default": default, "level": level, "type": "STRING"}
            )
    for key in sorted({*_DEFAULTS, *session.parameters}):
        default = _DEFAULTS.get(key, "")
        value = session.parameters.get(key, default)
        text = str(value).lower() if isinstance(value, bool) else str(value)
        level = "SESSION" if key in session.parameters else ""
        records.append({"name": key, "key": key, "value": text, "default": default, "level": level, "type": "STRING"})
    return Rowset.of(_PARAMETERS, options.records(records))


@statement("SHOW", "VARIABLES")
def show_variables(session: Session, found: Statement) -> Rowset:
    options = read_show_options(session, found.after("SHOW", "VARIABLES"), schema_objects=False)
    records = ({"name": name, "value": value, "type": "text"} for name, value in sorted(session.variables.items()))
    return Rowset.of(("name", "value", "type"), options.records(records))


@statement("DESCRIBE", "RESULT")
def describe_result(session: Session, found: Statement) -> Rowset:
    reader = found.after("DESCRIBE", "RESULT")
    query_id = session.last_query_id if reader.accept("LAST_QUERY_ID", "(", ")") else reader.string()
    result = session.account.result(query_id)
    if not hasattr(result, "columns"):
        raise does_not_exist("result", query_id)
    return Rowset.of(("name", "type"), ({"name": c.name, "type": c.type.upper()} for c in result.columns))

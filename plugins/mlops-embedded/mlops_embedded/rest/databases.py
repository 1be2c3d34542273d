"""Databases and schemas over REST; their SQL statements are in sql/namespaces.py."""

from __future__ import annotations

from typing import Any

from mlops_embedded.catalog import Document, ObjectName
from mlops_embedded.rest.fields import READ_ONLY, Field, Record, boolean, identifier, integer, number, one_of, required
from mlops_embedded.rest.resource import CreateMode, Creation, Level, Resource, replace_properties
from mlops_embedded.rest.routes import routes
from mlops_embedded.rest.separate_session import separate_session
from mlops_embedded.sql.namespaces import create_database, create_schema, drop_database, drop_schema
from mlops_embedded.sql.session import Session

_days = Field(integer(0, 90))
_SHARED = {
    "name": required(identifier),
    "kind": Field(one_of("PERMANENT", "TRANSIENT"), default="PERMANENT"),
    "comment": Field(),
    "data_retention_time_in_days": _days,
    "max_data_extension_time_in_days": _days,
    "default_ddl_collation": Field(),
    "log_level": Field(),
    "trace_level": Field(),
    "suspend_task_after_num_failures": Field(integer(minimum=0)),
    "user_task_managed_initial_warehouse_size": Field(),
    "user_task_timeout_ms": Field(number),
    "serverless_task_min_statement_size": Field(),
    "serverless_task_max_statement_size": Field(),
    **dict.fromkeys(
        ("created_on", "is_default", "is_current", "owner", "options", "retention_time", "dropped_on", "budget",
         "owner_role_type"),
        READ_ONLY,
    ),
}  # fmt: skip


def _create_database(session: Session, asked: Creation) -> bool:
    with separate_session(session) as own:
        return create_database(own, asked.name.name, _properties(asked), **_mode(asked))


def _drop_database(session: Session, name: ObjectName) -> None:
    with separate_session(session) as own:
        drop_database(own, name.name)


def _create_schema(session: Session, asked: Creation) -> bool:
    with separate_session(session) as own:
        return create_schema(own, asked.name.database or "", asked.name.name, _properties(asked), **_mode(asked))


def _drop_schema(session: Session, name: ObjectName) -> None:
    with separate_session(session) as own:
        drop_schema(own, name.database or "", name.name)


def _properties(asked: Creation) -> dict[str, Any]:
    """The body's properties; the kind may also be said in the query."""
    kind = asked.query.get("kind")
    properties = {**asked.properties, "comment": asked.properties["comment"] or ""}
    return properties if not kind else {**properties, "kind": one_of("PERMANENT", "TRANSIENT")(kind, "kind")}


def _mode(asked: Creation) -> dict[str, bool]:
    return {
        "or_replace": asked.mode is CreateMode.OR_REPLACE,
        "if_not_exists": asked.mode is CreateMode.IF_NOT_EXISTS,
    }


def _shown(session: Session, document: Document) -> dict[str, Any]:
    current = session.database if document.kind == "database" else session.schema
    here = document.kind == "database" or document.name.database == session.database
    return {
        "kind": document.body.get("kind", "PERMANENT"),
        "is_default": False,
        "is_current": here and document.name.name == current,
        "origin": "",
        "options": "",
        "retention_time": document.body.get("data_retention_time_in_days") or 1,
    }


DATABASE = Resource(
    kind="database",
    path="databases",
    level=Level.ACCOUNT,
    body=Record({**_SHARED, "origin": READ_ONLY}),
    create=_create_database,
    alter=replace_properties,
    drop=_drop_database,
    shown=_shown,
    filters=frozenset({"like", "startsWith", "showLimit", "fromName", "history"}),
    create_parameters=frozenset({"kind"}),
    drop_parameters=frozenset({"restrict"}),
    alter_privilege="MODIFY",
    tag_domain="DATABASE",
)
SCHEMA = Resource(
    kind="schema",
    path="schemas",
    level=Level.DATABASE,
    body=Record(
        {
            **_SHARED,
            "database_name": READ_ONLY,
            "managed_access": Field(boolean, default=False),
            "pipe_execution_paused": Field(boolean),
        }
    ),
    create=_create_schema,
    alter=replace_properties,
    drop=_drop_schema,
    shown=_shown,
    filters=frozenset({"like", "startsWith", "showLimit", "fromName", "history"}),
    create_parameters=frozenset({"kind"}),
    drop_parameters=frozenset({"restrict"}),
    alter_privilege="MODIFY",
    tag_domain="SCHEMA",
)

ROUTES = [*routes(DATABASE), *routes(SCHEMA)]

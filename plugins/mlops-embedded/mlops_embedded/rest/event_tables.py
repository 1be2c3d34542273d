"""Event tables: tables with the fixed columns of telemetry, rows in DuckDB like any other table's."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from mlops_embedded.catalog import Document, ObjectName
from mlops_embedded.rest.fields import READ_ONLY, Field, Record, boolean, identifier, integer, list_of, required, text
from mlops_embedded.rest.resource import Action, CreateMode, Creation, Level, Resource, store
from mlops_embedded.rest.routes import routes
from mlops_embedded.rest.separate_session import separate_session
from mlops_embedded.rest.statements import register_create, register_drop, register_show
from mlops_embedded.server.resources import ApiRequest, bad_request
from mlops_embedded.sql.session import Session

_COLUMNS = {
    "TIMESTAMP": "TIMESTAMP_NTZ(9)", "START_TIMESTAMP": "TIMESTAMP_NTZ(9)", "OBSERVED_TIMESTAMP": "TIMESTAMP_NTZ(9)",
    "TRACE": "OBJECT", "RESOURCE": "OBJECT", "RESOURCE_ATTRIBUTES": "OBJECT", "SCOPE": "OBJECT",
    "SCOPE_ATTRIBUTES": "OBJECT", "RECORD_TYPE": "VARCHAR", "RECORD": "OBJECT", "RECORD_ATTRIBUTES": "OBJECT",
    "VALUE": "VARIANT", "EXEMPLARS": "ARRAY",
}  # fmt: skip
_days = Field(integer(0, 90))
_READ_ONLY = (
    "created_on", "database_name", "schema_name", "owner", "owner_role_type", "rows", "bytes", "automatic_clustering",
    "search_optimization", "search_optimization_progress", "search_optimization_bytes", "columns",
)  # fmt: skip


def _create(session: Session, asked: Creation) -> bool:
    created = store(session, "event_table", asked)
    if created:
        with separate_session(session) as own:
            _create_rows(own, asked.name, or_replace=asked.mode is CreateMode.OR_REPLACE)
    return created


def create_event_table(session: Session, name: ObjectName) -> None:
    """Create an event table unless it is there, as the session's role."""
    properties = EVENT_TABLE.body({"name": name.name})
    properties.pop("name")
    if store(session, "event_table", Creation(name, properties, CreateMode.IF_NOT_EXISTS)):
        _create_rows(session, name, or_replace=True)


def _create_rows(session: Session, name: ObjectName, *, or_replace: bool) -> None:
    columns = ", ".join(f'"{column}" {kind}' for column, kind in _COLUMNS.items())
    session.execute(f"CREATE {'OR REPLACE ' if or_replace else ''}TABLE {name} ({columns})")


def _drop(session: Session, name: ObjectName) -> None:
    session.catalog.delete("event_table", name)
    with separate_session(session) as own:
        own.execute(f"DROP TABLE IF EXISTS {name}")


def _rename(session: Session, table: Document, request: ApiRequest) -> None:
    if "targetName" not in request.query:
        raise bad_request("query parameter targetName is missing")
    new = ObjectName(table.name.database, table.name.schema, identifier(request.query["targetName"], "targetName"))
    session.catalog.rename("event_table", table.name, new)
    with separate_session(session) as own:
        own.execute(f"ALTER TABLE {table.name} RENAME TO {new}")


def _shown(session: Session, table: Document) -> dict[str, Any]:
    with separate_session(session) as own:
        rows = int(own.scalar(f"SELECT COUNT(*) FROM {table.name}"))
    return {
        "rows": rows,
        "bytes": 0,
        "automatic_clustering": False,
        "search_optimization": False,
        "columns": [{"name": name, "datatype": kind, "nullable": True} for name, kind in _COLUMNS.items()],
    }


EVENT_TABLE = Resource(
    kind="event_table",
    path="event-tables",
    level=Level.SCHEMA,
    body=Record(
        {
            "name": required(identifier),
            "cluster_by": Field(list_of(text)),
            "data_retention_time_in_days": _days,
            "max_data_extension_time_in_days": _days,
            "change_tracking": Field(boolean),
            "default_ddl_collation": Field(),
            "comment": Field(),
            **dict.fromkeys(_READ_ONLY, READ_ONLY),
        }
    ),
    create=_create,
    drop=_drop,
    shown=_shown,
    actions={"rename": Action(_rename, "OWNERSHIP", frozenset({"ifExists", "targetName"}))},
    create_parameters=frozenset({"copyGrants"}),
    tag_domain="TABLE",
)

register_create(EVENT_TABLE)
register_drop(EVENT_TABLE)
register_show(
    EVENT_TABLE,
    "EVENT TABLES",
    {
        "created_on": "timestamp_ltz", "name": "text", "database_name": "text", "schema_name": "text", "owner": "text",
        "comment": "text", "owner_role_type": "text",
    },
    describe=False,
)  # fmt: skip

ROUTES: list[Route] = routes(EVENT_TABLE)

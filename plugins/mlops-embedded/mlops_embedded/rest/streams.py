"""Streams over REST and in SQL; what they hold is in sql/streams.py."""

from __future__ import annotations

from typing import Any

from mlops_embedded.catalog import Document, ObjectName, parse_name, quote
from mlops_embedded.errors import syntax_error, unknown_here
from mlops_embedded.rest.fields import READ_ONLY, Field, Record, Union, boolean, identifier, one_of, required
from mlops_embedded.rest.resource import Creation, Level, Resource, replace_properties, store
from mlops_embedded.rest.routes import routes
from mlops_embedded.rest.separate_session import separate_session
from mlops_embedded.rest.statements import register_alter, register_create, register_drop, register_show
from mlops_embedded.sql import streams
from mlops_embedded.sql.access import require_on_relation
from mlops_embedded.sql.functions import Arguments, scalar_function
from mlops_embedded.sql.properties import read_properties
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Reader

_POINT = Union(
    tag="point_of_time_type",
    shared={"reference": required(one_of("at", "before"))},
    variants={kind: {kind: required()} for kind in ("timestamp", "offset", "statement", "stream")},
)
_RELATION = {
    "append_only": Field(boolean, default=False),
    "show_initial_rows": Field(boolean, default=False),
    "point_of_time": Field(_POINT),
}
_SOURCE = Union(
    tag="src_type",
    shared={
        "name": required(identifier),
        "database_name": Field(identifier),
        "schema_name": Field(identifier),
    },
    variants={
        "table": _RELATION,
        "view": {**_RELATION, "base_tables": READ_ONLY},
        "external_table": {"insert_only": Field(boolean), "point_of_time": Field(_POINT)},
        "stage": {},
    },
)


def _create(session: Session, asked: Creation) -> bool:
    said = asked.properties["stream_source"]
    if said["src_type"] not in {"table", "view"}:
        raise unknown_here(f"streams on {said['src_type'].replace('_', ' ')}s")
    if said["point_of_time"] is not None:
        raise unknown_here("streams from a point of time: it keeps no history of tables")
    database, schema = said["database_name"] or asked.name.database, said["schema_name"] or asked.name.schema
    source = ObjectName(database, schema, said["name"])
    require_on_relation(session, source, "SELECT")
    properties = {**asked.properties, "stream_source": {**said, "database_name": database, "schema_name": schema}}
    asked = Creation(asked.name, properties, asked.mode)
    with separate_session(session) as own, session.catalog.transaction():
        parts = [source.database, source.schema, source.name]
        created = store(session, "stream", asked, source=parts, append_only=said["append_only"])
        if created:
            streams.start(own, asked.name, source, from_nothing=said["show_initial_rows"])
    return created


def _alter(session: Session, stream: Document, properties: dict[str, Any]) -> None:
    """Only the comment changes: what a stream watches is for good."""
    replace_properties(session, stream, {"comment": properties["comment"]})


def _drop(session: Session, name: ObjectName) -> None:
    session.catalog.delete("stream", name)
    with separate_session(session) as own:
        streams.forget(own, name)


def _shown(session: Session, stream: Document) -> dict[str, Any]:
    source = streams.source_of(stream)
    said = stream.body["stream_source"]
    return {
        "table_name": quote(source.name), "source": str(source), "source_type": said["src_type"].capitalize(), "type": "DELTA",
        "stale": False, "mode": "APPEND_ONLY" if stream.body["append_only"] else "DEFAULT", "invalid_reason": "N/A",
    }  # fmt: skip


def _read_clauses(session: Session, reader: Reader) -> tuple[dict[str, Any], dict[str, str]]:
    """Read `ON TABLE t APPEND_ONLY = TRUE SHOW_INITIAL_ROWS = TRUE COMMENT = '...'`."""
    reader.expect("ON")
    kind = reader.accept_any(("TABLE", "VIEW"))
    if kind is None:
        token = reader.peek()
        raise unknown_here(f"streams on {token.text.upper() if token else 'nothing'}")
    source = session.resolve(reader.name(), "CREATE STREAM")
    if reader.accept("AT") or reader.accept("BEFORE"):
        raise unknown_here("streams from a point of time: it keeps no history of tables")
    given = read_properties(reader, {"APPEND_ONLY", "SHOW_INITIAL_ROWS", "COMMENT"})
    comment = given.pop("comment", None)
    named = {"name": _written(source.name), "database_name": _written(source.database or "")}
    named["schema_name"] = _written(source.schema or "")
    return {"comment": comment, "stream_source": {"src_type": kind.lower(), **named, **given}}, {}


def _written(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


STREAM = Resource(
    kind="stream",
    path="streams",
    level=Level.SCHEMA,
    body=Record(
        {
            "name": required(identifier),
            "stream_source": required(_SOURCE),
            "comment": Field(),
            **dict.fromkeys(
                ("created_on", "database_name", "schema_name", "owner", "owner_role_type", "table_name", "stale",
                 "mode", "stale_after", "invalid_reason", "type"),
                READ_ONLY,
            ),
        }
    ),
    create=_create,
    alter=_alter,
    put=False,
    drop=_drop,
    shown=_shown,
    create_parameters=frozenset({"copyGrants"}),
    tag_domain="STREAM",
)  # fmt: skip


@scalar_function("SYSTEM$STREAM_HAS_DATA")
def stream_has_data(session: Session, arguments: Arguments) -> bool:
    """Whether a stream has rows; a triggered task asks this."""
    text = arguments.require(0)
    if not isinstance(text, str):
        raise syntax_error("SYSTEM$STREAM_HAS_DATA takes the name of a stream as text")
    stream = STREAM.get(session, session.resolve(parse_name(text), "SYSTEM$STREAM_HAS_DATA"))
    return streams.has_data(session, stream)


register_create(STREAM, _read_clauses)
register_alter(STREAM)
register_drop(STREAM)
register_show(
    STREAM,
    "STREAMS",
    {
        "created_on": "timestamp_ltz", "name": "text", "database_name": "text", "schema_name": "text", "owner": "text",
        "comment": "text", "table_name": "text", "source_type": "text", "base_tables": "text", "type": "text",
        "stale": "text", "mode": "text", "invalid_reason": "text", "owner_role_type": "text",
    },
    renamed={"table_name": "source", "base_tables": "source"},
)  # fmt: skip

ROUTES = routes(STREAM)

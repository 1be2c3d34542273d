"""Tables over REST: list, fetch and drop. They are made and changed by SQL (sql/tables.py), where their rows are."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from mlops_embedded.catalog import ObjectName, quote
from mlops_embedded.catalog.grants import Securable, privileges_on
from mlops_embedded.errors import does_not_exist, unknown_here
from mlops_embedded.rest.routes import object_name, only_parameters, read_filter, success
from mlops_embedded.rest.separate_session import separate_session
from mlops_embedded.server.resources import ApiAnswer, ApiRequest, endpoint
from mlops_embedded.sql.access import require_in_schema
from mlops_embedded.sql.relations import Relation, columns, find_relation, relations
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.show_options import ShowOptions
from mlops_embedded.sql.tables import drop_relation
from mlops_embedded.sql.types import shown_type

_FILTERS = {"like", "startsWith", "showLimit", "fromName", "history", "deep"}


def _list(session: Session, request: ApiRequest) -> ApiAnswer:
    wanted = read_filter(request, _FILTERS)
    for flag in ("history", "deep"):
        if request.flag(flag):
            raise unknown_here(f"{flag}=true of tables")
    place = object_name(request, "")
    require_in_schema(session, place, None)
    options = ShowOptions(
        like=wanted.like, starts_with=wanted.starts_with, limit=wanted.limit, from_name=wanted.from_name
    )
    found = [
        _json(one)
        for one in relations(session, place.database, place.schema)
        if one.kind in _KINDS and _is_seen(session, one) and options.names(one.name.name)
    ]
    return ApiAnswer(found[: options.limit])


def _fetch(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, ())
    name = object_name(request)
    require_in_schema(session, name, None)
    found = find_relation(session, name)
    if found is None or found.kind not in _KINDS or not _is_seen(session, found):
        raise does_not_exist("table", name)
    described = [
        {"name": quote(one.name), "datatype": shown_type(one.type), "nullable": one.nullable}
        | ({} if one.default is None else {"default": one.default})
        for one in columns(session, name)
    ]
    return ApiAnswer({**_json(found), "columns": described})


def _drop(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, {"ifExists"})
    with separate_session(session) as own:
        return success(drop_relation(own, object_name(request), "TABLE", if_exists=request.flag("ifExists")).message)


_KINDS = {"TABLE": "PERMANENT", "TRANSIENT": "TRANSIENT"}
"""What SHOW calls a table, and what the API calls it; a temporary one is its session's own."""


def _json(table: Relation) -> dict[str, Any]:
    name: ObjectName = table.name
    return {
        "name": quote(name.name),
        "kind": _KINDS[table.kind],
        "database_name": quote(name.database or ""),
        "schema_name": quote(name.schema or ""),
        "created_on": table.created_on.isoformat(timespec="milliseconds"),
        "rows": table.rows,
        "bytes": 0,
        "owner": quote(table.body.get("owner") or ""),
        "owner_role_type": "ROLE",
        "table_type": "DYNAMIC" if table.body.get("dynamic") else "NORMAL",
        **({"comment": table.body["comment"]} if table.body.get("comment") else {}),
    }


def _is_seen(session: Session, table: Relation) -> bool:
    return bool(privileges_on(session.catalog, session.role, Securable("TABLE", table.name), table.body.get("owner")))


_ALL = "/databases/{database:identifier}/schemas/{schema:identifier}/tables"
ROUTES = [
    Route(_ALL, endpoint(_list), methods=["GET"]),
    Route(f"{_ALL}/{{name:identifier}}", endpoint(_fetch), methods=["GET"]),
    Route(f"{_ALL}/{{name:identifier}}", endpoint(_drop), methods=["DELETE"]),
]

"""Warehouses over REST; their SQL statements are in sql/warehouses.py."""

from __future__ import annotations

from typing import Any

from mlops_embedded.catalog import Document, ObjectName
from mlops_embedded.rest.fields import READ_ONLY, Field, Record, flag, identifier, integer, one_of, required, text
from mlops_embedded.rest.resource import Action, Creation, Level, Resource, replace_properties, store
from mlops_embedded.rest.routes import routes
from mlops_embedded.server.resources import ApiRequest, bad_request
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.warehouses import shown_size

_SIZES = ("XSMALL", "SMALL", "MEDIUM", "LARGE", "XLARGE", "XXLARGE", "XXXLARGE", "X4LARGE", "X5LARGE", "X6LARGE")
_WRITTEN = {"2XLARGE": "XXLARGE", "X2LARGE": "XXLARGE", "3XLARGE": "XXXLARGE", "X3LARGE": "XXXLARGE",
            "4XLARGE": "X4LARGE", "5XLARGE": "X5LARGE", "6XLARGE": "X6LARGE"}  # fmt: skip


def _size(value: object, place: str) -> str:
    """A size in any of Snowflake's spellings: XSMALL, X-Small, 2X-Large."""
    plain = text(value, place).upper().replace("-", "")
    return str(one_of(*_SIZES)(_WRITTEN.get(plain, plain), place))


_count = Field(integer(1, 10))
_BODY = Record(
    {
        "name": required(identifier),
        "warehouse_type": Field(one_of("STANDARD", "SNOWPARK-OPTIMIZED"), default="STANDARD"),
        "warehouse_size": Field(_size),
        "wait_for_completion": Field(flag),
        "max_cluster_count": _count,
        "min_cluster_count": _count,
        "scaling_policy": Field(one_of("STANDARD", "ECONOMY")),
        "auto_suspend": Field(integer(minimum=0)),
        "auto_resume": Field(flag),
        "initially_suspended": Field(flag, write_only=True),
        "resource_monitor": Field(identifier),
        "comment": Field(),
        "enable_query_acceleration": Field(flag),
        "query_acceleration_max_scale_factor": Field(integer(0, 100)),
        "max_concurrency_level": Field(integer(minimum=1)),
        "statement_queued_timeout_in_seconds": Field(integer(minimum=0)),
        "statement_timeout_in_seconds": Field(integer(minimum=0)),
        **dict.fromkeys(
            ("type", "size", "state", "started_clusters", "running", "queued", "is_default", "is_current", "available",
             "provisioning", "quiescing", "other", "created_on", "resumed_on", "updated_on", "owner", "budget", "kind",
             "owner_role_type", "warehouse_credit_limit", "target_statement_size"),
            READ_ONLY,
        ),
    }
)  # fmt: skip


def _create(session: Session, asked: Creation) -> bool:
    properties = _complete(asked.properties)
    suspended = properties.pop("initially_suspended") == "true"
    return store(
        session,
        "warehouse",
        Creation(asked.name, properties, asked.mode),
        state="SUSPENDED" if suspended else "STARTED",
    )


def _alter(session: Session, warehouse: Document, properties: dict[str, Any]) -> None:
    properties = _complete(properties)
    properties.pop("initially_suspended")
    replace_properties(session, warehouse, properties)


def _complete(properties: dict[str, Any]) -> dict[str, Any]:
    least, most = properties["min_cluster_count"] or 1, properties["max_cluster_count"] or 1
    if most < least:
        raise bad_request(f"max_cluster_count ({most}) is less than min_cluster_count ({least})")
    defaults = {"warehouse_size": "XSMALL", "comment": "", "auto_resume": "true", "auto_suspend": 600}
    given = {key: value for key, value in properties.items() if value is not None}
    return {**properties, **defaults, **given, "min_cluster_count": least, "max_cluster_count": most}


def _shown(session: Session, warehouse: Document) -> dict[str, Any]:
    body = warehouse.body
    flags = {
        key: str(body[key]).lower()
        for key in ("auto_resume", "enable_query_acceleration", "wait_for_completion")
        if body.get(key) is not None
    }
    return {
        **flags,
        "type": body.get("warehouse_type", "STANDARD"),
        "size": shown_size(str(body["warehouse_size"])),
        "started_clusters": int(body["state"] == "STARTED"),
        "running": 0,
        "queued": 0,
        "is_default": False,
        "is_current": warehouse.name.name == session.warehouse,
    }


def _resume(session: Session, warehouse: Document, request: ApiRequest) -> None:
    _change_state(session, warehouse, "SUSPENDED", "STARTED")


def _suspend(session: Session, warehouse: Document, request: ApiRequest) -> None:
    _change_state(session, warehouse, "STARTED", "SUSPENDED")


def _change_state(session: Session, warehouse: Document, before: str, after: str) -> None:
    if warehouse.body["state"] != before:
        raise bad_request(
            f"Invalid state. Warehouse '{warehouse.name.name}' is {warehouse.body['state'].lower()} already."
        )
    session.catalog.update("warehouse", warehouse.name, state=after)


def _rename(session: Session, warehouse: Document, request: ApiRequest) -> None:
    new = ObjectName(None, None, _BODY(request.body)["name"])
    session.catalog.rename("warehouse", warehouse.name, new)
    if session.warehouse == warehouse.name.name:
        session.warehouse = new.name


def _use(session: Session, warehouse: Document, request: ApiRequest) -> None:
    session.warehouse = warehouse.name.name


_may_be_missing = frozenset({"ifExists"})
WAREHOUSE = Resource(
    kind="warehouse",
    path="warehouses",
    level=Level.ACCOUNT,
    body=_BODY,
    create=_create,
    alter=_alter,
    shown=_shown,
    actions={
        "resume": Action(_resume, "OPERATE", _may_be_missing),
        "suspend": Action(_suspend, "OPERATE", _may_be_missing),
        "rename": Action(_rename, "OWNERSHIP", _may_be_missing),
        "use": Action(_use, "USAGE"),
    },
    filters=frozenset({"like"}),
    alter_privilege="MODIFY",
    tag_domain="WAREHOUSE",
)

ROUTES = routes(WAREHOUSE)

"""Warehouses: objects that are created, altered and shown; every query runs in DuckDB whichever is current."""

from __future__ import annotations

from typing import Any

from mlops_embedded.catalog import Document, ObjectName
from mlops_embedded.catalog.grants import ACCOUNT, Securable, forget_securable, require
from mlops_embedded.errors import SnowflakeError
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.properties import read_properties
from mlops_embedded.sql.results import Rowset, Status
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.show_options import read_show_options
from mlops_embedded.sql.statement import Statement

PROPERTIES = {
    "WAREHOUSE_TYPE", "WAREHOUSE_SIZE", "MAX_CLUSTER_COUNT", "MIN_CLUSTER_COUNT", "SCALING_POLICY", "AUTO_SUSPEND",
    "AUTO_RESUME", "INITIALLY_SUSPENDED", "RESOURCE_MONITOR", "COMMENT", "ENABLE_QUERY_ACCELERATION",
    "QUERY_ACCELERATION_MAX_SCALE_FACTOR", "MAX_CONCURRENCY_LEVEL", "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS",
    "STATEMENT_TIMEOUT_IN_SECONDS", "RESOURCE_CONSTRAINT",
}  # fmt: skip
_SHOWN = {
    "name": "text", "state": "text", "type": "text", "size": "text", "min_cluster_count": "fixed",
    "max_cluster_count": "fixed", "started_clusters": "fixed", "running": "fixed", "queued": "fixed",
    "is_default": "text", "is_current": "text", "auto_suspend": "fixed", "auto_resume": "text", "available": "text",
    "created_on": "timestamp_ltz", "resumed_on": "timestamp_ltz", "updated_on": "timestamp_ltz", "owner": "text",
    "comment": "text", "scaling_policy": "text", "owner_role_type": "text",
}  # fmt: skip


def _name(name: str) -> ObjectName:
    return ObjectName(None, None, name)


@statement("CREATE", "WAREHOUSE")
def create_warehouse(session: Session, found: Statement) -> Status:
    reader = found.after("CREATE", "WAREHOUSE")
    if_not_exists = reader.if_not_exists()
    [name] = reader.name()
    reader.accept("WITH")
    properties = read_properties(reader, PROPERTIES)
    suspended = properties.pop("initially_suspended", False)
    require(session.catalog, session.role, "CREATE WAREHOUSE", ACCOUNT)
    body = {
        "owner": session.role, "comment": "", "warehouse_size": "XSMALL",
        "state": "SUSPENDED" if suspended else "STARTED", **properties,
    }  # fmt: skip
    created = session.catalog.create(
        Document("warehouse", _name(name), body), or_replace=found.or_replace, if_not_exists=if_not_exists
    )
    if not created:
        return Status(f"{name} already exists, statement succeeded.")
    session.warehouse = name
    return Status(f"Warehouse {name} successfully created.")


@statement("ALTER", "WAREHOUSE")
def alter_warehouse(session: Session, found: Statement) -> Status:
    reader = found.after("ALTER", "WAREHOUSE")
    if_exists = reader.if_exists()
    following = reader.peek()
    implicit = following is None or following.text.upper() in {"SUSPEND", "RESUME", "SET"}
    name = session.warehouse or "" if implicit else reader.name()[0]
    if if_exists and session.catalog.find("warehouse", _name(name)) is None:
        return Status()
    warehouse = session.catalog.get("warehouse", _name(name))
    following = reader.peek()
    word = following.text.upper() if following is not None else ""
    needed = {"SUSPEND": "OPERATE", "RESUME": "OPERATE", "RENAME": "OWNERSHIP"}.get(word, "MODIFY")
    require(session.catalog, session.role, needed, Securable("WAREHOUSE", warehouse.name), warehouse.body["owner"])
    if reader.accept("SUSPEND"):
        if warehouse.body["state"] == "SUSPENDED":
            raise _invalid_state(f"Warehouse {name} cannot be suspended: it is suspended already.")
        session.catalog.update("warehouse", _name(name), state="SUSPENDED")
    elif reader.accept("RESUME"):
        if warehouse.body["state"] == "STARTED" and not reader.accept("IF", "SUSPENDED"):
            raise _invalid_state(f"Warehouse {name} cannot be resumed: it is running already.")
        session.catalog.update("warehouse", _name(name), state="STARTED")
    elif reader.accept("RENAME", "TO"):
        session.catalog.rename("warehouse", _name(name), _name(reader.name()[0]))
    else:
        reader.expect("SET")
        session.catalog.update(
            "warehouse", _name(name), **read_properties(reader, PROPERTIES | {"WAIT_FOR_COMPLETION"})
        )
    return Status()


def _invalid_state(message: str) -> SnowflakeError:
    return SnowflakeError(message, code="090064", sqlstate="22000", http_status=400)


@statement("DROP", "WAREHOUSE")
def drop_warehouse(session: Session, found: Statement) -> Status:
    reader = found.after("DROP", "WAREHOUSE")
    if_exists = reader.if_exists()
    [name] = reader.name()
    reader.finish()
    there = session.catalog.find("warehouse", _name(name))
    if there is not None:
        require(session.catalog, session.role, "OWNERSHIP", Securable("WAREHOUSE", there.name), there.body["owner"])
        forget_securable(session.catalog, Securable("WAREHOUSE", there.name))
    if not session.catalog.delete("warehouse", _name(name), if_exists=if_exists):
        return Status(f"Drop statement executed successfully ({name} already dropped).")
    if session.warehouse == name:
        session.warehouse = None
    return Status(f"{name} successfully dropped.")


@statement("SHOW", "WAREHOUSES")
def show_warehouses(session: Session, found: Statement) -> Rowset:
    options = read_show_options(session, found.after("SHOW", "WAREHOUSES"), schema_objects=False)
    return Rowset.of(_SHOWN, (_shown(session, d) for d in options.documents(session, "warehouse")))


def _shown(session: Session, document: Document) -> dict[str, Any]:
    body = document.body
    return {
        "name": document.name.name, "state": body["state"], "type": body.get("warehouse_type", "STANDARD"),
        "size": shown_size(str(body["warehouse_size"])), "min_cluster_count": body.get("min_cluster_count", 1),
        "max_cluster_count": body.get("max_cluster_count", 1), "started_clusters": int(body["state"] == "STARTED"),
        "running": 0, "queued": 0, "is_default": "N",
        "is_current": "Y" if document.name.name == session.warehouse else "N",
        "auto_suspend": body.get("auto_suspend", 600), "auto_resume": str(body.get("auto_resume", True)).lower(),
        "available": "", "created_on": document.created_on, "resumed_on": document.created_on,
        "updated_on": document.created_on, "owner": body["owner"], "comment": body["comment"],
        "scaling_policy": body.get("scaling_policy", "STANDARD"), "owner_role_type": "ROLE",
    }  # fmt: skip


def shown_size(size: str) -> str:
    """Return a size as SHOW spells it: X-Small, 2X-Large."""
    known = {"XSMALL": "X-Small", "XLARGE": "X-Large", "XXLARGE": "2X-Large", "X2LARGE": "2X-Large"}
    plain = size.upper().replace("-", "")
    return known.get(plain, plain.capitalize())

"""Dynamic tables: CREATE, ALTER, DROP, SHOW and DESCRIBE, and the history of their refreshes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from mlops_embedded.catalog import Document, ObjectName
from mlops_embedded.catalog.tags import Tagged
from mlops_embedded.errors import (
    already_exists,
    invalid_value,
    unknown_here,
    wrong_type,
)
from mlops_embedded.ml.dynamic_tables import (
    DOWNSTREAM,
    DynamicTable,
    Kind,
    duration_seconds,
    find,
    is_kind,
    lag_seconds,
)
from mlops_embedded.ml.refresh import history, make, refresh
from mlops_embedded.sql import relations
from mlops_embedded.sql.access import require_in_schema
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.functions import Arguments, table_function
from mlops_embedded.sql.results import Rowset, Status
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.show import described
from mlops_embedded.sql.show_options import read_show_options
from mlops_embedded.sql.statement import Reader, Statement
from mlops_embedded.sql.tables import duckdb_name
from mlops_embedded.sql.tag_clauses import alter_tags, read_tags, set_tags
from mlops_embedded.sql.views import read_view_columns

KIND: Kind = "dynamic table"
_REFRESH_MODES, _INITIALIZE = ("AUTO", "FULL", "INCREMENTAL"), ("ON_CREATE", "ON_SCHEDULE")
_FULL_BECAUSE = "the embedded Snowflake refreshes every dynamic table in full"
_SHOWN = {
    "created_on": "timestamp_ltz", "name": "text", "database_name": "text", "schema_name": "text", "cluster_by": "text",
    "rows": "fixed", "bytes": "fixed", "owner": "text", "target_lag": "text", "refresh_mode": "text",
    "refresh_mode_reason": "text", "warehouse": "text", "initialization_warehouse": "text", "comment": "text",
    "text": "text", "automatic_clustering": "text", "scheduling_state": "text", "last_suspended_on": "timestamp_ltz",
    "is_clone": "text", "is_replica": "text", "is_iceberg": "text", "data_timestamp": "timestamp_ltz",
    "owner_role_type": "text",
}  # fmt: skip
_HISTORY = {
    "NAME": "text", "SCHEMA_NAME": "text", "DATABASE_NAME": "text", "STATE": "text", "STATE_CODE": "text",
    "STATE_MESSAGE": "text", "QUERY_ID": "text", "DATA_TIMESTAMP": "timestamp_ltz", "REFRESH_START_TIME": "timestamp_ltz",
    "REFRESH_END_TIME": "timestamp_ltz", "QUALIFIED_NAME": "text", "STATISTICS": "variant", "REFRESH_ACTION": "text",
    "REFRESH_TRIGGER": "text", "TARGET_LAG_SEC": "fixed", "WAREHOUSE": "text",
}  # fmt: skip


@statement("CREATE", "DYNAMIC", "TABLE")
def create_dynamic_table(session: Session, found: Statement) -> Status:
    reader = found.after("CREATE", "DYNAMIC", "TABLE")
    if_not_exists = reader.if_not_exists()
    name = session.resolve(reader.name(), "CREATE DYNAMIC TABLE")
    require_in_schema(session, name, "CREATE DYNAMIC TABLE")
    session.catalog.get("schema", ObjectName(name.database, None, name.schema or ""))
    names, comments = read_view_columns(reader)
    clauses = _clauses(session, reader)
    table = _defined(session, clauses, reader.rest())
    there = relations.find_relation(session, name)
    if there is not None and not found.or_replace:
        if if_not_exists:
            return Status(f"{name.name} already exists, statement succeeded.")
        raise already_exists("dynamic_table" if is_kind(there.body, KIND) else "table", name)
    if there is not None and not is_kind(there.body, KIND):
        raise wrong_type("VIEW" if there.is_view else "TABLE", "DYNAMIC_TABLE")
    session.commit()  # as every DDL does: the query is to see what was written before
    table = make(session, name, names, table)
    relations.record(
        session, name, "table",
        comment=clauses.get("comment", ""), text=found.text, column_comments=comments, dynamic=table.facts(),
    )  # fmt: skip
    set_tags(session, Tagged("TABLE", name), clauses["tags"])
    return Status(f"Dynamic table {name.name} successfully created.")


@statement("CREATE", "DYNAMIC", "ICEBERG", "TABLE")
@statement("CREATE", "ICEBERG", "TABLE")
def create_iceberg_table(session: Session, found: Statement) -> Status:
    raise unknown_here("Iceberg tables")


def _clauses(session: Session, reader: Reader) -> dict[str, Any]:
    """Read what stands between the columns and AS, in any order, and step over the AS."""
    clauses: dict[str, Any] = {"tags": {}}
    while not reader.accept("AS"):
        if reader.accept("WITH", "TAG") or reader.accept("TAG"):
            clauses["tags"] = read_tags(session, reader)
        elif reader.accept("CLUSTER", "BY"):
            clauses["cluster_by"] = _cluster_by(reader)
        else:
            clauses.update(_property(session, reader))
    return clauses


def _property(session: Session, reader: Reader) -> dict[str, Any]:
    """Read one `KEY = value` of CREATE or of ALTER ... SET."""
    key = reader.accept_any(
        ("TARGET_LAG", "LAG", "WAREHOUSE", "INITIALIZATION_WAREHOUSE", "REFRESH_MODE", "INITIALIZE", "COMMENT")
    )
    if key is None:
        raise unknown_here(f"the clause {reader.next().text!r} of dynamic tables")
    reader.expect("=")
    key = "TARGET_LAG" if key == "LAG" else key  # Snowpark's create_or_replace_dynamic_table writes LAG
    if key == "COMMENT":
        return {"comment": reader.string()}
    value = reader.value() if key == "TARGET_LAG" else reader.identifier()
    if key == "TARGET_LAG":
        lag = str(value)
        if lag.upper() == DOWNSTREAM:
            return {"target_lag": DOWNSTREAM}
        lag_seconds(lag)
        return {"target_lag": lag}
    if key.endswith("WAREHOUSE"):
        session.catalog.get("warehouse", ObjectName(None, None, str(value)))
    for property_, allowed in (("REFRESH_MODE", _REFRESH_MODES), ("INITIALIZE", _INITIALIZE)):
        if key == property_ and value not in allowed:
            raise invalid_value(f"invalid {key} {value!r}: it is one of {', '.join(allowed)}")
    return {key.lower(): value}


def _cluster_by(reader: Reader) -> str:
    return "LINEAR(" + ", ".join(t.text for t in reader.parenthesised() if not t.is_symbol(",")) + ")"


def _defined(session: Session, clauses: dict[str, Any], query: str) -> DynamicTable:
    for required in ("target_lag", "warehouse"):
        if required not in clauses:
            raise invalid_value(f"a dynamic table needs {required.upper()}")
    mode = clauses.get("refresh_mode", "AUTO")
    return DynamicTable(
        query=query,
        namespace=(session.database, session.schema),
        target_lag=clauses["target_lag"],
        refresh_mode="FULL" if mode == "AUTO" else mode,
        refresh_mode_reason=_FULL_BECAUSE if mode != "FULL" else "",
        initialize=clauses.get("initialize", "ON_CREATE"),
        warehouse=clauses["warehouse"],
        initialization_warehouse=clauses.get("initialization_warehouse"),
        cluster_by=clauses.get("cluster_by", ""),
    )


@statement("DROP", "DYNAMIC", "TABLE")
def drop_dynamic_table(session: Session, found: Statement) -> Status:
    reader = found.after("DROP", "DYNAMIC", "TABLE")
    if_exists = reader.if_exists()
    name = session.resolve(reader.name(), "DROP DYNAMIC TABLE")
    reader.finish()
    if find(session, name, KIND, if_exists=if_exists) is None:
        return Status(f"Drop statement executed successfully ({name.name} already dropped).")
    session.commit()
    session.duckdb.execute(f"DROP TABLE {duckdb_name(name)}")
    relations.forget(session, name)
    return Status(f"{name.name} successfully dropped.")


@statement("ALTER", "DYNAMIC", "TABLE")
def alter_dynamic_table(session: Session, found: Statement) -> Status:
    reader = found.after("ALTER", "DYNAMIC", "TABLE")
    if_exists = reader.if_exists()
    name = session.resolve(reader.name(), "ALTER DYNAMIC TABLE")
    if find(session, name, KIND, if_exists=if_exists) is None:
        return Status()
    if reader.accept("REFRESH"):
        reader.accept("COPY", "SESSION")
        reader.finish()
        session.commit()
        refresh(session, name)
    elif alter_tags(session, reader, Tagged("TABLE", name)):
        pass
    elif reader.accept("RENAME", "TO"):
        new = session.resolve(reader.name(), "ALTER DYNAMIC TABLE")
        reader.finish()
        session.execute(f"ALTER TABLE {name} RENAME TO {new}")
    else:
        with session.catalog.transaction():
            document = session.catalog.get("table", name)
            session.catalog.put(_changed(session, reader, document))
    return Status()


def _changed(session: Session, reader: Reader, document: Document) -> Document:
    """Return the table's document as SUSPEND, RESUME, SET, UNSET or CLUSTER BY leaves it."""
    table = DynamicTable.of(document.body)
    if reader.accept("SET"):
        clauses = _settings(session, reader)
        comment = {"comment": clauses.pop("comment")} if "comment" in clauses else {}
        return document.with_(dynamic=replace(table, **clauses).facts(), **comment)
    if reader.accept("UNSET", "COMMENT"):
        reader.finish()
        return document.with_(comment="")
    if reader.accept("SUSPEND"):
        table = replace(table, state="SUSPENDED")
    elif reader.accept("RESUME"):
        table = replace(table, state="ACTIVE", failures=0)
    elif reader.accept("CLUSTER", "BY"):
        table = replace(table, cluster_by=_cluster_by(reader))
    elif reader.accept("DROP", "CLUSTERING", "KEY"):
        table = replace(table, cluster_by="")
    else:
        reader.expect("UNSET")
        reader.expect("INITIALIZATION_WAREHOUSE")
        table = replace(table, initialization_warehouse=None)
    reader.finish()
    return document.with_(dynamic=table.facts())


def _settings(session: Session, reader: Reader) -> dict[str, Any]:
    clauses: dict[str, Any] = {}
    while not reader.at_end:
        clauses.update(_property(session, reader))
        reader.accept(",")
    for fixed in ("refresh_mode", "initialize"):
        if fixed in clauses:
            raise invalid_value(f"{fixed.upper()} is fixed when a dynamic table is created")
    return clauses


@statement("SHOW", "DYNAMIC", "TABLES")
def show_dynamic_tables(session: Session, found: Statement) -> Rowset:
    options = read_show_options(session, found.after("SHOW", "DYNAMIC", "TABLES"))
    everything = relations.relations(session, options.database, options.schema)
    return Rowset.of(
        _SHOWN, options.records(_shown(relation) for relation in everything if is_kind(relation.body, KIND))
    )


def _shown(relation: relations.Relation) -> dict[str, Any]:
    name, body, table = relation.name, relation.body, DynamicTable.of(relation.body)
    return {
        "created_on": relation.created_on, "name": name.name, "database_name": name.database,
        "schema_name": name.schema, "cluster_by": table.cluster_by, "rows": relation.rows, "bytes": 0,
        "owner": body["owner"], "target_lag": table.target_lag, "refresh_mode": table.refresh_mode,
        "refresh_mode_reason": table.refresh_mode_reason, "warehouse": table.warehouse,
        "initialization_warehouse": table.initialization_warehouse, "comment": body["comment"], "text": body["text"],
        "automatic_clustering": "OFF", "scheduling_state": table.state, "is_clone": "false", "is_replica": "false",
        "is_iceberg": "false", "data_timestamp": _moment(table.data_timestamp), "owner_role_type": "ROLE",
    }  # fmt: skip


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)


@statement("DESCRIBE", "DYNAMIC", "TABLE")
def describe_dynamic_table(session: Session, found: Statement) -> Rowset:
    reader = found.after("DESCRIBE", "DYNAMIC", "TABLE")
    name = session.resolve(reader.name(), "DESCRIBE DYNAMIC TABLE")
    reader.finish()
    find(session, name, KIND, if_exists=False)
    return described(session, name)


@table_function("INFORMATION_SCHEMA.DYNAMIC_TABLE_REFRESH_HISTORY")
def dynamic_table_refresh_history(session: Session, arguments: Arguments) -> Rowset:
    return refresh_history(session, arguments, online=False)


def refresh_history(session: Session, arguments: Arguments, *, online: bool) -> Rowset:
    """Return the refreshes of dynamic tables or of online feature tables, as their table function has them."""
    known = {"RESULT_LIMIT", "NAME", "NAME_PREFIX", "ERROR_ONLY"}
    if arguments.positional or not known.issuperset(arguments.named):
        raise unknown_here(f"arguments of {arguments.function} other than {', '.join(sorted(known))}")
    limit = arguments.named.get("RESULT_LIMIT", 100)
    if not 1 <= limit <= 10_000:
        raise invalid_value(f"RESULT_LIMIT is 1 to 10000, not {limit}")
    database = arguments.qualifier[0] if arguments.qualifier else session.resolve_schema(("PUBLIC",))[0]
    records = [_refreshed(document) for document in history(session.catalog, database, online=online)]
    wanted, prefix = arguments.named.get("NAME"), arguments.named.get("NAME_PREFIX", "")
    kept = [
        record
        for record in records
        if (wanted is None or wanted.upper() in {record["NAME"], record["QUALIFIED_NAME"]})
        and record["QUALIFIED_NAME"].startswith(prefix.upper())
        and (record["STATE"] == "FAILED" or not arguments.named.get("ERROR_ONLY"))
    ]
    return Rowset.of(_HISTORY, kept[:limit])


def _refreshed(document: Document) -> dict[str, Any]:
    body, name = document.body, document.name
    started = _moment(body["started"])
    lag = body["target_lag"]
    return {
        "NAME": body["name"], "SCHEMA_NAME": name.schema, "DATABASE_NAME": name.database, "STATE": body["state"],
        "STATE_CODE": body["code"], "STATE_MESSAGE": body["message"], "QUERY_ID": body["query_id"],
        "DATA_TIMESTAMP": started, "REFRESH_START_TIME": started, "REFRESH_END_TIME": _moment(body["ended"]),
        "QUALIFIED_NAME": str(ObjectName(name.database, name.schema, body["name"])),
        "STATISTICS": body["statistics"], "REFRESH_ACTION": body["action"], "REFRESH_TRIGGER": body["trigger"],
        "TARGET_LAG_SEC": None if lag == DOWNSTREAM else duration_seconds(lag), "WAREHOUSE": body["warehouse"],
    }  # fmt: skip

"""Online feature tables: the newest row of each key of a feature view, kept beside it for reading one key fast.

They are refreshed as dynamic tables are (refresh.py), in full. Those that a Postgres of Snowflake's serves, which come
from a specification, are not known here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mlops_embedded.catalog import Document, ObjectName, quote
from mlops_embedded.catalog.tags import Tagged
from mlops_embedded.errors import already_exists, invalid_value, unknown_here
from mlops_embedded.ml.dynamic_table_statements import refresh_history
from mlops_embedded.ml.dynamic_tables import DynamicTable, Kind, find, is_kind, lag_seconds
from mlops_embedded.ml.refresh import make, refresh
from mlops_embedded.sql import relations
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.functions import Arguments, table_function
from mlops_embedded.sql.results import Rowset, Status
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.show import described
from mlops_embedded.sql.show_options import read_show_options
from mlops_embedded.sql.statement import Reader, Statement
from mlops_embedded.sql.tables import duckdb_name
from mlops_embedded.sql.tag_clauses import alter_tags, read_tags, set_tags

_LEAST_LAG_SECONDS = 10
_REFRESH_MODES = ("AUTO", "FULL", "INCREMENTAL")
KIND: Kind = "online feature table"
_SHOWN = {
    "created_on": "timestamp_ltz", "name": "text", "database_name": "text", "schema_name": "text", "rows": "fixed",
    "bytes": "fixed", "owner": "text", "target_lag": "text", "refresh_mode": "text", "refresh_mode_reason": "text",
    "warehouse": "text", "comment": "text", "text": "text", "scheduling_state": "text", "primary_key": "text",
    "timestamp_column": "text", "source": "text", "store_type": "text", "owner_role_type": "text",
}  # fmt: skip


@statement("CREATE", "ONLINE", "FEATURE", "TABLE")
def create_online_feature_table(session: Session, found: Statement) -> Status:
    reader = found.after("CREATE", "ONLINE", "FEATURE", "TABLE")
    if_not_exists = reader.if_not_exists()
    name = session.resolve(reader.name(), "CREATE ONLINE FEATURE TABLE")
    session.catalog.get("schema", ObjectName(name.database, None, name.schema or ""))
    clauses = _clauses(session, reader)
    there = relations.find_relation(session, name)
    if there is not None and not (found.or_replace and is_kind(there.body, KIND)):
        if if_not_exists and is_kind(there.body, KIND):
            return Status(f"{name.name} already exists, statement succeeded.")
        raise already_exists("online_feature_table" if is_kind(there.body, KIND) else "table", name)
    session.commit()
    table = make(session, name, [], _defined(session, clauses))
    comment = clauses.get("comment", "")
    relations.record(session, name, "table", comment=comment, text=found.text, dynamic=table.facts())
    set_tags(session, Tagged("TABLE", name), clauses["tags"])
    return Status(f"Online feature table {name.name} successfully created.")


def _clauses(session: Session, reader: Reader) -> dict[str, Any]:
    """Read everything behind the name; FROM is the last clause."""
    clauses: dict[str, Any] = {"tags": {}}
    while not reader.accept("FROM"):
        if reader.accept("PRIMARY", "KEY"):
            clauses["primary_key"] = _columns(reader)
        elif reader.accept("WITH", "TAG") or reader.accept("TAG"):
            clauses["tags"] = read_tags(session, reader)
        else:
            clauses.update(_property(session, reader))
    if reader.accept("SPECIFICATION"):
        raise unknown_here("online feature tables in Postgres (FROM SPECIFICATION); OnlineStoreType.HYBRID_TABLE works")
    clauses["source"] = session.resolve(reader.name(), "CREATE ONLINE FEATURE TABLE")
    reader.finish()
    for required in ("primary_key", "target_lag"):
        if required not in clauses:
            raise invalid_value(f"an online feature table needs {required.upper().replace('_', ' ')}")
    return clauses


def _columns(reader: Reader) -> list[str]:
    reader.expect("(")
    names = [reader.identifier()]
    while reader.accept(","):
        names.append(reader.identifier())
    reader.expect(")")
    return names


def _property(session: Session, reader: Reader) -> dict[str, Any]:
    """Read one `KEY = value` of CREATE or of ALTER ... SET."""
    key = reader.accept_any(("TARGET_LAG", "WAREHOUSE", "REFRESH_MODE", "TIMESTAMP_COLUMN", "COMMENT"))
    if key is None:
        raise unknown_here(f"the clause {reader.next().text!r} of online feature tables")
    reader.expect("=")
    value = reader.string() if key in {"COMMENT", "TARGET_LAG"} else reader.identifier()
    if key == "TARGET_LAG":
        lag_seconds(value, least=_LEAST_LAG_SECONDS)
    if key == "WAREHOUSE":
        session.catalog.get("warehouse", ObjectName(None, None, value))
    if key == "REFRESH_MODE" and value not in _REFRESH_MODES:
        raise invalid_value(f"invalid REFRESH_MODE {value!r}: it is one of {', '.join(_REFRESH_MODES)}")
    return {key.lower(): value}


def _defined(session: Session, clauses: dict[str, Any]) -> DynamicTable:
    """The table whose query gives the newest row of each key."""
    source, key = clauses["source"], [quote(name) for name in clauses["primary_key"]]
    relations.get_relation(session, source)
    newest = f"{quote(clauses['timestamp_column'])} DESC" if "timestamp_column" in clauses else key[0]
    mode = clauses.get("refresh_mode", "AUTO")
    return DynamicTable(
        query=f"SELECT * FROM {source} QUALIFY ROW_NUMBER() OVER (PARTITION BY {', '.join(key)} ORDER BY {newest}) = 1",
        namespace=(source.database, source.schema),
        target_lag=clauses["target_lag"],
        refresh_mode="FULL" if mode == "AUTO" else mode,
        refresh_mode_reason="" if mode == "FULL" else "the embedded Snowflake refreshes every table in full",
        initialize="ON_CREATE",
        warehouse=clauses.get("warehouse") or "",
        online={
            "primary_key": clauses["primary_key"],
            "timestamp_column": clauses.get("timestamp_column"),
            "source": str(source),
        },
    )


@statement("ALTER", "ONLINE", "FEATURE", "TABLE")
def alter_online_feature_table(session: Session, found: Statement) -> Status:
    reader = found.after("ALTER", "ONLINE", "FEATURE", "TABLE")
    if_exists = reader.if_exists()
    name = session.resolve(reader.name(), "ALTER ONLINE FEATURE TABLE")
    document = find(session, name, KIND, if_exists=if_exists)
    if document is None:
        return Status()
    if reader.accept("REFRESH"):
        reader.finish()
        session.commit()
        refresh(session, name)
        return Status()
    if alter_tags(session, reader, Tagged("TABLE", name)):
        return Status()
    with session.catalog.transaction():
        document = session.catalog.get("table", name)
        table = DynamicTable.of(document.body)
        if reader.accept("SUSPEND"):
            document = document.with_(dynamic=replace(table, state="SUSPENDED").facts())
        elif reader.accept("RESUME"):
            document = document.with_(dynamic=replace(table, state="ACTIVE", failures=0).facts())
        else:
            reader.expect("SET")
            document = _set(session, reader, document, table)
        reader.finish()
        session.catalog.put(document)
    return Status()


def _set(session: Session, reader: Reader, document: Document, table: DynamicTable) -> Document:
    clauses: dict[str, Any] = {}
    while not reader.at_end:
        clauses.update(_property(session, reader))
        reader.accept(",")
    for fixed in ("refresh_mode", "timestamp_column"):
        if fixed in clauses:
            raise invalid_value(f"{fixed.upper()} is fixed when an online feature table is created")
    comment = {"comment": clauses.pop("comment")} if "comment" in clauses else {}
    return document.with_(dynamic=replace(table, **clauses).facts(), **comment)


@statement("SHOW", "ONLINE", "FEATURE", "TABLES")
def show_online_feature_tables(session: Session, found: Statement) -> Rowset:
    options = read_show_options(session, found.after("SHOW", "ONLINE", "FEATURE", "TABLES"))
    everything = relations.relations(session, options.database, options.schema)
    return Rowset.of(
        _SHOWN, options.records(_shown(relation) for relation in everything if is_kind(relation.body, KIND))
    )


def _shown(relation: relations.Relation) -> dict[str, Any]:
    name, body, table = relation.name, relation.body, DynamicTable.of(relation.body)
    online = table.online or {}
    return {
        "created_on": relation.created_on, "name": name.name, "database_name": name.database,
        "schema_name": name.schema, "rows": relation.rows, "bytes": 0, "owner": body["owner"],
        "target_lag": table.target_lag, "refresh_mode": table.refresh_mode,
        "refresh_mode_reason": table.refresh_mode_reason, "warehouse": table.warehouse or None,
        "comment": body["comment"], "text": body["text"], "scheduling_state": table.state,
        "primary_key": ", ".join(online["primary_key"]), "timestamp_column": online["timestamp_column"],
        "source": online["source"], "store_type": "hybrid_table", "owner_role_type": "ROLE",
    }  # fmt: skip


@statement("DESCRIBE", "ONLINE", "FEATURE", "TABLE")
def describe_online_feature_table(session: Session, found: Statement) -> Rowset:
    reader = found.after("DESCRIBE", "ONLINE", "FEATURE", "TABLE")
    name = session.resolve(reader.name(), "DESCRIBE ONLINE FEATURE TABLE")
    reader.finish()
    find(session, name, KIND, if_exists=False)
    return described(session, name)


@statement("DROP", "ONLINE", "FEATURE", "TABLE")
def drop_online_feature_table(session: Session, found: Statement) -> Status:
    reader = found.after("DROP", "ONLINE", "FEATURE", "TABLE")
    if_exists = reader.if_exists()
    name = session.resolve(reader.name(), "DROP ONLINE FEATURE TABLE")
    reader.finish()
    if find(session, name, KIND, if_exists=if_exists) is None:
        return Status(f"Drop statement executed successfully ({name.name} already dropped).")
    session.commit()
    session.duckdb.execute(f"DROP TABLE {duckdb_name(name)}")
    relations.forget(session, name)
    return Status(f"{name.name} successfully dropped.")


@table_function("INFORMATION_SCHEMA.ONLINE_FEATURE_TABLE_REFRESH_HISTORY")
def online_feature_table_refresh_history(session: Session, arguments: Arguments) -> Rowset:
    return refresh_history(session, arguments, online=True)

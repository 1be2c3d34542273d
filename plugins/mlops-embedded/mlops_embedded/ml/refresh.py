"""Refreshing dynamic tables: their rows become those of their query at one moment.

There is no scheduler: a table is refreshed on demand, and before it is read when its rows are older than its lag, so
that a reader sees what Snowflake's scheduler would have made, and a test sees the same every time. A refresh replaces
all rows in one transaction of a connection of its own: readers see the rows before it or after it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import sqlglot

from mlops_embedded.catalog import Catalog, Document, ObjectName
from mlops_embedded.errors import SnowflakeError, invalid_value, unknown_here
from mlops_embedded.ml.dynamic_tables import DynamicTable, dynamic_tables
from mlops_embedded.sql import query
from mlops_embedded.sql.functions import query_rewrite
from mlops_embedded.sql.relations import columns
from mlops_embedded.sql.rewrites import resolved, table_references
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Statement
from mlops_embedded.sql.tokens import Kind

HISTORY = "dynamic_table_refresh"
_HISTORY_KEPT = timedelta(days=7)
_CHAIN = "dynamic_tables_refreshing"
_locks: dict[ObjectName, threading.Lock] = {}
_locks_lock = threading.Lock()


def make(session: Session, name: ObjectName, names: list[str], table: DynamicTable) -> DynamicTable:
    """Make the table, in place of one that is replaced, with its first rows if it is initialised ON_CREATE.

    `names` are the columns as they were written, none for those of the query. What is replaced stays if the query
    fails.
    """
    started = _now(session)
    listed = f" ({', '.join(names)})" if names else ""
    create = f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM ({table.query}) AS _QUERY{listed}"
    with _own_session(session, name, table, owner=session.role) as own:
        if table.initialize == "ON_SCHEDULE":
            own.execute(f"{create} LIMIT 0")
            return table
        _refresh_what_is_read(own, Statement.of(table.query))
        own.execute(create)
        statistics = {"numInsertedRows": own.scalar(f"SELECT COUNT(*) FROM {name}")}
    _record(session, name, table, "CREATION", started, statistics, None)
    moment = started.timestamp()
    return replace(table, data_timestamp=moment, attempted_at=moment)


def refresh(session: Session, name: ObjectName) -> None:
    """Refresh a dynamic table now, and before it those that it reads; SnowflakeError if its query fails."""
    with _one_at_a_time(name):
        document = session.catalog.get("table", name)
        _refresh(session, document, DynamicTable.of(document.body), "MANUAL")


def _refresh(session: Session, document: Document, table: DynamicTable, trigger: str) -> None:
    name, started = document.name, _now(session)
    error: SnowflakeError | None = None
    statistics: dict[str, int] = {}
    with _own_session(session, name, table, owner=document.body["owner"]) as own:
        try:
            _refresh_what_is_read(own, Statement.of(table.query))
            statistics = _replace_rows(own, name, table)
        except SnowflakeError as failure:
            own.rollback()
            error = failure
    with session.catalog.transaction():
        # it may have been altered while its query ran
        table = DynamicTable.of(session.catalog.get("table", name).body).refreshed(started.timestamp(), trigger, error)
        session.catalog.update("table", name, dynamic=table.facts())
        _record(session, name, table, trigger, started, statistics, error)
    if error is not None:
        raise error


def _replace_rows(own: Session, name: ObjectName, table: DynamicTable) -> dict[str, int]:
    names = ", ".join('"' + c.name.replace('"', '""') + '"' for c in columns(own, name))
    deleted = own.scalar(f"SELECT COUNT(*) FROM {name}")
    own.begin()
    own.execute(f"DELETE FROM {name}")
    own.execute(f"INSERT INTO {name} ({names}) {table.query}")
    own.commit()
    inserted = own.scalar(f"SELECT COUNT(*) FROM {name}")
    return {"numInsertedRows": inserted, "numDeletedRows": deleted}


@contextmanager
def _own_session(session: Session, name: ObjectName, table: DynamicTable, *, owner: str) -> Iterator[Session]:
    """A session of the owner's in the table's namespace: the reader's transaction and temporary tables stay out."""
    database, schema = table.namespace
    own = session.account.open_session(
        session.principal,
        role=owner,
        warehouse=table.warehouse,
        database=database,
        schema=schema,
        # what an online feature table reads is as old as its own lag allows, and is not refreshed for it
        context={_CHAIN: [] if table.online else [*session.context.get(_CHAIN, []), str(name)]},
    )
    try:
        yield own
    finally:
        own.close()


def _now(session: Session) -> datetime:
    """What time it is for lags: the clock that task schedules follow, which a test may move."""
    return session.account.clock.now()


def _one_at_a_time(name: ObjectName) -> threading.Lock:
    """The lock that two refreshes of a table wait at."""
    with _locks_lock:
        return _locks.setdefault(name, threading.Lock())


def _record(
    session: Session,
    name: ObjectName,
    table: DynamicTable,
    trigger: str,
    started: datetime,
    statistics: dict[str, int],
    error: SnowflakeError | None,
) -> None:
    ended = _now(session)
    body = {
        "name": name.name, "state": "FAILED" if error else "SUCCEEDED", "code": error.code if error else "SUCCESS",
        "message": error.message if error else None, "started": started.timestamp(), "ended": ended.timestamp(),
        "query_id": session.query_id, "statistics": statistics, "trigger": trigger, "target_lag": table.target_lag,
        "action": "REINITIALIZE" if trigger == "CREATION" else "FULL", "warehouse": table.warehouse,
        "online": table.online is not None,
    }  # fmt: skip
    number = session.catalog.next_number(HISTORY)
    session.catalog.put(Document(HISTORY, ObjectName(name.database, name.schema, f"{number:012d}"), body, ended))
    session.catalog.execute(
        "DELETE FROM documents WHERE kind = ? AND created_on < ?", (HISTORY, (ended - _HISTORY_KEPT).timestamp())
    )


@query_rewrite
def refresh_before_reading(session: Session, found: Statement) -> Statement:
    """Refresh the dynamic tables that a query reads and that are due, and refuse to write to one."""
    if _CHAIN not in session.context:
        _refuse_dml(session, found)
        _refresh_what_is_read(session, found)
    return found


def _refresh_what_is_read(session: Session, found: Statement) -> None:
    if tables := dynamic_tables(session.catalog):
        for name in _read_by(session, found, tables):
            _bring_up_to_date(session, name)


def _refuse_dml(session: Session, found: Statement) -> None:
    if not found.words or found.words[0] not in {"INSERT", "DELETE", "UPDATE", "MERGE"}:
        return
    reader = found.after(found.words[0])
    while reader.accept_any(("INTO", "OVERWRITE", "FROM")):
        pass
    name = session.resolve(reader.name(), found.words[0])
    table = session.catalog.find("table", name)
    if table is not None and "dynamic" in table.body:
        raise unknown_here(f"{found.words[0]} on the dynamic table '{name}': its query alone changes its rows")


def _read_by(session: Session, found: Statement, tables: set[ObjectName]) -> list[ObjectName]:
    """Return which of the tables a query reads, itself or through views."""
    views = {document.name for document in session.catalog.list("view")}
    words = {t.text.strip('"').upper() for t in found.tokens if t.kind in {Kind.WORD, Kind.QUOTED}}
    if not any(name.name.upper() in words for name in tables | views):
        return []  # most queries: they need not be parsed for this
    pending = {resolved(session, table) for table in table_references(query.parse(found.text))}
    seen: set[ObjectName] = set()
    while pending:
        name = pending.pop()
        if name is None or name in seen:
            continue
        seen.add(name)
        if name in views:
            pending |= _read_by_view(session, name)
    return sorted(seen & tables)


def _read_by_view(session: Session, view: ObjectName) -> set[ObjectName | None]:
    """Return what a view reads: DuckDB keeps names as they are stored, and leaves out the view's own database."""
    rows = session.duckdb.execute(
        "SELECT sql FROM duckdb_views() WHERE database_name = ? AND schema_name = ? AND view_name = ?",
        [view.database, view.schema, view.name],
    ).fetchall()
    tables = (table for [sql] in rows for table in table_references(sqlglot.parse_one(sql, read="duckdb")))
    return {ObjectName(t.catalog or view.database, t.db or view.schema, t.name) for t in tables}


def _bring_up_to_date(session: Session, name: ObjectName) -> None:
    chain = session.context.get(_CHAIN, [])
    if str(name) in chain:
        raise invalid_value(f"dynamic tables read each other in a circle: {' -> '.join([*chain, str(name)])}")
    with _one_at_a_time(name):
        document = session.catalog.find("table", name)
        if document is None or "dynamic" not in document.body:
            return
        table = DynamicTable.of(document.body)
        # a table that is refreshed wants rows as new as its own of those it reads
        for_downstream = bool(chain) and table.state == "ACTIVE"
        if for_downstream or table.is_due(_now(session).timestamp()):
            try:
                _refresh(session, document, table, "SCHEDULED")
            except SnowflakeError:
                if for_downstream or table.data_timestamp is None:
                    raise
        elif table.data_timestamp is None:
            raise SnowflakeError(
                f"SQL compilation error:\nDynamic Table '{name}' is not initialized. Please run a manual refresh or "
                "wait for a scheduled refresh before querying.",
                code="002003",
                sqlstate="02000",
            )


def history(catalog: Catalog, database: str, *, online: bool = False) -> list[Document]:
    """Return the refreshes of dynamic tables, or of online feature tables, in a database, the newest first."""
    refreshes = [d for d in catalog.list(HISTORY, database=database) if bool(d.body.get("online")) == online]
    return sorted(refreshes, key=lambda document: document.name.name, reverse=True)

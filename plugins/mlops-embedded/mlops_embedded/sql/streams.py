"""Streams: what changed in a table or view since the stream was last consumed.

A stream keeps a copy of its source as it was; its rows are the difference, so every kind of change is noticed, and the
price is a copy and a comparison of the source. An update is a DELETE and an INSERT here, with METADATA$ISUPDATE false.
DML that reads a stream and the step forward of the stream are one transaction; a plain SELECT changes nothing.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlglot import Expr, exp

from mlops_embedded.catalog import Document, ObjectName
from mlops_embedded.catalog.grants import Securable, require
from mlops_embedded.errors import unknown_here
from mlops_embedded.sql.relations import columns, get_relation
from mlops_embedded.sql.rewrites import resolved, table_references

if TYPE_CHECKING:
    from mlops_embedded.sql.session import Session

_CONSUMING = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create)


def start(session: Session, stream: ObjectName, source: ObjectName, *, from_nothing: bool = False) -> None:
    """Remember the source as it is now, or as empty, so that its present rows are the stream's first ones."""
    if source in session.temporary_tables:
        raise unknown_here("streams on temporary tables")
    get_relation(session, source)
    nothing = " WHERE false" if from_nothing else ""
    session.run_duckdb(f"CREATE OR REPLACE TABLE {_copy(stream)} AS SELECT * FROM {_quoted(source)}{nothing}")


def forget(session: Session, stream: ObjectName) -> None:
    """Drop what was remembered."""
    session.run_duckdb(f"DROP TABLE IF EXISTS {_copy(stream)}")


def has_data(session: Session, stream: Document) -> bool:
    """Whether the stream has a row."""
    delta = _delta(session, stream, _quoted(source_of(stream)))
    [(found,)] = session.run_duckdb(f"SELECT EXISTS ({delta})")
    return bool(found)


def source_of(stream: Document) -> ObjectName:
    """Return the table or view that the stream watches."""
    return ObjectName(*stream.body["source"])


@contextmanager
def consumption(session: Session, expression: Expr, *, describe_only: bool) -> Iterator[None]:
    """Put the rows of the streams that a statement reads in their place, and move them on if it is DML that succeeds."""
    streams = _read_by(session, expression)
    if not streams:
        yield
        return
    consumes = isinstance(expression, _CONSUMING) and not describe_only
    # CREATE TABLE ... AS ends a transaction, so its streams move on in one of their own
    joins = consumes and not isinstance(expression, exp.Create)
    if joins and not session.in_transaction:
        session.begin()
        alone = session.autocommit
    else:
        alone = False
    try:
        seen = {name: _place(session, stream, tables) for name, (stream, tables) in streams.items()}
        yield
        if consumes:
            for name, now in seen.items():
                session.run_duckdb(f"CREATE OR REPLACE TABLE {_copy(name)} AS SELECT * FROM {now}")
    except BaseException:
        if alone:
            session.rollback()
        raise
    if alone:
        session.commit()


def _read_by(session: Session, expression: Expr) -> dict[ObjectName, tuple[Document, list[exp.Table]]]:
    found: dict[ObjectName, tuple[Document, list[exp.Table]]] = {}
    for table in table_references(expression):
        name = resolved(session, table)
        stream = session.catalog.find("stream", name) if name is not None else None
        if name is not None and stream is not None:
            require(session.catalog, session.role, "SELECT", Securable("STREAM", name), stream.body["owner"])
            found.setdefault(name, (stream, []))[1].append(table)
    return found


def _place(session: Session, stream: Document, tables: list[exp.Table]) -> str:
    """Point the references at the stream's rows, and return where the source is kept as it is now."""
    key = uuid.uuid4().hex
    session.create_scratch(f"_NOW_{key}", f"SELECT * FROM {_quoted(source_of(stream))}")
    session.create_scratch(f"_DELTA_{key}", _delta(session, stream, f'TEMP.MAIN."_NOW_{key}"'))
    for table in tables:
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=table.this.quoted)))
        for part, value in (("catalog", "TEMP"), ("db", "MAIN"), ("this", f"_DELTA_{key}")):
            table.set(part, exp.to_identifier(value, quoted=True))
    return f'TEMP.MAIN."_NOW_{key}"'


def _delta(session: Session, stream: Document, now: str) -> str:
    """The query for a stream's rows: those of the source that are new and, unless it is append-only, those gone."""
    wanted = columns(session, source_of(stream))
    kept = {str(row[0]) for row in session.run_duckdb(f"DESCRIBE {_copy(stream.name)}")}
    names = ", ".join(_identifier(c.name) for c in wanted)
    # a column that was added since is NULL in what was remembered
    before = ", ".join(
        _identifier(c.name) if c.name in kept else f"CAST(NULL AS {c.type}) AS {_identifier(c.name)}" for c in wanted
    )
    then, after = f"SELECT {before} FROM {_copy(stream.name)}", f"SELECT {names} FROM {now}"
    changes = [("INSERT", f"{after} EXCEPT ALL {then}")]
    if not stream.body["append_only"]:
        changes.append(("DELETE", f"{then} EXCEPT ALL {after}"))
    return " UNION ALL ".join(
        f'SELECT {names}, \'{action}\' AS "METADATA$ACTION", false AS "METADATA$ISUPDATE", '
        f'md5(changed::VARCHAR || row_number() OVER ()) AS "METADATA$ROW_ID" FROM ({query}) AS changed'
        for action, query in changes
    )


def _copy(stream: ObjectName) -> str:
    """The DuckDB table that remembers: in the same file as the stream's database, in a schema that Snowflake lacks."""
    digest = hashlib.sha256(str(stream).encode()).hexdigest()[:32]
    return f'{_identifier(stream.database or "")}.main."_STREAM_{digest}"'


def _quoted(name: ObjectName) -> str:
    return ".".join(_identifier(part) for part in (name.database, name.schema, name.name) if part)


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

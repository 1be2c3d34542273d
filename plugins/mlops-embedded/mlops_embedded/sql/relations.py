"""Tables and views: what DuckDB knows of them, joined with what the catalog keeps (owner, comment, text, times)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from mlops_embedded.catalog import Document, ObjectName
from mlops_embedded.catalog.tags import Tagged, untag
from mlops_embedded.errors import does_not_exist

if TYPE_CHECKING:
    from mlops_embedded.sql.session import Session


@dataclass(frozen=True, slots=True)
class RelationColumn:
    """A column as DuckDB holds it; `type` is DuckDB's."""

    name: str
    type: str
    nullable: bool
    default: str | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view. `kind` is TABLE, TRANSIENT, TEMPORARY or VIEW; `body` is what the catalog keeps."""

    name: ObjectName
    kind: str
    rows: int
    created_on: datetime
    body: dict[str, Any]

    @property
    def is_view(self) -> bool:
        return self.kind == "VIEW"


def relations(session: Session, database: str | None = None, schema: str | None = None) -> Iterator[Relation]:
    """Return every table and view that the session sees, temporary ones of its own included."""
    where, values = _where(database, schema)
    rows = session.duckdb.execute(
        f"SELECT database_name, schema_name, table_name, estimated_size, false FROM duckdb_tables() WHERE {where} "
        "UNION ALL SELECT database_name, schema_name, view_name, 0, true FROM duckdb_views() "
        f"WHERE {where} AND NOT internal ORDER BY 1, 2, 3",
        values * 2,
    ).fetchall()
    for database_name, schema_name, table_name, size, view in rows:
        name = ObjectName(database_name, schema_name, table_name)
        document = session.catalog.find("view" if view else "table", name)
        body = document.body if document else {"owner": "ACCOUNTADMIN", "comment": ""}
        created = document.created_on if document else datetime.fromtimestamp(0, timezone.utc)
        yield Relation(name, "VIEW" if view else body.get("kind", "TABLE"), size, created, body)
    for name, kind in session.temporary_tables.items():
        if database in {None, name.database} and schema in {None, name.schema}:
            counted = session.duckdb.execute(
                "SELECT estimated_size FROM duckdb_tables() WHERE temporary AND table_name = ?", [temporary_name(name)]
            ).fetchall()
            body = {"owner": session.role, "comment": ""}
            shown = "TEMPORARY" if kind == "TABLE" else "VIEW"
            yield Relation(name, shown, counted[0][0] if counted else 0, datetime.now(timezone.utc), body)


def find_relation(session: Session, name: ObjectName) -> Relation | None:
    """Return the table or view of this name; a temporary table hides a permanent one."""
    found = [r for r in relations(session, name.database, name.schema) if r.name == name]
    return found[-1] if found else None


def get_relation(session: Session, name: ObjectName, kind: str = "table") -> Relation:
    """Return the table or view, or raise 002003."""
    found = find_relation(session, name)
    if found is None:
        raise does_not_exist(kind, name)
    return found


def columns(session: Session, name: ObjectName) -> list[RelationColumn]:
    """Return the columns of a table or view, in order."""
    if name in session.temporary_tables:
        where, values = "database_name = 'temp' AND table_name = ?", [temporary_name(name)]
    else:
        where = "database_name = ? AND schema_name = ? AND table_name = ?"
        values = [name.database or "", name.schema or "", name.name]
    rows = session.duckdb.execute(
        f"SELECT column_name, data_type, is_nullable, column_default, comment FROM duckdb_columns() WHERE {where} "
        "ORDER BY column_index",
        values,
    ).fetchall()
    return [RelationColumn(*row) for row in rows]


def record(session: Session, name: ObjectName, kind: str, /, **properties: Any) -> None:
    """Write down that a table or view was created."""
    body = {"owner": session.role, "comment": "", **properties}
    session.catalog.put(Document(kind, name, body))


def forget(session: Session, name: ObjectName) -> None:
    """Forget a table or view that was dropped, its tags included."""
    for kind in ("table", "view"):
        session.catalog.delete(kind, name, if_exists=True)
    untag(session.catalog, Tagged("TABLE", name))


def _where(database: str | None, schema: str | None) -> tuple[str, list[str]]:
    where = "database_name NOT IN ('system', 'temp', 'memory', '_fs_global') AND schema_name NOT IN "
    where += "('_fs_information_schema', 'main')"
    values = []
    for column, value in (("database_name", database), ("schema_name", schema)):
        if value is not None:
            where += f" AND {column} = ?"
            values.append(value)
    return where, values


def temporary_name(name: ObjectName) -> str:
    """The name that a Snowflake temporary table has among DuckDB's, which know no database and schema for them."""
    return f"{name.database}.{name.schema}.{name.name}"

"""What SHOW is asked for: LIKE, IN, STARTS WITH, LIMIT ... FROM, the same for every kind of object."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mlops_embedded.catalog import Document
from mlops_embedded.catalog.store import matches_like
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Reader


@dataclass(frozen=True, slots=True)
class ShowOptions:
    """Filters of one SHOW; database and schema of None mean: in any."""

    like: str | None = None
    database: str | None = None
    schema: str | None = None
    inside: tuple[str, str, tuple[str, ...]] | None = None
    """The kind and name of IN TABLE t, IN VIEW v: (kind, database.schema of it as stored, parts)."""
    starts_with: str | None = None
    limit: int | None = None
    from_name: str | None = None
    root_only: bool = False
    """SHOW TASKS ... ROOT ONLY"""

    def documents(self, session: Session, kind: str) -> list[Document]:
        """Return the catalog's documents of a kind that this SHOW lists."""
        return session.catalog.list(
            kind,
            database=self.database,
            schema=self.schema,
            like=self.like,
            starts_with=self.starts_with,
            from_name=self.from_name,
            limit=self.limit,
        )

    def names(self, name: str) -> bool:
        """Whether an object of this name passes LIKE, STARTS WITH and FROM."""
        return (
            (self.like is None or matches_like(name, self.like))
            and (self.starts_with is None or name.startswith(self.starts_with))
            and (self.from_name is None or name > self.from_name)
        )

    def records(self, records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the records whose `name` passes, at most LIMIT of them."""
        kept = [record for record in records if self.names(record["name"])]
        return kept if self.limit is None else kept[: self.limit]


def read_show_options(
    session: Session, reader: Reader, *, schema_objects: bool = True, tasks: bool = False
) -> ShowOptions:
    """Read the options to the end of the statement.

    Without IN, a schema's objects are those of the current schema, of the current database if there is no current
    schema, of the account if there is neither, as in Snowflake.
    """
    given: dict[str, Any] = {}
    if schema_objects:
        given = {"database": session.database, "schema": session.schema}
    while not reader.at_end:
        if reader.accept("LIKE"):
            given["like"] = reader.string()
        elif reader.accept("IN"):
            given.update(_scope(session, reader))
        elif reader.accept("STARTS", "WITH"):
            given["starts_with"] = reader.string()
        elif reader.accept("LIMIT"):
            given["limit"] = reader.integer()
            if reader.accept("FROM"):
                given["from_name"] = reader.string()
        elif tasks and reader.accept("ROOT", "ONLY"):
            given["root_only"] = True
        elif reader.accept("HISTORY"):
            continue
        else:
            reader.finish()
    return ShowOptions(**given)


def _scope(session: Session, reader: Reader) -> dict[str, Any]:
    if reader.accept("ACCOUNT"):
        return {"database": None, "schema": None}
    kind = reader.accept_any(("DATABASE", "SCHEMA", "TABLE", "VIEW", "SESSION", "USER", "MODEL", "DATASET"))
    if kind in {"SESSION", "USER"}:
        return {"database": None, "schema": None}
    following = reader.peek()
    named = following is not None and following.text.upper() not in {"LIKE", "STARTS", "LIMIT", "ROOT"}
    parts = reader.name() if named else ()
    if kind == "DATABASE":
        return {"database": parts[0] if parts else session.database, "schema": None}
    if kind in {"TABLE", "VIEW", "MODEL", "DATASET"}:
        name = session.resolve(parts, "SHOW")
        return {"database": name.database, "schema": name.schema, "inside": (kind, str(name), parts)}
    if kind is None and len(parts) == 1:
        # IN x: a schema of the current database if there is one, else a database
        found = session.database and any(
            d.name.name == parts[0] for d in session.catalog.list("schema", database=session.database)
        )
        if not found:
            return {"database": parts[0], "schema": None}
    database, schema = session.resolve_schema(parts, "SHOW")
    return {"database": database, "schema": schema}
